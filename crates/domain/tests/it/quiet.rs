use proptest::prelude::*;
use punctual_domain::time::{to_local, zone};
use punctual_domain::{Error, Instant, Quiet};

use crate::{at, utc};

const BERLIN: &str = "Europe/Berlin";

fn quiet(from: &str, until: &str) -> Quiet {
    Quiet::new(from, until).unwrap()
}

/// When the quiet of `from`–`until` that reigns in Berlin at a local time ends, as the clocks there show it.
fn ends(from: &str, until: &str, local: &str) -> Option<String> {
    let end = quiet(from, until).end(at(local, BERLIN), zone(BERLIN).unwrap())?;
    Some(
        to_local(end, zone(BERLIN).unwrap())
            .format("%Y-%m-%dT%H:%M")
            .to_string(),
    )
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn quiet_begins_at_its_first_minute_and_is_over_at_its_last() {
    assert_eq!(ends("13:00", "14:30", "2026-11-24T12:59:59"), None);
    assert_eq!(
        ends("13:00", "14:30", "2026-11-24T13:00"),
        some("2026-11-24T14:30")
    );
    assert_eq!(
        ends("13:00", "14:30", "2026-11-24T14:29:59"),
        some("2026-11-24T14:30")
    );
    assert_eq!(ends("13:00", "14:30", "2026-11-24T14:30"), None);
}

#[test]
fn quiet_over_midnight_ends_in_the_morning_whether_it_is_before_midnight_or_after() {
    assert_eq!(ends("22:00", "07:30", "2026-11-24T21:59:59"), None);
    assert_eq!(
        ends("22:00", "07:30", "2026-11-24T23:15"),
        some("2026-11-25T07:30")
    );
    assert_eq!(
        ends("22:00", "07:30", "2026-11-25T00:00"),
        some("2026-11-25T07:30")
    );
    assert_eq!(
        ends("22:00", "07:30", "2026-11-25T07:29:59"),
        some("2026-11-25T07:30")
    );
    assert_eq!(ends("22:00", "07:30", "2026-11-25T07:30"), None);
    assert_eq!(
        ends("22:00", "00:00", "2026-12-31T23:30"),
        some("2027-01-01T00:00")
    );
}

#[test]
fn quiet_is_by_the_clocks_of_the_accounts_zone() {
    let night = quiet("22:00", "07:00");
    let now = utc("2026-11-24T14:00:00Z");
    let end = |name: &str| night.end(now, zone(name).unwrap());
    assert_eq!(end(BERLIN), None);
    assert_eq!(end("Asia/Tokyo"), Some(utc("2026-11-24T22:00:00Z")));
    assert_eq!(end("Asia/Kathmandu"), None);
    assert_eq!(end("Pacific/Auckland"), Some(utc("2026-11-24T18:00:00Z")));
}

#[test]
fn a_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer_and_ends_at_the_same_wall_time()
{
    let night = quiet("22:00", "07:00");
    let berlin = zone(BERLIN).unwrap();
    let hours = |local: &str| {
        let begin = at(local, BERLIN);
        night.end(begin, berlin).unwrap().micros_since(begin) / 3_600_000_000
    };
    assert_eq!(hours("2026-03-27T22:00"), 9);
    assert_eq!(hours("2026-03-28T22:00"), 8);
    assert_eq!(hours("2026-10-24T22:00"), 10);
    assert_eq!(
        ends("22:00", "07:00", "2026-03-28T22:00"),
        some("2026-03-29T07:00")
    );
    assert_eq!(
        ends("22:00", "07:00", "2026-10-24T22:00"),
        some("2026-10-25T07:00")
    );
}

#[test]
fn an_end_that_the_clocks_jump_over_comes_later_by_the_gap_and_one_shown_twice_the_first_time() {
    assert_eq!(
        ends("22:00", "02:30", "2026-03-28T23:00"),
        some("2026-03-29T03:30")
    );
    let berlin = zone(BERLIN).unwrap();
    let night = quiet("22:00", "02:30");
    // 02:30 in summer time is 00:30Z; 01:15Z is 02:15 again, in winter time.
    assert_eq!(
        night.end(utc("2026-10-24T23:00:00Z"), berlin),
        Some(utc("2026-10-25T00:30:00Z"))
    );
    assert_eq!(night.end(utc("2026-10-25T01:15:00Z"), berlin), None);
}

#[test]
fn equal_times_are_no_quiet_at_all() {
    assert_eq!(ends("07:00", "07:00", "2026-11-24T07:00"), None);
    assert_eq!(ends("07:00", "07:00", "2026-11-24T19:00"), None);
}

#[test]
fn what_is_no_time_of_day_is_refused_with_an_example_of_one() {
    for text in [
        "", "7:00", "24:00", "07:60", "07", "07:00:00", "+7:00", "７:00",
    ] {
        let error = Quiet::new(text, "07:00").unwrap_err();
        assert!(matches!(&error, Error::TimeOfDay(_)), "{text}: {error}");
        assert!(error.to_string().contains("22:30"), "{error}");
    }
}

proptest! {
    #[test]
    fn the_end_lies_ahead_within_a_day_and_is_not_quiet_itself(
        from in 0_u32..1440, until in 0_u32..1440, second in 1_700_000_000_i64..1_900_000_000,
        name in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    ) {
        let text = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = quiet(&text(from), &text(until));
        let (now, zone) = (Instant::from_secs(second), zone(name).unwrap());
        if let Some(end) = window.end(now, zone) {
            prop_assert!(end > now);
            prop_assert!(end.micros_since(now) <= 25 * 3_600_000_000);
            // Unless a window of nearly a whole day begins again just where a change of the clocks ended this one.
            if from.abs_diff(until) > 60 && from.abs_diff(until) < 1380 {
                prop_assert_eq!(window.end(end, zone), None);
            }
        }
    }
}
