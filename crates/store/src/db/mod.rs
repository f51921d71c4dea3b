//! The database and the two ways to use it: a write, and a read that answers one row of JSON. SQLite or Postgres, as the
//! variable `database_url` says; a statement is written once, see `sql.rs`.

mod postgres;
mod sql;
mod sqlite;

use std::cell::RefCell;
use std::rc::Rc;

use punctual_contract::problem::Problem;
use serde::Serialize;

pub(crate) use sql::page;
pub use sql::{Sql, Value};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This `op` has already changed this row: the request is a repetition.
    #[error("the operation was applied before")]
    Repeated,
    /// This `op` belongs to a request with another body.
    #[error("the key belongs to another request")]
    OtherRequest,
    /// A UNIQUE constraint, named as the database names it (`users.email`, `users_email_key`).
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

/// What the triggers of both databases say when they refuse.
fn refused(message: &str) -> Option<Error> {
    if message.contains("punctual: op must change") {
        return Some(Error::Repeated);
    }
    message
        .contains("punctual: key of another request")
        .then_some(Error::OtherRequest)
}

/// The first column of a row.
#[derive(Debug)]
enum First {
    Null,
    Text(String),
    /// A number, where only the row's being there counts.
    Other,
}

thread_local! {
    static URL: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
}

/// `database_url`, asked for once in the life of the instance; empty: SQLite.
async fn url() -> Result<Rc<str>, Error> {
    if let Some(known) = URL.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let url = spin_sdk::variables::get("database_url")
        .await
        .map_err(|error| Error::Database(format!("the variable database_url: {error}")))?;
    let url: Rc<str> = url.trim().into();
    URL.set(Some(url.clone()));
    Ok(url)
}

async fn run(sql: Sql<'_>, values: &[Value]) -> Result<Vec<First>, Error> {
    let url = url().await?;
    if url.is_empty() {
        sqlite::run(sql.sqlite(), values)
    } else {
        postgres::run(&url, &sql.postgres(values), values).await
    }
}

/// A value as JSON, for a statement to take apart.
pub fn json(value: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Shape(error.to_string()))
}

/// A statement whose rows, if it gives any, are not looked at.
pub async fn execute<'a>(sql: impl Into<Sql<'a>>, values: &[Value]) -> Result<(), Error> {
    run(sql.into(), values).await.map(drop)
}

/// The first column of the first row as text: the JSON of an answer.
pub async fn text<'a>(sql: impl Into<Sql<'a>>, values: &[Value]) -> Result<Option<String>, Error> {
    match run(sql.into(), values).await?.into_iter().next() {
        None | Some(First::Null) => Ok(None),
        Some(First::Text(text)) => Ok(Some(text)),
        Some(First::Other) => Err(Error::Shape("text was asked, no text came".to_owned())),
    }
}

/// [`text`] of an aggregate, which gives a row in any case.
pub async fn aggregate<'a>(sql: impl Into<Sql<'a>>, values: &[Value]) -> Result<String, Error> {
    text(sql, values)
        .await?
        .ok_or_else(|| Error::Shape("an aggregate gave no row".to_owned()))
}

/// The first row's JSON, read into a type.
pub async fn read<'a, T: serde::de::DeserializeOwned>(
    sql: impl Into<Sql<'a>>,
    values: &[Value],
) -> Result<Option<T>, Error> {
    text(sql, values)
        .await?
        .map(|json| serde_json::from_str(&json).map_err(|error| Error::Shape(error.to_string())))
        .transpose()
}

/// Whether the statement touched any row (it must end in `RETURNING`), or found any.
pub async fn touched<'a>(sql: impl Into<Sql<'a>>, values: &[Value]) -> Result<bool, Error> {
    Ok(!run(sql.into(), values).await?.is_empty())
}

/// Values for a statement's `?1`, `?2` … in order.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::db::Value::from($value)),*] };
}
