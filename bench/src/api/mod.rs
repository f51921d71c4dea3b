//! The API's busiest requests: Punctual, the same natively, and the stack that most to-do services are made of.
//!
//! Each server in turn gets a copy of the same database and the same requests, in an open loop. What is looked for is the
//! highest rate at which 99 of 100 answers come within a bound, and none is missing.

mod load;
pub mod peer;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use futures::future::try_join_all;
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::sleep;

use self::load::{Ask, Load, Outcome, Requests, connect, send};
use crate::placement::{self, Placement};

const EMAIL: &str = "bench@example.org";
const PASSWORD: &str = "correct horse battery staple";
const START: Duration = Duration::from_secs(60);
/// What a rate is tried with first.
const FIRST_RATE: f64 = 50.0;
/// Halvings, in powers, between the last rate that held and the first that did not: within 5 %.
const HALVINGS: u32 = 4;
/// Answers a second that count as the rate that was asked for.
const ACHIEVED: f64 = 0.97;

#[derive(Parser)]
pub struct Api {
    /// Who is measured, in turn
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Server::Punctual, Server::Axum, Server::Fastapi])]
    servers: Vec<Server>,
    /// How often each
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Tasks of the account
    #[arg(long, default_value_t = 10_000)]
    tasks: u32,
    /// Milliseconds within which 99 of 100 answers come
    #[arg(long, default_value_t = 50)]
    bound: u32,
    /// How long each rate is tried
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/api.json")]
    json: PathBuf,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// The embedded edition: WASM components, worker, SQLite
    Punctual,
    /// The same statements and the same SQLite layer, natively
    Axum,
    /// FastAPI, SQLModel, uvicorn on the same tables
    Fastapi,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Punctual => "punctual",
            Self::Axum => "axum, native",
            Self::Fastapi => "FastAPI + SQLModel",
        }
    }
}

/// Four of five read: the list as it is opened, a task; one of ten adds, one of ten completes.
struct Mixed {
    ids: Vec<String>,
    completed: AtomicU64,
}

impl Requests for Mixed {
    fn request(&self, number: u64) -> Ask {
        let dice = scattered(number);
        let pick = |n: u64| &self.ids[usize::try_from(n % self.ids.len() as u64).unwrap_or(0)];
        let (method, path, body) = match dice % 10 {
            0..5 => (Method::GET, "/api/tasks?limit=50".to_owned(), None),
            5..8 => (Method::GET, format!("/api/tasks/{}", pick(dice / 10)), None),
            8 => (
                Method::POST,
                "/api/tasks".to_owned(),
                Some(task(number).to_string()),
            ),
            _ => {
                let next = self.completed.fetch_add(1, Ordering::Relaxed);
                (
                    Method::POST,
                    format!("/api/tasks/{}/complete", pick(next)),
                    None,
                )
            }
        };
        Ask { method, path, body }
    }
}

/// SplitMix64: the same requests for everybody.
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A due in the next months, in no order.
fn task(number: u64) -> Value {
    let dice = scattered(number ^ 0xBEEF);
    let priority = ["none", "low", "medium", "high"][usize::try_from(dice % 4).unwrap_or(0)];
    json!({
        "title": format!("Task {number} of the bench"),
        "notes": "A line or two of what there is to do, as people write them.",
        "due": format!("2027-{:02}-{:02}T{:02}:{:02}", dice % 12 + 1, dice / 12 % 28 + 1, dice / 400 % 24, dice / 10_000 % 60),
        "timezone": "Europe/Berlin",
        "priority": priority,
        "tags": ["home", "errands"],
    })
}

pub async fn run(options: &Api) -> Result<()> {
    let placement = Placement::halves();
    if let Some(placement) = &placement {
        placement.move_here();
    }
    println!(
        "{} tasks; 50 % lists of 50, 30 % single tasks, 10 % added, 10 % completed; {} connections; {}",
        options.tasks,
        load::CONNECTIONS,
        placement::stated(placement.as_ref())
    );
    let prepared = Prepared::new(options, placement.as_ref()).await?;
    let mut results = Vec::new();
    for round in 1..=options.rounds {
        for server in &options.servers {
            let found = measure(*server, options, &prepared, placement.as_ref()).await?;
            println!("  round {round}, {}: {}", server.name(), found.line());
            results.push((*server, found));
        }
    }
    print(options, &results);
    write(options, placement.as_ref(), &results)
}

/// The highest rate that held, and what the answers' times were at it.
struct Found {
    rate: f64,
    at: Outcome,
}

impl Found {
    fn line(&self) -> String {
        format!(
            "{:.0}/s, p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
            self.rate,
            self.at.quantile(0.50),
            self.at.quantile(0.95),
            self.at.quantile(0.99)
        )
    }
}

/// A database with the account and its tasks, planned, as every server gets it.
struct Prepared {
    data: TempDir,
    ids: Vec<String>,
}

impl Prepared {
    async fn new(options: &Api, placement: Option<&Placement>) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let mut running = Running::start(Server::Punctual, data.path(), placement).await?;
        let register = json!({ "email": EMAIL, "password": PASSWORD, "timezone": "Europe/Berlin" });
        let token = running.token("/api/auth/register", register).await?;
        let added = (0..16).map(|part| {
            let (address, token) = (running.address, token.clone());
            async move {
                let mut connection = connect(address).await?;
                let mut ids = Vec::new();
                for number in (part..u64::from(options.tasks)).step_by(16) {
                    let ask = Ask {
                        method: Method::POST,
                        path: "/api/tasks".to_owned(),
                        body: Some(task(number).to_string()),
                    };
                    let made: Value =
                        serde_json::from_slice(&send(&mut connection, &token, ask).await?)?;
                    ids.push(made["id"].as_str().context("no id")?.to_owned());
                }
                anyhow::Ok(ids)
            }
        });
        let ids = try_join_all(added).await?.concat();
        // The worker plans them behind the answers.
        sleep(Duration::from_secs(5)).await;
        running.stop().await?;
        Ok(Self { data, ids })
    }

    fn copy(&self) -> Result<TempDir> {
        let copy = tempfile::tempdir()?;
        let copied = Command::new("cp")
            .args(["-r", "--"])
            .arg(self.data.path().join("."))
            .arg(copy.path())
            .status()?;
        ensure!(copied.success(), "the database is not copied");
        Ok(copy)
    }
}

async fn measure(
    server: Server,
    options: &Api,
    prepared: &Prepared,
    placement: Option<&Placement>,
) -> Result<Found> {
    let data = prepared.copy()?;
    let mut running = Running::start(server, data.path(), placement).await?;
    let token = running
        .token(
            "/api/auth/login",
            json!({ "email": EMAIL, "password": PASSWORD }),
        )
        .await?;
    let load = Arc::new(Load {
        address: running.address,
        token,
        requests: Arc::new(Mixed {
            ids: prepared.ids.clone(),
            completed: AtomicU64::new(0),
        }),
        next: AtomicU64::new(0),
    });
    let length = Duration::from_secs(options.seconds);
    load.run(FIRST_RATE, length.min(Duration::from_secs(3)))
        .await?; // Warm.
    let bound = f64::from(options.bound);
    let holds = |rate: f64, outcome: &Outcome| {
        outcome.errors == 0
            && outcome.quantile(0.99) <= bound
            && outcome.achieved >= ACHIEVED * rate
    };
    // A rate is given up when it fails twice: one fault of the machine is no limit.
    let tried = async |rate: f64| {
        let first = load.run(rate, length).await?;
        if holds(rate, &first) {
            return anyhow::Ok(first);
        }
        load.run(rate, length).await
    };
    let (mut low, mut high, mut at) = (0.0, FIRST_RATE, Outcome::default());
    loop {
        let outcome = tried(high).await?;
        if !holds(high, &outcome) {
            if low == 0.0 {
                bail!(
                    "{} does not hold {high:.0}/s: p99 {:.0} ms, {} errors {}",
                    server.name(),
                    outcome.quantile(0.99),
                    outcome.errors,
                    outcome.first_error.unwrap_or_default()
                );
            }
            break;
        }
        (low, high, at) = (high, high * 2.0, outcome);
    }
    for _ in 0..HALVINGS {
        let between = (low * high).sqrt();
        let outcome = tried(between).await?;
        if holds(between, &outcome) {
            (low, at) = (between, outcome);
        } else {
            high = between;
        }
    }
    running.stop().await?;
    Ok(Found { rate: low, at })
}

/// A server that answers.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    async fn start(server: Server, data: &Path, placement: Option<&Placement>) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let place = |program: &Path| placement::server(placement, program);
        let port_text = port.to_string();
        let programs = std::env::current_exe()?
            .parent()
            .context("no folder")?
            .to_owned();
        let database = data.join("punctual.db");
        let command = match server {
            Server::Punctual => {
                let mut command = place(&programs.join("punctual-server"));
                command.arg("--data").arg(data).args(["--port", &port_text]);
                command
            }
            Server::Axum => {
                let mut command = place(&std::env::current_exe()?);
                command
                    .args(["peer", "--port", &port_text, "--database"])
                    .arg(database);
                command.env("TOKEN_SECRET", PASSWORD);
                command
            }
            Server::Fastapi => {
                let mut command = place(&fastapi()?);
                command
                    .args(["main:app", "--port", &port_text, "--no-access-log"])
                    .current_dir(peers().join("fastapi"))
                    .env("DATABASE", database)
                    .env("PYTHONDONTWRITEBYTECODE", "1")
                    .env("TOKEN_SECRET", PASSWORD);
                command
            }
        };
        let mut command = tokio::process::Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        if server != Server::Axum {
            command.env("PUNCTUAL_LOG", "error").stderr(Stdio::null());
        }
        let child = command
            .spawn()
            .with_context(|| format!("{} does not start", server.name()))?;
        let running = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Ok(mut connection) = connect(running.address).await {
                let ask = Ask {
                    method: Method::GET,
                    path: "/healthz".to_owned(),
                    body: None,
                };
                if send(&mut connection, "", ask).await.is_ok() {
                    return Ok(running);
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        bail!("{} does not answer", server.name())
    }

    async fn token(&self, path: &str, body: Value) -> Result<String> {
        let ask = Ask {
            method: Method::POST,
            path: path.to_owned(),
            body: Some(body.to_string()),
        };
        let answer = send(&mut connect(self.address).await?, "", ask).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["access_token"]
            .as_str()
            .context("no token")?
            .to_owned())
    }

    async fn stop(&mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status()?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// `uvicorn` in an environment of its own, made once for these requirements.
fn fastapi() -> Result<PathBuf> {
    let wanted = peers().join("fastapi/requirements.txt");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/fastapi");
    let done = folder.join("requirements.txt");
    if fs::read(&done).ok() != Some(fs::read(&wanted)?) {
        eprintln!("  fetching FastAPI, SQLModel and uvicorn from PyPI, once");
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
    Ok(fs::canonicalize(folder)?.join("bin/uvicorn"))
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(options: &Api, results: &[(Server, Found)]) {
    println!();
    println!(
        "{:<20} {:>12} {:>15} {:>9} {:>9} {:>9}",
        format!("p99 within {} ms", options.bound),
        "requests/s",
        "from … to",
        "p50 ms",
        "p95 ms",
        "p99 ms"
    );
    for server in &options.servers {
        let of: Vec<&Found> = results
            .iter()
            .filter(|(of, _)| of == server)
            .map(|(_, found)| found)
            .collect();
        let rates: Vec<f64> = of.iter().map(|found| found.rate).collect();
        let times = |q: f64| median(of.iter().map(|found| found.at.quantile(q)).collect());
        println!(
            "{:<20} {:>12.0} {:>15} {:>9.1} {:>9.1} {:>9.1}",
            server.name(),
            median(rates.clone()),
            format!(
                "{:.0} … {:.0}",
                rates.iter().copied().fold(f64::INFINITY, f64::min),
                rates.iter().copied().fold(0.0, f64::max)
            ),
            times(0.50),
            times(0.95),
            times(0.99)
        );
    }
}

fn write(options: &Api, placement: Option<&Placement>, results: &[(Server, Found)]) -> Result<()> {
    let all: Vec<Value> = results
        .iter()
        .map(|(server, found)| {
            json!({
                "server": server.name(), "requests_per_second": found.rate,
                "p50_ms": found.at.quantile(0.50), "p95_ms": found.at.quantile(0.95), "p99_ms": found.at.quantile(0.99),
            })
        })
        .collect();
    let document = json!({
        "bench": "api", "tasks": options.tasks, "bound_ms": options.bound, "seconds": options.seconds,
        "connections": load::CONNECTIONS, "placement": placement::stated(placement), "results": all,
    });
    if let Some(folder) = options.json.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.json, format!("{document:#}\n"))
        .with_context(|| options.json.display().to_string())
}
