//! One cluster for all tests that use it or break it: it takes seconds to start.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use it::client::text;
use it::{Receiver, User, eventually};
use punctual_domain::Instant;
use punctual_servers::cluster::Proxies;
use punctual_servers::{Cluster, ClusterOptions, Collector, Prometheus};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::both::{all, connect};

pub const SECOND: i64 = 1_000_000;

static CLUSTER: OnceCell<RwLock<Cluster>> = OnceCell::const_new();

async fn start() -> RwLock<Cluster> {
    let options = ClusterOptions {
        workers: 2,
        proxies: true,
        telemetry: telemetry(watch().await),
        ..it::cluster::options()
    };
    let started = Cluster::start(options, |line| eprintln!("{line}")).await;
    RwLock::new(started.expect("the cluster starts"))
}

/// What watches the cluster.
pub struct Watch {
    pub collector: Collector,
    /// Started by whoever asks it.
    pub prometheus: Mutex<Prometheus>,
}

pub async fn watch() -> &'static Watch {
    static WATCH: OnceCell<Watch> = OnceCell::const_new();
    WATCH
        .get_or_init(async || {
            let prometheus = Prometheus::new().expect("a folder and a port");
            let collector = Collector::start(Some(&prometheus.otlp())).await;
            Watch {
                collector: collector.expect("the collector starts"),
                prometheus: Mutex::new(prometheus),
            }
        })
        .await
}

/// Only what a caller asks for by its `traceparent` is traced: the other tests make thousands of requests.
fn telemetry(watch: &Watch) -> Vec<(String, String)> {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", watch.collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000".to_owned()),
        ("PUNCTUAL_LOG_FORMAT", "json".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// The cluster, as long as a test has it. One that fails shows how its logs end: the cluster
/// itself is never dropped, and so its servers don't.
pub struct Held<G: Deref<Target = Cluster>>(G);

impl<G: Deref<Target = Cluster>> Deref for Held<G> {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

impl<G: DerefMut<Target = Cluster>> DerefMut for Held<G> {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.0
    }
}

impl<G: Deref<Target = Cluster>> Drop for Held<G> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_ends());
        }
    }
}

/// For who breaks its parts, with everything up. What a test that failed has left broken is mended here.
pub async fn to_break() -> Held<RwLockWriteGuard<'static, Cluster>> {
    Held(mended().await)
}

async fn mended() -> RwLockWriteGuard<'static, Cluster> {
    let mut cluster = CLUSTER.get_or_init(start).await.write().await;
    proxies(&cluster).workers.refuse(false);
    proxies(&cluster).functions.refuse(false);
    proxies(&cluster).functions.delay(Duration::ZERO);
    let Cluster {
        workers, functions, ..
    } = &mut *cluster;
    let workers = workers.iter_mut().map(|worker| &mut worker.program);
    let functions = functions.iter_mut().map(|one| &mut one.program);
    for program in functions.chain(workers) {
        program.resume().expect("it goes on");
        if !program.running() {
            program.restart().await.expect("up again");
        }
    }
    cluster
}

/// For who uses it as it is, beside others.
pub async fn to_use() -> Held<RwLockReadGuard<'static, Cluster>> {
    Held(mended().await.downgrade())
}

pub fn proxies(cluster: &Cluster) -> &Proxies {
    cluster
        .proxies
        .as_ref()
        .expect("the proxies were asked for")
}

/// Somebody new, who is told everything by webhook.
pub async fn person(cluster: &Cluster, name: &str) -> (User, Receiver) {
    let receiver = Receiver::start().await;
    let email = format!("{name}@example.com");
    let user = it::cluster::person(cluster.url(), &email, &receiver).await;
    (user, receiver)
}

/// A task that reminds once; its id.
pub async fn remind(user: &User, title: &str, at: i64) -> String {
    let reminders = json!([{ "at": instant(at) }]);
    let task = user
        .add(json!({ "title": title, "reminders": reminders }))
        .await;
    text(&task, "/id")
}

/// A task that comes again every day, years from now.
pub async fn daily(user: &User) -> Value {
    let repeat = json!({ "rrule": "FREQ=DAILY" });
    user.add(json!({ "title": "Pills", "due": "2031-01-01", "repeat": repeat }))
        .await
}

/// The completed task of a series is followed by one.
pub async fn assert_followed_once(user: &User, task: &Value) {
    let series = text(task, "/series_id");
    let all = eventually("the next occurrence", || async {
        let all = user.tasks(&format!("series_id={series}&status=all")).await;
        (all.len() > 1).then_some(all)
    })
    .await;
    assert_eq!(all.len(), 2, "{all:?}");
}

/// Unix microseconds of the last whole millisecond: as exact as the API.
pub fn now() -> i64 {
    it::clock::now() / 1000 * 1000
}

/// Unix microseconds as the API writes them.
pub fn instant(micros: i64) -> String {
    Instant::from_micros(micros).to_string()
}

pub async fn sleep_until(micros: i64) {
    let left = u64::try_from(micros - now()).unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(left)).await;
}

/// What a statement of the database's owner answers, as text.
pub async fn ask(cluster: &Cluster, sql: &str) -> Vec<Vec<String>> {
    let owner = connect(&cluster.database_url()).await;
    let rows = all(&owner, sql).await;
    rows.into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect()
}

pub async fn number(cluster: &Cluster, sql: &str) -> i64 {
    let rows = ask(cluster, sql).await;
    rows[0][0].parse().unwrap_or(0)
}

/// Nothing of this person's is still to be published, planned, fired or sent.
pub async fn settled(cluster: &Cluster, user: &User) {
    let id = &user.id;
    let open = format!(
        "SELECT (SELECT count(*) FROM changes WHERE position IS NULL)
            + (SELECT max(position) FROM changes)
            - (SELECT position FROM watermarks WHERE name = 'published_through')
            + (SELECT count(*) FROM plans JOIN tasks ON tasks.id = task_id WHERE planned < wanted AND owner = '{id}')
            + (SELECT count(*) FROM reminders WHERE state = 'planned' AND owner = '{id}')
            + (SELECT count(*) FROM deliveries JOIN reminders ON reminders.id = reminder_id
               WHERE deliveries.state = 'pending' AND owner = '{id}')"
    );
    eventually("everything to be settled", || async {
        (number(cluster, &open).await == 0).then_some(())
    })
    .await;
}

/// Task and instant of what fired or was told, and how often.
pub type Effects = BTreeMap<(String, i64), usize>;

/// The records of what fired. None was early.
pub async fn fired(cluster: &Cluster, user: &User) -> Effects {
    let sql = format!(
        "SELECT task_id, fire_at, fired_at FROM reminders WHERE state = 'fired' AND owner = '{}'",
        user.id
    );
    let mut effects = Effects::new();
    for row in ask(cluster, &sql).await {
        let [meant, at] = [1, 2].map(|column: usize| row[column].parse::<i64>().expect("micros"));
        assert!(at >= meant, "{row:?} is early");
        *effects.entry((row[0].clone(), meant)).or_default() += 1;
    }
    effects
}

/// What the receiver was told, under different ids. (A webhook comes at least once, under the same id.) None was early.
pub fn told(receiver: &Receiver) -> Effects {
    let mut ids: BTreeMap<(String, i64), BTreeSet<String>> = BTreeMap::new();
    for call in receiver.received() {
        let due: Instant = text(&call.body, "/data/due_for")
            .parse()
            .expect("an instant");
        assert!(call.at >= due.micros(), "{} is early", call.raw);
        let of = (text(&call.body, "/data/task_id"), due.micros());
        ids.entry(of).or_default().insert(call.id);
    }
    ids.into_iter().map(|(of, ids)| (of, ids.len())).collect()
}

/// Each of these tasks fired once, at its instant, and was told once; nothing else was.
pub async fn assert_each_once(
    cluster: &Cluster,
    user: &User,
    receiver: &Receiver,
    meant: &[(String, i64)],
) {
    settled(cluster, user).await;
    let once: Effects = meant.iter().map(|of| (of.clone(), 1)).collect();
    assert_eq!(fired(cluster, user).await, once);
    eventually("the receiver to be told everything", || async {
        (told(receiver).len() >= once.len()).then_some(())
    })
    .await;
    assert_eq!(told(receiver), once);
}
