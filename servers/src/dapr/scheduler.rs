use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tokio::sync::OnceCell;

use super::{READY_LIMIT, build, client, healthy, loopback};
use crate::folder::Folder;
use crate::port;
use crate::server::Server;

static SHARED: OnceCell<Scheduler> = OnceCell::const_new();

/// Dapr's scheduler on random ports of loopback, with its embedded etcd: it keeps the jobs of all sidecars that are told
/// its port. Everything is gone when this is dropped, or when this process ends in whatever way.
pub struct Scheduler {
    // Dropped before its folder.
    server: Server,
    folder: Folder,
    port: u16,
    healthz: String,
}

impl Scheduler {
    pub async fn start() -> Result<Self> {
        let program = build::programs().await?.join("scheduler");
        let folder = Folder::new("scheduler")?;
        let port = port::free()?;
        let healthz = port::free()?;
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string(), "--listen-address", "127.0.0.1"])
            // What sidecars are told to connect to.
            .args(["--override-broadcast-host-port", &loopback(port)])
            .args(["--healthz-port", &healthz.to_string()])
            .args(["--metrics-port", &port::free()?.to_string()])
            .args(["--etcd-client-port", &port::free()?.to_string()])
            .args(["--etcd-client-listen-address", "127.0.0.1"])
            .arg("--etcd-initial-cluster")
            .arg(format!(
                "dapr-scheduler-server-0=http://{}",
                loopback(port::free()?)
            ))
            .arg("--etcd-data-dir")
            .arg(folder.join("data"))
            .env("DAPR_HOST_IP", "127.0.0.1")
            .env("TMPDIR", folder.path())
            .current_dir(folder.path());
        let mut scheduler = Self {
            server: Server::new("Dapr's scheduler", command, folder.join("log"), READY_LIMIT),
            folder,
            port,
            healthz: format!("http://{}/healthz", loopback(healthz)),
        };
        scheduler.restart().await?;
        Ok(scheduler)
    }

    /// The one scheduler of this process, started by whoever asks first.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::start).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub async fn kill(&mut self) -> Result<()> {
        self.server.kill().await
    }

    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// On the same ports and data. Stops it first where it runs.
    pub async fn restart(&mut self) -> Result<()> {
        let client = client()?;
        self.server.start(|| healthy(&client, &self.healthz)).await
    }

    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.server.resume()
    }

    /// All jobs are lost. It must be down.
    pub fn wipe_data(&mut self) -> Result<()> {
        if self.server.running() {
            bail!("the scheduler is running: stop or kill it before its data is deleted");
        }
        std::fs::remove_dir_all(self.folder.join("data"))
            .context("the scheduler's data can't be deleted")
    }
}
