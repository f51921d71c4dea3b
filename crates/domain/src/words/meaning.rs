//! What a template means, once its slots are filled.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::grammar::{Here, Value};
use super::lexicon::{Means, Unit};
use crate::recurrence::{ByDay, Frequency, Rule, Skip};
use crate::series::Basis;
use crate::time::{resolve, to_local};

/// A length of time, its kinds apart: a month is not always as long, a day neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    pub months: u32,
    pub days: u32,
    pub seconds: u32,
}

impl Length {
    pub fn of_seconds(seconds: i64) -> Length {
        let seconds = u32::try_from(seconds).unwrap_or_default();
        match seconds % 86_400 {
            0 => Length {
                days: seconds / 86_400,
                ..Length::default()
            },
            _ => Length {
                seconds,
                ..Length::default()
            },
        }
    }

    fn add(&mut self, count: i64, unit: Unit) -> Option<()> {
        let count = u32::try_from(count).ok()?;
        let (part, factor) = match unit {
            Unit::Second => (&mut self.seconds, 1),
            Unit::Minute => (&mut self.seconds, 60),
            Unit::Hour => (&mut self.seconds, 3_600),
            Unit::Day => (&mut self.days, 1),
            Unit::Week => (&mut self.days, 7),
            Unit::Month => (&mut self.months, 1),
            Unit::Year => (&mut self.months, 12),
        };
        *part = part.checked_add(count.checked_mul(factor)?)?;
        Some(())
    }

    /// That long after a day, without its hours.
    pub fn after(self, day: NaiveDate) -> Option<NaiveDate> {
        day.checked_add_months(Months::new(self.months))?
            .checked_add_days(Days::new(self.days.into()))
            .filter(|day| day.year() <= 9_999)
    }
}

/// The slots' values, looked up by what they are.
struct Values<'a>(&'a [Value]);

impl Values<'_> {
    fn find<T>(&self, pick: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    fn numbers(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().filter_map(|value| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        })
    }

    fn number(&self) -> Option<i64> {
        self.numbers().next()
    }

    fn small(&self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn unit(&self) -> Option<Unit> {
        self.find(|value| match value {
            Value::Unit(unit) => Some(*unit),
            _ => None,
        })
    }

    fn weekday(&self) -> Option<Weekday> {
        self.find(|value| match value {
            Value::Weekday(weekday) => Some(*weekday),
            _ => None,
        })
    }

    fn weekdays(&self) -> Option<Vec<Weekday>> {
        self.find(|value| match value {
            Value::Weekdays(weekdays) => Some(weekdays.clone()),
            _ => None,
        })
    }

    fn month(&self) -> Option<u32> {
        self.find(|value| match value {
            Value::Month(month) => Some(*month),
            _ => None,
        })
    }

    fn month_day(&self) -> Option<(u32, u32)> {
        self.find(|value| match value {
            Value::MonthDay(month, day) => Some((*month, *day)),
            _ => None,
        })
    }

    fn days_of_month(&self) -> Option<Vec<i64>> {
        self.find(|value| match value {
            Value::DaysOfMonth(days) => Some(days.clone()),
            _ => None,
        })
    }

    fn group(&self) -> Option<i64> {
        self.find(|value| match value {
            Value::Group(group) => Some(*group),
            _ => None,
        })
    }

    fn half(&self) -> Option<bool> {
        self.find(|value| match value {
            Value::Half(half) => Some(*half),
            _ => None,
        })
    }

    fn part(&self) -> Option<u32> {
        self.find(|value| match value {
            Value::Part(part) => Some(*part),
            _ => None,
        })
    }

    /// Times, and numbers as hours.
    fn times(&self) -> Vec<(NaiveTime, bool)> {
        let time = |value: &Value| match value {
            Value::Time(time, sure) => Some((*time, *sure)),
            Value::Number(hour) => hour_of(*hour),
            _ => None,
        };
        self.0.iter().filter_map(time).collect()
    }

    fn basis(&self) -> Basis {
        self.find(|value| match value {
            Value::Basis(basis) => Some(*basis),
            _ => None,
        })
        .unwrap_or_default()
    }

    fn rule(&self) -> Option<(Rule, Basis)> {
        self.find(|value| match value {
            Value::Rule(rule, basis) => Some((rule.clone(), *basis)),
            _ => None,
        })
    }

    fn length(&self) -> Option<Length> {
        self.find(|value| match value {
            Value::Length(length) => Some(*length),
            _ => None,
        })
    }
}

/// 24 is the midnight that ends a day; which day that is nobody knows, so it is no hour.
fn hour_of(hour: i64) -> Option<(NaiveTime, bool)> {
    let hour = u32::try_from(hour).ok()?;
    let time = NaiveTime::from_hms_opt(hour, 0, 0)?;
    Some((time, hour == 0 || hour > 12))
}

fn of_half(time: NaiveTime, after_noon: bool) -> Option<NaiveTime> {
    use chrono::Timelike;
    let hour = match (time.hour(), after_noon) {
        (0, _) => return None,
        (12, false) => 0,
        (hour @ 1..12, true) => hour + 12,
        (hour @ 1..=12, _) => hour,
        _ => return None,
    };
    time.with_hour(hour)
}

/// What a template means. `None` where there is no such thing: no 30 February, no past day of a given year.
pub(super) fn of(means: Means, values: &[Value], here: &Here) -> Option<Value> {
    let v = Values(values);
    let today = here.today();
    Some(match means {
        Means::Same => match values {
            [one] => one.clone(),
            _ => return None,
        },
        Means::OfHalf => {
            let (time, _) = v.times().first().copied()?;
            Value::Time(of_half(time, v.half()?)?, true)
        }
        Means::Hour => {
            let (time, sure) = v.times().first().copied()?;
            match v.half() {
                Some(half) => Value::Time(of_half(time, half)?, true),
                None => Value::Time(time, sure),
            }
        }
        Means::Shifted => {
            let shift = v.find(|value| match value {
                Value::Shift(shift) => Some(*shift),
                _ => None,
            })?;
            let (time, sure) = v.times().first().copied()?;
            let shifted = time.overflowing_add_signed(chrono::TimeDelta::minutes(shift));
            Value::Time(shifted.0, sure)
        }
        Means::Clock(minutes) => Value::Time(
            NaiveTime::from_num_seconds_from_midnight_opt(minutes * 60, 0)?,
            true,
        ),
        Means::RangeOfTimes => {
            let (first, second) = match v.times()[..] {
                [first, second] => (first, second),
                _ => return None,
            };
            match v.half() {
                None => Value::Time(first.0, first.1),
                Some(half) => {
                    let end = of_half(second.0, half)?;
                    let start = of_half(first.0, half)?;
                    let start = if start < end {
                        start
                    } else {
                        of_half(first.0, !half)?
                    };
                    Value::Time(start, true)
                }
            }
        }
        Means::Times => {
            let times: Vec<NaiveTime> = v.times().iter().map(|(time, _)| *time).collect();
            Value::Times(times)
        }
        Means::Length => {
            if let Some(length) = v.length() {
                return Some(Value::Length(length));
            }
            let mut length = Length::default();
            let mut count = None;
            for value in values {
                match value {
                    Value::Number(number) => count = Some(*number),
                    Value::Unit(unit) => length.add(count.take().unwrap_or(1), *unit)?,
                    _ => return None,
                }
            }
            Value::Length(length)
        }
        Means::Ahead => {
            let days = v.find(|value| match value {
                Value::Ahead(days) => u64::try_from(*days).ok(),
                _ => None,
            })?;
            Value::Day(today.checked_add_days(Days::new(days))?)
        }
        Means::TodayAt(hour) => Value::DayPart(today, hour),
        Means::Coming => Value::Day(coming(today, v.weekday()?)?),
        Means::OfNextWeek => {
            let monday = next_monday(today)?;
            let days = v.weekday()?.num_days_from_monday();
            Value::Day(monday.checked_add_days(Days::new(days.into()))?)
        }
        Means::Next => Value::Day(match v.unit()? {
            Unit::Week => next_monday(today)?,
            Unit::Month => today.with_day(1)?.checked_add_months(Months::new(1))?,
            Unit::Year => NaiveDate::from_ymd_opt(today.year() + 1, 1, 1)?,
            _ => return None,
        }),
        Means::Weekend(weeks) => {
            let monday = next_monday(today)?.checked_sub_days(Days::new(7))?;
            let days = 5 + 7 * u64::from(weeks);
            Value::Day(monday.checked_add_days(Days::new(days))?.max(today))
        }
        Means::EndOf => Value::Day(match v.unit()? {
            Unit::Day => today,
            Unit::Month => last_of_month(today.year(), today.month())?,
            Unit::Year => last_of_month(today.year(), 12)?,
            _ => return None,
        }),
        Means::EndOfMonth => {
            let month = v.month()?;
            let year = today.year() + i32::from(month < today.month());
            Value::Day(last_of_month(year, month)?)
        }
        Means::DayOfMonth => {
            let day = v.small()?;
            let months =
                (0..12).filter_map(|n| today.with_day(1)?.checked_add_months(Months::new(n)));
            let days = months.filter_map(|month| month.with_day(day));
            Value::Day(days.into_iter().find(|day| *day >= today)?)
        }
        Means::MonthDay => {
            let mut numbers = v.numbers();
            let day = u32::try_from(numbers.next()?).ok()?;
            let month = match v.month() {
                Some(month) => month,
                None => u32::try_from(numbers.next()?).ok()?,
            };
            // 2000 had a 29 February.
            NaiveDate::from_ymd_opt(2000, month, day)?;
            Value::MonthDay(month, day)
        }
        Means::NextDate => {
            let (month, day) = v.month_day()?;
            Value::Day(next_date(today, month, day)?)
        }
        Means::DateOfYear => {
            let mut numbers: Vec<i64> = v.numbers().collect();
            let year = i32::try_from(numbers.pop()?).ok()?;
            let (month, day) = match (v.month_day(), &numbers[..]) {
                (Some(date), _) => date,
                (None, [day, month]) => (u32::try_from(*month).ok()?, u32::try_from(*day).ok()?),
                _ => return None,
            };
            let date = NaiveDate::from_ymd_opt(year, month, day)?;
            Value::Day(Some(date).filter(|date| *date >= today)?)
        }
        Means::WeekdayAndDate => {
            let (month, day) = v.month_day()?;
            let date = next_date(today, month, day)?;
            Value::Day(Some(date).filter(|date| Some(date.weekday()) == v.weekday())?)
        }
        Means::FromNow => from_now(v.length()?, here)?,
        Means::RangeOfDays => {
            let numbers: Vec<i64> = v.numbers().collect();
            let (first, last, month) = match (&numbers[..], v.month()) {
                ([first, last], Some(month)) => (*first, *last, month),
                ([first, last, month], None) => (*first, *last, u32::try_from(*month).ok()?),
                _ => return None,
            };
            let months = values
                .iter()
                .filter(|value| matches!(value, Value::Month(_)));
            let ordered = first < last || months.count() == 2;
            let day = u32::try_from(Some(first).filter(|_| ordered)?).ok()?;
            Value::Day(next_date(today, month, day)?)
        }
        Means::Every(unit, interval) => rule(every(unit, interval.into())?, &v),
        Means::EveryUnit => rule(every(v.unit()?, 1)?, &v),
        Means::EveryOther => rule(every(v.unit()?, 2)?, &v),
        Means::EveryCount => rule(every(v.unit()?, v.number()?)?, &v),
        Means::On => on(&v)?,
        Means::EveryWeekdays => rule(weekly(&v.weekdays()?, 1), &v),
        Means::EveryOtherWeekdays => rule(weekly(&v.weekdays()?, 2), &v),
        Means::EveryNth => {
            let monthly = Rule::every(Frequency::Monthly);
            rule(nth(monthly, v.number()?, &v)?, &v)
        }
        Means::EveryDayOfMonth => {
            let monthly = Rule::every(Frequency::Monthly);
            rule(by_month_day(monthly, &v.days_of_month()?)?, &v)
        }
        Means::EveryDate => rule(yearly(v.month_day()?)?, &v),
        Means::EveryPart => {
            let every = match v.weekdays() {
                Some(weekdays) => weekly(&weekdays, 1),
                None => Rule::every(Frequency::Daily),
            };
            Value::RuleAt(every, v.basis(), v.part()?)
        }
    })
}

fn rule(rule: Rule, values: &Values<'_>) -> Value {
    Value::Rule(rule, values.basis())
}

fn coming(today: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let ahead = (weekday.num_days_from_monday() + 6 - today.weekday().num_days_from_monday()) % 7;
    today.checked_add_days(Days::new(u64::from(ahead) + 1))
}

fn next_monday(today: NaiveDate) -> Option<NaiveDate> {
    coming(today, Weekday::Mon)
}

fn last_of_month(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?
        .checked_add_months(Months::new(1))?
        .pred_opt()
}

fn next_date(today: NaiveDate, month: u32, day: u32) -> Option<NaiveDate> {
    // A 29 February comes within eight years.
    (today.year()..=today.year() + 8)
        .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
        .find(|date| *date >= today)
}

/// A day where the length has no hours, else the moment, up to the next whole minute (or second, where it has seconds),
/// so that nothing is earlier than what was asked for.
fn from_now(length: Length, here: &Here) -> Option<Value> {
    let day = length.after(here.today())?;
    if length.seconds == 0 {
        return Some(Value::Day(day));
    }
    if length.days > 0 || length.months > 0 {
        return None;
    }
    let grain = if length.seconds.is_multiple_of(60) {
        60
    } else {
        1
    };
    let micros = here.now.plus_secs(length.seconds.into()).micros();
    let up = micros.div_euclid(1_000_000 * grain) + i64::from(micros % (1_000_000 * grain) != 0);
    let instant = crate::Instant::from_secs(up * grain);
    let local: NaiveDateTime = to_local(instant, here.zone);
    // The second of two equal times can't be said.
    (resolve(local, here.zone) == instant).then_some(Value::Moment(local))
}

fn every(unit: Unit, interval: i64) -> Option<Rule> {
    let mut rule = Rule::every(match unit {
        Unit::Second | Unit::Minute => return None,
        Unit::Hour => Frequency::Hourly,
        Unit::Day => Frequency::Daily,
        Unit::Week => Frequency::Weekly,
        Unit::Month => Frequency::Monthly,
        Unit::Year => Frequency::Yearly,
    });
    rule.interval = u32::try_from(interval)
        .ok()
        .filter(|interval| (1..=Rule::MAX_INTERVAL).contains(interval))?;
    Some(rule)
}

fn plain(weekday: Weekday) -> ByDay {
    ByDay {
        ordinal: None,
        weekday,
    }
}

fn weekly(weekdays: &[Weekday], interval: u32) -> Rule {
    let mut rule = Rule::every(Frequency::Weekly);
    rule.interval = interval;
    rule.by_day = weekdays.iter().copied().map(plain).collect();
    rule
}

const WORKING: [Weekday; 5] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
];

fn on(v: &Values<'_>) -> Option<Value> {
    let (mut base, basis) = v.rule()?;
    let said = match base.freq {
        Frequency::Weekly => {
            base.by_day = v.weekdays()?.into_iter().map(plain).collect();
            base
        }
        Frequency::Monthly => match v.days_of_month() {
            Some(days) => by_month_day(base, &days)?,
            None => nth(base, v.number()?, v)?,
        },
        Frequency::Yearly => {
            let mut rule = yearly(v.month_day()?)?;
            rule.interval = base.interval;
            rule
        }
        Frequency::Hourly | Frequency::Daily => return None,
    };
    Some(Value::Rule(said, basis))
}

fn nth(mut rule: Rule, n: i64, v: &Values<'_>) -> Option<Rule> {
    if !(-5..=5).contains(&n) || n == 0 {
        return None;
    }
    if let Some(weekday) = v.weekday() {
        rule.by_day = vec![ByDay {
            ordinal: Some(i8::try_from(n).ok()?),
            weekday,
        }];
        return Some(rule);
    }
    match v.group()? {
        0 => rule.by_month_day = vec![i8::try_from(n).ok()?],
        1 => {
            rule.by_day = WORKING.map(plain).to_vec();
            rule.by_set_pos = vec![i16::try_from(n).ok()?];
        }
        _ => return None,
    }
    Some(rule)
}

fn by_month_day(mut rule: Rule, days: &[i64]) -> Option<Rule> {
    let mut list = Vec::new();
    for day in days {
        list.push(
            i8::try_from(*day)
                .ok()
                .filter(|day| (1..=31).contains(day))?,
        );
    }
    list.sort_unstable();
    list.dedup();
    if list.iter().any(|day| *day > 28) {
        rule.skip = Skip::Backward;
    }
    rule.by_month_day = list;
    Some(rule)
}

fn yearly((month, day): (u32, u32)) -> Option<Rule> {
    let mut rule = Rule::every(Frequency::Yearly);
    rule.by_month = vec![u8::try_from(month).ok()?];
    rule.by_month_day = vec![i8::try_from(day).ok()?];
    if (month, day) == (2, 29) {
        rule.skip = Skip::Backward;
    }
    Some(rule)
}

/// A rule for a due, where the rule itself says no days: "monthly" from the 31st is the last day of a shorter month.
pub(super) fn anchored(mut rule: Rule, due: NaiveDate) -> Rule {
    let bare = rule.by_month_day.is_empty() && rule.by_day.is_empty() && rule.by_month.is_empty();
    let day = i8::try_from(due.day()).unwrap_or(1);
    if bare && day > 28 && matches!(rule.freq, Frequency::Monthly | Frequency::Yearly) {
        if rule.freq == Frequency::Yearly {
            if due.month() != 2 {
                return rule;
            }
            rule.by_month = vec![2];
        }
        rule.by_month_day = vec![day];
        rule.skip = Skip::Backward;
    }
    rule
}

/// The items of a list, each with whether all since the one before it are meant.
pub(super) fn list(items: &[(Value, bool)]) -> Option<Value> {
    let mut weekdays: Vec<Weekday> = Vec::new();
    let mut days = Vec::new();
    for (item, range) in items {
        match item {
            Value::Weekday(day) if *range => {
                let mut last = *weekdays.last()?;
                while last != *day {
                    last = last.succ();
                    weekdays.push(last);
                }
            }
            Value::Weekday(day) => weekdays.push(*day),
            Value::Group(1) => weekdays.extend(WORKING),
            Value::Group(2) => weekdays.push(Weekday::Sat),
            Value::Number(day) => days.push(*day),
            _ => return None,
        }
    }
    weekdays.sort_by_key(Weekday::num_days_from_monday);
    weekdays.dedup();
    match (weekdays.is_empty(), days.is_empty()) {
        (false, true) => Some(Value::Weekdays(weekdays)),
        (true, false) => Some(Value::DaysOfMonth(days)),
        _ => None,
    }
}
