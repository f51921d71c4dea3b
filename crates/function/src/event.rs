//! The frame of an event handler: checks the worker's signature, takes the batch apart, answers a status per event.

use punctual_contract::batch::{MAX_EVENTS, Outcome, Outcomes, Status};
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

/// Serves `POST` of a batch. The handler gets all events at once and answers one `Handled` each, in order.
pub async fn events<H>(request: Request, handler: H) -> Reply
where
    H: AsyncFnOnce(&Call, &[CloudEvent]) -> Result<Vec<Handled>, Problem>,
{
    serve(request, async |call: &Call| {
        if call.method != "POST" {
            return Err(call.not_allowed("POST"));
        }
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
    })
    .await
}
