use it::client::text;
use it::{App, eventually};
use serde_json::json;

#[tokio::test]
async fn a_reminder_fires_at_its_instant_and_its_receipt_tells_how_late() {
    let app = App::shared().await;
    let ann = app.user().await;
    let at = app.in_seconds(2);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": at }] }))
        .await;
    let fired = eventually("the notification", || async {
        ann.notifications().await.pop()
    })
    .await;
    assert_eq!(
        (fired["task_id"].as_str(), fired["due_for"].as_str()),
        (task["id"].as_str(), Some(at.as_str()))
    );
    assert!(text(&fired, "/fired_at") >= at, "never early: {fired}");
    let receipt = eventually("the in-app delivery", || async {
        let receipt = ann
            .get(&format!("/api/reminders/{}", text(&fired, "/id")))
            .await
            .expect(200);
        (receipt["deliveries"][0]["state"] == "sent").then_some(receipt)
    })
    .await;
    assert_eq!(
        (
            receipt["state"].as_str(),
            receipt["deliveries"][0]["channel"].as_str()
        ),
        (Some("fired"), Some("in-app"))
    );
    assert!(
        receipt["lateness_ms"]
            .as_i64()
            .is_some_and(|late| (0..1000).contains(&late)),
        "{receipt}"
    );
}

#[tokio::test]
async fn moving_completing_and_deleting_a_task_cancels_what_was_planned() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let add = |title: &str| {
        let (ann, title) = (ann.clone(), title.to_owned());
        async move {
            let body = json!({ "title": title, "due": "2026-11-02T12:00", "reminders": [{ "before": "PT1H" }] });
            text(&ann.add(body).await, "/id")
        }
    };
    let (moved, done, deleted) = (add("moved").await, add("done").await, add("deleted").await);
    app.settled().await;
    ann.patch(
        &format!("/api/tasks/{moved}"),
        json!({ "due": "2026-11-02T15:00" }),
    )
    .await
    .expect(200);
    ann.post(&format!("/api/tasks/{done}/complete"), json!({}))
        .await
        .expect(200);
    ann.delete(&format!("/api/tasks/{deleted}"))
        .await
        .expect(204);
    app.settled().await;
    let states = |id: String| {
        let ann = ann.clone();
        async move {
            let all = ann.reminders(&id).await;
            all.iter()
                .map(|r| (text(r, "/due_for"), text(r, "/state")))
                .collect::<Vec<_>>()
        }
    };
    let pair = |at: &str, state: &str| (format!("2026-11-02T{at}:00.000Z"), state.to_owned());
    assert_eq!(
        states(moved).await,
        [pair("10:00", "cancelled"), pair("13:00", "planned")]
    );
    assert_eq!(states(done).await, [pair("10:00", "cancelled")]);
    assert_eq!(states(deleted).await, [pair("10:00", "cancelled")]);
    app.set("2026-11-02T13:30:00Z").await;
    eventually("the moved one alone", || async {
        (ann.notifications().await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reminder_that_is_already_past_is_skipped_and_named() {
    let Some(app) = App::start().clock("2026-11-02T11:30:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Soon", "due": "2026-11-02T13:00",
                     "reminders": [{ "id": "early", "before": "PT1H" }, { "id": "late", "before": "PT5M" }] }))
        .await;
    assert_eq!(task["skipped_reminders"], json!(["early"]));
    app.settled().await;
    let states: Vec<String> = ann
        .reminders(&text(&task, "/id"))
        .await
        .iter()
        .map(|r| text(r, "/state"))
        .collect();
    assert_eq!(states, ["skipped", "planned"]);
}

#[tokio::test]
async fn an_edit_does_not_call_a_reminder_skipped_that_has_fired_before() {
    let Some(app) = App::start().clock("2026-11-02T11:30:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Soon", "due": "2026-11-02T14:00", "reminders": [{ "id": "first", "before": "PT1H" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T12:10:00Z").await;
    eventually("it rings", || async {
        (ann.notifications().await.len() == 1).then_some(())
    })
    .await;
    let reminders =
        json!([{ "id": "first", "before": "PT1H" }, { "id": "late", "before": "PT2H" }]);
    let edited = ann
        .patch(
            &format!("/api/tasks/{}", text(&task, "/id")),
            json!({ "reminders": reminders }),
        )
        .await
        .expect(200);
    assert_eq!(edited["skipped_reminders"], json!(["late"]));
}

#[tokio::test]
async fn an_all_day_task_rings_before_the_persons_morning() {
    let Some(app) = App::start().clock("2026-11-02T00:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    ann.patch("/api/settings", json!({ "morning": "07:00" }))
        .await
        .expect(200);
    let task = ann.add(json!({ "title": "Day", "due": "2026-11-05", "reminders": [{ "before": "PT0S" }, { "before": "P1D" }] })).await;
    app.settled().await;
    let instants: Vec<String> = ann
        .reminders(&text(&task, "/id"))
        .await
        .iter()
        .map(|r| text(r, "/due_for"))
        .collect();
    assert_eq!(
        instants,
        ["2026-11-04T06:00:00.000Z", "2026-11-05T06:00:00.000Z"]
    );
}

#[tokio::test]
async fn a_reminder_sent_again_with_its_id_keeps_its_state() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann.add(json!({ "title": "x", "due": "2026-11-02T12:00", "reminders": [{ "before": "PT4H30M" }] })).await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    eventually("the ring", || async { ann.notifications().await.pop() }).await;
    let mut reminders = task["reminders"].as_array().cloned().expect("reminders");
    reminders.push(json!({ "before": "PT1H" }));
    ann.patch(
        &format!("/api/tasks/{}", text(&task, "/id")),
        json!({ "reminders": reminders }),
    )
    .await
    .expect(200);
    app.settled().await;
    let states: Vec<String> = ann
        .reminders(&text(&task, "/id"))
        .await
        .iter()
        .map(|r| text(r, "/state"))
        .collect();
    assert_eq!(states, ["fired", "planned"]);
}

#[tokio::test]
async fn a_snooze_rings_again_and_moving_the_due_cancels_it() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann.add(json!({ "title": "x", "due": "2026-11-02T12:00", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] })).await;
    app.settled().await;
    app.set("2026-11-02T07:00:01Z").await;
    let fired = eventually("the ring", || async { ann.notifications().await.pop() }).await;
    let path = format!("/api/reminders/{}/snooze", text(&fired, "/id"));
    let snoozed = ann.post(&path, json!({ "for": "PT10M" })).await.expect(201);
    assert_eq!(
        (snoozed["kind"].as_str(), snoozed["due_for"].as_str()),
        (Some("snooze"), Some("2026-11-02T07:10:01.000Z"))
    );
    assert!(
        ann.notifications().await[0]["read_at"].is_string(),
        "the first one counts as read"
    );
    app.settled().await;
    app.set("2026-11-02T07:10:02Z").await;
    eventually("the second ring", || async {
        (ann.notifications().await.len() == 2).then_some(())
    })
    .await;

    let again = ann
        .post(&path, json!({ "until": "2026-11-02T09:00:00Z" }))
        .await
        .expect(201);
    ann.patch(
        &format!("/api/tasks/{}", text(&task, "/id")),
        json!({ "title": "y" }),
    )
    .await
    .expect(200);
    app.settled().await;
    let receipt = format!("/api/reminders/{}", text(&again, "/id"));
    assert_eq!(
        ann.get(&receipt).await.expect(200)["state"],
        "planned",
        "another title leaves it"
    );
    ann.patch(
        &format!("/api/tasks/{}", text(&task, "/id")),
        json!({ "due": "2026-11-03T12:00" }),
    )
    .await
    .expect(200);
    app.settled().await;
    assert_eq!(ann.get(&receipt).await.expect(200)["state"], "cancelled");
    for body in [
        json!({}),
        json!({ "for": "PT10M", "until": "2026-11-02T09:00:00Z" }),
        json!({ "until": "2020-01-01T00:00:00Z" }),
    ] {
        assert_eq!(ann.post(&path, body).await.status, 422);
    }
}

#[tokio::test]
async fn notifications_are_read_one_by_one_and_all_at_once() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let reminders: Vec<_> = (1..=3)
        .map(|n| json!({ "at": format!("2026-11-02T07:00:0{n}Z") }))
        .collect();
    ann.add(json!({ "title": "x", "reminders": reminders }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:01:00Z").await;
    eventually("three rings", || async {
        (ann.notifications().await.len() == 3).then_some(())
    })
    .await;
    let page = ann.get("/api/notifications?limit=2").await.expect(200);
    let rest = ann
        .get(&format!(
            "/api/notifications?limit=2&cursor={}",
            text(&page, "/next")
        ))
        .await
        .expect(200);
    assert_eq!(
        (
            page["items"].as_array().map(Vec::len),
            rest["items"].as_array().map(Vec::len)
        ),
        (Some(2), Some(1))
    );
    let read = ann
        .post(
            &format!("/api/notifications/{}/read", text(&page, "/items/0/id")),
            json!({}),
        )
        .await
        .expect(200);
    assert!(read["read_at"].is_string());
    let unread = || async {
        ann.get("/api/notifications?unread=true").await.expect(200)["items"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(unread().await, Some(2));
    ann.post("/api/notifications/read", json!({}))
        .await
        .expect(204);
    assert_eq!(unread().await, Some(0));
}
