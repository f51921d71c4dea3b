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

/// Whether this can have moved a completion to another day, which `on-task-updates` counts. What is new is rarely done.
pub fn concerns_days(event: &CloudEvent) -> bool {
    let kind = event.kind.as_str();
    if kind == "punctual.task.created.v1" {
        let says = |name: &str| {
            event
                .data
                .changed
                .get(name)
                .is_some_and(|value| !value.is_null())
        };
        return says("completed_at") || says("ref");
    }
    kind.starts_with("punctual.task.") || kind.starts_with("punctual.settings.")
}

/// Asks `on-task-events` to plan a task again: from the sweep, for an event that was lost or is late. `subject` is the
/// task. It is called, never published.
pub const PLAN_TASK: &str = "punctual.task.plan.v1";
/// Asks `on-reminders` to fire a reminder whose instant has come. `subject` is the reminder. Called, never published.
pub const REMINDER_DUE: &str = "punctual.reminder.due.v1";
/// Asks `on-reminders` to tell somebody what the day holds. `subject` is the account. Called, never published.
pub const DIGEST_DUE: &str = "punctual.digest.due.v1";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_have_moved_a_completion_is_counted() {
        let concerns = |kind: &str, changed: Value| {
            let event = json!({
                "specversion": "1.0", "id": "1", "source": "/punctual", "type": kind, "subject": "t",
                "time": "2026-11-02T08:00:00.000Z", "datacontenttype": "application/json", "partitionkey": "ann",
                "data": { "changed": changed },
            });
            concerns_days(&serde_json::from_value(event).expect("an event"))
        };
        let done = json!({ "title": "t", "completed_at": "2026-11-02T08:00:00.000Z" });
        assert!(!concerns(
            "punctual.task.created.v1",
            json!({ "title": "t" })
        ));
        assert!(concerns("punctual.task.created.v1", done.clone()));
        assert!(concerns(
            "punctual.task.created.v1",
            json!({ "ref": "/api/tasks/t" })
        ));
        assert!(concerns("punctual.task.completed.v1", done));
        assert!(concerns(
            "punctual.task.reopened.v1",
            json!({ "completed_at": null })
        ));
        assert!(concerns("punctual.task.deleted.v1", json!({})));
        assert!(concerns("punctual.settings.updated.v1", json!({})));
        assert!(!concerns("punctual.reminder.fired.v1", json!({})));
    }
}
