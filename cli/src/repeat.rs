//! How a task repeats: the words that quick-add reads, or an RFC 5545 rule as it is.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use punctual_domain::Zone;
use punctual_domain::words::{self, read_repeat};
use punctual_domain::{Basis, Local};

use crate::clock::Clock;
use crate::when::{Due, in_words};

pub const FORMS: &str = "daily, weekdays, weekly, monthly, yearly, \"every monday\", \"every mon and thu\", \"every 2 weeks\", \"every month on the last workday\" (in German too) or an RRULE such as \"FREQ=WEEKLY;COUNT=10\"";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    Words(String),
    Rule(String),
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
        let clock = Clock::system(Zone::UTC);
        match said(text, None, &clock) {
            Some(_) => Ok(Self::Words(text.to_owned())),
            None => Err(format!("I don't understand \"{text}\"; say {FORMS}")),
        }
    }
}

fn said(
    text: &str,
    first: Option<NaiveDate>,
    clock: &Clock,
) -> Option<(words::Repeat, Option<Local>)> {
    let first = first.map(|date| Local::DateTime(date.and_time(NaiveTime::MIN)));
    in_words(clock, |context| read_repeat(text, first, context))
}

impl Repeat {
    /// The rule for a series whose first occurrence is on this day. "Monthly" from the 31st means the last day of a
    /// shorter month, which RFC 5545 alone would leave out: RFC 7529's SKIP says it.
    pub fn rrule(&self, first: NaiveDate, clock: &Clock) -> Result<String, String> {
        match self {
            Self::Rule(rule) => Ok(rule.clone()),
            Self::Words(text) => said(text, Some(first), clock)
                .map(|(repeat, _)| repeat.rule.to_string())
                .ok_or_else(|| format!("there is no \"{text}\" from now on")),
        }
    }

    /// When the first one is due, where the words say a time.
    pub fn time(&self, clock: &Clock) -> Option<Due> {
        match self {
            Self::Rule(_) => None,
            Self::Words(text) => match said(text, None, clock)?.1? {
                Local::DateTime(local) => Some(Due::Time(local)),
                Local::Date(_) => None,
            },
        }
    }

    /// Whether the words say that it is counted from the completion.
    pub fn counts_from_completion(&self, clock: &Clock) -> bool {
        match self {
            Self::Rule(_) => false,
            Self::Words(text) => {
                said(text, None, clock).is_some_and(|(repeat, _)| repeat.from == Basis::Completion)
            }
        }
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
    use crate::clock::tests::at;

    fn clock() -> Clock {
        at("2026-11-23T09:50:00", "Europe/Berlin")
    }

    #[test]
    fn words_may_say_a_time_and_what_it_is_counted_from() {
        let repeat: Repeat = "every! 2 weeks at 18:00".parse().unwrap();
        assert_eq!(
            repeat.time(&clock()).unwrap().to_string(),
            "2026-11-23T18:00"
        );
        assert!(repeat.counts_from_completion(&clock()));
        let repeat: Repeat = "jeden Montag".parse().unwrap();
        assert_eq!(repeat.time(&clock()), None);
        assert!(!repeat.counts_from_completion(&clock()));
    }

    fn rrule(text: &str, first: &str) -> String {
        match text.parse::<Repeat>() {
            Ok(repeat) => repeat
                .rrule(first.parse().unwrap(), &clock())
                .unwrap_or_else(|message| format!("error: {message}")),
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
            ("monthly on the last friday", "FREQ=MONTHLY;BYDAY=-1FR"),
            (
                "alle 2 Wochen am Dienstag",
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
            ),
        ] {
            assert_eq!(rrule(text, "2026-11-23"), rule, "{text}");
        }
    }

    #[test]
    fn monthly_from_the_31st_means_the_last_day_of_a_shorter_month() {
        assert_eq!(
            rrule("monthly", "2026-12-31"),
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD"
        );
        assert_eq!(
            rrule("every 2 months", "2026-12-29"),
            "RSCALE=GREGORIAN;FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=29;SKIP=BACKWARD"
        );
        assert_eq!(rrule("monthly", "2026-12-28"), "FREQ=MONTHLY");
    }

    #[test]
    fn yearly_from_a_leap_day_is_the_28th_in_other_years() {
        assert_eq!(
            rrule("yearly", "2028-02-29"),
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;SKIP=BACKWARD"
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
