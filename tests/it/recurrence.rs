use it::client::text;
use it::{App, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn a_rule_is_said_in_words_with_its_dates_before_it_is_used() {
    let Some(app) = App::start().clock("2026-11-26T12:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let preview = |query: &'static str| {
        let ann = ann.clone();
        async move { ann.get(&format!("/api/recurrence?{query}")).await }
    };
    let shown = preview(
        "rrule=BYMONTHDAY%3D31%3BFREQ%3DMONTHLY%3BSKIP%3DBACKWARD&due=2026-12-31T09:00&count=3",
    )
    .await
    .expect(200);
    assert_eq!(
        shown,
        json!({
            "words": "every month on the 31st (last day when shorter), 09:00",
            "rrule": "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
            "occurrences": ["2026-12-31T09:00", "2027-01-31T09:00", "2027-02-28T09:00"],
        })
    );
    // Without a due it begins as a task would; 26 November 2026 is a Thursday.
    let german = preview("rrule=FREQ=WEEKLY;BYDAY=MO&language=de")
        .await
        .expect(200);
    assert_eq!(german["words"], "jeden Montag");
    assert_eq!(
        german["occurrences"],
        json!([
            "2026-11-30",
            "2026-12-07",
            "2026-12-14",
            "2026-12-21",
            "2026-12-28"
        ])
    );
    let from_completion =
        preview("rrule=FREQ=DAILY;INTERVAL=3;COUNT=3&due=2026-12-01&from=completion")
            .await
            .expect(200);
    assert_eq!(
        from_completion["occurrences"],
        json!(["2026-12-01", "2026-12-04", "2026-12-07"])
    );
    for (query, field) in [
        ("due=2026-12-01", "rrule"),
        ("rrule=FREQ=SOMETIMES", "rrule"),
        ("rrule=FREQ=HOURLY&due=2026-12-01", "rrule"),
        ("rrule=FREQ=DAILY&due=soon", "due"),
        ("rrule=FREQ=DAILY&timezone=Berlin", "timezone"),
        ("rrule=FREQ=DAILY&from=birth", "from"),
        ("rrule=FREQ=DAILY&count=51", "count"),
        ("rrule=FREQ=DAILY&count=0", "count"),
        ("rrule=FREQ=DAILY&language=fr", "language"),
        ("rrule=FREQ=DAILY&color=red", "color"),
    ] {
        let reply = preview(query).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{query}: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn every_monday_nine_in_berlin_stays_at_nine_over_the_clock_change() {
    let Some(app) = App::start().clock("2026-10-19T10:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(
            json!({ "title": "Stand-up", "due": "2026-10-19T09:00", "timezone": "Europe/Berlin",
                     "repeat": { "rrule": "FREQ=WEEKLY;BYDAY=MO" } }),
        )
        .await;
    assert_eq!(task["due_at"], "2026-10-19T07:00:00.000Z");
    let done = ann.complete(&task).await;
    assert_eq!(
        (done["status"].as_str(), done["next"]["due"].as_str()),
        (Some("completed"), Some("2026-10-26T09:00"))
    );
    let next = ann
        .successor(&text(&task, "/series_id"), &text(&task, "/id"))
        .await;
    assert_eq!(
        (next["due"].as_str(), next["due_at"].as_str()),
        (Some("2026-10-26T09:00"), Some("2026-10-26T08:00:00.000Z"))
    );
    assert_eq!(
        (next["series_id"].as_str(), next["number"].as_i64()),
        (task["series_id"].as_str(), Some(2))
    );
}

#[tokio::test]
async fn a_daily_task_left_open_for_three_days_has_rung_three_times_and_says_missed_2() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Pills", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" },
                     "reminders": [{ "before": "PT0S" }] }))
        .await;
    app.settled().await;
    for days in 1..=3 {
        app.set(&format!("2026-11-0{}T08:30:00Z", days + 1)).await;
        eventually("the day's ring", || async {
            (ann.notifications().await.len() == days).then_some(())
        })
        .await;
    }
    app.settled().await;
    let shown = eventually("two missed", || async {
        Some(ann.task(&text(&task, "/id")).await).filter(|task| task["missed"] == 2)
    })
    .await;
    assert_eq!(shown["status"], "open");
    assert_eq!(
        ann.tasks("status=all").await.len(),
        1,
        "the task stays one row"
    );
    let meant: Vec<String> = ann
        .notifications()
        .await
        .iter()
        .map(|n| text(n, "/due_for"))
        .collect();
    assert_eq!(
        meant,
        [
            "2026-11-04T08:00:00.000Z",
            "2026-11-03T08:00:00.000Z",
            "2026-11-02T08:00:00.000Z"
        ]
    );
    let done = ann.complete(&task).await;
    assert_eq!(
        (
            done["next"]["due"].as_str(),
            done["next"]["passed_over"].as_i64()
        ),
        (Some("2026-11-05T09:00"), Some(2))
    );
}

#[tokio::test]
async fn reopening_withdraws_an_untouched_next_and_completing_again_revives_it() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Daily", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let (id, series) = (text(&task, "/id"), text(&task, "/series_id"));
    ann.complete(&task).await;
    let next = text(&ann.successor(&series, &id).await, "/id");
    ann.post(&format!("/api/tasks/{id}/reopen"), json!({}))
        .await
        .expect(200);
    eventually("the next one to be withdrawn", || async {
        let open = ann.tasks("").await;
        (open.len() == 1 && open[0]["id"] == id.as_str()).then_some(())
    })
    .await;
    ann.complete(&task).await;
    assert_eq!(
        text(&ann.successor(&series, &id).await, "/id"),
        next,
        "the same row came back"
    );
}

#[tokio::test]
async fn reopening_keeps_a_next_that_was_edited() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Daily", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let (id, series) = (text(&task, "/id"), text(&task, "/series_id"));
    ann.complete(&task).await;
    let next = text(&ann.successor(&series, &id).await, "/id");
    ann.patch(&format!("/api/tasks/{next}"), json!({ "title": "Mine" }))
        .await
        .expect(200);
    ann.post(&format!("/api/tasks/{id}/reopen"), json!({}))
        .await
        .expect(200);
    app.settled().await;
    assert_eq!(ann.tasks("").await.len(), 2);
    ann.complete(&task).await;
    app.settled().await;
    assert_eq!(
        ann.tasks("").await.len(),
        1,
        "completing again makes no second one"
    );
}

#[tokio::test]
async fn skip_leaves_one_out_and_delete_ends_the_series() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann.add(json!({ "title": "Daily", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY;COUNT=3" } })).await;
    let (id, series) = (text(&task, "/id"), text(&task, "/series_id"));
    let skipped = ann
        .post(&format!("/api/tasks/{id}/skip"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (
            skipped["status"].as_str(),
            skipped["next"]["number"].as_i64()
        ),
        (Some("skipped"), Some(2))
    );
    let next = ann.successor(&series, &id).await;
    ann.delete(&format!("/api/tasks/{}", text(&next, "/id")))
        .await
        .expect(204);
    app.settled().await;
    assert_eq!(ann.tasks("").await.len(), 0);
    assert_eq!(ann.tasks("status=skipped").await.len(), 1, "history stays");
    let single = ann.add(json!({ "title": "Once" })).await;
    assert_eq!(
        ann.post(
            &format!("/api/tasks/{}/skip", text(&single, "/id")),
            json!({})
        )
        .await
        .status,
        409
    );
}

#[tokio::test]
async fn a_series_ends_with_its_count_skipped_ones_included() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let mut task = ann.add(json!({ "title": "Twice", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY;COUNT=2" } })).await;
    let series = text(&task, "/series_id");
    ann.post(
        &format!("/api/tasks/{}/skip", text(&task, "/id")),
        json!({}),
    )
    .await
    .expect(200);
    task = ann.successor(&series, &text(&task, "/id")).await;
    assert!(ann.complete(&task).await["next"].is_null());
    app.settled().await;
    assert_eq!(ann.tasks("").await.len(), 0);
}

#[tokio::test]
async fn monthly_on_the_31st_is_february_28_then_march_31_without_drift() {
    let Some(app) = App::start().clock("2027-01-31T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let rule = "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD";
    let mut task = ann
        .add(json!({ "title": "Rent", "due": "2027-01-31", "repeat": { "rrule": rule } }))
        .await;
    let series = text(&task, "/series_id");
    let mut dues = Vec::new();
    for _ in 0..3 {
        ann.complete(&task).await;
        task = ann.successor(&series, &text(&task, "/id")).await;
        dues.push(text(&task, "/due"));
    }
    assert_eq!(dues, ["2027-02-28", "2027-03-31", "2027-04-30"]);
}

#[tokio::test]
async fn from_completion_the_next_counts_from_the_day_it_was_done() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let repeat = json!({ "rrule": "FREQ=DAILY;INTERVAL=10", "from": "completion" });
    let task = ann
        .add(json!({ "title": "Filter", "due": "2026-11-02T18:00", "repeat": repeat }))
        .await;
    app.set("2026-11-05T12:00:00Z").await;
    assert_eq!(ann.complete(&task).await["next"]["due"], "2026-11-15T18:00");
}

#[tokio::test]
async fn a_changed_rule_holds_for_this_and_all_later_ones() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Run", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let (id, series) = (text(&task, "/id"), text(&task, "/series_id"));
    ann.complete(&task).await;
    let next = ann.successor(&series, &id).await;
    let path = format!("/api/tasks/{}", text(&next, "/id"));
    let changed = ann
        .patch(&path, json!({ "repeat": { "rrule": "FREQ=WEEKLY" } }))
        .await
        .expect(200);
    assert_eq!(
        (changed["series_id"].as_str(), changed["number"].as_i64()),
        (Some(series.as_str()), Some(1))
    );
    assert_eq!(ann.complete(&next).await["next"]["due"], "2026-11-10");
    // Back onto a day that the series had already: it goes on as another series.
    let again = ann.successor(&series, &text(&next, "/id")).await;
    let body = json!({ "due": "2026-11-02", "repeat": { "rrule": "FREQ=MONTHLY" } });
    let moved = ann
        .patch(&format!("/api/tasks/{}", text(&again, "/id")), body)
        .await
        .expect(200);
    assert_ne!(moved["series_id"], series.as_str());
}

#[tokio::test]
async fn repeat_without_due_starts_at_the_first_match_from_today() {
    let Some(app) = App::start().clock("2026-11-26T12:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Bins", "repeat": { "rrule": "FREQ=WEEKLY;BYDAY=MO" } }))
        .await;
    assert_eq!(task["due"], "2026-11-30");
}

#[tokio::test]
async fn undoing_a_new_rule_goes_on_with_the_old_numbering() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let rule = json!({ "rrule": "FREQ=DAILY;COUNT=3" });
    let first = ann
        .add(json!({ "title": "Pills", "due": "2026-11-02", "repeat": rule }))
        .await;
    let series = text(&first, "/series_id");
    ann.complete(&first).await;
    let second = ann.successor(&series, &text(&first, "/id")).await;
    let path = format!("/api/tasks/{}", text(&second, "/id"));
    ann.patch(&path, json!({ "repeat": { "rrule": "FREQ=WEEKLY" } }))
        .await
        .expect(200);
    let undone = ann
        .post(&format!("{path}/undo"), json!({}))
        .await
        .expect(200);
    for field in [
        "repeat",
        "series_id",
        "series_start",
        "occurrence",
        "number",
    ] {
        assert_eq!(undone[field], second[field], "{field}");
    }
    assert_eq!(ann.complete(&second).await["next"]["number"], 3);
}

#[tokio::test]
async fn the_rule_of_a_completed_occurrence_is_not_changed_any_more() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Run", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    ann.complete(&task).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    let body = json!({ "repeat": { "rrule": "FREQ=WEEKLY" } });
    assert_eq!(ann.patch(&path, body).await.status, 409);
    ann.patch(&path, json!({ "notes": "5 km" }))
        .await
        .expect(200);
}

#[tokio::test]
async fn deleting_a_completed_occurrence_at_once_keeps_the_series_going() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Run", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let id = text(&task, "/id");
    ann.complete(&task).await;
    assert_eq!(ann.delete(&format!("/api/tasks/{id}")).await.status, 204);
    ann.successor(&text(&task, "/series_id"), &id).await;
}

#[tokio::test]
async fn completing_again_revives_the_next_one_as_it_would_be_made_now() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let first = ann
        .add(json!({ "title": "Water", "due": "2026-11-02T09:00", "repeat": { "rrule": "FREQ=DAILY" },
                     "reminders": [{ "before": "PT0S" }] }))
        .await;
    let path = format!("/api/tasks/{}", text(&first, "/id"));
    let (series, id) = (text(&first, "/series_id"), text(&first, "/id"));
    ann.complete(&first).await;
    let next = ann.successor(&series, &id).await;
    ann.post(&format!("{path}/reopen"), json!({}))
        .await
        .expect(200);
    app.settled().await;
    ann.patch(
        &path,
        json!({ "title": "Water the roses", "apply": "later", "reminders": [] }),
    )
    .await
    .expect(200);
    app.settled().await;
    ann.complete(&first).await;
    let revived = ann.successor(&series, &id).await;
    assert_eq!(revived["id"], next["id"]);
    assert_eq!(revived["title"], "Water the roses");
    assert_eq!(revived["reminders"], json!([]));
    app.settled().await;
    app.set("2026-11-03T09:00:00Z").await;
    app.settled().await;
    assert_eq!(ann.notifications().await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_occurrence_comes_where_another_one_was_that_has_been_moved_away() {
    let app = App::shared().await;
    let ann = app.user().await;
    let first = ann
        .add(json!({ "title": "Water", "due": "2031-05-01", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let (series, id) = (text(&first, "/series_id"), text(&first, "/id"));
    ann.complete(&first).await;
    let next = ann.successor(&series, &id).await;
    assert_eq!(next["occurrence"], "2031-05-02");
    let path = format!("/api/tasks/{}", text(&next, "/id"));
    ann.patch(&path, json!({ "due": "2031-05-05", "apply": "later" }))
        .await
        .expect(200);
    ann.delete(&path).await;
    ann.post(&format!("/api/tasks/{id}/reopen"), json!({}))
        .await
        .expect(200);
    app.settled().await;
    ann.complete(&first).await;
    let again = ann.successor(&series, &id).await;
    assert_eq!(again["occurrence"], "2031-05-02");
    assert_ne!(again["id"], next["id"]);
}
