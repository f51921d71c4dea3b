use std::time::Duration;

use punctual_contract::events::REMINDER_DUE;
use punctual_worker::clock::Clock;
use punctual_worker::functions::ON_REMINDERS;

use crate::harness::{Call, Endpoint, Fixture, NOW, SECOND, eventually, listener};

const HOUR: i64 = 3600 * SECOND;

/// The calls that fire; what else the worker tells the functions is another matter.
fn calls_to_fire(functions: &Endpoint) -> Vec<Call> {
    let mut calls = functions.calls();
    calls.retain(|call| call.path == ON_REMINDERS);
    calls
}

impl Fixture {
    async fn until_fired(&self, id: &str) -> i64 {
        eventually(&format!("{id} to fire"), async || self.fired_at(id).await).await
    }

    async fn until_leading(&self) {
        eventually("a leader", async || {
            (self
                .integer("SELECT count(*) FROM leases WHERE until > 0")
                .await
                == 1)
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_reminder_fires_at_its_instant_and_never_early() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    for (id, after) in [
        ("soon", 3 * SECOND + 7),
        ("minutes", 600 * SECOND + 123_456),
        ("days", 48 * HOUR + 1),
    ] {
        let at = NOW + after;
        fixture.reminder("t", id, at).await;
        fixture.clock.set(at - 1);
        // A call of its own shows that everything due by now has been taken.
        let probe = format!("before-{id}");
        fixture.reminder("t", &probe, at - 1).await;
        fixture.until_fired(&probe).await;
        assert_eq!(fixture.fired_at(id).await, None);
        fixture.clock.set(at);
        assert_eq!(fixture.until_fired(id).await, at);
    }
    let event = &calls_to_fire(&functions)[0].events[0];
    assert_eq!(
        (event.kind.as_str(), event.id.as_str()),
        (REMINDER_DUE, "due-before-soon")
    );
    assert_eq!(event.partitionkey, "ann");
    worker.stop().await;
    assert_eq!(fixture.integer("SELECT count(*) FROM claims").await, 0);
}

#[tokio::test]
async fn by_the_systems_clock_reminders_fire_within_milliseconds() {
    let fixture = Fixture::with_clock(Clock::system()).await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    let begin = fixture.clock.now() + SECOND / 2;
    let ids: Vec<String> = (0..20).map(|n| format!("r{n}")).collect();
    for (id, n) in ids.iter().zip(0..) {
        fixture.reminder("t", id, begin + n * 71_003).await;
    }
    let mut late = Vec::new();
    for (id, n) in ids.iter().zip(0..) {
        late.push(fixture.until_fired(id).await - (begin + n * 71_003));
    }
    late.sort_unstable();
    println!("lateness: median {} µs, worst {} µs", late[10], late[19]);
    assert!(late[0] >= 0, "never early");
    assert!(late[19] < SECOND, "{late:?}");
    worker.stop().await;
}

#[tokio::test]
async fn two_thousand_of_the_same_second_all_fire_in_batches() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    for n in 0..2000 {
        fixture
            .reminder("t", &format!("r{n}"), NOW + 600 * SECOND + n * 500)
            .await;
    }
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    fixture.clock.set(NOW + 601 * SECOND);
    eventually("all to fire", async || {
        (fixture
            .integer("SELECT count(*) FROM reminders WHERE state = 'fired'")
            .await
            == 2000)
            .then_some(())
    })
    .await;
    let calls = calls_to_fire(&functions).len();
    assert!(calls < 100, "{calls} calls");
    worker.stop().await;
}

#[tokio::test]
async fn what_came_due_while_nobody_was_there_fires_at_the_start() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    fixture.reminder("t", "r", NOW + SECOND).await;
    // A worker that died between its claim and its call.
    let claim = "INSERT INTO claims (reminder_id, worker, until) VALUES ('r', 'dead', ?1)";
    fixture.run(claim, vec![(NOW + 60 * SECOND).into()]).await;
    fixture.clock.set(NOW + 10 * SECOND);
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.until_fired("r").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_reminder_whose_calls_failed_fires_when_the_functions_are_back() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    let functions = fixture.functions().await;
    functions.state().status = Some(503);
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    fixture.reminder("t", "r", NOW + SECOND).await;
    fixture.clock.set(NOW + SECOND);
    eventually("a failed call", async || {
        (!calls_to_fire(&functions).is_empty()).then_some(())
    })
    .await;
    functions.state().status = None;
    fixture.until_fired("r").await;
    worker.stop().await;
}

#[tokio::test]
async fn one_bad_reminder_does_not_keep_the_others_from_firing() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    for n in 0..100 {
        fixture
            .reminder("t", &format!("r{n}"), NOW + 60 * SECOND)
            .await;
    }
    let functions = fixture.functions().await;
    functions.state().poison = Some("r50".into());
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    fixture.clock.set(NOW + 60 * SECOND);
    eventually("the others to fire", async || {
        (fixture
            .integer("SELECT count(*) FROM reminders WHERE state = 'fired'")
            .await
            == 99)
            .then_some(())
    })
    .await;
    assert_eq!(fixture.fired_at("r50").await, None);
    functions.state().poison = None;
    fixture.until_fired("r50").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_reminder_is_not_even_called_for() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    fixture.reminder("t", "cancelled", NOW + SECOND).await;
    fixture.reminder("t", "kept", NOW + SECOND).await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.until_leading().await;
    let cancel = "UPDATE reminders SET state = 'cancelled', version = 2, op = 'cancel' WHERE id = 'cancelled'";
    fixture.run(cancel, Vec::new()).await;
    fixture.clock.set(NOW + SECOND);
    fixture.until_fired("kept").await;
    let called = calls_to_fire(&functions);
    let mut events = called.iter().flat_map(|call| &call.events);
    assert!(events.all(|event| event.subject != "cancelled"));
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_without_functions_starts_and_stops() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    fixture.reminder("t", "r", NOW - SECOND).await;
    let gone = format!(
        "http://{}",
        listener().await.local_addr().expect("an address")
    );
    let worker = fixture.worker_at(&gone, true).await;
    fixture.until_leading().await;
    tokio::time::timeout(Duration::from_secs(6), worker.stop())
        .await
        .expect("in time");
    assert_eq!(fixture.fired_at("r").await, None);
}
