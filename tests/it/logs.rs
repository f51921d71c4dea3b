//! What the server writes about its work: nothing that is a person's or a secret.

use it::client::{Client, PASSWORD, text};
use it::clock::{in_millis, now};
use it::edition::skipped_under_spin;
use it::process::{OPEN, Process, free_port};
use it::{Receiver, User, eventually};
use punctual_contract::action::{Action, Deed, LINK_SECONDS, PATH};
use serde_json::json;

/// In everything that a person writes here.
const MARK: &str = "7f3a9";

#[tokio::test]
async fn neither_logs_nor_traces_hold_what_people_write_where_they_are_or_what_opens_a_door() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let (data, collector, receiver) = (
        tempfile::tempdir().expect("a folder"),
        Receiver::start().await,
        Receiver::start().await,
    );
    // Fails until nobody asks it any more, so that there is something to tell.
    receiver.answer_next(&[500; 100]);
    let endpoint = collector.url.replace("/hook", "");
    let telling = [
        ("PUNCTUAL_LOG", "debug"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let settings = [OPEN, &telling].concat();
    let server = Process::start(data.path(), free_port(), &settings).await;
    let nobody = Client::new(&server.url);
    let email = format!("ann-{MARK}@example.com");
    let ann = User::register(&nobody, &email, "UTC").await;
    let mut keys = vec![PASSWORD.to_owned(), ann.refresh_token.clone()];
    let access = text(&ann.session().await, "/access_token");
    let asked = json!({ "name": MARK, "scopes": ["read"] });
    let session = ann.with_token(&access);
    let token = session.post("/api/auth/tokens", asked).await;
    keys.extend([text(&token.expect(201), "/token"), access]);
    let wrong = json!({ "email": email, "password": format!("wrong {MARK}") });
    nobody.post("/api/auth/login", wrong).await.expect(401);

    let project = json!({ "name": format!("Project {MARK}") });
    let project = ann.post("/api/projects", project).await.expect(201);
    for (kind, secret) in [("webhook", None), ("ntfy", Some(format!("tk_{MARK}")))] {
        let target = receiver.url.replace("hook", &format!("{kind}-{MARK}"));
        let mut channel = json!({ "kind": kind, "target": target });
        if let Some(secret) = secret {
            channel["token"] = secret.into();
        }
        let made = ann.post("/api/settings/channels", channel).await;
        let made = made.expect(201);
        keys.extend(made["secret"].as_str().map(str::to_owned));
    }
    let task = json!({
        "title": format!("Title {MARK}"), "notes": format!("Notes {MARK}"), "tags": [format!("tag{MARK}")],
        "project_id": project["id"], "reminders": [{ "at": in_millis(1000) }],
    });
    let id = text(&ann.add(task).await, "/id");
    // What is wrong is told to who asked, and to nobody else.
    let wrong = json!({ "title": format!("Title {MARK}"), "due": format!("due {MARK}") });
    assert_eq!(ann.post("/api/tasks", wrong).await.status, 422);
    let cut = Some(format!("{{\"title\": \"{MARK}"));
    assert_eq!(ann.send("POST", "/api/tasks", &[], cut).await.status, 422);
    for (path, class) in [
        (format!("/api/tasks?q={MARK}&tag=tag{MARK}"), 2),
        (format!("/api/tasks?cursor={MARK}"), 4),
        (format!("/api/tasks/{MARK}"), 4),
        (format!("/{MARK}/nowhere.txt"), 4),
        (format!("/act/{MARK}"), 4),
    ] {
        assert_eq!(ann.get(&path).await.status / 100, class, "{path}");
    }
    let event = [
        ("webhook-id", MARK),
        ("webhook-signature", MARK),
        ("webhook-timestamp", "1"),
    ];
    let forged = format!("[{{\"id\": \"{MARK}\"}}]");
    let forged = nobody.send("POST", "/events/on-reminders", &event, Some(forged));
    assert_eq!(forged.await.status, 401);

    let secrets = data.path().join("secrets");
    let secret = |name: &str| std::fs::read_to_string(secrets.join(name)).expect("a secret");
    let link = Action {
        deed: Deed::Done { task: id },
        user: ann.id.clone(),
        language: "en".to_owned(),
        title: format!("Title {MARK}"),
        expires: now() / 1_000_000 + LINK_SECONDS,
    };
    let link = link.token(secret("events_secret").trim());
    eventually("both channels are tried", || async {
        (receiver.received().len() >= 2).then_some(())
    })
    .await;
    for method in ["GET", "POST", "POST"] {
        let path = format!("{PATH}{link}");
        assert_eq!(nobody.send(method, &path, &[], None).await.status, 200);
    }
    keys.push(link);
    for file in std::fs::read_dir(&secrets).expect("the secrets") {
        let name = file.expect("a file").file_name();
        keys.push(secret(&name.to_string_lossy()).trim().to_owned());
    }

    let exported = || collector.received().into_iter().map(|call| call.raw);
    eventually("what was done is in the traces", || async {
        let spans = [
            "deliver webhook",
            "POST /act/...",
            "POST /events/on-reminders",
        ];
        let all: String = exported().collect();
        spans.iter().all(|span| all.contains(span)).then_some(())
    })
    .await;
    let log = server.said();
    assert!(log.contains("DEBUG"), "it was asked to say all: {log}");
    for (place, text) in [("log", log), ("traces", exported().collect())] {
        let around = |at: usize| {
            let from = text.floor_char_boundary(at.saturating_sub(200));
            &text[from..text.floor_char_boundary(at + 100)]
        };
        for key in keys.iter().map(String::as_str).chain([MARK]) {
            assert!(key.len() >= MARK.len(), "a key");
            let found = text.find(key).map(around);
            assert_eq!(found, None, "in the {place}");
        }
    }
    assert!(server.terminate().await.success());
}
