//! Recurrence after RFC 5545 (`RRULE`, `RDATE`, `EXDATE`) with the month ends of RFC 7529 (`SKIP`).
//!
//! Rules of days and longer live on the wall: "every day at 09:00" is 09:00 whatever the clocks do, and a time that
//! falls into a DST gap is still that day's occurrence ([`crate::time::resolve`] says when it comes). Hourly rules live
//! in elapsed time.
//!
//! What bounds the work: a search gives up after [`MAX_EMPTY_YEARS`] without a match, after 10,000 hours of an hourly
//! rule that had to be tried one by one, and at the end of the year 9999.

mod expand;
mod rule;
mod walk;

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

pub use rule::{ByDay, End, Frequency, Rule, Skip, Until};
pub use walk::MAX_EMPTY_YEARS;
use walk::{Grid, Walk};

use crate::error::Error;
use crate::time::{Instant, Local, Zone, due_instant};

/// A rule with all it takes to name its occurrences. [`Recurrence::new`] refuses what makes no sense; one that was put
/// together by hand still ends and panics nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// The rule.
    pub rule: Rule,
    /// Occurrence 1, whether it fits the rule or not (`DTSTART`).
    pub start: Local,
    /// Occurrences that are left out but counted (`EXDATE`). A date leaves out all of that day.
    pub exdates: Vec<Local>,
    /// The same by key: in an hourly rule only the instant tells the two equal local times of a fold apart.
    pub exkeys: Vec<String>,
    /// Occurrences besides the rule's, after the start; not counted by `COUNT`, not ended by `UNTIL` (`RDATE`). A date
    /// in a series with times means the start's time on that date.
    pub rdates: Vec<Local>,
    /// Single occurrences that are due at another time than the rule says: their keys, and when (`RECURRENCE-ID`). They
    /// keep their place in the order.
    pub moved: BTreeMap<String, Local>,
    /// The zone in which the start is meant.
    pub zone: Zone,
}

/// One occurrence of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// Its number in the rule, from 1, left-out ones counted. An `RDATE` has the number of the rule's last occurrence
    /// before it, so that adding one changes no other number.
    pub number: u32,
    /// When it is due, as the wall shows it.
    pub at: Local,
    /// What names it for ever, unique in its series: the local time as text, or the instant
    /// (`2026-10-25T00:30:00.000Z`) in hourly rules, where the same local time can come twice.
    pub key: String,
    /// From when on it is overdue: the time itself, or the end of the local day for a date. Take this instead of
    /// resolving `at`: in an hourly rule only this tells the two equal local times of a fold apart.
    pub due_at: Instant,
}

/// What a stored occurrence is known by: its nominal key, whatever its due was moved to, and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccurrenceRef {
    /// [`Occurrence::key`].
    pub key: String,
    /// [`Occurrence::number`].
    pub number: u32,
}

impl OccurrenceRef {
    /// A reference to the occurrence of that key and number.
    pub fn new(key: impl Into<String>, number: u32) -> Self {
        OccurrenceRef {
            key: key.into(),
            number,
        }
    }
}

impl From<&Occurrence> for OccurrenceRef {
    fn from(occurrence: &Occurrence) -> Self {
        OccurrenceRef {
            key: occurrence.key.clone(),
            number: occurrence.number,
        }
    }
}

impl Recurrence {
    /// A recurrence without exceptions. An hourly rule needs a start with a time.
    pub fn new(rule: Rule, start: Local, zone: Zone) -> Result<Self, Error> {
        if rule.is_sub_daily() && start.is_date() {
            return Err(Error::Recurrence(
                "an hourly rule needs a due with a time".to_owned(),
            ));
        }
        Ok(Recurrence {
            rule,
            start,
            exdates: Vec::new(),
            exkeys: Vec::new(),
            rdates: Vec::new(),
            moved: BTreeMap::new(),
            zone,
        })
    }

    /// All occurrences in order, from the start on.
    pub fn occurrences(&self) -> Occurrences<'_> {
        Occurrences::new(self, (Some(Walk::new(self.grid())), 0), i64::MIN)
    }

    /// All occurrences as if an hourly rule began at `begin`, which the local start may not tell (in a fold); of other
    /// rules as [`Recurrence::occurrences`].
    pub(crate) fn occurrences_from(&self, begin: Instant) -> Occurrences<'_> {
        let mut grid = self.grid();
        if self.rule.is_sub_daily() {
            grid.origin = begin.secs();
        }
        let mut occurrences = Occurrences::new(self, (Some(Walk::new(grid.clone())), 0), i64::MIN);
        occurrences.grid = grid;
        occurrences
    }

    /// The occurrences later than a local time (than the whole day, where that is a date and the series has times).
    ///
    /// Their numbers are right, for which the rule is counted from its start: by calculation for plain hourly, daily and
    /// weekly rules, else period by period. Ends at once where more than 500,000 had to be counted.
    pub fn occurrences_after(&self, after: Local) -> Occurrences<'_> {
        let after = match (after, self.start) {
            (Local::Date(date), Local::DateTime(_)) => Local::DateTime(
                date.and_time(NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default()),
            ),
            (after, _) => after,
        };
        let place = self.grid().place(after);
        Occurrences::new(self, Walk::counted_after(self.grid(), place), place)
    }

    /// The occurrences later than a known one. The numbers go on from its number, so nothing is counted. A key that
    /// can't be read is looked up by its number.
    pub fn occurrences_after_ref(&self, known: &OccurrenceRef) -> Occurrences<'_> {
        let grid = self.grid();
        match grid.place_of_key(&known.key) {
            Some(place) if known.number > 0 => {
                let walk = Walk::after(grid, place, known.number);
                Occurrences::new(self, (Some(walk), known.number), place)
            }
            Some(place) => Occurrences::new(self, Walk::counted_after(grid, place), place),
            None => {
                let mut walk = Walk::new(grid);
                let (mut number, mut place) = (0, i64::MIN);
                while number < known.number.min(100_000) {
                    match walk.step() {
                        Some(step) => (number, place) = step,
                        None => break,
                    }
                }
                Occurrences::new(self, (Some(walk), number), place)
            }
        }
    }

    /// The occurrence a key names, with the number it is known by, whether the rule still has it or not. `None` for a
    /// text that is no key.
    pub fn occurrence(&self, known: &OccurrenceRef) -> Option<Occurrence> {
        let grid = self.grid();
        let place = grid.place_of_key(&known.key)?;
        Some(self.make(&grid, known.number, place))
    }

    /// Where the rule has an occurrence, whatever its due was moved to. `None` for a text that is no key.
    pub fn nominal(&self, known: &OccurrenceRef) -> Option<Local> {
        let grid = self.grid();
        Some(grid.local(grid.place_of_key(&known.key)?))
    }

    /// Whether a text can name an occurrence.
    pub(crate) fn is_key(&self, key: &str) -> bool {
        let grid = self.grid();
        grid.place_of_key(key)
            .is_some_and(|place| grid.key(place) == key)
    }

    /// Whether the first of two keys comes after the second one. A text that is no key does not.
    pub(crate) fn is_later(&self, key: &str, than: &str) -> bool {
        let grid = self.grid();
        let places = (grid.place_of_key(key), grid.place_of_key(than));
        matches!(places, (Some(place), Some(than)) if place > than)
    }

    /// The number of the occurrence that the rule or the extra dates give at this place, left out or not; `None` where
    /// there is none.
    pub(crate) fn number_of(&self, key: &str) -> Option<u32> {
        let grid = self.grid();
        let place = grid.place_of_key(key)?;
        let before = place.saturating_sub(1);
        let mut occurrences = Occurrences::new(self, Walk::counted_after(grid, before), before);
        let (number, found) = occurrences.step()?;
        (found == place).then_some(number)
    }

    /// The occurrences after `current` that are due from `from` and before `until`, in the order of their dues, at most
    /// `most`; with `true` those that are left out.
    pub(crate) fn upcoming(
        &self,
        current: &OccurrenceRef,
        from: Instant,
        until: Instant,
        most: usize,
    ) -> Vec<(Occurrence, bool)> {
        const DAY: i64 = 86_400;
        let grid = self.grid();
        let Some(open) = grid.place_of_key(&current.key) else {
            return Vec::new();
        };
        // No zone ever jumped by more than a day, and a date is due at its end.
        let begin = self.place_at(from).saturating_sub(2 * DAY);
        let mut occurrences = if begin > open {
            Occurrences::new(self, Walk::counted_after(grid.clone(), begin), begin)
        } else {
            self.occurrences_after_ref(current)
        };
        let due = |one: &Occurrence| from <= one.due_at && one.due_at < until;
        let mut found = Vec::new();
        while found.len() < most {
            let Some(place) = occurrences.step() else {
                break;
            };
            if occurrences.is_moved(place.1) {
                continue;
            }
            let one = occurrences.at(place);
            if one.due_at >= until {
                break;
            }
            if due(&one) {
                let out = occurrences.is_left_out(place.1);
                found.push((one, out));
            }
        }
        for key in self.moved.keys() {
            let place = grid.place_of_key(key).filter(|place| *place > open);
            let (Some(place), Some(number)) = (place, self.number_of(key)) else {
                continue;
            };
            let one = self.make(&grid, number, place);
            if due(&one) {
                let out = occurrences.is_left_out(place);
                found.push((one, out));
            }
        }
        found.sort_by(|(a, _), (b, _)| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
        found.truncate(most);
        found
    }

    /// Those after `current` that were moved and not left out, in the rule's order. Their numbers are not counted: 0.
    pub(crate) fn moved_after(&self, current: &OccurrenceRef) -> Vec<Occurrence> {
        let grid = self.grid();
        let Some(open) = grid.place_of_key(&current.key) else {
            return Vec::new();
        };
        let occurrences = Occurrences::new(self, (None, 0), open);
        let moved = occurrences.moved.iter().copied();
        moved
            .filter(|place| *place > open && !occurrences.is_left_out(*place))
            .map(|place| self.make(&grid, 0, place))
            .collect()
    }

    /// The key an occurrence at this local time has (the first of the two in a fold).
    pub fn key_of(&self, at: Local) -> String {
        let grid = self.grid();
        grid.key(grid.place(at))
    }

    /// The place of an instant, to compare with: exact for hourly rules, else what the wall shows then.
    fn place_at(&self, instant: Instant) -> i64 {
        if self.rule.is_sub_daily() {
            instant.secs()
        } else {
            crate::time::to_local(instant, self.zone)
                .and_utc()
                .timestamp()
        }
    }

    fn grid(&self) -> Grid<'_> {
        Grid::new(&self.rule, self.start, self.zone)
    }

    fn make(&self, grid: &Grid<'_>, number: u32, place: i64) -> Occurrence {
        let key = grid.key(place);
        let (at, due_at) = match (self.moved.get(&key), grid.local(place)) {
            (Some(moved), _) => (*moved, due_instant(*moved, self.zone)),
            (None, at @ Local::Date(_)) => (at, due_instant(at, self.zone)),
            (None, at @ Local::DateTime(_)) => (at, grid.instant(place)),
        };
        Occurrence {
            number,
            at,
            key,
            due_at,
        }
    }
}

/// Iterator over occurrences; see [`Recurrence::occurrences`].
#[derive(Debug, Clone)]
pub struct Occurrences<'a> {
    recurrence: &'a Recurrence,
    grid: Grid<'a>,
    /// The rule's own sequence; `None` when it has ended.
    walk: Option<Walk<'a>>,
    /// The rule's next occurrence, if it was looked at already.
    upcoming: Option<(u32, i64)>,
    /// Extra places, the next one last.
    extra: Vec<i64>,
    /// The number of the rule's last occurrence.
    number: u32,
    excluded: Vec<i64>,
    excluded_days: Vec<NaiveDate>,
    /// The places of those that were moved.
    moved: Vec<i64>,
}

impl<'a> Occurrences<'a> {
    /// After that place, with a walk that begins there and the number of the rule's last occurrence before it.
    fn new(
        recurrence: &'a Recurrence,
        (walk, number): (Option<Walk<'a>>, u32),
        after: i64,
    ) -> Self {
        let grid = recurrence.grid();
        let mut extra: Vec<i64> = recurrence
            .rdates
            .iter()
            .map(|at| grid.place(*at))
            .filter(|place| *place > after && *place > grid.origin)
            .collect();
        extra.sort_unstable_by(|a, b| b.cmp(a));
        extra.dedup();
        let (mut excluded, mut excluded_days) = (Vec::new(), Vec::new());
        for at in &recurrence.exdates {
            match (at, recurrence.start) {
                (Local::Date(day), Local::DateTime(_)) => excluded_days.push(*day),
                _ => excluded.push(grid.place(*at)),
            }
        }
        let keys = recurrence.exkeys.iter();
        excluded.extend(keys.filter_map(|key| grid.place_of_key(key)));
        excluded.sort_unstable();
        excluded_days.sort_unstable();
        let mut moved: Vec<i64> = recurrence
            .moved
            .keys()
            .filter_map(|key| grid.place_of_key(key))
            .collect();
        moved.sort_unstable();
        Occurrences {
            recurrence,
            grid,
            walk,
            upcoming: None,
            extra,
            number,
            excluded,
            excluded_days,
            moved,
        }
    }

    /// Whether the occurrence at this place is due at another time than its place says.
    pub(crate) fn is_moved(&self, place: i64) -> bool {
        self.moved.binary_search(&place).is_ok()
    }

    /// The rule's next occurrence within `COUNT` and `UNTIL`, without taking it.
    fn peek_rule(&mut self) -> Option<(u32, i64)> {
        if self.upcoming.is_none() {
            let step = self.walk.as_mut().and_then(Walk::step_allowed);
            if step.is_none() {
                self.walk = None;
            }
            self.upcoming = step;
        }
        self.upcoming
    }

    /// The next place, left-out ones too.
    fn step(&mut self) -> Option<(u32, i64)> {
        let rule = self.peek_rule();
        match (rule, self.extra.last().copied()) {
            (Some((number, place)), extra) if extra.is_none_or(|extra| place <= extra) => {
                self.upcoming = None;
                self.number = number;
                if extra == Some(place) {
                    self.extra.pop();
                }
                Some((number, place))
            }
            (_, Some(extra)) => {
                self.extra.pop();
                Some((self.number, extra))
            }
            (_, None) => None,
        }
    }

    /// The next number and place that is not left out.
    pub(crate) fn next_place(&mut self) -> Option<(u32, i64)> {
        loop {
            let (number, place) = self.step()?;
            if !self.is_left_out(place) {
                return Some((number, place));
            }
        }
    }

    /// Whether the place is one that is left out.
    fn is_left_out(&self, place: i64) -> bool {
        self.excluded.binary_search(&place).is_ok()
            || (!self.excluded_days.is_empty()
                && self
                    .excluded_days
                    .binary_search(&self.grid.local(place).date())
                    .is_ok())
    }

    /// The place of occurrence 1.
    pub(crate) fn origin(&self) -> i64 {
        self.grid.origin
    }

    /// The place a key names.
    pub(crate) fn place_of_key(&self, key: &str) -> Option<i64> {
        self.grid.place_of_key(key)
    }

    /// The occurrence at a place this iterator gave.
    pub(crate) fn at(&self, (number, place): (u32, i64)) -> Occurrence {
        self.recurrence.make(&self.grid, number, place)
    }

    /// [`Recurrence::place_at`]
    pub(crate) fn place_at(&self, instant: Instant) -> i64 {
        self.recurrence.place_at(instant)
    }
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        let place = self.next_place()?;
        Some(self.at(place))
    }
}

/// The first day or time from `today` on that fits a rule: the due of a task that was given a `repeat` and no `due`.
///
/// A date, or a date-time where the rule says a time (`BYHOUR`, or an hourly rule, whose first hour is midnight).
/// `INTERVAL` does not delay it: "every second Monday" begins with the next Monday. `None` when the rule never matches
/// or `UNTIL` (in UTC, where it is an instant) has passed.
pub fn first_match(rule: &Rule, today: NaiveDate) -> Option<Local> {
    let mut every = rule.clone();
    every.interval = 1;
    let timed = rule.has_time() || rule.is_sub_daily();
    let start = if timed {
        Local::DateTime(today.and_time(NaiveTime::MIN))
    } else {
        Local::Date(today)
    };
    // The day before is not asked for; walking from after it makes the start an ordinary candidate.
    let grid = Grid::new(&every, start, Zone::UTC);
    let (_, place) = Walk::matching_from(grid).step()?;
    let found = Grid::new(&every, start, Zone::UTC);
    let at = found.local(place);
    match rule.end {
        End::Until(until) if !until.admits(at, Zone::UTC, || found.instant(place)) => None,
        _ => Some(at),
    }
}
