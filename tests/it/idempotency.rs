use it::App;
use it::client::{Client, PASSWORD, text};
use serde_json::{Value, json};

/// Every POST, sent twice under one key and once more with another body under the same key.
async fn repeats(client: &Client, path: &str, body: Value, other: Value) -> (Value, Value) {
    let key = format!("key-{path}");
    let first = client.post_keyed(path, &key, body.clone()).await;
    assert!((200..300).contains(&first.status), "{path}: {}", first.text);
    let second = client.post_keyed(path, &key, body).await;
    assert_eq!(second.status, first.status, "{path}: {}", second.text);
    if other != Value::Null {
        let third = client.post_keyed(path, &key, other).await;
        assert_eq!(third.status, 422, "{path}: {}", third.text);
    }
    (first.json(), second.json())
}

#[tokio::test]
async fn a_repeated_post_does_its_work_once_and_another_body_under_its_key_is_refused() {
    let app = App::shared().await;
    let ann = app.user().await;
    let browser = app
        .client()
        .with_token(text(&ann.session().await, "/access_token"));

    let (one, two) = repeats(
        &ann,
        "/api/tasks",
        json!({ "title": "Once" }),
        json!({ "title": "Twice" }),
    )
    .await;
    assert_eq!(one, two);
    assert_eq!(ann.tasks("").await.len(), 1);

    let (one, two) = repeats(
        &ann,
        "/api/projects",
        json!({ "name": "Home" }),
        json!({ "name": "Work" }),
    )
    .await;
    assert_eq!(one["id"], two["id"]);

    let body = json!({ "name": "script", "scopes": ["read"] });
    let (one, two) = repeats(
        &browser,
        "/api/auth/tokens",
        body,
        json!({ "name": "other", "scopes": ["read"] }),
    )
    .await;
    assert_eq!(one, two, "the same token");

    let body = json!({ "kind": "webhook", "target": "https://example.com/a" });
    let other = json!({ "kind": "webhook", "target": "https://example.com/b" });
    let (one, two) = repeats(&ann, "/api/settings/channels", body, other).await;
    assert_eq!(one, two, "the same channel and secret");
}

#[tokio::test]
async fn completing_a_recurring_task_twice_with_one_key_advances_it_once() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(json!({ "title": "Daily", "due": "2031-01-01", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let path = format!("/api/tasks/{}/complete", text(&task, "/id"));
    let (one, two) = repeats(&ann, &path, json!({}), json!({ "x": 1 })).await;
    assert_eq!(one["version"], two["version"]);
    app.settled().await;
    assert_eq!(ann.tasks("status=all").await.len(), 2);
}

#[tokio::test]
async fn registering_twice_with_one_key_makes_one_account_and_one_session() {
    let app = App::shared().await;
    let email = app.new_email();
    let body = json!({ "email": email, "password": PASSWORD, "timezone": "UTC" });
    let other = json!({ "email": email, "password": "another password", "timezone": "UTC" });
    let (one, two) = repeats(app.client(), "/api/auth/register", body, other).await;
    assert_eq!(
        (&one["user"], &one["refresh_token"]),
        (&two["user"], &two["refresh_token"])
    );
}

#[tokio::test]
async fn the_same_key_of_two_people_means_two_requests() {
    let app = App::shared().await;
    let (ann, bob) = (app.user().await, app.user().await);
    let one = ann
        .post_keyed("/api/tasks", "k", json!({ "title": "Ann's" }))
        .await
        .expect(201);
    let two = bob
        .post_keyed("/api/tasks", "k", json!({ "title": "Bob's" }))
        .await
        .expect(201);
    assert_ne!(one["id"], two["id"]);
}

#[tokio::test]
async fn twenty_repetitions_at_once_make_one_task() {
    let app = App::shared().await;
    let ann = app.user().await;
    let calls = (0..20).map(|_| {
        let ann = ann.clone();
        tokio::spawn(async move {
            ann.post_keyed("/api/tasks", "same", json!({ "title": "One" }))
                .await
                .expect(201)
        })
    });
    let answers = futures::future::join_all(calls).await;
    let ids: std::collections::HashSet<String> = answers
        .into_iter()
        .map(|answer| text(&answer.expect("an answer"), "/id"))
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ann.tasks("").await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let ann = App::shared().await.user().await;
    let reply = ann
        .post_keyed("/api/tasks", &"k".repeat(256), json!({ "title": "x" }))
        .await;
    assert_eq!(reply.status, 422);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_whatever_that_makes() {
    let app = App::shared().await;
    let ann = app.user().await;
    let browser = app
        .client()
        .with_token(text(&ann.session().await, "/access_token"));
    let requests = [
        (
            "/api/auth/tokens",
            json!({ "name": "x", "scopes": ["read"] }),
        ),
        ("/api/tasks", json!({ "title": "x" })),
        (
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": "https://example.com/x" }),
        ),
        ("/api/projects", json!({ "name": "x" })),
        ("/api/notifications/read", json!({})),
    ];
    for (n, (path, body)) in requests.iter().enumerate() {
        let key = format!("key-{n}");
        let first = browser.post_keyed(path, &key, body.clone()).await;
        assert!((200..300).contains(&first.status), "{path}: {}", first.text);
        for (other, body) in requests.iter().filter(|(other, _)| other != path) {
            let reply = browser.post_keyed(other, &key, body.clone()).await;
            assert_eq!(reply.status, 422, "{path}, then {other}: {}", reply.text);
        }
        let again = browser.post_keyed(path, &key, body.clone()).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.text);
        assert_eq!(again.text, first.text, "{path}");
    }
    assert_eq!(ann.tasks("").await.len(), 1);
}

#[tokio::test]
async fn of_two_requests_with_one_key_at_once_one_is_refused() {
    let app = App::shared().await;
    let ann = app.user().await;
    let browser = app
        .client()
        .with_token(text(&ann.session().await, "/access_token"));
    for n in 0..10 {
        let key = format!("race-{n}");
        let (task, token, project) = tokio::join!(
            browser.post_keyed("/api/tasks", &key, json!({ "title": "x" })),
            browser.post_keyed(
                "/api/auth/tokens",
                &key,
                json!({ "name": "x", "scopes": ["read"] })
            ),
            browser.post_keyed("/api/projects", &key, json!({ "name": "x" })),
        );
        let mut statuses = [task.status, token.status, project.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422, 422]);
    }
}

#[tokio::test]
async fn a_completion_that_changed_nothing_is_remembered_too() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann.add(json!({ "title": "Once" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    ann.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    let complete = format!("{path}/complete");
    let keyed = || ann.post_keyed(&complete, "k", json!({}));
    let first = keyed().await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (200, None)
    );
    ann.post(&format!("{path}/reopen"), json!({}))
        .await
        .expect(200);
    let second = keyed().await;
    assert_eq!(
        (second.status, second.header("idempotent-replayed")),
        (200, Some("true"))
    );
    assert_eq!(second.json()["status"], "open", "it was not done again");
    let other = ann
        .post_keyed(&format!("{path}/skip"), "k", json!({}))
        .await;
    assert_eq!(other.status, 422);
}

#[tokio::test]
async fn a_reading_of_nothing_is_remembered_so_that_what_fires_later_stays_unread() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    ann.add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    let read = || ann.post_keyed("/api/notifications/read", "k", json!({}));
    read().await.expect(204);
    app.set("2026-11-02T07:00:00Z").await;
    it::eventually("the ring", || async { ann.notifications().await.pop() }).await;
    read().await.expect(204);
    assert_eq!(ann.notifications().await[0]["read_at"], Value::Null);
}
