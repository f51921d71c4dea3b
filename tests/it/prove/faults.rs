//! Reminders on the real servers, under a seeded schedule of faults.

use std::collections::HashMap;
use std::time::Duration;

use clap::Parser;
use futures::StreamExt;
use it::client::text;
use it::{Receiver, User};
use punctual_domain::Instant as At;
use punctual_servers::{Cluster, ClusterOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::{judge, now, recovery, until_told};

const SECOND: i64 = 1_000_000;
/// Tasks that are made at once.
const AT_ONCE: usize = 8;
/// After a fault has ended, what was due meanwhile fires within so many milliseconds.
const RECOVERY_MS: i64 = 5_000;

/// How much later each piece between Postgres and its clients comes while the network is slow.
const SLOW: Duration = Duration::from_millis(40);
/// By how many seconds the clock that the workers follow steps.
const STEP: i64 = 3;
/// The most that is held under pressure of memory.
const MOST_HELD: usize = 4 << 30;

#[derive(Parser, Clone)]
pub struct Faults {
    /// How many reminders
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Over how many seconds their instants are spread; 0: all are due at one instant
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// How many faults, one after the other, while they fire
    #[arg(long, default_value_t = 12)]
    faults: usize,
    /// Whose they are, in turn
    #[arg(long, default_value_t = 20)]
    accounts: usize,
    /// Workers, each with its sidecar
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Of the instants and of the faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    WorkerKilled,
    WorkerStopped,
    SidecarKilled,
    SchedulerKilled,
    SchedulerEmptied,
    KafkaKilled,
    KafkaStopped,
    PostgresKilled,
    FunctionsKilled,
    // Of `chaos` alone.
    PostgresStopped,
    PostgresDiskFull,
    KafkaDiskFull,
    DatabaseCut,
    DatabaseSlow,
    ClockAhead,
    ClockBehind,
    MemoryHeld,
}

pub const ALL: [Fault; 9] = [
    Fault::WorkerKilled,
    Fault::KafkaKilled,
    Fault::SchedulerEmptied,
    Fault::PostgresKilled,
    Fault::WorkerStopped,
    Fault::FunctionsKilled,
    Fault::SidecarKilled,
    Fault::KafkaStopped,
    Fault::SchedulerKilled,
];

pub async fn run(options: &Faults) -> bool {
    let Faults {
        count,
        seconds,
        faults,
        accounts,
        workers,
        seed,
    } = options.clone();
    println!(
        "{count} reminders of {accounts} accounts in {seconds} s, {faults} faults, {workers} workers, seed {seed}"
    );
    let mut random = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::start(
        ClusterOptions {
            workers,
            ..it::cluster::options()
        },
        |line| println!("  {line}"),
    )
    .await
    .expect("the cluster starts");
    let users = it::cluster::people(cluster.url(), accounts, &receiver).await;

    // The intents are all acknowledged before the first instant, at the pace that some others show.
    let far = now() + 7 * 24 * 3600 * SECOND;
    make(&users, "first", &[far; 50]).await;
    let started = now();
    make(&users, "pace", &[far; 500]).await;
    let each = (now() - started) / 500;
    let ahead = each * i64::try_from(count).unwrap_or(0) * 3 / 2 + 8 * SECOND;
    let begin = (now() + ahead) / SECOND * SECOND;
    let spread = i64::try_from(seconds).unwrap_or(0) * 1000;
    let instants: Vec<i64> = (0..count)
        .map(|_| match spread {
            0 => begin,
            millis => begin + random.random_range(0..millis) * 1000,
        })
        .collect();
    let intents = make(&users, "intent", &instants).await;
    println!(
        "  {} tasks acknowledged, {} ms before the first instant",
        intents.len(),
        (begin - now()) / 1000
    );

    let mut spans = Vec::new();
    let pause = spread / i64::try_from(faults.max(1)).unwrap_or(1);
    for number in 0..faults {
        let moment = begin + (i64::try_from(number).unwrap_or(0) * pause + 500) * 1000;
        let wait = u64::try_from(moment - now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_micros(wait)).await;
        let fault = ALL[(usize::try_from(seed).unwrap_or(0) + number) % ALL.len()];
        let down = Duration::from_millis(random.random_range(500..3000));
        let victim = random.random_range(0..workers);
        let from = now();
        inject(&mut cluster, fault, victim, down).await;
        spans.push((fault, from, now()));
    }
    let deadline = begin + (spread / 1000 + 120) * SECOND;
    until_told(&receiver, &intents, deadline).await;
    let judged = judge(&users, &receiver, &intents).await;
    if spread == 0 {
        let last = judged.fired.iter().map(|(_, at)| at - begin).max();
        println!("  the last one fired after {} ms", last.unwrap_or(0) / 1000);
    }
    let mut slow = 0;
    for (fault, from, to) in spans {
        let recovery = recovery(&judged, from, to);
        slow += usize::from(recovery > RECOVERY_MS);
        println!(
            "  {:<17} at +{:>5.1} s for {:>4.1} s: the last of what was due meanwhile fired {recovery} ms after its end",
            format!("{fault:?}"),
            (from - begin) as f64 / 1e6,
            (to - from) as f64 / 1e6,
        );
    }
    let stopped = cluster.stop().await.is_ok();
    let held = judged.held && slow == 0 && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}

/// Makes a task with a reminder for each instant; their ids, as they were acknowledged.
async fn make(users: &[User], key: &str, instants: &[i64]) -> HashMap<String, i64> {
    futures::stream::iter(instants.iter().enumerate())
        .map(|(number, at)| async move {
            let body = json!({
                "title": format!("{key} {number}"),
                "reminders": [{ "at": At::from_micros(*at).to_string() }],
            });
            let user = &users[number % users.len()];
            let task = user
                .post_keyed("/api/tasks", &format!("{key}-{number}"), body)
                .await
                .expect(201);
            (text(&task, "/id"), *at)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// One fault, from its beginning until the part is there again.
pub async fn inject(cluster: &mut Cluster, fault: Fault, victim: usize, down: Duration) {
    let wait = || tokio::time::sleep(down);
    let database = cluster.database_url();
    let Cluster {
        workers,
        functions,
        scheduler,
        kafka,
        postgres,
        proxies,
        ..
    } = cluster;
    let ways = proxies.iter();
    let ways: Vec<_> = ways
        .flat_map(|both| [&both.functions, &both.workers])
        .collect();
    let worker = &mut workers[victim];
    let done = match fault {
        Fault::WorkerKilled => {
            worker.program.kill().await.expect("killed");
            wait().await;
            worker.program.restart().await
        }
        Fault::WorkerStopped => {
            worker.program.pause().expect("stopped");
            wait().await;
            worker.program.resume()
        }
        Fault::SidecarKilled => {
            worker.daprd.kill().await.expect("killed");
            wait().await;
            worker.daprd.restart().await
        }
        Fault::SchedulerKilled => {
            scheduler.kill().await.expect("killed");
            wait().await;
            scheduler.restart().await
        }
        Fault::SchedulerEmptied => {
            scheduler.kill().await.expect("killed");
            scheduler.wipe_data().expect("emptied");
            wait().await;
            scheduler.restart().await
        }
        Fault::KafkaKilled => {
            kafka.kill().await.expect("killed");
            wait().await;
            kafka.restart().await
        }
        Fault::KafkaStopped => {
            kafka.pause().expect("stopped");
            wait().await;
            kafka.resume()
        }
        Fault::PostgresKilled => {
            postgres.kill().await.expect("killed");
            wait().await;
            postgres.restart().await
        }
        Fault::FunctionsKilled => {
            functions[0].program.kill().await.expect("killed");
            wait().await;
            functions[0].program.restart().await
        }
        Fault::PostgresStopped => {
            postgres.pause().expect("stopped");
            wait().await;
            postgres.resume()
        }
        Fault::PostgresDiskFull => {
            postgres.fill_disk().await.expect("full");
            wait().await;
            postgres.restart().await
        }
        Fault::KafkaDiskFull => {
            kafka.fill_disk().await.expect("full");
            wait().await;
            kafka.restart().await
        }
        Fault::DatabaseCut => {
            for way in &ways {
                way.refuse(true);
                way.cut();
            }
            wait().await;
            ways.iter().for_each(|way| way.refuse(false));
            Ok(())
        }
        Fault::DatabaseSlow => {
            ways.iter().for_each(|way| way.lag(SLOW));
            wait().await;
            ways.iter().for_each(|way| way.lag(Duration::ZERO));
            Ok(())
        }
        Fault::ClockAhead | Fault::ClockBehind => {
            let seconds = if fault == Fault::ClockAhead {
                STEP
            } else {
                -STEP
            };
            // The workers look every half minute.
            for seconds in [seconds, 0] {
                stepped(&database, seconds).await;
                tokio::time::sleep(Duration::from_secs(35)).await;
            }
            Ok(())
        }
        Fault::MemoryHeld => {
            let held = hold(held_bytes());
            wait().await;
            drop(held);
            Ok(())
        }
    };
    done.unwrap_or_else(|error| panic!("{fault:?}: {error:#}"));
}

/// What the workers take for the database's clock is one that can be stepped, from their next start on: a function of that name
/// goes before Postgres' own for their login.
pub async fn steppable(cluster: &mut Cluster) {
    const CLOCK: &str = "
        CREATE SCHEMA stepped;
        CREATE TABLE stepped.by (seconds bigint NOT NULL);
        INSERT INTO stepped.by VALUES (0);
        CREATE FUNCTION stepped.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
            'SELECT pg_catalog.clock_timestamp() + (SELECT seconds FROM stepped.by) * interval ''1 second''';
        GRANT USAGE ON SCHEMA stepped TO punctual_worker;
        GRANT SELECT ON stepped.by TO punctual_worker;
        ALTER ROLE punctual_worker SET search_path = stepped, pg_catalog, public";
    execute(&cluster.database_url(), CLOCK).await;
    for worker in &mut cluster.workers {
        worker.program.restart().await.expect("started");
    }
}

async fn stepped(database: &str, seconds: i64) {
    let sql = format!("UPDATE stepped.by SET seconds = {seconds}");
    execute(database, &sql).await;
}

async fn execute(database: &str, sql: &str) {
    let connected = tokio_postgres::connect(database, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("Postgres answers");
    tokio::spawn(connection);
    client.batch_execute(sql).await.expect("Postgres does it");
}

/// Half of what is free, and not more than [`MOST_HELD`].
fn held_bytes() -> usize {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let mut lines = info.lines();
    let free = lines.find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = free.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
    MOST_HELD.min(kilobytes.unwrap_or(0_usize) * 512)
}

/// Pages that were written to, so that they are there.
fn hold(bytes: usize) -> Vec<u8> {
    let mut held = vec![0; bytes];
    held.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(held)
}
