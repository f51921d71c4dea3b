use super::reminders::Instant;
use super::{Store, list};
use crate::error::Error;

impl Store {
    /// Tasks whose plan has lagged since `since` or earlier, the oldest first.
    pub async fn lagging_plans(&self, since: i64, most: u32) -> Result<Vec<String>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT task_id FROM plans WHERE planned < wanted AND since <= ?1 ORDER BY since LIMIT ?2",
                )?;
                Ok(statement.query_map((since, most), |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Tasks that must be planned again before `until`, without any change.
    pub async fn plans_due(&self, until: i64, most: i64) -> Result<Vec<Instant>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT next_at, task_id FROM plans WHERE next_at < ?1 ORDER BY next_at LIMIT ?2",
                )?;
                Ok(statement
                    .query_map((until, most), |row| Ok(Instant { at: row.get(0)?, id: row.get(1)? }))?
                    .collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// The owners of tasks: the key of events about them.
    pub async fn owners(&self, tasks: &[String]) -> Result<Vec<(String, String)>, Error> {
        let ids = list(tasks);
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id, owner FROM tasks WHERE id IN (SELECT value FROM json_each(?1))",
                )?;
                Ok(statement
                    .query_map([ids], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Wants every open task planned again where the plans were made with other time zone data. How many that are.
    pub async fn replan_for_tzdata(&self, version: &'static str, now: i64) -> Result<usize, Error> {
        Ok(self
            .db
            .write(move |connection| {
                let transaction = connection.transaction()?;
                let known: bool = transaction.query_row(
                    "SELECT EXISTS (SELECT 1 FROM facts WHERE name = 'tzdata' AND value = ?1)",
                    [version],
                    |row| row.get(0),
                )?;
                if known {
                    return Ok(0);
                }
                let tasks = transaction.execute(
                    "UPDATE plans SET wanted = wanted + 1, since = ?1 WHERE task_id IN (
                         SELECT id FROM tasks WHERE status = 'open' AND deleted_at IS NULL)",
                    [now],
                )?;
                transaction.execute(
                    "INSERT INTO facts (name, value) VALUES ('tzdata', ?1)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    [version],
                )?;
                transaction.commit()?;
                Ok(tasks)
            })
            .await?)
    }

    /// Deletes bookkeeping that nobody asks for any more.
    pub async fn tidy(&self, now: i64) -> Result<(), Error> {
        const DAY: i64 = 86_400_000_000;
        Ok(self
            .db
            .write(move |connection| {
                let transaction = connection.transaction()?;
                transaction.execute("DELETE FROM claims WHERE until < ?1", [now])?;
                transaction.execute(
                    "DELETE FROM sessions WHERE expires_at < ?1",
                    [now - 30 * DAY],
                )?;
                transaction.execute("DELETE FROM dead_letters WHERE at < ?1", [now - 90 * DAY])?;
                Ok(transaction.commit()?)
            })
            .await?)
    }
}
