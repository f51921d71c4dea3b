//! What fired, newest first: a notification is a fired reminder.

use crate::db::{self, Error};
use crate::values;
use crate::write::Write;

/// The page after `(fired_at, id)`.
pub async fn list(
    owner: &str,
    unread: bool,
    after: Option<&(i64, String)>,
    limit: i64,
) -> Result<String, Error> {
    let page = "WITH page AS (
             SELECT id, fired_at, json FROM notification_json
             WHERE owner = ?1 AND (?2 = 0 OR read_at IS NULL) AND (?3 IS NULL OR (fired_at, id) < (?3, ?4))
             ORDER BY fired_at DESC, id DESC LIMIT ?5)";
    let sql = db::page(
        page,
        "SELECT string_agg(json, ',' ORDER BY fired_at DESC, id DESC) FROM page",
        "concat('[', fired_at, ',', json_quote(id), ']')",
        "fired_at, id",
        "?5",
    );
    db::aggregate(
        sql,
        &values![
            owner,
            i64::from(unread),
            after.map(|(at, _)| *at),
            after.map(|(_, id)| id.as_str()),
            limit
        ],
    )
    .await
}

pub async fn get(owner: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM notification_json WHERE owner = ?1 AND id = ?2",
        &values![owner, id],
    )
    .await
}

/// Marks one (`Some`) or all (`None`) as read. Those that are read stay as they are. `false`: there was none to mark.
pub async fn read(id: Option<&str>, write: &Write) -> Result<bool, Error> {
    mark("?2 IS NULL OR id = ?2", id, write).await
}

/// Acknowledges one: it and all that its reminder rang before count as read, and it does not ring again. `false`: there
/// was nothing to acknowledge.
pub async fn acknowledge(id: &str, write: &Write) -> Result<bool, Error> {
    let chain = "id = ?2 OR EXISTS (
             SELECT 1 FROM reminders rung WHERE rung.id = ?2 AND rung.owner = ?1 AND rung.state = 'fired'
               AND rung.task_id = reminders.task_id AND rung.definition_id = reminders.definition_id
               AND rung.occurrence = reminders.occurrence AND rung.repetition > reminders.repetition)";
    mark(chain, Some(id), write).await
}

async fn mark(which: &str, id: Option<&str>, write: &Write) -> Result<bool, Error> {
    let sql = format!(
        "UPDATE reminders SET read_at = ?3, version = version + 1, op = ?4, body_hash = ?5, actor = ?1, via = ?6,
             trace = ?7, updated_at = ?3
         WHERE owner = ?1 AND state = 'fired' AND read_at IS NULL AND ({which}) RETURNING id"
    );
    db::touched(
        &sql,
        &values![
            write.actor.as_str(),
            id,
            write.now,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.via.as_str(),
            write.trace.as_deref()
        ],
    )
    .await
}
