//! The whole cluster on this machine: the worker's relay publishes to the real Kafka, and the real sidecar, with the files
//! of `dapr/`, delivers to the real function.

use it::User;
use it::client::text;
use serde_json::{Value, json};

use crate::both::connect;
use crate::shared::{person, to_break};

/// What was completed today.
async fn completed(user: &User) -> u64 {
    let activity = user.get("/api/activity").await.expect(200);
    let today = activity["days"].as_array().and_then(|days| days.last());
    today.map_or(0, |day| day["completed"].as_u64().unwrap_or(0))
}

pub async fn counted(user: &User, expected: u64) {
    it::eventually("the completions to be counted", || async {
        (completed(user).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_sidecar_delivers_what_the_worker_publishes_and_goes_on_after_it_was_killed() {
    let mut cluster = to_break().await;
    let (ann, _) = person(&cluster, "ann").await;
    let mut tasks = Vec::new();
    for number in 0..3 {
        let task = ann.add(json!({ "title": format!("task {number}") })).await;
        tasks.push(text(&task, "/id"));
    }
    let act = async |task: &str, deed: &str| {
        ann.post(
            &format!("/api/tasks/{task}/{deed}"),
            Value::Object(serde_json::Map::new()),
        )
        .await
        .expect(200)
    };
    act(&tasks[0], "complete").await;
    act(&tasks[1], "complete").await;
    counted(&ann, 2).await;
    let log = std::fs::read_to_string(cluster.workers[0].program.log()).expect("the worker's log");
    assert!(
        !log.contains("/events/on-task-updates"),
        "the worker leaves these events to the sidecar: {log}"
    );

    cluster.functions[0].daprd.kill().await.expect("killed");
    act(&tasks[0], "reopen").await;
    act(&tasks[2], "complete").await;
    act(&tasks[0], "complete").await;
    assert_eq!(completed(&ann).await, 2);
    cluster.functions[0]
        .daprd
        .restart()
        .await
        .expect("restarted");
    counted(&ann, 3).await;
}

#[tokio::test]
async fn functions_that_stood_still_in_a_delivery_are_told_what_happened_meanwhile_and_later() {
    let mut cluster = to_break().await;
    let (ann, _) = person(&cluster, "still").await;
    let complete = async || {
        let task = ann.add(json!({ "title": "standing still" })).await;
        ann.complete(&task).await;
    };
    let database = connect(&cluster.database_url()).await;
    database
        .batch_execute("BEGIN; LOCK TABLE activity IN SHARE MODE")
        .await
        .expect("locked");
    complete().await;
    it::eventually("a delivery to hang", async || {
        let sql = "SELECT 1 FROM pg_locks WHERE relation = 'activity'::regclass AND NOT granted";
        let waiting = database.query_opt(sql, &[]).await.expect("asked");
        waiting.map(|_| ())
    })
    .await;
    let log = cluster.functions[0].daprd.log();
    let failed = || {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.matches("Error processing operation component[pubsub] input")
            .count()
    };
    let before = failed();
    cluster.functions[0].program.pause().expect("paused");
    // It takes the sidecar's 10 s: one that checked their health would have given them up, and would find them well
    // before it tries again.
    it::eventually("the delivery to fail", async || {
        (failed() > before).then_some(())
    })
    .await;
    cluster.functions[0].program.resume().expect("it goes on");
    database.batch_execute("COMMIT").await.expect("committed");
    counted(&ann, 1).await;
    complete().await;
    counted(&ann, 2).await;
}
