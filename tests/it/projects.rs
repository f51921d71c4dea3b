use it::App;
use it::client::{items, text};
use serde_json::json;

#[tokio::test]
async fn everybody_has_an_inbox_which_can_be_renamed_and_not_archived() {
    let ann = App::shared().await.user().await;
    let projects = items(ann.get("/api/projects").await.expect(200));
    assert_eq!(
        (projects.len(), projects[0]["kind"].as_str()),
        (1, Some("inbox"))
    );
    let path = format!("/api/projects/{}", text(&projects[0], "/id"));
    assert_eq!(
        ann.patch(&path, json!({ "name": "Eingang" }))
            .await
            .expect(200)["name"],
        "Eingang"
    );
    assert_eq!(
        ann.post(&format!("{path}/archive"), json!({})).await.status,
        409
    );
    let task = ann.add(json!({ "title": "Somewhere" })).await;
    assert_eq!(task["project_id"], projects[0]["id"]);
}

#[tokio::test]
async fn a_project_is_made_renamed_archived_and_restored() {
    let ann = App::shared().await.user().await;
    let made = ann
        .post("/api/projects", json!({ "name": "Home" }))
        .await
        .expect(201);
    let path = format!("/api/projects/{}", text(&made, "/id"));
    let task = ann
        .add(json!({ "title": "Sweep", "project_id": made["id"] }))
        .await;
    assert_eq!(
        ann.tasks(&format!("project_id={}", text(&made, "/id")))
            .await,
        [task]
    );
    assert!(
        ann.post(&format!("{path}/archive"), json!({}))
            .await
            .expect(200)["archived_at"]
            .is_string()
    );
    assert_eq!(items(ann.get("/api/projects").await.expect(200)).len(), 1);
    assert_eq!(
        items(ann.get("/api/projects?archived=true").await.expect(200)).len(),
        1
    );
    assert_eq!(
        ann.post(
            "/api/tasks",
            json!({ "title": "x", "project_id": made["id"] })
        )
        .await
        .status,
        422
    );
    assert!(
        ann.post(&format!("{path}/restore"), json!({}))
            .await
            .expect(200)["archived_at"]
            .is_null()
    );
    let stale = ann
        .send(
            "PATCH",
            &path,
            &[("if-match", "\"1\"")],
            Some(r#"{"name":"x"}"#.into()),
        )
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(ann.patch(&path, json!({ "name": " " })).await.status, 422);
}

#[tokio::test]
async fn a_task_moves_between_projects_of_its_owner_only() {
    let app = App::shared().await;
    let (ann, bob) = (app.user().await, app.user().await);
    let home = ann
        .post("/api/projects", json!({ "name": "Home" }))
        .await
        .expect(201);
    let foreign = bob
        .post("/api/projects", json!({ "name": "Bob's" }))
        .await
        .expect(201);
    let path = format!(
        "/api/tasks/{}",
        text(&ann.add(json!({ "title": "Move me" })).await, "/id")
    );
    assert_eq!(
        ann.patch(&path, json!({ "project_id": home["id"] }))
            .await
            .expect(200)["project_id"],
        home["id"]
    );
    assert_eq!(
        ann.patch(&path, json!({ "project_id": foreign["id"] }))
            .await
            .status,
        422
    );
    let back = ann
        .patch(&path, json!({ "project_id": null }))
        .await
        .expect(200);
    assert_ne!(back["project_id"], home["id"]);
}
