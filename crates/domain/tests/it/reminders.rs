use chrono::NaiveTime;
use punctual_domain::reminders::{
    DEFAULT_MORNING, Definition, MAX_OPEN, Plan, PlanInput, RingState, When, fire_at, plan,
    start_for,
};
use punctual_domain::time::zone;
use punctual_domain::{Basis, Instant, Local, Series};

use crate::{at, local, nth, series, utc};

const BERLIN: &str = "Europe/Berlin";

fn before(id: &str, duration: &str) -> Definition {
    Definition::before(id, duration.parse().unwrap())
}

fn fixed(id: &str, instant: &str) -> Definition {
    Definition::at(id, utc(instant))
}

fn fires(duration: &str, due: &str) -> Option<Instant> {
    let morning = NaiveTime::from_hms_opt(8, 30, 0).unwrap();
    fire_at(
        before("a", duration).when,
        Some(local(due)),
        None,
        zone(BERLIN).unwrap(),
        morning,
    )
}

/// An open task without series, set at `set` and planned at `now` (times of Berlin).
fn task(due: Option<&str>, definitions: Vec<Definition>, set: &str, now: &str) -> PlanInput {
    PlanInput {
        due: due.map(local),
        start: None,
        zone: zone(BERLIN).unwrap(),
        morning: DEFAULT_MORNING,
        definitions,
        series: None,
        generation_at: at(set, BERLIN),
        now: at(now, BERLIN),
        open: true,
    }
}

/// An open occurrence 1 of a series.
fn recurring(series: Series, definitions: Vec<Definition>, set: &str, now: &str) -> PlanInput {
    let current = nth(&series, 1);
    let due = series.recurrence.start.to_string();
    PlanInput {
        series: Some((series, current)),
        ..task(Some(&due), definitions, set, now)
    }
}

/// The rings as `definition occurrence state`, in order.
fn rings(plan: &Plan) -> Vec<String> {
    let word = |state| {
        if state == RingState::Planned {
            "planned"
        } else {
            "skipped"
        }
    };
    plan.rings
        .iter()
        .map(|r| format!("{} {} {}", r.definition_id, r.occurrence_key, word(r.state)))
        .collect()
}

#[test]
fn a_day_before_is_the_same_wall_time_and_24_hours_are_elapsed() {
    assert_eq!(
        fires("P1D", "2026-10-25T09:00"),
        Some(at("2026-10-24T09:00", BERLIN))
    );
    assert_eq!(
        fires("PT24H", "2026-10-25T09:00"),
        Some(at("2026-10-24T10:00", BERLIN))
    );
    assert_eq!(
        fires("P1W", "2026-10-31T02:30"),
        Some(at("2026-10-24T02:30", BERLIN))
    );
    assert_eq!(
        fires("P1D", "2027-03-29T02:30"),
        Some(at("2027-03-28T03:30", BERLIN))
    ); // into the gap
}

#[test]
fn before_a_date_counts_from_the_persons_morning() {
    assert_eq!(
        fires("PT0S", "2026-12-01"),
        Some(at("2026-12-01T08:30", BERLIN))
    );
    assert_eq!(
        fires("P1D", "2026-12-01"),
        Some(at("2026-11-30T08:30", BERLIN))
    );
    assert_eq!(
        fires("PT30M", "2026-12-01"),
        Some(at("2026-12-01T08:00", BERLIN))
    );
}

#[test]
fn an_absolute_reminder_needs_no_due_and_a_relative_one_does() {
    let berlin = zone(BERLIN).unwrap();
    let absolute = fixed("a", "2026-11-30T18:00:00Z");
    assert_eq!(
        fire_at(absolute.when, None, None, berlin, DEFAULT_MORNING),
        Some(utc("2026-11-30T18:00:00Z"))
    );
    assert_eq!(
        fire_at(
            before("a", "PT30M").when,
            None,
            None,
            berlin,
            DEFAULT_MORNING
        ),
        None
    );
    let plan = plan(&task(
        None,
        vec![before("a", "PT30M"), absolute],
        "2026-11-23T09:00",
        "2026-11-23T09:00",
    ));
    assert_eq!(plan.rings.len(), 1);
}

#[test]
fn a_definition_has_exactly_one_of_before_and_at_and_keeps_its_id() {
    for json in [
        r#"{"id":"r1","before":"PT30M"}"#,
        r#"{"id":"r1","at":"2026-11-30T18:00:00.000Z"}"#,
        r#"{"before":"P1D"}"#,
        r#"{"id":"r1","before":"P1D","of":"start"}"#,
        r#"{"before":"PT30M","again":"PT5M","times":3}"#,
    ] {
        let definition: Definition = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&definition).unwrap(), json);
    }
    let fresh: Definition = serde_json::from_str(r#"{"before":"PT30M","of":"due"}"#).unwrap();
    assert_eq!(fresh, before("", "PT30M"));
    let again: Definition = serde_json::from_str(r#"{"before":"PT0S","again":"PT5M"}"#).unwrap();
    assert_eq!(again.again.unwrap().times, 5, "where it is not said");
    for json in [
        r#"{}"#,
        r#"{"before":"PT30M","at":"2026-11-30T18:00:00Z"}"#,
        r#"{"before":"soon"}"#,
        r#"{"before":5}"#,
        r#"{"at":"2026-11-30T18:00:00Z","of":"start"}"#,
        r#"{"before":"PT30M","of":"birth"}"#,
        r#"{"before":"PT30M","again":"PT59S"}"#,
        r#"{"before":"PT30M","again":"P1D"}"#,
        r#"{"before":"PT30M","again":"PT5M","times":51}"#,
        r#"{"before":"PT30M","times":3}"#,
    ] {
        assert!(serde_json::from_str::<Definition>(json).is_err(), "{json}");
    }
}

#[test]
fn a_reminder_already_past_when_it_was_set_is_skipped() {
    let definitions = vec![
        before("late", "PT2H"),
        before("on", "PT1H"),
        before("soon", "PT5M"),
    ];
    let plan = plan(&task(
        Some("2026-11-23T09:00"),
        definitions,
        "2026-11-23T08:00",
        "2026-11-23T08:00",
    ));
    assert_eq!(
        rings(&plan),
        ["late  skipped", "on  skipped", "soon  planned"]
    );
    assert_eq!((plan.next_at, plan.missed), (None, 0));
}

#[test]
fn an_accepted_reminder_stays_planned_although_now_has_passed_it() {
    let plan = plan(&task(
        Some("2026-11-23T09:00"),
        vec![before("a", "PT5M")],
        "2026-11-23T08:00",
        "2026-11-24T12:00",
    ));
    assert_eq!(rings(&plan), ["a  planned"]);
}

#[test]
fn a_task_that_is_not_open_rings_no_more() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let mut input = recurring(
        daily,
        vec![before("a", "PT5M")],
        "2026-11-20T08:00",
        "2026-11-25T12:00",
    );
    input.open = false;
    assert_eq!(plan(&input), Plan::default());
}

#[test]
fn a_daily_task_left_open_for_three_days_has_rung_three_times_and_says_missed_2() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let input = recurring(
        daily,
        vec![before("a", "PT0S")],
        "2026-11-20T12:00",
        "2026-11-25T10:00",
    );
    let plan = plan(&input);
    let rung: Vec<Instant> = plan
        .rings
        .iter()
        .map(|r| r.fire_at)
        .filter(|at| *at <= input.now)
        .collect();
    assert_eq!(
        rung,
        ["2026-11-23T09:00", "2026-11-24T09:00", "2026-11-25T09:00"].map(|t| at(t, BERLIN))
    );
    assert_eq!(plan.missed, 2);
    // Thursday's and Friday's are on record too; planning is due again when Thursday's rings.
    assert_eq!(plan.rings.len(), 5);
    assert_eq!(plan.next_at, Some(at("2026-11-26T09:00", BERLIN)));
}

#[test]
fn an_open_occurrence_plans_itself_and_the_one_after_it() {
    let weekly = series("FREQ=WEEKLY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let plan = plan(&recurring(
        weekly,
        vec![before("a", "PT30M")],
        "2026-11-20T12:00",
        "2026-11-20T12:00",
    ));
    assert_eq!(
        rings(&plan),
        ["a 2026-11-23T09:00 planned", "a 2026-11-30T09:00 planned"]
    );
    assert_eq!(plan.next_at, Some(at("2026-11-23T08:30", BERLIN)));
}

#[test]
fn absolute_reminders_belong_to_the_open_occurrence_alone() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let plan = plan(&recurring(
        daily,
        vec![fixed("a", "2026-11-22T18:00:00Z")],
        "2026-11-20T12:00",
        "2026-11-25T10:00",
    ));
    assert_eq!(rings(&plan), ["a 2026-11-23T09:00 planned"]);
    assert_eq!(
        (plan.next_at, plan.missed),
        (Some(at("2026-11-26T09:00", BERLIN)), 2)
    );
}

#[test]
fn with_basis_completion_nothing_later_rings() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Completion);
    let plan = plan(&recurring(
        daily,
        vec![before("a", "PT0S")],
        "2026-11-20T12:00",
        "2026-11-25T10:00",
    ));
    assert_eq!(rings(&plan), ["a 2026-11-23T09:00 planned"]);
    assert_eq!((plan.next_at, plan.missed), (None, 0));
}

#[test]
fn a_moved_due_moves_its_own_reminder_and_no_later_one() {
    let weekly = series("FREQ=WEEKLY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let mut input = recurring(
        weekly,
        vec![before("a", "PT1H")],
        "2026-11-20T12:00",
        "2026-11-20T12:00",
    );
    input.due = Some(local("2026-11-25T15:00"));
    let plan = plan(&input);
    assert_eq!(
        rings(&plan),
        [
            "a 2026-11-23T09:00 planned",
            "a 2026-11-30T09:00 planned",
            "a 2026-12-07T09:00 planned"
        ]
    );
    assert_eq!(plan.rings[0].fire_at, at("2026-11-25T14:00", BERLIN));
    assert_eq!(plan.rings[1].fire_at, at("2026-11-30T08:00", BERLIN));
}

/// Whatever was moved where: what rings before it is planned again is planned.
#[test]
fn one_that_was_moved_hides_no_other_that_rings_before_it() {
    let mut daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    // Two places far ahead to tomorrow, the next one behind those that follow it.
    for (from, to) in [
        ("2026-12-20T09:00", "2026-11-24T07:00"),
        ("2027-05-01T09:00", "2026-11-24T08:00"),
        ("2026-11-24T09:00", "2026-12-04T09:00"),
    ] {
        daily.recurrence.moved.insert(from.to_owned(), local(to));
    }
    let all = [
        "2026-11-20T09:00",
        "2026-11-21T07:00",
        "2026-11-21T08:00",
        "2026-11-22T09:00",
        "2026-11-23T09:00",
    ];
    for (due, rings, until) in [
        ("2026-11-23T09:00", &all[..], "2026-11-20T09:00"),
        // The open one lies behind as well.
        ("2026-11-29T12:00", &all[1..], "2026-11-22T09:00"),
    ] {
        let now = "2026-11-20T06:00";
        let mut input = recurring(daily.clone(), vec![before("a", "P3D")], now, now);
        input.due = Some(local(due));
        let plan = plan(&input);
        let until = at(until, BERLIN);
        assert_eq!(plan.next_at, Some(until));
        let fire_at: Vec<_> = plan.rings.iter().map(|ring| ring.fire_at).collect();
        let expected = rings.iter().map(|local| at(local, BERLIN));
        for ring in expected.filter(|ring| *ring <= until) {
            assert!(fire_at.contains(&ring), "{ring:?} is not in {fire_at:?}");
        }
    }
}

#[test]
fn what_later_occurrences_would_have_rung_before_the_reminder_was_set_is_left_out() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let plan = plan(&recurring(
        daily,
        vec![before("a", "PT0S")],
        "2026-11-25T10:00",
        "2026-11-25T10:00",
    ));
    let expected = [
        "a 2026-11-23T09:00 skipped",
        "a 2026-11-26T09:00 planned",
        "a 2026-11-27T09:00 planned",
    ];
    assert_eq!(rings(&plan), expected);
}

#[test]
fn a_reminder_a_week_before_a_daily_task_is_on_record_before_its_time() {
    let daily = series("FREQ=DAILY", "2026-11-23T09:00", BERLIN, Basis::Due);
    let definitions = vec![before("week", "P1W"), before("now", "PT0S")];
    let input = recurring(daily, definitions, "2026-11-22T12:00", "2026-11-22T12:00");
    let plan = plan(&input);
    let next_week: Vec<_> = plan
        .rings
        .iter()
        .filter(|r| r.definition_id == "week" && r.fire_at > input.now)
        .collect();
    assert_eq!(next_week[0].fire_at, at("2026-11-23T09:00", BERLIN));
    assert_eq!(next_week[0].occurrence_key, "2026-11-30T09:00");
    assert_eq!(plan.next_at, Some(at("2026-11-23T09:00", BERLIN)));
}

#[test]
fn a_plan_is_bounded_and_keeps_the_latest() {
    let hourly = series("FREQ=HOURLY", "2020-01-01T00:00", BERLIN, Basis::Due);
    let plan = plan(&recurring(
        hourly,
        vec![before("a", "PT5M")],
        "2019-12-31T00:00",
        "2026-11-25T10:00",
    ));
    assert_eq!(plan.rings.len(), MAX_OPEN);
    assert_eq!(plan.rings[0].fire_at, at("2019-12-31T23:55", BERLIN));
    assert_eq!(
        plan.rings[MAX_OPEN - 1].fire_at,
        at("2026-11-25T11:55", BERLIN)
    );
    assert_eq!(plan.missed, 60_490);
}

#[test]
fn an_hourly_task_rings_in_both_of_the_equal_hours() {
    let hourly = series("FREQ=HOURLY", "2026-10-25T01:30", BERLIN, Basis::Due);
    let second = nth(&hourly, 3); // the second 02:30
    let input = PlanInput {
        due: Some(local("2026-10-25T02:30")),
        series: Some((hourly, second)),
        ..task(
            None,
            vec![before("a", "PT10M")],
            "2026-10-24T12:00",
            "2026-10-24T12:00",
        )
    };
    let plan = plan(&input);
    assert_eq!(plan.rings[0].fire_at, utc("2026-10-25T01:20:00Z"));
    assert_eq!(plan.rings[1].fire_at, utc("2026-10-25T02:20:00Z"));
}

#[test]
fn a_reminder_of_a_date_rings_at_the_recipients_morning_in_the_recipients_zone() {
    let mut input = task(
        Some("2026-12-01"),
        vec![before("a", "PT0S")],
        "2026-11-23T09:00",
        "2026-11-23T09:00",
    );
    input.zone = zone("America/New_York").unwrap();
    input.morning = NaiveTime::from_hms_opt(7, 15, 0).unwrap();
    assert_eq!(
        plan(&input).rings[0].fire_at,
        at("2026-12-01T07:15", "America/New_York")
    );
    assert!(matches!(input.due, Some(Local::Date(_))));
}

#[test]
fn a_reminder_before_the_start_counts_from_the_start_of_each_occurrence() {
    let daily = series("FREQ=DAILY", "2026-11-25T17:00", BERLIN, Basis::Due);
    let start = Definition {
        when: When::BeforeStart("PT30M".parse().unwrap()),
        ..before("s", "PT0S")
    };
    let mut input = recurring(daily, vec![start], "2026-11-24T12:00", "2026-11-24T12:00");
    input.start = Some(local("2026-11-25T14:00"));
    assert_eq!(
        rings(&plan(&input)),
        ["s 2026-11-25T17:00 planned", "s 2026-11-26T17:00 planned"]
    );
    assert_eq!(
        plan(&input)
            .rings
            .iter()
            .map(|r| r.fire_at)
            .collect::<Vec<_>>(),
        [
            at("2026-11-25T13:30", BERLIN),
            at("2026-11-26T13:30", BERLIN)
        ]
    );
    input.start = None;
    assert_eq!(
        plan(&input).rings,
        [],
        "without a start there is nothing to count from"
    );
}

#[test]
fn a_start_lies_as_far_before_its_due_in_every_occurrence() {
    for (start, due, to, expected) in [
        // Both times: the same difference on the wall, over midnight too.
        (
            "2026-11-25T14:00",
            "2026-11-25T17:00",
            "2026-12-01T02:00",
            "2026-11-30T23:00",
        ),
        // Dates: as many days.
        ("2026-11-23", "2026-11-27", "2026-12-04", "2026-11-30"),
        // A date before a time, a time before a date.
        (
            "2026-11-23",
            "2026-11-27T09:00",
            "2026-12-04T09:00",
            "2026-11-30",
        ),
        (
            "2026-11-26T18:00",
            "2026-11-27",
            "2026-12-04",
            "2026-12-03T18:00",
        ),
    ] {
        assert_eq!(
            start_for(local(start), local(due), local(to)),
            local(expected),
            "{start} {due} {to}"
        );
    }
}
