use it::client::text;
use it::{App, eventually};
use serde_json::{Value, json};

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
async fn quiet_hours_have_both_ends_or_neither_and_a_language_is_one_that_there_is() {
    let ann = App::shared().await.user().await;
    let shown = ann.get("/api/settings").await.expect(200);
    for field in ["quiet_from", "quiet_until", "language"] {
        assert_eq!(shown.get(field), Some(&json!(null)), "{field}");
    }
    let refused = |patch: Value, field: &'static str| {
        let ann = ann.clone();
        async move {
            let reply = ann.patch("/api/settings", patch.clone()).await;
            assert_eq!(
                (reply.status, reply.json()["errors"][0]["field"].as_str()),
                (422, Some(field)),
                "{patch}: {}",
                reply.text
            );
        }
    };
    refused(json!({ "quiet_from": "22:00" }), "quiet_until").await;
    refused(json!({ "quiet_until": "07:00" }), "quiet_from").await;
    refused(
        json!({ "quiet_from": "22:00", "quiet_until": "22:00" }),
        "quiet_until",
    )
    .await;
    refused(
        json!({ "quiet_from": "24:00", "quiet_until": "07:00" }),
        "quiet_from",
    )
    .await;
    refused(json!({ "language": "fr" }), "language").await;
    refused(json!({ "timezone": null }), "timezone").await;
    refused(json!({ "morning": null }), "morning").await;

    let changed = ann
        .patch(
            "/api/settings",
            json!({ "quiet_from": "22:00", "quiet_until": "7:00", "language": "de" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (
            changed["quiet_from"].as_str(),
            changed["quiet_until"].as_str(),
            changed["language"].as_str()
        ),
        (Some("22:00"), Some("07:00"), Some("de"))
    );
    // One end may be moved by itself, and not on to the other one or away from it.
    let moved = ann
        .patch("/api/settings", json!({ "quiet_until": "06:30" }))
        .await
        .expect(200);
    assert_eq!(moved["quiet_from"], "22:00");
    refused(json!({ "quiet_from": "06:30" }), "quiet_until").await;
    refused(json!({ "quiet_until": null }), "quiet_until").await;
    // What is left out stays.
    let kept = ann
        .patch("/api/settings", json!({ "morning": "08:00" }))
        .await
        .expect(200);
    assert_eq!(
        (&kept["quiet_from"], &kept["language"]),
        (&json!("22:00"), &json!("de"))
    );
    let cleared = ann
        .patch(
            "/api/settings",
            json!({ "quiet_from": null, "quiet_until": null, "language": null }),
        )
        .await
        .expect(200);
    assert_eq!(
        (
            &cleared["quiet_from"],
            &cleared["quiet_until"],
            &cleared["language"]
        ),
        (&json!(null), &json!(null), &json!(null))
    );
    let stale = ann
        .send(
            "PATCH",
            "/api/settings",
            &[("if-match", "\"1\"")],
            Some(r#"{"quiet_from":"22:00"}"#.into()),
        )
        .await;
    assert_eq!(stale.status, 412);
}

/// 65 and 16 bytes, base64url.
const P256DH: &str =
    "BAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
const AUTH: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

fn push(endpoint: &str) -> Value {
    json!({ "kind": "push", "target": endpoint, "keys": { "p256dh": P256DH, "auth": AUTH } })
}

#[tokio::test]
async fn what_the_server_can_not_send_is_told_and_refused() {
    let app = App::shared().await;
    let ann = app.user().await;
    let options = ann.get("/api/settings/delivery").await.expect(200);
    assert_eq!(options["email"], false);
    // Its own key pair it always has.
    assert_eq!(text(&options, "/push_public_key").len(), 87);
    let channel = json!({ "kind": "email", "target": "ann@example.org" });
    let reply = ann.post("/api/settings/channels", channel).await;
    assert_eq!(reply.status, 409);
    assert!(text(&reply.json(), "/detail").contains("e-mail"));
}

async fn with_email_and_push(private: bool) -> Option<App> {
    App::start()
        .clock("2026-11-02T06:00:00Z")
        .private_webhooks(private)
        .variable("email_enabled", "true")
        .run()
        .await
}

#[tokio::test]
async fn each_kind_of_channel_takes_what_it_needs_and_names_the_field_that_is_wrong() {
    let Some(app) = with_email_and_push(false).await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let options = ann.get("/api/settings/delivery").await.expect(200);
    assert_eq!(options["email"], true);
    for (channel, field) in [
        (json!({ "kind": "fax", "target": "1" }), "kind"),
        (json!({ "kind": "email", "target": "ann" }), "target"),
        (
            json!({ "kind": "email", "target": "a@b.org\r\nBcc: c@d.org" }),
            "target",
        ),
        (
            json!({ "kind": "email", "target": "a@b.org", "token": "x" }),
            "token",
        ),
        (
            json!({ "kind": "ntfy", "target": "http://ntfy.sh/t" }),
            "target",
        ),
        (
            json!({ "kind": "ntfy", "target": "https://ntfy.sh" }),
            "target",
        ),
        (
            json!({ "kind": "ntfy", "target": "https://192.168.1.2/t" }),
            "target",
        ),
        (
            json!({ "kind": "ntfy", "target": "https://ntfy.sh/t", "token": "a b" }),
            "token",
        ),
        (
            json!({ "kind": "ntfy", "target": "https://ntfy.sh/t", "name": "n".repeat(61) }),
            "name",
        ),
        (
            json!({ "kind": "push", "target": "https://push.example.org/1" }),
            "keys",
        ),
        (push("http://push.example.org/1"), "target"),
        (
            json!({ "kind": "push", "target": "https://push.example.org/1",
                    "keys": { "p256dh": AUTH, "auth": AUTH } }),
            "keys.p256dh",
        ),
        (
            json!({ "kind": "push", "target": "https://push.example.org/1",
                    "keys": { "p256dh": P256DH, "auth": P256DH } }),
            "keys.auth",
        ),
        (
            json!({ "kind": "webhook", "target": "https://example.org", "keys": { "p256dh": P256DH, "auth": AUTH } }),
            "keys",
        ),
    ] {
        let reply = ann.post("/api/settings/channels", channel.clone()).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{channel}: {}",
            reply.text
        );
    }
    for (channel, state, name) in [
        (
            json!({ "kind": "email", "target": "ann@example.org", "name": "Home" }),
            "unconfirmed",
            json!("Home"),
        ),
        (
            json!({ "kind": "ntfy", "target": "https://ntfy.sh/t", "token": "tk_1" }),
            "active",
            json!(null),
        ),
        (
            json!({ "kind": "webhook", "target": "https://example.org/h" }),
            "active",
            json!(null),
        ),
    ] {
        let reply = ann.post("/api/settings/channels", channel).await;
        let made = reply.expect(201);
        assert_eq!(
            (made["state"].as_str(), &made["name"]),
            (Some(state), &name)
        );
        let shown = ann
            .get(&format!("/api/settings/channels/{}", text(&made, "/id")))
            .await
            .expect(200);
        assert_eq!(shown.get("secret"), None, "{shown}");
    }
    let settings = ann.get("/api/settings").await.expect(200);
    assert!(!settings.to_string().contains("tk_1"), "{settings}");
    let read: punctual_contract::api::Settings =
        serde_json::from_value(settings.clone()).expect("as the contract says");
    assert_eq!(serde_json::to_value(read).expect("JSON"), settings);
    assert_eq!(settings["channels"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_browser_that_subscribes_again_has_one_channel_and_belongs_to_who_subscribed_last() {
    let Some(app) = with_email_and_push(false).await else {
        return;
    };
    let (ann, bob) = (
        app.register("ann@example.com").await,
        app.register("bob@example.com").await,
    );
    let subscribe = |user: &it::User| {
        let user = user.clone();
        async move {
            let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
            user.send(
                "POST",
                "/api/settings/channels",
                &[("user-agent", agent)],
                Some(push("https://push.example.org/1").to_string()),
            )
            .await
        }
    };
    let pushes = |user: &it::User| {
        let user = user.clone();
        async move {
            let shown = user.get("/api/settings").await.expect(200);
            let channels = shown["channels"].as_array().cloned().unwrap_or_default();
            let of = channels.into_iter().filter(|c| c["kind"] == "push");
            of.map(|channel| text(&channel, "/id")).collect::<Vec<_>>()
        }
    };
    let first = subscribe(&ann).await.expect(201);
    assert_eq!(first["name"], "Chrome · Linux");
    let again = subscribe(&ann).await.expect(200);
    assert_eq!(again, first);
    assert_eq!(pushes(&ann).await, [text(&first, "/id")]);
    // Its key belongs to it, although nothing was made.
    let body = push("https://push.example.org/1");
    for _ in 0..2 {
        let keyed = ann
            .post_keyed("/api/settings/channels", "again", body.clone())
            .await;
        assert_eq!(keyed.expect(200)["id"], first["id"]);
    }
    let other = ann
        .post_keyed("/api/tasks", "again", json!({ "title": "x" }))
        .await;
    assert_eq!(other.status, 422);

    subscribe(&bob).await.expect(201);
    assert_eq!(pushes(&ann).await.len(), 0, "Ann's is gone from there");
    assert_eq!(pushes(&bob).await.len(), 1);
    subscribe(&ann).await.expect(201);
    assert_eq!((pushes(&ann).await.len(), pushes(&bob).await.len()), (1, 0));
}

#[tokio::test]
async fn the_owner_of_an_address_is_asked_again_once_a_minute_at_most() {
    let Some(app) = with_email_and_push(false).await else {
        return;
    };
    let (ann, bob) = (
        app.register("ann@example.com").await,
        app.register("bob@example.com").await,
    );
    let add = |target: String| {
        let ann = ann.clone();
        async move {
            ann.post(
                "/api/settings/channels",
                json!({ "kind": "email", "target": target }),
            )
            .await
        }
    };
    let channel = add("ann@example.org".into()).await.expect(201);
    let id = text(&channel, "/id");
    let path = format!("/api/settings/channels/{id}/confirmation");
    let again = || ann.post(&path, json!({}));
    let early = again().await;
    assert_eq!(early.status, 429, "the first mail went a moment ago");
    let wait: i64 = early
        .header("retry-after")
        .and_then(|seconds| seconds.parse().ok())
        .expect("seconds");
    assert!((1..=61).contains(&wait), "{wait}");
    app.database_says(
        "UPDATE confirmations SET state = 'failed', tries = 8, next_try = NULL, last_error = 'x' WHERE channel_id = ?1",
        &id,
    )
    .await;
    app.advance("PT61S").await;
    assert_eq!(
        bob.post(&path, json!({})).await.status,
        404,
        "not Bob's to ask"
    );
    let asked = again().await.expect(202);
    assert_eq!(asked["state"], "unconfirmed");
    let row = app
        .database_answers(
            "SELECT state || ' ' || tries FROM confirmations WHERE channel_id = ?1",
            &id,
        )
        .await;
    // The sender, which has no mail server here, may have tried once by now; of the eight tries before, none counts.
    let state = row.expect("a row");
    assert!(
        ["pending 0", "pending 1"].contains(&state.as_str()),
        "{state}"
    );
    assert_eq!(again().await.status, 429);

    app.database_says("UPDATE channels SET confirmed_at = 1 WHERE id = ?1", &id)
        .await;
    app.advance("PT61S").await;
    assert_eq!(again().await.status, 409, "it is confirmed");
    let shown = ann
        .get(&format!("/api/settings/channels/{id}"))
        .await
        .expect(200);
    assert_eq!(shown["state"], "active");
    let webhook = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": "https://example.org" }),
        )
        .await
        .expect(201);
    let path = format!(
        "/api/settings/channels/{}/confirmation",
        text(&webhook, "/id")
    );
    assert_eq!(ann.post(&path, json!({})).await.status, 409);

    // Nor can one person have strangers asked without end, by adding and removing addresses.
    for n in 2..=10 {
        let made = add(format!("stranger-{n}@example.org")).await.expect(201);
        ann.delete(&format!("/api/settings/channels/{}", text(&made, "/id")))
            .await
            .expect(204);
    }
    let refused = add("stranger-11@example.org".into()).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    app.advance("PT1H").await;
    add("stranger-11@example.org".into()).await.expect(201);
}

#[tokio::test]
async fn a_floating_due_follows_the_accounts_zone_and_a_fixed_one_stays() {
    let Some(app) = App::start().clock("2026-11-01T00:00:00Z").run().await else {
        return;
    };
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
