use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{READY_LIMIT, build, client, healthy, loopback};
use crate::folder::Folder;
use crate::port;
use crate::server::Server;

/// What a sidecar is told. `app_id` and `resources` are needed, the rest may stay as [`Default`] has it.
#[derive(Clone, Default)]
pub struct DaprdOptions {
    pub app_id: String,
    /// Where the app listens on loopback. Without one nothing is delivered.
    pub app_port: Option<u16>,
    /// The app starts after its sidecar (it takes its secrets from it), so starting doesn't wait for it.
    pub app_later: bool,
    /// The folder with components, subscriptions and resiliency policies.
    pub resources: PathBuf,
    /// The file with the `Configuration`.
    pub config: Option<PathBuf>,
    /// Without one there are no jobs.
    pub scheduler_port: Option<u16>,
    /// Sent to the app as `dapr-api-token`.
    pub app_api_token: Option<String>,
    /// What the app must send as `dapr-api-token`.
    pub dapr_api_token: Option<String>,
    /// Asked every second. While three answers in a row are not 2xx, nothing is delivered and no job is called.
    pub app_health_path: Option<String>,
    pub env: Vec<(String, String)>,
}

/// A Dapr sidecar on random ports of loopback. Gone when this is dropped, or when this process ends in whatever way.
pub struct Daprd {
    // Dropped before its folder.
    server: Server,
    folder: Folder,
    http_port: u16,
    grpc_port: u16,
    waits_for_app: bool,
}

impl Daprd {
    pub async fn start(options: DaprdOptions) -> Result<Self> {
        let program = build::programs().await?.join("daprd");
        let folder = Folder::new("daprd")?;
        let http_port = port::free()?;
        let grpc_port = port::free()?;
        let mut command = Command::new(program);
        command
            .args(["--app-id", &options.app_id])
            .args(["--dapr-listen-addresses", "127.0.0.1"])
            .args(["--dapr-http-port", &http_port.to_string()])
            .args(["--dapr-grpc-port", &grpc_port.to_string()])
            .args(["--dapr-internal-grpc-listen-address", "127.0.0.1"])
            .args(["--dapr-internal-grpc-port", &port::free()?.to_string()])
            .args(["--metrics-listen-address", "127.0.0.1"])
            .args(["--metrics-port", &port::free()?.to_string()])
            .args(["--placement-host-address", ""])
            .args(["--app-channel-address", "127.0.0.1"])
            // It has no subscriptions of its own making and no actors. Asked for them in vain when it starts, the sidecar
            // would not subscribe at all.
            .args(["--disable-init-endpoints", "subscribe,config"])
            .arg("--resources-path")
            .arg(&options.resources)
            .env("DAPR_HOST_IP", "127.0.0.1")
            .env("TMPDIR", folder.path())
            .current_dir(folder.path());
        if let Some(port) = options.app_port {
            command.args(["--app-port", &port.to_string()]);
        }
        if let Some(file) = &options.config {
            command.arg("--config").arg(file);
        }
        if let Some(port) = options.scheduler_port {
            command.args(["--scheduler-host-address", &loopback(port)]);
        }
        if let Some(path) = &options.app_health_path {
            command
                .arg("--enable-app-health-check")
                .args(["--app-health-check-path", path])
                .args(["--app-health-probe-interval", "1"]);
        }
        for (name, token) in [
            ("APP_API_TOKEN", &options.app_api_token),
            ("DAPR_API_TOKEN", &options.dapr_api_token),
        ] {
            match token {
                Some(token) => command.env(name, token),
                None => command.env_remove(name),
            };
        }
        command.envs(options.env);
        let mut daprd = Self {
            server: Server::new("daprd", command, folder.join("log"), READY_LIMIT),
            folder,
            http_port,
            grpc_port,
            waits_for_app: options.app_port.is_some() && !options.app_later,
        };
        daprd.restart().await?;
        Ok(daprd)
    }

    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    pub fn grpc_port(&self) -> u16 {
        self.grpc_port
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

    /// An environment variable of it, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.server.command.env(name, value);
    }

    /// On the same ports. Stops it first where it runs.
    pub async fn restart(&mut self) -> Result<()> {
        let path = if self.waits_for_app {
            "healthz"
        } else {
            "healthz/outbound"
        };
        let url = format!("http://{}/v1.0/{path}", loopback(self.http_port));
        let client = client()?;
        self.server.start(|| healthy(&client, &url)).await
    }

    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.server.resume()
    }
}
