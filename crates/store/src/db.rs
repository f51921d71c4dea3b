//! The connection and the two ways to use it: a write, and a read that answers one row of JSON.

use std::cell::RefCell;
use std::rc::Rc;

use punctual_contract::problem::Problem;
pub use spin_sdk::sqlite::Value;
use spin_sdk::sqlite::{Connection, Error as SqliteError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This `op` has already changed this row: the request is a repetition.
    #[error("the operation was applied before")]
    Repeated,
    /// This `op` belongs to a request with another body.
    #[error("the key belongs to another request")]
    OtherRequest,
    /// A UNIQUE constraint, named by its columns (`users.email`).
    #[error("{0} is taken")]
    Taken(String),
    #[error("the database refused: {0}")]
    Database(String),
    #[error("the database answered something else than was asked: {0}")]
    Shape(String),
}

impl From<Error> for Problem {
    /// The client learns that it is not its fault; the cause goes to the log.
    fn from(error: Error) -> Self {
        if let Error::OtherRequest = error {
            return Problem::key_reused();
        }
        eprintln!("database: {error}");
        let mut problem = Problem::new(
            503,
            "The database can't be reached just now. Nothing was lost: try again.",
        );
        if !matches!(error, Error::Database(_)) {
            problem = Problem::new(500, "Something went wrong on our side. It is in the log.");
        }
        problem
    }
}

impl From<SqliteError> for Error {
    fn from(error: SqliteError) -> Self {
        let text = match error {
            SqliteError::Io(text) => text,
            other => other.to_string(),
        };
        if text.contains("punctual: op must change") {
            return Self::Repeated;
        }
        if text.contains("punctual: key of another request") {
            return Self::OtherRequest;
        }
        match text.split_once("UNIQUE constraint failed: ") {
            Some((_, columns)) if columns.starts_with("changes.op") => Self::Repeated,
            Some((_, columns)) => Self::Taken(columns.to_owned()),
            None => Self::Database(text),
        }
    }
}

thread_local! {
    // One connection for the life of the instance: opening one a request halves the throughput. Requests that share an
    // instance share it, which is safe because every use is a single statement.
    static CONNECTION: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
}

async fn connection() -> Result<Rc<Connection>, Error> {
    if let Some(open) = CONNECTION.with_borrow(Clone::clone) {
        return Ok(open);
    }
    let opened = Rc::new(Connection::open_default().await?);
    CONNECTION.set(Some(opened.clone()));
    Ok(opened)
}

/// Runs one statement and drains it. A broken connection is opened anew, once: a write may be repeated because its `op`
/// makes it repeatable.
async fn run(sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    for last in [false, true] {
        let attempt: Result<_, SqliteError> = async {
            let connection = match connection().await {
                Ok(open) => open,
                Err(error) => return Ok(Err(error)),
            };
            let mut answer = connection.execute(sql, values.iter().cloned()).await?;
            let mut rows = Vec::new();
            while let Some(row) = answer.next().await {
                rows.push(row.values);
            }
            answer.result().await?;
            Ok(Ok(rows))
        }
        .await;
        match attempt {
            Ok(done) => return done,
            Err(SqliteError::InvalidConnection) if !last => CONNECTION.set(None),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Database("no connection".to_owned()))
}

/// All rows. For the few statements whose RETURNING gives more than one.
pub async fn rows(sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    run(sql, values).await
}

/// The first column of the first row as text: the JSON of an answer.
pub async fn text(sql: &str, values: &[Value]) -> Result<Option<String>, Error> {
    match run(sql, values)
        .await?
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next())
    {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(other) => Err(Error::Shape(format!("text was asked, {other:?} came"))),
    }
}

/// The first row's JSON, read into a type.
pub async fn read<T: serde::de::DeserializeOwned>(
    sql: &str,
    values: &[Value],
) -> Result<Option<T>, Error> {
    text(sql, values)
        .await?
        .map(|json| serde_json::from_str(&json).map_err(|error| Error::Shape(error.to_string())))
        .transpose()
}

/// Whether the statement, which must end in `RETURNING`, touched any row.
pub async fn touched(sql: &str, values: &[Value]) -> Result<bool, Error> {
    Ok(!run(sql, values).await?.is_empty())
}

/// Values for a statement's `?1`, `?2` … in order.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::db::Value::from($value)),*] };
}
