//! `POST /events/on-task-events`: whatever happened to a task, everything derived from it is made right.
//!
//! The events are hints: the row is read anew, and each step is a condition on the row as it is now. So order,
//! repetition and loss do no harm: the worker's sweep asks for every task whose plan lags.

use std::collections::{HashMap, HashSet};
use std::slice;

use punctual_contract::events::{CloudEvent, PLAN_TASK};
use punctual_domain::Instant;
use punctual_domain::lifecycle::Account;
use punctual_domain::reminders::{Again, RingState};
use punctual_function::{Call, Handled, Problem, Reply, derived_id, events};
use punctual_store::reminders::Wanted;
use punctual_store::tasks::{Loaded, Planned};
use punctual_store::write::Write;
use punctual_store::{reminders, tasks};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    events(request, each).await
}

/// Tasks that are read at once: each may be some tens of kilobytes.
const AT_ONCE: usize = 32;

/// Each task of the batch is settled once, however many events it has.
async fn each(call: &Call, batch: &[CloudEvent]) -> Result<Vec<Handled>, Problem> {
    let mut seen = HashSet::new();
    let first: Vec<&CloudEvent> = batch
        .iter()
        .filter(|event| of_task(event) && seen.insert(event.subject.as_str()))
        .collect();
    let mut failed = HashMap::new();
    for part in first.chunks(AT_ONCE) {
        if settle_all(call, part, &mut failed).await.is_ok() {
            continue;
        }
        // Each by itself, so that one that can't be read or noted holds up no other.
        for one in part {
            if let Err(problem) = settle_all(call, slice::from_ref(one), &mut failed).await {
                failed.insert(&one.subject, problem.detail);
            }
        }
    }
    let outcome = |event: &CloudEvent| {
        if of_task(event) {
            let reason = failed.get(event.subject.as_str());
            reason.cloned().map_or(Handled::Ok, Handled::Retry)
        } else if event.kind.starts_with("punctual.settings.") {
            // Another zone or morning has stepped the plans of all open tasks by trigger: the sweep brings them.
            Handled::Ok
        } else {
            Handled::Drop(format!("{} is not for here", event.kind))
        }
    };
    Ok(batch.iter().map(outcome).collect())
}

fn of_task(event: &CloudEvent) -> bool {
    event.kind.starts_with("punctual.task.")
}

/// Reads the tasks in one statement, settles one after the other, and notes in one statement that they are planned.
/// Those that `failed` are to be tried again; an error is one of all.
async fn settle_all<'a>(
    call: &Call,
    events: &[&'a CloudEvent],
    failed: &mut HashMap<&'a str, String>,
) -> Result<(), Problem> {
    let ids: Vec<&str> = events.iter().map(|event| event.subject.as_str()).collect();
    let mut found: HashMap<String, Loaded> = tasks::load_all(&ids)
        .await?
        .into_iter()
        .map(|loaded| (loaded.task.id.clone(), loaded))
        .collect();
    let mut planned = Vec::new();
    for event in events {
        // Where there is none, there is nothing to do.
        let Some(loaded) = found.remove(&event.subject) else {
            continue;
        };
        match settle(call, event, loaded).await {
            Ok(done) => planned.extend(done),
            Err(problem) => {
                failed.insert(&event.subject, problem.detail);
            }
        }
    }
    if planned.is_empty() {
        return Ok(());
    }
    Ok(tasks::planned(&planned).await?)
}

/// Makes the successor, withdraws it, plans the reminders: as the row now asks for. `None`: that was done before.
async fn settle(
    call: &Call,
    event: &CloudEvent,
    mut loaded: Loaded,
) -> Result<Option<Planned>, Problem> {
    let write = Write {
        op: derived_id(&["plan", &call.request_id, &event.subject]),
        body_hash: None,
        actor: "punctual".to_owned(),
        via: "planner".to_owned(),
        trace: event.traceparent.clone(),
        now: call.now,
    };
    // What asks for nothing that was not done: a new title, an event that came before. Only its hour asks without a wish.
    if event.kind != PLAN_TASK && loaded.planned >= loaded.wanted {
        return Ok(None);
    }
    let account = loaded.account.account()?;
    let due_at = loaded.task.due_instant(&account).map(Instant::micros);
    if loaded.task.is_open() && due_at != loaded.task.due_at {
        let moved = Write {
            op: format!("{}.zone", write.op),
            ..write.clone()
        };
        tasks::move_due_at(&loaded.task, due_at, &moved).await?;
        let Some(again) = tasks::load(None, &event.subject).await? else {
            return Ok(None);
        };
        loaded = again;
    }
    let task = &loaded.task;
    if task.is_open() {
        // One that comes later than it was looked for would find this task open, and not come.
        if loaded.successors > 0 {
            tasks::withdraw_successor(task, &write).await?;
        }
    } else if let Some(successor) = task.successor(&call.new_id(&write), &account) {
        // Also where the completed one was deleted since: only deleting an open one ends its series.
        tasks::make_successor(task, &successor, &write).await?;
    }
    plan(call, &loaded, &account, &write).await.map(Some)
}

async fn plan(
    call: &Call,
    loaded: &Loaded,
    account: &Account,
    write: &Write,
) -> Result<Planned, Problem> {
    let (task, wanted) = (&loaded.task, loaded.wanted);
    let plan = task
        .plan(account, Instant::from_micros(call.now))
        .map_err(|error| {
            Problem::new(500, format!("task {} can't be planned: {error}", task.id))
        })?;
    let rings: Vec<Wanted> = plan
        .rings
        .iter()
        .map(|ring| {
            let fire_at = ring.fire_at.micros();
            let parts = [
                "reminder",
                &task.id,
                &ring.definition_id,
                &ring.occurrence_key,
                &fire_at.to_string(),
            ];
            Wanted {
                id: derived_id(&parts),
                definition_id: ring.definition_id.clone(),
                occurrence: ring.occurrence_key.clone(),
                fire_at,
                state: match ring.state {
                    RingState::Planned => "planned",
                    RingState::Skipped => "skipped",
                }
                .to_owned(),
                again_every: ring.again.map(Again::micros),
                again_left: ring.again.map_or(0, |again| again.times.into()),
            }
        })
        .collect();
    // Where there are none yet, none of an older wish can come: each is written under the wish that it was made for.
    let had_some = loaded.reminders > 0;
    if had_some {
        reminders::keep_following(&task.id, task.generation, write).await?;
    }
    if !rings.is_empty() {
        reminders::plan(&task.id, task.generation, wanted, &rings, write).await?;
    }
    if had_some {
        reminders::cancel_unwanted(&task.id, task.generation, wanted, &rings, write).await?;
    }
    Ok(Planned {
        task: task.id.clone(),
        wanted,
        next_at: plan.next_at.map(Instant::micros),
        missed: plan.missed.into(),
    })
}
