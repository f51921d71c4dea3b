//! Has tasks planned: those whose instant to be planned again has come, and every two seconds those whose plan lags,
//! whatever became of their event.

use std::collections::HashMap;
use std::time::Duration;

use punctual_contract::events::{CloudEvent, PLAN_TASK};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::consumers::BackOff;
use crate::error::Error;
use crate::firing::called;
use crate::functions::{Functions, ON_TASK_EVENTS, Verdict};
use crate::store::Store;
use crate::sweep::PACE;

/// A plan may lag this long before the sweep makes it: its event is normally a few milliseconds away. Microseconds.
const GRACE: i64 = 1_000_000;
/// Tasks in one round.
const ROUND: u32 = 1024;
/// The pace while more lags than one round takes.
const BUSY: Duration = Duration::from_millis(100);
/// A task that has not failed for so long starts from the beginning.
const FORGET: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Planner {
    store: Store,
    clock: Clock,
    functions: Functions,
    /// Tasks whose planning failed: how often, and when to try again.
    failing: HashMap<String, (u32, Instant)>,
    last_first: bool,
}

impl Planner {
    pub fn new(store: Store, clock: Clock, functions: Functions) -> Self {
        Self {
            store,
            clock,
            functions,
            failing: HashMap::new(),
            last_first: false,
        }
    }

    /// Runs until stopped. `asked` brings tasks to plan at once.
    pub async fn run(mut self, asked: &mut mpsc::Receiver<String>, stop: CancellationToken) {
        let mut tasks = Vec::new();
        let mut look = true;
        loop {
            let mut pace = PACE;
            if look {
                match self
                    .store
                    .lagging_plans(self.clock.now() - GRACE, ROUND)
                    .await
                {
                    Ok(lagging) => {
                        if lagging.len() == ROUND as usize {
                            pace = BUSY;
                        }
                        tasks.extend(lagging);
                    }
                    Err(error) => tracing::error!(%error, "cannot look for plans that lag"),
                }
            }
            if let Err(error) = self.plan(std::mem::take(&mut tasks)).await {
                tracing::error!(%error, "cannot plan");
            }
            look = tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.pause(pace) => true,
                count = asked.recv_many(&mut tasks, ROUND as usize) => {
                    if count == 0 {
                        return;
                    }
                    false
                }
            };
        }
    }

    async fn plan(&mut self, mut tasks: Vec<String>) -> Result<(), Error> {
        let now = Instant::now();
        self.failing.retain(|_, (_, until)| *until + FORGET > now);
        tasks.retain(|task| {
            self.failing
                .get(task)
                .is_none_or(|(_, until)| *until <= now)
        });
        tasks.sort_unstable();
        tasks.dedup();
        if tasks.is_empty() {
            return Ok(());
        }
        let time = self.clock.now();
        let events: Vec<CloudEvent> = self
            .store
            .owners(&tasks)
            .await?
            .into_iter()
            .map(|(task, owner)| {
                called(
                    PLAN_TASK,
                    format!("plan-{task}-{time}"),
                    &task,
                    &owner,
                    time,
                )
            })
            .collect();
        let events: Vec<&CloudEvent> = events.iter().collect();
        let verdicts = self
            .functions
            .deliver(ON_TASK_EVENTS, &events, self.last_first)
            .await;
        self.last_first = !self.last_first;
        for (event, verdict) in events.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Ok => {
                    self.failing.remove(&event.subject);
                }
                Verdict::Untried => {}
                Verdict::Retry(reason)
                | Verdict::Drop(reason)
                | Verdict::Failed { error: reason, .. } => {
                    tracing::warn!(
                        task = event.subject,
                        reason,
                        "a task could not be planned yet"
                    );
                    let tries = self
                        .failing
                        .get(&event.subject)
                        .map_or(0, |(tries, _)| *tries)
                        + 1;
                    self.failing.insert(
                        event.subject.clone(),
                        (tries, now + BackOff::default().after(tries)),
                    );
                }
            }
        }
        Ok(())
    }
}
