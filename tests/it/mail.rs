//! E-mail from end to end: the API, the worker, a real SMTP server, and the links that people follow.

use it::client::text;
use it::node::{Script, Smtp, node_is_here};
use it::{App, eventually};
use punctual_worker::sender::Mail;
use serde_json::{Value, json};

/// The path of the n-th link in a mail's text that acts.
fn link(mail: &Value, n: usize) -> String {
    let text = text(mail, "/text");
    let mut links = text
        .lines()
        .filter_map(|line| line.strip_prefix("https://todo.example.org/act/"));
    format!("/act/{}", links.nth(n).expect("a link"))
}

#[tokio::test]
async fn an_address_that_says_yes_gets_a_mail_whose_link_completes_the_task_once() {
    if !node_is_here() {
        return;
    }
    let smtp = Smtp::start(Script {
        password: "secret",
        ..Script::default()
    })
    .await;
    let url = format!("smtp://ann:secret@{}?tls=required", smtp.address);
    let mail = Mail::new(
        &url,
        "Punctual <punctual@example.org>",
        Some(smtp.certificate.as_bytes()),
    );
    let Some(app) = App::start()
        .clock("2026-11-02T06:00:00Z")
        .public_url("https://todo.example.org")
        .mail(mail.expect("settings"))
        .run()
        .await
    else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let made = ann
        .post(
            "/api/settings/channels",
            json!({ "kind": "email", "target": "ann@example.org" }),
        )
        .await
        .expect(201);
    let state = || async {
        let path = format!("/api/settings/channels/{}", text(&made, "/id"));
        text(&ann.get(&path).await.expect(200), "/state")
    };
    let question = smtp.wait("mail", 1).await.remove(0);
    assert_eq!(question["to"], json!(["ann@example.org"]));
    let yes = link(&question, 0);
    assert_eq!(app.client().get(&yes).await.status, 200);
    assert_eq!(state().await, "unconfirmed", "opening it does nothing");
    let press = async |link: &str| app.client().post(link, json!({})).await.status;
    assert_eq!(press(&yes).await, 200);
    assert_eq!(state().await, "active");

    let task = ann
        .add(json!({ "title": "Tea", "due": "2026-11-02T09:00", "reminders": [{ "before": "PT1H" }] }))
        .await;
    app.settled().await;
    app.set("2026-11-02T07:00:00Z").await;
    let reminder = smtp.wait("mail", 2).await.remove(1);
    assert_eq!(reminder["subject"], "Reminder: Tea");
    assert!(text(&reminder, "/text").contains("Due on Monday, 2 November 2026 at 09:00"));
    let (done, snooze) = (link(&reminder, 0), link(&reminder, 1));
    assert_eq!(press(&snooze).await, 200);
    let task = format!("/api/tasks/{}", text(&task, "/id"));
    app.set("2026-11-02T07:10:00Z").await;
    let again = smtp.wait("mail", 3).await.remove(2);
    assert_eq!(again["subject"], "Reminder: Tea");
    assert_ne!(
        text(&again, "/headers/message-id"),
        text(&reminder, "/headers/message-id")
    );
    assert_eq!(press(&done).await, 200);
    let completed = ann.get(&task).await.expect(200);
    assert_eq!(completed["status"], "completed");
    press(&done).await;
    let after = ann.get(&task).await.expect(200);
    assert_eq!(after["version"], completed["version"], "it acts once");
    eventually("the receipt", || async {
        let receipts = ann.reminders(&text(&completed, "/id")).await;
        let sent = receipts
            .iter()
            .filter_map(|receipt| receipt["deliveries"].as_array())
            .flatten()
            .filter(|delivery| delivery["channel"] == "email" && delivery["state"] == "sent")
            .count();
        (sent == 2).then_some(())
    })
    .await;
}
