//! Programs in Node beside the tests: somebody else's implementation of what the worker speaks.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// Whether Node is here. Where it is not, the test that asks is counted as skipped, by its name; under CI it fails.
pub fn node_is_here() -> bool {
    let there = ["node", "npm"].iter().all(|program| {
        let asked = Blocking::new(program).arg("--version").output();
        asked.is_ok_and(|answer| answer.status.success())
    });
    if !there {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "Node (20 or later, with npm) is needed: https://nodejs.org"
        );
        skipped("needs Node");
    }
    there
}

/// Says past the harness's capture that the present test does not run: `cargo xtask test` reads this line.
pub fn skipped(reason: &str) {
    let thread = std::thread::current();
    let line = format!("\nskipped: {}: {reason}\n", thread.name().unwrap_or("?"));
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// The folder of a package in `worker/tests/`, with its dependencies.
fn package(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The tests of the whole server use this file too.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = [here.join("tests"), here.join("../../worker/tests")]
        .map(|tests| tests.join(name))
        .into_iter()
        .find(|folder| folder.is_dir())
        .expect("the package");
    let age = |path: &str| {
        let metadata = std::fs::metadata(folder.join(path));
        metadata.and_then(|metadata| metadata.modified()).ok()
    };
    if age("node_modules/.package-lock.json") < age("package-lock.json") {
        let installed = Blocking::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&folder)
            .output()
            .expect("npm starts");
        let errors = String::from_utf8_lossy(&installed.stderr).into_owned();
        assert!(installed.status.success(), "npm ci in {name}: {errors}");
    }
    folder
}

/// Runs a script of a package with this input; what it answers.
pub async fn ask(name: &str, script: &str, input: Json) -> Json {
    let mut child = Command::new("node")
        .arg(script)
        .current_dir(package(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(input.to_string().as_bytes())
        .await
        .expect("written");
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// How an SMTP server behaves: `worker/tests/smtp/server.js` explains it.
#[derive(Default)]
pub struct Script<'a> {
    pub secure: bool,
    pub password: &'a str,
    /// Of each attempt: at which command it is refused, and how.
    pub replies: Vec<Option<(&'a str, u16, &'a str)>>,
}

/// A running SMTP server; it ends when this is dropped.
pub struct Smtp {
    /// `localhost:PORT`
    pub address: String,
    /// Its own, in PEM.
    pub certificate: String,
    said: Arc<Mutex<Vec<Json>>>,
    _stdin: ChildStdin,
    _child: Child,
}

impl Smtp {
    /// Takes mail from `ann` with the script's password.
    pub async fn start(script: Script<'_>) -> Self {
        let Script {
            secure,
            password,
            replies,
        } = script;
        let argument =
            json!({ "secure": secure, "user": "ann", "password": password, "replies": replies });
        let mut child = Command::new("node")
            .arg("server.js")
            .arg(argument.to_string())
            .current_dir(package("smtp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = child.stdout.take().expect("a pipe");
        let said: Arc<Mutex<Vec<Json>>> = Arc::default();
        let lines = said.clone();
        tokio::spawn(async move {
            let mut out = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = out.next_line().await {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                lines.lock().expect("the lines").push(line);
            }
        });
        let mut smtp = Self {
            address: String::new(),
            certificate: String::new(),
            said,
            _stdin: stdin,
            _child: child,
        };
        let ready = smtp.wait("ready", 1).await.remove(0);
        smtp.address = format!("localhost:{}", ready["port"]);
        smtp.certificate = ready["certificate"].as_str().expect("PEM").to_owned();
        smtp
    }

    /// What the server said of this kind so far.
    pub fn said(&self, event: &str) -> Vec<Json> {
        let said = self.said.lock().expect("the lines");
        said.iter()
            .filter(|line| line["event"] == event)
            .cloned()
            .collect()
    }

    /// Waits until it has said that so often.
    pub async fn wait(&self, event: &str, times: usize) -> Vec<Json> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let said = self.said(event);
            if said.len() >= times {
                return said;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain for the mail server to say `{event}`"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
