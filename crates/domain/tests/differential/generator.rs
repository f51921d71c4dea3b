//! Seeded rules with their starts, zones and exceptions; the same seed gives the same ones.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use punctual_domain::time::{to_local, zone};
use punctual_domain::{Instant, Local, Recurrence, Rule, Zone};
use serde::Serialize;

use crate::zones::changes;

/// Zones that skip or repeat midnight or a day, change by half an hour or two hours, move the change every year, or gave
/// it up lately; and some that many people live in.
const ODD_ZONES: [&str; 36] = [
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Asuncion",
    "America/Havana",
    "Pacific/Apia",
    "Europe/Lisbon",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Asia/Tehran",
    "Asia/Amman",
    "Asia/Gaza",
    "Asia/Hebron",
    "Asia/Damascus",
    "America/Santiago",
    "Pacific/Easter",
    "America/Scoresbysund",
    "America/Nuuk",
    "America/Caracas",
    "America/Campo_Grande",
    "Asia/Pyongyang",
    "Asia/Dhaka",
    "Pacific/Kwajalein",
    "Pacific/Fakaofo",
    "Asia/Kathmandu",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Sydney",
    "UTC",
];

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both possible.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn percent(&mut self, chance: i64) -> bool {
        self.between(1, 100) <= chance
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    fn index(&mut self, len: usize) -> usize {
        self.between(0, len as i64 - 1) as usize
    }

    /// A list for a `BY` part: mostly short, sometimes long.
    fn list(&mut self, mut one: impl FnMut(&mut Dice) -> String) -> Vec<String> {
        let most = match self.between(1, 20) {
            1..=14 => 3,
            15..=19 => 8,
            _ => 40,
        };
        let mut list: Vec<String> = Vec::new();
        for _ in 0..self.between(1, most) {
            let new = one(self);
            if !list.contains(&new) {
                list.push(new);
            }
        }
        list
    }

    /// A number or, as often as `chance` says, the same counted from the end.
    fn signed(&mut self, high: i64, chance: i64) -> String {
        let n = self.between(1, high);
        if self.percent(chance) {
            format!("-{n}")
        } else {
            n.to_string()
        }
    }
}

/// A rule in its parts, so that it can be made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub parts: Vec<(&'static str, Vec<String>)>,
    pub start: Local,
    pub zone: Zone,
    pub rdates: Vec<Local>,
    pub exdates: Vec<Local>,
    /// Nothing from this day on is compared.
    pub end: NaiveDate,
    /// So many occurrences at most are compared.
    pub most: usize,
    /// Which occurrence is completed, and when.
    pub done: Vec<(usize, i64)>,
}

/// What the oracle is asked.
#[derive(Serialize)]
pub struct Question<'a> {
    rule: String,
    start: Local,
    zone: &'a str,
    rdates: &'a [Local],
    exdates: &'a [Local],
    end: NaiveDate,
    most: usize,
    done: &'a [(usize, i64)],
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} from {} in {}",
            self.rule_text(),
            self.start,
            self.zone
        )?;
        for (name, list) in [("RDATE", &self.rdates), ("EXDATE", &self.exdates)] {
            let list: Vec<String> = list.iter().map(Local::to_string).collect();
            if !list.is_empty() {
                write!(f, ", {name} {}", list.join(" "))?;
            }
        }
        Ok(())
    }
}

impl Case {
    pub fn rule_text(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, values)| format!("{name}={}", values.join(",")))
            .collect();
        parts.join(";")
    }

    pub fn question(&self) -> Question<'_> {
        Question {
            rule: self.rule_text(),
            start: self.start,
            zone: self.zone.name(),
            rdates: &self.rdates,
            exdates: &self.exdates,
            end: self.end,
            most: self.most,
            done: &self.done,
        }
    }

    /// Ours. `None` for a rule that we refuse.
    pub fn recurrence(&self) -> Option<Recurrence> {
        let rule: Rule = self.rule_text().parse().ok()?;
        let mut recurrence = Recurrence::new(rule, self.start, self.zone).ok()?;
        recurrence.rdates.clone_from(&self.rdates);
        recurrence.exdates.clone_from(&self.exdates);
        Some(recurrence)
    }

    /// The value of a part that has one.
    pub fn part(&self, name: &str) -> Option<&str> {
        let (_, values) = self.parts.iter().find(|(part, _)| *part == name)?;
        values.first().map(String::as_str)
    }

    /// Everything that is smaller by one thing.
    pub fn smaller(&self) -> Vec<Case> {
        let mut found = Vec::new();
        let mut with = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            if case != *self && case.recurrence().is_some() {
                found.push(case);
            }
        };
        with(&|case| case.done.clear());
        with(&|case| case.zone = Zone::UTC);
        with(&|case| case.most = case.most / 2 + 1);
        for n in 0..self.done.len() {
            with(&|case| _ = case.done.remove(n));
        }
        for n in 0..self.rdates.len() {
            with(&|case| _ = case.rdates.remove(n));
        }
        for n in 0..self.exdates.len() {
            with(&|case| _ = case.exdates.remove(n));
        }
        with(&|case| case.start = Local::Date(case.start.date()));
        for (n, (_, values)) in self.parts.iter().enumerate().skip(1) {
            with(&|case| _ = case.parts.remove(n));
            for value in 0..if values.len() > 1 { values.len() } else { 0 } {
                with(&|case| drop(case.parts[n].1.remove(value)));
            }
        }
        found
    }
}

/// Where rules come from.
pub struct Generator {
    pub dice: Dice,
    odd: Vec<Zone>,
    all: Vec<Zone>,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator {
            dice: Dice::new(seed),
            all: Zone::all().collect(),
            odd: ODD_ZONES.iter().map(|name| zone(name).unwrap()).collect(),
        }
    }

    /// One that we take.
    pub fn case(&mut self) -> Case {
        loop {
            let case = self.any_case();
            if case.recurrence().is_some() {
                return case;
            }
        }
    }

    fn any_case(&mut self) -> Case {
        let zone = if self.dice.percent(50) {
            self.dice.one(&self.odd)
        } else {
            self.dice.one(&self.all)
        };
        let freq = self.dice.one(&[
            "YEARLY", "YEARLY", "MONTHLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY",
        ]);
        let at = self.start(zone, freq);
        let dated = freq != "HOURLY" && self.dice.percent(30);
        let start = if dated {
            Local::Date(at.date())
        } else {
            Local::DateTime(at)
        };
        let years = match freq {
            "YEARLY" => self.dice.between(6, 24),
            "MONTHLY" => self.dice.between(2, 12),
            "WEEKLY" => self.dice.between(1, 6),
            "DAILY" => self.dice.between(1, 4),
            _ => 0,
        };
        let days = if freq == "HOURLY" {
            self.dice.one(&[10, 30, 30, 90, 400])
        } else {
            0
        };
        let last = NaiveDate::from_ymd_opt(2100, 1, 1).unwrap();
        let mut case = Case {
            parts: self.parts(freq),
            start,
            zone,
            rdates: Vec::new(),
            exdates: Vec::new(),
            end: (start.date() + Months::new(12 * years as u32) + Days::new(days as u64)).min(last),
            most: 30,
            done: Vec::new(),
        };
        if self.dice.percent(90)
            && let Some(fitting) = case.recurrence().and_then(|r| r.occurrences().nth(1))
            && fitting.at.date() < case.end
        {
            case.start = fitting.at;
        }
        self.exceptions(&mut case);
        case
    }

    fn parts(&mut self, freq: &'static str) -> Vec<(&'static str, Vec<String>)> {
        let dice = &mut self.dice;
        let mut parts = vec![("FREQ", vec![freq.to_owned()])];
        let interval = match dice.between(1, 100) {
            1..=50 => 1,
            51..=90 => dice.between(2, 6),
            91..=98 => dice.between(7, 60),
            _ => dice.between(61, 10_000),
        };
        if interval > 1 {
            parts.push(("INTERVAL", vec![interval.to_string()]));
        }
        let mut add = |dice: &mut Dice, name, chance, one: &dyn Fn(&mut Dice) -> String| {
            if dice.percent(chance) {
                parts.push((name, dice.list(one)));
            }
        };
        let yearly = freq == "YEARLY";
        add(dice, "BYMONTH", 25, &|dice| dice.between(1, 12).to_string());
        if yearly {
            add(dice, "BYWEEKNO", 20, &|dice| match dice.between(1, 3) {
                1 => dice
                    .one(&["1", "2", "51", "52", "53", "-1", "-2", "-51", "-52", "-53"])
                    .to_owned(),
                _ => dice.signed(53, 30),
            });
        }
        if yearly || freq == "HOURLY" {
            add(dice, "BYYEARDAY", 15, &|dice| match dice.between(1, 3) {
                1 => dice
                    .one(&[
                        "1", "59", "60", "61", "365", "366", "-1", "-306", "-307", "-365", "-366",
                    ])
                    .to_owned(),
                _ => dice.signed(366, 30),
            });
        }
        if freq != "WEEKLY" {
            add(dice, "BYMONTHDAY", 30, &|dice| match dice.between(1, 2) {
                1 => dice
                    .one(&[
                        "1", "28", "29", "30", "31", "-1", "-28", "-29", "-30", "-31",
                    ])
                    .to_owned(),
                _ => dice.signed(31, 30),
            });
        }
        let has_month = parts.iter().any(|(name, _)| *name == "BYMONTH");
        let has_week = parts.iter().any(|(name, _)| *name == "BYWEEKNO");
        let widest = match freq {
            "MONTHLY" => 5,
            "YEARLY" if has_month && !has_week => 5,
            "YEARLY" if !has_week => 53,
            _ => 0,
        };
        // Most lists are of one kind: every Monday, or the second Tuesday.
        let numbered = if widest == 0 {
            0
        } else {
            dice.one(&[0, 100, 100, 50])
        };
        let mut add = |dice: &mut Dice, name, chance, one: &dyn Fn(&mut Dice) -> String| {
            if dice.percent(chance) {
                parts.push((name, dice.list(one)));
            }
        };
        add(dice, "BYDAY", 40, &|dice| {
            let day = dice.one(&WEEKDAYS);
            if dice.percent(numbered) {
                format!("{}{day}", dice.signed(widest, 40))
            } else {
                day.to_owned()
            }
        });
        add(dice, "BYHOUR", 20, &|dice| match dice.between(1, 2) {
            1 => dice.between(0, 3).to_string(),
            _ => dice.between(0, 23).to_string(),
        });
        add(dice, "BYMINUTE", 15, &|dice| match dice.between(1, 2) {
            1 => (15 * dice.between(0, 3)).to_string(),
            _ => dice.between(0, 59).to_string(),
        });
        if parts.iter().any(|(name, _)| name.starts_with("BY")) && dice.percent(20) {
            let high = if dice.percent(80) { 5 } else { 366 };
            parts.push(("BYSETPOS", dice.list(|dice| dice.signed(high, 50))));
        }
        if dice.percent(40) {
            parts.push(("WKST", vec![dice.one(&WEEKDAYS).to_owned()]));
        }
        if dice.percent(if matches!(freq, "YEARLY" | "MONTHLY") {
            20
        } else {
            4
        }) {
            parts.push(("RSCALE", vec!["GREGORIAN".to_owned()]));
            parts.push((
                "SKIP",
                vec![
                    dice.one(&["OMIT", "BACKWARD", "BACKWARD", "FORWARD", "FORWARD"])
                        .to_owned(),
                ],
            ));
        }
        if dice.percent(20) {
            parts.push(("COUNT", vec![dice.between(1, 25).to_string()]));
        }
        parts
    }

    /// A start of which an early occurrence comes near a change of the zone's clocks, or any.
    fn start(&mut self, zone: Zone, freq: &str) -> NaiveDateTime {
        let dice = &mut self.dice;
        let first_of = |year: i32| {
            NaiveDate::from_ymd_opt(year, 1, 1)
                .unwrap()
                .and_time(NaiveTime::MIN)
        };
        let year = match dice.between(1, 20) {
            1 => dice.between(1900, 1989),
            2 => dice.between(2038, 2080),
            _ => dice.between(1990, 2037),
        };
        let begin = first_of(year as i32);
        let from = begin.and_utc().timestamp();
        let near = changes(zone, from, from + 366 * 86_400, 86_400);
        if !near.is_empty() && dice.percent(60) {
            let (at, before, after) = dice.one(&near);
            // Inside of the gap or fold as often as close to it.
            let (low, high) = if before < after {
                (at + before, at + after)
            } else {
                (at + after, at + before)
            };
            let local = if dice.percent(50) {
                dice.between(low, high)
            } else {
                dice.between(low - 7_200, high + 7_200)
            };
            let local = to_local(Instant::from_secs(round(dice, local)), Zone::UTC);
            let back = dice.between(0, 4) as u32;
            return match freq {
                "HOURLY" => local - TimeDelta::hours(dice.between(0, 48)),
                "DAILY" => local - Days::new(back.into()),
                "WEEKLY" => local - Days::new(u64::from(7 * back)),
                "MONTHLY" => local - Months::new(back),
                _ => local - Months::new(12 * back),
            };
        }
        // Leap days and month ends more often than they come.
        let seconds = dice.between(0, 365 * 86_400);
        let any = begin + TimeDelta::seconds(round(dice, seconds));
        match dice.between(1, 8) {
            1 => any
                .with_month(1)
                .and_then(|at| at.with_day(dice.one(&[29, 30, 31])))
                .unwrap_or(any),
            2 => NaiveDate::from_ymd_opt(any.year() / 4 * 4, 2, 29)
                .map_or(any, |day| day.and_time(any.time())),
            3 => any
                .with_day(1)
                .map_or(any, |at| at + Months::new(1) - Days::new(1)),
            _ => any,
        }
    }

    /// UNTIL, RDATE, EXDATE and completions, most of them where an occurrence is.
    fn exceptions(&mut self, case: &mut Case) {
        let Some(recurrence) = case.recurrence() else {
            return;
        };
        let list: Vec<_> = recurrence
            .occurrences()
            .take(case.most)
            .take_while(|one| one.at.date() < case.end)
            .collect();
        let dice = &mut self.dice;
        if case.part("COUNT").is_none() && dice.percent(25) {
            let one = &list[dice.index(list.len())];
            let most = dice.one(&[1, 1, 5_400, 90_000]);
            let away = dice.between(-most, most);
            let shown = start_of(one.at) + TimeDelta::seconds(away);
            let until = match (dice.between(1, 5), case.start.is_date()) {
                (1, _) | (2..=4, true) => shown.format("%Y%m%d").to_string(),
                (2, false) => shown.format("%Y%m%dT%H%M%S").to_string(),
                _ => {
                    let at = to_local(one.due_at.plus_secs(away), Zone::UTC);
                    at.format("%Y%m%dT%H%M%SZ").to_string()
                }
            };
            case.parts.push(("UNTIL", vec![until]));
        }
        let some = |dice: &mut Dice| {
            let shown = start_of(list[dice.index(list.len())].at);
            let shown = match dice.between(1, 3) {
                1 => shown,
                2 => shown + TimeDelta::days(dice.between(-3, 40)),
                _ => shown + TimeDelta::seconds(dice.between(-200_000, 900_000)),
            };
            // Rarely of another kind than the start.
            let dated = case.start.is_date() != dice.percent(10);
            if dated {
                Local::Date(shown.date())
            } else {
                Local::DateTime(shown)
            }
        };
        if dice.percent(12) {
            case.rdates = (0..dice.between(1, 4)).map(|_| some(dice)).collect();
        }
        if dice.percent(15) {
            case.exdates = (0..dice.between(1, 4)).map(|_| some(dice)).collect();
        }
        for _ in 0..dice.between(0, 2) {
            let nth = dice.between(0, list.len() as i64 - 1);
            let later = dice.between(nth, list.len() as i64 - 1);
            let away = if dice.percent(30) {
                0
            } else {
                dice.between(-200_000, 200_000)
            };
            case.done
                .push((nth as usize, list[later as usize].due_at.secs() + away));
        }
    }
}

/// Mostly to whole minutes and quarters.
fn round(dice: &mut Dice, seconds: i64) -> i64 {
    let to = dice.one(&[1, 60, 60, 900, 900, 1_800]);
    seconds.div_euclid(to) * to
}

pub fn start_of(at: Local) -> NaiveDateTime {
    at.date().and_time(at.time().unwrap_or(NaiveTime::MIN))
}
