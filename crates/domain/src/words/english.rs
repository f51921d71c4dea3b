use super::Words;

pub(super) const WORDS: Words = Words {
    every: [
        ("every hour", "every {} hours"),
        ("every day", "every {} days"),
        ("every week", "every {} weeks"),
        ("every month", "every {} months"),
        ("every year", "every {} years"),
    ],
    every_weekday: "every {}",
    weekdays: [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    working_day: "weekday",
    day: "day",
    and: " and ",
    ordinal,
    nth_weekday: "the {n} {day}",
    on_days_of_month: " on the {}",
    skip_backward: " (last day when shorter)",
    skip_forward: " (first of the next when shorter)",
    if_weekday: " if {}",
    on_picked: " on the {n} {day}",
    on_every: " on every {}",
    on_working_days: " on weekdays",
    on_any_day: " on every day",
    on: " on {}",
    on_day_of_year: " on the {} day of the year",
    in_week: " on the {} week",
    of_months: |said| {
        if said.contains(" on the ") {
            " of "
        } else {
            " in "
        }
    },
    of_these: " (the {} of these)",
    at: " at {}",
    at_minutes: " at {}",
    in_hours: " in the hours {}",
    once: ", once",
    times: ", {} times",
    until: ", until {}",
    local: |local| local.to_string(),
};

fn ordinal(n: i64) -> String {
    if n == -1 {
        return "last".to_owned();
    }
    if n < 0 {
        return format!("{} to last", ordinal(n.saturating_neg()));
    }
    let suffix = match (n % 10, n % 100) {
        (1, teen) if teen != 11 => "st",
        (2, teen) if teen != 12 => "nd",
        (3, teen) if teen != 13 => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}
