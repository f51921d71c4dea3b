//! `/api/notifications/…`: what fired, newest first.

use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve};
use punctual_store::db::Error;
use punctual_store::notifications;
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
        ("POST", ["read"]) => read(call, None).await,
        ("GET", [id]) if *id != "read" => shown(&Caller::of(call, Scope::Read).await?, id).await,
        ("POST", [id, "read"]) => read(call, Some(id)).await,
        (_, ["read"] | [_, "read"]) => Err(call.not_allowed("POST")),
        (_, [] | [_]) => Err(call.not_allowed("GET")),
        _ => Err(call.no_route()),
    }
}

async fn list(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["unread", "limit", "cursor"])?;
    let after: Option<(i64, String)> = call.cursor()?;
    Ok(Answer::json(
        notifications::list(
            &caller.user,
            call.flag("unread")?,
            after.as_ref(),
            call.limit()?,
        )
        .await?,
    ))
}

async fn shown(caller: &Caller, id: &str) -> Result<Answer, Problem> {
    let json = notifications::get(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("notification"))?;
    Ok(Answer::json(json))
}

/// Marks one or all as read; what is read stays so, so this may be repeated freely.
async fn read(call: &Call, id: Option<&str>) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let write = call.write(&caller)?;
    if call.repeated(&write, "reminders").await?.is_none() {
        match notifications::read(id, &write).await {
            // Those that fire before a repetition comes are not meant by it.
            Ok(false) => drop(
                call.remember(&write, "reminders", id.unwrap_or_default())
                    .await?,
            ),
            Ok(true) | Err(Error::Repeated) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match id {
        Some(id) => shown(&caller, id).await,
        None => Ok(Answer::nothing()),
    }
}
