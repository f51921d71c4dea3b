use it::client::text;
use it::{App, eventually};
use serde_json::json;

#[tokio::test]
async fn settings_are_shown_and_changed() {
    let ann = App::shared().await.user().await;
    let shown = ann.get("/api/settings").await.expect(200);
    assert_eq!(
        (shown["timezone"].as_str(), shown["morning"].as_str()),
        (Some("Europe/Berlin"), Some("09:00"))
    );
    assert_eq!(shown["channels"][0]["kind"], "in-app");
    let changed = ann
        .patch(
            "/api/settings",
            json!({ "timezone": "Asia/Tokyo", "morning": "7:30" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (changed["timezone"].as_str(), changed["morning"].as_str()),
        (Some("Asia/Tokyo"), Some("07:30"))
    );
    assert_eq!(
        ann.patch("/api/settings", json!({ "morning": "25:00" }))
            .await
            .status,
        422
    );
    assert_eq!(
        ann.patch("/api/settings", json!({ "timezone": "Nowhere" }))
            .await
            .status,
        422
    );
    let stale = ann
        .send(
            "PATCH",
            "/api/settings",
            &[("if-match", "\"1\"")],
            Some(r#"{"morning":"08:00"}"#.into()),
        )
        .await;
    assert_eq!(stale.status, 412);
}

#[tokio::test]
async fn a_webhook_channel_is_added_with_its_secret_shown_once_and_deleted() {
    let ann = App::shared().await.user().await;
    let body = json!({ "kind": "webhook", "target": "https://example.com/hook" });
    let made = ann.post("/api/settings/channels", body).await.expect(201);
    assert!(text(&made, "/secret").starts_with("whsec_"));
    let shown = ann.get("/api/settings").await.expect(200);
    assert!(!shown.to_string().contains("whsec_"));
    let path = format!("/api/settings/channels/{}", text(&made, "/id"));
    ann.delete(&path).await.expect(204);
    assert_eq!(ann.delete(&path).await.status, 404);
    for target in [
        "ftp://example.com",
        "example",
        "https://user:pw@example.com/",
    ] {
        let reply = ann
            .post(
                "/api/settings/channels",
                json!({ "kind": "webhook", "target": target }),
            )
            .await;
        assert_eq!(reply.status, 422, "{target}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_floating_due_follows_the_accounts_zone_and_a_fixed_one_stays() {
    let app = App::start().clock("2026-11-01T00:00:00Z").run().await;
    let ann = app.register("ann@example.com").await;
    let floating = ann
        .add(
            json!({ "title": "f", "due": "2026-11-05T09:00", "reminders": [{ "before": "PT0S" }] }),
        )
        .await;
    let fixed = ann
        .add(
            json!({ "title": "x", "due": "2026-11-05T09:00", "timezone": "Europe/Berlin",
        "reminders": [{ "before": "PT0S" }] }),
        )
        .await;
    app.settled().await;
    ann.patch("/api/settings", json!({ "timezone": "America/New_York" }))
        .await
        .expect(200);
    let planned = |id: String| {
        let ann = ann.clone();
        async move {
            let all = ann.reminders(&id).await;
            all.into_iter()
                .filter(|r| r["state"] == "planned")
                .map(|r| text(&r, "/due_for"))
                .collect::<Vec<_>>()
        }
    };
    let (floating, fixed) = (text(&floating, "/id"), text(&fixed, "/id"));
    eventually("the floating task to be planned anew", || async {
        app.advance("PT1S").await;
        (planned(floating.clone()).await == ["2026-11-05T14:00:00.000Z"]).then_some(())
    })
    .await;
    assert_eq!(
        ann.task(&floating).await["due_at"],
        "2026-11-05T14:00:00.000Z"
    );
    assert_eq!(planned(fixed).await, ["2026-11-05T08:00:00.000Z"]);
}
