//! The bus in process, with Kafka's contract: topics in partitions by key, consumer groups that each get every message
//! at least once and in order per key, bounded queues, and offsets that are committed after the work.
//!
//! The log behind it is the table `changes`: the relay publishes again from [`InProcess::resume_from`] after a restart, and
//! what a group had finished by then is left out. A message's offset is its position.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Message, Outgoing, Tail};
use crate::error::Error;
use crate::metrics;
use crate::store::Store;

/// Of every topic.
pub const PARTITIONS: usize = 8;
/// Messages that wait for one group in one partition; a publisher waits beyond that.
const QUEUE: usize = 1024;
/// Messages that a reader without a group may lag behind.
const TAIL: usize = 4096;
/// How often finished work is committed. What was finished since then comes again after a crash.
const COMMIT: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct InProcess {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    groups: Mutex<Vec<Arc<Group>>>,
    tails: Mutex<HashMap<&'static str, broadcast::Sender<Tail>>>,
    /// Through which position readers without a group were told everything before this process began. A group that is
    /// new, and gets all from the beginning, must not bring it back to them.
    told: AtomicI64,
}

#[derive(Debug)]
struct Group {
    name: &'static str,
    topic: &'static str,
    queues: Vec<mpsc::Sender<Message>>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// The last position whose messages this group was given, or did not want.
    seen: i64,
    unfinished: BTreeSet<i64>,
    committed: i64,
}

impl Progress {
    /// Through which position all is finished.
    fn watermark(&self) -> i64 {
        self.unfinished
            .first()
            .map_or(self.seen, |lowest| lowest - 1)
    }
}

impl Group {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One group's share of one partition.
#[derive(Debug)]
pub struct Consumer {
    group: Arc<Group>,
    queue: mpsc::Receiver<Message>,
}

impl InProcess {
    pub fn new(store: Store) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                groups: Mutex::default(),
                tails: Mutex::default(),
                told: AtomicI64::new(0),
            }),
        }
    }

    /// Joins a group: one consumer per partition. A group that never committed gets everything there ever was.
    pub async fn subscribe(
        &self,
        name: &'static str,
        topic: &'static str,
    ) -> Result<Vec<super::Consumer>, Error> {
        let committed = self.inner.store.group_watermark(name).await?.unwrap_or(0);
        self.inner.told.fetch_max(committed, Ordering::Relaxed);
        let (queues, receivers): (Vec<_>, Vec<_>) =
            (0..PARTITIONS).map(|_| mpsc::channel(QUEUE)).unzip();
        let progress = Mutex::new(Progress {
            seen: committed,
            unfinished: BTreeSet::new(),
            committed,
        });
        let group = Arc::new(Group {
            name,
            topic,
            queues,
            progress,
        });
        self.inner
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(group.clone());
        Ok(receivers
            .into_iter()
            .map(|queue| {
                super::Consumer::InProcess(Consumer {
                    group: group.clone(),
                    queue,
                })
            })
            .collect())
    }

    /// Every message of a topic from now on, for a reader that keeps no offset. One that lags too far is told so.
    pub fn tail(&self, topic: &'static str) -> broadcast::Receiver<Tail> {
        let mut tails = self
            .inner
            .tails
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tails
            .entry(topic)
            .or_insert_with(|| broadcast::channel(TAIL).0)
            .subscribe()
    }

    fn groups(&self) -> Vec<Arc<Group>> {
        self.inner
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Hands an event to every group and reader of the topic; waits where a group's queue is full. Positions only grow.
    /// Published again, a message goes only to those who have not had it.
    pub async fn publish(&self, outgoing: &Outgoing) {
        let Outgoing {
            topic,
            key,
            position,
            event,
            trace,
        } = outgoing;
        let (topic, position) = (*topic, *position);
        let message = Message {
            topic,
            key: key.clone(),
            position,
            offset: position,
            event: event.clone(),
            trace: trace.clone(),
        };
        if position > self.inner.told.load(Ordering::Relaxed)
            && let Some(tail) = self
                .inner
                .tails
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(topic)
        {
            // An error means that nobody reads just now.
            let _ = tail.send(Tail::Message(message.clone()));
        }
        for group in self.groups() {
            if group.topic != topic || position <= group.progress().seen {
                continue;
            }
            let Some(queue) = group.queues.get(partition(key)) else {
                continue;
            };
            let Ok(place) = queue.reserve().await else {
                continue;
            };
            // No await from here on: a publisher that is cancelled has done all of this or nothing.
            {
                let mut progress = group.progress();
                progress.unfinished.insert(position);
                progress.seen = position;
            }
            place.send(message.clone());
        }
    }

    /// Says that every message of this position has been published, and so of all before it.
    pub fn published(&self, position: i64) {
        for group in self.groups() {
            let mut progress = group.progress();
            progress.seen = progress.seen.max(position);
        }
    }

    /// After which position to publish again after a restart: what some group has not finished comes again.
    pub fn resume_from(&self) -> Option<i64> {
        self.groups()
            .iter()
            .map(|group| group.progress().watermark())
            .min()
    }

    pub async fn set_apart(&self, message: &Message, error: &str, now: i64) -> Result<(), Error> {
        let json = serde_json::to_string(&*message.event).unwrap_or_default();
        self.inner
            .store
            .dead_letter(message.topic, message.position, json, error, now)
            .await
    }

    /// Commits what the groups have finished since the last time.
    pub async fn commit(&self) -> Result<(), Error> {
        let groups = self.groups();
        let finished: Vec<_> = groups
            .iter()
            .filter_map(|group| {
                let progress = group.progress();
                (progress.watermark() > progress.committed)
                    .then(|| (group.name.to_owned(), progress.watermark()))
            })
            .collect();
        if finished.is_empty() {
            return Ok(());
        }
        self.inner
            .store
            .set_group_watermarks(finished.clone())
            .await?;
        for (name, position) in finished {
            if let Some(group) = groups.iter().find(|group| group.name == name) {
                group.progress().committed = position;
            }
        }
        Ok(())
    }

    /// Commits at a steady pace, and once more when stopped.
    pub async fn keep_committing(self, stop: CancellationToken) {
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(COMMIT) => false,
            };
            for group in self.groups() {
                let lag = metrics::Lag {
                    group: group.name,
                    topic: group.topic,
                    partition: "all".to_owned(),
                };
                let unfinished = i64::try_from(group.progress().unfinished.len()).unwrap_or(0);
                let gauge = metrics::metrics().consumer_lag.get_or_create_owned(&lag);
                gauge.set(unfinished);
            }
            if let Err(error) = self.commit().await {
                tracing::warn!(%error, "cannot commit what the consumer groups have finished");
            }
            if stopped {
                return;
            }
        }
    }
}

impl Consumer {
    /// The next messages, as many as are there and `most` at most. Waits for the first; empty when the bus has closed.
    pub async fn next_batch(&mut self, most: usize) -> Vec<Message> {
        let mut batch = Vec::new();
        self.queue.recv_many(&mut batch, most).await;
        batch
    }

    /// Says that a message needs no more work. Its offset is committed once all before it are finished too.
    pub fn finish(&self, message: &Message) {
        self.group.progress().unfinished.remove(&message.position);
    }
}

/// Which partition a key lives in. The same within one process, which is as long as a queue lives.
fn partition(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % PARTITIONS as u64).unwrap_or(0)
}
