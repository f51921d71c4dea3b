//! Reminders: very many at one moment, and a few all the time. How late they are is said by the records (when each fired) and
//! by a receiver outside (when its webhook arrived).

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use punctual_domain::Instant;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{sleep, timeout};

use crate::accounts::{Accounts, OPEN, tokens};
use crate::figures::{Plot, Report, Sample, Shape, micros};
use crate::fill::{New, fill};
use crate::http::{Ask, connect, json, text};
use crate::placement::{self, Placement};
use crate::receiver::Receiver;
use crate::server::{Running, Server, peers, python};

const SECOND: i64 = 1_000_000;
const TRIALS: u64 = 1000;

#[derive(Parser)]
pub struct Reminders {
    /// Reminders that are due within one second; 0: leave that out
    #[arg(long, default_value_t = 100_000)]
    burst: usize,
    /// Reminders a second; 0: leave that out
    #[arg(long, default_value_t = 100)]
    rate: usize,
    /// For so long
    #[arg(long, default_value_t = 60)]
    seconds: usize,
    /// Whose they are
    #[arg(long, default_value_t = 100)]
    accounts: usize,
    /// How often each
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Seconds that are waited after the last instant for what is missing
    #[arg(long, default_value_t = 60)]
    patience: i64,
    /// Seconds that APScheduler gets to take its jobs; 0: without it
    #[arg(long, default_value_t = 60)]
    peer_seconds: u32,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/reminders.json")]
    json: PathBuf,
}

/// So many, evenly over so long.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Wanted {
    count: usize,
    seconds: usize,
}

impl Wanted {
    fn name(self) -> String {
        match self.seconds {
            1 => format!("{} in one second", self.count),
            seconds => format!("{} a second for {seconds} s", self.count / seconds),
        }
    }

    /// Microseconds after the first one, on a millisecond.
    fn after(self, number: usize) -> i64 {
        let spread = self.seconds * 1000 * number / self.count;
        i64::try_from(spread).unwrap_or(0) * 1000
    }
}

/// What became of them.
#[derive(Default)]
struct Found {
    wanted: usize,
    /// By the records; empty where there are none. Milliseconds late.
    fired: Sample,
    /// Milliseconds late.
    arrived: Sample,
    /// Seconds from the first instant to the last firing, or to the last arrival.
    fired_within: f64,
    arrived_within: f64,
    lost: usize,
    untold: usize,
    doubled: usize,
    early: usize,
}

pub async fn run(options: &Reminders) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    println!(
        "{} accounts, each with a webhook to one receiver; {}",
        options.accounts,
        placement::stated(placement)
    );
    let mut report = Report::new(
        "reminders",
        "100000 in one second: all fired within 20 s; steadily: arrived p99 below 250 ms, none early",
        placement,
        &[
            "",
            "fired",
            "within s",
            "p50 ms",
            "p99 ms",
            "arrived",
            "within s ",
            "p50 ms ",
            "p99 ms ",
            "p99 from … to",
            "lost",
            "doubled",
            "early",
        ],
    );
    let mut wanted = Vec::new();
    if options.burst > 0 {
        let (count, seconds) = (options.burst, 1);
        wanted.push(Wanted { count, seconds });
    }
    if options.rate > 0 {
        let (count, seconds) = (options.rate * options.seconds, options.seconds);
        wanted.push(Wanted { count, seconds });
    }
    let mut results: Vec<(Wanted, &str, Found)> = Vec::new();
    for round in 1..=options.rounds {
        for wanted in &wanted {
            let found = ours(*wanted, options, placement).await?;
            println!(
                "  round {round}, {}, punctual: {}",
                wanted.name(),
                found.line()
            );
            results.push((*wanted, "punctual", found));
            if options.peer_seconds > 0 {
                let found = theirs(*wanted, options, placement).await?;
                println!(
                    "  round {round}, {}, APScheduler: {}",
                    wanted.name(),
                    found.line()
                );
                results.push((*wanted, "APScheduler", found));
            }
        }
    }
    fill_in(&mut report, &results);
    report.finish(&options.json)
}

async fn ours(wanted: Wanted, options: &Reminders, placement: Option<&Placement>) -> Result<Found> {
    let accounts = Accounts::prepare(options.accounts, placement).await?;
    let receiver = Receiver::start().await?;
    let start = || Running::start(Server::Punctual, accounts.data.path(), placement, OPEN);

    let mut running = start().await?;
    let tokens = tokens(running.address, &accounts.all).await?;
    let mut connection = connect(running.address).await?;
    for token in &tokens {
        let channel = json!({ "kind": "webhook", "target": receiver.url });
        let ask = Ask::post("/api/settings/channels", &channel);
        json(&mut connection, token, ask).await?;
    }
    running.stop().await?;

    // How long it takes to write them is found with some that do not ring.
    let trial = std::time::Instant::now();
    let silent = (0..TRIALS).map(|number| New {
        account: &accounts.all[0],
        number,
        rings: None,
    });
    fill(&accounts.database(), silent)?;
    let each = trial.elapsed() / u32::try_from(TRIALS)?;
    let needed = i64::try_from(each.as_micros())? * i64::try_from(wanted.count)? * 3;
    let begin = ((micros() + needed) / SECOND + 10) * SECOND;
    let new = (0..wanted.count).map(|number| New {
        account: &accounts.all[number % accounts.all.len()],
        number: number as u64,
        rings: Some(begin + wanted.after(number)),
    });
    let ids = fill(&accounts.database(), new)?;
    let mut running = start().await?;
    let ahead = (begin - micros()) / SECOND;
    ensure!(
        ahead >= 2,
        "not ready before the first instant: {ahead} s; this machine is too busy"
    );
    let meant: HashMap<String, i64> = ids
        .into_iter()
        .enumerate()
        .map(|(number, id)| (id, begin + wanted.after(number)))
        .collect();
    until_told(&receiver, wanted, begin, options.patience).await;
    let mut fired = Vec::new();
    let mut connection = connect(running.address).await?;
    for token in &tokens {
        let mut cursor = String::new();
        loop {
            let path = format!("/api/notifications?limit=200{cursor}");
            let page = json(&mut connection, token, Ask::get(path)).await?;
            for record in page["items"].as_array().into_iter().flatten() {
                let at: Instant = text(record, "fired_at")?
                    .parse()
                    .ok()
                    .context("an instant")?;
                fired.push((text(record, "task_id")?, at.micros()));
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    running.stop().await?;
    let mut found = judge(&meant, begin, &receiver.received());
    let records = judge(&meant, begin, &fired);
    found.lost = records.untold;
    found.doubled += records.doubled;
    found.early += records.early;
    (found.fired, found.fired_within) = (records.arrived, records.arrived_within);
    Ok(found)
}

async fn theirs(
    wanted: Wanted,
    options: &Reminders,
    placement: Option<&Placement>,
) -> Result<Found> {
    let receiver = Receiver::start().await?;
    let data = tempfile::tempdir()?;
    let mut command = placement::server(placement, python("apscheduler")?.join("python"));
    command
        .arg(peers().join("apscheduler/main.py"))
        .env("DATABASE", data.path().join("jobs.db"))
        .env("URL", &receiver.url)
        .env("COUNT", wanted.count.to_string())
        .env("SPREAD", wanted.seconds.to_string())
        .env("LIMIT", options.peer_seconds.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()?;
    let out = child.stdout.take().context("its output")?;
    let limit = Duration::from_secs(u64::from(options.peer_seconds) * 2 + 60);
    let line = timeout(limit, BufReader::new(out).lines().next_line()).await??;
    let said: Value = serde_json::from_str(&line.context("APScheduler ended at once")?)?;
    let begin = said["begin"].as_i64().context("begin")?;
    let added = usize::try_from(said["added"].as_u64().context("added")?)?;
    println!(
        "  APScheduler took {added} jobs in {:.0} s",
        said["took"].as_f64().unwrap_or(0.0)
    );
    let meant: HashMap<String, i64> = (0..added)
        .map(|number| (number.to_string(), begin + wanted.after(number)))
        .collect();
    let of = Wanted {
        count: added,
        ..wanted
    };
    until_told(&receiver, of, begin, options.patience).await;
    child.kill().await?;
    let mut found = judge(&meant, begin, &receiver.received());
    // It has no records: what did not arrive may come later.
    found.lost = found.untold;
    Ok(found)
}

async fn until_told(receiver: &Receiver, wanted: Wanted, begin: i64, patience: i64) {
    let end = begin + wanted.after(wanted.count) + patience * SECOND;
    while receiver.count() < wanted.count && micros() < end {
        sleep(Duration::from_millis(100)).await;
    }
    // One that comes twice would do so soon.
    sleep(Duration::from_secs(1)).await;
}

/// Compares what was meant with what happened.
fn judge(meant: &HashMap<String, i64>, begin: i64, happened: &[(String, i64)]) -> Found {
    let mut times: HashMap<&str, usize> = HashMap::new();
    let (mut late, mut last, mut early) = (Vec::new(), begin, 0);
    for (task, at) in happened {
        let Some(instant) = meant.get(task) else {
            continue;
        };
        let seen = times.entry(task).or_default();
        *seen += 1;
        if *seen == 1 {
            early += usize::from(at < instant);
            last = last.max(*at);
            late.push((at - instant) as f64 / 1e3);
        }
    }
    let within = (last - begin) as f64 / 1e6;
    Found {
        wanted: meant.len(),
        arrived: late.into_iter().collect(),
        arrived_within: within,
        untold: meant.len() - times.len(),
        doubled: times.values().filter(|&&seen| seen > 1).count(),
        early,
        ..Found::default()
    }
}

impl Found {
    fn line(&self) -> String {
        format!(
            "{} fired within {:.1} s, {} arrived within {:.1} s, p50 {:.0} ms, p99 {:.0} ms; {} lost, {} doubled, {} early",
            self.fired.len(),
            self.fired_within,
            self.arrived.len(),
            self.arrived_within,
            self.arrived.quantile(0.50),
            self.arrived.quantile(0.99),
            self.lost,
            self.doubled,
            self.early
        )
    }
}

fn fill_in(report: &mut Report, results: &[(Wanted, &str, Found)]) {
    let mut kinds: Vec<(Wanted, &str)> = Vec::new();
    for (wanted, who, _) in results {
        if !kinds.contains(&(*wanted, who)) {
            kinds.push((*wanted, who));
        }
    }
    let mut bars: Vec<(Wanted, Vec<(String, f64)>)> = Vec::new();
    for (wanted, who) in kinds {
        let of = || {
            results
                .iter()
                .filter(move |(of, by, _)| *of == wanted && *by == who)
                .map(|(_, _, found)| found)
        };
        let median = |figure: &dyn Fn(&Found) -> f64| of().map(figure).collect::<Sample>().median();
        let sum = |figure: &dyn Fn(&Found) -> usize| of().map(figure).sum::<usize>();
        let all = sum(&|found| found.wanted);
        let records = sum(&|found| found.fired.len());
        // APScheduler keeps none.
        let fired = |figure: &dyn Fn(&Found) -> f64, digits: usize| match records {
            0 => "–".to_owned(),
            _ => format!("{:.digits$}", median(figure)),
        };
        let p99: Sample = of().map(|found| found.arrived.quantile(0.99)).collect();
        report.row([
            format!("{}: {who}", wanted.name()),
            match records {
                0 => "–".to_owned(),
                records => format!("{records} of {all}"),
            },
            fired(&|found| found.fired_within, 1),
            fired(&|found| found.fired.quantile(0.50), 0),
            fired(&|found| found.fired.quantile(0.99), 0),
            format!("{} of {all}", sum(&|found| found.arrived.len())),
            format!("{:.1}", median(&|found| found.arrived_within)),
            format!("{:.0}", median(&|found| found.arrived.quantile(0.50))),
            format!("{:.0}", p99.median()),
            p99.spread(0),
            sum(&|found| found.lost).to_string(),
            sum(&|found| found.doubled).to_string(),
            sum(&|found| found.early).to_string(),
        ]);
        let bar = (who.to_owned(), p99.median());
        match bars.last_mut() {
            Some((of, bars)) if *of == wanted => bars.push(bar),
            _ => bars.push((wanted, vec![bar])),
        }
    }
    for (wanted, bars) in bars {
        let kind = if wanted.seconds == 1 {
            "burst"
        } else {
            "steady"
        };
        report.plots.push(Plot {
            name: format!("reminders-{kind}"),
            title: format!("{}: p99 from instant to arrival", wanted.name()),
            unit: "ms".to_owned(),
            shape: Shape::Bars(bars),
        });
    }
    let runs: Vec<Value> = results
        .iter()
        .map(|(wanted, who, found)| {
            json!({
                "what": wanted.name(), "who": who, "wanted": found.wanted,
                "fired": found.fired.len(), "fired_within_s": found.fired_within,
                "fired_p50_ms": found.fired.quantile(0.50), "fired_p99_ms": found.fired.quantile(0.99),
                "arrived": found.arrived.len(), "arrived_within_s": found.arrived_within,
                "arrived_p50_ms": found.arrived.quantile(0.50), "arrived_p99_ms": found.arrived.quantile(0.99),
                "lost": found.lost, "doubled": found.doubled, "early": found.early,
            })
        })
        .collect();
    report.detail("results", runs);
}
