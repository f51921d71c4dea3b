//! The frame of an event handler: who calls is checked, the events are taken apart, each gets its status.
//!
//! The worker calls with a signed batch. A Dapr sidecar calls with one event and its token, and reads the status in its
//! own words.

use punctual_contract::batch::{MAX_EVENTS, Outcome, Outcomes, Status};
use punctual_contract::dapr::{self, Delivered};
use punctual_contract::events::CloudEvent;
use punctual_contract::problem::Problem;
use punctual_contract::signature;
use spin_sdk::http::Request;

use crate::{Answer, Call, Reply, serve, variable};

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    Ok,
    Retry(String),
    Drop(String),
}

/// Serves `POST` of the worker's batches. The handler gets all events at once and answers one `Handled` each, in order.
pub async fn events<H>(request: Request, handler: H) -> Reply
where
    H: AsyncFnOnce(&Call, &[CloudEvent]) -> Result<Vec<Handled>, Problem>,
{
    serve(request, async |call: &Call| {
        only_post(call)?;
        from_worker(call, handler).await
    })
    .await
}

/// The same, and `POST` of one event by a Dapr sidecar.
pub async fn events_also_from_dapr<H>(request: Request, handler: H) -> Reply
where
    H: AsyncFnOnce(&Call, &[CloudEvent]) -> Result<Vec<Handled>, Problem>,
{
    serve(request, async |call: &Call| {
        only_post(call)?;
        if call.media_type().as_deref() == Some(dapr::CONTENT_TYPE) {
            from_dapr(call, handler).await
        } else {
            from_worker(call, handler).await
        }
    })
    .await
}

fn only_post(call: &Call) -> Result<(), Problem> {
    if call.method == "POST" {
        Ok(())
    } else {
        Err(call.not_allowed("POST"))
    }
}

async fn from_worker<H>(call: &Call, handler: H) -> Result<Answer, Problem>
where
    H: AsyncFnOnce(&Call, &[CloudEvent]) -> Result<Vec<Handled>, Problem>,
{
    let secret = variable("events_secret").await?;
    signature::verify(
        &secret,
        call.header(signature::ID),
        call.header(signature::TIMESTAMP),
        call.header(signature::SIGNATURE),
        &call.body,
        call.now / 1_000_000,
    )
    .map_err(|refused| Problem::new(401, format!("Only the worker calls this: {refused}.")))?;
    let batch: Vec<CloudEvent> = call.json()?;
    if batch.len() > MAX_EVENTS {
        return Err(Problem::field(
            "body",
            format!("holds more than {MAX_EVENTS} events"),
        ));
    }
    let handled = handler(call, &batch).await?;
    let outcomes = batch
        .iter()
        .zip(handled)
        .map(|(event, handled)| {
            let (status, reason) = match handled {
                Handled::Ok => (Status::Ok, None),
                Handled::Retry(reason) => (Status::Retry, Some(reason)),
                Handled::Drop(reason) => (Status::Drop, Some(reason)),
            };
            Outcome {
                id: event.id.clone(),
                status,
                reason,
            }
        })
        .collect();
    Answer::of(&Outcomes { outcomes })
}

/// A problem (5xx, 401) makes the sidecar send the event again, as its resiliency policy says. 404 would not.
async fn from_dapr<H>(call: &Call, handler: H) -> Result<Answer, Problem>
where
    H: AsyncFnOnce(&Call, &[CloudEvent]) -> Result<Vec<Handled>, Problem>,
{
    let token = variable("app_api_token").await?;
    if !dapr::is_token(&token, call.header(dapr::TOKEN)) {
        return Err(Problem::new(
            401,
            "Only this application's Dapr sidecar calls this, with the token of the variable `app_api_token`.",
        ));
    }
    let event: CloudEvent = match call.json() {
        Ok(event) => event,
        Err(problem) => {
            eprintln!("an event from Dapr can't be read, and is dropped: {problem}");
            return Answer::of(&Delivered::drop());
        }
    };
    let handled = handler(call, std::slice::from_ref(&event)).await?;
    Answer::of(&match handled.into_iter().next() {
        Some(Handled::Ok) => Delivered::success(),
        Some(Handled::Retry(reason)) => {
            eprintln!("event {} is to be sent again: {reason}", event.id);
            Delivered::retry()
        }
        Some(Handled::Drop(reason)) => {
            eprintln!("event {} is dropped: {reason}", event.id);
            Delivered::drop()
        }
        None => Delivered::retry(),
    })
}
