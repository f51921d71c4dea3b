use std::time::Duration;

use punctual_contract::signature;
use serde_json::{Value as Json, json};

use crate::harness::{Endpoint, NOW, SECOND, eventually, listener};
use crate::sending::{BROWSER, Running};

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Running {
    async fn webhook(&self, id: &str, target: &str) {
        self.channel(id, "webhook", target, WHSEC).await;
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_says_what_fired() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    running
        .webhook("hook", &format!("{}/hook", receiver.url))
        .await;
    running.fired("r").await;
    let (state, next_try, log) = running.tried("r.hook", 1).await;
    assert_eq!((state.as_str(), next_try), ("sent", None));
    assert_eq!(log[0]["outcome"], "sent");
    assert_eq!(log[0]["at"], "2026-11-02T06:00:00.000Z");
    let calls = receiver.calls();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(call.header(signature::ID), "r.hook");
    assert_eq!(
        call.header(signature::TIMESTAMP),
        (NOW / SECOND).to_string()
    );
    let signed = signature::sign(WHSEC, "r.hook", NOW / SECOND, call.body.as_bytes());
    assert_eq!(call.header(signature::SIGNATURE), signed);
    let body: Json = serde_json::from_str(&call.body).expect("JSON");
    let now = "2026-11-02T06:00:00.000Z";
    assert_eq!(
        body,
        json!({
            "type": "reminder.fired", "timestamp": now,
            "data": { "reminder_id": "r", "task_id": "t",
                "task_url": "https://todo.example.org/api/tasks/t", "title": "Title of t", "due": null,
                      "due_for": now, "fired_at": now }
        })
    );
}

#[tokio::test]
async fn a_failed_try_is_repeated_under_the_same_id_until_the_retries_are_used_up() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    receiver.state().status = Some(500);
    running.webhook("hook", &receiver.url).await;
    running.fired("r").await;
    let pauses = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
    for (tries, pause) in pauses.into_iter().enumerate() {
        let (state, next_try, log) = running.tried("r.hook", tries + 1).await;
        let now = running.fixture.clock.now();
        assert_eq!(
            (state.as_str(), next_try),
            ("pending", Some(now + pause * SECOND))
        );
        assert_eq!(
            log[tries]["outcome"],
            "the receiver answered 500 Internal Server Error"
        );
        // Past the destination's rest, too.
        running.fixture.clock.set(now + (pause + 31) * SECOND);
    }
    let (state, next_try, log) = running.tried("r.hook", 8).await;
    assert_eq!((state.as_str(), next_try, log.len()), ("failed", None, 8));
    assert!(
        receiver
            .calls()
            .iter()
            .all(|call| call.header(signature::ID) == "r.hook")
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    receiver.state().status = Some(410);
    running.webhook("hook", &receiver.url).await;
    running.fired("r").await;
    let (state, next_try, _) = running.tried("r.hook", 1).await;
    assert_eq!((state.as_str(), next_try), ("failed", None));
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_longer_pause_gets_it() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    receiver.state().status = Some(503);
    receiver.state().headers = vec![("retry-after", "120".to_owned())];
    running.webhook("hook", &receiver.url).await;
    running.fired("seconds").await;
    assert_eq!(
        running.tried("seconds.hook", 1).await.1,
        Some(NOW + 120 * SECOND)
    );
    receiver.state().headers = vec![("retry-after", "Mon, 02 Nov 2026 06:10:00 GMT".to_owned())];
    running.fired("date").await;
    assert_eq!(
        running.tried("date.hook", 1).await.1,
        Some(NOW + 600 * SECOND)
    );
    // A shorter wish than the schedule's pause, and one beyond reason.
    receiver.state().headers = vec![("retry-after", "1".to_owned())];
    running.fired("short").await;
    assert_eq!(
        running.tried("short.hook", 1).await.1,
        Some(NOW + 5 * SECOND)
    );
    receiver.state().headers = vec![("retry-after", "99999999999999999".to_owned())];
    running.fired("long").await;
    assert_eq!(
        running.tried("long.hook", 1).await.1,
        Some(NOW + 36_000 * SECOND)
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let running = Running::new(true).await;
    let clock = &running.fixture.clock;
    let (receiver, inside) = (
        Endpoint::start(clock.clone()).await,
        Endpoint::start(clock.clone()).await,
    );
    receiver.state().status = Some(307);
    receiver
        .state()
        .headers
        .push(("location", format!("{}/secret", inside.url)));
    running.webhook("hook", &receiver.url).await;
    running.fired("r").await;
    let (state, _, log) = running.tried("r.hook", 1).await;
    assert_eq!(state, "pending");
    assert_eq!(
        log[0]["outcome"],
        "the receiver answered 307 Temporary Redirect"
    );
    assert!(inside.calls().is_empty());
}

#[tokio::test]
async fn a_receipt_tells_nothing_of_what_the_receiver_said_but_its_status() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    for (kind, secret) in [("webhook", WHSEC), ("ntfy", "token"), ("push", BROWSER)] {
        let target = format!("{}/{kind}", receiver.url);
        running.channel(kind, kind, &target, secret).await;
    }
    {
        let mut script = receiver.state();
        script.status = Some(500);
        script.says = "inside-7f3a";
        script.headers.push(("x-inside", "inside-7f3a".to_owned()));
    }
    running.fired("r").await;
    for kind in ["webhook", "ntfy", "push"] {
        let (state, _, log) = running.tried(&format!("r.{kind}"), 1).await;
        assert_eq!(state, "pending", "{kind}");
        let told = serde_json::to_string(&log).expect("JSON");
        assert!(told.contains("500"), "{kind}: {told}");
        assert!(!told.contains("inside"), "{kind}: {told}");
    }
    assert_eq!(receiver.calls().len(), 3);
}

#[tokio::test]
async fn without_the_operators_leave_nothing_inside_the_network_is_called() {
    let running = Running::new(false).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    let port = receiver.url.rsplit(':').next().expect("a port").to_owned();
    let inside = |host: &str| format!("https://{host}:{port}/topic");
    for (kind, secret) in [("webhook", WHSEC), ("ntfy", "token"), ("push", BROWSER)] {
        let channel = async |name: &str, target: &str| {
            let id = format!("{kind}-{name}");
            running.channel(&id, kind, target, secret).await;
        };
        channel("http", &format!("{}/topic", receiver.url)).await;
        channel("address", &inside("127.0.0.1")).await;
        channel("name", &inside("localhost")).await;
    }
    running.fired("r").await;
    let expected = ["webhook", "ntfy", "push"].into_iter().flat_map(|kind| {
        [
            ("http", "failed", "must be https"),
            ("address", "failed", "is not a public address"),
            ("name", "pending", "is not a public address"),
        ]
        .map(|(name, state, outcome)| (format!("r.{kind}-{name}"), state, outcome))
    });
    for (id, state, outcome) in expected {
        let id = id.as_str();
        let (found, _, log) = running.tried(id, 1).await;
        assert_eq!(found, state, "{id}");
        let text = log[0]["outcome"].as_str().unwrap_or_default();
        assert!(text.contains(outcome), "{id}: {text}");
    }
    assert!(receiver.calls().is_empty());
}

#[tokio::test]
async fn a_dead_destination_does_not_keep_the_others_waiting() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    let dead = format!(
        "http://{}",
        listener().await.local_addr().expect("an address")
    );
    running.webhook("dead", &dead).await;
    running.webhook("good", &receiver.url).await;
    for n in 0..200 {
        running.fired(&format!("r{n}")).await;
    }
    eventually("all good ones", async || {
        let sql = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
        (running.fixture.integer(sql).await == 200).then_some(())
    })
    .await;
    eventually("the dead ones to be put off", async || {
        let sql = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND next_try > 1793599200000000";
        (running.fixture.integer(sql).await == 200).then_some(())
    })
    .await;
    let tried = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND tries > 0";
    assert!(running.fixture.integer(tried).await < 30, "the rest rests");
    let ids: Vec<String> = receiver
        .calls()
        .iter()
        .map(|call| call.header(signature::ID).to_owned())
        .collect();
    let once: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), once.len()), (200, 200), "each once");
}

#[tokio::test]
async fn a_slow_destination_does_not_keep_the_others_waiting() {
    let running = Running::new(true).await;
    // Takes connections, and never answers.
    let slow = listener().await;
    let url = format!("http://{}", slow.local_addr().expect("an address"));
    running.webhook("slow", &url).await;
    for n in 0..1_100 {
        running.fired(&format!("r{n}")).await;
    }
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    running.webhook("good", &receiver.url).await;
    running.fired("last").await;
    let within = running.fixture.clock.now() + 15 * SECOND;
    eventually("the good one", async || {
        running.fixture.clock.advance(Duration::from_millis(500));
        (!receiver.calls().is_empty()).then_some(())
    })
    .await;
    let now = running.fixture.clock.now();
    assert!(now < within, "{} s late", (now - within) / SECOND);
}

#[tokio::test]
async fn a_delivery_to_a_removed_channel_fails() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    receiver.state().status = Some(500);
    running.webhook("hook", &receiver.url).await;
    running.fired("r").await;
    running.tried("r.hook", 1).await;
    running
        .fixture
        .run("UPDATE channels SET deleted_at = 1", Vec::new())
        .await;
    running.fixture.clock.set(NOW + 6 * SECOND);
    let (state, _, log) = running.tried("r.hook", 2).await;
    assert_eq!(
        (state.as_str(), &log[1]["outcome"]),
        ("failed", &json!("the channel was removed"))
    );
}

#[tokio::test]
async fn what_goes_to_the_app_is_sent_once_its_firing_was_published() {
    let running = Running::new(true).await;
    let sql = "INSERT INTO channels (id, user_id, kind, target, secret, created_at) VALUES ('app', 'ann', 'in-app', '', '', 0)";
    running.fixture.run(sql, Vec::new()).await;
    running.webhook("hook", "https://127.0.0.1:1/").await;
    running.fired("r").await;
    // The sender has been round: the other channel was tried.
    running.tried("r.hook", 1).await;
    assert_eq!(running.delivery("r.app").await.0, "pending");
    running
        .fixture
        .run("UPDATE changes SET position = seq", Vec::new())
        .await;
    let published = "INSERT INTO watermarks SELECT 'published_through', max(position) FROM changes";
    running.fixture.run(published, Vec::new()).await;
    assert_eq!(running.tried("r.app", 1).await.0, "sent");
}
