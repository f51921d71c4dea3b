//! From what a client sent to an [`Edit`]: each wrong field is named.

use punctual_contract::api::{NewTask, Repeat, RepeatPatch, TaskPatch};
use punctual_domain::lifecycle::{self, Apply, Edit, TaskState};
use punctual_domain::{Basis, Error, Invalid, Local, task, time};
use punctual_function::{Problem, definitions};
use serde_json::{Map, Value};

/// What a definition without an id gets: derived from the request, so that a repetition means the same.
pub struct Ids<'a>(pub &'a str);

pub fn invalid(invalid: Invalid) -> Problem {
    Problem::field(invalid.field, invalid.reason)
}

fn at(field: &str) -> impl Fn(Error) -> Problem + '_ {
    move |error| Problem::field(field, error.to_string())
}

pub fn local(field: &str, text: &str) -> Result<Local, Problem> {
    text.parse().map_err(at(field))
}

fn timezone(name: String) -> Result<String, Problem> {
    time::zone(&name).map_err(at("timezone"))?;
    Ok(name)
}

fn repeat(given: Repeat) -> Result<lifecycle::Repeat, Problem> {
    let from = Basis::parse(&given.from)
        .ok_or_else(|| Problem::field("repeat.from", "takes `due` or `completion`"))?;
    let rule: punctual_domain::Rule = given.rrule.parse().map_err(at("repeat.rrule"))?;
    let mut repeat = lifecycle::Repeat::new(rule.to_string(), from);
    repeat.exdates = given.exdates;
    for (n, text) in given.rdates.iter().enumerate() {
        repeat
            .rdates
            .push(local(&format!("repeat.rdates[{n}]"), text)?);
    }
    for (key, to) in given.moved {
        let to = local("repeat.moved", &to)?;
        repeat.moved.insert(key, to);
    }
    Ok(repeat)
}

/// What a task's repeat becomes by a merge patch. The two have one form as JSON.
fn merged(given: RepeatPatch, present: Option<&lifecycle::Repeat>) -> Result<Repeat, Problem> {
    let wrong = |error: serde_json::Error| Problem::new(500, error.to_string());
    let mut repeat = serde_json::to_value(present).map_err(wrong)?;
    merge(&mut repeat, serde_json::to_value(given).map_err(wrong)?);
    if repeat.get("rrule").is_none() {
        return Err(Problem::field(
            "repeat.rrule",
            "is needed: the task does not repeat yet",
        ));
    }
    serde_json::from_value(repeat).map_err(wrong)
}

/// RFC 7396, section 2.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    if let Some(members) = into.as_object_mut() {
        for (name, value) in patch {
            if value.is_null() {
                members.remove(&name);
            } else {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

pub fn new_task(given: NewTask, ids: &Ids<'_>) -> Result<Edit, Problem> {
    Ok(Edit {
        title: Some(task::title(&given.title).map_err(invalid)?),
        notes: Some(task::notes(&given.notes).map_err(invalid)?),
        project_id: given.project_id,
        priority: Some(task::Priority::parse(&given.priority).map_err(invalid)?),
        tags: Some(task::tags(&given.tags).map_err(invalid)?),
        start: Some(
            given
                .start
                .as_deref()
                .map(|text| local("start", text))
                .transpose()?,
        ),
        due: Some(
            given
                .due
                .as_deref()
                .map(|text| local("due", text))
                .transpose()?,
        ),
        timezone: Some(given.timezone.map(timezone).transpose()?),
        repeat: given.repeat.map(repeat).transpose()?.map(Some),
        reminders: given
            .reminders
            .map(|given| definitions(given, ids.0))
            .transpose()?,
        rank: Some(task::rank(&given.rank).map_err(invalid)?),
        apply: None,
    })
}

/// `inbox` is where a cleared project goes.
pub fn patch(
    given: TaskPatch,
    present: &TaskState,
    inbox: &str,
    ids: &Ids<'_>,
) -> Result<Edit, Problem> {
    let apply = match given.apply.as_deref() {
        None => None,
        Some("this") => Some(Apply::This),
        Some("later") => Some(Apply::Later),
        Some(_) => return Err(Problem::field("apply", "takes this or later")),
    };
    Ok(Edit {
        title: given
            .title
            .map(|title| task::title(&title).map_err(invalid))
            .transpose()?,
        notes: given
            .notes
            .map(|notes| task::notes(&notes.unwrap_or_default()).map_err(invalid))
            .transpose()?,
        project_id: given
            .project_id
            .map(|project| project.unwrap_or_else(|| inbox.to_owned())),
        priority: given
            .priority
            .map(|priority| {
                task::Priority::parse(priority.as_deref().unwrap_or("none")).map_err(invalid)
            })
            .transpose()?,
        tags: given
            .tags
            .map(|tags| task::tags(&tags.unwrap_or_default()).map_err(invalid))
            .transpose()?,
        start: given
            .start
            .map(|given| {
                given
                    .as_deref()
                    .map(|text| local("start", text))
                    .transpose()
            })
            .transpose()?,
        due: given
            .due
            .map(|given| given.as_deref().map(|text| local("due", text)).transpose())
            .transpose()?,
        timezone: given
            .timezone
            .map(|given| given.map(timezone).transpose())
            .transpose()?,
        repeat: given
            .repeat
            .map(|given| {
                given
                    .map(|given| repeat(merged(given, present.repeat.as_ref())?))
                    .transpose()
            })
            .transpose()?,
        reminders: given
            .reminders
            .map(|given| definitions(given.unwrap_or_default(), ids.0))
            .transpose()?,
        rank: given
            .rank
            .map(|rank| task::rank(&rank.unwrap_or_default()).map_err(invalid))
            .transpose()?,
        apply,
    })
}
