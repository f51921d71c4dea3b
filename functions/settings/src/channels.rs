//! Channels: added with what their kind needs, confirmed, removed.

use punctual_contract::api::NewChannel;
use punctual_domain::{Invalid, channel, user_agent};
use punctual_function::{Answer, Call, Caller, Problem, Scope, variable};
use punctual_store::settings::{self, Added, MAX_CHANNELS};
use spin_sdk::http::Uri;

/// How long after a mail that asks an address's owner the next one may go, in microseconds: a minute.
const ASK_AGAIN: i64 = 60 * 1_000_000;
/// How many such mails one person may have sent in an hour: the owners of the addresses have not asked for them.
const ASKED_AN_HOUR: i64 = 10;
const HOUR: i64 = 3600 * 1_000_000;

fn invalid(invalid: Invalid) -> Problem {
    Problem::field(invalid.field, invalid.reason)
}

/// What is kept of a channel, checked.
struct Checked {
    target: String,
    secret: String,
    name: String,
}

async fn check(call: &Call, given: &NewChannel, id: &str) -> Result<Checked, Problem> {
    let kind = given.kind.as_str();
    for (field, there, belongs_to) in [
        ("token", given.token.is_some(), "ntfy"),
        ("keys", given.keys.is_some(), "push"),
    ] {
        if there && kind != belongs_to {
            return Err(Problem::field(field, format!("is for {belongs_to} alone")));
        }
    }
    let relaxed = variable("webhook_allow_private").await? == "true";
    let mut name = channel::name(given.name.as_deref().unwrap_or_default()).map_err(invalid)?;
    let (target, secret) = match kind {
        "webhook" => {
            let secret = punctual_function::webhook_secret(&variable("token_secret").await?, id);
            (webhook(&given.target, relaxed)?, secret)
        }
        "email" => (
            channel::email(&given.target).map_err(invalid)?,
            String::new(),
        ),
        "ntfy" => {
            let token = given.token.as_deref().map(channel::ntfy_token);
            let token = token.transpose().map_err(invalid)?.unwrap_or_default();
            let target = channel::ntfy(&given.target, relaxed).map_err(invalid)?;
            (target, token)
        }
        "push" => {
            let keys = given
                .keys
                .as_ref()
                .ok_or_else(|| Problem::field("keys", "is needed: the subscription's keys"))?;
            let target = channel::push_endpoint(&given.target, relaxed).map_err(invalid)?;
            let (p256dh, auth) = channel::push_keys(&keys.p256dh, &keys.auth).map_err(invalid)?;
            if name.is_empty() {
                name = user_agent::name(call.header("user-agent").unwrap_or_default());
            }
            let secret = serde_json::json!({ "p256dh": p256dh, "auth": auth });
            (target, secret.to_string())
        }
        _ => {
            return Err(Problem::field("kind", "takes webhook, email, ntfy or push"));
        }
    };
    Ok(Checked {
        target,
        secret,
        name,
    })
}

fn webhook(text: &str, relaxed: bool) -> Result<String, Problem> {
    let target: Uri = text
        .parse()
        .map_err(|_| Problem::field("target", "is not a URL"))?;
    let scheme = target.scheme_str().unwrap_or_default();
    if text.len() > channel::MAX_URL || target.host().is_none() || text.contains('@') {
        return Err(Problem::field(
            "target",
            "takes a URL with a host, no password in it, of 2000 characters at most",
        ));
    }
    // The worker checks the address behind the name at each call; this only spares people a slow surprise.
    if scheme != "https" && !(relaxed && scheme == "http") {
        return Err(Problem::field("target", "takes an https URL"));
    }
    Ok(text.to_owned())
}

/// Whether this server can send there at all, and may ask the address's owner once more.
async fn possible(call: &Call, caller: &Caller, kind: &str) -> Result<(), Problem> {
    if kind == "push" && variable("vapid_public_key").await?.is_empty() {
        return Err(Problem::new(
            409,
            "This server sends no push messages: it has no VAPID key.",
        ));
    }
    if kind != "email" {
        return Ok(());
    }
    if variable("email_enabled").await? != "true" {
        return Err(Problem::new(
            409,
            "This server sends no e-mail. Its operator can set that up (SMTP).",
        ));
    }
    let (asked, first) = settings::asked_since(&caller.user, call.now - HOUR).await?;
    if asked >= ASKED_AN_HOUR {
        return Err(Problem::too_many(
            "Too many addresses were asked in the last hour. Try again later.",
            (first + HOUR - call.now) / 1_000_000 + 1,
        ));
    }
    Ok(())
}

pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: NewChannel = call.json()?;
    let write = call.write(&caller)?;
    let id = call.new_id(&write);
    let checked = check(call, &given, &id).await?;
    call.remember(&write, "channels", &id).await?;
    if given.kind == "push"
        && let Some(known) =
            settings::known_push(&caller.user, &checked.target, &checked.secret).await?
        && known != id
    {
        return shown(&caller, &known).await;
    }
    if settings::channel(&caller.user, &id).await?.is_none() {
        possible(call, &caller, &given.kind).await?;
    }
    let new = settings::NewChannel {
        id: &id,
        user: &caller.user,
        kind: &given.kind,
        target: &checked.target,
        secret: &checked.secret,
        name: &checked.name,
        body_hash: write.body_hash.as_deref(),
        now: call.now,
    };
    match settings::add_channel(&new).await? {
        Added::Yes => {}
        Added::OtherBody => return Err(Problem::key_reused()),
        Added::Full => {
            return Err(Problem::new(
                409,
                format!("There are {MAX_CHANNELS} channels, and no more may be. Delete one."),
            ));
        }
    }
    let mut answer = shown(&caller, &id).await?;
    if given.kind == "webhook" {
        answer = answer.with("secret", checked.secret.into())?;
    }
    Ok(answer
        .status(201)
        .header("location", format!("/api/settings/channels/{id}")))
}

async fn shown(caller: &Caller, id: &str) -> Result<Answer, Problem> {
    let json = settings::channel(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("channel"))?;
    Ok(Answer::json(json))
}

pub async fn get(call: &Call, id: &str) -> Result<Answer, Problem> {
    shown(&Caller::of(call, Scope::Read).await?, id).await
}

pub async fn delete(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    if settings::delete_channel(&caller.user, id, call.now).await? {
        Ok(Answer::nothing())
    } else {
        Err(Problem::new(
            404,
            "There is no such channel, it is not yours, or it is the in-app one, which stays.",
        ))
    }
}

/// Asks the owner of an e-mail address again.
pub async fn ask_again(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let waiting = || async {
        settings::confirmation(&caller.user, id)
            .await?
            .ok_or_else(|| Problem::not_found("channel"))
    };
    let stands = waiting().await?;
    if stands.waits == 0 {
        return Err(Problem::new(409, "It needs no confirmation, or has it."));
    }
    let until = call.now - ASK_AGAIN;
    if stands.asked_at.is_some_and(|asked| asked > until)
        || !settings::ask_again(&caller.user, id, until, call.now).await?
    {
        let asked = waiting().await?.asked_at.unwrap_or(call.now);
        let left = (asked + ASK_AGAIN - call.now).max(0) / 1_000_000 + 1;
        return Err(Problem::too_many(
            format!("A mail was sent a moment ago. Try again in {left} seconds."),
            left,
        ));
    }
    Ok(shown(&caller, id).await?.status(202))
}
