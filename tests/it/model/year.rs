//! A year, or a part of one, on a clock that stands at each instant at which something rings. What should ring is reckoned
//! beforehand by the calendar; what people do meanwhile (they complete what is due, early enough or weeks late) changes none
//! of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::calendar::{Due, End, Kind, Rule};
use super::world::stamp;
use crate::client::{items, text};
use crate::{App, User};

/// Twenty places: both hemispheres, whole, half and quarter hours, clocks that move at midnight, by half an hour, or never.
const ZONES: [Tz; 20] = [
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Asia__Beirut,
    Tz::Australia__Lord_Howe,
    Tz::Africa__Cairo,
    Tz::Pacific__Chatham,
    Tz::Asia__Kolkata,
    Tz::America__St_Johns,
    Tz::Europe__Lisbon,
    Tz::America__Asuncion,
    Tz::Asia__Kathmandu,
    Tz::Pacific__Kiritimati,
    Tz::Pacific__Pago_Pago,
    Tz::America__Santiago,
    Tz::Africa__Johannesburg,
    Tz::Asia__Jerusalem,
    Tz::Australia__Adelaide,
    Tz::America__Los_Angeles,
    Tz::Antarctica__Troll,
    Tz::Asia__Tokyo,
];

/// How long, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Year {
    /// The first day.
    pub begin: NaiveDate,
    pub days: u64,
    pub series: usize,
    pub zones: usize,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Passed {
    pub rings: usize,
    pub instants: usize,
    pub completed: usize,
    /// What should have rung and did not, what rang and should not have, what rang early or late; some of each.
    pub wrong: Vec<String>,
}

/// What is to ring: the series and the instant, and how many bells ring then.
type Rings = BTreeMap<(String, DateTime<Utc>), usize>;

const BELLS: [(&str, u32, i64); 6] = [
    ("PT0S", 0, 0),
    ("PT30M", 0, 1_800),
    ("PT24H", 0, 86_400),
    ("P1D", 1, 0),
    ("P2D", 2, 0),
    ("P1DT1H", 1, 3_600),
];

/// A person in a zone, with a morning.
struct Home {
    user: User,
    zone: Tz,
    morning: NaiveTime,
}

/// `None` where the edition can't set the clock. `tell` hears how far it is.
pub async fn pass(year: &Year, mut tell: impl FnMut(String)) -> Option<Passed> {
    let mut random = StdRng::seed_from_u64(year.seed);
    let begin = year.begin.and_time(NaiveTime::MIN).and_utc();
    let end = begin + Days::new(year.days);
    let app = App::start().clock(&stamp(begin)).run().await?;
    let mut homes = Vec::new();
    for (n, zone) in ZONES.into_iter().take(year.zones).enumerate() {
        let morning = NaiveTime::from_hms_opt(random.random_range(6..11), 0, 0).expect("a time");
        let user =
            User::register(app.client(), &format!("user-{n}@example.com"), zone.name()).await;
        let body = json!({ "morning": morning.format("%H:%M").to_string() });
        user.patch("/api/settings", body).await.expect(200);
        homes.push(Home {
            user,
            zone,
            morning,
        });
    }
    let mut wanted = Rings::new();
    for n in 0..year.series {
        let home = &homes[n % homes.len()];
        add_series(
            home,
            &format!("Series {n}"),
            year,
            (begin, end),
            &mut random,
            &mut wanted,
        )
        .await;
    }
    app.caught_up().await;
    let total: usize = wanted.values().sum();
    tell(format!(
        "{} series in {} zones; {total} rings to come",
        year.series,
        homes.len()
    ));

    let mut passed = Passed::default();
    let mut stops: BTreeSet<DateTime<Utc>> = wanted.keys().map(|(_, at)| *at).collect();
    passed.instants = stops.len();
    stops.extend((1..=year.days).map(|day| begin + Days::new(day)));
    for at in stops {
        app.set(&stamp(at)).await;
        app.rung().await;
        if at.time() != NaiveTime::MIN {
            continue;
        }
        // Each completes what is due every few days.
        let day = at.num_days_from_ce().cast_unsigned() as usize;
        let visits = homes
            .iter()
            .enumerate()
            .filter(|(n, _)| (n + day).is_multiple_of(4));
        let completed = join_all(visits.map(|(_, home)| complete_due(&home.user, at))).await;
        passed.completed += completed.iter().sum::<usize>();
        app.caught_up().await;
        if at.day() == 1 {
            tell(format!("{}", at.date_naive()));
        }
    }

    let mut rang = Rings::new();
    for home in &homes {
        for one in notifications(&home.user).await {
            let at = |field: &str| {
                text(&one, field)
                    .parse::<DateTime<Utc>>()
                    .expect("an instant")
            };
            let (due, fired) = (at("/due_for"), at("/fired_at"));
            if due != fired {
                let (due, fired) = (stamp(due), stamp(fired));
                let title = text(&one, "/title");
                passed
                    .wrong
                    .push(format!("{title} rang at {fired} instead of {due}"));
            }
            *rang.entry((text(&one, "/title"), due)).or_default() += 1;
            passed.rings += 1;
        }
    }
    for (key, count) in wanted
        .iter()
        .filter(|(key, count)| rang.get(key) != Some(count))
    {
        let rang = rang.get(key).copied().unwrap_or_default();
        passed.wrong.push(format!(
            "{} at {} should ring {count} times and rang {rang} times",
            key.0,
            stamp(key.1)
        ));
    }
    for (key, count) in rang.iter().filter(|(key, _)| !wanted.contains_key(key)) {
        passed.wrong.push(format!(
            "{} at {} rang {count} times for nothing",
            key.0,
            stamp(key.1)
        ));
    }
    Some(passed)
}

async fn add_series(
    home: &Home,
    title: &str,
    year: &Year,
    (begin, end): (DateTime<Utc>, DateTime<Utc>),
    random: &mut StdRng,
    wanted: &mut Rings,
) {
    let zone = if random.random_bool(0.2) {
        *ZONES.choose(random).expect("one")
    } else {
        home.zone
    };
    let timed = random.random_bool(0.75);
    let hour = random.random_range(0..24);
    let time = timed.then(|| NaiveTime::from_hms_opt(hour, 0, 0).expect("a time"));
    let mut bells: Vec<_> = BELLS.sample(random, 2).copied().collect();
    bells.truncate(random.random_range(1..3));
    let hourly = timed && random.random_range(0..40) == 0;
    let first = year.begin + Days::new(random.random_range(1..8));
    let (start, rrule, dues) = if hourly {
        // Elapsed time: the wall's time of day moves with the clocks.
        bells.retain(|(_, days, _)| *days == 0);
        let every = random.random_range(5..13);
        let start = Due::new(first, time);
        let from = start.instant(zone);
        let dues = (0..)
            .map(|n| from + TimeDelta::hours(n * every))
            .take_while(|at| *at <= end + Days::new(3));
        let rings: Vec<DateTime<Utc>> = dues
            .flat_map(|due| {
                bells
                    .iter()
                    .map(move |(.., seconds)| due - TimeDelta::seconds(*seconds))
            })
            .collect();
        (start, format!("FREQ=HOURLY;INTERVAL={every}"), rings)
    } else {
        let kind = Kind::random(random);
        let day = Rule::first(&kind, first);
        let end_of_rule = match random.random_range(0..6) {
            0 => End::Count(random.random_range(1..60)),
            1 => End::Until(day + Days::new(random.random_range(0..300))),
            _ => End::Never,
        };
        let rule = Rule {
            kind,
            end: end_of_rule,
        };
        let last = end.date_naive() + Days::new(4);
        let rings = rule
            .days(day, last)
            .flat_map(|(_, day)| {
                let due = Due::new(day, time);
                let ring = move |(_, days, seconds): &(&str, u32, i64)| {
                    due.before(*days, *seconds, home.morning, zone)
                };
                bells.iter().map(ring).collect::<Vec<_>>()
            })
            .collect();
        (Due::new(day, time), rule.text(timed), rings)
    };
    for at in dues.into_iter().filter(|at| *at > begin && *at <= end) {
        *wanted.entry((title.to_owned(), at)).or_default() += 1;
    }
    let bells: Vec<_> = bells
        .iter()
        .map(|(before, ..)| json!({ "before": before }))
        .collect();
    let body = json!({
        "title": title,
        "due": start.text(),
        "timezone": (zone != home.zone).then(|| zone.name()),
        "repeat": { "rrule": rrule },
        "reminders": bells,
    });
    home.user.add(body).await;
}

/// Completes all that is due.
async fn complete_due(user: &User, at: DateTime<Utc>) -> usize {
    let due = user
        .tasks(&format!("due_before={}&limit=200", stamp(at)))
        .await;
    for task in &due {
        user.complete(task).await;
    }
    due.len()
}

async fn notifications(user: &User) -> Vec<serde_json::Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/notifications?limit=200{cursor}");
        let page = user.get(&path).await.expect(200);
        let next = page["next"].as_str().map(str::to_owned);
        all.extend(items(page));
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}
