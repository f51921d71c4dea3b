//! Connections are shared, and nothing is left in them.

use std::time::Duration;

use serde_json::json;

use crate::database::{Database, GUESTS, path};
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_requests_at_once_share_at_most_64_connections() {
    let database = Database::new().await;
    let app = database
        .application()
        // Some connections are kept by instances; the others stay for those that open one for each request.
        .limits(|limits| limits.instances = 30)
        .load()
        .await;
    let requests = futures::future::join_all((0..500).map(|number| {
        let route = if number % 2 == 0 { "fresh" } else { "kept" };
        let path = path(route, &format!("SELECT {number}::int8 FROM pg_sleep(0.02)"));
        let app = &app;
        async move { (number, app.get(&path).await) }
    }));
    let watch = async {
        let mut most = 0;
        loop {
            most = most.max(database.number(GUESTS).await);
            assert!(most <= 64, "{most} connections");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answers = tokio::select! {
        answers = requests => answers,
        () = watch => unreachable!("it watches for ever"),
    };
    for (number, answer) in answers {
        assert_eq!(answer.text(), number.to_string());
    }
}

#[tokio::test]
async fn nothing_of_a_session_is_handed_on() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| limits.postgres_connections = 1)
        .load()
        .await;
    let answers = app
        .pg(json!([
            ["SELECT set_config('search_path', 'other', false)"],
            ["SELECT set_config('app.user', 'ada', false)"],
            ["CREATE TEMP TABLE mine (a int)"],
            ["SELECT pg_advisory_lock(7)"],
            ["LISTEN news"],
            ["SELECT pg_backend_pid()"],
        ]))
        .await;
    let before = answers[5]["rows"][0].clone();
    let answers = app
        .pg(json!([
            ["SELECT pg_backend_pid()"],
            ["SELECT current_setting('search_path'), coalesce(current_setting('app.user', true), '')"],
            ["SELECT to_regclass('mine') IS NULL"],
            ["SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"],
            ["SELECT count(*) FROM pg_listening_channels()"],
        ]))
        .await;
    assert_eq!(answers[0]["rows"][0], before, "it is the same connection");
    assert_eq!(
        answers[1]["rows"],
        json!([[{ "str": "\"$user\", public" }, { "str": "" }]])
    );
    assert_eq!(answers[2]["rows"], json!([[{ "boolean": true }]]));
    assert_eq!(answers[3]["rows"], json!([[{ "int64": 0 }]]));
    assert_eq!(answers[4]["rows"], json!([[{ "int64": 0 }]]));
}

#[tokio::test]
async fn a_transaction_commits_or_rolls_back_and_an_open_one_is_not_handed_on() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| limits.postgres_connections = 1)
        .load()
        .await;
    let answers = app
        .pg(json!([
            ["CREATE TABLE t (a int)"],
            ["BEGIN"],
            ["INSERT INTO t VALUES (1)"],
            ["COMMIT"],
            ["BEGIN"],
            ["INSERT INTO t VALUES (2)"],
            ["SELECT count(*) FROM t"],
            ["ROLLBACK"],
            ["BEGIN"],
            ["INSERT INTO t VALUES (3)"],
        ]))
        .await;
    assert_eq!(
        answers[6]["rows"],
        json!([[{ "int64": 2 }]]),
        "it sees its own writes"
    );
    let answers = app
        .pg(json!([
            ["SELECT a FROM t"],
            ["BEGIN"],
            ["SELECT 1 / 0"],
            ["SELECT 1"]
        ]))
        .await;
    assert_eq!(answers[0]["rows"], json!([[{ "int32": 1 }]]));
    assert_eq!(answers[3]["error"]["code"], "25P02");
    let answers = app.pg(json!([["SELECT 1"]])).await;
    assert_eq!(
        answers[0]["rows"],
        json!([[{ "int32": 1 }]]),
        "a failed one neither"
    );
}

#[tokio::test]
async fn statements_are_prepared_anew_when_the_schema_has_changed() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| limits.postgres_connections = 1)
        .load()
        .await;
    let statements = json!([
        ["SELECT * FROM t"],
        ["INSERT INTO t (a) VALUES ($1)", [{ "int64": 5 }], "execute"],
        ["SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT * FROM t'"],
    ]);
    database
        .client
        .batch_execute("CREATE TABLE t (a int8)")
        .await
        .expect("a table");
    for _ in 0..2 {
        let answers = app.pg(statements.clone()).await;
        assert_eq!(answers[1], json!({ "changed": 1 }));
        assert_eq!(answers[2]["rows"], json!([[{ "int64": 1 }]]), "it is kept");
    }
    for (change, first) in [
        (
            "ALTER TABLE t ADD b text DEFAULT 'b'",
            json!([{ "int64": 5 }, { "str": "b" }]),
        ),
        (
            "ALTER TABLE t ALTER a TYPE int4",
            json!([{ "int32": 5 }, { "str": "b" }]),
        ),
        (
            "ALTER TABLE t DROP a, ADD a int8 DEFAULT 6",
            json!([{ "str": "b" }, { "int64": 6 }]),
        ),
        (
            "DROP TABLE t; CREATE TABLE t (a int8); INSERT INTO t VALUES (7)",
            json!([{ "int64": 7 }]),
        ),
    ] {
        database.client.batch_execute(change).await.expect(change);
        let answers = app.pg(statements.clone()).await;
        assert_eq!(answers[0]["rows"][0], first, "{change}");
        assert_eq!(answers[1], json!({ "changed": 1 }), "{change}");
    }
    app.pg(json!([["DEALLOCATE ALL"]])).await;
    let answers = app.pg(statements).await;
    assert_eq!(answers[1], json!({ "changed": 1 }), "{answers}");
}

#[tokio::test]
async fn the_number_of_prepared_statements_is_bounded() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| limits.postgres_connections = 1)
        .load()
        .await;
    let statements: Vec<_> = (0..600)
        .map(|number| json!([format!("SELECT {number}")]))
        .chain((0..10).map(|number| json!([format!("SELEC {number}")])))
        .chain([json!([
            "SELECT count(*) <= 257 FROM pg_prepared_statements"
        ])])
        .collect();
    let answers = app.pg(json!(statements)).await;
    assert_eq!(answers[599]["rows"], json!([[{ "int32": 599 }]]));
    assert_eq!(
        answers[610]["rows"],
        json!([[{ "boolean": true }]]),
        "{}",
        answers[610]
    );
}

#[tokio::test]
async fn many_requests_share_a_kept_connection() {
    let database = Database::new().await;
    let app = database.application().load().await;
    app.pg(json!([["CREATE TABLE t (a int)"]])).await;
    let insert = path("kept", "INSERT INTO t VALUES (1) RETURNING a");
    let answers = futures::future::join_all((0..100).map(|_| app.get(&insert))).await;
    assert!(
        answers.iter().all(|answer| answer.text() == "1"),
        "{answers:?}"
    );
    assert_eq!(database.number("SELECT count(*) FROM t").await, 100);
    drop(app);
    until("the connections are closed", || async {
        database.number(GUESTS).await == 0
    })
    .await;
}
