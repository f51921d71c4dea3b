//! The database is damaged, and comes back as it was at an instant. Everything else is lost, and made anew from it.

use it::User;
use it::client::text;
use it::eventually;
use it::receiver::Received;
use it::stream::Events;
use punctual_contract::events::TASK_EVENTS;
use punctual_servers::Cluster;
use serde_json::json;

use crate::both::{connect, try_all};
use crate::cluster::counted;
use crate::shared::{
    SECOND, ask, assert_each_once, assert_followed_once, daily, instant, now, number, person,
    remind, settled, sleep_until,
};
use crate::topic::{Topic, lag};

/// Reminders that are due after the instant, a second apart: before the damage, while nothing runs, and after the restore.
const LATER: i64 = 30;

/// An operator's command in a worker's place.
async fn operate(
    cluster: &Cluster,
    words: &[&str],
    change: impl FnOnce(&mut std::process::Command),
) -> String {
    let mut command = cluster.operator().expect("a worker");
    change(command.args(words));
    let mut command: tokio::process::Command = command.into();
    let output = command.output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// All that was changed is planned and published.
async fn derived(cluster: &Cluster) {
    let open = "SELECT (SELECT count(*) FROM changes WHERE position IS NULL)
        + (SELECT max(position) FROM changes)
        - (SELECT position FROM watermarks WHERE name = 'published_through')
        + (SELECT count(*) FROM plans WHERE planned < wanted)";
    eventually("everything to be published and planned", || async {
        (number(cluster, open).await == 0).then_some(())
    })
    .await;
}

async fn stop(cluster: &mut Cluster) {
    for worker in &mut cluster.workers {
        worker.program.stop().await.expect("stopped");
        worker.daprd.stop().await.expect("stopped");
    }
    for functions in &mut cluster.functions {
        functions.program.stop().await.expect("stopped");
        functions.daprd.stop().await.expect("stopped");
    }
    cluster.scheduler.stop().await.expect("stopped");
    cluster.kafka.stop().await.expect("stopped");
    cluster.postgres.stop().await.expect("stopped");
}

/// Kafka and Dapr as on the first day.
async fn empty(cluster: &mut Cluster) {
    cluster.kafka.wipe_data().await.expect("emptied");
    cluster.kafka.restart().await.expect("started");
    cluster.scheduler.wipe_data().expect("emptied");
    cluster.scheduler.restart().await.expect("started");
    let state = connect(&cluster.postgres.url("dapr_state")).await;
    let anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION dapr_state";
    state.batch_execute(anew).await.expect("emptied");
}

async fn start(cluster: &mut Cluster) {
    for functions in &mut cluster.functions {
        functions.daprd.restart().await.expect("started");
        functions.program.restart().await.expect("started");
    }
    for worker in &mut cluster.workers {
        worker.daprd.restart().await.expect("started");
        worker.program.restart().await.expect("started");
    }
}

async fn all_tasks(user: &User) -> Vec<serde_json::Value> {
    user.tasks("status=all&limit=200").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_brought_back_to_an_instant_goes_on_from_there_beside_empty_servers() {
    let cluster = Cluster::start(it::cluster::options(), |line| eprintln!("{line}")).await;
    let mut cluster = cluster.expect("the cluster starts");
    cluster.postgres.archive().await.expect("an archive");
    eventually("the functions to be well again", || async {
        let client = it::client::Client::new(cluster.url());
        (client.get("/healthz").await.status == 200).then_some(())
    })
    .await;

    // Before the base backup, and between it and the instant.
    let (ann, receiver) = person(&cluster, "restored").await;
    let session = ann.session().await;
    let task = daily(&ann).await;
    let mut meant = Vec::new();
    let at = now() / SECOND * SECOND + 2 * SECOND;
    meant.push((remind(&ann, "before the backup", at).await, at));
    settled(&cluster, &ann).await;
    cluster.postgres.base_backup().await.expect("a base backup");
    let at = now() / SECOND * SECOND + 2 * SECOND;
    meant.push((remind(&ann, "before the instant", at).await, at));
    ann.complete(&task).await;
    assert_followed_once(&ann, &task).await;
    counted(&ann, 1).await;
    assert_each_once(&cluster, &ann, &receiver, &meant).await;

    let begin = now() / SECOND * SECOND + 8 * SECOND;
    for number in 0..LATER {
        let at = begin + number * SECOND;
        meant.push((remind(&ann, "after the instant", at).await, at));
    }
    derived(&cluster).await;
    let tasks = all_tasks(&ann).await;
    let last = number(&cluster, "SELECT max(position) FROM changes").await;
    let back_to = ask(&cluster, "SELECT clock_timestamp()").await[0][0].clone();
    assert!(now() < begin, "the first is due after the instant");

    // What is to be undone: it is published, rings, is told and seen.
    let mut events = Events::open(&ann, &format!("/api/live?after={last}"), &[]).await;
    let undone = ann.add(json!({ "title": "undone" })).await;
    let next = ann
        .successor(&text(&task, "/series_id"), &text(&task, "/id"))
        .await;
    ann.complete(&next).await;
    counted(&ann, 2).await;
    let cursor = events.next_of("punctual.reminder.fired.v1").await.id;
    let is_later = |call: &Received| text(&call.body, "/data/due_for") >= instant(begin);
    eventually("one of the later reminders to be told", || async {
        receiver.received().iter().any(is_later).then_some(())
    })
    .await;
    drop(events);
    let owner = connect(&cluster.database_url()).await;
    eventually("the damage", || async {
        let damage = try_all(&owner, "TRUNCATE tasks CASCADE").await;
        damage.ok().map(drop)
    })
    .await;
    assert!(all_tasks(&ann).await.is_empty());

    let begun = std::time::Instant::now();
    stop(&mut cluster).await;
    let told_then = receiver.received().len();
    let restore = cluster.postgres.restore(&back_to).await;
    restore.expect("restored");
    eprintln!("the database is back after {:?}", begun.elapsed());
    empty(&mut cluster).await;
    operate(&cluster, &["topics", "--apply"], |_| {}).await;
    let owner = cluster.database_url();
    operate(&cluster, &["after-restore"], |command| {
        command.env("DATABASE_URL", owner);
    })
    .await;
    let topic = Topic::read(&cluster, TASK_EVENTS).await;
    start(&mut cluster).await;
    eprintln!("all is up again after {:?}", begun.elapsed());
    // What consumers had not finished at the instant, had there been any, was lost with Kafka.
    let from = instant(begin - 60 * SECOND);
    operate(&cluster, &["replay", "--from", &from], |_| {}).await;

    assert_eq!(all_tasks(&ann).await, tasks, "as they were at the instant");
    let gone = ann
        .get(&format!("/api/tasks/{}", text(&undone, "/id")))
        .await;
    assert_eq!(gone.status, 404);
    let refreshed = json!({ "refresh_token": text(&session, "/refresh_token") });
    ann.post("/api/auth/refresh", refreshed).await.expect(200);

    // What is changed from now on is published, handled, counted and rings.
    ann.complete(&next).await;
    let after = ann
        .successor(&text(&task, "/series_id"), &text(&next, "/id"))
        .await;
    assert_eq!(after["number"], 3, "{after}");
    counted(&ann, 2).await;
    let at = now() / SECOND * SECOND + 3 * SECOND;
    meant.push((remind(&ann, "after the restore", at).await, at));
    sleep_until(meant.iter().map(|(_, at)| *at).max().unwrap_or(0)).await;
    assert_each_once(&cluster, &ann, &receiver, &meant).await;
    topic.assert_whole(&cluster, &ann.id, last).await;
    let seen: i64 = cursor.parse().expect("a position");
    assert!(
        topic.of(&ann.id).keys().all(|id| *id <= last || *id > seen),
        "no event has an id that an undone one had"
    );
    eventually("the events to be finished", || async {
        (lag(&cluster, "on-task-events", TASK_EVENTS).await == 0).then_some(())
    })
    .await;

    // What had rung by the instant does not ring again; what rang later rings again, under the same id.
    let calls = receiver.received();
    for call in &calls[..told_then] {
        let times = calls.iter().filter(|other| other.id == call.id).count();
        assert_eq!(times, 1 + usize::from(is_later(call)), "{}", call.raw);
    }

    // A stream's cursor from then begins anew, although positions have gone on beyond it.
    let headers = [("last-event-id", cursor.as_str())];
    let mut events = Events::open(&ann, "/api/live", &headers).await;
    assert_eq!(events.next().await.kind, "ready");
    ann.add(json!({ "title": "seen" })).await;
    assert_eq!(events.next().await.kind, "punctual.task.created.v1");

    let said = operate(&cluster, &["doctor"], |_| {}).await;
    assert!(said.contains("All is well."), "{said}");
    cluster.stop().await.expect("stopped");
}
