use crate::harness::{Endpoint, NOW, SECOND};
use crate::sending::{BROWSER, Running, outcome};

const MINUTE: i64 = 60 * SECOND;

/// It is seven in Berlin, and quiet there until half past.
async fn quiet() -> (Running, Endpoint) {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    running
        .set("quiet_from = '22:00', quiet_until = '07:30'")
        .await;
    for (kind, secret) in [
        ("webhook", "s"),
        ("ntfy", ""),
        ("push", BROWSER),
        ("email", ""),
    ] {
        let target = match kind {
            "email" => "ann@example.com".to_owned(),
            kind => format!("{}/{kind}", receiver.url),
        };
        running.channel(kind, kind, &target, secret).await;
    }
    (running, receiver)
}

fn paths(receiver: &Endpoint) -> Vec<String> {
    let mut paths: Vec<String> = receiver.calls().into_iter().map(|call| call.path).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn quiet_hours_hold_what_rings_until_their_end_and_the_receipt_says_until_when() {
    let (running, receiver) = quiet().await;
    running.fired("r").await;
    assert_eq!(running.tried("r.webhook", 1).await.0, "sent");
    for kind in ["email", "ntfy", "push"] {
        running
            .held_until(&format!("r.{kind}"), NOW + 30 * MINUTE)
            .await;
    }
    running.fixture.clock.set(NOW + 29 * MINUTE);
    running.fired("later").await;
    running.held_until("later.push", NOW + 30 * MINUTE).await;
    assert_eq!(running.delivery("r.push").await.2.len(), 0);
    running.fixture.clock.set(NOW + 30 * MINUTE);
    for id in ["r.ntfy", "r.push", "later.ntfy", "later.push"] {
        assert_eq!(running.tried(id, 1).await.0, "sent", "{id}");
    }
    // There is no mail server here: it was tried.
    running.tried("r.email", 1).await;
    assert_eq!(
        paths(&receiver),
        ["/", "/", "/push", "/push", "/webhook", "/webhook"]
    );
}

#[tokio::test]
async fn what_has_high_priority_breaks_quiet_hours() {
    let (running, _receiver) = quiet().await;
    running.change("priority = 'high'").await;
    running.fired("r").await;
    for kind in ["ntfy", "push", "webhook", "email"] {
        running.tried(&format!("r.{kind}"), 1).await;
    }
}

#[tokio::test]
async fn a_retry_that_comes_due_in_quiet_hours_is_held_too() {
    let (running, receiver) = quiet().await;
    running
        .set("quiet_from = '07:05', quiet_until = '08:00'")
        .await;
    receiver.state().status = Some(500);
    running.fired("r").await;
    running.tried("r.push", 1).await;
    running.fixture.clock.set(NOW + 6 * SECOND);
    let (_, next_try, _) = running.tried("r.push", 2).await;
    assert_eq!(next_try, Some(NOW + 6 * SECOND + 300 * SECOND));
    running.fixture.clock.set(NOW + 307 * SECOND);
    crate::harness::eventually("the retry to be held", async || {
        let (_, next_try, log) = running.delivery("r.push").await;
        (next_try == Some(NOW + 60 * MINUTE) && log.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_ends_the_quiet_hours_early_gets_what_they_held() {
    let (running, _receiver) = quiet().await;
    running.fired("r").await;
    running.held_until("r.push", NOW + 30 * MINUTE).await;
    running.set("quiet_from = NULL, quiet_until = NULL").await;
    running.fixture.clock.set(NOW + MINUTE);
    assert_eq!(running.tried("r.push", 1).await.0, "sent");
}

#[tokio::test]
async fn what_was_read_in_quiet_hours_does_not_ring_at_their_end() {
    let (running, receiver) = quiet().await;
    running.fired("r").await;
    running.held_until("r.push", NOW + 30 * MINUTE).await;
    running.held_until("r.ntfy", NOW + 30 * MINUTE).await;
    running.tried("r.webhook", 1).await;
    let read = "UPDATE reminders SET read_at = fired_at, version = version + 1, op = 'read' WHERE id = 'r'";
    running.fixture.run(read, Vec::new()).await;
    running.fixture.clock.set(NOW + 30 * MINUTE);
    for id in ["r.ntfy", "r.push", "r.email"] {
        let receipt = running.tried(id, 1).await;
        assert_eq!(receipt.0, "failed", "{id}");
        assert!(
            outcome(&receipt).contains("not needed any more"),
            "{receipt:?}"
        );
    }
    assert_eq!(paths(&receiver), ["/webhook"]);
}
