//! What goes in and what comes back.

use serde_json::json;

use crate::database::{Database, path};

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    let database = Database::new().await;
    let app = database.application().load().await;
    for (kind, value) in [
        ("bool", json!({ "boolean": true })),
        ("bool", json!({ "boolean": false })),
        ("int2", json!({ "int16": -32768 })),
        ("int4", json!({ "int32": 2147483647 })),
        ("int8", json!({ "int64": i64::MIN })),
        ("int8", json!({ "int64": i64::MAX })),
        ("float4", json!({ "floating32": 1.5 })),
        ("float8", json!({ "floating64": 0.1 })),
        ("float8", json!({ "floating64": f64::MAX })),
        ("text", json!({ "str": "" })),
        ("text", json!({ "str": "Zürich 🕰 'quoted' \\ \n" })),
        ("varchar(9)", json!({ "str": "Zürich" })),
        ("bpchar(3)", json!({ "str": "ab " })),
        ("bytea", json!({ "binary": [] })),
        ("bytea", json!({ "binary": [0, 255, 39, 92] })),
        ("date", json!({ "date": [2024, 2, 29] })),
        ("date", json!({ "date": [-4712, 1, 1] })),
        ("date", json!({ "date": [5874897, 12, 31] })),
        ("time", json!({ "time": [23, 59, 59, 999_999_000] })),
        (
            "timestamp",
            json!({ "datetime": [1969, 7, 20, 20, 17, 40, 123_456_000] }),
        ),
        (
            "timestamp",
            json!({ "datetime": [294276, 12, 31, 0, 0, 0, 0] }),
        ),
        (
            "uuid",
            json!({ "uuid": "01890a5d-ac96-774b-bcce-b302099a8057" }),
        ),
        ("jsonb", json!({ "jsonb": "{\"a\": [1, null, \"ü\"]}" })),
        (
            "numeric",
            json!({ "decimal": "-12345678901234567890.000100" }),
        ),
        ("numeric(8,2)", json!({ "decimal": "0.50" })),
        (
            "int4range",
            json!({ "range-int32": [[1, "in"], [5, "out"]] }),
        ),
        (
            "int8range",
            json!({ "range-int64": [null, [i64::MAX, "out"]] }),
        ),
        (
            "numrange",
            json!({ "range-decimal": [["0.5", "out"], ["1.25", "in"]] }),
        ),
        ("numrange", json!({ "range-decimal": [null, null] })),
        ("int4[]", json!({ "array-int32": [1, null, -1] })),
        ("int8[]", json!({ "array-int64": [] })),
        ("numeric[]", json!({ "array-decimal": ["1.50", null] })),
        (
            "text[]",
            json!({ "array-str": ["a", null, "", "{x,\"y\"}"] }),
        ),
        ("interval", json!({ "interval": [-1, 2, 3] })),
    ] {
        let sql = format!("SELECT $1::{kind}, NULL::{kind}");
        let answer = app.pg(json!([[sql, [value]]])).await;
        assert_eq!(answer[0]["rows"], json!([[value, null]]), "{kind} {answer}");
        let answer = app.pg(json!([[sql, [null]]])).await;
        assert_eq!(answer[0]["rows"], json!([[null, null]]), "{kind} {answer}");
    }
}

#[tokio::test]
async fn values_are_what_postgres_means_by_them() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answer = app
        .pg(json!([[
            "SELECT $1::timestamptz = '2001-09-09 01:46:40Z', $2::json::text, $3::date::text, $4::numeric::text, \
             $5::name::text, $6::timestamp::text, '1e20'::numeric, 0.000012::numeric, 'infinity'::float8::text",
            [
                { "timestamp": 1_000_000_000 },
                { "jsonb": "{\"b\":1,  \"a\":2}" },
                { "date": [2023, 12, 31] },
                { "decimal": "100000.10" },
                { "str": "name" },
                { "datetime": [2023, 1, 2, 3, 4, 5, 6_000] },
            ]
        ]]))
        .await;
    assert_eq!(
        answer[0]["rows"][0],
        json!([
            { "boolean": true },
            { "str": "{\"b\":1,  \"a\":2}" },
            { "str": "2023-12-31" },
            { "str": "100000.10" },
            { "str": "name" },
            { "str": "2023-01-02 03:04:05.000006" },
            { "decimal": "100000000000000000000" },
            { "decimal": "0.000012" },
            { "str": "Infinity" },
        ]),
        "{answer}"
    );
}

#[tokio::test]
async fn columns_are_named_although_there_are_no_rows() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answers = app
        .pg(json!([
            ["SELECT 1::int8 AS a, 'x'::text AS b, 'x'::name AS c, now() AS d WHERE false"],
            ["CREATE TABLE t (a int)"],
            ["INSERT INTO t VALUES (1), (2)", [], "execute"],
            ["UPDATE t SET a = 0 RETURNING a", [], "execute"],
            ["SELECT a FROM t", [], "execute"],
            [""],
        ]))
        .await;
    assert_eq!(
        answers[0],
        json!({
            "columns": [
                ["a", "DbDataType::Int64"],
                ["b", "DbDataType::Str"],
                ["c", "DbDataType::Other(\"name\")"],
                ["d", "DbDataType::Datetime"],
            ],
            "rows": [],
        })
    );
    assert_eq!(answers[1], json!({ "columns": [], "rows": [] }));
    assert_eq!(answers[2], json!({ "changed": 2 }));
    assert_eq!(answers[3], json!({ "changed": 2 }));
    assert_eq!(answers[4], json!({ "changed": 2 }));
    assert_eq!(answers[5], json!({ "columns": [], "rows": [] }));
}

#[tokio::test]
async fn the_functions_that_block_answer_the_same() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answer = app.get(&path("blocking", "SELECT 7 AS a")).await.json();
    assert_eq!(
        answer,
        json!({ "columns": [["a", "DbDataType::Int32"]], "rows": [[{ "int32": 7 }]], "changed": 1 })
    );
}

#[tokio::test]
async fn a_large_result_arrives_whole_and_in_order() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let answer = app
        .pg(json!([[
            "SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) n"
        ]]))
        .await;
    let rows = answer[0]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5000);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row[0]["int32"], index + 1);
    }
}

#[tokio::test]
async fn a_guest_may_stop_reading() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let sql = path(
        "read-some",
        "SELECT repeat('x', 1000) FROM generate_series(1, 20000)",
    );
    for count in [0, 1, 500] {
        let answer = app.get(&format!("{sql}&count={count}")).await;
        assert_eq!(answer.text(), "1", "{count}");
    }
}

#[tokio::test]
async fn results_that_are_too_large_are_refused() {
    let database = Database::new().await;
    let app = database
        .application()
        .limits(|limits| limits.postgres_result = 1 << 20)
        .load()
        .await;
    let sql = "SELECT repeat('x', 1000) FROM generate_series(1, 2000)";
    let answer = app.get(&path("blocking", sql)).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    // Streamed, only a row can be too large.
    let answers = app
        .pg(json!([[sql], ["SELECT repeat('x', 2000000)"]]))
        .await;
    assert_eq!(answers[0]["rows"].as_array().map(Vec::len), Some(2000));
    assert_eq!(
        answers[1]["error"],
        json!({ "text": "query result exceeds limit of 1048576 bytes" })
    );
    assert_eq!(app.get(&path("fresh", "SELECT 1")).await.text(), "1");
}
