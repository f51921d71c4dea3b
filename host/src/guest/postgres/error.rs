//! Errors, as a guest sees them.

use std::error::Error;
use std::fmt::Write as _;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::DbError;

use super::wit;
use crate::Limits;

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a string does not fail.
        let _ = match cause.downcast_ref::<DbError>() {
            Some(error) => write!(text, ": {}", database(error)),
            None => write!(text, ": {cause}"),
        };
        source = cause.source();
    }
    text
}

fn database(error: &DbError) -> String {
    format!(
        "{}: {} (SQLSTATE {})",
        error.severity(),
        error.message(),
        error.code().code()
    )
}

/// Why there is no connection.
pub(super) fn no_connection(error: PoolError, limits: &Limits) -> wit::Error {
    wit::Error::ConnectionFailed(match error {
        PoolError::Timeout(TimeoutType::Wait) => format!(
            "all {} connections to this address are in use, and none became free within {:?}",
            limits.postgres_connections, limits.postgres_wait
        ),
        PoolError::Timeout(_) => format!(
            "the server did not answer within {:?}",
            limits.postgres_connect
        ),
        PoolError::Backend(error) => chain(&error),
        other => chain(&other),
    })
}

/// What a failed statement says: what Postgres said, or that the connection is gone, or what the driver said.
pub(super) fn failed(error: &tokio_postgres::Error, connection_closed: bool) -> wit::Error {
    match error.as_db_error() {
        Some(error) => wit::Error::QueryFailed(wit::QueryError::DbError(wit::DbError {
            as_text: database(error),
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            extras: extras(error),
        })),
        None if connection_closed || error.is_closed() => wit::Error::ConnectionFailed(format!(
            "the connection was lost; open a new one ({})",
            chain(error)
        )),
        None => text(chain(error)),
    }
}

pub(super) fn text(message: String) -> wit::Error {
    wit::Error::QueryFailed(wit::QueryError::Text(message))
}

pub(super) fn too_large(limit: usize) -> wit::Error {
    text(format!("query result exceeds limit of {limit} bytes"))
}

/// The rest of what Postgres says, under Spin's names.
fn extras(error: &DbError) -> Vec<(String, String)> {
    let line = error.line().map(|line| line.to_string());
    [
        ("column", error.column()),
        ("constraint", error.constraint()),
        ("routine", error.routine()),
        ("hint", error.hint()),
        ("table", error.table()),
        ("datatype", error.datatype()),
        ("schema", error.schema()),
        ("file", error.file()),
        ("line", line.as_deref()),
        ("where_", error.where_()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}
