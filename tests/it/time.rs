//! “Time, exactly” (specs/005-cloud-deployment/spec.md), line by line: each name is a line.

use it::client::text;
use it::{App, User};
use serde_json::{Value, json};

/// Ann in Berlin, at seven in the morning of Monday, 2 November 2026.
async fn monday() -> Option<(App, User)> {
    let app = App::start().clock("2026-11-02T06:00:00Z").run().await?;
    let ann = app.register("ann@example.com").await;
    Some((app, ann))
}

/// Sets the clock, and waits until all that follows has happened.
async fn at(app: &App, at: &str) {
    app.set(at).await;
    app.caught_up().await;
}

async fn moves_to(app: &App, ann: &User, zone: &str) {
    ann.patch("/api/settings", json!({ "timezone": zone }))
        .await
        .expect(200);
    app.advance("PT2S").await;
    app.caught_up().await;
}

async fn patch(ann: &User, task: &Value, body: Value) -> Value {
    ann.patch(&format!("/api/tasks/{}", text(task, "/id")), body)
        .await
        .expect(200)
}

async fn again(ann: &User, task: &Value) -> Value {
    ann.task(&text(task, "/id")).await
}

/// What a task's reminders do: instant and state.
async fn rings(ann: &User, task: &Value) -> Vec<String> {
    let receipts = ann.reminders(&text(task, "/id")).await;
    let said = |one: &Value| format!("{} {}", &text(one, "/due_for")[5..16], text(one, "/state"));
    receipts.iter().map(said).collect()
}

async fn next(app: &App, ann: &User, done: &Value) -> Value {
    app.caught_up().await;
    ann.successor(&text(done, "/series_id"), &text(done, "/id"))
        .await
}

#[tokio::test]
async fn a_date_or_a_date_time_without_timezone_floats_and_a_change_of_the_accounts_zone_replans_it()
 {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let timed = ann
        .add(
            json!({ "title": "a", "due": "2026-11-03T09:00", "reminders": [{ "before": "PT0S" }] }),
        )
        .await;
    let day = ann
        .add(json!({ "title": "b", "due": "2026-11-03", "reminders": [{ "before": "PT0S" }] }))
        .await;
    app.caught_up().await;
    assert_eq!(rings(&ann, &timed).await, ["11-03T08:00 planned"]);
    moves_to(&app, &ann, "America/New_York").await;
    assert_eq!(
        again(&ann, &timed).await["due_at"],
        "2026-11-03T14:00:00.000Z"
    );
    assert_eq!(
        again(&ann, &day).await["due_at"],
        "2026-11-04T05:00:00.000Z"
    );
    for task in [timed, day] {
        assert_eq!(
            rings(&ann, &task).await,
            ["11-03T08:00 cancelled", "11-03T14:00 planned"]
        );
    }
}

#[tokio::test]
async fn a_given_zone_is_fixed() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-03T09:00", "timezone": "Asia/Tokyo", "reminders": [{ "before": "PT0S" }] }))
        .await;
    moves_to(&app, &ann, "America/New_York").await;
    assert_eq!(
        again(&ann, &task).await["due_at"],
        "2026-11-03T00:00:00.000Z"
    );
    assert_eq!(rings(&ann, &task).await, ["11-03T00:00 planned"]);
}

#[tokio::test]
async fn a_series_uses_its_owners_zone_and_a_reminder_its_recipients() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let bob = User::register(app.client(), "bob@example.com", "Asia/Tokyo").await;
    let body = json!({ "title": "a", "due": "2026-11-03", "repeat": { "rrule": "FREQ=DAILY" }, "reminders": [{ "before": "PT0S" }] });
    let (anns, bobs) = (ann.add(body.clone()).await, bob.add(body).await);
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &anns).await[0],
        "11-03T08:00 planned",
        "nine in Berlin"
    );
    assert_eq!(
        rings(&bob, &bobs).await[0],
        "11-03T00:00 planned",
        "nine in Tokyo"
    );
    assert_eq!(
        bobs["due_at"], "2026-11-03T15:00:00.000Z",
        "the end of the day in Tokyo"
    );
}

#[tokio::test]
async fn date_only_is_overdue_after_the_local_day() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann.add(json!({ "title": "a", "due": "2026-11-02" })).await;
    assert_eq!(task["due_at"], "2026-11-02T23:00:00.000Z");
    let overdue = || async {
        let now = ann
            .get("/api/tasks?due_before=2026-11-02T22:59:59Z")
            .await
            .expect(200);
        now["items"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(overdue().await, 0);
    let later = ann.tasks("due_before=2026-11-02T23:00:01Z").await;
    assert_eq!(later.len(), 1);
    at(&app, "2026-11-02T23:00:00Z").await;
}

#[tokio::test]
async fn date_only_before_counts_from_the_persons_morning_by_default_nine() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-04", "reminders": [{ "before": "PT1H" }] }))
        .await;
    app.caught_up().await;
    assert_eq!(rings(&ann, &task).await, ["11-04T07:00 planned"]);
    ann.patch("/api/settings", json!({ "morning": "06:30" }))
        .await
        .expect(200);
    app.advance("PT2S").await;
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        ["11-04T04:30 planned", "11-04T07:00 cancelled"]
    );
}

#[tokio::test]
async fn p1d_before_is_the_same_wall_time_the_day_before_and_pt24h_is_elapsed() {
    let Some(app) = App::start().clock("2026-10-20T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    // The clocks go back on the 25th.
    let body = |before: &str| json!({ "title": "a", "due": "2026-10-25T18:00", "reminders": [{ "before": before }] });
    let (day, hours) = (ann.add(body("P1D")).await, ann.add(body("PT24H")).await);
    app.caught_up().await;
    assert_eq!(rings(&ann, &day).await, ["10-24T16:00 planned"]);
    assert_eq!(rings(&ann, &hours).await, ["10-24T17:00 planned"]);
}

#[tokio::test]
async fn hourly_rules_step_in_elapsed_time() {
    let Some(app) = App::start().clock("2026-10-24T20:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let shown = ann
        .get("/api/recurrence?rrule=FREQ=HOURLY&due=2026-10-25T01:30&count=4")
        .await
        .expect(200);
    // Half past two comes twice.
    assert_eq!(
        shown["occurrences"],
        json!([
            "2026-10-25T01:30",
            "2026-10-25T02:30",
            "2026-10-25T02:30",
            "2026-10-25T03:30"
        ])
    );
}

#[tokio::test]
async fn repeat_without_due_is_the_first_match_from_today_and_a_given_due_is_occurrence_1() {
    let Some((_app, ann)) = monday().await else {
        return;
    };
    let rule = json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO,WE" });
    let without = ann.add(json!({ "title": "a", "repeat": rule })).await;
    assert_eq!(
        (without["due"].as_str(), without["number"].as_i64()),
        (Some("2026-11-02"), Some(1))
    );
    let given = ann
        .add(json!({ "title": "b", "due": "2026-11-03", "repeat": rule }))
        .await;
    assert_eq!(
        (given["due"].as_str(), given["number"].as_i64()),
        (Some("2026-11-03"), Some(1))
    );
    let done = ann.complete(&given).await;
    assert_eq!(done["next"]["due"], "2026-11-04");
    assert_eq!(done["next"]["number"], 2);
}

#[tokio::test]
async fn count_includes_skipped_and_passed_over() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let mut task = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY;COUNT=4" } }))
        .await;
    let skip = format!("/api/tasks/{}/skip", text(&task, "/id"));
    task = ann.post(&skip, json!({})).await.expect(200);
    task = next(&app, &ann, &task).await;
    assert_eq!(task["number"], 2);
    at(&app, "2026-11-04T10:00:00Z").await;
    let done = ann.complete(&task).await;
    assert_eq!(
        (
            done["next"]["number"].as_i64(),
            done["next"]["passed_over"].as_i64()
        ),
        (Some(4), Some(1))
    );
    task = next(&app, &ann, &done).await;
    assert_eq!(
        ann.complete(&task).await["next"],
        Value::Null,
        "four there were"
    );
}

#[tokio::test]
async fn basis_due_is_the_first_later_one_that_is_not_past_and_says_how_many_were_passed_over() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let rule = json!({ "rrule": "FREQ=DAILY" });
    let timed = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": rule }))
        .await;
    let day = ann
        .add(json!({ "title": "b", "due": "2026-11-02", "repeat": rule }))
        .await;
    // Thursday, ten o'clock.
    at(&app, "2026-11-05T09:00:00Z").await;
    let next = |done: Value| {
        (
            done["next"]["due"].clone(),
            done["next"]["passed_over"].clone(),
        )
    };
    assert_eq!(
        next(ann.complete(&timed).await),
        (json!("2026-11-06T09:00"), json!(3))
    );
    assert_eq!(
        next(ann.complete(&day).await),
        (json!("2026-11-05"), json!(2)),
        "not before today"
    );
}

#[tokio::test]
async fn basis_completion_is_counted_from_the_completion_at_the_dues_wall_time() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY;INTERVAL=10", "from": "completion" } }))
        .await;
    at(&app, "2026-11-05T17:23:00Z").await;
    assert_eq!(ann.complete(&task).await["next"]["due"], "2026-11-15T09:00");
}

#[tokio::test]
async fn a_neglected_series_still_rings_stays_one_row_and_shows_missed() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" }, "reminders": [{ "before": "PT0S" }] }))
        .await;
    for day in 2..=4 {
        at(&app, &format!("2026-11-0{day}T08:00:00Z")).await;
    }
    assert_eq!(again(&ann, &task).await["missed"], 2);
    assert_eq!(ann.tasks("status=all").await.len(), 1);
    assert_eq!(
        rings(&ann, &task).await[..3],
        [
            "11-02T08:00 fired",
            "11-03T08:00 fired",
            "11-04T08:00 fired"
        ]
    );
}

#[tokio::test]
async fn patch_is_rfc_7396_and_a_reminder_sent_again_with_its_id_keeps_its_state() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "notes": "n", "due": "2026-11-02T09:00", "reminders": [{ "before": "PT0S" }] }))
        .await;
    at(&app, "2026-11-02T08:00:00Z").await;
    let mut reminders = task["reminders"].clone();
    reminders
        .as_array_mut()
        .expect("a list")
        .push(json!({ "at": "2026-11-02T10:00:00Z" }));
    let patched = patch(
        &ann,
        &task,
        json!({ "reminders": reminders, "notes": null }),
    )
    .await;
    assert_eq!(
        (patched["notes"].as_str(), patched["title"].as_str()),
        (Some(""), Some("a"))
    );
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        ["11-02T08:00 fired", "11-02T10:00 planned"]
    );
}

#[tokio::test]
async fn due_and_title_change_this_occurrence_and_repeat_and_timezone_this_and_all_later() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" } }),
        )
        .await;
    patch(
        &ann,
        &task,
        json!({ "title": "b", "due": "2026-11-02T12:00" }),
    )
    .await;
    let done = ann.complete(&task).await;
    let second = next(&app, &ann, &done).await;
    assert_eq!(
        (second["title"].as_str(), second["due"].as_str()),
        (Some("a"), Some("2026-11-03T09:00"))
    );
    patch(
        &ann,
        &second,
        json!({ "repeat": { "rrule": "FREQ=WEEKLY" }, "timezone": "Asia/Tokyo" }),
    )
    .await;
    let done = ann.complete(&second).await;
    let third = next(&app, &ann, &done).await;
    assert_eq!(
        (third["due"].as_str(), third["timezone"].as_str()),
        (Some("2026-11-10T09:00"), Some("Asia/Tokyo"))
    );
}

#[tokio::test]
async fn delete_ends_the_series_its_history_stays_and_skip_skips_one() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" } }),
        )
        .await;
    let skipped = ann
        .post(
            &format!("/api/tasks/{}/skip", text(&task, "/id")),
            json!({}),
        )
        .await
        .expect(200);
    assert_eq!(skipped["status"], "skipped");
    let second = next(&app, &ann, &skipped).await;
    let path = format!("/api/tasks/{}", text(&second, "/id"));
    ann.delete(&path).await;
    at(&app, "2026-11-09T09:00:00Z").await;
    assert_eq!(ann.tasks("").await, [] as [Value; 0]);
    let history = ann.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"][0]["kind"], "deleted");
    assert_eq!(
        ann.tasks(&format!(
            "series_id={}&status=all",
            text(&task, "/series_id")
        ))
        .await
        .len(),
        1
    );
}

#[tokio::test]
async fn reopening_n_withdraws_an_untouched_next_keeps_an_edited_one_and_completing_n_again_revives_it()
 {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" } }),
        )
        .await;
    let reopen = format!("/api/tasks/{}/reopen", text(&task, "/id"));
    let done = ann.complete(&task).await;
    let second = next(&app, &ann, &done).await;
    ann.post(&reopen, json!({})).await.expect(200);
    app.caught_up().await;
    let open = |tasks: Vec<Value>| {
        tasks
            .iter()
            .map(|task| text(task, "/occurrence"))
            .collect::<Vec<_>>()
    };
    assert_eq!(open(ann.tasks("").await), ["2026-11-02T09:00"]);
    let done = ann.complete(&task).await;
    assert_eq!(next(&app, &ann, &done).await["id"], second["id"]);
    patch(&ann, &second, json!({ "notes": "mine" })).await;
    ann.post(&reopen, json!({})).await.expect(200);
    app.caught_up().await;
    assert_eq!(
        open(ann.tasks("").await),
        ["2026-11-02T09:00", "2026-11-03T09:00"]
    );
}

#[tokio::test]
async fn undo_is_a_change_of_the_touched_fields_alone_where_each_still_stands_and_of_a_completion_a_reopening()
 {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" } }),
        )
        .await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    patch(&ann, &task, json!({ "title": "b" })).await;
    let change = ann.get(&format!("{path}/history")).await.expect(200)["items"][0]["id"].clone();
    patch(&ann, &task, json!({ "notes": "n" })).await;
    let undo = |body: Value| {
        let (ann, path) = (ann.clone(), format!("{path}/undo"));
        async move { ann.post(&path, body).await }
    };
    let undone = undo(json!({ "change": change })).await.expect(200);
    assert_eq!(
        (undone["title"].as_str(), undone["notes"].as_str()),
        (Some("a"), Some("n"))
    );
    assert_eq!(
        undo(json!({ "change": change })).await.status,
        409,
        "it stands no more"
    );
    ann.complete(&task).await;
    app.caught_up().await;
    let reopened = undo(json!({})).await.expect(200);
    assert_eq!(reopened["status"], "open");
    app.caught_up().await;
    assert_eq!(ann.tasks("").await.len(), 1, "the next one is withdrawn");
}

#[tokio::test]
async fn a_reminder_already_past_when_planned_is_skipped_and_named_in_the_answer() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "reminders": [{ "before": "P1D" }, { "before": "PT0S" }] }))
        .await;
    assert_eq!(
        task["skipped_reminders"],
        json!([task["reminders"][0]["id"]])
    );
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        ["11-01T08:00 skipped", "11-02T08:00 planned"]
    );
}

#[tokio::test]
async fn absolute_reminders_are_not_copied_to_the_next_occurrence() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" },
                     "reminders": [{ "at": "2026-11-02T07:00:00Z" }, { "before": "PT0S" }] }),
        )
        .await;
    let done = ann.complete(&task).await;
    let second = next(&app, &ann, &done).await;
    assert_eq!(second["reminders"], json!([task["reminders"][1]]));
}

#[tokio::test]
async fn completing_cancels_planned_and_snoozed_ones_and_reopening_plans_only_future_ones() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(json!({ "title": "a", "due": "2026-11-02T09:00", "reminders": [{ "before": "PT1H" }, { "before": "PT0S" }, { "at": "2026-11-02T12:00:00Z" }] }))
        .await;
    at(&app, "2026-11-02T07:00:00Z").await;
    let rang = ann.notifications().await.remove(0);
    ann.post(
        &format!("/api/reminders/{}/snooze", text(&rang, "/id")),
        json!({ "for": "PT3H" }),
    )
    .await
    .expect(201);
    ann.complete(&task).await;
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        [
            "11-02T07:00 fired",
            "11-02T08:00 cancelled",
            "11-02T10:00 cancelled",
            "11-02T12:00 cancelled"
        ]
    );
    at(&app, "2026-11-02T09:00:00Z").await;
    ann.post(
        &format!("/api/tasks/{}/reopen", text(&task, "/id")),
        json!({}),
    )
    .await
    .expect(200);
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        [
            "11-02T07:00 fired",
            "11-02T08:00 cancelled",
            "11-02T10:00 cancelled",
            "11-02T12:00 planned"
        ]
    );
}

#[tokio::test]
async fn a_snooze_is_a_new_reminder_for_that_person_with_the_due_untouched_and_moving_the_due_cancels_it()
 {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let task = ann
        .add(
            json!({ "title": "a", "due": "2026-11-02T09:00", "reminders": [{ "before": "PT1H" }] }),
        )
        .await;
    at(&app, "2026-11-02T07:00:00Z").await;
    let rang = ann.notifications().await.remove(0);
    let path = format!("/api/reminders/{}/snooze", text(&rang, "/id"));
    let bob = app.register("bob@example.com").await;
    assert_eq!(bob.post(&path, json!({ "for": "PT10M" })).await.status, 404);
    let snooze = ann.post(&path, json!({ "for": "PT10M" })).await.expect(201);
    assert_eq!(
        (snooze["kind"].as_str(), snooze["due_for"].as_str()),
        (Some("snooze"), Some("2026-11-02T07:10:00.000Z"))
    );
    assert_eq!(again(&ann, &task).await["due"], "2026-11-02T09:00");
    patch(&ann, &task, json!({ "due": "2026-11-02T10:00" })).await;
    app.caught_up().await;
    assert_eq!(
        rings(&ann, &task).await,
        [
            "11-02T07:00 fired",
            "11-02T07:10 cancelled",
            "11-02T08:00 planned"
        ]
    );
}

#[tokio::test]
async fn quiet_hours_hold_the_delivery_and_not_the_firing() {
    let Some((app, ann)) = monday().await else {
        return;
    };
    let receiver = it::Receiver::start().await;
    let channel = json!({ "kind": "ntfy", "target": receiver.url.replace("/hook", "/topic") });
    ann.post("/api/settings/channels", channel)
        .await
        .expect(201);
    ann.patch(
        "/api/settings",
        json!({ "quiet_from": "22:00", "quiet_until": "07:30" }),
    )
    .await
    .expect(200);
    let task = ann
        .add(json!({ "title": "a", "reminders": [{ "at": "2026-11-02T06:10:00Z" }] }))
        .await;
    app.caught_up().await;
    at(&app, "2026-11-02T06:10:00Z").await;
    let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
    assert_eq!(
        (receipt["state"].as_str(), receipt["lateness_ms"].as_i64()),
        (Some("fired"), Some(0))
    );
    let held = it::eventually("the hold", || async {
        let receipt = ann.reminders(&text(&task, "/id")).await.remove(0);
        let deliveries = receipt["deliveries"].as_array().cloned()?;
        let ntfy = deliveries
            .into_iter()
            .find(|one| one["channel"] == "ntfy")?;
        (ntfy["next_try"] == "2026-11-02T06:30:00.000Z").then_some(ntfy)
    })
    .await;
    assert_eq!(held["state"], "pending");
    assert_eq!(receiver.received().len(), 0);
    at(&app, "2026-11-02T06:30:00Z").await;
    it::eventually("the delivery", || async { receiver.received().pop() }).await;
}
