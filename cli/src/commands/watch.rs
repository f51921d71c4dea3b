//! Reminders and changes as they happen.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use punctual_contract::api::{Notification, Task};
use punctual_contract::events::CloudEvent;
use tokio::time::timeout;

use crate::api::{Api, escape};
use crate::args::Watch;
use crate::clock::Clock;
use crate::commands::notifications::headline;
use crate::error::Result;
use crate::screen::{self, Screen, Style, clean, relative, short, through};
use crate::sse::{Event, Parser};

pub async fn watch(api: &Api, screen: &Screen, args: Watch) -> Result<()> {
    tokio::select! {
        result = Watcher::new(api, screen, args).run() => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

struct Watcher<'a> {
    api: &'a Api,
    screen: &'a Screen,
    reminders_only: bool,
    /// The position of the last event that was shown.
    cursor: Option<u64>,
    clock: Option<Clock>,
    titles: HashMap<String, String>,
}

/// A ring without its name is better than one that comes late.
const NAMED_WITHIN: Duration = Duration::from_millis(450);

/// Grows from a quarter of a second to ten; a fifth is random, so that clients of a server that comes back don't all
/// come at once.
struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(10);

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (self.0 * 2).min(Self::LONGEST);
        let random = u32::try_from(RandomState::new().hash_one(0_u8) % 100).unwrap_or(0);
        pause.mul_f64(0.8) + pause.mul_f64(0.2) * random / 100
    }
}

impl<'a> Watcher<'a> {
    fn new(api: &'a Api, screen: &'a Screen, args: Watch) -> Self {
        Self {
            api,
            screen,
            reminders_only: args.reminders,
            cursor: args.after,
            clock: None,
            titles: HashMap::new(),
        }
    }

    async fn run(mut self) -> Result<()> {
        let mut backoff = Backoff(Backoff::FIRST);
        let (mut first, mut told) = (true, false);
        loop {
            let started = Instant::now();
            let cut = match self.connect(first, &mut told).await {
                Ok(cut) => {
                    first = false;
                    cut
                }
                // At the start a person wants to know; later, whatever it is but a refusal passes.
                Err(error)
                    if first
                        || error.status().is_some_and(|status| {
                            (400..500).contains(&status) && status != 429
                        }) =>
                {
                    return Err(error);
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(cut) = cut
                && !told
            {
                self.screen.note(&format!(
                    "{} The connection is lost ({cut}); trying again.",
                    self.plain_time()
                ));
                told = true;
            }
            if started.elapsed() > Backoff::LONGEST {
                backoff = Backoff(Backoff::FIRST);
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// One connection until it ends. What was wrong with it, where it did not end by itself.
    async fn connect(&mut self, first: bool, told: &mut bool) -> Result<Option<String>> {
        self.clock = Some(self.api.clock().await?);
        let after = self.cursor.map(|cursor| cursor.to_string());
        let mut stream = self.api.live(after.as_deref()).await?;
        if first {
            self.screen
                .note(&format!("Watching {} (Ctrl-C ends)", self.api.server()));
        } else if std::mem::take(told) {
            self.screen.note(&format!(
                "{} Connected again; what came meanwhile follows.",
                self.plain_time()
            ));
        }
        let mut parser = Parser::default();
        loop {
            match stream.next().await {
                Ok(Some(bytes)) => {
                    for event in parser.feed(bytes.as_ref()) {
                        self.take(&event).await;
                    }
                }
                // The server ends a stream with its token, and when it stops.
                Ok(None) => return Ok(None),
                Err(cause) => return Ok(Some(cause)),
            }
        }
    }

    async fn take(&mut self, event: &Event) {
        let position: Option<u64> = event.id.parse().ok();
        // Comes where there was no cursor, or none that the server knows.
        if event.kind == "ready" {
            self.cursor = position;
            return;
        }
        // Sent again after a cut: seen already.
        if position.is_some_and(|position| self.cursor.is_some_and(|cursor| position <= cursor)) {
            return;
        }
        if !self.reminders_only || event.kind == FIRED || event.kind == SNOOZED {
            if self.screen.json {
                self.screen.line(one_line(&event.data));
            } else if let Ok(cloud) = serde_json::from_str::<CloudEvent>(&event.data) {
                self.show(&cloud).await;
            }
        }
        // Only now: what could not be shown comes again.
        self.cursor = position.or(self.cursor);
    }

    async fn show(&mut self, event: &CloudEvent) {
        let via = if event.data.via.is_empty() {
            String::new()
        } else {
            format!("  ({})", through(&event.data.via))
        };
        let via = self.screen.paint(Style::Dim, &via);
        let mut parts = event
            .kind
            .strip_prefix("punctual.")
            .unwrap_or(&event.kind)
            .split('.');
        match (parts.next(), parts.next()) {
            (Some("reminder"), Some("fired")) => self.ring(event).await,
            (Some("reminder"), Some("snoozed")) => {
                let title = self.title_of_reminder(event).await;
                let until = event.data.changed["due_for"].as_str().unwrap_or_default();
                let until = self
                    .clock
                    .map(|clock| screen::instant(until, &clock))
                    .unwrap_or_default();
                self.line(&format!("snoozed until {until}"), &title, &via);
            }
            // Planned, cancelled, read: they follow from what a person did, which is shown.
            (Some("reminder"), _) => {}
            (Some("task"), Some(kind)) => {
                let title = self.title_of_task(event).await;
                let planner = event.data.via == "planner";
                let what = match kind {
                    "created" if planner => "next one".to_owned(),
                    "created" => "added".to_owned(),
                    "completed" => "done".to_owned(),
                    // Of an occurrence that is open again: nobody deleted anything.
                    "deleted" if planner => "next one withdrawn".to_owned(),
                    "updated" => match touched(event) {
                        // Bookkeeping that no person cares about.
                        None => return,
                        Some(fields) => format!("changed {fields}"),
                    },
                    other => clean(other),
                };
                let title = match (new_due(&event.data.changed), self.clock) {
                    (Some(due), Some(clock)) => {
                        let now = Clock {
                            now: Utc::now(),
                            ..clock
                        };
                        format!("{title} · {}", screen::due(due, None, &now).when)
                    }
                    _ => title,
                };
                self.line(&what, &title, &via);
            }
            (Some("settings"), _) => {
                // The zone may be another now.
                if let Ok(clock) = self.api.clock().await {
                    self.clock = Some(clock);
                }
                self.line("changed settings", "", &via);
            }
            (Some(noun), Some(kind)) => {
                let name = event.data.changed["name"]
                    .as_str()
                    .map(clean)
                    .unwrap_or_default();
                self.line(&format!("{} {}", clean(noun), clean(kind)), &name, &via);
            }
            _ => {}
        }
    }

    fn plain_time(&self) -> String {
        let now = Utc::now();
        let zoned = |clock: Clock| clock.shows(now);
        self.clock
            .map_or_else(|| now.naive_utc(), zoned)
            .format("%H:%M:%S")
            .to_string()
    }

    fn time(&self) -> String {
        self.screen.paint(Style::Dim, &self.plain_time())
    }

    fn line(&self, what: &str, title: &str, via: &str) {
        self.screen.line(format!(
            "{}  {}  {title}{via}",
            self.time(),
            self.screen.paint(Style::Cyan, what)
        ));
    }

    async fn ring(&mut self, event: &CloudEvent) {
        let path = format!("/api/notifications/{}", escape(&event.subject));
        let found = timeout(NAMED_WITHIN, self.api.get(path)).await;
        let found = found
            .ok()
            .and_then(|answer| answer.ok()?.json::<Notification>().ok());
        let bell = if self.screen.terminal { "\x07" } else { "" };
        let Some(notification) = found else {
            // Better a ring without a name than none.
            let title = event.data.changed["title"].as_str().map(clean);
            let title = title.unwrap_or_else(|| format!("a reminder ({})", clean(&event.subject)));
            self.screen.line(format!(
                "{bell}{}  {}",
                self.time(),
                self.screen.paint(Style::Bold, &format!("⏰ {title}"))
            ));
            return;
        };
        if let (Some(task), Some(title)) = (&notification.task_id, &notification.title) {
            self.titles.insert(task.clone(), title.clone());
        }
        let title = self
            .screen
            .paint(Style::Bold, &format!("⏰ {}", headline(&notification)));
        let mut line = format!("{bell}{}  {title}", self.time());
        line += &self.due(&notification).await.unwrap_or_default();
        line += &late(&notification);
        // Not a number: those of the last list are another terminal's.
        if let Some(task) = &notification.task_id {
            line += &self
                .screen
                .paint(Style::Dim, &format!("  [{}]", short(task)));
        }
        self.screen.line(line);
    }

    /// "  due today 09:00 (in 30 min)". The task says it: its zone is not in the notification.
    async fn due(&self, notification: &Notification) -> Option<String> {
        let path = format!("/api/tasks/{}", escape(notification.task_id.as_ref()?));
        let task: Task = timeout(NAMED_WITHIN, self.api.get(path))
            .await
            .ok()?
            .ok()?
            .json()
            .ok()?;
        // A later occurrence of a neglected series rings too; the row is still the first one's.
        let due = match &notification.occurrence {
            Some(occurrence) if task.occurrence.as_ref() != Some(occurrence) => occurrence.clone(),
            _ => task.due?,
        };
        let now = Clock {
            now: Utc::now(),
            ..self.clock?
        };
        let due = screen::due(&due, task.timezone.as_deref(), &now);
        let relative = if due.relative.is_empty() {
            String::new()
        } else {
            format!(" ({})", due.relative)
        };
        Some(format!("  due {}{relative}", due.when))
    }

    async fn title_of_task(&mut self, event: &CloudEvent) -> String {
        if let Some(title) = event.data.changed["title"].as_str() {
            self.titles.insert(event.subject.clone(), title.to_owned());
        }
        self.title(&event.subject).await
    }

    async fn title_of_reminder(&mut self, event: &CloudEvent) -> String {
        match (
            event.data.changed["title"].as_str(),
            event.data.changed["task_id"].as_str(),
        ) {
            (Some(title), _) => clean(title),
            (None, Some(task)) => self.title(task).await,
            (None, None) => String::new(),
        }
    }

    async fn title(&mut self, task: &str) -> String {
        if let Some(title) = self.titles.get(task) {
            return clean(title);
        }
        let found = self
            .api
            .get(format!("/api/tasks/{}", escape(task)))
            .await
            .and_then(|answer| answer.json::<Task>());
        match found {
            Ok(found) => {
                let shown = clean(&found.title);
                self.titles.insert(found.id, found.title);
                shown
            }
            Err(_) => clean(task),
        }
    }
}

const FIRED: &str = "punctual.reminder.fired.v1";
const SNOOZED: &str = "punctual.reminder.snoozed.v1";

/// Where it came later than a second: how much, and when it was meant for.
fn late(notification: &Notification) -> String {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    match (
        instant(&notification.due_for),
        instant(&notification.fired_at),
    ) {
        (Some(meant), Some(fired)) if (fired - meant).num_seconds() >= 1 => {
            format!(
                "  {} late",
                relative(fired - meant).trim_start_matches("in ")
            )
        }
        _ => String::new(),
    }
}

/// The due date, or the instant of a due time: its zone need not be among what changed.
fn new_due(changed: &serde_json::Value) -> Option<&str> {
    let due = changed["due"].as_str()?;
    if due.contains('T') {
        changed["due_at"].as_str()
    } else {
        Some(due)
    }
}

/// The fields of a task that a person can set, among those that changed.
fn touched(event: &CloudEvent) -> Option<String> {
    const OWN: [&str; 9] = [
        "title",
        "notes",
        "project_id",
        "priority",
        "tags",
        "due",
        "timezone",
        "repeat",
        "reminders",
    ];
    let changed = event.data.changed.as_object()?;
    let names: Vec<&str> = OWN
        .into_iter()
        .filter(|name| changed.contains_key(*name))
        .map(|name| name.trim_end_matches("_id"))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// JSON lines: an event is one line, however the stream broke it.
fn one_line(data: &str) -> String {
    if !data.contains('\n') {
        return data.to_owned();
    }
    serde_json::from_str::<serde_json::Value>(data)
        .map(|value| value.to_string())
        .unwrap_or_else(|_| data.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_seconds_and_differ_between_clients() {
        let mut backoff = Backoff(Backoff::FIRST);
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.next()).collect();
        assert!(
            pauses[0] >= Duration::from_millis(200) && pauses[0] <= Duration::from_millis(250),
            "{pauses:?}"
        );
        assert!(
            pauses[11] >= Duration::from_secs(8) && pauses[11] <= Duration::from_secs(10),
            "{pauses:?}"
        );
        assert!(
            pauses[8..].iter().any(|pause| pause != &pauses[8]),
            "{pauses:?}"
        );
    }

    #[test]
    fn a_reminder_that_came_late_says_so() {
        let notification = |fired_at: &str| Notification {
            id: String::new(),
            kind: "definition".to_owned(),
            task_id: None,
            title: None,
            due: None,
            timezone: None,
            due_at: None,
            occurrence: None,
            due_for: "2026-11-23T09:00:00.000Z".to_owned(),
            fired_at: fired_at.to_owned(),
            read_at: None,
            task_status: Some("open".to_owned()),
            digest: None,
        };
        assert_eq!(late(&notification("2026-11-23T09:00:00.400Z")), "");
        assert_eq!(
            late(&notification("2026-11-23T09:00:12.000Z")),
            "  12 s late"
        );
    }

    #[test]
    fn an_event_of_several_lines_is_printed_as_one() {
        assert_eq!(one_line("{\"a\":\n1}"), "{\"a\":1}");
        assert_eq!(one_line("{\"a\":1}"), "{\"a\":1}");
    }

    #[test]
    fn a_change_that_no_person_made_is_not_told() {
        let event = |changed: serde_json::Value| CloudEvent {
            specversion: "1.0".into(),
            id: "1".into(),
            source: "/punctual".into(),
            kind: "punctual.task.updated.v1".into(),
            subject: "t".into(),
            time: String::new(),
            datacontenttype: "application/json".into(),
            partitionkey: "u".into(),
            traceparent: None,
            data: punctual_contract::events::Data {
                changed,
                ..Default::default()
            },
        };
        assert_eq!(touched(&event(serde_json::json!({"due_at": "x"}))), None);
        assert_eq!(
            touched(&event(serde_json::json!({"due": "x", "project_id": "y"}))).as_deref(),
            Some("project, due")
        );
    }
}
