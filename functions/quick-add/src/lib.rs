//! `POST /api/quick-add`: what a person typed as one line, read as a task. Nothing is added.

use punctual_contract::api::{
    QuickAdd, QuickAddSpan, QuickAddTask, QuickAddText, QuickAddWords, Reminder, Repeat,
};
use punctual_domain::Error;
use punctual_domain::reminders::{Definition, When};
use punctual_domain::time::{self, Instant};
use punctual_domain::words::{self, Context, Language, MAX_TEXT, describe, say};
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve};
use punctual_store::{projects, tasks};
use serde::Deserialize;
use spin_sdk::http::Request;
use spin_sdk::http_service;

/// The most projects a `#name` is looked up among, the oldest first.
const MAX_PROJECTS: i64 = 1_000;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, read).await
}

#[derive(Deserialize)]
struct Projects {
    items: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
}

async fn read(call: &Call) -> Result<Answer, Problem> {
    if call.method != "POST" {
        return Err(call.not_allowed("POST"));
    }
    let caller = Caller::of(call, Scope::Read).await?;
    let given: QuickAddText = call.json()?;
    if given.text.trim().is_empty() || given.text.chars().nth(MAX_TEXT).is_some() {
        return Err(Problem::field("text", "takes 1 to 2000 characters"));
    }
    let row = tasks::account(&caller.user).await?;
    let account = row.account()?;
    let zone = match &given.timezone {
        Some(name) => time::zone(name)
            .map_err(|error: Error| Problem::field("timezone", error.to_string()))?,
        None => account.zone,
    };
    let language = match &given.language {
        Some(code) => {
            Language::parse(code).ok_or_else(|| Problem::field("language", "takes en or de"))?
        }
        None => row
            .language
            .as_deref()
            .and_then(Language::parse)
            .unwrap_or_default(),
    };
    let own: Vec<Named> = if given.text.contains('#') {
        let page = projects::list(&caller.user, false, None, MAX_PROJECTS).await?;
        let page: Projects = serde_json::from_str(&page)
            .map_err(|error| Problem::new(500, format!("the projects: {error}")))?;
        page.items
    } else {
        Vec::new()
    };
    let names: Vec<String> = own.iter().map(|project| project.name.clone()).collect();
    let context = Context {
        now: Instant::from_micros(call.now),
        zone,
        language,
        morning: account.morning,
        projects: &names,
    };
    let read = words::read(&given.text, &context);
    let today = time::today(context.now, zone);
    let said = |reminder: &Definition| say::reminder(reminder, today, zone, language);
    let units = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Answer::of(&QuickAdd {
        words: QuickAddWords {
            due: read.due.map(|due| say::due(due, today, language)),
            repeat: read
                .repeat
                .as_ref()
                .map(|repeat| describe(&repeat.rule, read.due, language)),
            reminders: read.reminders.iter().map(said).collect(),
        },
        spans: read
            .spans
            .into_iter()
            .map(|span| QuickAddSpan {
                start: units(span.utf16.0),
                end: units(span.utf16.1),
                field: span.field.as_str().to_owned(),
                words: span.words,
                stays: span.stays,
            })
            .collect(),
        task: QuickAddTask {
            title: read.title,
            project_id: read
                .project
                .and_then(|at| own.get(at))
                .map(|project| project.id.clone()),
            priority: read.priority.as_str().to_owned(),
            tags: read.tags,
            due: read.due.map(|due| due.to_string()),
            repeat: read
                .repeat
                .map(|repeat| Repeat::new(repeat.rule.to_string(), repeat.from.as_str())),
            reminders: read.reminders.iter().map(wire).collect(),
        },
    })
}

fn wire(reminder: &Definition) -> Reminder {
    let (before, at) = match reminder.when {
        When::BeforeDue(before) | When::BeforeStart(before) => (Some(before.to_string()), None),
        When::At(at) => (None, Some(at.to_string())),
    };
    Reminder {
        before,
        at,
        ..Reminder::default()
    }
}
