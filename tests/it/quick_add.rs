use it::client::text;
use it::{App, User};
use serde_json::{Value, json};

async fn read(ann: &User, body: Value) -> Value {
    ann.post("/api/quick-add", body).await.expect(200)
}

#[tokio::test]
async fn a_line_is_read_as_a_task_that_can_be_added_as_it_is() {
    let Some(app) = App::start().clock("2026-11-23T08:50:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let home = ann
        .post("/api/projects", json!({ "name": "Home" }))
        .await
        .expect(201);
    let line = "🏠 Pay rent every month on the last workday at 9am remind me 1 day before #home !1 @errands";
    let answer = read(
        &ann,
        json!({ "text": line, "timezone": "Europe/Berlin", "language": "en" }),
    )
    .await;
    assert_eq!(
        answer["task"],
        json!({
            "title": "🏠 Pay rent",
            "project_id": home["id"],
            "priority": "high",
            "tags": ["errands"],
            "due": "2026-11-30T09:00",
            "repeat": { "rrule": "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "from": "due" },
            "reminders": [{ "before": "P1D" }],
        })
    );
    assert_eq!(
        answer["words"],
        json!({
            "due": "Monday, 30 November 09:00",
            "repeat": "every month on the last workday, 09:00",
            "reminders": ["1 day before"],
        })
    );
    // As a browser cuts it.
    let units: Vec<u16> = line.encode_utf16().collect();
    let spans = answer["spans"].as_array().expect("spans");
    let cut = |span: &Value| {
        let at = |name: &str| usize::try_from(span[name].as_u64().expect(name)).expect(name);
        let words = String::from_utf16(&units[at("start")..at("end")]).expect("whole characters");
        format!("{}: {words}", text(span, "/field"))
    };
    assert_eq!(
        spans.iter().map(cut).collect::<Vec<_>>(),
        [
            "repeat: every month on the last workday",
            "due: at 9am",
            "reminder: remind me 1 day before",
            "project: #home",
            "priority: !1",
            "tag: @errands",
        ]
    );
    assert_eq!(ann.tasks("").await, [] as [Value; 0], "nothing was added");
    let task = ann.add(answer["task"].clone()).await;
    assert_eq!(task["due"], "2026-11-30T09:00");
}

#[tokio::test]
async fn a_project_that_is_not_the_callers_stays_in_the_title() {
    let app = App::shared().await;
    let (ann, bob) = (app.user().await, app.user().await);
    bob.post("/api/projects", json!({ "name": "Secret" }))
        .await
        .expect(201);
    let answer = read(&ann, json!({ "text": "Look at #secret" })).await;
    assert_eq!(answer["task"]["title"], "Look at #secret");
    assert_eq!(answer["spans"], json!([]));
}

#[tokio::test]
async fn a_line_is_read_in_the_accounts_language_unless_another_is_given() {
    let Some(app) = App::start().clock("2026-11-23T08:50:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let line = json!({ "text": "Zahnarzt übermorgen um 9" });
    assert_eq!(read(&ann, line.clone()).await["task"]["due"], Value::Null);
    ann.patch("/api/settings", json!({ "language": "de" }))
        .await
        .expect(200);
    let german = read(&ann, line).await;
    assert_eq!(german["task"]["due"], "2026-11-25T09:00");
    assert_eq!(german["words"]["due"], "Mittwoch, 25. November 09:00");
    for (body, field) in [
        (json!({ "text": " " }), "text"),
        (json!({ "text": "x".repeat(2_001) }), "text"),
        (json!({ "text": "x", "language": "fr" }), "language"),
        (json!({ "text": "x", "timezone": "Berlin" }), "timezone"),
    ] {
        let problem = ann.post("/api/quick-add", body).await.expect(422);
        assert_eq!(text(&problem, "/errors/0/field"), field, "{problem}");
    }
}
