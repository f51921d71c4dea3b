//! Brings a database to this program's schema.

use punctual_sqlite::Database;
use punctual_sqlite::rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::error::Error;

/// One file of `migrations/sqlite/`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sql: &'static str,
}

/// In order; a test compares this table with the folder.
pub const SQLITE: &[Migration] = &[
    Migration {
        version: 1,
        name: "first_light",
        sql: include_str!("../../migrations/sqlite/0001_first_light.sql"),
    },
    Migration {
        version: 2,
        name: "channels_and_order",
        sql: include_str!("../../migrations/sqlite/0002_channels_and_order.sql"),
    },
    Migration {
        version: 3,
        name: "keys",
        sql: include_str!("../../migrations/sqlite/0003_keys.sql"),
    },
];

impl Migration {
    /// SHA-256 of the file, in hex.
    pub fn hash(&self) -> String {
        Sha256::digest(self.sql)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Applies what is missing, each file in one transaction, and says how many those were. Refuses a database that a
/// newer program made, or whose migrations are not the ones of this program.
pub async fn migrate(db: &Database, clock: &Clock) -> Result<usize, Error> {
    apply(db, clock, SQLITE).await
}

/// [`migrate`] with a list of one's own.
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
    let newest = migrations.last().map_or(0, |last| last.version);
    let found: i64 = connection
        .query_row(
            "SELECT COALESCE(MAX(version), 0) FROM migrations",
            [],
            |row| row.get(0),
        )
        .map_err(sqlite)?;
    if found > newest {
        return Err(Error::Schema(format!(
            "this database is of a newer Punctual (schema {found}, this program knows {newest}). \
             Start that version, or restore a backup made by this one."
        )));
    }
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
        let Migration { version, name, sql } = *migration;
        let transaction = connection.transaction().map_err(sqlite)?;
        let known: Option<String> = transaction
            .query_row(
                "SELECT hash FROM migrations WHERE version = ?1",
                [version],
                |row| row.get(0),
            )
            .optional()
            .map_err(sqlite)?;
        match known {
            Some(hash) if hash == migration.hash() => continue,
            Some(_) => {
                return Err(Error::Schema(format!(
                    "migration {version:04}_{name} in this database is not the one of this program. \
                     Was it made by a build in between? Move the data folder away, or start the program that made it."
                )));
            }
            None => {}
        }
        transaction.execute_batch(sql).map_err(|error| {
            Error::Schema(format!(
                "migration {version:04}_{name} failed and was rolled back: {error}"
            ))
        })?;
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
                "migration {version:04}_{name} was rolled back: it would leave rows of {table} without what they refer to"
            )));
        }
        transaction
            .execute(
                "INSERT INTO migrations (version, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)",
                (version, name, migration.hash(), now),
            )
            .map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
        applied += 1;
    }
    Ok(applied)
}

fn sqlite(error: punctual_sqlite::rusqlite::Error) -> Error {
    Error::Database(error.into())
}
