//! `/api/projects/…`

use punctual_contract::api::{NewProject, ProjectPatch, Reminder};
use punctual_domain::reminders::When;
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, definitions, serve};
use punctual_store::db::Error;
use punctual_store::projects::{self, Change, Cursor};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(2);
    match (method, path.as_slice()) {
        ("GET", []) => list(call).await,
        ("POST", []) => create(call).await,
        ("GET", [id]) => {
            let caller = Caller::of(call, Scope::Read).await?;
            shown(&caller, id).await
        }
        ("PATCH", [id]) => {
            let caller = Caller::of(call, Scope::Write).await?;
            let given: ProjectPatch = call.json()?;
            let name = given.name.as_deref().map(name).transpose()?;
            let reminders = given
                .reminders
                .map(|given| reminders(given.unwrap_or_default(), id))
                .transpose()?;
            let edit = Change::Edit {
                name: name.as_deref(),
                reminders: reminders.as_deref(),
            };
            change(call, &caller, id, edit).await
        }
        ("POST", [id, "archive"]) => {
            change(
                call,
                &Caller::of(call, Scope::Write).await?,
                id,
                Change::Archive,
            )
            .await
        }
        ("POST", [id, "restore"]) => {
            change(
                call,
                &Caller::of(call, Scope::Write).await?,
                id,
                Change::Restore,
            )
            .await
        }
        (_, []) => Err(call.not_allowed("GET, POST")),
        (_, [_]) => Err(call.not_allowed("GET, PATCH")),
        (_, [_, "archive" | "restore"]) => Err(call.not_allowed("POST")),
        _ => Err(call.no_route()),
    }
}

/// As JSON. None at an instant: that would be one task's.
fn reminders(given: Vec<Reminder>, project: &str) -> Result<String, Problem> {
    let given = definitions(given, project)?;
    if let Some(n) = given.iter().position(|one| matches!(one.when, When::At(_))) {
        return Err(Problem::field(
            format!("reminders[{n}].at"),
            "is of one task; a project's reminders come before the due or the start",
        ));
    }
    serde_json::to_string(&given).map_err(|error| Problem::new(500, error.to_string()))
}

fn name(given: &str) -> Result<String, Problem> {
    let name = given.trim();
    if (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Problem::field(
            "name",
            "takes 1 to 120 characters, none of them a control character",
        ))
    }
}

async fn shown(caller: &Caller, id: &str) -> Result<Answer, Problem> {
    let json = projects::get(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("project"))?;
    Answer::versioned(json)
}

async fn list(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["archived", "limit", "cursor"])?;
    let archived = call.flag("archived")?;
    let after: Option<Cursor> = call.cursor()?;
    Ok(Answer::json(
        projects::list(&caller.user, archived, after.as_ref(), call.limit()?).await?,
    ))
}

async fn create(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: NewProject = call.json()?;
    let name = name(&given.name)?;
    let write = call.write(&caller)?;
    let id = match call.repeated(&write, "projects").await? {
        Some(earlier) => earlier.row_id,
        None => {
            let id = call.new_id(&write);
            projects::create(&id, &name, &reminders(given.reminders, &id)?, &write).await?;
            id
        }
    };
    Ok(shown(&caller, &id)
        .await?
        .status(201)
        .header("location", format!("/api/projects/{id}")))
}

async fn change(
    call: &Call,
    caller: &Caller,
    id: &str,
    change: Change<'_>,
) -> Result<Answer, Problem> {
    let write = call.write(caller)?;
    if call.repeated(&write, "projects").await?.is_none() {
        match projects::change(
            &caller.user,
            id,
            call.if_match().json().as_deref(),
            change,
            &write,
        )
        .await
        {
            Ok(true) | Err(Error::Repeated) => {}
            Ok(false) => {
                let shown = shown(caller, id).await?;
                return Err(if !shown.matches(&call.if_match()) {
                    Problem::stale()
                } else {
                    Problem::new(409, "The Inbox can't be archived.")
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    shown(caller, id).await
}
