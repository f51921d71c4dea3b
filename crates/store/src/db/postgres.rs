use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use spin_sdk::pg::{
    Connection, DbValue, Error as PgError, ParameterValue, PgError as Fault, QueryError,
};
use spin_sdk::time::sleep;

use super::{Error, First, Value, refused};

/// How often a statement is tried, with [`PAUSE`] before the second time and twice that before the third.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

impl From<PgError> for Error {
    fn from(error: PgError) -> Self {
        let PgError::PgError(Fault::QueryFailed(QueryError::DbError(error))) = error else {
            return Self::Database(error.to_string());
        };
        if let Some(refused) = refused(&error.message) {
            return refused;
        }
        if error.code == "23505" {
            // duplicate key value violates unique constraint "users_email_key"
            let constraint = error.message.split('"').nth(1).unwrap_or_default();
            return if constraint.starts_with("changes_op") {
                Self::Repeated
            } else {
                Self::Taken(constraint.to_owned())
            };
        }
        Self::Database(error.as_text)
    }
}

impl From<&Value> for ParameterValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Integer(number) => number.map_or(Self::DbNull, Self::Int64),
            Value::Text(text) => text.clone().map_or(Self::DbNull, Self::Str),
            Value::Json(text) => Self::Str(text.clone()),
        }
    }
}

/// What can be done about an error.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    /// The connection is of no use any more.
    Reconnect,
    /// The database undid the statement because of others that ran beside it.
    Repeat,
    No,
}

/// By SQLSTATE where there is one. What is neither said by the database nor about the statement is about the connection.
fn again(error: &PgError) -> Again {
    let PgError::PgError(fault) = error else {
        return Again::No;
    };
    match fault {
        Fault::BadParameter(_) | Fault::ValueConversionFailed(_) => Again::No,
        Fault::ConnectionFailed(_) | Fault::Other(_) | Fault::QueryFailed(QueryError::Text(_)) => {
            Again::Reconnect
        }
        Fault::QueryFailed(QueryError::DbError(error)) => match error.code.as_str() {
            "40001" | "40P01" => Again::Repeat,
            // Terminated, crashed beside us, starting; too many connections; connection exceptions.
            "57P01" | "57P02" | "57P03" | "53300" => Again::Reconnect,
            code if code.starts_with("08") => Again::Reconnect,
            _ => Again::No,
        },
    }
}

thread_local! {
    // One connection for the life of the instance: opening one a request costs a third of the throughput. Requests that
    // share an instance share it, which is safe because every use is a single statement.
    static CONNECTION: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
}

async fn connection(url: &str) -> Result<Rc<Connection>, PgError> {
    if let Some(open) = CONNECTION.with_borrow(Clone::clone) {
        return Ok(open);
    }
    let opened = Rc::new(Connection::open(url).await?);
    CONNECTION.set(Some(opened.clone()));
    Ok(opened)
}

async fn once(url: &str, sql: &str, values: &[Value]) -> Result<Vec<First>, PgError> {
    let connection = connection(url).await?;
    let parameters: Vec<_> = values.iter().map(ParameterValue::from).collect();
    let mut answer = connection.query(sql, parameters).await?;
    let mut rows = Vec::new();
    while let Some(row) = answer.rows().next().await {
        rows.push(match row.into_iter().next() {
            None | Some(DbValue::DbNull) => First::Null,
            Some(DbValue::Str(text)) => First::Text(text),
            Some(_) => First::Other,
        });
    }
    answer.result().await?;
    Ok(rows)
}

/// Runs one statement and drains it. A broken connection is opened anew, and what lost against a statement beside it is
/// repeated: a write may be, because its `op` makes it repeatable.
pub(super) async fn run(url: &str, sql: &str, values: &[Value]) -> Result<Vec<First>, Error> {
    let mut tries = 1;
    loop {
        let error = match once(url, sql, values).await {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        let again = again(&error);
        if again == Again::Reconnect {
            CONNECTION.set(None);
        }
        if again == Again::No || tries == TRIES {
            return Err(error.into());
        }
        sleep(PAUSE * tries).await;
        tries += 1;
    }
}
