//! SQLite and key-value, driven by the request.

use std::sync::OnceLock;

use serde_json::{Value as Json, json};
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{BoxBody, Request, Response};
use spin_sdk::key_value::Store;
use spin_sdk::sqlite::{Connection, Value};

/// `{"database": …, "statements": [["sql", [parameters]], …]}`, all on one connection. Answers a list of
/// `{columns, rows, changes, id}` or `{error}`.
pub async fn sql(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let job: Json = serde_json::from_slice(&request.into_body().bytes().await?)?;
    let connection = match Connection::open(job["database"].as_str().unwrap_or("default")).await {
        Ok(connection) => connection,
        Err(error) => return Ok(crate::status(403, format!("{error:?}"))),
    };
    let mut answers = Vec::new();
    for statement in job["statements"].as_array().into_iter().flatten() {
        answers.push(match run(&connection, statement).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": format!("{error:?}") }),
        });
    }
    Ok(crate::json_answer(&Json::Array(answers)))
}

async fn run(connection: &Connection, statement: &Json) -> Result<Json, spin_sdk::sqlite::Error> {
    let parameters: Vec<Value> = statement[1]
        .as_array()
        .into_iter()
        .flatten()
        .map(to_sql)
        .collect();
    let mut result = connection
        .execute(statement[0].as_str().unwrap_or_default(), parameters)
        .await?;
    let columns = result.columns().to_vec();
    let mut rows = Vec::new();
    while let Some(row) = result.next().await {
        rows.push(Json::Array(row.values.into_iter().map(to_json).collect()));
    }
    result.result().await?;
    Ok(json!({
        "columns": columns,
        "rows": rows,
        "changes": connection.changes().await,
        "id": connection.last_insert_rowid().await,
    }))
}

/// Begins, runs a statement, and traps.
pub async fn leave_a_transaction_open(sql: String) -> anyhow::Result<Response<BoxBody>> {
    let connection = Connection::open_default().await?;
    for statement in ["BEGIN", &sql] {
        let mut result = connection.execute(statement, []).await?;
        while result.next().await.is_some() {}
        result.result().await?;
    }
    crate::bad::trap()
}

/// Answers one value, over a connection that the instance keeps.
pub async fn kept(sql: String) -> anyhow::Result<Response<BoxBody>> {
    static KEPT: OnceLock<Connection> = OnceLock::new();
    let connection = match KEPT.get() {
        Some(connection) => connection,
        None => {
            let fresh = Connection::open_default().await?;
            KEPT.get_or_init(|| fresh)
        }
    };
    let mut result = connection.execute(&sql, []).await?;
    // Asking again after the end of a stream traps, so not `next` and then `while next`.
    let mut rows = Vec::new();
    while let Some(row) = result.next().await {
        rows.push(row);
    }
    result.result().await?;
    let value = rows
        .into_iter()
        .next()
        .and_then(|row| row.values.into_iter().next())
        .map_or(Json::Null, to_json);
    Ok(crate::plain(match value {
        Json::String(text) => text,
        other => other.to_string(),
    }))
}

/// `{"store": …, "steps": [["set", key, value], ["get", key], ["delete", key], ["exists", key], ["keys"]]}`.
pub async fn key_value(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let job: Json = serde_json::from_slice(&request.into_body().bytes().await?)?;
    let store = match Store::open(job["store"].as_str().unwrap_or("default")).await {
        Ok(store) => store,
        Err(error) => return Ok(crate::status(403, format!("{error:?}"))),
    };
    let mut answers = Vec::new();
    for step in job["steps"].as_array().into_iter().flatten() {
        let key = step[1].as_str().unwrap_or_default();
        answers.push(match step[0].as_str().unwrap_or_default() {
            "set" => {
                store.set(key, step[2].as_str().unwrap_or_default()).await?;
                Json::Null
            }
            "get" => match store.get(key).await? {
                Some(value) => String::from_utf8_lossy(&value).into_owned().into(),
                None => Json::Null,
            },
            "delete" => {
                store.delete(key).await?;
                Json::Null
            }
            "exists" => store.exists(key).await?.into(),
            "keys" => {
                let mut keys = store.get_keys().await.collect().await?;
                keys.sort();
                json!(keys)
            }
            other => anyhow::bail!("no step {other}"),
        });
    }
    Ok(crate::json_answer(&Json::Array(answers)))
}

fn to_sql(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Integer((*flag).into()),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Real(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Blob(other.to_string().into_bytes()),
    }
}

fn to_json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(integer) => integer.into(),
        Value::Real(real) => real.into(),
        Value::Text(text) => text.into(),
        Value::Blob(blob) => json!({ "blob": blob }),
    }
}
