use it::client::text;
use it::{App, Receiver, eventually};
use punctual_contract::signature;
use serde_json::json;

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
    let verified = signature::verify(
        &text(&channel, "/secret"),
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
        call.raw.as_bytes(),
        call.at / 1_000_000,
    );
    assert_eq!(verified, Ok(()));
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
    let app = App::start().clock("2026-11-02T06:00:00Z").run().await;
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
    let app = App::start()
        .clock("2026-11-02T06:00:00Z")
        .private_webhooks(false)
        .run()
        .await;
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
