//! The bus on a real broker.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use punctual_contract::batch::Status;
use punctual_contract::events::{CloudEvent, TASK_EVENTS, TASK_UPDATES};
use punctual_servers::Kafka as Broker;
use punctual_worker::bus::kafka::{KafkaOptions, Security, topics};
use punctual_worker::bus::{Bus, Consumer, Kafka, Message, Outgoing, Subscription, Tail};
use punctual_worker::consumers::{BackOff, Caller, TO_TASK_EVENTS};
use punctual_worker::functions::Functions;
use punctual_worker::replay;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::bus::event;
use crate::harness::{Endpoint, Fixture, SECRET, eventually};

static LAST: AtomicU32 = AtomicU32::new(0);

/// A name before all topics and groups that no other test has.
async fn options(broker: &Broker) -> KafkaOptions {
    let options = KafkaOptions {
        bootstrap: broker.bootstrap(),
        prefix: format!("t{}-", LAST.fetch_add(1, Ordering::Relaxed)),
        security: Security::default(),
    };
    let steps = topics::steps(&options).await.expect("compared");
    topics::apply(&options, &steps).await.expect("made");
    options
}

/// A worker's bus, until dropped.
struct Running {
    bus: Kafka,
    stop: CancellationToken,
    _end: DropGuard,
}

fn bus(options: &KafkaOptions) -> Running {
    let stop = CancellationToken::new();
    Running {
        bus: Kafka::new(options.clone(), TaskTracker::new(), stop.clone()),
        _end: stop.clone().drop_guard(),
        stop,
    }
}

impl Running {
    fn port(&self) -> Bus {
        Bus::Kafka(self.bus.clone())
    }

    async fn join(&self, group: &'static str) -> Subscription {
        let joined = self.port().subscribe(group, TASK_EVENTS, &self.stop).await;
        joined.expect("joined")
    }
}

fn outgoing(position: i64, owner: &str) -> Outgoing {
    Outgoing {
        topic: TASK_EVENTS,
        key: owner.to_owned(),
        position,
        event: event(position, owner, &format!("t{position}")),
    }
}

fn many(positions: std::ops::RangeInclusive<i64>, owners: i64) -> Vec<Outgoing> {
    positions
        .map(|position| outgoing(position, &format!("owner-{}", position % owners)))
        .collect()
}

/// What a member of a group was given, and whether it finishes what it gets.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Message>>>);

impl Log {
    async fn positions(&self) -> Vec<i64> {
        self.0.lock().await.iter().map(|one| one.position).collect()
    }

    /// Reads everything of a membership into this, until it ends.
    fn read(
        &self,
        mut subscription: Subscription,
        finish: impl Fn(&Message) -> bool + Send + Clone + 'static,
    ) {
        let log = self.clone();
        tokio::spawn(async move {
            while let Some(consumer) = subscription.next().await {
                tokio::spawn(log.clone().partition(consumer, finish.clone()));
            }
        });
    }

    async fn partition(self, mut consumer: Consumer, finish: impl Fn(&Message) -> bool) {
        loop {
            let batch = consumer.next_batch(100).await;
            if batch.is_empty() {
                return;
            }
            for message in &batch {
                if finish(message) {
                    consumer.finish(message);
                }
            }
            self.0.lock().await.extend(batch);
        }
    }

    async fn until(&self, all: std::ops::RangeInclusive<i64>) {
        eventually("every message", async || {
            let had: BTreeSet<i64> = self.positions().await.into_iter().collect();
            all.clone()
                .all(|position| had.contains(&position))
                .then_some(())
        })
        .await;
    }

    /// The first time that each message of an owner came, in the order in which they came.
    async fn first_times(&self) -> BTreeMap<String, Vec<i64>> {
        let (mut known, mut order) = (BTreeSet::new(), BTreeMap::<String, Vec<i64>>::new());
        for message in self.0.lock().await.iter() {
            if known.insert(message.position) {
                order
                    .entry(message.key.clone())
                    .or_default()
                    .push(message.position);
            }
        }
        order
    }

    async fn in_order_per_owner(&self) {
        for (owner, positions) in self.first_times().await {
            assert!(positions.is_sorted(), "{owner}: {positions:?}");
        }
    }
}

#[tokio::test]
async fn the_topics_are_made_as_the_manifests_say_and_compared_again_they_are_fine() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let again = topics::steps(&options).await.expect("compared");
    assert_eq!(again.len(), 6);
    for step in &again {
        let topics::Step::Fine(topic) = step else {
            panic!("{step}");
        };
        assert_eq!(topic.replicas, 1, "one broker carries one replica");
    }
}

#[tokio::test]
async fn every_group_gets_every_message_and_an_owners_in_order() {
    let broker = Broker::shared().await.expect("a broker");
    let running = bus(&options(broker).await);
    let (one, two) = (Log::default(), Log::default());
    one.read(running.join("one").await, |_| true);
    running
        .bus
        .publish(&many(1..=2000, 20))
        .await
        .expect("published");
    two.read(running.join("two").await, |_| true);
    for log in [&one, &two] {
        log.until(1..=2000).await;
        assert_eq!(log.positions().await.len(), 2000, "each once");
        log.in_order_per_owner().await;
    }
}

#[tokio::test]
async fn what_was_not_finished_comes_again_after_a_restart() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    {
        let running = bus(&options);
        let log = Log::default();
        log.read(running.join("group").await, |message| {
            ![3, 5].contains(&message.position)
        });
        // One owner, so one partition.
        running
            .bus
            .publish(&many(1..=6, 1))
            .await
            .expect("published");
        log.until(1..=6).await;
    }
    let running = bus(&options);
    let log = Log::default();
    log.read(running.join("group").await, |_| true);
    log.until(3..=6).await;
    assert_eq!(
        log.positions().await,
        [3, 4, 5, 6],
        "from the lowest unfinished one on"
    );
}

#[tokio::test]
async fn a_partition_whose_consumer_is_slow_holds_back_no_other_and_loses_nothing() {
    let broker = Broker::shared().await.expect("a broker");
    let running = bus(&options(broker).await);
    let mut subscription = running.join("group").await;
    running
        .bus
        .publish(&many(1..=4000, 1))
        .await
        .expect("published");
    let mut slow = subscription.next().await.expect("a partition");
    let others: Vec<Outgoing> = (4001..=4100)
        .map(|position| outgoing(position, &format!("other-{position}")))
        .collect();
    running.bus.publish(&others).await.expect("published");
    let log = Log::default();
    log.read(subscription, |_| true);
    eventually("most of the others", async || {
        (log.positions().await.len() >= 50).then_some(())
    })
    .await;
    let mut had = Vec::new();
    while had.len() < 4000 {
        for message in slow.next_batch(100).await {
            slow.finish(&message);
            if message.key == "owner-0" {
                had.push(message.position);
            }
        }
    }
    assert_eq!(had, (1..=4000).collect::<Vec<_>>());
}

#[tokio::test]
async fn members_that_come_and_go_lose_nothing_and_keep_each_owners_order() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let publisher = bus(&options);
    let log = Log::default();
    let steady = bus(&options);
    log.read(steady.join("group").await, |_| true);
    for round in 0..4_i64 {
        let member = bus(&options);
        log.read(member.join("group").await, |_| true);
        for part in 0..5 {
            let first = round * 1000 + part * 200 + 1;
            let events = many(first..=first + 199, 24);
            publisher.bus.publish(&events).await.expect("published");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    log.until(1..=4000).await;
}

#[tokio::test]
async fn a_record_that_is_no_event_goes_to_the_dead_letters_and_holds_nothing_up() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let running = bus(&options);
    let foreign: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap)
        .set("message.max.bytes", "1048576")
        .create()
        .expect("a producer");
    let topic = format!("{}{TASK_EVENTS}", options.prefix);
    let oversized = "x".repeat(1_000_000);
    for payload in ["nonsense", "{}", &oversized] {
        let record = FutureRecord::to(&topic).key("owner-0").payload(payload);
        foreign
            .send(record, Duration::from_secs(10))
            .await
            .expect("sent");
    }
    running
        .bus
        .publish(&many(1..=10, 1))
        .await
        .expect("published");
    let log = Log::default();
    log.read(running.join("group").await, |_| true);
    log.until(1..=10).await;
    let dead = broker
        .console_consumer(&format!("{topic}.dlq"), 3)
        .await
        .expect("read");
    assert!(dead.iter().all(|line| line.starts_with("owner-0\t")));
    assert!(dead.iter().any(|line| line.ends_with("\tnonsense")));
}

#[tokio::test]
async fn an_event_that_its_function_never_takes_is_set_apart_and_replayed_later() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let running = bus(&options);
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().poison = Some("t5".into());
    call(&running, &fixture, &endpoint).await;
    // While others succeed, so the stream goes on.
    let mut next = 1;
    let dead = format!("{}{TASK_EVENTS}.dlq", options.prefix);
    eventually("a dead letter", async || {
        let events = many(next..=next + 9, 3);
        next += 10;
        running.bus.publish(&events).await.expect("published");
        ends(&options, &dead)
            .await
            .first()
            .filter(|end| **end > 0)
            .copied()
    })
    .await;
    let letters = broker.console_consumer(&dead, 1).await.expect("read");
    let (key, json) = letters[0].split_once('\t').expect("a key and a value");
    let letter: CloudEvent = serde_json::from_str(json).expect("a CloudEvent");
    assert_eq!((key, letter.subject.as_str()), ("owner-2", "t5"));

    endpoint.state().poison = None;
    let before = count(&endpoint, "t5");
    let (published, left) = replay::dead_letters(options.clone(), &running.bus, TASK_EVENTS)
        .await
        .expect("replayed");
    assert_eq!((published, left), (1, 0));
    eventually("the event again", async || {
        (count(&endpoint, "t5") > before).then_some(())
    })
    .await;
    let again = replay::dead_letters(options, &running.bus, TASK_EVENTS).await;
    assert_eq!(again.ok(), Some((0, 0)), "once");
}

fn count(endpoint: &Endpoint, subject: &str) -> usize {
    let subjects = endpoint.subjects();
    subjects.iter().filter(|one| *one == subject).count()
}

/// The consumers of `task-events` call an endpoint, with short back-offs.
async fn call(running: &Running, fixture: &Fixture, endpoint: &Endpoint) {
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let back_off = BackOff(Duration::from_millis(5));
    let clock = fixture.clock.clone();
    let caller = Caller::new(TO_TASK_EVENTS, functions, running.port(), clock, back_off);
    let started = caller.start(&TaskTracker::new(), &running.stop).await;
    started.expect("joined");
}

/// How many records of `task-events` the group has committed as finished.
async fn committed(options: &KafkaOptions) -> i64 {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::{Offset, TopicPartitionList};
    let partitions = ends(options, &format!("{}{TASK_EVENTS}", options.prefix)).await;
    let options = options.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", options.bootstrap)
            .set("group.id", format!("{}on-task-events", options.prefix))
            .create()
            .expect("a consumer");
        let mut list = TopicPartitionList::new();
        for number in (0..).take(partitions.len()) {
            list.add_partition(&format!("{}{TASK_EVENTS}", options.prefix), number);
        }
        let patience = Duration::from_secs(10);
        let committed = consumer.committed_offsets(list, patience).expect("offsets");
        let elements = committed.elements().into_iter();
        let offsets = elements.map(|one| match one.offset() {
            Offset::Offset(offset) => offset,
            _ => 0,
        });
        offsets.sum()
    });
    asked.await.expect("asked")
}

async fn assert_nothing_is_set_apart(options: &KafkaOptions) {
    let dead = ends(options, &format!("{}{TASK_EVENTS}.dlq", options.prefix)).await;
    assert!(dead.iter().all(|end| *end == 0), "{dead:?}");
}

#[tokio::test]
async fn a_function_that_hangs_pauses_its_partitions_and_gets_everything_when_it_answers_again() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let running = bus(&options);
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().hangs = true;
    call(&running, &fixture, &endpoint).await;
    let first = many(1..=1, 1);
    running.bus.publish(&first).await.expect("published");
    eventually("the first call", async || {
        (!endpoint.calls().is_empty()).then_some(())
    })
    .await;
    let more = many(2..=60, 7);
    running.bus.publish(&more).await.expect("published");
    // A call is given up after ten seconds, and comes again.
    eventually("the first event again", async || {
        (count(&endpoint, "t1") > 1).then_some(())
    })
    .await;
    assert_eq!(committed(&options).await, 0);
    endpoint.state().hangs = false;
    eventually("everything to be finished", async || {
        (committed(&options).await == 60).then_some(())
    })
    .await;
    let had: BTreeSet<String> = endpoint.subjects().into_iter().collect();
    assert_eq!(had.len(), 60);
    assert_nothing_is_set_apart(&options).await;
}

#[tokio::test]
async fn a_function_that_is_not_there_or_fails_pauses_its_partitions_and_loses_nothing() {
    let broker = Broker::shared().await.expect("a broker");
    for status in [404, 500, 503] {
        let options = options(broker).await;
        let running = bus(&options);
        let fixture = Fixture::new().await;
        let endpoint = Endpoint::start(fixture.clock.clone()).await;
        endpoint.state().status = Some(status);
        call(&running, &fixture, &endpoint).await;
        let events = many(1..=100, 7);
        running.bus.publish(&events).await.expect("published");
        eventually("many failed calls", async || {
            (endpoint.calls().len() > 200).then_some(())
        })
        .await;
        assert_eq!(committed(&options).await, 0, "{status}");
        endpoint.state().status = None;
        eventually("everything to be finished", async || {
            (committed(&options).await == 100).then_some(())
        })
        .await;
        assert_nothing_is_set_apart(&options).await;
    }
}

/// The end of every partition.
async fn ends(options: &KafkaOptions, topic: &str) -> Vec<i64> {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    let (bootstrap, topic) = (options.bootstrap.clone(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create()
            .expect("a consumer");
        let patience = Duration::from_secs(10);
        let metadata = consumer
            .fetch_metadata(Some(&topic), patience)
            .expect("metadata");
        let partitions = metadata.topics()[0].partitions().iter();
        partitions
            .map(|one| {
                let ends = consumer.fetch_watermarks(&topic, one.id(), patience);
                ends.expect("an end").1
            })
            .collect()
    });
    asked.await.expect("asked")
}

#[tokio::test]
async fn a_function_that_asks_again_holds_back_its_owner_alone() {
    let broker = Broker::shared().await.expect("a broker");
    let running = bus(&options(broker).await);
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::start(fixture.clock.clone()).await;
    endpoint.state().outcomes = HashMap::from([("t1".to_owned(), Status::Retry)]);
    let functions = Functions::new(&endpoint.url, SECRET, fixture.clock.clone()).expect("a client");
    let caller = Caller::new(
        TO_TASK_EVENTS,
        functions,
        running.port(),
        fixture.clock.clone(),
        BackOff(Duration::from_millis(50)),
    );
    caller
        .start(&TaskTracker::new(), &running.stop)
        .await
        .expect("joined");
    running
        .bus
        .publish(&many(1..=40, 2))
        .await
        .expect("published");
    eventually("the other owner's", async || {
        (endpoint
            .subjects()
            .iter()
            .filter(|one| one.len() > 1)
            .count()
            >= 20)
            .then_some(())
    })
    .await;
    endpoint.state().outcomes.clear();
    eventually("all", async || {
        let had: BTreeSet<String> = endpoint.subjects().into_iter().collect();
        (had.len() == 40).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tail_gets_everything_from_its_beginning_on() {
    let broker = Broker::shared().await.expect("a broker");
    let options = options(broker).await;
    let running = bus(&options);
    let before = many(1..=50, 5);
    running.bus.publish(&before).await.expect("published");
    let mut tail = running.bus.tail(TASK_EVENTS);
    assert!(matches!(tail.recv().await, Ok(Tail::Gap)), "it begins");
    let after = many(51..=150, 5);
    running.bus.publish(&after).await.expect("published");
    let mut had = BTreeSet::new();
    while had.len() < 100 {
        match tokio::time::timeout(Duration::from_secs(20), tail.recv()).await {
            Ok(Ok(Tail::Message(message))) => drop(had.insert(message.position)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(had, (51..=150).collect());
}

#[tokio::test]
async fn a_broker_that_is_killed_while_events_come_loses_none_and_keeps_each_owners_order() {
    let mut broker = Broker::start().await.expect("a broker");
    let options = options(&broker).await;
    let running = bus(&options);
    let log = Log::default();
    log.read(running.join("group").await, |_| true);
    let publisher = tokio::spawn({
        let bus = running.bus.clone();
        async move {
            for part in 0..40 {
                let events = many(part * 100 + 1..=part * 100 + 100, 12);
                // As the relay does: all of the round again.
                while let Err(error) = bus.publish(&events).await {
                    println!("{error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    log.until(1..=500).await;
    broker.kill().await.expect("killed");
    tokio::time::sleep(Duration::from_millis(500)).await;
    broker.restart().await.expect("up again");
    publisher.await.expect("all published");
    log.until(1..=4000).await;
    log.in_order_per_owner().await;
}

#[tokio::test]
async fn a_produce_that_timed_out_and_had_succeeded_is_sent_again_under_the_same_id() {
    let mut broker = Broker::start().await.expect("a broker");
    let options = options(&broker).await;
    let running = bus(&options);
    running
        .bus
        .publish(&many(1..=100, 7))
        .await
        .expect("published");
    // The broker stands still for longer than a record may take: what it had received counts for it, and not for us.
    let sending = tokio::spawn({
        let bus = running.bus.clone();
        async move { bus.publish(&many(101..=200, 7)).await }
    });
    broker.pause().expect("paused");
    let failed = sending.await.expect("it ends");
    broker.resume().expect("resumed");
    if let Err(error) = failed {
        println!("as it should be: {error}");
    }
    eventually("the brokers' answer", async || {
        running.bus.publish(&many(101..=300, 7)).await.ok()
    })
    .await;
    let log = Log::default();
    log.read(running.join("group").await, |_| true);
    log.until(1..=300).await;
    log.in_order_per_owner().await;
}

#[tokio::test]
async fn a_worker_starts_without_a_broker_and_goes_on_when_it_is_there() {
    let mut broker = Broker::start().await.expect("a broker");
    let options = options(&broker).await;
    broker.stop().await.expect("stopped");
    let running = bus(&options);
    let log = Log::default();
    log.read(running.join("group").await, |_| true);
    let mut tail = running.bus.tail(TASK_UPDATES);
    broker.restart().await.expect("up");
    eventually("the broker", async || {
        running.bus.publish(&many(1..=10, 3)).await.ok()
    })
    .await;
    log.until(1..=10).await;
    let begun = tokio::time::timeout(Duration::from_secs(20), tail.recv()).await;
    assert!(matches!(begun, Ok(Ok(Tail::Gap))));
}
