use super::Store;
use super::db::params;
use super::reminders::{Instant, instants};
use crate::error::Error;

impl Store {
    /// Tasks whose plan has lagged since `since` or earlier, the youngest first: where very many lag, their events come
    /// from the other end, and two that plan the same task wait for each other.
    pub async fn lagging_plans(&self, since: i64, most: u32) -> Result<Vec<String>, Error> {
        let sql = "SELECT task_id FROM plans WHERE planned < wanted AND since <= ?1 ORDER BY since DESC LIMIT ?2";
        let rows = self.db.query(sql, params![since, most]).await?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// Tasks that must be planned again before `until`, without any change.
    pub async fn plans_due(&self, until: i64, most: i64) -> Result<Vec<Instant>, Error> {
        let sql = "SELECT next_at, task_id FROM plans WHERE next_at < ?1 ORDER BY next_at LIMIT ?2";
        instants(self.db.query(sql, params![until, most]).await?)
    }

    /// Accounts whose digest comes before `until`.
    pub async fn digests_due(&self, until: i64, most: i64) -> Result<Vec<Instant>, Error> {
        let sql =
            "SELECT next_at, user_id FROM digests WHERE next_at < ?1 ORDER BY next_at LIMIT ?2";
        instants(self.db.query(sql, params![until, most]).await?)
    }

    /// The owners of tasks: the key of events about them.
    pub async fn owners(&self, tasks: &[String]) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT id, owner FROM tasks WHERE id IN (SELECT value FROM json_each(?1))";
        let rows = self.db.query(sql, params![tasks]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.get(0)?, row.get(1)?)))
            .collect()
    }

    /// Wants every open task planned again, and every digest's instant worked out anew, where that was done with other time
    /// zone data. How many tasks that are.
    pub async fn replan_for_tzdata(&self, version: &'static str, now: i64) -> Result<u64, Error> {
        let known = "SELECT value FROM facts WHERE name = 'tzdata' AND value = ?1";
        if !self.db.query(known, params![version]).await?.is_empty() {
            return Ok(0);
        }
        let want = "UPDATE plans SET wanted = wanted + 1, since = ?1 WHERE task_id IN (
            SELECT id FROM tasks WHERE status = 'open' AND deleted_at IS NULL)";
        let note = "INSERT INTO facts (name, value) VALUES ('tzdata', ?1)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let digests = "UPDATE digests SET next_at = 0";
        let steps = vec![
            (want, params![now]),
            (digests, params![]),
            (note, params![version]),
        ];
        self.db.together(steps).await
    }

    /// Deletes bookkeeping that nobody asks for any more.
    pub async fn tidy(&self, now: i64) -> Result<(), Error> {
        const DAY: i64 = 86_400_000_000;
        let old = [
            ("DELETE FROM claims WHERE until < ?1", now),
            ("DELETE FROM sessions WHERE expires_at < ?1", now - 30 * DAY),
            ("DELETE FROM dead_letters WHERE at < ?1", now - 90 * DAY),
        ];
        for (sql, before) in old {
            self.db.execute(sql, params![before]).await?;
        }
        Ok(())
    }
}
