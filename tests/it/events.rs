use it::client::text;
use it::{App, eventually};
use punctual_contract::events::{CloudEvent, Data, PLAN_TASK, REMINDER_DUE};
use serde_json::{Value, json};

fn event(kind: &str, subject: &str) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".into(),
        id: format!("{kind}-{subject}"),
        source: "/punctual".into(),
        kind: kind.into(),
        subject: subject.into(),
        time: "2026-11-02T06:00:00.000Z".into(),
        datacontenttype: "application/json".into(),
        partitionkey: "u".into(),
        traceparent: None,
        data: Data::default(),
    }
}

fn statuses(answer: &Value) -> Vec<String> {
    answer["outcomes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|outcome| text(outcome, "/status"))
        .collect()
}

#[tokio::test]
async fn event_routes_take_only_what_the_worker_has_signed() {
    let app = App::shared().await;
    for path in [
        "/events/on-task-events",
        "/events/on-reminders",
        "/events/on-task-updates",
    ] {
        assert_eq!(app.client().post(path, json!([])).await.status, 401);
        assert_eq!(
            app.call_signed_with("another secret", path, &[])
                .await
                .status,
            401
        );
        assert_eq!(app.call(path, &[]).await.status, 200);
        assert_eq!(app.client().get(path).await.status, 405);
    }
}

#[tokio::test]
async fn a_batch_gets_one_status_per_event_in_order() {
    let app = App::shared().await;
    let events = [
        event(PLAN_TASK, "gone"),
        event("punctual.nonsense.v1", "x"),
        event("punctual.settings.updated.v1", "u"),
    ];
    let answer = app
        .call("/events/on-task-events", &events)
        .await
        .expect(200);
    assert_eq!(statuses(&answer), ["ok", "drop", "ok"]);
    let answer = app
        .call(
            "/events/on-reminders",
            &[event(REMINDER_DUE, "gone"), event(PLAN_TASK, "x")],
        )
        .await
        .expect(200);
    assert_eq!(statuses(&answer), ["ok", "drop"]);
}

#[tokio::test]
async fn the_next_occurrence_is_made_once_although_its_event_comes_fifty_times_at_once() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Daily", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let id = text(&task, "/id");
    ann.post(&format!("/api/tasks/{id}/complete"), json!({}))
        .await
        .expect(200);
    let events = [
        event("punctual.task.completed.v1", &id),
        event("punctual.task.created.v1", &id),
    ];
    let calls = (0..50).map(|_| app.call("/events/on-task-events", &events));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(statuses(&answer.expect(200)), ["ok", "ok"]);
    }
    app.settled().await;
    assert_eq!(ann.tasks("status=all").await.len(), 2);
}

#[tokio::test]
async fn an_old_event_after_a_newer_one_changes_nothing() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(
            json!({ "title": "x", "due": "2026-11-02T12:00", "reminders": [{ "before": "PT1H" }] }),
        )
        .await;
    let id = text(&task, "/id");
    ann.delete(&format!("/api/tasks/{id}")).await.expect(204);
    app.settled().await;
    app.call(
        "/events/on-task-events",
        &[event("punctual.task.created.v1", &id)],
    )
    .await
    .expect(200);
    let states: Vec<String> = ann
        .reminders(&id)
        .await
        .iter()
        .map(|r| text(r, "/state"))
        .collect();
    assert!(
        states.iter().all(|state| state == "cancelled"),
        "{states:?}"
    );
}

#[tokio::test]
async fn a_reminder_fires_once_although_its_wake_up_comes_fifty_times_at_once() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "x", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    let reminder = text(&ann.reminders(&text(&task, "/id")).await[0], "/id");
    app.call("/events/on-reminders", &[event(REMINDER_DUE, &reminder)])
        .await
        .expect(200);
    assert_eq!(
        ann.notifications().await.len(),
        0,
        "never early, whoever asks"
    );
    app.set("2026-11-02T07:00:00Z").await;
    let wake_up = [event(REMINDER_DUE, &reminder)];
    for answer in
        futures::future::join_all((0..50).map(|_| app.call("/events/on-reminders", &wake_up))).await
    {
        answer.expect(200);
    }
    let receipt = ann
        .get(&format!("/api/reminders/{reminder}"))
        .await
        .expect(200);
    assert_eq!(
        (receipt["state"].as_str(), receipt["version"].as_i64()),
        (Some("fired"), Some(2))
    );
    assert_eq!(ann.notifications().await.len(), 1);
}

#[tokio::test]
async fn the_sweep_repairs_a_lost_event_within_seconds() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(
            json!({ "title": "x", "due": "2031-11-02T12:00", "reminders": [{ "before": "PT1H" }] }),
        )
        .await;
    let id = text(&task, "/id");
    app.settled().await;
    // What a lost event leaves behind: nothing planned, and nobody told.
    app.database_says("DELETE FROM reminders WHERE task_id = ?1", &id)
        .await;
    app.database_says(
        "UPDATE plans SET planned = planned - 1 WHERE task_id = ?1",
        &id,
    )
    .await;
    eventually("the sweep", || async {
        (ann.reminders(&id).await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stale_generation_never_fires() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "x", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    let id = text(&task, "/id");
    app.settled().await;
    let reminder = text(&ann.reminders(&id).await[0], "/id");
    // As if the task had moved on and the planner had not come yet.
    app.database_says("UPDATE reminders SET generation = 0, version = version + 1, op = 'test' WHERE task_id = ?1", &id).await;
    app.set("2026-11-02T07:00:01Z").await;
    app.call("/events/on-reminders", &[event(REMINDER_DUE, &reminder)])
        .await
        .expect(200);
    assert_eq!(
        ann.get(&format!("/api/reminders/{reminder}"))
            .await
            .expect(200)["state"],
        "planned"
    );
}
