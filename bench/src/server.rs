//! A server that is measured: started on a port of its own, asked until it answers, and ended.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::time::sleep;

use crate::http::{Ask, connect, json, send, text};
use crate::placement::{self, Placement};

pub const EMAIL: &str = "bench@example.org";
pub const PASSWORD: &str = "correct horse battery staple";
/// Where the tasks are, where that is not the SQLite file in the data folder.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// An empty cache of modules is filled meanwhile.
const START: Duration = Duration::from_secs(180);

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The embedded edition: WASM components, worker, SQLite
    Punctual,
    /// The same statements and the same SQLite layer, natively
    Axum,
    /// FastAPI, SQLModel, uvicorn on the same tables
    Fastapi,
    /// The same components and the same worker, with Spin as the host: `cargo xtask spin`
    Spin,
}

impl Server {
    pub fn name(self) -> &'static str {
        match self {
            Self::Punctual => "punctual",
            Self::Axum => "axum, native",
            Self::Fastapi => "FastAPI + SQLModel",
            Self::Spin => "under Spin",
        }
    }

    /// Those that are measured where nobody says otherwise: Spin is installed by whoever wants it.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Punctual, Self::Axum, Self::Fastapi];
        match Command::new("spin").arg("--version").output() {
            Ok(_) => all.push(Self::Spin),
            Err(_) => eprintln!("  no `spin` on the PATH: it is left out"),
        }
        all
    }

    fn command(self, data: &Path, port: u16, placement: Option<&Placement>) -> Result<Command> {
        let place = |program: &Path| placement::server(placement, program);
        let port = port.to_string();
        let database = data.join("punctual.db");
        Ok(match self {
            Self::Punctual => {
                let mut command = place(&programs()?.join("punctual-server"));
                command.arg("--data").arg(data).args(["--port", &port]);
                command.env("PUNCTUAL_CACHE", folder().join("modules"));
                command
            }
            Self::Axum => {
                let mut command = place(&std::env::current_exe()?);
                command
                    .args(["peer", "--port", &port, "--database"])
                    .arg(database);
                command.env("TOKEN_SECRET", PASSWORD);
                command
            }
            Self::Fastapi => {
                let mut command = place(&python("fastapi")?.join("uvicorn"));
                command
                    .args(["main:app", "--port", &port, "--no-access-log"])
                    .current_dir(peers().join("fastapi"))
                    .env("DATABASE", database)
                    .env("PYTHONDONTWRITEBYTECODE", "1")
                    .env("TOKEN_SECRET", PASSWORD);
                command
            }
            Self::Spin => {
                let mut command = place(Path::new("cargo"));
                command
                    .args(["xtask", "spin", "--port", &port, "--data"])
                    .arg(data)
                    .current_dir(env!("CARGO_MANIFEST_DIR"));
                command
            }
        })
    }
}

/// A server that answers.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// From the start to the first answer.
    pub took: Duration,
}

impl Running {
    pub async fn start(
        server: Server,
        data: &Path,
        placement: Option<&Placement>,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut command = tokio::process::Command::from(server.command(data, port, placement)?);
        command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        if server != Server::Axum {
            command.env("PUNCTUAL_LOG", "error").stderr(Stdio::null());
        }
        let begun = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} does not start", server.name()))?;
        let mut running = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            took: Duration::ZERO,
        };
        while begun.elapsed() < START {
            if let Ok(mut connection) = connect(running.address).await
                && send(&mut connection, "", Ask::get("/healthz"))
                    .await
                    .is_ok()
            {
                running.took = begun.elapsed();
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended at once: {status}", server.name());
            }
            sleep(Duration::from_millis(2)).await;
        }
        bail!("{} does not answer", server.name())
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    pub async fn register(&self) -> Result<String> {
        let body = json!({ "email": EMAIL, "password": PASSWORD, "timezone": "Europe/Berlin" });
        self.token("/api/auth/register", &body).await
    }

    pub async fn login(&self) -> Result<String> {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        self.token("/api/auth/login", &body).await
    }

    async fn token(&self, path: &str, body: &Value) -> Result<String> {
        let mut connection = connect(self.address).await?;
        let answer = json(&mut connection, "", Ask::post(path, body)).await?;
        text(&answer, "access_token")
    }

    pub async fn stop(&mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status()?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

/// Where the build has put them.
pub fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("no folder")?.to_owned())
}

/// What is kept between measurements, and where the figures go.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder.unwrap_or(Path::new("")).join("target/bench")
}

pub fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

pub fn copy(data: &Path) -> Result<tempfile::TempDir> {
    let copy = tempfile::tempdir()?;
    let copied = Command::new("cp")
        .args(["-r", "--"])
        .arg(data.join("."))
        .arg(copy.path())
        .status()?;
    ensure!(copied.success(), "the database is not copied");
    // Else it would be written out while it is measured.
    Command::new("sync").status()?;
    Ok(copy)
}

/// The programs of an environment of its own, made once for a peer's requirements.
pub fn python(peer: &str) -> Result<PathBuf> {
    let wanted = peers().join(peer).join("requirements.txt");
    let folder = folder().join(peer);
    let done = folder.join("requirements.txt");
    if fs::read(&done).ok() != Some(fs::read(&wanted)?) {
        eprintln!("  fetching what {peer} needs from PyPI, once");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .status();
        ensure!(
            made.is_ok_and(|made| made.success()),
            "`python3 -m venv` failed: Python 3.11 or later with its venv is needed"
        );
        let installed = Command::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(&wanted)
            .status()?;
        ensure!(
            installed.success(),
            "pip did not install {}",
            wanted.display()
        );
        fs::copy(&wanted, &done)?;
    }
    Ok(fs::canonicalize(folder)?.join("bin"))
}
