use super::Store;
use crate::error::Error;

/// A webhook delivery whose try has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Stable over all tries: the `webhook-id`.
    pub id: String,
    pub tries: i64,
    pub target: String,
    pub secret: String,
    pub reminder_id: String,
    pub task_id: String,
    pub title: String,
    pub due: Option<String>,
    /// Unix microseconds.
    pub due_for: i64,
    pub fired_at: i64,
    /// The channel is no longer there.
    pub removed: bool,
}

impl Store {
    /// Marks in-app deliveries sent whose firing has been published: whoever watches has been told. True while others
    /// wait for that.
    pub async fn settle_in_app(&self, now: i64) -> Result<bool, Error> {
        let waiting = "SELECT 1 FROM deliveries JOIN channels ON channels.id = channel_id
            WHERE state = 'pending' AND next_try <= ?1 AND kind = 'in-app' LIMIT 1";
        if self
            .db
            .query(waiting, vec![now.into()])
            .await?
            .rows
            .is_empty()
        {
            return Ok(false);
        }
        let settle = "UPDATE deliveries SET state = 'sent', tries = 1, sent_at = ?1, next_try = NULL,
                log = json_array(json_object(
                    'at', strftime('%Y-%m-%dT%H:%M:%S', ?1 / 1000000, 'unixepoch') || printf('.%03dZ', ?1 / 1000 % 1000),
                    'outcome', 'sent', 'ms', (?1 - created_at) / 1000))
            WHERE state = 'pending' AND next_try <= ?1
                AND channel_id IN (SELECT id FROM channels WHERE kind = 'in-app')
                AND EXISTS (SELECT 1 FROM changes
                    WHERE tbl = 'reminders' AND row_id = deliveries.reminder_id AND kind = 'fired'
                        AND position <= (SELECT position FROM watermarks WHERE name = 'published_through'))";
        self.db.query(settle, vec![now.into()]).await?;
        Ok(!self
            .db
            .query(waiting, vec![now.into()])
            .await?
            .rows
            .is_empty())
    }

    /// Webhook deliveries whose next try has come, the oldest first.
    pub async fn pending_webhooks(&self, now: i64, most: i64) -> Result<Vec<Pending>, Error> {
        Ok(self
            .db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT d.id, d.tries, c.target, c.secret, r.id, r.task_id, t.title, r.due, r.fire_at,
                         r.fired_at, c.deleted_at IS NOT NULL
                     FROM deliveries d JOIN channels c ON c.id = d.channel_id
                         JOIN reminders r ON r.id = d.reminder_id JOIN tasks t ON t.id = r.task_id
                     WHERE d.state = 'pending' AND d.next_try <= ?1 AND c.kind = 'webhook'
                     ORDER BY d.next_try LIMIT ?2",
                )?;
                let rows = statement.query_map((now, most), |row| {
                    Ok(Pending {
                        id: row.get(0)?,
                        tries: row.get(1)?,
                        target: row.get(2)?,
                        secret: row.get(3)?,
                        reminder_id: row.get(4)?,
                        task_id: row.get(5)?,
                        title: row.get(6)?,
                        due: row.get(7)?,
                        due_for: row.get(8)?,
                        fired_at: row.get(9)?,
                        removed: row.get(10)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?)
    }

    /// Records a try. `state` is `sent`, `failed` or `pending`; the latter with the next try's time.
    pub async fn record_try(
        &self,
        id: &str,
        state: &'static str,
        entry: String,
        next_try: Option<i64>,
        now: i64,
    ) -> Result<(), Error> {
        let sql = "UPDATE deliveries SET state = ?2, tries = tries + 1, log = json_insert(log, '$[#]', json(?3)),
                next_try = ?4, sent_at = CASE ?2 WHEN 'sent' THEN ?5 END
            WHERE id = ?1 AND state = 'pending'";
        self.db
            .query(
                sql,
                vec![
                    id.into(),
                    state.into(),
                    entry.into(),
                    next_try.into(),
                    now.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Puts a delivery off without a try.
    pub async fn put_off(&self, id: &str, next_try: i64) -> Result<(), Error> {
        let sql = "UPDATE deliveries SET next_try = ?2 WHERE id = ?1 AND state = 'pending'";
        self.db.query(sql, vec![id.into(), next_try.into()]).await?;
        Ok(())
    }
}
