use std::sync::Arc;

use punctual_contract::events::{REMINDERS, TASK_EVENTS, TASK_UPDATES};
use punctual_worker::bus::{Bus, InProcess, Message, Tail};
use punctual_worker::lease::{Lead, Lease};
use punctual_worker::relay::{Fenced, Progress, Relay};
use serde_json::json;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::harness::Fixture;

/// A relay that is moved by hand.
struct ByHand {
    relay: Relay,
    lead: Lead,
    progress: Progress,
}

impl ByHand {
    async fn new(fixture: &Fixture, bus: &InProcess) -> Self {
        let lease = Lease::new(
            fixture.store.clone(),
            fixture.clock.clone(),
            "relay".into(),
            true,
        );
        let lead = lease.acquire().await.expect("asked").expect("taken");
        let relay = Relay::new(
            fixture.store.clone(),
            Bus::InProcess(bus.clone()),
            Arc::new(Notify::new()),
        );
        Self {
            relay,
            lead,
            progress: Progress::default(),
        }
    }

    async fn round(&mut self) -> Result<u32, Fenced> {
        let stop = CancellationToken::new();
        let round = self.relay.round(self.lead, &mut self.progress, &stop).await;
        let count = round.expect("a round")?;
        let saved = self.relay.save(self.lead, &self.progress).await;
        saved.expect("saved")?;
        Ok(count)
    }
}

fn received(tail: &mut broadcast::Receiver<Tail>) -> Vec<Message> {
    std::iter::from_fn(|| match tail.try_recv() {
        Ok(Tail::Message(message)) => Some(message),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn positions_are_gap_free_and_in_the_order_of_the_commits() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut relay = ByHand::new(&fixture, &bus).await;
    fixture.user("ann").await;
    for n in 0..1200 {
        fixture.task("ann", &format!("t{n}")).await;
        if n % 100 == 0 {
            relay.round().await.expect("led");
        }
        if n % 100 == 50 {
            let change = "UPDATE tasks SET title = 'no', version = version + 1, op = 'undone' WHERE id = 't0'";
            let undone = vec![
                (change, Vec::new()),
                ("INSERT INTO tasks DEFAULT VALUES", Vec::new()),
            ];
            fixture.db.together(undone).await.expect_err("rolled back");
        }
    }
    while relay.round().await.expect("led") > 0 {}
    let (count, last) = (
        fixture.integer("SELECT count(*) FROM changes").await,
        fixture
            .integer("SELECT position FROM watermarks WHERE name = 'positions'")
            .await,
    );
    assert_eq!(count, last);
    assert_eq!(
        fixture.integer("SELECT max(position) FROM changes").await,
        last
    );
    let disorder = "SELECT count(*) FROM changes a JOIN changes b ON b.seq = a.seq + 1 WHERE b.position <> a.position + 1";
    assert_eq!(fixture.integer(disorder).await, 0);
    assert_eq!(
        fixture
            .integer("SELECT position FROM watermarks WHERE name = 'published_through'")
            .await,
        last
    );
}

#[tokio::test]
async fn a_change_becomes_a_cloud_event_with_the_touched_fields_on_its_topics() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let (mut events, mut updates, mut reminders) = (
        bus.tail(TASK_EVENTS),
        bus.tail(TASK_UPDATES),
        bus.tail(REMINDERS),
    );
    let mut relay = ByHand::new(&fixture, &bus).await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    let rename =
        "UPDATE tasks SET title = 'New', version = 2, op = 'rename', actor = 'bob', via = 'cli',
        trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' WHERE id = 't'";
    fixture.run(rename, Vec::new()).await;
    relay.round().await.expect("led");

    let kinds = |messages: &[Message]| {
        messages
            .iter()
            .map(|m| m.event.kind.clone())
            .collect::<Vec<_>>()
    };
    let (events, updates) = (received(&mut events), received(&mut updates));
    assert_eq!(
        kinds(&events),
        [
            "punctual.settings.created.v1",
            "punctual.task.created.v1",
            "punctual.task.updated.v1"
        ]
    );
    assert_eq!(updates.len(), 4, "the Inbox too");
    assert!(received(&mut reminders).is_empty());
    let renamed = serde_json::to_value(&*events[2].event).expect("JSON");
    assert_eq!(
        renamed,
        json!({
            "specversion": "1.0", "id": "4", "source": "/punctual", "type": "punctual.task.updated.v1", "subject": "t",
            "time": "2026-11-02T06:00:00.000Z", "datacontenttype": "application/json", "partitionkey": "ann",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "data": { "version": 2, "actor": "bob", "via": "cli", "changed": { "title": "New" } }
        })
    );
    assert_eq!(events[2].key, "ann");
    let created = &events[1].event.data.changed;
    assert_eq!(created["title"], "Title of t");
    assert!(created.get("due").is_none(), "what is null was not touched");
}

#[tokio::test]
async fn an_event_too_large_for_the_bus_carries_a_reference() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut events = bus.tail(TASK_EVENTS);
    let mut relay = ByHand::new(&fixture, &bus).await;
    fixture.user("ann").await;
    fixture
        .task_with_notes("ann", "large", &"x".repeat(256 << 10))
        .await;
    fixture.task("ann", "small").await;
    relay.round().await.expect("led");
    let events = received(&mut events);
    assert_eq!(
        events[1].event.data.changed,
        json!({ "ref": "/api/tasks/large" })
    );
    assert_eq!(events[2].event.subject, "small", "and nothing is held up");
}

#[tokio::test]
async fn a_relay_that_was_fenced_off_publishes_nothing_and_moves_no_watermark() {
    let fixture = Fixture::new().await;
    let bus = InProcess::new(fixture.store.clone());
    let mut zombie = ByHand::new(&fixture, &bus).await;
    fixture.user("ann").await;
    zombie.round().await.expect("led");
    let next = ByHand::new(&fixture, &bus).await;
    assert!(next.lead.fence > zombie.lead.fence);
    let mut events = bus.tail(TASK_EVENTS);
    fixture.task("ann", "t").await;
    assert_eq!(zombie.round().await, Err(Fenced));
    assert!(received(&mut events).is_empty());
    let moved = fixture
        .store
        .set_published_through("leader", zombie.lead.fence, 99)
        .await;
    assert_eq!(moved.ok(), Some(false));
}

#[tokio::test]
async fn after_a_restart_everything_that_some_group_has_not_finished_is_published_again() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    for n in 0..10 {
        fixture.task("ann", &format!("t{n}")).await;
    }
    {
        let bus = InProcess::new(fixture.store.clone());
        let mut consumers = bus
            .subscribe("on-task-events", TASK_EVENTS)
            .await
            .expect("joined");
        ByHand::new(&fixture, &bus)
            .await
            .round()
            .await
            .expect("led");
        let mut had = Vec::new();
        for consumer in &mut consumers {
            // All of one owner's are in one partition; the others have nothing, and would wait.
            let batch = tokio::select! {
                biased;
                batch = consumer.next_batch(100) => batch,
                () = std::future::ready(()) => continue,
            };
            for message in batch.iter().filter(|message| message.event.subject != "t4") {
                consumer.finish(message);
            }
            had.extend(batch);
        }
        assert_eq!(had.len(), 11, "settings and ten tasks");
        bus.commit().await.expect("committed");
    }
    let bus = InProcess::new(fixture.store.clone());
    let consumers = bus
        .subscribe("on-task-events", TASK_EVENTS)
        .await
        .expect("joined");
    ByHand::new(&fixture, &bus)
        .await
        .round()
        .await
        .expect("led");
    let mut again = Vec::new();
    for mut consumer in consumers {
        tokio::select! {
            biased;
            batch = consumer.next_batch(100) => again.extend(batch),
            () = std::future::ready(()) => {}
        }
    }
    let subjects: Vec<&str> = again
        .iter()
        .map(|message| message.event.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        ["t4", "t5", "t6", "t7", "t8", "t9"],
        "from the lowest unfinished one on"
    );
}
