//! Register, sign in, refresh, sign out.

use punctual_contract::api::{Invite, Login, Refresh, Register, RegistrationState, Session, User};
use punctual_domain::time::{Instant, Zone};
use punctual_function::token::{self, ACCESS_SECONDS, Claims, SESSION_SECONDS};
use punctual_function::{Answer, Call, Caller, Problem, Scope, derived_id, variable};
use punctual_store::db::Error;
use punctual_store::users::{self, NewUser};

use crate::{cookie, limit, password};

/// Tries to sign in with one e-mail address from one network address, per window.
const TRIES: u32 = 10;
/// The same from everywhere. It is higher, so that a stranger's guesses don't soon keep the owner out.
const TRIES_FROM_EVERYWHERE: u32 = 100;
/// Requests to register or sign in from one address, per window.
const REQUESTS: u32 = 200;
/// How long after a refresh the token before it still answers with the present one, in microseconds: a client whose
/// connection broke before it read the answer, or two tabs at once, must not end the session.
const GRACE: i64 = 60 * 1_000_000;
/// How long an invitation holds, in microseconds: 7 days.
const INVITE: i64 = 7 * 24 * 3600 * 1_000_000;

fn email(text: &str) -> Result<String, Problem> {
    let email = text.trim().to_lowercase();
    let valid = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if valid {
        Ok(email)
    } else {
        Err(Problem::field("email", "is not an e-mail address"))
    }
}

/// Counts the request, and tells the address that it came from.
async fn count_request(call: &Call) -> Result<String, Problem> {
    let address = call.client_address(&variable("trusted_proxies").await?);
    limit::count(call, &format!("requests:{address}"), REQUESTS).await?;
    Ok(address)
}

pub async fn register(call: &Call) -> Result<Answer, Problem> {
    let given: Register = call.json()?;
    let how = How::asked(call, given.cookie).await?;
    let key = call.idempotency_key()?;
    let email = email(&given.email)?;
    if !(10..=256).contains(&given.password.chars().count()) {
        return Err(Problem::field("password", "takes 10 to 256 characters"));
    }
    let zone: Zone = given
        .timezone
        .parse()
        .map_err(|_| Problem::field("timezone", "is not an IANA zone, such as Europe/Berlin"))?;
    count_request(call).await?;
    let secret = variable("token_secret").await?;
    let body_hash = key.map(|_| call.body_hash());
    let op = key.map_or_else(
        || call.request_id.clone(),
        |key| format!("register:{email}:{key}"),
    );
    let account = users::by_email(&email).await?;
    if let Some(user) = account
        .as_ref()
        .filter(|user| key.is_some() && user.op == op)
    {
        return if user.body_hash == body_hash {
            Ok(opened(call, &secret, user, key, how).await?.status(201))
        } else {
            Err(Problem::key_reused())
        };
    }
    let invite = match given.invite.as_deref() {
        None => None,
        Some(text) => Some(
            token::read_invite(&secret, text)
                .ok_or_else(|| Problem::field("invite", "is not one of ours"))?,
        ),
    };
    let registration = variable("registration").await?;
    let closed = || {
        Problem::new(
            403,
            match registration.as_str() {
                "invite" => {
                    "Registration is by invitation here: ask the admin for one, or for another if yours was used."
                }
                _ => {
                    "Registration is closed here. The admin can open it with the setting `registration`."
                }
            },
        )
    };
    // Asked before the hash, which costs 50 ms, and before anything is told about accounts.
    if !users::registration_is_open(&registration, invite, call.now).await? {
        return Err(closed());
    }
    let taken = || {
        Problem::new(
            409,
            "There is an account with this e-mail address. Sign in instead.",
        )
    };
    if account.is_some() {
        return Err(taken());
    }
    let id = derived_id(&["user", &op]);
    let added = users::register(&NewUser {
        id: &id,
        email: &email,
        password_hash: &password::hash(&given.password)?,
        inbox_id: &derived_id(&["inbox", &op]),
        timezone: &zone.to_string(),
        invite,
        op: &op,
        body_hash: body_hash.as_deref(),
        trace: call.trace().as_deref(),
        now: call.now,
        registration: &registration,
    })
    .await;
    match added {
        Ok(true) => {}
        Ok(false) => return Err(closed()),
        Err(Error::Taken(_)) => return Err(taken()),
        Err(error) => return Err(error.into()),
    }
    let user = users::by_id(&id)
        .await?
        .ok_or_else(|| Problem::new(500, "The account was made and can't be read."))?;
    Ok(opened(call, &secret, &user, key, how).await?.status(201))
}

pub async fn login(call: &Call) -> Result<Answer, Problem> {
    let given: Login = call.json()?;
    let how = How::asked(call, given.cookie).await?;
    let key = call.idempotency_key()?;
    let email = given.email.trim().to_lowercase();
    let address = count_request(call).await?;
    let tries = format!("login:{email}:{address}");
    limit::count(call, &tries, TRIES).await?;
    limit::count(call, &format!("login:{email}"), TRIES_FROM_EVERYWHERE).await?;
    let user = users::by_email(&email).await?;
    let matches = password::matches(
        &given.password,
        user.as_ref().map(|user| user.password_hash.as_str()),
    )?;
    let Some(user) = user.filter(|_| matches) else {
        return Err(Problem::new(
            401,
            "E-mail address and password don't fit together.",
        ));
    };
    limit::forget(call, &tries).await;
    opened(call, &variable("token_secret").await?, &user, key, how).await
}

/// How the refresh token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Body,
    Cookie,
}

impl How {
    /// As a request to open a session asks for it.
    async fn asked(call: &Call, by_cookie: bool) -> Result<Self, Problem> {
        if !by_cookie {
            return Ok(Self::Body);
        }
        cookie::allowed(call).await?;
        Ok(Self::Cookie)
    }
}

/// Opens a session for the user; with a key, the same one for a repetition.
async fn opened(
    call: &Call,
    secret: &str,
    user: &users::User,
    key: Option<&str>,
    how: How,
) -> Result<Answer, Problem> {
    let mut session = derived_id(&["session", &user.id, key.unwrap_or(&call.request_id)]);
    if key.is_some()
        && users::session(&session, call.now)
            .await?
            .is_some_and(|row| row.live == 0)
    {
        // The repetition came after that session's end: it gets one of its own.
        session = derived_id(&["session", &user.id, &call.request_id]);
    }
    let client: String = call
        .header("user-agent")
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    users::open_session(
        &session,
        &user.id,
        &client,
        call.now,
        call.now + SESSION_SECONDS * 1_000_000,
    )
    .await?;
    answer(call, secret, user, (&session, 0), how).await
}

async fn answer(
    call: &Call,
    secret: &str,
    user: &users::User,
    (session, counter): (&str, i64),
    how: How,
) -> Result<Answer, Problem> {
    let claims = Claims {
        sub: user.id.clone(),
        sid: session.to_owned(),
        scope: "read write".to_owned(),
        exp: call.now / 1_000_000 + ACCESS_SECONDS,
    };
    let refresh = token::refresh(secret, session, counter);
    let answer = |refresh_token| {
        Answer::of(&Session {
            user: shown(user),
            access_token: token::access(secret, &claims),
            expires_in: ACCESS_SECONDS,
            refresh_token,
        })
    };
    match how {
        How::Body => answer(Some(refresh)),
        How::Cookie => cookie::set(answer(None)?, &refresh).await,
    }
}

fn shown(user: &users::User) -> User {
    User {
        id: user.id.clone(),
        email: user.email.clone(),
        role: user.role.clone(),
        inbox_id: user.inbox_id.clone(),
    }
}

/// Rotation (RFC 9700 §4.14.2): a token that was replaced more than a minute ago is a stolen one, and ends the session.
///
/// A session rotates once in that minute at most. So however many tabs of a browser ask at once, and however late one
/// of their requests arrives, its token is the present one or the one before.
pub async fn refresh(call: &Call) -> Result<Answer, Problem> {
    let given: Refresh = call.json()?;
    let (token, how) = match given.refresh_token.as_deref() {
        Some(token) => (token, How::Body),
        None => {
            cookie::allowed(call).await?;
            let token = cookie::given(call)
                .ok_or_else(|| Problem::new(401, "There is no session here. Sign in."))?;
            (token, How::Cookie)
        }
    };
    let secret = variable("token_secret").await?;
    let ended = || Problem::new(401, "The session has ended. Sign in again.");
    let (session, counter) = token::read_refresh(&secret, token).ok_or_else(ended)?;
    let rotated = users::rotate(
        session,
        counter,
        call.now - GRACE,
        call.now,
        call.now + SESSION_SECONDS * 1_000_000,
    )
    .await?;
    let row = users::session(session, call.now)
        .await?
        .filter(|row| row.live == 1)
        .ok_or_else(ended)?;
    let present = row.counter == counter;
    let just_replaced = row.counter == counter + 1 && call.now - row.rotated_at < GRACE;
    if !rotated && !present && !just_replaced {
        users::revoke_session(session, call.now).await?;
        return Err(ended());
    }
    let user = users::by_id(&row.user_id).await?.ok_or_else(ended)?;
    answer(call, &secret, &user, (session, row.counter), how).await
}

/// Ends the session of the access token, or of a browser's cookie: then even where the access token has ended, or the
/// session has. The cookie goes in any case.
pub async fn logout(call: &Call) -> Result<Answer, Problem> {
    let Some(given) = cookie::given(call) else {
        let caller = signed_in(call).await?;
        users::revoke_session(&caller.session, call.now).await?;
        return Ok(Answer::nothing());
    };
    cookie::allowed(call).await?;
    let secret = variable("token_secret").await?;
    if let Some((session, _)) = token::read_refresh(&secret, given) {
        users::revoke_session(session, call.now).await?;
    }
    if call.header("authorization").is_some()
        && let Ok(caller) = signed_in(call).await
    {
        users::revoke_session(&caller.session, call.now).await?;
    }
    cookie::clear(Answer::nothing()).await
}

/// The caller, who must have a session.
async fn signed_in(call: &Call) -> Result<Caller, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    if caller.by_token {
        return Err(Problem::new(
            403,
            "An API token has no session. Revoke it instead: DELETE /api/auth/tokens/{id}.",
        ));
    }
    Ok(caller)
}

/// What a sign-up page has to know before it asks for anything.
pub async fn registration() -> Result<Answer, Problem> {
    Answer::of(&RegistrationState {
        registration: variable("registration").await?,
        first: users::none_yet().await?,
    })
}

pub async fn me(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    let user = users::by_id(&caller.user)
        .await?
        .ok_or_else(|| Problem::new(401, "The account is gone."))?;
    Answer::of(&shown(&user))
}

pub async fn invite(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let user = users::by_id(&caller.user)
        .await?
        .filter(|user| user.role == "admin" && !caller.by_token);
    if user.is_none() {
        return Err(Problem::new(403, "Only the admin invites."));
    }
    let write = call.write(&caller)?;
    let id = call.new_id(&write);
    call.remember(&write, "invites", &id).await?;
    let expires_at = users::add_invite(&id, &caller.user, call.now, call.now + INVITE).await?;
    let invite = Invite {
        invite: token::invite(&variable("token_secret").await?, &id),
        expires_at: Instant::from_micros(expires_at).to_string(),
    };
    Ok(Answer::of(&invite)?.status(201))
}
