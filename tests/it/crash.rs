use std::collections::HashSet;

use it::client::{Client, text};
use it::clock::in_millis;
use it::edition::skipped_under_spin;
use it::process::{OPEN, Process, free_port};
use it::{Receiver, User, eventually};
use serde_json::json;

#[tokio::test]
async fn what_was_accepted_before_a_sigkill_fires_after_it_once() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let (data, port, receiver) = (
        tempfile::tempdir().expect("a folder"),
        free_port(),
        Receiver::start().await,
    );
    let server = Process::start(data.path(), port, OPEN).await;
    let ann = User::register(&Client::new(&server.url), "ann@example.com", "UTC").await;
    ann.post(
        "/api/settings/channels",
        json!({ "kind": "webhook", "target": receiver.url }),
    )
    .await
    .expect(201);
    let mut tasks = HashSet::new();
    for n in 0..20 {
        let at = in_millis(1500 + 100 * n);
        tasks.insert(text(
            &ann.add(json!({ "title": format!("{n}"), "reminders": [{ "at": at }] }))
                .await,
            "/id",
        ));
    }
    // Between accept and fire, and again amid the firing.
    server.kill().await;
    let server = Process::start(data.path(), port, OPEN).await;
    eventually("the first rings", || async {
        (ann.notifications().await.len() >= 3).then_some(())
    })
    .await;
    server.kill().await;
    let server = Process::start(data.path(), port, OPEN).await;
    eventually("all rings", || async {
        (ann.notifications().await.len() == 20).then_some(())
    })
    .await;
    let fired = ann.notifications().await;
    assert!(
        fired
            .iter()
            .all(|n| text(n, "/fired_at") >= text(n, "/due_for")),
        "none early"
    );
    let rung: HashSet<String> = fired.iter().map(|n| text(n, "/task_id")).collect();
    assert_eq!(rung, tasks);
    let told = eventually("every webhook", || async {
        let told: HashSet<String> = receiver
            .received()
            .iter()
            .map(|call| text(&call.body, "/data/task_id"))
            .collect();
        (told.len() == 20).then_some(told)
    })
    .await;
    assert_eq!(told, tasks);
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn a_request_repeated_over_a_crash_does_its_work_once() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let (data, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let mut server = Process::start(data.path(), port, OPEN).await;
    let ann = User::register(&Client::new(&server.url), "ann@example.com", "UTC").await;
    for round in 0..3 {
        // The process dies under the requests: some were written, some answered, the client can't know which.
        let calls: Vec<_> = (0..20)
            .map(|n| {
                let ann = ann.clone();
                tokio::spawn(async move {
                    let (key, body) = (
                        format!("{round}-{n}"),
                        json!({ "title": format!("{round}-{n}") }).to_string(),
                    );
                    ann.try_send(
                        "POST",
                        "/api/tasks",
                        &[("idempotency-key", &key)],
                        Some(body),
                    )
                    .await
                })
            })
            .collect();
        eventually("some to be written", || async {
            (ann.tasks("limit=200").await.len() > 20 * round).then_some(())
        })
        .await;
        server.kill().await;
        drop(futures::future::join_all(calls).await);
        server = Process::start(data.path(), port, OPEN).await;
        for n in 0..20 {
            let (key, title) = (format!("{round}-{n}"), format!("{round}-{n}"));
            ann.post_keyed("/api/tasks", &key, json!({ "title": title }))
                .await
                .expect(201);
        }
        let titles: Vec<String> = ann
            .tasks("limit=200")
            .await
            .iter()
            .map(|task| text(task, "/title"))
            .collect();
        let different: HashSet<&String> = titles.iter().collect();
        assert_eq!(
            (titles.len(), different.len()),
            (20 * (round + 1), 20 * (round + 1))
        );
    }
}

#[tokio::test]
async fn a_folder_in_use_and_a_taken_port_are_one_line_with_the_way_out() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let (data, other, port) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
        free_port(),
    );
    let server = Process::start(data.path(), port, OPEN).await;
    for (folder, port, words) in [
        (data.path(), free_port(), "in use"),
        (other.path(), port, "--port"),
    ] {
        let output = tokio::process::Command::new(it::process::program("punctual-server"))
            .args([
                "--data",
                &folder.to_string_lossy(),
                "--port",
                &port.to_string(),
            ])
            .current_dir(it::process::root())
            .output()
            .await
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert!(server.terminate().await.success());
}
