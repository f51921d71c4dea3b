//! Turns rows into calls: the relay publishes changes, consumers and timer call functions, the sender sends, and the
//! live hub tells who watches. A library inside the embedded server, and the binary `punctual-worker` beside Spin.
//!
//! One worker at a time leads (`lease`): relay, planning, sweep and sender run there. Consumers, firing and the hub run in
//! every worker.

pub mod admin;
pub mod bus;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod consumers;
pub mod dapr;
pub mod data;
pub mod destination;
pub mod doctor;
mod error;
pub mod firing;
pub mod functions;
pub mod hub;
pub mod lease;
pub mod metrics;
pub mod migrations;
pub mod planning;
pub mod relay;
pub mod replay;
pub mod schedule;
pub mod sender;
pub mod store;
pub mod sweep;
pub mod timer;
mod wake_ups;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use punctual_contract::events::TASK_UPDATES;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use commands::{raise_open_files, until_stopped};
pub use error::Error;

use bus::kafka::KafkaOptions;
use bus::{Bus, InProcess, Kafka};
use clock::Clock;
use consumers::{BackOff, Caller};
use dapr::{Dapr, DaprOptions};
use firing::Firing;
use functions::Functions;
use hub::Hub;
use lease::{Lead, Lease};
use metrics::{Health, Leading};
use planning::Planner;
use relay::Relay;
use sender::{Mail, Sender, SenderOptions, Vapid};
use store::{Db, Store};
use timer::{Jobs, Timer};
use wake_ups::WakeUps;

/// The version of the time zone data that plans are made with.
pub const TZDATA: &str = punctual_domain::time::TZDATA_VERSION;

/// How long a stopping worker waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tasks that wait to be planned again; the sweep brings those that find no room.
const PLANS: usize = 4096;

/// What a worker needs. The database is migrated already.
pub struct WorkerOptions {
    pub db: Db,
    pub clock: Clock,
    /// `None`: the bus is in process.
    pub kafka: Option<KafkaOptions>,
    /// `None`: the timer is in process. With Kafka, the functions' sidecar delivers `task-updates` to them, else the worker.
    pub dapr: Option<DaprOptions>,
    /// Where the functions answer: `http://127.0.0.1:3000`.
    pub functions_url: String,
    /// How the world reaches the functions, for links in what is sent; no slash at its end.
    pub public_url: String,
    /// Signs the calls to functions, and the `live` function's calls to the hub.
    pub events_secret: String,
    /// Where the hub listens.
    pub hub_listener: TcpListener,
    /// Webhooks, ntfy and pushes may go to http and private addresses.
    pub webhook_allow_private: bool,
    /// `None`: no e-mail is sent.
    pub mail: Option<Mail>,
    /// Who pushes to browsers come from.
    pub vapid: Vapid,
    /// No other worker can be alive (the data folder is locked), so its lease need not be waited for.
    pub alone: bool,
    /// Says when the worker is ready.
    pub health: Health,
}

/// A worker that runs until [`RunningWorker::stop`], or until this is dropped.
pub struct RunningWorker {
    pub hub_address: SocketAddr,
    health: Health,
    stop: DropGuard,
    tasks: TaskTracker,
}

/// The worker of one process.
pub struct Worker;

impl Worker {
    pub async fn start(options: WorkerOptions) -> Result<RunningWorker, Error> {
        let WorkerOptions {
            db,
            clock,
            kafka,
            dapr,
            functions_url,
            public_url,
            events_secret,
            hub_listener,
            webhook_allow_private,
            mail,
            vapid,
            alone,
            health,
        } = options;
        let hub_address = hub_listener
            .local_addr()
            .map_err(|error| Error::Usage(format!("the hub's listener: {error}")))?;
        let name = format!("worker-{}", Uuid::now_v7());
        let store = Store::new(db);
        let functions = Functions::new(&functions_url, &events_secret, clock.clone())?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let sidecar_delivers = kafka.is_some() && dapr.is_some();
        let bus = match kafka {
            None => Bus::InProcess(InProcess::new(store.clone())),
            Some(options) => Bus::Kafka(Kafka::new(options, tasks.clone(), stop.clone())),
        };
        let (plan, asked) = mpsc::channel(PLANS);
        let (timer, wake_ups) = match &dapr {
            None => (Timer::InProcess(timer::InProcess::new(clock.clone())), None),
            Some(options) => {
                let jobs = Jobs::new(Dapr::new(options)?, clock.clone());
                tasks.spawn(jobs.clone().register(stop.clone()));
                let wake_ups = WakeUps::new(jobs.clone(), options.app_token.as_deref());
                (Timer::Dapr(jobs), Some(wake_ups))
            }
        };
        let firing = Firing::new(
            store.clone(),
            clock.clone(),
            functions.clone(),
            name.clone(),
            timer,
            plan,
        );
        let (wrote, fired) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let nudge = wrote.clone();
        store.on_change(move || nudge.notify_one()).await?;

        // They read the bus, so they join before anything is published.
        let call = |route| {
            Caller::new(
                route,
                functions.clone(),
                bus.clone(),
                clock.clone(),
                BackOff::default(),
            )
        };
        call(consumers::TO_TASK_EVENTS).start(&tasks, &stop).await?;
        if !sidecar_delivers {
            call(consumers::TO_TASK_UPDATES)
                .start(&tasks, &stop)
                .await?;
        }
        consumers::timer(&bus, &firing, &tasks, &stop).await?;
        let hub = Hub::new(
            store.clone(),
            clock.clone(),
            events_secret.clone(),
            stop.clone(),
        );
        tasks.spawn(hub.clone().feed(bus.tail(TASK_UPDATES)));
        tasks.spawn(hub.serve(hub_listener, wake_ups));
        // Whichever worker is woken fires; claims keep them apart.
        tasks.spawn(firing.clone().wake(stop.clone()));
        tasks.spawn(firing.clone().run(stop.clone()));
        tasks.spawn(bus.clone().keep_committing(stop.clone()));

        let leader = Leader {
            alone,
            lease: Lease::new(store.clone(), clock.clone(), name, alone),
            sender: Sender::new(SenderOptions {
                store: store.clone(),
                clock: clock.clone(),
                public_url,
                events_secret,
                allow_private: webhook_allow_private,
                mail,
                vapid,
                nudged: fired,
            })?,
            store,
            clock,
            bus,
            functions,
            firing,
            wrote,
            asked,
        };
        tasks.spawn(leader.run(stop.clone()));
        tasks.close();
        health.set_ready(true);
        Ok(RunningWorker {
            hub_address,
            health,
            stop: stop.drop_guard(),
            tasks,
        })
    }
}

impl RunningWorker {
    /// Finishes what is under way, within a few seconds.
    pub async fn stop(self) {
        self.health.set_ready(false);
        drop(self.stop);
        if tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "some calls were still under way; what they did not finish comes again at the next start"
            );
        }
    }
}

/// What only the holder of the lease does.
struct Leader {
    alone: bool,
    lease: Lease,
    store: Store,
    clock: Clock,
    bus: Bus,
    functions: Functions,
    firing: Firing,
    sender: Sender,
    wrote: Arc<Notify>,
    asked: mpsc::Receiver<String>,
}

impl Leader {
    async fn run(mut self, stop: CancellationToken) {
        while let Some(lead) = self.lease.wait(&stop).await {
            let lease = self.lease.clone();
            let over = stop.child_token();
            let keep = async {
                lease.keep(lead, &over).await;
                over.cancel();
            };
            let ((), led) = tokio::join!(keep, self.lead(lead, &over));
            if let Err(error) = lease.release(lead).await {
                tracing::warn!(%error, "cannot release the lease");
            }
            if let Err(error) = led {
                tracing::error!(%error, "cannot lead; it tries again");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }

    /// Runs everything until `over`. When one part ends, all end.
    async fn lead(&mut self, lead: Lead, over: &CancellationToken) -> Result<(), Error> {
        let _end = over.clone().drop_guard();
        let _leading = Leading::begin();
        self.firing.begin(self.alone).await?;
        let tasks = self
            .store
            .replan_for_tzdata(TZDATA, self.clock.now())
            .await?;
        if tasks > 0 {
            tracing::info!(
                tasks,
                version = TZDATA,
                "new time zone data: open tasks are planned again"
            );
        }
        // It reads the bus without an offset, so it listens before anything is published.
        let updates = self.bus.tail(TASK_UPDATES);
        let relay = Relay::new(self.store.clone(), self.bus.clone(), self.wrote.clone());
        let planner = Planner::new(
            self.store.clone(),
            self.clock.clone(),
            self.functions.clone(),
        );
        let mut parts = JoinSet::new();
        let stop = over.clone();
        parts.spawn(async move { relay.run(lead, stop).await });
        parts.spawn(sweep::run(
            self.store.clone(),
            self.clock.clone(),
            self.firing.clone(),
            over.clone(),
        ));
        parts.spawn(self.sender.clone().run(over.clone()));
        parts.spawn(metrics::watch(
            self.store.clone(),
            self.clock.clone(),
            over.clone(),
        ));
        parts.spawn(
            self.sender
                .clone()
                .close_what_is_read(updates, over.clone()),
        );
        let watch = async {
            while let Some(ended) = parts.join_next().await {
                over.cancel();
                if let Err(panic) = ended {
                    tracing::error!(%panic, "a part of the worker broke; all of them start again");
                }
            }
        };
        tokio::join!(watch, planner.run(&mut self.asked, over.clone()));
        Ok(())
    }
}
