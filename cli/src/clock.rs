//! Now, and whose days and hours count. Passed in everywhere, so that a test can choose both.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use punctual_domain::time::{resolve, to_local};
use punctual_domain::{Instant, Zone};

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub now: DateTime<Utc>,
    pub zone: Zone,
}

impl Clock {
    pub fn system(zone: Zone) -> Self {
        Self {
            now: Utc::now(),
            zone,
        }
    }

    pub fn local(&self) -> NaiveDateTime {
        self.shows(self.now)
    }

    /// What the clocks of its zone show at an instant.
    pub fn shows(&self, at: DateTime<Utc>) -> NaiveDateTime {
        to_local(Instant::from_micros(at.timestamp_micros()), self.zone)
    }

    pub fn today(&self) -> NaiveDate {
        self.local().date()
    }

    /// A wall time's instant, as the service takes it: in a fold the first one counts, in a gap it moves forward by
    /// the gap. None at the calendar's end.
    pub fn instant(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(resolve(local, self.zone).micros())
    }
}

/// The computer's IANA zone. UTC where it can't be told, or where its name is not known.
pub fn system_zone() -> Zone {
    iana_time_zone::get_timezone()
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Zone::UTC)
}

/// For clap.
pub fn parse_zone(text: &str) -> Result<Zone, String> {
    text.parse()
        .map_err(|_| "not an IANA zone; they look like Europe/Berlin or UTC".to_owned())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// `at("2026-11-23T09:50:00", "Europe/Berlin")`: a clock that shows this wall time.
    pub fn at(local: &str, zone: &str) -> Clock {
        let zone: Zone = zone.parse().unwrap();
        let local: NaiveDateTime = local.parse().unwrap();
        let now = Clock::system(zone).instant(local).unwrap();
        Clock { now, zone }
    }

    #[test]
    fn a_time_in_a_gap_moves_forward_by_the_gap_and_in_a_fold_the_first_counts() {
        let clock = at("2026-01-01T00:00:00", "Europe/Berlin");
        let instant = |text: &str| clock.instant(text.parse().unwrap()).unwrap().to_rfc3339();
        assert_eq!(
            instant("2026-03-29T02:30:00"),
            "2026-03-29T01:30:00+00:00",
            "03:30 summer time"
        );
        assert_eq!(
            instant("2026-10-25T02:30:00"),
            "2026-10-25T00:30:00+00:00",
            "the first 02:30"
        );
        assert_eq!(instant("2026-07-01T12:00:00"), "2026-07-01T10:00:00+00:00");
    }

    #[test]
    fn a_zone_is_checked_by_name() {
        assert_eq!(
            parse_zone("Asia/Kathmandu").unwrap().name(),
            "Asia/Kathmandu"
        );
        assert!(parse_zone("Berlin").is_err());
    }
}
