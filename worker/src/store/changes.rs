use punctual_sqlite::rusqlite::{self, Connection, OptionalExtension};

use super::Store;
use crate::error::Error;

/// One row of `changes` that has its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub position: i64,
    pub table: String,
    pub row_id: String,
    pub owner: String,
    pub kind: String,
    pub version: i64,
    /// JSON image; `None` for an insert.
    pub before: Option<String>,
    pub after: String,
    pub actor: String,
    pub via: String,
    pub trace: Option<String>,
    /// Unix microseconds.
    pub at: i64,
}

const COLUMNS: &str =
    "position, tbl, row_id, owner, kind, version, before, after, actor, via, trace, at";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        position: row.get(0)?,
        table: row.get(1)?,
        row_id: row.get(2)?,
        owner: row.get(3)?,
        kind: row.get(4)?,
        version: row.get(5)?,
        before: row.get(6)?,
        after: row.get(7)?,
        actor: row.get(8)?,
        via: row.get(9)?,
        trace: row.get(10)?,
        at: row.get(11)?,
    })
}

fn watermark(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    Ok(connection
        .prepare_cached("SELECT position FROM watermarks WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

pub(super) const SET_WATERMARK: &str = "INSERT INTO watermarks (name, position) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position";

impl Store {
    /// Whether some change waits for its position.
    pub async fn has_unpositioned(&self) -> Result<bool, Error> {
        Ok(self
            .db
            .read(|connection| {
                Ok(connection
                    .prepare_cached("SELECT EXISTS (SELECT 1 FROM changes WHERE position IS NULL)")?
                    .query_row([], |row| row.get(0))?)
            })
            .await?)
    }

    /// Gives up to `most` changes their positions, in the order of their commits, in one transaction that checks the
    /// fence first. `None` where the lease is another's; else the last position given so far.
    pub async fn give_positions(
        &self,
        lease: &'static str,
        fence: i64,
        most: u32,
    ) -> Result<Option<i64>, Error> {
        Ok(self
            .db
            .write(move |connection| {
                let transaction = connection.transaction()?;
                let ours: bool = transaction
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM leases WHERE name = ?1 AND fence = ?2)",
                    )?
                    .query_row((lease, fence), |row| row.get(0))?;
                if !ours {
                    return Ok(None);
                }
                let last = watermark(&transaction, "positions")?;
                let given = transaction
                    .prepare_cached(
                        "UPDATE changes SET position = ?1 + next.number
                         FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS number
                               FROM changes WHERE position IS NULL ORDER BY seq LIMIT ?2) AS next
                         WHERE changes.seq = next.seq",
                    )?
                    .execute((last, most))?;
                if given == 0 {
                    return Ok(Some(last));
                }
                let last = last + i64::try_from(given).unwrap_or(0);
                transaction
                    .prepare_cached(SET_WATERMARK)?
                    .execute(("positions", last))?;
                transaction.commit()?;
                Ok(Some(last))
            })
            .await?)
    }

    /// Changes after a position, in order.
    pub async fn changes_after(&self, position: i64, most: u32) -> Result<Vec<Row>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM changes WHERE position > ?1 ORDER BY position LIMIT ?2"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                Ok(statement
                    .query_map((position, most), row)?
                    .collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// One owner's changes after a position, in order.
    pub async fn owners_changes_after(
        &self,
        owner: &str,
        position: i64,
        most: u32,
    ) -> Result<Vec<Row>, Error> {
        let owner = owner.to_owned();
        Ok(self
            .db
            .read(move |connection| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM changes WHERE owner = ?1 AND position > ?2 ORDER BY position LIMIT ?3"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                Ok(statement.query_map((owner, position, most), row)?.collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// The last position given.
    pub async fn last_position(&self) -> Result<i64, Error> {
        Ok(self
            .db
            .read(|connection| Ok(watermark(connection, "positions")?))
            .await?)
    }

    pub async fn published_through(&self) -> Result<i64, Error> {
        Ok(self
            .db
            .read(|connection| Ok(watermark(connection, "published_through")?))
            .await?)
    }

    /// Whether the lease was still ours and the watermark stands at `position`.
    pub async fn set_published_through(
        &self,
        lease: &'static str,
        fence: i64,
        position: i64,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO watermarks (name, position)
            SELECT 'published_through', ?1 WHERE EXISTS (SELECT 1 FROM leases WHERE name = ?2 AND fence = ?3)
            ON CONFLICT (name) DO UPDATE SET position = excluded.position";
        let rows = self
            .db
            .query(sql, vec![position.into(), lease.into(), fence.into()])
            .await?;
        Ok(rows.changes == 1)
    }
}
