//! The bare sequence of a rule: its occurrences one after the other as numbers, without texts and zones where they
//! aren't needed.
//!
//! A place in the sequence is a count of seconds. In rules of days and longer it counts local time (as if the local
//! clock were UTC), because these rules live on the wall; in hourly rules it is Unix time, because these live in
//! elapsed time.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::expand::{Expander, LAST_YEAR};
use super::rule::{End, Rule, Until};
use crate::time::{Instant, Local, Zone, day_start, resolve, to_local};

/// A search for the next match gives up after this many years without one (and as many periods, where `INTERVAL` makes
/// them longer than a year): a whole cycle of the Gregorian calendar, in which every combination of month, day and
/// weekday that exists at all has come.
pub const MAX_EMPTY_YEARS: i32 = 400;

/// Hours that are tried one by one before a search in an hourly rule gives up: every second one of two years, in which the
/// clocks were changed to the odd hours and back.
const MAX_EMPTY_HOURS: u32 = 10_000;

/// So many occurrences are counted one by one to learn the number of a later one; after that the search gives up.
const MAX_COUNTED: u32 = 500_000;

/// So many seconds may lie between an instant and what the clocks show, and twice that between two orders of occurrences.
const UNTIL_SLACK: i64 = 3 * 86_400;

/// Where a rule's occurrences lie.
#[derive(Debug, Clone)]
pub(super) struct Grid<'a> {
    rule: &'a Rule,
    zone: Zone,
    pub(super) start: Local,
    /// The place of the start.
    pub(super) origin: i64,
    expander: Expander<'a>,
    /// The times of a day, in order; for rules of days and longer.
    times: Vec<NaiveTime>,
}

impl<'a> Grid<'a> {
    pub(super) fn new(rule: &'a Rule, start: Local, zone: Zone) -> Self {
        let at = start.start();
        let mut times = Vec::new();
        if start.is_date() {
            times.push(NaiveTime::MIN); // BYHOUR and BYMINUTE are ignored for dates: RFC 5545, section 3.3.10
        } else {
            let (hour, minute) = ([at.hour() as u8], [at.minute() as u8]);
            let hours = if rule.by_hour.is_empty() {
                &hour[..]
            } else {
                &rule.by_hour
            };
            let minutes = if rule.by_minute.is_empty() {
                &minute[..]
            } else {
                &rule.by_minute
            };
            for hour in hours {
                for minute in minutes {
                    times.extend(NaiveTime::from_hms_opt(
                        (*hour).into(),
                        (*minute).into(),
                        at.second(),
                    ));
                }
            }
        }
        let mut grid = Grid {
            rule,
            zone,
            start,
            origin: 0,
            expander: Expander::new(rule, start.date()),
            times,
        };
        grid.origin = grid.place(start);
        grid
    }

    fn hourly(&self) -> bool {
        self.rule.is_sub_daily()
    }

    /// The place of a local time; a date stands for its day at the start's time.
    pub(super) fn place(&self, local: Local) -> i64 {
        let at = match (local, self.start) {
            (Local::Date(date), Local::DateTime(start)) => date.and_time(start.time()),
            (Local::DateTime(at), Local::Date(_)) => at.date().and_time(NaiveTime::MIN),
            (local, _) => local.start(),
        };
        if self.hourly() {
            resolve(at, self.zone).secs()
        } else {
            at.and_utc().timestamp()
        }
    }

    /// What the clock of the wall shows at a place.
    pub(super) fn local(&self, place: i64) -> Local {
        let at = if self.hourly() {
            to_local(Instant::from_secs(place), self.zone)
        } else {
            wall(place)
        };
        if self.start.is_date() && !self.hourly() {
            Local::Date(at.date())
        } else {
            Local::DateTime(at)
        }
    }

    /// The instant of a place (for a date: the start of its day).
    pub(super) fn instant(&self, place: i64) -> Instant {
        if self.hourly() {
            Instant::from_secs(place)
        } else {
            resolve(wall(place), self.zone)
        }
    }

    pub(super) fn key(&self, place: i64) -> String {
        if self.hourly() {
            Instant::from_secs(place).to_string()
        } else {
            self.local(place).to_string()
        }
    }

    /// The place a key names. Keys of another kind (an instant in a daily series, a date in one with times) are
    /// understood as the same moment.
    pub(super) fn place_of_key(&self, key: &str) -> Option<i64> {
        if let Ok(local) = key.parse::<Local>() {
            return Some(self.place(local));
        }
        let instant: Instant = key.parse().ok()?;
        if self.hourly() {
            Some(instant.secs())
        } else {
            Some(self.place(Local::DateTime(to_local(instant, self.zone))))
        }
    }

    /// Whether `COUNT` and `UNTIL` allow the occurrence of that number and place.
    fn allows(&self, number: u32, place: i64) -> bool {
        match self.rule.end {
            End::Never => true,
            End::Count(count) => number <= count,
            End::Until(until) => {
                number == 1 || until.admits(self.local(place), self.zone, || self.instant(place))
            }
        }
    }

    /// Whether everything from this occurrence on is behind `COUNT` and `UNTIL`.
    fn is_over(&self, number: u32, place: i64) -> bool {
        match self.rule.end {
            End::Count(count) => number > count,
            _ => self
                .until()
                .is_some_and(|until| place > until + UNTIL_SLACK),
        }
    }

    /// `UNTIL` as a place, give or take [`UNTIL_SLACK`].
    fn until(&self) -> Option<i64> {
        Some(match self.rule.end {
            End::Never | End::Count(_) => return None,
            End::Until(Until::Date(date)) => date.and_time(NaiveTime::MIN).and_utc().timestamp(),
            End::Until(Until::Local(at)) => at.and_utc().timestamp(),
            End::Until(Until::Utc(at)) => at.secs(),
        })
    }

    /// How many occurrences lie in each `cycle` of periods, where that is the same always.
    fn cycle(&self) -> Option<(i64, i64)> {
        if self.hourly() {
            return None;
        }
        let cycle = self.expander.cycle()?;
        let mut period = Period::default();
        let mut count = 0;
        for index in 1..=cycle {
            period.fill(self, index)?;
            count += i64::try_from(period.len()).ok()?;
        }
        Some((cycle, count))
    }
}

fn wall(place: i64) -> NaiveDateTime {
    DateTime::from_timestamp(place, 0)
        .unwrap_or_default()
        .naive_utc()
}

/// The occurrences of one period, not written out: days × times, chosen by `BYSETPOS`.
#[derive(Debug, Clone, Default)]
struct Period {
    days: Vec<NaiveDate>,
    /// Indexes into days × times, in order, if the rule has `BYSETPOS`.
    picked: Option<Vec<usize>>,
    times: usize,
}

impl Period {
    /// `None` beyond the last year.
    fn fill(&mut self, grid: &Grid<'_>, index: i64) -> Option<NaiveDate> {
        let first = grid.expander.first_day(index)?;
        grid.expander.days(first, &mut self.days);
        self.times = grid.times.len();
        self.picked = pick(&grid.rule.by_set_pos, self.days.len() * self.times);
        Some(first)
    }

    fn len(&self) -> usize {
        self.picked
            .as_ref()
            .map_or(self.days.len() * self.times, Vec::len)
    }

    fn get(&self, grid: &Grid<'_>, n: usize) -> Option<i64> {
        let n = match &self.picked {
            Some(picked) => *picked.get(n)?,
            None => n,
        };
        let day = self.days.get(n.checked_div(self.times)?)?;
        let time = grid.times.get(n % self.times)?;
        Some(day.and_time(*time).and_utc().timestamp())
    }
}

/// What `BYSETPOS` takes of `len` candidates.
fn pick(positions: &[i16], len: usize) -> Option<Vec<usize>> {
    if positions.is_empty() {
        return None;
    }
    if len == 0 {
        return Some(Vec::new());
    }
    let mut picked: Vec<usize> = positions
        .iter()
        .filter_map(|position| {
            let n = usize::from(position.unsigned_abs());
            if *position > 0 {
                n.checked_sub(1).filter(|n| *n < len)
            } else {
                len.checked_sub(n)
            }
        })
        .collect();
    picked.sort_unstable();
    picked.dedup();
    Some(picked)
}

/// A walk along the places of a rule, from one on. The start is the first, whether it fits the rule or not; `COUNT` and
/// `UNTIL` are not looked at.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    grid: Grid<'a>,
    /// The number of the occurrence given last; 0 before the start.
    number: u32,
    /// What comes next is later than this.
    last: i64,
    /// The next period to be filled.
    index: i64,
    period: Period,
    next_in_period: usize,
    /// The minutes of an hour of an hourly rule.
    hour: Vec<i64>,
}

impl<'a> Walk<'a> {
    /// From the start on.
    pub(super) fn new(grid: Grid<'a>) -> Self {
        let last = grid.origin.saturating_sub(1);
        Walk {
            grid,
            number: 0,
            last,
            index: 0,
            period: Period::default(),
            next_in_period: 0,
            hour: Vec::new(),
        }
    }

    /// Only what fits the rule, from the start on, the start itself if it fits.
    pub(super) fn matching_from(grid: Grid<'a>) -> Self {
        let mut walk = Walk::new(grid);
        walk.number = 1;
        walk
    }

    /// From after `place` on; the first occurrence given gets the number after `number`. Nothing is counted.
    pub(super) fn after(grid: Grid<'a>, place: i64, number: u32) -> Self {
        let mut walk = Walk::new(grid);
        if place >= walk.grid.origin {
            walk.last = place;
            walk.number = number.max(1);
            walk.index = walk.index_before(place);
        }
        walk
    }

    /// From after `place` on, with the numbers counted from the start: the walk, or `None` when nothing follows, and the
    /// number of the last occurrence before it.
    pub(super) fn counted_after(grid: Grid<'a>, place: i64) -> (Option<Self>, u32) {
        let mut walk = Walk::new(grid.clone());
        if place < grid.origin {
            return (Some(walk), 0);
        }
        walk.step();
        let surely_allowed = grid.until().map_or(i64::MAX, |until| until - UNTIL_SLACK);
        walk.leap(place.min(surely_allowed));
        let mut number = walk.number;
        for _ in 0..MAX_COUNTED {
            match walk.step_allowed() {
                Some((n, at)) if at <= place => number = n,
                Some(_) => return (Some(Walk::after(grid, place, number)), number),
                None => break,
            }
        }
        match grid.rule.end {
            End::Count(count) => (None, number.min(count)),
            _ => (None, number),
        }
    }

    /// Goes from the start over as many whole cycles of periods as lie before `place`, by calculation.
    fn leap(&mut self, place: i64) {
        if self.number != 1 {
            return;
        }
        if self.grid.hourly() {
            if self.plain_hours() {
                let step = self.hours() * 3_600;
                let n = (place - self.grid.origin).div_euclid(step).max(0);
                self.number = u32::try_from(n + 1).unwrap_or(u32::MAX);
                self.last = self.grid.origin + n * step;
                self.index = n + 1;
            }
            return;
        }
        let Some((cycle, count)) = self.grid.cycle() else {
            return;
        };
        // The rest of the first period by hand, then whole cycles, and never the last one.
        let cycles = (self.grid.expander.index_of(wall(place).date()) - 1).div_euclid(cycle) - 1;
        if cycles < 1 {
            return;
        }
        if self.period.fill(&self.grid, 0).is_none() {
            return;
        }
        let rest = (0..self.period.len()).filter_map(|n| self.period.get(&self.grid, n));
        let rest = rest.filter(|at| *at > self.grid.origin).count() as i64;
        self.number = u32::try_from(1 + rest + cycles * count).unwrap_or(u32::MAX);
        self.index = 1 + cycles * cycle;
        if let Some(first) = self.grid.expander.first_day(self.index) {
            self.last = first.and_time(NaiveTime::MIN).and_utc().timestamp() - 1;
        }
        self.period = Period::default();
        self.next_in_period = 0;
    }

    /// A period that begins surely before the one in which what follows `place` lies.
    fn index_before(&self, place: i64) -> i64 {
        let index = if self.grid.hourly() {
            (place - self.hour_origin()).div_euclid(self.hours() * 3_600) - 1
        } else {
            self.grid.expander.index_of(wall(place).date()) - 1
        };
        index.max(0)
    }

    /// The next occurrence's number and place; `None` when there is none within the bounds.
    pub(super) fn step(&mut self) -> Option<(u32, i64)> {
        let at = if self.number == 0 {
            self.grid.origin
        } else if self.grid.hourly() {
            self.step_hours()?
        } else {
            self.step_days()?
        };
        self.number = self.number.checked_add(1)?;
        self.last = at;
        Some((self.number, at))
    }

    /// The next one that `COUNT` and `UNTIL` allow. In and after a gap the wall and `UNTIL`'s instants go in different orders,
    /// so after one that is too late there may come one that isn't; what is left out has no number.
    pub(super) fn step_allowed(&mut self) -> Option<(u32, i64)> {
        loop {
            let (number, place) = self.step()?;
            if self.grid.allows(number, place) {
                return Some((number, place));
            }
            if self.grid.is_over(number, place) {
                return None;
            }
            self.number -= 1;
        }
    }

    fn step_days(&mut self) -> Option<i64> {
        let limit = wall(self.last).year().saturating_add(MAX_EMPTY_YEARS);
        let mut tried = 0;
        loop {
            while self.next_in_period < self.period.len() {
                let at = self.period.get(&self.grid, self.next_in_period);
                self.next_in_period += 1;
                if let Some(at) = at.filter(|at| *at > self.last) {
                    return (wall(at).year() <= LAST_YEAR).then_some(at);
                }
            }
            let first = self.period.fill(&self.grid, self.index)?;
            tried += 1;
            if first.year() > limit && tried > MAX_EMPTY_YEARS {
                return None;
            }
            self.index += 1;
            self.next_in_period = 0;
        }
    }

    fn hours(&self) -> i64 {
        self.grid.rule.interval.into()
    }

    /// Whether every n-th hour counts, so that nothing has to be looked at.
    fn plain_hours(&self) -> bool {
        let rule = self.grid.rule;
        !rule.has_time()
            && rule.by_month.is_empty()
            && rule.by_year_day.is_empty()
            && rule.by_month_day.is_empty()
            && rule.by_day.is_empty()
            && rule.by_set_pos.is_empty()
    }

    /// Where the hours begin: at the start, or at its full local hour if the rule gives the minutes.
    fn hour_origin(&self) -> i64 {
        if self.grid.rule.by_minute.is_empty() {
            self.grid.origin
        } else {
            let at = to_local(Instant::from_secs(self.grid.origin), self.grid.zone);
            self.grid.origin - i64::from(at.minute()) * 60 - i64::from(at.second())
        }
    }

    fn step_hours(&mut self) -> Option<i64> {
        let (origin, step) = (self.hour_origin(), self.hours() * 3_600);
        let last_day = NaiveDate::from_ymd_opt(
            wall(self.last)
                .year()
                .saturating_add(MAX_EMPTY_YEARS)
                .min(LAST_YEAR),
            12,
            31,
        )?;
        let mut tried = 0;
        loop {
            while let Some(at) = self.hour.get(self.next_in_period).copied() {
                self.next_in_period += 1;
                if at > self.last {
                    return Some(at);
                }
            }
            let begin = origin.checked_add(self.index.checked_mul(step)?)?;
            if begin > Instant::MAX.secs() - 86_400 {
                return None;
            }
            self.next_in_period = 0;
            self.hour.clear();
            if self.plain_hours() {
                self.hour.push(begin);
                self.index += 1;
                continue;
            }
            let zone = self.grid.zone;
            let shown = to_local(Instant::from_secs(begin), zone);
            let day = shown.date();
            let admitted = self.grid.expander.next_admitted(day, last_day)?;
            if admitted > day {
                // The hour that leads into an admitted day counts: its later minutes may lie in it.
                let from = day_start(admitted, zone).secs() - 3_600;
                self.index = (self.index + 1).max((from - origin).div_euclid(step));
                if self.minutes_matter(begin, day) {
                    self.fill_hour(begin, shown);
                }
            } else {
                self.fill_hour(begin, shown);
                self.index += (self.hours_to_wait(shown.hour()) * 3_600 / step).max(1);
            }
            tried += 1;
            if tried > MAX_EMPTY_HOURS {
                return None;
            }
        }
    }

    /// So many elapsed hours after a local hour come surely none of `BYHOUR` that day: no zone puts its clocks forward or
    /// back by more than three hours, save at midnight or by a whole day.
    fn hours_to_wait(&self, hour: u32) -> i64 {
        const MOST: u32 = 3;
        let wanted = || self.grid.rule.by_hour.iter().map(|hour| u32::from(*hour));
        let comes_again = wanted().any(|wanted| (wanted..=wanted + MOST).contains(&hour));
        if wanted().next().is_none() || comes_again {
            return 0;
        }
        let next = wanted().filter(|wanted| *wanted > hour).min();
        i64::from(next.unwrap_or(24) - hour) - i64::from(MOST)
    }

    /// Whether an hour that begins on a day that is not admitted may still reach into one that is.
    fn minutes_matter(&self, begin: i64, day: NaiveDate) -> bool {
        !self.grid.rule.by_minute.is_empty()
            && to_local(Instant::from_secs(begin + 3_599), self.grid.zone).date() != day
    }

    /// The places of the hour that begins at `begin`, when the clocks show `first`.
    fn fill_hour(&mut self, begin: i64, first: NaiveDateTime) {
        let Walk { grid, hour, .. } = self;
        let rule = grid.rule;
        let local = |at: i64| to_local(Instant::from_secs(at), grid.zone);
        let hour_fits = |hour: u32| {
            rule.by_hour.is_empty() || rule.by_hour.iter().any(|h| u32::from(*h) == hour)
        };
        if rule.by_minute.is_empty() {
            if hour_fits(first.hour()) && grid.expander.admits(first.date()) {
                hour.push(begin);
            }
        } else {
            let second = i64::from(grid.start.start().second());
            let steady = local(begin + 3_599) - first == TimeDelta::seconds(3_599);
            if steady && first.minute() == 0 && first.second() == 0 {
                if hour_fits(first.hour()) && grid.expander.admits(first.date()) {
                    let minutes = rule.by_minute.iter().map(|minute| i64::from(*minute));
                    hour.extend(minutes.map(|minute| begin + minute * 60 + second));
                }
            } else {
                // The local hour changes within this one, and where it isn't steady, the offset: then each minute is
                // looked up.
                let minutes = rule.by_minute.iter().fold(0_u64, |set, m| set | 1 << m);
                for away in (0..60).map(|minute| minute * 60 + second) {
                    let shown = if steady {
                        first + TimeDelta::seconds(away)
                    } else {
                        local(begin + away)
                    };
                    let fits = minutes >> shown.minute() & 1 == 1
                        && hour_fits(shown.hour())
                        && grid.expander.admits(shown.date());
                    if fits {
                        hour.push(begin + away);
                    }
                }
            }
        }
        if let Some(picked) = pick(&rule.by_set_pos, hour.len()) {
            *hour = picked
                .into_iter()
                .filter_map(|n| hour.get(n).copied())
                .collect();
        }
    }
}
