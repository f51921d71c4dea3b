//! `/api/reminders/…`: the receipt of a reminder; to acknowledge it, to put it off.

use chrono::Days;
use punctual_contract::api::Snooze;
use punctual_domain::time::{self, Duration8601, Instant};
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve};
use punctual_store::db::Error;
use punctual_store::{notifications, reminders, tasks};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(2);
    match (method, path.as_slice()) {
        ("GET", [id]) => shown(&Caller::of(call, Scope::Read).await?, id).await,
        ("POST", [id, "acknowledge"]) => acknowledge(call, id).await,
        ("POST", [id, "snooze"]) => snooze(call, id).await,
        (_, [_]) => Err(call.not_allowed("GET")),
        (_, [_, "acknowledge" | "snooze"]) => Err(call.not_allowed("POST")),
        _ => Err(call.no_route()),
    }
}

async fn shown(caller: &Caller, id: &str) -> Result<Answer, Problem> {
    let json = reminders::get(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("reminder"))?;
    // No ETag: the deliveries in it change without a new version of the reminder.
    Ok(Answer::json(json))
}

/// It is read, and does not ring again. What is acknowledged stays so, so this may be repeated freely.
async fn acknowledge(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let write = call.write(&caller)?;
    if call.repeated(&write, "reminders").await?.is_none() {
        match notifications::acknowledge(id, &write).await {
            Ok(true) | Err(Error::Repeated) => {}
            Ok(false) => {
                if notifications::get(&caller.user, id).await?.is_none() {
                    shown(&caller, id).await?;
                    return Err(Problem::new(
                        409,
                        "It has not rung, so there is nothing to acknowledge.",
                    ));
                }
                call.remember(&write, "reminders", id).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    shown(&caller, id).await
}

/// The farthest that a reminder can be put off: a year, in microseconds.
const FARTHEST: i64 = 366 * 24 * 3600 * 1_000_000;

async fn snooze(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: Snooze = call.json()?;
    let write = call.write(&caller)?;
    let mut replayed = false;
    let new = match call.repeated(&write, "reminders").await? {
        Some(_) => {
            replayed = true;
            call.new_id(&write)
        }
        None => {
            let until = until(call, &caller, &given).await?;
            let new = call.new_id(&write);
            match reminders::snooze(&new, id, until.micros(), &write).await {
                Ok(true) => new,
                Err(Error::Repeated) => {
                    replayed = true;
                    new
                }
                Ok(false) => {
                    shown(&caller, id).await?;
                    return Err(Problem::new(
                        409,
                        "It can't be put off any more: it was cancelled, or its task is not open.",
                    ));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    Ok(shown(&caller, &new)
        .await?
        .status(201)
        .replayed(replayed)
        .header("location", format!("/api/reminders/{new}")))
}

async fn until(call: &Call, caller: &Caller, given: &Snooze) -> Result<Instant, Problem> {
    let (field, until) = match (&given.duration, &given.until) {
        (Some(text), None) => {
            let duration: Duration8601 = text
                .parse()
                .map_err(|e: punctual_domain::Error| Problem::field("for", e.to_string()))?;
            // Days are days of the person's calendar: the same wall time.
            let zone = tasks::account(&caller.user).await?.zone()?;
            let day = time::to_local(Instant::from_micros(call.now), zone)
                + Days::new(duration.days().into());
            (
                "for",
                time::resolve(day, zone).plus_secs(duration.seconds().into()),
            )
        }
        (None, Some(text)) => (
            "until",
            text.parse()
                .map_err(|e: punctual_domain::Error| Problem::field("until", e.to_string()))?,
        ),
        _ => return Err(Problem::field("body", "takes one of `for` and `until`")),
    };
    if until.micros() <= call.now || until.micros() > call.now + FARTHEST {
        return Err(Problem::field(
            field,
            "must lie in the future, within a year",
        ));
    }
    Ok(until)
}
