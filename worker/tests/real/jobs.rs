//! What a sidecar's call for a job does, where nothing else fires: another worker leads, so here are no relay and no sweep.

use futures::future::join_all;
use punctual_worker::dapr::DaprOptions;
use punctual_worker::lease::LEADER;
use punctual_worker::metrics::Health;
use punctual_worker::{RunningWorker, Worker, WorkerOptions};

use crate::harness::{Endpoint, Fixture, NOW, SECOND, SECRET, eventually, listener, vapid};

const TOKEN: &str = "the sidecar's token";

async fn worker(fixture: &Fixture, functions: &Endpoint) -> RunningWorker {
    let lead = fixture
        .store
        .take_lease(LEADER, "another", NOW, i64::MAX, true);
    lead.await.expect("asked").expect("taken");
    let options = WorkerOptions {
        db: fixture.db.clone(),
        clock: fixture.clock.clone(),
        kafka: None,
        dapr: Some(DaprOptions {
            url: "http://127.0.0.1:1".to_owned(),
            api_token: None,
            app_token: Some(TOKEN.to_owned()),
        }),
        functions_url: functions.url.clone(),
        public_url: "https://todo.example.org".to_owned(),
        events_secret: SECRET.to_owned(),
        hub_listener: listener().await,
        webhook_allow_private: true,
        mail: None,
        vapid: vapid(),
        alone: false,
        health: Health::default(),
    };
    Worker::start(options).await.expect("the worker starts")
}

/// Calls for a second, counted from [`NOW`], as the sidecar does; the status.
async fn job(worker: &RunningWorker, second: i64, token: Option<&str>) -> u16 {
    let name = format!("wake-{}", NOW / SECOND + second);
    let url = format!("http://{}/job/{name}", worker.hub_address);
    let mut request = reqwest::Client::new().post(url);
    if let Some(token) = token {
        request = request.header("dapr-api-token", token);
    }
    let answer = request.send().await.expect("an answer");
    answer.status().as_u16()
}

async fn fires(fixture: &Fixture, reminder: &str) {
    eventually("it to fire", async || fixture.fired_at(reminder).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_fires_what_is_planned_for_its_second_by_now_once_and_a_stranger_s_call_nothing() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    for (id, millis) in [
        ("first", 1000),
        ("many", 2300),
        ("moved", 3000),
        ("last", 4000),
    ] {
        fixture.reminder("t", id, NOW + millis * 1000).await;
    }
    let functions = fixture.functions().await;
    let worker = worker(&fixture, &functions).await;

    for shown in [None, Some(""), Some("another")] {
        assert_eq!(job(&worker, 2, shown).await, 401);
    }
    // Loaded early, each of them waits for its own instant.
    assert_eq!(job(&worker, 1, Some(TOKEN)).await, 200);
    fixture.clock.set(NOW + 5 * SECOND);
    fires(&fixture, "first").await;
    assert_eq!(fixture.fired_at("many").await, None, "nobody was believed");

    let calls = join_all((0..100).map(|_| job(&worker, 2, Some(TOKEN)))).await;
    assert!(calls.iter().all(|status| *status == 200), "{calls:?}");
    fires(&fixture, "many").await;

    // It is planned for another second now; and there are seconds that have nothing.
    let sql = "UPDATE reminders SET fire_at = fire_at + 60000000, version = version + 1, op = 'move' WHERE id = 'moved'";
    fixture.run(sql, Vec::new()).await;
    for second in [3, 3, 0, -3600, 3600] {
        assert_eq!(job(&worker, second, Some(TOKEN)).await, 200);
    }
    assert_eq!(job(&worker, 4, Some(TOKEN)).await, 200);
    fires(&fixture, "last").await;
    assert_eq!(fixture.fired_at("moved").await, None);
    let fired = "SELECT count(*) FROM changes WHERE kind = 'fired'";
    assert_eq!(fixture.integer(fired).await, 3);
    worker.stop().await;
}
