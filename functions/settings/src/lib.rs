//! `/api/settings/…`: zone, morning, quiet hours, language, daily digest; channels.

mod channels;

use punctual_contract::api::{DeliveryOptions, SettingsPatch};
use punctual_domain::time;
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve, variable};
use punctual_store::db::Error;
use punctual_store::settings::{self, Changed, Patch};
use spin_sdk::http::Request;
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
        ("GET", ["delivery"]) => delivery(call).await,
        ("POST", ["channels"]) => channels::add(call).await,
        ("GET", ["channels", id]) => channels::get(call, id).await,
        ("DELETE", ["channels", id]) => channels::delete(call, id).await,
        ("POST", ["channels", id, "confirmation"]) => channels::ask_again(call, id).await,
        (_, []) => Err(call.not_allowed("GET, PATCH")),
        (_, ["delivery"]) => Err(call.not_allowed("GET")),
        (_, ["channels"]) => Err(call.not_allowed("POST")),
        (_, ["channels", _]) => Err(call.not_allowed("GET, DELETE")),
        (_, ["channels", _, "confirmation"]) => Err(call.not_allowed("POST")),
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
fn clock(field: &str, text: &str) -> Result<String, Problem> {
    let wrong = || Problem::field(field, "takes a time of day, HH:MM");
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

fn checked(given: SettingsPatch) -> Result<Patch, Problem> {
    if let Some(name) = &given.timezone {
        time::zone(name).map_err(|error| Problem::field("timezone", error.to_string()))?;
    }
    let clearable = |field: &str, given: Option<Option<String>>| {
        given
            .map(|text| text.map(|text| clock(field, &text)).transpose())
            .transpose()
    };
    if let Some(Some(language)) = &given.language
        && !["en", "de"].contains(&language.as_str())
    {
        return Err(Problem::field("language", "takes en, de or null"));
    }
    Ok(Patch {
        timezone: given.timezone,
        morning: given
            .morning
            .map(|text| clock("morning", &text))
            .transpose()?,
        quiet_from: clearable("quiet_from", given.quiet_from)?,
        quiet_until: clearable("quiet_until", given.quiet_until)?,
        language: given.language,
        digest: clearable("digest", given.digest)?,
    })
}

async fn change(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let patch = checked(call.json()?)?;
    let write = call.write(&caller)?;
    match settings::change(&patch, call.if_match().json().as_deref(), &write).await {
        Ok(Changed::Yes) | Err(Error::Repeated) => shown(&caller).await,
        Ok(Changed::Stale) => Err(Problem::stale()),
        Ok(Changed::NoEnd) => Err(Problem::field(
            "quiet_until",
            "is needed where there is quiet_from; null clears both",
        )),
        Ok(Changed::NoBeginning) => Err(Problem::field(
            "quiet_from",
            "is needed where there is quiet_until; null clears both",
        )),
        Ok(Changed::Equal) => Err(Problem::field(
            "quiet_until",
            "must be another time than quiet_from",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Which channels this server can serve.
async fn delivery(call: &Call) -> Result<Answer, Problem> {
    Caller::of(call, Scope::Read).await?;
    let key = variable("vapid_public_key").await?;
    Answer::of(&DeliveryOptions {
        push_public_key: (!key.is_empty()).then_some(key),
        email: variable("email_enabled").await? == "true",
    })
}
