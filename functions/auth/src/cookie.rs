//! A browser's refresh token: in a cookie that no script can read and no other site's page can make a browser send.

use punctual_contract::api::COOKIE;
use punctual_function::token::SESSION_SECONDS;
use punctual_function::{Answer, Call, Problem, variable};

/// What a request that may rely on the cookie has to be: asked for by our own page, where a page asked for it.
pub async fn allowed(call: &Call) -> Result<(), Problem> {
    call.own_origin(&variable("public_url").await?)
}

/// The refresh token that the browser has sent.
pub fn given(call: &Call) -> Option<&str> {
    call.cookie(COOKIE)
}

/// The answer with the refresh token in the cookie.
pub async fn set(answer: Answer, token: &str) -> Result<Answer, Problem> {
    written(answer, token, SESSION_SECONDS).await
}

/// The answer that takes the cookie away.
pub async fn clear(answer: Answer) -> Result<Answer, Problem> {
    written(answer, "", 0).await
}

async fn written(answer: Answer, value: &str, seconds: i64) -> Result<Answer, Problem> {
    // Over plain http, as on this machine alone, a browser would not keep a Secure cookie.
    let public = variable("public_url").await?;
    let secure = public.starts_with("https:");
    let secure = if secure { "; Secure" } else { "" };
    Ok(answer.header(
        "set-cookie",
        format!(
            "{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/api/auth; Max-Age={seconds}{secure}"
        ),
    ))
}
