//! The third voice: the crate `rrule`, where it is right. Its changes of clocks are not (it has open issues on them), so it
//! is asked on the wall, as if that were UTC, as python-dateutil works too.

use chrono::{NaiveDateTime, NaiveTime};
use punctual_domain::time::resolve;
use punctual_domain::{Local, Zone};
use rrule::RRuleSet;

use crate::generator::{Case, start_of};

/// What it gives, or why it gives nothing.
pub fn says(case: &Case) -> Result<Vec<Local>, &'static str> {
    if case.part("SKIP").is_some_and(|skip| skip != "OMIT") {
        return Err("not asked: SKIP");
    }
    if !case.rdates.is_empty() || !case.exdates.is_empty() {
        return Err("not asked: RDATE, EXDATE");
    }
    let mut plain = case.clone();
    plain
        .parts
        .retain(|(name, _)| !matches!(*name, "RSCALE" | "SKIP"));
    if let Some((_, until)) = plain.parts.iter_mut().find(|(name, _)| *name == "UNTIL") {
        until[0] = match until[0].len() {
            8 => format!("{}T000000Z", until[0]),
            15 => format!("{}Z", until[0]),
            _ => return Err("not asked: UNTIL in UTC"),
        };
    }
    let start = start_of(case.start).format("%Y%m%dT%H%M%SZ");
    let text = format!("DTSTART:{start}\nRRULE:{}", plain.rule_text());
    let set: RRuleSet = text.parse().map_err(|_| "refuses the rule")?;
    let end = case.end.and_time(NaiveTime::MIN);
    let within = |at: &NaiveDateTime| match case.part("FREQ") {
        Some("HOURLY") => resolve(*at, case.zone) < resolve(end, Zone::UTC),
        _ => *at < end,
    };
    let found = set.all(case.most as u16).dates;
    let found = found.iter().map(|at| at.naive_local()).filter(within);
    Ok(found
        .map(|at| match case.start {
            Local::Date(_) => Local::Date(at.date()),
            Local::DateTime(_) => Local::DateTime(at),
        })
        .collect())
}
