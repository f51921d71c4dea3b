//! CloudEvents 1.0 (JSON format) and the topics that carry them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Facts about tasks and settings, for `on-task-events`.
pub const TASK_EVENTS: &str = "task-events";
/// Reminders planned, fired, snoozed, cancelled: for the timer and the sender.
pub const REMINDERS: &str = "reminders";
/// What a client needs to redraw: for the live hubs and `on-task-updates`.
pub const TASK_UPDATES: &str = "task-updates";

/// One CloudEvent in structured mode. Its `id` is the change's position, so a repetition keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct CloudEvent {
    /// `1.0`
    pub specversion: String,
    /// The change's position, in decimal: gap-free over the whole installation, save for a leap after a restore.
    pub id: String,
    /// `/punctual`
    pub source: String,
    /// `punctual.<task|reminder|project|settings>.<kind>.v1`
    #[serde(rename = "type")]
    pub kind: String,
    /// The row's id: the task's, the reminder's, the project's, the user's.
    pub subject: String,
    /// When the change was made: RFC 3339, UTC, milliseconds.
    pub time: String,
    /// `application/json`
    pub datacontenttype: String,
    /// The owner's id: events of one owner are in order.
    pub partitionkey: String,
    /// W3C trace context of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub data: Data,
}

/// What a change carries. `after` is the row's image; `changed` names the fields that differ from `before`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct Data {
    /// The row's version after the change.
    #[serde(default)]
    pub version: i64,
    /// Who did it: a user's id, or `punctual`.
    #[serde(default)]
    pub actor: String,
    /// Through what: `web`, `cli`, `token:<id>`, `planner`, `timer` …
    #[serde(default)]
    pub via: String,
    /// The touched fields with their new values.
    #[serde(default)]
    pub changed: Value,
}

/// The CloudEvents type of a change, and the topics that get it.
pub fn route(table: &str, kind: &str) -> (String, &'static [&'static str]) {
    let (noun, topics): (&str, &'static [&'static str]) = match (table, kind) {
        ("tasks", _) => ("task", &[TASK_EVENTS, TASK_UPDATES]),
        ("settings", _) => ("settings", &[TASK_EVENTS, TASK_UPDATES]),
        ("reminders", "read" | "updated") => ("reminder", &[TASK_UPDATES]),
        ("reminders", _) => ("reminder", &[REMINDERS, TASK_UPDATES]),
        ("projects", _) => ("project", &[TASK_UPDATES]),
        (other, _) => (other, &[TASK_UPDATES]),
    };
    (format!("punctual.{noun}.{kind}.v1"), topics)
}

/// Whether an event of this type can move a completion to another day, which `on-task-updates` counts.
pub fn concerns_days(kind: &str) -> bool {
    kind.starts_with("punctual.task.") || kind.starts_with("punctual.settings.")
}

/// Asks `on-task-events` to plan a task again: from the sweep, for an event that was lost or is late. `subject` is the
/// task. It is called, never published.
pub const PLAN_TASK: &str = "punctual.task.plan.v1";
/// Asks `on-reminders` to fire a reminder whose instant has come. `subject` is the reminder. Called, never published.
pub const REMINDER_DUE: &str = "punctual.reminder.due.v1";
/// Asks `on-reminders` to tell somebody what the day holds. `subject` is the account. Called, never published.
pub const DIGEST_DUE: &str = "punctual.digest.due.v1";
