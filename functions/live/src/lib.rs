//! `GET /api/live`: server-sent events of everything that the caller may see, after a cursor.
//!
//! No database here: the access token says who it is, and the worker's hub sends what is theirs. An API token is changed
//! for an access token first, by the `auth` function, which knows whether it was revoked.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use punctual_contract::signature;
use punctual_function::{Call, Caller, Problem, token, variable};
use spin_sdk::http::body::{IncomingBodyExt, stream};
use spin_sdk::http::{
    BoxBody, EmptyBody, FullBody, HeaderValue, Request, Response, box_body, send,
};
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Response<BoxBody> {
    punctual_function::serve_stream(request, live).await
}

async fn live(call: &Call) -> Result<Response<BoxBody>, Problem> {
    if call.method != "GET" {
        return Err(call.not_allowed("GET"));
    }
    call.only_queries(&["after"])?;
    let caller = caller(call).await?;
    // A browser that reconnects says by header how far it came; that is newer than the address it once opened.
    let no_position = || Problem::field("after", "takes a position: an event's id");
    let last = call.headers.get("last-event-id").map(|id| id.to_str());
    let after = match last
        .transpose()
        .map_err(|_| no_position())?
        .filter(|id| !id.is_empty())
        .or_else(|| call.query("after"))
    {
        None => String::new(),
        Some(text) => {
            let position: u64 = text.parse().map_err(|_| no_position())?;
            format!("&after={position}")
        }
    };
    let path = format!("/live?user={}{after}", caller.user);
    let secret = variable("events_secret").await?;
    let now = call.now / 1_000_000;
    let request = Request::get(format!(
        "{}{path}",
        variable("hub_url").await?.trim_end_matches('/')
    ))
    .header(signature::ID, &call.request_id)
    .header(signature::TIMESTAMP, now)
    .header(
        signature::SIGNATURE,
        signature::sign(&secret, &call.request_id, now, path.as_bytes()),
    )
    .body(EmptyBody::new())
    .map_err(|error| Problem::new(500, error.to_string()))?;
    let away = |reason: String| {
        eprintln!("hub: {reason}");
        Problem::new(
            503,
            "The live hub can't be reached just now. Your client may try again; nothing is lost.",
        )
    };
    let hub = send(request)
        .await
        .map_err(|error| away(error.to_string()))?;
    if hub.status() != 200 {
        return Err(away(format!("it answered {}", hub.status())));
    }
    let mut events = hub.into_body().stream();
    let (mut to_client, body) = stream::<Bytes>();
    let left = u64::try_from(caller.until.saturating_sub(now)).unwrap_or(0);
    spin_sdk::wasip3::spawn(async move {
        // Ends with the token: the client comes back with a fresh one and its cursor. A send fails when the client has
        // gone; the hub's stream ends by being dropped.
        let mut over = pin!(spin_sdk::time::sleep(Duration::from_secs(left)));
        while let Either::Left((Some(Ok(chunk)), _)) = select(events.next(), &mut over).await {
            if to_client.send(chunk).await.is_err() {
                break;
            }
        }
    });
    let mut response = Response::new(box_body(body));
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

async fn caller(call: &Call) -> Result<Caller, Problem> {
    let secret = variable("token_secret").await?;
    let given = call.header("authorization").unwrap_or_default();
    if !given
        .split(' ')
        .next_back()
        .is_some_and(|token| token.starts_with("pt."))
    {
        return Caller::signed(call, &secret);
    }
    let request = Request::post(format!(
        "{}/api/auth/access",
        variable("functions_url").await?.trim_end_matches('/')
    ))
    .header("authorization", given)
    .body(FullBody::new(Bytes::new()))
    .map_err(|error| Problem::new(500, error.to_string()))?;
    let answer = send(request).await.map_err(|error| {
        Problem::new(503, format!("The token can't be checked just now: {error}"))
    })?;
    if answer.status() != 200 {
        return Err(Problem::new(
            401,
            "The API token is not known, has ended, or was revoked.",
        ));
    }
    let body = answer
        .into_body()
        .bytes()
        .await
        .map_err(|error| Problem::new(503, error.to_string()))?;
    let body: serde_json::Value =
        serde_json::from_slice(&body).map_err(|error| Problem::new(503, error.to_string()))?;
    let claims = body["access_token"]
        .as_str()
        .and_then(|access| token::read_access(&secret, access));
    claims.map(Caller::from_claims).ok_or_else(|| {
        Problem::new(
            401,
            "The API token is not known, has ended, or was revoked.",
        )
    })
}
