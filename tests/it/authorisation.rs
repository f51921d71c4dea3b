//! Every route × every kind of caller. The routes come from the contract, so a new one can't be forgotten.

use it::App;
use it::client::{Client, text};
use punctual_contract::openapi::{OPERATIONS, Scope};
use serde_json::json;

#[tokio::test]
async fn every_route_refuses_whoever_may_not() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let (ann, bob) = (
        app.register("ann@example.com").await,
        app.register("bob@example.com").await,
    );
    let task = ann.add(json!({ "title": "Ann's", "due": "2026-11-02T12:00", "reminders": [{ "at": "2026-11-02T06:30:00Z" }] })).await;
    app.settled().await;
    app.set("2026-11-02T06:30:00Z").await;
    it::eventually("a notification", || async {
        ann.notifications().await.pop()
    })
    .await;
    let session = |user: &it::User| {
        let user = user.clone();
        async move { app_token(&user).await }
    };
    let (browser, foreign) = (
        ann.with_token(session(&ann).await),
        bob.with_token(session(&bob).await),
    );
    let project = ann
        .post("/api/projects", json!({ "name": "Ann's" }))
        .await
        .expect(201);
    let channel = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": "https://example.com" }),
        )
        .await
        .expect(201);
    let token = browser
        .post(
            "/api/auth/tokens",
            json!({ "name": "r", "scopes": ["read"] }),
        )
        .await
        .expect(201);
    let reminder = text(&ann.reminders(&text(&task, "/id")).await[0], "/id");
    let reader = app.client().with_token(text(&token, "/token"));
    let expired = app.client().with_token(session(&ann).await);

    let path = |template: &str| {
        let id = match template.split('/').nth(2).unwrap_or_default() {
            "tasks" => text(&task, "/id"),
            "projects" => text(&project, "/id"),
            "settings" => text(&channel, "/id"),
            "auth" => text(&token, "/id"),
            _ => reminder.clone(),
        };
        template.replace("{id}", &id)
    };
    let send = |client: &Client, method: &'static str, path: String| {
        let client = client.clone();
        async move {
            // Right for its route, so that nothing but the caller can be wrong with it.
            let body = match path.as_str() {
                path if path.starts_with("/api/projects") => r#"{"name":"x"}"#,
                "/api/quick-add" => r#"{"text":"x"}"#,
                path if path.ends_with("/occurrences/{occurrence}") => r#"{"skipped":true}"#,
                path if path.ends_with("/snooze") => r#"{"for":"PT10M"}"#,
                _ => "{}",
            };
            let body = (method != "GET" && method != "DELETE").then(|| body.to_owned());
            client.send(method, &path, &[], body).await.status
        }
    };
    let mut checked = 0;
    for operation in OPERATIONS {
        let url = path(operation.path);
        let (method, anonymous) = (
            operation.method,
            send(app.client(), operation.method, url.clone()).await,
        );
        checked += 1;
        match operation.scope {
            Scope::None => assert_ne!(anonymous, 403, "{method} {url}"),
            Scope::Worker => {
                assert_eq!(anonymous, 401, "{method} {url} without a signature");
                assert_eq!(
                    send(&browser, method, url.clone()).await,
                    401,
                    "{method} {url} with a person's token"
                );
            }
            Scope::Read | Scope::Write => {
                assert_eq!(anonymous, 401, "{method} {url} without a token");
                let forged = app.client().with_token("at.e30.AAAA");
                assert_eq!(
                    send(&forged, method, url.clone()).await,
                    401,
                    "{method} {url} with a forged token"
                );
                if operation.path.contains("{id}") {
                    assert_eq!(
                        send(&foreign, method, url.clone()).await,
                        404,
                        "{method} {url} as another person"
                    );
                }
                if operation.scope == Scope::Write {
                    assert_eq!(
                        send(&reader, method, url.clone()).await,
                        403,
                        "{method} {url} with a read-only token"
                    );
                }
            }
        }
    }
    assert!(checked >= 30, "only {checked} routes");
    app.advance("PT16M").await;
    for operation in OPERATIONS
        .iter()
        .filter(|operation| matches!(operation.scope, Scope::Read | Scope::Write))
    {
        let url = path(operation.path);
        assert_eq!(
            send(&expired, operation.method, url.clone()).await,
            401,
            "{} {url} with an expired token",
            operation.method
        );
    }
}

/// What the ids of paths are to `every_route_refuses_whoever_may_not`, these are to bodies and queries.
#[tokio::test]
async fn somebody_elses_id_in_a_body_a_query_or_a_cursor_gives_and_changes_nothing() {
    let app = App::shared().await;
    let (ann, bob) = (app.user().await, app.user().await);
    let project = ann
        .post("/api/projects", json!({ "name": "Ann's" }))
        .await
        .expect(201);
    let series = json!({ "title": "Ann's", "project_id": project["id"], "due": "2027-01-04T09:00",
        "tags": ["secret"], "repeat": { "rrule": "FREQ=DAILY" } });
    let task = ann.add(series).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    ann.patch(&path, json!({ "title": "Ann's own" }))
        .await
        .expect(200);
    let history = ann.get(&format!("{path}/history")).await.expect(200);
    let own = bob.add(json!({ "title": "Bob's" })).await;
    let own = format!("/api/tasks/{}", text(&own, "/id"));

    let foreign = json!({ "title": "x", "project_id": project["id"] });
    assert_eq!(bob.post("/api/tasks", foreign.clone()).await.status, 422);
    assert_eq!(bob.patch(&own, foreign).await.status, 422);
    for change in it::client::items(history) {
        let undo = json!({ "change": change["id"] });
        let status = bob.post(&format!("{own}/undo"), undo).await.status;
        assert!([404, 409, 422].contains(&status), "undo: {status}");
    }
    for filter in [
        format!("project_id={}", text(&project, "/id")),
        format!("series_id={}", text(&task, "/series_id")),
        "tag=secret".to_owned(),
        "q=Ann".to_owned(),
    ] {
        let seen = bob.tasks(&format!("status=all&{filter}")).await;
        assert_eq!(seen, [] as [serde_json::Value; 0], "{filter}");
    }
    // A cursor says where a page ended, and not whose it is.
    ann.add(json!({ "title": "another" })).await;
    let page = ann.get("/api/tasks?limit=1").await.expect(200);
    let after = bob.tasks(&format!("cursor={}", text(&page, "/next"))).await;
    assert!(
        after.iter().all(|task| task["title"] == "Bob's"),
        "{after:?}"
    );
    assert_eq!(ann.task(&text(&task, "/id")).await["title"], "Ann's own");
}

async fn app_token(user: &it::User) -> String {
    text(&user.session().await, "/access_token")
}

#[tokio::test]
async fn no_other_site_may_read_an_answer_and_no_cache_keeps_it() {
    let app = App::shared().await;
    let ann = app.user().await;
    let from = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let mut read = 0;
    for operation in OPERATIONS {
        let path = operation.path.replace("{id}", "nobodys");
        let mut answers = Vec::new();
        let asks_before = app.client().send("OPTIONS", &path, &from, None).await;
        answers.push((asks_before.status, asks_before.headers));
        if operation.method == "GET" {
            // As a stream: the live changes have no end.
            let answer = ann.stream(&path, &from).await;
            answers.push((answer.status().as_u16(), answer.headers().clone()));
        }
        for (status, headers) in answers {
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            let name = headers.keys().map(|name| name.as_str());
            assert_eq!(
                name.filter(|name| name.starts_with("access-control"))
                    .count(),
                0,
                "{path} {status}: {headers:?}"
            );
            assert_eq!(
                header("x-content-type-options"),
                Some("nosniff"),
                "{path} {status}"
            );
            let is_public = ["/", "/api/openapi.json"].contains(&path.as_str());
            assert!(
                is_public || header("cache-control") == Some("no-store"),
                "{path} {status}: {headers:?}"
            );
            read += usize::from(status == 200);
        }
    }
    assert!(read >= 10, "only {read} answers that somebody could want");
}
