//! `punctual-worker`: the worker beside Spin, on the shared database.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use punctual_contract::events::{REMINDERS, TASK_EVENTS, TASK_UPDATES};
use punctual_sqlite::{Database, Options};
use punctual_telemetry::Service;
use punctual_worker::bus::Kafka;
use punctual_worker::clock::Clock;
use punctual_worker::cluster::{self, Cluster};
use punctual_worker::commands::{Operate, operate};
use punctual_worker::config::Common;
use punctual_worker::data::{Folder, Lock};
use punctual_worker::doctor::{self, Deployment};
use punctual_worker::metrics::{self, Health};
use punctual_worker::migrations::migrate;
use punctual_worker::sender::Vapid;
use punctual_worker::store::{Db, Postgres, Store};
use punctual_worker::{Worker, WorkerOptions, raise_open_files, replay, until_stopped};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Punctual's worker: relay, timer, sender and live hub, beside functions that run in Spin
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    cluster: Cluster,
    /// Where the functions answer
    #[arg(
        long,
        env = "PUNCTUAL_FUNCTIONS_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:3000",
        global = true
    )]
    functions_url: String,
    /// Where the live hub listens
    #[arg(
        long,
        env = "PUNCTUAL_HUB_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:3001",
        global = true
    )]
    listen: SocketAddr,
    /// Where /metrics (Prometheus), /livez and /readyz answer
    #[arg(
        long,
        env = "PUNCTUAL_METRICS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9464",
        global = true
    )]
    metrics_listen: SocketAddr,
    /// Without one: run
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Works until it is stopped
    Run,
    /// Brings the database to this program's schema, makes the secrets where they are missing, and ends
    Migrate,
    /// Looks at a deployment from here, part by part, and says what to do: database, schema, clock, functions, signatures,
    /// gateway, Kafka, topics, jobs, network
    Doctor {
        /// An address that network policies forbid, to be tried
        #[arg(long, value_name = "HOST:PORT")]
        must_not_reach: Vec<String>,
    },
    #[command(flatten)]
    Operate(Operate),
    #[command(flatten)]
    Cluster(cluster::Operate),
}

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program::parse();
    let service = Service {
        name: "punctual-worker",
        version: env!("CARGO_PKG_VERSION"),
    };
    let ended = match program.common.start_log(service) {
        Ok(telemetry) => {
            let ended = run(program).await;
            telemetry.finish().await;
            ended
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("punctual-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(program: Program) -> anyhow::Result<()> {
    match &program.command {
        None | Some(Task::Run) => work(&program).await,
        Some(Task::Migrate) => {
            let opened = open(&program.common, None).await?;
            println!("{} migrations applied", opened.applied);
            Ok(())
        }
        Some(Task::Doctor { must_not_reach }) => examine(&program, must_not_reach).await,
        Some(Task::Operate(task)) => Ok(operate(task.clone(), &settings(&program).await?).await?),
        Some(Task::Cluster(task)) => operate_cluster(&program, task).await,
    }
}

async fn operate_cluster(program: &Program, task: &cluster::Operate) -> anyhow::Result<()> {
    let options = program.cluster.brokers()?;
    let task = match task {
        cluster::Operate::Topics { apply } => {
            return Ok(cluster::compare_topics(&options, *apply).await?);
        }
        cluster::Operate::Replay(task) => task,
    };
    let bus = Kafka::new(
        options.clone(),
        TaskTracker::new(),
        CancellationToken::new(),
    );
    if task.dead_letters {
        let topic = task
            .topic
            .as_deref()
            .and_then(topic)
            .context("which topic?")?;
        let (published, left) = replay::dead_letters(options, &bus, topic).await?;
        println!(
            "{published} dead letters of {topic} published again; {left} are no events and stay"
        );
        return Ok(());
    }
    let db = database(&settings(program).await?)?;
    let from = task.from.context("from when? --from INSTANT")?.micros();
    let until = task.until.map_or(i64::MAX, |until| until.micros());
    let store = Store::new(db);
    let published = replay::changes(&store, &bus, task.topic.as_deref(), from, until).await?;
    println!("{published} events published again");
    Ok(())
}

/// The topic of this name.
fn topic(name: &str) -> Option<&'static str> {
    [TASK_EVENTS, REMINDERS, TASK_UPDATES]
        .into_iter()
        .find(|topic| *topic == name)
}

/// With the secret store's, where the database is not named otherwise: an operator's command in a worker's place finds what
/// the worker finds.
async fn settings(program: &Program) -> anyhow::Result<Common> {
    let mut common = program.common.clone();
    if common.database_url.is_none()
        && let Some(values) = program.cluster.secrets().await?
    {
        common.fill(&values);
    }
    Ok(common)
}

fn database(common: &Common) -> anyhow::Result<Db> {
    Ok(match common.address()? {
        Some(address) => Postgres::open(&address)?.into(),
        None => {
            let file = Folder::create(&common.data)?.database();
            Database::open(&file, Options::default())?.into()
        }
    })
}

async fn examine(program: &Program, must_not_reach: &[String]) -> anyhow::Result<()> {
    let mut common = program.common.clone();
    let events_secret = match program.cluster.secrets().await {
        Ok(Some(values)) => {
            common.fill(&values);
            Ok(values
                .get("events_secret")
                .map(|value| value.trim().to_owned()))
        }
        Ok(None) => {
            let file = common.data.join("secrets/events_secret");
            Ok(std::fs::read_to_string(file).ok())
        }
        Err(error) => Err(error),
    };
    let well = doctor::examine(Deployment {
        db: database(&common).map_err(|error| punctual_worker::Error::Usage(error.to_string())),
        common: &common,
        cluster: &program.cluster,
        functions_url: &program.functions_url,
        events_secret,
        must_not_reach,
    })
    .await;
    anyhow::ensure!(well, "not all is well");
    Ok(())
}

/// A folder that is ours, a database of this program's schema, the secrets.
struct Opened {
    _lock: Lock,
    db: Db,
    clock: Clock,
    events_secret: String,
    vapid: Vapid,
    applied: usize,
}

/// Takes the folder, brings the database to this program's schema, and makes the secrets (Spin needs both) where no store
/// has them.
async fn open(common: &Common, stored: Option<&HashMap<String, String>>) -> anyhow::Result<Opened> {
    let folder = Folder::create(&common.data)?;
    let lock = folder.lock()?;
    let db = database(common)?;
    let applied = migrate(&db, &Clock::system()).await?;
    let (events_secret, vapid) = match stored {
        None => {
            folder.secret("token_secret")?;
            (folder.secret("events_secret")?, folder.vapid()?)
        }
        Some(values) => {
            let value = |name| {
                let value = values.get(name).map(|value| value.trim());
                value.with_context(|| format!("the secret store has no {name}"))
            };
            (
                value("events_secret")?.to_owned(),
                Vapid::new(value("vapid_key")?)?,
            )
        }
    };
    Ok(Opened {
        _lock: lock,
        clock: db.clock().await?,
        db,
        events_secret,
        vapid,
        applied,
    })
}

async fn work(program: &Program) -> anyhow::Result<()> {
    let stopped = until_stopped()?;
    raise_open_files();
    let Program {
        common,
        cluster,
        functions_url,
        listen,
        ..
    } = program;
    let health = Health::default();
    let watched = metrics::listen(program.metrics_listen, health.clone()).await?;
    let stored = cluster.secrets().await?;
    let mut common = common.clone();
    if let Some(values) = &stored {
        common.fill(values);
    }
    let mail = common.mail()?;
    let opened = open(&common, stored.as_ref()).await?;
    let hub_listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}: choose another address with --listen")
    })?;
    let worker = Worker::start(WorkerOptions {
        // The folder's lock says that nobody else works on the file in it, and nothing about Postgres.
        alone: matches!(opened.db, Db::Sqlite(_)),
        db: opened.db,
        clock: opened.clock,
        kafka: cluster.kafka()?,
        dapr: cluster.dapr(),
        functions_url: functions_url.clone(),
        public_url: common
            .public_url
            .clone()
            .unwrap_or_else(|| functions_url.trim_end_matches('/').to_owned()),
        events_secret: opened.events_secret,
        hub_listener,
        webhook_allow_private: common.webhook_allow_private,
        mail,
        vapid: opened.vapid,
        health,
    })
    .await?;
    tracing::info!(hub = %worker.hub_address, metrics = %watched, functions = functions_url, "works");
    stopped.await;
    worker.stop().await;
    Ok(())
}
