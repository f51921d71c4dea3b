use punctual_contract::events::PLAN_TASK;
use punctual_worker::functions::ON_TASK_EVENTS;

use crate::harness::{Endpoint, Fixture, NOW, SECOND, eventually};

/// The tasks that were asked to be planned.
fn planned(functions: &Endpoint) -> Vec<String> {
    let events = functions
        .calls()
        .into_iter()
        .filter(|call| call.path == ON_TASK_EVENTS)
        .flat_map(|call| call.events);
    events
        .filter(|event| event.kind == PLAN_TASK)
        .map(|event| event.subject)
        .collect()
}

async fn leader(fixture: &Fixture) {
    eventually("a leader that has looked around", async || {
        (fixture
            .integer("SELECT count(*) FROM facts WHERE name = 'tzdata'")
            .await
            == 1)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_plan_that_lags_for_a_second_is_made_without_its_event() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "lost").await;
    fixture.task("ann", "planned").await;
    // Known time zone data: nothing else has a reason to be planned.
    fixture
        .store
        .replan_for_tzdata(punctual_worker::TZDATA, NOW)
        .await
        .expect("noted");
    fixture
        .run("UPDATE plans SET planned = wanted", Vec::new())
        .await;
    fixture
        .run(
            "UPDATE plans SET planned = planned - 1 WHERE task_id = 'lost'",
            Vec::new(),
        )
        .await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.clock.set(NOW + SECOND);
    eventually("the sweep", async || {
        planned(&functions).contains(&"lost".into()).then_some(())
    })
    .await;
    assert!(!planned(&functions).contains(&"planned".into()));
    worker.stop().await;
}

#[tokio::test]
async fn a_task_is_planned_again_at_its_instant_without_any_change() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    fixture
        .store
        .replan_for_tzdata(punctual_worker::TZDATA, NOW)
        .await
        .expect("noted");
    fixture
        .run(
            "UPDATE plans SET planned = wanted, next_at = ?1",
            vec![(NOW + 86_400 * SECOND).into()],
        )
        .await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    fixture.clock.set(NOW + 86_400 * SECOND - 1);
    fixture.reminder("t", "probe", NOW + SECOND).await;
    eventually("the probe", async || fixture.fired_at("probe").await).await;
    assert!(planned(&functions).is_empty(), "not before its instant");
    fixture.clock.set(NOW + 86_400 * SECOND);
    eventually("the planning", async || {
        (!planned(&functions).is_empty()).then_some(())
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn new_time_zone_data_plans_open_tasks_again_at_the_start() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    for id in ["open", "done", "deleted"] {
        fixture.task("ann", id).await;
    }
    fixture
        .run(
            "UPDATE tasks SET status = 'completed', version = 2, op = 'done' WHERE id = 'done'",
            Vec::new(),
        )
        .await;
    fixture
        .run(
            "UPDATE tasks SET deleted_at = 1, version = 2, op = 'delete' WHERE id = 'deleted'",
            Vec::new(),
        )
        .await;
    fixture
        .run("INSERT INTO facts VALUES ('tzdata', '1999z')", Vec::new())
        .await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    leader(&fixture).await;
    eventually("the fact", async || {
        let fact = "SELECT value FROM facts WHERE name = 'tzdata'";
        (fixture.text(fact).await == punctual_worker::TZDATA).then_some(())
    })
    .await;
    fixture.clock.set(NOW + 2 * SECOND);
    eventually("the planning", async || {
        (!planned(&functions).is_empty()).then_some(())
    })
    .await;
    let lagging = fixture
        .run(
            "SELECT task_id FROM plans WHERE planned < wanted",
            Vec::new(),
        )
        .await;
    assert_eq!(
        lagging
            .iter()
            .filter_map(|row| row[0].as_text())
            .collect::<Vec<_>>(),
        ["open"]
    );
    worker.stop().await;

    let before = fixture
        .integer("SELECT CAST(sum(wanted) AS BIGINT) FROM plans")
        .await;
    let worker = fixture.worker(&functions).await;
    eventually("the next leader", async || {
        (fixture
            .integer("SELECT fence FROM leases WHERE until > 0")
            .await
            == 2)
            .then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(
        fixture
            .integer("SELECT CAST(sum(wanted) AS BIGINT) FROM plans")
            .await,
        before,
        "the same data plans nothing"
    );
}

#[tokio::test]
async fn a_task_that_can_not_be_planned_does_not_keep_the_others_waiting() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    for n in 0..50 {
        fixture.task("ann", &format!("t{n}")).await;
    }
    fixture
        .store
        .replan_for_tzdata(punctual_worker::TZDATA, NOW)
        .await
        .expect("noted");
    fixture
        .run("UPDATE plans SET planned = 0", Vec::new())
        .await;
    let functions = fixture.functions().await;
    functions.state().poison = Some("t0".into());
    let worker = fixture.worker(&functions).await;
    fixture.clock.set(NOW + SECOND);
    eventually("all others", async || {
        let succeeded = functions
            .calls()
            .into_iter()
            .filter(|call| !call.events.iter().any(|e| e.subject == "t0"));
        let mut tasks: Vec<String> = succeeded
            .flat_map(|call| call.events)
            .filter(|e| e.kind == PLAN_TASK)
            .map(|e| e.subject)
            .collect();
        tasks.sort();
        tasks.dedup();
        (tasks.len() == 49).then_some(())
    })
    .await;
    worker.stop().await;
}
