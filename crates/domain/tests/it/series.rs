use punctual_domain::series::{Next, missed, next, preview};
use punctual_domain::time::zone;
use punctual_domain::{Basis, OccurrenceRef};

use crate::{at, local, nth, series, utc};

/// Due, number, passed over.
fn brief(next: Option<Next>) -> Option<(String, u32, u32)> {
    next.map(|n| (n.at.to_string(), n.number, n.passed_over))
}

fn is(at: &str, number: u32, passed_over: u32) -> Option<(String, u32, u32)> {
    Some((at.to_owned(), number, passed_over))
}

const BERLIN: &str = "Europe/Berlin";

#[test]
fn every_monday_at_nine_in_berlin_completed_before_the_clock_change_is_due_next_monday_at_nine() {
    let autumn = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2026-10-12T09:00",
        BERLIN,
        Basis::Due,
    );
    let found = next(&autumn, &nth(&autumn, 2), at("2026-10-21T18:00", BERLIN)).unwrap();
    assert_eq!(
        (found.at, found.due_at),
        (local("2026-10-26T09:00"), utc("2026-10-26T08:00:00Z"))
    );

    let spring = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2027-03-22T09:00",
        BERLIN,
        Basis::Due,
    );
    let found = next(&spring, &nth(&spring, 1), at("2027-03-24T18:00", BERLIN)).unwrap();
    assert_eq!(
        (found.at, found.due_at),
        (local("2027-03-29T09:00"), utc("2027-03-29T07:00:00Z"))
    );
}

#[test]
fn basis_due_gives_the_first_later_one_that_is_not_past_and_says_how_many_were_passed_over() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let one = nth(&daily, 1);
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-20T10:00", BERLIN))),
        is("2026-11-24T09:00", 2, 0)
    ); // early
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-23T10:00", BERLIN))),
        is("2026-11-24T09:00", 2, 0)
    );
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-24T09:00", BERLIN))),
        is("2026-11-24T09:00", 2, 0)
    ); // just now
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-25T10:00", BERLIN))),
        is("2026-11-26T09:00", 4, 2)
    );
}

#[test]
fn a_date_only_occurrence_of_today_is_not_past() {
    let daily = series("FREQ=DAILY", "2026-11-23", BERLIN, Basis::Due);
    let one = nth(&daily, 1);
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-25T23:59", BERLIN))),
        is("2026-11-25", 3, 1)
    );
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-26T00:00", BERLIN))),
        is("2026-11-26", 4, 2)
    );
}

#[test]
fn an_occurrence_whose_due_was_moved_goes_on_from_its_nominal_one() {
    let weekly = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2026-11-23T09:00",
        BERLIN,
        Basis::Due,
    );
    // Monday's was moved to Thursday and done on Friday: the key still says Monday.
    let found = next(&weekly, &nth(&weekly, 1), at("2026-11-27T12:00", BERLIN));
    assert_eq!(brief(found), is("2026-11-30T09:00", 2, 0));
}

#[test]
fn count_includes_what_was_skipped_and_passed_over() {
    let daily = series("FREQ=DAILY;COUNT=3", "2026-11-23T09:00", BERLIN, Basis::Due);
    assert_eq!(
        brief(next(
            &daily,
            &nth(&daily, 1),
            at("2026-11-24T10:00", BERLIN)
        )),
        is("2026-11-25T09:00", 3, 1)
    );
    assert_eq!(
        next(&daily, &nth(&daily, 1), at("2026-11-25T10:00", BERLIN)),
        None
    );
    assert_eq!(
        next(&daily, &nth(&daily, 3), at("2026-11-23T10:00", BERLIN)),
        None
    );
}

#[test]
fn until_ends_a_series_with_either_basis() {
    for basis in [Basis::Due, Basis::Completion] {
        let daily = series(
            "FREQ=DAILY;UNTIL=20261124",
            "2026-11-23T09:00",
            BERLIN,
            basis,
        );
        assert_eq!(
            brief(next(
                &daily,
                &nth(&daily, 1),
                at("2026-11-23T10:00", BERLIN)
            )),
            is("2026-11-24T09:00", 2, 0)
        );
        assert_eq!(
            next(&daily, &nth(&daily, 2), at("2026-11-24T10:00", BERLIN)),
            None
        );
    }
}

#[test]
fn left_out_occurrences_are_neither_next_nor_passed_over() {
    let mut daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    daily.recurrence.exdates = vec![local("2026-11-24T09:00"), local("2026-11-26")];
    let one = nth(&daily, 1);
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-23T10:00", BERLIN))),
        is("2026-11-25T09:00", 3, 0)
    );
    assert_eq!(
        brief(next(&daily, &one, at("2026-11-25T10:00", BERLIN))),
        is("2026-11-27T09:00", 5, 1)
    );
    assert_eq!(missed(&daily, &one, at("2026-11-27T10:00", BERLIN)).0, 2);
}

#[test]
fn basis_completion_counts_from_the_completion_at_the_dues_wall_time() {
    let tenth = series(
        "FREQ=DAILY;INTERVAL=10",
        "2026-11-23T09:00",
        BERLIN,
        Basis::Completion,
    );
    let one = nth(&tenth, 1);
    assert_eq!(
        brief(next(&tenth, &one, at("2026-12-01T22:30", BERLIN))),
        is("2026-12-11T09:00", 2, 0)
    );
    let dated = series(
        "FREQ=DAILY;INTERVAL=10",
        "2026-11-23",
        BERLIN,
        Basis::Completion,
    );
    // Half past midnight in Berlin is still the day before in UTC.
    assert_eq!(
        brief(next(
            &dated,
            &nth(&dated, 1),
            at("2026-12-02T00:30", BERLIN)
        )),
        is("2026-12-12", 2, 0)
    );
    let third = OccurrenceRef::new("2026-12-12", 3);
    assert_eq!(
        brief(next(&dated, &third, at("2026-12-20T12:00", BERLIN))),
        is("2026-12-30", 4, 0)
    );
}

#[test]
fn basis_completion_with_named_days_takes_the_next_of_them() {
    let monday = series(
        "FREQ=WEEKLY;BYDAY=MO",
        "2026-11-23T09:00",
        BERLIN,
        Basis::Completion,
    );
    assert_eq!(
        brief(next(
            &monday,
            &nth(&monday, 1),
            at("2026-12-02T10:00", BERLIN)
        )),
        is("2026-12-07T09:00", 2, 0)
    );
    let first = series(
        "FREQ=MONTHLY;BYMONTHDAY=1",
        "2026-11-01",
        BERLIN,
        Basis::Completion,
    );
    assert_eq!(
        brief(next(
            &first,
            &nth(&first, 1),
            at("2027-01-10T10:00", BERLIN)
        )),
        is("2027-02-01", 2, 0)
    );
}

#[test]
fn basis_completion_never_gives_a_key_a_second_time_however_early_it_was_done() {
    let daily = series("FREQ=DAILY", "2026-11-23", BERLIN, Basis::Completion);
    // Tuesday's was done on Monday: "a day after Monday" would be Tuesday again.
    assert_eq!(
        brief(next(
            &daily,
            &nth(&daily, 2),
            at("2026-11-23T20:00", BERLIN)
        )),
        is("2026-11-25", 3, 0)
    );
}

#[test]
fn basis_completion_honours_count() {
    let twice = series(
        "FREQ=DAILY;COUNT=2",
        "2026-11-23",
        BERLIN,
        Basis::Completion,
    );
    assert_eq!(
        brief(next(
            &twice,
            &nth(&twice, 1),
            at("2026-11-29T20:00", BERLIN)
        )),
        is("2026-11-30", 2, 0)
    );
    assert_eq!(
        next(
            &twice,
            &OccurrenceRef::new("2026-11-30", 2),
            at("2026-11-30T20:00", BERLIN)
        ),
        None
    );
}

#[test]
fn hourly_after_completion_is_elapsed_time_from_the_minute_of_the_completion() {
    let four = series(
        "FREQ=HOURLY;INTERVAL=4",
        "2026-10-24T20:00",
        BERLIN,
        Basis::Completion,
    );
    let found = next(&four, &nth(&four, 1), utc("2026-10-24T23:10:42Z")).unwrap();
    assert_eq!(
        (found.key.as_str(), found.at),
        ("2026-10-25T03:10:00.000Z", local("2026-10-25T04:10"))
    );
    // In the hour that comes twice, the second time.
    let found = next(&four, &nth(&four, 1), utc("2026-10-25T01:30:00Z")).unwrap();
    assert_eq!(found.key, "2026-10-25T05:30:00.000Z");
}

#[test]
fn hourly_passes_both_of_the_equal_local_times() {
    let hourly = series("FREQ=HOURLY", "2026-10-25T01:30", BERLIN, Basis::Due);
    let second = nth(&hourly, 2);
    assert_eq!(second.key, "2026-10-25T00:30:00.000Z");
    let found = next(&hourly, &second, utc("2026-10-25T00:40:00Z")).unwrap();
    assert_eq!(
        (found.key.as_str(), found.due_at),
        ("2026-10-25T01:30:00.000Z", utc("2026-10-25T01:30:00Z"))
    );
    assert_eq!(missed(&hourly, &second, utc("2026-10-25T03:00:00Z")).0, 2);
}

#[test]
fn a_daily_task_left_open_from_monday_says_on_wednesday_that_two_were_missed() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let monday = nth(&daily, 1);
    for (now, count) in [
        ("2026-11-22T10:00", 0),
        ("2026-11-23T10:00", 0),
        ("2026-11-24T08:59", 0),
        ("2026-11-24T09:00", 1),
        ("2026-11-25T10:00", 2),
    ] {
        assert_eq!(missed(&daily, &monday, at(now, BERLIN)).0, count, "{now}");
    }
    let dated = series("FREQ=DAILY", "2026-11-23", BERLIN, Basis::Due);
    assert_eq!(
        missed(&dated, &nth(&dated, 1), at("2026-11-25T00:00", BERLIN)).0,
        2
    );
    let completion = series("FREQ=DAILY", "2026-11-23", BERLIN, Basis::Completion);
    assert_eq!(
        missed(
            &completion,
            &nth(&completion, 1),
            at("2026-11-25T00:00", BERLIN)
        ),
        (0, None)
    );
}

#[test]
fn when_the_next_one_is_missed_is_known() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let missed = |now: &str| missed(&daily, &nth(&daily, 1), at(now, BERLIN));
    assert_eq!(
        missed("2026-11-20T10:00"),
        (0, Some(at("2026-11-24T09:00", BERLIN)))
    );
    assert_eq!(
        missed("2026-11-25T10:00"),
        (2, Some(at("2026-11-26T09:00", BERLIN)))
    );
}

#[test]
fn a_series_that_ends_while_open_has_nothing_more_to_come() {
    let twice = series("FREQ=DAILY;COUNT=2", "2026-11-23T09:00", BERLIN, Basis::Due);
    assert_eq!(
        missed(&twice, &nth(&twice, 1), at("2026-12-25T10:00", BERLIN)),
        (1, None)
    );
}

#[test]
fn decades_of_neglect_are_answered_at_once() {
    let hourly = series("FREQ=HOURLY", "1990-01-01T00:00", BERLIN, Basis::Due);
    let now = at("2026-11-25T10:30", BERLIN);
    let found = next(&hourly, &nth(&hourly, 1), now).unwrap();
    assert_eq!(found.at, local("2026-11-25T11:00"));
    assert_eq!(found.passed_over, missed(&hourly, &nth(&hourly, 1), now).0);
}

#[test]
fn a_floating_series_follows_the_accounts_zone() {
    let mut daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let one = nth(&daily, 1);
    daily.recurrence.zone = zone("America/New_York").unwrap();
    let found = next(&daily, &one, at("2026-11-24T10:00", BERLIN)).unwrap();
    assert_eq!(
        (found.at, found.due_at),
        (
            local("2026-11-24T09:00"),
            at("2026-11-24T09:00", "America/New_York")
        )
    );
}

#[test]
fn the_basis_on_the_wire_is_due_or_completion() {
    assert_eq!(
        serde_json::to_string(&[Basis::Due, Basis::Completion]).unwrap(),
        r#"["due","completion"]"#
    );
    assert!(serde_json::from_str::<Basis>(r#""whenever""#).is_err());
}

#[test]
fn the_ends_of_the_calendar_panic_nowhere() {
    use chrono::{Datelike, NaiveDate, NaiveTime};
    use punctual_domain::reminders::{DEFAULT_MORNING, Definition, PlanInput, plan};
    use punctual_domain::{Local, Recurrence, Series};

    let year = |year: i32| NaiveDate::from_ymd_opt(year, 6, 15).unwrap();
    let days = [
        NaiveDate::MIN,
        year(-5),
        year(1),
        year(2026),
        year(9999),
        year(20_000),
        NaiveDate::MAX,
    ];
    let rules = [
        "FREQ=HOURLY;INTERVAL=7;BYMINUTE=0,30",
        "FREQ=DAILY;INTERVAL=10000",
        "FREQ=WEEKLY;BYDAY=MO,SU",
        "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD",
        "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=SU;WKST=SU",
        "FREQ=YEARLY;INTERVAL=10000",
    ];
    for day in days {
        for rule in rules {
            for zone_name in ["Pacific/Kiritimati", "Etc/GMT+12"] {
                let zone = zone(zone_name).unwrap();
                let start =
                    Local::DateTime(day.and_time(NaiveTime::from_hms_opt(23, 59, 59).unwrap()));
                let recurrence = Recurrence::new(rule.parse().unwrap(), start, zone).unwrap();
                let _ = recurrence
                    .occurrences_after(Local::Date(NaiveDate::MAX))
                    .next();
                let _ = recurrence
                    .occurrences_after(Local::Date(NaiveDate::MIN))
                    .next();
                let list: Vec<_> = recurrence.occurrences().take(3).collect();
                if !(1..=9999).contains(&day.year()) {
                    continue; // no text can say such a day
                }
                // Not the ends of time: what lies between is counted one by one.
                for offset in [-40, 0, 40] {
                    let now = list[0].due_at.plus_secs(offset * 86_400);
                    for basis in [Basis::Due, Basis::Completion] {
                        let series = Series {
                            recurrence: recurrence.clone(),
                            basis,
                        };
                        let current = OccurrenceRef::from(&list[0]);
                        let _ = (next(&series, &current, now), missed(&series, &current, now));
                        let _ = plan(&PlanInput {
                            due: Some(start),
                            start: None,
                            zone,
                            morning: DEFAULT_MORNING,
                            definitions: vec![Definition::before("", "P9D".parse().unwrap())],
                            series: Some((series, current)),
                            generation_at: now,
                            now,
                            open: true,
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn a_preview_begins_with_the_due_and_ends_with_the_series() {
    for (rule, start, basis, expected) in [
        (
            "FREQ=DAILY;INTERVAL=2",
            "2026-11-23T09:00",
            Basis::Due,
            &["2026-11-23T09:00", "2026-11-25T09:00", "2026-11-27T09:00"][..],
        ),
        (
            "FREQ=DAILY;INTERVAL=2;COUNT=2",
            "2026-11-23",
            Basis::Due,
            &["2026-11-23", "2026-11-25"],
        ),
        // The due is the first one, even where the rule would not give it.
        (
            "FREQ=WEEKLY;BYDAY=MO",
            "2026-11-24",
            Basis::Due,
            &["2026-11-24", "2026-11-30", "2026-12-07"],
        ),
        (
            "FREQ=DAILY;INTERVAL=10",
            "2026-11-23",
            Basis::Completion,
            &["2026-11-23", "2026-12-03", "2026-12-13"],
        ),
        (
            "FREQ=DAILY;INTERVAL=10;COUNT=2",
            "2026-11-23T18:00",
            Basis::Completion,
            &["2026-11-23T18:00", "2026-12-03T18:00"],
        ),
        (
            "FREQ=HOURLY;INTERVAL=5",
            "2026-11-23T18:00",
            Basis::Completion,
            &["2026-11-23T18:00", "2026-11-23T23:00", "2026-11-24T04:00"],
        ),
    ] {
        let series = series(rule, start, BERLIN, basis);
        let found: Vec<String> = preview(&series, 3)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn a_moved_occurrence_keeps_its_place_and_is_not_past_before_its_new_due() {
    let mut weekly = series(
        "FREQ=WEEKLY",
        "2026-11-23T09:00",
        "Europe/Berlin",
        Basis::Due,
    );
    weekly
        .recurrence
        .moved
        .insert("2026-11-30T09:00".to_owned(), local("2026-12-04T15:00"));
    let first = nth(&weekly, 1);
    // Its own Monday has passed, Friday has not.
    let next = next(&weekly, &first, at("2026-12-02T12:00", "Europe/Berlin")).unwrap();
    assert_eq!(
        (next.key.as_str(), next.at, next.number, next.passed_over),
        ("2026-11-30T09:00", local("2026-12-04T15:00"), 2, 0)
    );
    assert_eq!(next.due_at, at("2026-12-04T15:00", "Europe/Berlin"));
    let now = at("2026-12-02T12:00", "Europe/Berlin");
    assert_eq!(
        missed(&weekly, &first, now),
        (0, Some(at("2026-12-04T15:00", "Europe/Berlin")))
    );
}

#[test]
fn one_that_was_moved_behind_the_following_one_hides_it_not() {
    let mut daily = series("FREQ=DAILY", "2026-11-23T09:00", "UTC", Basis::Due);
    daily
        .recurrence
        .moved
        .insert("2026-11-24T09:00".to_owned(), local("2026-11-30T09:00"));
    let now = at("2026-11-26T12:00", "UTC");
    assert_eq!(
        missed(&daily, &nth(&daily, 1), now),
        (2, Some(at("2026-11-27T09:00", "UTC"))),
        "the 25th and the 26th have come"
    );
}
