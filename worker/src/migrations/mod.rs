//! Brings a database to this program's schema.

mod postgres;
mod sqlite;

use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::error::Error;
use crate::store::Db;

pub use postgres::apply as apply_to_postgres;
pub use sqlite::apply as apply_to_sqlite;

/// One file of `migrations/sqlite/` or `migrations/postgres/`.
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
        sql: include_str!("../../../migrations/sqlite/0001_first_light.sql"),
    },
    Migration {
        version: 2,
        name: "channels_and_order",
        sql: include_str!("../../../migrations/sqlite/0002_channels_and_order.sql"),
    },
    Migration {
        version: 3,
        name: "keys",
        sql: include_str!("../../../migrations/sqlite/0003_keys.sql"),
    },
    Migration {
        version: 4,
        name: "activity",
        sql: include_str!("../../../migrations/sqlite/0004_activity.sql"),
    },
    Migration {
        version: 5,
        name: "series_and_rings",
        sql: include_str!("../../../migrations/sqlite/0005_series_and_rings.sql"),
    },
    Migration {
        version: 6,
        name: "digest",
        sql: include_str!("../../../migrations/sqlite/0006_digest.sql"),
    },
    Migration {
        version: 7,
        name: "serves",
        sql: include_str!("../../../migrations/sqlite/0007_serves.sql"),
    },
    Migration {
        version: 8,
        name: "lists",
        sql: include_str!("../../../migrations/sqlite/0008_lists.sql"),
    },
    Migration {
        version: 9,
        name: "positions",
        sql: include_str!("../../../migrations/sqlite/0009_positions.sql"),
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

/// In order; its last version is SQLite's last.
pub const POSTGRES: &[Migration] = &[
    Migration {
        version: 1,
        name: "tables",
        sql: include_str!("../../../migrations/postgres/0001_tables.sql"),
    },
    Migration {
        version: 2,
        name: "triggers",
        sql: include_str!("../../../migrations/postgres/0002_triggers.sql"),
    },
    Migration {
        version: 3,
        name: "views_and_roles",
        sql: include_str!("../../../migrations/postgres/0003_views_and_roles.sql"),
    },
    Migration {
        version: 4,
        name: "activity",
        sql: include_str!("../../../migrations/postgres/0004_activity.sql"),
    },
    Migration {
        version: 5,
        name: "series_and_rings",
        sql: include_str!("../../../migrations/postgres/0005_series_and_rings.sql"),
    },
    Migration {
        version: 6,
        name: "digest",
        sql: include_str!("../../../migrations/postgres/0006_digest.sql"),
    },
    Migration {
        version: 7,
        name: "serves",
        sql: include_str!("../../../migrations/postgres/0007_serves.sql"),
    },
    Migration {
        version: 8,
        name: "lists",
        sql: include_str!("../../../migrations/postgres/0008_lists.sql"),
    },
    Migration {
        version: 9,
        name: "positions",
        sql: include_str!("../../../migrations/postgres/0009_positions.sql"),
    },
];

/// The schema of this program, on both databases.
pub fn newest() -> i64 {
    SQLITE.last().map_or(0, |last| last.version)
}

/// Applies what is missing, each file in one transaction, and says how many those were. Refuses a database that a
/// newer program made and that doesn't serve this one any more, or whose migrations are not the ones of this program.
pub async fn migrate(db: &Db, clock: &Clock) -> Result<usize, Error> {
    match db {
        Db::Sqlite(db) => apply_to_sqlite(db, clock, SQLITE).await,
        Db::Postgres(db) => apply_to_postgres(db.address(), clock, POSTGRES).await,
    }
}

/// The oldest schema whose programs work with a database, as its newest migration says.
const SERVES: &str = "SELECT CAST(value AS BIGINT) FROM facts WHERE name = 'schema_serves'";

/// A database that is newer than this program, and doesn't serve it, is left alone.
fn check_newest(found: i64, serves: Option<i64>, migrations: &[Migration]) -> Result<(), Error> {
    let newest = migrations.last().map_or(0, |last| last.version);
    if found > newest && serves.is_none_or(|serves| serves > newest) {
        return Err(Error::Schema(format!(
            "this database is of a newer Punctual (schema {found}, this program knows {newest}). \
             Start that version, or restore a backup made by this one."
        )));
    }
    Ok(())
}

impl Migration {
    /// Whether it has been applied already, by the hash that is recorded of it, if one is.
    fn is_known(&self, recorded: Option<&str>) -> Result<bool, Error> {
        match recorded {
            None => Ok(false),
            Some(hash) if hash == self.hash() => Ok(true),
            Some(_) => Err(Error::Schema(format!(
                "migration {self} in this database is not the one of this program. \
                 Was it made by a build in between? Move the data away, or start the program that made it."
            ))),
        }
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Schema(format!(
            "migration {self} failed and was rolled back: {why}"
        ))
    }
}

impl std::fmt::Display for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}_{}", self.version, self.name)
    }
}
