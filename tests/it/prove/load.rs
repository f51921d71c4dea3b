//! What people do while processes come and go: requests at their instants, tasks that ring, a live stream each.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use it::User;
use it::client::text;
use it::wait::DEADLINE;
use punctual_domain::Instant as At;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::now;

const SECOND: i64 = 1_000_000;

/// What somebody does where no good answer comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Counts it as failed.
    None,
    /// Sends it again under the same key until one comes, for two minutes.
    Much,
}

const PATIENCE: Duration = Duration::from_secs(120);

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Requests that had to be sent again, and tasks that were acknowledged too late to be an intent, or never.
    again: AtomicUsize,
    late: AtomicUsize,
    requests: AtomicUsize,
    failed: Mutex<Vec<String>>,
    /// Each acknowledged task, and when it is to ring.
    intents: Mutex<HashMap<String, i64>>,
    /// How long answers took, in milliseconds.
    answers: Mutex<Vec<u64>>,
}

/// What the watcher of one account saw.
#[derive(Default)]
struct Watched {
    cursor: Mutex<Option<String>>,
    made: Mutex<HashSet<String>>,
    breaks: AtomicUsize,
    /// From the end of a stream to the first byte of the next one.
    longest: Mutex<Duration>,
}

/// Runs until [`Load::end`].
pub struct Load {
    seen: Arc<Seen>,
    watched: Vec<Arc<Watched>>,
    requests: JoinHandle<()>,
    /// Of the requests.
    stop: CancellationToken,
    streams: TaskTracker,
    /// Of the streams.
    leave: CancellationToken,
}

/// What became of it.
pub struct Ended {
    /// Each acknowledged task, and when it is to ring.
    pub intents: HashMap<String, i64>,
    /// No request failed, and each of these tasks was shown.
    pub held: bool,
    /// Tasks that may be there, and were not acknowledged before they were to ring.
    pub late: usize,
}

impl Load {
    /// So many requests a second, whatever became of those before, for these people in turn. The streams are there first.
    pub async fn begin(users: &[User], rate: u32, seed: u64, patience: Patience) -> Self {
        let (seen, streams, leave) = (
            Arc::new(Seen::default()),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        let watched: Vec<Arc<Watched>> = users.iter().map(|_| Arc::default()).collect();
        for (user, watched) in users.iter().zip(&watched) {
            let watch = watch(user.clone(), watched.clone());
            streams.spawn(leave.clone().run_until_cancelled_owned(watch));
        }
        it::eventually("every stream to begin", || async {
            let begun = |one: &Arc<Watched>| one.cursor.lock().expect("a lock").is_some();
            watched.iter().all(begun).then_some(())
        })
        .await;
        let stop = CancellationToken::new();
        let requests = tokio::spawn(requests(
            users.to_vec(),
            seen.clone(),
            (rate, patience),
            stop.clone(),
            StdRng::seed_from_u64(seed),
        ));
        Self {
            seen,
            watched,
            requests,
            stop,
            streams,
            leave,
        }
    }

    /// How many requests there were, and how many of them failed.
    pub fn so_far(&self) -> (usize, usize) {
        let failed = self.seen.failed.lock().expect("a lock").len();
        (self.seen.requests.load(Ordering::Relaxed), failed)
    }

    /// Ends the requests, and the streams once they have shown every task; says what was seen.
    pub async fn end(self) -> Ended {
        self.stop.cancel();
        self.requests.await.expect("the requests end");
        let intents = self.seen.intents.lock().expect("a lock").clone();
        let deadline = Instant::now() + DEADLINE;
        let unseen = || {
            let made = self
                .watched
                .iter()
                .map(|one| one.made.lock().expect("a lock"));
            let made: Vec<_> = made.collect();
            let shown = |task: &&String| made.iter().any(|made| made.contains(*task));
            intents.len() - intents.keys().filter(shown).count()
        };
        while unseen() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.leave.cancel();
        self.streams.close();
        self.streams.wait().await;

        let failed = self.seen.failed.lock().expect("a lock").clone();
        for line in failed.iter().take(20) {
            println!("    {line}");
        }
        let mut answers = self.seen.answers.lock().expect("a lock").clone();
        answers.sort_unstable();
        let at = |share: usize| {
            answers
                .get(answers.len() * share / 1000)
                .copied()
                .unwrap_or(0)
        };
        let (again, late) = (&self.seen.again, &self.seen.late);
        let (again, late) = (again.load(Ordering::Relaxed), late.load(Ordering::Relaxed));
        if again + late > 0 {
            println!(
                "  {again} requests were sent again; {late} tasks were acknowledged after their instant, or never"
            );
        }
        println!(
            "  requests: {} sent, {} failed; answers p50 {} ms, p99 {} ms, longest {} ms",
            answers.len(),
            failed.len(),
            at(500),
            at(990),
            answers.last().copied().unwrap_or(0)
        );
        let breaks: usize = self
            .watched
            .iter()
            .map(|one| one.breaks.load(Ordering::Relaxed))
            .sum();
        let longest = self
            .watched
            .iter()
            .map(|one| *one.longest.lock().expect("a lock"))
            .max();
        let unseen = unseen();
        println!(
            "  streams:  {} watched, {breaks} breaks, the longest pause {} ms, {unseen} of {} tasks never shown",
            self.watched.len(),
            longest.unwrap_or_default().as_millis(),
            intents.len()
        );
        Ended {
            held: failed.is_empty() && unseen == 0,
            intents,
            late,
        }
    }
}

/// Requests at their instants, however long answers take.
async fn requests(
    users: Vec<User>,
    seen: Arc<Seen>,
    (rate, patience): (u32, Patience),
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
            let failed = request(&user, &seen, number, deed, ahead, patience)
                .await
                .err();
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
    patience: Patience,
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
    // Another load of the same people has other instants.
    let key = body.as_ref().map(|(at, _)| format!("load-{number}-{at}"));
    let headers: Vec<(&str, &str)> = key.iter().map(|key| ("idempotency-key", &**key)).collect();
    let begun = Instant::now();
    let reply = loop {
        let reply = user
            .try_send(method, path, &headers, text_of_body.clone())
            .await;
        match reply {
            Some(reply) if (200..300).contains(&reply.status) => break Some(reply),
            _ if patience == Patience::Much && begun.elapsed() < PATIENCE => {
                seen.again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            None => break None,
            Some(reply) => return Err(format!("{method} {path}: {} {}", reply.status, reply.text)),
        }
    };
    let Some((at, _)) = body else {
        return reply
            .map(drop)
            .ok_or_else(|| format!("{method} {path}: no answer"));
    };
    // Shown in milliseconds, and kept so.
    let at = at / 1000 * 1000;
    match reply {
        Some(reply) if now() < at || patience == Patience::None => {
            let task = text(&reply.json(), "/id");
            seen.intents.lock().expect("a lock").insert(task, at);
        }
        reply => {
            seen.late.fetch_add(1, Ordering::Relaxed);
            reply.ok_or_else(|| format!("{method} {path}: no answer"))?;
        }
    }
    Ok(())
}

/// Follows an account's live stream, and comes back with its cursor when it breaks.
async fn watch(user: User, watched: Arc<Watched>) {
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("an HTTP client");
    let mut broken: Option<Instant> = None;
    loop {
        let mut request = http
            .get(format!("{}/api/live", user.client.base))
            .bearer_auth(user.client.token.as_deref().unwrap_or_default());
        if let Some(cursor) = &*watched.cursor.lock().expect("a lock") {
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
                    take(block, &watched);
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

fn take(block: &str, watched: &Watched) {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    if let Some(id) = field("id:") {
        *watched.cursor.lock().expect("a lock") = Some(id.to_owned());
    }
    let data = field("data:").and_then(|data| serde_json::from_str(data).ok());
    let subject =
        data.and_then(|event: serde_json::Value| event["subject"].as_str().map(str::to_owned));
    if let Some(subject) = subject {
        watched.made.lock().expect("a lock").insert(subject);
    }
}
