//! Long proofs. The judge stands outside: a client that keeps every acknowledged task, and a webhook receiver that
//! writes its own log.

mod api;
mod chaos;
mod faults;
mod load;
mod model;
mod pods;
mod rolling;
mod rotation;
mod year;

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use it::client::{Client, items, text};
use it::clock::now;
use it::process::{Process, free_port};
use it::{Receiver, User};
use punctual_domain::Instant as At;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

#[derive(Parser)]
#[command(
    name = "cargo xtask prove",
    about = "Long proofs of what Punctual promises"
)]
struct Program {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Subcommand)]
enum Proof {
    /// Reminders fire once each, none early, whatever kills the process
    Reminders(Reminders),
    /// The same on the cluster's real servers, while any part of it is killed, stopped or emptied
    Faults(faults::Faults),
    /// People at work and random faults, for so many minutes: nothing that was acknowledged is lost, doubled or early
    Chaos(chaos::Chaos),
    /// Requests that schemathesis makes of the contract, right and wrong ones: the API is as it is described
    Api(api::Api),
    /// Random lives of repeating tasks agree with a small model, step by step
    Model(model::Model),
    /// A new release takes another one's place under load: no request fails, no reminder is lost
    Rolling(rolling::Rolling),
    /// Every secret and every login is replaced under load: nobody is refused, no reminder is lost
    Rotation(rotation::Rotation),
    /// Every reminder of a year rings at its instant, on a clock that is set
    Year(year::Options),
}

#[derive(Parser, Clone)]
struct Reminders {
    /// How many reminders
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Over how many seconds their instants are spread
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How often the process is killed (SIGKILL) while they fire
    #[arg(long, default_value_t = 3)]
    kills: u32,
    /// Of the instants and of the moments of the kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let held = match Program::parse().proof {
        Proof::Reminders(options) => {
            let quiet = run(&Reminders {
                kills: 0,
                ..options.clone()
            })
            .await;
            quiet && (options.kills == 0 || run(&options).await)
        }
        Proof::Faults(options) => faults::run(&options).await,
        Proof::Chaos(options) => chaos::run(&options).await,
        Proof::Api(options) => api::run(&options).await,
        Proof::Model(options) => model::run(&options).await,
        Proof::Rolling(options) => rolling::run(&options).await,
        Proof::Rotation(options) => rotation::run(&options).await,
        Proof::Year(options) => year::run(&options).await,
    };
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn instant(text: &str) -> i64 {
    text.parse::<At>().map_or(0, At::micros)
}

async fn run(options: &Reminders) -> bool {
    const SETTINGS: &[(&str, &str)] = &[
        ("PUNCTUAL_REGISTRATION", "open"),
        ("PUNCTUAL_WEBHOOK_ALLOW_PRIVATE", "true"),
        ("PUNCTUAL_LOG", "error"),
    ];
    let Reminders {
        count,
        seconds,
        kills,
        seed,
    } = options;
    println!("{count} reminders in {seconds} s, {kills} SIGKILLs, seed {seed}");
    let mut random = StdRng::seed_from_u64(*seed);
    let (data, port, receiver) = (
        tempfile::tempdir().expect("a folder"),
        free_port(),
        Receiver::start().await,
    );
    let mut server = Process::start(data.path(), port, SETTINGS).await;
    let ann = User::register(&Client::new(&server.url), "ann@example.com", "UTC").await;
    ann.post(
        "/api/settings/channels",
        json!({ "kind": "webhook", "target": receiver.url }),
    )
    .await
    .expect(201);

    // Written before the first instant: the intents are all acknowledged when the kills begin.
    let begin = now() / 1000 * 1000 + i64::try_from(*count).unwrap_or(0) * 8_000 + 5_000_000;
    let mut intents = HashMap::new();
    for n in 0..*count {
        let at = begin + i64::try_from(random.random_range(0..seconds * 1000)).unwrap_or(0) * 1000;
        let body = json!({ "title": format!("{n}"), "reminders": [{ "at": At::from_micros(at).to_string() }] });
        let task = ann
            .post_keyed("/api/tasks", &format!("intent-{n}"), body)
            .await
            .expect(201);
        intents.insert(text(&task, "/id"), at);
    }
    println!(
        "  {count} tasks acknowledged, {} ms before the first instant",
        (begin - now()) / 1000
    );

    let mut moments: Vec<i64> = (0..*kills)
        .map(|_| {
            begin + i64::try_from(random.random_range(1000..seconds * 1000)).unwrap_or(0) * 1000
        })
        .collect();
    moments.sort_unstable();
    for moment in moments {
        tokio::time::sleep(Duration::from_micros(
            u64::try_from(moment - now()).unwrap_or(0),
        ))
        .await;
        server.kill().await;
        let down = Instant::now();
        server = Process::start(data.path(), port, SETTINGS).await;
        println!(
            "  killed at +{:.1} s, answering again after {} ms",
            (moment - begin) as f64 / 1e6,
            down.elapsed().as_millis()
        );
    }
    let deadline = begin + i64::try_from(*seconds).unwrap_or(0) * 1_000_000 + 60_000_000;
    until_told(&receiver, &intents, deadline).await;
    let judged = judge(&[ann], &receiver, &intents).await;
    let stopped = server.terminate().await.success();
    let held = judged.held && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}

/// Waits until each of these tasks was told, or the deadline has come.
async fn until_told(receiver: &Receiver, intents: &HashMap<String, i64>, deadline: i64) {
    loop {
        let calls = receiver.received();
        let tasks = calls.iter().map(|call| &call.body["data"]["task_id"]);
        let told: HashSet<&str> = tasks.filter_map(Value::as_str).collect();
        let all = intents.keys().all(|task| told.contains(task.as_str()));
        if all || now() > deadline {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What became of the intents.
struct Judged {
    held: bool,
    /// The same, whatever rang beside the intents.
    kept: bool,
    /// How many rang beside the intents.
    unknown: usize,
    /// When each reminder was meant to fire, and when it did.
    fired: Vec<(i64, i64)>,
}

/// How many milliseconds after the end of a fault the last reminder fired that was due meanwhile.
fn recovery(judged: &Judged, from: i64, to: i64) -> i64 {
    let due = judged
        .fired
        .iter()
        .filter(|(meant, _)| (from..to).contains(meant));
    due.map(|(_, at)| (at - to) / 1000)
        .max()
        .unwrap_or(0)
        .max(0)
}

/// Compares what was acknowledged (task and instant) with the records, and with what the receiver wrote down.
async fn judge(users: &[User], receiver: &Receiver, intents: &HashMap<String, i64>) -> Judged {
    let mut records = Vec::new();
    for user in users {
        records.extend(notifications(user).await);
    }
    let all = records.len();
    records.retain(|record| intents.contains_key(&text(record, "/task_id")));
    let unknown = all - records.len();
    let mut per_task: HashMap<String, usize> = HashMap::new();
    let (mut early, mut fired) = (0, Vec::new());
    for record in &records {
        *per_task.entry(text(record, "/task_id")).or_default() += 1;
        let meant = intents.get(&text(record, "/task_id")).copied().unwrap_or(0);
        let at = instant(&text(record, "/fired_at"));
        // Records show milliseconds: one that fired within the millisecond it was meant for shows the same.
        early += usize::from(at < meant);
        fired.push((meant, at));
    }
    let missing = intents
        .keys()
        .filter(|task| !per_task.contains_key(*task))
        .count();
    let twice = per_task.values().filter(|times| **times > 1).count();
    let mut effects: HashMap<String, (i64, usize)> = HashMap::new();
    for call in receiver.received() {
        let task = call
            .body
            .pointer("/data/task_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        effects
            .entry(task)
            .and_modify(|(_, times)| *times += 1)
            .or_insert((call.at, 1));
    }
    let unsent = intents
        .keys()
        .filter(|task| !effects.contains_key(*task))
        .count();
    let repeated = effects.values().filter(|(_, times)| *times > 1).count();
    let mut arrival: Vec<i64> = effects
        .iter()
        .filter_map(|(task, (at, _))| Some((at - intents.get(task)?) / 1000))
        .collect();
    let arrived_early = arrival.iter().filter(|late| **late < 0).count();
    let mut lateness: Vec<i64> = fired
        .iter()
        .map(|(meant, at)| (at - meant) / 1000)
        .collect();
    println!(
        "  records:  {} fired, {missing} missing, {twice} twice, {early} early",
        records.len()
    );
    println!("            lateness {}", spread(&mut lateness));
    println!(
        "  webhooks: {} tasks told, {unsent} untold, {arrived_early} early, {repeated} repeated under the same id",
        effects.len()
    );
    println!("            arrival {}", spread(&mut arrival));
    let kept = missing + twice + early + unsent + arrived_early == 0;
    Judged {
        held: kept && unknown == 0,
        kept,
        unknown,
        fired,
    }
}

async fn notifications(user: &User) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = user
            .get(&format!("/api/notifications?limit=200{cursor}"))
            .await
            .expect(200);
        let next = page["next"].as_str().map(str::to_owned);
        all.extend(items(page));
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn spread(millis: &mut [i64]) -> String {
    millis.sort_unstable();
    let at = |share: usize| {
        millis
            .get((millis.len().max(1) - 1) * share / 100)
            .copied()
            .unwrap_or(0)
    };
    format!("p50 {} ms, p99 {} ms, most {} ms", at(50), at(99), at(100))
}
