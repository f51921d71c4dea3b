//! `POST /events/on-reminders`: the worker says that reminders are due; those that still are, fire. It says too whose daily
//! digest has come: that is told.

use punctual_contract::events::{CloudEvent, DIGEST_DUE, REMINDER_DUE};
use punctual_domain::{Digest, Instant, Local, Zone, time};
use punctual_function::{Call, Handled, Problem, Reply, derived_id, events};
use punctual_store::digests::{Seen, Told};
use punctual_store::write::Write;
use punctual_store::{digests, reminders};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    events(request, due).await
}

async fn due(call: &Call, batch: &[CloudEvent]) -> Result<Vec<Handled>, Problem> {
    let of = |kind: &str| -> Vec<&str> {
        let these = batch.iter().filter(|event| event.kind == kind);
        these.map(|event| event.subject.as_str()).collect()
    };
    let write = Write {
        op: call.request_id.clone(),
        body_hash: None,
        actor: "punctual".to_owned(),
        via: "timer".to_owned(),
        trace: call.trace(),
        now: call.now,
    };
    let (ids, users) = (of(REMINDER_DUE), of(DIGEST_DUE));
    // One statement for the whole batch. A reminder that was moved, cancelled or fired meanwhile matches nothing, which is
    // as well done as fired.
    if !ids.is_empty() {
        reminders::fire(&ids, &write).await?;
    }
    if !users.is_empty() {
        tell(&users, &write).await?;
    }
    let handled = |event: &CloudEvent| match event.kind.as_str() {
        REMINDER_DUE | DIGEST_DUE => Handled::Ok,
        other => {
            eprintln!("an event of the type {other} was dropped");
            Handled::Drop(format!("{other} is not for here"))
        }
    };
    Ok(batch.iter().map(handled).collect())
}

/// What came due since it was looked at last is told, the latest of it, on a day that has something to tell. First told,
/// then noted: what comes again tells nothing twice.
async fn tell(users: &[&str], write: &Write) -> Result<(), Problem> {
    let now = Instant::from_micros(write.now);
    let (mut told, mut seen) = (Vec::new(), Vec::new());
    for waiting in digests::waiting(users).await? {
        let zone = time::zone(&waiting.timezone).unwrap_or(Zone::UTC);
        let digest = Digest::new(&waiting.at)
            .map_err(|error| Problem::new(500, format!("a digest's time: {error}")))?;
        let Some((last, next)) = digest.around(now, zone) else {
            continue;
        };
        if last.at.micros() > waiting.since {
            let until = time::due_instant(Local::Date(time::today(now, zone)), zone);
            let content = digests::content(&waiting.user, until.micros(), write.now).await?;
            let day = last.day.to_string();
            told.extend(content.map(|digest| Told {
                id: derived_id(&["digest", &waiting.user, &day]),
                user: waiting.user.clone(),
                day,
                fire_at: last.at.micros(),
                digest,
            }));
        }
        seen.push(Seen {
            user: waiting.user,
            since: waiting.since,
            next_at: next.at.micros(),
        });
    }
    if !told.is_empty() {
        digests::tell(&told, write).await?;
    }
    Ok(digests::seen(&seen, write.now).await?)
}
