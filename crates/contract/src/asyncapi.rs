//! The AsyncAPI 3.0 document: the topics, every CloudEvent on them, and the worker's calls to the event functions. Which
//! event goes to which topic is [`route`]'s to say.

mod yaml;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::api::{Project, Receipt, Settings, Task};
use crate::batch::{self, Outcomes};
use crate::events::{
    CloudEvent, DIGEST_DUE, PLAN_TASK, REMINDER_DUE, REMINDERS, TASK_EVENTS, TASK_UPDATES, route,
};
use crate::openapi::schemas::Schemas;
use crate::signature;

/// Table, kind, what happened, and `changed` of an example.
const EVENTS: &[(&str, &str, &str, &str)] = &[
    (
        "tasks",
        "created",
        "A task was added, or an occurrence followed a completed one.",
        r#"{"title":"Pay rent","status":"open","due":"2026-12-01T09:00","timezone":"Europe/Berlin","due_at":"2026-12-01T08:00:00.000Z","repeat":{"rrule":"FREQ=MONTHLY;BYMONTHDAY=1","from":"due"},"reminders":[{"id":"5b1f0c9e","before":"PT30M"}],"occurrence":"2026-12-01T09:00","number":1}"#,
    ),
    (
        "tasks",
        "updated",
        "Fields of a task changed.",
        r#"{"due":"2026-12-02T09:00","due_at":"2026-12-02T08:00:00.000Z"}"#,
    ),
    (
        "tasks",
        "completed",
        "A task was completed.",
        r#"{"status":"completed","completed_at":"2026-12-01T07:55:12.041Z","next":{"occurrence":"2027-01-01T09:00","due":"2027-01-01T09:00","number":2,"passed_over":0}}"#,
    ),
    (
        "tasks",
        "skipped",
        "An occurrence was skipped.",
        r#"{"status":"skipped","completed_at":"2026-12-01T07:55:12.041Z","next":{"occurrence":"2027-01-01T09:00","due":"2027-01-01T09:00","number":2,"passed_over":0}}"#,
    ),
    (
        "tasks",
        "reopened",
        "A completed or skipped task is open again.",
        r#"{"status":"open","completed_at":null,"next":null}"#,
    ),
    (
        "tasks",
        "deleted",
        "A task was deleted, or an occurrence was withdrawn because the one before it is open again.",
        r#"{"deleted_at":"2026-12-01T07:55:12.041Z"}"#,
    ),
    (
        "tasks",
        "restored",
        "A deleted task is back.",
        r#"{"deleted_at":null}"#,
    ),
    (
        "settings",
        "created",
        "An account was made.",
        r#"{"timezone":"Europe/Berlin","morning":"09:00"}"#,
    ),
    (
        "settings",
        "updated",
        "A person changed zone or morning.",
        r#"{"timezone":"Europe/Lisbon"}"#,
    ),
    (
        "reminders",
        "planned",
        "A reminder will fire at `due_for`: new, come back, of a newer plan, or again because nobody acknowledged it.",
        r#"{"task_id":"0193b0c2-7d1e-7c4a-9b1f-3f6f0a4f2d10","kind":"definition","definition_id":"5b1f0c9e","occurrence":"2026-12-01T09:00","state":"planned","title":"Pay rent","due_for":"2026-12-01T07:30:00.000Z"}"#,
    ),
    (
        "reminders",
        "skipped",
        "A reminder was past already when it was set, and will not fire.",
        r#"{"task_id":"0193b0c2-7d1e-7c4a-9b1f-3f6f0a4f2d10","kind":"definition","definition_id":"5b1f0c9e","occurrence":"","state":"skipped","title":"Pay rent","due_for":"2026-12-01T07:30:00.000Z"}"#,
    ),
    (
        "reminders",
        "snoozed",
        "A person put a reminder off: this is the new one.",
        r#"{"task_id":"0193b0c2-7d1e-7c4a-9b1f-3f6f0a4f2d10","kind":"snooze","definition_id":"8f14e45f-ceea-867e-9f2a-1c0f0a4f2d10","occurrence":"2026-12-01T09:00","state":"planned","title":"Pay rent","due_for":"2026-12-01T07:40:00.000Z"}"#,
    ),
    (
        "reminders",
        "fired",
        "A reminder fired. Its deliveries were made in the same statement.",
        r#"{"state":"fired","fired_at":"2026-12-01T07:30:00.012Z"}"#,
    ),
    (
        "reminders",
        "cancelled",
        "A reminder will not fire: its task is done, or is meant for another time.",
        r#"{"state":"cancelled"}"#,
    ),
    (
        "reminders",
        "read",
        "A person has read a notification.",
        r#"{"read_at":"2026-12-01T07:31:20.500Z"}"#,
    ),
    (
        "reminders",
        "updated",
        "A notification that was read already was put off: nothing to see has changed.",
        "{}",
    ),
    (
        "projects",
        "created",
        "A project was added.",
        r#"{"name":"Garden","kind":"project"}"#,
    ),
    (
        "projects",
        "updated",
        "A project was renamed, or its reminders changed.",
        r#"{"name":"Allotment"}"#,
    ),
    (
        "projects",
        "archived",
        "A project was archived.",
        r#"{"archived_at":"2026-12-01T07:55:12.041Z"}"#,
    ),
    (
        "projects",
        "restored",
        "A project is back from the archive.",
        r#"{"archived_at":null}"#,
    ),
    (
        "projects",
        "deleted",
        "A project was deleted. No route does this today.",
        r#"{"deleted_at":"2026-12-01T07:55:12.041Z"}"#,
    ),
];

/// Topic, who reads it, and what it is for.
const TOPICS: &[(&str, &str, &str)] = &[
    (
        TASK_EVENTS,
        "The group `on-task-events` calls the function of that name.",
        "Facts about tasks and settings.",
    ),
    (
        REMINDERS,
        "The group `timer` sets the timer and wakes the sender.",
        "What became of reminders.",
    ),
    (
        TASK_UPDATES,
        "Every live hub reads all of it and keeps no offset. The group `on-task-updates` calls the function of that name: \
         a Dapr sidecar, where the functions have one, else the worker.",
        "What a client needs to redraw. The live stream sends these events as they are.",
    ),
];

/// Name, path, what it is for, and the types that are called and never published.
const CALLS: &[(&str, &str, &str, &[&str])] = &[
    (
        "onTaskEvents",
        "/events/on-task-events",
        "Settles what follows from events: the next occurrence and the reminders' plan. Takes `punctual.task.*` and \
         `punctual.settings.*`, and `punctual.task.plan.v1` from the sweep.",
        &[PLAN_TASK],
    ),
    (
        "onReminders",
        "/events/on-reminders",
        "Fires the reminders whose instant has come and that are still planned, and tells the daily digests. Takes \
         `punctual.reminder.due.v1` and `punctual.digest.due.v1`.",
        &[REMINDER_DUE, DIGEST_DUE],
    ),
    (
        "onTaskUpdates",
        "/events/on-task-updates",
        "Counts again the days that a completion came to, or went from. Takes all events of `task-updates`. A Dapr sidecar \
         calls it with one event (`application/cloudevents+json`, the header `dapr-api-token`) and is answered \
         `{\"status\": \"SUCCESS\" | \"RETRY\" | \"DROP\"}`.",
        &[],
    ),
];

const ABOUT: &str = "\
Every change of a task, a project, a reminder or a person's settings becomes one CloudEvent (1.0, JSON, structured mode). \
A trigger writes the change in the statement that makes it. It gets a gap-free position, and the relay publishes it.

Events are hints: a consumer reads the row again before it acts. They come at least once. Those of one owner \
(`partitionkey`) come in order. `id` is the position, so a repetition has the same one.

An event of more than 256 KiB carries `{\"ref\": \"/api/tasks/…\"}` in place of the changed fields.

Today's edition runs the topics in process: eight partitions each, with the table `changes` as the log, offsets in \
`watermarks`, and what can't be handled in `dead_letters`, under the topic's name. On Kafka, a topic's dead letters go to \
`<topic>.dlq`.";

/// The document, as YAML.
pub fn asyncapi() -> String {
    yaml::emit(&document())
}

fn document() -> Value {
    let (mut messages, mut channels, mut operations) = (Map::new(), Map::new(), Map::new());
    for (table, kind, summary, changed) in EVENTS {
        let (name, _) = route(table, kind);
        messages.insert(name.clone(), published(&name, table, summary, changed));
    }
    for (topic, reader, purpose) in TOPICS {
        let names = EVENTS.iter().filter_map(|(table, kind, ..)| {
            let (name, topics) = route(table, kind);
            topics.contains(topic).then_some(name)
        });
        let of: Map<String, Value> = names
            .map(|name| (name.clone(), reference("messages", &name)))
            .collect();
        channels.insert(
            (*topic).to_owned(),
            json!({
                "address": topic,
                "title": purpose,
                "description": format!(
                    "{reader} The key is the owner's id, `partitionkey`. Dead letters: `{topic}.dlq`."
                ),
                "messages": of,
            }),
        );
        operations.insert(
            format!("publish-{topic}"),
            json!({
                "action": "send",
                "channel": { "$ref": format!("#/channels/{topic}") },
                "summary": "The worker's relay publishes.",
            }),
        );
    }
    for (name, path, purpose, called) in CALLS {
        let (channel, operation) = call(name, path, purpose);
        channels.insert((*name).to_owned(), channel);
        operations.insert(format!("call-{name}"), operation);
        for called in *called {
            messages.insert(
                (*called).to_owned(),
                json!({
                    "name": called,
                    "title": called,
                    "summary": "Called, never published.",
                    "contentType": "application/cloudevents+json",
                    "payload": typed(called, &json!({ "type": "null" })),
                    "examples": [{ "payload": example(called, "{}") }],
                }),
            );
        }
    }
    messages.insert("batch".to_owned(), batch_message());
    messages.insert(
        "outcomes".to_owned(),
        json!({
            "name": "outcomes",
            "title": "One status per event, in their order",
            "summary": "`ok`: done, or nothing was to do. `retry`: not now; this key is held back. `drop`: it can't be understood.",
            "contentType": "application/json",
            "payload": { "$ref": "#/components/schemas/Outcomes" },
            "examples": [{ "payload": { "outcomes": [{ "id": "811", "status": "ok" }] } }],
        }),
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Punctual's events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas() },
    })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn published(name: &str, table: &str, summary: &str, changed: &str) -> Value {
    let fields = match table {
        "tasks" => "TaskFields",
        "reminders" => "ReminderFields",
        "projects" => "ProjectFields",
        _ => "SettingsFields",
    };
    json!({
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": typed(name, &json!({
            "anyOf": [reference("schemas", fields), reference("schemas", "Reference")]
        })),
        "examples": [{ "payload": example(name, changed) }],
    })
}

/// A CloudEvent of this type, with this `changed`.
fn typed(name: &str, changed: &Value) -> Value {
    json!({ "allOf": [reference("schemas", "CloudEvent"), {
        "type": "object",
        "properties": {
            "type": { "const": name },
            "data": { "type": "object", "properties": { "changed": changed } },
        },
    }] })
}

fn example(name: &str, changed: &str) -> Value {
    let called = [PLAN_TASK, REMINDER_DUE, DIGEST_DUE].contains(&name);
    let mut event = json!({
        "specversion": "1.0",
        "id": if called { "due-8f14e45f-ceea-867e-9f2a-1c0f0a4f2d10" } else { "812" },
        "source": "/punctual",
        "type": name,
        "subject": if name.contains(".reminder.") {
            "8f14e45f-ceea-867e-9f2a-1c0f0a4f2d10"
        } else if name.contains(".settings.") || name == DIGEST_DUE {
            "0193b0c1-0000-7a11-8a00-5d2c4b6a7e01"
        } else {
            "0193b0c2-7d1e-7c4a-9b1f-3f6f0a4f2d10"
        },
        "time": "2026-12-01T07:55:12.041Z",
        "datacontenttype": "application/json",
        "partitionkey": "0193b0c1-0000-7a11-8a00-5d2c4b6a7e01",
    });
    event["data"] = if called {
        json!({ "version": 0, "actor": "", "via": "", "changed": null })
    } else {
        json!({
            "version": 1,
            "actor": "0193b0c1-0000-7a11-8a00-5d2c4b6a7e01",
            "via": "cli",
            "changed": serde_json::from_str::<Value>(changed).unwrap_or_default(),
        })
    };
    if name == PLAN_TASK {
        event["id"] = "plan-0193b0c2-7d1e-7c4a-9b1f-3f6f0a4f2d10-1796111712041000".into();
    }
    if name == DIGEST_DUE {
        event["id"] = "digest-0193b0c1-0000-7a11-8a00-5d2c4b6a7e01-1796111712041000".into();
    }
    event
}

fn call(name: &str, path: &str, purpose: &str) -> (Value, Value) {
    let channel = json!({
        "address": path,
        "title": "HTTP POST",
        "description": purpose,
        "messages": {
            "batch": reference("messages", "batch"),
            "outcomes": reference("messages", "outcomes"),
        },
    });
    let operation = json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{name}") },
        "summary": "The worker calls with a batch, and gets one status per event.",
        "description": "Signed as Standard Webhooks says, with the events secret. No answer, or another status than 200: the \
                        batch is halved until the event that it fails on is alone. That one is set apart after five tries, \
                        and only while others succeed; otherwise the partition pauses.",
        "bindings": { "http": { "method": "POST" } },
        "messages": [{ "$ref": format!("#/channels/{name}/messages/batch") }],
        "reply": {
            "channel": { "$ref": format!("#/channels/{name}") },
            "messages": [{ "$ref": format!("#/channels/{name}/messages/outcomes") }],
        },
    });
    (channel, operation)
}

fn batch_message() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "name": "batch",
        "title": "A batch of CloudEvents",
        "contentType": batch::CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": {
                (signature::ID): text("The call's id."),
                (signature::TIMESTAMP): text("Unix seconds; five minutes off the receiver's clock at most."),
                (signature::SIGNATURE): text("`v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`."),
            },
            "required": [signature::ID, signature::TIMESTAMP, signature::SIGNATURE],
        },
        "payload": {
            "type": "array",
            "maxItems": batch::MAX_EVENTS,
            "items": reference("schemas", "CloudEvent"),
        },
    })
}

/// The images of rows (`task_image` … in the schema) as the answers' schemas have them; each field only where it changed.
fn schemas() -> Map<String, Value> {
    let mut wire = Schemas::default();
    wire.answer(SchemaGenerator::subschema_for::<CloudEvent>);
    wire.answer(SchemaGenerator::subschema_for::<Outcomes>);
    wire.answer(SchemaGenerator::subschema_for::<Task>);
    wire.answer(SchemaGenerator::subschema_for::<Receipt>);
    wire.answer(SchemaGenerator::subschema_for::<Project>);
    wire.answer(SchemaGenerator::subschema_for::<Settings>);
    let all = wire.finish();

    let mut schemas: Map<String, Value> = [
        "CloudEvent",
        "Data",
        "NextOccurrence",
        "Outcome",
        "Outcomes",
        "Reminder",
        "Repeat",
        "Status",
    ]
    .into_iter()
    .filter_map(|name| Some((name.to_owned(), all.get(name)?.clone())))
    .collect();
    for (name, from, fields) in IMAGES {
        let known = |field: &str| {
            all.get(*from)?
                .pointer(&format!("/properties/{field}"))
                .cloned()
        };
        let properties: Map<String, Value> = fields
            .iter()
            .map(|field| {
                let schema = match (*name, *field) {
                    ("ReminderFields", "occurrence") => {
                        json!({ "type": "string", "description": "Empty where the task does not recur." })
                    }
                    ("ReminderFields", "title") => {
                        json!({ "type": "string", "description": "The task's." })
                    }
                    ("ProjectFields", "deleted_at") => {
                        json!({ "type": ["string", "null"], "format": "date-time" })
                    }
                    (_, field) => known(field).unwrap_or_default(),
                };
                ((*field).to_owned(), schema)
            })
            .collect();
        schemas.insert(
            (*name).to_owned(),
            json!({ "type": "object", "properties": properties }),
        );
    }
    schemas.insert(
        "Reference".to_owned(),
        json!({
            "type": "object",
            "description": "In place of fields that would be too large.",
            "properties": { "ref": { "type": "string", "format": "uri-reference" } },
            "required": ["ref"],
        }),
    );
    schemas
}

/// Schema, the type that describes its fields, and the fields.
const IMAGES: &[(&str, &str, &[&str])] = &[
    (
        "TaskFields",
        "Task",
        &[
            "title",
            "notes",
            "project_id",
            "priority",
            "tags",
            "status",
            "start",
            "due",
            "timezone",
            "due_at",
            "repeat",
            "reminders",
            "later",
            "series_id",
            "series_start",
            "occurrence",
            "number",
            "next",
            "rank",
            "completed_at",
            "deleted_at",
        ],
    ),
    (
        "ReminderFields",
        "Receipt",
        &[
            "task_id",
            "kind",
            "definition_id",
            "occurrence",
            "repetition",
            "state",
            "title",
            "due_for",
            "fired_at",
            "read_at",
        ],
    ),
    (
        "ProjectFields",
        "Project",
        &["name", "kind", "reminders", "archived_at", "deleted_at"],
    ),
    (
        "SettingsFields",
        "Settings",
        &[
            "timezone",
            "morning",
            "quiet_from",
            "quiet_until",
            "language",
            "digest",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::openapi::tests::{SCHEMA, views};

    #[test]
    fn what_changed_can_be_exactly_the_fields_of_the_rows_images() {
        let views = views();
        for (image, schema) in [
            ("task_image", "TaskFields"),
            ("reminder_image", "ReminderFields"),
            ("project_image", "ProjectFields"),
            ("settings_image", "SettingsFields"),
        ] {
            let fields = IMAGES.iter().find(|(name, ..)| *name == schema);
            let fields: Option<BTreeSet<String>> =
                fields.map(|(.., fields)| fields.iter().map(|field| (*field).to_owned()).collect());
            assert_eq!(views.get(image).cloned(), fields, "{image}");
        }
    }

    #[test]
    fn every_kind_that_a_trigger_names_is_an_event_here() {
        let schema = SCHEMA.concat();
        for table in ["tasks", "reminders", "projects", "settings"] {
            for trigger in ["inserted", "updated"] {
                let start = format!("CREATE TRIGGER {table}_{trigger} ");
                let body = schema
                    .split_once(&start)
                    .and_then(|(_, rest)| rest.split_once("END;\n"));
                let Some((body, _)) = body else {
                    panic!("{start}is missing")
                };
                let named = ["THEN '", "ELSE '", "owner, '", "NEW.user_id, '"]
                    .into_iter()
                    .flat_map(|before| body.split(before).skip(1))
                    .filter_map(|rest| rest.split_once('\''))
                    .map(|(kind, _)| kind);
                for kind in named {
                    let known = EVENTS
                        .iter()
                        .any(|(of, name, ..)| (*of, *name) == (table, kind));
                    assert!(known, "{table}: {kind}");
                }
            }
        }
    }

    #[test]
    fn every_example_is_an_event_and_every_field_has_a_schema() {
        let document = document();
        for (table, kind, _, changed) in EVENTS {
            let (name, _) = route(table, kind);
            let event: CloudEvent = serde_json::from_value(example(&name, changed))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(event.data.changed.is_object(), "{name}");
        }
        for (schema, _, fields) in IMAGES {
            for field in *fields {
                let path = format!("/components/schemas/{schema}/properties/{field}");
                assert!(
                    document.pointer(&path).is_some_and(Value::is_object),
                    "{path}"
                );
            }
        }
    }
}
