use std::sync::Arc;
use std::time::Duration;

use punctual_contract::events::{CloudEvent, TASK_EVENTS, TASK_UPDATES};
use punctual_worker::bus::{Consumer, InProcess, Message, Outgoing, PARTITIONS, Tail};
use punctual_worker::relay;
use punctual_worker::store::Row;

use crate::harness::{Fixture, eventually};

pub fn event(position: i64, owner: &str, subject: &str) -> Arc<CloudEvent> {
    let row = Row {
        position,
        table: "tasks".into(),
        row_id: subject.into(),
        owner: owner.into(),
        kind: "updated".into(),
        version: 1,
        before: None,
        after: "{}".into(),
        actor: owner.into(),
        via: "test".into(),
        trace: None,
        at: 0,
    };
    Arc::new(relay::event(&row).0)
}

/// Publishes one position as the relay does.
pub async fn publish(bus: &InProcess, position: i64, owner: &str, subject: &str) {
    bus.publish(&outgoing(TASK_EVENTS, position, owner, subject))
        .await;
    bus.published(position);
}

fn outgoing(topic: &'static str, position: i64, owner: &str, subject: &str) -> Outgoing {
    Outgoing {
        topic,
        key: owner.to_owned(),
        position,
        event: event(position, owner, subject),
        trace: None,
    }
}

/// What the consumers have just now.
async fn take(consumers: &mut [Consumer]) -> Vec<(usize, Message)> {
    let mut all = Vec::new();
    for (index, consumer) in consumers.iter_mut().enumerate() {
        tokio::select! {
            biased;
            batch = consumer.next_batch(10_000) => all.extend(batch.into_iter().map(|message| (index, message))),
            () = std::future::ready(()) => {}
        }
    }
    all.sort_by_key(|(_, message)| message.position);
    all
}

#[tokio::test]
async fn every_group_gets_every_message_and_an_owners_in_order() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut one = bus.subscribe("one", TASK_EVENTS).await.expect("joined");
    let mut two = bus.subscribe("two", TASK_EVENTS).await.expect("joined");
    for position in 1..=400 {
        publish(&bus, position, &format!("owner-{}", position % 20), "t").await;
    }
    assert_eq!(one.len(), PARTITIONS);
    for consumers in [&mut one, &mut two] {
        let mut got = 0;
        for consumer in consumers.iter_mut() {
            let batch = tokio::select! {
                biased;
                batch = consumer.next_batch(1000) => batch,
                () = std::future::ready(()) => continue,
            };
            assert!(batch.is_sorted_by_key(|message| message.position));
            got += batch.len();
        }
        assert_eq!(got, 400);
    }
}

#[tokio::test]
async fn what_was_not_finished_comes_again_after_a_restart_and_nothing_else() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut consumers = bus.subscribe("group", TASK_EVENTS).await.expect("joined");
    for position in 1..=6 {
        publish(&bus, position, &format!("owner-{position}"), "t").await;
    }
    for (index, message) in take(&mut consumers).await {
        if ![3, 5].contains(&message.position) {
            consumers[index].finish(&message);
        }
    }
    bus.commit().await.expect("committed");
    assert_eq!(
        fixture.store.group_watermark("group").await.ok(),
        Some(Some(2)),
        "below the lowest unfinished one"
    );
    assert_eq!(bus.resume_from(), Some(2));

    let bus = InProcess::new(fixture.store.clone());
    let mut consumers = bus.subscribe("group", TASK_EVENTS).await.expect("joined");
    assert_eq!(bus.resume_from(), Some(2));
    for position in 1..=6 {
        publish(&bus, position, &format!("owner-{position}"), "t").await;
    }
    let again: Vec<i64> = take(&mut consumers)
        .await
        .iter()
        .map(|(_, message)| message.position)
        .collect();
    assert_eq!(again, [3, 4, 5, 6]);
}

#[tokio::test]
async fn what_a_group_does_not_want_holds_nothing_back() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let _consumers = bus.subscribe("group", TASK_EVENTS).await.expect("joined");
    bus.publish(&outgoing(TASK_UPDATES, 1, "ann", "t")).await;
    bus.published(1);
    bus.commit().await.expect("committed");
    assert_eq!(
        fixture.store.group_watermark("group").await.ok(),
        Some(Some(1))
    );
}

#[tokio::test]
async fn published_again_in_the_same_process_a_message_comes_once() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut consumers = bus.subscribe("group", TASK_EVENTS).await.expect("joined");
    publish(&bus, 1, "ann", "t").await;
    publish(&bus, 1, "ann", "t").await;
    assert_eq!(take(&mut consumers).await.len(), 1);
    publish(&bus, 1, "ann", "t").await;
    assert_eq!(take(&mut consumers).await.len(), 0);
}

#[tokio::test]
async fn a_new_group_gets_everything_from_the_beginning_and_readers_without_a_group_nothing_twice()
{
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut consumers = bus.subscribe("old", TASK_EVENTS).await.expect("joined");
    for position in 1..=3 {
        publish(&bus, position, "ann", "t").await;
    }
    for (index, message) in take(&mut consumers).await {
        consumers[index].finish(&message);
    }
    bus.commit().await.expect("committed");

    let bus = InProcess::new(fixture.store.clone());
    let _old = bus.subscribe("old", TASK_EVENTS).await.expect("joined");
    let mut new = bus.subscribe("new", TASK_EVENTS).await.expect("joined");
    let mut tail = bus.tail(TASK_EVENTS);
    assert_eq!(bus.resume_from(), Some(0));
    for position in 1..=4 {
        publish(&bus, position, "ann", "t").await;
    }
    let given: Vec<i64> = take(&mut new)
        .await
        .iter()
        .map(|(_, message)| message.position)
        .collect();
    assert_eq!(given, [1, 2, 3, 4]);
    match tail.try_recv() {
        Ok(Tail::Message(message)) => assert_eq!(message.position, 4),
        other => panic!("{other:?}"),
    }
    assert!(tail.try_recv().is_err());
}

#[tokio::test]
async fn a_full_queue_makes_the_publisher_wait_and_loses_nothing() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut consumers = bus.subscribe("group", TASK_EVENTS).await.expect("joined");
    let publisher = tokio::spawn({
        let bus = bus.clone();
        async move {
            for position in 1..=3000 {
                publish(&bus, position, "ann", "t").await;
            }
        }
    });
    let full = tokio::time::timeout(Duration::from_millis(200), publisher).await;
    assert!(full.is_err(), "nobody takes, so it waits");
    let mut got = 0;
    eventually("all messages", async || {
        got += take(&mut consumers).await.len();
        (got >= 3000).then_some(())
    })
    .await;
    assert_eq!(got, 3000);
}
