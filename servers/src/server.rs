//! What all servers share: started, stopped and killed any number of times on the same ports and data.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::{Process, log_end};
use crate::tools;

/// One server's command and, while it runs, its process.
pub struct Server {
    pub name: &'static str,
    pub command: Command,
    /// Another user than ours.
    pub user: Option<u32>,
    pub log: PathBuf,
    /// The signal that asks it to end.
    pub stop_signal: &'static str,
    /// What it gets to end by itself before it is killed.
    pub stop_limit: Duration,
    /// How long a start may take: a server that was killed reads its log first.
    pub ready_limit: Duration,
    process: Option<Process>,
}

impl Server {
    pub fn new(name: &'static str, command: Command, log: PathBuf, ready_limit: Duration) -> Self {
        Self {
            name,
            command,
            user: None,
            log,
            stop_signal: "TERM",
            stop_limit: Duration::from_secs(10),
            ready_limit,
            process: None,
        }
    }

    /// Starts it (after stopping it, where it runs) and waits until the check gives true.
    pub async fn start<F>(&mut self, mut check: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = bool>,
    {
        self.stop().await?;
        let process = Process::spawn(self.name, &self.command, self.user, &self.log)?;
        let process = self.process.insert(process);
        process.ready(self.ready_limit, &mut check).await
    }

    pub fn running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::running)
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop(self.stop_signal, self.stop_limit).await,
            None => Ok(()),
        }
    }

    pub fn pause(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::pause)
    }

    pub fn resume(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::resume)
    }

    /// From now on each write to a file fails, until it is started anew: what a full disk does (with EFBIG in the place of
    /// ENOSPC). A limit of its own (RLIMIT_FSIZE), which the kernel lets its own user set: Linux, and `prlimit`.
    pub async fn fill_disk(&self) -> Result<()> {
        let Some(pid) = self.pid() else {
            return Ok(());
        };
        for pid in below(pid) {
            let mut command = std::process::Command::new("prlimit");
            command.args(["--pid", &pid.to_string(), "--fsize=0:"]);
            if let Some(user) = self.user {
                command.uid(user).gid(user);
            }
            // One of its children may have ended meanwhile.
            let limited = tools::run(&mut command.into()).await;
            if Path::new(&format!("/proc/{pid}")).exists() {
                limited?;
            }
        }
        Ok(())
    }
}

/// A test that fails shows what its servers said last.
impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() && self.process.is_some() {
            eprintln!("{}'s log ends with:\n{}", self.name, log_end(&self.log));
        }
    }
}

/// A process and every one below it.
fn below(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let children = tasks.into_iter().flatten().flatten().flat_map(|task| {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        list.split_whitespace()
            .filter_map(|child| child.parse().ok())
            .collect::<Vec<u32>>()
    });
    std::iter::once(pid)
        .chain(children.flat_map(below))
        .collect()
}
