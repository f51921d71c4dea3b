//! The console client as a process: what it takes beside the requests that it makes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::api::task;
use crate::figures::{Plot, Report, Sample, Shape};
use crate::http::{Ask, connect, send};
use crate::placement::{self, Placement};
use crate::server::{EMAIL, PASSWORD, Running, Server, programs};

const LIST: &str = "/api/tasks?status=open&limit=50";

#[derive(Parser)]
pub struct Cli {
    /// How often each
    #[arg(long, default_value_t = 100)]
    runs: u32,
    /// Rounds of so many, in turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Tasks of the account
    #[arg(long, default_value_t = 50)]
    tasks: u64,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/cli.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    List,
    ListJson,
    Version,
    Curl,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::List => "punctual list",
            Self::ListJson => "punctual list --json",
            Self::Version => "punctual --version",
            Self::Curl => "curl of the same list",
        }
    }

    /// What it asks for, one after the other on one connection.
    fn asks(self) -> Vec<Ask> {
        let list = Ask::get(LIST);
        match self {
            Self::List => vec![
                Ask::get("/api/settings"),
                list,
                Ask::get("/api/projects?archived=false&limit=200"),
            ],
            Self::ListJson | Self::Curl => vec![list],
            Self::Version => Vec::new(),
        }
    }

    fn command(self, home: &Path, address: SocketAddr, token: &str) -> Result<Command> {
        let punctual = |words: &[&str]| {
            let mut command = Command::new(programs()?.join("punctual"));
            command
                .args(words)
                .env("HOME", home)
                .env("XDG_CONFIG_HOME", home)
                .env("PUNCTUAL_URL", format!("http://{address}"));
            anyhow::Ok(command)
        };
        Ok(match self {
            Self::List => punctual(&["list"])?,
            Self::ListJson => punctual(&["list", "--json"])?,
            Self::Version => punctual(&["--version"])?,
            Self::Curl => {
                let mut command = Command::new("curl");
                let header = format!("authorization: Bearer {token}");
                command.args([
                    "-sS",
                    "--fail",
                    "-H",
                    &header,
                    &format!("http://{address}{LIST}"),
                ]);
                command
            }
        })
    }
}

/// Milliseconds.
struct Found {
    program: Program,
    whole: Sample,
    requests: Sample,
}

impl Found {
    fn beside(&self, q: f64) -> f64 {
        self.whole.quantile(q) - self.requests.median()
    }
}

pub async fn run(options: &Cli) -> Result<()> {
    let placement = Placement::take();
    let placement = placement.as_ref();
    println!("{}", placement::stated(placement));
    let mut report = Report::new(
        "cli",
        "`punctual list` below 15 ms beside its requests",
        placement,
        &[
            "",
            "beside the requests, ms",
            "from … to",
            "p99",
            "whole, ms",
            "requests",
            "of them, ms",
        ],
    );
    let (data, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut running = Running::start(Server::Punctual, data.path(), placement, &[]).await?;
    let token = running.register().await?;
    let mut connection = connect(running.address).await?;
    for number in 0..options.tasks {
        send(
            &mut connection,
            &token,
            Ask::post("/api/tasks", &task(number)),
        )
        .await?;
    }
    log_in(home.path(), running.address).await?;
    sleep(Duration::from_secs(2)).await;

    let mut programs = vec![Program::List, Program::ListJson, Program::Version];
    if Command::new("curl").arg("--version").output().is_ok() {
        programs.push(Program::Curl);
    }
    let mut results = Vec::new();
    for round in 1..=options.rounds {
        for program in &programs {
            let found = measure(*program, options, home.path(), running.address, &token).await?;
            println!(
                "  round {round}, {}: {:.1} ms, of which requests {:.1} ms",
                program.name(),
                found.whole.median(),
                found.requests.median()
            );
            results.push(found);
        }
    }
    running.stop().await?;
    fill_in(&mut report, &programs, &results);
    report.finish(&options.json)
}

async fn log_in(home: &Path, address: SocketAddr) -> Result<()> {
    let mut command = tokio::process::Command::new(programs()?.join("punctual"));
    let mut child = command
        .args(["login", EMAIL, "--password-stdin"])
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("PUNCTUAL_URL", format!("http://{address}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().context("its input")?;
    input.write_all(format!("{PASSWORD}\n").as_bytes()).await?;
    drop(input);
    ensure!(child.wait().await?.success(), "`punctual login` failed");
    Ok(())
}

async fn measure(
    program: Program,
    options: &Cli,
    home: &Path,
    address: SocketAddr,
    token: &str,
) -> Result<Found> {
    let (mut whole, mut requests) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let mut command = program.command(home, address, token)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let status = tokio::process::Command::from(command).status().await?;
        whole.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(status.success(), "{} failed", program.name());

        let begun = Instant::now();
        let asks = program.asks();
        if !asks.is_empty() {
            let mut connection = connect(address).await?;
            for ask in asks {
                send(&mut connection, token, ask).await?;
            }
        }
        requests.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Found {
        program,
        whole: whole.into_iter().collect(),
        requests: requests.into_iter().collect(),
    })
}

fn fill_in(report: &mut Report, programs: &[Program], results: &[Found]) {
    let mut bars = Vec::new();
    for program in programs {
        let of = |figure: &dyn Fn(&Found) -> f64| {
            let of = results.iter().filter(|found| found.program == *program);
            of.map(figure).collect::<Sample>()
        };
        let beside = of(&|found| found.beside(0.50));
        report.row([
            program.name().to_owned(),
            format!("{:.1}", beside.median()),
            beside.spread(1),
            format!("{:.1}", of(&|found| found.beside(0.99)).median()),
            format!("{:.1}", of(&|found| found.whole.median()).median()),
            program.asks().len().to_string(),
            format!("{:.1}", of(&|found| found.requests.median()).median()),
        ]);
        bars.push((program.name().to_owned(), beside.median()));
    }
    report.plots.push(Plot {
        name: "cli".to_owned(),
        title: "The console client beside its requests".to_owned(),
        unit: "ms".to_owned(),
        shape: Shape::Bars(bars),
    });
    let runs: Vec<Value> = results
        .iter()
        .map(|found| {
            json!({
                "program": found.program.name(), "runs": found.whole.len(),
                "whole_p50_ms": found.whole.median(), "whole_p99_ms": found.whole.quantile(0.99),
                "requests_p50_ms": found.requests.median(), "beside_p50_ms": found.beside(0.50),
            })
        })
        .collect();
    report.detail("results", runs);
}
