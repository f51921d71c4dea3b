//! The bus port: in process, or Kafka. Both carry topics in partitions by key, to consumer groups that each get every
//! message at least once and in order per key, and commit their offsets after the work.

mod in_process;
pub mod kafka;

use std::sync::Arc;

use punctual_contract::events::CloudEvent;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use in_process::{InProcess, PARTITIONS};
pub use kafka::Kafka;

use crate::error::Error;

/// An event on its way to a topic.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub topic: &'static str,
    pub key: String,
    pub position: i64,
    pub event: Arc<CloudEvent>,
    /// W3C trace context of its publication.
    pub trace: Option<String>,
}

/// An event from a topic.
#[derive(Debug, Clone)]
pub struct Message {
    pub topic: &'static str,
    pub key: String,
    /// Of the change: the same each time that the event is published.
    pub position: i64,
    /// In its partition: another one each time.
    pub offset: i64,
    pub event: Arc<CloudEvent>,
    /// W3C trace context of its publication.
    pub trace: Option<String>,
}

/// What a reader without an offset gets.
#[derive(Debug, Clone)]
pub enum Tail {
    Message(Message),
    /// What came before this is not connected with what comes after it.
    Gap,
}

/// Clones are handles on the same bus.
#[derive(Clone, Debug)]
pub enum Bus {
    InProcess(InProcess),
    Kafka(Kafka),
}

impl Bus {
    /// Joins a consumer group. A group that never committed gets everything there is.
    pub async fn subscribe(
        &self,
        group: &'static str,
        topic: &'static str,
        stop: &CancellationToken,
    ) -> Result<Subscription, Error> {
        Ok(match self {
            Self::InProcess(bus) => {
                let mut consumers = bus.subscribe(group, topic).await?;
                consumers.reverse();
                Subscription::InProcess(consumers)
            }
            Self::Kafka(bus) => Subscription::Kafka(bus.subscribe(group, topic, stop)?),
        })
    }

    /// Every message of a topic from now on, for a reader that keeps no offset. One that lags too far is told so.
    pub fn tail(&self, topic: &'static str) -> broadcast::Receiver<Tail> {
        match self {
            Self::InProcess(bus) => bus.tail(topic),
            Self::Kafka(bus) => bus.tail(topic),
        }
    }

    /// Publishes events in this order, and returns when the bus has them all. After an error, or when this is dropped,
    /// some may be there: then all are published again, and their ids tell the repetition.
    pub async fn publish(&self, events: &[Outgoing]) -> Result<(), Error> {
        match self {
            Self::InProcess(bus) => {
                for event in events {
                    bus.publish(event).await;
                }
                if let Some(last) = events.last() {
                    bus.published(last.position);
                }
                Ok(())
            }
            Self::Kafka(bus) => bus.publish(events).await,
        }
    }

    /// After which position to publish again after a restart, where the bus forgets what its groups have not finished.
    pub fn resume_from(&self) -> Option<i64> {
        match self {
            Self::InProcess(bus) => bus.resume_from(),
            Self::Kafka(_) => None,
        }
    }

    /// Sets an event apart that will not be tried again.
    pub async fn set_apart(&self, message: &Message, error: &str, now: i64) -> Result<(), Error> {
        match self {
            Self::InProcess(bus) => bus.set_apart(message, error, now).await,
            Self::Kafka(bus) => bus.set_apart(message, error).await,
        }
    }

    /// Commits offsets at a steady pace until stopped, where nothing else does.
    pub async fn keep_committing(self, stop: CancellationToken) {
        match self {
            Self::InProcess(bus) => bus.keep_committing(stop).await,
            Self::Kafka(_) => {}
        }
    }
}

/// A membership in a consumer group.
#[derive(Debug)]
pub enum Subscription {
    InProcess(Vec<Consumer>),
    Kafka(kafka::Membership),
}

impl Subscription {
    /// The next partition that this member has been given. `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Consumer> {
        match self {
            Self::InProcess(consumers) => consumers.pop(),
            Self::Kafka(membership) => membership.next().await.map(Consumer::Kafka),
        }
    }
}

/// One group's share of one partition.
#[derive(Debug)]
pub enum Consumer {
    InProcess(in_process::Consumer),
    Kafka(kafka::Partition),
}

impl Consumer {
    /// Cancelled when the partition is no longer this member's.
    pub fn over(&self) -> CancellationToken {
        match self {
            Self::InProcess(_) => CancellationToken::new(),
            Self::Kafka(partition) => partition.over(),
        }
    }

    /// The next messages, as many as are there and `most` at most. Waits for the first; empty when the partition is no
    /// longer this member's.
    pub async fn next_batch(&mut self, most: usize) -> Vec<Message> {
        match self {
            Self::InProcess(consumer) => consumer.next_batch(most).await,
            Self::Kafka(partition) => partition.next_batch(most).await,
        }
    }

    /// Says that a message needs no more work. Its offset is committed once all before it are finished too.
    pub fn finish(&self, message: &Message) {
        match self {
            Self::InProcess(consumer) => consumer.finish(message),
            Self::Kafka(partition) => partition.finish(message),
        }
    }
}
