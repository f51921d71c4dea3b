use super::Store;
use super::db::{Db, Record, params};
use crate::error::Error;

/// Something that is to happen at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    /// Unix microseconds.
    pub at: i64,
    pub id: String,
}

pub(super) fn instants(rows: Vec<Record>) -> Result<Vec<Instant>, Error> {
    let instant = |mut row: Record| {
        Ok(Instant {
            at: row.get(0)?,
            id: row.get(1)?,
        })
    };
    rows.into_iter().map(instant).collect()
}

/// A reminder that this worker may fire now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub id: String,
    pub owner: String,
    /// W3C trace context of what planned it.
    pub trace: Option<String>,
}

impl Store {
    /// The seconds (Unix) in which something is planned, from `from` and before `to` (microseconds).
    pub async fn planned_seconds(&self, from: i64, to: i64) -> Result<Vec<i64>, Error> {
        let sql = "SELECT DISTINCT fire_at / 1000000 FROM reminders
            WHERE state = 'planned' AND fire_at >= ?1 AND fire_at < ?2 ORDER BY 1";
        let rows = self.db.query(sql, params![from, to]).await?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// Reminders planned from `from` and before `to`, the earliest first.
    pub async fn planned_between(
        &self,
        from: i64,
        to: i64,
        most: i64,
    ) -> Result<Vec<Instant>, Error> {
        let sql = "SELECT fire_at, id FROM reminders
            WHERE state = 'planned' AND fire_at >= ?1 AND fire_at < ?2 ORDER BY fire_at LIMIT ?3";
        instants(self.db.query(sql, params![from, to, most]).await?)
    }

    /// Those of these reminders that are planned, with their instants.
    pub async fn planned_of(&self, ids: &[String]) -> Result<Vec<Instant>, Error> {
        let sql = "SELECT fire_at, id FROM reminders
            WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'planned'";
        instants(self.db.query(sql, params![ids]).await?)
    }

    /// Planned reminders whose instant has passed and that nobody is firing.
    pub async fn overdue(&self, now: i64, most: i64) -> Result<Vec<Instant>, Error> {
        let sql = "SELECT fire_at, id FROM reminders
            WHERE state = 'planned' AND fire_at <= ?1 AND NOT EXISTS (
                SELECT 1 FROM claims WHERE claims.reminder_id = reminders.id AND claims.until > ?1)
            ORDER BY fire_at LIMIT ?2";
        instants(self.db.query(sql, params![now, most]).await?)
    }

    /// Claims those of these reminders that are planned, due by `now`, and claimed by nobody. In the order of their ids:
    /// two workers that claim the same ones wait for each other and never in a circle. SQLite has one worker, who needs
    /// no claim to keep others off.
    pub async fn claim(
        &self,
        ids: &[String],
        worker: &str,
        now: i64,
        until: i64,
    ) -> Result<Vec<Claimed>, Error> {
        let sql = match self.db {
            Db::Sqlite(_) => {
                "SELECT id, owner, trace FROM reminders
                WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'planned' AND fire_at <= ?4 AND NOT EXISTS (
                    SELECT 1 FROM claims WHERE claims.reminder_id = reminders.id AND claims.until > ?4)"
            }
            Db::Postgres(_) => {
                "INSERT INTO claims (reminder_id, worker, until)
                SELECT id, ?2, ?3 FROM reminders
                WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'planned' AND fire_at <= ?4 ORDER BY id
                ON CONFLICT (reminder_id) DO UPDATE SET worker = excluded.worker, until = excluded.until
                WHERE claims.until <= ?4
                RETURNING reminder_id, (SELECT owner FROM reminders WHERE id = reminder_id),
                    (SELECT trace FROM reminders WHERE id = reminder_id)"
            }
        };
        let rows = self.db.query(sql, params![ids, worker, until, now]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Claimed {
                    id: row.get(0)?,
                    owner: row.get(1)?,
                    trace: row.get(2)?,
                })
            })
            .collect()
    }

    pub async fn release_claims(&self, ids: &[String], worker: &str) -> Result<(), Error> {
        if ids.is_empty() || matches!(self.db, Db::Sqlite(_)) {
            return Ok(());
        }
        let sql = "DELETE FROM claims WHERE reminder_id IN (SELECT value FROM json_each(?1)) AND worker = ?2";
        self.db.execute(sql, params![ids, worker]).await?;
        Ok(())
    }

    /// Claims that stay when the call has ended, until that instant at most.
    pub async fn keep_claims(&self, ids: &[String], worker: &str, until: i64) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO claims (reminder_id, worker, until)
            SELECT id, ?2, ?3 FROM reminders WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id
            ON CONFLICT (reminder_id) DO UPDATE SET until = excluded.until WHERE claims.worker = excluded.worker";
        self.db.execute(sql, params![ids, worker, until]).await?;
        Ok(())
    }

    /// Ends every claim: for a new holder of the lease, since nobody else fires any more.
    pub async fn clear_claims(&self) -> Result<(), Error> {
        self.db.execute("DELETE FROM claims", Vec::new()).await?;
        Ok(())
    }
}
