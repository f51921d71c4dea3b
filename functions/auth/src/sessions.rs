//! A person's sessions: where they are signed in, and ending one of them.

use punctual_contract::api::{OpenSession, Page};
use punctual_domain::time::Instant;
use punctual_domain::user_agent;
use punctual_function::{Answer, Call, Caller, Problem, Scope};
use punctual_store::users;

use crate::cookie;
use crate::tokens::person;

pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    person(&caller)?;
    let items = users::sessions(&caller.user, call.now)
        .await?
        .into_iter()
        .map(|row| OpenSession {
            current: row.id == caller.session,
            client: user_agent::name(&row.client),
            created_at: Instant::from_micros(row.created_at).to_string(),
            used_at: Instant::from_micros(row.rotated_at).to_string(),
            id: row.id,
        })
        .collect();
    Answer::of(&Page { items, next: None })
}

pub async fn end(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    person(&caller)?;
    if !users::end_session(&caller.user, id, call.now).await? {
        return Err(Problem::not_found("session"));
    }
    if id == caller.session && cookie::given(call).is_some() {
        cookie::clear(Answer::nothing()).await
    } else {
        Ok(Answer::nothing())
    }
}
