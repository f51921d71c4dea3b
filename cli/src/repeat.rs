//! How a task repeats: a handful of words, or an RFC 5545 rule as it is.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate, Weekday};

pub const FORMS: &str = "daily, weekdays, weekly, monthly, yearly, \"every monday\", \"every mon and thu\", \"every 2 weeks\", \"every 3 months\" or an RRULE such as \"FREQ=WEEKLY;COUNT=10\"";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    Every { interval: u32, unit: Unit },
    On { interval: u32, days: Vec<Weekday> },
    Rule(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Day,
    Week,
    Month,
    Year,
}

impl FromStr for Repeat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_uppercase();
        let rule = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        if rule.contains("FREQ=") {
            return match rule
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "=;,+-".contains(c))
            {
                true => Ok(Self::Rule(rule.to_owned())),
                false => Err(format!(
                    "\"{text}\" is not one RRULE; it looks like FREQ=WEEKLY;BYDAY=MO,TH;COUNT=10"
                )),
            };
        }
        words(&text.to_lowercase())
            .ok_or_else(|| format!("I don't understand \"{text}\"; say {FORMS}"))
    }
}

fn words(lower: &str) -> Option<Repeat> {
    let every = |unit| Some(Repeat::Every { interval: 1, unit });
    let weekdays = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
    ];
    let text = lower.replace(',', " ");
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| *word != "and")
        .collect();
    let rest = match words.as_slice() {
        ["daily"] => return every(Unit::Day),
        ["weekly"] => return every(Unit::Week),
        ["monthly"] => return every(Unit::Month),
        ["yearly" | "annually"] => return every(Unit::Year),
        ["weekdays"] | ["every", "weekday"] => {
            return Some(Repeat::On {
                interval: 1,
                days: weekdays.to_vec(),
            });
        }
        ["weekly", "on", rest @ ..] | ["every", "week", "on", rest @ ..] => return on(1, rest),
        ["every", rest @ ..] => rest,
        _ => return None,
    };
    let (interval, rest) = match rest {
        ["other", rest @ ..] => (2, rest),
        [count, rest @ ..] if count.bytes().all(|byte| byte.is_ascii_digit()) => {
            (count.parse().ok().filter(|n| *n > 0)?, rest)
        }
        rest => (1, rest),
    };
    let unit = match rest {
        ["day" | "days"] => Unit::Day,
        ["week" | "weeks"] => Unit::Week,
        ["month" | "months"] => Unit::Month,
        ["year" | "years"] => Unit::Year,
        ["week" | "weeks", "on", days @ ..] => return on(interval, days),
        // "every 2 mondays" could be meant in two ways.
        days if interval == 1 => return on(1, days),
        _ => return None,
    };
    Some(Repeat::Every { interval, unit })
}

fn on(interval: u32, words: &[&str]) -> Option<Repeat> {
    let mut days = words
        .iter()
        .map(|word| {
            let named = [
                "monday",
                "tuesday",
                "wednesday",
                "thursday",
                "friday",
                "saturday",
                "sunday",
            ];
            let singular = word
                .strip_suffix('s')
                .filter(|word| named.contains(word))
                .unwrap_or(word);
            singular.parse::<Weekday>().ok()
        })
        .collect::<Option<Vec<_>>>()?;
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    (!days.is_empty()).then_some(Repeat::On { interval, days })
}

impl Repeat {
    /// The rule for a series whose first occurrence is on this day. "Monthly" from the 31st means the last day of a
    /// shorter month, which RFC 5545 alone would leave out: RFC 7529's SKIP says it.
    pub fn rrule(&self, first: NaiveDate) -> String {
        match self {
            Self::Rule(rule) => rule.clone(),
            Self::On { interval, days } => {
                let days: Vec<&str> = days.iter().map(|day| code(*day)).collect();
                format!("FREQ=WEEKLY{};BYDAY={}", every(*interval), days.join(","))
            }
            Self::Every { interval, unit } => {
                let every = every(*interval);
                let (day, month) = (first.day(), first.month());
                match unit {
                    Unit::Day => format!("FREQ=DAILY{every}"),
                    Unit::Week => format!("FREQ=WEEKLY{every}"),
                    Unit::Month if day < 29 => format!("FREQ=MONTHLY{every}"),
                    Unit::Year if day < 29 => format!("FREQ=YEARLY{every}"),
                    Unit::Month => format!(
                        "FREQ=MONTHLY{every};BYMONTHDAY={day};RSCALE=GREGORIAN;SKIP=BACKWARD"
                    ),
                    Unit::Year => format!(
                        "FREQ=YEARLY{every};BYMONTH={month};BYMONTHDAY={day};RSCALE=GREGORIAN;SKIP=BACKWARD"
                    ),
                }
            }
        }
    }
}

fn every(interval: u32) -> String {
    if interval == 1 {
        String::new()
    } else {
        format!(";INTERVAL={interval}")
    }
}

fn code(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "MO",
        Weekday::Tue => "TU",
        Weekday::Wed => "WE",
        Weekday::Thu => "TH",
        Weekday::Fri => "FR",
        Weekday::Sat => "SA",
        Weekday::Sun => "SU",
    }
}

/// A rule in words where it is a plain one, else the rule itself.
pub fn describe(rrule: &str) -> String {
    plain(rrule).unwrap_or_else(|| rrule.to_owned())
}

fn plain(rrule: &str) -> Option<String> {
    let (mut freq, mut interval, mut by_day, mut by_month_day, mut by_month, mut end) =
        (None, 1_u32, None, None, None, String::new());
    for part in rrule.trim_start_matches("RRULE:").split(';') {
        match part.split_once('=')? {
            ("FREQ", value) => freq = Some(value),
            ("INTERVAL", value) => interval = value.parse().ok()?,
            ("BYDAY", value) => by_day = Some(value),
            ("BYMONTHDAY", value) => by_month_day = Some(value.parse::<u8>().ok()?),
            ("BYMONTH", value) => by_month = Some(value.parse::<u8>().ok()?),
            ("COUNT", value) => end = format!(", {value} times"),
            ("UNTIL", value) => {
                end = format!(
                    ", until {}-{}-{}",
                    value.get(..4)?,
                    value.get(4..6)?,
                    value.get(6..8)?
                )
            }
            ("RSCALE", "GREGORIAN") | ("SKIP", "BACKWARD") | ("WKST", _) => {}
            _ => return None,
        }
    }
    let (one, many) = match freq? {
        "HOURLY" => ("hourly", "hours"),
        "DAILY" => ("daily", "days"),
        "WEEKLY" => ("weekly", "weeks"),
        "MONTHLY" => ("monthly", "months"),
        "YEARLY" => ("yearly", "years"),
        _ => return None,
    };
    let mut text = if interval == 1 {
        one.to_owned()
    } else {
        format!("every {interval} {many}")
    };
    match (freq?, by_day, by_month_day, by_month) {
        (_, None, None, None) => {}
        ("WEEKLY", Some("MO,TU,WE,TH,FR"), None, None) if interval == 1 => {
            text = "weekdays".to_owned()
        }
        ("WEEKLY", Some(days), None, None) => {
            let names = days.split(',').map(name).collect::<Option<Vec<_>>>()?;
            text = if interval == 1 {
                format!("every {}", names.join(", "))
            } else {
                format!("{text} on {}", names.join(", "))
            };
        }
        ("MONTHLY", None, Some(day), None) => text += &format!(" on day {day}"),
        ("YEARLY", None, Some(day), Some(month)) => {
            let month = chrono::Month::try_from(month).ok()?;
            text += &format!(" on {day} {}", &month.name()[..3]);
        }
        _ => return None,
    }
    Some(text + &end)
}

fn name(code: &str) -> Option<&'static str> {
    Some(match code {
        "MO" => "Mon",
        "TU" => "Tue",
        "WE" => "Wed",
        "TH" => "Thu",
        "FR" => "Fri",
        "SA" => "Sat",
        "SU" => "Sun",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rrule(text: &str, first: &str) -> String {
        match text.parse::<Repeat>() {
            Ok(repeat) => repeat.rrule(first.parse().unwrap()),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn words_become_rules() {
        for (text, rule) in [
            ("daily", "FREQ=DAILY"),
            ("Every Day", "FREQ=DAILY"),
            ("weekly", "FREQ=WEEKLY"),
            ("weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("every monday", "FREQ=WEEKLY;BYDAY=MO"),
            ("every mondays", "FREQ=WEEKLY;BYDAY=MO"),
            ("every thu and mon", "FREQ=WEEKLY;BYDAY=MO,TH"),
            ("every sat, sun", "FREQ=WEEKLY;BYDAY=SA,SU"),
            ("weekly on friday", "FREQ=WEEKLY;BYDAY=FR"),
            ("every 2 weeks", "FREQ=WEEKLY;INTERVAL=2"),
            ("every 2 weeks on tue", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
            ("every other day", "FREQ=DAILY;INTERVAL=2"),
            ("every 3 months", "FREQ=MONTHLY;INTERVAL=3"),
            ("monthly", "FREQ=MONTHLY"),
            ("yearly", "FREQ=YEARLY"),
        ] {
            assert_eq!(rrule(text, "2026-11-23"), rule, "{text}");
        }
    }

    #[test]
    fn monthly_from_the_31st_means_the_last_day_of_a_shorter_month() {
        assert_eq!(
            rrule("monthly", "2026-12-31"),
            "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD"
        );
        assert_eq!(
            rrule("every 2 months", "2026-12-29"),
            "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=29;RSCALE=GREGORIAN;SKIP=BACKWARD"
        );
        assert_eq!(rrule("monthly", "2026-12-28"), "FREQ=MONTHLY");
    }

    #[test]
    fn yearly_from_a_leap_day_is_the_28th_in_other_years() {
        assert_eq!(
            rrule("yearly", "2028-02-29"),
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;RSCALE=GREGORIAN;SKIP=BACKWARD"
        );
    }

    #[test]
    fn a_rule_is_passed_on_as_it_is() {
        assert_eq!(
            rrule("RRULE:FREQ=MONTHLY;BYDAY=-1FR", "2026-12-31"),
            "FREQ=MONTHLY;BYDAY=-1FR"
        );
        assert_eq!(
            rrule("freq=daily;count=3", "2026-12-31"),
            "FREQ=DAILY;COUNT=3"
        );
        assert!(rrule("FREQ=DAILY\nDTSTART:2026", "2026-12-31").starts_with("error: "));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_never_guessed() {
        for text in [
            "",
            "often",
            "every",
            "every 0 days",
            "every 2 mondays",
            "monthly on the last friday",
            "every blue monday",
            "every 99999999999 days",
            "weekly on",
        ] {
            assert!(text.parse::<Repeat>().is_err(), "{text}");
        }
    }

    #[test]
    fn rules_are_shown_in_words_where_they_are_plain() {
        for (text, first, words) in [
            ("daily", "2026-11-23", "daily"),
            ("every 2 weeks", "2026-11-23", "every 2 weeks"),
            ("weekdays", "2026-11-23", "weekdays"),
            ("every mon and thu", "2026-11-23", "every Mon, Thu"),
            ("every 2 weeks on tue", "2026-11-23", "every 2 weeks on Tue"),
            ("monthly", "2026-12-31", "monthly on day 31"),
            ("yearly", "2028-02-29", "yearly on 29 Feb"),
            ("FREQ=DAILY;COUNT=3", "2026-11-23", "daily, 3 times"),
            (
                "FREQ=DAILY;UNTIL=20261231",
                "2026-11-23",
                "daily, until 2026-12-31",
            ),
            (
                "FREQ=MONTHLY;BYDAY=-1FR",
                "2026-11-23",
                "FREQ=MONTHLY;BYDAY=-1FR",
            ),
        ] {
            assert_eq!(describe(&rrule(text, first)), words);
        }
    }
}
