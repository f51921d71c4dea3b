//! The program itself, against a scripted server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Answers by method and path; keeps what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

const SETTINGS: &str =
    r#"{"timezone":"Europe/Berlin","morning":"09:00","channels":[],"updated_at":"","version":1}"#;
const TASKS: &str = r#"{"items":[{"id":"0198c0de-0000-8000-8000-0000deadbe01","title":"Pay rent","notes":"","project_id":"p","priority":"none","tags":[],"status":"open","due":null,"timezone":null,"due_at":null,"repeat":null,"reminders":[],"series_id":null,"occurrence":null,"number":null,"missed":0,"next":null,"rank":"","completed_at":null,"created_at":"","updated_at":"","deleted_at":null,"version":1}],"next":null}"#;
const SESSION: &str = r#"{"user":{"id":"u","email":"ada@example.org","role":"admin","inbox_id":"i"},"access_token":"secret-a","expires_in":900,"refresh_token":"secret-r"}"#;
const QUICK_ADD: &str = r#"{"task":{"title":"x","priority":"none","tags":[],"reminders":[]},"spans":[],"words":{"reminders":[]}}"#;
const REFUSED: &str = r#"{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"title: takes 1 to 500 characters","errors":[{"field":"title","reason":"takes 1 to 500 characters"}]}"#;

/// The part of the live stream that each connection gets, by its `last-event-id`. Repeats event 11, as at-least-once may.
/// 99 is a position that the server does not know.
fn stream(after: Option<&str>) -> String {
    let event = |position: u32, title: &str| {
        format!(
            "id: {position}\nevent: punctual.task.created.v1\ndata: {{\"specversion\":\"1.0\",\"id\":\"{position}\",\
             \"source\":\"/punctual\",\"type\":\"punctual.task.created.v1\",\"subject\":\"t{position}\",\"time\":\"\",\
             \"datacontenttype\":\"application/json\",\"partitionkey\":\"u\",\"data\":{{\"changed\":{{\"title\":\"{title}\"}}}}}}\n\n"
        )
    };
    match after {
        None | Some("99") => format!(
            ": hello\n\nid: 10\nevent: ready\ndata: {{}}\n\n{}",
            event(11, "first")
        ),
        Some("11") => event(11, "first") + &event(12, "second"),
        Some("12") => event(13, "third"),
        Some(_) => String::new(),
    }
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keep = Arc::clone(&keep);
                std::thread::spawn(move || serve(stream, &keep));
            }
        });
        Self { address, asked }
    }

    fn run(&self, home: &Path, line: &[&str]) -> Output {
        self.command(home, line).output().unwrap()
    }

    fn command(&self, home: &Path, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punctual"));
        command
            .args(line)
            .env("PUNCTUAL_URL", &self.address)
            .env("PUNCTUAL_TOKEN", "pt.x");
        command
            .env("XDG_CONFIG_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, keep: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        lines.push(line);
    }
    std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink()).unwrap();
    let asked = lines[0].trim_end_matches(" HTTP/1.1").to_owned();
    let after = lines
        .iter()
        .find_map(|line| line.strip_prefix("last-event-id: "));
    let path = asked.split('?').next().unwrap();
    let (status, kind, body) = match path {
        "GET /api/settings" => (200, "application/json", SETTINGS.to_owned()),
        "GET /api/tasks" => (200, "application/json", TASKS.to_owned()),
        "GET /api/projects" => (
            200,
            "application/json",
            r#"{"items":[],"next":null}"#.to_owned(),
        ),
        "GET /api/live" => (200, "text/event-stream", crate::stream(after)),
        "POST /api/auth/login" => (200, "application/json", SESSION.to_owned()),
        "POST /api/quick-add" => (200, "application/json", QUICK_ADD.to_owned()),
        "POST /api/tasks" => (422, "application/problem+json", REFUSED.to_owned()),
        _ => (404, "text/plain", "nothing".to_owned()),
    };
    keep.lock().unwrap().push(match after {
        Some(after) => format!("{asked} after {after}"),
        None => asked,
    });
    let length = if kind == "text/event-stream" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{length}connection: close\r\n\r\n");
    let _ = stream
        .get_mut()
        .write_all(format!("{head}{body}").as_bytes());
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn json_is_what_the_api_answered_and_nothing_else() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let output = server.run(home.path(), &["list", "--json"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), format!("{TASKS}\n").as_str())
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_list_in_a_pipe_has_no_colours_and_numbers_its_tasks() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let output = server.run(home.path(), &["list"]);
    assert!(
        !text(&output.stdout).contains('\x1b'),
        "{}",
        text(&output.stdout)
    );
    assert!(
        text(&output.stdout).contains(" 1  adbe01  Pay rent"),
        "{}",
        text(&output.stdout)
    );
    // The number is known to the next command.
    server.run(home.path(), &["done", "1"]);
    assert!(
        server
            .asked()
            .contains(&"POST /api/tasks/0198c0de-0000-8000-8000-0000deadbe01/complete".to_owned())
    );
}

#[test]
fn a_refusal_is_one_line_with_the_fields_and_exit_code_1() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let output = server.run(home.path(), &["add", "x"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), "punctual: title: takes 1 to 500 characters\n")
    );
    let output = server.run(home.path(), &["add", "x", "--json"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), format!("{REFUSED}\n").as_str())
    );
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn words_are_read_by_the_server_unless_they_are_to_be_taken_as_they_are() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    server.run(home.path(), &["add", "x", "tomorrow"]);
    assert_eq!(server.asked()[0], "POST /api/quick-add");
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    server.run(home.path(), &["add", "--plain", "x", "tomorrow"]);
    assert!(!server.asked().contains(&"POST /api/quick-add".to_owned()));
}

#[test]
fn words_that_can_not_be_meant_are_exit_code_2_and_send_nothing() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    for line in [
        &["add", "x", "--due", "someday"][..],
        &["add", "x", "--plain", "--remind", "30m"],
        &["add", "x", "--due", "today", "--repeat", "often"],
        &["done"],
        &["done", "rent"],
        &["snooze", "1", "soon"],
        &["--server", "localhost", "list"],
    ] {
        assert_eq!(
            server.run(home.path(), line).status.code(),
            Some(2),
            "{line:?}"
        );
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_login_keeps_its_tokens_where_only_their_owner_can_read_them_and_prints_none() {
    use std::os::unix::fs::PermissionsExt;
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let mut login = server.command(
        home.path(),
        &["login", "ada@example.org", "--password-stdin", "--json"],
    );
    let mut child = login
        .env_remove("PUNCTUAL_TOKEN")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"correct horse\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        !text(&output.stdout).contains("secret"),
        "{}",
        text(&output.stdout)
    );
    let mut files = 0;
    let mut folders = vec![home.path().join("punctual")];
    while let Some(folder) = folders.pop() {
        assert_eq!(
            folder.metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            folder.display()
        );
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                assert_eq!(
                    entry.metadata().unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{:?}",
                    entry.path()
                );
                files += 1;
            }
        }
    }
    assert!(files > 0);
}

#[test]
fn watch_goes_on_after_a_cut_where_it_ended_and_shows_nothing_twice() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let mut child = server
        .command(home.path(), &["watch", "--json"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let titles: Vec<String> = (0..3)
        .map(|_| {
            let event: serde_json::Value =
                serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            event["data"]["changed"]["title"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(titles, ["first", "second", "third"]);
    // The fourth connection asks for what follows the third event.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server
        .asked()
        .iter()
        .any(|asked| asked == "GET /api/live after 13")
    {
        assert!(Instant::now() < deadline, "{:?}", server.asked());
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let lives: Vec<String> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.contains("live"))
        .collect();
    assert_eq!(
        lives[..3],
        [
            "GET /api/live",
            "GET /api/live after 11",
            "GET /api/live after 12"
        ]
    );
}

#[test]
fn watch_begins_anew_where_the_server_no_longer_knows_its_position() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let mut child = server
        .command(home.path(), &["watch", "--json", "--after", "99"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        first.contains("first"),
        "event 11 is not of before 99: {first}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let mut child = server.command(home.path(), &["watch"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        !text(&output.stderr).contains("panicked"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn completions_need_neither_a_server_nor_a_home() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_punctual"))
            .args(["completions", shell])
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("notifications"), "{shell}");
    }
}
