//! Rules made to be slow: they never match, match once in centuries, or have to be counted for years.

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use punctual_domain::recurrence::first_match;
use punctual_domain::series::{missed, next, preview};
use punctual_domain::time::zone;
use punctual_domain::{Basis, Instant, Local, OccurrenceRef, Recurrence, Series};

use crate::generator::Dice;
use crate::{Progress, settings};

/// So long it may take to find what comes next.
const LIMIT: Duration = Duration::from_millis(50);
/// And to count what was missed: 500,000 occurrences at most.
const COUNTING: Duration = Duration::from_millis(200);

const PARTS: [(&str, &[&str]); 8] = [
    (
        "BYMONTH",
        &["2", "2,4,6,9,11", "12", "1,2,3,4,5,6,7,8,9,10,11,12"],
    ),
    (
        "BYMONTHDAY",
        &[
            "30",
            "31",
            "29",
            "-31",
            "-30,30",
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25",
        ],
    ),
    (
        "BYDAY",
        &[
            "MO",
            "SU",
            "MO,TU,WE,TH,FR,SA,SU",
            "5MO",
            "-5SU",
            "1MO,2TU,3WE,4TH,5FR,-1SA",
            "53FR",
            "-53MO",
        ],
    ),
    ("BYYEARDAY", &["366", "-366", "60", "1,366", "31,-366"]),
    ("BYWEEKNO", &["53", "-53", "1", "1,53"]),
    (
        "BYHOUR",
        &[
            "3",
            "2",
            "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
        ],
    ),
    ("BYMINUTE", &["59", "0,1", "ALL"]),
    ("BYSETPOS", &["1", "-1", "366", "-366", "60", "2,-2"]),
];

fn rule(dice: &mut Dice) -> String {
    let freq = dice.one(&["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "HOURLY"]);
    let mut rule = format!(
        "FREQ={freq};INTERVAL={}",
        dice.one(&[1, 1, 2, 3, 4, 5, 6, 7, 12, 23, 24, 25, 100, 9_999, 10_000])
    );
    for (name, values) in PARTS {
        if dice.percent(35) {
            let value = dice.one(values);
            let all = || (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
            rule += &format!(
                ";{name}={}",
                if value == "ALL" {
                    all()
                } else {
                    value.to_owned()
                }
            );
        }
    }
    match dice.between(1, 6) {
        1 => rule += ";SKIP=FORWARD",
        2 => rule += ";SKIP=BACKWARD",
        _ => {}
    }
    match dice.between(1, 6) {
        1 => rule += ";COUNT=400000000",
        2 => rule += ";UNTIL=99981231T000000Z",
        _ => {}
    }
    rule
}

/// The quickest of five, so that another program's turn on this core is not counted.
pub fn quickest(mut call: impl FnMut()) -> Duration {
    let once = |call: &mut dyn FnMut()| {
        let begun = Clock::now();
        call();
        begun.elapsed()
    };
    let first = once(&mut call);
    if first < LIMIT / 10 {
        return first;
    }
    (0..4).map(|_| once(&mut call)).fold(first, Duration::min)
}

#[test]
fn no_rule_takes_long_to_find_what_comes_next_however_it_was_made() {
    let settings = settings();
    let mut dice = Dice::new(settings.seed);
    let now: Instant = "2026-11-28T12:00:00Z".parse().unwrap();
    let mut slowest: Vec<(&str, Duration, String)> = Vec::new();
    let (mut progress, rules) = (Progress::new(), settings.rules / 20);
    for n in 0..rules {
        progress.say(n, rules, "rules made to be slow");
        let text = rule(&mut dice);
        let Ok(rule) = text.parse() else { continue };
        let start = dice.one(&[
            "2026-11-28T00:30",
            "2026-11-01T01:00",
            "2024-02-29T02:30:01",
            "2021-11-01T00:00",
        ]);
        let start: Local = start.parse().unwrap();
        let zone = zone(dice.one(&[
            "UTC",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "Asia/Kathmandu",
        ]))
        .unwrap();
        let today = start.date();
        let Ok(recurrence) = Recurrence::new(rule, start, zone) else {
            continue;
        };
        let first = OccurrenceRef::from(&recurrence.occurrences().next().unwrap());
        let due = Series {
            recurrence: recurrence.clone(),
            basis: Basis::Due,
        };
        let completion = Series {
            basis: Basis::Completion,
            ..due.clone()
        };
        let calls: [(&str, Duration, &dyn Fn()); 7] = [
            ("second occurrence", LIMIT, &|| {
                _ = black_box(recurrence.occurrences().nth(1))
            }),
            ("one after a known one", LIMIT, &|| {
                _ = black_box(recurrence.occurrences_after_ref(&first).next());
            }),
            ("first match", LIMIT, &|| {
                _ = black_box(first_match(&recurrence.rule, today))
            }),
            ("next, basis completion", LIMIT, &|| {
                _ = black_box(next(&completion, &first, now))
            }),
            ("next, basis due", COUNTING, &|| {
                _ = black_box(next(&due, &first, now))
            }),
            ("missed", COUNTING, &|| {
                _ = black_box(missed(&due, &first, now))
            }),
            ("preview", LIMIT, &|| _ = black_box(preview(&due, 5))),
        ];
        for (name, limit, call) in calls {
            let took = quickest(call);
            let example = || format!("{text} from {start} in {zone}");
            assert!(took < limit, "{name} took {took:?}: {}", example());
            match slowest.iter_mut().find(|(known, ..)| *known == name) {
                Some(slowest) if slowest.1 < took => *slowest = (name, took, example()),
                Some(_) => {}
                None => slowest.push((name, took, example())),
            }
        }
    }
    for (name, took, example) in &slowest {
        println!(
            "slowest {name}: {:.1} ms, {example}",
            took.as_secs_f64() * 1_000.0
        );
    }
}
