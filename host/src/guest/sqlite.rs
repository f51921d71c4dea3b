//! spin:sqlite. A guest's connection is a handle on the shared database: single statements go to whichever
//! connection is free, and a transaction takes the writer for as long as it is open.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use punctual_sqlite::{Database, Exclusive, Kind, Rows, Value, kind};
use tokio::sync::Mutex;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Guest;
use super::bindings::spin::sqlite::sqlite as wit;
use crate::instance::State;

/// Connections one instance may have open, as in Spin.
const CONNECTIONS: usize = 256;

/// The databases a component was granted, by label.
#[derive(Clone, Default)]
pub(crate) struct Databases(pub HashMap<String, Database>);

/// A guest's connection. Clones are the same connection.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    database: Database,
    /// The writer, while a transaction is open. Dropped with the connection, which rolls back.
    transaction: Mutex<Option<Exclusive>>,
    in_transaction: AtomicBool,
    changes: AtomicU64,
    last_insert_rowid: AtomicI64,
}

impl Connection {
    fn new(database: Database) -> Self {
        Self(Arc::new(Shared {
            database,
            transaction: Mutex::default(),
            in_transaction: AtomicBool::default(),
            changes: AtomicU64::default(),
            last_insert_rowid: AtomicI64::default(),
        }))
    }

    async fn run(&self, sql: &str, parameters: Vec<Value>) -> Result<Rows, punctual_sqlite::Error> {
        let shared = &*self.0;
        let rows =
            if shared.in_transaction.load(Ordering::Acquire) || kind(sql) == Kind::Transaction {
                self.run_in_transaction(sql, parameters).await
            } else {
                shared.database.query(sql, parameters).await
            }?;
        if rows.changes > 0 {
            shared.changes.store(rows.changes, Ordering::Release);
            shared
                .last_insert_rowid
                .store(rows.last_insert_rowid, Ordering::Release);
        }
        Ok(rows)
    }

    async fn run_in_transaction(
        &self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> Result<Rows, punctual_sqlite::Error> {
        let shared = &*self.0;
        let mut transaction = shared.transaction.lock().await;
        let writer = match transaction.take() {
            Some(writer) => writer,
            None => shared.database.exclusive().await?,
        };
        let result = writer.query(sql, parameters).await;
        let open =
            writer.in_transaction() && !matches!(result, Err(punctual_sqlite::Error::Expired));
        shared.in_transaction.store(open, Ordering::Release);
        *transaction = open.then_some(writer);
        result
    }
}

impl State {
    fn open_connection(&mut self, label: &str) -> Result<Resource<Connection>, wit::Error> {
        let granted = &self.component.grants.databases.0;
        let database = granted.get(label).ok_or(wit::Error::AccessDenied)?.clone();
        if self.connections >= CONNECTIONS {
            return Err(wit::Error::Io("too many connections opened".into()));
        }
        let resource = self
            .table
            .push(Connection::new(database))
            .map_err(|error| wit::Error::Io(error.to_string()))?;
        self.connections += 1;
        Ok(resource)
    }

    fn connection(&self, connection: &Resource<Connection>) -> Result<Connection, wit::Error> {
        self.table
            .get(connection)
            .cloned()
            .map_err(|_| wit::Error::InvalidConnection)
    }
}

impl wit::Host for State {
    fn convert_error(&mut self, error: wit::Error) -> wasmtime::Result<wit::Error> {
        Ok(error)
    }
}

impl wit::HostConnection for State {
    async fn open(&mut self, database: String) -> Result<Resource<Connection>, wit::Error> {
        self.open_connection(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Result<wit::QueryResult, wit::Error> {
        let connection = self.connection(&connection)?;
        let rows = connection
            .run(&statement, from_guest(parameters))
            .await
            .map_err(error)?;
        Ok(wit::QueryResult {
            columns: rows.columns,
            rows: to_guest(rows.rows),
        })
    }

    async fn last_insert_rowid(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        Ok(self
            .connection(&connection)?
            .0
            .last_insert_rowid
            .load(Ordering::Acquire))
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self
            .connection(&connection)?
            .0
            .changes
            .load(Ordering::Acquire))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.connections = self.connections.saturating_sub(1);
        Ok(())
    }
}

type Executed = (
    Vec<String>,
    StreamReader<wit::RowResult>,
    FutureReader<Result<(), wit::Error>>,
);

impl<T> wit::HostConnectionWithStore<T> for Guest {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> Result<Resource<Connection>, wit::Error> {
        accessor.with(|mut access| access.get().open_connection(&database))
    }

    /// As in Spin, a statement that fails is reported through the future and not here.
    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Result<Executed, wit::Error> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        let (rows, outcome) = match connection.run(&statement, from_guest(parameters)).await {
            Ok(rows) => (rows, Ok(())),
            Err(failure) => (Rows::default(), Err(error(failure))),
        };
        let outcome = async move { wasmtime::error::Ok(outcome) };
        accessor
            .with(|mut access| {
                let stream = StreamReader::new(&mut access, to_guest(rows.rows))?;
                let outcome = FutureReader::new(&mut access, outcome)?;
                wasmtime::error::Ok((rows.columns, stream, outcome))
            })
            .map_err(|error| wit::Error::Io(error.to_string()))
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.0.last_insert_rowid.load(Ordering::Acquire))
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.0.changes.load(Ordering::Acquire))
    }
}

/// Spin hands on SQLite's message, and nothing but the message.
fn error(error: punctual_sqlite::Error) -> wit::Error {
    wit::Error::Io(error.to_string())
}

fn from_guest(values: Vec<wit::Value>) -> Vec<Value> {
    values
        .into_iter()
        .map(|value| match value {
            wit::Value::Integer(integer) => Value::Integer(integer),
            wit::Value::Real(real) => Value::Real(real),
            wit::Value::Text(text) => Value::Text(text),
            wit::Value::Blob(blob) => Value::Blob(blob),
            wit::Value::Null => Value::Null,
        })
        .collect()
}

fn to_guest(rows: Vec<Vec<Value>>) -> Vec<wit::RowResult> {
    let value = |value| match value {
        Value::Integer(integer) => wit::Value::Integer(integer),
        Value::Real(real) => wit::Value::Real(real),
        Value::Text(text) => wit::Value::Text(text),
        Value::Blob(blob) => wit::Value::Blob(blob),
        Value::Null => wit::Value::Null,
    };
    rows.into_iter()
        .map(|row| wit::RowResult {
            values: row.into_iter().map(value).collect(),
        })
        .collect()
}
