//! Doing what a link says.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use punctual_contract::action::{Action, Deed, key_of};
use punctual_contract::api::REPLAYED;
use punctual_function::token::{self, Claims};
use punctual_function::{Call, Problem, variable};
use punctual_store::settings::{self, Confirmed};
use punctual_store::write::earlier;
use spin_sdk::http::{FullBody, Request, send};

/// How long the deed's access token holds, in seconds.
const ACCESS: i64 = 60;
/// How long the API may take, in seconds.
const PATIENCE: u64 = 20;
/// `via` of what a link did.
const VIA: &str = "email";

/// What came of it.
pub enum Became {
    Done,
    /// It was done before, by this link.
    Used,
    /// What it is about is not there any more.
    Gone,
    /// What it is about is in no state for this.
    Impossible,
}

/// The table whose row the deed changes, and the operation that it is known by.
fn operation(action: &Action, token: &str) -> (&'static str, String) {
    let table = match action.deed {
        Deed::Done { .. } => "tasks",
        Deed::Snooze { .. } => "reminders",
        Deed::Confirm { .. } => "channels",
    };
    (table, format!("{}:{}", action.user, key_of(token)))
}

/// Whether this link has done its deed. Reads only.
pub async fn was_done(action: &Action, token: &str) -> Result<bool, Problem> {
    if let Deed::Confirm { channel } = &action.deed {
        let stands = settings::confirmation(&action.user, channel).await?;
        return Ok(stands.is_some_and(|channel| channel.waits == 0));
    }
    let (table, op) = operation(action, token);
    Ok(earlier(&op, table).await?.is_some())
}

pub async fn execute(call: &Call, action: &Action, token: &str) -> Result<Became, Problem> {
    let (path, body) = match &action.deed {
        Deed::Confirm { channel } => {
            let confirmed = settings::confirm(&action.user, channel, call.now).await?;
            return Ok(match confirmed {
                Confirmed::Now => Became::Done,
                Confirmed::Before => Became::Used,
                Confirmed::Gone => Became::Gone,
            });
        }
        Deed::Done { task } => (format!("/api/tasks/{task}/complete"), String::new()),
        Deed::Snooze { reminder, minutes } => (
            format!("/api/reminders/{reminder}/snooze"),
            format!(r#"{{"for":"PT{minutes}M"}}"#),
        ),
    };
    let key = key_of(token);
    let claims = Claims {
        sub: action.user.clone(),
        sid: key.clone(),
        scope: "read write".to_owned(),
        exp: call.now / 1_000_000 + ACCESS,
    };
    let access = token::access(&variable("token_secret").await?, &claims);
    let functions = variable("functions_url").await?;
    let mut request = Request::post(format!("{}{path}", functions.trim_end_matches('/')))
        .header("authorization", format!("Bearer {access}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .header("punctual-client", VIA);
    if let Some(trace) = call.trace() {
        request = request.header("traceparent", trace);
    }
    let request = request
        .body(FullBody::new(Bytes::from(body)))
        .map_err(|error| Problem::new(500, error.to_string()))?;
    let answer = match select(
        pin!(send(request)),
        pin!(spin_sdk::time::sleep(Duration::from_secs(PATIENCE))),
    )
    .await
    {
        Either::Left((answer, _)) => {
            answer.map_err(|error| Problem::new(503, error.to_string()))?
        }
        Either::Right(_) => return Err(Problem::new(503, "the API does not answer")),
    };
    match answer.status().as_u16() {
        200 | 201 if answer.headers().contains_key(REPLAYED) => Ok(Became::Used),
        200 | 201 => Ok(Became::Done),
        404 => Ok(Became::Gone),
        409 => Ok(Became::Impossible),
        status => Err(Problem::new(503, format!("the API answered {status}"))),
    }
}
