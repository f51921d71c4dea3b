//! Sends deliveries, and the mails that confirm an address: the receipt of every try is in the row. At least once, under
//! one stable id.
//!
//! One file per kind of channel says what is sent; this one is the way that all of them go: whose turn it is, what is held
//! in quiet hours, the rest that a destination in trouble takes, the next try, the receipt.

mod close;
mod email;
mod links;
mod messages;
mod ntfy;
mod outside;
mod push;
mod webhook;

use std::collections::{HashMap, HashSet, VecDeque};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punctual_domain::{Instant, Quiet};
use punctual_telemetry::{Kind, Span, attribute};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, SECOND, rfc3339};
use crate::error::Error;
use crate::metrics::{Channel, Delivery, channel, metrics};
use crate::store::{About, Confirmation, Pending, Store};

use close::Closed;
use links::Links;
use outside::{Outcome, Outside};

pub use email::Mail;
pub use push::Vapid;

/// Tries under way at once, over all and to one destination.
const AT_ONCE: usize = 64;
const AT_ONCE_EACH: usize = 8;
/// After so many failures in a row a destination rests, so that it doesn't take the others' turns.
const FAILURES: u32 = 5;
const REST: i64 = 30 * SECOND;
/// A destination that takes nothing more for so long is slow. Then only so many of its deliveries stay in front of the
/// others', and the rest of them has its turn later.
const SLOW: i64 = SECOND;
const SLOW_AHEAD: usize = 2 * AT_ONCE_EACH;
const SLOW_PAUSE: i64 = 10 * SECOND;
/// Destinations whose failures are remembered; beyond that, only those with tries under way.
const KNOWN: usize = 10_000;

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
/// What was found counts for so long; a twentieth where there are news.
const FRESH: i64 = SECOND;
/// While a firing is not published yet, or there are news.
const BUSY: Duration = Duration::from_millis(50);
/// Rows that one look takes.
const ROWS: i64 = 1000;

/// What a sender needs.
#[derive(Debug)]
pub struct SenderOptions {
    pub store: Store,
    pub clock: Clock,
    /// How receivers reach the server; no slash at its end.
    pub public_url: String,
    /// Signs the links that act.
    pub events_secret: String,
    /// Given addresses may be http and private ones.
    pub allow_private: bool,
    /// `None`: no e-mail is sent.
    pub mail: Option<Mail>,
    pub vapid: Vapid,
    /// Says that something may have to be sent.
    pub nudged: Arc<Notify>,
}

/// Clones are handles on the same sender.
#[derive(Clone, Debug)]
pub struct Sender {
    store: Store,
    clock: Clock,
    outside: Outside,
    nudged: Arc<Notify>,
    /// A try has ended: there is room for another one.
    ended: Arc<Notify>,
    state: Arc<Mutex<State>>,
}

/// What the last look found and could not be started yet.
#[derive(Debug, Default)]
struct Queue {
    /// By destination; those that had a turn stand behind the others.
    jobs: VecDeque<(String, VecDeque<Job>)>,
    /// Nothing else was there.
    all: bool,
    looked: i64,
    /// Something has come since.
    news: bool,
    /// In-app deliveries wait for the publication of their firing.
    unpublished: bool,
}

impl Queue {
    /// Whether it takes another look to go on.
    fn is_used_up(&self, now: i64) -> bool {
        let fresh = if self.news { FRESH / 20 } else { FRESH };
        if self.jobs.is_empty() {
            self.news || !self.all
        } else {
            now - self.looked > fresh
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Jobs whose try is under way.
    busy: HashSet<String>,
    destinations: HashMap<String, Destination>,
    closed: Closed,
    /// The change up to whose publication in-app deliveries are settled.
    settled_through: Option<i64>,
}

#[derive(Debug, Default)]
struct Destination {
    busy: usize,
    /// When its last try began.
    begun: i64,
    failures: u32,
    rests_until: i64,
}

impl State {
    fn is_full(&self, destination: &str) -> bool {
        let known = self.destinations.get(destination);
        known.is_some_and(|known| known.busy >= AT_ONCE_EACH)
    }

    /// Whether all its places have been taken for a while.
    fn is_slow(&self, destination: &str, now: i64) -> bool {
        let known = self.destinations.get(destination);
        known.is_some_and(|known| known.busy >= AT_ONCE_EACH && now - known.begun > SLOW)
    }

    fn begin(&mut self, key: String, destination: &str, now: i64) {
        if self.destinations.len() >= KNOWN {
            self.destinations.retain(|_, known| known.busy > 0);
        }
        self.busy.insert(key);
        let known = self.destinations.entry(destination.to_owned()).or_default();
        known.busy += 1;
        known.begun = now;
    }

    /// Notes how a try ended. A destination that fails again and again takes a rest.
    fn end(&mut self, key: &str, destination: &str, outcome: &Outcome, now: i64) {
        self.busy.remove(key);
        let Some(known) = self.destinations.get_mut(destination) else {
            return;
        };
        known.busy = known.busy.saturating_sub(1);
        if let Outcome::NotNow { down: true, .. } = outcome {
            known.failures += 1;
            if known.failures >= FAILURES {
                known.rests_until = now + REST;
            }
        } else {
            known.failures = 0;
            known.rests_until = 0;
        }
        if known.busy == 0 && known.failures == 0 {
            self.destinations.remove(destination);
        }
    }
}

/// What is sent: both kinds go the same way.
#[derive(Debug)]
enum Job {
    Delivery(Box<Pending>),
    Confirmation(Confirmation),
}

impl Job {
    /// Its row, whichever table that is in.
    fn key(&self) -> String {
        match self {
            Self::Delivery(delivery) => delivery.id.clone(),
            Self::Confirmation(confirmation) => format!("confirm.{}", confirmation.channel_id),
        }
    }

    fn channel(&self) -> &'static str {
        match self {
            Self::Delivery(delivery) => channel(&delivery.kind),
            Self::Confirmation(_) => "email",
        }
    }

    fn trace(&self) -> Option<&str> {
        match self {
            Self::Delivery(delivery) => delivery.trace.as_deref(),
            Self::Confirmation(_) => None,
        }
    }

    fn tries(&self) -> i64 {
        match self {
            Self::Delivery(delivery) => delivery.tries,
            Self::Confirmation(confirmation) => confirmation.tries,
        }
    }

    /// What is up or down as one: a URL's scheme, host and port, or the mail server.
    fn destination(&self) -> String {
        match self {
            Self::Delivery(delivery) if delivery.kind != "email" => origin(&delivery.target),
            Self::Delivery(_) | Self::Confirmation(_) => "smtp".to_owned(),
        }
    }

    /// Until when it is held although its time has come.
    fn held_until(&self, now: i64) -> Option<i64> {
        match self {
            Self::Delivery(delivery) => quiet_until(delivery, now),
            Self::Confirmation(_) => None,
        }
    }
}

fn origin(target: &str) -> String {
    url::Url::parse(target).map_or_else(
        |_| target.to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}

/// When the account's quiet hours that hold a delivery end. They hold what rings: not a webhook, which is a program's, and
/// nothing of a task with high priority.
fn quiet_until(delivery: &Pending, now: i64) -> Option<i64> {
    let rings = ["email", "ntfy", "push"].contains(&delivery.kind.as_str());
    let urgent = matches!(&delivery.about, About::Task(task) if task.priority == "high");
    if !rings || delivery.removed || urgent {
        return None;
    }
    let (from, until) = (
        delivery.quiet_from.as_deref()?,
        delivery.quiet_until.as_deref()?,
    );
    let end = Quiet::new(from, until)
        .ok()?
        .end(Instant::from_micros(now), messages::account_zone(delivery))?;
    Some(end.micros())
}

impl Sender {
    pub fn new(options: SenderOptions) -> Result<Self, Error> {
        let SenderOptions {
            store,
            clock,
            public_url,
            events_secret,
            allow_private,
            mail,
            vapid,
            nudged,
        } = options;
        let links = Links::new(public_url, events_secret);
        Ok(Self {
            store,
            clock,
            outside: Outside::new(links, mail, vapid, allow_private)?,
            nudged,
            ended: Arc::default(),
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
        let mut queue = Queue::default();
        let mut look = true;
        // Another worker may have led since.
        self.state().settled_through = None;
        loop {
            if let Err(error) = self.round(look, &mut queue, &tasks, &slots).await {
                tracing::error!(%error, "cannot look for deliveries");
            }
            let pace = if queue.unpublished || queue.news {
                BUSY
            } else {
                PACE
            };
            look = tokio::select! {
                () = stop.cancelled() => break,
                () = self.nudged.notified() => {
                    queue.news = true;
                    queue.is_used_up(self.clock.now())
                }
                () = self.ended.notified() => queue.is_used_up(self.clock.now()),
                () = self.clock.pause(pace) => true,
            };
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Starts what can be sent now, after a look into the database or from what the last look found.
    async fn round(
        &self,
        look: bool,
        queue: &mut Queue,
        tasks: &TaskTracker,
        slots: &Arc<Semaphore>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        if look {
            if !queue.all {
                self.make_way(queue, now).await?;
            }
            *queue = self.look(now).await?;
        }
        for _ in 0..queue.jobs.len() {
            let Some((destination, mut jobs)) = queue.jobs.pop_front() else {
                break;
            };
            while !self.state().is_full(&destination)
                && let Some(job) = jobs.pop_front()
            {
                if self.is_put_off(&job, &destination, now).await? {
                    continue;
                }
                let Ok(slot) = slots.clone().try_acquire_owned() else {
                    jobs.push_front(job);
                    queue.jobs.push_front((destination, jobs));
                    return Ok(());
                };
                self.state().begin(job.key(), &destination, now);
                let (sender, destination) = (self.clone(), destination.clone());
                tasks.spawn(async move {
                    sender.attempt(job, &destination).await;
                    drop(slot);
                    sender.ended.notify_one();
                });
            }
            if !jobs.is_empty() {
                queue.jobs.push_back((destination, jobs));
            }
        }
        Ok(())
    }

    /// There is more than a look takes in, so what waits for slow destinations goes behind the others.
    async fn make_way(&self, queue: &Queue, now: i64) -> Result<(), Error> {
        for (destination, jobs) in &queue.jobs {
            if !self.state().is_slow(destination, now) {
                continue;
            }
            let ids: Vec<String> = jobs
                .iter()
                .skip(SLOW_AHEAD)
                .filter_map(|job| match job {
                    Job::Delivery(delivery) => Some(delivery.id.clone()),
                    Job::Confirmation(_) => None,
                })
                .collect();
            self.store.put_off(&ids, now + SLOW_PAUSE).await?;
        }
        Ok(())
    }

    /// Whether it has to wait, for its account's quiet hours or while its destination rests; then its row says so.
    async fn is_put_off(&self, job: &Job, destination: &str, now: i64) -> Result<bool, Error> {
        let rests = |known: &Destination| Some(known.rests_until).filter(|until| *until > now);
        let until = job.held_until(now).or_else(|| {
            let state = self.state();
            state.destinations.get(destination).and_then(rests)
        });
        let Some(until) = until else {
            return Ok(false);
        };
        match job {
            Job::Delivery(delivery) => {
                self.store
                    .put_off(slice::from_ref(&delivery.id), until)
                    .await?;
            }
            Job::Confirmation(confirmation) => {
                let channel = &confirmation.channel_id;
                self.store.put_off_confirmation(channel, until).await?;
            }
        }
        Ok(true)
    }

    async fn look(&self, now: i64) -> Result<Queue, Error> {
        let known = self.state().settled_through;
        let after = match known {
            Some(position) => position,
            None => self.store.unsettled_after().await?,
        };
        let settled = self.store.settle_in_app(after, now).await?;
        self.state().settled_through = Some(settled.through);
        let in_app = Delivery {
            channel: channel("in-app"),
            result: "sent",
        };
        metrics()
            .deliveries
            .get_or_create(&in_app)
            .inc_by(settled.count);
        // Those under way before the rows are read: one may end, and be recorded, between the reading and the look at it.
        let under_way = self.state().busy.clone();
        let confirmations = self.store.pending_confirmations(now, ROWS).await?;
        let deliveries = self.store.pending_deliveries(now, ROWS).await?;
        let all = [confirmations.len(), deliveries.len()]
            .iter()
            .all(|found| *found < ROWS as usize);
        let found = confirmations
            .into_iter()
            .map(Job::Confirmation)
            .chain(deliveries.into_iter().map(Box::new).map(Job::Delivery))
            .filter(|job| !under_way.contains(&job.key()));
        let mut jobs: VecDeque<(String, VecDeque<Job>)> = VecDeque::new();
        let mut places = HashMap::new();
        for job in found {
            let destination = job.destination();
            let place = *places.entry(destination.clone()).or_insert_with(|| {
                jobs.push_back((destination, VecDeque::new()));
                jobs.len() - 1
            });
            jobs[place].1.push_back(job);
        }
        Ok(Queue {
            jobs,
            all,
            looked: now,
            news: false,
            unpublished: settled.waits,
        })
    }

    async fn attempt(&self, job: Job, destination: &str) {
        let begun = self.clock.now();
        let started = tokio::time::Instant::now();
        let channel = job.channel();
        let span = Span::within(
            format!("deliver {channel}"),
            Kind::Client,
            job.trace(),
            || {
                vec![
                    attribute("punctual.delivery.id", job.key()),
                    attribute("punctual.delivery.tries", job.tries()),
                ]
            },
        );
        let outcome = span.run(self.send(&job, begun)).await;
        let now = self.clock.now();
        let next = usize::try_from(job.tries())
            .ok()
            .and_then(|tries| RETRIES.get(tries));
        let (state, said, next_try) = match (&outcome, next) {
            (Outcome::Sent, _) => ("sent", "sent", None),
            (
                Outcome::NotNow {
                    reason, not_before, ..
                },
                Some(pause),
            ) => (
                "pending",
                reason.as_str(),
                Some((now + pause).max(not_before.unwrap_or(0))),
            ),
            (
                Outcome::NotNow { reason, .. } | Outcome::Never(reason) | Outcome::Gone(reason),
                _,
            ) => ("failed", reason.as_str(), None),
        };
        let result = match (&outcome, state) {
            (Outcome::Gone(_), _) => "gone",
            (_, "sent") => "sent",
            (_, "pending") => "retry",
            _ => "failed",
        };
        if result != "sent" {
            span.fail(result);
        }
        let tried = Delivery { channel, result };
        metrics().deliveries.get_or_create(&tried).inc();
        metrics()
            .delivery_duration
            .get_or_create(&Channel { channel })
            .observe(started.elapsed().as_secs_f64());
        let recorded = match &job {
            Job::Delivery(delivery) => {
                let entry = json!({ "at": rfc3339(begun), "outcome": said, "ms": started.elapsed().as_millis() });
                self.store
                    .record_try(&delivery.id, state, entry.to_string(), next_try, now)
                    .await
            }
            Job::Confirmation(confirmation) => {
                let error = (state != "sent").then(|| said.to_owned());
                self.store
                    .record_confirmation(&confirmation.channel_id, state, error, next_try)
                    .await
            }
        };
        // A try that can't be recorded comes again, under the same id.
        if let Err(error) = recorded {
            tracing::error!(%error, job = job.key(), "cannot record a try");
        }
        if let (Outcome::Gone(_), Job::Delivery(delivery)) = (&outcome, &job) {
            self.remove(&delivery.channel_id).await;
        }
        self.state().end(&job.key(), destination, &outcome, now);
        if let (Outcome::Sent, Job::Delivery(delivery)) = (&outcome, &job)
            && delivery.kind == "push"
        {
            self.close_if_read(&delivery.reminder_id).await;
        }
    }

    /// Removes a channel whose receiver will never be there again. Where that fails, the next delivery finds it out anew.
    async fn remove(&self, channel: &str) {
        if let Err(error) = self.store.remove_channel(channel, self.clock.now()).await {
            tracing::error!(%error, channel, "cannot remove a channel");
        }
    }

    async fn send(&self, job: &Job, now: i64) -> Outcome {
        let delivery = match job {
            Job::Confirmation(confirmation) if confirmation.removed => {
                return Outcome::Never(REMOVED.to_owned());
            }
            Job::Confirmation(confirmation) => {
                return email::confirm(&self.outside, confirmation, now).await;
            }
            Job::Delivery(delivery) if delivery.removed => {
                return Outcome::Never(REMOVED.to_owned());
            }
            Job::Delivery(delivery) => delivery,
        };
        if delivery.settled && delivery.kind != "webhook" {
            return Outcome::Never(SETTLED.to_owned());
        }
        match delivery.kind.as_str() {
            "webhook" => webhook::send(&self.outside, delivery, now).await,
            "email" => email::send(&self.outside, delivery, now).await,
            "ntfy" => ntfy::send(&self.outside, delivery, now).await,
            "push" => push::send(&self.outside, delivery, now).await,
            other => Outcome::Never(format!("this version knows no channel of the kind {other}")),
        }
    }
}

const REMOVED: &str = "the channel was removed";
/// What rings is not sent to somebody who knows already: after quiet hours, or when a retry's time has come.
const SETTLED: &str = "not needed any more: the reminder was read, or its task is done";
