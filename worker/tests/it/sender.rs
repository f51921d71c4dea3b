use std::sync::Arc;

use punctual_contract::signature;
use punctual_worker::sender::Sender;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{Endpoint, Fixture, NOW, SECOND, eventually, listener};

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A sender, and a user whose reminders go to webhooks.
struct Running {
    fixture: Fixture,
    _stop: DropGuard,
}

impl Running {
    async fn new(allow_private: bool) -> Self {
        let fixture = Fixture::new().await;
        fixture.user("ann").await;
        fixture.task("ann", "t").await;
        // Nothing is published here, so what goes to the app alone would wait for ever.
        fixture.run("DELETE FROM channels", Vec::new()).await;
        let (store, clock) = (fixture.store.clone(), fixture.clock.clone());
        let sender = Sender::new(
            store,
            clock,
            "https://todo.example.org".to_owned(),
            allow_private,
            Arc::new(Notify::new()),
        );
        let stop = CancellationToken::new();
        tokio::spawn(sender.expect("a sender").run(stop.clone()));
        let _stop = stop.drop_guard();
        Self { fixture, _stop }
    }

    async fn channel(&self, id: &str, target: &str) {
        let sql = "INSERT INTO channels (id, user_id, kind, target, secret, created_at)
            VALUES (?1, 'ann', 'webhook', ?2, ?3, 0)";
        let params = vec![id.into(), target.into(), WHSEC.into()];
        self.fixture.run(sql, params).await;
    }

    async fn fired(&self, reminder: &str) {
        let now = self.fixture.clock.now();
        self.fixture.reminder("t", reminder, now).await;
        self.fixture.fire(reminder).await;
    }

    /// State, next try and log of a delivery.
    async fn delivery(&self, id: &str) -> (String, Option<i64>, Vec<Json>) {
        let sql = "SELECT state, next_try, log FROM deliveries WHERE id = ?1";
        let row = self.fixture.run(sql, vec![id.into()]).await.remove(0);
        let text = |index: usize| row[index].as_text().unwrap_or_default().to_owned();
        let log = serde_json::from_str(&text(2)).expect("a log");
        (text(0), row[1].as_integer(), log)
    }

    /// Waits until a delivery has been tried so often.
    async fn tried(&self, id: &str, times: usize) -> (String, Option<i64>, Vec<Json>) {
        eventually(&format!("try {times} of {id}"), async || {
            let delivery = self.delivery(id).await;
            (delivery.2.len() >= times).then_some(delivery)
        })
        .await
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_says_what_fired() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    running
        .channel("hook", &format!("{}/hook", receiver.url))
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
    let verified = signature::verify(
        WHSEC,
        Some(call.header(signature::ID)),
        Some(call.header(signature::TIMESTAMP)),
        Some(call.header(signature::SIGNATURE)),
        call.body.as_bytes(),
        NOW / SECOND,
    );
    assert_eq!(verified, Ok(()));
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
    running.channel("hook", &receiver.url).await;
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
    running.channel("hook", &receiver.url).await;
    running.fired("r").await;
    let (state, next_try, _) = running.tried("r.hook", 1).await;
    assert_eq!((state.as_str(), next_try), ("failed", None));
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
    running.channel("hook", &receiver.url).await;
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
async fn without_the_operators_leave_nothing_inside_the_network_is_called() {
    let running = Running::new(false).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    let port = receiver.url.rsplit(':').next().expect("a port").to_owned();
    running.channel("http", &receiver.url).await;
    running
        .channel("address", &format!("https://127.0.0.1:{port}/"))
        .await;
    running
        .channel("name", &format!("https://localhost:{port}/"))
        .await;
    running.fired("r").await;
    for (id, state, outcome) in [
        ("r.http", "failed", "must be https"),
        ("r.address", "failed", "is not a public address"),
        ("r.name", "pending", "is not a public address"),
    ] {
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
    running.channel("dead", &dead).await;
    running.channel("good", &receiver.url).await;
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
async fn a_delivery_to_a_removed_channel_fails() {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    receiver.state().status = Some(500);
    running.channel("hook", &receiver.url).await;
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
    running.channel("hook", "https://127.0.0.1:1/").await;
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
