//! When something is due: ISO forms and a handful of words. What it doesn't understand it says, it never guesses.
//!
//! Reading the words needs no clock, so that a wrong one is an error of usage before anything is sent; what they mean
//! is resolved afterwards, against the clock of the person.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta,
    TimeZone, Timelike, Utc, Weekday,
};

use crate::clock::Clock;
use crate::duration::{self, Span};

pub const FORMS: &str = "today, tomorrow, friday, +3d, 18:00, \"tomorrow 09:00\", +2h, +90s, 2026-12-01 or 2026-12-01T09:00";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day, a wall time, or both.
    Wall {
        day: Option<Day>,
        time: Option<NaiveTime>,
    },
    /// So long from now, counted in elapsed seconds.
    After(TimeDelta),
    /// An instant, written with `Z` or an offset.
    Instant(DateTime<Utc>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// 0 is today, 1 tomorrow.
    In(u64),
    /// The next such day, never today.
    Next(Weekday),
    On(NaiveDate),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unclear = || format!("I don't understand \"{text}\"; say {FORMS}");
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(instant.to_utc()));
        }
        if let Some(local) = local_date_time(text) {
            return Ok(Self::Wall {
                day: Some(Day::On(local.date())),
                time: Some(local.time()),
            });
        }
        let lower = text.to_lowercase();
        if let Some(span) = lower
            .strip_prefix("in ")
            .or(lower.strip_prefix('+'))
            .and_then(duration::parse)
        {
            return match (span.whole_days(), span.elapsed()) {
                (Some(days), _) => Ok(Self::Wall {
                    day: Some(Day::In(days)),
                    time: None,
                }),
                (None, Some(elapsed)) => Ok(Self::After(elapsed)),
                (None, None) => Err(format!(
                    "\"{text}\" mixes days with hours; say either +2d or +36h"
                )),
            };
        }
        let (mut day, mut time) = (None, None);
        for word in lower.split_whitespace().filter(|word| *word != "at") {
            let again = if let Some(found) = wall_time(word) {
                time.replace(found).is_some()
            } else {
                day.replace(day_word(word).ok_or_else(unclear)?).is_some()
            };
            if again {
                return Err(unclear());
            }
        }
        if day.is_none() && time.is_none() {
            Err(unclear())
        } else {
            Ok(Self::Wall { day, time })
        }
    }
}

fn day_word(word: &str) -> Option<Day> {
    Some(match word {
        "today" => Day::In(0),
        "tomorrow" => Day::In(1),
        "monday" | "mon" => Day::Next(Weekday::Mon),
        "tuesday" | "tue" => Day::Next(Weekday::Tue),
        "wednesday" | "wed" => Day::Next(Weekday::Wed),
        "thursday" | "thu" => Day::Next(Weekday::Thu),
        "friday" | "fri" => Day::Next(Weekday::Fri),
        "saturday" | "sat" => Day::Next(Weekday::Sat),
        "sunday" | "sun" => Day::Next(Weekday::Sun),
        _ => {
            if let Ok(date) = NaiveDate::parse_from_str(word, "%Y-%m-%d") {
                return Some(Day::On(date));
            }
            Day::In(duration::parse(word.strip_prefix('+')?)?.whole_days()?)
        }
    })
}

fn wall_time(word: &str) -> Option<NaiveTime> {
    let shaped = word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b':');
    let time = ["%H:%M", "%H:%M:%S"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(word, form).ok())?;
    // chrono takes a leap second (09:00:60), which no wall clock in the service has.
    (shaped && time.nanosecond() == 0).then_some(time)
}

fn local_date_time(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    Some(
        NaiveDate::parse_from_str(date, "%Y-%m-%d")
            .ok()?
            .and_time(wall_time(time)?),
    )
}

/// What the API calls `due`: a local date, or a local date-time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Date(NaiveDate),
    Time(NaiveDateTime),
}

impl Due {
    pub fn date(self) -> NaiveDate {
        match self {
            Self::Date(date) => date,
            Self::Time(time) => time.date(),
        }
    }
}

impl std::fmt::Display for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{date}"),
            Self::Time(time) if time.second() == 0 => {
                write!(f, "{}", time.format("%Y-%m-%dT%H:%M"))
            }
            Self::Time(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S")),
        }
    }
}

const TOO_FAR: &str = "that is too far away";

impl When {
    pub fn due(self, clock: &Clock) -> Result<Due, String> {
        match self {
            Self::Wall {
                day: Some(day),
                time: None,
            } => Ok(Due::Date(day.resolve(clock).ok_or(TOO_FAR)?)),
            Self::Wall { .. } => Ok(Due::Time(self.wall(clock)?)),
            Self::After(_) | Self::Instant(_) => {
                let instant = self.instant(clock)?;
                let local = instant.with_timezone(&clock.zone).naive_local();
                // A `due` has no offset: the second of two equal wall times can't be written.
                if let MappedLocalTime::Ambiguous(first, _) = clock.zone.from_local_datetime(&local)
                    && first.to_utc() != instant
                {
                    return Err(format!(
                        "the clocks go back and {} comes twice in {}; you mean the second, so say --zone UTC --due {}",
                        local.format("%H:%M"),
                        clock.zone,
                        Due::Time(instant.naive_utc()),
                    ));
                }
                Ok(Due::Time(local))
            }
        }
    }

    /// For a reminder, a snooze and the like, which need a time of day.
    pub fn instant(self, clock: &Clock) -> Result<DateTime<Utc>, String> {
        match self {
            Self::Instant(instant) => Ok(instant),
            // Up to the next whole second: never earlier than what was asked for.
            Self::After(delta) => {
                let instant = clock.now.checked_add_signed(delta).ok_or(TOO_FAR)?;
                let rest = instant.timestamp_subsec_nanos();
                let up = if rest == 0 {
                    0
                } else {
                    1_000_000_000 - i64::from(rest)
                };
                instant
                    .checked_add_signed(TimeDelta::nanoseconds(up))
                    .ok_or_else(|| TOO_FAR.to_owned())
            }
            Self::Wall { time: None, .. } => Err(
                "a day alone is not enough here; add a time, as in \"tomorrow 09:00\"".to_owned(),
            ),
            Self::Wall { .. } => clock
                .instant(self.wall(clock)?)
                .ok_or_else(|| TOO_FAR.to_owned()),
        }
    }

    /// A time alone is the next one: today, or tomorrow where it has passed.
    fn wall(self, clock: &Clock) -> Result<NaiveDateTime, String> {
        let Self::Wall {
            day,
            time: Some(time),
        } = self
        else {
            return Err("a time is missing".to_owned());
        };
        let today = clock.today();
        let date = match day {
            Some(day) => day.resolve(clock),
            None if today.and_time(time) > clock.local() => Some(today),
            None => today.succ_opt(),
        };
        Ok(date.ok_or(TOO_FAR)?.and_time(time))
    }
}

impl Day {
    fn resolve(self, clock: &Clock) -> Option<NaiveDate> {
        match self {
            Self::In(days) => clock.today().checked_add_days(Days::new(days)),
            Self::On(date) => Some(date),
            Self::Next(weekday) => {
                let ahead = (weekday.num_days_from_monday() + 6
                    - clock.today().weekday().num_days_from_monday())
                    % 7
                    + 1;
                clock.today().checked_add_days(Days::new(u64::from(ahead)))
            }
        }
    }
}

/// RFC 3339 in UTC, to the second where that is exact: how the API writes instants.
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// One `--remind`: so long before the due time, or at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remind {
    Before(Span),
    At(When),
}

impl FromStr for Remind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        if lower == "due" || lower == "at due" {
            return Ok(Self::Before(Span::default()));
        }
        let before = lower.strip_suffix("before").unwrap_or(&lower).trim();
        if let Some(span) = duration::parse(before).or_else(|| duration::parse_iso(before)) {
            return Ok(Self::Before(span));
        }
        let unclear = || {
            format!(
                "I don't understand \"{text}\"; say how long before (10m, 2h, 1d, 1h30m, or \"due\" for the due time itself) \
                 or when (\"at 18:00\", \"at tomorrow 09:00\", 2026-11-30T18:00:00Z)"
            )
        };
        match When::from_str(&lower) {
            Ok(When::Wall { time: None, .. }) => {
                Err("a reminder needs a time, as in \"at tomorrow 09:00\"".to_owned())
            }
            Ok(when) => Ok(Self::At(when)),
            Err(_) => Err(unclear()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::at;

    /// A Monday.
    const NOW: &str = "2026-11-23T09:50:00";

    fn due(text: &str) -> String {
        due_at(text, NOW)
    }

    fn due_at(text: &str, now: &str) -> String {
        match text
            .parse::<When>()
            .and_then(|when| when.due(&at(now, "Europe/Berlin")))
        {
            Ok(due) => due.to_string(),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(due("today"), "2026-11-23");
        assert_eq!(due("Tomorrow"), "2026-11-24");
        assert_eq!(due("+3d"), "2026-11-26");
        assert_eq!(due("+2w"), "2026-12-07");
        assert_eq!(due("in 3 days"), "2026-11-26");
        assert_eq!(due("2026-12-01"), "2026-12-01");
    }

    #[test]
    fn a_weekday_is_the_next_one_and_never_today() {
        assert_eq!(due("tuesday"), "2026-11-24");
        assert_eq!(due("Sun"), "2026-11-29");
        assert_eq!(due("monday"), "2026-11-30");
    }

    #[test]
    fn a_time_alone_is_the_next_such_time() {
        assert_eq!(due("18:00"), "2026-11-23T18:00");
        assert_eq!(due("9:50"), "2026-11-24T09:50", "now has passed");
        assert_eq!(due("09:51"), "2026-11-23T09:51");
    }

    #[test]
    fn a_day_and_a_time_go_together_in_any_order() {
        for text in [
            "tomorrow 09:00",
            "tomorrow at 09:00",
            "09:00 tomorrow",
            "2026-11-24 09:00",
            "2026-11-24T09:00",
            "+1d 9:00",
        ] {
            assert_eq!(due(text), "2026-11-24T09:00", "{text}");
        }
        assert_eq!(due("fri 18:30"), "2026-11-27T18:30");
        assert_eq!(
            due("today 08:00"),
            "2026-11-23T08:00",
            "what was said counts, even if it is past"
        );
    }

    #[test]
    fn elapsed_time_counts_from_now_with_its_seconds() {
        assert_eq!(due("+90s"), "2026-11-23T09:51:30");
        assert_eq!(due("+2h"), "2026-11-23T11:50");
        assert_eq!(due("+1h30m"), "2026-11-23T11:20");
        assert_eq!(due("in 2 minutes"), "2026-11-23T09:52");
        assert_eq!(
            due_at("+2h", "2026-03-29T01:00:00"),
            "2026-03-29T04:00",
            "across the change to summer time"
        );
    }

    #[test]
    fn elapsed_time_rounds_up_so_that_it_is_never_early() {
        let mut clock = at(NOW, "UTC");
        clock.now += TimeDelta::milliseconds(1);
        assert_eq!(
            When::After(TimeDelta::seconds(90))
                .due(&clock)
                .unwrap()
                .to_string(),
            "2026-11-23T09:51:31"
        );
    }

    #[test]
    fn the_second_of_two_equal_times_is_refused_with_a_way_to_say_it() {
        assert_eq!(
            due_at("+1h", "2026-10-25T01:30:00"),
            "2026-10-25T02:30",
            "the first 02:30"
        );
        let refused = due_at("+2h", "2026-10-25T01:30:00");
        assert!(
            refused.contains("comes twice")
                && refused.contains("--zone UTC --due 2026-10-25T01:30"),
            "{refused}"
        );
    }

    #[test]
    fn an_instant_becomes_the_persons_wall_time() {
        assert_eq!(due("2026-12-01T08:00:00Z"), "2026-12-01T09:00");
        assert_eq!(due("2026-12-01T08:00:00+05:00"), "2026-12-01T04:00");
    }

    #[test]
    fn what_is_not_understood_is_refused_and_never_guessed() {
        for text in [
            "",
            "next monday",
            "soon",
            "25:00",
            "09:60",
            "09:00:60",
            "tomorrow today",
            "9:00 10:00",
            "2026-13-01",
            "+1d2h",
            "3d",
            "+",
            "-1d",
            "at",
            "1/12",
            "+99999999999999999999d",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        assert!(
            due("+900000000000d").starts_with("error: that is too far"),
            "{}",
            due("+900000000000d")
        );
        assert!(
            due("+9000000000000h").starts_with("error: "),
            "{}",
            due("+9000000000000h")
        );
    }

    fn remind(text: &str) -> String {
        match text.parse::<Remind>() {
            Ok(Remind::Before(span)) => span.iso(),
            Ok(Remind::At(when)) => match when.instant(&at(NOW, "Europe/Berlin")) {
                Ok(instant) => rfc3339(instant),
                Err(message) => format!("error: {message}"),
            },
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn a_reminder_is_so_long_before_the_due_time() {
        assert_eq!(remind("30m"), "PT30M");
        assert_eq!(remind("60s"), "PT60S");
        assert_eq!(remind("1d"), "P1D");
        assert_eq!(remind("24h"), "PT24H", "elapsed time, not the day before");
        assert_eq!(remind("1h30m before"), "PT1H30M");
        assert_eq!(remind("2 hours before"), "PT2H");
        assert_eq!(remind("PT30M"), "PT30M");
        assert_eq!(remind("due"), "PT0S");
        assert_eq!(remind("0m"), "PT0S");
    }

    #[test]
    fn a_reminder_is_at_an_instant() {
        assert_eq!(remind("at 18:00"), "2026-11-23T17:00:00Z");
        assert_eq!(remind("at tomorrow 09:00"), "2026-11-24T08:00:00Z");
        assert_eq!(remind("2026-11-30T18:00:00Z"), "2026-11-30T18:00:00Z");
        assert_eq!(remind("2026-11-30T18:00"), "2026-11-30T17:00:00Z");
        assert_eq!(remind("+90s"), "2026-11-23T08:51:30Z");
    }

    #[test]
    fn a_reminder_that_is_unclear_is_refused() {
        assert!(remind("tomorrow").contains("needs a time"));
        assert!(remind("early").contains("I don't understand"));
        assert!(remind("").contains("I don't understand"));
    }
}
