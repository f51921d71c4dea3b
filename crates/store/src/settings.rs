//! Settings and channels.

use crate::db::{self, Error};
use crate::users::same_body;
use crate::values;
use crate::write::Write;

pub async fn get(user: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM settings_json WHERE user_id = ?1",
        &values![user],
    )
    .await
}

/// Another zone or morning steps `generation`, by which every open task is planned again. `versions`: a JSON array, `None` any. `false`: another version.
pub async fn change(
    timezone: Option<&str>,
    morning: Option<&str>,
    versions: Option<&str>,
    write: &Write,
) -> Result<bool, Error> {
    db::touched(
        "UPDATE settings SET timezone = COALESCE(?2, timezone), morning = COALESCE(?3, morning),
             generation = generation + (COALESCE(?2, timezone) <> timezone OR COALESCE(?3, morning) <> morning),
             version = version + 1, op = ?4, body_hash = ?5, actor = ?1, via = ?6, trace = ?7, updated_at = ?8
         WHERE user_id = ?1 AND (?9 IS NULL OR version IN (SELECT value FROM json_each(?9))) RETURNING user_id",
        &values![
            write.actor.as_str(),
            timezone,
            morning,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            versions
        ],
    )
    .await
}

/// The most channels that a person may have.
pub const MAX_CHANNELS: i64 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Yes,
    /// There is one with this id, made from another body.
    OtherBody,
    /// There are as many as there may be.
    Full,
}

pub async fn add_channel(
    id: &str,
    user: &str,
    kind: &str,
    target: &str,
    secret: &str,
    body_hash: Option<&str>,
    now: i64,
) -> Result<Added, Error> {
    let added = db::touched(
        "INSERT INTO channels (id, user_id, kind, target, secret, body_hash, created_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE (SELECT count(*) FROM channels WHERE user_id = ?2 AND deleted_at IS NULL) < ?8
         ON CONFLICT (id) DO NOTHING RETURNING id",
        &values![id, user, kind, target, secret, body_hash, now, MAX_CHANNELS],
    )
    .await?;
    if added {
        return Ok(Added::Yes);
    }
    match channel(user, id).await? {
        None => Ok(Added::Full),
        Some(_) if same_body("channels", id, body_hash).await? => Ok(Added::Yes),
        Some(_) => Ok(Added::OtherBody),
    }
}

pub async fn channel(user: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM channel_json WHERE user_id = ?1 AND id = ?2",
        &values![user, id],
    )
    .await
}

/// The secret of a channel; only the answer to its creation shows it.
pub async fn channel_secret(user: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT secret FROM channels WHERE user_id = ?1 AND id = ?2",
        &values![user, id],
    )
    .await
}

/// The in-app channel stays.
pub async fn delete_channel(user: &str, id: &str, now: i64) -> Result<bool, Error> {
    db::touched(
        "UPDATE channels SET deleted_at = ?3 WHERE user_id = ?1 AND id = ?2 AND deleted_at IS NULL AND kind <> 'in-app'
         RETURNING id",
        &values![user, id, now],
    )
    .await
}
