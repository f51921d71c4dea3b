//! Opening connections and running statements on them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Statement, TransactionBehavior, params_from_iter};

use crate::{Error, Options, Rows, Value};

/// Prepared statements kept per connection.
const STATEMENTS: usize = 512;

fn open(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement whose plan might profit from a value (a LIKE) is compiled anew whenever that value changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        // Pages that are in no connection's cache are read where the system has them, without a copy: each commit
        // empties the readers' caches.
        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA mmap_size = 1073741824;",
    )?;
    Ok(connection)
}

/// A file that only its owner may read, made where it is missing: what SQLite then puts beside it has the same mode.
pub fn private_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| Error::File {
            path: path.display().to_string(),
            source,
        })
}

pub(crate) fn open_writer(path: &Path, options: &Options) -> Result<Connection, Error> {
    private_file(path)?;
    let mut connection = open(path, options)?;
    // No more pages than that: after a page was split, a commit looks at all that are in the cache.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;",
    )?;
    // A transaction that reads first and writes later fails at once, without waiting, when another process
    // committed in between. The writer's transactions all mean to write.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(connection)
}

pub(crate) fn open_reader(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, options)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

pub(crate) fn query(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    limit: usize,
) -> Result<Rows, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    run(connection, &mut statement, params, limit)
}

/// Runs a prepared statement to its end. An undrained statement would hold its lock.
pub(crate) fn run(
    connection: &Connection,
    statement: &mut Statement<'_>,
    params: &[Value],
    limit: usize,
) -> Result<Rows, Error> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let before = connection.total_changes();
    let mut found = Vec::new();
    let mut size = 0;
    let mut rows = statement.query(params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(width);
        for column in 0..width {
            let value = Value::from_ref(row.get_ref(column)?)?;
            size += value.size();
            values.push(value);
        }
        if size > limit {
            return Err(Error::TooLarge { limit });
        }
        found.push(values);
    }
    drop(rows);
    // `changes()` keeps the figure of an earlier statement when this one changed nothing.
    let changed = connection.total_changes() != before;
    Ok(Rows {
        columns,
        rows: found,
        changes: if changed { connection.changes() } else { 0 },
        last_insert_rowid: if changed {
            connection.last_insert_rowid()
        } else {
            0
        },
    })
}

/// Ends a transaction that was left open, if there is one.
pub(crate) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back a transaction that was left open");
    }
}

/// Runs a job of somebody else's so that its panic ends the job and not the thread.
pub(crate) fn guarded<T>(job: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        tracing::error!(message, "a database job panicked");
        Err(Error::Panicked(message))
    })
}
