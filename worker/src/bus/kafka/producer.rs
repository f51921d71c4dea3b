//! The one producer of a worker: idempotent, acknowledged by all replicas in sync, in order per key without a gap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punctual_contract::events::CloudEvent;
use punctual_telemetry::HEADER;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use super::super::Outgoing;
use super::{DEAD_LETTERS, KafkaOptions, aside};
use crate::error::Error;

/// Records that wait in the client.
const QUEUE: usize = 20_000;
/// How long a record may take, with all tries, before its fate counts as unknown.
const TIMEOUT_MS: &str = "10000";
/// Pause where the queue is full.
const FULL: Duration = Duration::from_millis(1);
/// Of a record that is set apart no more than this is kept: it came from outside, and the broker takes 1 MiB.
const MOST_KEPT: usize = 900 << 10;
/// CloudEvents' Kafka binding, structured mode.
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

#[derive(Default)]
pub struct Quiet;

impl ClientContext for Quiet {
    /// librdkafka's own view of an outage goes to the log below what matters to an operator.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

pub struct Producer {
    options: KafkaOptions,
    /// Made when it is needed, and made anew after an error that it can't go on from.
    current: Mutex<Option<FutureProducer<Quiet>>>,
}

impl Producer {
    pub fn new(options: KafkaOptions) -> Self {
        Self {
            options,
            current: Mutex::default(),
        }
    }

    fn get(&self) -> Result<FutureProducer<Quiet>, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = &*current {
            return Ok(producer.clone());
        }
        let producer: FutureProducer<Quiet> = self
            .options
            .client()
            .set("enable.idempotence", "true")
            // A record that fails takes those behind it along, so that what is sent again comes in order.
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", TIMEOUT_MS)
            .set("retry.backoff.max.ms", "500")
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "1048576")
            // As Java's clients choose the partition of a key.
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", QUEUE.to_string())
            .create_with_context(Quiet)?;
        Ok(current.insert(producer).clone())
    }

    /// After an error: a producer that cannot go on is let go.
    fn failed(&self, producer: FutureProducer<Quiet>) {
        if producer.client().fatal_error().is_some() {
            let broken = self
                .current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(aside(move || drop((broken, producer))));
        }
    }

    /// Returns when all are acknowledged, or at the first error: then the fate of some is unknown.
    pub async fn publish(&self, events: &[Outgoing]) -> Result<(), Error> {
        let producer = self.get()?;
        let published = publish(&self.options, &producer, events).await;
        if published.is_err() {
            self.failed(producer);
        }
        published
    }

    /// Sends a record to the dead letters of its topic, and waits for the acknowledgement.
    pub async fn set_apart(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        error: &str,
    ) -> Result<(), Error> {
        let producer = self.get()?;
        let topic = format!("{}{DEAD_LETTERS}", self.options.topic(topic));
        let headers = OwnedHeaders::new()
            .insert(Header {
                key: "content-type",
                value: Some(CONTENT_TYPE),
            })
            .insert(Header {
                key: "error",
                value: Some(error),
            });
        let (payload, headers) = match payload.get(..MOST_KEPT) {
            None => (payload, headers),
            Some(kept) => {
                let length = payload.len().to_string();
                let cut = Header {
                    key: "cut-from",
                    value: Some(&length),
                };
                (kept, headers.insert(cut))
            }
        };
        let record = FutureRecord::to(&topic)
            .key(key)
            .payload(payload)
            .headers(headers);
        let sent = match producer.send_result(record) {
            Ok(delivery) => acknowledged(delivery).await,
            Err((error, _)) => Err(error.into()),
        };
        if sent.is_err() {
            self.failed(producer);
        }
        sent
    }
}

async fn publish(
    options: &KafkaOptions,
    producer: &FutureProducer<Quiet>,
    events: &[Outgoing],
) -> Result<(), Error> {
    let mut under_way = VecDeque::with_capacity(events.len());
    let mut last: Option<(&Arc<CloudEvent>, Vec<u8>)> = None;
    for Outgoing {
        topic,
        key,
        event,
        trace,
        ..
    } in events
    {
        // One event goes to several topics in a row.
        let payload = match &last {
            Some((same, payload)) if Arc::ptr_eq(same, event) => payload,
            _ => {
                let json = serde_json::to_vec(&**event)
                    .map_err(|error| Error::Corrupt(format!("an event: {error}")))?;
                &last.insert((event, json)).1
            }
        };
        let topic = options.topic(topic);
        loop {
            let mut headers = OwnedHeaders::new().insert(Header {
                key: "content-type",
                value: Some(CONTENT_TYPE),
            });
            if let Some(trace) = trace {
                headers = headers.insert(Header {
                    key: HEADER,
                    value: Some(trace),
                });
            }
            let record = FutureRecord::to(&topic)
                .key(key)
                .payload(payload)
                .headers(headers);
            match producer.send_result(record) {
                Ok(delivery) => break under_way.push_back(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    match under_way.pop_front() {
                        Some(oldest) => acknowledged(oldest).await?,
                        // Somebody else's records.
                        None => tokio::time::sleep(FULL).await,
                    }
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    for delivery in under_way {
        acknowledged(delivery).await?;
    }
    Ok(())
}

async fn acknowledged(delivery: DeliveryFuture) -> Result<(), Error> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error.into()),
        Err(_) => Err(KafkaError::Canceled.into()),
    }
}
