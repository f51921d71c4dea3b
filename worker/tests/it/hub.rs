use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use punctual_contract::signature;
use punctual_worker::RunningWorker;
use serde_json::Value as Json;

use crate::harness::{Endpoint, Fixture, NOW, SECOND, SECRET, eventually};

struct Running {
    fixture: Fixture,
    worker: RunningWorker,
    _functions: Endpoint,
}

/// One event of a stream.
#[derive(Debug)]
struct Event {
    id: i64,
    kind: String,
    data: Json,
}

/// A stream of events.
struct Live {
    chunks: BoxStream<'static, String>,
    buffer: String,
}

impl Running {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let functions = fixture.functions().await;
        let worker = fixture.worker(&functions).await;
        Self {
            fixture,
            worker,
            _functions: functions,
        }
    }

    async fn call(&self, path: &str, secret: &str) -> reqwest::Response {
        let signed = signature::sign(secret, "call", NOW / SECOND, path.as_bytes());
        reqwest::Client::new()
            .get(format!("http://{}{path}", self.worker.hub_address))
            .header(signature::ID, "call")
            .header(signature::TIMESTAMP, NOW / SECOND)
            .header(signature::SIGNATURE, signed)
            .send()
            .await
            .expect("an answer")
    }

    async fn live(&self, user: &str, after: Option<i64>) -> Live {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let answer = self
            .call(&format!("/live?user={user}{after}"), SECRET)
            .await;
        assert_eq!(answer.status(), 200);
        let text = |chunk: reqwest::Result<_>| {
            chunk.map(|bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let chunks = answer
            .bytes_stream()
            .map(move |chunk| text(chunk).unwrap_or_default())
            .boxed();
        Live {
            chunks,
            buffer: String::new(),
        }
    }

    async fn published(&self) {
        eventually("everything to be published", async || {
            let sql = "SELECT count(*) FROM changes WHERE position IS NULL OR position >
                (SELECT COALESCE(max(position), 0) FROM watermarks WHERE name = 'published_through')";
            (self.fixture.integer(sql).await == 0).then_some(())
        })
        .await;
    }
}

impl Live {
    /// The next event; `None` where the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|text| text.trim().to_owned())
                };
                let event = field("data:").map(|data| Event {
                    id: field("id:")
                        .and_then(|id| id.parse().ok())
                        .expect("a position"),
                    kind: field("event:").expect("a type"),
                    data: serde_json::from_str(&data).expect("JSON"),
                });
                self.buffer = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.chunks.next());
            self.buffer
                .push_str(&chunk.await.expect("an event in time")?);
        }
    }
}

#[tokio::test]
async fn only_who_knows_the_secret_may_watch() {
    let running = Running::new().await;
    assert_eq!(
        running.call("/live?user=ann", "another").await.status(),
        401
    );
    let unsigned = reqwest::get(format!(
        "http://{}/live?user=ann",
        running.worker.hub_address
    ))
    .await;
    assert_eq!(unsigned.expect("an answer").status(), 401);
    let healthy = reqwest::get(format!("http://{}/healthz", running.worker.hub_address)).await;
    assert_eq!(healthy.expect("an answer").status(), 200);
    running.worker.stop().await;
}

#[tokio::test]
async fn without_a_cursor_the_stream_begins_at_the_present() {
    let running = Running::new().await;
    running.fixture.user("ann").await;
    running.fixture.task("ann", "before").await;
    running.published().await;
    let mut live = running.live("ann", None).await;
    let ready = live.next().await.expect("an event");
    assert_eq!((ready.kind.as_str(), ready.id), ("ready", 3));
    running.fixture.task("ann", "after").await;
    let created = live.next().await.expect("an event");
    assert_eq!(
        (created.kind.as_str(), created.id),
        ("punctual.task.created.v1", 4)
    );
    assert_eq!(created.data["subject"], "after");
    running.worker.stop().await;
    assert!(
        live.next().await.is_none(),
        "a stopping hub ends its streams"
    );
}

#[tokio::test]
async fn a_cursor_that_a_restore_has_undone_is_never_taken_for_one_of_now() {
    let running = Running::new().await;
    running.fixture.user("ann").await;
    running.fixture.task("ann", "before").await;
    running.published().await;
    let known = running.fixture.store.last_position().await.expect("asked");
    // The next two were given, seen and undone.
    let undone = known + 2;
    let leapt = running.fixture.store.leap().await.expect("leapt");
    let mut fresh = running.live("ann", Some(leapt)).await;
    for task in ["one", "two"] {
        running.fixture.task("ann", task).await;
    }
    running.published().await;
    let created = fresh.next().await.expect("an event");
    assert_eq!(
        (created.data["subject"].as_str(), created.id),
        (Some("one"), leapt + 1),
        "where the stream begins now is known before anything has happened"
    );
    let mut known = running.live("ann", Some(known)).await;
    let created = known.next().await.expect("an event");
    assert_eq!(created.data["subject"], "one");
    let mut undone = running.live("ann", Some(undone)).await;
    let ready = undone.next().await.expect("an event");
    assert_eq!((ready.kind.as_str(), ready.id), ("ready", leapt + 2));
    running.worker.stop().await;
}

#[tokio::test]
async fn clients_that_come_at_any_moment_see_everything_once_and_in_order() {
    const TASKS: i64 = 1500;
    let running = Running::new().await;
    for user in ["ann", "bob"] {
        running.fixture.user(user).await;
    }
    let write = async {
        for n in 0..TASKS {
            let owner = if n % 3 == 0 { "bob" } else { "ann" };
            running.fixture.task(owner, &format!("t{n}")).await;
        }
    };
    let watch = async {
        let mut clients = Vec::new();
        for n in 0..30 {
            let user = if n % 2 == 0 { "ann" } else { "bob" };
            // From a little before what is written by now, or from the very beginning.
            let after = if n % 5 == 0 {
                0
            } else {
                running.fixture.store.last_position().await.expect("asked") - 3
            };
            let after = after.max(0);
            clients.push((user, after, running.live(user, Some(after)).await));
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        clients
    };
    let ((), clients) = tokio::join!(write, watch);
    running.published().await;
    for (user, after, mut live) in clients {
        let sql =
            "SELECT position FROM changes WHERE owner = ?1 AND position > ?2 ORDER BY position";
        let rows = running
            .fixture
            .run(sql, vec![user.into(), after.into()])
            .await;
        let wanted: Vec<i64> = rows.iter().filter_map(|row| row[0].as_integer()).collect();
        let mut seen = Vec::new();
        while seen.len() < wanted.len() {
            let event = live.next().await.expect("an event");
            assert_eq!(event.data["partitionkey"], user);
            seen.push(event.id);
        }
        assert_eq!(seen, wanted, "{user} after {after}");
    }
    running.worker.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_keep_up_is_cut_and_misses_nothing_when_it_comes_back() {
    let running = Running::new().await;
    running.fixture.user("ann").await;
    running.published().await;
    let mut slow = running.live("ann", Some(0)).await;
    slow.next().await.expect("an event");
    // More than the buffers between here and there hold.
    let notes = "x".repeat(100 << 10);
    for n in 0..400 {
        running
            .fixture
            .task_with_notes("ann", &format!("t{n}"), &notes)
            .await;
    }
    running.published().await;
    let (mut last, mut count) = (1, 1);
    while let Some(event) = slow.next().await {
        assert_eq!(event.id, last + 1, "no gap before the cut");
        (last, count) = (event.id, count + 1);
    }
    assert!(count < 402, "it was cut");
    let mut again = running.live("ann", Some(last)).await;
    while count < 402 {
        let event = again.next().await.expect("an event");
        assert_eq!(event.id, last + 1);
        (last, count) = (event.id, count + 1);
    }
    running.worker.stop().await;
}

#[tokio::test]
async fn one_account_leaves_room_for_the_others() {
    let running = Running::new().await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(running.live("ann", None).await);
    }
    assert_eq!(running.call("/live?user=ann", SECRET).await.status(), 503);
    running.live("bob", None).await;
    open.pop();
    eventually("a place to be free", async || {
        (running.call("/live?user=ann", SECRET).await.status() == 200).then_some(())
    })
    .await;
}
