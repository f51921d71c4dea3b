use punctual_contract::api::Digest;

use super::Store;
use super::db::{Record, params};
use crate::clock::rfc3339;
use crate::error::Error;

/// A delivery whose try has come, with all that its receiver is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pending {
    /// Stable over all tries: the `webhook-id`, the left part of the `Message-ID`.
    pub id: String,
    pub tries: i64,
    pub channel_id: String,
    /// `webhook`, `email`, `ntfy` or `push`.
    pub kind: String,
    pub target: String,
    pub secret: String,
    pub owner: String,
    pub reminder_id: String,
    pub about: About,
    /// Unix microseconds.
    pub due_for: i64,
    pub fired_at: i64,
    /// The channel is no longer there.
    pub removed: bool,
    /// The reminder was read, or its task is no longer open: nobody has to be told.
    pub settled: bool,
    /// The account's.
    pub zone: String,
    pub language: Option<String>,
    /// HH:MM
    pub quiet_from: Option<String>,
    pub quiet_until: Option<String>,
    /// W3C trace context of what fired the reminder.
    pub trace: Option<String>,
}

/// What a reminder is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    Task(Task),
    Day(Day),
}

impl Default for About {
    fn default() -> Self {
        Self::Task(Task::default())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    pub id: String,
    pub title: String,
    pub priority: String,
    /// A local date or date-time.
    pub due: Option<String>,
    /// The zone that `due` means where it is not the account's.
    pub due_zone: Option<String>,
}

/// A daily digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// The local day.
    pub day: String,
    pub holds: Digest,
}

/// A mail that asks whether an address may get reminders, and whose try has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    pub channel_id: String,
    pub tries: i64,
    pub owner: String,
    pub target: String,
    pub language: Option<String>,
    /// Unix microseconds.
    pub created_at: i64,
    /// The channel is no longer there.
    pub removed: bool,
}

/// A push that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    pub delivery_id: String,
    pub reminder_id: String,
    pub channel_id: String,
    pub target: String,
    pub secret: String,
}

/// What nobody has to be reminded of any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    Reminder(String),
    /// Only where it has been read, or its task is no longer open.
    ReminderIfSettled(String),
    /// The reminders of this task that were not read.
    Task(String),
}

fn digest(json: String) -> Result<Digest, Error> {
    serde_json::from_str(&json)
        .map_err(|error| Error::Corrupt(format!("a digest is not JSON: {error}")))
}

/// Fired reminders of one task that are looked at when it is done: the latest.
const LATEST: i64 = 32;

/// Changes that one look for what is published goes through.
const AT_ONCE: i64 = 5_000;

/// What [`Store::settle_in_app`] did.
#[derive(Debug)]
pub struct Settled {
    pub count: u64,
    /// Where to go on.
    pub through: i64,
    /// Others wait for their publication, or to be looked at.
    pub waits: bool,
}

impl Store {
    /// From where [`Store::settle_in_app`] goes on: no in-app delivery waits for an older firing.
    pub async fn unsettled_after(&self) -> Result<i64, Error> {
        let sql = "SELECT COALESCE(min(c.position) - 1,
                (SELECT position FROM watermarks WHERE name = 'published_through'), 0)
            FROM deliveries d JOIN channels ON channels.id = d.channel_id AND channels.kind = 'in-app'
                JOIN changes c ON c.tbl = 'reminders' AND c.row_id = d.reminder_id AND c.kind = 'fired'
            WHERE d.state = 'pending'";
        Ok(self.db.value(sql, Vec::new()).await?.unwrap_or(0))
    }

    /// Marks in-app deliveries sent whose firing has been published: whoever watches has been told. It looks at the
    /// changes after a position (`tbl || ''`: not at all of the table), so that it does not matter how much else is pending.
    pub async fn settle_in_app(&self, after: i64, now: i64) -> Result<Settled, Error> {
        // Positions may leap. The inner part has one bound alone: of two, Postgres without statistics expects so few rows
        // that it would sort all of them.
        let next = "SELECT COALESCE(max(position), ?1), count(*) FROM
                (SELECT position FROM changes WHERE position > ?1 ORDER BY position LIMIT ?2) AS next
            WHERE position <= (SELECT position FROM watermarks WHERE name = 'published_through')";
        let rows = self.db.query(next, params![after, AT_ONCE]).await?;
        let (through, looked): (i64, i64) = match rows.into_iter().next() {
            Some(mut row) => (row.get(0)?, row.get(1)?),
            None => (after, 0),
        };
        let mut count = 0;
        if through > after {
            let sql = r#"UPDATE deliveries SET state = 'sent', tries = 1, sent_at = ?1, next_try = NULL,
                    log = '[{"at":"' || ?2 || '","outcome":"sent","ms":' || ((?1 - created_at) / 1000) || '}]'
                WHERE state = 'pending' AND id IN (
                    SELECT d.id FROM changes c JOIN deliveries d ON d.reminder_id = c.row_id
                        JOIN channels ON channels.id = d.channel_id AND channels.kind = 'in-app'
                    WHERE c.position > ?3 AND c.position <= ?4 AND c.tbl || '' = 'reminders' AND c.kind = 'fired')"#;
            let params = params![now, rfc3339(now), after, through];
            count = self.db.execute(sql, params).await?;
        }
        // Where there are more, the next look tells.
        let waits = looked >= AT_ONCE || self.firing_waits(through).await?;
        Ok(Settled {
            count,
            through,
            waits,
        })
    }

    /// Whether a reminder's firing is among the next changes that are not published. In order, so that both databases go
    /// by an index, and no further.
    async fn firing_waits(&self, published: i64) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM
                (SELECT tbl, kind FROM changes WHERE position > ?1 ORDER BY position LIMIT ?2) AS positioned
                WHERE tbl = 'reminders' AND kind = 'fired')
            OR EXISTS (SELECT 1 FROM
                (SELECT tbl, kind FROM changes WHERE position IS NULL AND seq > ?3 ORDER BY seq LIMIT ?2) AS waiting
                WHERE tbl = 'reminders' AND kind = 'fired')";
        let params = params![published, AT_ONCE, self.positioned_through()];
        Ok(self.db.value(sql, params).await? == Some(true))
    }

    /// Deliveries to the outside whose next try has come, the oldest first.
    pub async fn pending_deliveries(&self, now: i64, most: i64) -> Result<Vec<Pending>, Error> {
        let sql = "SELECT d.id, d.tries, c.id, c.kind, c.target, c.secret, r.owner, r.id, r.task_id, t.title, t.priority,
                r.due, t.timezone, r.fire_at, r.fired_at, c.deleted_at IS NOT NULL,
                r.read_at IS NOT NULL OR COALESCE(t.status <> 'open' OR t.deleted_at IS NOT NULL, false),
                s.timezone, s.language, s.quiet_from, s.quiet_until, r.occurrence, r.digest, r.trace
            FROM deliveries d JOIN channels c ON c.id = d.channel_id
                JOIN reminders r ON r.id = d.reminder_id LEFT JOIN tasks t ON t.id = r.task_id
                JOIN settings s ON s.user_id = r.owner
            WHERE d.state = 'pending' AND d.next_try <= ?1 AND c.kind <> 'in-app'
            ORDER BY d.next_try LIMIT ?2";
        let pending = |mut row: Record| {
            let task: Option<String> = row.get(8)?;
            let about = match task {
                Some(id) => About::Task(Task {
                    id,
                    title: row.get(9)?,
                    priority: row.get(10)?,
                    due: row.get(11)?,
                    due_zone: row.get(12)?,
                }),
                None => About::Day(Day {
                    day: row.get(21)?,
                    holds: digest(row.get(22)?)?,
                }),
            };
            Ok(Pending {
                id: row.get(0)?,
                tries: row.get(1)?,
                channel_id: row.get(2)?,
                kind: row.get(3)?,
                target: row.get(4)?,
                secret: row.get(5)?,
                owner: row.get(6)?,
                reminder_id: row.get(7)?,
                about,
                due_for: row.get(13)?,
                fired_at: row.get(14)?,
                removed: row.get(15)?,
                settled: row.get(16)?,
                zone: row.get(17)?,
                language: row.get(18)?,
                quiet_from: row.get(19)?,
                quiet_until: row.get(20)?,
                trace: row.get(23)?,
            })
        };
        let rows = self.db.query(sql, params![now, most]).await?;
        rows.into_iter().map(pending).collect()
    }

    /// Records a try. `state` is `sent`, `failed` or `pending`; the latter with the next try's time. `entry` is the JSON
    /// of one object, and the log an array of such.
    pub async fn record_try(
        &self,
        id: &str,
        state: &'static str,
        entry: String,
        next_try: Option<i64>,
        now: i64,
    ) -> Result<(), Error> {
        let sql = "UPDATE deliveries SET state = ?2, tries = tries + 1,
                log = CASE log WHEN '[]' THEN '[' ELSE substr(log, 1, length(log) - 1) || ',' END || ?3 || ']',
                next_try = ?4, sent_at = CASE ?2 WHEN 'sent' THEN ?5 END
            WHERE id = ?1 AND state = 'pending'";
        self.db
            .execute(sql, params![id, state, entry, next_try, now])
            .await?;
        Ok(())
    }

    /// Puts deliveries off without a try.
    pub async fn put_off(&self, ids: &[String], next_try: i64) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "UPDATE deliveries SET next_try = ?2
            WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'pending' AND next_try < ?2";
        self.db.execute(sql, params![ids, next_try]).await?;
        Ok(())
    }

    /// Removes a channel that nothing can be sent to any more.
    pub async fn remove_channel(&self, id: &str, now: i64) -> Result<(), Error> {
        let sql = "UPDATE channels SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";
        self.db.execute(sql, params![id, now]).await?;
        Ok(())
    }

    /// Pushes that were sent, to channels that are still there, for what is over.
    pub async fn pushed(&self, over: Over) -> Result<Vec<Pushed>, Error> {
        const SENT: &str = "SELECT d.id, r.id, c.id, c.target, c.secret
            FROM reminders r LEFT JOIN tasks t ON t.id = r.task_id JOIN deliveries d ON d.reminder_id = r.id
                JOIN channels c ON c.id = d.channel_id
            WHERE d.state = 'sent' AND c.kind = 'push' AND c.deleted_at IS NULL AND ";
        let (id, which) = match over {
            Over::Reminder(id) => (id, "r.id = ?1".to_owned()),
            Over::ReminderIfSettled(id) => (
                id,
                "r.id = ?1 AND (r.read_at IS NOT NULL OR t.status <> 'open' OR t.deleted_at IS NOT NULL)"
                    .to_owned(),
            ),
            Over::Task(id) => (
                id,
                format!(
                    "r.id IN (SELECT id FROM reminders WHERE task_id = ?1 AND state = 'fired' AND read_at IS NULL
                        ORDER BY fired_at DESC LIMIT {LATEST})"
                ),
            ),
        };
        let pushed = |mut row: Record| {
            Ok(Pushed {
                delivery_id: row.get(0)?,
                reminder_id: row.get(1)?,
                channel_id: row.get(2)?,
                target: row.get(3)?,
                secret: row.get(4)?,
            })
        };
        let rows = self
            .db
            .query(&format!("{SENT}{which}"), params![id])
            .await?;
        rows.into_iter().map(pushed).collect()
    }

    /// Confirmation mails whose next try has come, the oldest first.
    pub async fn pending_confirmations(
        &self,
        now: i64,
        most: i64,
    ) -> Result<Vec<Confirmation>, Error> {
        let sql = "SELECT c.id, f.tries, c.user_id, c.target, s.language, f.created_at, c.deleted_at IS NOT NULL
            FROM confirmations f JOIN channels c ON c.id = f.channel_id JOIN settings s ON s.user_id = c.user_id
            WHERE f.state = 'pending' AND f.next_try <= ?1 ORDER BY f.next_try LIMIT ?2";
        let confirmation = |mut row: Record| {
            Ok(Confirmation {
                channel_id: row.get(0)?,
                tries: row.get(1)?,
                owner: row.get(2)?,
                target: row.get(3)?,
                language: row.get(4)?,
                created_at: row.get(5)?,
                removed: row.get(6)?,
            })
        };
        let rows = self.db.query(sql, params![now, most]).await?;
        rows.into_iter().map(confirmation).collect()
    }

    /// Records a try of a confirmation mail, as [`Store::record_try`] does.
    pub async fn record_confirmation(
        &self,
        channel: &str,
        state: &'static str,
        error: Option<String>,
        next_try: Option<i64>,
    ) -> Result<(), Error> {
        let sql =
            "UPDATE confirmations SET state = ?2, tries = tries + 1, last_error = ?3, next_try = ?4
            WHERE channel_id = ?1 AND state = 'pending'";
        self.db
            .execute(sql, params![channel, state, error, next_try])
            .await?;
        Ok(())
    }

    /// Puts a confirmation mail off without a try.
    pub async fn put_off_confirmation(&self, channel: &str, next_try: i64) -> Result<(), Error> {
        let sql =
            "UPDATE confirmations SET next_try = ?2 WHERE channel_id = ?1 AND state = 'pending'";
        self.db.execute(sql, params![channel, next_try]).await?;
        Ok(())
    }
}
