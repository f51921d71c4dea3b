use punctual_domain::words::{Language, describe};

use crate::local;

#[test]
fn rules_are_said_in_english() {
    for (rule, start, words) in [
        ("FREQ=DAILY", "2026-11-23T09:00", "every day, 09:00"),
        ("FREQ=DAILY;INTERVAL=10", "2026-11-23", "every 10 days"),
        ("FREQ=WEEKLY", "2026-11-23T09:00", "every Monday, 09:00"),
        (
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "2026-11-23T09:00",
            "every workday, 09:00",
        ),
        (
            "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
            "2026-11-23",
            "every workday",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2",
            "2026-11-23",
            "every 2 weeks on Monday and Friday",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;INTERVAL=2",
            "2026-11-23",
            "every 2 weeks on workdays",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
            "2026-12-31",
            "every month on the 31st (last day when shorter)",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "2026-12-31",
            "every month on the 31st",
        ),
        (
            "FREQ=MONTHLY;SKIP=BACKWARD",
            "2026-12-05T18:30",
            "every month on the 5th, 18:30",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,-1",
            "2026-12-01",
            "every month on the 1st and last day",
        ),
        (
            "FREQ=MONTHLY;BYDAY=-1FR",
            "2026-11-27",
            "every month on the last Friday",
        ),
        (
            "FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU",
            "2026-12-08",
            "every 3 months on the 2nd Tuesday",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "2026-11-30T09:00",
            "every month on the last workday, 09:00",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            "2026-11-13",
            "every month on the 13th if Friday",
        ),
        (
            "FREQ=YEARLY",
            "2026-12-24",
            "every year on the 24th of December",
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
            "2026-03-29",
            "every year on the last Sunday of March",
        ),
        (
            "FREQ=HOURLY;INTERVAL=4",
            "2026-11-23T09:00",
            "every 4 hours",
        ),
        (
            "FREQ=DAILY;BYHOUR=9,21",
            "2026-11-23T09:00",
            "every day, 09:00 and 21:00",
        ),
        ("FREQ=DAILY;COUNT=5", "2026-11-23", "every day, 5 times"),
        (
            "FREQ=DAILY;UNTIL=20261231",
            "2026-11-23",
            "every day, until 2026-12-31",
        ),
    ] {
        let rule = rule.parse().unwrap();
        assert_eq!(
            describe(&rule, Some(local(start)), Language::English),
            words,
            "{rule}"
        );
    }
    assert_eq!(
        describe(&"FREQ=WEEKLY".parse().unwrap(), None, Language::English),
        "every week"
    );
    assert_eq!(
        describe(
            &"FREQ=DAILY;BYHOUR=9".parse().unwrap(),
            None,
            Language::English
        ),
        "every day, 09:00"
    );
}

#[test]
fn rules_are_said_in_german() {
    for (rule, start, words) in [
        ("FREQ=DAILY", "2026-11-23T09:00", "jeden Tag um 09:00 Uhr"),
        ("FREQ=DAILY;INTERVAL=10", "2026-11-23", "alle 10 Tage"),
        (
            "FREQ=WEEKLY",
            "2026-11-23T09:00",
            "jeden Montag um 09:00 Uhr",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,WE,FR",
            "2026-11-23",
            "jeden Montag, Mittwoch und Freitag",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "2026-11-23T09:00",
            "jeden Werktag um 09:00 Uhr",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2",
            "2026-11-23",
            "alle 2 Wochen am Montag und Freitag",
        ),
        (
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;INTERVAL=2",
            "2026-11-23",
            "alle 2 Wochen an Werktagen",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
            "2026-12-31",
            "jeden Monat am 31. (sonst am letzten Tag)",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,-1",
            "2026-12-01",
            "jeden Monat am 1. und letzten Tag",
        ),
        (
            "FREQ=MONTHLY;BYDAY=-1FR",
            "2026-11-27",
            "jeden Monat am letzten Freitag",
        ),
        (
            "FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU",
            "2026-12-08",
            "alle 3 Monate am 2. Dienstag",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "2026-11-30T09:00",
            "jeden Monat am letzten Werktag um 09:00 Uhr",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            "2026-11-13",
            "jeden Monat am 13., wenn Freitag",
        ),
        ("FREQ=YEARLY", "2026-12-24", "jedes Jahr am 24. Dezember"),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
            "2026-03-29",
            "jedes Jahr am letzten Sonntag im März",
        ),
        (
            "FREQ=HOURLY;INTERVAL=4",
            "2026-11-23T09:00",
            "alle 4 Stunden",
        ),
        (
            "FREQ=DAILY;BYHOUR=9,21",
            "2026-11-23T09:00",
            "jeden Tag um 09:00 und 21:00 Uhr",
        ),
        ("FREQ=DAILY;COUNT=5", "2026-11-23", "jeden Tag, 5-mal"),
        (
            "FREQ=DAILY;UNTIL=20261231",
            "2026-11-23",
            "jeden Tag, bis 31.12.2026",
        ),
    ] {
        let rule = rule.parse().unwrap();
        assert_eq!(
            describe(&rule, Some(local(start)), Language::German),
            words,
            "{rule}"
        );
    }
}
