use it::client::text;
use it::{App, Receiver, User, eventually};
use punctual_contract::action::Deed;
use punctual_contract::signature;
use serde_json::{Value, json};

#[tokio::test]
async fn a_webhook_is_signed_and_carries_what_fired() {
    let (app, receiver) = (App::shared().await, Receiver::start().await);
    let ann = app.user().await;
    let channel = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": receiver.url }),
        )
        .await
        .expect(201);
    let at = app.in_seconds(2);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": at }] }))
        .await;
    let call = eventually("the webhook", || async { receiver.received().pop() }).await;
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = header("webhook-timestamp").and_then(|seconds| seconds.parse().ok());
    let seconds: i64 = seconds.expect("a timestamp");
    assert!((call.at / 1_000_000 - seconds).abs() < 10, "{seconds}");
    let id = header("webhook-id").expect("an id");
    let signed = signature::sign(&text(&channel, "/secret"), id, seconds, call.raw.as_bytes());
    assert_eq!(header("webhook-signature"), Some(&*signed));
    assert_eq!(
        call.body.pointer("/data/task_id"),
        Some(&task["id"]),
        "{}",
        call.raw
    );
    assert_eq!(text(&call.body, "/data/due_for"), at);
}

#[tokio::test]
async fn a_failed_webhook_is_tried_again_under_the_same_id_and_the_receipt_tells_each_try() {
    let receiver = Receiver::start().await;
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    ann.post(
        "/api/settings/channels",
        json!({ "kind": "webhook", "target": receiver.url }),
    )
    .await
    .expect(201);
    receiver.answer_next(&[500, 302]);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    eventually("the first try", || async {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    eventually("the third try", || async {
        app.advance("PT20S").await;
        (receiver.received().len() == 3).then_some(())
    })
    .await;
    let ids: Vec<String> = receiver
        .received()
        .into_iter()
        .map(|call| call.id)
        .collect();
    assert!(
        !ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    let delivery = eventually("the receipt", || async {
        let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
        let webhook = receipt["deliveries"]
            .as_array()?
            .iter()
            .find(|d| d["channel"] == "webhook")?
            .clone();
        (webhook["state"] == "sent").then_some(webhook)
    })
    .await;
    assert_eq!(
        delivery["tries"].as_array().map(Vec::len),
        Some(3),
        "{delivery}"
    );
}

#[tokio::test]
async fn private_addresses_are_refused_where_the_operator_has_not_allowed_them() {
    let receiver = Receiver::start().await;
    let Some(app) = App::start()
        .clock("2026-11-02T06:00:00Z")
        .private_webhooks(false)
        .run()
        .await
    else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let http = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": receiver.url }),
        )
        .await;
    assert_eq!(http.status, 422);
    let target = receiver
        .url
        .replace("http://127.0.0.1", "https://localhost");
    ann.post(
        "/api/settings/channels",
        json!({ "kind": "webhook", "target": target }),
    )
    .await
    .expect(201);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    let outcome = eventually("the first try", || async {
        let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
        let webhook = receipt["deliveries"]
            .as_array()?
            .iter()
            .find(|d| d["channel"] == "webhook")?
            .clone();
        webhook
            .pointer("/tries/0/outcome")
            .and_then(|outcome| outcome.as_str())
            .map(str::to_owned)
    })
    .await;
    assert!(outcome.contains("not a public address"), "{outcome}");
    assert_eq!(receiver.received().len(), 0);
}

/// The keys of RFC 8291's example.
fn keys() -> Value {
    json!({ "auth": "BTBZMqHH6r4Tts7J_aSIgg",
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4" })
}

/// Waits until the delivery of this kind is as `wanted` says.
async fn delivery(user: &User, task: &Value, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("the {kind} delivery"), || async {
        let receipt = user.reminders(&text(task, "/id")).await.pop()?;
        let deliveries = receipt["deliveries"].as_array()?;
        let delivery = deliveries.iter().find(|d| d["channel"] == kind)?.clone();
        wanted(&delivery).then_some(delivery)
    })
    .await
}

#[tokio::test]
async fn ntfy_and_push_get_what_fired_and_the_buttons_are_this_servers_own() {
    let receiver = Receiver::start().await;
    let server = receiver.url.replace("/hook", "");
    let Some(app) = App::start()
        .clock("2026-11-02T06:00:00Z")
        .public_url("https://todo.example.org")
        .run()
        .await
    else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    for channel in [
        json!({ "kind": "ntfy", "target": format!("{server}/topic"), "token": "tk_1" }),
        json!({ "kind": "push", "target": format!("{server}/push"), "keys": keys() }),
    ] {
        ann.post("/api/settings/channels", channel)
            .await
            .expect(201);
    }
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    for kind in ["ntfy", "push"] {
        delivery(&ann, &task, kind, |delivery| delivery["state"] == "sent").await;
    }
    let received = receiver.received();
    let call = |path: &str| received.iter().find(|call| call.path == path).expect(path);
    let push = call("/push");
    assert_eq!(push.headers["content-encoding"], "aes128gcm");
    let key = ann.get("/api/settings/delivery").await.expect(200);
    let key = text(&key, "/push_public_key");
    let signed = push.headers["authorization"].to_str().expect("text");
    assert!(signed.ends_with(&format!(", k={key}")), "{signed}");
    let ntfy = call("/");
    assert_eq!(ntfy.headers["authorization"], "Bearer tk_1");
    assert_eq!(text(&ntfy.body, "/title"), "Tea");
    let link = text(&ntfy.body, "/actions/0/url");
    let token = link
        .strip_prefix("https://todo.example.org/act/")
        .expect("a link");
    let action = app.reads_link(token).expect("ours");
    assert_eq!(
        action.deed,
        Deed::Done {
            task: text(&task, "/id")
        }
    );
}

#[tokio::test]
async fn a_delivery_that_quiet_hours_hold_shows_when_it_is_sent() {
    let receiver = Receiver::start().await;
    let Some(app) = App::start().clock("2026-11-02T21:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let target = receiver.url.replace("/hook", "/topic");
    ann.post(
        "/api/settings/channels",
        json!({ "kind": "ntfy", "target": target }),
    )
    .await
    .expect(201);
    ann.patch(
        "/api/settings",
        json!({ "quiet_from": "22:00", "quiet_until": "07:00" }),
    )
    .await
    .expect(200);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T22:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T22:00:00Z").await;
    let held = delivery(&ann, &task, "ntfy", |delivery| {
        delivery["next_try"] == "2026-11-03T06:00:00.000Z"
    })
    .await;
    assert_eq!(
        (&held["state"], &held["tries"]),
        (&json!("pending"), &json!([]))
    );
    let in_app = delivery(&ann, &task, "in-app", |delivery| {
        delivery["state"] == "sent"
    })
    .await;
    assert_eq!(in_app["sent_at"], "2026-11-02T22:00:00.000Z");
    assert_eq!(receiver.received().len(), 0);
    app.set("2026-11-03T06:00:00Z").await;
    delivery(&ann, &task, "ntfy", |delivery| delivery["state"] == "sent").await;
}
