use punctual_sqlite::rusqlite;

use super::{Store, list};
use crate::error::Error;

/// Something that is to happen at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    /// Unix microseconds.
    pub at: i64,
    pub id: String,
}

fn instant(row: &rusqlite::Row<'_>) -> rusqlite::Result<Instant> {
    Ok(Instant {
        at: row.get(0)?,
        id: row.get(1)?,
    })
}

/// A reminder that this worker may fire now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub id: String,
    pub owner: String,
}

impl Store {
    /// The seconds (Unix) in which something is planned, from `from` and before `to` (microseconds).
    pub async fn planned_seconds(&self, from: i64, to: i64) -> Result<Vec<i64>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT DISTINCT fire_at / 1000000 FROM reminders
                     WHERE state = 'planned' AND fire_at >= ?1 AND fire_at < ?2 ORDER BY 1",
                )?;
                Ok(statement
                    .query_map((from, to), |row| row.get(0))?
                    .collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Reminders planned from `from` and before `to`, the earliest first.
    pub async fn planned_between(
        &self,
        from: i64,
        to: i64,
        most: i64,
    ) -> Result<Vec<Instant>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT fire_at, id FROM reminders
                     WHERE state = 'planned' AND fire_at >= ?1 AND fire_at < ?2 ORDER BY fire_at LIMIT ?3",
                )?;
                Ok(statement.query_map((from, to, most), instant)?.collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Those of these reminders that are planned, with their instants.
    pub async fn planned_of(&self, ids: &[String]) -> Result<Vec<Instant>, Error> {
        let ids = list(ids);
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT fire_at, id FROM reminders
                     WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'planned'",
                )?;
                Ok(statement
                    .query_map([ids], instant)?
                    .collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Planned reminders whose instant has passed and that nobody is firing.
    pub async fn overdue(&self, now: i64, most: i64) -> Result<Vec<Instant>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT fire_at, id FROM reminders
                     WHERE state = 'planned' AND fire_at <= ?1 AND NOT EXISTS (
                         SELECT 1 FROM claims WHERE claims.reminder_id = reminders.id AND claims.until > ?1)
                     ORDER BY fire_at LIMIT ?2",
                )?;
                Ok(statement.query_map((now, most), instant)?.collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Claims those of these reminders that are planned, due by `now`, and claimed by nobody.
    pub async fn claim(
        &self,
        ids: &[String],
        worker: &str,
        now: i64,
        until: i64,
    ) -> Result<Vec<Claimed>, Error> {
        let (ids, worker) = (list(ids), worker.to_owned());
        Ok(self
            .db
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO claims (reminder_id, worker, until)
                     SELECT id, ?2, ?3 FROM reminders
                     WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'planned' AND fire_at <= ?4
                     ON CONFLICT (reminder_id) DO UPDATE SET worker = excluded.worker, until = excluded.until
                     WHERE claims.until <= ?4
                     RETURNING reminder_id, (SELECT owner FROM reminders WHERE id = reminder_id)",
                )?;
                let claimed = statement
                    .query_map((ids, worker, until, now), |row| Ok(Claimed { id: row.get(0)?, owner: row.get(1)? }))?
                    .collect::<Result<_, _>>()?;
                Ok(claimed)
            })
            .await?)
    }

    pub async fn release_claims(&self, ids: &[String], worker: &str) -> Result<(), Error> {
        let sql = "DELETE FROM claims WHERE reminder_id IN (SELECT value FROM json_each(?1)) AND worker = ?2";
        self.db
            .query(sql, vec![list(ids).into(), worker.into()])
            .await?;
        Ok(())
    }

    pub async fn claim_longer(
        &self,
        ids: &[String],
        worker: &str,
        until: i64,
    ) -> Result<(), Error> {
        let sql = "UPDATE claims SET until = ?3
            WHERE reminder_id IN (SELECT value FROM json_each(?1)) AND worker = ?2";
        self.db
            .query(sql, vec![list(ids).into(), worker.into(), until.into()])
            .await?;
        Ok(())
    }

    /// Ends every claim: for a new holder of the lease, since nobody else fires any more.
    pub async fn clear_claims(&self) -> Result<(), Error> {
        self.db.query("DELETE FROM claims", Vec::new()).await?;
        Ok(())
    }
}
