//! SQLite and key-value as a component sees them.

use serde_json::json;

use crate::support::{Application, EVERYTHING, loaded, until};

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    let app = loaded().await;
    let answers = app
        .sql(json!([
            ["CREATE TABLE t (id INTEGER PRIMARY KEY, a)"],
            [
                "INSERT INTO t (a) VALUES (?1), (?2), (?3), (?4)",
                [7, 1.5, "Zürich", null]
            ],
            ["SELECT id, a FROM t ORDER BY id"],
            ["SELECT x'00ff' AS blob"],
        ]))
        .await;
    assert_eq!(
        answers[1],
        json!({ "columns": [], "rows": [], "changes": 4, "id": 4 })
    );
    assert_eq!(answers[2]["columns"], json!(["id", "a"]));
    assert_eq!(
        answers[2]["rows"],
        json!([[1, 7], [2, 1.5], [3, "Zürich"], [4, null]])
    );
    assert_eq!(answers[3]["rows"], json!([[{ "blob": [0, 255] }]]));
}

#[tokio::test]
async fn errors_carry_sqlites_message() {
    let app = loaded().await;
    let answers = app
        .sql(json!([
            ["CREATE TABLE t (a TEXT UNIQUE)"],
            ["INSERT INTO t VALUES ('x')"],
            ["INSERT INTO t VALUES ('x')"],
            ["SELECT FROM"],
            ["SELECT ?1", []],
            ["ATTACH 'other.db' AS other"],
            ["VACUUM INTO 'copy.db'"],
            ["PRAGMA journal_mode = DELETE"],
            ["SELECT count(*) FROM t"],
        ]))
        .await;
    assert_eq!(
        answers[2]["error"],
        "Error::Io(\"UNIQUE constraint failed: t.a\")"
    );
    assert!(
        answers[3]["error"]
            .as_str()
            .expect("an error")
            .contains("syntax error")
    );
    assert!(
        answers[4]["error"]
            .as_str()
            .expect("an error")
            .contains("Wrong number of parameters")
    );
    assert_eq!(answers[5]["error"], "Error::Io(\"not authorized\")");
    assert_eq!(answers[6]["error"], "Error::Io(\"not authorized\")");
    assert_eq!(
        answers[7]["rows"],
        json!([["wal"]]),
        "what others share is not changed"
    );
    assert_eq!(answers[8]["rows"], json!([[1]]));
}

#[tokio::test]
async fn a_transaction_commits_or_rolls_back() {
    let app = loaded().await;
    let answers = app
        .sql(json!([
            ["CREATE TABLE t (a)"],
            ["BEGIN"],
            ["INSERT INTO t VALUES (1)"],
            ["SELECT count(*) FROM t"],
            ["ROLLBACK"],
            ["SELECT count(*) FROM t"],
            ["BEGIN IMMEDIATE"],
            ["INSERT INTO t VALUES (2)"],
            ["COMMIT"],
            ["SELECT count(*) FROM t"],
            ["COMMIT"],
        ]))
        .await;
    assert_eq!(answers[3]["rows"], json!([[1]]), "it sees its own writes");
    assert_eq!(answers[5]["rows"], json!([[0]]));
    assert_eq!(answers[9]["rows"], json!([[1]]));
    assert!(
        answers[10]["error"]
            .as_str()
            .expect("an error")
            .contains("no transaction is active")
    );
}

#[tokio::test]
async fn a_transaction_that_a_trap_leaves_open_is_rolled_back_and_frees_the_writer() {
    let app = loaded().await;
    app.sql(json!([["CREATE TABLE t (a)"]])).await;
    app.get("/sql/leave-open?sql=INSERT+INTO+t+VALUES+(1)")
        .await
        .is_problem(500);
    let answers = app
        .sql(json!([["INSERT INTO t VALUES (2)"], ["SELECT a FROM t"]]))
        .await;
    assert_eq!(answers[1]["rows"], json!([[2]]));
}

#[tokio::test]
async fn many_requests_share_a_kept_connection() {
    let app = loaded().await;
    app.sql(json!([["CREATE TABLE t (a)"]])).await;
    let insert = "/sql/kept?sql=INSERT+INTO+t+VALUES+(1)+RETURNING+a";
    let answers = futures::future::join_all((0..100).map(|_| app.get(insert))).await;
    assert!(
        answers.iter().all(|answer| answer.text() == "1"),
        "{answers:?}"
    );
    assert_eq!(
        app.get("/sql/kept?sql=SELECT+count(*)+FROM+t").await.text(),
        "100"
    );
}

#[tokio::test]
async fn the_database_is_shared_with_its_owner() {
    let app = loaded().await;
    app.database
        .write(|connection| {
            Ok(connection.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES ('host')")?)
        })
        .await
        .expect("written");
    assert_eq!(
        app.get("/sql/kept?sql=SELECT+a+FROM+t").await.text(),
        "host"
    );
    app.get("/sql/kept?sql=UPDATE+t+SET+a='guest'").await;
    let rows = app
        .database
        .query("SELECT a FROM t", vec![])
        .await
        .expect("read");
    assert_eq!(rows.rows[0][0].as_text(), Some("guest"));
}

#[tokio::test]
async fn what_was_not_granted_is_denied() {
    let app = Application::new(
        r#"
[[trigger.http]]
route = "/..."
component = "guest"
[component.guest]
source = "GUEST"
"#,
    )
    .load()
    .await;
    for path in ["/sql", "/key-value"] {
        let answer = app.post(path, "{}").await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.text(), "Error::AccessDenied");
    }
    let app = loaded().await;
    let answer = app
        .post("/sql", json!({ "database": "other" }).to_string())
        .await;
    assert_eq!(answer.text(), "Error::AccessDenied");
    let answer = app
        .post("/key-value", json!({ "store": "other" }).to_string())
        .await;
    assert_eq!(answer.text(), "Error::AccessDenied");
}

#[tokio::test]
async fn key_value_keeps_what_it_is_given_apart_by_store() {
    let manifest = EVERYTHING.replace(
        "key_value_stores = [\"default\"]",
        "key_value_stores = [\"default\", \"other\"]",
    );
    let app = Application::new(&manifest).load().await;
    let run = |store: &'static str, steps: serde_json::Value| {
        let job = json!({ "store": store, "steps": steps }).to_string();
        let app = &app;
        async move { app.post("/key-value", job).await.json() }
    };
    let answers = run(
        "default",
        json!([
            ["get", "a"],
            ["set", "a", "1"],
            ["set", "a", "2"],
            ["set", "b", ""],
            ["get", "a"],
            ["exists", "b"],
            ["keys"],
            ["delete", "a"],
            ["exists", "a"],
            ["delete", "a"]
        ]),
    )
    .await;
    assert_eq!(
        answers,
        json!([
            null,
            null,
            null,
            null,
            "2",
            true,
            ["a", "b"],
            null,
            false,
            null
        ])
    );
    assert_eq!(run("other", json!([["keys"]])).await, json!([[]]));
    assert_eq!(run("default", json!([["keys"]])).await, json!([["b"]]));
}

#[tokio::test]
async fn a_transaction_held_too_long_lets_others_in() {
    let mut app = Application::new(EVERYTHING);
    let path = app.folder.path().join("short.db");
    let database = punctual_sqlite::Database::open(
        &path,
        punctual_sqlite::Options {
            exclusive_timeout: std::time::Duration::from_millis(100),
            ..Default::default()
        },
    )
    .expect("a database");
    app.options.databases.insert("default".to_owned(), database);
    let app = app.load().await;
    app.sql(json!([["CREATE TABLE t (a)"]])).await;
    app.get("/sql/kept?sql=BEGIN").await;
    app.get("/sql/kept?sql=INSERT+INTO+t+VALUES+(1)").await;
    until("the writer is free", || async {
        app.database
            .query("INSERT INTO t VALUES (2)", vec![])
            .await
            .is_ok()
    })
    .await;
    let rows = app
        .database
        .query("SELECT a FROM t", vec![])
        .await
        .expect("read");
    assert_eq!(rows.rows, [vec![punctual_sqlite::Value::Integer(2)]]);
}
