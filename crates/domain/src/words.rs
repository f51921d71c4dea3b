//! A rule in English words, for answers to people.

use chrono::{Datelike, Timelike, Weekday};

use crate::recurrence::{ByDay, End, Frequency, Rule, Skip, Until};
use crate::time::Local;

/// What a rule says, in words: "every Monday at 09:00", "every 2 weeks on Monday and Friday", "every month on the 31st
/// (last day when shorter)". What the rule leaves open (the day, the time) is taken from `start`, if there is one.
pub fn describe(rule: &Rule, start: Option<Local>) -> String {
    let mut words = String::new();
    let days = weekdays(rule, start);
    let by_weekday_alone = match rule.frequency() {
        Frequency::Weekly => !days.is_empty(),
        Frequency::Daily => !days.is_empty() && rule.by_month_day.is_empty(),
        _ => false,
    };
    if by_weekday_alone
        && rule.interval() == 1
        && rule.by_month.is_empty()
        && rule.by_set_pos.is_empty()
    {
        words.push_str(&format!("every {days}"));
    } else {
        words.push_str(&every(rule));
        words.push_str(&on(rule, start, &days));
    }
    words.push_str(&times(rule, start));
    match rule.end() {
        End::Never => {}
        End::Count(1) => words.push_str(", once"),
        End::Count(n) => words.push_str(&format!(", {n} times")),
        End::Until(Until::Date(date)) => words.push_str(&format!(", until {}", Local::Date(date))),
        End::Until(Until::Local(at)) => words.push_str(&format!(", until {}", Local::DateTime(at))),
        End::Until(Until::Utc(at)) => words.push_str(&format!(", until {at}")),
    }
    words
}

fn every(rule: &Rule) -> String {
    let unit = match rule.frequency() {
        Frequency::Hourly => "hour",
        Frequency::Daily => "day",
        Frequency::Weekly => "week",
        Frequency::Monthly => "month",
        Frequency::Yearly => "year",
    };
    match rule.interval() {
        1 => format!("every {unit}"),
        n => format!("every {n} {unit}s"),
    }
}

/// The days, as far as the words "every …" don't say them.
fn on(rule: &Rule, start: Option<Local>, days: &str) -> String {
    let start = start.map(|start| start.date());
    let bare = rule.by_month_day.is_empty()
        && rule.by_day.is_empty()
        && rule.by_year_day.is_empty()
        && rule.by_week_no.is_empty();
    let long = matches!(rule.frequency(), Frequency::Monthly | Frequency::Yearly);
    let mut month_days: Vec<i64> = rule.by_month_day.iter().map(|n| (*n).into()).collect();
    if long && bare {
        month_days.extend(start.map(|date| i64::from(date.day())));
    }
    month_days.sort_by_key(|n| (*n < 0, *n));
    let mut months: Vec<u32> = rule.by_month.iter().map(|m| (*m).into()).collect();
    if rule.frequency() == Frequency::Yearly && bare && months.is_empty() {
        months.extend(start.map(|date| date.month()));
    }
    let months = months
        .iter()
        .map(|m| month_name(*m).to_owned())
        .collect::<Vec<_>>();
    let picks = rule
        .by_set_pos
        .iter()
        .map(|n| ordinal((*n).into()))
        .collect::<Vec<_>>();

    let mut words = String::new();
    let mut picked = picks.is_empty();
    let plain = rule.by_day.iter().all(|day| day.ordinal.is_none());
    if !month_days.is_empty() {
        let list = month_days
            .iter()
            .map(|n| day_of_month(*n))
            .collect::<Vec<_>>();
        words.push_str(&format!(" on the {}", and(&list)));
        match rule.skip() {
            Skip::Backward if month_days.iter().any(|n| *n > 28) => {
                words.push_str(" (last day when shorter)")
            }
            Skip::Forward if month_days.iter().any(|n| *n > 28) => {
                words.push_str(" (first of the next when shorter)")
            }
            _ => {}
        }
        if !days.is_empty() {
            words.push_str(&format!(" if {days}"));
        }
    } else if !days.is_empty() && long && plain && !picked {
        words.push_str(&format!(" on the {} {days}", and(&picks)));
        picked = true;
    } else if !days.is_empty() && long && plain {
        words.push_str(&format!(" on every {days}"));
    } else if !days.is_empty() {
        words.push_str(match days {
            "weekday" => " on weekdays",
            "day" => " on every day",
            _ => " on ",
        });
        if words.ends_with(' ') {
            words.push_str(days);
        }
    }
    for (list, what) in [
        (ordinals(&rule.by_year_day), "day of the year"),
        (ordinals(&rule.by_week_no), "week"),
    ] {
        if !list.is_empty() {
            words.push_str(&format!(" on the {} {what}", and(&list)));
        }
    }
    if !months.is_empty() {
        let link = if words.contains(" on the ") {
            "of"
        } else {
            "in"
        };
        words.push_str(&format!(" {link} {}", and(&months)));
    }
    if !picked {
        words.push_str(&format!(" (the {} of these)", and(&picks)));
    }
    words
}

fn ordinals<T: Copy + Into<i64>>(list: &[T]) -> Vec<String> {
    list.iter().map(|n| ordinal((*n).into())).collect()
}

fn weekdays(rule: &Rule, start: Option<Local>) -> String {
    let mut days = rule.by_day.clone();
    if days.is_empty() && rule.frequency() == Frequency::Weekly {
        days.extend(start.map(|start| ByDay {
            ordinal: None,
            weekday: start.date().weekday(),
        }));
    }
    let plain = days.iter().all(|day| day.ordinal.is_none());
    let has = |day: Weekday| days.iter().any(|by| by.weekday == day);
    let weekend = [Weekday::Sat, Weekday::Sun];
    if plain && days.len() == 5 && !weekend.into_iter().any(has) {
        return "weekday".to_owned();
    }
    if plain && days.len() == 7 {
        return "day".to_owned();
    }
    let names = days.iter().map(|day| match day.ordinal {
        None => weekday_name(day.weekday).to_owned(),
        Some(-1) => format!("the last {}", weekday_name(day.weekday)),
        Some(n) => format!("the {} {}", ordinal(n.into()), weekday_name(day.weekday)),
    });
    and(&names.collect::<Vec<_>>())
}

fn times(rule: &Rule, start: Option<Local>) -> String {
    let at = match start {
        Some(Local::Date(_)) => return String::new(), // a date has no time, whatever the rule says
        Some(Local::DateTime(at)) => Some(at),
        None => None,
    };
    if rule.is_sub_daily() {
        let mut words = String::new();
        if !rule.by_minute.is_empty() {
            let list = rule
                .by_minute
                .iter()
                .map(|m| format!(":{m:02}"))
                .collect::<Vec<_>>();
            words.push_str(&format!(" at {}", and(&list)));
        }
        if !rule.by_hour.is_empty() {
            let list = rule.by_hour.iter().map(u8::to_string).collect::<Vec<_>>();
            words.push_str(&format!(" in the hours {}", and(&list)));
        }
        return words;
    }
    let hours: Vec<u32> = match (&rule.by_hour[..], at) {
        ([], Some(at)) => vec![at.hour()],
        (list, _) => list.iter().map(|h| (*h).into()).collect(),
    };
    let minutes: Vec<u32> = match (&rule.by_minute[..], at) {
        ([], Some(at)) => vec![at.minute()],
        ([], None) => vec![0],
        (list, _) => list.iter().map(|m| (*m).into()).collect(),
    };
    let times: Vec<String> = hours
        .iter()
        .flat_map(|h| minutes.iter().map(move |m| format!("{h:02}:{m:02}")))
        .collect();
    if times.is_empty() {
        String::new()
    } else {
        format!(" at {}", and(&times))
    }
}

fn day_of_month(n: i64) -> String {
    match n {
        -1 => "last day".to_owned(),
        n if n < 0 => format!("{} day", ordinal(n)),
        n => ordinal(n),
    }
}

fn ordinal(n: i64) -> String {
    if n == -1 {
        return "last".to_owned();
    }
    if n < 0 {
        return format!("{} to last", ordinal(n.saturating_neg()));
    }
    let suffix = match (n % 10, n % 100) {
        (1, teen) if teen != 11 => "st",
        (2, teen) if teen != 12 => "nd",
        (3, teen) if teen != 13 => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn month_name(month: u32) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    usize::try_from(month)
        .ok()
        .and_then(|m| NAMES.get(m.checked_sub(1)?))
        .copied()
        .unwrap_or("?")
}
