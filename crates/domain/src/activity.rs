//! What a person got done, day by day.
//!
//! A completion belongs to the local day on which it was lived: by the zone that the account had at that instant. So a
//! later move to another zone changes no day of the past, and a day can be counted again at any time with the same
//! result.

use chrono::{Days, NaiveDate};

use crate::time::{Instant, Zone, day_start, today};

/// The zones that an account has had: each with the instant from which it counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones(Vec<(Instant, Zone)>);

impl Zones {
    /// The first one counts for everything before it, too. `later` is in the order in which they were chosen: where a
    /// clock was set back meanwhile, a zone counts from when the one before it began.
    pub fn new(first: Zone, later: impl IntoIterator<Item = (Instant, Zone)>) -> Self {
        let mut zones = vec![(Instant::MIN, first)];
        let mut last = (Instant::MIN, first);
        for (from, zone) in later {
            if zone != last.1 {
                last = (from.max(last.0), zone);
                zones.push(last);
            }
        }
        Self(zones)
    }

    /// The zone in force at an instant.
    pub fn at(&self, at: Instant) -> Zone {
        self.0
            .iter()
            .rev()
            .find(|(from, _)| *from <= at)
            .or(self.0.first())
            .map_or(Zone::UTC, |(_, zone)| *zone)
    }

    /// The local day of an instant.
    pub fn day(&self, at: Instant) -> NaiveDate {
        today(at, self.at(at))
    }

    /// What belongs to a day: spans, each from its first instant to just before its second. One span, as a rule; in the
    /// week of a move a day may have none, or two.
    pub fn spans(&self, day: NaiveDate) -> Vec<(Instant, Instant)> {
        let ends = self
            .0
            .iter()
            .skip(1)
            .map(|(from, _)| *from)
            .chain([Instant::MAX]);
        let mut spans = Vec::new();
        for ((from, zone), until) in self.0.iter().zip(ends) {
            let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
            let start = day_start(day, *zone).max(*from);
            let end = day_start(next, *zone).min(until);
            if start < end {
                spans.push((start, end));
            }
        }
        spans
    }
}

/// What was completed on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The local date.
    pub date: NaiveDate,
    /// Tasks that were completed.
    pub completed: u32,
    /// How many of them had a due.
    pub with_due: u32,
    /// How many of those were completed at their due, or before.
    pub on_time: u32,
}

/// Consecutive days with at least one completion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streak {
    /// Up to today; as long as nothing has been completed today, up to yesterday.
    pub current: u32,
    /// The longest there ever was.
    pub longest: u32,
}

/// The streak of these days, which are in order. Days without a completion may be left out.
pub fn streak(days: &[Day], today: NaiveDate) -> Streak {
    let mut streak = Streak::default();
    let (mut run, mut last): (u32, Option<NaiveDate>) = (0, None);
    for day in days.iter().filter(|day| day.completed > 0) {
        run = if last.and_then(|last| last.succ_opt()) == Some(day.date) {
            run + 1
        } else {
            1
        };
        last = Some(day.date);
        streak.longest = streak.longest.max(run);
    }
    // A day ahead of today is one that was lived further east.
    let holds = last.is_some_and(|last| {
        last >= today || last.succ_opt().is_some_and(|following| following == today)
    });
    streak.current = if holds { run } else { 0 };
    streak
}

/// The share of what was due that was completed in time, 0 to 1. `None` where nothing had a due.
pub fn on_time_rate(days: &[Day]) -> Option<f64> {
    let sum = |count: fn(&Day) -> u32| days.iter().map(|day| u64::from(count(day))).sum::<u64>();
    let with_due = sum(|day| day.with_due);
    (with_due > 0).then(|| sum(|day| day.on_time) as f64 / with_due as f64)
}

/// Every day from `from` to `until`, both included, with those of `days` in their places. `days` are in order.
pub fn every_day(days: &[Day], from: NaiveDate, until: NaiveDate) -> Vec<Day> {
    from.iter_days()
        .take_while(|date| *date <= until)
        .map(|date| {
            days.binary_search_by_key(&date, |day| day.date)
                .ok()
                .and_then(|at| days.get(at))
                .copied()
                .unwrap_or(Day {
                    date,
                    completed: 0,
                    with_due: 0,
                    on_time: 0,
                })
        })
        .collect()
}
