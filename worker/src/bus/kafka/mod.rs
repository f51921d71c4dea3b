//! The bus on Kafka, through librdkafka.
//!
//! The relay's producer is idempotent and keyed by owner. A consumer commits its lowest unfinished offset; what comes
//! again after a crash, a rebalance or a take-over is told by the event's id and does no harm, because every handler reads
//! the row. The assignor is the eager default, which hands each partition over whole.

mod consumer;
mod producer;
mod tail;
pub mod topics;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use punctual_contract::events::CloudEvent;
use rdkafka::ClientConfig;
use rdkafka::message::Message as _;
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use consumer::{Membership, Partition};

use super::{Message, Outgoing, Tail};
use crate::config::Hidden;
use crate::error::Error;
use producer::Producer;

/// Messages that a reader without a group may lag behind.
const TAIL: usize = 4096;
/// The topic of what was set apart from another one.
pub const DEAD_LETTERS: &str = ".dlq";
/// The longest pause between two tries to reach a broker again, in milliseconds: an outage costs no more once it has ended.
const RECONNECT_MS: &str = "1000";

/// How to reach the brokers.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// Before the names of topics and groups, where several installations share the brokers.
    pub prefix: String,
    pub security: Security,
}

/// How the brokers know us, and we them.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Encrypted, where the brokers' certificates must be good for the names that they are reached by.
    pub tls: bool,
    /// PEM file that they must lead to; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Who we are (SASL); `None`: nobody.
    pub login: Option<Login>,
}

#[derive(Clone, Debug)]
pub struct Login {
    /// `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`.
    pub mechanism: String,
    pub user: String,
    pub password: Hidden,
}

impl KafkaOptions {
    /// What every client has in common.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "punctual-worker")
            .set("allow.auto.create.topics", "false")
            // A broker that starts says for a moment that it has no topics; one that is made later is found as soon.
            .set("topic.metadata.refresh.interval.ms", "3000")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", RECONNECT_MS)
            .set("socket.keepalive.enable", "true")
            .set("log.connection.close", "false")
            .set("security.protocol", self.security.protocol());
        if let Some(ca) = &self.security.ca {
            config.set("ssl.ca.location", ca.display().to_string());
        }
        if let Some(login) = &self.security.login {
            config
                .set("sasl.mechanism", &login.mechanism)
                .set("sasl.username", &login.user)
                .set("sasl.password", login.password.reveal());
        }
        config
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Security {
    fn protocol(&self) -> &'static str {
        match (self.tls, &self.login) {
            (false, None) => "plaintext",
            (false, Some(_)) => "sasl_plaintext",
            (true, None) => "ssl",
            (true, Some(_)) => "sasl_ssl",
        }
    }
}

/// Clones are handles on the same bus.
#[derive(Clone)]
pub struct Kafka {
    inner: Arc<Inner>,
}

struct Inner {
    options: KafkaOptions,
    producer: Producer,
    tails: Mutex<HashMap<&'static str, broadcast::Sender<Tail>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Kafka {
    /// Connects when it is first used, and again for as long as it takes. Its readers end with `stop`; who waits for `tasks`
    /// then lets them leave their groups, so that others take over at once.
    pub fn new(options: KafkaOptions, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let producer = Producer::new(options.clone());
        Self {
            inner: Arc::new(Inner {
                options,
                producer,
                tails: Mutex::default(),
                tasks,
                stop,
            }),
        }
    }

    pub async fn publish(&self, events: &[Outgoing]) -> Result<(), Error> {
        self.inner.producer.publish(events).await
    }

    pub fn subscribe(
        &self,
        group: &str,
        topic: &'static str,
        stop: &CancellationToken,
    ) -> Result<Membership, Error> {
        consumer::join(self, group, topic, stop.clone())
    }

    pub fn tail(&self, topic: &'static str) -> broadcast::Receiver<Tail> {
        let inner = &self.inner;
        let mut tails = inner.tails.lock().unwrap_or_else(PoisonError::into_inner);
        tails
            .entry(topic)
            .or_insert_with(|| {
                let sender = broadcast::channel(TAIL).0;
                inner.tasks.spawn(tail::run(
                    inner.options.clone(),
                    topic,
                    sender.clone(),
                    inner.stop.clone(),
                ));
                sender
            })
            .subscribe()
    }

    pub async fn set_apart(&self, message: &Message, error: &str) -> Result<(), Error> {
        let payload = serde_json::to_vec(&*message.event).unwrap_or_default();
        self.inner
            .producer
            .set_apart(message.topic, message.key.as_bytes(), &payload, error)
            .await
    }

    fn options(&self) -> &KafkaOptions {
        &self.inner.options
    }
}

/// A consumer. It is closed on a thread of its own: closing waits for a broker, for ever where none comes back.
pub(crate) struct Closing<C: Send + 'static>(Option<C>);

impl<C: Send + 'static> Closing<C> {
    pub(crate) fn new(consumer: C) -> Self {
        Self(Some(consumer))
    }

    /// Closes it after some last work. Who waits for the answer knows that it is closed.
    fn close(mut self, last: impl FnOnce(&C) + Send + 'static) -> oneshot::Receiver<()> {
        let consumer = self.0.take();
        aside(move || {
            if let Some(consumer) = consumer {
                last(&consumer);
            }
        })
    }
}

impl<C: Send + 'static> std::ops::Deref for Closing<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<C: Send + 'static> Drop for Closing<C> {
    fn drop(&mut self) {
        if let Some(consumer) = self.0.take() {
            drop(aside(move || drop(consumer)));
        }
    }
}

/// Runs what blocks for a while on a thread of its own. Not on the runtime's: a client that can't be closed would keep the
/// process from ending.
fn aside(work: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (done, waiting) = oneshot::channel();
    std::thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    waiting
}

/// The event of a record; else why it is none.
pub(crate) fn read(
    topic: &'static str,
    record: &rdkafka::message::BorrowedMessage<'_>,
) -> Result<Message, String> {
    let payload = record.payload().ok_or("a record without a value")?;
    let event: CloudEvent =
        serde_json::from_slice(payload).map_err(|error| format!("no CloudEvent: {error}"))?;
    let position = event
        .id
        .parse()
        .map_err(|_| format!("no event of ours: its id is {:?}", event.id))?;
    Ok(Message {
        topic,
        key: event.partitionkey.clone(),
        position,
        offset: record.offset(),
        event: Arc::new(event),
    })
}
