//! What a start costs, what a first call costs, and what is kept in memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::task;
use crate::figures::{Plot, Report, Sample, Shape};
use crate::http::{Ask, connect, send};
use crate::placement::{self, Placement};
use crate::processes::{Memory, memory};
use crate::server::{Running, Server};

/// Later than the host keeps an instance that has nothing to do.
const REST: Duration = Duration::from_secs(3);
const LATER: usize = 20;

#[derive(Parser)]
pub struct Cold {
    /// How often each is started
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How often with an empty module cache
    #[arg(long, default_value_t = 1)]
    empty: u32,
    /// Users whose connections are held
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/cold.json")]
    json: PathBuf,
}

/// One function of each kind, with what is asked of it.
fn functions() -> Vec<(&'static str, Ask)> {
    let get = |path: &str| Ask::get(path);
    vec![
        ("web", get("/")),
        ("openapi", get("/api/openapi.json")),
        ("auth", get("/api/auth/me")),
        ("tasks", get("/api/tasks?limit=50")),
        ("projects", get("/api/projects")),
        ("settings", get("/api/settings")),
        ("notifications", get("/api/notifications")),
        ("activity", get("/api/activity")),
        (
            "quick-add",
            Ask::post(
                "/api/quick-add",
                &json!({ "text": "Call Bob tomorrow 9:00" }),
            ),
        ),
    ]
}

/// Milliseconds.
struct Calls {
    function: &'static str,
    first: f64,
    later: Sample,
    rested: f64,
}

struct Found {
    server: Server,
    start: f64,
    calls: Vec<Calls>,
    idle: Memory,
    with_users: Memory,
}

pub async fn run(options: &Cold) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    placement::open_files(options.users + 1000)?;
    println!("{}", placement::stated(placement));
    let servers = [Server::Punctual, Server::Axum, Server::Fastapi];
    let aim = "started within 1 s with cached modules; a function's first call within 10 ms; idle below 120 MB";
    let mut report = Report::new(
        "cold",
        aim,
        placement,
        &[
            "median (least … most)",
            "punctual",
            "axum, native",
            "FastAPI + SQLModel",
        ],
    );
    let data = tempfile::tempdir()?;
    let token = prepare(data.path(), placement).await?;
    let mut empty = Vec::new();
    for _ in 0..options.empty {
        let cache = tempfile::tempdir()?;
        let place = cache.path().to_string_lossy();
        let environment = [("PUNCTUAL_CACHE", &*place)];
        let mut running =
            Running::start(Server::Punctual, data.path(), placement, &environment).await?;
        println!(
            "  started with an empty cache in {:.1} s",
            running.took.as_secs_f64()
        );
        empty.push(running.took.as_secs_f64() * 1e3);
        running.stop().await?;
    }
    let mut results = Vec::new();
    for round in 1..=options.rounds {
        for server in servers {
            let found = measure(server, data.path(), &token, options, placement).await?;
            println!("  round {round}, {}: {}", server.name(), found.line());
            results.push(found);
        }
    }
    fill_in(&mut report, &servers, &results, &empty, options);
    report.finish(&options.json)
}

/// An account with some tasks, and the modules in the cache.
async fn prepare(data: &Path, placement: Option<&Placement>) -> Result<String> {
    let mut running = Running::start(Server::Punctual, data, placement, &[]).await?;
    let token = running.register().await?;
    let mut connection = connect(running.address).await?;
    for number in 0..100 {
        send(
            &mut connection,
            &token,
            Ask::post("/api/tasks", &task(number)),
        )
        .await?;
    }
    sleep(Duration::from_secs(2)).await;
    running.stop().await?;
    Ok(token)
}

async fn measure(
    server: Server,
    data: &Path,
    token: &str,
    options: &Cold,
    placement: Option<&Placement>,
) -> Result<Found> {
    let mut running = Running::start(server, data, placement, &[]).await?;
    sleep(REST).await;
    let idle = memory(running.id()).context("no memory is shown in /proc")?;
    let token = match server {
        Server::Punctual => token.to_owned(),
        _ => running.login().await?,
    };
    let mut calls = Vec::new();
    for (function, ask) in functions() {
        // The peers have the lists alone.
        if server == Server::Punctual || function == "tasks" {
            calls.push(call(running.address, &token, function, ask).await?);
        }
    }
    let mut connections = Vec::new();
    for _ in 0..options.users {
        let mut connection = connect(running.address).await?;
        send(&mut connection, &token, Ask::get("/api/tasks?limit=50")).await?;
        connections.push(connection);
    }
    sleep(REST).await;
    let with_users = memory(running.id()).context("no memory is shown in /proc")?;
    drop(connections);
    let start = running.took.as_secs_f64() * 1e3;
    running.stop().await?;
    Ok(Found {
        server,
        start,
        calls,
        idle,
        with_users,
    })
}

async fn call(address: SocketAddr, token: &str, function: &'static str, ask: Ask) -> Result<Calls> {
    let mut connection = connect(address).await?;
    let mut once = async || {
        let begun = Instant::now();
        send(&mut connection, token, ask.clone()).await?;
        anyhow::Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let first = once().await?;
    let mut later = Vec::new();
    for _ in 0..LATER {
        later.push(once().await?);
    }
    sleep(REST).await;
    Ok(Calls {
        function,
        first,
        later: later.into_iter().collect(),
        rested: once().await?,
    })
}

impl Found {
    fn line(&self) -> String {
        let first: Sample = self.calls.iter().map(|call| call.first).collect();
        format!(
            "started in {:.0} ms, first calls {} ms, idle {:.0} MB, with the users {:.0} MB",
            self.start,
            first.spread(1),
            self.idle.rss,
            self.with_users.rss
        )
    }
}

fn fill_in(
    report: &mut Report,
    servers: &[Server; 3],
    results: &[Found],
    empty: &[f64],
    options: &Cold,
) {
    let of = |server: Server, figure: &dyn Fn(&Found) -> f64| -> Sample {
        results
            .iter()
            .filter(|found| found.server == server)
            .map(figure)
            .collect()
    };
    let shown = |sample: &Sample, digits: usize| match sample.len() {
        0 => "–".to_owned(),
        _ => format!("{:.digits$} ({})", sample.median(), sample.spread(digits)),
    };
    let mut row = |name: String, digits: usize, figure: &dyn Fn(&Found) -> f64| {
        let [a, b, c] = servers.map(|server| shown(&of(server, figure), digits));
        report.row([name, a, b, c]);
    };
    row("start to first answer, ms".to_owned(), 0, &|found| {
        found.start
    });
    let list = |found: &Found, figure: &dyn Fn(&Calls) -> f64| {
        let call = found.calls.iter().find(|call| call.function == "tasks");
        call.map_or(f64::NAN, figure)
    };
    row("first list, ms".to_owned(), 1, &|found| {
        list(found, &|call| call.first)
    });
    row("later list, ms".to_owned(), 1, &|found| {
        list(found, &|call| call.later.median())
    });
    let rest = REST.as_secs();
    row(format!("list after {rest} s of rest, ms"), 1, &|found| {
        list(found, &|call| call.rested)
    });
    row("idle, RSS, MB".to_owned(), 0, &|found| found.idle.rss);
    row("idle, PSS, MB".to_owned(), 0, &|found| found.idle.pss);
    let users = options.users;
    row(format!("{users} users more, RSS, MB"), 1, &|found| {
        found.with_users.rss - found.idle.rss
    });
    row(format!("{users} users more, PSS, MB"), 1, &|found| {
        found.with_users.pss - found.idle.pss
    });
    let ours = |name: String, sample: &Sample, digits: usize| {
        [name, shown(sample, digits), "–".to_owned(), "–".to_owned()]
    };
    if !empty.is_empty() {
        let name = "start with an empty module cache, ms".to_owned();
        report.row(ours(name, &empty.iter().copied().collect(), 0));
    }
    let mut bars = Vec::new();
    for (function, _) in functions() {
        let calls = || {
            let all = results
                .iter()
                .filter(|found| found.server == Server::Punctual);
            all.flat_map(|found| &found.calls)
                .filter(move |call| call.function == function)
        };
        let first: Sample = calls().map(|call| call.first).collect();
        report.row(ours(format!("first call of {function}, ms"), &first, 1));
        let later: Sample = calls().map(|call| call.later.median()).collect();
        report.row(ours(format!("later call of {function}, ms"), &later, 1));
        bars.push((function.to_owned(), first.median()));
    }
    let plot = |name: &str, title: &str, unit: &str, bars| Plot {
        name: name.to_owned(),
        title: title.to_owned(),
        unit: unit.to_owned(),
        shape: Shape::Bars(bars),
    };
    let bar = |figure: &dyn Fn(&Found) -> f64| {
        servers
            .map(|server| (server.name().to_owned(), of(server, figure).median()))
            .into()
    };
    let plots = [
        plot("cold-calls", "The first call of a function", "ms", bars),
        plot(
            "cold-start",
            "From start to first answer",
            "ms",
            bar(&|found| found.start),
        ),
        plot(
            "cold-memory",
            "Memory while idle",
            "MB",
            bar(&|found| found.idle.rss),
        ),
    ];
    report.plots.extend(plots);
    let runs: Vec<Value> = results
        .iter()
        .map(|found| {
            let calls = found.calls.iter().map(|call| {
                let times = json!({
                    "first_ms": call.first, "later_ms": call.later.median(), "rested_ms": call.rested,
                });
                (call.function.to_owned(), times)
            });
            json!({
                "server": found.server.name(), "start_ms": found.start, "calls": Value::Object(calls.collect()),
                "idle_rss_mb": found.idle.rss, "idle_pss_mb": found.idle.pss,
                "with_users_rss_mb": found.with_users.rss, "with_users_pss_mb": found.with_users.pss,
            })
        })
        .collect();
    report.detail("users", options.users);
    report.detail("empty_cache_ms", empty.to_vec());
    report.detail("results", runs);
}
