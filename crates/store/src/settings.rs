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

/// What a person changes of the settings; `None` stays as it is, the inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    pub timezone: Option<String>,
    /// `HH:MM`
    pub morning: Option<String>,
    /// `HH:MM`
    pub quiet_from: Option<Option<String>>,
    pub quiet_until: Option<Option<String>>,
    pub language: Option<Option<String>>,
    /// `HH:MM`
    pub digest: Option<Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Yes,
    /// It has another version than was named.
    Stale,
    /// Quiet hours would have a beginning and no end.
    NoEnd,
    /// Quiet hours would have an end and no beginning.
    NoBeginning,
    /// Quiet hours would begin and end at once.
    Equal,
}

/// Another zone or morning steps `generation`, by which every open task is planned again. Quiet hours have both ends or
/// neither afterwards, or nothing changes. `versions`: a JSON array, `None` any.
pub async fn change(
    patch: &Patch,
    versions: Option<&str>,
    write: &Write,
) -> Result<Changed, Error> {
    let given =
        |field: &Option<Option<String>>| (i64::from(field.is_some()), field.clone().flatten());
    let (from, until) = (given(&patch.quiet_from), given(&patch.quiet_until));
    let (language, digest) = (given(&patch.language), given(&patch.digest));
    let changed = db::touched(
        "UPDATE settings SET timezone = COALESCE(?2, timezone), morning = COALESCE(?3, morning),
             quiet_from = CASE ?4 WHEN 1 THEN ?5 ELSE quiet_from END,
             quiet_until = CASE ?6 WHEN 1 THEN ?7 ELSE quiet_until END,
             language = CASE ?8 WHEN 1 THEN ?9 ELSE language END,
             digest = CASE ?16 WHEN 1 THEN ?17 ELSE digest END,
             generation = generation + CASE WHEN COALESCE(?2, timezone) <> timezone OR COALESCE(?3, morning) <> morning
                 THEN 1 ELSE 0 END,
             version = version + 1, op = ?10, body_hash = ?11, actor = ?1, via = ?12, trace = ?13, updated_at = ?14
         WHERE user_id = ?1 AND (?15 IS NULL OR version IN (SELECT CAST(value AS BIGINT) FROM json_each(?15)))
           AND (?4 = 0 AND ?6 = 0
               OR (CASE ?4 WHEN 1 THEN ?5 ELSE quiet_from END) IS NULL AND (CASE ?6 WHEN 1 THEN ?7 ELSE quiet_until END) IS NULL
               OR (CASE ?4 WHEN 1 THEN ?5 ELSE quiet_from END) <> (CASE ?6 WHEN 1 THEN ?7 ELSE quiet_until END))
         RETURNING user_id",
        &values![
            write.actor.as_str(),
            patch.timezone.as_deref(),
            patch.morning.as_deref(),
            from.0,
            from.1.as_deref(),
            until.0,
            until.1.as_deref(),
            language.0,
            language.1.as_deref(),
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            versions,
            digest.0,
            digest.1.as_deref()
        ],
    )
    .await?;
    if changed {
        return Ok(Changed::Yes);
    }
    // Only to say why.
    #[derive(serde::Deserialize)]
    struct Present {
        stale: i64,
        quiet_from: Option<String>,
        quiet_until: Option<String>,
    }
    let present: Option<Present> = db::read(
        "SELECT CAST(json_object('quiet_from', quiet_from, 'quiet_until', quiet_until, 'stale', CASE
             WHEN ?2 IS NOT NULL AND version NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2)) THEN 1
             ELSE 0 END) AS TEXT)
         FROM settings WHERE user_id = ?1",
        &values![write.actor.as_str(), versions],
    )
    .await?;
    let Some(present) = present.filter(|present| present.stale == 0) else {
        return Ok(Changed::Stale);
    };
    let after = |patch: &Option<Option<String>>, present: Option<String>| {
        patch.clone().unwrap_or(present).is_some()
    };
    Ok(
        match (
            after(&patch.quiet_from, present.quiet_from),
            after(&patch.quiet_until, present.quiet_until),
        ) {
            (true, false) => Changed::NoEnd,
            (false, true) => Changed::NoBeginning,
            _ => Changed::Equal,
        },
    )
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

#[derive(Debug)]
pub struct NewChannel<'a> {
    pub id: &'a str,
    pub user: &'a str,
    pub kind: &'a str,
    pub target: &'a str,
    /// webhook: what signs its calls; ntfy: its access token or nothing; push: its keys as JSON.
    pub secret: &'a str,
    pub name: &'a str,
    pub body_hash: Option<&'a str>,
    pub now: i64,
}

/// What an e-mail channel's confirmation and a browser's other account need comes by trigger.
pub async fn add_channel(new: &NewChannel<'_>) -> Result<Added, Error> {
    let added = db::touched(
        "INSERT INTO channels (id, user_id, kind, target, secret, name, body_hash, created_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE (SELECT count(*) FROM channels WHERE user_id = ?2 AND deleted_at IS NULL) < ?9
         ON CONFLICT (id) DO NOTHING RETURNING id",
        &values![
            new.id,
            new.user,
            new.kind,
            new.target,
            new.secret,
            new.name,
            new.body_hash,
            new.now,
            MAX_CHANNELS
        ],
    )
    .await?;
    if added {
        return Ok(Added::Yes);
    }
    match channel(new.user, new.id).await? {
        None => Ok(Added::Full),
        Some(_) if same_body("channels", new.id, new.body_hash).await? => Ok(Added::Yes),
        Some(_) => Ok(Added::OtherBody),
    }
}

/// The channel of this push subscription, where the account has it already; its keys are the given ones from now on.
pub async fn known_push(user: &str, endpoint: &str, secret: &str) -> Result<Option<String>, Error> {
    db::text(
        "UPDATE channels SET secret = ?3 WHERE user_id = ?1 AND kind = 'push' AND target = ?2 AND deleted_at IS NULL
         RETURNING id",
        &values![user, endpoint, secret],
    )
    .await
}

/// How many mails that ask an address's owner this person has had sent since then, and when the first of them was
/// asked for.
pub async fn asked_since(user: &str, since: i64) -> Result<(i64, i64), Error> {
    let asked = db::read(
        "SELECT CAST(json_array(count(*), COALESCE(min(f.created_at), 0)) AS TEXT) FROM confirmations f
         JOIN channels c ON c.id = f.channel_id WHERE c.user_id = ?1 AND f.created_at > ?2",
        &values![user, since],
    )
    .await?;
    asked.ok_or_else(|| Error::Shape("an aggregate gave no row".to_owned()))
}

/// How a channel stands with its confirmation.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Confirmation {
    /// 1 for an e-mail channel whose owner has not said yes.
    pub waits: i64,
    /// When the mail was asked for last.
    pub asked_at: Option<i64>,
}

/// `None`: there is no such channel of theirs.
pub async fn confirmation(user: &str, id: &str) -> Result<Option<Confirmation>, Error> {
    db::read(
        "SELECT CAST(json_object('waits', CASE WHEN c.kind = 'email' AND c.confirmed_at IS NULL THEN 1 ELSE 0 END,
             'asked_at', f.created_at) AS TEXT)
         FROM channels c LEFT JOIN confirmations f ON f.channel_id = c.id
         WHERE c.user_id = ?1 AND c.id = ?2 AND c.deleted_at IS NULL",
        &values![user, id],
    )
    .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    Now,
    Before,
    /// There is no such e-mail channel of theirs any more.
    Gone,
}

/// The owner of an e-mail address has said yes.
pub async fn confirm(user: &str, id: &str, now: i64) -> Result<Confirmed, Error> {
    let now = db::touched(
        "UPDATE channels SET confirmed_at = ?3
         WHERE user_id = ?1 AND id = ?2 AND kind = 'email' AND deleted_at IS NULL AND confirmed_at IS NULL
         RETURNING id",
        &values![user, id, now],
    )
    .await?;
    if now {
        return Ok(Confirmed::Now);
    }
    Ok(match confirmation(user, id).await? {
        Some(channel) if channel.waits == 0 => Confirmed::Before,
        _ => Confirmed::Gone,
    })
}

/// Has the worker ask again. `false`: it was asked for later than `until`, or there is nothing to confirm.
pub async fn ask_again(user: &str, id: &str, until: i64, now: i64) -> Result<bool, Error> {
    db::touched(
        "UPDATE confirmations SET state = 'pending', tries = 0, last_error = NULL, next_try = ?4, created_at = ?4
         WHERE channel_id = ?2 AND created_at <= ?3 AND EXISTS (SELECT 1 FROM channels c WHERE c.id = ?2
               AND c.user_id = ?1 AND c.deleted_at IS NULL AND c.confirmed_at IS NULL)
         RETURNING channel_id",
        &values![user, id, until, now],
    )
    .await
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
