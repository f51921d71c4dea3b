//! Quiet hours: the part of the day in which nothing outside the app may ring.

use chrono::{Days, NaiveTime};

use crate::error::Error;
use crate::time::{Instant, Zone, resolve, time_of_day, today};

/// A daily window by the clocks of a zone, from `from` until just before `until`. Where `until` is the earlier of the
/// two, the window goes over midnight; where they are equal, there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quiet {
    from: NaiveTime,
    until: NaiveTime,
}

impl Quiet {
    /// From two times of day, `22:00` and `07:30`.
    pub fn new(from: &str, until: &str) -> Result<Self, Error> {
        Ok(Self {
            from: time_of_day(from)?,
            until: time_of_day(until)?,
        })
    }

    /// When the quiet that reigns at `at` ends; `None` where none reigns. What begins or ends in a gap of the clocks does
    /// so later by the gap, and of a time that they show twice the first one counts, as everywhere ([`resolve`]).
    pub fn end(&self, at: Instant, zone: Zone) -> Option<Instant> {
        if self.from == self.until {
            return None;
        }
        let day = today(at, zone);
        // A window that covers `at` began today or yesterday.
        [day.pred_opt(), Some(day)]
            .into_iter()
            .flatten()
            .find_map(|first| {
                let last = if self.until < self.from {
                    first.checked_add_days(Days::new(1))?
                } else {
                    first
                };
                let from = resolve(first.and_time(self.from), zone);
                let until = resolve(last.and_time(self.until), zone);
                (from <= at && at < until).then_some(until)
            })
    }
}
