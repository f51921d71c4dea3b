//! `punctual-cluster`: the cluster on this machine, until Ctrl-C; and what its parts and others are built of.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use punctual_servers::{Cluster, ClusterOptions, prepare};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("punctual-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["prepare", ..] => prepare(&words[1..]).await,
        [root, port] => cluster(root, port).await,
        _ => bail!("`cargo xtask up --cluster` and `cargo xtask test` start this"),
    }
}

async fn cluster(root: &str, port: &str) -> Result<()> {
    let setting = |name: &str| std::env::var(format!("PUNCTUAL_{name}")).ok();
    let variables = ["registration", "trusted_proxies", "webhook_allow_private"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), setting(&name.to_uppercase())?)));
    let options = ClusterOptions {
        port: port.parse().context("the port")?,
        variables: variables.collect(),
        ..ClusterOptions::new(PathBuf::from(root))
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut cluster = tokio::select! {
        started = Cluster::start(options, |line| println!("  {line}")) => started?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    println!(
        "Punctual is up at {}, as on a cluster. Its logs are in {}; all of it, its data too, is gone when it stops. \
         Ctrl-C stops it.",
        cluster.url(),
        cluster.folder().display()
    );
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if let Some((name, log)) = cluster.ended() {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            bail!(
                "{name} has ended, so all is stopped. The end of its log:\n{}",
                end.join("\n")
            );
        }
    }
    println!("Stopping");
    cluster.stop().await
}
