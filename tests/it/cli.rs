//! The console client against the real server, each as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use it::client::PASSWORD;
use it::clock::now;
use it::edition::skipped_under_spin;
use it::process::{Process, free_port, program};
use it::wait::DEADLINE;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// The client with a home of its own.
struct Punctual {
    url: String,
    home: PathBuf,
}

impl Punctual {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("punctual"));
        command
            .args(words)
            .env_clear()
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("PUNCTUAL_URL", &self.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().await.expect("punctual runs")
    }

    /// What it prints with `--json`.
    async fn json(&self, words: &[&str]) -> Value {
        let words = [words, &["--json"]].concat();
        let output = self.run(&words).await;
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// With the password on its standard input.
    async fn with_password(&self, words: &[&str]) -> Output {
        let mut child = self
            .command(&[words, &["--password-stdin"]].concat())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("punctual runs");
        let mut input = child.stdin.take().expect("its input");
        input
            .write_all(format!("{PASSWORD}\n").as_bytes())
            .await
            .expect("written");
        drop(input);
        child.wait_with_output().await.expect("it ends")
    }
}

async fn started(data: &Path) -> (Process, Punctual) {
    let server = Process::start(data, free_port(), &[]).await;
    let home = data.join("home");
    std::fs::create_dir(&home).expect("a home");
    let client = Punctual {
        url: server.url.clone(),
        home,
    };
    let words = ["register", "ann@example.com", "--zone", "Europe/Berlin"];
    let registered = client.with_password(&words).await;
    assert!(registered.status.success(), "{registered:?}");
    (server, client)
}

#[tokio::test]
async fn a_reminder_rings_in_watch_within_a_second_and_stands_in_notifications() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let (_server, punctual) = started(data.path()).await;
    let mut watch = punctual
        .command(&["watch", "--json"])
        .spawn()
        .expect("punctual runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("its output")).lines();
    let task = punctual
        .json(&["add", "Stretch", "--due", "+4s", "--remind", "2s"])
        .await;
    let rang = async {
        loop {
            let line = lines
                .next_line()
                .await
                .expect("a line")
                .expect("it goes on");
            if line.contains("punctual.reminder.fired.v1") {
                return now();
            }
        }
    };
    let rang = tokio::time::timeout(DEADLINE, rang)
        .await
        .expect("it rings");
    let fired = punctual.json(&["notifications"]).await;
    let fired = &fired["items"][0];
    assert_eq!(fired["task_id"], task["id"]);
    let meant: punctual_domain::Instant = fired["due_for"]
        .as_str()
        .expect("an instant")
        .parse()
        .expect("RFC 3339");
    let late = rang - meant.micros();
    assert!(
        (0..1_000_000).contains(&late),
        "{late} µs after its instant"
    );
}

#[tokio::test]
async fn a_weekly_task_that_is_done_comes_back() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let (_server, punctual) = started(data.path()).await;
    let task = punctual
        .json(&[
            "add",
            "Team call",
            "--due",
            "mon 09:00",
            "--repeat",
            "weekly",
        ])
        .await;
    let id = task["id"].as_str().expect("an id");
    let done = punctual.json(&["done", id]).await;
    let start = Instant::now();
    loop {
        let open = punctual.json(&["list"]).await;
        if let Some(next) = open["items"].get(0) {
            assert_eq!(next["due"], done["next"]["due"]);
            assert_eq!(next["series_id"], done["series_id"]);
            break;
        }
        assert!(start.elapsed() < DEADLINE, "no next occurrence");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn settings_are_shown_and_changed() {
    if skipped_under_spin("it starts `punctual-server`") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let (_server, punctual) = started(data.path()).await;
    let changed = punctual
        .json(&["settings", "--digest", "7:30", "--quiet", "22:00-7:00"])
        .await;
    assert_eq!(changed["digest"], "07:30");
    assert_eq!(changed["quiet_until"], "07:00");
    let shown = punctual.run(&["settings"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout);
    for line in ["Europe/Berlin", "07:30", "22:00-07:00"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let off = punctual
        .json(&["settings", "--digest", "off", "--quiet", "off"])
        .await;
    assert!(off["digest"].is_null() && off["quiet_from"].is_null());
    let refused = punctual.run(&["settings", "--digest", "25:00"]).await;
    assert_eq!(refused.status.code(), Some(1));
}

#[tokio::test]
async fn a_server_that_is_away_is_said_with_the_way_out() {
    let data = tempfile::tempdir().expect("a folder");
    let punctual = Punctual {
        url: format!("http://127.0.0.1:{}", free_port()),
        home: data.path().to_owned(),
    };
    let output = punctual.with_password(&["login", "ann@example.com"]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&punctual.url), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}
