//! "Time, exactly", as far as pure rules decide it: what comes next, and what was missed.

use punctual_domain::recurrence::Recurrence;
use punctual_domain::series::{Next, missed, next};
use punctual_domain::time::{resolve, zone};
use punctual_domain::{Basis, Instant, Local, OccurrenceRef, Rule, Series};

fn local(text: &str) -> Local {
    text.parse().unwrap()
}

fn at(text: &str, zone_name: &str) -> Instant {
    let Local::DateTime(at) = local(text) else {
        panic!("{text} has no time")
    };
    resolve(at, zone(zone_name).unwrap())
}

fn series(rule: &str, start: &str, zone_name: &str, basis: Basis) -> Series {
    let rule: Rule = rule.parse().unwrap();
    Series {
        recurrence: Recurrence::new(rule, local(start), zone(zone_name).unwrap()).unwrap(),
        basis,
    }
}

fn nth(series: &Series, number: usize) -> OccurrenceRef {
    OccurrenceRef::from(&series.recurrence.occurrences().nth(number - 1).unwrap())
}

fn brief(next: Option<Next>) -> Option<(String, u32, u32)> {
    next.map(|n| (n.at.to_string(), n.number, n.passed_over))
}

#[test]
fn every_monday_at_nine_in_berlin_stays_at_nine_over_both_clock_changes() {
    let monday = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2026-10-12T09:00",
        "Europe/Berlin",
        Basis::Due,
    );
    let second = nth(&monday, 2); // Monday before the change of Sunday, 2026-10-25
    let found = next(&monday, &second, at("2026-10-21T18:00", "Europe/Berlin")).unwrap();
    assert_eq!(
        (found.at, found.due_at),
        (
            local("2026-10-26T09:00"),
            "2026-10-26T08:00:00Z".parse().unwrap()
        )
    );

    let spring = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2027-03-22T09:00",
        "Europe/Berlin",
        Basis::Due,
    );
    let found = next(
        &spring,
        &nth(&spring, 1),
        at("2027-03-24T18:00", "Europe/Berlin"),
    )
    .unwrap();
    assert_eq!(
        (found.at, found.due_at),
        (
            local("2027-03-29T09:00"),
            "2027-03-29T07:00:00Z".parse().unwrap()
        )
    );
}

#[test]
fn a_daily_task_left_open_from_monday_says_on_wednesday_that_two_were_missed() {
    let daily = series(
        "FREQ=DAILY",
        "2026-11-23T09:00",
        "Europe/Berlin",
        Basis::Due,
    );
    assert_eq!(
        missed(
            &daily,
            &nth(&daily, 1),
            at("2026-11-25T10:00", "Europe/Berlin")
        ),
        2
    );
    let found = next(
        &daily,
        &nth(&daily, 1),
        at("2026-11-25T10:00", "Europe/Berlin"),
    );
    assert_eq!(brief(found), Some(("2026-11-26T09:00".to_owned(), 4, 2)));
}
