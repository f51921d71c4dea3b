use punctual_sqlite::Database;
use punctual_sqlite::rusqlite::{self, Connection, OptionalExtension};

use super::{Migration, SERVES, check_newest};
use crate::clock::Clock;
use crate::error::Error;

/// Applies what is missing of a list.
pub async fn apply(
    db: &Database,
    clock: &Clock,
    migrations: &'static [Migration],
) -> Result<usize, Error> {
    let now = clock.now();
    db.write(move |connection| Ok(run(connection, migrations, now)))
        .await?
}

fn run(connection: &mut Connection, migrations: &[Migration], now: i64) -> Result<usize, Error> {
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (
                version INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL
            ) STRICT",
        )
        .map_err(sqlite)?;
    let found = connection
        .query_row(
            "SELECT COALESCE(MAX(version), 0) FROM migrations",
            [],
            |row| row.get(0),
        )
        .map_err(sqlite)?;
    let says = connection.table_exists(None, "facts").map_err(sqlite)?;
    let serves = match says {
        true => connection
            .query_row(SERVES, [], |row| row.get(0))
            .optional()
            .map_err(sqlite)?,
        false => None,
    };
    check_newest(found, serves, migrations)?;
    // A table that is made anew is dropped first, and its name missing for a moment: references are checked before the
    // commit instead (https://sqlite.org/lang_altertable.html#otheralter). Inside a transaction this would be a no-op.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(sqlite)?;
    let applied = apply_missing(connection, migrations, now);
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(sqlite)?;
    applied
}

fn apply_missing(
    connection: &mut Connection,
    migrations: &[Migration],
    now: i64,
) -> Result<usize, Error> {
    let mut applied = 0;
    for migration in migrations {
        let transaction = connection.transaction().map_err(sqlite)?;
        let recorded: Option<String> = transaction
            .query_row(
                "SELECT hash FROM migrations WHERE version = ?1",
                [migration.version],
                |row| row.get(0),
            )
            .optional()
            .map_err(sqlite)?;
        if migration.is_known(recorded.as_deref())? {
            continue;
        }
        transaction
            .execute_batch(migration.sql)
            .map_err(|error| migration.failed(&error))?;
        let broken: Option<String> = transaction
            .query_row(
                "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(sqlite)?;
        if let Some(table) = broken {
            return Err(Error::Schema(format!(
                "migration {migration} was rolled back: it would leave rows of {table} without what they refer to"
            )));
        }
        transaction
            .execute(
                "INSERT INTO migrations (version, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)",
                (migration.version, migration.name, migration.hash(), now),
            )
            .map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
        applied += 1;
    }
    Ok(applied)
}

fn sqlite(error: rusqlite::Error) -> Error {
    Error::Database(error.into())
}
