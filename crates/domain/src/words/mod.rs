//! Words for people, and from them: a rule, a due, a reminder is said in words, and a line that somebody typed is read.
//! What a language says and understands is data: two tables each.

mod english;
mod german;
mod grammar;
mod lexicon;
mod meaning;
mod read;
pub mod say;
mod token;

pub use read::{
    Context, Field, MAX_TEXT, QuickAdd, Repeat, Span, counted, meanings, read, read_due,
    read_reminder, read_repeat,
};

use chrono::{Datelike, Timelike, Weekday};

use crate::recurrence::{ByDay, End, Frequency, Rule, Skip, Until};
use crate::time::Local;

/// A language that there are words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// By its code: `en`, `de`.
    pub fn parse(code: &str) -> Option<Language> {
        match code {
            "en" => Some(Language::English),
            "de" => Some(Language::German),
            _ => None,
        }
    }

    /// `Monday`
    pub fn weekday(self, day: Weekday) -> &'static str {
        weekday_name(day, self.words())
    }

    /// `January` for 1.
    pub fn month(self, month: u32) -> &'static str {
        month_name(month, self.words())
    }

    fn words(self) -> &'static Words {
        match self {
            Language::English => &english::WORDS,
            Language::German => &german::WORDS,
        }
    }
}

/// What a language says. `{}` stands for what is filled in.
struct Words {
    /// By hours, days, weeks, months, years: every one, and every so many.
    every: [(&'static str, &'static str); 5],
    /// A day of the week or several.
    every_weekday: &'static str,
    /// From Monday on.
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
    /// Monday to Friday, as one of them is called.
    working_day: &'static str,
    day: &'static str,
    /// Between the last two of a list.
    and: &'static str,
    /// The 1st, the last (-1), the one before (-2) …
    ordinal: fn(i64) -> String,
    /// Ordinal and day of the week: `{n} {day}`.
    nth_weekday: &'static str,
    on_days_of_month: &'static str,
    skip_backward: &'static str,
    skip_forward: &'static str,
    if_weekday: &'static str,
    /// Ordinals and days of the week: `{n} {day}`.
    on_picked: &'static str,
    on_every: &'static str,
    on_working_days: &'static str,
    on_any_day: &'static str,
    on: &'static str,
    on_day_of_year: &'static str,
    in_week: &'static str,
    /// Between the days that were said and their months.
    of_months: fn(&str) -> &'static str,
    of_these: &'static str,
    at: &'static str,
    at_minutes: &'static str,
    in_hours: &'static str,
    once: &'static str,
    times: &'static str,
    until: &'static str,
    local: fn(Local) -> String,
    /// Today, tomorrow.
    near_days: [&'static str; 2],
    /// `{d}` and `{month}`.
    date: &'static str,
    /// One and many days, hours, minutes, seconds.
    lengths: [(&'static str, &'static str); 4],
    before: &'static str,
    when_due: &'static str,
    /// None, low, medium, high.
    priorities: [&'static str; 4],
}

fn fill(template: &str, with: &str) -> String {
    template.replace("{}", with)
}

fn nth(template: &str, n: &str, day: &str) -> String {
    template.replace("{n}", n).replace("{day}", day)
}

/// What a rule says, in words: "every Monday, 09:00", "every 2 weeks on Monday and Friday", "every month on the 31st
/// (last day when shorter)". What the rule leaves open (the day, the time) is taken from `start`, if there is one.
pub fn describe(rule: &Rule, start: Option<Local>, language: Language) -> String {
    let said = language.words();
    let mut words = String::new();
    let days = weekdays(rule, start, said);
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
        words.push_str(&fill(said.every_weekday, &days));
    } else {
        words.push_str(&every(rule, said));
        on(&mut words, rule, start, &days, said);
    }
    words.push_str(&times(rule, start, said));
    let until = |text: &str| fill(said.until, text);
    match rule.end() {
        End::Never => {}
        End::Count(1) => words.push_str(said.once),
        End::Count(n) => words.push_str(&fill(said.times, &n.to_string())),
        End::Until(Until::Date(date)) => words.push_str(&until(&(said.local)(Local::Date(date)))),
        End::Until(Until::Local(at)) => words.push_str(&until(&(said.local)(Local::DateTime(at)))),
        End::Until(Until::Utc(at)) => words.push_str(&until(&at.to_string())),
    }
    words
}

fn every(rule: &Rule, said: &Words) -> String {
    let [hour, day, week, month, year] = said.every;
    let (one, many) = match rule.frequency() {
        Frequency::Hourly => hour,
        Frequency::Daily => day,
        Frequency::Weekly => week,
        Frequency::Monthly => month,
        Frequency::Yearly => year,
    };
    match rule.interval() {
        1 => one.to_owned(),
        n => fill(many, &n.to_string()),
    }
}

/// The days, as far as the words "every …" don't say them.
fn on(words: &mut String, rule: &Rule, start: Option<Local>, days: &str, said: &Words) {
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
        .map(|m| month_name(*m, said).to_owned())
        .collect::<Vec<_>>();
    let picks = and(&ordinals(&rule.by_set_pos, said), said);

    let before = words.len();
    let mut picked = picks.is_empty();
    let plain = rule.by_day.iter().all(|day| day.ordinal.is_none());
    if !month_days.is_empty() {
        let list = month_days
            .iter()
            .map(|n| day_of_month(*n, said))
            .collect::<Vec<_>>();
        words.push_str(&fill(said.on_days_of_month, &and(&list, said)));
        let may_be_missing = month_days.iter().any(|n| *n > 28);
        match rule.skip() {
            Skip::Backward if may_be_missing => words.push_str(said.skip_backward),
            Skip::Forward if may_be_missing => words.push_str(said.skip_forward),
            _ => {}
        }
        if !days.is_empty() {
            words.push_str(&fill(said.if_weekday, days));
        }
    } else if !days.is_empty() && long && plain && !picked {
        words.push_str(&nth(said.on_picked, &picks, days));
        picked = true;
    } else if !days.is_empty() && long && plain {
        words.push_str(&fill(said.on_every, days));
    } else if days == said.working_day {
        words.push_str(said.on_working_days);
    } else if days == said.day {
        words.push_str(said.on_any_day);
    } else if !days.is_empty() {
        words.push_str(&fill(said.on, days));
    }
    for (list, template) in [
        (ordinals(&rule.by_year_day, said), said.on_day_of_year),
        (ordinals(&rule.by_week_no, said), said.in_week),
    ] {
        if !list.is_empty() {
            words.push_str(&fill(template, &and(&list, said)));
        }
    }
    if !months.is_empty() {
        let link = (said.of_months)(words.get(before..).unwrap_or_default());
        words.push_str(link);
        words.push_str(&and(&months, said));
    }
    if !picked {
        words.push_str(&fill(said.of_these, &picks));
    }
}

fn ordinals<T: Copy + Into<i64>>(list: &[T], said: &Words) -> Vec<String> {
    list.iter().map(|n| (said.ordinal)((*n).into())).collect()
}

fn weekdays(rule: &Rule, start: Option<Local>, said: &Words) -> String {
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
        return said.working_day.to_owned();
    }
    if plain && days.len() == 7 {
        return said.day.to_owned();
    }
    let names = days.iter().map(|day| {
        let name = weekday_name(day.weekday, said);
        match day.ordinal {
            None => name.to_owned(),
            Some(n) => nth(said.nth_weekday, &(said.ordinal)(n.into()), name),
        }
    });
    and(&names.collect::<Vec<_>>(), said)
}

fn times(rule: &Rule, start: Option<Local>, said: &Words) -> String {
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
            words.push_str(&fill(said.at_minutes, &and(&list, said)));
        }
        if !rule.by_hour.is_empty() {
            let list = rule.by_hour.iter().map(u8::to_string).collect::<Vec<_>>();
            words.push_str(&fill(said.in_hours, &and(&list, said)));
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
        fill(said.at, &and(&times, said))
    }
}

fn day_of_month(n: i64, said: &Words) -> String {
    let ordinal = (said.ordinal)(n);
    if n < 0 {
        format!("{ordinal} {}", said.day)
    } else {
        ordinal
    }
}

fn and(words: &[String], said: &Words) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{}{}{last}", most.join(", "), said.and),
    }
}

fn weekday_name(day: Weekday, said: &Words) -> &'static str {
    let [
        monday,
        tuesday,
        wednesday,
        thursday,
        friday,
        saturday,
        sunday,
    ] = said.weekdays;
    match day {
        Weekday::Mon => monday,
        Weekday::Tue => tuesday,
        Weekday::Wed => wednesday,
        Weekday::Thu => thursday,
        Weekday::Fri => friday,
        Weekday::Sat => saturday,
        Weekday::Sun => sunday,
    }
}

fn month_name(month: u32, said: &Words) -> &'static str {
    usize::try_from(month)
        .ok()
        .and_then(|m| said.months.get(m.checked_sub(1)?))
        .copied()
        .unwrap_or("?")
}
