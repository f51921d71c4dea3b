//! What the host and the worker rely on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use punctual_sqlite::{Database, Error, Options, Value};

struct Fixture {
    database: Database,
    folder: tempfile::TempDir,
}

async fn fixture_with(options: Options) -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database =
        Database::open(&folder.path().join("test.db"), options).expect("the database opens");
    database
        .query(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
            vec![],
        )
        .await
        .expect("the table is made");
    Fixture { database, folder }
}

async fn fixture() -> Fixture {
    fixture_with(Options::default()).await
}

async fn count(database: &Database) -> i64 {
    let rows = database
        .query("SELECT count(*) FROM t", vec![])
        .await
        .expect("a count");
    rows.rows[0][0].as_integer().expect("a number")
}

async fn insert(database: &Database, name: &str) -> Result<punctual_sqlite::Rows, Error> {
    database
        .query("INSERT INTO t (name) VALUES (?1)", vec![name.into()])
        .await
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went_in() {
    let f = fixture().await;
    let values = vec![
        Value::Null,
        7_i64.into(),
        1.5.into(),
        "Zürich".into(),
        Value::Blob(vec![0, 255]),
    ];
    let rows = f
        .database
        .query("SELECT ?1 AS a, ?2, ?3, ?4, ?5", values.clone())
        .await
        .expect("rows");
    assert_eq!(rows.rows, [values]);
    assert_eq!(rows.columns[0], "a");
    assert_eq!(rows.changes, 0);
}

#[tokio::test]
async fn a_write_is_seen_by_the_next_read_and_reports_what_it_changed() {
    let f = fixture().await;
    let rows = insert(&f.database, "a").await.expect("inserted");
    assert_eq!((rows.changes, rows.last_insert_rowid), (1, 1));
    assert_eq!(count(&f.database).await, 1);
    let rows = f
        .database
        .query("UPDATE t SET name = 'x' WHERE id = 99", vec![])
        .await
        .expect("runs");
    assert_eq!(rows.changes, 0);
    let rows = f
        .database
        .query(
            "INSERT INTO t (name) VALUES ('b') RETURNING id, name",
            vec![],
        )
        .await
        .expect("inserted");
    assert_eq!(rows.rows, [vec![Value::Integer(2), "b".into()]]);
    assert_eq!(rows.changes, 1);
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing() {
    let f = fixture().await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let database = f.database.clone();
            tokio::spawn(async move { insert(&database, &n.to_string()).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("joined").expect("inserted");
    }
    assert_eq!(count(&f.database).await, 200);
}

#[tokio::test]
async fn errors_tell_what_stood_in_the_way() {
    let f = fixture().await;
    insert(&f.database, "a").await.expect("inserted");
    let error = insert(&f.database, "a").await.expect_err("not twice");
    assert!(error.is_unique_violation() && error.is_constraint());
    assert_eq!(error.to_string(), "UNIQUE constraint failed: t.name");

    f.database
        .query(
            "CREATE TRIGGER no_b BEFORE INSERT ON t WHEN NEW.name = 'b'
             BEGIN SELECT RAISE(ABORT, 'op must change'); END",
            vec![],
        )
        .await
        .expect("the trigger is made");
    let error = insert(&f.database, "b").await.expect_err("refused");
    assert_eq!(error.raised(), Some("op must change"));
    assert!(!error.is_unique_violation());

    f.database
        .query("PRAGMA max_page_count = 1", vec![])
        .await
        .expect("a setting is not applied");
    f.database
        .write(|connection| Ok(connection.execute_batch("PRAGMA max_page_count = 8")?))
        .await
        .expect("set");
    let error = f
        .database
        .query(
            "INSERT INTO t (name) VALUES (hex(randomblob(100000)))",
            vec![],
        )
        .await
        .expect_err("full");
    assert!(error.is_full(), "{error:?}");

    assert!(matches!(
        f.database.query("SELECT 1; SELECT 2", vec![]).await,
        Err(Error::Usage(_))
    ));
    assert!(matches!(
        f.database.query("SELECT ?1", vec![]).await,
        Err(Error::Usage(_))
    ));
    assert!(matches!(
        f.database.query("ATTACH 'x' AS y", vec![]).await,
        Err(Error::Refused(_))
    ));
    assert!(matches!(
        f.database.query("BEGIN", vec![]).await,
        Err(Error::Refused(_))
    ));
}

#[tokio::test]
async fn a_panicking_job_harms_nobody_and_leaves_nothing_behind() {
    let f = fixture().await;
    let error = f
        .database
        .write::<()>(|connection| {
            connection.execute_batch("BEGIN; INSERT INTO t (name) VALUES ('half')")?;
            panic!("on purpose");
        })
        .await
        .expect_err("panicked");
    assert!(matches!(error, Error::Panicked(message) if message == "on purpose"));
    for _ in 0..10 {
        assert!(matches!(
            f.database.read::<()>(|_| panic!("again")).await,
            Err(Error::Panicked(_))
        ));
    }
    insert(&f.database, "a").await.expect("inserted");
    assert_eq!(count(&f.database).await, 1);
}

#[tokio::test]
async fn a_job_can_open_a_transaction_and_one_left_open_is_rolled_back() {
    let f = fixture().await;
    f.database
        .write(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO t (name) VALUES ('a')", [])?;
            Ok(transaction.commit()?)
        })
        .await
        .expect("committed");
    f.database
        .write(|connection| {
            Ok(connection.execute_batch("BEGIN; INSERT INTO t (name) VALUES ('b')")?)
        })
        .await
        .expect("runs");
    assert_eq!(count(&f.database).await, 1);
}

#[tokio::test]
async fn a_reader_can_not_write() {
    let f = fixture().await;
    let error = f
        .database
        .read(|connection| Ok(connection.execute("INSERT INTO t (name) VALUES ('a')", [])?))
        .await
        .expect_err("read only");
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn exclusive_keeps_others_out_until_it_commits() {
    let f = fixture().await;
    let exclusive = f.database.exclusive().await.expect("the writer");
    exclusive.query("BEGIN", vec![]).await.expect("begun");
    assert!(exclusive.in_transaction());
    exclusive
        .query("INSERT INTO t (name) VALUES ('a')", vec![])
        .await
        .expect("inserted");
    let other = tokio::spawn({
        let database = f.database.clone();
        async move { insert(&database, "b").await }
    });
    assert_eq!(count(&f.database).await, 0, "readers see the last commit");
    exclusive.query("COMMIT", vec![]).await.expect("committed");
    assert!(!exclusive.in_transaction());
    drop(exclusive);
    other.await.expect("joined").expect("inserted");
    assert_eq!(count(&f.database).await, 2);
}

#[tokio::test]
async fn exclusive_is_rolled_back_when_it_is_dropped_or_takes_too_long() {
    let f = fixture_with(Options {
        exclusive_timeout: Duration::from_millis(50),
        ..Options::default()
    })
    .await;
    let exclusive = f.database.exclusive().await.expect("the writer");
    exclusive.query("BEGIN", vec![]).await.expect("begun");
    exclusive
        .query("INSERT INTO t (name) VALUES ('a')", vec![])
        .await
        .expect("inserted");
    // Waits in the queue until the writer takes itself back.
    insert(&f.database, "b").await.expect("inserted");
    assert!(matches!(
        exclusive.query("COMMIT", vec![]).await,
        Err(Error::Expired)
    ));
    assert_eq!(count(&f.database).await, 1);

    let exclusive = f.database.exclusive().await.expect("the writer");
    exclusive.query("BEGIN", vec![]).await.expect("begun");
    exclusive
        .query("INSERT INTO t (name) VALUES ('c')", vec![])
        .await
        .expect("inserted");
    drop(exclusive);
    insert(&f.database, "d").await.expect("inserted");
    assert_eq!(count(&f.database).await, 2);
}

#[tokio::test]
async fn another_process_with_the_file_open_is_waited_for() {
    let f = fixture().await;
    // A second `Database` has its own connections, as another process would.
    let other = Database::open(f.database.path(), Options::default()).expect("opens");
    let held = other.exclusive().await.expect("the writer");
    held.query("BEGIN IMMEDIATE", vec![]).await.expect("begun");
    let waiting = tokio::spawn({
        let database = f.database.clone();
        async move { insert(&database, "a").await }
    });
    held.query("INSERT INTO t (name) VALUES ('b')", vec![])
        .await
        .expect("inserted");
    held.query("COMMIT", vec![]).await.expect("committed");
    drop(held);
    waiting.await.expect("joined").expect("inserted");
    assert_eq!(count(&other).await, 2);
}

#[tokio::test]
async fn busy_is_told_apart() {
    let f = fixture_with(Options {
        busy_timeout: Duration::from_millis(20),
        ..Options::default()
    })
    .await;
    let other = Database::open(f.database.path(), Options::default()).expect("opens");
    let held = other.exclusive().await.expect("the writer");
    held.query("BEGIN IMMEDIATE", vec![]).await.expect("begun");
    assert!(insert(&f.database, "a").await.expect_err("busy").is_busy());
}

#[tokio::test]
async fn a_backup_is_complete_and_usable() {
    let f = fixture().await;
    insert(&f.database, "a").await.expect("inserted");
    let path = f.folder.path().join("copy.db");
    f.database.backup_to(&path).await.expect("copied");
    insert(&f.database, "b").await.expect("inserted");
    let copy = Database::open(&path, Options::default()).expect("opens");
    assert_eq!(count(&copy).await, 1);
    f.database
        .backup_to(&path)
        .await
        .expect("replaces an older copy");
    assert!(
        f.database
            .backup_to(&f.folder.path().join("no/such/folder.db"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_result_has_a_limit() {
    let f = fixture_with(Options {
        max_result_bytes: 10_000,
        ..Options::default()
    })
    .await;
    let error = f
        .database
        .query("SELECT randomblob(20000)", vec![])
        .await
        .expect_err("too large");
    assert!(matches!(error, Error::TooLarge { limit: 10_000 }));
}

#[tokio::test]
async fn a_withdrawn_write_that_has_not_begun_does_not_happen() {
    let f = fixture().await;
    let exclusive = f.database.exclusive().await.expect("the writer");
    let withdrawn = tokio::time::timeout(Duration::from_millis(20), insert(&f.database, "a")).await;
    assert!(withdrawn.is_err());
    drop(exclusive);
    insert(&f.database, "b").await.expect("inserted");
    assert_eq!(count(&f.database).await, 1);
}

#[tokio::test]
async fn the_database_its_log_and_its_backup_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = fixture().await;
    insert(&fixture.database, "a").await.expect("inserted");
    let copy = fixture.folder.path().join("copy.db");
    fixture.database.backup_to(&copy).await.expect("copied");
    for name in ["test.db", "test.db-wal", "copy.db"] {
        let path = fixture.folder.path().join(name);
        let mode = std::fs::metadata(&path).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_reads_for_long_keeps_nobody_waiting() {
    let f = fixture().await;
    let counting = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT count(*) FROM n";
    let counted = async |database: Database, until: i64| {
        let rows = database.query(counting, vec![until.into()]).await?;
        Ok::<_, Error>(rows.rows[0][0].as_integer())
    };
    // From now on it is known that this reads, so that the caller does so by itself.
    let few = counted(f.database.clone(), 10).await.expect("counted");
    assert_eq!(few, Some(10));
    let long = tokio::spawn(counted(f.database.clone(), 3_000_000));
    tokio::task::yield_now().await;
    let few = counted(f.database.clone(), 20).await.expect("counted");
    assert_eq!(few, Some(20));
    assert!(!long.is_finished());
    let many = long.await.expect("joined").expect("counted");
    assert_eq!(many, Some(3_000_000));
}

#[tokio::test]
async fn a_read_that_fails_says_why_each_time() {
    let f = fixture().await;
    for _ in 0..3 {
        let read = f.database.query("SELECT json(?1)", vec!["{".into()]).await;
        let error = read.expect_err("no JSON");
        assert!(error.to_string().contains("malformed JSON"), "{error}");
    }
    assert_eq!(count(&f.database).await, 0);
}

type Job = Pin<Box<dyn Future<Output = Result<i64, Error>> + Send>>;

/// A database on which what waits together shares one commit, however slow the machine is.
async fn gathering() -> Fixture {
    let f = fixture_with(Options {
        gathering: Duration::from_secs(60),
        ..Options::default()
    })
    .await;
    // From now on it is known that this writes, so that no reader is asked first.
    insert(&f.database, "first").await.expect("inserted");
    f.database
        .query("DELETE FROM t", vec![])
        .await
        .expect("deleted");
    f
}

/// Jobs that wait together: all are queued while the writer is held up, each before the next.
async fn queued(f: &Fixture, jobs: Vec<Job>) -> Vec<Result<i64, Error>> {
    let writer = f.database.exclusive().await.expect("the writer");
    let mut waiting = Vec::new();
    for job in jobs {
        waiting.push(tokio::spawn(job));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(writer);
    let mut ended = Vec::new();
    for job in waiting {
        ended.push(job.await.expect("joined"));
    }
    ended
}

/// Counts commits from here on.
async fn commits(database: &Database) -> Arc<AtomicU64> {
    let commits = Arc::new(AtomicU64::new(0));
    let counter = commits.clone();
    let hook = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        false
    };
    database
        .write(move |connection| Ok(connection.commit_hook(Some(hook))?))
        .await
        .expect("counted");
    commits
}

/// Adds a row; its id.
fn adding(f: &Fixture, sql: &'static str, value: impl Into<Value>) -> Job {
    let (database, value) = (f.database.clone(), value.into());
    Box::pin(async move {
        let rows = database.query(sql, vec![value]).await?;
        Ok(rows.last_insert_rowid)
    })
}

fn named(f: &Fixture, name: &str) -> Job {
    adding(f, "INSERT INTO t (name) VALUES (?1)", name)
}

#[tokio::test]
async fn what_waits_together_shares_one_commit_and_each_has_its_own_answer() {
    let f = gathering().await;
    let commits = commits(&f.database).await;
    let answers = queued(&f, ["a", "b", "a", "c"].map(|name| named(&f, name)).into()).await;
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    let ids: Vec<Option<i64>> = answers
        .iter()
        .map(|answer| answer.as_ref().ok().copied())
        .collect();
    assert_eq!(ids, [Some(1), Some(2), None, Some(3)]);
    let refused = answers[2].as_ref().expect_err("not twice");
    assert!(refused.is_unique_violation());
    assert_eq!(count(&f.database).await, 3);
}

#[tokio::test]
async fn what_ends_the_transaction_of_all_harms_only_itself() {
    let f = fixture().await;
    insert(&f.database, "a").await.expect("inserted");
    let rude = adding(&f, "INSERT OR ROLLBACK INTO t (name) VALUES (?1)", "a");
    let jobs = vec![named(&f, "b"), rude, named(&f, "c")];
    let answers = queued(&f, jobs).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(answers[1].as_ref().is_err_and(Error::is_unique_violation));
    assert_eq!(count(&f.database).await, 3);
}

#[tokio::test]
async fn what_can_not_be_committed_is_refused_by_itself() {
    let f = fixture().await;
    let child = "CREATE TABLE child (t INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)";
    f.database.query(child, vec![]).await.expect("made");
    let add = |t: i64| adding(&f, "INSERT INTO child (t) VALUES (?1)", t);
    insert(&f.database, "a").await.expect("inserted");
    let answers = queued(&f, vec![add(1), add(99), add(1)]).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(answers[1].as_ref().is_err_and(Error::is_constraint));
}

#[tokio::test]
async fn several_statements_hold_together_among_others() {
    let f = gathering().await;
    let commits = commits(&f.database).await;
    let pair = |first: &'static str, second: &'static str| -> Job {
        let database = f.database.clone();
        Box::pin(async move {
            database
                .transaction(move |connection| {
                    let mut insert =
                        connection.prepare_cached("INSERT INTO t (name) VALUES (?1)")?;
                    insert.execute([first])?;
                    insert.execute([second])?;
                    assert!(second != "bang", "bang");
                    Ok(0)
                })
                .await
        })
    };
    let jobs = vec![
        pair("a", "b"),
        pair("c", "a"),
        pair("d", "bang"),
        pair("c", "d"),
    ];
    let answers = queued(&f, jobs).await;
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    assert!(answers[0].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert!(answers[1].as_ref().is_err_and(Error::is_unique_violation));
    assert!(matches!(answers[2], Err(Error::Panicked(_))));
    assert_eq!(count(&f.database).await, 4);
}

#[tokio::test]
async fn a_vacuum_among_writes_has_its_turn() {
    let f = fixture().await;
    let database = f.database.clone();
    let vacuum = async move { database.query("VACUUM", vec![]).await.map(|_| 0) };
    let jobs: Vec<Job> = vec![named(&f, "a"), Box::pin(vacuum), named(&f, "b")];
    for answer in queued(&f, jobs).await {
        answer.expect("done");
    }
    assert_eq!(count(&f.database).await, 2);
}
