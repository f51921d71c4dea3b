//! One task: all of it, its history, its reminders.

use punctual_contract::api::{Change, Delivery, Page, Project, Receipt, Reminder, Task};
use serde_json::Value;

use crate::api::{Api, escape, with_query};
use crate::args::{Log, One};
use crate::clock::Clock;
use crate::duration::parse_iso;
use crate::error::Result;
use crate::naming;
use crate::repeat;
use crate::screen::{self, Cell, Screen, Style, clean, clean_lines, instant, short, through};

pub async fn show(api: &Api, screen: &Screen, args: One) -> Result<()> {
    let id = naming::task(api, &args.task).await?;
    let path = format!("/api/tasks/{}", escape(&id));
    if screen.json {
        screen.document(&api.get(path).await?.text);
        return Ok(());
    }
    let reminders = format!("{path}/reminders?limit=200");
    let (task, reminders, clock) = tokio::join!(api.get(path), api.get(reminders), api.clock());
    let task: Task = task?.json()?;
    let receipts: Page<Receipt> = reminders?.json()?;
    let clock = clock?;
    let project: Project = api
        .get(format!("/api/projects/{}", escape(&task.project_id)))
        .await?
        .json()?;

    screen.line(screen.paint(Style::Bold, &clean(&task.title)));
    let row = |name: &str, text: String| {
        if !text.is_empty() {
            screen.line(format!(
                "  {}  {text}",
                screen.paint(Style::Dim, &format!("{name:<9}"))
            ));
        }
    };
    row("status", status(&task, &clock));
    if let Some(due) = &task.due {
        let text = screen::due(due, task.timezone.as_deref(), &clock);
        let overdue = text.past && task.status == "open";
        let words = [if overdue { "overdue" } else { "" }, &text.relative];
        let words = words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let style = if overdue { Style::Red } else { Style::Plain };
        let line = screen.paint(style, format!("{}  {words}", text.when).trim_end());
        row("due", line);
        row(
            "zone",
            task.timezone
                .as_deref()
                .map(|zone| format!("{} (there: {})", clean(zone), clean(due)))
                .unwrap_or_default(),
        );
    }
    if let Some(rule) = &task.repeat {
        let mut line = clean(&repeat::describe(&rule.rrule));
        if rule.from == "completion" {
            line += ", counted from completion";
        }
        if let Some(number) = task.number {
            line += &format!(", this is number {number}");
        }
        row("repeats", line);
        if repeat::describe(&rule.rrule) != rule.rrule {
            row("rule", clean(&rule.rrule));
        }
    }
    if task.missed > 0 {
        row("missed", task.missed.to_string());
    }
    if let Some(next) = &task.next {
        row("", screen::next(next, task.timezone.as_deref(), &clock));
    }
    for (index, line) in reminder_lines(&task.reminders, &receipts.items, &clock)
        .into_iter()
        .enumerate()
    {
        row(if index == 0 { "reminders" } else { "" }, line);
    }
    row("project", clean(&project.name));
    row(
        "priority",
        if task.priority == "none" {
            String::new()
        } else {
            clean(&task.priority)
        },
    );
    row(
        "tags",
        task.tags
            .iter()
            .map(|tag| format!("@{}", clean(tag)))
            .collect::<Vec<_>>()
            .join(" "),
    );
    row("created", instant(&task.created_at, &clock));
    row(
        "changed",
        format!(
            "{} (version {})",
            instant(&task.updated_at, &clock),
            task.version
        ),
    );
    row("id", clean(&task.id));
    if !task.notes.is_empty() {
        screen.line("");
        for line in clean_lines(&task.notes) {
            screen.line(format!("  {line}"));
        }
    }
    Ok(())
}

fn status(task: &Task, clock: &Clock) -> String {
    let mut text = clean(&task.status);
    if let Some(at) = &task.completed_at {
        text += &format!(" {}", instant(at, clock));
    }
    if let Some(at) = &task.deleted_at {
        text += &format!(", deleted {}", instant(at, clock));
    }
    text
}

/// "30 min before: rings today 08:30". What is set first, then snoozes.
fn reminder_lines(definitions: &[Reminder], receipts: &[Receipt], clock: &Clock) -> Vec<String> {
    let mut lines = Vec::new();
    for definition in definitions {
        let mut line = describe(definition, clock);
        let of_it = receipts
            .iter()
            .filter(|receipt| definition.id.as_deref() == Some(&receipt.definition_id));
        if let Some(receipt) = telling(of_it) {
            line += &format!(": {}", state(receipt, clock));
        }
        lines.push(line);
    }
    let snoozes = receipts
        .iter()
        .filter(|receipt| receipt.kind == "snooze" && receipt.state == "planned");
    lines.extend(snoozes.map(|receipt| format!("snoozed: {}", state(receipt, clock))));
    lines
}

/// A series has a receipt for each occurrence: the one that rings next says most, else the last one.
fn telling<'a>(receipts: impl Iterator<Item = &'a Receipt> + Clone) -> Option<&'a Receipt> {
    let planned = receipts
        .clone()
        .filter(|receipt| receipt.state == "planned");
    planned
        .min_by_key(|receipt| &receipt.due_for)
        .or_else(|| receipts.max_by_key(|receipt| &receipt.due_for))
}

fn describe(reminder: &Reminder, clock: &Clock) -> String {
    match (&reminder.before, &reminder.at) {
        (Some(before), _) => match parse_iso(before) {
            Some(span) if span == Default::default() => "at the due time".to_owned(),
            Some(span) => format!("{} before", span.words()),
            None => format!("{} before", clean(before)),
        },
        (None, Some(at)) => format!("at {}", instant(at, clock)),
        (None, None) => "?".to_owned(),
    }
}

fn state(receipt: &Receipt, clock: &Clock) -> String {
    let at = instant(&receipt.due_for, clock);
    match receipt.state.as_str() {
        "planned" => format!("rings {at}"),
        "fired" => format!(
            "rang {}",
            receipt
                .fired_at
                .as_deref()
                .map_or(at, |fired| instant(fired, clock))
        ),
        "skipped" => format!("was already past ({at})"),
        "cancelled" => "cancelled".to_owned(),
        other => clean(other),
    }
}

pub async fn receipt(api: &Api, screen: &Screen, args: One) -> Result<()> {
    let id = naming::task(api, &args.task).await?;
    let answer = api
        .get(format!("/api/tasks/{}/reminders?limit=200", escape(&id)))
        .await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let clock = api.clock().await?;
    let mut receipts: Vec<Receipt> = answer.json::<Page<Receipt>>()?.items;
    if receipts.is_empty() {
        screen.line("It has no reminders. Add one: punctual edit TASK --remind 30m");
    }
    receipts.sort_by(|a, b| a.due_for.cmp(&b.due_for));
    for receipt in &receipts {
        let style = match receipt.state.as_str() {
            "fired" => Style::Green,
            "planned" => Style::Plain,
            _ => Style::Dim,
        };
        let mut line = format!(
            "{}  {}",
            instant(&receipt.due_for, &clock),
            screen.paint(style, &clean(&receipt.state))
        );
        if let Some(lateness) = receipt.lateness_ms {
            line += &format!(", {lateness} ms late");
        }
        if receipt.kind == "snooze" {
            line += ", snoozed";
        }
        if let Some(read) = &receipt.read_at {
            line += &format!(", read {}", instant(read, &clock));
        }
        screen.line(format!(
            "{line}  {}",
            screen.paint(Style::Dim, &clean(&receipt.id))
        ));
        for delivery in &receipt.deliveries {
            screen.line(format!("    {}", delivery_line(delivery, &clock)));
        }
    }
    Ok(())
}

/// "webhook https://… pending after 2 tries, the last today 09:00:01 (503), next try today 09:05:01"
fn delivery_line(delivery: &Delivery, clock: &Clock) -> String {
    let mut line = clean(&delivery.channel);
    if !delivery.target.is_empty() {
        line += &format!(" {}", clean(&delivery.target));
    }
    line += &format!(" {}", clean(&delivery.state));
    if let Some(last) = delivery.tries.last() {
        let at = instant(&last.at, clock);
        line += &match (delivery.tries.len(), delivery.state.as_str()) {
            (1, "sent") => format!(" {at}"),
            (count, "sent") => format!(" {at}, at try {count}"),
            (1, _) => format!(" after 1 try, {at} ({})", clean(&last.outcome)),
            (count, _) => format!(
                " after {count} tries, the last {at} ({})",
                clean(&last.outcome)
            ),
        };
    }
    match (&delivery.next_try, delivery.state.as_str()) {
        (Some(next), "pending") => line + &format!(", next try {}", instant(next, clock)),
        _ => line,
    }
}

pub async fn log(api: &Api, screen: &Screen, args: Log) -> Result<()> {
    let id = naming::task(api, &args.task).await?;
    let query = [
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor),
    ];
    let answer = api
        .get(with_query(
            &format!("/api/tasks/{}/history", escape(&id)),
            &query,
        ))
        .await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let clock = api.clock().await?;
    let page: Page<Change> = answer.json()?;
    let rows: Vec<Vec<Cell>> = page
        .items
        .iter()
        .map(|change| {
            vec![
                Cell::styled(Style::Dim, clean(&change.id)),
                Cell::plain(instant(&change.at, &clock)),
                Cell::styled(Style::Bold, clean(&change.kind)),
                Cell::styled(Style::Dim, through(&change.via)),
                Cell::plain(touched(change)),
            ]
        })
        .collect();
    screen.table(&["CHANGE", "WHEN", "WHAT", "THROUGH", ""], &rows);
    if let Some(next) = page.next {
        screen.line(screen.paint(
            Style::Dim,
            &format!("There are more: --cursor {}", clean(&next)),
        ));
    }
    Ok(())
}

/// Fields that follow from others, or that the kind of the change says already.
const IMPLIED: [&str; 8] = [
    "due_at",
    "status",
    "completed_at",
    "deleted_at",
    "series_id",
    "occurrence",
    "number",
    "next",
];

/// "title: Pay rent → Pay the rent; due: 2026-12-01T09:00". Of a creation, what was given.
fn touched(change: &Change) -> String {
    let Some(fields) = change.fields.as_object() else {
        return String::new();
    };
    let created = change.kind == "created";
    let said: Vec<String> = fields
        .iter()
        .filter(|(name, _)| !IMPLIED.contains(&name.as_str()))
        .filter(|(name, _)| !(created && name.as_str() == "project_id"))
        .filter_map(|(name, field)| {
            let of = |value: &Value| match (name.as_str(), brief(value)) {
                ("priority", text) if text == "none" => String::new(),
                ("project_id", text) => short(&text).to_owned(),
                (_, text) => text,
            };
            let name = match name.as_str() {
                "rank" => "place in the order",
                name => name.trim_end_matches("_id"),
            };
            let (before, after) = (of(&field["before"]), of(&field["after"]));
            match (created || before.is_empty(), after.is_empty()) {
                (true, true) => None,
                (true, false) => Some(format!("{name}: {after}")),
                (false, true) => Some(format!("{name}: {before} → none")),
                (false, false) => Some(format!("{name}: {before} → {after}")),
            }
        })
        .collect();
    said.join("; ")
}

/// A field's value in few words; nothing where it is empty.
fn brief(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        Value::Array(items) => items
            .iter()
            .map(brief)
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        Value::Object(fields) => ["rrule", "before", "at"]
            .iter()
            .find_map(|name| fields.get(*name)?.as_str())
            .map_or_else(
                || clean(&value.to_string()),
                |text| clean(&repeat::describe(text)),
            ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(kind: &str, fields: Value) -> Change {
        Change {
            id: "1".into(),
            kind: kind.into(),
            version: 1,
            actor: "a".into(),
            via: "cli".into(),
            at: String::new(),
            fields,
        }
    }

    #[test]
    fn a_change_says_what_it_touched_and_leaves_out_what_follows_from_it() {
        let fields = json!({
            "title": {"before": "Pay rent", "after": "Pay the rent"},
            "due": {"before": null, "after": "2026-12-01T09:00"},
            "due_at": {"before": null, "after": "2026-12-01T08:00:00.000Z"},
            "reminders": {"before": [{"id": "a", "before": "PT30M"}], "after": []},
        });
        assert_eq!(
            touched(&change("updated", fields)),
            "title: Pay rent → Pay the rent; due: 2026-12-01T09:00; reminders: PT30M → none"
        );
    }

    #[test]
    fn a_creation_says_what_was_given() {
        let fields = json!({
            "title": {"before": null, "after": "Water plants"}, "notes": {"before": null, "after": ""},
            "priority": {"before": null, "after": "none"}, "tags": {"before": null, "after": []},
            "repeat": {"before": null, "after": {"rrule": "FREQ=DAILY", "from": "due"}},
            "status": {"before": null, "after": "open"},
        });
        assert_eq!(
            touched(&change("created", fields)),
            "title: Water plants; repeat: daily"
        );
    }
}
