//! `POST /events/on-reminders`: the worker says that reminders are due; those that still are, fire.

use punctual_contract::events::{CloudEvent, REMINDER_DUE};
use punctual_function::{Call, Handled, Problem, Reply, events};
use punctual_store::reminders;
use punctual_store::write::Write;
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    events(request, fire).await
}

/// One statement for the whole batch. A reminder that was moved, cancelled or fired meanwhile matches nothing, which is
/// as well done as fired.
async fn fire(call: &Call, batch: &[CloudEvent]) -> Result<Vec<Handled>, Problem> {
    let (due, other): (Vec<&CloudEvent>, Vec<&CloudEvent>) =
        batch.iter().partition(|event| event.kind == REMINDER_DUE);
    if !other.is_empty() {
        eprintln!("{} events of other types were dropped", other.len());
    }
    let ids: Vec<&str> = due.iter().map(|event| event.subject.as_str()).collect();
    let write = Write {
        op: call.request_id.clone(),
        body_hash: None,
        actor: "punctual".to_owned(),
        via: "timer".to_owned(),
        trace: call.trace(),
        now: call.now,
    };
    reminders::fire(&ids, &write).await?;
    Ok(batch
        .iter()
        .map(|event| {
            if event.kind == REMINDER_DUE {
                Handled::Ok
            } else {
                Handled::Drop(format!("{} is not for here", event.kind))
            }
        })
        .collect())
}
