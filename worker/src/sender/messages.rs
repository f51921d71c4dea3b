//! What people read in mails, pushes and ntfy messages, in their language. Sentences are data: `{names}` are filled in.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use punctual_domain::time::{due_instant, to_local, zone};
use punctual_domain::words::Language;
use punctual_domain::{Instant, Local, Zone};

use crate::store::Pending;

/// Everything that is said in one language.
pub(super) struct Messages {
    /// `en`: the code that `settings.language` and the page behind a link use.
    pub code: &'static str,
    /// What names days and months.
    names: Language,
    today: &'static str,
    tomorrow: &'static str,
    yesterday: &'static str,
    /// A day of this year; `{weekday}`, `{day}`, `{month}`.
    on_day: &'static str,
    /// Any day; `{weekday}`, `{day}`, `{month}`, `{year}`.
    on_date: &'static str,
    /// `{day}` is one of those above, `{time}` HH:MM.
    due_at: &'static str,
    due_day: &'static str,
    /// A reminder of a task without due.
    reminder_at: &'static str,
    pub done: &'static str,
    pub snooze_minutes: &'static str,
    pub snooze_hour: &'static str,
    pub open: &'static str,
    /// `{title}`
    pub subject: &'static str,
    /// `{zone}`
    pub in_zone: &'static str,
    pub why: &'static str,
    pub settings: &'static str,
    pub confirm_subject: &'static str,
    /// `{address}`, `{server}`
    pub confirm_text: &'static str,
    pub confirm: &'static str,
    /// `{days}`
    pub confirm_else: &'static str,
}

static ENGLISH: Messages = Messages {
    code: "en",
    names: Language::English,
    today: "today",
    tomorrow: "tomorrow",
    yesterday: "yesterday",
    on_day: "on {weekday}, {day} {month}",
    on_date: "on {weekday}, {day} {month} {year}",
    due_at: "Due {day} at {time}",
    due_day: "Due {day}",
    reminder_at: "Reminder set for {time} {day}",
    done: "Done",
    snooze_minutes: "Snooze 10 min",
    snooze_hour: "Snooze 1 hour",
    open: "Open the task",
    subject: "Reminder: {title}",
    in_zone: "Times are those of {zone}.",
    why: "Punctual sent this because reminders come to this address.",
    settings: "Change that in the settings",
    confirm_subject: "Confirm this address for reminders",
    confirm_text: "Somebody, probably you, asked Punctual at {server} to send reminders to {address}.",
    confirm: "Yes, send reminders here",
    confirm_else: "If that was not you, do nothing: no further mail will come. The link holds for {days} days.",
};

static GERMAN: Messages = Messages {
    code: "de",
    names: Language::German,
    today: "heute",
    tomorrow: "morgen",
    yesterday: "gestern",
    on_day: "am {weekday}, {day}. {month}",
    on_date: "am {weekday}, {day}. {month} {year}",
    due_at: "Fällig {day} um {time} Uhr",
    due_day: "Fällig {day}",
    reminder_at: "Erinnerung für {time} Uhr {day}",
    done: "Erledigt",
    snooze_minutes: "In 10 Min. erinnern",
    snooze_hour: "In 1 Stunde erinnern",
    open: "Aufgabe öffnen",
    subject: "Erinnerung: {title}",
    in_zone: "Zeiten gelten für {zone}.",
    why: "Punctual schickt dies, weil Erinnerungen an diese Adresse gehen.",
    settings: "In den Einstellungen ändern",
    confirm_subject: "Bitte diese Adresse für Erinnerungen bestätigen",
    confirm_text: "Jemand, vermutlich du, möchte von Punctual auf {server} Erinnerungen an {address} bekommen.",
    confirm: "Ja, Erinnerungen hierher schicken",
    confirm_else: "Wenn du das nicht warst, tu nichts: Es kommt keine weitere Mail. Der Link gilt {days} Tage.",
};

impl Messages {
    /// English where the language is not known, or not one of ours.
    pub fn of(language: Option<&str>) -> &'static Self {
        match language {
            Some("de") => &GERMAN,
            _ => &ENGLISH,
        }
    }

    /// When the task is due, as the clocks of the account's zone show it, seen from `now`: "Due today at 09:00". Where it
    /// has no due, when the reminder was set for.
    pub fn due(&self, delivery: &Pending, now: i64) -> String {
        self.when(delivery, |day, today| self.near(day, today), now)
    }

    /// The same for a text that is read who knows when: "Due on Tuesday, 24 November 2026 at 09:00".
    pub fn due_in_full(&self, delivery: &Pending) -> String {
        self.when(delivery, |day, _| self.date(self.on_date, day), 0)
    }

    fn when(
        &self,
        delivery: &Pending,
        say: impl Fn(NaiveDate, NaiveDate) -> String,
        now: i64,
    ) -> String {
        let zone = account_zone(delivery);
        let today = to_local(Instant::from_micros(now), zone).date();
        let timed = |sentence: &str, at: NaiveDateTime| {
            let time = format!("{:02}:{:02}", at.hour(), at.minute());
            fill(
                sentence,
                &[("day", &say(at.date(), today)), ("time", &time)],
            )
        };
        match delivery.due.as_deref().map(str::parse::<Local>) {
            Some(Ok(Local::Date(day))) => fill(self.due_day, &[("day", &say(day, today))]),
            Some(Ok(due)) => timed(
                self.due_at,
                to_local(due_instant(due, due_zone(delivery)), zone),
            ),
            _ => timed(
                self.reminder_at,
                to_local(Instant::from_micros(delivery.due_for), zone),
            ),
        }
    }

    fn near(&self, day: NaiveDate, today: NaiveDate) -> String {
        match (day - today).num_days() {
            0 => self.today.to_owned(),
            1 => self.tomorrow.to_owned(),
            -1 => self.yesterday.to_owned(),
            _ if day.year() == today.year() => self.date(self.on_day, day),
            _ => self.date(self.on_date, day),
        }
    }

    fn date(&self, sentence: &str, day: NaiveDate) -> String {
        fill(
            sentence,
            &[
                ("weekday", self.names.weekday(day.weekday())),
                ("day", &day.day().to_string()),
                ("month", self.names.month(day.month())),
                ("year", &day.year().to_string()),
            ],
        )
    }
}

/// The account's zone; UTC for a name that this version's zone data no longer has.
pub(super) fn account_zone(delivery: &Pending) -> Zone {
    zone(&delivery.zone).unwrap_or(Zone::UTC)
}

/// The zone that the due means: the task's own, else the account's.
fn due_zone(delivery: &Pending) -> Zone {
    delivery
        .due_zone
        .as_deref()
        .and_then(|name| zone(name).ok())
        .unwrap_or_else(|| account_zone(delivery))
}

/// Fills in `{name}`s. What is filled in is not looked at again.
pub(super) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// One line, `most` characters at most, with an ellipsis where it was cut: a title as a subject or a headline.
pub(super) fn line(text: &str, most: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z, nine in the morning in Berlin.
    const NOW: i64 = 1_795_507_200_000_000;

    fn delivery(due: Option<&str>, due_zone: Option<&str>) -> Pending {
        Pending {
            due: due.map(str::to_owned),
            due_zone: due_zone.map(str::to_owned),
            zone: "Europe/Berlin".to_owned(),
            due_for: NOW,
            ..Pending::default()
        }
    }

    #[test]
    fn a_due_is_said_in_words_by_the_clocks_of_the_account() {
        for (due, zone, english, german) in [
            (
                Some("2026-11-24T18:30"),
                None,
                "Due today at 18:30",
                "Fällig heute um 18:30 Uhr",
            ),
            (
                Some("2026-11-24T18:30"),
                Some("America/New_York"),
                "Due tomorrow at 00:30",
                "Fällig morgen um 00:30 Uhr",
            ),
            (Some("2026-11-23"), None, "Due yesterday", "Fällig gestern"),
            (
                Some("2026-12-05"),
                None,
                "Due on Saturday, 5 December",
                "Fällig am Samstag, 5. Dezember",
            ),
            (
                Some("2027-03-01T09:00"),
                None,
                "Due on Monday, 1 March 2027 at 09:00",
                "Fällig am Montag, 1. März 2027 um 09:00 Uhr",
            ),
            (
                None,
                None,
                "Reminder set for 09:00 today",
                "Erinnerung für 09:00 Uhr heute",
            ),
        ] {
            let delivery = delivery(due, zone);
            assert_eq!(Messages::of(Some("en")).due(&delivery, NOW), english);
            assert_eq!(Messages::of(Some("de")).due(&delivery, NOW), german);
        }
    }

    #[test]
    fn a_due_in_full_stays_true_whenever_it_is_read() {
        let english = Messages::of(None);
        assert_eq!(
            english.due_in_full(&delivery(Some("2026-11-24T18:30"), None)),
            "Due on Tuesday, 24 November 2026 at 18:30"
        );
        assert_eq!(
            english.due_in_full(&delivery(Some("2026-11-24"), None)),
            "Due on Tuesday, 24 November 2026"
        );
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        let text = fill(ENGLISH.subject, &[("title", "{title} {day}")]);
        assert_eq!(text, "Reminder: {title} {day}");
    }

    #[test]
    fn a_title_becomes_one_line_and_says_that_it_was_cut() {
        assert_eq!(line(" a\r\nb\u{7} ", 10), "a  b");
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abc defg", 5), "abc…");
    }
}
