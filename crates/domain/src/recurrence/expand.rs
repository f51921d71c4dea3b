//! From a rule to dates: which days lie in the n-th period of a rule (RFC 5545, section 3.3.10, the table of what
//! expands and what limits).

use chrono::{Datelike, NaiveDate, Weekday};

use super::rule::{Frequency, Rule, Skip};

/// The last year that is looked at.
pub(super) const LAST_YEAR: i32 = 9999;

/// A rule whose missing parts are taken from its start.
#[derive(Debug, Clone)]
pub(super) struct Expander<'a> {
    rule: &'a Rule,
    start: NaiveDate,
    /// The period of the start, as [`Expander::period_of`] numbers them.
    base: i64,
}

/// Where a number before a weekday counts: "the second Monday of the month" or of the year.
#[derive(Clone, Copy)]
enum Scope {
    Month,
    Year,
}

impl<'a> Expander<'a> {
    pub(super) fn new(rule: &'a Rule, start: NaiveDate) -> Self {
        let mut expander = Expander {
            rule,
            start,
            base: 0,
        };
        expander.base = expander.period_of(start);
        expander
    }

    /// The absolute number of the year, month, week or day that contains `date`. Hours are walked elsewhere; their days
    /// are numbered here.
    fn period_of(&self, date: NaiveDate) -> i64 {
        match self.rule.freq {
            Frequency::Yearly => date.year().into(),
            Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
            Frequency::Weekly => (day_number(date) - week_shift(self.rule.wkst)).div_euclid(7),
            Frequency::Daily | Frequency::Hourly => day_number(date),
        }
    }

    /// The rule's period (0 is the start's, then every `INTERVAL`-th) that contains `date`, or the last before it.
    pub(super) fn index_of(&self, date: NaiveDate) -> i64 {
        (self.period_of(date) - self.base).div_euclid(self.rule.interval.into())
    }

    /// The first day of the rule's period `index`; `None` beyond the last year.
    pub(super) fn first_day(&self, index: i64) -> Option<NaiveDate> {
        let period = self
            .base
            .checked_add(index.checked_mul(self.rule.interval.into())?)?;
        let date = match self.rule.freq {
            Frequency::Yearly => NaiveDate::from_ymd_opt(i32::try_from(period).ok()?, 1, 1),
            Frequency::Monthly => {
                let month = u32::try_from(period.rem_euclid(12)).ok()? + 1;
                NaiveDate::from_ymd_opt(i32::try_from(period.div_euclid(12)).ok()?, month, 1)
            }
            Frequency::Weekly => day_at(period.checked_mul(7)? + week_shift(self.rule.wkst)),
            Frequency::Daily | Frequency::Hourly => day_at(period),
        }?;
        (date.year() <= LAST_YEAR).then_some(date)
    }

    /// After how many periods the number of days in a period repeats exactly, where that is known without looking.
    pub(super) fn cycle(&self) -> Option<i64> {
        let rule = self.rule;
        match rule.freq {
            Frequency::Daily if rule.by_month.is_empty() && rule.by_month_day.is_empty() => {
                Some(if rule.by_day.is_empty() { 1 } else { 7 })
            }
            Frequency::Weekly if rule.by_month.is_empty() => Some(1),
            _ => None,
        }
    }

    /// The days of the period that begins on `first`, in order, each once. `SKIP=FORWARD` may give the first day of the
    /// next period.
    pub(super) fn days(&self, first: NaiveDate, out: &mut Vec<NaiveDate>) {
        out.clear();
        let rule = self.rule;
        match rule.freq {
            Frequency::Hourly => {}
            Frequency::Daily => {
                if self.admits(first) {
                    out.push(first);
                }
            }
            Frequency::Weekly => {
                for day in first.iter_days().take(7) {
                    let wanted = if rule.by_day.is_empty() {
                        day.weekday() == self.start.weekday()
                    } else {
                        rule.by_day.iter().any(|by| by.weekday == day.weekday())
                    };
                    if wanted && self.in_months(day) {
                        out.push(day);
                    }
                }
            }
            Frequency::Monthly => {
                if self.in_months(first) {
                    let default = [self.start.day() as i8];
                    let month_days: &[i8] = match (&rule.by_month_day[..], &rule.by_day[..]) {
                        ([], []) => &default,
                        (list, _) => list,
                    };
                    self.month(first, month_days, out);
                }
            }
            Frequency::Yearly => self.year(first.year(), out),
        }
        out.sort_unstable();
        out.dedup();
    }

    /// The days of a month: `BYMONTHDAY` limited by `BYDAY`, or the days of `BYDAY`.
    fn month(&self, first: NaiveDate, month_days: &[i8], out: &mut Vec<NaiveDate>) {
        if month_days.is_empty() {
            let days = first
                .iter_days()
                .take(month_len(first.year(), first.month()) as usize);
            out.extend(days.filter(|day| self.in_by_day(*day, Scope::Month)));
        } else {
            let days = month_days.iter().filter_map(|n| self.month_day(first, *n));
            out.extend(days.filter(|day| self.in_by_day(*day, Scope::Month)));
        }
    }

    /// A day of `BYMONTHDAY`, moved as `SKIP` says where the month doesn't have it. Days counted from the end that lie
    /// before the month are left out always: RFC 7529 speaks of days that don't exist, not of months too short. Beside
    /// `BYWEEKNO` or `BYYEARDAY`, which come before it, `BYMONTHDAY` only limits (RFC 7529, section 4.1): it makes no days
    /// then that could be moved.
    fn month_day(&self, first: NaiveDate, n: i8) -> Option<NaiveDate> {
        let len = month_len(first.year(), first.month());
        if n < 0 {
            return first.with_day(
                (len + 1)
                    .checked_sub(n.unsigned_abs().into())
                    .filter(|day| *day > 0)?,
            );
        }
        if u32::from(n.unsigned_abs()) <= len {
            return first.with_day(n.unsigned_abs().into());
        }
        let limits = !self.rule.by_week_no.is_empty() || !self.rule.by_year_day.is_empty();
        match self.rule.skip {
            _ if limits => None,
            Skip::Omit => None,
            Skip::Backward => first.with_day(len),
            Skip::Forward => first.with_day(len)?.succ_opt(),
        }
    }

    fn year(&self, year: i32, out: &mut Vec<NaiveDate>) {
        let rule = self.rule;
        let by_day_scope = if rule.by_month.is_empty() {
            Scope::Year
        } else {
            Scope::Month
        };
        let bare =
            rule.by_week_no.is_empty() && rule.by_year_day.is_empty() && rule.by_day.is_empty();
        let default = [self.start.day() as i8];
        let month_days: &[i8] = if bare && rule.by_month_day.is_empty() {
            &default
        } else {
            &rule.by_month_day
        };
        if !month_days.is_empty() {
            let only = [self.start.month() as u8];
            let all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
            let months: &[u8] = match (&rule.by_month[..], &rule.by_month_day[..]) {
                ([], []) => &only,
                ([], _) => &all,
                (list, _) => list,
            };
            for month in months {
                let Some(first) = NaiveDate::from_ymd_opt(year, (*month).into(), 1) else {
                    continue;
                };
                out.extend(
                    month_days
                        .iter()
                        .filter_map(|n| self.month_day(first, *n))
                        .filter(|day| {
                            self.in_by_day(*day, by_day_scope)
                                && self.in_year_days(*day)
                                && self.in_weeks(*day)
                        }),
                );
            }
            return;
        }
        let Some(first) = NaiveDate::from_ymd_opt(year, 1, 1) else {
            return;
        };
        // A week number alone leaves the day of the week open: the start's.
        let own_weekday = rule.by_day.is_empty() && rule.by_year_day.is_empty();
        out.extend(
            first
                .iter_days()
                .take_while(|day| day.year() == year)
                .filter(|day| {
                    self.in_months(*day)
                        && self.in_year_days(*day)
                        && (!own_weekday || day.weekday() == self.start.weekday())
                        && self.in_by_day(*day, by_day_scope)
                        && self.in_weeks(*day)
                }),
        );
    }

    /// Whether a day passes all parts that limit days in a daily or hourly rule.
    pub(super) fn admits(&self, day: NaiveDate) -> bool {
        self.in_months(day)
            && self.in_month_days(day)
            && self.in_year_days(day)
            && self.in_by_day(day, Scope::Month)
    }

    /// The first day from `day` on that [`Expander::admits`], searched as far as `last`.
    pub(super) fn next_admitted(&self, day: NaiveDate, last: NaiveDate) -> Option<NaiveDate> {
        day.iter_days()
            .take_while(|day| *day <= last)
            .find(|day| self.admits(*day))
    }

    fn in_months(&self, day: NaiveDate) -> bool {
        self.rule.by_month.is_empty()
            || self
                .rule
                .by_month
                .iter()
                .any(|m| u32::from(*m) == day.month())
    }

    fn in_month_days(&self, day: NaiveDate) -> bool {
        let list = &self.rule.by_month_day;
        if list.is_empty() {
            return true;
        }
        let (n, len) = (
            day.day() as i64,
            i64::from(month_len(day.year(), day.month())),
        );
        list.iter()
            .any(|want| i64::from(*want) == n || i64::from(*want) == n - len - 1)
    }

    fn in_year_days(&self, day: NaiveDate) -> bool {
        let list = &self.rule.by_year_day;
        if list.is_empty() {
            return true;
        }
        let (n, len) = (i64::from(day.ordinal()), year_len(day.year()));
        list.iter()
            .any(|want| i64::from(*want) == n || i64::from(*want) == n - len - 1)
    }

    fn in_by_day(&self, day: NaiveDate, scope: Scope) -> bool {
        let list = &self.rule.by_day;
        if list.is_empty() {
            return true;
        }
        list.iter()
            .filter(|by| by.weekday == day.weekday())
            .any(|by| {
                let Some(ordinal) = by.ordinal else {
                    return true;
                };
                let (n, len) = match scope {
                    Scope::Month => (
                        i64::from(day.day0()),
                        i64::from(month_len(day.year(), day.month())),
                    ),
                    Scope::Year => (i64::from(day.ordinal0()), year_len(day.year())),
                };
                if ordinal > 0 {
                    n / 7 + 1 == i64::from(ordinal)
                } else {
                    -((len - 1 - n) / 7) - 1 == i64::from(ordinal)
                }
            })
    }

    /// Weeks begin on `WKST`; week 1 is the first with at least four days in its year.
    fn in_weeks(&self, day: NaiveDate) -> bool {
        let list = &self.rule.by_week_no;
        if list.is_empty() {
            return true;
        }
        let year = [day.year() + 1, day.year()]
            .into_iter()
            .find(|year| {
                self.first_week(*year)
                    .is_some_and(|first| first <= day_number(day))
            })
            .unwrap_or(day.year() - 1);
        let (Some(first), Some(next)) = (self.first_week(year), self.first_week(year + 1)) else {
            return false;
        };
        let (week, weeks) = ((day_number(day) - first) / 7 + 1, (next - first) / 7);
        list.iter()
            .any(|want| i64::from(*want) == week || i64::from(*want) == week - weeks - 1)
    }

    /// The day number on which week 1 of a year begins.
    fn first_week(&self, year: i32) -> Option<i64> {
        let fourth = day_number(NaiveDate::from_ymd_opt(year, 1, 4)?);
        let shift = week_shift(self.rule.wkst);
        Some((fourth - shift).div_euclid(7) * 7 + shift)
    }
}

/// Days since 0001-01-01, which was a Monday.
fn day_number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 1
}

fn day_at(number: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(number.checked_add(1)?).ok()?)
}

fn week_shift(wkst: Weekday) -> i64 {
    wkst.num_days_from_monday().into()
}

pub(super) fn month_len(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year_len(year) == 366 => 29,
        2 => 28,
        _ => 31,
    }
}

fn year_len(year: i32) -> i64 {
    if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) {
        366
    } else {
        365
    }
}
