//! `GET /api/recurrence`: what a rule says, and the dates it gives, before a task is made with it.

use punctual_contract::api::RecurrencePreview;
use punctual_domain::recurrence::first_match;
use punctual_domain::series::{Basis, Series, preview};
use punctual_domain::time::{self, Instant, Local};
use punctual_domain::words::{Language, describe};
use punctual_domain::{Recurrence, Rule};
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve};
use punctual_store::tasks;
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, shown).await
}

async fn shown(call: &Call) -> Result<Answer, Problem> {
    if call.method != "GET" {
        return Err(call.not_allowed("GET"));
    }
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["rrule", "due", "timezone", "from", "count", "language"])?;
    let given = |name: &str| call.query(name).filter(|text| !text.is_empty());
    let field = |name: &'static str| {
        move |error: punctual_domain::Error| Problem::field(name, error.to_string())
    };
    let rule: Rule = given("rrule")
        .ok_or_else(|| Problem::field("rrule", "is needed"))?
        .parse()
        .map_err(field("rrule"))?;
    let due: Option<Local> = given("due")
        .map(str::parse)
        .transpose()
        .map_err(field("due"))?;
    let basis = match given("from") {
        None => Basis::Due,
        Some(word) => {
            Basis::parse(word).ok_or_else(|| Problem::field("from", "takes due or completion"))?
        }
    };
    let count = match given("count") {
        None => 5,
        Some(text) => text
            .parse()
            .ok()
            .filter(|count| (1..=50).contains(count))
            .ok_or_else(|| Problem::field("count", "takes a whole number from 1 to 50"))?,
    };
    let language = Language::parse(given("language").unwrap_or("en"))
        .ok_or_else(|| Problem::field("language", "takes en or de"))?;
    let zone = match given("timezone") {
        Some(name) => time::zone(name).map_err(field("timezone"))?,
        None => tasks::account(&caller.user).await?.zone()?,
    };
    let start = match due {
        Some(due) => due,
        // As a task without a due would begin.
        None => first_match(&rule, time::today(Instant::from_micros(call.now), zone))
            .ok_or_else(|| Problem::field("rrule", "never comes true"))?,
    };
    let recurrence = Recurrence::new(rule, start, zone).map_err(field("rrule"))?;
    Answer::of(&RecurrencePreview {
        words: describe(&recurrence.rule, Some(start), language),
        rrule: recurrence.rule.to_string(),
        occurrences: preview(&Series { recurrence, basis }, count)
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}
