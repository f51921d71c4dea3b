use std::time::{Duration, Instant};

use punctual_contract::batch::{MAX_EVENTS, Status};
use punctual_contract::events::CloudEvent;
use punctual_worker::bus::{Bus, InProcess};
use punctual_worker::consumers::{BackOff, Caller, Route, TO_TASK_EVENTS};
use punctual_worker::functions::{Functions, ON_TASK_EVENTS, Verdict};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::bus::{event, publish};
use crate::harness::{Endpoint, Fixture, SECRET, eventually};

/// Consumers of `task-events` that call an endpoint, with short back-offs.
struct Running {
    fixture: Fixture,
    bus: InProcess,
    endpoint: Endpoint,
    _stop: DropGuard,
}

impl Running {
    async fn new(prepare: impl FnOnce(&Endpoint)) -> Self {
        Self::of(TO_TASK_EVENTS, prepare).await
    }

    async fn paced(pace: Duration) -> Self {
        let route = Route {
            pace,
            ..TO_TASK_EVENTS
        };
        Self::of(route, |_| {}).await
    }

    async fn of(route: Route, prepare: impl FnOnce(&Endpoint)) -> Self {
        let fixture = Fixture::new().await;
        let bus = InProcess::new(fixture.store.clone());
        let endpoint = Endpoint::start(fixture.clock.clone()).await;
        prepare(&endpoint);
        let functions =
            Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
        let back_off = BackOff(Duration::from_millis(5));
        let caller = Caller::new(
            route,
            functions,
            Bus::InProcess(bus.clone()),
            fixture.clock.clone(),
            back_off,
        );
        let stop = CancellationToken::new();
        caller
            .start(&TaskTracker::new(), &stop)
            .await
            .expect("joined");
        Self {
            fixture,
            bus,
            endpoint,
            _stop: stop.drop_guard(),
        }
    }

    async fn committed(&self) -> i64 {
        self.bus.commit().await.expect("committed");
        self.fixture
            .store
            .group_watermark("on-task-events")
            .await
            .expect("asked")
            .unwrap_or(0)
    }

    async fn dead(&self) -> Vec<String> {
        let rows = self
            .fixture
            .run(
                "SELECT event FROM dead_letters ORDER BY position",
                Vec::new(),
            )
            .await;
        let events = rows
            .iter()
            .filter_map(|row| serde_json::from_str::<CloudEvent>(row[0].as_text()?).ok());
        events.map(|event| event.subject).collect()
    }

    async fn finished(&self, through: i64) {
        eventually("everything to be finished", async || {
            (self.committed().await == through).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn events_reach_the_function_in_signed_batches_and_are_committed() {
    let running = Running::new(|_| {}).await;
    for position in 1..=1000 {
        publish(
            &running.bus,
            position,
            &format!("owner-{}", position % 5),
            &format!("t{position}"),
        )
        .await;
    }
    running.finished(1000).await;
    let calls = running.endpoint.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.path == ON_TASK_EVENTS && call.events.len() <= MAX_EVENTS)
    );
    assert!(
        calls
            .iter()
            .all(|call| call.header("content-type") == "application/cloudevents-batch+json")
    );
    for owner in 0..5 {
        let key = format!("owner-{owner}");
        let order: Vec<i64> = calls
            .iter()
            .flat_map(|call| &call.events)
            .filter(|event| event.partitionkey == key)
            .map(|event| event.id.parse().expect("a position"))
            .collect();
        assert_eq!(
            order,
            (1..=1000)
                .filter(|position| position % 5 == owner)
                .collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn retry_holds_back_that_key_alone_and_the_offset_stays_below_it() {
    let running = Running::new(|endpoint| {
        endpoint
            .state()
            .outcomes
            .insert("later".into(), Status::Retry);
    })
    .await;
    publish(&running.bus, 1, "ann", "before").await;
    publish(&running.bus, 2, "ann", "later").await;
    eventually("the first try", async || {
        running
            .endpoint
            .subjects()
            .contains(&"later".into())
            .then_some(())
    })
    .await;
    for position in 3..=50 {
        publish(
            &running.bus,
            position,
            &format!("owner-{position}"),
            "other",
        )
        .await;
    }
    eventually("the others", async || {
        (running
            .endpoint
            .subjects()
            .iter()
            .filter(|subject| *subject == "other")
            .count()
            == 48)
            .then_some(())
    })
    .await;
    assert_eq!(running.committed().await, 1);
    running.endpoint.state().outcomes.clear();
    running.finished(50).await;
    assert!(
        running.dead().await.is_empty(),
        "however often it was asked for again"
    );
}

#[tokio::test]
async fn a_bad_event_is_set_apart_after_five_tries_and_its_neighbours_succeed() {
    let running = Running::new(|endpoint| endpoint.state().poison = Some("bad".into())).await;
    for position in 1..=300 {
        let subject = if position == 123 {
            "bad".to_owned()
        } else {
            format!("t{position}")
        };
        publish(&running.bus, position, "ann", &subject).await;
    }
    // Others go on succeeding, as in life: without them it would be an outage.
    let mut position = 300;
    eventually("the bad event to be set apart", async || {
        position += 1;
        publish(&running.bus, position, "bob", "more").await;
        (running.dead().await == ["bad"]).then_some(())
    })
    .await;
    running.finished(position).await;
    let calls = running.endpoint.calls();
    let alone = calls
        .iter()
        .filter(|call| call.events.len() == 1 && call.events[0].subject == "bad")
        .count();
    assert_eq!(alone, 5);
}

#[tokio::test]
async fn an_event_that_the_function_drops_is_set_apart_at_once() {
    let running = Running::new(|endpoint| {
        endpoint
            .state()
            .outcomes
            .insert("nonsense".into(), Status::Drop);
    })
    .await;
    publish(&running.bus, 1, "ann", "nonsense").await;
    publish(&running.bus, 2, "ann", "fine").await;
    running.finished(2).await;
    assert_eq!(running.dead().await, ["nonsense"]);
}

#[tokio::test]
async fn an_outage_pauses_and_sets_nothing_apart() {
    for status in [404, 500, 503] {
        let running = Running::new(|endpoint| endpoint.state().status = Some(status)).await;
        for position in 1..=100 {
            publish(
                &running.bus,
                position,
                &format!("owner-{position}"),
                &format!("t{position}"),
            )
            .await;
        }
        eventually("many failed calls", async || {
            (running.endpoint.calls().len() > 200).then_some(())
        })
        .await;
        assert!(running.dead().await.is_empty());
        assert_eq!(running.committed().await, 0);
        running.endpoint.state().status = None;
        running.finished(100).await;
        assert!(running.dead().await.is_empty());
    }
}

#[tokio::test]
async fn a_batch_is_halved_until_the_bad_event_is_alone() {
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().poison = Some("t77".into());
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let events: Vec<_> = (0..256)
        .map(|n| event(n, "ann", &format!("t{n}")))
        .collect();
    let events: Vec<&CloudEvent> = events.iter().map(|event| &**event).collect();
    for last_first in [false, true] {
        let verdicts = functions.deliver(ON_TASK_EVENTS, &events, last_first).await;
        for (n, verdict) in verdicts.iter().enumerate() {
            assert_eq!(
                matches!(verdict, Verdict::Failed { .. }),
                n == 77,
                "{n}: {verdict:?}"
            );
        }
    }
    assert!(endpoint.calls().len() <= 2 * 17);
}

#[tokio::test]
async fn an_outage_is_given_up_after_a_few_calls() {
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().status = Some(500);
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let events: Vec<_> = (0..256).map(|n| event(n, "ann", "t")).collect();
    let events: Vec<&CloudEvent> = events.iter().map(|event| &**event).collect();
    let verdicts = functions.deliver(ON_TASK_EVENTS, &events, false).await;
    assert_eq!(endpoint.calls().len(), 16);
    assert!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Untried)
            .count()
            > 240
    );
}

#[tokio::test]
async fn a_batch_never_exceeds_what_a_function_takes() {
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let events: Vec<_> = (0..20)
        .map(|n| {
            let mut event = (*event(n, "ann", "t")).clone();
            event.data.changed = serde_json::json!({ "notes": "x".repeat(200 << 10) });
            event
        })
        .collect();
    let events: Vec<&CloudEvent> = events.iter().collect();
    let verdicts = functions.deliver(ON_TASK_EVENTS, &events, false).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Ok));
    assert!(
        endpoint
            .calls()
            .iter()
            .all(|call| call.body.len() <= 1 << 20)
    );
    let ids: Vec<String> = endpoint
        .calls()
        .iter()
        .flat_map(|call| {
            call.ids()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_comes_between_two_calls_of_a_paced_route_shares_the_next_one() {
    let pace = Duration::from_secs(2);
    let running = Running::paced(pace).await;
    let calls = || running.endpoint.calls();
    let begun = Instant::now();
    publish(&running.bus, 1, "ann", "t1").await;
    eventually("the first event at once", async || {
        (calls().len() == 1).then_some(())
    })
    .await;
    for position in 2..=5 {
        publish(&running.bus, position, "ann", &format!("t{position}")).await;
    }
    running.finished(5).await;
    assert!(begun.elapsed() >= pace);
    assert_eq!(calls().len(), 2);
    assert_eq!(calls()[1].ids(), ["2", "3", "4", "5"]);
}

#[tokio::test]
async fn as_many_events_as_a_call_takes_do_not_wait_for_a_paced_route() {
    let running = Running::paced(Duration::from_secs(3600)).await;
    let most = i64::try_from(MAX_EVENTS).expect("small");
    publish(&running.bus, 1, "ann", "t1").await;
    running.finished(1).await;
    for position in 2..=most + 1 {
        publish(&running.bus, position, "ann", &format!("t{position}")).await;
    }
    running.finished(most + 1).await;
    assert_eq!(running.endpoint.calls().len(), 2);
}

#[tokio::test]
async fn outcomes_of_other_events_are_no_answer() {
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().forget_outcomes = true;
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let event = event(1, "ann", "t");
    let verdicts = functions.deliver(ON_TASK_EVENTS, &[&event], false).await;
    assert!(
        matches!(
            &verdicts[..],
            [Verdict::Failed {
                maybe_running: false,
                ..
            }]
        ),
        "{verdicts:?}"
    );
}
