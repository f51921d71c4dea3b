//! Fires each reminder at its instant: claims it, and calls `on-reminders`, whose one conditional statement makes it
//! fired. The same for each account's daily digest. Everything here may happen twice without harm; nothing here decides that
//! a reminder has fired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use punctual_contract::batch::MAX_EVENTS;
use punctual_contract::events::{CloudEvent, DIGEST_DUE, Data, REMINDER_DUE};
use punctual_telemetry::{Kind, Span, attribute};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, SECOND, rfc3339};
use crate::error::Error;
use crate::functions::{Functions, ON_REMINDERS, Verdict};
use crate::metrics::metrics;
use crate::schedule::{Schedule, Task};
use crate::store::{Claimed, Instant, Store};
use crate::timer::Timer;

/// What is due within this goes to the heap without a wake-up.
const SOON: i64 = 5 * SECOND;
/// How far ahead wake-ups are registered.
const AHEAD: i64 = 3600 * SECOND;
/// A claim that is neither released nor renewed ends after this. Two calls for one reminder do no harm, and only one of
/// them fires it: a claim spares work, and a dead worker's must not hold up the others.
const CLAIM: i64 = 5 * SECOND;
/// The claim on a reminder that the function refuses for good: it is looked at again then.
const REFUSED: i64 = 3600 * SECOND;
/// Calls under way at once.
const CALLS: usize = 4;
/// Rows that one look at the database takes.
const ROWS: i64 = 50_000;
/// Something planned that the sweep finds so late was not woken for.
const MISSED: i64 = SECOND;
/// After a missed wake-up, all of the next hour are asked for again, once in so long.
const ASK_AGAIN: i64 = 30 * SECOND;

/// Clones are handles on the same firing.
#[derive(Clone, Debug)]
pub struct Firing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    functions: Functions,
    worker: String,
    timer: Timer,
    schedule: Schedule,
    /// Tasks whose time to be planned again has come.
    plan: mpsc::Sender<String>,
    /// Wake-ups are registered before this instant.
    horizon: AtomicI64,
    /// When all wake-ups were last asked for again.
    asked_again: AtomicI64,
    last_first: AtomicBool,
}

impl Firing {
    pub fn new(
        store: Store,
        clock: Clock,
        functions: Functions,
        worker: String,
        timer: Timer,
        plan: mpsc::Sender<String>,
    ) -> Self {
        let inner = Inner {
            store,
            clock,
            functions,
            worker,
            timer,
            schedule: Schedule::default(),
            plan,
            horizon: AtomicI64::new(0),
            asked_again: AtomicI64::new(0),
            last_first: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// For a new leader. `alone`: no other worker is alive, so no claim counts.
    pub async fn begin(&self, alone: bool) -> Result<(), Error> {
        let inner = &self.inner;
        inner.schedule.clear();
        inner.timer.distrust();
        inner.horizon.store(0, Ordering::Relaxed);
        if alone {
            inner.store.clear_claims().await?;
        }
        Ok(())
    }

    /// Takes in reminders that may have been planned.
    pub async fn planned(&self, ids: &[String]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        let now = inner.clock.now();
        let (soon, horizon) = (now + SOON, now + AHEAD);
        let (near, far): (Vec<_>, Vec<_>) = inner
            .store
            .planned_of(ids)
            .await?
            .into_iter()
            .partition(|instant| instant.at < soon);
        inner.schedule.add(near.into_iter().map(fire));
        for instant in far.into_iter().filter(|instant| instant.at < horizon) {
            inner.timer.wake_at(instant.at.div_euclid(SECOND));
        }
        Ok(())
    }

    /// Takes in what is overdue, what needs planning within seconds, and registers wake-ups an hour ahead.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let overdue = inner.store.overdue(now, ROWS).await?;
        if overdue.first().is_some_and(|first| first.at < now - MISSED) {
            self.ask_again(now);
        }
        inner.schedule.add(overdue.into_iter().map(fire));
        let plans = inner.store.plans_due(now + SOON, ROWS).await?;
        inner.schedule.add(
            plans
                .into_iter()
                .map(|instant| (instant.at, Task::Plan(instant.id))),
        );
        let digests = inner.store.digests_due(now + SOON, ROWS).await?;
        inner.schedule.add(
            digests
                .into_iter()
                .map(|instant| (instant.at, Task::Digest(instant.id))),
        );

        let (from, to) = (inner.horizon.load(Ordering::Relaxed).max(now), now + AHEAD);
        // Set before the look, so that what is planned meanwhile is registered by its event.
        inner.horizon.fetch_max(to, Ordering::Relaxed);
        match inner.store.planned_seconds(from, to).await {
            Ok(seconds) => seconds
                .into_iter()
                .for_each(|second| inner.timer.wake_at(second)),
            Err(error) => {
                inner.horizon.store(from, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    }

    /// A wake-up did not come, so others may be lost with it.
    fn ask_again(&self, now: i64) {
        let inner = &self.inner;
        if now - inner.asked_again.load(Ordering::Relaxed) >= ASK_AGAIN {
            inner.asked_again.store(now, Ordering::Relaxed);
            inner.timer.distrust();
            inner.horizon.store(0, Ordering::Relaxed);
        }
    }

    /// Loads the rows of each second that the timer wakes for.
    pub async fn wake(self, stop: CancellationToken) {
        let inner = &self.inner;
        loop {
            let second = tokio::select! {
                () = stop.cancelled() => return,
                second = inner.timer.woken() => second,
            };
            metrics().wake_ups.inc();
            match inner
                .store
                .planned_between(second * SECOND, (second + 1) * SECOND, ROWS)
                .await
            {
                Ok(instants) => inner.schedule.add(instants.into_iter().map(fire)),
                Err(error) => {
                    tracing::error!(%error, second, "cannot load a second; the sweep finds its reminders")
                }
            }
        }
    }

    /// Takes from the heap what is due, and fires it.
    pub async fn run(self, stop: CancellationToken) {
        let inner = &self.inner;
        let calls = Arc::new(Semaphore::new(CALLS));
        let tasks = TaskTracker::new();
        loop {
            let next = inner.schedule.next();
            let wait = async {
                match next {
                    Some(instant) => inner.clock.sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = inner.schedule.changed.notified() => continue,
                () = wait => {}
            }
            // While all calls are under way, what comes due meanwhile makes the next batch larger.
            let permit = tokio::select! {
                () = stop.cancelled() => break,
                permit = calls.clone().acquire_owned() => permit,
            };
            let (plans, due): (Vec<_>, Vec<_>) = inner
                .schedule
                .take(inner.clock.now(), MAX_EVENTS)
                .into_iter()
                .partition(|(_, task)| matches!(task, Task::Plan(_)));
            for (_, task) in &plans {
                if let Task::Plan(id) = task {
                    // Where the planner has no room, the sweep brings it again.
                    let _ = inner.plan.try_send(id.clone());
                }
            }
            inner.schedule.done(&plans);
            if !due.is_empty() {
                let firing = self.clone();
                tasks.spawn(async move {
                    if let Err(error) = firing.fire(&due).await {
                        tracing::error!(%error, "cannot fire; the sweep tries again");
                    }
                    firing.inner.schedule.done(&due);
                    drop(permit);
                });
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn fire(&self, due: &[(i64, Task)]) -> Result<(), Error> {
        let Inner {
            store,
            clock,
            functions,
            worker,
            last_first,
            ..
        } = &*self.inner;
        let (mut ids, mut accounts) = (Vec::new(), Vec::new());
        for (_, task) in due {
            match task {
                Task::Fire(id) => ids.push(id.clone()),
                Task::Digest(account) => accounts.push(account),
                Task::Plan(_) => {}
            }
        }
        let now = clock.now();
        let claimed = match ids.as_slice() {
            [] => Vec::new(),
            ids => store.claim(ids, worker, now, now + CLAIM).await?,
        };
        // Below what planned each of them, however long ago that was.
        let spans: Vec<Span> = claimed
            .iter()
            .map(|claimed| {
                Span::within("fire", Kind::Internal, claimed.trace.as_deref(), || {
                    vec![attribute("punctual.reminder.id", claimed.id.clone())]
                })
            })
            .collect();
        // Digests have no claims: they are few, and who gets one is told once whoever calls.
        let events: Vec<CloudEvent> = claimed
            .iter()
            .zip(&spans)
            .map(|(claimed, span)| due_event(claimed, span, now))
            .chain(
                accounts
                    .into_iter()
                    .map(|account| digest_event(account, now)),
            )
            .collect();
        let events: Vec<&CloudEvent> = events.iter().collect();
        let verdicts = functions
            .deliver(
                ON_REMINDERS,
                &events,
                last_first.fetch_not(Ordering::Relaxed),
            )
            .await;

        let (mut free, mut refused, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (account, verdict) in events[claimed.len()..]
            .iter()
            .zip(&verdicts[claimed.len()..])
        {
            if !matches!(verdict, Verdict::Ok | Verdict::Untried) {
                let account = &account.subject;
                tracing::warn!(account, ?verdict, "a digest could not be told yet");
            }
        }
        for ((Claimed { id, .. }, verdict), span) in claimed.into_iter().zip(verdicts).zip(spans) {
            if verdict != Verdict::Ok {
                span.fail(verdict.name());
            }
            match verdict {
                Verdict::Ok | Verdict::Untried => free.push(id),
                Verdict::Retry(reason) => {
                    tracing::debug!(id, reason, "a reminder is to be fired again");
                    free.push(id);
                }
                Verdict::Drop(reason) => {
                    tracing::error!(id, reason, "a reminder was refused");
                    refused.push(id);
                }
                Verdict::Failed {
                    error,
                    maybe_running,
                } => {
                    tracing::warn!(id, error, "a reminder could not be fired yet");
                    // A call that may still be under way keeps its claim until that ends by itself.
                    match maybe_running {
                        true => running.push(id),
                        false => free.push(id),
                    }
                }
            }
        }
        let later = clock.now();
        store.keep_claims(&refused, worker, later + REFUSED).await?;
        store.keep_claims(&running, worker, now + CLAIM).await?;
        store.release_claims(&free, worker).await
    }
}

fn fire(instant: Instant) -> (i64, Task) {
    (instant.at, Task::Fire(instant.id))
}

fn due_event(claimed: &Claimed, span: &Span, now: i64) -> CloudEvent {
    let id = format!("due-{}", claimed.id);
    CloudEvent {
        traceparent: span.traceparent(),
        ..called(REMINDER_DUE, id, &claimed.id, &claimed.owner, now)
    }
}

fn digest_event(account: &str, now: i64) -> CloudEvent {
    let id = format!("digest-{account}-{now}");
    called(DIGEST_DUE, id, account, account, now)
}

/// An event that is called and never published.
pub(crate) fn called(kind: &str, id: String, subject: &str, owner: &str, now: i64) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id,
        source: "/punctual".to_owned(),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        time: rfc3339(now),
        datacontenttype: "application/json".to_owned(),
        partitionkey: owner.to_owned(),
        traceparent: None,
        data: Data::default(),
    }
}
