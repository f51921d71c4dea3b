//! What lies on a topic of the cluster's Kafka, and how far a group has come on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use it::eventually;
use punctual_contract::events::{CloudEvent, route};
use punctual_servers::Cluster;
use punctual_worker::bus::kafka::{KafkaOptions, Security};
use punctual_worker::bus::{Kafka, Tail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::shared::ask;

const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that comes to a topic from now on.
pub struct Topic {
    name: &'static str,
    events: Arc<Mutex<Vec<CloudEvent>>>,
    _stop: DropGuard,
}

impl Topic {
    pub async fn read(cluster: &Cluster, name: &'static str) -> Self {
        let stop = CancellationToken::new();
        let options = KafkaOptions {
            bootstrap: cluster.kafka.bootstrap(),
            prefix: String::new(),
            security: Security::default(),
        };
        let mut tail = Kafka::new(options, TaskTracker::new(), stop.clone()).tail(name);
        let begun = tokio::time::timeout(PATIENCE, tail.recv()).await;
        assert!(matches!(begun, Ok(Ok(Tail::Gap))), "{begun:?}");
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = events.clone();
        tokio::spawn(async move {
            while let Ok(Tail::Message(message)) = tail.recv().await {
                log.lock().expect("the log").push((*message.event).clone());
            }
        });
        Self {
            name,
            events,
            _stop: stop.drop_guard(),
        }
    }

    /// How often each of a person's events came, by id. One id is one event.
    pub fn of(&self, user: &str) -> BTreeMap<i64, usize> {
        let mut first: BTreeMap<i64, (CloudEvent, usize)> = BTreeMap::new();
        for event in self.events.lock().expect("the log").iter() {
            if event.partitionkey != user {
                continue;
            }
            let id = event.id.parse().expect("a position");
            let (known, times) = first.entry(id).or_insert_with(|| (event.clone(), 0));
            assert_eq!(known, event, "two events have one id");
            *times += 1;
        }
        first
            .into_iter()
            .map(|(id, (_, times))| (id, times))
            .collect()
    }

    /// Everything that a person has changed after a position is here.
    pub async fn assert_whole(&self, cluster: &Cluster, user: &str, after: i64) {
        let sql = format!(
            "SELECT position, tbl, kind FROM changes WHERE owner = '{user}' AND position > {after}"
        );
        let changes = ask(cluster, &sql).await;
        let meant: Vec<i64> = changes
            .iter()
            .filter(|row| route(&row[1], &row[2]).1.contains(&self.name))
            .map(|row| row[0].parse().expect("a position"))
            .collect();
        assert!(!meant.is_empty());
        eventually("every event on the topic", || async {
            let here = self.of(user);
            meant.iter().all(|id| here.contains_key(id)).then_some(())
        })
        .await;
    }
}

/// How many records of a topic a group has not finished, by what it has committed.
pub async fn lag(cluster: &Cluster, group: &'static str, topic: &'static str) -> i64 {
    let bootstrap = cluster.kafka.bootstrap();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", group)
            .create()
            .expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.expect("metadata");
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition(topic, partition.id());
        }
        let committed = consumer.committed_offsets(list, PATIENCE).expect("offsets");
        let open = committed.elements().into_iter().map(|one| {
            let ends = consumer.fetch_watermarks(topic, one.partition(), PATIENCE);
            let (first, end) = ends.expect("an end");
            match one.offset() {
                Offset::Offset(committed) => end - committed,
                _ => end - first,
            }
        });
        open.sum()
    });
    asked.await.expect("asked")
}
