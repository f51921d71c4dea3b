//! The daily digest: whose has come, what it holds, that it was told.

use serde::{Deserialize, Serialize};

use crate::db::{self, Error, Sql, Value};
use crate::values;
use crate::write::Write;

/// Tasks that a digest names; the others it counts.
const NAMED: i64 = 10;

/// Somebody whose digest may have come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    pub user: String,
    /// `HH:MM`
    pub at: String,
    pub timezone: String,
    /// What came before that has been told, or was not asked for then.
    pub since: i64,
}

/// Those of these accounts that get digests.
pub async fn waiting(users: &[&str]) -> Result<Vec<Waiting>, Error> {
    let users = db::json(&users)?;
    let found = db::read(
        "SELECT CAST(json_group_array(json_object('user', g.user_id, 'at', s.digest, 'timezone', s.timezone, 'since', g.since)) AS TEXT)
         FROM digests g JOIN settings s ON s.user_id = g.user_id
         WHERE g.user_id IN (SELECT value FROM json_each(?1)) AND s.digest IS NOT NULL",
        &values![users],
    )
    .await?;
    Ok(found.unwrap_or_default())
}

/// What is open and due before the day ends at `until`, seen from `now`: `{overdue, due, tasks}`. `None` where nothing is.
pub async fn content(user: &str, until: i64, now: i64) -> Result<Option<String>, Error> {
    let open = "FROM (SELECT id, title, priority, due, timezone, due_at, row_number() OVER (ORDER BY due_at, created_at, id) AS n
             FROM tasks WHERE owner = ?1 AND status = 'open' AND deleted_at IS NULL AND (due_at < ?2 OR due_at = ?2 AND length(due) = 10)
             ORDER BY n) AS open
         HAVING count(*) > 0";
    let sqlite = "SELECT json_object('overdue', count(*) FILTER (WHERE due_at <= ?3), 'due', count(*) FILTER (WHERE due_at > ?3),
             'tasks', json_group_array(json_object('id', id, 'title', title, 'priority', priority, 'due', due,
                 'timezone', timezone)) FILTER (WHERE n <= ?4))";
    let postgres = "SELECT concat('{\"overdue\":', count(*) FILTER (WHERE due_at <= ?3), ',\"due\":', count(*) FILTER (WHERE due_at > ?3),
             ',\"tasks\":[', string_agg(concat('{\"id\":', json_text(id), ',\"title\":', json_text(title), ',\"priority\":', json_text(priority),
                 ',\"due\":', json_text(due), ',\"timezone\":', json_text(timezone), '}'), ',' ORDER BY n) FILTER (WHERE n <= ?4), ']}')";
    db::text(
        Sql::pair(format!("{sqlite} {open}"), format!("{postgres} {open}")),
        &values![user, until, now, NAMED],
    )
    .await
}

/// A digest that is told: the row of its reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    pub id: String,
    pub user: String,
    /// The local day that it is for.
    pub day: String,
    pub fire_at: i64,
    /// [`content`]
    pub digest: String,
}

/// Tells them; deliveries come by trigger. Whoever has had the digest of a day does not get it again.
pub async fn tell(told: &[Told], write: &Write) -> Result<(), Error> {
    db::execute(
        "INSERT INTO reminders (id, owner, kind, definition_id, occurrence, fire_at, generation, state, fired_at, digest,
             version, op, actor, via, trace, created_at, updated_at)
         SELECT d.value ->> 'id', d.value ->> 'user', 'digest', 'digest', d.value ->> 'day',
             CAST(d.value ->> 'fire_at' AS BIGINT), 0, 'fired', ?5, d.value ->> 'digest', 1, ?1, ?2, ?3, ?4, ?5, ?5
         FROM json_each(?6) AS d WHERE true ON CONFLICT DO NOTHING RETURNING id",
        &values![
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            Value::Json(db::json(told)?)
        ],
    )
    .await
}

/// When to look again, for somebody whose settings were read with this `since`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub user: String,
    pub since: i64,
    pub next_at: i64,
}

/// All that came by `now` is told. Other settings meanwhile have another `since`, and are looked at anew.
pub async fn seen(seen: &[Seen], now: i64) -> Result<(), Error> {
    db::execute(
        "UPDATE digests SET since = ?2, next_at = CAST(d.value ->> 'next_at' AS BIGINT) FROM json_each(?1) AS d
         WHERE user_id = d.value ->> 'user' AND since = CAST(d.value ->> 'since' AS BIGINT)
         RETURNING user_id",
        &values![Value::Json(db::json(seen)?), now],
    )
    .await
}
