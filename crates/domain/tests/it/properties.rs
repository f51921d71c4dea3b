//! Properties over generated rules, starts, zones and times.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::RngSeed;
use punctual_domain::recurrence::{MAX_EMPTY_YEARS, first_match};
use punctual_domain::reminders::{DEFAULT_MORNING, Definition, PlanInput, RingState, plan};
use punctual_domain::series::{missed, next};
use punctual_domain::time::{due_instant, resolve, to_local, today, zone};
use punctual_domain::words::{Language, describe};
use punctual_domain::{
    Basis, Duration8601, Instant, Local, OccurrenceRef, Recurrence, Rule, Series, Zone,
};

/// Few cases from a fixed seed; with `PROPTEST_CASES` set, that many from a random one.
fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
        config.rng_seed = RngSeed::Fixed(20_261_123);
    }
    config
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn list<T: Clone + std::fmt::Debug + ToString + 'static>(
    name: &'static str,
    pool: Vec<T>,
) -> impl Strategy<Value = Option<String>> {
    let some = subsequence(pool, 1..=3).prop_map(move |items| {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        Some(format!("{name}={}", items.join(",")))
    });
    prop_oneof![3 => Just(None), 1 => some]
}

/// The text of a rule; not every one is allowed.
fn rule_text() -> impl Strategy<Value = String> {
    let by_days = subsequence(DAYS.to_vec(), 1..=4);
    let ordinals = select(vec!["", "", "1", "2", "5", "-1", "-2"]);
    let by_day = (by_days, ordinals)
        .prop_map(|(days, n)| Some(format!("BYDAY={n}{}", days.join(&format!(",{n}")))));
    let parts = (
        select(vec!["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
            .prop_map(|f| Some(format!("FREQ={f}"))),
        prop_oneof![
            Just(None),
            (1_u32..40).prop_map(|n| Some(format!("INTERVAL={n}")))
        ],
        prop_oneof![
            4 => Just(None),
            1 => (1_u32..30).prop_map(|n| Some(format!("COUNT={n}"))),
            1 => (1_u32..13, 2024_i32..2040).prop_map(|(m, y)| Some(format!("UNTIL={y}{m:02}15T101500Z"))),
        ],
        list("BYMONTH", (1..=12).collect()),
        list("BYMONTHDAY", vec![1, 2, 15, 28, 29, 30, 31, -1, -2, -31]),
        prop_oneof![2 => Just(None), 1 => by_day],
        list("BYYEARDAY", vec![1, 60, 100, 366, -1, -366]),
        list("BYWEEKNO", vec![1, 20, 52, 53, -1]),
        prop_oneof![3 => Just(None), 1 => Just(Some("BYHOUR=2,9".to_owned()))],
        prop_oneof![3 => Just(None), 1 => Just(Some("BYMINUTE=0,30".to_owned()))],
        list("BYSETPOS", vec![1, 2, -1]),
        (select(vec!["", "WKST=SU", "SKIP=BACKWARD", "SKIP=FORWARD"]))
            .prop_map(|s| Some(s.to_owned())),
    );
    parts.prop_map(|(a, b, c, d, e, f, g, h, i, j, k, l)| {
        let parts = [a, b, c, d, e, f, g, h, i, j, k, l];
        parts
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
            .join(";")
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    rule_text().prop_filter_map("a rule RFC 5545 allows", |text| text.parse().ok())
}

fn zones() -> impl Strategy<Value = Zone> {
    let names = vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Havana",
        "Africa/Cairo",
        "Asia/Kathmandu",
        "Pacific/Apia",
    ];
    select(names).prop_map(|name| zone(name).unwrap())
}

fn starts() -> impl Strategy<Value = Local> {
    // Hours about 2024 to 2030, many near the changes of clocks.
    (0_i64..60_000, any::<bool>()).prop_map(|(hours, dated)| {
        let at = NaiveDate::from_ymd_opt(2024, 1, 1)
            .unwrap()
            .and_time(NaiveTime::MIN)
            + TimeDelta::hours(hours);
        let at = at + TimeDelta::minutes(30 * (hours % 2));
        if dated {
            Local::Date(at.date())
        } else {
            Local::DateTime(at)
        }
    })
}

fn recurrences() -> impl Strategy<Value = Recurrence> {
    (
        rule(),
        starts(),
        zones(),
        proptest::collection::vec(0_i64..200, 0..3),
        0_u8..4,
    )
        .prop_filter_map(
            "an hourly rule with a time",
            |(rule, start, zone, days, kind)| {
                let mut recurrence = Recurrence::new(rule, start, zone).ok()?;
                let dates = days
                    .iter()
                    .map(|n| Local::Date(start.date() + TimeDelta::days(*n)));
                match kind {
                    0 => recurrence.exdates = dates.collect(),
                    1 => recurrence.rdates = dates.collect(),
                    _ => {}
                }
                Some(recurrence)
            },
        )
}

/// What lies in the past of `now`, written down again.
fn has_come(recurrence: &Recurrence, at: Local, due_at: Instant, now: Instant) -> bool {
    match at {
        Local::Date(date) => date <= today(now, recurrence.zone),
        Local::DateTime(_) => due_at <= now,
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,60}|[-+A-Z0-9=;,:TZPM.]{0,60}") {
        let _ = (text.parse::<Rule>(), text.parse::<Local>(), text.parse::<Instant>());
        let _ = (text.parse::<Duration8601>(), zone(&text));
        let recurrence = Recurrence::new("FREQ=DAILY".parse().unwrap(), "2026-11-23".parse().unwrap(), Zone::UTC).unwrap();
        let _ = recurrence.occurrences_after_ref(&OccurrenceRef::new(text, 7)).next();
    }

    #[test]
    fn no_rule_text_is_read_without_being_printed_back_the_same(text in rule_text()) {
        if let Ok(rule) = text.parse::<Rule>() {
            let printed = rule.to_string();
            prop_assert_eq!(printed.parse::<Rule>().unwrap(), rule, "{}", printed);
        }
    }

    #[test]
    fn local_times_instants_and_durations_print_what_they_read(
        secs in -62_135_596_800_i64..253_402_300_800, days in 0_u32..366, seconds in 0_u32..86_400,
    ) {
        let instant = Instant::from_secs(secs);
        prop_assert_eq!(instant.to_string().parse::<Instant>().unwrap(), instant);
        let local = to_local(instant, Zone::UTC);
        for local in [Local::DateTime(local), Local::Date(local.date())] {
            prop_assert_eq!(local.to_string().parse::<Local>().unwrap(), local);
        }
        let duration = Duration8601::new(days, seconds).unwrap();
        prop_assert_eq!(duration.to_string().parse::<Duration8601>().unwrap(), duration);
    }

    #[test]
    fn occurrences_come_in_order_with_unique_readable_keys(recurrence in recurrences()) {
        let list: Vec<_> = recurrence.occurrences().take(40).collect();
        let keys: BTreeSet<_> = list.iter().map(|o| o.key.clone()).collect();
        prop_assert_eq!(keys.len(), list.len());
        for pair in list.windows(2) {
            prop_assert!(pair[0].number <= pair[1].number);
            if recurrence.rule.is_sub_daily() {
                prop_assert!(pair[0].due_at < pair[1].due_at);
            } else {
                prop_assert!(pair[0].at < pair[1].at);
            }
        }
        for one in &list {
            let again = recurrence.occurrence(&OccurrenceRef::from(one)).unwrap();
            prop_assert_eq!(&again, one);
        }
        for language in [Language::English, Language::German] {
            let _ = describe(&recurrence.rule, Some(recurrence.start), language);
        }
        let _ = first_match(&recurrence.rule, recurrence.start.date());
    }

    #[test]
    fn seeking_gives_what_walking_gives(recurrence in recurrences(), days in -400_i64..4_000) {
        let after = Local::Date(recurrence.start.date() + TimeDelta::days(days));
        let walked: Vec<_> = recurrence.occurrences()
            .skip_while(|o| o.at.date() <= after.date())
            .take_while(|o| o.at.date().year() < recurrence.start.date().year() + MAX_EMPTY_YEARS)
            .take(5).collect();
        let sought: Vec<_> = recurrence.occurrences_after(after).take(walked.len()).collect();
        prop_assert_eq!(&sought, &walked);
        if let [first, rest @ ..] = &walked[..] {
            let onward: Vec<_> = recurrence.occurrences_after_ref(&first.into()).take(rest.len()).collect();
            prop_assert_eq!(&onward[..], rest);
        }
    }

    #[test]
    fn next_and_missed_agree_with_a_plain_count(recurrence in recurrences(), nth in 0_usize..5, hours in -500_i64..2_500) {
        let list: Vec<_> = recurrence.occurrences().take(6_000).collect();
        let Some(current) = list.get(nth) else { return Ok(()) };
        let now = current.due_at.plus_secs(hours * 3_600);
        let series = Series { recurrence: recurrence.clone(), basis: Basis::Due };
        let later = &list[nth + 1..];
        let come = later.iter().take_while(|o| has_come(&recurrence, o.at, o.due_at, now)).count();
        let (count, comes) = missed(&series, &current.into(), now);
        prop_assert_eq!(count as usize, come);
        prop_assert_eq!(comes.is_some(), later.len() > come);
        if let Some(comes) = comes {
            prop_assert!(!has_come(&recurrence, later[come].at, later[come].due_at, comes.plus_secs(-1)));
            prop_assert!(has_come(&recurrence, later[come].at, later[come].due_at, comes));
        }

        let found = next(&series, &current.into(), now);
        let is_past = |at: Local, due_at: Instant| match at {
            Local::Date(date) => date < today(now, recurrence.zone),
            Local::DateTime(_) => due_at < now,
        };
        let expected = later.iter().enumerate().find(|(_, o)| !is_past(o.at, o.due_at));
        match (found, expected) {
            (Some(found), Some((passed_over, expected))) => {
                prop_assert_eq!(&found.key, &expected.key);
                prop_assert_eq!((found.number, found.passed_over as usize), (expected.number, passed_over));
            }
            (found, None) => prop_assert!(found.is_none() || list.len() == 6_000),
            (None, Some(_)) => prop_assert!(false, "the series ended too early"),
        }
    }

    #[test]
    fn with_basis_completion_the_next_is_later_than_the_completion_and_the_completed(
        recurrence in recurrences(), nth in 0_usize..5, hours in -500_i64..5_000,
    ) {
        let Some(current) = recurrence.occurrences().nth(nth) else { return Ok(()) };
        let done = current.due_at.plus_secs(hours * 3_600);
        let series = Series { recurrence: recurrence.clone(), basis: Basis::Completion };
        if let Some(found) = next(&series, &(&current).into(), done) {
            prop_assert_ne!(&found.key, &current.key);
            prop_assert!((found.due_at, found.at) > (current.due_at, current.at));
            prop_assert!(found.at.date() >= to_local(done, recurrence.zone).date());
            prop_assert_eq!(found.number, current.number + 1);
        }
    }

    #[test]
    fn a_time_resolves_to_an_instant_that_shows_it_or_lies_behind_a_gap(secs in 0_i64..4_000_000_000, zone in zones()) {
        let local = to_local(Instant::from_secs(secs), Zone::UTC);
        let shown = to_local(resolve(local, zone), zone);
        prop_assert!(shown >= local && shown - local <= TimeDelta::hours(24));
        prop_assert!(due_instant(Local::Date(local.date()), zone) > resolve(local, zone) || shown != local);
    }

    /// Planned again only at its `next_at`, a plan has every ring on record before its time.
    #[test]
    fn no_ring_is_ever_planned_late(
        recurrence in recurrences(),
        before in proptest::collection::vec((0_u32..40, 0_u32..100_000), 1..4),
        early in -100_i64..2_000,
        oversleep in proptest::bool::weighted(0.2),
    ) {
        let definitions: Vec<_> = before.iter().enumerate().map(|(n, (days, seconds))| Definition::before(
            n.to_string(),
            Duration8601::new(*days, *seconds).unwrap(),
        )).collect();
        let Some(current) = recurrence.occurrences().next() else { return Ok(()) };
        let generation_at = current.due_at.plus_secs(-early * 3_600);
        let mut input = PlanInput {
            due: Some(current.at),
            start: None,
            zone: recurrence.zone,
            morning: DEFAULT_MORNING,
            definitions: definitions.clone(),
            series: Some((Series { recurrence: recurrence.clone(), basis: Basis::Due }, (&current).into())),
            generation_at,
            now: generation_at,
            open: true,
        };
        let mut on_record = BTreeSet::new();
        for round in 0..12 {
            let made = plan(&input);
            prop_assert_eq!(&made, &plan(&input));
            for ring in &made.rings {
                prop_assert_eq!(ring.state == RingState::Skipped, ring.fire_at <= generation_at);
                let new = on_record.insert((ring.definition_id.clone(), ring.occurrence_key.clone(), ring.fire_at));
                let in_time = ring.fire_at >= input.now || round == 0 || ring.state == RingState::Skipped;
                prop_assert!(!new || in_time || oversleep, "{:?} was planned late", ring);
            }
            let Some(next_at) = made.next_at else { break };
            prop_assert!(next_at > input.now);
            input.now = if oversleep { next_at.plus_secs(90_000) } else { next_at };
        }
        // Nothing that should have rung by now is missing.
        for occurrence in recurrence.occurrences().take(60) {
            for definition in &definitions {
                let single = PlanInput {
                    due: Some(occurrence.at),
                    definitions: vec![definition.clone()],
                    series: Some((
                        Series { recurrence: recurrence.clone(), basis: Basis::Completion },
                        (&occurrence).into(),
                    )),
                    ..input.clone()
                };
                for ring in plan(&single).rings {
                    let wanted = ring.fire_at > generation_at && ring.fire_at <= input.now;
                    let known = (ring.definition_id, ring.occurrence_key, ring.fire_at);
                    prop_assert!(!wanted || oversleep || on_record.contains(&known), "{:?} is missing", known);
                }
            }
        }
    }
}

/// The rule's days by definition: every day is asked whether it fits. Slow, and nothing of the engine's in it.
mod by_definition {
    use super::*;

    #[derive(Debug, Clone)]
    pub struct Plain {
        pub yearly: bool,
        pub interval: i32,
        pub months: Vec<u32>,
        pub month_days: Vec<i32>,
        pub weekdays: Vec<u32>,
    }

    impl Plain {
        pub fn text(&self) -> String {
            let join = |list: &[String]| list.join(",");
            let mut text = format!(
                "FREQ={};INTERVAL={}",
                if self.yearly { "YEARLY" } else { "MONTHLY" },
                self.interval
            );
            let mut add = |name: &str, list: Vec<String>| {
                if !list.is_empty() {
                    text.push_str(&format!(";{name}={}", join(&list)));
                }
            };
            add("BYMONTH", self.months.iter().map(u32::to_string).collect());
            add(
                "BYMONTHDAY",
                self.month_days.iter().map(i32::to_string).collect(),
            );
            add(
                "BYDAY",
                self.weekdays
                    .iter()
                    .map(|d| DAYS[*d as usize].to_owned())
                    .collect(),
            );
            text
        }

        pub fn fits(&self, start: NaiveDate, day: NaiveDate) -> bool {
            let years = day.year() - start.year();
            let months = years * 12 + day.month() as i32 - start.month() as i32;
            let in_period = if self.yearly { years } else { months } % self.interval == 0;
            let next_month = NaiveDate::from_ymd_opt(
                day.year() + i32::from(day.month() == 12),
                day.month() % 12 + 1,
                1,
            )
            .unwrap();
            let len = next_month.pred_opt().unwrap().day() as i32;
            let n = day.day() as i32;
            let month_fits = self.months.is_empty() || self.months.contains(&day.month());
            let day_fits = self.month_days.is_empty()
                || self
                    .month_days
                    .iter()
                    .any(|want| *want == n || len + 1 + *want == n);
            let weekday_fits = self.weekdays.is_empty()
                || self
                    .weekdays
                    .contains(&day.weekday().num_days_from_monday());
            in_period && month_fits && day_fits && weekday_fits
        }
    }

    pub fn plain() -> impl Strategy<Value = Plain> {
        (
            any::<bool>(),
            1_i32..15,
            subsequence((1..=12).collect::<Vec<u32>>(), 0..=4),
            subsequence(vec![1, 7, 13, 28, 29, 30, 31, -1, -2, -29, -31], 0..=4),
            subsequence((0..7).collect::<Vec<u32>>(), 0..=3),
        )
            .prop_filter_map(
                "days that are named",
                |(yearly, interval, months, month_days, weekdays)| {
                    (!month_days.is_empty() || !weekdays.is_empty()).then_some(Plain {
                        yearly,
                        interval,
                        months,
                        month_days,
                        weekdays,
                    })
                },
            )
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn monthly_and_yearly_rules_give_exactly_the_days_that_fit(
        plain in by_definition::plain(), offset in 0_i64..3_000,
    ) {
        let start = NaiveDate::from_ymd_opt(2019, 1, 1).unwrap() + TimeDelta::days(offset);
        let end = start + TimeDelta::days(4_500);
        let recurrence = Recurrence::new(plain.text().parse().unwrap(), start.into(), Zone::UTC).unwrap();
        let ours: Vec<NaiveDate> =
            recurrence.occurrences().map(|o| o.at.date()).take_while(|day| *day <= end).collect();
        let expected: Vec<NaiveDate> =
            start.iter_days().take_while(|day| *day <= end).filter(|day| *day == start || plain.fits(start, *day)).collect();
        prop_assert_eq!(ours, expected, "{}", plain.text());
    }
}
