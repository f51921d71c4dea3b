//! Wake-ups from Dapr Jobs: a one-shot job `wake-<second>` for each second in which something is planned, due a second
//! before it. The scheduler keeps the jobs; the sidecar calls `POST /job/wake-<second>` on whichever worker it reaches.
//!
//! Over HTTP, since one small request per second of work asks for nothing that gRPC would bring, and its code and build
//! tools are left out. Each request has a time limit of its own, and after some failures the sidecar rests: meanwhile, and
//! for what is too near to be registered, the wake-up comes from this process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::InProcess;
use crate::clock::{Clock, SECOND, rfc3339};
use crate::dapr::Dapr;
use crate::error::Error;
use crate::metrics::{Answer, metrics};

/// A job is due so long before its second, so that the second's rows are loaded when it begins.
const LEAD: i64 = 1;
/// Seconds nearer than this are not worth a job.
const NEAR: i64 = 3;
/// Jobs registered at once.
const AT_ONCE: usize = 8;
/// Seconds that wait to be registered; the sweep finds what finds no room.
const WAITING: usize = 20_000;
/// Wake-ups that wait to be taken.
const WOKEN: usize = 4096;
/// Failures in a row after which the sidecar rests, doubled up to 32 times as long.
const FAILURES: u32 = 3;
const REST: Duration = Duration::from_millis(500);

/// Clones are handles on the same jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dapr: Dapr,
    clock: Clock,
    local: InProcess,
    seconds: Mutex<Seconds>,
    asked: Notify,
    called: mpsc::Sender<i64>,
    calls: AsyncMutex<mpsc::Receiver<i64>>,
}

#[derive(Debug, Default)]
struct Seconds {
    waiting: BTreeSet<i64>,
    registered: BTreeSet<i64>,
}

impl Jobs {
    pub fn new(dapr: Dapr, clock: Clock) -> Self {
        let (called, calls) = mpsc::channel(WOKEN);
        Self {
            inner: Arc::new(Inner {
                dapr,
                local: InProcess::new(clock.clone()),
                clock,
                seconds: Mutex::default(),
                asked: Notify::new(),
                called,
                calls: AsyncMutex::new(calls),
            }),
        }
    }

    fn seconds(&self) -> MutexGuard<'_, Seconds> {
        self.inner
            .seconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_near(&self, second: i64) -> bool {
        second - self.inner.clock.now().div_euclid(SECOND) < NEAR
    }

    pub fn wake_at(&self, second: i64) {
        if self.is_near(second) {
            return self.inner.local.wake_at(second);
        }
        let mut seconds = self.seconds();
        if !seconds.registered.contains(&second)
            && seconds.waiting.len() < WAITING
            && seconds.waiting.insert(second)
        {
            self.inner.asked.notify_one();
        }
    }

    pub async fn woken(&self) -> i64 {
        let mut calls = self.inner.calls.lock().await;
        tokio::select! {
            second = self.inner.local.woken() => second,
            Some(second) = calls.recv() => second,
        }
    }

    pub fn distrust(&self) {
        self.seconds().registered.clear();
    }

    /// The sidecar calls for a job. False for one that is not ours, or where nobody takes it just now.
    pub fn called(&self, job: &str) -> bool {
        job.strip_prefix("wake-")
            .and_then(|second| second.parse().ok())
            .is_some_and(|second| self.inner.called.try_send(second).is_ok())
    }

    /// Registers what is asked for, until stopped.
    pub async fn register(self, stop: CancellationToken) {
        let (mut failures, jobs) = (0, &self);
        loop {
            let batch = self.next_batch();
            if batch.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.inner.asked.notified() => {}
                }
                continue;
            }
            let all = async {
                futures::stream::iter(batch)
                    .map(|second| async move { (second, jobs.ask(second).await) })
                    .buffer_unordered(AT_ONCE)
                    .collect::<Vec<_>>()
                    .await
            };
            let answers = tokio::select! {
                () = stop.cancelled() => return,
                answers = all => answers,
            };
            let mut refused = None;
            for (second, answer) in answers {
                match answer {
                    Ok(()) => {
                        failures = 0;
                        asked("registered");
                        self.seconds().registered.insert(second);
                    }
                    Err(error) => {
                        failures += 1;
                        asked("refused");
                        refused = Some(error);
                        // Until it is registered, and after: twice is once.
                        self.inner.local.wake_at(second);
                        self.seconds().waiting.insert(second);
                    }
                }
            }
            let registered = i64::try_from(self.seconds().registered.len()).unwrap_or(0);
            metrics().jobs_registered.set(registered);
            if let Some(error) = refused
                && failures >= FAILURES
            {
                let rest = REST * (1 << (failures / FAILURES).min(5));
                tracing::warn!(%error, rest_ms = rest.as_millis(), "Dapr takes no jobs; wake-ups come from this process");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(rest) => {}
                }
            }
        }
    }

    /// Some of what waits. What has come near meanwhile is woken for from here.
    fn next_batch(&self) -> Vec<i64> {
        let mut seconds = self.seconds();
        let now = self.inner.clock.now().div_euclid(SECOND);
        seconds.registered = seconds.registered.split_off(&now);
        let mut batch = Vec::new();
        while batch.len() < AT_ONCE * 4
            && let Some(second) = seconds.waiting.pop_first()
        {
            if self.is_near(second) {
                self.inner.local.wake_at(second);
            } else {
                batch.push(second);
            }
        }
        batch
    }

    async fn ask(&self, second: i64) -> Result<(), Error> {
        self.inner
            .dapr
            .schedule(
                &format!("wake-{second}"),
                &json!({
                    "dueTime": rfc3339((second - LEAD) * SECOND),
                    "data": { "second": second },
                    // Left out, a job is dropped after three tries within three seconds.
                    "failurePolicy": { "constant": { "interval": "1s" } },
                }),
            )
            .await
    }
}

fn asked(result: &'static str) {
    metrics().jobs.get_or_create(&Answer { result }).inc();
}
