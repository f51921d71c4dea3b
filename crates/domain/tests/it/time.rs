use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use punctual_domain::time::{due_instant, resolve, to_local, today, zone};
use punctual_domain::{Duration8601, Error, Instant, Local, Zone};

use crate::{at, local, utc};

#[test]
fn a_local_time_reads_and_prints_without_seconds_when_they_are_zero() {
    for text in [
        "2026-12-01",
        "2026-12-01T09:00",
        "2026-12-01T09:00:07",
        "0001-01-01",
        "9999-12-31T23:59",
    ] {
        assert_eq!(local(text).to_string(), text);
    }
    assert_eq!(local("2026-12-01T09:00:00").to_string(), "2026-12-01T09:00");
    assert_eq!(
        serde_json::to_string(&local("2026-12-01")).unwrap(),
        "\"2026-12-01\""
    );
}

#[test]
fn what_is_no_local_time_is_refused_with_an_example_of_one() {
    for text in [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-02-29",
        "2026-1-1",
        "2026-12-01T9:00",
        "2026-12-01T24:00",
        "2026-12-01T09:00Z",
        "2026-12-01 09:00",
        "2026-12-01T09:00:60",
        "+2026-12-01",
        "0000-01-01",
        "10000-01-01",
        "2026-12-01T09:00:00.5",
        "２０２６-12-01",
    ] {
        let error = text.parse::<Local>().unwrap_err();
        assert!(error.to_string().contains("2026-12-01T09:00"), "{error}");
    }
}

#[test]
fn a_date_sorts_before_the_times_of_its_day() {
    let mut list = [
        "2026-12-02",
        "2026-12-01T00:00",
        "2026-12-01",
        "2026-12-01T09:00",
    ]
    .map(local);
    list.sort();
    let texts = list.map(|l| l.to_string());
    assert_eq!(
        texts,
        [
            "2026-12-01",
            "2026-12-01T00:00",
            "2026-12-01T09:00",
            "2026-12-02"
        ]
    );
}

#[test]
fn an_instant_prints_milliseconds_in_utc_and_reads_any_offset() {
    assert_eq!(
        utc("2026-11-30T18:00:00Z").to_string(),
        "2026-11-30T18:00:00.000Z"
    );
    assert_eq!(
        utc("2026-11-30T19:00:00.1239+01:00").to_string(),
        "2026-11-30T18:00:00.123Z"
    );
    assert_eq!(
        Instant::from_micros(-1).to_string(),
        "1969-12-31T23:59:59.999Z"
    );
    for text in [
        "2026-11-30",
        "2026-11-30T18:00:00",
        "",
        "0000-12-31T23:00:00Z",
    ] {
        assert!(
            matches!(text.parse::<Instant>(), Err(Error::Instant(_))),
            "{text}"
        );
    }
}

#[test]
fn instants_stop_at_the_ends_of_time_instead_of_overflowing() {
    assert_eq!(Instant::MIN.to_string(), "0001-01-01T00:00:00.000Z");
    assert_eq!(Instant::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Instant::from_micros(i64::MAX), Instant::MAX);
    assert_eq!(Instant::MAX.plus_secs(i64::MAX), Instant::MAX);
    assert_eq!(Instant::MIN - Duration::MAX, Instant::MIN);
    assert_eq!(
        due_instant(local("9999-12-31"), zone("Etc/GMT+12").unwrap()),
        Instant::MAX
    );
}

#[test]
fn an_unknown_zone_is_refused_by_name() {
    let error = zone("Mars/Olympus").unwrap_err().to_string();
    assert!(
        error.contains("Mars/Olympus") && error.contains("Europe/Berlin"),
        "{error}"
    );
}

#[test]
fn a_time_in_a_gap_moves_forward_by_the_gap() {
    assert_eq!(
        at("2027-03-28T02:30", "Europe/Berlin"),
        utc("2027-03-28T01:30:00Z")
    ); // 03:30 there
    assert_eq!(
        at("2026-10-04T02:15", "Australia/Lord_Howe"),
        at("2026-10-04T02:45", "Australia/Lord_Howe")
    );
    // A whole day was left out: 30 December 2011 did not exist on Samoa.
    assert_eq!(
        at("2011-12-30T09:00", "Pacific/Apia"),
        at("2011-12-31T09:00", "Pacific/Apia")
    );
}

#[test]
fn of_a_time_that_comes_twice_the_first_counts() {
    assert_eq!(
        at("2026-10-25T02:30", "Europe/Berlin"),
        utc("2026-10-25T00:30:00Z")
    );
    assert_eq!(
        at("2026-11-01T00:30", "America/Havana"),
        utc("2026-11-01T04:30:00Z")
    );
}

#[test]
fn a_day_that_begins_with_a_gap_begins_when_the_gap_ends() {
    // Clocks went from 23:59:59 to 01:00 on these days.
    assert_eq!(
        at("2018-11-04T00:00", "America/Sao_Paulo"),
        utc("2018-11-04T03:00:00Z")
    );
    assert_eq!(
        due_instant(local("2018-11-03"), zone("America/Sao_Paulo").unwrap()),
        utc("2018-11-04T03:00:00Z")
    );
    assert_eq!(
        due_instant(local("2027-04-22"), zone("Africa/Cairo").unwrap()).secs() % 3_600,
        0
    );
}

#[test]
fn a_date_is_overdue_after_the_local_day() {
    let berlin = zone("Europe/Berlin").unwrap();
    assert_eq!(
        due_instant(local("2026-12-01"), berlin),
        utc("2026-12-01T23:00:00Z")
    );
    assert_eq!(
        due_instant(local("2026-10-25"), berlin),
        utc("2026-10-25T23:00:00Z")
    ); // a day of 25 hours
    let samoa = zone("Pacific/Apia").unwrap();
    assert_eq!(
        due_instant(local("2011-12-29"), samoa),
        due_instant(local("2011-12-30"), samoa)
    );
    assert_eq!(
        today(utc("2026-12-01T23:00:00Z"), berlin),
        NaiveDate::from_ymd_opt(2026, 12, 2).unwrap()
    );
}

/// Every zone of the database, every change of its clocks from 2020 to 2037, seconds around it: compared with the
/// definition, written down a second way (by searching the instant, not the local time).
#[test]
fn every_zones_changes_from_2020_to_2037_resolve_by_the_definition() {
    let mut changes = 0;
    for zone in Zone::all() {
        let offset = |secs: i64| {
            to_local(Instant::from_secs(secs), zone)
                .and_utc()
                .timestamp()
                - secs
        };
        let (first, last) = (1_577_836_800, 2_145_916_800);
        let mut day = first;
        while day < last {
            let (before, after) = (offset(day), offset(day + 86_400));
            if before != after {
                let (mut low, mut high) = (day, day + 86_400);
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    if offset(middle) == before {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                changes += 1;
                check_change(
                    high,
                    before,
                    after,
                    &|local| resolve(local, zone).secs(),
                    zone.name(),
                );
            }
            day += 86_400;
        }
    }
    assert!(changes > 3_000, "only {changes} changes were seen");
}

fn check_change(
    change: i64,
    before: i64,
    after: i64,
    resolve: &dyn Fn(NaiveDateTime) -> i64,
    zone: &str,
) {
    let (from, to) = (change + before.min(after), change + before.max(after));
    for edge in [
        from - 1,
        from,
        from + 1,
        (from + to) / 2,
        to - 1,
        to,
        to + 1,
    ] {
        let local = chrono::DateTime::from_timestamp(edge, 0)
            .unwrap()
            .naive_utc();
        // Shown before the change (in a fold for the first time), or in the gap: forward by its length.
        let old_offset = edge < change + before.max(after);
        let expected = if old_offset {
            edge - before
        } else {
            edge - after
        };
        // After a fold's first pass the clock shows only the new offset.
        let expected = if before > after && edge >= change + before {
            edge - after
        } else {
            expected
        };
        assert_eq!(resolve(local), expected, "{zone} {local}");
    }
}

#[test]
fn durations_keep_days_and_hours_apart_and_print_canonically() {
    for (text, days, seconds, printed) in [
        ("PT30M", 0, 1_800, "PT30M"),
        ("P1D", 1, 0, "P1D"),
        ("P1W", 7, 0, "P1W"),
        ("P7D", 7, 0, "P1W"),
        ("P1W1D", 8, 0, "P8D"),
        ("P1DT2H", 1, 7_200, "P1DT2H"),
        ("P7DT1S", 7, 1, "P7DT1S"),
        ("PT24H", 0, 86_400, "PT24H"),
        ("PT90M", 0, 5_400, "PT1H30M"),
        ("PT0S", 0, 0, "PT0S"),
        ("P0D", 0, 0, "PT0S"),
        ("P366D", 366, 0, "P366D"),
    ] {
        let duration: Duration8601 = text.parse().unwrap();
        assert_eq!(
            (duration.days(), duration.seconds()),
            (days, seconds),
            "{text}"
        );
        assert_eq!(duration.to_string(), printed);
        assert_eq!(printed.parse::<Duration8601>().unwrap(), duration);
    }
}

#[test]
fn durations_without_a_fixed_length_or_sign_are_refused_with_the_reason() {
    for (text, reason) in [
        ("P1M", "months"),
        ("P1Y", "months"),
        ("-PT5M", "negative"),
        ("PT1.5H", "fractions"),
        ("PT", "nothing follows"),
        ("P", "no length"),
        ("", "starts with P"),
        ("30M", "starts with P"),
        ("PT30", "unit"),
        ("PTM", "number"),
        ("PT1M1H", "order"),
        ("PT1H1H", "order"),
        ("P1H", "units"),
        ("P367D", "366 days"),
        ("PT99999999999999999999H", "number"),
        ("PT9999999999999H", "366 days"),
        ("P1D1", "unit"),
        ("PT1é", "units"),
    ] {
        let error = text.parse::<Duration8601>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_day_before_is_the_same_wall_time_and_24_hours_are_elapsed() {
    let berlin = zone("Europe/Berlin").unwrap();
    let Local::DateTime(after_change) = local("2026-10-25T09:00") else {
        unreachable!()
    };
    let before = |text: &str| {
        text.parse::<Duration8601>()
            .unwrap()
            .before(after_change, berlin)
    };
    assert_eq!(before("P1D"), at("2026-10-24T09:00", "Europe/Berlin"));
    assert_eq!(before("PT24H"), at("2026-10-24T10:00", "Europe/Berlin"));
    assert_eq!(before("P1DT1H"), at("2026-10-24T08:00", "Europe/Berlin"));
}

#[test]
fn times_at_the_ends_of_the_calendar_do_not_panic() {
    let zones =
        ["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"].map(|name| zone(name).unwrap());
    let year: Duration8601 = "P366D".parse().unwrap();
    for zone in zones {
        for local in [
            NaiveDateTime::MIN,
            NaiveDateTime::MAX,
            NaiveDate::MAX.and_time(NaiveTime::MIN),
            NaiveDate::from_ymd_opt(1, 1, 1)
                .unwrap()
                .and_time(NaiveTime::MIN),
        ] {
            let instant = resolve(local, zone);
            let _ = (
                to_local(instant, zone),
                year.before(local, zone),
                due_instant(local.date().into(), zone),
            );
            let _ = Local::DateTime(local).to_string();
        }
    }
}
