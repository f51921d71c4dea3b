//! Projects. Every account has one Inbox, which stays.

use crate::db::{self, Error};
use crate::values;
use crate::write::Write;

pub async fn get(owner: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM project_json WHERE owner = ?1 AND id = ?2 AND deleted_at IS NULL",
        &values![owner, id],
    )
    .await
}

/// Where a page ended: 0 for the Inbox else 1, `created_at`, id.
pub type Cursor = (i64, i64, String);

/// The page after the cursor, the Inbox first, then by age.
pub async fn list(
    owner: &str,
    archived: bool,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<String, Error> {
    let page = "WITH page AS (
             SELECT p.id, CASE p.kind WHEN 'project' THEN 1 ELSE 0 END AS place, p.created_at, j.json
             FROM projects p JOIN project_json j ON j.id = p.id
             WHERE p.owner = ?1 AND p.deleted_at IS NULL AND CASE WHEN p.archived_at IS NULL THEN 0 ELSE 1 END = ?2
               AND (?3 IS NULL OR (CASE p.kind WHEN 'project' THEN 1 ELSE 0 END, p.created_at, p.id) > (?3, ?4, ?5))
             ORDER BY place, p.created_at, p.id LIMIT ?6)";
    let sql = db::page(
        page,
        "SELECT string_agg(json, ',' ORDER BY place, created_at, id) FROM page",
        "concat('[', place, ',', created_at, ',', json_quote(id), ']')",
        "place DESC, created_at DESC, id DESC",
        "?6",
    );
    db::aggregate(
        sql,
        &values![
            owner,
            i64::from(archived),
            after.map(|(place, _, _)| *place),
            after.map(|(_, created_at, _)| *created_at),
            after.map(|(_, _, id)| id.as_str()),
            limit
        ],
    )
    .await
}

/// A repetition with the same id changes nothing.
pub async fn create(id: &str, name: &str, reminders: &str, write: &Write) -> Result<(), Error> {
    db::execute(
        "INSERT INTO projects (id, owner, name, kind, reminders, version, op, body_hash, actor, via, trace, created_at, updated_at)
         VALUES (?1, ?2, ?3, 'project', ?4, 1, ?5, ?6, ?2, ?7, ?8, ?9, ?9) ON CONFLICT (id) DO NOTHING",
        &values![
            id,
            write.actor.as_str(),
            name,
            reminders,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now
        ],
    )
    .await
}

/// What can be done to a project.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Another name, other reminders (a JSON array); what is `None` stays.
    Edit {
        name: Option<&'a str>,
        reminders: Option<&'a str>,
    },
    Archive,
    Restore,
}

/// `versions`: a JSON array, `None` any. `false`: it is not theirs, has another version, or is the Inbox and shall be archived.
pub async fn change(
    owner: &str,
    id: &str,
    versions: Option<&str>,
    change: Change<'_>,
    write: &Write,
) -> Result<bool, Error> {
    let (name, reminders, archive) = match change {
        Change::Edit { name, reminders } => (name, reminders, None),
        Change::Archive => (None, None, Some(1_i64)),
        Change::Restore => (None, None, Some(0)),
    };
    db::touched(
        "UPDATE projects SET name = COALESCE(?3, name), reminders = COALESCE(?11, reminders),
             archived_at = CASE WHEN ?4 IS NULL THEN archived_at WHEN ?4 = 1 THEN COALESCE(archived_at, ?5) END,
             version = version + 1, op = ?6, body_hash = ?7, actor = ?1, via = ?8, trace = ?9, updated_at = ?5
         WHERE owner = ?1 AND id = ?2 AND deleted_at IS NULL AND (?10 IS NULL OR version IN (SELECT CAST(value AS BIGINT) FROM json_each(?10)))
           AND (kind = 'project' OR ?4 IS NULL)
         RETURNING id",
        &values![
            owner,
            id,
            name,
            archive,
            write.now,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.via.as_str(),
            write.trace.as_deref(),
            versions,
            reminders
        ],
    )
    .await
}
