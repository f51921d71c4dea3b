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

/// The first change on `table` that this op made.
pub async fn earlier(op: &str, table: &str) -> Result<Option<Earlier>, Error> {
    db::read(
        "SELECT json_object('body_hash', body_hash, 'row_id', row_id) FROM changes WHERE op = ?1
         ORDER BY tbl <> ?2, seq LIMIT 1",
        &values![op, table],
    )
    .await
}
