//! How things look: to a person a short table in words, to a program the API's JSON as it came.

use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use punctual_contract::api::{NextOccurrence, Task};
use punctual_domain::Zone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::clock::Clock;
use crate::repeat;

#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub json: bool,
    pub terminal: bool,
    colours: bool,
    /// In columns; a pipe has none.
    width: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Screen {
    pub fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // Some pseudo-terminals say 0.
        let columns = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = terminal
            .then(columns)
            .flatten()
            .filter(|width| *width >= 20);
        Self {
            json,
            terminal,
            colours: terminal && !dumb && !set("NO_COLOR"),
            width,
        }
    }

    pub fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
            Style::Cyan => 36,
        };
        if self.colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// One line. A reader that went away (`| head`) ends the program, quietly.
    pub fn line(&self, text: impl AsRef<str>) {
        let mut out = io::stdout().lock();
        if out
            .write_all(text.as_ref().as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush())
            .is_err()
        {
            std::process::exit(0);
        }
    }

    /// The API's answer, if it has one.
    pub fn document(&self, text: &str) {
        let text = text.trim_end();
        if !text.is_empty() {
            self.line(text);
        }
    }

    /// What a person should know beside the answer; never in the way of a program.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Rows of cells, the columns as wide as they must be. The last column is cut where the terminal ends.
    pub fn table(&self, head: &[&str], rows: &[Vec<Cell>]) {
        let mut widths = vec![0; head.len()];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        // A column without a single word is left out, its head too.
        for (width, text) in widths.iter_mut().zip(head) {
            if *width > 0 {
                *width = (*width).max(text.width());
            }
        }
        let head: Vec<Cell> = head
            .iter()
            .map(|text| Cell::styled(Style::Dim, *text))
            .collect();
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            let mut used = 0;
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if *width == 0 {
                    continue;
                }
                let last = index + 1 == row.len();
                let room = if last {
                    self.width
                        .map_or(usize::MAX, |all| all.saturating_sub(used).max(10))
                } else {
                    *width
                };
                line += &cell.render(self, room);
                if !last {
                    line += &" ".repeat(width - cell.width() + 2);
                    used += width + 2;
                }
            }
            self.line(line.trim_end());
        }
    }
}

/// A cell of a table: pieces of text, each in its style.
#[derive(Debug, Clone, Default)]
pub struct Cell(Vec<(Style, String)>);

impl Cell {
    pub fn plain(text: impl Into<String>) -> Self {
        Self::styled(Style::Plain, text)
    }

    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    /// Adds a piece, one space apart.
    pub fn add(&mut self, style: Style, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push((Style::Plain, " ".to_owned()));
        }
        self.0.push((style, text));
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    pub fn render(&self, screen: &Screen, room: usize) -> String {
        let cut = self.width() > room;
        let mut left = if cut { room.saturating_sub(1) } else { room };
        let mut line = String::new();
        for (style, text) in &self.0 {
            let mut piece = String::new();
            for c in text.chars() {
                let width = c.width().unwrap_or(0);
                if width > left {
                    left = 0;
                    break;
                }
                left -= width;
                piece.push(c);
            }
            line += &screen.paint(*style, &piece);
            if left == 0 && cut {
                break;
            }
        }
        if cut {
            line.push('…');
        }
        line
    }
}

/// Text from elsewhere, made harmless for a terminal: no escape sequences, no new lines, no reversed writing direction.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same for text of several lines.
pub fn clean_lines(text: &str) -> Vec<String> {
    text.lines().map(clean).collect()
}

pub fn day(date: NaiveDate, today: NaiveDate) -> String {
    match date.signed_duration_since(today).num_days() {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        _ if date.year() == today.year() => date.format("%a %-d %b").to_string(),
        _ => date.format("%a %-d %b %Y").to_string(),
    }
}

pub fn time(time: NaiveTime) -> String {
    if time.second() == 0 {
        time.format("%H:%M").to_string()
    } else {
        time.format("%H:%M:%S").to_string()
    }
}

fn day_time(local: NaiveDateTime, today: NaiveDate) -> String {
    format!("{} {}", day(local.date(), today), time(local.time()))
}

/// An instant of the API, in the person's zone, to the second.
pub fn instant(text: &str, clock: &Clock) -> String {
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(instant) => {
            let local = clock.shows(instant.to_utc());
            day_time(local.with_nanosecond(0).unwrap_or(local), clock.today())
        }
        Err(_) => clean(text),
    }
}

/// "in 25 min", "3 h ago".
pub fn relative(delta: TimeDelta) -> String {
    let (length, past) = (delta.abs(), delta < TimeDelta::zero());
    let (seconds, minutes, hours, days) = (
        length.num_seconds(),
        length.num_minutes(),
        length.num_hours(),
        length.num_days(),
    );
    let text = match () {
        () if seconds < 1 => return "now".to_owned(),
        () if seconds < 100 => format!("{seconds} s"),
        () if minutes < 100 => format!("{minutes} min"),
        () if hours < 36 => format!("{hours} h"),
        () if days < 21 => format!("{days} days"),
        () if days < 90 => format!("{} weeks", days / 7),
        () if days < 730 => format!("{} months", days / 30),
        () => format!("{} years", days / 365),
    };
    if past {
        format!("{text} ago")
    } else {
        format!("in {text}")
    }
}

/// When something is due, in words, for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueText {
    /// "tomorrow 09:00"
    pub when: String,
    /// "in 15 h"; nothing where the day says enough.
    pub relative: String,
    pub past: bool,
}

/// `due` as the API writes it, in its own zone or else the person's.
pub fn due(due: &str, timezone: Option<&str>, clock: &Clock) -> DueText {
    let today = clock.today();
    if let Ok(date) = NaiveDate::parse_from_str(due, "%Y-%m-%d") {
        let days = date.signed_duration_since(today).num_days();
        let relative = if days.abs() < 2 {
            String::new()
        } else {
            relative(TimeDelta::days(days))
        };
        return DueText {
            when: day(date, today),
            relative,
            past: days < 0,
        };
    }
    let Some((instant, shown)) = wall_time(due, timezone, clock) else {
        return DueText {
            when: clean(due),
            relative: String::new(),
            past: false,
        };
    };
    let delta = instant.signed_duration_since(clock.now);
    DueText {
        when: day_time(shown, today),
        relative: relative(delta),
        past: delta <= TimeDelta::zero(),
    }
}

/// The instant of a local date-time, and the person's wall time of it. An occurrence within a day is named by its
/// instant.
fn wall_time(
    text: &str,
    timezone: Option<&str>,
    clock: &Clock,
) -> Option<(DateTime<Utc>, NaiveDateTime)> {
    let persons = |instant: DateTime<Utc>| clock.shows(instant);
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some((instant.to_utc(), persons(instant.to_utc())));
    }
    let local: NaiveDateTime = text
        .parse()
        .or_else(|_| format!("{text}:00").parse())
        .ok()?;
    let zone = timezone
        .and_then(|name| name.parse::<Zone>().ok())
        .unwrap_or(clock.zone);
    let instant = Clock { zone, ..*clock }.instant(local)?;
    // As it was written where it is in the person's own zone: a time in a gap is shown as it was meant.
    Some((
        instant,
        if zone == clock.zone {
            local
        } else {
            persons(instant)
        },
    ))
}

/// "next: Mon 30 Nov 09:00, 2 passed over"
pub fn next(next: &NextOccurrence, timezone: Option<&str>, clock: &Clock) -> String {
    let mut text = format!("next: {}", due(&next.due, timezone, clock).when);
    if next.passed_over > 0 {
        text += &format!(", {} passed over", next.passed_over);
    }
    text
}

/// An id's last characters: ids that were made together begin alike.
pub fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(SHORT)..).unwrap_or(id)
}

pub const SHORT: usize = 6;

/// Through what a change was made: "web", "cli", of an API token its short id.
pub fn through(via: &str) -> String {
    match via.strip_prefix("token:") {
        Some(id) => format!("token {}", clean(short(id))),
        None => clean(via),
    }
}

/// Title and marks: "Pay rent  ↻ monthly  @home  !high  missed 2".
pub fn task_cell(task: &Task, project: Option<&str>) -> Cell {
    let done = task.status != "open" || task.deleted_at.is_some();
    let mut cell = Cell::styled(
        if done { Style::Dim } else { Style::Plain },
        clean(&task.title),
    );
    match task.status.as_str() {
        "open" => {}
        "completed" => cell.add(Style::Green, "done"),
        other => cell.add(Style::Dim, clean(other)),
    }
    if task.deleted_at.is_some() {
        cell.add(Style::Red, "deleted");
    }
    match task.priority.as_str() {
        "none" => {}
        "high" => cell.add(Style::Red, "!high"),
        other => cell.add(Style::Yellow, format!("!{}", clean(other))),
    }
    if let Some(repeat) = &task.repeat {
        cell.add(
            Style::Cyan,
            format!("↻ {}", clean(&repeat::describe(&repeat.rrule))),
        );
    }
    if task.missed > 0 {
        cell.add(Style::Red, format!("missed {}", task.missed));
    }
    if let Some(project) = project {
        cell.add(Style::Cyan, format!("@{}", clean(project)));
    }
    for tag in &task.tags {
        cell.add(Style::Cyan, format!("@{}", clean(tag)));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::at;

    /// A Monday.
    const NOW: &str = "2026-11-23T09:50:00";

    fn shown(text: &str, zone: Option<&str>) -> (String, String, bool) {
        let text = due(text, zone, &at(NOW, "Europe/Berlin"));
        (text.when, text.relative, text.past)
    }

    fn parts(when: &str, relative: &str, past: bool) -> (String, String, bool) {
        (when.to_owned(), relative.to_owned(), past)
    }

    #[test]
    fn a_due_time_is_shown_in_the_persons_days() {
        assert_eq!(
            shown("2026-11-23T10:15", None),
            parts("today 10:15", "in 25 min", false)
        );
        assert_eq!(
            shown("2026-11-24T09:00", None),
            parts("tomorrow 09:00", "in 23 h", false)
        );
        assert_eq!(
            shown("2026-11-22T18:00", None),
            parts("yesterday 18:00", "15 h ago", true)
        );
        assert_eq!(
            shown("2026-11-30T09:00", None),
            parts("Mon 30 Nov 09:00", "in 6 days", false)
        );
        assert_eq!(
            shown("2027-01-04T09:00:30", None),
            parts("Mon 4 Jan 2027 09:00:30", "in 5 weeks", false)
        );
    }

    #[test]
    fn a_time_in_another_zone_is_shown_in_the_persons() {
        assert_eq!(
            shown("2026-11-23T10:00", Some("America/New_York")),
            parts("today 16:00", "in 6 h", false)
        );
    }

    #[test]
    fn an_instant_is_shown_in_the_persons_zone() {
        assert_eq!(
            shown("2026-11-23T10:00:00Z", Some("America/New_York")),
            parts("today 11:00", "in 70 min", false)
        );
    }

    #[test]
    fn a_date_is_overdue_after_its_day() {
        assert_eq!(shown("2026-11-23", None), parts("today", "", false));
        assert_eq!(shown("2026-11-22", None), parts("yesterday", "", true));
        assert_eq!(
            shown("2026-11-26", None),
            parts("Thu 26 Nov", "in 3 days", false)
        );
    }

    #[test]
    fn the_next_occurrence_says_how_many_were_passed_over() {
        let occurrence = |passed_over| NextOccurrence {
            occurrence: "2026-11-30T09:00".to_owned(),
            due: "2026-11-30T09:00".to_owned(),
            number: 4,
            passed_over,
        };
        let clock = at(NOW, "Europe/Berlin");
        assert_eq!(
            next(&occurrence(2), None, &clock),
            "next: Mon 30 Nov 09:00, 2 passed over"
        );
        assert_eq!(next(&occurrence(0), None, &clock), "next: Mon 30 Nov 09:00");
    }

    #[test]
    fn text_from_elsewhere_can_not_steer_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\nc\u{202e}d"), "a\u{fffd}[31mb c\u{fffd}d");
    }

    #[test]
    fn a_cell_is_cut_to_its_room_by_columns_and_not_by_bytes() {
        let screen = Screen {
            json: false,
            terminal: false,
            colours: false,
            width: None,
        };
        let mut cell = Cell::plain("日本語のタスク");
        assert_eq!(cell.render(&screen, 14), "日本語のタスク");
        assert_eq!(cell.render(&screen, 6), "日本…");
        cell.add(Style::Red, "!high");
        assert_eq!(cell.render(&screen, 18), "日本語のタスク !h…");
    }

    #[test]
    fn colours_are_only_there_where_they_are_wanted() {
        let screen = |colours| Screen {
            json: false,
            terminal: colours,
            colours,
            width: None,
        };
        assert_eq!(screen(false).paint(Style::Red, "x"), "x");
        assert_eq!(screen(true).paint(Style::Red, "x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn an_api_token_is_named_by_its_short_id() {
        assert_eq!(
            through("token:01a207c8-0079-79c6-9846-616b4370c962"),
            "token 70c962"
        );
        assert_eq!(through("cli"), "cli");
    }

    #[test]
    fn an_id_is_shown_by_its_end() {
        assert_eq!(short("0198c0de-0000-7000-8000-0000deadbeef"), "adbeef");
    }
}
