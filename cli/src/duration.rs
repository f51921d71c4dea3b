//! Lengths of time: `30m`, `1d`, `1h30m`, `2 hours`, and ISO 8601's `PT30M`. Days are kept apart from hours, because a
//! day before is the same wall time the day before, and 24 hours are elapsed time.

use chrono::TimeDelta;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub days: u64,
    pub hours: u64,
    pub minutes: u64,
    pub seconds: u64,
}

impl Span {
    /// As the API takes it: `P1D`, `PT1H30M`.
    pub fn iso(self) -> String {
        let mut text = String::from("P");
        if self.days > 0 {
            text += &format!("{}D", self.days);
        }
        let clock = [(self.hours, 'H'), (self.minutes, 'M'), (self.seconds, 'S')];
        if clock.iter().any(|(count, _)| *count > 0) {
            text.push('T');
            for (count, unit) in clock.into_iter().filter(|(count, _)| *count > 0) {
                text += &format!("{count}{unit}");
            }
        }
        if text == "P" { "PT0S".to_owned() } else { text }
    }

    /// "1 day 2 h 30 min"
    pub fn words(self) -> String {
        let days = if self.days == 1 {
            "1 day".to_owned()
        } else {
            format!("{} days", self.days)
        };
        let parts = [
            (self.days, days),
            (self.hours, format!("{} h", self.hours)),
            (self.minutes, format!("{} min", self.minutes)),
            (self.seconds, format!("{} s", self.seconds)),
        ];
        parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// None where it has days, or is longer than a clock can count.
    pub fn elapsed(self) -> Option<TimeDelta> {
        if self.days > 0 {
            return None;
        }
        let seconds = self
            .hours
            .checked_mul(3600)?
            .checked_add(self.minutes.checked_mul(60)?)?
            .checked_add(self.seconds)?;
        TimeDelta::try_seconds(i64::try_from(seconds).ok()?)
    }

    /// None where it is not a number of days alone.
    pub fn whole_days(self) -> Option<u64> {
        (self
            == Self {
                days: self.days,
                ..Self::default()
            }
            && self.days > 0)
            .then_some(self.days)
    }
}

/// `30m`, `1d`, `1h30m`, `2 hours`, `1 day`. None for anything else, an empty text included.
pub fn parse(text: &str) -> Option<Span> {
    let mut span = Span::default();
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (unit, factor) = match &rest[..letters] {
            "w" | "week" | "weeks" => (&mut span.days, 7),
            "d" | "day" | "days" => (&mut span.days, 1),
            "h" | "hour" | "hours" => (&mut span.hours, 1),
            "m" | "min" | "minute" | "minutes" => (&mut span.minutes, 1),
            "s" | "sec" | "second" | "seconds" => (&mut span.seconds, 1),
            _ => return None,
        };
        *unit = unit.checked_add(count.checked_mul(factor)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(span)
}

/// ISO 8601's `P1D`, `PT1H30M`, `P2W`, in either case. No months or years: how long those are depends on the day.
pub fn parse_iso(text: &str) -> Option<Span> {
    let lower = text.trim().to_lowercase();
    let (date, time) = match lower.strip_prefix('p')?.split_once('t') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (lower.strip_prefix('p')?, ""),
    };
    let compact = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !compact(date) || !compact(time) {
        return None;
    }
    let part = |text: &str| {
        if text.is_empty() {
            Some(Span::default())
        } else {
            parse(text)
        }
    };
    let (days, clock) = (part(date)?, part(time)?);
    let sound = days.elapsed_is_zero() && clock.days == 0 && !(date.is_empty() && time.is_empty());
    sound.then_some(Span {
        days: days.days,
        ..clock
    })
}

impl Span {
    fn elapsed_is_zero(self) -> bool {
        self.hours == 0 && self.minutes == 0 && self.seconds == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_units_mean_the_same() {
        for text in ["1h30m", "1 hour 30 minutes", "1h 30min"] {
            assert_eq!(parse(text).unwrap().iso(), "PT1H30M", "{text}");
        }
        assert_eq!(parse("2w").unwrap().iso(), "P14D");
        assert_eq!(parse("1d2h").unwrap().iso(), "P1DT2H");
    }

    #[test]
    fn iso_durations_are_read_and_written() {
        for text in ["P1D", "PT30M", "P1DT2H", "PT0S", "PT90S"] {
            assert_eq!(parse_iso(text).unwrap().iso(), text);
        }
        for text in ["P", "PT", "P1DT", "P1M", "PT1D", "1D", "P 1D"] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_none() {
        for text in [
            "",
            "m",
            "10",
            "10x",
            "10m5",
            "-10m",
            "1.5h",
            "99999999999999999999s",
            "9999999999999999999w",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
