//! Events that reach nobody.

use punctual_contract::events::TASK_EVENTS;
use serde_json::json;

use crate::cluster::counted;
use crate::shared::{
    SECOND, ask, assert_each_once, assert_followed_once, daily, now, number, person, remind,
    settled, to_break,
};
use crate::topic::Topic;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_an_event_that_was_lost_comes_all_the_same() {
    let mut cluster = to_break().await;
    let (ann, receiver) = person(&cluster, "lost").await;
    let task = daily(&ann).await;
    settled(&cluster, &ann).await;
    let topic = Topic::read(&cluster, TASK_EVENTS).await;

    for worker in &mut cluster.workers {
        worker.program.kill().await.expect("killed");
    }
    ann.complete(&task).await;
    let at = now() / SECOND * SECOND + 8 * SECOND;
    let reminded = remind(&ann, "later", at).await;
    // Whatever was changed counts as published.
    let lost = number(&cluster, "SELECT count(*) FROM changes").await;
    let sql = format!("UPDATE watermarks SET position = {lost} WHERE name = 'published_through'");
    ask(&cluster, &sql).await;
    for worker in &mut cluster.workers {
        worker.program.restart().await.expect("up again");
    }
    assert_followed_once(&ann, &task).await;
    assert_each_once(&cluster, &ann, &receiver, &[(reminded, at)]).await;
    assert!(topic.of(&ann.id).keys().all(|id| *id > lost));

    // The day is counted anew when its next completion comes.
    let other = ann.add(json!({ "title": "other" })).await;
    ann.complete(&other).await;
    counted(&ann, 2).await;
}
