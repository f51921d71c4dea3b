use chrono::NaiveDate;
use punctual_domain::activity::{Day, Streak, Zones, every_day, on_time_rate, streak};
use punctual_domain::time::zone;
use punctual_domain::{Instant, Zone};

use crate::utc;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn named(name: &str) -> Zone {
    zone(name).unwrap()
}

/// The days on which something was completed.
fn days(dates: &[&str]) -> Vec<Day> {
    let day = |text: &&str| Day {
        date: date(text),
        completed: 1,
        with_due: 0,
        on_time: 0,
    };
    dates.iter().map(day).collect()
}

fn spans(zones: &Zones, day: &str) -> Vec<(String, String)> {
    let text = |at: Instant| at.to_string();
    zones
        .spans(date(day))
        .into_iter()
        .map(|(from, until)| (text(from), text(until)))
        .collect()
}

#[test]
fn a_completion_counts_on_the_local_day_of_the_person() {
    let zones = Zones::new(named("Europe/Berlin"), []);
    assert_eq!(zones.day(utc("2026-11-01T22:59:59Z")), date("2026-11-01"));
    assert_eq!(zones.day(utc("2026-11-01T23:00:00Z")), date("2026-11-02"));
}

#[test]
fn a_day_on_which_the_clocks_change_has_23_or_25_hours() {
    let zones = Zones::new(named("Europe/Berlin"), []);
    let hours = |day: &str| {
        let (from, until) = zones.spans(date(day))[0];
        until.micros_since(from) / 3_600_000_000
    };
    assert_eq!(hours("2026-03-29"), 23);
    assert_eq!(hours("2026-10-25"), 25);
    assert_eq!(hours("2026-11-02"), 24);
}

#[test]
fn another_zone_moves_no_day_that_was_lived_before() {
    let home = Zones::new(named("Asia/Tokyo"), []);
    let moved = Zones::new(
        named("Asia/Tokyo"),
        [(utc("2026-11-03T10:00:00Z"), named("America/New_York"))],
    );
    let before = utc("2026-11-02T23:00:00Z");
    assert_eq!(moved.day(before), home.day(before));
    assert_eq!(moved.day(before), date("2026-11-03"));
    assert_eq!(moved.day(utc("2026-11-04T03:00:00Z")), date("2026-11-03"));
    assert_eq!(spans(&moved, "2026-11-02"), spans(&home, "2026-11-02"));
    // The third of November: begun in Tokyo, ended in New York.
    assert_eq!(
        spans(&moved, "2026-11-03"),
        [
            ("2026-11-02T15:00:00.000Z", "2026-11-03T10:00:00.000Z"),
            ("2026-11-03T10:00:00.000Z", "2026-11-04T05:00:00.000Z")
        ]
        .map(|(from, until)| (from.to_owned(), until.to_owned()))
    );
}

#[test]
fn every_instant_belongs_to_the_spans_of_its_day_and_of_no_other() {
    let zones = Zones::new(
        named("Pacific/Auckland"),
        [
            (utc("2026-11-03T01:30:00Z"), named("Pacific/Honolulu")),
            (utc("2026-11-04T20:00:00Z"), named("Europe/Berlin")),
            // A clock that was set back.
            (utc("2026-11-04T19:00:00Z"), named("Asia/Kolkata")),
        ],
    );
    let mut at = utc("2026-11-01T00:00:00Z");
    while at < utc("2026-11-07T00:00:00Z") {
        let holding: Vec<NaiveDate> = date("2026-10-30")
            .iter_days()
            .take(12)
            .filter(|day| {
                let spans = zones.spans(*day);
                spans.iter().any(|(from, until)| *from <= at && at < *until)
            })
            .collect();
        assert_eq!(holding, [zones.day(at)], "{at}");
        at = at.plus_secs(900);
    }
}

#[test]
fn a_streak_is_of_consecutive_days_and_today_without_a_completion_does_not_break_it() {
    let lived = days(&["2026-10-30", "2026-10-31", "2026-11-01"]);
    let current = |today: &str| streak(&lived, date(today)).current;
    assert_eq!(current("2026-11-01"), 3);
    assert_eq!(current("2026-11-02"), 3);
    assert_eq!(current("2026-11-03"), 0);
}

#[test]
fn the_longest_streak_stays_when_the_current_one_is_over() {
    let lived = days(&["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-03"]);
    assert_eq!(
        streak(&lived, date("2026-03-03")),
        Streak {
            current: 1,
            longest: 3
        }
    );
    assert_eq!(streak(&[], date("2026-03-03")), Streak::default());
}

#[test]
fn a_day_that_is_still_ahead_after_a_flight_west_keeps_the_streak() {
    let lived = days(&["2026-11-02", "2026-11-03"]);
    assert_eq!(streak(&lived, date("2026-11-02")).current, 2);
}

#[test]
fn a_day_whose_completions_were_all_taken_back_breaks_the_streak() {
    let mut lived = days(&["2026-11-01", "2026-11-02", "2026-11-03"]);
    lived[1].completed = 0;
    assert_eq!(
        streak(&lived, date("2026-11-03")),
        Streak {
            current: 1,
            longest: 1
        }
    );
}

#[test]
fn the_on_time_rate_counts_only_what_had_a_due() {
    let day = |completed, with_due, on_time| Day {
        date: date("2026-11-01"),
        completed,
        with_due,
        on_time,
    };
    assert_eq!(on_time_rate(&[day(5, 0, 0)]), None);
    assert_eq!(on_time_rate(&[day(5, 2, 2), day(9, 2, 1)]), Some(0.75));
}

#[test]
fn days_without_a_completion_are_in_the_answer_too() {
    let filled = every_day(
        &days(&["2026-10-01", "2026-11-02"]),
        date("2026-11-01"),
        date("2026-11-03"),
    );
    let counts: Vec<_> = filled.iter().map(|day| (day.date, day.completed)).collect();
    assert_eq!(
        counts,
        [
            (date("2026-11-01"), 0),
            (date("2026-11-02"), 1),
            (date("2026-11-03"), 0)
        ]
    );
}
