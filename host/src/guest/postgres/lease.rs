//! One guest's connection: a pooled one for as long as the guest keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{RowStream, Statement};

use super::rows::Running;
use super::statement::{Effect, classify};
use super::value::Parameter;
use super::{AddressPool, error, wit};

/// Prepared statements that are kept for each connection; where there are more, all are prepared anew.
const STATEMENTS: usize = 256;
/// Clearing a connection, or having its statement cancelled, may take this long; then it is closed.
const CLEAR_TIME: Duration = Duration::from_secs(5);
/// What one lease can leave behind for the next one, except prepared statements, which are ours.
const CLEAR: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// Dropped, it goes back to the pool if its state is known, cleared of everything; else it is closed.
pub(super) struct Lease {
    /// Taken when it is dropped.
    connection: Option<Object>,
    pool: AddressPool,
    largest_result: usize,
    used: AtomicBool,
    /// Transactions that were begun, and how many of them are known to have ended: see `in_transaction`.
    begun: AtomicU64,
    ended: AtomicU64,
    /// Statements without a known end.
    running: AtomicUsize,
}

impl Lease {
    pub(super) fn new(connection: Object, pool: AddressPool, largest_result: usize) -> Self {
        Self {
            connection: Some(connection),
            pool,
            largest_result,
            used: AtomicBool::default(),
            begun: AtomicU64::default(),
            ended: AtomicU64::default(),
            running: AtomicUsize::default(),
        }
    }

    pub(super) fn largest_result(&self) -> usize {
        self.largest_result
    }

    /// Starts a statement. Several may be on their way at once; Postgres takes one after the other.
    pub(super) async fn start(
        self: Arc<Self>,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Running, wit::Error> {
        let Some(connection) = &self.connection else {
            return Err(wit::Error::ConnectionFailed("it is closed".to_owned()));
        };
        let statement = classify(sql);
        if statement.forgets {
            connection.statement_cache.clear();
        }
        let mut run = Run::new(self.clone());
        match statement.effect {
            Effect::Opens => {
                self.begun.fetch_add(1, Ordering::AcqRel);
            }
            // Those that were begun before it.
            Effect::Closes => run.closes = Some(self.begun.load(Ordering::Acquire)),
            Effect::None => {}
        }
        match self
            .send(connection, sql, parameters, statement.cached)
            .await
        {
            Ok((statement, rows)) => Ok(Running::new(statement, rows, run)),
            Err(failure) => {
                run.finish(false);
                Err(self.failure(&failure))
            }
        }
    }

    async fn send(
        &self,
        connection: &Object,
        sql: &str,
        parameters: &[Parameter],
        cached: bool,
    ) -> Result<(Statement, RowStream), tokio_postgres::Error> {
        if !cached {
            let statement = connection.prepare(sql).await?;
            let rows = connection.query_raw(&statement, parameters).await?;
            return Ok((statement, rows));
        }
        let statement = prepare(connection, sql).await?;
        match connection.query_raw(&statement, parameters).await {
            Ok(rows) => Ok((statement, rows)),
            // It did not begin. A cause may be that the tables changed after it was prepared; then it works when it
            // is prepared anew. (Not in a transaction, which has failed.)
            Err(failure) => {
                connection.statement_cache.remove(sql, &[]);
                if connection.is_closed() || self.in_transaction() {
                    return Err(failure);
                }
                let statement = prepare(connection, sql).await?;
                let rows = connection.query_raw(&statement, parameters).await?;
                Ok((statement, rows))
            }
        }
    }

    /// Postgres says so with every answer, but the driver does not pass it on. A prepared statement is a single
    /// one, so only a statement that says so opens a transaction.
    fn in_transaction(&self) -> bool {
        self.begun.load(Ordering::Acquire) != self.ended.load(Ordering::Acquire)
    }

    pub(super) fn failure(&self, failure: &tokio_postgres::Error) -> wit::Error {
        let closed = self.connection.as_ref().is_none_or(|open| open.is_closed());
        error::failed(failure, closed)
    }
}

async fn prepare(connection: &Object, sql: &str) -> Result<Statement, tokio_postgres::Error> {
    if connection.statement_cache.size() >= STATEMENTS {
        connection.statement_cache.clear();
    }
    let result = connection.prepare_cached(sql).await;
    if result.is_err() {
        // The cache has made a place for it.
        connection.statement_cache.remove(sql, &[]);
    }
    result
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let (Ok(runtime), false) = (Handle::try_current(), connection.is_closed()) else {
            drop(Object::take(connection));
            return;
        };
        let pool = self.pool.clone();
        if *self.running.get_mut() > 0 {
            // Closing the connection ends the transaction, but not a statement that computes.
            runtime.spawn(async move {
                let cancel = connection.cancel_token();
                let _ = timeout(CLEAR_TIME, cancel.cancel_query(pool.tls())).await;
                drop(Object::take(connection));
            });
        } else if *self.used.get_mut() {
            let in_transaction = self.in_transaction();
            runtime.spawn(async move {
                let clear = async {
                    if in_transaction {
                        connection.batch_execute("ROLLBACK").await?;
                    }
                    connection.batch_execute(CLEAR).await
                };
                match timeout(CLEAR_TIME, clear).await {
                    Ok(Ok(())) => drop(connection),
                    _ => drop(Object::take(connection)),
                }
                pool.sweep();
            });
        }
    }
}

/// A statement on its way. Dropped before `finish`, it leaves its connection in an unknown state.
pub(super) struct Run {
    lease: Arc<Lease>,
    /// The transactions that end with it.
    closes: Option<u64>,
}

impl Run {
    fn new(lease: Arc<Lease>) -> Self {
        lease.used.store(true, Ordering::Release);
        lease.running.fetch_add(1, Ordering::AcqRel);
        Self {
            lease,
            closes: None,
        }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Postgres is done with it.
    pub(super) fn finish(self, successful: bool) {
        if let (true, Some(begun)) = (successful, self.closes) {
            self.lease.ended.fetch_max(begun, Ordering::AcqRel);
        }
        self.lease.running.fetch_sub(1, Ordering::AcqRel);
    }
}
