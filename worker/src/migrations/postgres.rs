use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::{Migration, SERVES, check_newest};
use crate::clock::Clock;
use crate::error::Error;
use crate::store::Address;

/// How long one statement of a migration may take, and how long one program waits while another migrates.
const LIMIT: Duration = Duration::from_secs(600);
/// Every Punctual takes this lock for as long as it migrates: of two that start at once one waits. It is the session's,
/// so it ends with the connection, however that ends.
const LOCK: &str = "SELECT pg_advisory_lock(7310575183214)";

/// Applies what is missing of a list.
pub async fn apply(
    address: &Address,
    clock: &Clock,
    migrations: &'static [Migration],
) -> Result<usize, Error> {
    let mut connection = address.connect(LIMIT).await?;
    let applied = run(&mut connection, migrations, clock.now()).await;
    // The lock goes with the connection.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the migrations' connection did not close");
    }
    applied
}

async fn run(
    connection: &mut PgConnection,
    migrations: &'static [Migration],
    now: i64,
) -> Result<usize, Error> {
    sqlx::query(LOCK).execute(&mut *connection).await?;
    // Asked first: who may only read the schema may start on one that is up to date.
    let there: bool = sqlx::query_scalar("SELECT to_regclass('migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        let table = "CREATE TABLE migrations (
            version BIGINT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at BIGINT NOT NULL)";
        sqlx::query(table).execute(&mut *connection).await?;
    }
    let found = sqlx::query_scalar("SELECT COALESCE(max(version), 0) FROM migrations")
        .fetch_one(&mut *connection)
        .await?;
    let says: bool = sqlx::query_scalar("SELECT to_regclass('facts') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    let serves = match says {
        true => {
            sqlx::query_scalar(SERVES)
                .fetch_optional(&mut *connection)
                .await?
        }
        false => None,
    };
    check_newest(found, serves, migrations)?;
    let mut applied = 0;
    for migration in migrations {
        let recorded: Option<String> =
            sqlx::query_scalar("SELECT hash FROM migrations WHERE version = $1")
                .bind(migration.version)
                .fetch_optional(&mut *connection)
                .await?;
        if migration.is_known(recorded.as_deref())? {
            continue;
        }
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(migration.sql)
            .execute(&mut *transaction)
            .await
            .map_err(|error| migration.failed(&error))?;
        sqlx::query(
            "INSERT INTO migrations (version, name, hash, applied_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.hash())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction
            .commit()
            .await
            .map_err(|error| migration.failed(&error))?;
        applied += 1;
    }
    Ok(applied)
}
