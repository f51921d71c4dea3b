//! The live stream: very many clients watch, and a change reaches each of those whose account it is.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use futures::future::join_all;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::accounts::{Accounts, OPEN, tokens};
use crate::api::task;
use crate::figures::{Plot, Report, Sample, Shape};
use crate::http::{Ask, begin, connect, json, text};
use crate::placement::{self, Placement};
use crate::processes::memory;
use crate::server::{Running, Server};

/// Clients who come at once.
const COMING: usize = 32;
/// After the last change.
const PATIENCE: Duration = Duration::from_secs(10);
/// By the second heartbeat after it the server knows that a client has gone, and has its place again: the first is still
/// taken by what stands between them.
const GONE: Duration = Duration::from_secs(42);

#[derive(Parser)]
pub struct Live {
    /// How many watch, one run each
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 5000])]
    clients: Vec<usize>,
    /// Whose changes they watch, in equal parts
    #[arg(long, default_value_t = 50)]
    accounts: usize,
    /// Changes a second, over all accounts
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// How long each run is measured
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// How often each
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/live.json")]
    json: PathBuf,
}

#[derive(Default)]
struct Seen {
    ready: AtomicUsize,
    breaks: AtomicUsize,
    /// Which client was told of which task, and when.
    told: Mutex<Vec<(usize, String, Instant)>>,
}

struct Change {
    task: String,
    account: usize,
    sent: Instant,
    answered: Instant,
}

struct Found {
    clients: usize,
    /// Milliseconds since the change's answer, which comes after its commit, and since it was sent.
    answered: Sample,
    sent: Sample,
    lost: usize,
    doubled: usize,
    breaks: usize,
    /// Changes that were refused.
    errors: usize,
    /// MB of a thousand streams.
    memory: f64,
}

pub async fn run(options: &Live) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    let most = options.clients.iter().copied().max().unwrap_or(0);
    placement::open_files(most * 2 + 1000)?;
    println!(
        "{} accounts, {} tasks added a second; {}",
        options.accounts,
        options.rate,
        placement::stated(placement)
    );
    let mut report = Report::new(
        "live",
        "5000 clients: p99 below 250 ms from the change's answer to the client, none lost",
        placement,
        &[
            "clients",
            "told a second",
            "p50 ms",
            "p99 ms",
            "p99 from … to",
            "p99 since it was sent, ms",
            "lost",
            "doubled",
            "streams broken",
            "errors",
            "RSS of 1000 streams, MB",
        ],
    );
    let accounts = Accounts::prepare(options.accounts, placement).await?;
    let mut running =
        Running::start(Server::Punctual, accounts.data.path(), placement, OPEN).await?;
    let tokens = tokens(running.address, &accounts.all).await?;
    let mut results = Vec::new();
    for round in 1..=options.rounds {
        for clients in &options.clients {
            let found = measure(&running, &tokens, *clients, options).await?;
            println!("  round {round}, {clients} clients: {}", found.line());
            results.push(found);
        }
    }
    running.stop().await?;
    fill_in(&mut report, options, &results);
    report.finish(&options.json)
}

async fn measure(
    running: &Running,
    tokens: &[Arc<str>],
    clients: usize,
    options: &Live,
) -> Result<Found> {
    let resident = || memory(running.id()).map_or(0.0, |memory| memory.rss);
    let before = resident();
    let seen = Arc::new(Seen::default());
    let coming = Arc::new(Semaphore::new(COMING));
    let mut watching = JoinSet::new();
    for client in 0..clients {
        let token = Arc::clone(&tokens[client % tokens.len()]);
        let (address, seen, coming) = (running.address, Arc::clone(&seen), Arc::clone(&coming));
        watching.spawn(async move {
            if let Ok(stream) = open(address, &token, &coming).await {
                watch(stream, client, &seen).await;
            }
            seen.breaks.fetch_add(1, Ordering::Relaxed);
        });
    }
    let begun = Instant::now();
    while seen.ready.load(Ordering::Relaxed) < clients {
        ensure!(
            begun.elapsed() < Duration::from_secs(120),
            "{} of {clients} streams began, {} broke",
            seen.ready.load(Ordering::Relaxed),
            seen.breaks.load(Ordering::Relaxed)
        );
        sleep(Duration::from_millis(50)).await;
    }
    let kilo = clients as f64 / 1000.0;
    let memory = (resident() - before) / kilo;

    let (changes, errors) = change(running.address, tokens, options).await?;
    let expected: usize = changes
        .iter()
        .map(|change| watchers(clients, tokens.len(), change.account))
        .sum();
    let told = || seen.told.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = Instant::now();
    while told().len() < expected && waited.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    let told = std::mem::take(&mut *told());
    watching.shutdown().await;
    sleep(GONE).await;

    let changes: HashMap<String, Change> = changes
        .into_iter()
        .map(|change| (change.task.clone(), change))
        .collect();
    let (mut once, mut doubled) = (HashSet::new(), 0);
    let (mut answered, mut sent) = (Vec::new(), Vec::new());
    for (client, task, at) in &told {
        let Some(change) = changes.get(task) else {
            continue;
        };
        if !once.insert((client, task)) {
            doubled += 1;
            continue;
        }
        let since = |then: Instant| at.saturating_duration_since(then).as_secs_f64() * 1e3;
        answered.push(since(change.answered));
        sent.push(since(change.sent));
    }
    Ok(Found {
        clients,
        lost: expected - answered.len(),
        answered: answered.into_iter().collect(),
        sent: sent.into_iter().collect(),
        doubled,
        errors,
        breaks: seen.breaks.load(Ordering::Relaxed),
        memory,
    })
}

/// Of an account.
fn watchers(clients: usize, accounts: usize, account: usize) -> usize {
    clients / accounts + usize::from(account < clients % accounts)
}

async fn open(address: SocketAddr, token: &str, coming: &Semaphore) -> Result<Incoming> {
    let _turn = coming.acquire().await?;
    let mut connection = connect(address).await?;
    let answer = begin(&mut connection, token, Ask::get("/api/live")).await?;
    ensure!(
        answer.status() == 200,
        "the stream answered {}",
        answer.status()
    );
    Ok(answer.into_body())
}

/// Until it breaks.
async fn watch(mut stream: Incoming, client: usize, seen: &Seen) {
    let mut buffer = String::new();
    while let Some(Ok(frame)) = stream.frame().await {
        let at = Instant::now();
        let Some(data) = frame.data_ref() else {
            continue;
        };
        buffer.push_str(&String::from_utf8_lossy(data));
        while let Some((block, rest)) = buffer.split_once("\n\n") {
            if block.contains("event: ready") {
                seen.ready.fetch_add(1, Ordering::Relaxed);
            } else if let Some((_, subject)) = block.split_once(r#""subject":""#) {
                let task = subject.split('"').next().unwrap_or_default().to_owned();
                let mut told = seen.told.lock().unwrap_or_else(PoisonError::into_inner);
                told.push((client, task, at));
            }
            buffer = rest.to_owned();
        }
    }
}

/// Adds tasks at their instants, for the accounts in turn; how many were refused.
async fn change(
    address: SocketAddr,
    tokens: &[Arc<str>],
    options: &Live,
) -> Result<(Vec<Change>, usize)> {
    let begin = Instant::now();
    let each = (0..options.rate * options.seconds).map(|number| {
        let account = number as usize % tokens.len();
        let token = Arc::clone(&tokens[account]);
        let instant = begin + Duration::from_secs_f64(f64::from(number) / f64::from(options.rate));
        tokio::spawn(async move {
            sleep_until(instant.into()).await;
            let mut connection = connect(address).await?;
            let ask = Ask::post("/api/tasks", &task(u64::from(number)));
            let sent = Instant::now();
            let made = json(&mut connection, &token, ask).await?;
            anyhow::Ok(Change {
                task: text(&made, "id")?,
                account,
                sent,
                answered: Instant::now(),
            })
        })
    });
    let (mut changes, mut errors) = (Vec::new(), 0);
    for change in join_all(each).await {
        match change? {
            Ok(change) => changes.push(change),
            Err(error) => {
                println!("  {error:#}");
                errors += 1;
            }
        }
    }
    Ok((changes, errors))
}

impl Found {
    fn line(&self) -> String {
        format!(
            "{} told, p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms; {} lost, {} doubled, {} streams broken",
            self.answered.len(),
            self.answered.quantile(0.50),
            self.answered.quantile(0.99),
            self.answered.quantile(1.0),
            self.lost,
            self.doubled,
            self.breaks
        )
    }
}

fn fill_in(report: &mut Report, options: &Live, results: &[Found]) {
    let mut lines = [("p50", Vec::new()), ("p99", Vec::new())];
    for clients in &options.clients {
        let of = || {
            results
                .iter()
                .filter(move |found| found.clients == *clients)
        };
        let sample = |figure: &dyn Fn(&Found) -> f64| of().map(figure).collect::<Sample>();
        let sum = |figure: &dyn Fn(&Found) -> usize| of().map(figure).sum::<usize>().to_string();
        let p50 = sample(&|found| found.answered.quantile(0.50));
        let p99 = sample(&|found| found.answered.quantile(0.99));
        let told = sample(&|found| found.answered.len() as f64 / f64::from(options.seconds));
        let sent = sample(&|found| found.sent.quantile(0.99));
        let memory = sample(&|found| found.memory);
        report.row([
            clients.to_string(),
            format!("{:.0}", told.median()),
            format!("{:.1}", p50.median()),
            format!("{:.1}", p99.median()),
            p99.spread(1),
            format!("{:.1}", sent.median()),
            sum(&|found| found.lost),
            sum(&|found| found.doubled),
            sum(&|found| found.breaks),
            sum(&|found| found.errors),
            format!("{:.0}", memory.median()),
        ]);
        lines[0].1.push((*clients as f64, p50.median()));
        lines[1].1.push((*clients as f64, p99.median()));
    }
    report.plots.push(Plot {
        name: "live".to_owned(),
        title: "From a change's answer to each client".to_owned(),
        unit: "ms".to_owned(),
        shape: Shape::Lines {
            across: "clients".to_owned(),
            series: lines.map(|(name, points)| (name.to_owned(), points)).into(),
        },
    });
    let runs: Vec<Value> = results
        .iter()
        .map(|found| {
            json!({
                "clients": found.clients, "told": found.answered.len(), "lost": found.lost, "doubled": found.doubled,
                "breaks": found.breaks, "errors": found.errors, "p50_ms": found.answered.quantile(0.50), "p99_ms": found.answered.quantile(0.99),
                "most_ms": found.answered.quantile(1.0), "sent_p99_ms": found.sent.quantile(0.99),
                "memory_mb": found.memory,
            })
        })
        .collect();
    report.detail("accounts", options.accounts);
    report.detail("rate", options.rate);
    report.detail("seconds", options.seconds);
    report.detail("results", runs);
}
