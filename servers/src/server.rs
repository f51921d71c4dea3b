//! What all servers share: started, stopped and killed any number of times on the same ports and data.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::Process;

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
}
