//! API tokens: for scripts and integrations. They can't make other tokens.

use punctual_contract::api::NewApiToken;
use punctual_function::token::{self, ACCESS_SECONDS, Claims};
use punctual_function::{Answer, Call, Caller, Problem, Scope, variable};
use punctual_store::users;

pub fn person(caller: &Caller) -> Result<(), Problem> {
    if caller.by_token {
        return Err(Problem::new(
            403,
            "An API token can't do this. Sign in with e-mail address and password.",
        ));
    }
    Ok(())
}

pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    person(&caller)?;
    Ok(Answer::json(users::api_tokens(&caller.user).await?))
}

pub async fn create(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    person(&caller)?;
    let given: NewApiToken = call.json()?;
    let name = given.name.trim();
    if !(1..=120).contains(&name.chars().count()) {
        return Err(Problem::field("name", "takes 1 to 120 characters"));
    }
    let scopes = match given
        .scopes
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["read"] => "read",
        ["write"] | ["read", "write"] | ["write", "read"] => "read write",
        _ => {
            return Err(Problem::field(
                "scopes",
                "takes [\"read\"] or [\"read\", \"write\"]",
            ));
        }
    };
    let expires_at = match given.expires_in_days {
        None => None,
        Some(days) if (1..=3650).contains(&days) => Some(call.now + days * 24 * 3600 * 1_000_000),
        Some(_) => return Err(Problem::field("expires_in_days", "takes 1 to 3650")),
    };
    let write = call.write(&caller)?;
    let id = call.new_id(&write);
    call.remember(&write, "api_tokens", &id).await?;
    if !users::add_api_token(
        &id,
        &caller.user,
        name,
        scopes,
        write.body_hash.as_deref(),
        call.now,
        expires_at,
    )
    .await?
    {
        return Err(Problem::key_reused());
    }
    let json = users::api_token_json(&caller.user, &id)
        .await?
        .ok_or_else(|| Problem::not_found("token"))?;
    let mut shown: serde_json::Value =
        serde_json::from_str(&json).map_err(|e| Problem::new(500, e.to_string()))?;
    shown["token"] = token::api(&variable("token_secret").await?, &id).into();
    Ok(Answer::of(&shown)?
        .status(201)
        .header("location", format!("/api/auth/tokens/{id}")))
}

pub async fn get(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    person(&caller)?;
    let json = users::api_token_json(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("token"))?;
    Ok(Answer::json(json))
}

pub async fn revoke(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    person(&caller)?;
    if users::revoke_api_token(&caller.user, id, call.now).await? {
        Ok(Answer::nothing())
    } else {
        Err(Problem::not_found("token"))
    }
}

/// A short access token for an API token, for what is checked without a database: the live stream.
pub async fn access(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    let exp = caller.until.min(call.now / 1_000_000 + ACCESS_SECONDS);
    let claims = Claims {
        sub: caller.user.clone(),
        sid: caller.session.clone(),
        scope: caller.scope().to_owned(),
        exp,
    };
    let access = token::access(&variable("token_secret").await?, &claims);
    Answer::of(
        &serde_json::json!({ "access_token": access, "expires_in": exp - call.now / 1_000_000 }),
    )
}
