use punctual_sqlite::rusqlite::OptionalExtension;

use super::Store;
use super::db::{Db, Param, Record, params};
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

const CHANGES_AFTER: &str =
    "SELECT position, tbl, row_id, owner, kind, version, before, after, actor, via, trace, at
    FROM changes WHERE position > ?1 ORDER BY position LIMIT ?2";

fn changes(rows: Vec<Record>) -> Result<Vec<Row>, Error> {
    let row = |mut row: Record| {
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
    };
    rows.into_iter().map(row).collect()
}

/// Held until the positions are committed: whoever gives some waits for who does so already.
const OUR_LEASE: &str = "SELECT fence FROM leases WHERE name = $1 AND fence = $2 FOR UPDATE";

/// Postgres's `give_positions`: numbers, moves the watermark, and answers with it. A change whose transaction commits
/// later has a lower `seq` perhaps, but gets a later position.
const NUMBER: &str = "WITH
    last AS (SELECT COALESCE((SELECT position FROM watermarks WHERE name = 'positions'), 0) AS position),
    next AS (SELECT seq, last.position + row_number() OVER (ORDER BY seq) AS position
        FROM (SELECT seq FROM changes WHERE position IS NULL ORDER BY seq LIMIT $1) AS waiting, last),
    given AS (UPDATE changes SET position = next.position FROM next WHERE changes.seq = next.seq
        RETURNING changes.position),
    moved AS (INSERT INTO watermarks (name, position)
        SELECT 'positions', max(position) FROM given HAVING count(*) > 0
        ON CONFLICT (name) DO UPDATE SET position = excluded.position)
    SELECT COALESCE((SELECT max(position) FROM given), (SELECT position FROM last))";

/// SQLite's: its triggers have given them.
const LAST: &str = "SELECT position FROM watermarks
    WHERE name = 'positions' AND EXISTS (SELECT 1 FROM leases WHERE name = ?1 AND fence = ?2)";

impl Store {
    /// Whether there is a reason to ask for positions: a change that has none. On SQLite, each time: its writer's turn is
    /// what shows all changes that somebody was told of before.
    pub async fn wants_positions(&self) -> Result<bool, Error> {
        if let Db::Sqlite(_) = self.db {
            return Ok(true);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM changes WHERE position IS NULL)";
        let rows = self.db.query(sql, Vec::new()).await?;
        rows.into_iter()
            .next()
            .map_or(Ok(false), |mut row| row.get(0))
    }

    /// Gives up to `most` changes their positions where they don't come with one, in the order of their commits, in one
    /// transaction that checks the fence first. `None` where the lease is another's; else the last position given so far.
    pub async fn give_positions(
        &self,
        lease: &'static str,
        fence: i64,
        most: u32,
    ) -> Result<Option<i64>, Error> {
        match &self.db {
            Db::Sqlite(db) => {
                let last = db.transaction(move |connection| {
                    let row = connection
                        .prepare_cached(LAST)?
                        .query_row((lease, fence), |row| row.get(0));
                    Ok(row.optional()?)
                });
                Ok(last.await?)
            }
            Db::Postgres(db) => {
                let lock = (OUR_LEASE, params![lease, fence]);
                let rows = db.locked(lock, (NUMBER, params![most])).await?;
                let last = rows.and_then(|rows| rows.into_iter().next());
                last.map(|mut row| row.get(0)).transpose()
            }
        }
    }

    /// Changes after a position, in order.
    pub async fn changes_after(&self, position: i64, most: u32) -> Result<Vec<Row>, Error> {
        changes(
            self.db
                .query(CHANGES_AFTER, params![position, most])
                .await?,
        )
    }

    /// One owner's changes after a position, in order.
    pub async fn owners_changes_after(
        &self,
        owner: &str,
        position: i64,
        most: u32,
    ) -> Result<Vec<Row>, Error> {
        let sql = "SELECT position, tbl, row_id, owner, kind, version, before, after, actor, via, trace, at
            FROM changes WHERE owner = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        changes(self.db.query(sql, params![owner, position, most]).await?)
    }

    async fn watermark(&self, name: &'static str) -> Result<i64, Error> {
        let sql = "SELECT position FROM watermarks WHERE name = ?1";
        let rows = self.db.query(sql, params![name]).await?;
        rows.into_iter().next().map_or(Ok(0), |mut row| row.get(0))
    }

    /// Whether a client may go on after a position. One that no change has is of a time that a restore has undone.
    pub async fn is_known(&self, position: i64) -> Result<bool, Error> {
        if position == 0 {
            return Ok(true);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM changes WHERE position = ?1)
            OR EXISTS (SELECT 1 FROM watermarks WHERE name = 'positions' AND position = ?1)";
        let rows = self.db.query(sql, params![position]).await?;
        rows.into_iter()
            .next()
            .map_or(Ok(false), |mut row| row.get(0))
    }

    /// The last position given.
    pub async fn last_position(&self) -> Result<i64, Error> {
        self.watermark("positions").await
    }

    pub async fn published_through(&self) -> Result<i64, Error> {
        self.watermark("published_through").await
    }

    /// Moves the watermark to `position`, and never back: what is published again is behind it. False where the lease is
    /// another's.
    pub async fn set_published_through(
        &self,
        lease: &'static str,
        fence: i64,
        position: i64,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO watermarks (name, position)
            SELECT 'published_through', ?1 FROM leases WHERE name = ?2 AND fence = ?3
            ON CONFLICT (name) DO UPDATE SET position = CASE
                WHEN excluded.position > watermarks.position THEN excluded.position ELSE watermarks.position END";
        let params: Vec<Param> = params![position, lease, fence];
        Ok(self.db.execute(sql, params).await? == 1)
    }
}
