//! `/api/tasks/…`

mod change;
mod input;
mod read;

use punctual_domain::lifecycle::Status;
use punctual_function::{Answer, Call, Problem, Reply, serve};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(2);
    match (method, path.as_slice()) {
        ("GET", []) => read::list(call).await,
        ("POST", []) => change::create(call).await,
        ("GET", [id]) => read::get(call, id).await,
        ("PATCH", [id]) => change::patch(call, id).await,
        ("DELETE", [id]) => change::delete(call, id).await,
        ("POST", [id, "complete"]) => change::finish(call, id, Status::Completed).await,
        ("POST", [id, "skip"]) => change::finish(call, id, Status::Skipped).await,
        ("POST", [id, "reopen"]) => change::reopen(call, id).await,
        ("POST", [id, "restore"]) => change::restore(call, id).await,
        ("POST", [id, "undo"]) => change::undo(call, id).await,
        ("GET", [id, "history"]) => read::history(call, id).await,
        ("GET", [id, "reminders"]) => read::reminders(call, id).await,
        ("GET", [id, "occurrences"]) => read::occurrences(call, id).await,
        ("PATCH", [id, "occurrences", key]) => change::occurrence(call, id, key).await,
        (_, []) => Err(call.not_allowed("GET, POST")),
        (_, [_]) => Err(call.not_allowed("GET, PATCH, DELETE")),
        (_, [_, "complete" | "skip" | "reopen" | "restore" | "undo"]) => {
            Err(call.not_allowed("POST"))
        }
        (_, [_, "history" | "reminders" | "occurrences"]) => Err(call.not_allowed("GET")),
        (_, [_, "occurrences", _]) => Err(call.not_allowed("PATCH")),
        _ => Err(call.no_route()),
    }
}
