//! The API's busiest requests: Punctual, the same natively, and the stack that most to-do services are made of.
//!
//! Each server in turn gets a copy of the same database and the same requests, in an open loop. What is looked for is the
//! highest rate at which 99 of 100 answers come within a bound, and none is missing.

pub mod load;
pub mod peer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use futures::future::try_join_all;
use punctual_servers::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use self::load::{Load, Outcome, Requests};
use crate::figures::{Plot, Report, Sample, Shape};
use crate::http::{Ask, connect, json, text};
use crate::placement::{self, Placement};
use crate::server::{DATABASE_URL, Running, Server, copy, folder};

/// What a rate is tried with first.
const FIRST_RATE: f64 = 50.0;
/// Halvings, in powers, between the last rate that held and the first that did not: within 5 %.
const HALVINGS: u32 = 4;
/// Answers a second that count as the rate that was asked for.
const ACHIEVED: f64 = 0.97;

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    /// On the server's cores
    Postgres,
}

#[derive(Parser)]
pub struct Api {
    /// Where the tasks are
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    database: Engine,
    /// Who is measured, in turn [default: all, Spin where it is on the PATH]
    #[arg(long, value_enum, value_delimiter = ',')]
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
    /// Where the figures go, too [default: target/bench/api.json or api-postgres.json]
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Four of five read: the list as it is opened, a task; one of ten adds, one of ten completes.
pub struct Mixed {
    pub ids: Vec<String>,
    pub completed: AtomicU64,
}

impl Requests for Mixed {
    fn request(&self, number: u64) -> Ask {
        let dice = scattered(number);
        let pick = |n: u64| &self.ids[usize::try_from(n % self.ids.len() as u64).unwrap_or(0)];
        match dice % 10 {
            0..5 => Ask::get("/api/tasks?limit=50"),
            5..8 => Ask::get(format!("/api/tasks/{}", pick(dice / 10))),
            8 => Ask::post("/api/tasks", &task(number)),
            _ => {
                let next = self.completed.fetch_add(1, Ordering::Relaxed);
                Ask {
                    body: None,
                    ..Ask::post(format!("/api/tasks/{}/complete", pick(next)), &Value::Null)
                }
            }
        }
    }
}

/// SplitMix64: the same requests for everybody.
pub fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A due in the next months, in no order.
pub fn task(number: u64) -> Value {
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
    let placement = Placement::take();
    let placement = placement.as_ref();
    println!(
        "{} tasks; 50 % lists of 50, 30 % single tasks, 10 % added, 10 % completed; {} connections; {}",
        options.tasks,
        load::CONNECTIONS,
        placement::stated(placement)
    );
    let within = format!("p99 within {} ms", options.bound);
    let name = match options.database {
        Engine::Sqlite => "api",
        Engine::Postgres => "api-postgres",
    };
    let mut report = Report::new(
        name,
        "",
        placement,
        &[
            &within,
            "requests/s",
            "from … to",
            "p50 ms",
            "p95 ms",
            "p99 ms",
        ],
    );
    let prepared = Prepared::new(options, placement).await?;
    let servers = match options.servers.is_empty() {
        true => Server::all(),
        false => options.servers.clone(),
    };
    let mut results = Vec::new();
    for round in 1..=options.rounds {
        for server in &servers {
            let found = measure(*server, options, &prepared, placement).await?;
            println!("  round {round}, {}: {}", server.name(), found.line());
            results.push((*server, found));
        }
    }
    fill(&mut report, name, options, &servers, &results);
    let file = options.json.clone();
    report.finish(&file.unwrap_or_else(|| folder().join(format!("{name}.json"))))
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
            self.at.times.quantile(0.50),
            self.at.times.quantile(0.95),
            self.at.times.quantile(0.99)
        )
    }
}

/// A database with the account and its tasks, planned, as every server gets it.
struct Prepared {
    data: TempDir,
    ids: Vec<String>,
    /// What has the tasks, where the folder does not.
    postgres: Option<Postgres>,
}

/// The database that is filled once, and the copy of it that is measured with.
const FILLED: &str = "filled";
const MEASURED: &str = "measured";

impl Prepared {
    async fn new(options: &Api, placement: Option<&Placement>) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let postgres = match options.database {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let postgres = Postgres::start().await?;
                if let Some(id) = postgres.pid() {
                    placement::move_server(placement, id);
                }
                postgres.create_database(FILLED).await?;
                Some(postgres)
            }
        };
        let url = postgres.as_ref().map(|postgres| postgres.url(FILLED));
        let mut running =
            Running::start(Server::Punctual, data.path(), placement, &at(url.as_ref())).await?;
        let token = running.register().await?;
        let added = (0..16).map(|part| {
            let (address, token) = (running.address, token.clone());
            async move {
                let mut connection = connect(address).await?;
                let mut ids = Vec::new();
                for number in (part..u64::from(options.tasks)).step_by(16) {
                    let ask = Ask::post("/api/tasks", &task(number));
                    ids.push(text(&json(&mut connection, &token, ask).await?, "id")?);
                }
                anyhow::Ok(ids)
            }
        });
        let ids = try_join_all(added).await?.concat();
        // The worker plans them behind the answers.
        sleep(Duration::from_secs(5)).await;
        running.stop().await?;
        if let Some(postgres) = &postgres {
            postgres.execute(FILLED, "VACUUM ANALYZE").await?;
        }
        Ok(Self {
            data,
            ids,
            postgres,
        })
    }

    /// A copy of the database in Postgres; `None`: it is in the folder.
    async fn copied(&self) -> Result<Option<String>> {
        let Some(postgres) = &self.postgres else {
            return Ok(None);
        };
        // Each by itself: they can't stand in a transaction.
        for step in [
            format!("DROP DATABASE IF EXISTS {MEASURED} WITH (FORCE)"),
            format!("CREATE DATABASE {MEASURED} TEMPLATE {FILLED}"),
            "CHECKPOINT".to_owned(),
        ] {
            postgres.execute("postgres", &step).await?;
        }
        Ok(Some(postgres.url(MEASURED)))
    }
}

/// The environment of a server, where its tasks are not in the folder.
fn at(url: Option<&String>) -> Vec<(&str, &str)> {
    url.map(|url| (DATABASE_URL, url.as_str()))
        .into_iter()
        .collect()
}

async fn measure(
    server: Server,
    options: &Api,
    prepared: &Prepared,
    placement: Option<&Placement>,
) -> Result<Found> {
    let data = copy(prepared.data.path())?;
    let url = prepared.copied().await?;
    let mut running = Running::start(server, data.path(), placement, &at(url.as_ref())).await?;
    let token = running.login().await?;
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
            && outcome.times.quantile(0.99) <= bound
            && outcome.achieved >= ACHIEVED * rate
    };
    // A rate is given up when it fails twice: one fault of the machine is no limit.
    let tried = async |rate: f64| {
        let mut outcome = Outcome::default();
        for _ in 0..2 {
            outcome = load.run(rate, length).await?;
            if holds(rate, &outcome) {
                break;
            }
            println!(
                "    {}, {rate:.0}/s: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, {} errors {}",
                server.name(),
                outcome.achieved,
                outcome.times.quantile(0.50),
                outcome.times.quantile(0.99),
                outcome.errors,
                outcome.first_error.as_deref().unwrap_or_default()
            );
        }
        anyhow::Ok(outcome)
    };
    let (mut low, mut high, mut at) = (0.0, FIRST_RATE, Outcome::default());
    loop {
        let outcome = tried(high).await?;
        if !holds(high, &outcome) {
            if low == 0.0 {
                bail!(
                    "{} does not hold {high:.0}/s: p99 {:.0} ms, {} errors {}",
                    server.name(),
                    outcome.times.quantile(0.99),
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

fn fill(
    report: &mut Report,
    name: &str,
    options: &Api,
    servers: &[Server],
    results: &[(Server, Found)],
) {
    let mut bars = Vec::new();
    for server in servers {
        let of: Vec<&Found> = results
            .iter()
            .filter(|(of, _)| of == server)
            .map(|(_, found)| found)
            .collect();
        let rates: Sample = of.iter().map(|found| found.rate).collect();
        let times = |q: f64| {
            let all: Sample = of.iter().map(|found| found.at.times.quantile(q)).collect();
            format!("{:.1}", all.median())
        };
        report.row([
            server.name().to_owned(),
            format!("{:.0}", rates.median()),
            rates.spread(0),
            times(0.50),
            times(0.95),
            times(0.99),
        ]);
        bars.push((server.name().to_owned(), rates.median()));
    }
    report.plots.push(Plot {
        name: name.to_owned(),
        title: format!(
            "The API's busiest requests, {}, p99 within {} ms",
            match options.database {
                Engine::Sqlite => "SQLite",
                Engine::Postgres => "Postgres",
            },
            options.bound
        ),
        unit: "requests/s".to_owned(),
        shape: Shape::Bars(bars),
    });
    let all: Vec<Value> = results
        .iter()
        .map(|(server, found)| {
            json!({
                "server": server.name(), "requests_per_second": found.rate,
                "p50_ms": found.at.times.quantile(0.50), "p95_ms": found.at.times.quantile(0.95),
                "p99_ms": found.at.times.quantile(0.99),
            })
        })
        .collect();
    report.detail("tasks", options.tasks);
    report.detail("bound_ms", options.bound);
    report.detail("seconds", options.seconds);
    report.detail("connections", load::CONNECTIONS);
    report.detail("results", all);
}
