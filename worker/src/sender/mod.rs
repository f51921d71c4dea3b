//! Sends deliveries: the receipt of every try is in the row. At least once, under one stable id.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punctual_contract::signature;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, rfc3339};
use crate::destination::{Guard, check};
use crate::error::Error;
use crate::functions::chain;
use crate::store::{Pending, Store};

/// One try, from resolving the name to the answer's head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries under way at once, over all and to one destination.
const AT_ONCE: usize = 64;
const AT_ONCE_EACH: usize = 8;
/// After so many failures in a row a destination rests, so that it doesn't take the others' turns.
const FAILURES: u32 = 5;
const REST: i64 = 30 * SECOND;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// The pauses after the first try, the second …; when they are used up, the delivery has failed.
const RETRIES: [i64; 7] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    10 * HOUR,
];

/// Without a nudge, the database is asked this often.
const PACE: Duration = Duration::from_secs(1);
/// While something waits that can't be sent just yet.
const BUSY: Duration = Duration::from_millis(50);
/// Rows that one look takes.
const ROWS: i64 = 1000;

/// Clones are handles on the same sender.
#[derive(Clone, Debug)]
pub struct Sender {
    store: Store,
    clock: Clock,
    /// How receivers reach the API.
    public_url: String,
    client: reqwest::Client,
    allow_private: bool,
    nudged: Arc<Notify>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Deliveries whose try is under way.
    busy: HashSet<String>,
    destinations: HashMap<String, Destination>,
}

#[derive(Debug, Default)]
struct Destination {
    busy: usize,
    failures: u32,
    rests_until: i64,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Sent,
    /// Worth another try.
    NotNow(String),
    Never(String),
}

impl Sender {
    pub fn new(
        store: Store,
        clock: Clock,
        public_url: String,
        allow_private: bool,
        nudged: Arc<Notify>,
    ) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Punctual/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Guard { allow_private }.shared())
            .build()?;
        Ok(Self {
            store,
            clock,
            public_url,
            client,
            allow_private,
            nudged,
            state: Arc::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until stopped; tries under way are then waited for.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let pace = match self.round(&tasks, &slots).await {
                Ok(true) => BUSY,
                Ok(false) => PACE,
                Err(error) => {
                    tracing::error!(%error, "cannot look for deliveries");
                    PACE
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.nudged.notified() => {}
                () = self.clock.pause(pace) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Starts what can be sent now. True while something is due that has to wait a little.
    async fn round(&self, tasks: &TaskTracker, slots: &Arc<Semaphore>) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut waiting = self.store.settle_in_app(now).await?;
        // Those under way before the rows are read: one may end, and be recorded, between the reading and the look below.
        let under_way = self.state().busy.clone();
        for delivery in self.store.pending_webhooks(now, ROWS).await? {
            if under_way.contains(&delivery.id) {
                continue;
            }
            let destination = destination(&delivery.target);
            let rests = {
                let mut state = self.state();
                if state.busy.contains(&delivery.id) {
                    continue;
                }
                let known = state.destinations.entry(destination.clone()).or_default();
                if known.rests_until > now {
                    Some(known.rests_until)
                } else if known.busy >= AT_ONCE_EACH {
                    waiting = true;
                    continue;
                } else {
                    None
                }
            };
            if let Some(until) = rests {
                self.store.put_off(&delivery.id, until).await?;
                continue;
            }
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                waiting = true;
                break;
            };
            {
                let mut state = self.state();
                state.busy.insert(delivery.id.clone());
                state
                    .destinations
                    .entry(destination.clone())
                    .or_default()
                    .busy += 1;
            }
            let sender = self.clone();
            tasks.spawn(async move {
                sender.attempt(delivery, &destination).await;
                drop(slot);
                sender.nudged.notify_one();
            });
        }
        Ok(waiting)
    }

    async fn attempt(&self, delivery: Pending, destination: &str) {
        let begun = self.clock.now();
        let started = tokio::time::Instant::now();
        let outcome = self.send(&delivery, begun).await;
        let now = self.clock.now();
        let entry = |outcome: &str| {
            json!({ "at": rfc3339(begun), "outcome": outcome, "ms": started.elapsed().as_millis() })
                .to_string()
        };
        let next = usize::try_from(delivery.tries)
            .ok()
            .and_then(|tries| RETRIES.get(tries));
        let (state, entry, next_try) = match (&outcome, next) {
            (Outcome::Sent, _) => ("sent", entry("sent"), None),
            (Outcome::NotNow(reason), Some(pause)) => ("pending", entry(reason), Some(now + pause)),
            (Outcome::NotNow(reason) | Outcome::Never(reason), _) => {
                ("failed", entry(reason), None)
            }
        };
        // A try that can't be recorded comes again, under the same id.
        if let Err(error) = self
            .store
            .record_try(&delivery.id, state, entry, next_try, now)
            .await
        {
            tracing::error!(%error, delivery = delivery.id, "cannot record a try");
        }
        let mut state = self.state();
        state.busy.remove(&delivery.id);
        if let Some(known) = state.destinations.get_mut(destination) {
            known.busy = known.busy.saturating_sub(1);
            match outcome {
                Outcome::NotNow(_) => {
                    known.failures += 1;
                    if known.failures >= FAILURES {
                        known.rests_until = now + REST;
                    }
                }
                Outcome::Sent | Outcome::Never(_) => {
                    *known = Destination {
                        busy: known.busy,
                        ..Destination::default()
                    }
                }
            }
            if known.busy == 0 && known.failures == 0 {
                state.destinations.remove(destination);
            }
        }
    }

    async fn send(&self, delivery: &Pending, now: i64) -> Outcome {
        if delivery.removed {
            return Outcome::Never("the channel was removed".to_owned());
        }
        let url = match check(&delivery.target, self.allow_private) {
            Ok(url) => url,
            Err(reason) => return Outcome::Never(reason),
        };
        let body = body(delivery, &self.public_url);
        let timestamp = now / SECOND;
        let answer = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(signature::ID, &delivery.id)
            .header(signature::TIMESTAMP, timestamp.to_string())
            .header(
                signature::SIGNATURE,
                signature::sign(&delivery.secret, &delivery.id, timestamp, body.as_bytes()),
            )
            .body(body)
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status().is_success() => Outcome::Sent,
            Ok(answer) if answer.status() == reqwest::StatusCode::GONE => {
                Outcome::Never("the receiver answered 410 Gone".to_owned())
            }
            Ok(answer) => Outcome::NotNow(format!("the receiver answered {}", answer.status())),
            Err(error) if error.is_timeout() => Outcome::NotNow("no answer within 10 s".to_owned()),
            Err(error) => Outcome::NotNow(chain(&error.without_url())),
        }
    }
}

/// What is sent (Standard Webhooks' payload).
fn body(delivery: &Pending, public_url: &str) -> String {
    json!({
        "type": "reminder.fired",
        "timestamp": rfc3339(delivery.fired_at),
        "data": {
            "reminder_id": delivery.reminder_id,
            "task_id": delivery.task_id,
            "task_url": format!("{public_url}/api/tasks/{}", delivery.task_id),
            "title": delivery.title,
            "due": delivery.due,
            "due_for": rfc3339(delivery.due_for),
            "fired_at": rfc3339(delivery.fired_at),
        },
    })
    .to_string()
}

/// Scheme, host and port: what is up or down as one.
fn destination(target: &str) -> String {
    url::Url::parse(target).map_or_else(
        |_| target.to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}
