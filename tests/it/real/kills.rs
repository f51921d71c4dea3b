//! Workers that are killed at the worst moment, or stopped until another one leads.

use std::time::{Duration, Instant};

use it::client::text;
use it::eventually;
use punctual_contract::events::TASK_EVENTS;
use punctual_servers::Cluster;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio_postgres::Client;

use crate::both::connect;
use crate::cluster::counted;
use crate::shared::{
    SECOND, ask, assert_each_once, assert_followed_once, daily, now, number, person, remind,
    settled, sleep_until, to_break,
};
use crate::topic::{Topic, lag};

const SEED: u64 = 1;

/// An open transaction that holds a row's lock until this is dropped.
struct Held(Client);

impl Held {
    async fn row(cluster: &Cluster, sql: &str) -> Self {
        let client = connect(&cluster.database_url()).await;
        let begin = format!("BEGIN; {sql} FOR UPDATE");
        client.batch_execute(&begin).await.expect("locked");
        Self(client)
    }

    async fn release(self) {
        self.0.batch_execute("ROLLBACK").await.expect("released");
    }
}

/// Waits until a session of this role waits for a lock.
async fn waits(cluster: &Cluster, role: &str) {
    let sql = format!("SELECT count(*) {}", waiting(role));
    eventually("a session that waits for the lock", || async {
        (number(cluster, &sql).await > 0).then_some(())
    })
    .await;
}

fn waiting(role: &str) -> String {
    format!("FROM pg_stat_activity WHERE usename = '{role}' AND wait_event_type = 'Lock'")
}

const WATERMARK: &str = "SELECT position FROM watermarks WHERE name = 'published_through'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_has_acknowledged_before_the_worker_was_killed_is_published_again_and_done_once()
{
    let mut cluster = to_break().await;
    cluster.workers[1].program.stop().await.expect("stopped");
    let (ann, receiver) = person(&cluster, "watermark").await;
    let task = daily(&ann).await;
    settled(&cluster, &ann).await;
    let topic = Topic::read(&cluster, TASK_EVENTS).await;
    let before = number(&cluster, WATERMARK).await;

    // The relay publishes, and then can't move its watermark.
    let held = Held::row(&cluster, WATERMARK).await;
    ann.complete(&task).await;
    waits(&cluster, "punctual_worker").await;
    let at = now() / SECOND * SECOND + 4 * SECOND;
    let reminded = remind(&ann, "later", at).await;
    let published = eventually("the first events", || async {
        let here = topic.of(&ann.id);
        (!here.is_empty()).then_some(here)
    })
    .await;
    cluster.workers[0].program.kill().await.expect("killed");
    // Its session would still do what it had been told.
    let end = format!(
        "SELECT pg_terminate_backend(pid) {}",
        waiting("punctual_worker")
    );
    assert!(!ask(&cluster, &end).await.is_empty());
    eventually("its session to end", || async {
        let sql = format!("SELECT count(*) {}", waiting("punctual_worker"));
        (number(&cluster, &sql).await == 0).then_some(())
    })
    .await;
    held.release().await;
    assert_eq!(number(&cluster, WATERMARK).await, before);

    cluster.workers[0]
        .program
        .restart()
        .await
        .expect("up again");
    assert_each_once(&cluster, &ann, &receiver, &[(reminded, at)]).await;
    assert_followed_once(&ann, &task).await;
    counted(&ann, 1).await;
    topic.assert_whole(&cluster, &ann.id, before).await;
    let again = topic.of(&ann.id);
    assert!(published.keys().all(|id| again[id] > 1), "{again:?}");
    cluster.workers[1]
        .program
        .restart()
        .await
        .expect("up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_function_has_done_for_a_worker_that_was_killed_before_it_heard_so_comes_again_and_is_done_once()
 {
    let mut cluster = to_break().await;
    cluster.workers[1].program.stop().await.expect("stopped");
    let (ann, receiver) = person(&cluster, "offset").await;
    let task = daily(&ann).await;
    settled(&cluster, &ann).await;
    eventually("all offsets to be committed", || async {
        (lag(&cluster, "on-task-events", TASK_EVENTS).await == 0).then_some(())
    })
    .await;

    // While the worker stands still, the function is made to wait for a lock, so that it is met at work.
    cluster.workers[0].program.pause().expect("paused");
    ann.complete(&task).await;
    let plan = format!(
        "SELECT 1 FROM plans WHERE task_id = '{}'",
        text(&task, "/id")
    );
    let held = Held::row(&cluster, &plan).await;
    cluster.workers[0].program.resume().expect("resumed");
    waits(&cluster, "punctual_functions").await;
    // Time enough for a commit that is not to be.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    // It works on and answers; nobody hears it.
    cluster.workers[0].program.pause().expect("paused");
    held.release().await;
    eventually("the function to be done", || async {
        let lag = format!("{plan} AND planned < wanted");
        ask(&cluster, &lag).await.is_empty().then_some(())
    })
    .await;
    cluster.workers[0].program.kill().await.expect("killed");
    let open = lag(&cluster, "on-task-events", TASK_EVENTS).await;
    assert!(open > 0, "the event is not finished");

    cluster.workers[0]
        .program
        .restart()
        .await
        .expect("up again");
    let at = now() / SECOND * SECOND + 2 * SECOND;
    let reminded = remind(&ann, "later", at).await;
    assert_each_once(&cluster, &ann, &receiver, &[(reminded, at)]).await;
    eventually("the event to be finished", || async {
        (lag(&cluster, "on-task-events", TASK_EVENTS).await == 0).then_some(())
    })
    .await;
    assert_followed_once(&ann, &task).await;
    counted(&ann, 1).await;
    cluster.workers[1]
        .program
        .restart()
        .await
        .expect("up again");
}

/// Holder and fence of the lease.
async fn lease(cluster: &Cluster) -> (String, i64) {
    let rows = ask(cluster, "SELECT holder, fence FROM leases").await;
    (rows[0][0].clone(), rows[0][1].parse().expect("a fence"))
}

/// Makes the first worker the leader, beside the other one.
async fn let_the_first_one_lead(cluster: &mut Cluster) -> (String, i64) {
    cluster.workers[1].program.stop().await.expect("stopped");
    let until = async |cluster: &Cluster| number(cluster, "SELECT until FROM leases").await;
    let before = until(cluster).await;
    eventually("the first worker to lead", || async {
        (until(cluster).await > before.max(now())).then_some(())
    })
    .await;
    let lead = lease(cluster).await;
    cluster.workers[1]
        .program
        .restart()
        .await
        .expect("up again");
    assert_eq!(lease(cluster).await, lead, "the other one waits");
    lead
}

/// Waits for another leader; how long that took, and who it is.
async fn taken_over(cluster: &Cluster, from: &(String, i64)) -> (Duration, (String, i64)) {
    let begun = Instant::now();
    let next = eventually("another leader", || async {
        let next = lease(cluster).await;
        (next.0 != from.0).then_some(next)
    })
    .await;
    (begun.elapsed(), next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_is_replaced_in_ten_seconds_and_one_that_wakes_up_too_late_does_nothing_twice()
 {
    const LIMIT: Duration = Duration::from_secs(10);
    let mut cluster = to_break().await;
    let mut random = StdRng::seed_from_u64(SEED);
    let first = let_the_first_one_lead(&mut cluster).await;
    let (ann, receiver) = person(&cluster, "leaders").await;
    settled(&cluster, &ann).await;
    let topic = Topic::read(&cluster, TASK_EVENTS).await;
    let from = number(&cluster, WATERMARK).await;
    let begin = now() + 3 * SECOND;
    let mut meant = Vec::new();
    for _ in 0..150 {
        // On a slow machine `begin` may be over: what is over already does not ring.
        let at = (begin + random.random_range(0..15_000) * 1000).max(now() + 2 * SECOND);
        meant.push((remind(&ann, "x", at).await, at));
    }
    // Somebody goes on working meanwhile.
    let writer = tokio::spawn({
        let ann = ann.clone();
        async move {
            loop {
                ann.add(json!({ "title": "meanwhile" })).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });

    sleep_until(begin + random.random_range(0..1000) * 1000).await;
    cluster.workers[0].program.kill().await.expect("killed");
    let (killed, second) = taken_over(&cluster, &first).await;
    assert!(killed < LIMIT, "{killed:?}");
    cluster.workers[0]
        .program
        .restart()
        .await
        .expect("up again");
    tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
    cluster.workers[1].program.pause().expect("stopped");
    let (stopped, third) = taken_over(&cluster, &second).await;
    assert!(stopped < LIMIT, "{stopped:?}");
    tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
    cluster.workers[1].program.resume().expect("it goes on");
    eprintln!("taken over after {killed:?} and {stopped:?}");

    sleep_until(begin + 15 * SECOND).await;
    writer.abort();
    assert_each_once(&cluster, &ann, &receiver, &meant).await;
    assert_eq!(lease(&cluster).await, third, "who was late does not lead");
    let gaps =
        "SELECT max(position) - count(DISTINCT position) + count(*) - count(position) FROM changes";
    assert_eq!(number(&cluster, gaps).await, 0);
    topic.assert_whole(&cluster, &ann.id, from).await;
}
