//! From what a client sent to an [`Edit`]: each wrong field is named.

use punctual_contract::api::{NewTask, Reminder, Repeat, TaskPatch};
use punctual_domain::lifecycle::{self, Edit};
use punctual_domain::reminders::Definition;
use punctual_domain::{Basis, Error, Invalid, Local, task, time};
use punctual_function::{Problem, derived_id};

/// What a definition without an id gets: derived from the request, so that a repetition means the same.
pub struct Ids<'a>(pub &'a str);

pub fn invalid(invalid: Invalid) -> Problem {
    Problem::field(invalid.field, invalid.reason)
}

fn at(field: &str) -> impl Fn(Error) -> Problem + '_ {
    move |error| Problem::field(field, error.to_string())
}

fn due(text: &str) -> Result<Local, Problem> {
    text.parse().map_err(at("due"))
}

fn timezone(name: String) -> Result<String, Problem> {
    time::zone(&name).map_err(at("timezone"))?;
    Ok(name)
}

fn repeat(given: Repeat) -> Result<lifecycle::Repeat, Problem> {
    let from = match given.from.as_str() {
        "due" => Basis::Due,
        "completion" => Basis::Completion,
        _ => return Err(Problem::field("repeat.from", "takes `due` or `completion`")),
    };
    let rule: punctual_domain::Rule = given.rrule.parse().map_err(at("repeat.rrule"))?;
    Ok(lifecycle::Repeat {
        rrule: rule.to_string(),
        from,
    })
}

fn reminders(given: Vec<Reminder>, ids: &Ids<'_>) -> Result<Vec<Definition>, Problem> {
    let mut definitions = Vec::with_capacity(given.len());
    for (n, reminder) in given.into_iter().enumerate() {
        let id = match reminder.id.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => derived_id(&["definition", ids.0, &n.to_string()])
                .chars()
                .take(8)
                .collect(),
        };
        let field = |name: &str| format!("reminders[{n}].{name}");
        definitions.push(match (reminder.before, reminder.at) {
            (Some(before), None) => Definition::Before {
                id,
                before: before.parse().map_err(at(&field("before")))?,
            },
            (None, Some(instant)) => Definition::At {
                id,
                at: instant.parse().map_err(at(&field("at")))?,
            },
            _ => {
                return Err(Problem::field(
                    format!("reminders[{n}]"),
                    "takes exactly one of `before` and `at`",
                ));
            }
        });
    }
    task::reminders(&definitions).map_err(invalid)?;
    Ok(definitions)
}

pub fn new_task(given: NewTask, ids: &Ids<'_>) -> Result<Edit, Problem> {
    Ok(Edit {
        title: Some(task::title(&given.title).map_err(invalid)?),
        notes: Some(task::notes(&given.notes).map_err(invalid)?),
        project_id: given.project_id,
        priority: Some(task::Priority::parse(&given.priority).map_err(invalid)?),
        tags: Some(task::tags(&given.tags).map_err(invalid)?),
        due: Some(given.due.as_deref().map(due).transpose()?),
        timezone: Some(given.timezone.map(timezone).transpose()?),
        repeat: given.repeat.map(repeat).transpose()?.map(Some),
        reminders: Some(reminders(given.reminders, ids)?),
        rank: Some(task::rank(&given.rank).map_err(invalid)?),
    })
}

/// `inbox` is where a cleared project goes.
pub fn patch(given: TaskPatch, inbox: &str, ids: &Ids<'_>) -> Result<Edit, Problem> {
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
        due: given
            .due
            .map(|given| given.as_deref().map(due).transpose())
            .transpose()?,
        timezone: given
            .timezone
            .map(|given| given.map(timezone).transpose())
            .transpose()?,
        repeat: given
            .repeat
            .map(|given| given.map(repeat).transpose())
            .transpose()?,
        reminders: given
            .reminders
            .map(|given| reminders(given.unwrap_or_default(), ids))
            .transpose()?,
        rank: given
            .rank
            .map(|rank| task::rank(&rank.unwrap_or_default()).map_err(invalid))
            .transpose()?,
    })
}
