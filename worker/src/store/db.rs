//! The database behind the store: SQLite or Postgres, one statement at a time, in one small dialect.
//!
//! A statement is written once. Its text is SQLite's; on Postgres `?1` becomes `$1`, and the one way to give a list,
//! `IN (SELECT value FROM json_each(?1))`, becomes `= ANY($1)`. What else differs between the two is avoided, or is
//! written twice where it is used.

use punctual_sqlite::rusqlite::params_from_iter;
use punctual_sqlite::{Database, Value};

use super::postgres::Postgres;
use crate::clock::Clock;
use crate::error::Error;

/// The worker's database. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub enum Db {
    Sqlite(Database),
    Postgres(Postgres),
}

impl From<Database> for Db {
    fn from(database: Database) -> Self {
        Self::Sqlite(database)
    }
}

impl From<Postgres> for Db {
    fn from(database: Postgres) -> Self {
        Self::Postgres(database)
    }
}

/// A statement's parameter. Each has its type even where it is NULL: Postgres wants to know.
#[derive(Clone, Debug)]
pub enum Param {
    Integer(Option<i64>),
    Text(Option<String>),
    Flag(bool),
    /// For `IN (SELECT value FROM json_each(?1))`.
    Texts(Vec<String>),
}

/// One row of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(pub Vec<Value>);

impl Db {
    /// The clock that leases, claims and firing go by: the database's own where it may have several workers.
    pub async fn clock(&self) -> Result<Clock, Error> {
        match self {
            Self::Sqlite(_) => Ok(Clock::system()),
            Self::Postgres(db) => db.clock().await,
        }
    }

    /// Runs one statement; its rows.
    pub async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>, Error> {
        match self {
            Self::Sqlite(db) => {
                let params = params.into_iter().map(sqlite).collect();
                let rows = db.query(sql, params).await?.rows;
                Ok(rows.into_iter().map(Record).collect())
            }
            Self::Postgres(db) => db.query(&dialect(sql), params).await,
        }
    }

    /// Runs one statement; the first value of its first row.
    pub async fn value<T: Column>(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<T>, Error> {
        let rows = self.query(sql, params).await?;
        let first = rows.into_iter().next();
        first.map(|mut row| row.get(0)).transpose()
    }

    /// Runs one statement; how many rows it touched.
    pub async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64, Error> {
        match self {
            Self::Sqlite(db) => {
                let params = params.into_iter().map(sqlite).collect();
                Ok(db.query(sql, params).await?.changes)
            }
            Self::Postgres(db) => db.execute(&dialect(sql), params).await,
        }
    }

    /// Runs statements in one short transaction; how many rows the first of them touched.
    pub async fn together(&self, steps: Vec<(&'static str, Vec<Param>)>) -> Result<u64, Error> {
        match self {
            Self::Sqlite(db) => {
                let steps: Vec<(&str, Vec<Value>)> = steps
                    .into_iter()
                    .map(|(sql, params)| (sql, params.into_iter().map(sqlite).collect()))
                    .collect();
                let first = db
                    .transaction(move |connection| {
                        let mut touched = Vec::new();
                        for (sql, params) in &steps {
                            let mut statement = connection.prepare_cached(sql)?;
                            touched.push(statement.execute(params_from_iter(params))?);
                        }
                        Ok(touched.first().copied().unwrap_or(0))
                    })
                    .await?;
                Ok(u64::try_from(first).unwrap_or(0))
            }
            Self::Postgres(db) => {
                let steps = steps
                    .into_iter()
                    .map(|(sql, params)| (dialect(sql), params))
                    .collect();
                db.together(steps).await
            }
        }
    }
}

fn sqlite(param: Param) -> Value {
    match param {
        Param::Integer(integer) => integer.into(),
        Param::Text(text) => text.into(),
        Param::Flag(flag) => flag.into(),
        Param::Texts(texts) => serde_json::Value::from(texts).to_string().into(),
    }
}

/// SQLite's text in Postgres's dialect.
pub(super) fn dialect(sql: &str) -> String {
    const LIST: &str = "IN (SELECT value FROM json_each(?";
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(mark) = rest.find('?') {
        let (before, after) = rest.split_at(mark + 1);
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = after.split_at(digits);
        match before.strip_suffix(LIST) {
            Some(before) => {
                text.extend([before, "= ANY($", number, ")"]);
                rest = after.strip_prefix("))").unwrap_or(after);
            }
            None => {
                text.extend([&before[..mark], "$", number]);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

impl Record {
    /// Takes the value of a column. An error where it is of another type.
    pub fn get<T: Column>(&mut self, index: usize) -> Result<T, Error> {
        let value = self
            .0
            .get_mut(index)
            .map_or(Value::Null, |value| std::mem::replace(value, Value::Null));
        T::of(value).map_err(|value| {
            Error::Corrupt(format!(
                "the database answered {value:?} in column {index}, where {} belongs",
                T::NAME
            ))
        })
    }
}

/// What a column can be read as.
pub trait Column: Sized {
    const NAME: &'static str;
    fn of(value: Value) -> Result<Self, Value>;
}

impl Column for i64 {
    const NAME: &'static str = "an integer";
    fn of(value: Value) -> Result<Self, Value> {
        value.as_integer().ok_or(value)
    }
}

/// SQLite has integers for it.
impl Column for bool {
    const NAME: &'static str = "a yes or no";
    fn of(value: Value) -> Result<Self, Value> {
        value.as_integer().map(|integer| integer != 0).ok_or(value)
    }
}

impl Column for String {
    const NAME: &'static str = "text";
    fn of(value: Value) -> Result<Self, Value> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        }
    }
}

impl<T: Column> Column for Option<T> {
    const NAME: &'static str = T::NAME;
    fn of(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            value => T::of(value).map(Some),
        }
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $to:expr;)*) => {
        $(impl From<$from> for Param {
            fn from($value: $from) -> Self {
                $to
            }
        })*
    };
}

from! {
    i64 => |value| Self::Integer(Some(value));
    Option<i64> => |value| Self::Integer(value);
    u32 => |value| Self::Integer(Some(value.into()));
    bool => |value| Self::Flag(value);
    String => |value| Self::Text(Some(value));
    &str => |value| Self::Text(Some(value.to_owned()));
    &String => |value| Self::Text(Some(value.clone()));
    Option<String> => |value| Self::Text(value);
    &[String] => |value| Self::Texts(value.to_vec());
}

/// Parameters for `?1`, `?2` … in order.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::db::Param::from($value)),*] };
}
pub(super) use params;

#[cfg(test)]
mod tests {
    use super::dialect;

    #[test]
    fn a_statement_gets_postgres_placeholders_and_lists() {
        assert_eq!(dialect("SELECT 1"), "SELECT 1");
        assert_eq!(
            dialect("UPDATE t SET a = ?2 WHERE b = ?10 AND c <= ?2"),
            "UPDATE t SET a = $2 WHERE b = $10 AND c <= $2"
        );
        assert_eq!(
            dialect("DELETE FROM t WHERE id IN (SELECT value FROM json_each(?1)) AND w = ?2"),
            "DELETE FROM t WHERE id = ANY($1) AND w = $2"
        );
    }
}
