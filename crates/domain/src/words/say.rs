//! A due and a reminder in words, short: "tomorrow 09:00", "1 day before".

use chrono::{Datelike, NaiveDate};

use super::{Language, fill, weekday_name};
use crate::reminders::{Definition, When};
use crate::task::Priority;
use crate::time::{Local, Zone, to_local};

/// "tomorrow 09:00", "Friday, 27 November 18:30", "1 March 2028".
pub fn due(due: Local, today: NaiveDate, language: Language) -> String {
    let said = language.words();
    let date = due.date();
    let [this, next] = said.near_days;
    let days = date.signed_duration_since(today).num_days();
    let day = match days {
        0 => this.to_owned(),
        1 => next.to_owned(),
        _ => {
            let weekday = weekday_name(date.weekday(), said);
            let month = language.month(date.month());
            let day = said.date.replace("{d}", &date.day().to_string());
            let day = day.replace("{month}", month);
            let year = match date.year() == today.year() {
                true => String::new(),
                false => format!(" {}", date.year()),
            };
            format!("{weekday}, {day}{year}")
        }
    };
    match due.time() {
        None => day,
        Some(time) => format!("{day} {}", time.format("%H:%M")),
    }
}

/// "1 day before", "2 hours 30 minutes before", "when it is due", "tomorrow 08:00".
pub fn reminder(
    definition: &Definition,
    today: NaiveDate,
    zone: Zone,
    language: Language,
) -> String {
    let said = language.words();
    let before = match definition.when {
        When::At(at) => {
            return due(Local::DateTime(to_local(at, zone)), today, language);
        }
        When::BeforeDue(before) | When::BeforeStart(before) => before,
    };
    let (days, seconds) = (before.days(), before.seconds());
    let counts = [days, seconds / 3_600, seconds / 60 % 60, seconds % 60];
    let parts = counts.iter().zip(said.lengths);
    let parts = parts.filter(|(count, _)| **count > 0);
    let parts = parts.map(|(count, (one, many))| match count {
        1 => one.to_owned(),
        n => fill(many, &n.to_string()),
    });
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => said.when_due.to_owned(),
        false => fill(said.before, &parts.join(" ")),
    }
}

/// "high"
pub fn priority(priority: Priority, language: Language) -> &'static str {
    let [none, low, medium, high] = language.words().priorities;
    match priority {
        Priority::None => none,
        Priority::Low => low,
        Priority::Medium => medium,
        Priority::High => high,
    }
}
