use it::client::{items, text};
use it::{App, eventually};
use serde_json::json;

#[tokio::test]
async fn a_task_is_made_read_changed_and_listed() {
    let ann = App::shared().await.user().await;
    let reply = ann
        .post(
            "/api/tasks",
            json!({ "title": "  Pay rent ", "due": "2031-12-01T09:00", "tags": ["home"] }),
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let task = reply.json();
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    assert_eq!(reply.header("location"), Some(path.as_str()));
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert_eq!(
        (task["title"].as_str(), task["status"].as_str()),
        (Some("Pay rent"), Some("open"))
    );
    assert_eq!(task["due_at"], "2031-12-01T08:00:00.000Z");
    assert_eq!(ann.get(&path).await.expect(200), task);
    let changed = ann
        .patch(
            &path,
            json!({ "priority": "high", "notes": "to the landlord" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (changed["priority"].as_str(), changed["version"].as_i64()),
        (Some("high"), Some(2))
    );
    assert_eq!(ann.tasks("tag=home").await, [changed]);
    assert_eq!(ann.tasks("tag=garden").await.len(), 0);
    assert_eq!(ann.tasks("q=RENT").await.len(), 1);
    assert_eq!(ann.tasks("due_before=2031-12-01").await.len(), 0);
    assert_eq!(
        ann.tasks("due_before=2031-12-02&due_after=2031-12-01")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn a_patch_clears_with_null_and_keeps_what_it_leaves_out() {
    let ann = App::shared().await.user().await;
    let task = ann
        .add(json!({ "title": "Call", "due": "2031-01-01", "notes": "n", "tags": ["a"] }))
        .await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    let changed = ann
        .patch(&path, json!({ "due": null, "tags": null }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["due"], &changed["due_at"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        (&changed["tags"], &changed["notes"]),
        (&json!([]), &json!("n"))
    );
    assert_eq!(ann.patch(&path, json!({ "title": null })).await.status, 422);
}

#[tokio::test]
async fn what_is_due_on_a_whole_day_is_due_before_the_next_day() {
    let ann = App::shared().await.user().await;
    for due in ["2031-03-01", "2031-03-02", "2031-03-02T00:00"] {
        ann.add(json!({ "title": due, "due": due })).await;
    }
    let titles = |query: &'static str| {
        let ann = ann.clone();
        async move {
            let tasks = ann.tasks(query).await;
            tasks
                .iter()
                .map(|task| text(task, "/title"))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(titles("due_before=2031-03-02").await, ["2031-03-01"]);
    assert_eq!(
        titles("due_after=2031-03-02").await,
        ["2031-03-02T00:00", "2031-03-02"]
    );
}

#[tokio::test]
async fn a_place_in_an_order_by_hand_is_kept_and_undone_and_moves_no_reminder() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(
            json!({ "title": "Pay rent", "rank": "i5", "due": "2031-12-01T09:00",
                     "repeat": { "rrule": "FREQ=DAILY" }, "reminders": [{ "before": "PT30M" }] }),
        )
        .await;
    assert_eq!(task["rank"], "i5");
    let id = text(&task, "/id");
    let path = format!("/api/tasks/{id}");
    app.settled().await;
    let generation = || {
        app.database_answers(
            "SELECT CAST(generation AS TEXT) FROM tasks WHERE id = ?1",
            &id,
        )
    };
    let before = generation().await;
    let moved = ann.patch(&path, json!({ "rank": "a" })).await.expect(200);
    assert_eq!(
        (moved["rank"].as_str(), moved["version"].as_i64()),
        (Some("a"), Some(2))
    );
    assert_eq!(generation().await, before, "nothing is planned again");
    let history = items(ann.get(&format!("{path}/history")).await.expect(200));
    assert_eq!(
        history[0]["fields"],
        json!({ "rank": { "before": "i5", "after": "a" } })
    );
    let undone = ann
        .post(&format!("{path}/undo"), json!({}))
        .await
        .expect(200);
    assert_eq!(undone["rank"], "i5");
    ann.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    let next = eventually("the next occurrence", || async {
        ann.tasks("").await.pop()
    })
    .await;
    assert_eq!(
        (next["due"].as_str(), next["rank"].as_str()),
        (Some("2031-12-02T09:00"), Some("i5"))
    );
    let next = format!("/api/tasks/{}", text(&next, "/id"));
    for cleared in [json!(""), json!(null)] {
        ann.patch(&next, json!({ "rank": "z" })).await.expect(200);
        let task = ann
            .patch(&next, json!({ "rank": cleared }))
            .await
            .expect(200);
        assert_eq!(task["rank"], "");
    }
    assert_eq!(ann.add(json!({ "title": "x" })).await["rank"], "");
    for wrong in ["0", "a0", "A", "a-b", "ä", &"a".repeat(65)] {
        for reply in [
            ann.patch(&next, json!({ "rank": wrong })).await,
            ann.post("/api/tasks", json!({ "title": "x", "rank": wrong }))
                .await,
        ] {
            assert_eq!(
                (reply.status, reply.json()["errors"][0]["field"].as_str()),
                (422, Some("rank")),
                "{wrong}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_done_is_listed_from_the_latest_completion_on_page_by_page() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let task = ann.add(json!({ "title": format!("task {n}") })).await;
        ids.push(text(&task, "/id"));
    }
    // The last two in the same microsecond.
    for n in [3, 0, 4, 2] {
        ann.post(&format!("/api/tasks/{}/complete", ids[n]), json!({}))
            .await
            .expect(200);
        if n != 4 {
            app.advance("PT1M").await;
        }
    }
    let gone = ann.add(json!({ "title": "gone" })).await;
    let gone = format!("/api/tasks/{}", text(&gone, "/id"));
    ann.post(&format!("{gone}/complete"), json!({}))
        .await
        .expect(200);
    ann.delete(&gone).await.expect(204);
    let skipped = ann
        .add(json!({ "title": "skipped", "due": "2026-11-02", "repeat": { "rrule": "FREQ=DAILY;COUNT=1" } }))
        .await;
    ann.post(
        &format!("/api/tasks/{}/skip", text(&skipped, "/id")),
        json!({}),
    )
    .await
    .expect(200);

    let mut newest = vec![ids[2].clone(), ids[4].clone()];
    newest.sort();
    newest.reverse();
    let expected = [
        newest.remove(0),
        newest.remove(0),
        ids[0].clone(),
        ids[3].clone(),
    ];
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ann
            .get(&format!(
                "/api/tasks?sort=completed&status=completed&limit=2{cursor}"
            ))
            .await
            .expect(200);
        seen.extend(items(page.clone()).iter().map(|task| text(task, "/id")));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    let all = ann.tasks("sort=completed").await;
    assert_eq!(
        (all.len(), all[0]["status"].as_str()),
        (5, Some("skipped")),
        "without a status: all that is done"
    );
    assert_eq!(ann.tasks("sort=completed&q=task%203").await.len(), 1);
    assert_eq!(ann.tasks("sort=due").await.len(), 1, "the open one");
    assert_eq!(ann.get("/api/tasks?sort=rank").await.status, 422);
    let foreign = ann
        .get("/api/tasks?sort=completed&cursor=5b312c322c2278225d")
        .await;
    assert_eq!(foreign.status, 422, "a cursor of the other order");
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let ann = App::shared().await.user().await;
    for (method, path, allow) in [
        ("PUT", "/api/tasks", "GET, POST"),
        ("PUT", "/api/tasks/x", "GET, PATCH, DELETE"),
        ("GET", "/api/tasks/x/complete", "POST"),
        ("DELETE", "/api/settings", "GET, PATCH"),
        ("GET", "/api/notifications/read", "POST"),
        ("POST", "/api/live", "GET"),
    ] {
        let reply = ann.send(method, path, &[], None).await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some(allow)),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn if_match_refuses_a_version_that_is_gone() {
    let ann = App::shared().await.user().await;
    let task = ann.add(json!({ "title": "Once" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    let patch = |tag: &str| {
        let (ann, path, tag) = (ann.clone(), path.clone(), tag.to_owned());
        async move {
            ann.send(
                "PATCH",
                &path,
                &[("if-match", &tag)],
                Some(r#"{"title":"Twice"}"#.into()),
            )
            .await
        }
    };
    assert_eq!(patch("\"1\"").await.status, 200);
    assert_eq!(patch("\"1\"").await.status, 412);
    assert_eq!(patch("nonsense").await.status, 412);
    assert_eq!(patch("*").await.status, 200);
}

#[tokio::test]
async fn pages_hold_every_task_once_in_the_order_of_their_due() {
    let ann = App::shared().await.user().await;
    for day in (1..=9).rev() {
        ann.add(json!({ "title": format!("{day}"), "due": format!("2031-01-0{day}") }))
            .await;
    }
    ann.add(json!({ "title": "some day" })).await;
    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ann
            .get(&format!("/api/tasks?limit=3{cursor}"))
            .await
            .expect(200);
        titles.extend(items(page.clone()).iter().map(|task| text(task, "/title")));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(
        titles,
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "some day"]
    );
}

#[tokio::test]
async fn a_deleted_task_leaves_the_list_and_comes_back_with_restore() {
    let ann = App::shared().await.user().await;
    let task = ann.add(json!({ "title": "Oops" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    ann.delete(&path).await.expect(204);
    assert_eq!(ann.tasks("status=all").await.len(), 0);
    assert_eq!(ann.patch(&path, json!({ "title": "No" })).await.status, 409);
    ann.post(&format!("{path}/restore"), json!({}))
        .await
        .expect(200);
    assert_eq!(ann.tasks("").await.len(), 1);
}

#[tokio::test]
async fn the_history_tells_each_change_with_only_the_touched_fields() {
    let ann = App::shared().await.user().await;
    let task = ann.add(json!({ "title": "Draft" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    ann.patch(&path, json!({ "title": "Final" }))
        .await
        .expect(200);
    ann.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    let history = items(ann.get(&format!("{path}/history")).await.expect(200));
    let kinds: Vec<String> = history.iter().map(|change| text(change, "/kind")).collect();
    assert_eq!(kinds, ["completed", "updated", "created"]);
    assert_eq!(
        history[1]["fields"],
        json!({ "title": { "before": "Draft", "after": "Final" } })
    );
    assert_eq!(history[1]["actor"], json!(ann.id));
}

#[tokio::test]
async fn undo_takes_back_only_what_the_change_touched_and_only_while_it_still_stands() {
    let ann = App::shared().await.user().await;
    let task = ann.add(json!({ "title": "One", "notes": "n" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    ann.patch(&path, json!({ "title": "Two" }))
        .await
        .expect(200);
    ann.patch(&path, json!({ "notes": "m" })).await.expect(200);
    let history = items(ann.get(&format!("{path}/history")).await.expect(200));
    let titled = json!({ "change": history[1]["id"] });
    let undone = ann
        .post(&format!("{path}/undo"), titled.clone())
        .await
        .expect(200);
    assert_eq!(
        (undone["title"].as_str(), undone["notes"].as_str()),
        (Some("One"), Some("m"))
    );
    assert_eq!(ann.post(&format!("{path}/undo"), titled).await.status, 409);
    ann.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    let reopened = ann
        .post(&format!("{path}/undo"), json!({}))
        .await
        .expect(200);
    assert_eq!(reopened["status"], "open");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_path() {
    let ann = App::shared().await.user().await;
    let cases = [
        (json!({}), "title"),
        (json!({ "title": "" }), "title"),
        (json!({ "title": 7 }), "title"),
        (json!({ "title": "x", "duo": "2031-01-01" }), "duo"),
        (json!({ "title": "x", "due": "soon" }), "due"),
        (json!({ "title": "x", "timezone": "Mars/Base" }), "timezone"),
        (json!({ "title": "x", "priority": "urgent" }), "priority"),
        (
            json!({ "title": "x", "repeat": { "rrule": "FREQ=NEVER" } }),
            "repeat.rrule",
        ),
        (
            json!({ "title": "x", "repeat": { "rrule": "FREQ=DAILY", "from": "luck" } }),
            "repeat.from",
        ),
        (
            json!({ "title": "x", "reminders": [{ "before": "PT1H" }] }),
            "reminders[0].before",
        ),
        (
            json!({ "title": "x", "due": "2031-01-01", "reminders": [{ "before": "1h" }] }),
            "reminders[0].before",
        ),
        (
            json!({ "title": "x", "reminders": [{ "id": "a" }] }),
            "reminders[0]",
        ),
        (
            json!({ "title": "x", "project_id": "nowhere" }),
            "project_id",
        ),
    ];
    for (body, field) in cases {
        let reply = ann.post("/api/tasks", body.clone()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert!(
            reply.text.contains(field),
            "{body} should name {field}: {}",
            reply.text
        );
    }
    assert_eq!(
        ann.send("POST", "/api/tasks", &[], Some("{not json".into()))
            .await
            .status,
        422
    );
    assert_eq!(ann.tasks("").await.len(), 0);
}

#[tokio::test]
async fn unknown_paths_methods_and_filters_are_told_apart() {
    let ann = App::shared().await.user().await;
    assert_eq!(ann.send("PUT", "/api/tasks", &[], None).await.status, 405);
    assert_eq!(ann.get("/api/tasks/x/y/z").await.status, 404);
    assert_eq!(ann.get("/api/tasks?statsu=open").await.status, 422);
    assert_eq!(ann.get("/api/tasks?limit=0").await.status, 422);
    assert_eq!(ann.get("/api/tasks?cursor=zz").await.status, 422);
    assert_eq!(ann.get("/api/nothing").await.status, 404);
}

#[tokio::test]
async fn many_changes_of_one_task_at_once_are_all_kept() {
    let ann = App::shared().await.user().await;
    let task = ann.add(json!({ "title": "Shared" })).await;
    let path = format!("/api/tasks/{}", text(&task, "/id"));
    let writers = (0..6).map(|n| {
        let (ann, path) = (ann.clone(), path.clone());
        tokio::spawn(async move {
            let body = if n % 2 == 0 {
                json!({ "notes": format!("{n}") })
            } else {
                json!({ "title": format!("{n}") })
            };
            ann.patch(&path, body).await.status
        })
    });
    let statuses: Vec<u16> = futures::future::join_all(writers)
        .await
        .into_iter()
        .map(|s| s.expect("a task"))
        .collect();
    let kept = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        kept >= 1 && statuses.iter().all(|status| [200, 409].contains(status)),
        "{statuses:?}"
    );
    let version = eventually("the last version", || async {
        ann.task(&text(&task, "/id")).await["version"].as_u64()
    })
    .await;
    assert_eq!(version, 1 + kept as u64);
}
