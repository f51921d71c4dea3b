//! A recurrence rule as text and as value. Nothing here knows a calendar; see [`super::expand`].

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use crate::error::{Error, quoted};
use crate::time::{Instant, Local, Zone, digits, resolve, to_local};

/// How often a rule's period comes (`FREQ`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Frequency {
    /// Every n hours of elapsed time.
    Hourly,
    /// Every n days.
    Daily,
    /// Every n weeks, which begin on `WKST`.
    Weekly,
    /// Every n months.
    Monthly,
    /// Every n years.
    Yearly,
}

/// When a rule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It goes on.
    Never,
    /// After so many occurrences, the first and every excluded one included.
    Count(u32),
    /// With this moment, which may itself be an occurrence.
    Until(Until),
}

/// The last moment of a rule, in the three forms of RFC 5545.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// With the end of this local day (`20261231`).
    Date(NaiveDate),
    /// With this local time (`20261231T090000`).
    Local(NaiveDateTime),
    /// With this instant (`20261231T080000Z`).
    Utc(Instant),
}

impl Until {
    /// Whether an occurrence at `at`, which is the moment `instant()`, still belongs to the rule.
    pub(crate) fn admits(&self, at: Local, zone: Zone, instant: impl FnOnce() -> Instant) -> bool {
        match (self, at) {
            (Until::Date(last), _) => at.date() <= *last,
            (Until::Local(last), Local::Date(date)) => date <= last.date(),
            (Until::Local(last), Local::DateTime(at)) => at <= *last,
            (Until::Utc(last), Local::Date(date)) => date <= to_local(*last, zone).date(),
            (Until::Utc(last), Local::DateTime(_)) => instant() <= *last,
        }
    }
}

/// What happens to a day a month doesn't have (`SKIP`, RFC 7529, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Skip {
    /// There is no occurrence in that month: what RFC 5545 says.
    #[default]
    Omit,
    /// The last day of that month instead.
    Backward,
    /// The first day of the next month instead.
    Forward,
}

/// One entry of `BYDAY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByDay {
    /// The how-manieth of its month or year, from the end when negative; every one when absent.
    pub ordinal: Option<i8>,
    /// The day of the week.
    pub weekday: Weekday,
}

/// A rule of RFC 5545 (`RRULE`) with the `SKIP` of RFC 7529.
///
/// [`FromStr`] takes it with or without `RRULE:` before it, in any case and order of parts, `SKIP` also without the
/// `RSCALE=GREGORIAN` that RFC 7529 asks for. [`Display`](fmt::Display)
/// prints the canonical form: a fixed order, sorted lists, no part that says the default. Reading that gives an equal
/// rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    pub(crate) freq: Frequency,
    pub(crate) interval: u32,
    pub(crate) end: End,
    pub(crate) by_month: Vec<u8>,
    pub(crate) by_week_no: Vec<i8>,
    pub(crate) by_year_day: Vec<i16>,
    pub(crate) by_month_day: Vec<i8>,
    pub(crate) by_day: Vec<ByDay>,
    pub(crate) by_hour: Vec<u8>,
    pub(crate) by_minute: Vec<u8>,
    pub(crate) by_set_pos: Vec<i16>,
    pub(crate) wkst: Weekday,
    pub(crate) skip: Skip,
}

impl Rule {
    /// The largest `INTERVAL` taken.
    pub const MAX_INTERVAL: u32 = 10_000;
    /// The longest text taken, in bytes.
    pub const MAX_LEN: usize = 1_024;

    /// Every period of `freq`, without end.
    pub fn every(freq: Frequency) -> Rule {
        Rule {
            freq,
            interval: 1,
            end: End::Never,
            by_month: Vec::new(),
            by_week_no: Vec::new(),
            by_year_day: Vec::new(),
            by_month_day: Vec::new(),
            by_day: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_set_pos: Vec::new(),
            wkst: Weekday::Mon,
            skip: Skip::Omit,
        }
    }

    /// `FREQ`.
    pub fn frequency(&self) -> Frequency {
        self.freq
    }

    /// `INTERVAL`, at least 1.
    pub fn interval(&self) -> u32 {
        self.interval
    }

    /// `COUNT` or `UNTIL`.
    pub fn end(&self) -> End {
        self.end
    }

    /// `SKIP`.
    pub fn skip(&self) -> Skip {
        self.skip
    }

    /// `BYDAY`, sorted.
    pub fn by_day(&self) -> &[ByDay] {
        &self.by_day
    }

    /// Whether it recurs within a day, in elapsed time. Its occurrence keys are instants then, because a local time
    /// comes twice where the clocks go back.
    pub fn is_sub_daily(&self) -> bool {
        self.freq == Frequency::Hourly
    }

    /// Whether the rule itself says a time of the day (`BYHOUR`, `BYMINUTE`).
    pub fn has_time(&self) -> bool {
        !self.by_hour.is_empty() || !self.by_minute.is_empty()
    }

    /// The same rule with another end: to close a series at an occurrence, or to give a later part of it the rest of
    /// its `COUNT`.
    pub fn with_end(mut self, end: End) -> Rule {
        self.end = match end {
            End::Count(0) => End::Count(1),
            end => end,
        };
        self
    }

    /// The rule whose occurrence at `from` would come at `to`: a single weekday, day, month or time that it names moves
    /// along; what it leaves to its start moves by itself. `None` where it names more than that.
    pub(crate) fn moved(mut self, from: Local, to: Local) -> Option<Rule> {
        let (old, new) = (from.date(), to.date());
        if old != new {
            let ordinals = self.by_day.iter().any(|day| day.ordinal.is_some());
            if ordinals
                || !self.by_set_pos.is_empty()
                || !self.by_year_day.is_empty()
                || !self.by_week_no.is_empty()
            {
                return None;
            }
            match &mut self.by_day[..] {
                [] => {}
                [day] if self.freq == Frequency::Weekly && day.weekday == old.weekday() => {
                    day.weekday = new.weekday();
                }
                _ => return None,
            }
            match &mut self.by_month_day[..] {
                [] => {}
                // The day after the 31st's stand-in in a short month would be another rule.
                [day] if u32::from(day.unsigned_abs()) == old.day() && *day > 0 => {
                    *day = i8::try_from(new.day()).ok()?;
                }
                _ => return None,
            }
            match &mut self.by_month[..] {
                [] => {}
                [month] if self.freq == Frequency::Yearly => {
                    *month = u8::try_from(new.month()).ok()?
                }
                _ if old.month() == new.month() => {}
                _ => return None,
            }
        }
        if let (old, Some(new)) = (from.time(), to.time())
            && old != Some(new)
        {
            match (&mut self.by_hour[..], &mut self.by_minute[..]) {
                ([], []) => {}
                ([hour], []) => *hour = u8::try_from(new.hour()).ok()?,
                ([], [minute]) => *minute = u8::try_from(new.minute()).ok()?,
                ([hour], [minute]) => {
                    *hour = u8::try_from(new.hour()).ok()?;
                    *minute = u8::try_from(new.minute()).ok()?;
                }
                _ => return None,
            }
        }
        Some(self)
    }
}

// ---------------------------------------------------------------------------------------------------------- parse

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Rule, Error> {
        if text.len() > Rule::MAX_LEN {
            return Err(Error::rule(
                "RRULE",
                format!("longer than {} characters", Rule::MAX_LEN),
            ));
        }
        let upper = text.trim().to_ascii_uppercase();
        let parts = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        let mut freq = None;
        let mut count = None;
        let mut until = None;
        let mut skip = None;
        let mut rule = Rule::every(Frequency::Daily);
        let mut seen: Vec<&str> = Vec::new();
        for part in parts.split(';') {
            if part.is_empty() && parts.ends_with(';') && !seen.is_empty() {
                continue; // a trailing semicolon, which some programs write
            }
            let (name, value) = part.split_once('=').ok_or_else(|| {
                Error::rule(
                    "RRULE",
                    format!("expected NAME=value, found {}", quoted(part)),
                )
            })?;
            if seen.contains(&name) {
                return Err(Error::rule(name, "given twice"));
            }
            let wrong = || Error::rule(name, format!("{} is not a value of it", quoted(value)));
            match name {
                "FREQ" => {
                    freq = Some(match value {
                        "HOURLY" => Frequency::Hourly,
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        "SECONDLY" | "MINUTELY" => {
                            return Err(Error::rule(
                                name,
                                format!("{value} is not supported; the shortest is HOURLY"),
                            ));
                        }
                        _ => return Err(wrong()),
                    });
                }
                "INTERVAL" => {
                    rule.interval = value.parse().map_err(|_| wrong())?;
                    if rule.interval == 0 || rule.interval > Rule::MAX_INTERVAL {
                        return Err(Error::rule(
                            name,
                            format!("must be 1 to {}", Rule::MAX_INTERVAL),
                        ));
                    }
                }
                "COUNT" => {
                    let n: u32 = value.parse().map_err(|_| wrong())?;
                    if n == 0 {
                        return Err(Error::rule(name, "must be at least 1"));
                    }
                    count = Some(n);
                }
                "UNTIL" => until = Some(parse_until(value).ok_or_else(wrong)?),
                "WKST" => rule.wkst = parse_weekday(value).ok_or_else(wrong)?,
                "BYMONTH" => rule.by_month = numbers(name, value, 1, 12, false)?,
                "BYWEEKNO" => rule.by_week_no = numbers(name, value, 1, 53, true)?,
                "BYYEARDAY" => rule.by_year_day = numbers(name, value, 1, 366, true)?,
                "BYMONTHDAY" => rule.by_month_day = numbers(name, value, 1, 31, true)?,
                "BYDAY" => rule.by_day = parse_by_day(value)?,
                "BYHOUR" => rule.by_hour = numbers(name, value, 0, 23, false)?,
                "BYMINUTE" => rule.by_minute = numbers(name, value, 0, 59, false)?,
                "BYSECOND" => {
                    if value != "0" {
                        return Err(Error::rule(name, "is not supported"));
                    }
                }
                "BYSETPOS" => rule.by_set_pos = numbers(name, value, 1, 366, true)?,
                "RSCALE" => {
                    if value != "GREGORIAN" {
                        return Err(Error::rule(name, "only GREGORIAN is supported"));
                    }
                }
                "SKIP" => {
                    skip = Some(match value {
                        "OMIT" => Skip::Omit,
                        "BACKWARD" => Skip::Backward,
                        "FORWARD" => Skip::Forward,
                        _ => return Err(wrong()),
                    });
                }
                _ => {
                    return Err(Error::rule(
                        "RRULE",
                        format!("unknown part {}", quoted(name)),
                    ));
                }
            }
            seen.push(name);
        }
        rule.freq = freq.ok_or_else(|| Error::rule("FREQ", "is missing"))?;
        rule.end = match (count, until) {
            (Some(_), Some(_)) => {
                return Err(Error::rule(
                    "COUNT",
                    "can't stand beside UNTIL (RFC 5545, section 3.3.10)",
                ));
            }
            (Some(n), None) => End::Count(n),
            (None, Some(until)) => End::Until(until),
            (None, None) => End::Never,
        };
        rule.skip = skip.unwrap_or_default();
        rule.check()?;
        Ok(rule)
    }
}

impl Rule {
    /// The combinations RFC 5545 forbids (section 3.3.10, the table and the notes around it).
    fn check(&self) -> Result<(), Error> {
        use Frequency::{Daily, Hourly, Monthly, Weekly, Yearly};
        let freq = self.freq;
        if !self.by_week_no.is_empty() && freq != Yearly {
            return Err(Error::rule("BYWEEKNO", "is only for FREQ=YEARLY"));
        }
        if !self.by_year_day.is_empty() && matches!(freq, Daily | Weekly | Monthly) {
            return Err(Error::rule(
                "BYYEARDAY",
                "is not for FREQ=DAILY, WEEKLY or MONTHLY",
            ));
        }
        if !self.by_month_day.is_empty() && freq == Weekly {
            return Err(Error::rule("BYMONTHDAY", "is not for FREQ=WEEKLY"));
        }
        let widest = match freq {
            Monthly => 5,
            Yearly if !self.by_month.is_empty() => 5,
            Yearly if self.by_week_no.is_empty() => 53,
            Hourly | Daily | Weekly | Yearly => 0,
        };
        for day in &self.by_day {
            if let Some(n) = day.ordinal {
                if widest == 0 {
                    return Err(Error::rule(
                        "BYDAY",
                        "a number before the day is only for FREQ=MONTHLY, and FREQ=YEARLY without BYWEEKNO",
                    ));
                }
                if n.unsigned_abs() > widest {
                    return Err(Error::rule(
                        "BYDAY",
                        format!("the number before a day must be 1 to {widest} here"),
                    ));
                }
            }
        }
        // A time of one month's choice could be moved behind an earlier time of the next one's.
        if self.skip == Skip::Forward
            && freq == Monthly
            && !self.by_set_pos.is_empty()
            && (self.by_hour.len() > 1 || self.by_minute.len() > 1)
        {
            return Err(Error::rule(
                "BYSETPOS",
                "can't choose among several times a day with SKIP=FORWARD",
            ));
        }
        if !self.by_set_pos.is_empty()
            && self.by_month.is_empty()
            && self.by_week_no.is_empty()
            && self.by_year_day.is_empty()
            && self.by_month_day.is_empty()
            && self.by_day.is_empty()
            && !self.has_time()
        {
            return Err(Error::rule(
                "BYSETPOS",
                "needs another BY part to choose from",
            ));
        }
        Ok(())
    }
}

/// A sorted list without repetition of numbers from `low` to `high`, also counted from the end when `signed`.
fn numbers<T>(name: &str, value: &str, low: i16, high: i16, signed: bool) -> Result<Vec<T>, Error>
where
    T: TryFrom<i16> + Ord,
{
    let mut list = Vec::new();
    for item in value.split(',') {
        let bad = || {
            let sign = if signed { ", or the same negative" } else { "" };
            Error::rule(
                name,
                format!(
                    "{} is not a number from {low} to {high}{sign}",
                    quoted(item)
                ),
            )
        };
        let plain = item.strip_prefix(['+', '-']).unwrap_or(item);
        if plain.is_empty() || plain.len() > 3 || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let n: i16 = item.parse().map_err(|_| bad())?;
        let magnitude = if signed { n.abs() } else { n };
        if magnitude < low || magnitude > high {
            return Err(bad());
        }
        list.push(T::try_from(n).map_err(|_| bad())?);
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

fn parse_by_day(value: &str) -> Result<Vec<ByDay>, Error> {
    let mut list = Vec::new();
    for item in value.split(',') {
        let bad = || {
            Error::rule(
                "BYDAY",
                format!("{} is not a day like MO, 1FR or -1SU", quoted(item)),
            )
        };
        let split = item
            .len()
            .checked_sub(2)
            .filter(|at| item.is_char_boundary(*at))
            .ok_or_else(bad)?;
        let (number, day) = item.split_at(split);
        let weekday = parse_weekday(day).ok_or_else(bad)?;
        let ordinal = match number {
            "" => None,
            number => {
                let n: i8 = number.parse().map_err(|_| bad())?;
                if n == 0 || n.unsigned_abs() > 53 {
                    return Err(bad());
                }
                Some(n)
            }
        };
        list.push(ByDay { ordinal, weekday });
    }
    list.sort_unstable_by_key(|day| (day.ordinal, day.weekday.num_days_from_monday()));
    list.dedup();
    Ok(list)
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

fn parse_weekday(text: &str) -> Option<Weekday> {
    WEEKDAYS
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, day)| *day)
}

fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS
        .iter()
        .find(|(_, d)| *d == day)
        .map_or("MO", |(name, _)| name)
}

fn parse_until(text: &str) -> Option<Until> {
    let date = |text: &str| {
        if !text.is_ascii() || text.len() != 8 {
            return None;
        }
        let year = i32::try_from(digits(&text[..4], 4)?)
            .ok()
            .filter(|year| *year > 0)?;
        NaiveDate::from_ymd_opt(year, digits(&text[4..6], 2)?, digits(&text[6..], 2)?)
    };
    let Some((day, time)) = text.split_once('T') else {
        return date(text).map(Until::Date);
    };
    let (time, utc) = time
        .strip_suffix('Z')
        .map_or((time, false), |time| (time, true));
    if !time.is_ascii() || time.len() != 6 {
        return None;
    }
    let time = NaiveTime::from_hms_opt(
        digits(&time[..2], 2)?,
        digits(&time[2..4], 2)?,
        digits(&time[4..], 2)?,
    )?;
    let at = date(day)?.and_time(time);
    Some(if utc {
        Until::Utc(resolve(at, Zone::UTC))
    } else {
        Until::Local(at)
    })
}

// -------------------------------------------------------------------------------------------------------- display

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skip != Skip::Omit {
            f.write_str("RSCALE=GREGORIAN;")?;
        }
        let freq = match self.freq {
            Frequency::Hourly => "HOURLY",
            Frequency::Daily => "DAILY",
            Frequency::Weekly => "WEEKLY",
            Frequency::Monthly => "MONTHLY",
            Frequency::Yearly => "YEARLY",
        };
        write!(f, "FREQ={freq}")?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        match self.end {
            End::Never => {}
            End::Count(n) => write!(f, ";COUNT={n}")?,
            End::Until(Until::Date(date)) => write!(f, ";UNTIL={}", date.format("%Y%m%d"))?,
            End::Until(Until::Local(at)) => write!(f, ";UNTIL={}", at.format("%Y%m%dT%H%M%S"))?,
            End::Until(Until::Utc(at)) => {
                write!(f, ";UNTIL={}Z", at.utc().format("%Y%m%dT%H%M%S"))?
            }
        }
        list(f, "BYMONTH", &self.by_month)?;
        list(f, "BYWEEKNO", &self.by_week_no)?;
        list(f, "BYYEARDAY", &self.by_year_day)?;
        list(f, "BYMONTHDAY", &self.by_month_day)?;
        list(f, "BYDAY", &self.by_day)?;
        list(f, "BYHOUR", &self.by_hour)?;
        list(f, "BYMINUTE", &self.by_minute)?;
        list(f, "BYSETPOS", &self.by_set_pos)?;
        if self.wkst != Weekday::Mon {
            write!(f, ";WKST={}", weekday_name(self.wkst))?;
        }
        match self.skip {
            Skip::Omit => Ok(()),
            Skip::Backward => f.write_str(";SKIP=BACKWARD"),
            Skip::Forward => f.write_str(";SKIP=FORWARD"),
        }
    }
}

impl fmt::Display for ByDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(n) = self.ordinal {
            write!(f, "{n}")?;
        }
        f.write_str(weekday_name(self.weekday))
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, items: &[T]) -> fmt::Result {
    for (n, item) in items.iter().enumerate() {
        if n == 0 {
            write!(f, ";{name}={item}")?;
        } else {
            write!(f, ",{item}")?;
        }
    }
    Ok(())
}

crate::time::serde_as_string!(Rule);
