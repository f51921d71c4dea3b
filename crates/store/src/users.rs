//! Accounts, sessions, API tokens, invitations: no events, and nothing here is read by the worker.

use serde::Deserialize;

use crate::db::{self, Error, Sql};
use crate::values;

#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub id: String,
    pub email: String,
    pub password_hash: String,
    pub role: String,
    pub inbox_id: String,
    pub op: String,
    pub body_hash: Option<String>,
}

const USER: &str =
    "SELECT CAST(json_object('id', id, 'email', email, 'password_hash', password_hash, 'role', role,
    'inbox_id', inbox_id, 'op', op, 'body_hash', body_hash) AS TEXT) FROM users";

pub async fn by_email(email: &str) -> Result<Option<User>, Error> {
    db::read(&format!("{USER} WHERE email = ?1"), &values![email]).await
}

pub async fn by_id(id: &str) -> Result<Option<User>, Error> {
    db::read(&format!("{USER} WHERE id = ?1"), &values![id]).await
}

#[derive(Debug)]
pub struct NewUser<'a> {
    pub id: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub inbox_id: &'a str,
    pub timezone: &'a str,
    pub invite: Option<&'a str>,
    pub op: &'a str,
    pub body_hash: Option<&'a str>,
    pub trace: Option<&'a str>,
    pub now: i64,
    /// `open`, `invite`, `closed`
    pub registration: &'a str,
}

/// Whether an account could be made now: the first one always can.
pub async fn registration_is_open(
    registration: &str,
    invite: Option<&str>,
    now: i64,
) -> Result<bool, Error> {
    db::touched(
        "SELECT 1 WHERE ?1 = 'open' OR NOT EXISTS (SELECT 1 FROM users) OR (?1 = 'invite' AND EXISTS (
             SELECT 1 FROM invites WHERE id = ?2 AND used_by IS NULL AND expires_at > ?3))",
        &values![registration, invite, now],
    )
    .await
}

/// Makes the account where registration allows it; the first one is the admin. Its settings, Inbox and in-app channel
/// come by trigger. `false`: registration is closed for this request.
pub async fn register(user: &NewUser<'_>) -> Result<bool, Error> {
    db::touched(
        "INSERT INTO users (id, email, password_hash, role, inbox_id, timezone, invite_id, op, body_hash, trace, created_at)
         SELECT ?1, ?2, ?3, CASE WHEN EXISTS (SELECT 1 FROM users) THEN 'member' ELSE 'admin' END,
                ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE ?11 = 'open' OR NOT EXISTS (SELECT 1 FROM users) OR (?11 = 'invite' AND EXISTS (
             SELECT 1 FROM invites WHERE id = ?6 AND used_by IS NULL AND expires_at > ?10 /*pg FOR UPDATE*/))
         RETURNING id",
        &values![
            user.id,
            user.email,
            user.password_hash,
            user.inbox_id,
            user.timezone,
            user.invite,
            user.op,
            user.body_hash,
            user.trace,
            user.now,
            user.registration
        ],
    )
    .await
}

/// Opens a session; a repetition with the same id changes nothing.
pub async fn open_session(
    id: &str,
    user: &str,
    client: &str,
    now: i64,
    expires_at: i64,
) -> Result<(), Error> {
    db::execute(
        "INSERT INTO sessions (id, user_id, rotated_at, created_at, expires_at, client) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
         ON CONFLICT (id) DO NOTHING",
        &values![id, user, now, expires_at, client],
    )
    .await
}

#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    pub user_id: String,
    pub counter: i64,
    pub rotated_at: i64,
    /// 1 while it has neither ended nor been revoked.
    pub live: i64,
}

pub async fn session(id: &str, now: i64) -> Result<Option<Session>, Error> {
    db::read(
        "SELECT CAST(json_object('user_id', user_id, 'counter', counter, 'rotated_at', rotated_at,
             'live', CASE WHEN revoked_at IS NULL AND expires_at > ?2 THEN 1 ELSE 0 END) AS TEXT) FROM sessions WHERE id = ?1",
        &values![id, now],
    )
    .await
}

/// Steps the counter, if `counter` is the present one and the last step was at `until` or before. `false`: it was not, or
/// the session has ended.
pub async fn rotate(
    id: &str,
    counter: i64,
    until: i64,
    now: i64,
    expires_at: i64,
) -> Result<bool, Error> {
    db::touched(
        "UPDATE sessions SET counter = counter + 1, rotated_at = ?3, expires_at = ?4
         WHERE id = ?1 AND counter = ?2 AND revoked_at IS NULL AND expires_at > ?3
           AND (counter = 0 OR rotated_at <= ?5) RETURNING id",
        &values![id, counter, now, expires_at, until],
    )
    .await
}

/// One session of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct SessionRow {
    pub id: String,
    /// User-Agent
    pub client: String,
    pub created_at: i64,
    pub rotated_at: i64,
}

/// The sessions that a person could go on with, the latest first; 200 at most.
pub async fn sessions(user: &str, now: i64) -> Result<Vec<SessionRow>, Error> {
    let rows = db::read(
        "SELECT CAST(COALESCE(json_group_array(json_object('id', id, 'client', client, 'created_at', created_at,
             'rotated_at', rotated_at)), json('[]')) AS TEXT)
         FROM (SELECT * FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2
               ORDER BY created_at DESC, id LIMIT 200) AS live",
        &values![user, now],
    )
    .await?;
    rows.ok_or_else(|| Error::Shape("an aggregate gave no row".to_owned()))
}

/// `false`: there is no such session of theirs that lives.
pub async fn end_session(user: &str, id: &str, now: i64) -> Result<bool, Error> {
    db::touched(
        "UPDATE sessions SET revoked_at = ?3
         WHERE user_id = ?1 AND id = ?2 AND revoked_at IS NULL AND expires_at > ?3 RETURNING id",
        &values![user, id, now],
    )
    .await
}

/// Whether nobody has an account yet.
pub async fn none_yet() -> Result<bool, Error> {
    Ok(!db::touched("SELECT 1 FROM users LIMIT 1", &[]).await?)
}

pub async fn revoke_session(id: &str, now: i64) -> Result<(), Error> {
    db::execute(
        "UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        &values![id, now],
    )
    .await
}

#[derive(Debug, Clone, Deserialize)]
pub struct ApiTokenRow {
    pub user_id: String,
    pub scopes: String,
    pub expires_at: Option<i64>,
}

/// A token that is neither revoked nor over.
pub async fn api_token(id: &str, now: i64) -> Result<Option<ApiTokenRow>, Error> {
    db::read(
        "SELECT CAST(json_object('user_id', user_id, 'scopes', scopes, 'expires_at', expires_at) AS TEXT) FROM api_tokens
         WHERE id = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
        &values![id, now],
    )
    .await
}

/// `false`: there is one with this id, made from another body.
pub async fn add_api_token(
    id: &str,
    user: &str,
    name: &str,
    scopes: &str,
    body_hash: Option<&str>,
    now: i64,
    expires_at: Option<i64>,
) -> Result<bool, Error> {
    db::execute(
        "INSERT INTO api_tokens (id, user_id, name, scopes, body_hash, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        &values![id, user, name, scopes, body_hash, now, expires_at],
    )
    .await?;
    same_body("api_tokens", id, body_hash).await
}

/// Whether the row that stands under this id was made from the same body.
pub(crate) async fn same_body(
    table: &str,
    id: &str,
    body_hash: Option<&str>,
) -> Result<bool, Error> {
    db::touched(
        &format!("SELECT 1 FROM {table} WHERE id = ?1 AND body_hash IS NOT DISTINCT FROM ?2"),
        &values![id, body_hash],
    )
    .await
}

const TOKEN_SQLITE: &str = "json_object('id', id, 'name', name,
    'scopes', json(CASE scopes WHEN 'read' THEN '[\"read\"]' ELSE '[\"read\",\"write\"]' END),
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%03dZ', created_at / 1000 % 1000),
    'expires_at', strftime('%Y-%m-%dT%H:%M:%S', expires_at / 1000000, 'unixepoch') || printf('.%03dZ', expires_at / 1000 % 1000))";

const TOKEN_POSTGRES: &str = "concat('{\"id\":', json_text(id), ',\"name\":', json_text(name),
    ',\"scopes\":', CASE scopes WHEN 'read' THEN '[\"read\"]' ELSE '[\"read\",\"write\"]' END,
    ',\"created_at\":', json_instant(created_at), ',\"expires_at\":', json_instant(expires_at), '}')";

pub async fn api_token_json(user: &str, id: &str) -> Result<Option<String>, Error> {
    let one = "FROM api_tokens WHERE user_id = ?1 AND id = ?2 AND revoked_at IS NULL";
    db::text(
        Sql::pair(
            format!("SELECT {TOKEN_SQLITE} {one}"),
            format!("SELECT {TOKEN_POSTGRES} {one}"),
        ),
        &values![user, id],
    )
    .await
}

/// All tokens of a user that are not revoked; there are never many.
pub async fn api_tokens(user: &str) -> Result<String, Error> {
    let all = "FROM api_tokens WHERE user_id = ?1 AND revoked_at IS NULL ORDER BY id LIMIT 200";
    db::aggregate(
        Sql::pair(
            format!(
                "SELECT json_object('items', json_group_array(json(item)), 'next', NULL) FROM (
                     SELECT {TOKEN_SQLITE} AS item {all})"
            ),
            format!(
                "SELECT concat('{{\"items\":[', string_agg(item, ',' ORDER BY id), '],\"next\":null}}') FROM (
                     SELECT id, {TOKEN_POSTGRES} AS item {all}) AS token"
            ),
        ),
        &values![user],
    )
    .await
}

pub async fn revoke_api_token(user: &str, id: &str, now: i64) -> Result<bool, Error> {
    db::touched(
        "UPDATE api_tokens SET revoked_at = ?3 WHERE user_id = ?1 AND id = ?2 AND revoked_at IS NULL RETURNING id",
        &values![user, id, now],
    )
    .await
}

/// When the invitation ends: for a repetition, as it was told first.
pub async fn add_invite(id: &str, user: &str, now: i64, expires_at: i64) -> Result<i64, Error> {
    let stands = db::read(
        "INSERT INTO invites (id, created_by, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET id = invites.id RETURNING CAST(expires_at AS TEXT)",
        &values![id, user, now, expires_at],
    )
    .await?;
    stands.ok_or_else(|| Error::Shape("an upsert gave no row".to_owned()))
}
