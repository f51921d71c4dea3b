//! Who calls, and what they may do.

use punctual_contract::problem::Problem;

use crate::token::{self, Claims};
use crate::{Call, variable};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Read,
    Write,
}

#[derive(Debug, Clone)]
pub struct Caller {
    pub user: String,
    /// `token:<id>` for an API token, else what the client calls itself (`Punctual-Client`), else `api`.
    pub via: String,
    /// The session, or the API token.
    pub session: String,
    /// Whether this came through an API token: those can't make tokens or sessions.
    pub by_token: bool,
    write: bool,
    /// Unix seconds.
    pub until: i64,
}

fn unauthorised(detail: &str) -> Problem {
    Problem::new(401, detail)
}

impl Caller {
    /// The caller of this request, who must hold the scope: 401 without a valid token, 403 without the scope.
    pub async fn of(call: &Call, scope: Scope) -> Result<Self, Problem> {
        let secret = variable("token_secret").await?;
        let caller = if bearer(call)?.starts_with("pt.") {
            Self::by_api_token(call, &secret).await?
        } else {
            Self::signed(call, &secret)?
        };
        if scope == Scope::Write && !caller.write {
            return Err(Problem::new(
                403,
                "This token may only read. The scope `write` is needed.",
            ));
        }
        Ok(caller)
    }

    /// The caller by an access token alone: no database is asked.
    pub fn signed(call: &Call, secret: &str) -> Result<Self, Problem> {
        let claims = token::read_access(secret, bearer(call)?)
            .ok_or_else(|| unauthorised("The token is not one of ours. Sign in again."))?;
        if claims.exp <= call.now / 1_000_000 {
            return Err(unauthorised(
                "The access token has ended. Refresh it, or sign in again.",
            ));
        }
        let named = call.header("punctual-client").filter(|name| {
            (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        });
        Ok(Self {
            via: named.unwrap_or("api").to_owned(),
            ..Self::from_claims(claims)
        })
    }

    /// The caller whom an access token names, for whoever has checked it.
    pub fn from_claims(claims: Claims) -> Self {
        Self {
            via: "api".to_owned(),
            user: claims.sub,
            session: claims.sid,
            by_token: false,
            write: claims.scope.split(' ').any(|scope| scope == "write"),
            until: claims.exp,
        }
    }

    async fn by_api_token(call: &Call, secret: &str) -> Result<Self, Problem> {
        let refused = || unauthorised("The API token is not known, has ended, or was revoked.");
        let id = token::read_api(secret, bearer(call)?).ok_or_else(refused)?;
        let row = punctual_store::users::api_token(id, call.now)
            .await?
            .ok_or_else(refused)?;
        Ok(Self {
            via: format!("token:{id}"),
            user: row.user_id,
            session: id.to_owned(),
            by_token: true,
            write: row.scopes.split(' ').any(|scope| scope == "write"),
            until: row.expires_at.map_or(i64::MAX, |micros| micros / 1_000_000),
        })
    }

    /// `read` or `read write`
    pub fn scope(&self) -> &'static str {
        if self.write { "read write" } else { "read" }
    }
}

/// The bearer token (RFC 6750 §2.1).
fn bearer(call: &Call) -> Result<&str, Problem> {
    call.header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthorised("Sign in first: send `Authorization: Bearer <access token>`."))
}
