//! The outbox's reader: gives committed changes their gap-free positions, where they have none yet, and publishes them as
//! CloudEvents.
//!
//! With Kafka the database is asked every 2 ms while there is work, and when idle every 20 ms. In the embedded edition all
//! changes are written by this process and wake the relay: SQLite's update hook on the one writer says so, which costs
//! nothing and sees every write, whoever made it. Under load a round waits a little, and takes along what comes meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join;
use punctual_contract::events::{CloudEvent, Data, REMINDERS, TASK_EVENTS, TASK_UPDATES, route};
use punctual_telemetry::{Kind, Span, attribute};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Outgoing};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::lease::{LEADER, Lead};
use crate::metrics::{Topic, metrics};
use crate::store::{Row, Store};

/// From one round to the next that something woke.
const GATHER: Duration = Duration::from_millis(5);
/// How often the watermark is saved, at most. What was published since then is published again after a crash.
const SAVE: Duration = Duration::from_millis(100);
/// The largest event that is published whole.
const MAX_EVENT: usize = 256 << 10;

#[derive(Debug)]
pub struct Relay {
    store: Store,
    bus: Bus,
    nudged: Arc<Notify>,
    /// Changes in one round.
    full: u32,
    /// Until the next look: after a round that found something, and after one that found nothing.
    busy: Duration,
    idle: Duration,
    /// Whether the next round is read while one is published, which takes a while with Kafka.
    reads_ahead: bool,
}

/// The lease is somebody else's.
#[derive(Debug, PartialEq, Eq)]
pub struct Fenced;

/// How far a relay is under its lease.
#[derive(Debug, Default)]
pub struct Progress {
    /// The last position published.
    after: Option<i64>,
    /// What comes behind it, where that was read already.
    ahead: Option<Vec<Row>>,
}

impl Relay {
    pub fn new(store: Store, bus: Bus, nudged: Arc<Notify>) -> Self {
        // With Kafka the writers are other processes, so nothing nudges.
        let millis = Duration::from_millis;
        let (full, busy, idle, reads_ahead) = match &bus {
            Bus::InProcess(_) => (500, millis(200), millis(200), false),
            Bus::Kafka(_) => (2000, millis(2), millis(20), true),
        };
        Self {
            store,
            bus,
            nudged,
            full,
            busy,
            idle,
            reads_ahead,
        }
    }

    /// Runs until stopped or fenced off.
    pub async fn run(&self, lead: Lead, stop: CancellationToken) {
        let mut progress = Progress::default();
        // A save asks for the lease, too: the first round that publishes after a while is saved at once, so that a leader
        // who wakes up too late learns it.
        let (mut saved, mut unsaved) = (None::<Instant>, false);
        loop {
            let begun = Instant::now();
            let mut pace = match self.round(lead, &mut progress, &stop).await {
                Ok(Ok(0)) => self.idle,
                Ok(Ok(count)) => {
                    unsaved = true;
                    if count >= self.full || progress.ahead.is_some() {
                        Duration::ZERO
                    } else {
                        self.busy
                    }
                }
                Ok(Err(Fenced)) => break,
                Err(error) => self.failed(&error),
            };
            if unsaved {
                let left = saved.map_or(Duration::ZERO, |at| SAVE.saturating_sub(at.elapsed()));
                if left.is_zero() {
                    match self.save(lead, &progress).await {
                        Ok(Ok(())) => (saved, unsaved) = (Some(Instant::now()), false),
                        Ok(Err(Fenced)) => break,
                        Err(error) => pace = self.failed(&error),
                    }
                } else {
                    pace = pace.min(left);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {
                    if unsaved && let Err(error) = self.save(lead, &progress).await {
                        tracing::warn!(%error, "the watermark is not saved; what was published is published again");
                    }
                    return;
                }
                () = self.nudged.notified() => {
                    tokio::time::sleep(GATHER.saturating_sub(begun.elapsed())).await;
                }
                () = tokio::time::sleep(pace) => {}
            }
        }
        tracing::warn!("the relay was fenced off");
    }

    /// How long to wait after an error.
    fn failed(&self, error: &Error) -> Duration {
        tracing::error!(%error, "the relay's round failed; it tries again");
        metrics().relay_errors.inc();
        self.idle
    }

    /// Gives positions, and publishes what has one. How many were published.
    pub async fn round(
        &self,
        lead: Lead,
        progress: &mut Progress,
        stop: &CancellationToken,
    ) -> Result<Result<u32, Fenced>, Error> {
        let rows = match progress.ahead.take() {
            Some(rows) => rows,
            None => {
                let from = self.begin(progress).await?;
                match self.behind(lead, from).await? {
                    Ok(rows) => rows,
                    Err(Fenced) => return Ok(Err(Fenced)),
                }
            }
        };
        let last = rows.last().map(|last| last.position);
        let more = last.filter(|_| self.reads_ahead);
        let mut events: Vec<Outgoing> = rows.iter().flat_map(outgoing).collect();
        let spans: Vec<Span> = events.iter_mut().map(publication).collect();
        let ahead = async {
            // What goes wrong here does so again in the next round, which tells it.
            let rows = self.behind(lead, more?).await;
            rows.ok()
                .and_then(Result::ok)
                .filter(|rows| !rows.is_empty())
        };
        let (published, ahead) = tokio::select! {
            () = stop.cancelled() => return Ok(Ok(0)),
            both = join(self.bus.publish(&events), ahead) => both,
        };
        published.inspect_err(|_| {
            spans.iter().for_each(|span| span.fail("unpublished"));
        })?;
        drop(spans);
        let metrics = metrics();
        for topic in [TASK_EVENTS, REMINDERS, TASK_UPDATES] {
            let count = events.iter().filter(|event| event.topic == topic).count();
            metrics
                .published
                .get_or_create(&Topic { topic })
                .inc_by(count as u64);
        }
        rows.iter().for_each(|row| metrics.fired(row));
        progress.after = last.or(progress.after);
        progress.ahead = ahead;
        Ok(Ok(u32::try_from(rows.len()).unwrap_or(self.full)))
    }

    /// After which position to publish.
    async fn begin(&self, progress: &mut Progress) -> Result<i64, Error> {
        if let Some(after) = progress.after {
            return Ok(after);
        }
        let published = self.store.published_through().await?;
        let from = self
            .bus
            .resume_from()
            .map_or(published, |unfinished| published.min(unfinished));
        Ok(*progress.after.insert(from))
    }

    /// The next changes, once they have their positions.
    async fn behind(&self, lead: Lead, from: i64) -> Result<Result<Vec<Row>, Fenced>, Error> {
        if let Some(above) = self.store.wants_positions().await? {
            let given = self
                .store
                .give_positions(LEADER, lead.fence, self.full, above)
                .await?;
            if given.is_none() {
                return Ok(Err(Fenced));
            }
        }
        self.store.changes_after(from, self.full).await.map(Ok)
    }

    /// Moves the watermark.
    pub async fn save(&self, lead: Lead, progress: &Progress) -> Result<Result<(), Fenced>, Error> {
        let Some(through) = progress.after else {
            return Ok(Ok(()));
        };
        let store = &self.store;
        let ours = store
            .set_published_through(LEADER, lead.fence, through)
            .await?;
        Ok(if ours { Ok(()) } else { Err(Fenced) })
    }
}

/// The messages of a change: one for each topic.
pub(crate) fn outgoing(row: &Row) -> impl Iterator<Item = Outgoing> {
    let (event, topics) = event(row);
    let event = Arc::new(event);
    let (key, position) = (row.owner.clone(), row.position);
    topics.iter().map(move |topic| Outgoing {
        topic,
        key: key.clone(),
        position,
        event: event.clone(),
        trace: None,
    })
}

/// The span of an event's publication, below the request that made the change. Its context travels beside the event, whose
/// own `traceparent` stays that of the change.
fn publication(outgoing: &mut Outgoing) -> Span {
    let (topic, event) = (outgoing.topic, &outgoing.event);
    let span = Span::within(
        format!("publish {topic}"),
        Kind::Producer,
        event.traceparent.as_deref(),
        || {
            vec![
                attribute("messaging.operation.name", "publish"),
                attribute("messaging.destination.name", topic),
                attribute("messaging.message.id", event.id.clone()),
                attribute("cloudevents.event_type", event.kind.clone()),
            ]
        },
    );
    outgoing.trace = span.traceparent().or_else(|| event.traceparent.clone());
    span
}

/// The CloudEvent of a change, and its topics.
pub fn event(row: &Row) -> (CloudEvent, &'static [&'static str]) {
    let (kind, topics) = route(&row.table, &row.kind);
    let mut event = CloudEvent {
        specversion: "1.0".to_owned(),
        id: row.position.to_string(),
        source: "/punctual".to_owned(),
        kind,
        subject: row.row_id.clone(),
        time: rfc3339(row.at),
        datacontenttype: "application/json".to_owned(),
        partitionkey: row.owner.clone(),
        traceparent: row.trace.clone(),
        data: Data {
            version: row.version,
            actor: row.actor.clone(),
            via: row.via.clone(),
            changed: changed(row.before.as_deref(), &row.after),
        },
    };
    // Written out, a text takes six times its length at most.
    let is_small = row.after.len() < MAX_EVENT / 8;
    let size = || serde_json::to_vec(&event).map_or(usize::MAX, |json| json.len());
    if !is_small && size() > MAX_EVENT {
        event.data.changed = json!({ "ref": reference(&row.table, &row.row_id) });
    }
    (event, topics)
}

/// The fields whose values differ, with their new values.
fn changed(before: Option<&str>, after: &str) -> Value {
    let image = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let before = before.map(image).unwrap_or_default();
    let touched = image(after)
        .into_iter()
        .filter(|(name, value)| before.get(name).unwrap_or(&Value::Null) != value)
        .collect::<Map<_, _>>();
    Value::Object(touched)
}

fn reference(table: &str, id: &str) -> String {
    match table {
        "settings" => "/api/settings".to_owned(),
        table => format!("/api/{table}/{id}"),
    }
}
