//! Measurements. Each starts the real servers for itself, prints what it found, and leaves nothing behind.

mod accounts;
mod api;
mod cli;
mod cold;
mod figures;
mod fill;
mod growth;
mod http;
mod live;
mod placement;
mod plots;
mod processes;
mod receiver;
mod relay;
mod reminders;
mod server;
// These two belong to the crate of the functions' statements, which itself is for WASM alone.
#[path = "../../crates/store/src/db/sql.rs"]
mod sql;
#[path = "../../crates/store/src/statements.rs"]
mod statements;
mod users;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measures Punctual")]
struct Program {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// The API's busiest requests, beside FastAPI and a native service: how many a second within a bound
    Api(api::Api),
    /// Many users at once, with a connection and an account each, who think between requests
    Users(users::Users),
    /// Very many reminders at one moment, and a few all the time, beside APScheduler: how late, lost, doubled, early
    Reminders(reminders::Reminders),
    /// What a start, a function's first call and an idle server cost, beside FastAPI and a native service
    Cold(cold::Cold),
    /// Very many live streams: from a change to each client
    Live(live::Live),
    /// One account with a thousand to a million tasks: how long its requests take
    Growth(growth::Growth),
    /// The console client as a process, beside its requests and curl
    Cli(cli::Cli),
    /// From a committed change to Kafka: how many a second, and how late each
    Relay(relay::Relay),
    /// Draws bench/plots/*.svg and writes the tables of bench/README.md, of target/bench/*.json
    Plots(plots::Plots),
    #[command(hide = true)]
    Peer(api::peer::Peer),
    #[command(hide = true)]
    Publisher(relay::publisher::Publisher),
}

#[tokio::main]
async fn main() -> ExitCode {
    // What was started ends with what started it, also where that is told to stop.
    let done = tokio::select! {
        done = run(Program::parse().bench) => done,
        stopped = told_to_stop() => match stopped {
            Ok(()) => return ExitCode::FAILURE,
            Err(error) => Err(error.into()),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(bench: Bench) -> Result<()> {
    match bench {
        Bench::Api(options) => api::run(&options).await,
        Bench::Users(options) => users::run(&options).await,
        Bench::Reminders(options) => reminders::run(&options).await,
        Bench::Cold(options) => cold::run(&options).await,
        Bench::Live(options) => live::run(&options).await,
        Bench::Growth(options) => growth::run(&options).await,
        Bench::Cli(options) => cli::run(&options).await,
        Bench::Relay(options) => relay::run(&options).await,
        Bench::Plots(options) => plots::run(&options),
        Bench::Publisher(options) => relay::publisher::run(&options).await,
        Bench::Peer(options) => api::peer::run(&options).await,
    }
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
