//! Every failure has its form.

use std::time::Duration;

use serde_json::json;

use crate::database::{Database, path};

#[tokio::test]
async fn an_address_that_was_not_granted_is_refused() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let port = |url: &str| {
        let config: tokio_postgres::Config = url.parse().expect("an address");
        config.get_ports()[0]
    };
    let port = port(&database.url);
    for (address, refused) in [
        ("postgres://127.0.0.1:1/x".to_owned(), "127.0.0.1:1"),
        ("postgres://example.org/x".to_owned(), "example.org:5432"),
        (
            format!("postgres://127.0.0.1:{port},10.0.0.1:5432/x"),
            "10.0.0.1:5432",
        ),
        (
            format!("host=127.0.0.1 hostaddr=10.0.0.1 port={port}"),
            &format!("10.0.0.1:{port}"),
        ),
    ] {
        let answer = app.pg_job(json!({ "address": address })).await;
        assert_eq!(
            answer["error"],
            json!({ "connection": format!("address postgres://{refused} is not permitted") }),
            "{address}"
        );
    }
    let answer = app
        .pg_job(json!({ "address": "postgres://127.0.0.1:x/" }))
        .await;
    assert_eq!(
        answer["error"],
        json!({ "connection": "invalid connection string: invalid value for option `port`" })
    );
}

#[tokio::test]
async fn errors_carry_the_sqlstate_and_a_violation_its_constraint() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answers = app
        .pg(json!([
            ["CREATE TABLE t (a int8 CONSTRAINT only_once UNIQUE, b int4 NOT NULL DEFAULT 0)"],
            ["INSERT INTO t (a) VALUES ($1)", [{ "int64": 1 }], "execute"],
            ["INSERT INTO t (a) VALUES ($1)", [{ "int64": 1 }], "execute"],
            ["INSERT INTO t (a) VALUES ($1) RETURNING a", [{ "int64": 1 }]],
            ["SELECT FROM nowhere"],
            ["SELEC 1"],
            ["UPDATE t SET b = NULL"],
            ["SELECT 1 / a FROM (VALUES (1), (0)) v (a)"],
            ["SELECT 1; SELECT 2"],
            ["SELECT count(*) FROM t"],
        ]))
        .await;
    for index in [2, 3] {
        let error = &answers[index]["error"];
        assert_eq!(error["code"], "23505", "{error}");
        assert_eq!(error["severity"], "ERROR");
        assert_eq!(error["detail"], "Key (a)=(1) already exists.");
        assert_eq!(error["extras"]["constraint"], "only_once");
        assert_eq!(error["extras"]["table"], "t");
        assert_eq!(
            error["message"],
            "duplicate key value violates unique constraint \"only_once\""
        );
    }
    for (index, code) in [
        (4, "42P01"),
        (5, "42601"),
        (6, "23502"),
        (7, "22012"),
        (8, "42601"),
    ] {
        assert_eq!(answers[index]["error"]["code"], code, "{}", answers[index]);
    }
    assert_eq!(answers[6]["error"]["extras"]["column"], "b");
    assert_eq!(
        answers[9]["rows"],
        json!([[{ "int64": 1 }]]),
        "the connection is as good as before"
    );
}

#[tokio::test]
async fn a_value_without_a_form_is_a_clear_error() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answers = app
        .pg(json!([
            ["SELECT $1::uuid", [{ "uuid": "no" }]],
            ["SELECT $1::date", [{ "date": [2023, 2, 29] }]],
            ["SELECT $1::numeric", [{ "decimal": "1e5" }], "execute"],
            ["SELECT $1::int4", [{ "int64": 1 }]],
            ["SELECT $1::int4", []],
            ["SELECT now() AS at"],
            ["SELECT 'NaN'::numeric AS n"],
            ["SELECT 'infinity'::date AS d"],
            ["SELECT 'empty'::int4range AS r"],
            ["SELECT 'x'::name, '1.2.3.4'::inet IS NULL"],
            ["SELECT $1::jsonb", [{ "jsonb": "{" }]],
        ]))
        .await;
    let error = |index: usize| answers[index]["error"].clone();
    assert_eq!(
        error(0),
        json!({ "parameter": "parameter $1: \"no\" is not a UUID" })
    );
    assert_eq!(
        error(1),
        json!({ "parameter": "parameter $1: there is no date 2023-02-29" })
    );
    assert_eq!(
        error(2),
        json!({ "parameter": "parameter $1: \"1e5\" is not a decimal number" })
    );
    assert_eq!(
        error(3),
        json!({ "text": "error serializing parameter 0: cannot convert between the Rust type `i64` and the Postgres type `int4`" })
    );
    assert_eq!(
        error(4),
        json!({ "text": "expected 1 parameters but got 0" })
    );
    for (index, words) in [
        (5, ["`at`", "timestamptz"]),
        (6, ["`n`", "NaN"]),
        (7, ["`d`", "infinite"]),
        (8, ["`r`", "empty range"]),
    ] {
        let error = error(index);
        let text = error["conversion"].as_str().unwrap_or_default();
        assert!(words.iter().all(|word| text.contains(word)), "{error}");
    }
    assert_eq!(
        answers[9]["rows"],
        json!([[{ "unsupported": [120] }, { "boolean": false }]]),
        "as in Spin"
    );
    assert_eq!(error(10)["code"], "22P02");
}

#[tokio::test]
async fn a_wrong_password_is_a_failed_connection() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let (user, rest) = database.url.rsplit_once('@').expect("a URL with a user");
    let answer = app
        .pg_job(json!({ "address": format!("{user}x@{rest}") }))
        .await;
    let text = answer["error"]["connection"].as_str().unwrap_or_default();
    assert!(text.contains("28P01"), "{answer}");
}

#[tokio::test]
async fn a_wait_for_a_connection_has_an_end() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| {
            limits.postgres_connections = 1;
            limits.postgres_wait = Duration::from_millis(200);
        })
        .load()
        .await;
    let slow = path("fresh", "SELECT pg_sleep(2)");
    let (_, answer) = futures::join!(app.get(&slow), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        app.get(&path("fresh", "SELECT 1")).await
    });
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json(),
        json!({ "connection": "all 1 connections to this address are in use, and none became free within 200ms" })
    );
    assert_eq!(app.get(&path("fresh", "SELECT 1")).await.text(), "1");
}
