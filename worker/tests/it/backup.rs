use std::path::Path;

use punctual_sqlite::{Database, Options};
use punctual_worker::Error;
use punctual_worker::admin::{backup, restore};
use punctual_worker::data::Folder;
use punctual_worker::store::Db;

use crate::harness::Fixture;

/// Where the fixture's file is.
fn folder_of(fixture: &Fixture) -> &Path {
    match &fixture.db {
        Db::Sqlite(db) => db.path().parent().expect("a folder"),
        Db::Postgres(_) => panic!("only a file has a backup"),
    }
}

#[tokio::test]
async fn a_backup_taken_in_use_brings_everything_back_and_keeps_what_was_there() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let sql = "INSERT INTO watermarks VALUES ('positions', 7), ('published_through', 7)
        ON CONFLICT DO UPDATE SET position = excluded.position";
    fixture.run(sql, Vec::new()).await;
    let folder = Folder::existing(folder_of(&fixture)).expect("a folder");
    let copy = folder_of(&fixture).join("copy.db");
    backup(&folder, &copy).await.expect("copied");
    assert!(
        matches!(backup(&folder, &copy).await, Err(Error::Usage(_))),
        "nothing is written over"
    );
    fixture.user("bob").await;

    let lock = folder.lock().expect("free");
    assert!(matches!(
        restore(&folder, &copy, &fixture.clock),
        Err(Error::InUse { .. })
    ));
    drop(lock);
    let kept = restore(&folder, &copy, &fixture.clock)
        .expect("restored")
        .expect("kept");
    let users = async |path: &std::path::Path| {
        let db = Database::open(path, Options::default()).expect("opened");
        let rows = db
            .query("SELECT id FROM users ORDER BY id", Vec::new())
            .await
            .expect("asked")
            .rows;
        rows.iter()
            .filter_map(|row| row[0].as_text().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(users(&folder.database()).await, ["ann"]);
    assert_eq!(users(&kept).await, ["ann", "bob"], "its log came along");
    let db = Database::open(&folder.database(), Options::default()).expect("opened");
    let sql = "SELECT position FROM watermarks ORDER BY name";
    let rows = db.query(sql, Vec::new()).await.expect("asked").rows;
    let positions: Vec<_> = rows.iter().filter_map(|row| row[0].as_integer()).collect();
    assert_eq!(
        positions,
        [1_000_000_007, 7],
        "no position of after the backup comes again"
    );
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let folder = Folder::existing(folder_of(&fixture)).expect("a folder");
    let at = |name: &str| folder_of(&fixture).join(name);
    std::fs::write(at("text"), "not a database").expect("written");
    Database::open(&at("foreign.db"), Options::default()).expect("made");
    let newer = at("newer.db");
    backup(&folder, &newer).await.expect("copied");
    let db = Database::open(&newer, Options::default()).expect("opened");
    let sql = "INSERT INTO migrations VALUES (999, 'later', '', 0)";
    db.query(sql, Vec::new()).await.expect("written");
    for name in ["missing", "text", "foreign.db", "newer.db"] {
        let refused = restore(&folder, &at(name), &fixture.clock);
        assert!(
            matches!(refused, Err(Error::Usage(_))),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(fixture.integer("SELECT count(*) FROM users").await, 1);
}
