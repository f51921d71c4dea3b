//! What Prometheus is told, and where: `/metrics`, `/livez` and `/readyz`. None of them asks the database. What only the
//! database knows, the leader reads every five seconds; the others leave it out.
//!
//! Labels are names from this program's text (topics, groups, routes, kinds) and numbers of partitions: their values are few,
//! and nothing in them is somebody's.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::Error;
use crate::store::{Row, Store};

/// How often the leader asks the database.
const PACE: Duration = Duration::from_secs(5);
/// An answer that takes longer is not waited for: the gauges then keep what they said.
const TIMEOUT: Duration = Duration::from_secs(4);
const SECOND: f64 = 1_000_000.0;

/// Around what is promised: less than a second when nothing is broken, and the SLO's five.
const LATENESS: [f64; 13] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];
const CALL: [f64; 11] = [
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

type Seconds = Gauge<f64, AtomicU64>;
/// A gauge that is left out when nobody here knows its value.
type Known<G = Gauge> = Family<[(&'static str, &'static str); 0], G>;
type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Topic {
    pub topic: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Kind {
    pub kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Lag {
    pub group: &'static str,
    pub topic: &'static str,
    /// `all` in process, where a group's share is not counted by partition.
    pub partition: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Route {
    pub route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Call {
    pub route: &'static str,
    /// `2xx` … `5xx`, `timeout`, `unreachable` or `invalid` (an answer that is none).
    pub status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Handled {
    pub route: &'static str,
    /// `ok`, `retry`, `drop`, `failed` or `untried`.
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Delivery {
    pub channel: &'static str,
    /// `sent`, `retry` (it comes again), `failed` (it never will) or `gone` (the channel goes with it).
    pub result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Channel {
    pub channel: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Cause {
    /// `slow` (the client), `gap` (in what the bus brought).
    pub cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answer {
    /// `registered` or `refused`.
    pub result: &'static str,
}

/// All of a process's metrics.
#[derive(Debug)]
pub struct Metrics {
    pub fired: Family<Kind, Counter>,
    lateness: Histogram,
    pub published: Family<Topic, Counter>,
    pub relay_errors: Counter,
    pub consumer_lag: Family<Lag, Gauge>,
    pub dead_letters: Family<Topic, Counter>,
    pub calls: Durations<Call>,
    pub calls_in_flight: Family<Route, Gauge>,
    pub handled: Family<Handled, Counter>,
    pub deliveries: Family<Delivery, Counter>,
    pub delivery_duration: Durations<Channel>,
    pub leader: Gauge,
    pub terms: Counter,
    pub jobs_registered: Gauge,
    pub jobs: Family<Answer, Counter>,
    pub wake_ups: Counter,
    pub scheduled: Gauge,
    pub live_connections: Gauge,
    pub live_cut: Family<Cause, Counter>,
    overdue: Known,
    overdue_age: Known<Seconds>,
    lagging_plans: Known,
    plan_lag: Known<Seconds>,
    outbox: Known,
    outbox_age: Known<Seconds>,
    pending: Known,
    pending_age: Known<Seconds>,
    watched: Known<Seconds>,
}

static ALL: LazyLock<(Registry, Metrics)> = LazyLock::new(|| {
    let mut registry = Registry::with_prefix("punctual");
    let metrics = Metrics::register(&mut registry);
    (registry, metrics)
});

/// This process's metrics: as one process is one target of Prometheus.
pub fn metrics() -> &'static Metrics {
    &ALL.1
}

/// What the database says of what is still to be done. Instants are Unix microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub overdue: i64,
    pub overdue_since: Option<i64>,
    pub lagging_plans: i64,
    pub lagging_since: Option<i64>,
    pub unpublished: i64,
    pub unpublished_since: Option<i64>,
    pub pending: i64,
    pub pending_since: Option<i64>,
}

impl Metrics {
    fn register(registry: &mut Registry) -> Self {
        let calls: Durations<Call> = Family::new_with_constructor(|| Histogram::new(CALL));
        let delivery_duration: Durations<Channel> =
            Family::new_with_constructor(|| Histogram::new(CALL));
        let all = Self {
            fired: Family::default(),
            lateness: Histogram::new(LATENESS),
            published: Family::default(),
            relay_errors: Counter::default(),
            consumer_lag: Family::default(),
            dead_letters: Family::default(),
            calls,
            calls_in_flight: Family::default(),
            handled: Family::default(),
            deliveries: Family::default(),
            delivery_duration,
            leader: Gauge::default(),
            terms: Counter::default(),
            jobs_registered: Gauge::default(),
            jobs: Family::default(),
            wake_ups: Counter::default(),
            scheduled: Gauge::default(),
            live_connections: Gauge::default(),
            live_cut: Family::default(),
            overdue: Family::default(),
            overdue_age: Family::default(),
            lagging_plans: Family::default(),
            plan_lag: Family::default(),
            outbox: Family::default(),
            outbox_age: Family::default(),
            pending: Family::default(),
            pending_age: Family::default(),
            watched: Family::default(),
        };
        registry.register(
            "build",
            "The program",
            Info::new([
                ("version", env!("CARGO_PKG_VERSION")),
                ("tzdata", crate::TZDATA),
            ]),
        );
        registry.register(
            "reminders_fired",
            "Reminders that fired, as published",
            all.fired.clone(),
        );
        registry.register_with_unit(
            "reminder_lateness",
            "From a reminder's instant to its firing",
            Unit::Seconds,
            all.lateness.clone(),
        );
        registry.register(
            "reminders_overdue",
            "Reminders whose instant has passed and that have not fired",
            all.overdue.clone(),
        );
        registry.register_with_unit(
            "reminders_overdue_age",
            "How long the oldest of them is overdue",
            Unit::Seconds,
            all.overdue_age.clone(),
        );
        registry.register(
            "plans_lagging",
            "Tasks that are to be planned",
            all.lagging_plans.clone(),
        );
        registry.register_with_unit(
            "plan_lag",
            "How long the oldest of them has waited",
            Unit::Seconds,
            all.plan_lag.clone(),
        );
        registry.register(
            "outbox_changes",
            "Changes that are not published",
            all.outbox.clone(),
        );
        registry.register_with_unit(
            "outbox_age",
            "How old the oldest of them is",
            Unit::Seconds,
            all.outbox_age.clone(),
        );
        registry.register(
            "relay_published_events",
            "Events that the relay has published",
            all.published.clone(),
        );
        registry.register(
            "relay_errors",
            "Rounds of the relay that failed",
            all.relay_errors.clone(),
        );
        registry.register(
            "consumer_lag",
            "Messages of a partition that its consumer group has not finished",
            all.consumer_lag.clone(),
        );
        registry.register(
            "dead_letters",
            "Events that were set apart",
            all.dead_letters.clone(),
        );
        registry.register_with_unit(
            "function_call_duration",
            "Calls to functions, of one batch each",
            Unit::Seconds,
            all.calls.clone(),
        );
        registry.register(
            "function_calls_in_flight",
            "Calls to functions under way",
            all.calls_in_flight.clone(),
        );
        registry.register(
            "function_events",
            "Events given to functions, by what became of them",
            all.handled.clone(),
        );
        registry.register(
            "deliveries",
            "Tries to deliver, by how they ended",
            all.deliveries.clone(),
        );
        registry.register_with_unit(
            "delivery_duration",
            "Tries to deliver",
            Unit::Seconds,
            all.delivery_duration.clone(),
        );
        registry.register(
            "deliveries_pending",
            "Deliveries whose try has come and that are not sent",
            all.pending.clone(),
        );
        registry.register_with_unit(
            "deliveries_pending_age",
            "For how long the oldest of them could have been tried",
            Unit::Seconds,
            all.pending_age.clone(),
        );
        registry.register(
            "leader",
            "1 where this worker holds the lease",
            all.leader.clone(),
        );
        registry.register(
            "leader_terms",
            "How often this worker got the lease",
            all.terms.clone(),
        );
        registry.register_with_unit(
            "leader_watched_timestamp",
            "When the leader last read from the database what only that knows",
            Unit::Seconds,
            all.watched.clone(),
        );
        registry.register(
            "timer_jobs_registered",
            "Wake-ups that Dapr has and that have not come",
            all.jobs_registered.clone(),
        );
        registry.register("timer_jobs", "Wake-ups asked of Dapr", all.jobs.clone());
        registry.register("timer_wake_ups", "Wake-ups that came", all.wake_ups.clone());
        registry.register(
            "scheduled",
            "What this worker holds in memory to do at its instant",
            all.scheduled.clone(),
        );
        registry.register(
            "live_connections",
            "Clients that watch",
            all.live_connections.clone(),
        );
        registry.register(
            "live_cut",
            "Clients that were cut and come back with their cursors",
            all.live_cut.clone(),
        );
        // A counter that exists from the start shows its first step.
        for route in [
            crate::functions::ON_TASK_EVENTS,
            crate::functions::ON_TASK_UPDATES,
            crate::functions::ON_REMINDERS,
        ] {
            drop(all.calls_in_flight.get_or_create(&Route { route }));
            for status in ["2xx", "5xx"] {
                drop(all.calls.get_or_create(&Call { route, status }));
            }
            for outcome in ["ok", "retry", "drop", "failed"] {
                drop(all.handled.get_or_create(&Handled { route, outcome }));
            }
        }
        for channel in CHANNELS {
            for result in ["sent", "retry", "failed"] {
                drop(all.deliveries.get_or_create(&Delivery { channel, result }));
            }
        }
        for topic in [
            punctual_contract::events::TASK_EVENTS,
            punctual_contract::events::REMINDERS,
            punctual_contract::events::TASK_UPDATES,
        ] {
            drop(all.published.get_or_create(&Topic { topic }));
            drop(all.dead_letters.get_or_create(&Topic { topic }));
        }
        for result in ["registered", "refused"] {
            drop(all.jobs.get_or_create(&Answer { result }));
        }
        for cause in ["slow", "gap"] {
            drop(all.live_cut.get_or_create(&Cause { cause }));
        }
        for kind in KINDS {
            drop(all.fired.get_or_create(&Kind { kind }));
        }
        all
    }

    /// Counts a reminder that fired, by what its change says.
    pub fn fired(&self, row: &Row) {
        #[derive(Deserialize)]
        struct Image {
            kind: String,
            due_for: Option<String>,
            fired_at: Option<String>,
        }
        if row.table != "reminders" || row.kind != "fired" {
            return;
        }
        let Ok(image) = serde_json::from_str::<Image>(&row.after) else {
            return;
        };
        let kind = KINDS.into_iter().find(|kind| *kind == image.kind);
        let kind = kind.unwrap_or("other");
        self.fired.get_or_create(&Kind { kind }).inc();
        let instant = |text: Option<String>| text?.parse::<punctual_domain::Instant>().ok();
        if let (Some(due), Some(fired)) = (instant(image.due_for), instant(image.fired_at)) {
            self.lateness
                .observe((fired.micros() - due.micros()).max(0) as f64 / SECOND);
        }
    }

    fn know(&self, backlog: &Backlog, now: i64) {
        let age =
            |since: Option<i64>| since.map_or(0.0, |since| (now - since).max(0) as f64 / SECOND);
        let counts = [
            (&self.overdue, backlog.overdue),
            (&self.lagging_plans, backlog.lagging_plans),
            (&self.outbox, backlog.unpublished),
            (&self.pending, backlog.pending),
        ];
        for (gauge, count) in counts {
            gauge.get_or_create(&[]).set(count);
        }
        let ages = [
            (&self.overdue_age, age(backlog.overdue_since)),
            (&self.plan_lag, age(backlog.lagging_since)),
            (&self.outbox_age, age(backlog.unpublished_since)),
            (&self.pending_age, age(backlog.pending_since)),
            (&self.watched, now as f64 / SECOND),
        ];
        for (gauge, age) in ages {
            gauge.get_or_create(&[]).set(age);
        }
    }

    /// Another worker leads: what this one knew is that one's to say.
    fn forget(&self) {
        for gauge in [
            &self.overdue,
            &self.lagging_plans,
            &self.outbox,
            &self.pending,
        ] {
            gauge.clear();
        }
        for gauge in [
            &self.overdue_age,
            &self.plan_lag,
            &self.outbox_age,
            &self.pending_age,
            &self.watched,
        ] {
            gauge.clear();
        }
    }
}

const CHANNELS: [&str; 5] = ["in-app", "email", "push", "ntfy", "webhook"];
const KINDS: [&str; 3] = ["definition", "snooze", "digest"];

/// The channel's kind as a label; a row of a later version may have another.
pub fn channel(kind: &str) -> &'static str {
    CHANNELS
        .into_iter()
        .find(|known| *known == kind)
        .unwrap_or("other")
}

/// The lease is held from its making until it is dropped.
#[derive(Debug)]
pub struct Leading(());

impl Leading {
    pub fn begin() -> Self {
        metrics().leader.inc();
        metrics().terms.inc();
        Self(())
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        metrics().leader.dec();
        metrics().forget();
    }
}

/// Reads what only the database knows, until stopped: the leader does.
pub async fn watch(store: Store, clock: Clock, stop: CancellationToken) {
    loop {
        let now = clock.now();
        match tokio::time::timeout(TIMEOUT, store.backlog(now)).await {
            Ok(Ok(backlog)) => metrics().know(&backlog, now),
            Ok(Err(error)) => tracing::warn!(%error, "cannot read the backlog"),
            Err(_) => tracing::warn!("cannot read the backlog: no answer within 4 s"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

/// Whether a worker is ready. Clones are handles on the same answer.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    pub fn set_ready(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Listens for whoever watches this process: from before it is ready until it has ended. The address where it does.
pub async fn listen(address: SocketAddr, health: Health) -> Result<SocketAddr, Error> {
    let wrong = |error: std::io::Error| {
        Error::Usage(format!(
            "cannot listen on {address} for metrics: {error}; choose another address with --metrics-listen"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    let app = Router::new()
        .route("/metrics", get(scraped))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(health);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "nobody can watch any more");
        }
    });
    Ok(address)
}

async fn scraped() -> Response {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, &ALL.0) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// 200 from when all parts run until it begins to stop.
async fn ready(State(health): State<Health>) -> Response {
    if health.is_ready() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n").into_response()
    }
}

/// A call to a function, counted while it is under way, and when it ends.
#[derive(Debug)]
pub struct Calling {
    route: &'static str,
    since: Instant,
}

impl Calling {
    pub fn begin(route: &'static str) -> Self {
        metrics()
            .calls_in_flight
            .get_or_create(&Route { route })
            .inc();
        Self {
            route,
            since: Instant::now(),
        }
    }

    pub fn end(self, status: &'static str) {
        let call = Call {
            route: self.route,
            status,
        };
        let seconds = self.since.elapsed().as_secs_f64();
        metrics().calls.get_or_create(&call).observe(seconds);
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let route = self.route;
        metrics()
            .calls_in_flight
            .get_or_create(&Route { route })
            .dec();
    }
}
