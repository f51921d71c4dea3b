//! A member of a consumer group. One task reads the group's share of the topic and hands it out by partition; a partition
//! that lags is paused alone. Offsets are stored when all before them are finished, and librdkafka commits what is stored.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Closing, Kafka, Message, read};
use crate::error::Error;
use crate::metrics;

/// Messages of one partition that wait here. It is paused when they are, and resumed at the half.
const QUEUE: usize = 512;
/// Partitions that may be given at once.
const PARTITIONS: usize = 64;
const COMMIT_MS: &str = "200";
/// A member that is silent for so long has died: its partitions go to others.
const SESSION_MS: &str = "6000";
const HEARTBEAT_MS: &str = "1000";
/// How often the lag is told.
const STATISTICS_MS: &str = "5000";
/// Reports of one outage are this far apart.
const WARN: Duration = Duration::from_secs(10);
/// Pause after a record that could neither be read nor set apart.
const PAUSE: Duration = Duration::from_secs(1);

/// The partitions that this member is given, one after the other.
#[derive(Debug)]
pub struct Membership {
    given: mpsc::Receiver<Partition>,
}

impl Membership {
    pub async fn next(&mut self) -> Option<Partition> {
        self.given.recv().await
    }
}

/// One partition for as long as it is this member's.
pub struct Partition {
    queue: mpsc::Receiver<Message>,
    share: Arc<Share>,
    consumer: Weak<Closing<StreamConsumer<Context>>>,
    resume: Arc<Notify>,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition")
            .field("number", &self.share.number)
            .finish_non_exhaustive()
    }
}

/// What reader and worker of a partition both know.
#[derive(Debug)]
struct Share {
    topic: String,
    number: i32,
    progress: Mutex<Progress>,
    paused: AtomicBool,
    /// Cancelled when the partition is somebody else's.
    over: CancellationToken,
}

#[derive(Debug, Default)]
struct Progress {
    /// The last offset that was handed out, or needed no work.
    seen: Option<i64>,
    unfinished: BTreeSet<i64>,
    stored: Option<i64>,
}

impl Progress {
    /// The offset through which all is finished, where that has moved.
    fn moved(&mut self) -> Option<i64> {
        let through = match self.unfinished.first() {
            Some(lowest) => Some(lowest - 1),
            None => self.seen,
        };
        if through > self.stored {
            self.stored = through;
            return through;
        }
        None
    }
}

impl Share {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, consumer: &StreamConsumer<Context>, through: i64) {
        // An error means that the partition is no longer ours: whoever has it does the work again.
        if let Err(error) = consumer.store_offset(&self.topic, self.number, through) {
            tracing::debug!(%error, topic = self.topic, partition = self.number, "an offset was not stored");
        }
    }

    fn list(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, self.number);
        list
    }
}

impl Partition {
    /// Ends when the partition is somebody else's.
    pub fn over(&self) -> CancellationToken {
        self.share.over.clone()
    }

    pub async fn next_batch(&mut self, most: usize) -> Vec<Message> {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            () = self.share.over.cancelled() => return batch,
            _ = self.queue.recv_many(&mut batch, most) => {}
        }
        if self.share.paused.load(Ordering::Acquire) && self.queue.len() <= QUEUE / 2 {
            self.resume.notify_one();
        }
        batch
    }

    pub fn finish(&self, message: &Message) {
        let mut progress = self.share.progress();
        progress.unfinished.remove(&message.offset);
        if self.share.over.is_cancelled() {
            return;
        }
        if let Some(through) = progress.moved()
            && let Some(consumer) = self.consumer.upgrade()
        {
            self.share.store(&consumer, through);
        }
    }
}

enum Event {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
}

struct Context {
    events: mpsc::UnboundedSender<Event>,
    group: &'static str,
    topic: &'static str,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }

    /// What this member has not finished of the partitions that are its own just now. Of the others their members tell.
    fn stats(&self, statistics: Statistics) {
        let gauge = &metrics::metrics().consumer_lag;
        let partitions = statistics
            .topics
            .values()
            .flat_map(|topic| topic.partitions.iter());
        for (number, partition) in partitions.filter(|(number, _)| **number >= 0) {
            let lag = metrics::Lag {
                group: self.group,
                topic: self.topic,
                partition: number.to_string(),
            };
            // Until it stores its first offset, what the group has committed counts; -1 stands for unknown.
            let known = [partition.consumer_lag_stored, partition.consumer_lag];
            match known.into_iter().find(|lag| *lag >= 0) {
                Some(value) if partition.desired => {
                    gauge.get_or_create_owned(&lag).set(value);
                }
                _ => {
                    gauge.remove(&lag);
                }
            }
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            // The channel stays short: its other end takes everything before it takes a record.
            let _ = self.events.send(Event::Revoked(numbers(list)));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            let _ = self.events.send(Event::Assigned(numbers(list)));
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(|one| one.partition()).collect()
}

pub fn join(
    bus: &Kafka,
    group: &'static str,
    topic: &'static str,
    stop: CancellationToken,
) -> Result<Membership, Error> {
    let options = bus.options();
    let (events, rebalances) = mpsc::unbounded_channel();
    let consumer: StreamConsumer<Context> = options
        .client()
        .set("group.id", format!("{}{group}", options.prefix))
        .set("enable.auto.offset.store", "false")
        .set("auto.commit.interval.ms", COMMIT_MS)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", SESSION_MS)
        .set("heartbeat.interval.ms", HEARTBEAT_MS)
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", "16384")
        .set("statistics.interval.ms", STATISTICS_MS)
        .create_with_context(Context {
            events,
            group,
            topic,
        })?;
    consumer.subscribe(&[&options.topic(topic)])?;
    let (give, given) = mpsc::channel(PARTITIONS);
    let reader = Reader {
        bus: bus.clone(),
        topic,
        consumer: Arc::new(Closing::new(consumer)),
        rebalances,
        give,
        partitions: HashMap::new(),
        resume: Arc::default(),
    };
    bus.inner.tasks.spawn(reader.run(stop));
    Ok(Membership { given })
}

struct Reader {
    bus: Kafka,
    topic: &'static str,
    consumer: Arc<Closing<StreamConsumer<Context>>>,
    rebalances: mpsc::UnboundedReceiver<Event>,
    give: mpsc::Sender<Partition>,
    partitions: HashMap<i32, (mpsc::Sender<Message>, Arc<Share>)>,
    resume: Arc<Notify>,
}

impl Reader {
    async fn run(mut self, stop: CancellationToken) {
        let (consumer, resume) = (self.consumer.clone(), self.resume.clone());
        let mut warned = None;
        loop {
            let received = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(event) = self.rebalances.recv() => {
                    self.rebalanced(event);
                    continue;
                }
                () = resume.notified() => {
                    self.resume();
                    continue;
                }
                received = consumer.recv() => received,
            };
            match received {
                Ok(record) => {
                    // The rebalance before this record was called back while it was received.
                    while let Ok(event) = self.rebalances.try_recv() {
                        self.rebalanced(event);
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.hand_out(&record) => {}
                    }
                }
                // The client goes on by itself. Without a pause here: such reports stand in one queue with what else
                // there is to hear, the next rebalance and the next record.
                Err(error) if warned.is_none_or(|last: Instant| last.elapsed() > WARN) => {
                    warned = Some(Instant::now());
                    tracing::warn!(%error, topic = self.topic, "cannot read from Kafka; it goes on trying");
                }
                Err(_) => {}
            }
        }
        drop(consumer);
        self.leave().await;
    }

    /// Commits what is finished, and leaves the group so that others take over at once.
    async fn leave(mut self) {
        let all: Vec<i32> = self.partitions.keys().copied().collect();
        self.let_go(&all);
        // Where somebody stores an offset at this moment, they close it.
        if let Some(consumer) = Arc::into_inner(self.consumer) {
            let left = consumer.close(|consumer| {
                // Nothing to commit is an error too.
                let _ = consumer.commit_consumer_state(CommitMode::Sync);
            });
            let _ = left.await;
        }
    }

    fn rebalanced(&mut self, event: Event) {
        match event {
            Event::Revoked(partitions) => self.let_go(&partitions),
            // librdkafka remembers that a partition was paused, also while it is somebody else's.
            Event::Assigned(partitions) => {
                let mut list = TopicPartitionList::new();
                let name = self.bus.options().topic(self.topic);
                for number in partitions {
                    list.add_partition(&name, number);
                }
                if let Err(error) = self.consumer.resume(&list) {
                    tracing::warn!(%error, topic = self.topic, "new partitions could not be resumed");
                }
            }
        }
    }

    fn let_go(&mut self, partitions: &[i32]) {
        for number in partitions {
            if let Some((_, share)) = self.partitions.remove(number) {
                share.over.cancel();
            }
        }
    }

    fn resume(&self) {
        for (queue, share) in self.partitions.values() {
            if queue.capacity() >= QUEUE / 2 && share.paused.swap(false, Ordering::AcqRel) {
                self.paused(share, false);
            }
        }
    }

    fn paused(&self, share: &Share, paused: bool) {
        let list = share.list();
        let done = if paused {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        if let Err(error) = done {
            tracing::warn!(%error, topic = share.topic, partition = share.number, paused, "a partition could not be paused or resumed");
        }
    }

    async fn hand_out(&mut self, record: &BorrowedMessage<'_>) {
        let Some((queue, share)) = self.partition(record).await else {
            return;
        };
        match read(self.topic, record) {
            Ok(message) => {
                {
                    let mut progress = share.progress();
                    // Read again after a resumed pause.
                    if progress.seen >= Some(message.offset) {
                        return;
                    }
                    progress.seen = Some(message.offset);
                    progress.unfinished.insert(message.offset);
                }
                if queue.send(message).await.is_ok()
                    && queue.capacity() == 0
                    && !share.paused.swap(true, Ordering::AcqRel)
                {
                    self.paused(&share, true);
                    // It may have been emptied before it was paused.
                    self.resume.notify_one();
                }
            }
            Err(reason) => {
                self.set_apart(record, &reason).await;
                let mut progress = share.progress();
                progress.seen = progress.seen.max(Some(record.offset()));
                if let Some(through) = progress.moved() {
                    share.store(&self.consumer, through);
                }
            }
        }
    }

    /// The record's partition, which is this member's from its first record on.
    async fn partition(
        &mut self,
        record: &BorrowedMessage<'_>,
    ) -> Option<(mpsc::Sender<Message>, Arc<Share>)> {
        let number = record.partition();
        if let Some(known) = self.partitions.get(&number) {
            return Some(known.clone());
        }
        let (sender, queue) = mpsc::channel(QUEUE);
        let share = Arc::new(Share {
            topic: record.topic().to_owned(),
            number,
            progress: Mutex::default(),
            paused: AtomicBool::new(false),
            over: CancellationToken::new(),
        });
        let partition = Partition {
            queue,
            share: share.clone(),
            consumer: Arc::downgrade(&self.consumer),
            resume: self.resume.clone(),
        };
        self.give.send(partition).await.ok()?;
        self.partitions
            .insert(number, (sender.clone(), share.clone()));
        Some((sender, share))
    }

    /// What is no event of ours goes to the dead letters as it came.
    async fn set_apart(&self, record: &BorrowedMessage<'_>, reason: &str) {
        tracing::error!(
            topic = self.topic,
            partition = record.partition(),
            offset = record.offset(),
            reason,
            "a record is set apart with the dead letters"
        );
        let (key, payload) = (
            record.key().unwrap_or_default(),
            record.payload().unwrap_or_default(),
        );
        while let Err(error) = self
            .bus
            .inner
            .producer
            .set_apart(self.topic, key, payload, reason)
            .await
        {
            tracing::error!(%error, "cannot write a dead letter");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
