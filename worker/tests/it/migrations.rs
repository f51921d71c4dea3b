use std::path::Path;

use punctual_sqlite::{Database, Options, Value};
use punctual_worker::Error;
use punctual_worker::clock::Clock;
use punctual_worker::migrations::{Migration, POSTGRES, SQLITE, apply_to_sqlite as apply, migrate};

use crate::harness::Fixture;

const FIRST: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE a (x)",
};
const CHANGED: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE a (x, y)",
};
const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    sql: "CREATE TABLE b (x)",
};
const SERVES_FIRST: Migration = Migration {
    version: 2,
    name: "serves",
    sql: "CREATE TABLE facts (name TEXT, value TEXT); INSERT INTO facts VALUES ('schema_serves', '1')",
};
const BROKEN: Migration = Migration {
    version: 2,
    name: "broken",
    sql: "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1)",
};

fn empty() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (
        Database::open(&folder.path().join("x.db"), Options::default()).expect("opened"),
        folder,
    )
}

async fn refused(db: &Database, migrations: &'static [Migration]) -> String {
    match apply(db, &Clock::system(), migrations).await {
        Err(Error::Schema(line)) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_table_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".sql"))
        .collect();
    files.sort();
    let table: Vec<String> = SQLITE
        .iter()
        .map(|one| format!("{:04}_{}.sql", one.version, one.name))
        .collect();
    assert_eq!(table, files);
    assert!(
        SQLITE
            .iter()
            .map(|one| one.version)
            .eq(1..=SQLITE.len() as i64)
    );
}

#[tokio::test]
async fn a_second_start_applies_nothing() {
    let fixture = Fixture::new().await;
    assert_eq!(migrate(&fixture.db, &fixture.clock).await.ok(), Some(0));
    assert_eq!(
        fixture.integer("SELECT count(*) FROM migrations").await,
        SQLITE.len() as i64
    );
}

#[tokio::test]
async fn what_is_missing_is_applied_and_what_is_there_stays() {
    let (db, _folder) = empty();
    assert_eq!(apply(&db, &Clock::system(), &[FIRST]).await.ok(), Some(1));
    assert_eq!(
        apply(&db, &Clock::system(), &[FIRST, SECOND]).await.ok(),
        Some(1)
    );
}

#[tokio::test]
async fn a_database_from_the_future_is_refused() {
    let (db, _folder) = empty();
    apply(&db, &Clock::system(), &[FIRST, SECOND])
        .await
        .expect("applied");
    assert!(refused(&db, &[FIRST]).await.contains("newer Punctual"));
}

#[tokio::test]
async fn a_database_from_the_future_that_serves_this_program_is_used_as_it_is() {
    let (db, _folder) = empty();
    apply(&db, &Clock::system(), &[FIRST, SERVES_FIRST])
        .await
        .expect("applied");
    assert_eq!(apply(&db, &Clock::system(), &[FIRST]).await.ok(), Some(0));
}

#[test]
fn every_migration_says_whom_it_still_serves() {
    for migration in SQLITE.iter().chain(POSTGRES).filter(|one| one.version > 6) {
        assert!(migration.sql.contains("'schema_serves'"), "{migration}");
    }
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let (db, _folder) = empty();
    apply(&db, &Clock::system(), &[FIRST])
        .await
        .expect("applied");
    assert!(
        refused(&db, &[CHANGED, SECOND])
            .await
            .contains("0001_first")
    );
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let (db, _folder) = empty();
    assert!(refused(&db, &[FIRST, BROKEN]).await.contains("0002_broken"));
    let tables = db
        .query(
            "SELECT name FROM sqlite_schema WHERE name = 'c'",
            Vec::new(),
        )
        .await
        .expect("asked");
    assert!(tables.rows.is_empty());
    assert_eq!(
        apply(&db, &Clock::system(), &[FIRST, SECOND]).await.ok(),
        Some(1)
    );
}

/// Up to the schema in which the relay gave all positions.
const RELAY_GAVE: &[Migration] = SQLITE.split_at(8).0;

#[tokio::test]
async fn what_had_no_position_yet_gets_one_and_what_comes_then_the_next() {
    let (db, _folder) = empty();
    let clock = Clock::system();
    apply(&db, &clock, RELAY_GAVE).await.expect("applied");
    let register =
        "INSERT INTO users (id, email, password_hash, role, inbox_id, timezone, op, created_at)
        VALUES (?1, ?1, '-', 'member', 'inbox-' || ?1, 'UTC', 'register-' || ?1, 1)";
    let sql = async |sql: &str, params: Vec<Value>| db.query(sql, params).await.expect("done").rows;
    sql(register, vec!["ann".into()]).await;
    sql("UPDATE changes SET position = seq + 10", Vec::new()).await;
    sql(
        "INSERT INTO watermarks VALUES ('positions', 12)",
        Vec::new(),
    )
    .await;
    sql(register, vec!["bob".into()]).await;
    apply(&db, &clock, SQLITE).await.expect("applied");
    sql(register, vec!["cid".into()]).await;
    let rows = sql("SELECT position FROM changes ORDER BY seq", Vec::new()).await;
    let positions: Vec<_> = rows.iter().filter_map(|row| row[0].as_integer()).collect();
    assert_eq!(positions, [11, 12, 13, 14, 15, 16]);
    let last = sql(
        "SELECT position FROM watermarks WHERE name = 'positions'",
        Vec::new(),
    )
    .await;
    assert_eq!(last[0][0].as_integer(), Some(16));
}
