//! Now, and whose days and hours count. Passed in everywhere, so that a test can choose both.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub now: DateTime<Utc>,
    pub zone: Tz,
}

impl Clock {
    pub fn system(zone: Tz) -> Self {
        Self {
            now: Utc::now(),
            zone,
        }
    }

    pub fn local(&self) -> NaiveDateTime {
        self.now.with_timezone(&self.zone).naive_local()
    }

    pub fn today(&self) -> NaiveDate {
        self.local().date()
    }

    /// A wall time's instant, as the service takes it: in a fold the first one counts, in a gap it moves forward by
    /// the gap. None at the calendar's end.
    pub fn instant(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => {
                Some(time.to_utc())
            }
            MappedLocalTime::None => {
                // The offset that held before the gap; a day is longer than any gap but those of whole days, where
                // the wall clock of the day before serves as well.
                let before = self
                    .zone
                    .offset_from_utc_datetime(&local.checked_sub_signed(TimeDelta::days(1))?);
                let offset = chrono::Offset::fix(&before);
                Some(local.checked_sub_offset(offset)?.and_utc())
            }
        }
    }
}

/// The computer's IANA zone. UTC where it can't be told, or where chrono-tz does not know its name.
pub fn system_zone() -> Tz {
    iana_time_zone::get_timezone()
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Tz::UTC)
}

/// For clap.
pub fn parse_zone(text: &str) -> Result<Tz, String> {
    text.parse()
        .map_err(|_| "not an IANA zone; they look like Europe/Berlin or UTC".to_owned())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// `at("2026-11-23T09:50:00", "Europe/Berlin")`: a clock that shows this wall time.
    pub fn at(local: &str, zone: &str) -> Clock {
        let zone: Tz = zone.parse().unwrap();
        let local: NaiveDateTime = local.parse().unwrap();
        Clock {
            now: zone
                .from_local_datetime(&local)
                .earliest()
                .unwrap()
                .to_utc(),
            zone,
        }
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
        assert_eq!(parse_zone("Asia/Kathmandu").unwrap(), Tz::Asia__Kathmandu);
        assert!(parse_zone("Berlin").is_err());
    }
}
