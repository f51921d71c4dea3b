//! Tokens: what is in them, and the mark that only we can make.
//!
//! * access: `at.<claims>.<mac>`, 15 minutes, checked without a database.
//! * refresh: `rt.<session>.<counter>.<mac>`: the session's row says which counter is the present one.
//! * API: `pt.<id>.<mac>`: the row says whose it is, what it may do, and whether it has been revoked.
//!
//! All are HMAC-SHA-256 over what stands before the last dot. None is stored, so none can leak from the database. The secret
//! may hold several values while it is rotated: see [`punctual_contract::signature::values`].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use punctual_contract::signature::{current, values};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How long an access token lives, in seconds.
pub const ACCESS_SECONDS: i64 = 15 * 60;
/// How long a session lives after its last refresh, in seconds: 60 days.
pub const SESSION_SECONDS: i64 = 60 * 24 * 3600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The session's id, or an API token's.
    pub sid: String,
    /// `read` or `read write`
    pub scope: String,
    /// Unix seconds.
    pub exp: i64,
}

/// `None` only for a key that HMAC refuses, which takes all.
fn mac(secret: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

fn sealed(secret: &str, text: String) -> String {
    let mark = mac(current(secret), &text)
        .map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
        .unwrap_or_default();
    format!("{text}.{mark}")
}

fn unsealed<'a>(secret: &str, token: &'a str) -> Option<&'a str> {
    let (text, mark) = token.rsplit_once('.')?;
    let mark = URL_SAFE_NO_PAD.decode(mark).ok()?;
    values(secret)
        .any(|secret| mac(secret, text).is_some_and(|mac| mac.verify_slice(&mark).is_ok()))
        .then_some(text)
}

pub fn access(secret: &str, claims: &Claims) -> String {
    let json = serde_json::to_vec(claims).unwrap_or_default();
    sealed(secret, format!("at.{}", URL_SAFE_NO_PAD.encode(json)))
}

/// The claims, where the mark is ours; whether it has ended is the caller's to check.
pub fn read_access(secret: &str, token: &str) -> Option<Claims> {
    let claims = unsealed(secret, token)?.strip_prefix("at.")?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

pub fn refresh(secret: &str, session: &str, counter: i64) -> String {
    sealed(secret, format!("rt.{session}.{counter}"))
}

/// Session and counter.
pub fn read_refresh<'a>(secret: &str, token: &'a str) -> Option<(&'a str, i64)> {
    let (session, counter) = unsealed(secret, token)?
        .strip_prefix("rt.")?
        .split_once('.')?;
    Some((session, counter.parse().ok()?))
}

pub fn api(secret: &str, id: &str) -> String {
    sealed(secret, format!("pt.{id}"))
}

pub fn read_api<'a>(secret: &str, token: &'a str) -> Option<&'a str> {
    unsealed(secret, token)?.strip_prefix("pt.")
}

/// An invitation, which is not stored either.
pub fn invite(secret: &str, id: &str) -> String {
    sealed(secret, format!("in.{id}"))
}

pub fn read_invite<'a>(secret: &str, token: &'a str) -> Option<&'a str> {
    unsealed(secret, token)?.strip_prefix("in.")
}

/// The Standard Webhooks secret of a channel: derived, so that a repeated request shows the same one.
pub fn webhook_secret(secret: &str, channel: &str) -> String {
    let bytes = mac(current(secret), &format!("webhook.{channel}"))
        .map(|mac| mac.finalize().into_bytes())
        .unwrap_or_default();
    format!(
        "whsec_{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}
