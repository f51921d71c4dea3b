//! One account that grows: the same requests, one at a time and at a low rate, on a thousand tasks and on a million.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use tokio::time::{sleep, sleep_until};

use crate::accounts::{Accounts, OPEN};
use crate::api::scattered;
use crate::figures::{Plot, Report, Sample, Shape};
use crate::fill::{New, RARE_TAG, RARE_WORD, fill};
use crate::http::{Ask, connect, send};
use crate::placement::{self, Placement};
use crate::server::{Running, Server};

const WARM: u64 = 20;

#[derive(Parser)]
pub struct Growth {
    /// Tasks, ascending: the database grows from one to the next
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000, 100_000, 1_000_000])]
    sizes: Vec<u64>,
    /// Requests a second; one that takes longer than its turn is followed at once
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// How long each kind is asked in a round
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Rounds through all kinds, at each size
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/growth.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Due,
    Tag,
    Found,
    Nowhere,
    Single,
    Complete,
}

const KINDS: [Kind; 7] = [
    Kind::List,
    Kind::Due,
    Kind::Tag,
    Kind::Found,
    Kind::Nowhere,
    Kind::Single,
    Kind::Complete,
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Due => "filter: due in a week",
            Self::Tag => "filter: a tag of one in 1000",
            Self::Found => "search: a word of one in 1000",
            Self::Nowhere => "search: a word that is nowhere",
            Self::Single => "single",
            Self::Complete => "complete",
        }
    }

    fn ask(self, number: u64, ids: &[String]) -> Ask {
        let dice = scattered(number);
        let id = &ids[usize::try_from(dice % ids.len() as u64).unwrap_or(0)];
        match self {
            Self::List => Ask::get("/api/tasks?limit=50"),
            Self::Due => {
                let (month, day) = (dice % 12 + 1, dice / 12 % 20 + 1);
                Ask::get(format!(
                    "/api/tasks?limit=50&due_after=2027-{month:02}-{day:02}&due_before=2027-{month:02}-{:02}",
                    day + 7
                ))
            }
            Self::Tag => Ask::get(format!("/api/tasks?limit=50&tag={RARE_TAG}")),
            Self::Found => Ask::get(format!("/api/tasks?limit=50&q={RARE_WORD}")),
            Self::Nowhere => Ask::get(format!("/api/tasks?limit=50&q=nowhere{}", dice % 100)),
            Self::Single => Ask::get(format!("/api/tasks/{id}")),
            Self::Complete => Ask {
                body: None,
                ..Ask::post(format!("/api/tasks/{id}/complete"), &Value::Null)
            },
        }
    }
}

struct Found {
    size: u64,
    kind: Kind,
    times: Sample,
    errors: usize,
}

pub async fn run(options: &Growth) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    println!(
        "one account, one request at a time, {} a second at most; {}",
        options.rate,
        placement::stated(placement)
    );
    let mut columns = vec!["ms".to_owned()];
    for size in &options.sizes {
        columns.extend([format!("p50 of {size}"), format!("p99 of {size}")]);
    }
    columns.extend([
        "p99 of the last to the second".to_owned(),
        "errors".to_owned(),
    ]);
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut report = Report::new(
        "growth",
        "p99 of list, filter by due and complete with 1000000 tasks at most twice that with 10000",
        placement,
        &names,
    );
    let accounts = Accounts::prepare(1, placement).await?;
    let mut ids = Vec::new();
    let mut results = Vec::new();
    for size in &options.sizes {
        let begun = Instant::now();
        let new = (ids.len() as u64..*size).map(|number| New {
            account: &accounts.all[0],
            number,
            rings: None,
        });
        ids.extend(fill(&accounts.database(), new)?);
        let bytes = std::fs::metadata(accounts.database())?.len();
        println!(
            "  {size} tasks: written in {:.1} s, {:.0} MB",
            begun.elapsed().as_secs_f64(),
            bytes as f64 / 1e6
        );
        let found = measure(*size, &ids, options, &accounts, placement).await?;
        results.extend(found);
    }
    fill_in(&mut report, options, &results);
    report.finish(&options.json)
}

async fn measure(
    size: u64,
    ids: &[String],
    options: &Growth,
    accounts: &Accounts,
    placement: Option<&Placement>,
) -> Result<Vec<Found>> {
    let mut running =
        Running::start(Server::Punctual, accounts.data.path(), placement, OPEN).await?;
    let mut connection = connect(running.address).await?;
    let token = accounts.login(running.address).await?;
    for kind in KINDS {
        let begun = Instant::now();
        for number in (0..WARM).take_while(|_| begun.elapsed() < Duration::from_secs(1)) {
            send(&mut connection, &token, kind.ask(number, ids)).await?;
        }
    }
    let mut found = Vec::new();
    for round in 1..=options.rounds {
        for kind in KINDS {
            let (mut times, mut errors) = (Vec::new(), 0);
            let begin = Instant::now();
            let until = begin + Duration::from_secs(options.seconds);
            for turn in 0..options.rate * u32::try_from(options.seconds)? {
                let instant =
                    begin + Duration::from_secs_f64(f64::from(turn) / f64::from(options.rate));
                sleep_until(instant.into()).await;
                let asked = Instant::now();
                if asked >= until {
                    break;
                }
                let number = size ^ u64::from(round) << 32 ^ u64::from(turn);
                match send(&mut connection, &token, kind.ask(number, ids)).await {
                    Ok(_) => times.push(asked.elapsed().as_secs_f64() * 1e3),
                    Err(error) => {
                        println!("    {error:#}");
                        errors += 1;
                        connection = connect(running.address).await?;
                    }
                }
            }
            let times: Sample = times.into_iter().collect();
            println!(
                "    round {round}, {}: {} answers, {errors} errors, p50 {:.1} ms, p99 {:.1} ms",
                kind.name(),
                times.len(),
                times.quantile(0.50),
                times.quantile(0.99)
            );
            found.push(Found {
                size,
                kind,
                times,
                errors,
            });
            // What follows from it is done meanwhile.
            sleep(Duration::from_millis(500)).await;
        }
    }
    running.stop().await?;
    Ok(found)
}

fn fill_in(report: &mut Report, options: &Growth, results: &[Found]) {
    let mut series = Vec::new();
    for kind in KINDS {
        let median = |size: u64, q: f64| {
            results
                .iter()
                .filter(|found| found.size == size && found.kind == kind)
                .map(|found| found.times.quantile(q))
                .collect::<Sample>()
                .median()
        };
        let mut row = vec![kind.name().to_owned()];
        for size in &options.sizes {
            row.push(format!("{:.1}", median(*size, 0.50)));
            row.push(format!("{:.1}", median(*size, 0.99)));
        }
        row.push(match options.sizes.as_slice() {
            [_, second, .., last] => format!("{:.1}", median(*last, 0.99) / median(*second, 0.99)),
            _ => "–".to_owned(),
        });
        let errors = results.iter().filter(|found| found.kind == kind);
        row.push(errors.map(|found| found.errors).sum::<usize>().to_string());
        report.rows.push(row);
        let points = options
            .sizes
            .iter()
            .map(|size| (*size as f64, median(*size, 0.99)));
        series.push((kind.name().to_owned(), points.collect()));
    }
    report.plots.push(Plot {
        name: "growth".to_owned(),
        title: "p99 by the number of tasks in one account".to_owned(),
        unit: "ms".to_owned(),
        shape: Shape::Lines {
            across: "tasks".to_owned(),
            series,
        },
    });
    let runs: Vec<Value> = results
        .iter()
        .map(|found| {
            json!({
                "tasks": found.size, "kind": found.kind.name(), "answers": found.times.len(), "errors": found.errors,
                "p50_ms": found.times.quantile(0.50), "p99_ms": found.times.quantile(0.99),
            })
        })
        .collect();
    report.detail("rate", options.rate);
    report.detail("seconds", options.seconds);
    report.detail("results", runs);
}
