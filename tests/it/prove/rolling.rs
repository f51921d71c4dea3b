//! A new release takes the place of another one under load, process by process, on the real servers: no request fails, no
//! reminder is lost or told twice, and live streams go on where they were.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use it::Receiver;
use it::process::root;
use punctual_servers::{Cluster, ClusterOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::load::{Load, Patience};
use crate::pods::{PAUSE, roll};
use crate::{judge, until_told};

const SECOND: i64 = 1_000_000;

#[derive(Parser, Clone)]
pub struct Rolling {
    /// Requests a second, whatever became of those before
    #[arg(long, default_value_t = 40)]
    rate: u32,
    /// How often every process is replaced
    #[arg(long, default_value_t = 2)]
    rolls: usize,
    /// Whose the tasks are, in turn; each has a live stream
    #[arg(long, default_value_t = 10)]
    accounts: usize,
    /// A folder with another release of this project, built: what runs at first
    #[arg(long, value_name = "DIR")]
    previous: Option<PathBuf>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Rolling) -> bool {
    let Rolling {
        rate,
        rolls,
        accounts,
        previous,
        seed,
    } = options.clone();
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let release = folder.path().join("release");
    let first = previous.clone().unwrap_or_else(root);
    point(&release, &first);
    println!(
        "{rolls} times every process is replaced, at {rate} requests a second; from {} to this build, under our own host",
        previous
            .as_ref()
            .map_or("this build".to_owned(), |path| path.display().to_string())
    );
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::start(
        ClusterOptions {
            workers: 2,
            functions: 2,
            programs: release.join("target/release"),
            root: release.clone(),
            ..it::cluster::options()
        },
        |line| println!("  {line}"),
    )
    .await
    .expect("the cluster starts");
    let users = it::cluster::people(cluster.url(), accounts, &receiver).await;

    let load = Load::begin(&users, rate, seed ^ 1, Patience::None).await;
    tokio::time::sleep(PAUSE).await;
    point(&release, &root());
    let begun = Instant::now();
    for number in 0..rolls {
        if number == 0 {
            // As the chart's hook does, before any new program runs.
            cluster.migrate().await.expect("migrated");
        }
        roll(&mut cluster, &mut random).await;
        let (requests, failed) = load.so_far();
        println!(
            "  roll {}: {requests} requests, {failed} failed, {:.0} s so far",
            number + 1,
            begun.elapsed().as_secs_f64()
        );
    }
    let ended = load.end().await;
    let last = ended.intents.values().max().copied().unwrap_or_default();
    until_told(&receiver, &ended.intents, last + 60 * SECOND).await;
    let judged = judge(&users, &receiver, &ended.intents).await;
    let stopped = cluster.stop().await.is_ok();
    let held = judged.held && ended.held && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}

/// The release that is started from now on.
fn point(link: &Path, to: &Path) {
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(to, link).expect("a link");
}
