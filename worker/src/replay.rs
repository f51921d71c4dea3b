//! Publishes events again, with the ids they had.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::Outgoing;
use crate::bus::kafka::{Closing, DEAD_LETTERS, Kafka, KafkaOptions};
use crate::error::Error;
use crate::relay::outgoing;
use crate::store::Store;

/// Changes in one round.
const ROUND: u32 = 1000;
/// A change may have got its position so long after its time, in microseconds.
const LATE: i64 = 600 * 1_000_000;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Of the changes made from `from` and before `until` (Unix microseconds): how many events were published.
pub async fn changes(
    store: &Store,
    bus: &Kafka,
    topic: Option<&str>,
    from: i64,
    until: i64,
) -> Result<u64, Error> {
    let mut after = first_position(store, from - LATE).await?;
    let mut published = 0;
    loop {
        let rows = store.changes_after(after, ROUND).await?;
        let Some(last) = rows.last() else {
            return Ok(published);
        };
        after = last.position;
        let events: Vec<Outgoing> = rows
            .iter()
            .filter(|row| (from..until).contains(&row.at))
            .flat_map(outgoing)
            .filter(|event| topic.is_none_or(|only| only == event.topic))
            .collect();
        bus.publish(&events).await?;
        published += events.len() as u64;
        if rows.iter().all(|row| row.at > until + LATE) {
            return Ok(published);
        }
    }
}

/// The position before the first change at an instant, by halves: positions grow with time, save for a little disorder.
async fn first_position(store: &Store, at: i64) -> Result<i64, Error> {
    let (mut low, mut high) = (0, store.last_position().await?);
    while low < high {
        let middle = low + (high - low) / 2;
        match store.changes_after(middle, 1).await?.first() {
            Some(row) if row.at < at => low = row.position,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// How many dead letters of a topic were published again, and how many are no events and stay where they are.
pub async fn dead_letters(
    options: KafkaOptions,
    bus: &Kafka,
    topic: &'static str,
) -> Result<(u64, u64), Error> {
    let read = tokio::task::spawn_blocking(move || read_dead_letters(&options, topic));
    let (consumer, events, unreadable) = read
        .await
        .map_err(|panic| Error::Corrupt(panic.to_string()))??;
    bus.publish(&events).await?;
    let committed = tokio::task::spawn_blocking(move || {
        // Without a new letter there is nothing to commit.
        consumer
            .commit_consumer_state(CommitMode::Sync)
            .or_else(|error| match error {
                rdkafka::error::KafkaError::ConsumerCommit(
                    rdkafka::error::RDKafkaErrorCode::NoOffset,
                ) => Ok(()),
                other => Err(other),
            })
    });
    committed
        .await
        .map_err(|panic| Error::Corrupt(panic.to_string()))??;
    Ok((events.len() as u64, unreadable))
}

/// What was set apart since the last commit, up to now.
fn read_dead_letters(
    options: &KafkaOptions,
    topic: &'static str,
) -> Result<(Closing<BaseConsumer>, Vec<Outgoing>, u64), Error> {
    let consumer: BaseConsumer = options
        .client()
        .set("group.id", format!("{}replay", options.prefix))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let consumer = Closing::new(consumer);
    let name = format!("{}{DEAD_LETTERS}", options.topic(topic));
    let metadata = consumer.fetch_metadata(Some(&name), TIMEOUT)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|one| one.partitions()) {
        list.add_partition(&name, partition.id());
    }
    let committed = consumer.committed_offsets(list, TIMEOUT)?;
    let (mut begin, mut left) = (TopicPartitionList::new(), 0);
    for one in committed.elements() {
        let (low, high) = consumer.fetch_watermarks(&name, one.partition(), TIMEOUT)?;
        let from = match one.offset() {
            Offset::Offset(offset) => offset.max(low),
            _ => low,
        };
        left += high - from;
        begin.add_partition_offset(&name, one.partition(), Offset::Offset(from))?;
    }
    consumer.assign(&begin)?;
    let (mut events, mut unreadable) = (Vec::new(), 0);
    while left > 0 {
        let record = consumer
            .poll(TIMEOUT)
            .ok_or_else(|| Error::Usage(format!("{name} can't be read to its end")))??;
        match crate::bus::kafka::read(topic, &record) {
            Ok(message) => events.push(Outgoing {
                topic,
                key: message.key,
                position: message.position,
                event: message.event,
                trace: None,
            }),
            Err(reason) => {
                tracing::warn!(reason, offset = record.offset(), "a dead letter is left");
                unreadable += 1;
            }
        }
        consumer.store_offset_from_message(&record)?;
        left -= 1;
    }
    Ok((consumer, events, unreadable))
}
