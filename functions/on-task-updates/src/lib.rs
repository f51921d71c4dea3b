//! `POST /events/on-task-updates`: counts again the days that a completion came to, or went from.
//!
//! An event says only which change to look at. That change's images say which days it concerns, and these are counted
//! anew from the tasks as they are now: order, repetition and a late event do no harm.

use std::collections::{BTreeMap, BTreeSet};

use punctual_contract::events::{CloudEvent, concerns_days};
use punctual_domain::activity::Zones;
use punctual_domain::{Instant, time};
use punctual_function::{Call, Handled, Problem, Reply, events_also_from_dapr};
use punctual_store::activity::{self, Change};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    events_also_from_dapr(request, count).await
}

/// Each day of the batch is counted once, however many events it has. What fails here fails for the whole batch: it is
/// the database that is away.
async fn count(_: &Call, batch: &[CloudEvent]) -> Result<Vec<Handled>, Problem> {
    let mut positions = Vec::new();
    let handled = batch
        .iter()
        .map(|event| {
            if !concerns_days(event) {
                return Handled::Ok;
            }
            match event.id.parse() {
                Ok(position) => {
                    positions.push(position);
                    Handled::Ok
                }
                Err(_) => Handled::Drop(format!("{} is no position", event.id)),
            }
        })
        .collect();
    if positions.is_empty() {
        return Ok(handled);
    }
    let mut moments: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for change in activity::changes(&positions).await? {
        // The event's type said so; the change is what counts.
        if !matches!(change.tbl.as_str(), "tasks" | "settings") {
            continue;
        }
        let concerned = concerned(&change);
        moments.entry(change.owner).or_default().extend(concerned);
    }
    for (owner, moments) in moments {
        recount(&owner, &moments).await?;
    }
    Ok(handled)
}

/// The instants whose days a change may have changed.
fn concerned(change: &Change) -> Vec<Instant> {
    let (before, after) = (&change.before, &change.after);
    if before == after {
        return Vec::new();
    }
    if change.tbl == "settings" {
        if before.timezone.is_none() {
            return Vec::new();
        }
        // Another zone from then on: what was completed since, and counted by the old one, may belong to another day.
        return [change.at - 1, change.at].map(Instant::from_micros).into();
    }
    [before, after]
        .into_iter()
        .filter_map(|image| image.completed_at.as_deref()?.parse().ok())
        .collect()
}

async fn recount(owner: &str, moments: &[Instant]) -> Result<(), Problem> {
    if moments.is_empty() {
        return Ok(());
    }
    let zones = zones(owner).await?;
    let days: BTreeSet<_> = moments.iter().map(|moment| zones.day(*moment)).collect();
    for day in days {
        let spans: Vec<(i64, i64)> = zones
            .spans(day)
            .into_iter()
            .map(|(from, until)| (from.micros(), until.micros()))
            .collect();
        activity::count(owner, &day.to_string(), &spans).await?;
    }
    Ok(())
}

async fn zones(owner: &str) -> Result<Zones, Problem> {
    let wrong = |error: punctual_domain::Error| Problem::new(500, error.to_string());
    let chosen: Vec<_> = activity::zones(owner)
        .await?
        .into_iter()
        .map(|(at, name)| Ok((Instant::from_micros(at), time::zone(&name)?)))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    let first = chosen
        .first()
        .map(|(_, zone)| *zone)
        .ok_or_else(|| Problem::new(500, format!("{owner} has no settings")))?;
    Ok(Zones::new(first, chosen))
}
