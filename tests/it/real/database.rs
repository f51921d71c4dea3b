//! A database that was suspended, that has no connection left, and that does not answer.

use std::time::Duration;

use futures::future::join_all;
use it::client::Client;
use it::{Reply, User};
use serde_json::{Value, json};

use crate::both::connect;
use crate::shared::{SECOND, ask, assert_each_once, instant, now, person, proxies, to_break};

/// No request may take longer, whatever the database does.
const PATIENCE: Duration = Duration::from_secs(15);

const MANY: usize = 50;
/// Each is another component, with connections of its own.
const PATHS: [&str; 5] = ["tasks", "projects", "settings", "notifications", "activity"];

/// So many requests at once, of all components in turn.
async fn requests(user: &User, count: usize) -> Vec<Reply> {
    let all = join_all((0..count).map(|number| async move {
        let path = format!("/api/{}", PATHS[number % PATHS.len()]);
        user.get(&path).await
    }));
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("every request has an answer")
}

/// The client is told that it is not its fault, and when to try again.
fn assert_clear(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert!(reply.header("retry-after").is_some(), "{:?}", reply.headers);
    let detail = reply.json()["detail"].clone();
    assert!(
        detail
            .as_str()
            .is_some_and(|text| text.contains("try again")),
        "{detail}"
    );
}

async fn add(user: &User, number: usize, at: i64) -> Reply {
    let body = json!({ "title": format!("task {number}"), "reminders": [{ "at": instant(at) }] });
    user.post_keyed("/api/tasks", &format!("key-{number}"), body)
        .await
}

fn id(reply: Reply) -> String {
    let task: Value = reply.expect(201);
    it::client::text(&task, "/id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_suspended_costs_a_503_meanwhile_and_no_acknowledged_task_or_reminder()
{
    let cluster = to_break().await;
    let (ann, receiver) = person(&cluster, "suspended").await;
    let (functions, workers) = (&proxies(&cluster).functions, &proxies(&cluster).workers);
    let begin = now() + 2 * SECOND;
    let at = |number: usize| begin + i64::try_from(number).expect("small") * 100_000;
    let mut meant = Vec::new();
    for number in 0..20 {
        meant.push((id(add(&ann, number, at(number)).await), at(number)));
    }
    crate::shared::sleep_until(begin).await;

    functions.refuse(true);
    workers.refuse(true);
    functions.cut();
    workers.cut();
    let refused = tokio::join!(
        requests(&ann, MANY),
        join_all((20..40).map(|number| add(&ann, number, at(number) + 6 * SECOND)))
    );
    for reply in refused.0.iter().chain(&refused.1) {
        assert_clear(reply);
    }
    let login = json!({ "email": ann.email, "password": it::client::PASSWORD });
    assert_clear(
        &Client::new(cluster.url())
            .post("/api/auth/login", login)
            .await,
    );
    tokio::time::sleep(Duration::from_secs(1)).await;

    // It wakes up: the first connections get through after a while.
    for proxy in [functions, workers] {
        proxy.delay(Duration::from_millis(1500));
        proxy.refuse(false);
    }
    let woken = join_all((20..40).map(|number| add(&ann, number, at(number) + 6 * SECOND)));
    let woken = tokio::time::timeout(PATIENCE, woken)
        .await
        .expect("answers");
    for proxy in [functions, workers] {
        proxy.delay(Duration::ZERO);
    }
    for (number, reply) in (20..40).zip(woken) {
        meant.push((id(reply), at(number) + 6 * SECOND));
    }
    assert!(
        requests(&ann, MANY)
            .await
            .iter()
            .all(|reply| reply.status == 200)
    );
    assert_eq!(
        ann.tasks("limit=200").await.len(),
        40,
        "nothing was made twice"
    );
    assert_each_once(&cluster, &ann, &receiver, &meant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_a_free_connection_or_an_answer_is_a_503_in_bounded_time() {
    let cluster = to_break().await;
    let (ann, _) = person(&cluster, "exhausted").await;
    // One connection for all components.
    ask(&cluster, "ALTER ROLE punctual_functions CONNECTION LIMIT 1").await;
    proxies(&cluster).functions.cut();
    let replies = requests(&ann, MANY).await;
    ask(
        &cluster,
        "ALTER ROLE punctual_functions CONNECTION LIMIT -1",
    )
    .await;
    let (fine, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    eprintln!("of {} requests {} were answered", replies.len(), fine.len());
    assert!(!refused.is_empty());
    refused.into_iter().for_each(assert_clear);
    assert!(
        requests(&ann, MANY)
            .await
            .iter()
            .all(|reply| reply.status == 200)
    );

    // Connections there are, and every statement waits. One request for each component: the statements of an instance share a
    // session, and each would wait for those before it.
    let owner = connect(&cluster.database_url()).await;
    let lock = "BEGIN; LOCK TABLE tasks, projects, settings, reminders, api_tokens, activity IN ACCESS EXCLUSIVE MODE";
    owner.batch_execute(lock).await.expect("locked");
    let replies = requests(&ann, PATHS.len()).await;
    owner.batch_execute("ROLLBACK").await.expect("released");
    replies.iter().for_each(assert_clear);
    assert!(
        requests(&ann, MANY)
            .await
            .iter()
            .all(|reply| reply.status == 200)
    );
}
