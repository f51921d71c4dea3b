use std::time::Duration;

use punctual_servers::Kafka;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};

fn config(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap());
    config
}

async fn create(kafka: &Kafka, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config(kafka).create().unwrap();
    let topic = NewTopic::new(topic, 2, TopicReplication::Fixed(1));
    let made = admin
        .create_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    made[0].as_ref().unwrap();
}

fn producer(kafka: &Kafka) -> FutureProducer {
    config(kafka)
        .set("acks", "all")
        .set("message.timeout.ms", "20000")
        .create()
        .unwrap()
}

async fn send(producer: &FutureProducer, topic: &str, key: &str, value: &str) {
    producer
        .send(
            FutureRecord::to(topic).key(key).payload(value),
            Duration::from_secs(20),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn kafka_keeps_what_it_has_acknowledged_when_it_is_killed() {
    let mut kafka = Kafka::start().await.unwrap();
    create(&kafka, "events").await;
    let producer = producer(&kafka);
    send(&producer, "events", "k", "before").await;
    kafka.kill().await.unwrap();
    kafka.restart().await.unwrap();
    // The same producer finds the broker where it was.
    send(&producer, "events", "k", "after a kill").await;
    kafka.stop().await.unwrap();
    kafka.restart().await.unwrap();
    send(&producer, "events", "k", "after a stop").await;
    let read = kafka.console_consumer("events", 3).await.unwrap();
    assert_eq!(read, ["k\tbefore", "k\tafter a kill", "k\tafter a stop"]);
}

#[tokio::test]
async fn a_topic_is_not_made_by_being_used() {
    let kafka = Kafka::shared().await.unwrap();
    let producer: FutureProducer = config(kafka)
        .set("message.timeout.ms", "3000")
        .create()
        .unwrap();
    let sent = producer
        .send(
            FutureRecord::to("nobody-made-it").key("k").payload("v"),
            Duration::from_secs(3),
        )
        .await;
    assert!(sent.is_err());
}

#[tokio::test]
async fn a_paused_kafka_acknowledges_once_it_is_resumed() {
    let mut kafka = Kafka::start().await.unwrap();
    create(&kafka, "paused").await;
    let producer = producer(&kafka);
    send(&producer, "paused", "k", "before").await;
    kafka.pause().unwrap();
    let sent = send(&producer, "paused", "k", "while it was paused");
    tokio::pin!(sent);
    assert!(
        tokio::time::timeout(Duration::from_secs(4), &mut sent)
            .await
            .is_err()
    );
    kafka.resume().unwrap();
    sent.await;
}
