//! The OpenAPI 3.1 document: the wire types and [`OPERATIONS`], put together. Nothing in it is written twice.

mod operations;
pub(crate) mod schemas;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

pub use operations::{AnswerHeader, Body, OPERATIONS, Operation, Query, RequestHeader, Scope};

use crate::api::COOKIE;
use crate::problem::Problem;
use crate::signature;
use schemas::{DigestFired, ReminderFired, Schemas};

const MERGE_PATCH: &str = "application/merge-patch+json";

const ABOUT: &str = "\
To-dos whose reminders are never missed.

Instants are RFC 3339, UTC, with milliseconds. A `due` is local: a date (`2026-12-01`) or a date-time \
(`2026-12-01T09:00`), in the task's `timezone`, else in the account's. Bodies are JSON of 1 MiB at most; a field that is \
not known is refused with 422. Every error is an RFC 9457 problem.

Lists are pages, `{ \"items\": [...], \"next\": \"…\" }`: `next` goes into `?cursor=` and is null at the end.

A change may name the version it is meant for in `If-Match`. A POST may carry an `Idempotency-Key`: the same request with \
the same key is applied once, however often it is sent; the answer to a repetition may say so with \
`Idempotent-Replayed: true`.";

const TAGS: &[(&str, &str)] = &[
    ("auth", "Accounts, sessions, API tokens, invitations."),
    ("tasks", "What is to be done."),
    (
        "projects",
        "Where tasks belong. Every account has an Inbox.",
    ),
    ("reminders", "When a task rings, and what became of it."),
    (
        "notifications",
        "What fired: a notification is a fired reminder.",
    ),
    (
        "settings",
        "Zone, morning, quiet hours, language, and the channels that reminders go to.",
    ),
    ("activity", "What was done, day by day."),
    ("live", "Changes as they happen."),
    ("health", "For probes."),
    ("about", "This document."),
];

const PROBLEMS: &[(u16, &str)] = &[
    (401, "There is no valid token."),
    (403, "The token does not allow this."),
    (404, "There is no such thing, or it is not yours."),
    (409, "Its present state does not allow this."),
    (
        412,
        "`If-Match` names another version: it has changed since.",
    ),
    (413, "The body has more than 1 MiB."),
    (415, "The body is not JSON."),
    (
        422,
        "A field is wrong; `errors` names it. Or the `Idempotency-Key` was used for another request.",
    ),
    (429, "Too many tries."),
    (
        503,
        "The database can't be reached just now. Nothing is lost: try again.",
    ),
];

/// The document.
pub fn openapi() -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.public) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = described(operation, &mut schemas);
    }
    let webhooks = webhooks(&mut schemas);
    let problem = schemas.answer(SchemaGenerator::subschema_for::<Problem>);
    let tags: Vec<Value> = TAGS
        .iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Punctual",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "To-dos whose reminders are never missed",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": ["read"] }],
        "tags": tags,
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The access token of a session (`at.…`, with the scopes `read` and `write`), or an API \
                                    token (`pt.…`, with the scopes it was made with). `write` includes `read`.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The refresh token of a browser that signed in with `cookie`. It is HttpOnly, \
                                    SameSite=Strict, and sent to `/api/auth` alone.",
                },
            },
            "parameters": parameters(),
            "responses": responses(&problem),
            "headers": {
                "ETag": {
                    "description": "The version, in quotes: for `If-Match`.",
                    "schema": { "type": "string", "examples": ["\"3\""] },
                },
                "Set-Cookie": {
                    "description": "The refresh token of a browser that signed in with `cookie`, or its end.",
                    "schema": { "type": "string" },
                },
                "Location": {
                    "description": "The path of what was made.",
                    "schema": { "type": "string", "format": "uri-reference" },
                },
            },
            "schemas": schemas.finish(),
        },
    })
}

/// The text of `contracts/openapi.json`.
pub fn openapi_json() -> String {
    let mut text = serde_json::to_string_pretty(&openapi()).unwrap_or_default();
    text.push('\n');
    text
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut of = Map::new();
    of.insert("operationId".to_owned(), operation.id.into());
    of.insert("tags".to_owned(), json!([operation.tag]));
    of.insert("summary".to_owned(), operation.summary.into());
    let mut description = operation.description.to_owned();
    if operation.session_only {
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description
            .push_str("Takes the access token of a session; an API token is refused with 403.");
    }
    if !description.is_empty() {
        of.insert("description".to_owned(), description.into());
    }
    match operation.scope {
        Scope::Read if operation.by_cookie => {
            of.insert(
                "security".to_owned(),
                json!([{ "bearer": ["read"] }, { "cookie": [] }]),
            );
        }
        Scope::Read => {}
        Scope::None if operation.by_cookie => {
            of.insert("security".to_owned(), json!([{ "cookie": [] }, {}]));
        }
        Scope::None => drop(of.insert("security".to_owned(), json!([]))),
        Scope::Write => drop(of.insert("security".to_owned(), json!([{ "bearer": ["write"] }]))),
        Scope::Worker => drop(of.insert("security".to_owned(), json!([]))),
    }
    let parameters = operation_parameters(operation);
    if !parameters.is_empty() {
        of.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = operation.request {
        let schema = schemas.request(body.schema);
        let mut content = Map::new();
        content.insert(body.media.to_owned(), with_example(&schema, body));
        if body.media == MERGE_PATCH {
            content.insert("application/json".to_owned(), json!({ "schema": schema }));
        }
        of.insert(
            "requestBody".to_owned(),
            json!({ "required": body.required, "content": content }),
        );
    }
    let mut responses = Map::new();
    responses.insert(operation.status.to_string(), success(operation, schemas));
    for status in operation.problems() {
        responses.insert(
            status.to_string(),
            json!({ "$ref": format!("#/components/responses/{status}") }),
        );
    }
    of.insert("responses".to_owned(), responses.into());
    of.into()
}

fn with_example(schema: &Value, body: Body) -> Value {
    match body.example.map(serde_json::from_str::<Value>) {
        Some(Ok(example)) => json!({ "schema": schema, "example": example }),
        _ => json!({ "schema": schema }),
    }
}

fn success(operation: &Operation, schemas: &mut Schemas) -> Value {
    let description = match operation.status {
        201 => "Made.",
        202 => "Taken on.",
        204 => "Done.",
        _ => "As asked.",
    };
    let mut of = Map::new();
    of.insert("description".to_owned(), description.into());
    let headers: Map<String, Value> = operation
        .answer_headers
        .iter()
        .map(|header| match header {
            AnswerHeader::Location => "Location",
            AnswerHeader::ETag => "ETag",
            AnswerHeader::SetCookie => "Set-Cookie",
        })
        .map(|name| {
            (
                name.to_owned(),
                json!({ "$ref": format!("#/components/headers/{name}") }),
            )
        })
        .collect();
    if !headers.is_empty() {
        of.insert("headers".to_owned(), headers.into());
    }
    if let Some(body) = operation.answer {
        let schema = schemas.answer(body.schema);
        let mut content = Map::new();
        content.insert(body.media.to_owned(), with_example(&schema, body));
        of.insert("content".to_owned(), content.into());
    }
    of.into()
}

fn operation_parameters(operation: &Operation) -> Vec<Value> {
    let segments = operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        });
    let queries = operation.queries.iter().map(|query| match query.name {
        "limit" | "cursor" => json!({ "$ref": format!("#/components/parameters/{}", query.name) }),
        _ => query_parameter(query),
    });
    let headers = operation.headers.iter().map(|header| {
        let name = match header {
            RequestHeader::IdempotencyKey => "idempotencyKey",
            RequestHeader::IfMatch => "ifMatch",
            RequestHeader::LastEventId => "lastEventId",
        };
        json!({ "$ref": format!("#/components/parameters/{name}") })
    });
    segments.chain(queries).chain(headers).collect()
}

fn query_parameter(query: &Query) -> Value {
    json!({
        "name": query.name,
        "in": "query",
        "description": query.description,
        "schema": serde_json::from_str::<Value>(query.schema).unwrap_or_default(),
    })
}

fn parameters() -> Value {
    json!({
        "limit": query_parameter(&operations::LIMIT),
        "cursor": query_parameter(&operations::CURSOR),
        "idempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Any text of the client's choice, new for each new request. The same request with the same key is \
                            applied once; another one with it is refused with 422.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        },
        "ifMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "The ETag of the version that the change is meant for; 412 where it is another by now. Left out, or \
                            `*`: the newest.",
            "schema": { "type": "string", "examples": ["\"3\""] },
        },
        "lastEventId": {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The `id` of the last event that was received; browsers send it by themselves.",
            "schema": { "type": "string", "pattern": "^[0-9]*$" },
        },
    })
}

fn responses(problem: &Value) -> Value {
    let mut all = Map::new();
    for (status, description) in PROBLEMS {
        let mut response = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": problem } },
        });
        match status {
            401 => {
                response["headers"] =
                    json!({ "WWW-Authenticate": { "schema": { "const": "Bearer" } } });
            }
            429 | 503 => {
                response["headers"] = json!({ "Retry-After": {
                    "description": "Seconds.",
                    "schema": { "type": "integer" },
                } });
            }
            _ => {}
        }
        all.insert(status.to_string(), response);
    }
    all.into()
}

/// What is sent to the webhooks that people add.
fn webhooks(schemas: &mut Schemas) -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": { "type": "string" },
        })
    };
    let mut webhook = |id: &str, summary: &str, schema: fn(&mut SchemaGenerator) -> Schema| {
        json!({ "post": {
            "operationId": id,
            "tags": ["settings"],
            "summary": summary,
            "description": "Sent at least once to each webhook channel, signed as Standard Webhooks says, with the channel's \
                            secret. Any 2xx counts as received; 410 ends it. Otherwise it is tried again after 5 s, 5 min, \
                            30 min, 2 h, 5 h, 10 h and 10 h. A receiver that has seen the `webhook-id` before leaves it aside.",
            "security": [],
            "parameters": [
                header(signature::ID, "The delivery's id: the same in every try."),
                header(signature::TIMESTAMP, "When it was sent, in Unix seconds."),
                header(signature::SIGNATURE, "`v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`."),
            ],
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": schemas.answer(schema),
            } } },
            "responses": { "2XX": { "description": "Received." }, "410": { "description": "Never again, please." } },
        } })
    };
    json!({
        "reminder.fired": webhook("reminderFired", "A reminder fired", SchemaGenerator::subschema_for::<ReminderFired>),
        "digest.fired": webhook("digestFired", "A daily digest was told", SchemaGenerator::subschema_for::<DigestFired>),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn strings(value: Option<&Value>) -> BTreeSet<String> {
        value
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    for (key, value) in members {
                        if key == "$ref" {
                            let target = value.as_str().and_then(|text| text.strip_prefix('#'));
                            assert!(
                                target.is_some_and(|path| document.pointer(path).is_some()),
                                "{value}"
                            );
                        }
                        walk(value, document);
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
                _ => {}
            }
        }
        let document = openapi();
        walk(&document, &document);
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_known_problems_and_tags() {
        let mut ids = BTreeSet::new();
        let mut routes = BTreeSet::new();
        for operation in OPERATIONS {
            assert!(ids.insert(operation.id), "{}", operation.id);
            assert!(
                routes.insert((operation.method, operation.path)),
                "{}",
                operation.path
            );
            assert!(!operation.summary.is_empty(), "{}", operation.id);
            for problem in operation.problems() {
                assert!(
                    PROBLEMS.iter().any(|(status, _)| *status == problem),
                    "{problem}"
                );
            }
            for query in operation.queries {
                assert!(
                    serde_json::from_str::<Value>(query.schema).is_ok(),
                    "{}",
                    query.name
                );
            }
            for body in [operation.request, operation.answer].into_iter().flatten() {
                let example = body.example.unwrap_or("null");
                assert!(
                    serde_json::from_str::<Value>(example).is_ok(),
                    "{}",
                    operation.id
                );
            }
            assert_eq!(
                operation.answer.is_none(),
                operation.status == 204,
                "{}",
                operation.id
            );
            let known = TAGS.iter().any(|(tag, _)| *tag == operation.tag);
            assert_eq!(
                known,
                operation.public || operation.path == "/",
                "{}",
                operation.id
            );
        }
    }

    #[test]
    fn every_route_of_the_application_has_operations_and_every_operation_a_route() {
        let routes: Vec<&str> = include_str!("../../../spin.toml")
            .lines()
            .filter_map(|line| line.strip_prefix("route = \"")?.strip_suffix('"'))
            .collect();
        let serves = |route: &str, path: &str| match route.strip_suffix("/...") {
            // The web app takes what is left; an operation needs a route of its own.
            Some("") => path == "/",
            Some(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
            None => path == route,
        };
        for operation in OPERATIONS {
            let served = routes.iter().any(|route| serves(route, operation.path));
            assert!(served, "{} has no route", operation.path);
        }
        for route in routes {
            let used = OPERATIONS
                .iter()
                .any(|operation| serves(route, operation.path));
            assert!(used, "{route} has no operation");
        }
    }

    /// The migrations in order: of what is made anew, the last counts.
    pub(crate) const SCHEMA: [&str; 9] = [
        include_str!("../../../migrations/sqlite/0001_first_light.sql"),
        include_str!("../../../migrations/sqlite/0002_channels_and_order.sql"),
        include_str!("../../../migrations/sqlite/0003_keys.sql"),
        include_str!("../../../migrations/sqlite/0004_activity.sql"),
        include_str!("../../../migrations/sqlite/0005_series_and_rings.sql"),
        include_str!("../../../migrations/sqlite/0006_digest.sql"),
        include_str!("../../../migrations/sqlite/0007_serves.sql"),
        include_str!("../../../migrations/sqlite/0008_lists.sql"),
        include_str!("../../../migrations/sqlite/0009_positions.sql"),
    ];

    /// The keys of the outermost `json_object(…)` of each view of the schema.
    pub(crate) fn views() -> BTreeMap<String, BTreeSet<String>> {
        let schema = SCHEMA.concat();
        let mut views = BTreeMap::new();
        for view in schema.split("CREATE VIEW ").skip(1) {
            let name = view.split_whitespace().next().unwrap_or_default();
            let Some((_, inside)) = view.split_once("json_object(") else {
                continue;
            };
            let (mut depth, mut quoted, mut argument) = (0, false, String::new());
            let mut arguments = Vec::new();
            for character in inside.chars() {
                match character {
                    '\'' => quoted = !quoted,
                    '(' if !quoted => depth += 1,
                    ')' if !quoted && depth == 0 => break,
                    ')' if !quoted => depth -= 1,
                    ',' if !quoted && depth == 0 => {
                        arguments.push(std::mem::take(&mut argument));
                        continue;
                    }
                    _ => {}
                }
                argument.push(character);
            }
            let keys = arguments
                .iter()
                .step_by(2)
                .map(|key| key.trim().trim_matches('\'').to_owned())
                .collect();
            views.insert(name.to_owned(), keys);
        }
        views
    }

    #[test]
    fn the_answers_have_exactly_the_fields_of_the_databases_views() {
        let (document, views) = (openapi(), views());
        for (view, schema) in [
            ("task_json", "Task"),
            ("project_json", "Project"),
            ("channel_json", "Channel"),
            ("settings_json", "Settings"),
            ("notification_json", "Notification"),
            ("reminder_json", "Receipt"),
            ("change_json", "Change"),
        ] {
            let required = document.pointer(&format!("/components/schemas/{schema}/required"));
            assert_eq!(views.get(view), Some(&strings(required)), "{view}");
        }
    }
}
