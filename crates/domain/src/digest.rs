//! The daily digest: when it is told.

use chrono::{Days, NaiveDate, NaiveTime};

use crate::error::Error;
use crate::time::{Instant, Zone, resolve, time_of_day, today};

/// A time of day at which somebody is told what the day holds. In a gap of the clocks it comes later by the gap, and of a
/// time that they show twice the first one counts, as everywhere ([`resolve`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(NaiveTime);

/// One digest: the local day that it is for, and its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Told {
    /// Each has one digest at most.
    pub day: NaiveDate,
    /// When it is to be told.
    pub at: Instant,
}

impl Digest {
    /// From a time of day, `07:30`.
    pub fn new(at: &str) -> Result<Self, Error> {
        Ok(Self(time_of_day(at)?))
    }

    /// The last one that has come by `now`, and the first that has not; `None` at the calendar's ends.
    pub fn around(self, now: Instant, zone: Zone) -> Option<(Told, Told)> {
        let on = |day: NaiveDate| Told {
            day,
            at: resolve(day.and_time(self.0), zone),
        };
        // A gap moves an instant by less than a day: of the neighbours one is on either side.
        let day = today(now, zone);
        let days = [
            day.checked_sub_days(Days::new(2))?,
            day.pred_opt()?,
            day,
            day.succ_opt()?,
            day.checked_add_days(Days::new(2))?,
        ]
        .map(on);
        let last = days.iter().rfind(|told| told.at <= now)?;
        let next = days.iter().find(|told| told.at > now)?;
        Some((*last, *next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::zone;

    fn around(at: &str, now: &str, name: &str) -> (String, String) {
        let now: Instant = now.parse().expect("an instant");
        let zone = zone(name).expect("a zone");
        let digest = Digest::new(at).expect("a time of day");
        let (last, next) = digest.around(now, zone).expect("two digests");
        let said = |told: Told| format!("{} {}", told.day, told.at);
        (said(last), said(next))
    }

    #[test]
    fn a_digest_comes_at_its_time_of_day_and_counts_from_that_instant() {
        let berlin = |now| around("08:00", now, "Europe/Berlin");
        let (last, next) = berlin("2026-11-02T06:59:59.999Z");
        assert_eq!(last, "2026-11-01 2026-11-01T07:00:00.000Z");
        assert_eq!(next, "2026-11-02 2026-11-02T07:00:00.000Z");
        let (last, next) = berlin("2026-11-02T07:00:00Z");
        assert_eq!(last, "2026-11-02 2026-11-02T07:00:00.000Z");
        assert_eq!(next, "2026-11-03 2026-11-03T07:00:00.000Z");
    }

    #[test]
    fn a_digest_in_a_gap_comes_later_by_the_gap_and_of_a_repeated_time_at_the_first() {
        let (last, _) = around("02:30", "2026-03-29T12:00:00Z", "Europe/Berlin");
        assert_eq!(last, "2026-03-29 2026-03-29T01:30:00.000Z");
        let (last, _) = around("02:30", "2026-10-25T12:00:00Z", "Europe/Berlin");
        assert_eq!(last, "2026-10-25 2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn every_day_of_a_year_has_one_digest_in_every_zone_that_moves_its_clocks_at_midnight() {
        for name in [
            "Asia/Beirut",
            "Africa/Cairo",
            "America/Havana",
            "America/Asuncion",
        ] {
            for at in ["00:00", "00:30", "23:30"] {
                let zone = zone(name).expect("a zone");
                let digest = Digest::new(at).expect("a time of day");
                let mut now: Instant = "2024-12-31T12:00:00Z".parse().expect("an instant");
                let mut days = Vec::new();
                for _ in 0..365 {
                    let (_, next) = digest.around(now, zone).expect("two digests");
                    assert!(next.at > now);
                    days.push(next.day);
                    now = next.at;
                }
                let first = days[0];
                let expected: Vec<NaiveDate> = first.iter_days().take(365).collect();
                assert_eq!(days, expected, "{name} {at}");
            }
        }
    }
}
