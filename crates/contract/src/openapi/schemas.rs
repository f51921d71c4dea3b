//! JSON Schemas of the wire types, with what Rust's types can't say: words of an enumeration, lengths, formats.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::Digest;

/// What `POST /api/auth/access` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Access {
    /// `Authorization: Bearer …`
    pub access_token: String,
    /// Seconds until it ends.
    pub expires_in: i64,
}

/// What `GET /healthz` answers while all is well.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// `ok`
    pub status: String,
    /// The newest migration.
    pub schema: i64,
}

/// What a webhook receives: Standard Webhooks' payload.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReminderFired {
    /// `reminder.fired`
    #[serde(rename = "type")]
    pub kind: String,
    /// When it fired.
    pub timestamp: String,
    pub data: ReminderFiredData,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ReminderFiredData {
    pub reminder_id: String,
    pub task_id: String,
    /// The task in the API, under `PUBLIC_URL`.
    pub task_url: String,
    pub title: String,
    /// The task's due: a local date or date-time.
    pub due: Option<String>,
    /// The instant it was meant for.
    pub due_for: String,
    pub fired_at: String,
}

/// What a webhook receives of a daily digest.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DigestFired {
    /// `digest.fired`
    #[serde(rename = "type")]
    pub kind: String,
    /// When it fired.
    pub timestamp: String,
    pub data: DigestFiredData,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct DigestFiredData {
    pub reminder_id: String,
    /// The local day that it is for.
    pub day: String,
    /// The instant it was meant for.
    pub due_for: String,
    pub fired_at: String,
    pub digest: Digest,
}

const INSTANT: &str = r#"{"format":"date-time","examples":["2026-11-30T18:00:00.000Z"]}"#;
const LOCAL: &str = r#"{"pattern":"^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?)?$","examples":["2026-12-01","2026-12-01T09:00"]}"#;
const ZONE: &str = r#"{"examples":["Europe/Berlin"]}"#;
const DURATION: &str = r#"{"format":"duration","examples":["PT30M","P1D"]}"#;
const STATUS: &str = r#"{"enum":["open","completed","skipped"]}"#;
const PRIORITY: &str = r#"{"enum":["none","low","medium","high"]}"#;
const REMINDER_KIND: &str = r#"{"enum":["definition","snooze","digest"]}"#;
const SCOPES: &str = r#"{"items":{"enum":["read","write"]}}"#;
const NAME: &str = r#"{"minLength":1,"maxLength":120}"#;
const TITLE: &str = r#"{"minLength":1,"maxLength":500}"#;
const NOTES: &str = r#"{"maxLength":65536}"#;
const TAGS: &str = r#"{"maxItems":32,"items":{"minLength":1,"maxLength":64}}"#;
const ANCHOR: &str = r#"{"enum":["due","start"]}"#;
const REMINDERS: &str = r#"{"maxItems":20}"#;
const CHANNEL: &str = r#"{"enum":["in-app","webhook","email","ntfy","push"]}"#;
const RANK: &str = r#"{"maxLength":64,"pattern":"^([0-9a-z]*[1-9a-z])?$","examples":["i"]}"#;
const CLOCK: &str = r#"{"pattern":"^\\d{2}:\\d{2}$","examples":["22:00"]}"#;
const CLOCK_INPUT: &str = r#"{"pattern":"^\\d{1,2}:\\d{1,2}$","examples":["22:00"]}"#;
const LANGUAGE: &str = r#"{"enum":["en","de",null]}"#;
/// It is left out or has a value.
const NOT_NULL: &str = r#"{"type":"string"}"#;

/// Type, field, and what its schema says besides (deep merge). What is named here must be there: a test sees to it.
const BESIDES: &[(&str, &str, &str)] = &[
    ("Register", "email", r#"{"format":"email","maxLength":254}"#),
    (
        "Register",
        "password",
        r#"{"minLength":10,"maxLength":256}"#,
    ),
    ("Register", "timezone", ZONE),
    (
        "QuickAddTask",
        "reminders",
        r##"{"items":{"$ref":"#/components/schemas/ReminderInput"}}"##,
    ),
    ("Login", "email", r#"{"format":"email"}"#),
    ("User", "role", r#"{"enum":["admin","member"]}"#),
    ("User", "email", r#"{"format":"email"}"#),
    (
        "RegistrationState",
        "registration",
        r#"{"enum":["open","invite","closed"]}"#,
    ),
    ("OpenSession", "created_at", INSTANT),
    ("OpenSession", "used_at", INSTANT),
    ("NewApiToken", "name", NAME),
    (
        "NewApiToken",
        "scopes",
        r#"{"minItems":1,"maxItems":2,"uniqueItems":true,"items":{"enum":["read","write"]}}"#,
    ),
    (
        "NewApiToken",
        "expires_in_days",
        r#"{"minimum":1,"maximum":3650}"#,
    ),
    ("ApiToken", "scopes", SCOPES),
    ("ApiToken", "created_at", INSTANT),
    ("ApiToken", "expires_at", INSTANT),
    ("Invite", "expires_at", INSTANT),
    ("Repeat", "from", r#"{"enum":["due","completion"]}"#),
    ("RepeatInput", "from", r#"{"enum":["due","completion"]}"#),
    ("RepeatPatch", "rrule", NOT_NULL),
    (
        "RepeatPatch",
        "from",
        r#"{"enum":["due","completion",null]}"#,
    ),
    ("Occurrence", "due", LOCAL),
    ("Occurrence", "due_at", INSTANT),
    (
        "Occurrence",
        "state",
        r#"{"enum":["completed","skipped","open","planned"]}"#,
    ),
    ("Occurrence", "completed_at", INSTANT),
    ("OccurrencePatch", "due", LOCAL),
    ("OccurrencePatch", "skipped", r#"{"type":"boolean"}"#),
    ("Reminder", "before", DURATION),
    ("Reminder", "of", ANCHOR),
    ("Reminder", "at", INSTANT),
    ("Reminder", "again", DURATION),
    (
        "ReminderInput",
        "id",
        r#"{"minLength":1,"maxLength":64,"pattern":"^[!-~]+$"}"#,
    ),
    ("ReminderInput", "before", NOT_NULL),
    ("ReminderInput", "before", DURATION),
    ("ReminderInput", "of", NOT_NULL),
    ("ReminderInput", "of", ANCHOR),
    ("ReminderInput", "again", NOT_NULL),
    ("ReminderInput", "again", DURATION),
    (
        "ReminderInput",
        "times",
        r#"{"type":"integer","minimum":1,"maximum":50}"#,
    ),
    ("ReminderInput", "at", NOT_NULL),
    ("ReminderInput", "at", INSTANT),
    ("NewTask", "title", TITLE),
    ("NewTask", "notes", NOTES),
    ("NewTask", "priority", PRIORITY),
    ("NewTask", "tags", TAGS),
    ("NewTask", "start", LOCAL),
    ("NewTask", "due", LOCAL),
    ("NewTask", "timezone", ZONE),
    ("NewTask", "reminders", REMINDERS),
    ("NewTask", "rank", RANK),
    ("TaskPatch", "title", NOT_NULL),
    ("TaskPatch", "title", TITLE),
    ("TaskPatch", "notes", NOTES),
    (
        "TaskPatch",
        "priority",
        r#"{"enum":["none","low","medium","high",null]}"#,
    ),
    ("TaskPatch", "tags", TAGS),
    ("TaskPatch", "start", LOCAL),
    ("TaskPatch", "due", LOCAL),
    ("TaskPatch", "apply", NOT_NULL),
    ("TaskPatch", "apply", r#"{"enum":["this","later"]}"#),
    ("TaskPatch", "timezone", ZONE),
    ("TaskPatch", "reminders", REMINDERS),
    ("TaskPatch", "rank", RANK),
    ("Task", "status", STATUS),
    ("Task", "priority", PRIORITY),
    ("Task", "start", LOCAL),
    ("Task", "due", LOCAL),
    ("Task", "later", r#"{"type":["object","null"]}"#),
    ("Task", "due_at", INSTANT),
    ("Task", "series_start", LOCAL),
    ("Task", "timezone", ZONE),
    ("Task", "rank", RANK),
    ("Task", "completed_at", INSTANT),
    ("Task", "created_at", INSTANT),
    ("Task", "updated_at", INSTANT),
    ("Task", "deleted_at", INSTANT),
    ("NextOccurrence", "due", LOCAL),
    (
        "Change",
        "kind",
        r#"{"enum":["created","updated","completed","skipped","reopened","deleted","restored"]}"#,
    ),
    ("Change", "at", INSTANT),
    (
        "Change",
        "fields",
        r#"{"type":"object","additionalProperties":{"type":"object","properties":{"before":{},"after":{}},"required":["before","after"]}}"#,
    ),
    ("NewProject", "name", NAME),
    ("NewProject", "reminders", REMINDERS),
    ("ProjectPatch", "name", NOT_NULL),
    ("ProjectPatch", "name", NAME),
    ("ProjectPatch", "reminders", REMINDERS),
    (
        "QuickAddText",
        "text",
        r#"{"minLength":1,"maxLength":2000}"#,
    ),
    ("QuickAddText", "timezone", ZONE),
    ("QuickAddText", "language", LANGUAGE),
    ("QuickAddTask", "priority", PRIORITY),
    ("QuickAddTask", "due", LOCAL),
    (
        "QuickAddSpan",
        "field",
        r#"{"enum":["due","repeat","reminder","priority","project","tag"]}"#,
    ),
    ("Project", "kind", r#"{"enum":["inbox","project"]}"#),
    ("Project", "archived_at", INSTANT),
    ("Project", "created_at", INSTANT),
    ("Project", "updated_at", INSTANT),
    ("SettingsPatch", "timezone", NOT_NULL),
    ("SettingsPatch", "timezone", ZONE),
    ("SettingsPatch", "morning", NOT_NULL),
    (
        "SettingsPatch",
        "morning",
        r#"{"pattern":"^\\d{1,2}:\\d{1,2}$"}"#,
    ),
    ("SettingsPatch", "quiet_from", CLOCK_INPUT),
    ("SettingsPatch", "quiet_until", CLOCK_INPUT),
    ("SettingsPatch", "language", LANGUAGE),
    ("SettingsPatch", "digest", CLOCK_INPUT),
    ("Settings", "timezone", ZONE),
    ("Settings", "quiet_from", CLOCK),
    ("Settings", "quiet_until", CLOCK),
    ("Settings", "language", LANGUAGE),
    ("Settings", "digest", CLOCK),
    (
        "Settings",
        "morning",
        r#"{"pattern":"^\\d{2}:\\d{2}$","examples":["09:00"]}"#,
    ),
    ("Settings", "updated_at", INSTANT),
    (
        "NewChannel",
        "kind",
        r#"{"enum":["webhook","email","ntfy","push"]}"#,
    ),
    ("NewChannel", "target", r#"{"maxLength":2000}"#),
    ("NewChannel", "name", NOT_NULL),
    ("NewChannel", "name", r#"{"maxLength":60}"#),
    ("NewChannel", "token", NOT_NULL),
    ("NewChannel", "token", r#"{"maxLength":200}"#),
    (
        "PushKeys",
        "p256dh",
        r#"{"minLength":87,"pattern":"^[A-Za-z0-9_-]{87}=?$"}"#,
    ),
    (
        "PushKeys",
        "auth",
        r#"{"minLength":22,"pattern":"^[A-Za-z0-9_-]{22}={0,2}$"}"#,
    ),
    ("Channel", "state", r#"{"enum":["active","unconfirmed"]}"#),
    ("Channel", "kind", CHANNEL),
    ("Channel", "created_at", INSTANT),
    ("Snooze", "for", NOT_NULL),
    ("Snooze", "for", DURATION),
    ("Snooze", "until", NOT_NULL),
    ("Snooze", "until", INSTANT),
    ("Receipt", "kind", REMINDER_KIND),
    (
        "Receipt",
        "state",
        r#"{"enum":["planned","fired","cancelled","skipped"]}"#,
    ),
    ("Receipt", "planned_at", INSTANT),
    ("Receipt", "due_for", INSTANT),
    ("Receipt", "fired_at", INSTANT),
    ("Receipt", "read_at", INSTANT),
    (
        "Activity",
        "on_time_rate",
        r#"{"minimum":0,"maximum":1,"examples":[0.86]}"#,
    ),
    ("Activity", "timezone", ZONE),
    (
        "ActivityDay",
        "date",
        r#"{"format":"date","examples":["2026-12-01"]}"#,
    ),
    ("Delivery", "channel", CHANNEL),
    (
        "Delivery",
        "state",
        r#"{"enum":["pending","sent","failed"]}"#,
    ),
    ("Delivery", "next_try", INSTANT),
    ("Delivery", "sent_at", INSTANT),
    ("Try", "at", INSTANT),
    ("Notification", "kind", REMINDER_KIND),
    ("Notification", "due", LOCAL),
    ("Notification", "due_for", INSTANT),
    ("Notification", "fired_at", INSTANT),
    ("Notification", "read_at", INSTANT),
    ("Notification", "task_status", STATUS),
    ("DigestTask", "priority", PRIORITY),
    ("DigestTask", "due", LOCAL),
    ("DigestTask", "timezone", ZONE),
    ("Problem", "status", r#"{"minimum":400,"maximum":599}"#),
    ("ReminderFired", "type", r#"{"const":"reminder.fired"}"#),
    ("ReminderFired", "timestamp", INSTANT),
    ("ReminderFiredData", "due", LOCAL),
    ("ReminderFiredData", "due_for", INSTANT),
    ("ReminderFiredData", "fired_at", INSTANT),
    ("DigestFired", "type", r#"{"const":"digest.fired"}"#),
    ("DigestFired", "timestamp", INSTANT),
    (
        "DigestFiredData",
        "day",
        r#"{"format":"date","examples":["2026-12-01"]}"#,
    ),
    ("DigestFiredData", "due_for", INSTANT),
    ("DigestFiredData", "fired_at", INSTANT),
    ("Health", "status", r#"{"const":"ok"}"#),
    ("CloudEvent", "specversion", r#"{"const":"1.0"}"#),
    ("CloudEvent", "source", r#"{"const":"/punctual"}"#),
    ("CloudEvent", "time", INSTANT),
    (
        "CloudEvent",
        "datacontenttype",
        r#"{"const":"application/json"}"#,
    ),
];

/// Collects the schemas that a document refers to: those of requests as they are read, those of answers as they are
/// written.
pub struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = |mut settings: SchemaSettings| {
            settings.definitions_path = "/components/schemas".into();
            settings.into_generator()
        };
        Self {
            read: settings(SchemaSettings::draft2020_12().for_deserialize()),
            written: settings(SchemaSettings::draft2020_12().for_serialize()),
        }
    }
}

impl Schemas {
    /// The schema of what a client sends.
    pub fn request(&mut self, schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
        renamed(schema(&mut self.read).into())
    }

    /// The schema of what a client gets.
    pub fn answer(&mut self, schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
        schema(&mut self.written).into()
    }

    /// Everything that was referred to, by name.
    pub fn finish(mut self) -> Map<String, Value> {
        let mut all = BTreeMap::new();
        for (name, schema) in self.read.take_definitions(true) {
            all.insert(request_name(&name), request(renamed(schema)));
        }
        for (name, schema) in self.written.take_definitions(true) {
            all.insert(name, answer(schema));
        }
        for (name, field, besides) in BESIDES {
            let property = all
                .get_mut(*name)
                .and_then(|schema| schema.pointer_mut(&format!("/properties/{field}")));
            if let (Some(property), Ok(besides)) = (property, serde_json::from_str(besides)) {
                merge(property, &besides);
            }
        }
        let one_of = |one: &str, other: &str| json!({ "oneOf": [{ "required": [one] }, { "required": [other] }] });
        for (name, besides) in [
            ("Reminder", json!({ "required": ["id"] })),
            ("Reminder", one_of("before", "at")),
            ("ReminderInput", one_of("before", "at")),
            ("Snooze", one_of("for", "until")),
            ("OccurrencePatch", one_of("due", "skipped")),
        ] {
            if let Some(schema) = all.get_mut(name) {
                merge(schema, &besides);
            }
        }
        all.into_iter().collect()
    }
}

/// Types that are both sent and answered differ in what may be left out.
fn request_name(name: &str) -> String {
    match name {
        "Repeat" | "Reminder" => format!("{name}Input"),
        name => name.to_owned(),
    }
}

fn renamed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                let target = value
                    .as_str()
                    .and_then(|text| text.strip_prefix("#/components/schemas/"));
                if let (true, Some(target)) = (key == "$ref", target) {
                    *value = format!("#/components/schemas/{}", request_name(target)).into();
                } else {
                    *value = renamed(value.take());
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = renamed(item.take());
            }
        }
        _ => {}
    }
    schema
}

/// A default of `null` says nothing.
fn request(mut schema: Value) -> Value {
    for property in properties(&mut schema) {
        if property.get("default") == Some(&Value::Null)
            && let Some(members) = property.as_object_mut()
        {
            members.shift_remove("default");
        }
    }
    schema
}

/// Answers may grow, so a client must not refuse a field that it doesn't know. A field that may be missing is never null.
fn answer(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.shift_remove("additionalProperties");
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    let optional: Vec<String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .filter(|name| !is_required(name))
        .cloned()
        .collect();
    for name in optional {
        let Some(property) = schema.pointer_mut(&format!("/properties/{name}")) else {
            continue;
        };
        if let Some(members) = property.as_object_mut() {
            members.shift_remove("default");
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
        }
    }
    for property in properties(&mut schema) {
        if let Some(members) = property.as_object_mut() {
            members.shift_remove("default");
        }
    }
    schema
}

fn properties(schema: &mut Value) -> impl Iterator<Item = &mut Value> {
    schema
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|properties| properties.iter_mut().map(|(_, property)| property))
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::openapi;

    #[test]
    fn what_is_said_besides_has_its_field_and_is_json() {
        let document = openapi();
        for (name, field, besides) in BESIDES {
            assert!(
                serde_json::from_str::<Value>(besides).is_ok(),
                "{name}.{field}"
            );
            if *name != "CloudEvent" {
                let path = format!("/components/schemas/{name}/properties/{field}");
                assert!(document.pointer(&path).is_some(), "{path}");
            }
        }
    }
}
