//! What the users of other to-do programs complain of most, each as a test: here it is right.

use it::client::{Client, text};
use it::edition::skipped_under_spin;
use it::process::{Process, free_port};
use it::{App, Receiver, User, eventually};
use serde_json::{Value, json};

/// The dues of a series, each completed at its due, as the API gives them: local time, and instant.
async fn dues(app: &App, ann: &User, task: Value, count: usize) -> Vec<(String, String)> {
    let (mut task, mut dues) = (task, Vec::new());
    loop {
        dues.push((text(&task, "/due"), text(&task, "/due_at")));
        if dues.len() == count {
            return dues;
        }
        app.set(&text(&task, "/due_at")).await;
        app.caught_up().await;
        ann.complete(&task).await;
        task = ann
            .successor(&text(&task, "/series_id"), &text(&task, "/id"))
            .await;
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    list.iter().map(owned).collect()
}

#[tokio::test]
async fn vikunja_adds_seconds_and_drifts_by_an_hour_when_clocks_change_here_nine_stays_nine() {
    let Some(app) = App::start().clock("2026-03-27T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Pills", "due": "2026-03-27T09:00", "repeat": { "rrule": "FREQ=DAILY" },
                     "reminders": [{ "before": "P1D" }] }))
        .await;
    assert_eq!(
        dues(&app, &ann, task, 4).await,
        pairs(&[
            ("2026-03-27T09:00", "2026-03-27T08:00:00.000Z"),
            ("2026-03-28T09:00", "2026-03-28T08:00:00.000Z"),
            ("2026-03-29T09:00", "2026-03-29T07:00:00.000Z"),
            ("2026-03-30T09:00", "2026-03-30T07:00:00.000Z"),
        ])
    );
    app.settled().await;
    let rung: Vec<String> = ann
        .notifications()
        .await
        .iter()
        .map(|one| text(one, "/due_for"))
        .collect();
    assert_eq!(
        rung,
        [
            "2026-03-29T07:00:00.000Z",
            "2026-03-28T08:00:00.000Z",
            "2026-03-27T08:00:00.000Z"
        ],
        "a day before is nine o'clock the day before"
    );
}

#[tokio::test]
async fn vikunja_turns_january_31_into_march_3_here_it_is_the_end_of_february_and_then_march_31() {
    let Some(app) = App::start().clock("2027-01-30T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    for (rrule, expected) in [
        (
            "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD",
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
        ),
        // As RFC 5545 has it: months without a 31st have none.
        (
            "FREQ=MONTHLY",
            ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"],
        ),
    ] {
        let shown = ann
            .get(&format!(
                "/api/recurrence?rrule={rrule}&due=2027-01-31&count=4"
            ))
            .await
            .expect(200);
        assert_eq!(shown["occurrences"], json!(expected), "{rrule}");
    }
    let task = ann
        .add(json!({ "title": "Rent", "due": "2027-01-31",
                     "repeat": { "rrule": "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD" } }))
        .await;
    let days: Vec<String> = dues(&app, &ann, task, 4)
        .await
        .into_iter()
        .map(|(due, _)| due)
        .collect();
    assert_eq!(
        days,
        ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]
    );
}

#[tokio::test]
async fn vikunja_loses_reminders_that_come_due_while_it_restarts_here_they_ring_when_it_is_back() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let settings = [("PUNCTUAL_REGISTRATION", "open")];
    let (data, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let server = Process::start(data.path(), port, &settings).await;
    let ann = User::register(&Client::new(&server.url), "ann@example.com", "UTC").await;
    let at = it::clock::in_millis(1500);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": at }] }))
        .await;
    assert!(server.terminate().await.success());
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let server = Process::start(data.path(), port, &settings).await;
    let rung = eventually("the ring", || async { ann.notifications().await.pop() }).await;
    assert_eq!(rung["task_id"], task["id"]);
    let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
    assert_eq!(text(&receipt, "/due_for"), at);
    assert!(
        receipt["lateness_ms"].as_i64() > Some(0),
        "the receipt says how late: {receipt}"
    );
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn donetick_marks_failed_reminders_as_sent_here_the_receipt_says_that_and_why_they_failed() {
    let receiver = Receiver::start().await;
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let webhook = json!({ "kind": "webhook", "target": receiver.url });
    ann.post("/api/settings/channels", webhook)
        .await
        .expect(201);
    receiver.answer_next(&[500; 8]);
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    let delivery = || async {
        let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
        let deliveries = receipt["deliveries"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        deliveries
            .into_iter()
            .find(|one| one["channel"] == "webhook")
    };
    let mut tries = 0;
    let failed = loop {
        let after = eventually("another try", || async {
            let one = delivery().await?;
            (one["tries"].as_array()?.len() > tries).then_some(one)
        })
        .await;
        tries += 1;
        if after["next_try"].is_null() {
            break after;
        }
        assert_eq!(after["state"], "pending", "{after}");
        app.set(&text(&after, "/next_try")).await;
    };
    assert_eq!((failed["state"].as_str(), tries), (Some("failed"), 8));
    assert_eq!(failed["sent_at"], Value::Null);
    for entry in failed["tries"].as_array().expect("tries") {
        assert!(text(entry, "/outcome").contains("500"), "{entry}");
    }
}

#[tokio::test]
async fn tasks_org_knows_no_time_zones_here_a_due_floats_or_has_one() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let floats = json!({ "title": "Breakfast", "due": "2026-11-03T08:00", "reminders": [{ "before": "PT0S" }] });
    let fixed = json!({ "title": "Call Tokyo", "due": "2026-11-03T08:00", "timezone": "Asia/Tokyo",
                        "reminders": [{ "before": "PT0S" }] });
    let (floats, fixed) = (ann.add(floats).await, ann.add(fixed).await);
    assert_eq!(floats["due_at"], "2026-11-03T07:00:00.000Z");
    assert_eq!(fixed["due_at"], "2026-11-02T23:00:00.000Z");
    app.settled().await;
    // Ann flies to New York.
    ann.patch("/api/settings", json!({ "timezone": "America/New_York" }))
        .await
        .expect(200);
    app.advance("PT2S").await;
    app.settled().await;
    for at in ["2026-11-02T23:00:00Z", "2026-11-03T13:00:00Z"] {
        app.set(at).await;
        app.caught_up().await;
    }
    let rung: Vec<(String, String)> = ann
        .notifications()
        .await
        .iter()
        .map(|one| (text(one, "/title"), text(one, "/fired_at")))
        .collect();
    assert_eq!(
        rung,
        pairs(&[
            ("Breakfast", "2026-11-03T13:00:00.000Z"),
            ("Call Tokyo", "2026-11-02T23:00:00.000Z"),
        ])
    );
}

#[tokio::test]
async fn nextcloud_tasks_completes_a_whole_series_at_once_here_one_occurrence() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Water", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY;COUNT=3" } }))
        .await;
    let series = text(&task, "/series_id");
    let done = ann.complete(&task).await;
    let next = ann.successor(&series, &text(&task, "/id")).await;
    assert_eq!(
        (done["status"].as_str(), next["status"].as_str()),
        (Some("completed"), Some("open"))
    );
    assert_eq!(
        (next["due"].as_str(), next["number"].as_i64()),
        (Some("2026-11-03"), Some(2))
    );
    let shown = ann
        .get(&format!(
            "/api/tasks/{}/occurrences?from=2026-11-01",
            text(&next, "/id")
        ))
        .await
        .expect(200);
    let states: Vec<String> = shown["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(one, "/state"))
        .collect();
    assert_eq!(states, ["completed", "open", "planned"]);
}

#[tokio::test]
async fn taskwarrior_makes_the_same_instance_on_each_device_here_there_is_one_whoever_completes_it_how_often()
 {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(json!({ "title": "Water", "due": "2031-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let path = format!("/api/tasks/{}/complete", text(&task, "/id"));
    // Eight devices at once, each with a key of its own, and each twice.
    let calls = (0..16).map(|n| {
        let (ann, path) = (ann.clone(), path.clone());
        async move {
            ann.post_keyed(&path, &format!("device-{}", n / 2), json!({}))
                .await
                .status
        }
    });
    let answers = futures::future::join_all(calls).await;
    assert!(
        answers.iter().all(|status| [200, 409].contains(status)),
        "{answers:?}"
    );
    let series = text(&task, "/series_id");
    ann.successor(&series, &text(&task, "/id")).await;
    app.settled().await;
    let mut keys: Vec<String> = ann
        .tasks(&format!("series_id={series}&status=all"))
        .await
        .iter()
        .map(|task| text(task, "/occurrence"))
        .collect();
    keys.sort();
    assert_eq!(keys, ["2031-11-02", "2031-11-03"]);
}

#[tokio::test]
async fn todoist_advances_a_recurring_task_twice_when_a_request_is_retried_here_once() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(json!({ "title": "Water", "due": "2031-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let path = format!("/api/tasks/{}/complete", text(&task, "/id"));
    let first = ann.post_keyed(&path, "retried", json!({})).await;
    let series = text(&task, "/series_id");
    let next = ann.successor(&series, &text(&task, "/id")).await;
    // The answer was lost on its way; the client asks again, once at once and once when the next one is there.
    let again = ann.post_keyed(&path, "retried", json!({})).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json()["next"], again.json()["next"]);
    // And a client that knows no keys.
    ann.post(&path, json!({})).await.expect(200);
    app.settled().await;
    assert_eq!(ann.task(&text(&next, "/id")).await["status"], "open");
    assert_eq!(ann.task(&text(&next, "/id")).await["due"], "2031-11-03");
    assert_eq!(
        ann.tasks(&format!("series_id={series}&status=all"))
            .await
            .len(),
        2
    );
}
