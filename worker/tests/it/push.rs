use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::harness::{Call, Endpoint, Fixture, NOW, SECOND, eventually, vapid};
use crate::node::{ask, node_is_here};
use crate::sending::{BROWSER, Running, outcome};

/// Of the browser whose public half is [`BROWSER`].
const PRIVATE_KEY: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";

/// A browser of Ann's, and the push service that it listens to.
async fn browser() -> (Running, Endpoint) {
    let running = Running::new(true).await;
    let service = Endpoint::start(running.fixture.clock.clone()).await;
    service.state().status = Some(201);
    let target = format!("{}/push/abc", service.url);
    running.channel("browser", "push", &target, BROWSER).await;
    (running, service)
}

/// What a browser makes of a push, by somebody else's implementation; its token is verified on the way.
async fn read(call: &Call) -> Json {
    let keys: Json = serde_json::from_str(BROWSER).expect("JSON");
    ask(
        "push",
        "read.js",
        json!({
            "body": STANDARD.encode(&call.bytes), "private_key": PRIVATE_KEY, "auth": keys["auth"],
            "authorization": call.header("authorization"),
        }),
    )
    .await
}

fn payload(read: &Json) -> Json {
    serde_json::from_str(read["text"].as_str().expect("a text")).expect("JSON")
}

#[tokio::test]
async fn a_push_is_read_by_somebody_elses_implementation_and_says_who_sent_it() {
    if !node_is_here() {
        return;
    }
    let (running, service) = browser().await;
    running.change("title = 'Müll & \"Ö\"'").await;
    running.set("language = 'de'").await;
    running.fired("r").await;
    assert_eq!(running.tried("r.browser", 1).await.0, "sent");
    let calls = service.calls();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(call.path, "/push/abc");
    assert_eq!(call.header("ttl"), "14400");
    assert_eq!(call.header("urgency"), "high");
    assert_eq!(call.header("content-encoding"), "aes128gcm");
    let topic = call.header("topic");
    assert!(
        topic.len() == 32
            && topic
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
        "{topic}"
    );
    let read = read(call).await;
    assert_eq!(
        payload(&read),
        json!({
            "kind": "fired", "id": "r", "task_id": "t", "title": "Müll & \"Ö\"",
            "body": "Erinnerung für 07:00 Uhr heute", "due_for": "2026-11-02T06:00:00.000Z", "url": "/task/t",
            "lang": "de", "actions": { "done": "Erledigt", "snooze": "In 10 Min. erinnern" }
        })
    );
    assert_eq!(read["key"], vapid().public_key());
    assert_eq!(read["header"], json!({ "typ": "JWT", "alg": "ES256" }));
    assert_eq!(
        read["claims"],
        json!({ "aud": service.url, "exp": NOW / SECOND + 12 * 3600, "sub": "https://todo.example.org" })
    );
}

#[tokio::test]
async fn a_long_title_still_fits_into_a_push() {
    let (running, service) = browser().await;
    running
        .change(&format!("title = '{}'", "😀".repeat(500)))
        .await;
    running.fired("r").await;
    assert_eq!(running.tried("r.browser", 1).await.0, "sent");
    let size = service.calls()[0].bytes.len();
    assert!((2000..=4096).contains(&size), "{size}");
}

#[tokio::test]
async fn a_subscription_that_has_ended_takes_its_channel_along() {
    for status in [404, 410] {
        let (running, service) = browser().await;
        service.state().status = Some(status);
        running.fired("r").await;
        let receipt = running.tried("r.browser", 1).await;
        assert_eq!((receipt.0.as_str(), receipt.1), ("failed", None));
        assert!(
            outcome(&receipt).starts_with("the browser's subscription has ended"),
            "{receipt:?}"
        );
        let left = "SELECT count(*) FROM channels WHERE deleted_at IS NULL";
        eventually("the channel to be removed", async || {
            (running.fixture.integer(left).await == 0).then_some(())
        })
        .await;
        running.fired("later").await;
        let sql = "SELECT count(*) FROM deliveries WHERE reminder_id = 'later'";
        assert_eq!(running.fixture.integer(sql).await, 0);
    }
}

#[tokio::test]
async fn a_push_service_that_asks_for_patience_gets_it() {
    let (running, service) = browser().await;
    service.state().status = Some(429);
    service.state().headers = vec![("retry-after", "90".to_owned())];
    running.fired("r").await;
    let (state, next_try, _) = running.tried("r.browser", 1).await;
    assert_eq!(
        (state.as_str(), next_try),
        ("pending", Some(NOW + 90 * SECOND))
    );
    service.state().status = Some(201);
    running.fixture.clock.set(NOW + 90 * SECOND);
    assert_eq!(running.tried("r.browser", 2).await.0, "sent");
    let calls = service.calls();
    assert_eq!(calls[0].header("topic"), calls[1].header("topic"));
    assert_ne!(
        calls[0].bytes, calls[1].bytes,
        "fresh keys for every message"
    );
}

#[tokio::test]
async fn a_push_that_was_refused_for_what_it_is_is_not_sent_again() {
    let (running, service) = browser().await;
    service.state().status = Some(403);
    running.fired("r").await;
    assert_eq!(running.tried("r.browser", 1).await.0, "failed");
    running
        .channel(
            "broken",
            "push",
            &service.url,
            r#"{"p256dh":"AAAA","auth":"AAAA"}"#,
        )
        .await;
    running.fired("again").await;
    let receipt = running.tried("again.broken", 1).await;
    assert_eq!(receipt.0, "failed");
    assert!(outcome(&receipt).contains("keys"), "{receipt:?}");
}

/// The whole worker, with two browsers of Ann's: `a` and `b`. Waits until both show the reminder `r`.
async fn shown_in_two_browsers() -> (Fixture, punctual_worker::RunningWorker, Endpoint) {
    let fixture = Fixture::new().await;
    let functions = fixture.functions().await;
    let service = Endpoint::start(fixture.clock.clone()).await;
    service.state().status = Some(201);
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    for id in ["a", "b"] {
        let target = format!("{}/{id}", service.url);
        fixture.channel("ann", id, "push", &target, BROWSER).await;
    }
    let worker = fixture.worker(&functions).await;
    fixture.reminder("t", "r", NOW).await;
    let sent = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
    eventually("both browsers to show it", async || {
        (fixture.integer(sent).await == 3).then_some(())
    })
    .await;
    (fixture, worker, service)
}

/// Waits for so many pushes, and reads those after the first two.
async fn closed(service: &Endpoint, pushes: usize) -> Vec<(String, String, Json)> {
    let calls = eventually("the notifications to be closed", async || {
        let calls = service.calls();
        (calls.len() >= pushes).then_some(calls)
    })
    .await;
    let mut closed = Vec::new();
    for call in &calls[2..] {
        let content = payload(&read(call).await);
        closed.push((call.path.clone(), call.header("ttl").to_owned(), content));
    }
    closed.sort_by(|one, other| one.0.cmp(&other.0));
    closed
}

const READ: &str = "UPDATE reminders SET read_at = fired_at, version = version + 1, op = 'read', updated_at = updated_at + 1 WHERE id = 'r'";
const DONE: &str = "UPDATE tasks SET status = 'completed', completed_at = 1, version = version + 1, op = 'done' WHERE id = 't'";

fn both() -> Vec<(String, String, Json)> {
    let close = json!({ "kind": "close", "id": "r" });
    ["/a", "/b"]
        .map(|path| (path.to_owned(), "600".to_owned(), close.clone()))
        .to_vec()
}

#[tokio::test]
async fn a_reminder_that_was_read_anywhere_is_closed_in_every_browser_that_shows_it() {
    if !node_is_here() {
        return;
    }
    let (fixture, worker, service) = shown_in_two_browsers().await;
    fixture.run(READ, Vec::new()).await;
    assert_eq!(closed(&service, 4).await, both());
    let calls = service.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.header("topic") == calls[0].header("topic")),
        "what was not shown yet is replaced"
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_task_that_is_done_closes_its_reminders_once_although_they_are_then_read() {
    if !node_is_here() {
        return;
    }
    let (fixture, worker, service) = shown_in_two_browsers().await;
    fixture.run(DONE, Vec::new()).await;
    assert_eq!(closed(&service, 4).await, both());
    fixture.run(READ, Vec::new()).await;
    // A second reminder's pushes come after whatever the reading would have caused.
    fixture.task("ann", "t2").await;
    fixture.reminder("t2", "r2", NOW).await;
    eventually("the next reminder", async || {
        (service.calls().len() >= 6).then_some(())
    })
    .await;
    for call in &service.calls()[4..] {
        assert_eq!(payload(&read(call).await)["id"], "r2");
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_browser_that_ended_its_subscription_meanwhile_is_removed_when_it_is_told_to_close() {
    let (fixture, worker, service) = shown_in_two_browsers().await;
    service.state().status = Some(410);
    fixture.run(READ, Vec::new()).await;
    let left = "SELECT count(*) FROM channels WHERE kind = 'push' AND deleted_at IS NULL";
    eventually("the channels to be removed", async || {
        (fixture.integer(left).await == 0).then_some(())
    })
    .await;
    worker.stop().await;
}
