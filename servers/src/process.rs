//! One running server: its process, its log, and the certainty that it ends.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
pub const POLL: Duration = Duration::from_millis(20);
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// What the kernel and the shell get after a SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// As much of the log as an error shows.
const LOG_LINES: usize = 20;

/// A server under a small shell (`supervise.sh`) that kills it when this value is dropped, and also when this process
/// ends without dropping anything: the shell reads a pipe, and the kernel closes our end of it. No other child inherits
/// that end (Rust opens its pipes close-on-exec).
///
/// Nothing here belongs to a tokio runtime, so a server can be shared by tests that each have a runtime of their own.
pub struct Process {
    name: &'static str,
    shell: Child,
    signals: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts the command with its output appended to `log`. Its user and environment are kept; its standard streams
    /// are replaced.
    pub fn spawn(
        name: &'static str,
        command: &Command,
        user: Option<u32>,
        log: &Path,
    ) -> Result<Self> {
        let file = append(log)?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", include_str!("supervise.sh"), name])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        if let Some(id) = user {
            shell.uid(id).gid(id);
        }
        let mut shell = shell.spawn().context("`sh` does not start")?;
        let signals = shell.stdin.take();
        let answers = shell.stdout.take().context("`sh` has no output")?;
        let mut process = Self {
            name,
            shell,
            signals,
            answers: BufReader::new(answers),
            pid: 0,
            log: log.to_owned(),
        };
        let line = process.answer()?;
        process.pid = line
            .trim()
            .parse()
            .with_context(|| format!("{name} did not start\n{}", process.log_end()))?;
        Ok(process)
    }

    /// The server's own process id, not the shell's.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn running(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    /// Waits until the check gives true. The error shows the end of the log: when the server ends before, or when the
    /// time is over.
    pub async fn ready<F>(&mut self, limit: Duration, mut check: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = bool>,
    {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.shell.try_wait()? {
                bail!(
                    "{} ended while it started ({status}); its log ends with\n{}",
                    self.name,
                    self.log_end()
                );
            }
            // A server may accept a connection and then say nothing.
            if matches!(tokio::time::timeout(CHECK_LIMIT, check()).await, Ok(true)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} was not ready after {} s; its log ends with\n{}",
                    self.name,
                    limit.as_secs(),
                    self.log_end()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Waits for the end of what ends by itself. The error shows the end of its log.
    pub async fn finish(mut self, limit: Duration) -> Result<()> {
        if !self.ended(limit).await? {
            bail!(
                "{} did not end in {} s; its log ends with\n{}",
                self.name,
                limit.as_secs(),
                self.log_end()
            );
        }
        let status = self.shell.wait()?;
        if !status.success() {
            bail!(
                "{} failed ({status}); its log ends with\n{}",
                self.name,
                self.log_end()
            );
        }
        Ok(())
    }

    /// SIGSTOP for the server and its children: it keeps its connections and answers nothing.
    pub fn pause(&mut self) -> Result<()> {
        self.signal("STOP")
    }

    pub fn resume(&mut self) -> Result<()> {
        self.signal("CONT")
    }

    /// Sends the signal that asks this server to end (`TERM`, `INT`), and kills it when it doesn't.
    pub async fn stop(mut self, signal: &str, limit: Duration) -> Result<()> {
        // A process that was paused would not hear it.
        self.signal("CONT")?;
        self.signal(signal)?;
        if !self.ended(limit).await? {
            self.signal("KILL")?;
            self.ended(KILL_LIMIT).await?;
        }
        Ok(())
    }

    /// SIGKILL for the server and its children. All are gone when this returns.
    pub async fn kill(mut self) -> Result<()> {
        self.signal("KILL")?;
        if !self.ended(KILL_LIMIT).await? {
            bail!(
                "{} is still there {} s after SIGKILL",
                self.name,
                KILL_LIMIT.as_secs()
            );
        }
        Ok(())
    }

    /// Returns when it is sent, or when the server has ended.
    fn signal(&mut self, name: &str) -> Result<()> {
        let Some(pipe) = &mut self.signals else {
            return Ok(());
        };
        match writeln!(pipe, "{name}") {
            // It has ended by itself.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
        self.answer()?;
        Ok(())
    }

    /// A line of the shell's, which it writes within milliseconds, or nothing when it has ended.
    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }

    async fn ended(&mut self, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        while self.shell.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            sleep(POLL).await;
        }
        Ok(true)
    }

    fn log_end(&self) -> String {
        log_end(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signals = None;
        let deadline = std::time::Instant::now() + KILL_LIMIT;
        while self.running() && std::time::Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }
}

fn append(log: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("{} can't be written", log.display()))
}

/// The last lines, indented.
pub fn log_end(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let end = &lines[lines.len().saturating_sub(LOG_LINES)..];
    end.iter().map(|line| format!("    {line}\n")).collect()
}
