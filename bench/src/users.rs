//! Many people at once: a connection and an account each, who think between two requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{sleep_until, timeout};

use crate::accounts::{Account, Accounts, OPEN};
use crate::api::load::{PATIENCE, Requests as _};
use crate::api::{Mixed, scattered};
use crate::figures::{Plot, Report, Sample, Shape};
use crate::fill::{New, fill};
use crate::http::{connect, send};
use crate::placement::{self, Placement};
use crate::server::{Running, Server};

/// Users who come at once.
const COMING: usize = 32;

#[derive(Parser)]
pub struct Users {
    /// How many at once, one run each
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 3000, 10_000])]
    users: Vec<usize>,
    /// Tasks of each account
    #[arg(long, default_value_t = 24)]
    tasks: u64,
    /// Seconds between two requests of a user, on average; they are exponentially distributed
    #[arg(long, default_value_t = 4.5)]
    pause: f64,
    /// How long each run is measured
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long they ask before, once all are there
    #[arg(long, default_value_t = 5)]
    warm: u64,
    /// How often each
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/users.json")]
    json: PathBuf,
}

struct User {
    account: Mutex<Account>,
    asks: Mixed,
}

#[derive(Default)]
struct Found {
    times: Sample,
    rate: f64,
    /// What they said, and how often.
    errors: BTreeMap<String, usize>,
}

impl Found {
    fn failed(&self) -> usize {
        self.errors.values().sum()
    }
}

pub async fn run(options: &Users) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    let most = options.users.iter().copied().max().unwrap_or(0);
    placement::open_files(most + 1000)?;
    println!(
        "a connection, an account and {} tasks each; {} s between requests; 50 % lists, 30 % single tasks, 10 % added, 10 % completed; {}",
        options.tasks,
        options.pause,
        placement::stated(placement)
    );
    let mut report = Report::new(
        "users",
        "3000 users: p50, p95, p99 below 9, 16, 22 ms at 640 requests/s or more; 10000 users without an error",
        placement,
        &[
            "users",
            "requests/s",
            "errors",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "p99 from … to",
        ],
    );
    let accounts = Accounts::prepare(most, placement).await?;
    let users = people(options, &accounts)?;
    let mut running =
        Running::start(Server::Punctual, accounts.data.path(), placement, OPEN).await?;
    let mut results: Vec<(usize, Found)> = Vec::new();
    for round in 1..=options.rounds {
        for count in &options.users {
            let found = measure(running.address, &users[..*count], options).await?;
            println!(
                "  round {round}, {count} users: {:.0}/s, {} errors, p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
                found.rate,
                found.failed(),
                found.times.quantile(0.50),
                found.times.quantile(0.95),
                found.times.quantile(0.99),
            );
            for (error, times) in &found.errors {
                println!("    {times} × {error}");
            }
            results.push((*count, found));
        }
    }
    running.stop().await?;
    fill_in(&mut report, options, &results);
    report.finish(&options.json)
}

fn people(options: &Users, accounts: &Accounts) -> Result<Vec<Arc<User>>> {
    let each = usize::try_from(options.tasks)?;
    let new = accounts
        .all
        .iter()
        .enumerate()
        .flat_map(|(place, account)| {
            let first = place as u64 * options.tasks;
            (first..first + options.tasks).map(move |number| New {
                account,
                number,
                rings: None,
            })
        });
    let ids = fill(&accounts.database(), new)?;
    let users = accounts.all.iter().zip(ids.chunks(each));
    Ok(users
        .map(|(account, ids)| {
            Arc::new(User {
                account: Mutex::new(account.clone()),
                asks: Mixed {
                    ids: ids.to_vec(),
                    completed: AtomicU64::new(0),
                },
            })
        })
        .collect())
}

async fn measure(address: SocketAddr, users: &[Arc<User>], options: &Users) -> Result<Found> {
    let came = Instant::now();
    let coming = Arc::new(Semaphore::new(COMING));
    let arrived = join_all(users.iter().map(|user| {
        let (user, coming) = (Arc::clone(user), Arc::clone(&coming));
        tokio::spawn(async move {
            let _turn = coming.acquire().await?;
            let mut connection = connect(address).await?;
            let token = user.account.lock().await.token(&mut connection).await?;
            anyhow::Ok((user, connection, token))
        })
    }))
    .await;
    println!(
        "    {} users came within {:.0} s",
        users.len(),
        came.elapsed().as_secs_f64()
    );
    let begin = Instant::now() + Duration::from_millis(100);
    let from = begin + Duration::from_secs(options.warm);
    let until = from + Duration::from_secs(options.seconds);
    let pause = options.pause;
    let mut asking = Vec::new();
    for (number, arrived) in arrived.into_iter().enumerate() {
        let (user, mut connection, token) = arrived?.context("a user does not come in")?;
        asking.push(tokio::spawn(async move {
            let (mut times, mut errors) = (Vec::new(), Vec::new());
            sleep_until(begin.into()).await;
            for turn in 0_u64.. {
                let dice = scattered((number as u64) << 24 | turn);
                let wakes = Instant::now() + thought(dice, pause);
                if wakes >= until {
                    break;
                }
                sleep_until(wakes.into()).await;
                let asked = Instant::now();
                let ask = user.asks.request(dice);
                let answer = timeout(PATIENCE, async {
                    // Kept connections end while nobody asks, and every client opens another one then.
                    if connection.is_closed() {
                        connection = connect(address).await?;
                    }
                    send(&mut connection, &token, ask).await
                });
                let answer = answer.await;
                let took = asked.elapsed().as_secs_f64() * 1e3;
                match answer.context("no answer in time").flatten() {
                    Ok(_) if asked >= from => times.push(took),
                    Ok(_) => {}
                    Err(error) => {
                        errors.push(format!("{error:#}"));
                        if let Ok(new) = connect(address).await {
                            connection = new;
                        }
                    }
                }
            }
            (times, errors)
        }));
    }
    let mut found = Found::default();
    let mut all = Vec::new();
    for one in join_all(asking).await {
        let (times, errors) = one?;
        all.extend(times);
        for error in errors {
            *found.errors.entry(error).or_default() += 1;
        }
    }
    found.times = all.into_iter().collect();
    let answered = found.times.len() as f64;
    found.rate = answered / (until - from).as_secs_f64();
    Ok(found)
}

/// Exponentially distributed.
fn thought(dice: u64, mean: f64) -> Duration {
    let share = (scattered(dice) >> 11) as f64 / (1_u64 << 53) as f64;
    Duration::from_secs_f64(-mean * (1.0 - share).ln())
}

fn fill_in(report: &mut Report, options: &Users, results: &[(usize, Found)]) {
    let mut lines = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)]
        .map(|(name, q)| (name.to_owned(), q, Vec::new()));
    for count in &options.users {
        let of = || {
            results
                .iter()
                .filter(|(of, _)| of == count)
                .map(|(_, found)| found)
        };
        let times = |q: f64| {
            of().map(|found| found.times.quantile(q))
                .collect::<Sample>()
        };
        let rate: Sample = of().map(|found| found.rate).collect();
        let errors: usize = of().map(Found::failed).sum();
        report.row([
            count.to_string(),
            format!("{:.0}", rate.median()),
            errors.to_string(),
            format!("{:.1}", times(0.50).median()),
            format!("{:.1}", times(0.95).median()),
            format!("{:.1}", times(0.99).median()),
            times(0.99).spread(1),
        ]);
        for (_, q, points) in &mut lines {
            points.push((*count as f64, times(*q).median()));
        }
    }
    report.plots.push(Plot {
        name: "users".to_owned(),
        title: "How long answers take, by users at once".to_owned(),
        unit: "ms".to_owned(),
        shape: Shape::Lines {
            across: "users".to_owned(),
            series: lines.map(|(name, _, points)| (name, points)).into(),
        },
    });
    let runs: Vec<Value> = results
        .iter()
        .map(|(users, found)| {
            json!({
                "users": users, "requests_per_second": found.rate, "errors": found.errors,
                "p50_ms": found.times.quantile(0.50), "p95_ms": found.times.quantile(0.95), "p99_ms": found.times.quantile(0.99),
            })
        })
        .collect();
    report.detail("tasks", options.tasks);
    report.detail("pause_seconds", options.pause);
    report.detail("seconds", options.seconds);
    report.detail("results", runs);
}
