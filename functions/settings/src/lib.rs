//! `/api/settings/…`: zone, morning, channels.

use punctual_contract::api::{NewChannel, SettingsPatch};
use punctual_domain::time;
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve, variable};
use punctual_store::db::Error;
use punctual_store::settings::{self, Added, MAX_CHANNELS};
use spin_sdk::http::{Request, Uri};
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(2);
    match (method, path.as_slice()) {
        ("GET", []) => shown(&Caller::of(call, Scope::Read).await?).await,
        ("PATCH", []) => change(call).await,
        ("POST", ["channels"]) => add_channel(call).await,
        ("GET", ["channels", id]) => channel(call, id).await,
        ("DELETE", ["channels", id]) => delete_channel(call, id).await,
        (_, []) => Err(call.not_allowed("GET, PATCH")),
        (_, ["channels"]) => Err(call.not_allowed("POST")),
        (_, ["channels", _]) => Err(call.not_allowed("GET, DELETE")),
        _ => Err(call.no_route()),
    }
}

async fn shown(caller: &Caller) -> Result<Answer, Problem> {
    let json = settings::get(&caller.user)
        .await?
        .ok_or_else(|| Problem::not_found("account"))?;
    Answer::versioned(json)
}

/// `9:05` and `09:05` as `09:05`.
fn morning(text: &str) -> Result<String, Problem> {
    let wrong = || Problem::field("morning", "takes a time of day, HH:MM");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    match (hour.parse::<u8>(), minute.parse::<u8>()) {
        (Ok(hour @ 0..=23), Ok(minute @ 0..=59))
            if text.bytes().all(|b| b.is_ascii_digit() || b == b':') =>
        {
            Ok(format!("{hour:02}:{minute:02}"))
        }
        _ => Err(wrong()),
    }
}

async fn change(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: SettingsPatch = call.json()?;
    if let Some(name) = &given.timezone {
        time::zone(name).map_err(|error| Problem::field("timezone", error.to_string()))?;
    }
    let morning = given.morning.as_deref().map(morning).transpose()?;
    let write = call.write(&caller)?;
    match settings::change(
        given.timezone.as_deref(),
        morning.as_deref(),
        call.if_match().json().as_deref(),
        &write,
    )
    .await
    {
        Ok(true) | Err(Error::Repeated) => shown(&caller).await,
        Ok(false) => Err(Problem::stale()),
        Err(error) => Err(error.into()),
    }
}

async fn add_channel(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: NewChannel = call.json()?;
    if given.kind != "webhook" {
        return Err(Problem::field("kind", "takes `webhook`"));
    }
    let target: Uri = given
        .target
        .parse()
        .map_err(|_| Problem::field("target", "is not a URL"))?;
    let scheme = target.scheme_str().unwrap_or_default();
    let relaxed = variable("webhook_allow_private").await? == "true";
    if given.target.len() > 2000 || target.host().is_none() || given.target.contains('@') {
        return Err(Problem::field(
            "target",
            "takes a URL with a host, no password in it, of 2000 characters at most",
        ));
    }
    // The worker checks the address behind the name at each call; this only spares people a slow surprise.
    if scheme != "https" && !(relaxed && scheme == "http") {
        return Err(Problem::field("target", "takes an https URL"));
    }
    let write = call.write(&caller)?;
    let id = call.new_id(&write);
    let secret = punctual_function::webhook_secret(&variable("token_secret").await?, &id);
    match settings::add_channel(
        &id,
        &caller.user,
        "webhook",
        &given.target,
        &secret,
        write.body_hash.as_deref(),
        call.now,
    )
    .await?
    {
        Added::Yes => {}
        Added::OtherBody => return Err(Problem::key_reused()),
        Added::Full => {
            return Err(Problem::new(
                409,
                format!("There are {MAX_CHANNELS} channels, and no more may be. Delete one."),
            ));
        }
    }
    let json = settings::channel(&caller.user, &id)
        .await?
        .ok_or_else(|| Problem::not_found("channel"))?;
    let mut shown: serde_json::Value =
        serde_json::from_str(&json).map_err(|e| Problem::new(500, e.to_string()))?;
    shown["secret"] = secret.into();
    Ok(Answer::of(&shown)?
        .status(201)
        .header("location", format!("/api/settings/channels/{id}")))
}

async fn channel(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    let json = settings::channel(&caller.user, id)
        .await?
        .ok_or_else(|| Problem::not_found("channel"))?;
    Ok(Answer::json(json))
}

async fn delete_channel(call: &Call, id: &str) -> Result<Answer, Problem> {
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
