//! A calendar for the proofs, with none of the product's code in it: a rule is a question about a day, and all days are
//! asked one after the other.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday,
};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::{RngExt, seq::IndexedRandom};

/// On which days a rule comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Every so many days.
    Days(u32),
    /// In every n-th week, on these weekdays.
    Weeks(u32, Vec<Weekday>),
    /// In every n-th month, on that day; a negative one counts from the end. A month without it has none.
    MonthDay(u32, i32),
    /// In every n-th month, on the n-th such weekday, from the end where that is negative.
    MonthNth(u32, i32, Weekday),
    /// On the last day from Monday to Friday of each month.
    LastWorkday,
    /// Every year, on that day of that month; 29 February in leap years alone.
    Year(u32, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Never,
    Count(u32),
    /// The last day.
    Until(NaiveDate),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub kind: Kind,
    pub end: End,
}

fn short(day: Weekday) -> String {
    let mut name = day.to_string().to_uppercase();
    name.truncate(2);
    name
}

fn month_length(day: NaiveDate) -> u32 {
    let first = day.with_day(1).expect("a first day");
    let next = first.checked_add_months(Months::new(1)).expect("a month");
    u32::try_from((next - first).num_days()).expect("days")
}

fn months(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

fn monday(day: NaiveDate) -> NaiveDate {
    day - Days::new(day.weekday().num_days_from_monday().into())
}

/// From either end: 1 is the first and -1 the last of `of`.
fn is_nth(nth: i32, index: u32, of: u32) -> bool {
    let (index, of) = (index.cast_signed(), of.cast_signed());
    nth == index || nth == index - of - 1
}

impl Kind {
    /// Whether a rule that starts on `start` comes on `day`, which is not before it.
    pub fn is_on(&self, start: NaiveDate, day: NaiveDate) -> bool {
        let every = |n: u32, passed: i64| passed % i64::from(n) == 0;
        let in_month = |n: u32| every(n, (months(day) - months(start)).into());
        match self {
            Self::Days(n) => every(*n, (day - start).num_days()),
            Self::Weeks(n, weekdays) => {
                every(*n, (monday(day) - monday(start)).num_weeks())
                    && weekdays.contains(&day.weekday())
            }
            Self::MonthDay(n, nth) => in_month(*n) && is_nth(*nth, day.day(), month_length(day)),
            Self::MonthNth(n, nth, weekday) => {
                let before = (day.day() - 1) / 7;
                let after = (month_length(day) - day.day()) / 7;
                in_month(*n)
                    && day.weekday() == *weekday
                    && is_nth(*nth, before + 1, before + after + 1)
            }
            Self::LastWorkday => {
                let workday = |day: NaiveDate| day.weekday().num_days_from_monday() < 5;
                let rest =
                    (day.day() + 1..=month_length(day)).filter_map(|later| day.with_day(later));
                workday(day) && !rest.into_iter().any(workday)
            }
            Self::Year(month, of) => (day.month(), day.day()) == (*month, *of),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Days(n) => format!("FREQ=DAILY;INTERVAL={n}"),
            Self::Weeks(n, weekdays) => {
                let days: Vec<String> = weekdays.iter().copied().map(short).collect();
                format!("FREQ=WEEKLY;INTERVAL={n};BYDAY={}", days.join(","))
            }
            Self::MonthDay(n, nth) => format!("FREQ=MONTHLY;INTERVAL={n};BYMONTHDAY={nth}"),
            Self::MonthNth(n, nth, day) => {
                format!("FREQ=MONTHLY;INTERVAL={n};BYDAY={nth}{}", short(*day))
            }
            Self::LastWorkday => "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1".to_owned(),
            Self::Year(month, day) => format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}"),
        }
    }

    pub fn random(random: &mut StdRng) -> Self {
        const ALL: [Weekday; 7] = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        let some = |random: &mut StdRng| ALL[random.random_range(0..7)];
        match random.random_range(0..12) {
            0..4 => Self::Days(*[1, 1, 2, 3, 10].choose(random).expect("one")),
            4..8 => {
                let mut days: Vec<Weekday> = ALL
                    .iter()
                    .copied()
                    .filter(|_| random.random_range(0..3) == 0)
                    .collect();
                if days.is_empty() {
                    days.push(some(random));
                }
                Self::Weeks(random.random_range(1..4), days)
            }
            8 => Self::MonthDay(
                1,
                *[1, 15, 28, 29, 30, 31, -1, -2].choose(random).expect("one"),
            ),
            9 => Self::MonthDay(2, *[1, 15, 28, -1].choose(random).expect("one")),
            10 => Self::MonthNth(
                1,
                *[1, 2, 3, 4, -1, -2].choose(random).expect("one"),
                some(random),
            ),
            _ if random.random_bool(0.5) => Self::LastWorkday,
            _ => Self::Year(random.random_range(1..13), random.random_range(1..29)),
        }
    }
}

impl Rule {
    pub fn text(&self, timed: bool) -> String {
        let end = match self.end {
            End::Never => String::new(),
            End::Count(count) => format!(";COUNT={count}"),
            End::Until(day) if timed => format!(";UNTIL={}T235959", day.format("%Y%m%d")),
            End::Until(day) => format!(";UNTIL={}", day.format("%Y%m%d")),
        };
        format!("{}{end}", self.kind.text())
    }

    /// The first day from `from` on which a rule of this kind can start.
    pub fn first(kind: &Kind, from: NaiveDate) -> NaiveDate {
        from.iter_days()
            .find(|day| kind.is_on(*day, *day))
            .expect("it comes true")
    }

    /// The days from `start` until `last`, each with its number from 1.
    pub fn days(
        &self,
        start: NaiveDate,
        last: NaiveDate,
    ) -> impl Iterator<Item = (u32, NaiveDate)> {
        let (last, most) = match self.end {
            End::Never => (last, u32::MAX),
            End::Count(count) => (last, count),
            End::Until(day) => (last.min(day), u32::MAX),
        };
        start
            .iter_days()
            .take_while(move |day| *day <= last)
            .filter(move |day| self.kind.is_on(start, *day))
            .zip(1..=most)
            .map(|(day, number)| (number, day))
    }
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Day(NaiveDate),
    Time(NaiveDateTime),
}

impl Due {
    pub fn new(day: NaiveDate, time: Option<NaiveTime>) -> Self {
        time.map_or(Self::Day(day), |time| Self::Time(day.and_time(time)))
    }

    pub fn text(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Time(at) => at.format("%Y-%m-%dT%H:%M").to_string(),
        }
    }

    /// Overdue from then on.
    pub fn instant(self, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Day(day) => instant((day + Days::new(1)).and_time(NaiveTime::MIN), zone),
            Self::Time(at) => instant(at, zone),
        }
    }

    /// So many days before it on the wall, then so many seconds elapsed; of a day from its morning.
    pub fn before(self, days: u32, seconds: i64, morning: NaiveTime, zone: Tz) -> DateTime<Utc> {
        let local = match self {
            Self::Day(day) => day.and_time(morning),
            Self::Time(at) => at,
        };
        instant(local - Days::new(days.into()), zone) - TimeDelta::seconds(seconds)
    }
}

/// RFC 5545, section 3.3.5: of a time that the clocks show twice the first one, and one that they leave out as if they had
/// not been put forward.
pub fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let earliest = |local: NaiveDateTime| local.and_local_timezone(zone).earliest();
    if let Some(at) = earliest(local) {
        return at.to_utc();
    }
    let mut back = TimeDelta::zero();
    loop {
        back += TimeDelta::minutes(15);
        if let Some(at) = earliest(local - back) {
            return at.to_utc() + back;
        }
    }
}
