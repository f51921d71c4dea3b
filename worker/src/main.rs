//! `punctual-worker`: the worker beside Spin, on the shared database.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use punctual_sqlite::{Database, Options};
use punctual_worker::clock::Clock;
use punctual_worker::commands::{Operate, operate};
use punctual_worker::config::Common;
use punctual_worker::data::{Folder, Lock};
use punctual_worker::migrations::migrate;
use punctual_worker::sender::Vapid;
use punctual_worker::store::{Db, Postgres};
use punctual_worker::{Worker, WorkerOptions, until_stopped};
use tokio::net::TcpListener;

/// Punctual's worker: relay, timer, sender and live hub, beside functions that run in Spin
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    common: Common,
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
    #[command(flatten)]
    Operate(Operate),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Program::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("punctual-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(program: Program) -> anyhow::Result<()> {
    program.common.start_log()?;
    match program.command {
        None | Some(Task::Run) => work(&program).await,
        Some(Task::Migrate) => {
            let opened = open(&program.common).await?;
            println!("{} migrations applied", opened.applied);
            Ok(())
        }
        Some(Task::Operate(task)) => Ok(operate(task, &program.common).await?),
    }
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

/// Takes the folder, brings the database to this program's schema, and makes the secrets: Spin needs both.
async fn open(common: &Common) -> anyhow::Result<Opened> {
    let folder = Folder::create(&common.data)?;
    let lock = folder.lock()?;
    let db: Db = match common.address()? {
        Some(address) => Postgres::open(&address)?.into(),
        None => Database::open(&folder.database(), Options::default())?.into(),
    };
    let applied = migrate(&db, &Clock::system()).await?;
    folder.secret("token_secret")?;
    Ok(Opened {
        _lock: lock,
        clock: db.clock().await?,
        db,
        events_secret: folder.secret("events_secret")?,
        vapid: folder.vapid()?,
        applied,
    })
}

async fn work(program: &Program) -> anyhow::Result<()> {
    let Program {
        common,
        functions_url,
        listen,
        ..
    } = program;
    let mail = common.mail()?;
    let opened = open(common).await?;
    let hub_listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}: choose another address with --listen")
    })?;
    let worker = Worker::start(WorkerOptions {
        // The folder's lock says that nobody else works on the file in it, and nothing about Postgres.
        alone: matches!(opened.db, Db::Sqlite(_)),
        db: opened.db,
        clock: opened.clock,
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
    })
    .await?;
    tracing::info!(hub = %worker.hub_address, functions = functions_url, "works");
    until_stopped().await?;
    worker.stop().await;
    Ok(())
}
