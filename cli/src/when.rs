//! When something is due: exact forms, and the words that quick-add reads. What it doesn't understand it says, it never
//! guesses.
//!
//! Reading the words needs no clock of the person, so that a wrong one is an error of usage before anything is sent; what
//! they mean is resolved afterwards, against that clock.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use punctual_domain::Local;
use punctual_domain::Zone;
use punctual_domain::reminders::{self, DEFAULT_MORNING};
use punctual_domain::words::{self, Context, Language};

use crate::clock::Clock;
use crate::duration::{self, Span};

pub const FORMS: &str = "today, tomorrow, friday, +3d, 18:00, \"next fri at noon\", +2h, +90s, 2026-12-01 or 2026-12-01T09:00 (in German too)";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// A date, also one that is past.
    Date(NaiveDate),
    /// A wall time, also one that is past.
    Local(NaiveDateTime),
    /// Words that say a day, a time or both.
    Words(String),
    /// So long from now, counted in elapsed seconds.
    After(TimeDelta),
    /// An instant, written with `Z` or an offset.
    Instant(DateTime<Utc>),
}

/// In the first language in which the words say something.
pub fn in_words<T>(clock: &Clock, read: impl Fn(&Context<'_>) -> Option<T>) -> Option<T> {
    [Language::English, Language::German]
        .into_iter()
        .find_map(|language| {
            read(&Context {
                now: clock.now.into(),
                zone: clock.zone,
                language,
                morning: DEFAULT_MORNING,
                projects: &[],
            })
        })
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(instant.to_utc()));
        }
        match text.replacen(' ', "T", 1).to_uppercase().parse() {
            Ok(Local::Date(date)) => return Ok(Self::Date(date)),
            Ok(Local::DateTime(local)) => return Ok(Self::Local(local)),
            Err(_) => {}
        }
        let lower = text.to_lowercase();
        if let Some(span) = lower
            .strip_prefix("in ")
            .or(lower.strip_prefix('+'))
            .and_then(duration::parse)
        {
            match (span.whole_days(), span.elapsed()) {
                (Some(_), _) => {}
                (None, Some(elapsed)) => return Ok(Self::After(elapsed)),
                (None, None) => {
                    return Err(format!(
                        "\"{text}\" mixes days with hours; say either +2d or +36h"
                    ));
                }
            }
        }
        let when = Self::Words(text.to_owned());
        match when.due(&Clock::system(Zone::UTC)) {
            Ok(_) => Ok(when),
            Err(_) => Err(format!("I don't understand \"{text}\"; say {FORMS}")),
        }
    }
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
    pub fn due(&self, clock: &Clock) -> Result<Due, String> {
        match self {
            Self::Date(date) => Ok(Due::Date(*date)),
            Self::Local(local) => Ok(Due::Time(*local)),
            Self::Words(text) => match in_words(clock, |context| words::read_due(text, context)) {
                Some(Local::Date(date)) => Ok(Due::Date(date)),
                Some(Local::DateTime(local)) => Ok(Due::Time(local)),
                None => Err(format!("there is no \"{text}\" from now on")),
            },
            Self::After(_) | Self::Instant(_) => {
                let instant = self.instant(clock)?;
                let local = clock.shows(instant);
                // A `due` has no offset: the second of two equal wall times can't be written.
                if clock.instant(local) != Some(instant) {
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
    pub fn instant(&self, clock: &Clock) -> Result<DateTime<Utc>, String> {
        match self {
            Self::Instant(instant) => Ok(*instant),
            // Up to the next whole second: never earlier than what was asked for.
            Self::After(delta) => {
                let instant = clock.now.checked_add_signed(*delta).ok_or(TOO_FAR)?;
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
            Self::Date(_) | Self::Local(_) | Self::Words(_) => match self.due(clock)? {
                Due::Date(_) => Err(
                    "a day alone is not enough here; add a time, as in \"tomorrow 09:00\""
                        .to_owned(),
                ),
                Due::Time(local) => clock.instant(local).ok_or_else(|| TOO_FAR.to_owned()),
            },
        }
    }

    /// Its instant; of a day alone the one in which it begins.
    pub fn beginning(&self, clock: &Clock) -> Result<DateTime<Utc>, String> {
        match self {
            Self::After(_) | Self::Instant(_) => self.instant(clock),
            _ => {
                let local = match self.due(clock)? {
                    Due::Date(date) => date.and_time(NaiveTime::MIN),
                    Due::Time(local) => local,
                };
                clock.instant(local).ok_or_else(|| TOO_FAR.to_owned())
            }
        }
    }
}

/// RFC 3339 in UTC, to the second where that is exact: how the API writes instants.
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// One `--remind`: so long before the due time, or at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let clock = Clock::system(Zone::UTC);
        let at = lower.strip_prefix("at ").unwrap_or(&lower);
        if let Ok(when) = When::from_str(&lower).or_else(|_| When::from_str(at)) {
            return match when.due(&clock) {
                Ok(Due::Date(_)) => {
                    Err("a reminder needs a time, as in \"at tomorrow 09:00\"".to_owned())
                }
                _ => Ok(Self::At(when)),
            };
        }
        let read = in_words(&clock, |context| words::read_reminder(text, context));
        match read.map(|reminder| reminder.when) {
            Some(reminders::When::BeforeDue(before)) => Ok(Self::Before(Span {
                days: before.days().into(),
                seconds: before.seconds().into(),
                ..Span::default()
            })),
            _ => Err(unclear()),
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
    fn a_day_can_be_said_in_words_of_either_language_and_a_date_can_be_past() {
        assert_eq!(due("next fri at noon"), "2026-12-04T12:00");
        assert_eq!(due("in a week"), "2026-11-30");
        assert_eq!(due("übermorgen um 9"), "2026-11-25T09:00");
        assert_eq!(due("2020-01-01"), "2020-01-01");
        assert_eq!(due("2020-01-01 09:00"), "2020-01-01T09:00");
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
            "call Bob tomorrow",
            "every day",
            "1/12",
            "+99999999999999999999d",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
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
        assert_eq!(remind("an hour before"), "PT3600S");
        assert_eq!(remind("eine Woche vorher"), "P7D");
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
