//! Reminders that ring until they are acknowledged; starts; what a project reminds by.

use it::client::text;
use it::{App, User, eventually};
use serde_json::{Value, json};

/// When a task's reminders ring or rang, and their states.
async fn states(ann: &User, task: &str) -> Vec<(String, String)> {
    ann.reminders(task)
        .await
        .iter()
        .map(|one| {
            (
                text(one, "/due_for")[11..16].to_owned(),
                text(one, "/state"),
            )
        })
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(at, state)| ((*at).to_owned(), (*state).to_owned()))
        .collect()
}

/// A task at noon UTC that rings then, and again every five minutes, twice.
async fn stubborn(app: &App) -> (User, String) {
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Pills", "due": "2026-11-02T13:00",
                     "reminders": [{ "before": "PT0S", "again": "PT5M", "times": 2 }] }))
        .await;
    app.settled().await;
    (ann, text(&task, "/id"))
}

async fn ring(app: &App, ann: &User, at: &str, count: usize) -> Value {
    app.set(&format!("2026-11-02T{at}:00Z")).await;
    let rung = eventually("the ring", || async {
        let rung = ann.notifications().await;
        (rung.len() == count).then_some(rung)
    })
    .await;
    app.settled().await;
    rung.into_iter().next().expect("the newest")
}

#[tokio::test]
async fn a_reminder_that_nobody_acknowledges_rings_again_as_often_as_was_said() {
    let Some(app) = App::start().clock("2026-11-02T11:00:00Z").run().await else {
        return;
    };
    let (ann, id) = stubborn(&app).await;
    ring(&app, &ann, "12:00", 1).await;
    assert_eq!(
        states(&ann, &id).await,
        pairs(&[("12:00", "fired"), ("12:05", "planned")])
    );
    ring(&app, &ann, "12:05", 2).await;
    // Late by an hour: the pause counts from when it rang.
    let last = ring(&app, &ann, "13:10", 3).await;
    let receipt = ann
        .get(&format!("/api/reminders/{}", text(&last, "/id")))
        .await
        .expect(200);
    assert_eq!(
        (
            receipt["repetition"].as_i64(),
            receipt["again_left"].as_i64()
        ),
        (Some(2), Some(0))
    );
    app.set("2026-11-02T15:00:00Z").await;
    app.settled().await;
    assert_eq!(
        states(&ann, &id).await,
        pairs(&[("12:00", "fired"), ("12:05", "fired"), ("12:10", "fired")])
    );
}

#[tokio::test]
async fn acknowledging_ends_it_and_reads_all_that_it_rang_before() {
    let Some(app) = App::start().clock("2026-11-02T11:00:00Z").run().await else {
        return;
    };
    let (ann, id) = stubborn(&app).await;
    let planned = text(&ann.reminders(&id).await[0], "/id");
    let acknowledge = |id: String| {
        let ann = ann.clone();
        async move {
            ann.post(&format!("/api/reminders/{id}/acknowledge"), json!({}))
                .await
        }
    };
    assert_eq!(
        acknowledge(planned.clone()).await.status,
        409,
        "not rung yet"
    );
    assert_eq!(acknowledge("nothing".to_owned()).await.status, 404);
    ring(&app, &ann, "12:00", 1).await;
    let second = text(&ring(&app, &ann, "12:05", 2).await, "/id");
    let bob = app.register("bob@example.com").await;
    bob.post(&format!("/api/reminders/{second}/acknowledge"), json!({}))
        .await
        .expect(404);
    let receipt = acknowledge(second.clone()).await.expect(200);
    assert!(receipt["read_at"].is_string(), "{receipt}");
    acknowledge(second).await.expect(200);
    app.settled().await;
    assert_eq!(
        states(&ann, &id).await,
        pairs(&[
            ("12:00", "fired"),
            ("12:05", "fired"),
            ("12:10", "cancelled")
        ])
    );
    let unread = ann.get("/api/notifications?unread=true").await.expect(200);
    assert_eq!(unread["items"], json!([]));
    app.set("2026-11-02T15:00:00Z").await;
    app.settled().await;
    assert_eq!(ann.notifications().await.len(), 2);
}

#[tokio::test]
async fn reading_the_notification_completing_and_moving_the_task_end_it_as_well() {
    for how in ["read", "complete", "move"] {
        let Some(app) = App::start().clock("2026-11-02T11:00:00Z").run().await else {
            return;
        };
        let (ann, id) = stubborn(&app).await;
        let first = text(&ring(&app, &ann, "12:00", 1).await, "/id");
        match how {
            "read" => {
                let path = format!("/api/notifications/{first}/read");
                ann.post(&path, json!({})).await.expect(200);
            }
            "complete" => {
                let path = format!("/api/tasks/{id}/complete");
                ann.post(&path, json!({})).await.expect(200);
            }
            _ => {
                let to = json!({ "due": "2026-11-02T18:00" });
                ann.patch(&format!("/api/tasks/{id}"), to).await.expect(200);
            }
        }
        app.settled().await;
        let states = states(&ann, &id).await;
        assert_eq!(
            states[..2],
            pairs(&[("12:00", "fired"), ("12:05", "cancelled")]),
            "{how}"
        );
        let moved = pairs(&[("17:00", "planned")]);
        assert_eq!(states[2..], moved[..usize::from(how == "move")], "{how}");
    }
}

#[tokio::test]
async fn another_edit_leaves_it_ringing_and_taking_the_reminder_away_does_not() {
    let Some(app) = App::start().clock("2026-11-02T11:00:00Z").run().await else {
        return;
    };
    let (ann, id) = stubborn(&app).await;
    ring(&app, &ann, "12:00", 1).await;
    let path = format!("/api/tasks/{id}");
    let task = ann.task(&id).await;
    let kept =
        json!({ "reminders": [task["reminders"][0], { "before": "PT15M" }], "title": "Two pills" });
    ann.patch(&path, kept).await.expect(200);
    app.settled().await;
    assert_eq!(
        states(&ann, &id).await,
        pairs(&[
            ("11:45", "skipped"),
            ("12:00", "fired"),
            ("12:05", "planned")
        ])
    );
    ann.patch(&path, json!({ "reminders": [] }))
        .await
        .expect(200);
    app.settled().await;
    assert_eq!(
        states(&ann, &id).await[1..],
        pairs(&[("12:00", "fired"), ("12:05", "cancelled")])
    );
}

#[tokio::test]
async fn what_is_put_off_rings_until_it_is_acknowledged_from_then_on() {
    let Some(app) = App::start().clock("2026-11-02T11:00:00Z").run().await else {
        return;
    };
    let (ann, id) = stubborn(&app).await;
    let first = text(&ring(&app, &ann, "12:00", 1).await, "/id");
    ann.post(
        &format!("/api/reminders/{first}/snooze"),
        json!({ "for": "PT30M" }),
    )
    .await
    .expect(201);
    app.settled().await;
    ring(&app, &ann, "12:30", 2).await;
    let last = ring(&app, &ann, "12:35", 3).await;
    assert_eq!(
        states(&ann, &id).await,
        pairs(&[
            ("12:00", "fired"),
            ("12:05", "cancelled"),
            ("12:30", "fired"),
            ("12:35", "fired"),
            ("12:40", "planned")
        ])
    );
    ann.post(
        &format!("/api/reminders/{}/acknowledge", text(&last, "/id")),
        json!({}),
    )
    .await
    .expect(200);
    app.settled().await;
    assert_eq!(
        states(&ann, &id).await[4],
        pairs(&[("12:40", "cancelled")])[0]
    );
}

#[tokio::test]
async fn a_reminder_before_the_start_rings_by_the_start() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(
            json!({ "title": "Essay", "start": "2026-11-03", "due": "2026-11-06",
                     "reminders": [{ "before": "PT0S", "of": "start" }, { "before": "PT1H" }] }),
        )
        .await;
    app.settled().await;
    let meant: Vec<String> = ann
        .reminders(&text(&task, "/id"))
        .await
        .iter()
        .map(|one| text(one, "/due_for"))
        .collect();
    // The morning is nine in Berlin.
    assert_eq!(
        meant,
        ["2026-11-03T08:00:00.000Z", "2026-11-06T07:00:00.000Z"]
    );
    for (body, field) in [
        (
            json!({ "title": "T", "start": "2026-11-07", "due": "2026-11-06" }),
            "start",
        ),
        (
            json!({ "title": "T", "due": "2026-11-06", "reminders": [{ "before": "PT1H", "of": "start" }] }),
            "reminders[0].before",
        ),
        (
            json!({ "title": "T", "due": "2026-11-06", "reminders": [{ "before": "PT1H", "of": "end" }] }),
            "reminders[0].of",
        ),
        (
            json!({ "title": "T", "due": "2026-11-06", "reminders": [{ "before": "PT1H", "again": "PT30S" }] }),
            "reminders[0].again",
        ),
        (
            json!({ "title": "T", "due": "2026-11-06", "reminders": [{ "before": "PT1H", "times": 3 }] }),
            "reminders[0].times",
        ),
    ] {
        let reply = ann.post("/api/tasks", body).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn a_new_task_is_reminded_as_its_project_says_unless_it_says_something_itself() {
    let app = App::shared().await;
    let ann = app.user().await;
    let project = ann
        .post(
            "/api/projects",
            json!({ "name": "Garden", "reminders": [{ "before": "PT30M", "again": "PT10M" }, { "before": "P1D", "of": "start" }] }),
        )
        .await
        .expect(201);
    let id = text(&project, "/id");
    let add = |more: Value| {
        let mut body = json!({ "title": "Dig", "project_id": id });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let ann = ann.clone();
        async move {
            let task = ann.add(body).await;
            let list = task["reminders"].as_array().cloned().unwrap_or_default();
            list.iter()
                .map(|one| text(one, "/before"))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(add(json!({ "due": "2030-01-02T09:00" })).await, ["PT30M"]);
    assert_eq!(
        add(json!({ "start": "2030-01-01", "due": "2030-01-02" })).await,
        ["PT30M", "P1D"]
    );
    assert_eq!(add(json!({})).await, Vec::<String>::new());
    assert_eq!(
        add(json!({ "due": "2030-01-02", "reminders": [] })).await,
        Vec::<String>::new()
    );
    let path = format!("/api/projects/{id}");
    let renamed = ann
        .patch(&path, json!({ "name": "Allotment" }))
        .await
        .expect(200);
    assert_eq!(renamed["reminders"].as_array().map(Vec::len), Some(2));
    let cleared = ann
        .patch(&path, json!({ "reminders": null }))
        .await
        .expect(200);
    assert_eq!(
        (cleared["name"].as_str(), &cleared["reminders"]),
        (Some("Allotment"), &json!([]))
    );
    let reply = ann
        .patch(
            &path,
            json!({ "reminders": [{ "at": "2030-01-01T00:00:00Z" }] }),
        )
        .await;
    assert_eq!(reply.json()["errors"][0]["field"], "reminders[0].at");
}
