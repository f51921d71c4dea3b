//! Guests that end badly, and a database that does.

use std::time::Duration;

use punctual_servers::Postgres;
use serde_json::json;

use crate::database::{Database, GUESTS, path};
use crate::support::{Loaded, until};

const LOCKED: &str = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
    WHERE c.relname = 't' AND l.pid <> pg_backend_pid()";
const COMPUTING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'guest' AND state <> 'idle'";

async fn with_table(database: &Database) {
    let sql = "CREATE TABLE t (a int); INSERT INTO t VALUES (0)";
    database.client.batch_execute(sql).await.expect("a table");
}

#[tokio::test]
async fn a_guest_that_traps_in_a_transaction_leaves_nothing_locked() {
    let database = Database::new().await;
    with_table(&database).await;
    let app = database.application().load().await;
    app.get(&path("leave-open", "UPDATE t SET a = 1"))
        .await
        .is_problem(500);
    until("the locks are gone", || async {
        database.number(LOCKED).await == 0
    })
    .await;
    assert_eq!(app.get(&path("fresh", "SELECT a FROM t")).await.text(), "0");
}

#[tokio::test]
async fn a_guest_that_is_cut_off_in_a_statement_leaves_nothing_running_or_locked() {
    let database = Database::new().await;
    with_table(&database).await;
    let app = database
        .application()
        .limits(|limits| {
            limits.response_head = Duration::from_millis(500);
            limits.instance_idle = Duration::from_millis(100);
        })
        .load()
        .await;
    app.get(&path("linger", "UPDATE t SET a = 1"))
        .await
        .is_problem(504);
    until("the locks are gone", || async {
        database.number(LOCKED).await == 0
    })
    .await;
    until("nothing runs", || async {
        database.number(COMPUTING).await == 0
    })
    .await;
    assert_eq!(
        app.get(&path("fresh", "UPDATE t SET a = a + 2 RETURNING a"))
            .await
            .text(),
        "2"
    );
}

#[tokio::test]
async fn a_killed_back_end_is_one_error() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let kept = |sql: &'static str| app.get_owned(path("kept", sql));
    assert_eq!(kept("SELECT 1").await.text(), "1");
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity {}",
        &GUESTS[GUESTS.find("WHERE").expect("a condition")..]
    );

    // In the middle of a statement, Postgres says so itself.
    let (answer, ()) = futures::join!(kept("SELECT pg_sleep(20)"), async {
        until("it runs", || async {
            database.number(COMPUTING).await == 1
        })
        .await;
        database.number(&kill).await;
    });
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["code"], "57P01", "{answer:?}");
    // The guest goes on with the dead connection once, and then opens another.
    let answer = kept("SELECT 1").await;
    assert!(answer.json()["connection"].is_string(), "{answer:?}");
    assert_eq!(kept("SELECT 2").await.text(), "2");

    // Between statements, the next one finds out.
    database.number(&kill).await;
    until("it is dead", || async {
        database.number(GUESTS).await == 0
    })
    .await;
    let answer = kept("SELECT 3").await;
    assert!(
        answer.json()["connection"].is_string() || answer.json()["code"] == "57P01",
        "{answer:?}"
    );
    until("it works again", || async {
        kept("SELECT 4").await.status == 200
    })
    .await;
    assert_eq!(app.get(&path("fresh", "SELECT 5")).await.text(), "5");
}

#[tokio::test]
async fn after_a_restart_of_postgres_the_next_requests_succeed() {
    let mut server = Postgres::start().await.expect("Postgres starts");
    let database = Database::on(&server).await;
    let app = database.application().load().await;
    for _ in 0..10 {
        futures::future::join_all(
            (0..10).map(|_| app.get_owned(path("fresh", "SELECT pg_sleep(0.02)"))),
        )
        .await;
        assert_eq!(app.get_owned(path("kept", "SELECT 1")).await.text(), "1");
    }
    server.restart().await.expect("it restarts");
    for _ in 0..20 {
        let answer = app.get_owned(path("fresh", "SELECT 1")).await;
        assert_eq!(
            answer.text(),
            "1",
            "no pooled connection that is dead is handed out"
        );
    }
    let mut failures = 0;
    until("the kept connection is replaced", || {
        failures += 1;
        async { app.get_owned(path("kept", "SELECT 1")).await.status == 200 }
    })
    .await;
    assert!(failures <= 2, "one error for each broken connection");
    // While it is down, an error comes soon.
    server.stop().await.expect("it stops");
    let answer = app.get_owned(path("fresh", "SELECT 1")).await;
    assert!(answer.json()["connection"].is_string(), "{answer:?}");
    server.restart().await.expect("it starts");
    assert_eq!(app.get_owned(path("fresh", "SELECT 1")).await.text(), "1");
    assert_eq!(
        app.pg(json!([["SELECT 1"]])).await[0]["rows"],
        json!([[{ "int32": 1 }]])
    );
}

impl Loaded {
    async fn get_owned(&self, path: String) -> crate::support::Answer {
        self.get(&path).await
    }
}
