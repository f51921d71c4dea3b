use std::cell::RefCell;
use std::rc::Rc;

// The interface's plain calls, for which the SDK has no names of its own. Its own answer with a stream and a future, and
// most statements take less than what these cost. An instance waits for its statement; others take requests meanwhile.
use spin_sdk::sqlite::wit::sqlite::{
    Connection, Error as SqliteError, RowResult, Value as SqliteValue,
};

use super::{Error, First, Value, refused};

impl From<SqliteError> for Error {
    fn from(error: SqliteError) -> Self {
        let text = match error {
            SqliteError::Io(text) => text,
            other => other.to_string(),
        };
        if let Some(refused) = refused(&text) {
            return refused;
        }
        match text.split_once("UNIQUE constraint failed: ") {
            Some((_, columns)) if columns.starts_with("changes.op") => Self::Repeated,
            Some((_, columns)) => Self::Taken(columns.to_owned()),
            None => Self::Database(text),
        }
    }
}

impl From<&Value> for SqliteValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Integer(number) => number.map_or(Self::Null, Self::Integer),
            Value::Text(text) => text.clone().map_or(Self::Null, Self::Text),
            Value::Json(text) => Self::Text(text.clone()),
        }
    }
}

thread_local! {
    // One connection for the life of the instance: opening one a request halves the throughput. Requests that share an
    // instance share it, which is safe because every use is a single statement.
    static CONNECTION: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
}

fn connection() -> Result<Rc<Connection>, SqliteError> {
    if let Some(open) = CONNECTION.with_borrow(Clone::clone) {
        return Ok(open);
    }
    let opened = Rc::new(Connection::open("default")?);
    CONNECTION.set(Some(opened.clone()));
    Ok(opened)
}

fn once(sql: &str, values: &[SqliteValue]) -> Result<Vec<First>, SqliteError> {
    let answer = connection()?.execute(sql, values)?;
    let first = |row: RowResult| match row.values.into_iter().next() {
        None | Some(SqliteValue::Null) => First::Null,
        Some(SqliteValue::Text(text)) => First::Text(text),
        Some(_) => First::Other,
    };
    Ok(answer.rows.into_iter().map(first).collect())
}

/// Runs one statement. A broken connection is opened anew, once: a write may be repeated because its `op` makes it
/// repeatable.
pub(super) fn run(sql: &str, values: &[Value]) -> Result<Vec<First>, Error> {
    let values: Vec<SqliteValue> = values.iter().map(SqliteValue::from).collect();
    match once(sql, &values) {
        Err(SqliteError::InvalidConnection) => {
            CONNECTION.set(None);
            Ok(once(sql, &values)?)
        }
        done => Ok(done?),
    }
}
