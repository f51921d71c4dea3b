//! People at work on the real servers, and random faults, for so many minutes.

use std::time::{Duration, Instant};

use clap::Parser;
use it::Receiver;
use punctual_servers::{Cluster, ClusterOptions};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::faults::{ALL, Fault, inject, steppable};
use crate::load::{Load, Patience};
use crate::{judge, now, recovery, until_told};

const SECOND: i64 = 1_000_000;
/// After a fault has ended, what was due meanwhile fires within so many milliseconds.
const RECOVERY_MS: i64 = 30_000;
/// Beside those of `prove faults`.
const MORE: [Fault; 8] = [
    Fault::PostgresStopped,
    Fault::PostgresDiskFull,
    Fault::KafkaDiskFull,
    Fault::DatabaseCut,
    Fault::DatabaseSlow,
    Fault::ClockAhead,
    Fault::ClockBehind,
    Fault::MemoryHeld,
];

#[derive(Parser, Clone)]
pub struct Chaos {
    /// For how long faults come
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Requests a second
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Whose they are, in turn
    #[arg(long, default_value_t = 10)]
    accounts: usize,
    /// Of the requests, the faults and the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Chaos) -> bool {
    let Chaos {
        minutes,
        rate,
        accounts,
        seed,
    } = options.clone();
    println!("{minutes} minutes at {rate} requests a second of {accounts} accounts, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::start(
        ClusterOptions {
            workers: 2,
            proxies: true,
            ..it::cluster::options()
        },
        |line| println!("  {line}"),
    )
    .await
    .expect("the cluster starts");
    steppable(&mut cluster).await;
    let users = it::cluster::people(cluster.url(), accounts, &receiver).await;

    let load = Load::begin(&users, rate, seed ^ 1, Patience::Much).await;
    let (begun, begin) = (Instant::now(), now());
    let end = Duration::from_secs_f64(minutes * 60.0);
    let (mut deck, mut spans) = (Vec::new(), Vec::new());
    while begun.elapsed() < end {
        tokio::time::sleep(Duration::from_millis(random.random_range(3000..12_000))).await;
        if deck.is_empty() {
            deck = [&ALL[..], &MORE].concat();
            deck.shuffle(&mut random);
        }
        let fault = deck.pop().expect("a fault");
        let down = Duration::from_millis(random.random_range(500..6000));
        let (victim, from) = (random.random_range(0..2), now());
        inject(&mut cluster, fault, victim, down).await;
        let to = now();
        println!(
            "  {fault:?} at +{:.1} s for {:.1} s",
            (from - begin) as f64 / 1e6,
            (to - from) as f64 / 1e6
        );
        spans.push((fault, from, to));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let ended = load.end().await;
    let last = ended.intents.values().max().copied().unwrap_or_default();
    until_told(&receiver, &ended.intents, last + 60 * SECOND).await;
    let judged = judge(&users, &receiver, &ended.intents).await;
    let mut slow = 0;
    for (fault, from, to) in spans {
        let recovery = recovery(&judged, from, to);
        slow += usize::from(recovery > RECOVERY_MS);
        let due = judged
            .fired
            .iter()
            .filter(|(meant, _)| (from..to).contains(meant));
        let late: Vec<i64> = due.map(|(meant, at)| (at - meant) / 1000).collect();
        println!(
            "  {fault:?} at +{:.1} s: {} were due meanwhile, the latest {} ms late; recovered after {recovery} ms",
            (from - begin) as f64 / 1e6,
            late.len(),
            late.iter().max().unwrap_or(&0),
        );
    }
    let stopped = cluster.stop().await.is_ok();
    println!(
        "  {} intents, {} rang that were acknowledged too late or never",
        ended.intents.len(),
        judged.unknown
    );
    let held = judged.kept && judged.unknown <= ended.late && ended.held && slow == 0 && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}
