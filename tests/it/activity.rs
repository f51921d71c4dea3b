//! What was done, day by day.

use it::client::{User, text};
use it::{App, Reply, eventually};
use punctual_contract::dapr;
use punctual_contract::events::{CloudEvent, Data};
use serde_json::{Value, json};

/// Adds a task and completes it at an instant.
async fn complete(app: &App, user: &User, task: Value, at: &str) -> String {
    let id = text(&user.add(task).await, "/id");
    app.set(at).await;
    act(user, &id, "complete").await;
    id
}

async fn act(user: &User, task: &str, deed: &str) {
    user.post(&format!("/api/tasks/{task}/{deed}"), json!({}))
        .await
        .expect(200);
}

async fn activity(app: &App, user: &User, query: &str) -> Value {
    app.settled().await;
    user.get(&format!("/api/activity?{query}"))
        .await
        .expect(200)
}

/// The account's activity once it shows these days. On the cluster their event comes by Kafka, after all else is settled.
async fn days_become(app: &App, user: &User, right: &[(String, u64, u64, u64)]) -> Value {
    eventually(&format!("{right:?}"), || async {
        let now = activity(app, user, "").await;
        (days(&now) == right).then_some(now)
    })
    .await
}

/// The days on which something was done: date, completed, with a due, on time.
fn days(activity: &Value) -> Vec<(String, u64, u64, u64)> {
    let number = |day: &Value, name: &str| day[name].as_u64().unwrap_or_default();
    activity["days"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|day| day["completed"] != 0)
        .map(|day| {
            (
                text(day, "/date"),
                number(day, "completed"),
                number(day, "with_due"),
                number(day, "on_time"),
            )
        })
        .collect()
}

fn day(date: &str, completed: u64, with_due: u64, on_time: u64) -> (String, u64, u64, u64) {
    (date.to_owned(), completed, with_due, on_time)
}

#[tokio::test]
async fn completions_count_on_their_local_day_with_streak_and_the_share_in_time() {
    let Some(app) = App::start().clock("2026-11-01T08:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    // Late on the first in Berlin, and early on the second.
    complete(
        &app,
        &ann,
        json!({ "title": "a", "due": "2026-11-01" }),
        "2026-11-01T22:59:00Z",
    )
    .await;
    complete(&app, &ann, json!({ "title": "b" }), "2026-11-01T23:01:00Z").await;
    complete(
        &app,
        &ann,
        json!({ "title": "c", "due": "2026-11-02T09:00" }),
        "2026-11-02T08:00:00Z",
    )
    .await;
    complete(
        &app,
        &ann,
        json!({ "title": "d", "due": "2026-11-02T09:00" }),
        "2026-11-02T08:00:01Z",
    )
    .await;
    app.set("2026-11-03T08:00:00Z").await;
    let activity = days_become(
        &app,
        &ann,
        &[day("2026-11-01", 1, 1, 1), day("2026-11-02", 3, 2, 1)],
    )
    .await;
    assert_eq!(activity["days"].as_array().map(Vec::len), Some(30));
    assert_eq!(text(&activity, "/days/29/date"), "2026-11-03");
    assert_eq!(activity["streak"], json!({ "current": 2, "longest": 2 }));
    assert_eq!(activity["on_time_rate"], json!(2.0 / 3.0));
    assert_eq!(activity["timezone"], "Europe/Berlin");
}

#[tokio::test]
async fn what_is_reopened_deleted_or_skipped_does_not_count_and_comes_back_with_its_task() {
    let Some(app) = App::start().clock("2026-11-02T08:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let reopened = complete(&app, &ann, json!({ "title": "a" }), "2026-11-02T09:00:00Z").await;
    let deleted = complete(&app, &ann, json!({ "title": "b" }), "2026-11-02T09:00:00Z").await;
    let series = json!({ "title": "c", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } });
    let skipped = text(&ann.add(series).await, "/id");
    act(&ann, &skipped, "skip").await;
    days_become(&app, &ann, &[day("2026-11-02", 2, 0, 0)]).await;
    app.set("2026-11-03T09:00:00Z").await;
    act(&ann, &reopened, "reopen").await;
    ann.delete(&format!("/api/tasks/{deleted}"))
        .await
        .expect(204);
    let none = days_become(&app, &ann, &[]).await;
    assert_eq!(none["streak"], json!({ "current": 0, "longest": 0 }));
    act(&ann, &deleted, "restore").await;
    act(&ann, &reopened, "complete").await;
    days_become(
        &app,
        &ann,
        &[day("2026-11-02", 1, 0, 0), day("2026-11-03", 1, 0, 0)],
    )
    .await;
}

#[tokio::test]
async fn another_zone_moves_no_day_that_was_lived() {
    let Some(app) = App::start().clock("2026-11-02T08:00:00Z").run().await else {
        return;
    };
    let ann = User::register(app.client(), "ann@example.com", "Asia/Tokyo").await;
    complete(&app, &ann, json!({ "title": "a" }), "2026-11-02T23:00:00Z").await;
    app.set("2026-11-03T10:00:00Z").await;
    ann.patch("/api/settings", json!({ "timezone": "America/New_York" }))
        .await
        .expect(200);
    complete(&app, &ann, json!({ "title": "b" }), "2026-11-04T03:00:00Z").await;
    let moved = days_become(&app, &ann, &[day("2026-11-03", 2, 0, 0)]).await;
    assert_eq!(moved["timezone"], "America/New_York");
}

#[tokio::test]
async fn the_span_is_chosen_by_local_dates_and_is_a_year_at_most() {
    let Some(app) = App::start().clock("2026-11-02T08:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let chosen = activity(&app, &ann, "from=2026-10-30&to=2026-11-01").await;
    let dates: Vec<String> = chosen["days"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|day| text(day, "/date"))
        .collect();
    assert_eq!(dates, ["2026-10-30", "2026-10-31", "2026-11-01"]);
    assert_eq!(chosen["on_time_rate"], Value::Null);
    let year = ann.get("/api/activity?from=2025-11-02").await.expect(200);
    assert_eq!(year["days"].as_array().map(Vec::len), Some(366));
    for wrong in [
        "from=2025-11-01",
        "from=2026-11-03&to=2026-11-02",
        "from=monday",
        "to=2026-11-02T09:00",
        "until=2026-11-02",
    ] {
        let reply = ann.get(&format!("/api/activity?{wrong}")).await;
        assert_eq!(reply.status, 422, "{wrong}: {}", reply.text);
    }
}

/// An event as it is published of a change, which the table `changes` knows by its position.
fn event(position: &str) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".into(),
        id: position.into(),
        source: "/punctual".into(),
        kind: "punctual.task.completed.v1".into(),
        subject: "t".into(),
        time: "2026-11-02T06:00:00.000Z".into(),
        datacontenttype: "application/json".into(),
        partitionkey: "u".into(),
        traceparent: None,
        data: Data::default(),
    }
}

const PATH: &str = "/events/on-task-updates";

async fn completions(app: &App, user: &User) -> Vec<CloudEvent> {
    app.settled().await;
    let positions = "SELECT string_agg(CAST(position AS TEXT), ',') FROM changes WHERE owner = ?1 AND tbl = 'tasks'";
    let positions = app
        .database_answers(positions, &user.id)
        .await
        .expect("changes");
    positions.split(',').map(event).collect()
}

#[tokio::test]
async fn events_that_come_again_late_and_in_another_order_change_nothing() {
    let Some(app) = App::start().clock("2026-11-02T08:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let id = complete(&app, &ann, json!({ "title": "a" }), "2026-11-02T09:00:00Z").await;
    act(&ann, &id, "reopen").await;
    app.set("2026-11-03T09:00:00Z").await;
    act(&ann, &id, "complete").await;
    complete(&app, &ann, json!({ "title": "b" }), "2026-11-03T10:00:00Z").await;
    let right = [day("2026-11-03", 2, 0, 0)];
    let mut events = completions(&app, &ann).await;
    days_become(&app, &ann, &right).await;
    events.reverse();
    let calls = (0..20).map(|_| app.call(PATH, &events));
    for reply in futures::future::join_all(calls).await {
        assert!(!reply.expect(200).to_string().contains("drop"));
    }
    days_become(&app, &ann, &right).await;
    // A table that was lost is filled by the events again.
    app.database_says("DELETE FROM activity WHERE owner = ?1", &ann.id)
        .await;
    days_become(&app, &ann, &[]).await;
    app.call(PATH, &events).await.expect(200);
    days_become(&app, &ann, &right).await;
}

async fn from_dapr(app: &App, token: Option<&str>, body: String) -> Reply {
    let mut headers = vec![(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    )];
    headers.extend(token.map(|token| (dapr::TOKEN, token)));
    app.client().send("POST", PATH, &headers, Some(body)).await
}

#[tokio::test]
async fn a_dapr_sidecar_delivers_with_its_token_and_is_answered_in_its_words() {
    let Some(app) = App::start()
        .clock("2026-11-02T08:00:00Z")
        .variable("app_api_token", "from the sidecar")
        .run()
        .await
    else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    complete(&app, &ann, json!({ "title": "a" }), "2026-11-02T09:00:00Z").await;
    let events = completions(&app, &ann).await;
    app.settled().await;
    app.database_says("DELETE FROM activity WHERE owner = ?1", &ann.id)
        .await;
    let token = Some("from the sidecar");
    for event in &events {
        // A sidecar adds fields of its own.
        let mut body = serde_json::to_value(event).expect("JSON");
        body["topic"] = "task-updates".into();
        body["pubsubname"] = "pubsub".into();
        let reply = from_dapr(&app, token, body.to_string()).await;
        assert_eq!(reply.expect(200), json!({ "status": "SUCCESS" }));
    }
    days_become(&app, &ann, &[day("2026-11-02", 1, 0, 0)]).await;

    let text = serde_json::to_string(&events[0]).expect("JSON");
    for wrong in [None, Some(""), Some("from another")] {
        assert_eq!(from_dapr(&app, wrong, text.clone()).await.status, 401);
    }
    for never in [
        "{}".to_owned(),
        serde_json::to_string(&event("x")).expect("JSON"),
    ] {
        let reply = from_dapr(&app, token, never).await;
        assert_eq!(reply.expect(200), json!({ "status": "DROP" }));
    }
}

#[tokio::test]
async fn without_a_token_of_ours_no_sidecar_is_believed() {
    let app = App::shared().await;
    let text = serde_json::to_string(&event("1")).expect("JSON");
    for shown in [None, Some(""), Some("x")] {
        assert_eq!(from_dapr(app, shown, text.clone()).await.status, 401);
    }
}
