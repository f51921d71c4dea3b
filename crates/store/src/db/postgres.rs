use std::cell::RefCell;
use std::rc::{Rc, Weak};
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
    /// Postgres has no U+0000 in a text. Nothing that is stored has one; what asks for it (`q=%00`) finds nothing.
    fn from(value: &Value) -> Self {
        match value {
            Value::Integer(number) => number.map_or(Self::DbNull, Self::Int64),
            Value::Text(None) => Self::DbNull,
            Value::Text(Some(text)) => Self::Str(text.replace('\0', "\u{fffd}")),
            Value::Json(text) => Self::Str(without_null(text)),
        }
    }
}

/// The same JSON with U+FFFD for U+0000, which a text in it can only have as `\u0000`.
fn without_null(json: &str) -> String {
    let mut made = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.find('\\').map(|at| rest.split_at(at)) {
        made += before;
        if let Some(after) = escape.strip_prefix("\\u0000") {
            made += "\\ufffd";
            rest = after;
        } else {
            let end = escape
                .char_indices()
                .nth(2)
                .map_or(escape.len(), |(at, _)| at);
            made += &escape[..end];
            rest = &escape[end..];
        }
    }
    made + rest
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
    // Shared by the requests that are in this instance at the same time, which is safe because every use is a single
    // statement. When the last of them has what it asked for, it goes back to the host's pool: there may be more instances
    // than connections, and one that kept its own would starve the others.
    static CONNECTION: RefCell<Weak<Connection>> = const { RefCell::new(Weak::new()) };
}

async fn connection(url: &str) -> Result<Rc<Connection>, PgError> {
    if let Some(open) = CONNECTION.with_borrow(Weak::upgrade) {
        return Ok(open);
    }
    let opened = Rc::new(Connection::open(url).await?);
    CONNECTION.set(Rc::downgrade(&opened));
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
            CONNECTION.set(Weak::new());
        }
        if again == Again::No || tries == TRIES {
            return Err(error.into());
        }
        sleep(PAUSE * tries).await;
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use spin_sdk::pg::DbError;

    use super::*;

    fn said(code: &str, message: &str) -> PgError {
        PgError::PgError(Fault::QueryFailed(QueryError::DbError(DbError {
            as_text: format!("ERROR: {message}"),
            severity: "ERROR".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
            detail: None,
            extras: Vec::new(),
        })))
    }

    fn taken(constraint: &str) -> Error {
        let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
        said("23505", &message).into()
    }

    #[test]
    fn what_postgres_refuses_means_what_it_means_on_sqlite() {
        assert!(matches!(
            taken("changes_op_tbl_row_id_key"),
            Error::Repeated
        ));
        assert!(
            matches!(taken("users_email_key"), Error::Taken(name) if name == "users_email_key")
        );
        let refused = |message| Error::from(said("P0001", message));
        assert!(matches!(
            refused("punctual: op must change"),
            Error::Repeated
        ));
        assert!(matches!(
            refused("punctual: key of another request"),
            Error::OtherRequest
        ));
        assert!(matches!(
            refused("punctual: version must step"),
            Error::Database(_)
        ));
    }

    #[test]
    fn json_keeps_all_but_its_null_characters() {
        assert_eq!(
            without_null(r#"["a\u0000b","\\u0000","é\n"]"#),
            r#"["a\ufffdb","\\u0000","é\n"]"#
        );
        assert_eq!(without_null("\\"), "\\");
    }

    #[test]
    fn a_statement_is_repeated_where_that_can_help() {
        for code in ["40001", "40P01"] {
            assert_eq!(again(&said(code, "x")), Again::Repeat, "{code}");
        }
        for code in ["57P01", "57P02", "57P03", "53300", "08006"] {
            assert_eq!(again(&said(code, "x")), Again::Reconnect, "{code}");
        }
        for code in ["23505", "57014", "55P03", "42501", "P0001"] {
            assert_eq!(again(&said(code, "x")), Again::No, "{code}");
        }
        let cut = Fault::QueryFailed(QueryError::Text("connection closed".to_owned()));
        assert_eq!(again(&PgError::PgError(cut)), Again::Reconnect);
    }
}
