use super::Store;
use super::db::params;
use crate::error::Error;
use crate::metrics::Backlog;

impl Store {
    /// What is still to be done by `now`, in one statement. Each part of it reads no more of an index than what it counts, in
    /// the index's order: where much waited when its statistics were made, Postgres would rather read the whole table.
    /// Positions have no gap, so that those of changes need no counting.
    pub async fn backlog(&self, now: i64) -> Result<Backlog, Error> {
        let count =
            |waiting: &str| format!("(SELECT count(*) FROM (SELECT 1 {waiting}) AS waiting)");
        let first = |column: &str, waiting: &str| format!("(SELECT {column} {waiting} LIMIT 1)");
        let overdue = "FROM reminders WHERE state = 'planned' AND fire_at <= ?1 ORDER BY fire_at";
        let lagging = "FROM plans WHERE planned < wanted ORDER BY since";
        let unpositioned = "FROM changes WHERE position IS NULL AND seq > ?2 ORDER BY seq";
        let pending =
            "FROM deliveries WHERE state = 'pending' AND next_try <= ?1 ORDER BY next_try";
        let sql = format!(
            "WITH next AS (SELECT position, at FROM changes WHERE position > COALESCE(
                (SELECT position FROM watermarks WHERE name = 'published_through'), 0) ORDER BY position LIMIT 1)
            SELECT {}, {}, {}, {},
                {} + COALESCE((SELECT max(position) FROM changes) + 1 - (SELECT position FROM next), 0),
                {}, (SELECT at FROM next), {}, {}",
            count(overdue),
            first("fire_at", overdue),
            count(lagging),
            first("since", lagging),
            count(unpositioned),
            first("at", unpositioned),
            count(pending),
            first("next_try", pending),
        );
        let params = params![now, self.positioned_through()];
        let rows = self.db.query(&sql, params).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or_else(|| Error::Corrupt("a statement of one row answered none".to_owned()))?;
        let (unpositioned, positioned): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
        Ok(Backlog {
            overdue: row.get(0)?,
            overdue_since: row.get(1)?,
            lagging_plans: row.get(2)?,
            lagging_since: row.get(3)?,
            unpublished: row.get(4)?,
            unpublished_since: unpositioned.into_iter().chain(positioned).min(),
            pending: row.get(7)?,
            pending_since: row.get(8)?,
        })
    }
}
