//! Dates and times: calendar fields for the guest, counts since 2000-01-01 on the wire.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::Failure;

const DAY: i64 = 86_400_000_000;
/// From 1970-01-01 to 2000-01-01, in days and in seconds.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_SECONDS: i64 = 946_684_800;

/// Days since 2000-01-01.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Date(i32);

/// Microseconds since midnight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Time(i64);

/// Microseconds since 2000-01-01, without a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DateTime(i64);

/// Microseconds since 2000-01-01 in UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instant(i64);

type DateFields = (i32, u8, u8);
type TimeFields = (u8, u8, u8, u32);
type DateTimeFields = (i32, u8, u8, u8, u8, u8, u32);

impl Date {
    pub(super) fn new((year, month, day): DateFields) -> Result<Self, String> {
        let invalid = || format!("there is no date {year}-{month:02}-{day:02}");
        let days = days(year, month, day).ok_or_else(invalid)? - EPOCH_DAYS;
        days.try_into().map(Self).map_err(|_| invalid())
    }

    pub(super) fn fields(self) -> Result<DateFields, String> {
        if matches!(self.0, i32::MIN | i32::MAX) {
            return Err("an infinite date has no form in spin:postgres".to_owned());
        }
        fields(i64::from(self.0) + EPOCH_DAYS)
    }
}

impl Time {
    pub(super) fn new((hour, minute, second, nanosecond): TimeFields) -> Result<Self, String> {
        if hour > 23 || minute > 59 || second > 59 || nanosecond > 999_999_999 {
            return Err(format!(
                "there is no time {hour:02}:{minute:02}:{second:02} and {nanosecond} ns"
            ));
        }
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Ok(Self(seconds * 1_000_000 + i64::from(nanosecond / 1000)))
    }

    pub(super) fn fields(self) -> Result<TimeFields, String> {
        let part = |value: i64| u8::try_from(value).map_err(|error| error.to_string());
        let seconds = self.0.div_euclid(1_000_000);
        let micros = u32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or_default();
        Ok((
            part(seconds / 3600)?,
            part(seconds / 60 % 60)?,
            part(seconds % 60)?,
            micros * 1000,
        ))
    }
}

impl DateTime {
    pub(super) fn new(
        (year, month, day, hour, minute, second, nanosecond): DateTimeFields,
    ) -> Result<Self, String> {
        let Date(days) = Date::new((year, month, day))?;
        let Time(micros) = Time::new((hour, minute, second, nanosecond))?;
        i64::from(days)
            .checked_mul(DAY)
            .and_then(|days| days.checked_add(micros))
            .map(Self)
            .ok_or_else(|| format!("the year {year} is too far away for a timestamp"))
    }

    pub(super) fn fields(self) -> Result<DateTimeFields, String> {
        if matches!(self.0, i64::MIN | i64::MAX) {
            return Err("an infinite timestamp has no form in spin:postgres".to_owned());
        }
        let (year, month, day) = fields(self.0.div_euclid(DAY) + EPOCH_DAYS)?;
        let (hour, minute, second, nanosecond) = Time(self.0.rem_euclid(DAY)).fields()?;
        Ok((year, month, day, hour, minute, second, nanosecond))
    }
}

impl Instant {
    pub(super) fn new(unix_seconds: i64) -> Result<Self, String> {
        unix_seconds
            .checked_sub(EPOCH_SECONDS)
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .map(Self)
            .ok_or_else(|| format!("the timestamp {unix_seconds} is too far away"))
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, if there is such a date.
///
/// Years are counted from March, so that the leap day is a year's last day.
fn days(year: i32, month: u8, day: u8) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The date that is so many days after 1970-01-01.
fn fields(days: i64) -> Result<DateFields, String> {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let fault = |error: std::num::TryFromIntError| error.to_string();
    Ok((
        year.try_into().map_err(fault)?,
        month.try_into().map_err(fault)?,
        day.try_into().map_err(fault)?,
    ))
}

macro_rules! on_the_wire {
    ($name:ident, $integer:ty, $($kind:ident)|+) => {
        impl ToSql for $name {
            fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
                out.put_slice(&self.0.to_be_bytes());
                Ok(IsNull::No)
            }

            fn accepts(kind: &Type) -> bool {
                matches!(*kind, $(Type::$kind)|+)
            }

            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $name {
            fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
                Ok(Self(<$integer>::from_be_bytes(raw.try_into()?)))
            }

            fn accepts(kind: &Type) -> bool {
                matches!(*kind, $(Type::$kind)|+)
            }
        }
    };
}

on_the_wire!(Date, i32, DATE);
on_the_wire!(Time, i64, TIME);
on_the_wire!(DateTime, i64, TIMESTAMP);
on_the_wire!(Instant, i64, TIMESTAMPTZ);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_comes_back_as_it_went_in() {
        assert_eq!(Date::new((2000, 1, 1)), Ok(Date(0)));
        assert_eq!(Date::new((1970, 1, 1)), Ok(Date(-10_957)));
        for start in [-2_451_545, -800_000, -1000, 0, 8_000, 2_000_000_000] {
            let mut before = None;
            for day in start..start + 1500 {
                let fields = Date(day).fields().expect("a date");
                assert!(before < Some(fields), "{before:?} {fields:?}");
                assert_eq!(Date::new(fields), Ok(Date(day)));
                before = Some(fields);
            }
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for fields in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 4, 31),
            (2024, 1, 0),
            (i32::MAX, 1, 1),
        ] {
            assert!(Date::new(fields).is_err(), "{fields:?}");
        }
        assert!(Time::new((24, 0, 0, 0)).is_err());
        assert!(Time::new((0, 0, 0, 1_000_000_000)).is_err());
        assert!(DateTime::new((1_000_000, 1, 1, 0, 0, 0, 0)).is_err());
        assert!(Instant::new(i64::MAX).is_err());
        assert!(Date(i32::MAX).fields().is_err());
        assert!(DateTime(i64::MIN).fields().is_err());
    }

    #[test]
    fn times_before_the_epoch_have_positive_parts() {
        let fields = (1969, 12, 31, 23, 59, 59, 999_999_000);
        let time = DateTime::new(fields).expect("a time");
        assert_eq!(time.fields(), Ok(fields));
        assert_eq!(Instant::new(0), Ok(Instant(-946_684_800_000_000)));
    }
}
