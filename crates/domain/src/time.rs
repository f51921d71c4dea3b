//! Local times, instants, zones and durations, and the way from one to the other.
//!
//! A [`Local`] is what a person writes ("Tuesday at nine"); an [`Instant`] is when something happens. Between the two
//! stands a zone, and [`resolve`] is the only place that decides what a local time means when the clocks change.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use crate::error::{Error, quoted};
pub use crate::zone::{TZDATA_VERSION, Zone};

/// The zone of that IANA name. Names are case-sensitive; abbreviations that are no IANA names are refused.
pub fn zone(name: &str) -> Result<Zone, Error> {
    name.parse()
}

// ---------------------------------------------------------------------------------------------------------- Local

/// A date or a date-time of the wall, without zone. Years 1 to 9999, resolution one second.
///
/// On the wire a string: `2026-12-01`, `2026-12-01T09:00`, `2026-12-01T09:00:30` (seconds only when not zero).
/// Ordered as on a calendar; a date sorts before every time of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Local {
    /// A whole day.
    Date(NaiveDate),
    /// A time of a day.
    DateTime(NaiveDateTime),
}

impl Local {
    /// The day, with or without a time.
    pub fn date(&self) -> NaiveDate {
        match self {
            Local::Date(date) => *date,
            Local::DateTime(at) => at.date(),
        }
    }

    /// The time of the day, if one was given.
    pub fn time(&self) -> Option<NaiveTime> {
        match self {
            Local::Date(_) => None,
            Local::DateTime(at) => Some(at.time()),
        }
    }

    /// Whether this is a whole day.
    pub fn is_date(&self) -> bool {
        matches!(self, Local::Date(_))
    }

    /// The date-time, a date standing for its midnight.
    pub(crate) fn start(&self) -> NaiveDateTime {
        match self {
            Local::Date(date) => date.and_time(NaiveTime::MIN),
            Local::DateTime(at) => *at,
        }
    }
}

impl Ord for Local {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.start(), !self.is_date()).cmp(&(other.start(), !other.is_date()))
    }
}

impl PartialOrd for Local {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl From<NaiveDate> for Local {
    fn from(date: NaiveDate) -> Self {
        Local::Date(date)
    }
}

impl From<NaiveDateTime> for Local {
    fn from(at: NaiveDateTime) -> Self {
        Local::DateTime(at)
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )?;
        if let Some(time) = self.time() {
            write!(f, "T{:02}:{:02}", time.hour(), time.minute())?;
            if time.second() != 0 {
                write!(f, ":{:02}", time.second())?;
            }
        }
        Ok(())
    }
}

impl FromStr for Local {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_local(text).ok_or_else(|| Error::Local(quoted(text)))
    }
}

fn parse_local(text: &str) -> Option<Local> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let Some(time) = time else {
        return Some(Local::Date(date));
    };
    let mut parts = time.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |s| digits(s, 2))?;
    if parts.next().is_some() {
        return None;
    }
    Some(Local::DateTime(
        date.and_time(NaiveTime::from_hms_opt(hour, minute, second)?),
    ))
}

/// A number of exactly `len` ASCII digits.
pub(crate) fn digits(text: &str, len: usize) -> Option<u32> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

// -------------------------------------------------------------------------------------------------------- Instant

/// A moment: Unix time in microseconds, as the database stores it.
///
/// On the wire RFC 3339 in UTC with milliseconds, `2026-11-30T18:00:00.000Z`; finer parts are cut off there. Any offset
/// is understood when read. Lies between the years 1 and 9999: arithmetic stops at the ends instead of overflowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The first instant there is: 0001-01-01T00:00:00Z.
    pub const MIN: Instant = Instant(-62_135_596_800_000_000);
    /// The last instant there is: 9999-12-31T23:59:59.999999Z.
    pub const MAX: Instant = Instant(253_402_300_799_999_999);

    /// From Unix microseconds. What lies outside of the years 1 to 9999 becomes [`Instant::MIN`] or [`Instant::MAX`].
    pub const fn from_micros(micros: i64) -> Instant {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Instant(micros)
        }
    }

    /// From Unix milliseconds, bounded like [`Instant::from_micros`].
    pub const fn from_millis(millis: i64) -> Instant {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// From Unix seconds, bounded like [`Instant::from_micros`].
    pub const fn from_secs(seconds: i64) -> Instant {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Unix microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Unix seconds, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Microseconds from `earlier` to this (negative when this is the earlier one).
    pub const fn micros_since(self, earlier: Instant) -> i64 {
        self.0 - earlier.0
    }

    /// Later by so many seconds (earlier when negative).
    pub const fn plus_secs(self, seconds: i64) -> Instant {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    pub(crate) fn utc(self) -> NaiveDateTime {
        DateTime::from_timestamp_micros(self.0)
            .unwrap_or_default()
            .naive_utc()
    }
}

impl From<DateTime<chrono::Utc>> for Instant {
    fn from(at: DateTime<chrono::Utc>) -> Self {
        Instant::from_micros(at.timestamp_micros())
    }
}

impl Add<TimeDelta> for Instant {
    type Output = Instant;

    fn add(self, delta: TimeDelta) -> Instant {
        Instant::from_micros(
            self.0
                .saturating_add(delta.num_microseconds().unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<TimeDelta> for Instant {
    type Output = Instant;

    fn sub(self, delta: TimeDelta) -> Instant {
        Instant::from_micros(
            self.0
                .saturating_sub(delta.num_microseconds().unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.utc().date(), self.utc().time());
        write!(
            f,
            "{:04}-{:02}-{:02}T",
            date.year(),
            date.month(),
            date.day()
        )?;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            time.hour(),
            time.minute(),
            time.second()
        )?;
        write!(f, ".{:03}Z", time.nanosecond() % 1_000_000_000 / 1_000_000)
    }
}

impl FromStr for Instant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| Error::Instant(quoted(text)))?;
        let instant = Instant::from_micros(at.timestamp_micros());
        if instant.0 == at.timestamp_micros() {
            Ok(instant)
        } else {
            Err(Error::Instant(quoted(text)))
        }
    }
}

// ---------------------------------------------------------------------------------------------- local ↔ instant

/// The instant at which the clocks of `zone` show `local`.
///
/// A time the clocks jump over (a gap: spring forward, or the day a zone left out) moves forward by the length of the
/// gap: 02:30 becomes 03:30. Of a time they show twice (a fold) the first one counts. RFC 5545, section 3.3.5.
pub fn resolve(local: NaiveDateTime, zone: Zone) -> Instant {
    Instant::from_micros(local.and_utc().timestamp_micros()).plus_secs(-zone.offset_of(local))
}

/// What the clocks of `zone` show at `at`, with its microseconds.
pub fn to_local(at: Instant, zone: Zone) -> NaiveDateTime {
    let utc = at.utc();
    utc.checked_add_signed(TimeDelta::seconds(zone.offset_at(utc)))
        .unwrap_or(utc)
}

/// The local day at `at`.
pub fn today(at: Instant, zone: Zone) -> NaiveDate {
    to_local(at, zone).date()
}

/// The instant a local day begins: its midnight, or the end of the gap where the clocks jump over midnight.
pub fn day_start(date: NaiveDate, zone: Zone) -> Instant {
    resolve(date.and_time(NaiveTime::MIN), zone)
}

/// A time of day, `07:30`.
pub(crate) fn time_of_day(text: &str) -> Result<NaiveTime, Error> {
    text.split_once(':')
        .and_then(|(hour, minute)| NaiveTime::from_hms_opt(digits(hour, 2)?, digits(minute, 2)?, 0))
        .ok_or_else(|| Error::TimeOfDay(quoted(text)))
}

/// The instant from which something due at `due` is overdue: the resolved time of a date-time, and for a date the end
/// of that local day, which is the start of the next one.
pub fn due_instant(due: Local, zone: Zone) -> Instant {
    match due {
        Local::DateTime(at) => resolve(at, zone),
        Local::Date(date) => match date.succ_opt() {
            Some(next) => day_start(next, zone),
            None => Instant::MAX,
        },
    }
}

// --------------------------------------------------------------------------------------------------- Duration8601

/// An ISO 8601 duration of up to 366 days, with its two kinds of length apart: nominal days (a day is "the same wall
/// time", 23 to 25 hours long) and exact time (elapsed seconds).
///
/// `P1D` before 09:00 is 09:00 the day before; `PT24H` is 24 elapsed hours. Taken are weeks, days, hours, minutes and
/// seconds; months, years, fractions and negative durations are refused. Equal durations print alike (`PT90M` as
/// `PT1H30M`, `P7D` as `P1W`), but never days as hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Duration8601 {
    days: u32,
    seconds: u32,
}

impl Duration8601 {
    /// The longest duration, in days of 24 hours.
    pub const MAX_DAYS: u32 = 366;

    /// Nominal days and exact seconds; refused when longer than [`Duration8601::MAX_DAYS`].
    pub fn new(days: u32, seconds: u32) -> Result<Self, Error> {
        let total = u64::from(days) * 86_400 + u64::from(seconds);
        if total > u64::from(Self::MAX_DAYS) * 86_400 {
            return Err(Error::Duration(format!(
                "longer than {} days",
                Self::MAX_DAYS
            )));
        }
        Ok(Duration8601 { days, seconds })
    }

    /// Nominal days (weeks are seven of them).
    pub fn days(self) -> u32 {
        self.days
    }

    /// Exact part, in seconds.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// That long before a local time: first the days on the calendar, then the exact part as elapsed time.
    pub fn before(self, local: NaiveDateTime, zone: Zone) -> Instant {
        let day = local
            .checked_sub_days(chrono::Days::new(self.days.into()))
            .unwrap_or(NaiveDateTime::MIN);
        resolve(day, zone).plus_secs(-i64::from(self.seconds))
    }
}

impl fmt::Display for Duration8601 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duration8601 { days, seconds } = *self;
        if days > 0 && days % 7 == 0 && seconds == 0 {
            return write!(f, "P{}W", days / 7);
        }
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if seconds > 0 || days == 0 {
            f.write_str("T")?;
        }
        for (length, unit) in [
            (seconds / 3_600, 'H'),
            (seconds / 60 % 60, 'M'),
            (seconds % 60, 'S'),
        ] {
            if length > 0 || (unit == 'S' && days == 0 && seconds == 0) {
                write!(f, "{length}{unit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Duration8601 {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Duration(format!("{}: {why}", quoted(text)));
        if text.len() > 40 {
            return Err(wrong("too long"));
        }
        if text.starts_with('-') {
            return Err(wrong("a duration is not negative here"));
        }
        let rest = text
            .strip_prefix('P')
            .ok_or_else(|| wrong("it starts with P"))?;
        let (date, time) = match rest.split_once('T') {
            Some((_, "")) => return Err(wrong("nothing follows the T")),
            Some((date, time)) => (date, time),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(wrong("it has no length"));
        }
        if date.contains(['Y', 'M']) {
            return Err(wrong(
                "years and months differ in length; give weeks or days",
            ));
        }
        let (mut days, mut seconds) = (0_u64, 0_u64);
        for (section, units, total) in [
            (date, &[('W', 7), ('D', 1)][..], &mut days),
            (time, &[('H', 3_600), ('M', 60), ('S', 1)][..], &mut seconds),
        ] {
            let mut units = units.iter();
            let mut rest = section;
            while !rest.is_empty() {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .ok_or_else(|| wrong("a number needs its unit"))?;
                let (number, tail) = rest.split_at(end);
                let unit = tail.chars().next().unwrap_or_default();
                if unit == '.' || unit == ',' {
                    return Err(wrong("fractions are not taken"));
                }
                let (_, length) = units
                    .find(|(name, _)| *name == unit)
                    .ok_or_else(|| wrong("units are W, D, then T and H, M, S, in this order"))?;
                let number: u64 = number
                    .parse()
                    .map_err(|_| wrong("a unit needs its number"))?;
                *total = total.saturating_add(number.saturating_mul(*length));
                rest = &tail[unit.len_utf8()..];
            }
        }
        let limit = u64::from(Self::MAX_DAYS) * 86_400;
        let (days, seconds) = (days.min(limit), seconds.min(limit + 1));
        if days * 86_400 + seconds > limit {
            return Err(wrong("longer than 366 days"));
        }
        // Both fit: they are at most 366 days.
        Ok(Duration8601 {
            days: days as u32,
            seconds: seconds as u32,
        })
    }
}

// ---------------------------------------------------------------------------------------------------------- serde

/// Serde as the string of `Display` and `FromStr`.
macro_rules! serde_as_string {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize<'de>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use serde_as_string;

serde_as_string!(Local, Instant, Duration8601);
