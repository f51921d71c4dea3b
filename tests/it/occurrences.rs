//! What a series was and will be: one occurrence, this and all later ones, all of them.

use it::client::text;
use it::{App, User, eventually};
use serde_json::{Value, json};

/// A team call on Mondays at nine in Berlin, the first one on 2 November 2026, which is where the clock stands.
async fn mondays(repeat: Value) -> Option<(App, User, String)> {
    let app = App::start().clock("2026-11-02T06:00:00Z").run().await?;
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Team call", "due": "2026-11-02T09:00", "repeat": repeat }))
        .await;
    app.settled().await;
    Some((app, ann, text(&task, "/id")))
}

fn weekly() -> Value {
    json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO;COUNT=5" })
}

/// `2026-11-09T09:00 planned`, and what the due is where it was moved.
async fn shown(ann: &User, id: &str, query: &str) -> Vec<String> {
    let page = ann
        .get(&format!("/api/tasks/{id}/occurrences?{query}"))
        .await
        .expect(200);
    let item = |item: &Value| {
        let (key, due) = (text(item, "/occurrence"), text(item, "/due"));
        let due = if key == due {
            String::new()
        } else {
            format!(" → {due}")
        };
        format!("{} {key}{due} {}", item["number"], text(item, "/state"))
    };
    page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(item)
        .collect()
}

async fn change(ann: &User, id: &str, key: &str, change: Value) -> it::Reply {
    ann.patch(&format!("/api/tasks/{id}/occurrences/{key}"), change)
        .await
}

/// Completes the open task of the series, and answers the next one.
async fn done(app: &App, ann: &User, id: &str) -> Value {
    let task = ann.complete(&json!({ "id": id })).await;
    app.settled().await;
    ann.successor(&text(&task, "/series_id"), id).await
}

#[tokio::test]
async fn a_series_shows_what_was_done_what_is_open_and_what_is_to_come_within_bounds() {
    let Some((app, ann, id)) = mondays(weekly()).await else {
        return;
    };
    let next = text(&done(&app, &ann, &id).await, "/id");
    let all = "from=2026-11-01&to=2027-01-01";
    assert_eq!(
        shown(&ann, &id, all).await,
        ["1 2026-11-02T09:00 completed", "2 2026-11-09T09:00 open",],
        "the done one knows what came of it, and only the open one what is to come"
    );
    assert_eq!(
        shown(&ann, &next, all).await,
        [
            "1 2026-11-02T09:00 completed",
            "2 2026-11-09T09:00 open",
            "3 2026-11-16T09:00 planned",
            "4 2026-11-23T09:00 planned",
            "5 2026-11-30T09:00 planned",
        ]
    );
    let first = ann
        .get(&format!("/api/tasks/{next}/occurrences?{all}&limit=2"))
        .await
        .expect(200);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let from = text(&first, "/next");
    assert_eq!(
        shown(&ann, &next, &format!("from={from}&limit=2")).await,
        ["3 2026-11-16T09:00 planned", "4 2026-11-23T09:00 planned"]
    );
    let plain = text(&ann.add(json!({ "title": "Milk" })).await, "/id");
    assert!(shown(&ann, &plain, "").await.is_empty());
    for query in ["from=2026-12-01&to=2026-11-01", "from=soon", "until=2026"] {
        let path = format!("/api/tasks/{next}/occurrences?{query}");
        ann.get(&path).await.expect(422);
    }
    let bob = app.register("bob@example.com").await;
    bob.get(&format!("/api/tasks/{next}/occurrences"))
        .await
        .expect(404);
}

#[tokio::test]
async fn one_occurrence_to_come_is_moved_and_one_left_out_and_both_are_taken_back() {
    let Some((app, ann, id)) = mondays(weekly()).await else {
        return;
    };
    change(&ann, &id, "2026-11-09T09:00", json!({ "skipped": true }))
        .await
        .expect(200);
    change(
        &ann,
        &id,
        "2026-11-16T09:00",
        json!({ "due": "2026-11-18T14:00" }),
    )
    .await
    .expect(200);
    let plan = [
        "1 2026-11-02T09:00 open",
        "2 2026-11-09T09:00 skipped",
        "3 2026-11-16T09:00 → 2026-11-18T14:00 planned",
        "4 2026-11-23T09:00 planned",
        "5 2026-11-30T09:00 planned",
    ];
    assert_eq!(shown(&ann, &id, "to=2027-01-01").await, plan);
    // Undo knows that it was this one change.
    ann.post(&format!("/api/tasks/{id}/undo"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        shown(&ann, &id, "to=2027-01-01").await[2],
        "3 2026-11-16T09:00 planned"
    );
    ann.post(&format!("/api/tasks/{id}/undo"), json!({}))
        .await
        .expect(200);
    assert_eq!(shown(&ann, &id, "to=2027-01-01").await, plan);
    let third = done(&app, &ann, &id).await;
    assert_eq!(
        (
            third["number"].as_i64(),
            third["due"].as_str(),
            third["occurrence"].as_str()
        ),
        (Some(3), Some("2026-11-18T14:00"), Some("2026-11-16T09:00"))
    );
    let id = text(&third, "/id");
    // The open one itself moves back to where the rule has it, and is skipped.
    let back = change(&ann, &id, "2026-11-16T09:00", json!({ "due": null }))
        .await
        .expect(200);
    assert_eq!(back["due"], "2026-11-16T09:00");
    let skipped = change(&ann, &id, "2026-11-16T09:00", json!({ "skipped": true }))
        .await
        .expect(200);
    assert_eq!(
        (
            skipped["status"].as_str(),
            skipped["next"]["number"].as_i64()
        ),
        (Some("skipped"), Some(4))
    );
}

#[tokio::test]
async fn what_is_no_occurrence_to_come_is_refused() {
    let Some((_app, ann, id)) = mondays(weekly()).await else {
        return;
    };
    for key in [
        "2026-11-10T09:00",
        "2026-12-07T09:00",
        "2026-10-26T09:00",
        "soon",
    ] {
        let reply = change(&ann, &id, key, json!({ "skipped": true })).await;
        assert_eq!(reply.status, 409, "{key}: {}", reply.text);
    }
    let key = "2026-11-09T09:00";
    for wrong in [
        json!({}),
        json!({ "skipped": null }),
        json!({ "skipped": true, "due": "2026-11-10" }),
        json!({ "due": "soon" }),
    ] {
        let reply = change(&ann, &id, key, wrong.clone()).await;
        assert!(
            [400, 422].contains(&reply.status),
            "{wrong}: {}",
            reply.text
        );
    }
    assert_eq!(ann.task(&id).await["version"], 1);
}

#[tokio::test]
async fn a_left_out_occurrence_does_not_ring_and_a_moved_one_rings_at_its_new_time() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Pills", "due": "2026-11-02T09:00", "repeat": {
                        "rrule": "FREQ=DAILY", "exdates": ["2026-11-03"],
                        "rdates": ["2026-11-04T20:00"], "moved": { "2026-11-05T09:00": "2026-11-05T11:00" } },
                     "reminders": [{ "before": "PT0S" }] }))
        .await;
    app.settled().await;
    for day in 2..=5 {
        for hour in [8, 10, 19] {
            app.set(&format!("2026-11-0{day}T{hour:02}:00:00Z")).await;
            app.settled().await;
        }
    }
    let rung = eventually("all four", || async {
        let mut rung: Vec<String> = ann
            .notifications()
            .await
            .iter()
            .map(|one| text(one, "/due_for"))
            .collect();
        rung.sort();
        (rung.len() >= 4).then_some(rung)
    })
    .await;
    // Nine in Berlin is eight in UTC.
    assert_eq!(
        rung,
        [
            "2026-11-02T08:00:00.000Z",
            "2026-11-04T08:00:00.000Z",
            "2026-11-04T19:00:00.000Z",
            "2026-11-05T10:00:00.000Z",
        ]
    );
    assert_eq!(ann.task(&text(&task, "/id")).await["status"], "open");
}

#[tokio::test]
async fn due_and_title_change_this_occurrence_and_apply_later_changes_all() {
    let Some((app, ann, id)) = mondays(weekly()).await else {
        return;
    };
    let path = format!("/api/tasks/{id}");
    let once = ann
        .patch(
            &path,
            json!({ "title": "Team call with Bob", "notes": "all of us" }),
        )
        .await
        .expect(200);
    assert_eq!(once["later"], json!({ "title": "Team call" }));
    let second = done(&app, &ann, &id).await;
    assert_eq!(
        (
            second["title"].as_str(),
            second["notes"].as_str(),
            &second["later"]
        ),
        (Some("Team call"), Some("all of us"), &Value::Null)
    );
    let path = format!("/api/tasks/{}", text(&second, "/id"));
    let moved = ann
        .patch(
            &path,
            json!({ "title": "Stand-up", "due": "2026-11-10T09:30", "apply": "later" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (moved["repeat"]["rrule"].as_str(), moved["number"].as_i64()),
        (Some("FREQ=WEEKLY;COUNT=4;BYDAY=TU"), Some(1))
    );
    let third = done(&app, &ann, &text(&second, "/id")).await;
    assert_eq!(
        (third["title"].as_str(), third["due"].as_str()),
        (Some("Stand-up"), Some("2026-11-17T09:30"))
    );
    let path = format!("/api/tasks/{}", text(&third, "/id"));
    let reply = ann
        .patch(
            &path,
            json!({ "repeat": { "rrule": "FREQ=DAILY" }, "apply": "this" }),
        )
        .await;
    assert_eq!(reply.status, 422, "{}", reply.text);
    ann.patch(&path, json!({ "title": "X", "apply": "all" }))
        .await
        .expect(422);
}

#[tokio::test]
async fn undoing_a_change_for_all_later_ones_takes_it_back_for_all() {
    let Some((app, ann, id)) = mondays(weekly()).await else {
        return;
    };
    let path = format!("/api/tasks/{id}");
    ann.patch(
        &path,
        json!({ "title": "Stand-up", "due": "2026-11-03T09:30", "apply": "later" }),
    )
    .await
    .expect(200);
    let back = ann
        .post(&format!("{path}/undo"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (
            back["title"].as_str(),
            back["due"].as_str(),
            back["occurrence"].as_str(),
            &back["later"]
        ),
        (
            Some("Team call"),
            Some("2026-11-02T09:00"),
            Some("2026-11-02T09:00"),
            &Value::Null
        )
    );
    let next = done(&app, &ann, &id).await;
    assert_eq!(
        (next["title"].as_str(), next["due"].as_str()),
        (Some("Team call"), Some("2026-11-09T09:00"))
    );
}

#[tokio::test]
async fn a_patch_of_repeat_is_a_merge_patch_too() {
    let Some((_app, ann, id)) = mondays(
        json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO", "exdates": ["2026-11-09"],
                "moved": { "2026-11-16T09:00": "2026-11-17T09:00" } }),
    )
    .await
    else {
        return;
    };
    let path = format!("/api/tasks/{id}");
    let merged = ann
        .patch(
            &path,
            json!({ "repeat": { "moved": { "2026-11-16T09:00": null, "2026-11-23T09:00": "2026-11-24T09:00" } } }),
        )
        .await
        .expect(200);
    assert_eq!(
        merged["repeat"],
        json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO", "from": "due", "exdates": ["2026-11-09"],
                "moved": { "2026-11-23T09:00": "2026-11-24T09:00" } })
    );
    assert_eq!(merged["number"], 1);
    let from = ann
        .patch(
            &path,
            json!({ "repeat": { "from": "completion", "moved": null } }),
        )
        .await
        .expect(200);
    assert_eq!(
        from["repeat"],
        json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO", "from": "completion", "exdates": ["2026-11-09"] })
    );
    for (repeat, field) in [
        (json!({ "exdates": ["soon"] }), "repeat.exdates[0]"),
        (
            json!({ "rdates": ["2026-11-09", "2026-13-01"] }),
            "repeat.rdates[1]",
        ),
        (json!({ "moved": { "soon": "2026-11-09" } }), "repeat.moved"),
        (
            json!({ "moved": { "2026-11-09T09:00": "soon" } }),
            "repeat.moved",
        ),
    ] {
        let reply = ann.patch(&path, json!({ "repeat": repeat })).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            reply.text
        );
    }
    let plain = text(&ann.add(json!({ "title": "Milk" })).await, "/id");
    let reply = ann
        .patch(
            &format!("/api/tasks/{plain}"),
            json!({ "repeat": { "from": "completion" } }),
        )
        .await;
    assert_eq!(reply.json()["errors"][0]["field"], "repeat.rrule");
}
