use chrono::NaiveDate;
use punctual_domain::recurrence::{End, Until, first_match};
use punctual_domain::time::zone;
use punctual_domain::{Error, Local, OccurrenceRef, Recurrence, Rule};

use crate::{first, local, recurrence, utc};

fn refused(rule: &str) -> (String, String) {
    match rule.parse::<Rule>().unwrap_err() {
        Error::Rule { part, reason } => (part, reason),
        other => panic!("{other}"),
    }
}

// ---------------------------------------------------------------------------------------------------- text ↔ rule

#[test]
fn a_rule_prints_canonically_whatever_order_and_case_it_was_written_in() {
    for (written, canonical) in [
        ("FREQ=DAILY", "FREQ=DAILY"),
        (
            "rrule:byday=fr,mo,mo;interval=1;freq=weekly",
            "FREQ=WEEKLY;BYDAY=MO,FR",
        ),
        (
            "RRULE:FREQ=WEEKLY;WKST=MO;INTERVAL=02",
            "FREQ=WEEKLY;INTERVAL=2",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31,-1,+5",
            "FREQ=MONTHLY;BYMONTHDAY=-1,5,31",
        ),
        (
            "FREQ=MONTHLY;BYDAY=+2MO,-1FR",
            "FREQ=MONTHLY;BYDAY=-1FR,2MO",
        ),
        (
            "FREQ=MONTHLY;SKIP=BACKWARD;RSCALE=GREGORIAN",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD",
        ),
        (
            "FREQ=MONTHLY;SKIP=FORWARD",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD",
        ),
        ("RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=OMIT", "FREQ=MONTHLY"),
        ("FREQ=DAILY;UNTIL=20261231", "FREQ=DAILY;UNTIL=20261231"),
        (
            "FREQ=DAILY;UNTIL=20261231T090000",
            "FREQ=DAILY;UNTIL=20261231T090000",
        ),
        (
            "FREQ=DAILY;UNTIL=20261231T090000Z",
            "FREQ=DAILY;UNTIL=20261231T090000Z",
        ),
        ("FREQ=DAILY;COUNT=3;BYSECOND=0;", "FREQ=DAILY;COUNT=3"),
        (
            "FREQ=YEARLY;BYMONTH=12,1;BYWEEKNO=-1,53;BYDAY=SU;WKST=SU",
            "FREQ=YEARLY;BYMONTH=1,12;BYWEEKNO=-1,53;BYDAY=SU;WKST=SU",
        ),
        (
            "FREQ=HOURLY;BYHOUR=9,17;BYMINUTE=30,0;BYSETPOS=-1",
            "FREQ=HOURLY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=-1",
        ),
    ] {
        let rule: Rule = written.parse().unwrap_or_else(|e| panic!("{written}: {e}"));
        assert_eq!(rule.to_string(), canonical);
        assert_eq!(canonical.parse::<Rule>().unwrap(), rule);
    }
}

#[test]
fn count_and_until_together_are_refused() {
    let (part, reason) = refused("FREQ=DAILY;COUNT=3;UNTIL=20261231");
    assert_eq!(part, "COUNT");
    assert!(
        reason.contains("UNTIL") && reason.contains("3.3.10"),
        "{reason}"
    );
}

#[test]
fn a_wrong_rule_is_refused_with_the_part_and_the_reason() {
    for (rule, part, word) in [
        ("", "RRULE", "NAME=value"),
        ("every day", "RRULE", "NAME=value"),
        ("INTERVAL=2", "FREQ", "missing"),
        ("FREQ=MINUTELY", "FREQ", "not supported"),
        ("FREQ=SECONDLY", "FREQ", "not supported"),
        ("FREQ=FORTNIGHTLY", "FREQ", "not a value"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ", "twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL", "1 to"),
        ("FREQ=DAILY;INTERVAL=99999999999", "INTERVAL", "not a value"),
        ("FREQ=DAILY;INTERVAL=10001", "INTERVAL", "10000"),
        ("FREQ=DAILY;COUNT=0", "COUNT", "at least 1"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL", "not a value"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL", "not a value"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH", "1 to 12"),
        ("FREQ=YEARLY;BYMONTH=5L", "BYMONTH", "1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY", "1 to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY", "1 to 31"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY", "WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=MONDAY", "BYDAY", "MO"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY", "MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=6MO", "BYDAY", "1 to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "BYDAY", "not a day"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "BYDAY", "BYWEEKNO"),
        ("FREQ=MONTHLY;BYWEEKNO=20", "BYWEEKNO", "YEARLY"),
        ("FREQ=DAILY;BYYEARDAY=20", "BYYEARDAY", "DAILY"),
        ("FREQ=DAILY;BYSECOND=30", "BYSECOND", "not supported"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS", "another BY"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,31;BYHOUR=9,21;BYSETPOS=1;SKIP=FORWARD",
            "BYSETPOS",
            "SKIP=FORWARD",
        ),
        ("FREQ=MONTHLY;RSCALE=HEBREW", "RSCALE", "GREGORIAN"),
        ("FREQ=MONTHLY;SKIP=SIDEWAYS", "SKIP", "not a value"),
        ("FREQ=DAILY;X-COLOUR=RED", "RRULE", "X-COLOUR"),
        ("FREQ=DAILY;BYDAY=Ü", "BYDAY", "not a day"),
    ] {
        let (named, reason) = refused(rule);
        assert_eq!(named, part, "{rule}: {reason}");
        assert!(reason.contains(word), "{rule}: {reason}");
    }
}

#[test]
fn a_rule_longer_than_a_kilobyte_is_refused_unread() {
    let rule = format!("FREQ=DAILY;BYMONTH={}", "1,".repeat(600));
    assert!(refused(&rule).1.contains("1024"));
}

// ---------------------------------------------------------------------------------------------------- month ends

#[test]
fn a_monthly_rule_on_the_31st_with_skip_backward_gives_feb_28_then_mar_31() {
    let rule = "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD";
    let expected = [
        "2027-01-31",
        "2027-02-28",
        "2027-03-31",
        "2027-04-30",
        "2027-05-31",
    ];
    assert_eq!(first(&recurrence(rule, "2027-01-31", "UTC"), 5), expected);
    // The day may also come from the start.
    let rule = "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD";
    assert_eq!(first(&recurrence(rule, "2027-01-31", "UTC"), 5), expected);
}

#[test]
fn a_monthly_rule_on_the_31st_without_skip_leaves_short_months_out() {
    let rule = recurrence("FREQ=MONTHLY", "2027-01-31", "UTC");
    assert_eq!(
        first(&rule, 4),
        ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]
    );
}

#[test]
fn skip_forward_gives_the_first_of_the_next_month_once() {
    let rule = "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=1,31;SKIP=FORWARD";
    let expected = [
        "2027-01-31",
        "2027-02-01",
        "2027-03-01",
        "2027-03-31",
        "2027-04-01",
        "2027-05-01",
        "2027-05-31",
    ];
    let rule = recurrence(rule, "2027-01-31", "UTC");
    assert_eq!(first(&rule, 7), expected);
    let after: Vec<u32> = rule
        .occurrences_after(local("2027-03-01"))
        .take(3)
        .map(|o| o.number)
        .collect();
    assert_eq!(after, [4, 5, 6]);
}

#[test]
fn beside_a_week_or_a_day_of_the_year_a_day_of_the_month_only_limits_and_skip_moves_nothing() {
    for by in ["BYYEARDAY=60", "BYWEEKNO=9"] {
        let rule = format!("FREQ=YEARLY;{by};BYMONTHDAY=30;SKIP=FORWARD");
        // The 30th of February would be the 1st of March, which is day 60 and in week 9.
        assert_eq!(
            first(&recurrence(&rule, "2023-01-30", "UTC"), 2),
            ["2023-01-30"],
            "{by}"
        );
    }
}

#[test]
fn a_leap_day_recurs_every_four_years_or_on_feb_28_with_skip_backward() {
    let leap = recurrence("FREQ=YEARLY", "2096-02-29", "UTC");
    assert_eq!(first(&leap, 3), ["2096-02-29", "2104-02-29", "2108-02-29"]);
    let skip = recurrence("FREQ=YEARLY;SKIP=BACKWARD", "2024-02-29", "UTC");
    assert_eq!(
        first(&skip, 5),
        [
            "2024-02-29",
            "2025-02-28",
            "2026-02-28",
            "2027-02-28",
            "2028-02-29"
        ]
    );
}

#[test]
fn the_last_day_and_the_last_weekday_of_a_month() {
    let last = recurrence("FREQ=MONTHLY;BYMONTHDAY=-1", "2027-01-31", "UTC");
    assert_eq!(first(&last, 3), ["2027-01-31", "2027-02-28", "2027-03-31"]);
    let workday = recurrence(
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "2027-01-29",
        "UTC",
    );
    assert_eq!(
        first(&workday, 3),
        ["2027-01-29", "2027-02-26", "2027-03-31"]
    );
    let friday = recurrence("FREQ=MONTHLY;BYDAY=2FR,-1FR", "2027-01-08", "UTC");
    assert_eq!(
        first(&friday, 4),
        ["2027-01-08", "2027-01-29", "2027-02-12", "2027-02-26"]
    );
}

// ------------------------------------------------------------------------------------ examples of RFC 5545, 3.8.5.3

#[test]
fn examples_of_rfc_5545_hold() {
    for (rule, start, expected) in [
        (
            "FREQ=DAILY;COUNT=3",
            "1997-09-02T09:00",
            "1997-09-02 1997-09-03 1997-09-04",
        ),
        (
            "FREQ=DAILY;INTERVAL=10;COUNT=3",
            "1997-09-02T09:00",
            "1997-09-02 1997-09-12 1997-09-22",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,TH;COUNT=4",
            "1997-09-02T09:00",
            "1997-09-02 1997-09-04 1997-09-16 1997-09-18",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05T09:00",
            "1997-08-05 1997-08-10 1997-08-19 1997-08-24",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05T09:00",
            "1997-08-05 1997-08-17 1997-08-19 1997-08-31",
        ),
        (
            "FREQ=MONTHLY;COUNT=3;BYDAY=1FR",
            "1997-09-05T09:00",
            "1997-09-05 1997-10-03 1997-11-07",
        ),
        (
            "FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU",
            "1997-09-07T09:00",
            "1997-09-07 1997-09-28 1997-11-02 1997-11-30",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3",
            "1997-09-28T09:00",
            "1997-09-28 1997-10-29 1997-11-28",
        ),
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3",
            "1998-02-13T09:00",
            "1998-02-13 1998-03-13 1998-11-13",
        ),
        (
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=3",
            "1997-09-13T09:00",
            "1997-09-13 1997-10-11 1997-11-08",
        ),
        (
            "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
            "1997-09-04T09:00",
            "1997-09-04 1997-10-07 1997-11-06",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3",
            "1997-09-29T09:00",
            "1997-09-29 1997-10-30 1997-11-27",
        ),
        (
            "FREQ=YEARLY;COUNT=4;BYMONTH=6,7",
            "1997-06-10T09:00",
            "1997-06-10 1997-07-10 1998-06-10 1998-07-10",
        ),
        (
            "FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200",
            "1997-01-01T09:00",
            "1997-01-01 1997-04-10 1997-07-19 2000-01-01",
        ),
        (
            "FREQ=YEARLY;BYDAY=20MO;COUNT=3",
            "1997-05-19T09:00",
            "1997-05-19 1998-05-18 1999-05-17",
        ),
        (
            "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3",
            "1997-05-12T09:00",
            "1997-05-12 1998-05-11 1999-05-17",
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=3",
            "1997-03-13T09:00",
            "1997-03-13 1997-03-20 1997-03-27",
        ),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3",
            "1996-11-05T09:00",
            "1996-11-05 2000-11-07 2004-11-02",
        ),
    ] {
        let days: Vec<String> = first(&recurrence(rule, start, "America/New_York"), 9)
            .iter()
            .map(|at| at.strip_suffix("T09:00").unwrap().to_owned())
            .collect();
        assert_eq!(days.join(" "), expected, "{rule}");
    }
}

#[test]
fn a_week_number_alone_keeps_the_weekday_of_the_start() {
    let rule = recurrence("FREQ=YEARLY;BYWEEKNO=20", "1997-05-14", "UTC");
    assert_eq!(first(&rule, 3), ["1997-05-14", "1998-05-13", "1999-05-19"]);
}

#[test]
fn several_times_a_day_come_in_order() {
    let rule = recurrence(
        "FREQ=DAILY;BYHOUR=21,9;BYMINUTE=0,30;COUNT=5",
        "2026-11-23T09:30",
        "Europe/Berlin",
    );
    let times = [
        "2026-11-23T09:30",
        "2026-11-23T21:00",
        "2026-11-23T21:30",
        "2026-11-24T09:00",
        "2026-11-24T09:30",
    ];
    assert_eq!(first(&rule, 9), times);
    // A date has no times to choose from: RFC 5545 says to ignore them.
    let dated = recurrence(
        "FREQ=DAILY;BYHOUR=21,9;COUNT=2",
        "2026-11-23",
        "Europe/Berlin",
    );
    assert_eq!(first(&dated, 9), ["2026-11-23", "2026-11-24"]);
}

// ------------------------------------------------------------------------------------------------- start and ends

#[test]
fn a_given_due_is_occurrence_1_whether_it_fits_the_rule_or_not() {
    let rule = recurrence(
        "FREQ=WEEKLY;BYDAY=MO;COUNT=3",
        "2026-11-25T09:00",
        "Europe/Berlin",
    );
    let list: Vec<(u32, String)> = rule.occurrences().map(|o| (o.number, o.key)).collect();
    let expected = [
        (1, "2026-11-25T09:00"),
        (2, "2026-11-30T09:00"),
        (3, "2026-12-07T09:00"),
    ];
    assert_eq!(list, expected.map(|(n, key)| (n, key.to_owned())));
}

#[test]
fn repeat_without_due_begins_with_the_first_match_from_today() {
    let today = NaiveDate::from_ymd_opt(2026, 11, 25).unwrap(); // a Wednesday
    for (rule, expected) in [
        ("FREQ=DAILY", Some("2026-11-25")),
        ("FREQ=DAILY;INTERVAL=10", Some("2026-11-25")),
        ("FREQ=WEEKLY;BYDAY=MO", Some("2026-11-30")),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", Some("2026-11-30")),
        ("FREQ=WEEKLY;BYDAY=MO,WE", Some("2026-11-25")),
        ("FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1", Some("2026-12-01")),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", Some("2026-11-30")),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", Some("2028-02-29")),
        ("FREQ=DAILY;BYHOUR=9", Some("2026-11-25T09:00")),
        (
            "FREQ=WEEKLY;BYDAY=FR;BYHOUR=17;BYMINUTE=30",
            Some("2026-11-27T17:30"),
        ),
        ("FREQ=HOURLY;INTERVAL=4", Some("2026-11-25T00:00")),
        ("FREQ=HOURLY;BYHOUR=9,10", Some("2026-11-25T09:00")),
        ("FREQ=DAILY;COUNT=1", Some("2026-11-25")),
        ("FREQ=DAILY;UNTIL=20261125", Some("2026-11-25")),
        ("FREQ=DAILY;UNTIL=20261124", None),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", None),
    ] {
        let found = first_match(&rule.parse().unwrap(), today).map(|at| at.to_string());
        assert_eq!(found.as_deref(), expected, "{rule}");
    }
}

#[test]
fn until_includes_its_own_moment_in_each_of_its_three_forms() {
    for (until, last) in [
        ("20261125", "2026-11-25T09:00"),
        ("20261125T090000", "2026-11-25T09:00"),
        ("20261125T085959", "2026-11-24T09:00"),
        ("20261125T080000Z", "2026-11-25T09:00"),
        ("20261125T075959Z", "2026-11-24T09:00"),
    ] {
        let rule = recurrence(
            &format!("FREQ=DAILY;UNTIL={until}"),
            "2026-11-23T09:00",
            "Europe/Berlin",
        );
        assert_eq!(
            rule.occurrences().last().unwrap().at.to_string(),
            last,
            "{until}"
        );
        let dated = recurrence(
            &format!("FREQ=DAILY;UNTIL={until}"),
            "2026-11-23",
            "Europe/Berlin",
        );
        assert_eq!(
            dated.occurrences().last().unwrap().at.to_string(),
            "2026-11-25",
            "{until}"
        );
    }
}

#[test]
fn until_leaves_out_a_time_in_a_gap_that_comes_after_it_and_keeps_the_next_one_that_comes_before_it()
 {
    // On that day 02:30 is 01:30Z, and 03:00 is 01:00Z.
    let rule = recurrence(
        "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;UNTIL=20260329T011500Z",
        "2026-03-29T02:00",
        "Europe/Berlin",
    );
    let list: Vec<_> = rule
        .occurrences()
        .map(|one| (one.number, one.key))
        .collect();
    let expected = [(1, "2026-03-29T02:00"), (2, "2026-03-29T03:00")];
    assert_eq!(list, expected.map(|(n, key)| (n, key.to_owned())));
    let after: Vec<_> = rule.occurrences_after(local("2026-03-29T02:30")).collect();
    assert_eq!(after, rule.occurrences().skip(1).collect::<Vec<_>>());
}

#[test]
fn a_rule_can_be_closed_or_given_the_rest_of_its_count() {
    let rule: Rule = "FREQ=DAILY;COUNT=10".parse().unwrap();
    assert_eq!(
        rule.clone().with_end(End::Count(4)).to_string(),
        "FREQ=DAILY;COUNT=4"
    );
    let date = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
    let closed = rule.with_end(End::Until(Until::Date(date)));
    assert_eq!(closed.to_string(), "FREQ=DAILY;UNTIL=20261231");
}

#[test]
fn left_out_occurrences_are_counted() {
    let mut rule = recurrence("FREQ=DAILY;COUNT=4", "2026-11-23T09:00", "Europe/Berlin");
    rule.exdates = vec![
        local("2026-11-24"),
        local("2026-11-25T09:00"),
        local("2026-11-26T10:00"),
    ];
    let list: Vec<(u32, String)> = rule.occurrences().map(|o| (o.number, o.key)).collect();
    assert_eq!(
        list,
        [
            (1, "2026-11-23T09:00".to_owned()),
            (4, "2026-11-26T09:00".to_owned())
        ]
    );
}

#[test]
fn extra_dates_come_in_order_are_not_counted_and_outlive_the_rule() {
    let mut rule = recurrence("FREQ=DAILY;COUNT=2", "2026-11-23T09:00", "Europe/Berlin");
    rule.rdates = vec![
        local("2026-12-24"),
        local("2026-11-23T18:00"),
        local("2026-11-24T09:00"),
        local("2026-12-24T09:00"),
        local("2026-11-01"),
    ];
    let list: Vec<(u32, String)> = rule.occurrences().map(|o| (o.number, o.key)).collect();
    let expected = [
        (1, "2026-11-23T09:00"),
        (1, "2026-11-23T18:00"),
        (2, "2026-11-24T09:00"),
        (2, "2026-12-24T09:00"),
    ];
    assert_eq!(list, expected.map(|(n, key)| (n, key.to_owned())));
}

// -------------------------------------------------------------------------------------------------- clock changes

#[test]
fn a_daily_rule_keeps_its_wall_time_and_its_key_through_gap_and_fold() {
    let rule = recurrence("FREQ=DAILY", "2027-03-27T02:30", "Europe/Berlin");
    let list: Vec<_> = rule
        .occurrences()
        .take(3)
        .map(|o| (o.key, o.due_at.to_string()))
        .collect();
    let expected = [
        ("2027-03-27T02:30", "2027-03-27T01:30:00.000Z"),
        ("2027-03-28T02:30", "2027-03-28T01:30:00.000Z"), // 03:30 on the wall
        ("2027-03-29T02:30", "2027-03-29T00:30:00.000Z"),
    ];
    assert_eq!(
        list,
        expected.map(|(key, at)| (key.to_owned(), at.to_owned()))
    );
}

#[test]
fn hourly_rules_step_in_elapsed_time_and_tell_equal_local_times_apart() {
    let rule = recurrence("FREQ=HOURLY", "2026-10-25T01:30", "Europe/Berlin");
    let list: Vec<_> = rule
        .occurrences()
        .take(4)
        .map(|o| (o.at.to_string(), o.key, o.due_at))
        .collect();
    let expected = [
        ("2026-10-25T01:30", "2026-10-24T23:30:00.000Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00.000Z"),
        ("2026-10-25T02:30", "2026-10-25T01:30:00.000Z"),
        ("2026-10-25T03:30", "2026-10-25T02:30:00.000Z"),
    ];
    assert_eq!(
        list,
        expected.map(|(at, key)| (at.to_owned(), key.to_owned(), utc(key)))
    );

    let six = recurrence(
        "FREQ=HOURLY;INTERVAL=6",
        "2027-03-27T22:00",
        "Europe/Berlin",
    );
    assert_eq!(
        first(&six, 3),
        ["2027-03-27T22:00", "2027-03-28T05:00", "2027-03-28T11:00"]
    );
}

#[test]
fn an_hour_that_an_hourly_rule_names_counts_each_time_the_clocks_show_it() {
    let twice = recurrence(
        "FREQ=HOURLY;BYHOUR=0,1",
        "1998-10-25T00:20",
        "Europe/Dublin",
    );
    let keys: Vec<String> = twice.occurrences().take(4).map(|one| one.key).collect();
    let expected = [
        "1998-10-24T23:20:00.000Z",
        "1998-10-25T00:20:00.000Z",
        "1998-10-25T01:20:00.000Z",
        "1998-10-26T00:20:00.000Z",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn hourly_rules_in_working_hours_follow_the_wall() {
    let rule = recurrence(
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=9,10,11,12;BYDAY=MO,TU,WE,TH,FR",
        "2026-10-23T09:00",
        "Europe/Berlin",
    );
    // After the change the odd hours have become the even ones.
    let expected = [
        "2026-10-23T09:00",
        "2026-10-23T11:00",
        "2026-10-26T10:00",
        "2026-10-26T12:00",
        "2026-10-27T10:00",
    ];
    assert_eq!(first(&rule, 5), expected);
    let minutes = recurrence(
        "FREQ=HOURLY;BYMINUTE=0,30",
        "2026-10-25T02:30",
        "Europe/Berlin",
    );
    let keys: Vec<String> = minutes.occurrences().take(3).map(|o| o.key).collect();
    assert_eq!(
        keys,
        [
            "2026-10-25T00:30:00.000Z",
            "2026-10-25T01:00:00.000Z",
            "2026-10-25T01:30:00.000Z"
        ]
    );
}

#[test]
fn an_hourly_rule_needs_a_time() {
    let error = Recurrence::new(
        "FREQ=HOURLY".parse().unwrap(),
        local("2026-11-23"),
        zone("UTC").unwrap(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("with a time"), "{error}");
}

#[test]
fn a_day_a_zone_left_out_keeps_its_own_key() {
    let rule = recurrence("FREQ=DAILY", "2011-12-29T09:00", "Pacific/Apia");
    let list: Vec<_> = rule
        .occurrences()
        .take(3)
        .map(|o| (o.key, o.due_at))
        .collect();
    assert_eq!(list[1].0, "2011-12-30T09:00");
    assert_eq!(list[1].1, list[2].1);
}

// --------------------------------------------------------------------------------------------------------- seeking

#[test]
fn seeking_ten_years_ahead_gives_the_same_as_walking_there() {
    for (rule, start) in [
        ("FREQ=DAILY", "2026-11-23T09:00"),
        ("FREQ=DAILY;INTERVAL=3;BYDAY=MO,WE,SU", "2026-11-23T09:00"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=SU", "2026-11-25"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD", "2026-11-25"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-11-25"),
        ("FREQ=HOURLY;INTERVAL=5", "2026-11-23T09:10"),
        (
            "FREQ=DAILY;BYHOUR=9,12;BYMINUTE=0,30;BYSETPOS=2,-1",
            "2026-11-23T09:00",
        ),
    ] {
        let rule = recurrence(rule, start, "Europe/Berlin");
        let after = local("2036-11-25T10:00");
        let place = if rule.start.is_date() {
            Local::Date(after.date())
        } else {
            after
        };
        let sought = rule.occurrences_after(after).next().unwrap();
        let walked = rule.occurrences().find(|o| o.at > place).unwrap();
        assert_eq!(sought, walked, "{}", rule.rule);
        let known = OccurrenceRef::from(&walked);
        let next = rule.occurrences_after_ref(&known).next().unwrap();
        assert_eq!(
            next,
            rule.occurrences().find(|o| o.key == next.key).unwrap()
        );
    }
}

#[test]
fn a_key_that_cannot_be_read_is_looked_up_by_its_number() {
    let rule = recurrence("FREQ=DAILY", "2026-11-23", "UTC");
    let next = rule
        .occurrences_after_ref(&OccurrenceRef::new("garbage", 3))
        .next()
        .unwrap();
    assert_eq!((next.number, next.key.as_str()), (4, "2026-11-26"));
    assert_eq!(rule.occurrence(&OccurrenceRef::new("garbage", 3)), None);
}

#[test]
fn rules_that_never_match_end_instead_of_searching_for_ever() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
        "FREQ=HOURLY;INTERVAL=2;BYMINUTE=59;BYSETPOS=2",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    ] {
        let rule = recurrence(rule, "2026-11-23T09:00", "UTC");
        assert_eq!(rule.occurrences().count(), 1, "{}", rule.rule);
    }
}

#[test]
fn a_rule_ends_with_the_year_9999() {
    let rule = recurrence("FREQ=YEARLY;INTERVAL=1000", "2026-11-23", "UTC");
    assert_eq!(rule.occurrences().last().unwrap().key, "9026-11-23");
    let hourly = recurrence("FREQ=HOURLY", "9999-12-29T09:00", "Pacific/Kiritimati");
    assert!(hourly.occurrences().count() < 100);
}
