//! Postgres, driven by the request. Values are JSON objects of one entry: the type's name in WIT, and the value.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value as Json, json};
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{BoxBody, Request, Response};
use spin_sdk::pg::{
    Certificate, Column, Connection, DbValue, Error, Interval, OpenOptions, ParameterValue,
    PgError, RangeBoundKind,
};

/// `{"address": …, "authority": pem, "statements": [["sql", [parameters], "query" | "execute"], …]}`,
/// all on one connection. Answers a list of `{columns, rows}`, `{changed}` or `{error}`.
pub async fn run(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let job: Json = serde_json::from_slice(&request.into_body().bytes().await?)?;
    let address = match job["address"].as_str() {
        Some(address) => address.to_owned(),
        None => spin_sdk::variables::get("address").await?,
    };
    let authority = job["authority"].as_str().map(str::to_owned);
    let options = OpenOptions {
        ca_root: authority.map(Certificate::Text),
    };
    let connection = match Connection::open_with_options(address, options).await {
        Ok(connection) => connection,
        Err(failure) => return Ok(crate::json_answer(&json!({ "error": error(failure) }))),
    };
    let mut answers = Vec::new();
    for statement in job["statements"].as_array().into_iter().flatten() {
        answers.push(match one(&connection, statement).await {
            Ok(answer) => answer,
            Err(failure) => json!({ "error": error(failure) }),
        });
    }
    Ok(crate::json_answer(&Json::Array(answers)))
}

async fn one(connection: &Connection, statement: &Json) -> Result<Json, Error> {
    let sql = statement[0].as_str().unwrap_or_default();
    let parameters: Vec<ParameterValue> = statement[1]
        .as_array()
        .into_iter()
        .flatten()
        .map(parameter)
        .collect();
    if statement[2] == "execute" {
        return Ok(json!({ "changed": connection.execute(sql, parameters).await? }));
    }
    let mut result = connection.query(sql, parameters).await?;
    let columns = columns(result.columns());
    let mut rows = Vec::new();
    while let Some(row) = result.rows().next().await {
        rows.push(Json::Array(row.iter().map(value).collect()));
    }
    result.result().await?;
    Ok(json!({ "columns": columns, "rows": rows }))
}

/// The functions that block the instance: `[query's answer, execute's answer]`.
pub async fn blocking(sql: String) -> anyhow::Result<Response<BoxBody>> {
    use spin_sdk::pg::wit::postgres::Connection;
    let address = spin_sdk::variables::get("address").await?;
    let connection = Connection::open(&address).map_err(Error::PgError)?;
    let set = connection.query(&sql, &[]).map_err(Error::PgError)?;
    let rows: Vec<Json> = set
        .rows
        .iter()
        .map(|row| Json::Array(row.iter().map(value).collect()))
        .collect();
    let changed = connection.execute(&sql, &[]).map_err(Error::PgError)?;
    Ok(crate::json_answer(&json!({
        "columns": columns(&set.columns),
        "rows": rows,
        "changed": changed,
    })))
}

/// Begins, runs a statement, and traps.
pub async fn leave_a_transaction_open(sql: String) -> anyhow::Result<Response<BoxBody>> {
    let connection = open().await?;
    for statement in ["BEGIN", &sql] {
        connection.execute(statement, []).await?;
    }
    crate::bad::trap()
}

/// Begins, runs a statement, and then one that takes its time.
pub async fn linger(sql: String) -> anyhow::Result<Response<BoxBody>> {
    let connection = open().await?;
    for statement in ["BEGIN", &sql, "SELECT pg_sleep(60)"] {
        connection.execute(statement, []).await?;
    }
    Ok(crate::plain("too late"))
}

/// Reads so many rows of a statement, then asks something else on the same connection.
pub async fn read_some(sql: String, count: u64) -> anyhow::Result<Response<BoxBody>> {
    let connection = open().await?;
    let mut result = connection.query(sql, []).await?;
    for _ in 0..count {
        anyhow::ensure!(result.next().await.is_some(), "there are fewer rows");
    }
    drop(result);
    let changed = connection.execute("SELECT 1", []).await?;
    Ok(crate::plain(changed.to_string()))
}

/// Answers the first value, over a connection that the instance keeps until it fails.
pub async fn kept(sql: String) -> anyhow::Result<Response<BoxBody>> {
    static KEPT: Mutex<Option<Arc<Connection>>> = Mutex::new(None);
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let present = kept().clone();
    let connection = match present {
        Some(connection) => connection,
        None => match Connection::open(spin_sdk::variables::get("address").await?).await {
            Ok(connection) => kept().insert(Arc::new(connection)).clone(),
            Err(failure) => return Ok(crate::status(503, error(failure).to_string())),
        },
    };
    match first(&connection, &sql).await {
        Ok(Json::String(text)) => Ok(crate::plain(text)),
        Ok(other) => Ok(crate::plain(other.to_string())),
        Err(failure) => {
            if matches!(failure, Error::PgError(PgError::ConnectionFailed(_))) {
                *kept() = None;
            }
            Ok(crate::status(503, error(failure).to_string()))
        }
    }
}

/// The same over a connection that is opened for it.
pub async fn fresh(sql: String) -> anyhow::Result<Response<BoxBody>> {
    let address = spin_sdk::variables::get("address").await?;
    let connection = match Connection::open(address).await {
        Ok(connection) => connection,
        Err(failure) => return Ok(crate::status(503, error(failure).to_string())),
    };
    Ok(match first(&connection, &sql).await {
        Ok(value) => crate::json_answer(&value),
        Err(failure) => crate::status(503, error(failure).to_string()),
    })
}

async fn open() -> anyhow::Result<Connection> {
    Ok(Connection::open(spin_sdk::variables::get("address").await?).await?)
}

async fn first(connection: &Connection, sql: &str) -> Result<Json, Error> {
    let mut result = connection.query(sql, []).await?;
    let mut rows = Vec::new();
    while let Some(row) = result.rows().next().await {
        rows.push(row);
    }
    result.result().await?;
    let value = rows.first().and_then(|row| row.first()).map(value);
    Ok(value
        .and_then(|value| value.as_object()?.values().next().cloned())
        .unwrap_or_default())
}

fn columns(columns: &[Column]) -> Vec<Json> {
    columns
        .iter()
        .map(|column| json!([column.name, format!("{:?}", column.data_type)]))
        .collect()
}

fn error(error: Error) -> Json {
    use spin_sdk::pg::QueryError;
    match error {
        Error::PgError(PgError::ConnectionFailed(text)) => json!({ "connection": text }),
        Error::PgError(PgError::BadParameter(text)) => json!({ "parameter": text }),
        Error::PgError(PgError::ValueConversionFailed(text)) => json!({ "conversion": text }),
        Error::PgError(PgError::QueryFailed(QueryError::Text(text))) => json!({ "text": text }),
        Error::PgError(PgError::QueryFailed(QueryError::DbError(error))) => json!({
            "text": error.as_text,
            "severity": error.severity,
            "code": error.code,
            "message": error.message,
            "detail": error.detail,
            "extras": error.extras.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        }),
        other => json!({ "other": format!("{other:?}") }),
    }
}

macro_rules! take {
    ($json:expr) => {
        serde_json::from_value($json.clone()).expect("a value of this type")
    };
}

macro_rules! bound {
    ($json:expr) => {
        match $json[1].as_str() {
            Some("in") => Some((take!($json[0]), RangeBoundKind::Inclusive)),
            Some(_) => Some((take!($json[0]), RangeBoundKind::Exclusive)),
            None => None,
        }
    };
}

fn parameter(json: &Json) -> ParameterValue {
    use ParameterValue as P;
    let Some((name, value)) = json.as_object().and_then(|object| object.iter().next()) else {
        return P::DbNull;
    };
    match name.as_str() {
        "boolean" => P::Boolean(take!(value)),
        "int8" => P::Int8(take!(value)),
        "int16" => P::Int16(take!(value)),
        "int32" => P::Int32(take!(value)),
        "int64" => P::Int64(take!(value)),
        "floating32" => P::Floating32(take!(value)),
        "floating64" => P::Floating64(take!(value)),
        "str" => P::Str(take!(value)),
        "binary" => P::Binary(take!(value)),
        "date" => P::Date(take!(value)),
        "time" => P::Time(take!(value)),
        "datetime" => P::Datetime(take!(value)),
        "timestamp" => P::Timestamp(take!(value)),
        "uuid" => P::Uuid(take!(value)),
        "jsonb" => P::Jsonb(value.as_str().unwrap_or_default().into()),
        "decimal" => P::Decimal(take!(value)),
        "range-int32" => P::RangeInt32((bound!(value[0]), bound!(value[1]))),
        "range-int64" => P::RangeInt64((bound!(value[0]), bound!(value[1]))),
        "range-decimal" => P::RangeDecimal((bound!(value[0]), bound!(value[1]))),
        "array-int32" => P::ArrayInt32(take!(value)),
        "array-int64" => P::ArrayInt64(take!(value)),
        "array-decimal" => P::ArrayDecimal(take!(value)),
        "array-str" => P::ArrayStr(take!(value)),
        "interval" => P::Interval(Interval {
            micros: take!(value[0]),
            days: take!(value[1]),
            months: take!(value[2]),
        }),
        other => panic!("no type {other}"),
    }
}

fn value(value: &DbValue) -> Json {
    fn pair<T: Clone + Into<Json>>(bound: &Option<(T, RangeBoundKind)>) -> Json {
        match bound {
            Some((value, RangeBoundKind::Inclusive)) => json!([value.clone().into(), "in"]),
            Some((value, RangeBoundKind::Exclusive)) => json!([value.clone().into(), "out"]),
            None => Json::Null,
        }
    }
    use DbValue as V;
    match value {
        V::Boolean(value) => json!({ "boolean": value }),
        V::Int8(value) => json!({ "int8": value }),
        V::Int16(value) => json!({ "int16": value }),
        V::Int32(value) => json!({ "int32": value }),
        V::Int64(value) => json!({ "int64": value }),
        V::Floating32(value) => json!({ "floating32": value }),
        V::Floating64(value) => json!({ "floating64": value }),
        V::Str(value) => json!({ "str": value }),
        V::Binary(value) => json!({ "binary": value }),
        V::Date(value) => json!({ "date": value }),
        V::Time(value) => json!({ "time": value }),
        V::Datetime(value) => json!({ "datetime": value }),
        V::Timestamp(value) => json!({ "timestamp": value }),
        V::Uuid(value) => json!({ "uuid": value }),
        V::Jsonb(value) => json!({ "jsonb": String::from_utf8_lossy(value) }),
        V::Decimal(value) => json!({ "decimal": value }),
        V::RangeInt32((lower, upper)) => json!({ "range-int32": [pair(lower), pair(upper)] }),
        V::RangeInt64((lower, upper)) => json!({ "range-int64": [pair(lower), pair(upper)] }),
        V::RangeDecimal((lower, upper)) => json!({ "range-decimal": [pair(lower), pair(upper)] }),
        V::ArrayInt32(value) => json!({ "array-int32": value }),
        V::ArrayInt64(value) => json!({ "array-int64": value }),
        V::ArrayDecimal(value) => json!({ "array-decimal": value }),
        V::ArrayStr(value) => json!({ "array-str": value }),
        V::Interval(value) => json!({ "interval": [value.micros, value.days, value.months] }),
        V::DbNull => Json::Null,
        V::Unsupported(bytes) => json!({ "unsupported": bytes }),
    }
}
