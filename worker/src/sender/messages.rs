//! What people read in mails, pushes and ntfy messages, in their language. Sentences are data: `{names}` are filled in.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use punctual_contract::api::Digest;
use punctual_domain::time::{due_instant, to_local, today, zone};
use punctual_domain::words::Language;
use punctual_domain::{Instant, Local, Zone};

use crate::store::{Pending, Task};

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
    /// Of a digest: tasks that are due today, and overdue ones beside them or alone; one, or `{count}`.
    due_today: [&'static str; 2],
    overdue_too: [&'static str; 2],
    overdue: [&'static str; 2],
    /// `{count}` tasks that a digest does not name.
    more: &'static str,
    pub open_today: &'static str,
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
    due_today: ["1 task due today", "{count} tasks due today"],
    overdue_too: ["1 overdue", "{count} overdue"],
    overdue: ["1 task overdue", "{count} tasks overdue"],
    more: "and {count} more",
    open_today: "Open Today",
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
    due_today: ["1 Aufgabe heute fällig", "{count} Aufgaben heute fällig"],
    overdue_too: ["1 überfällig", "{count} überfällig"],
    overdue: ["1 Aufgabe überfällig", "{count} Aufgaben überfällig"],
    more: "und {count} weitere",
    open_today: "Heute öffnen",
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
    pub fn due(&self, task: &Task, delivery: &Pending, now: i64) -> String {
        let today = today(Instant::from_micros(now), account_zone(delivery));
        let (due, due_zone) = (task.due.as_deref(), task.due_zone.as_deref());
        self.when(due, due_zone, delivery, |day| self.near(day, today))
    }

    /// The same for a text that is read who knows when: "Due on Tuesday, 24 November 2026 at 09:00".
    pub fn due_in_full(&self, task: &Task, delivery: &Pending) -> String {
        let (due, due_zone) = (task.due.as_deref(), task.due_zone.as_deref());
        self.when(due, due_zone, delivery, |day| self.date(self.on_date, day))
    }

    fn when(
        &self,
        due: Option<&str>,
        due_zone: Option<&str>,
        delivery: &Pending,
        say: impl Fn(NaiveDate) -> String,
    ) -> String {
        let account = account_zone(delivery);
        // The zone that the due means: the task's own, else the account's.
        let own = due_zone.and_then(|name| zone(name).ok()).unwrap_or(account);
        let timed = |sentence: &str, at: NaiveDateTime| {
            let time = format!("{:02}:{:02}", at.hour(), at.minute());
            fill(sentence, &[("day", &say(at.date())), ("time", &time)])
        };
        match due.map(str::parse::<Local>) {
            Some(Ok(Local::Date(day))) => fill(self.due_day, &[("day", &say(day))]),
            Some(Ok(due)) => timed(self.due_at, to_local(due_instant(due, own), account)),
            _ => timed(
                self.reminder_at,
                to_local(Instant::from_micros(delivery.due_for), account),
            ),
        }
    }

    /// What a day holds: "3 tasks due today, 1 overdue".
    pub fn holds(&self, day: &Digest) -> String {
        let counted = |forms: [&str; 2], count: i64| {
            fill(
                forms[usize::from(count != 1)],
                &[("count", &count.to_string())],
            )
        };
        match (day.due, day.overdue) {
            (0, overdue) => counted(self.overdue, overdue),
            (due, 0) => counted(self.due_today, due),
            (due, overdue) => {
                let (due, overdue) = (
                    counted(self.due_today, due),
                    counted(self.overdue_too, overdue),
                );
                format!("{due}, {overdue}")
            }
        }
    }

    /// The tasks that a digest names, `most` at most, each with its title in one line and when it is due, as it was said
    /// when the digest was told; then how many more there are.
    pub fn named(
        &self,
        day: &Digest,
        delivery: &Pending,
        most: usize,
    ) -> (Vec<Named>, Option<String>) {
        let today = today(
            Instant::from_micros(delivery.fired_at),
            account_zone(delivery),
        );
        let named: Vec<Named> = day
            .tasks
            .iter()
            .take(most)
            .map(|task| Named {
                id: task.id.clone(),
                title: line(&task.title, TITLE),
                due: self.when(Some(&task.due), task.timezone.as_deref(), delivery, |day| {
                    self.near(day, today)
                }),
            })
            .collect();
        let all = usize::try_from(day.due + day.overdue).unwrap_or(usize::MAX);
        let rest = all.saturating_sub(named.len());
        let more = (rest > 0).then(|| fill(self.more, &[("count", &rest.to_string())]));
        (named, more)
    }

    /// The same as lines of text: "Water plants · Due today at 18:00".
    pub fn lines(&self, day: &Digest, delivery: &Pending, most: usize) -> String {
        let (named, more) = self.named(day, delivery, most);
        let lines = named
            .iter()
            .map(|task| format!("{} · {}", task.title, task.due));
        lines.chain(more).collect::<Vec<_>>().join("\n")
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

/// A task that a digest names.
pub(super) struct Named {
    pub id: String,
    pub title: String,
    pub due: String,
}

/// Of a title in a list.
const TITLE: usize = 100;

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
    use punctual_contract::api::DigestTask;

    use super::*;

    /// 2026-11-24T08:00:00Z, nine in the morning in Berlin.
    const NOW: i64 = 1_795_507_200_000_000;

    fn task(due: Option<&str>, due_zone: Option<&str>) -> Task {
        Task {
            due: due.map(str::to_owned),
            due_zone: due_zone.map(str::to_owned),
            ..Task::default()
        }
    }

    fn delivery() -> Pending {
        Pending {
            zone: "Europe/Berlin".to_owned(),
            due_for: NOW,
            fired_at: NOW,
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
            let (task, delivery) = (task(due, zone), delivery());
            assert_eq!(Messages::of(Some("en")).due(&task, &delivery, NOW), english);
            assert_eq!(Messages::of(Some("de")).due(&task, &delivery, NOW), german);
        }
    }

    #[test]
    fn a_due_in_full_stays_true_whenever_it_is_read() {
        let english = Messages::of(None);
        assert_eq!(
            english.due_in_full(&task(Some("2026-11-24T18:30"), None), &delivery()),
            "Due on Tuesday, 24 November 2026 at 18:30"
        );
        assert_eq!(
            english.due_in_full(&task(Some("2026-11-24"), None), &delivery()),
            "Due on Tuesday, 24 November 2026"
        );
    }

    fn day(due: i64, overdue: i64) -> Digest {
        let one = |title: &str, due: &str| DigestTask {
            id: title.to_owned(),
            title: title.to_owned(),
            priority: "none".to_owned(),
            due: due.to_owned(),
            timezone: None,
        };
        Digest {
            due,
            overdue,
            tasks: vec![
                one("Rent", "2026-11-23"),
                one("Water\nplants", "2026-11-24T18:30"),
            ],
        }
    }

    #[test]
    fn a_digest_counts_what_is_due_and_overdue() {
        for (due, overdue, english, german) in [
            (1, 0, "1 task due today", "1 Aufgabe heute fällig"),
            (
                3,
                1,
                "3 tasks due today, 1 overdue",
                "3 Aufgaben heute fällig, 1 überfällig",
            ),
            (
                1,
                12,
                "1 task due today, 12 overdue",
                "1 Aufgabe heute fällig, 12 überfällig",
            ),
            (0, 1, "1 task overdue", "1 Aufgabe überfällig"),
            (0, 2, "2 tasks overdue", "2 Aufgaben überfällig"),
        ] {
            assert_eq!(Messages::of(Some("en")).holds(&day(due, overdue)), english);
            assert_eq!(Messages::of(Some("de")).holds(&day(due, overdue)), german);
        }
    }

    #[test]
    fn a_digest_names_its_tasks_and_counts_those_that_it_does_not_name() {
        let english = Messages::of(None);
        assert_eq!(
            english.lines(&day(1, 1), &delivery(), 5),
            "Rent · Due yesterday\nWater plants · Due today at 18:30"
        );
        assert_eq!(
            english.lines(&day(4, 1), &delivery(), 1),
            "Rent · Due yesterday\nand 4 more"
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
