use super::Words;
use crate::time::Local;

pub(super) const WORDS: Words = Words {
    every: [
        ("jede Stunde", "alle {} Stunden"),
        ("jeden Tag", "alle {} Tage"),
        ("jede Woche", "alle {} Wochen"),
        ("jeden Monat", "alle {} Monate"),
        ("jedes Jahr", "alle {} Jahre"),
    ],
    every_weekday: "jeden {}",
    weekdays: [
        "Montag",
        "Dienstag",
        "Mittwoch",
        "Donnerstag",
        "Freitag",
        "Samstag",
        "Sonntag",
    ],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    working_day: "Werktag",
    day: "Tag",
    and: " und ",
    ordinal,
    nth_weekday: "{n} {day}",
    on_days_of_month: " am {}",
    skip_backward: " (sonst am letzten Tag)",
    skip_forward: " (sonst am 1. des nächsten)",
    if_weekday: ", wenn {}",
    on_picked: " am {n} {day}",
    on_every: " an jedem {}",
    on_working_days: " an Werktagen",
    on_any_day: " an jedem Tag",
    on: " am {}",
    on_day_of_year: " am {} Tag des Jahres",
    in_week: " in der {} Woche",
    // "am 24. Dezember", "am letzten Sonntag im März"
    of_months: |said| {
        if said.ends_with('.') { " " } else { " im " }
    },
    of_these: " (davon nur am {})",
    at: " um {} Uhr",
    at_minutes: " um {}",
    in_hours: " in den Stunden {}",
    once: ", einmal",
    times: ", {}-mal",
    until: ", bis {}",
    local,
};

/// As it follows "am": "am 2. Dienstag", "am vorletzten Tag".
fn ordinal(n: i64) -> String {
    match n {
        -1 => "letzten".to_owned(),
        -2 => "vorletzten".to_owned(),
        -3 => "drittletzten".to_owned(),
        n if n < 0 => format!("{}.-letzten", n.saturating_neg()),
        n => format!("{n}."),
    }
}

fn local(local: Local) -> String {
    let date = local.date().format("%d.%m.%Y");
    match local.time() {
        None => date.to_string(),
        Some(time) => format!("{date} {} Uhr", time.format("%H:%M")),
    }
}
