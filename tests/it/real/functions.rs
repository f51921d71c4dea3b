//! The functions on Postgres. (The worker beside them has its own SQLite here: what it would do is called by hand.)

use futures::future::join_all;
use it::client::{PASSWORD, User, text};
use it::{App, Reply};
use punctual_contract::events::{CloudEvent, DIGEST_DUE, Data, PLAN_TASK, REMINDER_DUE};
use punctual_server::Registration;
use serde_json::{Value, json};

use crate::both::{Fresh, all};

const NOW: &str = "2031-03-01T08:00:00Z";

async fn on_postgres(registration: Registration) -> (App, Fresh) {
    let fresh = Fresh::migrated().await;
    let app = App::start()
        .clock(NOW)
        .registration(registration)
        .variable("email_enabled", "true")
        .variable("database_url", &fresh.url())
        .variable(
            "database_host",
            &format!("127.0.0.1:{}", fresh.server.port()),
        )
        .run()
        .await
        .expect("it is embedded");
    (app, fresh)
}

fn event(kind: &str, subject: &str) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id: subject.to_owned(),
        source: "/punctual".to_owned(),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        time: NOW.to_owned(),
        datacontenttype: "application/json".to_owned(),
        partitionkey: "x".to_owned(),
        traceparent: None,
        data: Data::default(),
    }
}

async fn plan(app: &App, task: &str) {
    let done = app
        .call("/events/on-task-events", &[event(PLAN_TASK, task)])
        .await;
    assert!(done.text.contains("\"ok\""), "{}", done.text);
}

/// What was answered, in order.
struct Story<'a> {
    app: &'a App,
    user: User,
    keys: u32,
    told: Vec<String>,
}

impl Story<'_> {
    fn tell(&mut self, what: &str, reply: &Reply) {
        let etag = reply.header("etag").unwrap_or_default().to_owned();
        self.told
            .push(format!("{what}: {} {etag} {}", reply.status, reply.text));
    }

    async fn send(&mut self, method: &str, path: &str, body: Value) -> Value {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        let headers = [("idempotency-key", key.as_str())];
        let body = (!body.is_null()).then(|| body.to_string());
        let reply = self.user.send(method, path, &headers, body.clone()).await;
        self.tell(&format!("{method} {path}"), &reply);
        if method != "GET" {
            let again = self.user.send(method, path, &headers, body).await;
            self.tell("again", &again);
            let other = self
                .user
                .send(
                    method,
                    path,
                    &headers,
                    Some("{\"title\":\"other\"}".to_owned()),
                )
                .await;
            self.tell("with another body", &other);
        }
        reply.json()
    }

    async fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, Value::Null).await
    }

    async fn plan(&mut self, task: &str) {
        self.app.settled().await;
        plan(self.app, task).await;
        self.get(&format!("/api/tasks/{task}")).await;
        self.get(&format!("/api/tasks/{task}/history")).await;
        self.get(&format!("/api/tasks/{task}/reminders")).await;
    }
}

/// One person's life with every function. Ids come from the keys and the time stands: each answer is the same each time.
async fn story(app: &App) -> Vec<String> {
    let body =
        json!({ "email": "ann@example.com", "password": PASSWORD, "timezone": "Europe/Berlin" });
    let registered = app
        .client()
        .post_keyed("/api/auth/register", "register", body.clone())
        .await;
    let session = registered.json();
    let mut user = User {
        client: app.client().with_token(text(&session, "/access_token")),
        email: "ann@example.com".to_owned(),
        id: text(&session, "/user/id"),
        refresh_token: text(&session, "/refresh_token"),
    };
    let token = json!({ "name": "story \"one\" 😀", "scopes": ["read", "write"] });
    let token = user
        .client
        .post_keyed("/api/auth/tokens", "token", token)
        .await
        .expect(201);
    let tokens = user.client.get("/api/auth/tokens").await;
    let sessions = user.client.get("/api/auth/sessions").await;
    let invite = user
        .client
        .post_keyed("/api/auth/invites", "invite", json!({}))
        .await;
    let invite_again = user
        .client
        .post_keyed("/api/auth/invites", "invite", json!({ "x": 1 }))
        .await;
    user.client = app.client().with_token(text(&token, "/token"));
    let mut story = Story {
        app,
        user,
        keys: 0,
        told: Vec::new(),
    };
    story.told.push(session["user"].to_string());
    story.tell(
        "register again",
        &app.client().post("/api/auth/register", body).await,
    );
    story.told.push(without(&invite.text, "invite"));
    story.tell("invite again", &invite_again);
    story.tell("tokens", &tokens);
    story.told.push(format!(
        "{} sessions",
        sessions.json()["items"].as_array().map_or(0, Vec::len)
    ));
    let bob = json!({ "email": "bob@example.com", "password": PASSWORD, "timezone": "Asia/Tokyo" });
    let bob = app
        .client()
        .post_keyed("/api/auth/register", "bob", bob)
        .await
        .expect(201);
    story.told.push(bob["user"].to_string());
    let refreshed = app
        .client()
        .post(
            "/api/auth/refresh",
            json!({ "refresh_token": story.user.refresh_token }),
        )
        .await;
    story.told.push(format!("refresh {}", refreshed.status));

    story
        .send(
            "PATCH",
            "/api/settings",
            json!({ "quiet_from": "22:00", "quiet_until": "07:00", "language": "de" }),
        )
        .await;
    story
        .send(
            "PATCH",
            "/api/settings",
            json!({ "quiet_from": "08:00", "quiet_until": "08:00" }),
        )
        .await;
    story
        .send("PATCH", "/api/settings", json!({ "quiet_until": null }))
        .await;
    let channel = story
        .send(
            "POST",
            "/api/settings/channels",
            json!({ "kind": "webhook", "url": "http://127.0.0.1:9/x" }),
        )
        .await;
    story
        .send(
            "POST",
            "/api/settings/channels",
            json!({ "kind": "ntfy", "url": "http://127.0.0.1:9/y" }),
        )
        .await;
    for body in [
        json!({ "kind": "email", "address": "ann@example.org" }),
        json!({ "kind": "email", "target": "ann@example.org" }),
    ] {
        story.send("POST", "/api/settings/channels", body).await;
    }
    story.get("/api/settings").await;
    story.get("/api/settings/channels").await;
    if let Some(id) = channel["id"].as_str() {
        story
            .send(
                "DELETE",
                &format!("/api/settings/channels/{id}"),
                Value::Null,
            )
            .await;
    }

    let project = story
        .send(
            "POST",
            "/api/projects",
            json!({ "name": "Haus \"&\" Höfe" }),
        )
        .await;
    let project = text(&project, "/id");
    for name in ["B", "a", "C"] {
        story
            .send("POST", "/api/projects", json!({ "name": name }))
            .await;
    }
    let path = format!("/api/projects/{project}");
    story.send("PATCH", &path, json!({ "name": "Höfe" })).await;
    story
        .send("POST", &format!("{path}/archive"), Value::Null)
        .await;
    story
        .send(
            "POST",
            "/api/tasks",
            json!({ "title": "no", "project_id": project }),
        )
        .await;
    story
        .send("POST", &format!("{path}/restore"), Value::Null)
        .await;
    let page = story.get("/api/projects?limit=2").await;
    if let Some(next) = page["next"].as_str() {
        story
            .get(&format!("/api/projects?limit=2&cursor={next}"))
            .await;
    }

    let mut tasks = Vec::new();
    for (title, due) in [
        ("Äpfel \"kaufen\" 😀", "2031-03-02"),
        ("b \\c", "2031-03-02T09:00"),
        ("Zahnarzt", "2031-03-01T12:00"),
    ] {
        let task = story
            .send(
                "POST",
                "/api/tasks",
                json!({ "title": title, "due": due, "notes": "\u{1}\u{7f}\u{2028}", "tags": ["haus", "\u{e9}\""], "project_id": project,
                        "reminders": [{ "before": "PT30M" }, { "at": "2031-03-01T09:00:00Z" }] }),
            )
            .await;
        let id = text(&task, "/id");
        story.plan(&id).await;
        tasks.push(id);
    }
    for _ in 0..3 {
        story
            .send("POST", "/api/tasks", json!({ "title": "ohne" }))
            .await;
    }
    let task = format!("/api/tasks/{}", tasks[0]);
    story
        .send(
            "PATCH",
            &task,
            json!({ "title": "Birnen", "priority": "high", "due": "2031-03-03", "tags": null }),
        )
        .await;
    story.plan(&tasks[0]).await;
    story
        .send("POST", &format!("{task}/undo"), Value::Null)
        .await;
    story
        .send("POST", &format!("{task}/complete"), Value::Null)
        .await;
    story.plan(&tasks[0]).await;
    story
        .send("POST", &format!("{task}/reopen"), Value::Null)
        .await;
    story.plan(&tasks[0]).await;
    story.send("DELETE", &task, Value::Null).await;
    story
        .send("POST", &format!("{task}/restore"), Value::Null)
        .await;
    story.plan(&tasks[0]).await;
    for query in [
        "status=all&limit=2",
        "tag=haus",
        "q=%C3%84PFEL",
        "q=apfel",
        "q=%25",
        "status=open",
        "due_before=2031-03-02",
        "due_after=2031-03-02",
        &format!("project_id={project}"),
        &format!("status=all&series_id={project}"),
        "status=all&sort=completed&limit=1",
        "status=completed",
    ] {
        let mut page = story.get(&format!("/api/tasks?{query}")).await;
        while let Some(next) = page["next"].as_str() {
            page = story
                .get(&format!("/api/tasks?{query}&cursor={next}"))
                .await;
        }
    }
    let history = story.get(&format!("{task}/history?limit=2")).await;
    if let Some(next) = history["next"].as_str() {
        story
            .get(&format!("{task}/history?limit=2&cursor={next}"))
            .await;
    }

    // A series: complete, reopen (the successor goes), complete (it comes back), skip.
    let daily = story
        .send("POST", "/api/tasks", json!({ "title": "täglich", "due": "2031-03-01T10:00", "repeat": { "rrule": "FREQ=DAILY", "from": "due" },
            "reminders": [{ "before": "PT5M" }] }))
        .await;
    let daily = text(&daily, "/id");
    for deed in ["complete", "reopen", "complete", "reopen", "skip"] {
        story
            .send("POST", &format!("/api/tasks/{daily}/{deed}"), Value::Null)
            .await;
        story.plan(&daily).await;
        story.get("/api/tasks?limit=50").await;
    }
    story.get("/api/tasks?sort=completed").await;
    story
        .send(
            "POST",
            "/api/recurrence",
            json!({ "rrule": "FREQ=WEEKLY", "due": "2031-03-01" }),
        )
        .await;

    // A reminder rings, is put off, and is read.
    app.set("2031-03-01T09:00:01Z").await;
    let mut due = Vec::new();
    for task in tasks.iter().chain([&daily]) {
        let receipts = story.user.reminders(task).await;
        due.extend(
            receipts
                .iter()
                .map(|receipt| event(REMINDER_DUE, &text(receipt, "/id"))),
        );
    }
    app.call("/events/on-reminders", &due).await.expect(200);
    app.settled().await;
    let page = story.get("/api/notifications").await;
    story.told.push(format!(
        "{} rang",
        page["items"].as_array().map_or(0, Vec::len)
    ));
    if let Some(id) = page["items"][0]["id"].as_str() {
        story
            .send(
                "POST",
                &format!("/api/reminders/{id}/snooze"),
                json!({ "for": "PT10M" }),
            )
            .await;
        story
            .send(
                "POST",
                &format!("/api/notifications/{id}/read"),
                Value::Null,
            )
            .await;
        story.get(&format!("/api/notifications/{id}")).await;
    }
    story
        .send("POST", "/api/notifications/read", Value::Null)
        .await;
    story.get("/api/notifications?unread=true").await;

    // Another zone: every open task is planned again.
    story
        .send(
            "PATCH",
            "/api/settings",
            json!({ "timezone": "America/New_York", "morning": "07:30" }),
        )
        .await;
    // The sweep brings the plans that lag a second.
    app.advance("PT5S").await;
    for task in &tasks {
        story.plan(task).await;
    }

    // A digest of all that is open and due. (The occurrence that followed has not been planned since the zone changed.)
    let mut open: Vec<String> = story
        .user
        .tasks("")
        .await
        .iter()
        .map(|task| text(task, "/id"))
        .collect();
    open.sort();
    for task in &open {
        story.plan(task).await;
    }
    story
        .send("PATCH", "/api/settings", json!({ "digest": "07:45" }))
        .await;
    app.set("2031-03-02T12:45:00Z").await;
    for _ in 0..2 {
        let call = [event(DIGEST_DUE, &story.user.id)];
        app.call("/events/on-reminders", &call).await.expect(200);
    }
    let page = story.user.get("/api/notifications").await.expect(200);
    let told: Vec<&Value> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["kind"] == "digest")
        .collect();
    story.told.push(format!("the digests: {told:?}"));
    story.told
}

/// An answer's text without the value of a field.
fn without(told: &str, field: &str) -> String {
    let start = format!("\"{field}\":\"");
    let mut parts = told.split(&start);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(&start);
        plain.push_str(&part[part.find('"').unwrap_or(0)..]);
    }
    plain
}

/// Without what differs from server to server (secrets, requests' ids) and what the worker does: on SQLite it sends, and
/// plans between two calls of ours, which steps a receipt's version and the numbers of changes.
fn comparable(told: &str) -> String {
    let mut plain = without(&without(told, "secret"), "instance");
    // What was planned between two calls of ours, and cancelled by the second one, is there or not: as fast as the worker
    // is. `views.rs` compares receipts byte for byte.
    if let Some(before) = plain.find("/reminders: 200") {
        plain.truncate(before);
    }
    if let Some((path, answer)) = plain.split_once(": ")
        && path.contains("/history")
    {
        let path = path.split("cursor=").next().unwrap_or_default();
        plain = format!("{path}: {}", without(&without(answer, "id"), "next"));
    }
    unnamed(&plain)
}

/// Without the ids that are made of time and chance (UUIDv7): those of the occurrences that the worker has made.
fn unnamed(told: &str) -> String {
    let parts = told.split_inclusive(['"', '/', ':', ' ', '?', '&']);
    parts
        .map(|part| {
            let id = part.trim_end_matches(['"', '/', ':', ' ', '?', '&']);
            match id.len() == 36 && id.as_bytes()[14] == b'7' && id.matches('-').count() == 4 {
                true => part.replace(id, "ID"),
                false => part.to_owned(),
            }
        })
        .collect()
}

#[tokio::test]
async fn every_answer_is_the_same_on_postgres_and_on_sqlite() {
    let sqlite = App::start()
        .clock(NOW)
        .variable("email_enabled", "true")
        .run()
        .await
        .expect("it is embedded");
    let (postgres, _fresh) = on_postgres(Registration::Open).await;
    let (ours, theirs) = (story(&sqlite).await, story(&postgres).await);
    let told = |story: &[String]| {
        story
            .iter()
            .map(|told| comparable(told))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (told(&ours), told(&theirs));
    let differ: Vec<_> = ours.iter().zip(&theirs).filter(|(a, b)| a != b).collect();
    assert!(differ.is_empty(), "SQLite, Postgres: {differ:#?}");
    assert_eq!(ours.len(), theirs.len());
    let refused: Vec<_> = theirs.iter().filter(|told| told.contains(": 5")).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn a_question_for_what_postgres_can_not_hold_finds_nothing() {
    let (app, _fresh) = on_postgres(Registration::Open).await;
    let ann = app.user().await;
    ann.add(json!({ "title": "x" })).await;
    for query in ["q=%00", "tag=%00", "project_id=%00"] {
        assert_eq!(ann.tasks(query).await, Vec::<Value>::new(), "{query}");
    }
    assert_eq!(ann.get("/api/tasks/%00").await.status, 404);
}

#[tokio::test]
async fn of_many_first_accounts_at_once_one_is_made_and_is_the_admin() {
    let (app, fresh) = on_postgres(Registration::Closed).await;
    let replies = join_all((0..8).map(|number| {
        let body = json!({ "email": format!("{number}@example.com"), "password": PASSWORD, "timezone": "UTC" });
        app.client().post("/api/auth/register", body)
    }))
    .await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403, 403, 403, 403, 403, 403, 403]);
    let owner = fresh.connect().await;
    let roles = all(&owner, "SELECT role FROM users").await;
    assert_eq!(roles, [[Some("admin".to_owned())]]);
}

#[tokio::test]
async fn of_two_requests_with_one_key_at_once_one_is_refused() {
    let (app, fresh) = on_postgres(Registration::Open).await;
    let ann = app.user().await;
    for round in 0..20 {
        let key = format!("key-{round}");
        let replies = futures::join!(
            ann.post_keyed("/api/tasks", &key, json!({ "title": "one" })),
            ann.post_keyed("/api/projects", &key, json!({ "name": "two" })),
        );
        let mut statuses = [replies.0.status, replies.1.status];
        statuses.sort_unstable();
        assert_eq!(
            statuses,
            [201, 422],
            "{} {}",
            replies.0.text,
            replies.1.text
        );
    }
    let owner = fresh.connect().await;
    let kept = "SELECT count(*) FROM changes WHERE op LIKE '%:key-%'";
    assert_eq!(all(&owner, kept).await, [[Some("20".to_owned())]]);
}

#[tokio::test]
async fn a_task_that_is_made_while_its_owners_zone_changes_is_planned_in_the_new_one() {
    let (app, fresh) = on_postgres(Registration::Open).await;
    let ann = app.user().await;
    let other = fresh.connect().await;
    other
        .batch_execute(&format!(
            "BEGIN; UPDATE settings SET timezone = 'Asia/Tokyo', generation = generation + 1, version = version + 1,
                op = 'zone' WHERE user_id = '{}'",
            ann.id
        ))
        .await
        .expect("changed");
    let adding = ann.add(
        json!({ "title": "x", "due": "2031-05-01T09:00", "reminders": [{ "before": "PT0M" }] }),
    );
    let (task, _) = futures::join!(adding, async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let watcher = fresh.connect().await;
        it::eventually("the other to wait", || async {
            (all(&watcher, waits).await == [[Some("1".to_owned())]]).then_some(())
        })
        .await;
        other.batch_execute("COMMIT").await.expect("committed");
    });
    let id = text(&task, "/id");
    plan(&app, &id).await;
    let receipts = ann.reminders(&id).await;
    assert_eq!(text(&receipts[0], "/due_for"), "2031-05-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_plan_waits_for_the_change_that_overtakes_it() {
    let (app, fresh) = on_postgres(Registration::Open).await;
    let ann = app.user().await;
    let task = ann
        .add(
            json!({ "title": "x", "due": "2031-05-01T09:00", "reminders": [{ "before": "PT0M" }] }),
        )
        .await;
    let id = text(&task, "/id");
    let other = fresh.connect().await;
    other
        .batch_execute(&format!(
            "BEGIN; UPDATE tasks SET due = '2031-06-01T09:00', due_at = due_at + 2678400000000, generation = generation + 1,
                version = version + 1, op = 'moved' WHERE id = '{id}'"
        ))
        .await
        .expect("changed");
    futures::join!(plan(&app, &id), async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let watcher = fresh.connect().await;
        it::eventually("the plan to wait", || async {
            (all(&watcher, waits).await == [[Some("1".to_owned())]]).then_some(())
        })
        .await;
        other.batch_execute("COMMIT").await.expect("committed");
    });
    assert_eq!(
        ann.reminders(&id).await.len(),
        0,
        "planned from the old due"
    );
    plan(&app, &id).await;
    let receipts = ann.reminders(&id).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(text(&receipts[0], "/due_for"), "2031-06-01T07:00:00.000Z");
}
