use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
        FROM (SELECT seq FROM changes WHERE position IS NULL AND seq > $2 ORDER BY seq LIMIT $1) AS waiting, last),
    given AS (UPDATE changes SET position = next.position FROM next WHERE changes.seq = next.seq
        RETURNING changes.position, changes.seq),
    moved AS (INSERT INTO watermarks (name, position)
        SELECT 'positions', max(position) FROM given HAVING count(*) > 0
        ON CONFLICT (name) DO UPDATE SET position = excluded.position)
    SELECT COALESCE((SELECT max(position) FROM given), (SELECT position FROM last)),
        (SELECT count(*) FROM given), (SELECT max(seq) FROM given), pg_current_xact_id()::text::bigint,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

/// How often all changes are looked at, whatever the bound says: should somebody have put an older state of the database
/// in its place, what is written from then on is below it.
const WHOLE: Duration = Duration::from_secs(10);

/// Which changes may still wait for their position on Postgres: those with a `seq` above a bound. Every position that was
/// given leaves a dead entry in the index of those that wait, until a vacuum; a look that began at its front would go over
/// hundreds of thousands.
///
/// A change can have a lower `seq` than those that are seen, and be committed later. So the bound rises only to what was
/// seen before all transactions that were under way have ended: then nothing new can come below it. A change takes its
/// `seq` in the trigger of a row that its transaction has written, so with a transaction's number already in hand.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    above: i64,
    next: Option<Bound>,
    /// The last look at all of them.
    whole: Option<Instant>,
}

/// What `above` becomes next.
#[derive(Debug)]
struct Bound {
    seq: i64,
    /// The number of a transaction that began after `seq` was seen: those with lower ones must have ended.
    by: Option<i64>,
}

/// A round of giving positions.
struct Round {
    /// Whether some were left that it saw.
    full: bool,
    /// The last `seq` that got a position.
    highest: Option<i64>,
    /// Its own transaction's number, taken before it looked.
    own: i64,
    /// The lowest number of a transaction that had not ended when it looked.
    open: i64,
}

impl Waiting {
    /// Where a look begins.
    fn from(&mut self) -> i64 {
        if self.whole.is_some_and(|at| at.elapsed() < WHOLE) {
            return self.above;
        }
        self.whole = Some(Instant::now());
        0
    }

    fn after(&mut self, round: &Round) {
        if let Some(Bound { seq, by }) = &mut self.next {
            let by = *by.get_or_insert(round.own);
            let reached = !round.full || round.highest.is_some_and(|highest| highest >= *seq);
            if round.open >= by && reached {
                self.above = *seq;
                self.next = None;
            }
        }
        if self.next.is_none() {
            self.next = round.highest.map(|seq| Bound { seq, by: None });
        }
    }
}

/// SQLite's: its triggers have given them.
const LAST: &str = "SELECT position FROM watermarks
    WHERE name = 'positions' AND EXISTS (SELECT 1 FROM leases WHERE name = ?1 AND fence = ?2)";

impl Store {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No change with a `seq` up to this one waits for its position, as far as this process knows.
    pub(super) fn positioned_through(&self) -> i64 {
        self.waiting().above
    }

    /// Whether there is a reason to ask for positions: a change that has none, above a `seq`. On SQLite, each time: its
    /// writer's turn is what shows all changes that somebody was told of before.
    pub async fn wants_positions(&self) -> Result<Option<i64>, Error> {
        if let Db::Sqlite(_) = self.db {
            return Ok(Some(0));
        }
        let above = self.waiting().from();
        // In the index's order: Postgres would read the whole table, where it believes that most of it waits.
        let sql =
            "SELECT seq FROM changes WHERE position IS NULL AND seq > ?1 ORDER BY seq LIMIT 1";
        let waits: Option<i64> = self.db.value(sql, params![above]).await?;
        Ok(waits.map(|_| above))
    }

    /// Gives up to `most` changes above a `seq` their positions where they don't come with one, in the order of their
    /// commits, in one transaction that checks the fence first. `None` where the lease is another's; else the last position
    /// given so far.
    pub async fn give_positions(
        &self,
        lease: &'static str,
        fence: i64,
        most: u32,
        above: i64,
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
                let rows = db.locked(lock, (NUMBER, params![most, above])).await?;
                let Some(mut row) = rows.and_then(|rows| rows.into_iter().next()) else {
                    return Ok(None);
                };
                let given: i64 = row.get(1)?;
                self.waiting().after(&Round {
                    full: given >= i64::from(most),
                    highest: row.get(2)?,
                    own: row.get(3)?,
                    open: row.get(4)?,
                });
                row.get(0).map(Some)
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
        Ok(self.db.value(sql, params![name]).await?.unwrap_or(0))
    }

    /// Whether a client may go on after a position. One that no change has is of a time that a restore has undone.
    pub async fn is_known(&self, position: i64) -> Result<bool, Error> {
        if position == 0 {
            return Ok(true);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM changes WHERE position = ?1)
            OR EXISTS (SELECT 1 FROM watermarks WHERE name = 'positions' AND position = ?1)";
        Ok(self.db.value(sql, params![position]).await? == Some(true))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A round that gave all that it saw.
    fn round(waiting: &mut Waiting, highest: Option<i64>, own: i64, open: i64) -> i64 {
        waiting.after(&Round {
            full: false,
            highest,
            own,
            open,
        });
        waiting.above
    }

    #[test]
    fn the_bound_rises_once_all_who_could_come_below_it_have_ended() {
        let mut waiting = Waiting::default();
        // Transaction 7 is open, and may have the number 9.
        assert_eq!(round(&mut waiting, Some(10), 20, 7), 0);
        assert_eq!(round(&mut waiting, Some(11), 21, 7), 0);
        assert_eq!(round(&mut waiting, None, 22, 7), 0);
        // It has ended; one that began after the second round does not matter.
        assert_eq!(round(&mut waiting, Some(12), 30, 21), 10);
        // What was seen is bounded by who began after that, which only a later round can tell.
        assert_eq!(round(&mut waiting, Some(13), 31, 31), 12);
    }

    #[test]
    fn a_round_that_left_some_raises_the_bound_as_far_as_it_came() {
        let mut waiting = Waiting::default();
        let mut full = |highest, own| {
            waiting.after(&Round {
                full: true,
                highest: Some(highest),
                own,
                open: own,
            });
            waiting.above
        };
        assert_eq!(full(100, 1), 0);
        // Late ones came first: there may be more of them.
        assert_eq!(full(90, 2), 0);
        assert_eq!(full(200, 3), 100);
    }
}
