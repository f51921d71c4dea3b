//! The daily digest: once a day, at its time, on every channel, what was open then.

use it::client::text;
use it::node::{Script, Smtp, node_is_here};
use it::{App, Receiver, User, eventually};
use punctual_contract::events::{CloudEvent, DIGEST_DUE, Data};
use punctual_worker::sender::Mail;
use serde_json::{Value, json};

/// Ann in Berlin gets her digest at eight.
async fn at_eight(app: &App) -> User {
    let ann = app.register("ann@example.com").await;
    let settings = ann.patch("/api/settings", json!({ "digest": "8:00" }));
    assert_eq!(settings.await.expect(200)["digest"], "08:00");
    ann
}

async fn add(ann: &User, title: &str, due: &str) -> String {
    text(
        &ann.add(json!({ "title": title, "due": due, "reminders": [] }))
            .await,
        "/id",
    )
}

async fn digests(user: &User) -> Vec<Value> {
    let mut all = user.notifications().await;
    all.retain(|one| one["kind"] == "digest");
    all
}

/// Waits for the `count`-th digest, and answers it.
async fn told(ann: &User, count: usize) -> Value {
    let all = eventually("the digest", || async {
        let all = digests(ann).await;
        (all.len() >= count).then_some(all)
    })
    .await;
    assert_eq!(all.len(), count);
    all[0].clone()
}

fn titles(digest: &Value) -> Vec<String> {
    let tasks = digest["digest"]["tasks"].as_array().expect("tasks");
    tasks.iter().map(|task| text(task, "/title")).collect()
}

/// Has the worker look, whatever it does by itself: twice, because a repetition must do no harm.
async fn looked_at(app: &App, user: &User) {
    for id in ["digest-1", "digest-2"] {
        let event = CloudEvent {
            specversion: "1.0".to_owned(),
            id: id.to_owned(),
            source: "/punctual".to_owned(),
            kind: DIGEST_DUE.to_owned(),
            subject: user.id.clone(),
            time: "2026-11-02T07:00:00.000Z".to_owned(),
            datacontenttype: "application/json".to_owned(),
            partitionkey: user.id.clone(),
            traceparent: None,
            data: Data::default(),
        };
        let answer = app.call("/events/on-reminders", &[event]).await.expect(200);
        assert_eq!(answer["outcomes"][0]["status"], "ok", "{answer}");
    }
    app.settled().await;
}

#[tokio::test]
async fn a_digest_tells_at_its_time_what_is_overdue_and_due_today() {
    let receiver = Receiver::start().await;
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = at_eight(&app).await;
    let webhook = json!({ "kind": "webhook", "target": receiver.url });
    ann.post("/api/settings/channels", webhook)
        .await
        .expect(201);
    add(&ann, "Today", "2026-11-02").await;
    add(&ann, "Tomorrow", "2026-11-03").await;
    add(&ann, "At night", "2026-11-02T23:30").await;
    add(&ann, "Midnight is tomorrow", "2026-11-03T00:00").await;
    let late = add(&ann, "Yesterday", "2026-11-01").await;
    let done = add(&ann, "Done", "2026-11-02T10:00").await;
    ann.complete(&json!({ "id": done })).await;
    ann.add(json!({ "title": "Some day" })).await;
    app.set("2026-11-02T06:59:59Z").await;
    looked_at(&app, &ann).await;
    assert_eq!(digests(&ann).await, [] as [Value; 0]);

    app.set("2026-11-02T07:00:00Z").await;
    let digest = told(&ann, 1).await;
    assert_eq!(digest["due_for"], "2026-11-02T07:00:00.000Z");
    assert_eq!(digest["occurrence"], "2026-11-02");
    assert_eq!(digest["task_id"], Value::Null);
    assert_eq!(digest["digest"]["overdue"], 1);
    assert_eq!(digest["digest"]["due"], 2);
    assert_eq!(titles(&digest), ["Yesterday", "At night", "Today"]);
    assert_eq!(digest["digest"]["tasks"][0]["id"], Value::from(late));

    let call = eventually("the webhook", || async { receiver.received().pop() }).await;
    assert_eq!(call.body["type"], "digest.fired");
    assert_eq!(call.body["data"]["day"], "2026-11-02");
    assert_eq!(call.body["data"]["digest"], digest["digest"]);
    let path = format!("/api/reminders/{}", text(&digest, "/id"));
    let receipt = eventually("the receipt", || async {
        let receipt = ann.get(&path).await.expect(200);
        let deliveries = receipt["deliveries"].as_array()?;
        let sent = deliveries.iter().filter(|one| one["state"] == "sent");
        (sent.count() == 2).then_some(receipt)
    })
    .await;
    assert_eq!(receipt["kind"], "digest");
    assert_eq!(receipt["lateness_ms"], 0);
}

#[tokio::test]
async fn a_digest_comes_once_a_day_whatever_is_repeated_and_changed() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = at_eight(&app).await;
    add(&ann, "Rent", "2026-11-01").await;
    app.set("2026-11-02T07:00:00Z").await;
    told(&ann, 1).await;
    looked_at(&app, &ann).await;
    // Later on the same day, by another time and in another zone.
    ann.patch("/api/settings", json!({ "digest": "09:00" }))
        .await
        .expect(200);
    app.set("2026-11-02T08:30:00Z").await;
    looked_at(&app, &ann).await;
    ann.patch("/api/settings", json!({ "timezone": "Europe/Lisbon" }))
        .await
        .expect(200);
    app.set("2026-11-02T09:30:00Z").await;
    looked_at(&app, &ann).await;
    assert_eq!(digests(&ann).await.len(), 1);
    app.set("2026-11-03T09:00:00Z").await;
    let next = told(&ann, 2).await;
    assert_eq!(
        next["due_for"], "2026-11-03T09:00:00.000Z",
        "nine in Lisbon"
    );
}

#[tokio::test]
async fn a_digest_that_was_missed_comes_late_and_only_the_last_one() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = at_eight(&app).await;
    add(&ann, "Rent", "2026-11-01").await;
    looked_at(&app, &ann).await;
    app.set("2026-11-05T11:00:00Z").await;
    let digest = told(&ann, 1).await;
    assert_eq!(digest["due_for"], "2026-11-05T07:00:00.000Z");
    assert_eq!(digest["fired_at"], "2026-11-05T11:00:00.000Z");
    looked_at(&app, &ann).await;
    assert_eq!(digests(&ann).await.len(), 1);
}

#[tokio::test]
async fn a_digest_is_not_told_where_there_is_nothing_to_tell_or_nobody_asked() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = at_eight(&app).await;
    let bob = app.register("bob@example.com").await;
    add(&bob, "Bob's", "2026-11-02").await;
    add(&ann, "Tomorrow", "2026-11-03T10:00").await;
    app.set("2026-11-02T07:00:00Z").await;
    looked_at(&app, &ann).await;
    looked_at(&app, &bob).await;
    assert_eq!(digests(&ann).await, [] as [Value; 0]);
    assert_eq!(digests(&bob).await, [] as [Value; 0]);
    // Asked for after its time: from tomorrow on.
    bob.patch("/api/settings", json!({ "digest": "08:00" }))
        .await
        .expect(200);
    looked_at(&app, &bob).await;
    assert_eq!(digests(&bob).await, [] as [Value; 0]);
    app.set("2026-11-03T07:00:00Z").await;
    let digest = told(&ann, 1).await;
    assert_eq!(titles(&digest), ["Tomorrow"]);
    assert_eq!(titles(&told(&bob, 1).await), ["Bob's"]);
    let path = format!("/api/reminders/{}", text(&digest, "/id"));
    assert_eq!(bob.get(&path).await.status, 404);
    let snooze = format!("{path}/snooze");
    assert_eq!(
        ann.post(&snooze, json!({ "for": "PT10M" })).await.status,
        409
    );
    ann.post(&format!("{path}/acknowledge"), json!({}))
        .await
        .expect(200);
    let settings = ann.patch("/api/settings", json!({ "digest": null })).await;
    assert_eq!(settings.expect(200)["digest"], Value::Null);
    app.set("2026-11-04T07:00:00Z").await;
    looked_at(&app, &ann).await;
    assert_eq!(digests(&ann).await.len(), 1);
}

#[tokio::test]
async fn a_digest_s_time_is_a_time_of_day() {
    let app = App::shared().await;
    let ann = app.user().await;
    for wrong in ["25:00", "8", "08:00:00", "", "-1:00", "08:60"] {
        let answer = ann.patch("/api/settings", json!({ "digest": wrong })).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
        assert!(answer.text.contains("digest"), "{}", answer.text);
    }
    assert_eq!(
        ann.get("/api/settings").await.expect(200)["digest"],
        Value::Null
    );
}

#[tokio::test]
async fn a_digest_by_mail_names_its_tasks_and_links_to_them() {
    if !node_is_here() {
        return;
    }
    let smtp = Smtp::start(Script {
        password: "secret",
        ..Script::default()
    })
    .await;
    let mail = Mail::new(
        &format!("smtp://ann:secret@{}?tls=required", smtp.address),
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
    let ann = at_eight(&app).await;
    let channel = json!({ "kind": "email", "target": "ann@example.org" });
    ann.post("/api/settings/channels", channel)
        .await
        .expect(201);
    let question = smtp.wait("mail", 1).await.remove(0);
    let asked = text(&question, "/text");
    let yes = asked
        .lines()
        .find_map(|line| line.strip_prefix("https://todo.example.org"))
        .expect("a link");
    assert_eq!(app.client().post(yes, json!({})).await.status, 200);
    let rent = add(&ann, "Rent <b>", "2026-11-01").await;
    for n in 0..11 {
        add(
            &ann,
            &format!("Plant {n}"),
            &format!("2026-11-02T18:{n:02}"),
        )
        .await;
    }
    app.set("2026-11-02T07:00:00Z").await;
    let mail = smtp.wait("mail", 2).await.remove(1);
    assert_eq!(mail["subject"], "11 tasks due today, 1 overdue");
    let said = text(&mail, "/text");
    for line in [
        "Rent <b> · Due yesterday",
        "Plant 8 · Due today at 18:08",
        "and 2 more",
        "https://todo.example.org/today",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    let html = text(&mail, "/html");
    assert!(
        html.contains(&format!("https://todo.example.org/task/{rent}")),
        "{html}"
    );
    assert!(html.contains("Rent &lt;b&gt;"), "{html}");
}
