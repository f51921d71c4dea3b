//! Who changes what: the columns that every evented row carries.

use crate::db::{self, Error};
use crate::values;

/// Set by every statement on an evented table; the triggers copy it into `changes`.
#[derive(Debug, Clone)]
pub struct Write {
    /// `<user>:<Idempotency-Key>`, else the request's id. A row takes an op once.
    pub op: String,
    /// Of method, path and body, where the client gave a key.
    pub body_hash: Option<String>,
    pub actor: String,
    pub via: String,
    pub trace: Option<String>,
    /// Unix microseconds.
    pub now: i64,
}

/// What an earlier request with the same key did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Earlier {
    pub body_hash: Option<String>,
    pub row_id: String,
}

/// What this op did first, on `table` where it touched that.
pub async fn earlier(op: &str, table: &str) -> Result<Option<Earlier>, Error> {
    db::read(
        "SELECT CAST(json_object('body_hash', body_hash, 'row_id', row_id) AS TEXT) FROM (
             SELECT body_hash, row_id, tbl, seq FROM changes WHERE op = ?1
             UNION ALL SELECT body_hash, row_id, tbl, 0 FROM operations WHERE op = ?1) AS did
         ORDER BY tbl <> ?2, seq LIMIT 1",
        &values![op, table],
    )
    .await
}

/// Whose an `Idempotency-Key` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// This request's, from now on; or there is none.
    New,
    /// This request's, which came before.
    Known,
    /// Another request's.
    Other,
}

/// Remembers the key for this request, where no change will: it makes a row without events, or changed nothing.
///
/// What makes a row calls it before, and makes the row in any case but [`Key::Other`]: after a crash in between, the
/// repetition finds its key and no row.
pub async fn remember(write: &Write, table: &str, row_id: &str) -> Result<Key, Error> {
    let Some(body_hash) = write.body_hash.as_deref() else {
        return Ok(Key::New);
    };
    let new = db::touched(
        "INSERT INTO operations (op, body_hash, tbl, row_id, at) SELECT ?1, ?2, ?3, ?4, ?5
         WHERE NOT EXISTS (SELECT 1 FROM changes WHERE op = ?1 AND body_hash IS DISTINCT FROM ?2)
         ON CONFLICT (op) DO NOTHING RETURNING op",
        &values![write.op.as_str(), body_hash, table, row_id, write.now],
    )
    .await?;
    if new {
        return Ok(Key::New);
    }
    Ok(match earlier(&write.op, table).await? {
        Some(first) if first.body_hash.as_deref() == Some(body_hash) => Key::Known,
        _ => Key::Other,
    })
}
