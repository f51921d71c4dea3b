//! The edition that the tests run on, by `PUNCTUAL_EDITION`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use punctual_server::{PostgresAt, ServerOptions};
use punctual_servers::{Daprd, DaprdOptions, Kafka, Postgres, Scheduler};
use punctual_worker::bus::kafka::{KafkaOptions, Security, topics};
use punctual_worker::clock::Clock;
use punctual_worker::dapr::DaprOptions;
use punctual_worker::migrations::migrate;
use punctual_worker::store::{self, Address};
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell};

use crate::node;

const TEMPLATE: &str = "template_of_tests";

static MIGRATED: OnceCell<()> = OnceCell::const_new();
static LAST: AtomicU32 = AtomicU32::new(0);
/// A template is copied by one at a time.
static COPYING: Mutex<()> = Mutex::const_new(());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// In process, on SQLite.
    Embedded,
    /// The cluster's parts (Postgres, Kafka, Dapr Jobs) under the same host and worker in process.
    Cluster,
    /// The whole cluster with Spin in the place of our host: every part a process of its own.
    Spin,
}

impl Edition {
    pub fn of_this_run() -> Self {
        match std::env::var("PUNCTUAL_EDITION").as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            Ok("cluster") => Self::Cluster,
            Ok("spin") => Self::Spin,
            Ok(other) => panic!("PUNCTUAL_EDITION={other}: embedded, cluster or spin"),
        }
    }
}

/// Whether the present test, which is then counted as skipped for this reason, can't hold under Spin.
pub fn skipped_under_spin(reason: &str) -> bool {
    let skipped = Edition::of_this_run() == Edition::Spin;
    if skipped {
        node::skipped(reason);
    }
    skipped
}

/// What a server of the cluster's edition has of its own, as long as it runs.
pub struct Parts {
    _sidecar: Option<(Daprd, TempDir)>,
}

/// Gives a server a database, topics and, where its clock is the system's, a sidecar of its own, on the common servers.
pub async fn prepare(options: &mut ServerOptions, system_clock: bool) -> Option<Parts> {
    if Edition::of_this_run() == Edition::Embedded {
        return None;
    }
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let (postgres, kafka) = tokio::join!(Postgres::shared(), Kafka::shared());
    let (postgres, kafka) = (postgres.expect("Postgres"), kafka.expect("Kafka"));
    options.postgres = Some(PostgresAt {
        direct: Address::parse(&database(postgres, number).await).expect("a URL"),
        pooled: None,
    });
    let kafka = KafkaOptions {
        bootstrap: kafka.bootstrap(),
        prefix: format!("t{number}-"),
        security: Security::default(),
    };
    let steps = topics::steps(&kafka).await.expect("compared");
    topics::apply(&kafka, &steps).await.expect("made");
    options.kafka = Some(kafka);
    let mut parts = Parts { _sidecar: None };
    // Dapr keeps the world's time: a clock that the test moves has the timer in process.
    if system_clock {
        let scheduler = Scheduler::shared().await.expect("Dapr's scheduler");
        options.hub = free();
        let resources = tempfile::tempdir().expect("a folder");
        let daprd = Daprd::start(DaprdOptions {
            app_id: format!("worker-{number}"),
            app_port: Some(options.hub.port()),
            app_later: true,
            resources: resources.path().to_owned(),
            scheduler_port: Some(scheduler.port()),
            app_api_token: Some("the sidecar's token".to_owned()),
            ..DaprdOptions::default()
        })
        .await
        .expect("a sidecar");
        options.dapr = Some(DaprOptions {
            url: format!("http://127.0.0.1:{}", daprd.http_port()),
            api_token: None,
            app_token: Some("the sidecar's token".to_owned()),
        });
        parts._sidecar = Some((daprd, resources));
    }
    Some(parts)
}

/// A copy of a database that was migrated once.
async fn database(server: &Postgres, number: u32) -> String {
    MIGRATED
        .get_or_init(async || {
            server.create_database(TEMPLATE).await.expect("created");
            let address = Address::parse(&server.url(TEMPLATE)).expect("a URL");
            let db = store::Postgres::open(&address).expect("a pool");
            migrate(&db.into(), &Clock::system())
                .await
                .expect("migrated");
        })
        .await;
    let name = format!("test_{number}");
    let (admin, connection) =
        tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    let _turn = COPYING.lock().await;
    let copy = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    // The end of the migrating session may be under way.
    crate::wait::eventually("a copy of the database", || async {
        admin.batch_execute(&copy).await.ok()
    })
    .await;
    server.url(&name)
}

fn free() -> SocketAddr {
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    any.local_addr().expect("an address")
}
