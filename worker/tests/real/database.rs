use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use punctual_servers::Postgres as Server;
use punctual_worker::clock::Clock;
use punctual_worker::migrations::migrate;
use punctual_worker::store::{Address, Db, Postgres};
use sqlx::Connection;
use tokio::sync::OnceCell;

static TEMPLATE: OnceCell<()> = OnceCell::const_new();
static LAST: AtomicU32 = AtomicU32::new(0);

const TEMPLATE_NAME: &str = "template_of_tests";

pub fn open(url: &str) -> Postgres {
    Postgres::open(&Address::parse(url).expect("a URL")).expect("a pool")
}

/// A name that no other test uses.
pub fn new_name() -> String {
    format!("test_{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// A new database on the tests' common server: a copy of one that was migrated once.
pub async fn migrated(_folder: &Path, _clock: &Clock) -> Db {
    let server = Server::shared().await.expect("a server");
    TEMPLATE
        .get_or_init(async || {
            server
                .create_database(TEMPLATE_NAME)
                .await
                .expect("created");
            let db = open(&server.url(TEMPLATE_NAME)).into();
            migrate(&db, &Clock::system()).await.expect("migrated");
        })
        .await;
    let name = new_name();
    let mut admin = sqlx::PgConnection::connect(&server.url("postgres"))
        .await
        .expect("connected");
    let copy = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE_NAME}");
    // Another test's copy, or the end of the migrating session, may be under way.
    crate::harness::eventually("a copy", async || {
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(copy.as_str()));
        made.execute(&mut admin).await.ok()
    })
    .await;
    open(&server.url(&name)).into()
}
