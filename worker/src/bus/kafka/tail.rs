//! A reader of a whole topic from now on, without a group: every worker's live hub has one.

use std::time::Duration;

use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Closing, KafkaOptions, Tail, read};
use crate::error::Error;

/// To ask the brokers for partitions and offsets.
const ASK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// Reads until stopped. A [`Tail::Gap`] says where the reading begins, and begins anew.
pub async fn run(
    options: KafkaOptions,
    topic: &'static str,
    readers: broadcast::Sender<Tail>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = read_on(&options, topic, &readers) => ended,
        };
        tracing::warn!(error = %ended, topic, "the tail of a topic broke off; it begins anew");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Reads until something is wrong that the client does not mend by itself.
async fn read_on(
    options: &KafkaOptions,
    topic: &'static str,
    readers: &broadcast::Sender<Tail>,
) -> Error {
    let consumer = match begin(options.clone(), topic).await {
        Ok(consumer) => consumer,
        Err(error) => return error,
    };
    // An error means that nobody reads just now.
    let _ = readers.send(Tail::Gap);
    loop {
        match consumer.recv().await {
            Ok(record) => match read(topic, &record) {
                Ok(message) => drop(readers.send(Tail::Message(message))),
                Err(reason) => {
                    tracing::warn!(topic, reason, "a record that is no event is left out");
                }
            },
            // The client goes on by itself.
            Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut,
            )) => {}
            Err(error) => return error.into(),
        }
    }
}

/// A consumer that stands at the end of every partition. The ends are asked for before, so that nothing that is published
/// from here on is missed.
async fn begin(
    options: KafkaOptions,
    topic: &'static str,
) -> Result<Closing<StreamConsumer>, Error> {
    let ready = tokio::task::spawn_blocking(move || {
        let consumer: StreamConsumer = options
            .client()
            // Never joined: librdkafka wants a name.
            .set(
                "group.id",
                format!("{}tail-{}", options.prefix, Uuid::now_v7()),
            )
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        let consumer = Closing::new(consumer);
        let name = options.topic(topic);
        let metadata = consumer.fetch_metadata(Some(&name), ASK)?;
        let partitions = metadata
            .topics()
            .first()
            .map(|topic| topic.partitions().iter().map(|one| one.id()).collect())
            .unwrap_or_else(Vec::new);
        if partitions.is_empty() {
            return Err(Error::Usage(format!(
                "there is no topic {name}: `punctual-worker topics --apply` makes it"
            )));
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let (_, end) = consumer.fetch_watermarks(&name, partition, ASK)?;
            list.add_partition_offset(&name, partition, Offset::Offset(end))?;
        }
        consumer.assign(&list)?;
        Ok(consumer)
    });
    match ready.await {
        Ok(ready) => ready,
        Err(panic) => Err(Error::Corrupt(panic.to_string())),
    }
}
