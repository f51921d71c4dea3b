//! The real server as a process of its own, to be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;

/// Settings: anybody may register, and webhooks may go to this machine.
pub const OPEN: &[(&str, &str)] = &[
    ("PUNCTUAL_REGISTRATION", "open"),
    ("PUNCTUAL_WEBHOOK_ALLOW_PRIVATE", "true"),
];

/// A running `punctual-server`; killed when dropped.
pub struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    pub url: String,
}

/// A program that the build has put beside the tests.
pub fn program(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().expect("this program's path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built: run `cargo xtask build`",
        path.display()
    );
    path
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// Where all servers of the tests keep the compiled functions, so that each is compiled once.
pub fn modules() -> PathBuf {
    root().join("target/test-modules")
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Process {
    /// Starts the server on `data` and waits until it answers.
    pub async fn start(data: &Path, port: u16, environment: &[(&str, &str)]) -> Self {
        Self::of(
            Command::new(program("punctual-server")),
            data,
            port,
            environment,
        )
        .await
    }

    /// The same from a shell in which a program has few open files unless it asks for more.
    pub async fn start_with_few_files(data: &Path, port: u16) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\""])
            .arg(program("punctual-server"));
        Self::of(shell, data, port, &[]).await
    }

    async fn of(
        mut command: Command,
        data: &Path,
        port: u16,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = command
            .args([
                "--data",
                &data.to_string_lossy(),
                "--port",
                &port.to_string(),
            ])
            .env("PUNCTUAL_CACHE", modules())
            .envs(environment.iter().copied())
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("punctual-server starts");
        let said = Arc::<Mutex<String>>::default();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(echo(out.expect("a pipe"), said.clone()));
        tokio::spawn(echo(err.expect("a pipe"), said.clone()));
        let mut process = Self {
            child,
            said,
            url: format!("http://127.0.0.1:{port}"),
        };
        let client = Client::new(&process.url);
        let start = std::time::Instant::now();
        loop {
            if client
                .try_send("GET", "/healthz", &[], None)
                .await
                .is_some_and(|reply| reply.status == 200)
            {
                return process;
            }
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("punctual-server ended at once: {status}");
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "punctual-server did not answer"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// All that it has written to its standard output and error.
    pub fn said(&self) -> String {
        self.said.lock().expect("what was said").clone()
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// SIGTERM, and its exit status.
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        let pid = self.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .expect("kill");
        self.child.wait().await.expect("it ends")
    }
}

/// Passes on what the server says, where a failed test shows it, and keeps it.
async fn echo(pipe: impl AsyncRead + Unpin, said: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        println!("server: {line}");
        let mut said = said.lock().expect("what was said");
        said.push_str(&line);
        said.push('\n');
    }
}

/// Runs a proof in small, whose judge is a program of its own: the long one is `cargo xtask prove NAME`.
pub async fn prove(words: &[&str]) {
    let output = Command::new(program("prove"))
        .args(words)
        .kill_on_drop(true)
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
