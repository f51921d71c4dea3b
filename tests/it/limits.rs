use it::App;
use it::edition::skipped_under_spin;
use it::process::{Process, free_port};
use serde_json::json;

#[tokio::test]
async fn a_body_over_one_mebibyte_is_413_and_changes_nothing() {
    let ann = App::shared().await.user().await;
    let body = json!({ "title": "x", "notes": "n".repeat((1 << 20) + 1) }).to_string();
    let reply = ann.try_send("POST", "/api/tasks", &[], Some(body)).await;
    // The server may answer before it has read all, and close: then a client sees the answer or a cut.
    if let Some(reply) = reply {
        assert_eq!(reply.status, 413, "{}", reply.text);
    }
    assert_eq!(ann.tasks("").await.len(), 0);
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_allows() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let server = Process::start_with_few_files(data.path(), free_port()).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("limits");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut words = files.expect("a line").split_whitespace();
    let (soft, hard) = (words.next(), words.next());
    assert_ne!(soft, Some("256"));
    assert_eq!(soft, hard);
}

#[tokio::test]
async fn another_content_type_is_415() {
    let ann = App::shared().await.user().await;
    let reply = ann
        .send(
            "POST",
            "/api/tasks",
            &[("content-type", "text/plain")],
            Some("title=x".into()),
        )
        .await;
    assert!([415, 422].contains(&reply.status), "{}", reply.text);
}

/// SQLite takes a null byte in a text, Postgres does not.
#[tokio::test]
async fn a_null_byte_is_told_as_wrong_or_finds_nothing_wherever_it_is() {
    let app = App::shared().await;
    let ann = app.user().await;
    for path in [
        "/api/tasks?q=a%00b",
        "/api/tasks?tag=%00",
        "/api/tasks?project_id=%00",
        "/api/tasks?series_id=%00",
        "/api/tasks/%00",
        "/api/tasks/%00/history",
        "/api/reminders/a%00",
        "/api/notifications/%00",
        "/api/projects/%00",
        "/api/settings/channels/%00",
        "/api/tasks?cursor=5b302c302c225c7530303030225d",
    ] {
        let status = ann.get(path).await.status;
        assert!([200, 404, 422].contains(&status), "{path}: {status}");
    }
    for (path, body) in [
        ("/api/tasks", json!({ "title": "a\u{0}b" })),
        ("/api/tasks", json!({ "title": "x", "notes": "\u{0}" })),
        ("/api/tasks", json!({ "title": "x", "tags": ["\u{0}"] })),
        ("/api/tasks", json!({ "title": "x", "project_id": "\u{0}" })),
        ("/api/projects", json!({ "name": "\u{0}" })),
        ("/api/quick-add", json!({ "text": "a\u{0}b #\u{0}" })),
        (
            "/api/auth/login",
            json!({ "email": "a\u{0}@b", "password": "\u{0}" }),
        ),
        (
            "/api/settings/channels",
            json!({ "kind": "webhook", "target": "https://example.com/", "name": "\u{0}" }),
        ),
    ] {
        let status = ann.post(path, body.clone()).await.status;
        assert!(status < 500, "{path} {body}: {status}");
    }
}

#[tokio::test]
async fn json_that_is_nested_without_end_or_packed_is_refused() {
    let ann = App::shared().await.user().await;
    let deep = format!("{{\"title\":{}", "[".repeat(500_000));
    let reply = ann.send("POST", "/api/tasks", &[], Some(deep)).await;
    assert_eq!(reply.status, 422, "{}", reply.text);
    // Nothing unpacks a body: it is what was sent, and no JSON.
    let packed = [("content-encoding", "gzip")];
    let reply = ann
        .send("POST", "/api/tasks", &packed, Some("\u{1f}\u{8b}".into()))
        .await;
    assert_eq!(reply.status, 422, "{}", reply.text);
}

#[tokio::test]
async fn health_tells_the_schema() {
    let app = App::shared().await;
    assert_eq!(
        app.client().get("/healthz").await.expect(200)["status"],
        "ok"
    );
    assert_eq!(
        app.client().get("/.well-known/spin/health").await.status,
        200
    );
}

#[tokio::test]
async fn a_newer_schema_that_still_serves_these_functions_is_healthy() {
    let Some(app) = App::start().run().await else {
        return;
    };
    let health = async || app.client().get("/healthz").await.status;
    let newer =
        "INSERT INTO migrations (version, name, hash, applied_at) VALUES (1000, 'newer', ?1, 0)";
    app.database_says(newer, "").await;
    assert_eq!(health().await, 200);
    let serves = "UPDATE facts SET value = ?1 WHERE name = 'schema_serves'";
    app.database_says(serves, "1000").await;
    assert_eq!(health().await, 503);
}
