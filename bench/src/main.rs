//! Measurements. Each starts the real servers for itself, prints what it found, and leaves nothing behind.

mod processes;
mod relay;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measures Punctual")]
struct Program {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// From a committed change to Kafka: how many a second, and how late each
    Relay(relay::Relay),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Program::parse().bench {
        Bench::Relay(options) => relay::run(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
