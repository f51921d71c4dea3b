use std::path::Path;

use punctual_servers::Postgres as Server;
use punctual_worker::Error;
use punctual_worker::clock::Clock;
use punctual_worker::migrations::{Migration, POSTGRES, SQLITE, apply_to_postgres, migrate};
use punctual_worker::store::{Address, Db};

use crate::database::{new_name, open};
use crate::harness::Fixture;

const FIRST: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE a (x BIGINT)",
};
const CHANGED: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE a (x BIGINT, y BIGINT)",
};
const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    sql: "CREATE TABLE b (x BIGINT); CREATE INDEX c ON b (x)",
};
const SERVES_FIRST: Migration = Migration {
    version: 2,
    name: "serves",
    sql: "CREATE TABLE facts (name TEXT, value TEXT); INSERT INTO facts VALUES ('schema_serves', '1')",
};
const BROKEN: Migration = Migration {
    version: 2,
    name: "broken",
    sql: "CREATE TABLE c (x BIGINT); INSERT INTO nowhere VALUES (1)",
};

async fn empty() -> Address {
    let server = Server::shared().await.expect("a server");
    let name = new_name();
    server.create_database(&name).await.expect("created");
    Address::parse(&server.url(&name)).expect("a URL")
}

async fn apply(address: &Address, migrations: &'static [Migration]) -> Result<usize, Error> {
    apply_to_postgres(address, &Clock::system(), migrations).await
}

async fn refused(address: &Address, migrations: &'static [Migration]) -> String {
    match apply(address, migrations).await {
        Err(Error::Schema(line)) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_table_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/postgres");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".sql"))
        .collect();
    files.sort();
    let table: Vec<String> = POSTGRES.iter().map(|one| format!("{one}.sql")).collect();
    assert_eq!(table, files);
    let version = |table: &[Migration]| table.last().map(|last| last.version);
    assert_eq!(version(POSTGRES), version(SQLITE), "one schema, one number");
}

#[tokio::test]
async fn a_second_start_applies_nothing() {
    let fixture = Fixture::new().await;
    assert_eq!(migrate(&fixture.db, &fixture.clock).await.ok(), Some(0));
    let recorded = fixture.integer("SELECT count(*) FROM migrations").await;
    assert_eq!(recorded, i64::try_from(POSTGRES.len()).expect("few"));
}

#[tokio::test]
async fn of_many_that_start_at_once_one_applies_everything_and_the_others_wait_for_it() {
    let address = empty().await;
    let starts = (0..8).map(|_| {
        let db = Db::from(open(address.url()));
        tokio::spawn(async move { migrate(&db, &Clock::system()).await.expect("migrated") })
    });
    let starts: Vec<_> = starts.collect();
    let mut applied = Vec::new();
    for start in starts {
        applied.push(start.await.expect("no panic"));
    }
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, POSTGRES.len()]);
}

#[tokio::test]
async fn what_is_missing_is_applied_and_what_is_there_stays() {
    let address = empty().await;
    assert_eq!(apply(&address, &[FIRST]).await.ok(), Some(1));
    assert_eq!(apply(&address, &[FIRST, SECOND]).await.ok(), Some(1));
    assert!(refused(&address, &[FIRST]).await.contains("newer Punctual"));
}

#[tokio::test]
async fn a_newer_one_that_serves_this_program_is_used_as_it_is() {
    let address = empty().await;
    assert_eq!(apply(&address, &[FIRST, SERVES_FIRST]).await.ok(), Some(2));
    assert_eq!(apply(&address, &[FIRST]).await.ok(), Some(0));
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let address = empty().await;
    apply(&address, &[FIRST]).await.expect("applied");
    let line = refused(&address, &[CHANGED, SECOND]).await;
    assert!(line.contains("0001_first"), "{line}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let address = empty().await;
    let line = refused(&address, &[FIRST, BROKEN]).await;
    assert!(line.contains("0002_broken"), "{line}");
    let there = "SELECT to_regclass('c') IS NULL";
    let mut rows = open(address.url())
        .query(there, Vec::new())
        .await
        .expect("asked");
    assert_eq!(rows.remove(0).get(0).ok(), Some(true));
    assert_eq!(apply(&address, &[FIRST, SECOND]).await.ok(), Some(1));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let address = Address::parse("postgres://ann:secret@127.0.0.1:1/punctual").expect("a URL");
    let line = apply(&address, &[FIRST])
        .await
        .expect_err("nobody listens")
        .to_string();
    assert!(
        line.contains("127.0.0.1:1") && line.contains("--database-url"),
        "{line}"
    );
    assert!(!line.contains("secret"), "{line}");
}
