//! The one-machine edition's backup, taken from a server at work, and a new machine that goes on from it.

use std::collections::HashSet;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use it::client::{Client, text};
use it::clock::in_millis;
use it::edition::skipped_under_spin;
use it::process::{OPEN, Process, free_port, program};
use it::stream::Events;
use it::{Receiver, User, eventually};
use punctual_sqlite::rusqlite::{Connection, OpenFlags};
use serde_json::json;

/// `punctual-server` on a data folder, with an operator's words.
async fn operate(data: &Path, word: &str, file: &Path) -> Output {
    let mut command = tokio::process::Command::new(program("punctual-server"));
    command.arg("--data").arg(data).arg(word).arg(file);
    command.output().await.expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes tasks until it is stopped. Each that was acknowledged is noted.
async fn write(ann: User, writer: usize, made: Arc<Mutex<Vec<String>>>) {
    for number in 0.. {
        let task = ann
            .add(json!({ "title": format!("{writer}-{number}") }))
            .await;
        made.lock().expect("the list").push(text(&task, "/id"));
    }
}

/// Ids of all tasks in a database file, which nobody works on.
fn tasks_in(file: &Path) -> HashSet<String> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("a database");
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("checked");
    assert_eq!(check, "ok");
    let mut tasks = database.prepare("SELECT id FROM tasks").expect("read");
    let tasks = tasks.query_map([], |row| row.get(0)).expect("read");
    tasks.collect::<Result<_, _>>().expect("ids")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_a_server_at_work_is_whole_and_a_new_machine_goes_on_from_it() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let (old, new) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let (receiver, port) = (Receiver::start().await, free_port());
    let server = Process::start(old.path(), port, OPEN).await;
    let ann = User::register(&Client::new(&server.url), "ann@example.com", "UTC").await;
    let hook = json!({ "kind": "webhook", "target": receiver.url });
    ann.post("/api/settings/channels", hook).await.expect(201);
    let remind = async |at: String| {
        let task = json!({ "title": "ring", "reminders": [{ "at": at }] });
        text(&ann.add(task).await, "/id")
    };
    let rung = remind(in_millis(300)).await;
    eventually("the first ring", || async {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    let mut later = HashSet::new();
    for number in 0..30 {
        later.insert(remind(in_millis(3_000 + 300 * number)).await);
    }

    // A backup while others write.
    let made = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..3)
        .map(|writer| tokio::spawn(write(ann.clone(), writer, made.clone())))
        .collect();
    let some = async |more: usize| {
        let before = made.lock().expect("the list").len();
        eventually("tasks to be made", || async {
            (made.lock().expect("the list").len() >= before + more).then_some(())
        })
        .await;
    };
    some(30).await;
    let file = old.path().join("backup.db");
    let before: HashSet<String> = made.lock().expect("the list").iter().cloned().collect();
    let output = operate(old.path(), "backup", &file).await;
    assert!(output.status.success(), "{}", said(&output));
    let by_then: HashSet<String> = made.lock().expect("the list").iter().cloned().collect();
    some(30).await;
    let bytes = std::fs::read(&file).expect("the backup");
    let again = operate(old.path(), "backup", &file).await;
    assert!(!again.status.success() && said(&again).contains("exists already"));
    assert_eq!(std::fs::read(&file).expect("the backup"), bytes);
    for writer in &writers {
        writer.abort();
    }
    let kept = tasks_in(&file);
    assert!(kept.is_superset(&before), "what was acknowledged before");
    assert!(kept.is_superset(&later) && kept.contains(&rung));

    // The machine is gone, in the middle of its work.
    let mut events = Events::open(&ann, "/api/live", &[]).await;
    let cursor = events.next().await.id;
    server.kill().await;
    drop(events);
    let told = receiver.received().len();
    let secrets = |folder: &Path| folder.join("secrets");
    std::fs::create_dir(secrets(new.path())).expect("a folder");
    for name in ["token_secret", "events_secret", "vapid_key"] {
        let (from, to) = (
            secrets(old.path()).join(name),
            secrets(new.path()).join(name),
        );
        std::fs::copy(from, to).expect("copied");
    }
    let output = operate(new.path(), "restore", &file).await;
    assert!(output.status.success(), "{}", said(&output));
    let server = Process::start(new.path(), port, OPEN).await;

    let (mut here, mut page) = (HashSet::new(), String::new());
    loop {
        let path = format!("/api/tasks?status=all&limit=200{page}");
        let answer = ann.get(&path).await.expect(200);
        for task in answer["items"].as_array().into_iter().flatten() {
            here.insert(text(task, "/id"));
        }
        match answer["next"].as_str() {
            Some(next) => page = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(here, kept, "all that the backup has, and nothing else");
    let later_made: HashSet<String> = made.lock().expect("the list").iter().cloned().collect();
    assert!(
        later_made
            .difference(&by_then)
            .all(|task| !here.contains(task)),
        "nothing of after it"
    );

    // Every reminder that had not rung by the backup rings, once as a record.
    let fired = eventually("every later ring", || async {
        let fired = ann.notifications().await;
        (fired.len() > later.len()).then_some(fired)
    })
    .await;
    assert!(
        fired
            .iter()
            .all(|one| text(one, "/fired_at") >= text(one, "/due_for")),
        "none early"
    );
    let tasks: Vec<String> = fired.iter().map(|one| text(one, "/task_id")).collect();
    let different: HashSet<String> = tasks.iter().cloned().collect();
    let all = &later | &HashSet::from([rung.clone()]);
    assert_eq!((tasks.len(), different), (all.len(), all.clone()));
    eventually("every webhook", || async {
        let calls = receiver.received();
        let told: HashSet<_> = calls
            .iter()
            .map(|call| text(&call.body, "/data/task_id"))
            .collect();
        (told == all).then_some(())
    })
    .await;
    // A webhook's id is the ring's, so its receiver knows one that comes again.
    let calls = receiver.received();
    let ids: HashSet<_> = calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), all.len());
    let again = &calls[told..];
    assert!(
        again
            .iter()
            .all(|call| text(&call.body, "/data/task_id") != rung)
    );

    // A stream of before begins anew.
    let path = format!("/api/live?after={cursor}");
    let mut events = Events::open(&ann, &path, &[]).await;
    assert_eq!(events.next().await.kind, "ready");
    let last = ann.add(json!({ "title": "goes on" })).await;
    let event = events.next_of("punctual.task.created.v1").await;
    assert_eq!(event.data["subject"], last["id"]);
    assert!(server.terminate().await.success());
    assert!(tasks_in(&new.path().join("punctual.db")).contains(&text(&last, "/id")));
}
