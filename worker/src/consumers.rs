//! The consumer groups of the bus, and which function or part of the worker each one feeds. This file is the list of
//! the worker's routes:
//!
//! | topic | group | goes to |
//! | --- | --- | --- |
//! | `task-events` | `on-task-events` | `POST /events/on-task-events` |
//! | `task-updates` | `on-task-updates` | `POST /events/on-task-updates`, where no Dapr sidecar delivers there |
//! | `reminders` | `timer` | the timer |
//!
//! Besides, every live hub reads all of `task-updates` without a group, and so does the sender.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use punctual_contract::batch::MAX_EVENTS;
use punctual_contract::events::{
    CloudEvent, REMINDERS, TASK_EVENTS, TASK_UPDATES, concerns_days, route,
};
use punctual_telemetry::{Kind, Span, attribute};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::{Bus, Consumer, Message, Subscription};
use crate::clock::Clock;
use crate::error::Error;
use crate::firing::Firing;
use crate::functions::{Functions, ON_TASK_EVENTS, ON_TASK_UPDATES, Verdict};
use crate::metrics::{Topic, metrics};

/// Tries of one event before it is set apart, where others succeed meanwhile.
const TRIES: u32 = 5;
/// Messages that one partition holds in memory; it takes no more from the bus meanwhile.
const ROOM: usize = 1024;

/// How long to wait after the first failure; doubled after each further one, 32 times as long at most.
#[derive(Clone, Copy, Debug)]
pub struct BackOff(pub Duration);

impl Default for BackOff {
    fn default() -> Self {
        Self(Duration::from_secs(1))
    }
}

impl BackOff {
    pub fn after(self, failures: u32) -> Duration {
        self.0
            .saturating_mul(1 << failures.saturating_sub(1).min(5))
    }
}

/// A consumer group whose events a function handles.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub group: &'static str,
    pub topic: &'static str,
    pub path: &'static str,
    /// Whether the function has something to do for it.
    pub concerns: fn(&CloudEvent) -> bool,
    /// From one call to the next, in each partition: what comes meanwhile shares the next one, and as much as a call takes
    /// does not wait. The first event after a rest goes at once.
    pub pace: Duration,
}

pub const TO_TASK_EVENTS: Route = Route {
    group: "on-task-events",
    topic: TASK_EVENTS,
    path: ON_TASK_EVENTS,
    concerns: |_| true,
    pace: Duration::ZERO,
};
pub const TO_TASK_UPDATES: Route = Route {
    group: "on-task-updates",
    topic: TASK_UPDATES,
    path: ON_TASK_UPDATES,
    concerns: concerns_days,
    // Each call counts its owners' days from all that was completed on them.
    pace: Duration::from_millis(500),
};

/// Starts the consumers of `reminders`.
pub async fn timer(
    bus: &Bus,
    firing: &Firing,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let subscription = bus.subscribe("timer", REMINDERS, stop).await?;
    let firing = firing.clone();
    each_partition(subscription, tasks, stop, move |consumer, stop| {
        tell_the_timer(firing.clone(), consumer, stop)
    });
    Ok(())
}

/// Works on every partition that this member is given, for as long as it is this member's.
fn each_partition<F>(
    mut subscription: Subscription,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    work: impl Fn(Consumer, CancellationToken) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (all, stop) = (tasks.clone(), stop.clone());
    tasks.spawn(async move {
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = subscription.next() => next,
            };
            match next {
                Some(consumer) => drop(all.spawn(work(consumer, stop.clone()))),
                None => return,
            }
        }
    });
}

/// Calls the function of one route. The partitions of the group share one of these.
#[derive(Clone, Debug)]
pub struct Caller {
    route: Route,
    functions: Functions,
    bus: Bus,
    clock: Clock,
    back_off: BackOff,
    /// Steps with every event that the function answered: this tells a bad event from an outage.
    answered: Arc<AtomicU64>,
}

/// One partition's messages that are not finished.
#[derive(Debug, Default)]
struct Partition {
    /// In order.
    waiting: Vec<Waiting>,
    /// Keys that are held back, and until when.
    held: HashMap<String, Instant>,
    /// Until when nothing is tried at all, because nothing was answered.
    paused: Option<Instant>,
    pauses: u32,
    /// Until when the next call's events gather.
    gathers: Option<Instant>,
    last_first: bool,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    /// How often the function asked for it again.
    retries: u32,
    /// How often the call with it alone failed.
    failures: u32,
    /// What `answered` said when it first failed.
    since: u64,
    finished: bool,
}

impl Caller {
    pub fn new(
        route: Route,
        functions: Functions,
        bus: Bus,
        clock: Clock,
        back_off: BackOff,
    ) -> Self {
        Self {
            route,
            functions,
            bus,
            clock,
            back_off,
            answered: Arc::default(),
        }
    }

    /// Joins the group, and works on what it is given.
    pub async fn start(self, tasks: &TaskTracker, stop: &CancellationToken) -> Result<(), Error> {
        let Route { group, topic, .. } = self.route;
        let subscription = self.bus.subscribe(group, topic, stop).await?;
        each_partition(subscription, tasks, stop, move |consumer, stop| {
            self.clone().run(consumer, stop)
        });
        Ok(())
    }

    async fn run(self, mut consumer: Consumer, stop: CancellationToken) {
        let mut partition = Partition::default();
        let over = consumer.over();
        loop {
            let room = ROOM - partition.waiting.len().min(ROOM);
            let wake = partition.wake();
            tokio::select! {
                () = stop.cancelled() => return,
                () = over.cancelled() => return,
                () = until(wake) => {}
                batch = consumer.next_batch(room), if room > 0 => {
                    if batch.is_empty() {
                        return;
                    }
                    for message in batch {
                        match (self.route.concerns)(&message.event) {
                            true => partition.waiting.push(Waiting::new(message)),
                            false => consumer.finish(&message),
                        }
                    }
                }
            }
            while !stop.is_cancelled()
                && !over.is_cancelled()
                && self.call(&mut partition, &consumer).await
            {}
        }
    }

    /// One call with what is not held back. False when there was nothing to call with.
    async fn call(&self, partition: &mut Partition, consumer: &Consumer) -> bool {
        let chosen = partition.choose();
        if chosen.is_empty() {
            return false;
        }
        let begun = Instant::now();
        let before = self.answered.load(Ordering::Relaxed);
        let (events, spans): (Vec<CloudEvent>, Vec<Span>) = chosen
            .iter()
            .map(|index| {
                let message = &partition.waiting[*index].message;
                let span = processing(message, self.route.group);
                // What the function does for this event happens within its span.
                let mut event = CloudEvent::clone(&message.event);
                event.traceparent = span.traceparent().or(event.traceparent);
                (event, span)
            })
            .unzip();
        let events: Vec<&CloudEvent> = events.iter().collect();
        let verdicts = self
            .functions
            .deliver(self.route.path, &events, partition.last_first)
            .await;
        partition.last_first = !partition.last_first;
        partition.gathers = Some(begun + self.route.pace);
        let answers = verdicts
            .iter()
            .filter(|verdict| verdict.is_answer())
            .count();
        self.answered.fetch_add(answers as u64, Ordering::Relaxed);

        let now = Instant::now();
        for ((index, verdict), span) in chosen.into_iter().zip(verdicts).zip(spans) {
            let waiting = &mut partition.waiting[index];
            if verdict != Verdict::Ok {
                span.fail(verdict.name());
            }
            let hold = match verdict {
                Verdict::Ok => {
                    waiting.finished = true;
                    None
                }
                Verdict::Drop(reason) => {
                    self.set_apart(waiting, &format!("dropped: {reason}")).await
                }
                Verdict::Retry(reason) => {
                    waiting.retries += 1;
                    tracing::debug!(
                        reason,
                        id = waiting.message.event.id,
                        "an event is to be sent again"
                    );
                    Some(self.back_off.after(waiting.retries))
                }
                Verdict::Failed { error, .. } => {
                    if waiting.failures == 0 {
                        waiting.since = before;
                    }
                    waiting.failures += 1;
                    let others = self.answered.load(Ordering::Relaxed) > waiting.since;
                    if others && waiting.failures >= TRIES {
                        self.set_apart(waiting, &error).await
                    } else {
                        tracing::warn!(
                            error,
                            id = waiting.message.event.id,
                            "an event could not be handled"
                        );
                        Some(self.back_off.after(waiting.failures))
                    }
                }
                Verdict::Untried => None,
            };
            if waiting.finished {
                consumer.finish(&waiting.message);
            } else if let Some(hold) = hold {
                partition
                    .held
                    .insert(waiting.message.key.clone(), now + hold);
            }
        }
        partition.waiting.retain(|waiting| !waiting.finished);
        if answers > 0 {
            partition.pauses = 0;
        } else {
            // Nothing was answered: the next try is with everything, so that a good event can show what is bad.
            partition.held.clear();
            partition.pauses += 1;
            let pause = self.back_off.after(partition.pauses);
            tracing::warn!(
                pause_ms = pause.as_millis(),
                "{} does not answer; the partition pauses",
                self.route.path
            );
            partition.paused = Some(now + pause);
        }
        true
    }

    /// Moves the event to the dead letters. Where that fails, it is held a little and tried again.
    async fn set_apart(&self, waiting: &mut Waiting, error: &str) -> Option<Duration> {
        let message = &waiting.message;
        tracing::error!(
            topic = message.topic,
            position = message.position,
            error,
            "an event is set apart with the dead letters"
        );
        match self.bus.set_apart(message, error, self.clock.now()).await {
            Ok(()) => {
                let topic = message.topic;
                metrics().dead_letters.get_or_create(&Topic { topic }).inc();
                waiting.finished = true;
                None
            }
            Err(error) => {
                tracing::error!(%error, "cannot write a dead letter");
                Some(self.back_off.after(1))
            }
        }
    }
}

impl Partition {
    /// When to try again without a new message.
    fn wake(&self) -> Option<Instant> {
        match self.paused {
            Some(until) => Some(until),
            None => self.held.values().chain(&self.gathers).min().copied(),
        }
    }

    /// The next messages whose turn it is.
    fn choose(&mut self) -> Vec<usize> {
        let now = Instant::now();
        if self.paused.is_some_and(|until| until > now) {
            return Vec::new();
        }
        self.paused = None;
        self.held.retain(|_, until| *until > now);
        self.gathers = self.gathers.filter(|until| *until > now);
        if self.gathers.is_some() && self.waiting.len() < MAX_EVENTS {
            return Vec::new();
        }
        let free = |(_, waiting): &(usize, &Waiting)| !self.held.contains_key(&waiting.message.key);
        self.waiting
            .iter()
            .enumerate()
            .filter(free)
            .map(|(index, _)| index)
            .take(MAX_EVENTS)
            .collect()
    }
}

impl Waiting {
    fn new(message: Message) -> Self {
        Self {
            message,
            retries: 0,
            failures: 0,
            since: 0,
            finished: false,
        }
    }
}

impl Verdict {
    fn is_answer(&self) -> bool {
        matches!(self, Self::Ok | Self::Retry(_) | Self::Drop(_))
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// The span of a message's work in one group, below its publication.
fn processing(message: &Message, group: &'static str) -> Span {
    let topic = message.topic;
    Span::within(
        format!("process {topic}"),
        Kind::Consumer,
        message.trace.as_deref(),
        || {
            vec![
                attribute("messaging.operation.name", "process"),
                attribute("messaging.destination.name", topic),
                attribute("messaging.consumer.group.name", group),
                attribute("messaging.message.id", message.event.id.clone()),
                attribute("cloudevents.event_type", message.event.kind.clone()),
            ]
        },
    )
}

/// Tells the timer what was planned.
async fn tell_the_timer(firing: Firing, mut consumer: Consumer, stop: CancellationToken) {
    let kind = |kind| route("reminders", kind).0;
    let (planned, snoozed) = (kind("planned"), kind("snoozed"));
    let over = consumer.over();
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => return,
            batch = consumer.next_batch(ROOM) => batch,
        };
        if batch.is_empty() {
            return;
        }
        let (ids, spans): (Vec<String>, Vec<Span>) = batch
            .iter()
            .filter(|message| message.event.kind == planned || message.event.kind == snoozed)
            .map(|message| (message.event.subject.clone(), processing(message, "timer")))
            .unzip();
        while let Err(error) = firing.planned(&ids).await {
            tracing::warn!(%error, "cannot look up what was planned");
            tokio::select! {
                () = stop.cancelled() => return,
                () = over.cancelled() => return,
                () = tokio::time::sleep(BackOff::default().after(1)) => {}
            }
        }
        drop(spans);
        for message in &batch {
            consumer.finish(message);
        }
    }
}
