//! The signed links in e-mails.

use it::client::{items, text};
use it::{App, Reply, User, eventually};
use punctual_contract::action::{Action, Deed, LINK_SECONDS};
use serde_json::{Value, json};

async fn open(app: &App, link: &str) -> Reply {
    app.client().get(link).await
}

/// Presses the button of the page, as a browser does.
async fn press(app: &App, link: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    app.client()
        .send("POST", link, &headers, Some(String::new()))
        .await
}

/// A page of ours: HTML, no script, a policy that lets nothing in, and a key for an address that goes nowhere.
#[track_caller]
fn page(reply: &Reply, status: u16, says: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    assert!(reply.text.contains(says), "{says}: {}", reply.text);
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = reply.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(!reply.text.contains("<script"), "{}", reply.text);
}

async fn history(user: &User, id: &str) -> Vec<Value> {
    let page = user.get(&format!("/api/tasks/{id}/history")).await;
    items(page.expect(200))
}

#[tokio::test]
async fn opening_a_link_changes_nothing_and_pressing_its_button_completes_the_task_once() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann
        .add(json!({ "title": "Pay rent", "due": "2031-12-01", "repeat": { "rrule": "FREQ=DAILY" } }))
        .await;
    let id = text(&task, "/id");
    let link = app.link(&ann, Deed::Done { task: id.clone() }, "Pay rent");
    for _ in 0..3 {
        let asked = open(app, &link).await;
        page(&asked, 200, "Mark “Pay rent” done?");
        assert!(
            asked
                .text
                .contains("<form method=\"post\"><button>Mark done</button>")
        );
        let head = app.client().send("HEAD", &link, &[], None).await;
        assert_eq!(head.status, 200);
    }
    assert_eq!(ann.task(&id).await, task, "scanners have changed nothing");

    // Twice at once, as an impatient person does.
    let (one, two) = tokio::join!(press(app, &link), press(app, &link));
    let done = "“Pay rent” is done.";
    let used = "This link was used already.";
    for reply in [&one, &two] {
        let says = if reply.text.contains(done) {
            done
        } else {
            used
        };
        page(reply, 200, says);
    }
    assert!(one.text.contains(done) || two.text.contains(done));
    let shown = ann.task(&id).await;
    assert_eq!(
        (shown["status"].as_str(), shown["version"].as_i64()),
        (Some("completed"), Some(2))
    );
    let newest = history(&ann, &id).await.remove(0);
    assert_eq!(
        (
            newest["kind"].as_str(),
            newest["via"].as_str(),
            &newest["actor"]
        ),
        (Some("completed"), Some("email"), &json!(ann.id))
    );
    app.settled().await;
    assert_eq!(ann.tasks("status=all").await.len(), 2, "one successor");

    page(&open(app, &link).await, 200, used);
    page(&press(app, &link).await, 200, used);
    // It stays used when the task is open again.
    ann.post(&format!("/api/tasks/{id}/reopen"), json!({}))
        .await
        .expect(200);
    page(&press(app, &link).await, 200, used);
    assert_eq!(ann.task(&id).await["status"], "open");
}

#[tokio::test]
async fn a_link_to_what_is_done_already_is_used_up_by_saying_so() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann.add(json!({ "title": "Pay rent" })).await;
    let id = text(&task, "/id");
    let link = app.link(&ann, Deed::Done { task: id.clone() }, "Pay rent");
    ann.post(&format!("/api/tasks/{id}/complete"), json!({}))
        .await
        .expect(200);
    page(&press(app, &link).await, 200, "is done");
    ann.post(&format!("/api/tasks/{id}/reopen"), json!({}))
        .await
        .expect(200);
    page(&press(app, &link).await, 200, "used already");
    assert_eq!(ann.task(&id).await["status"], "open");

    let deleted = ann.add(json!({ "title": "Old" })).await;
    let id = text(&deleted, "/id");
    let link = app.link(&ann, Deed::Done { task: id.clone() }, "Old");
    ann.delete(&format!("/api/tasks/{id}")).await.expect(204);
    page(&press(app, &link).await, 409, "done, skipped or deleted");
    let nothing = Deed::Done {
        task: "no-such-task".to_owned(),
    };
    let link = app.link(&ann, nothing, "Nothing");
    page(&press(app, &link).await, 404, "not there any more");
}

#[tokio::test]
async fn a_link_puts_a_reminder_off_once() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let task = ann
        .add(json!({ "title": "Tea", "reminders": [{ "at": "2026-11-02T07:00:00Z" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    let fired = eventually("the ring", || async { ann.notifications().await.pop() }).await;
    let deed = Deed::Snooze {
        reminder: text(&fired, "/id"),
        minutes: 60,
    };
    let link = app.link(&ann, deed, "Tea");
    let asked = open(&app, &link).await;
    page(&asked, 200, "Put “Tea” off?");
    page(&asked, 200, "It will ring again in 1 hour.");
    assert_eq!(ann.reminders(&text(&task, "/id")).await.len(), 1);
    page(
        &press(&app, &link).await,
        200,
        "It will ring again in 1 hour.",
    );
    page(&press(&app, &link).await, 200, "used already");
    page(&open(&app, &link).await, 200, "used already");
    let receipts = ann.reminders(&text(&task, "/id")).await;
    let due: Vec<String> = receipts.iter().map(|r| text(r, "/due_for")).collect();
    assert_eq!(
        due,
        ["2026-11-02T07:00:00.000Z", "2026-11-02T08:00:00.000Z"]
    );
    let deed = Deed::Snooze {
        reminder: text(&receipts[1], "/id"),
        minutes: 1440,
    };
    let tomorrow = app.link(&ann, deed, "Tea");
    page(
        &press(&app, &tomorrow).await,
        200,
        "It will ring again in 1 day.",
    );
    let last = ann.reminders(&text(&task, "/id")).await.remove(2);
    assert_eq!(text(&last, "/due_for"), "2026-11-03T07:00:00.000Z");
}

#[tokio::test]
async fn a_link_confirms_an_address_once_and_only_by_its_button() {
    let Some(app) = App::start()
        .clock("2026-11-02T06:00:00Z")
        .variable("email_enabled", "true")
        .run()
        .await
    else {
        return;
    };
    let (ann, bob) = (
        app.register("ann@example.com").await,
        app.register("bob@example.com").await,
    );
    let made = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "email", "target": "ann@example.org" }),
        )
        .await
        .expect(201);
    let id = text(&made, "/id");
    let path = format!("/api/settings/channels/{id}");
    let state = || async { text(&ann.get(&path).await.expect(200), "/state") };
    let confirm = || Deed::Confirm {
        channel: id.clone(),
    };
    let link = app.link(&ann, confirm(), "ann@example.org");
    page(
        &open(&app, &link).await,
        200,
        "Send reminders to ann@example.org?",
    );
    assert_eq!(state().await, "unconfirmed");
    // A link that was made for somebody else's account confirms nothing.
    let foreign = app.link(&bob, confirm(), "ann@example.org");
    page(&press(&app, &foreign).await, 404, "not there any more");
    assert_eq!(state().await, "unconfirmed");
    page(
        &press(&app, &link).await,
        200,
        "Reminders will be sent to ann@example.org.",
    );
    assert_eq!(state().await, "active");
    page(&press(&app, &link).await, 200, "confirmed already");
    page(&open(&app, &link).await, 200, "confirmed already");
    ann.delete(&path).await.expect(204);
    page(&press(&app, &link).await, 404, "not there any more");
}

#[tokio::test]
async fn a_link_speaks_german_ends_in_time_and_shows_a_title_as_text() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let title = "<b>Miete</b> & \"mehr\"";
    let task = ann.add(json!({ "title": title })).await;
    let action = Action {
        deed: Deed::Done {
            task: text(&task, "/id"),
        },
        user: ann.id.clone(),
        language: "de".to_owned(),
        title: title.to_owned(),
        expires: 1_793_599_200 + LINK_SECONDS,
    };
    let link = app.link_of(&action);
    let asked = open(&app, &link).await;
    page(
        &asked,
        200,
        "„&lt;b&gt;Miete&lt;/b&gt; &amp; &quot;mehr&quot;“ als erledigt abhaken?",
    );
    assert!(asked.text.contains("<html lang=\"de\">"));
    assert!(!asked.text.contains("<b>"));
    app.advance("P30D").await;
    page(&open(&app, &link).await, 410, "Dieser Link ist abgelaufen.");
    page(&press(&app, &link).await, 410, "abgelaufen");
    assert_eq!(ann.task(&text(&task, "/id")).await["status"], "open");
}

#[tokio::test]
async fn what_is_no_link_of_ours_does_nothing_and_is_told_in_the_readers_language() {
    let app = App::shared().await;
    let ann = app.user().await;
    let task = ann.add(json!({ "title": "Pay rent" })).await;
    let deed = Deed::Done {
        task: text(&task, "/id"),
    };
    let link = app.link(&ann, deed, "Pay rent");
    let cut = &link[..link.len() - 1];
    for wrong in [cut, "/act/made-up", "/act/e30.AAAAAAAAAAAAAAAAAAAAAA"] {
        page(&open(app, wrong).await, 404, "This link is not valid.");
        page(&press(app, wrong).await, 404, "This link is not valid.");
    }
    let headers = [("accept-language", "de-AT,de;q=0.9,en;q=0.5")];
    let german = app.client().send("GET", cut, &headers, None).await;
    page(&german, 404, "Dieser Link ist nicht gültig.");
    let put = app.client().send("PUT", &link, &[], None).await;
    assert_eq!(
        (put.status, put.header("allow")),
        (405, Some("GET, HEAD, POST"))
    );
    assert_eq!(ann.task(&text(&task, "/id")).await["status"], "open");
}
