//! A new release takes the place of another one under load, process by process, on the real servers: no request fails, no
//! reminder is lost or told twice, and live streams go on where they were.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::StreamExt;
use it::client::{Client, text};
use it::process::root;
use it::{Receiver, User};
use punctual_domain::Instant as At;
use punctual_servers::{Balancer, Cluster, ClusterOptions, Program};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{judge, now, until_told};

const SECOND: i64 = 1_000_000;
/// A gateway learns so much later that a process is to stop, at most.
const LAG_MS: std::ops::Range<u64> = 0..1500;
/// Between two processes that are replaced.
const PAUSE: Duration = Duration::from_secs(2);

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

/// What the clients saw.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    failed: Mutex<Vec<String>>,
    /// Each acknowledged task, and when it is to ring.
    intents: Mutex<HashMap<String, i64>>,
    /// The slowest answers, in milliseconds.
    answers: Mutex<Vec<u64>>,
}

/// What the watcher of one account saw.
#[derive(Default)]
struct Watched {
    made: Mutex<HashSet<String>>,
    breaks: AtomicUsize,
    /// From the end of a stream to the first byte of the next one.
    longest: Mutex<Duration>,
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
            variables: vec![
                ("registration".to_owned(), "open".to_owned()),
                ("webhook_allow_private".to_owned(), "true".to_owned()),
            ],
            environment: vec![(
                "PUNCTUAL_WEBHOOK_ALLOW_PRIVATE".to_owned(),
                "true".to_owned(),
            )],
            ..ClusterOptions::new(&release)
        },
        |line| println!("  {line}"),
    )
    .await
    .expect("the cluster starts");
    let mut users = Vec::new();
    for number in 0..accounts.max(1) {
        let email = format!("user-{number}@example.com");
        let user = User::register(&Client::new(cluster.url()), &email, "UTC").await;
        let hook = json!({ "kind": "webhook", "target": receiver.url });
        user.post("/api/settings/channels", hook).await.expect(201);
        users.push(user);
    }

    let (seen, stop, tasks) = (
        Arc::new(Seen::default()),
        CancellationToken::new(),
        TaskTracker::new(),
    );
    let watching = CancellationToken::new();
    let watched: Vec<Arc<Watched>> = users.iter().map(|_| Arc::default()).collect();
    for (user, watched) in users.iter().zip(&watched) {
        let watch = watch(user.clone(), watched.clone());
        let watching = watching.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = watching.cancelled() => {}
                () = watch => {}
            }
        });
    }
    let load = tokio::spawn(load(
        users.clone(),
        seen.clone(),
        rate,
        stop.clone(),
        StdRng::seed_from_u64(seed ^ 1),
    ));

    tokio::time::sleep(PAUSE).await;
    point(&release, &root());
    let begun = Instant::now();
    for roll in 0..rolls {
        if roll == 0 {
            // As the chart's hook does, before any new program runs.
            cluster.migrate().await.expect("migrated");
        }
        let Cluster {
            functions,
            workers,
            balancers,
            ..
        } = &mut cluster;
        let balancers = balancers.as_ref().expect("several processes");
        for one in functions.iter_mut() {
            replace(
                &mut one.program,
                &one.url,
                &balancers.functions,
                &mut random,
            )
            .await;
        }
        for one in workers.iter_mut() {
            replace(&mut one.program, &one.url, &balancers.hubs, &mut random).await;
        }
        println!(
            "  roll {}: {} requests, {} failed, {:.0} s so far",
            roll + 1,
            seen.requests.load(Ordering::Relaxed),
            seen.failed.lock().expect("a lock").len(),
            begun.elapsed().as_secs_f64()
        );
    }
    stop.cancel();
    load.await.expect("the load ends");
    let intents = seen.intents.lock().expect("a lock").clone();
    let last = intents.values().max().copied().unwrap_or_default();
    until_told(&receiver, intents.len(), last + 60 * SECOND).await;
    let judged = judge(&users, &receiver, &intents).await;
    // What was told is older than what the streams still have to bring.
    tokio::time::sleep(PAUSE).await;
    watching.cancel();
    tasks.close();
    tasks.wait().await;

    let failed = seen.failed.lock().expect("a lock").clone();
    for line in failed.iter().take(20) {
        println!("    {line}");
    }
    let mut answers = seen.answers.lock().expect("a lock").clone();
    answers.sort_unstable();
    let at = |share: usize| {
        answers
            .get(answers.len() * share / 1000)
            .copied()
            .unwrap_or(0)
    };
    println!(
        "  requests: {} sent, {} failed; answers p50 {} ms, p99 {} ms, longest {} ms",
        seen.requests.load(Ordering::Relaxed),
        failed.len(),
        at(500),
        at(990),
        answers.last().copied().unwrap_or(0)
    );
    let shown: HashSet<String> = watched
        .iter()
        .flat_map(|one| one.made.lock().expect("a lock").clone())
        .collect();
    let unseen = intents.keys().filter(|task| !shown.contains(*task)).count();
    let breaks: usize = watched
        .iter()
        .map(|one| one.breaks.load(Ordering::Relaxed))
        .sum();
    let longest = watched
        .iter()
        .map(|one| *one.longest.lock().expect("a lock"))
        .max();
    println!(
        "  streams:  {} watched, {breaks} breaks, the longest pause {} ms, {unseen} of {} tasks never shown",
        watched.len(),
        longest.unwrap_or_default().as_millis(),
        intents.len()
    );
    let stopped = cluster.stop().await.is_ok();
    let held = judged.held && failed.is_empty() && unseen == 0 && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}

/// The release that is started from now on.
fn point(link: &Path, to: &Path) {
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(to, link).expect("a link");
}

/// As Kubernetes does: the process is told to stop and, a little later, nobody is sent to it any more. The new one gets
/// requests once it is healthy.
async fn replace(program: &mut Program, url: &str, balancer: &Balancer, random: &mut StdRng) {
    let lag = Duration::from_millis(random.random_range(LAG_MS));
    let leave = async {
        tokio::time::sleep(lag).await;
        balancer.remove(url);
    };
    let (stopped, ()) = tokio::join!(program.stop(), leave);
    stopped.expect("stopped");
    program.restart().await.expect("started");
    balancer.add(url).expect("added");
    tokio::time::sleep(PAUSE).await;
}

/// Requests at their instants, however long answers take.
async fn load(
    users: Vec<User>,
    seen: Arc<Seen>,
    rate: u32,
    stop: CancellationToken,
    mut random: StdRng,
) {
    let tasks = TaskTracker::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    for number in 0_usize.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let user = users[number % users.len()].clone();
        let (seen, deed, ahead) = (
            seen.clone(),
            random.random_range(0..10),
            random.random_range(3..12_i64),
        );
        tasks.spawn(async move {
            let begun = Instant::now();
            let failed = request(&user, &seen, number, deed, ahead).await.err();
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            seen.requests.fetch_add(1, Ordering::Relaxed);
            seen.answers.lock().expect("a lock").push(took);
            if let Some(why) = failed {
                let line = format!("{} after {took} ms: {why}", At::from_micros(now()));
                seen.failed.lock().expect("a lock").push(line);
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn request(
    user: &User,
    seen: &Seen,
    number: usize,
    deed: u32,
    ahead: i64,
) -> Result<(), String> {
    let (method, path, body) = match deed {
        0..4 => {
            let at = now() + ahead * SECOND;
            let body = json!({
                "title": format!("task {number}"),
                "reminders": [{ "at": At::from_micros(at).to_string() }],
            });
            ("POST", "/api/tasks", Some((at, body)))
        }
        4..8 => ("GET", "/api/tasks?limit=20", None),
        8 => ("GET", "/api/settings", None),
        _ => ("GET", "/", None),
    };
    let text_of_body = body.as_ref().map(|(_, body)| body.to_string());
    let reply = user
        .try_send(method, path, &[], text_of_body)
        .await
        .ok_or_else(|| format!("{method} {path}: no answer"))?;
    if !(200..300).contains(&reply.status) {
        return Err(format!("{method} {path}: {} {}", reply.status, reply.text));
    }
    if let Some((at, _)) = body {
        // Shown in milliseconds, and kept so.
        let at = at / 1000 * 1000;
        let task = text(&reply.json(), "/id");
        seen.intents.lock().expect("a lock").insert(task, at);
    }
    Ok(())
}

/// Follows an account's live stream, and comes back with its cursor when it breaks.
async fn watch(user: User, watched: Arc<Watched>) {
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("an HTTP client");
    let (mut cursor, mut broken): (Option<String>, Option<Instant>) = (None, None);
    loop {
        let mut request = http
            .get(format!("{}/api/live", user.client.base))
            .bearer_auth(user.client.token.as_deref().unwrap_or_default());
        if let Some(cursor) = &cursor {
            request = request.header("last-event-id", cursor);
        }
        let answer = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        if let Ok(answer) = answer {
            let mut bytes = answer.bytes_stream();
            let mut buffer = String::new();
            while let Some(Ok(chunk)) = bytes.next().await {
                if let Some(since) = broken.take() {
                    let mut longest = watched.longest.lock().expect("a lock");
                    *longest = since.elapsed().max(*longest);
                }
                buffer.push_str(&String::from_utf8_lossy(&chunk));
                while let Some((block, rest)) = buffer.split_once("\n\n") {
                    take(block, &mut cursor, &watched);
                    buffer = rest.to_owned();
                }
            }
        }
        if broken.is_none() {
            watched.breaks.fetch_add(1, Ordering::Relaxed);
            broken = Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn take(block: &str, cursor: &mut Option<String>, watched: &Watched) {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    if let Some(id) = field("id:") {
        *cursor = Some(id.to_owned());
    }
    let data = field("data:").and_then(|data| serde_json::from_str(data).ok());
    let subject =
        data.and_then(|event: serde_json::Value| event["subject"].as_str().map(str::to_owned));
    if let Some(subject) = subject {
        watched.made.lock().expect("a lock").insert(subject);
    }
}
