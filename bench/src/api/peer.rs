//! The same requests natively: axum, Punctual's statements, and its SQLite layer or sqlx, without WASM. What differs from
//! Punctual is what a component costs, and what happens behind the answers.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use hmac::{Hmac, KeyInit as _, Mac as _};
use punctual_domain::time::{Local, Zone, due_instant};
use punctual_sqlite::{Database, Options};
use serde::Deserialize;
use serde_json::{Map, Value as Json_, json};
use sha2::Sha256;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::server::DATABASE_URL;
use crate::sql::{self, Sql, Value};
use crate::statements;

/// Seconds that a token holds.
const HOLDS: i64 = 3600;

#[derive(Parser)]
pub struct Peer {
    #[arg(long)]
    database: PathBuf,
    #[arg(long)]
    port: u16,
}

enum Tables {
    Sqlite(Database),
    Postgres(PgPool),
}

struct Service {
    tables: Tables,
    secret: String,
}

type Answer = Result<Response, Problem>;

struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "title": self.1 }))).into_response()
    }
}

impl From<punctual_sqlite::Error> for Problem {
    fn from(error: punctual_sqlite::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

fn refused(why: &str) -> Problem {
    Problem(StatusCode::UNPROCESSABLE_ENTITY, why.to_owned())
}

fn not_found() -> Problem {
    Problem(StatusCode::NOT_FOUND, "There is no such task.".to_owned())
}

pub async fn run(options: &Peer) -> Result<()> {
    let tables = match std::env::var(DATABASE_URL) {
        Ok(url) => Tables::Postgres(PgPool::connect(&url).await?),
        Err(_) => Tables::Sqlite(Database::open(&options.database, Options::default())?),
    };
    let service = Arc::new(Service {
        tables,
        secret: std::env::var("TOKEN_SECRET").context("TOKEN_SECRET")?,
    });
    let app = Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({ "status": "ok" })) }),
        )
        .route("/api/auth/login", post(login))
        .route("/api/tasks", get(list).post(create))
        .route("/api/tasks/{id}", get(one))
        .route("/api/tasks/{id}/complete", post(complete))
        .with_state(service);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    Ok(axum::serve(listener, app).await?)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

fn of_sqlite(value: Value) -> punctual_sqlite::Value {
    use punctual_sqlite::Value as Kind;
    match value {
        Value::Integer(number) => number.map_or(Kind::Null, Kind::Integer),
        Value::Text(text) => text.map_or(Kind::Null, Kind::Text),
        Value::Json(text) => Kind::Text(text),
    }
}

impl Service {
    /// The one text of a statement that has one.
    async fn text(
        &self,
        sql: impl Into<Sql<'_>>,
        values: Vec<Value>,
    ) -> Result<Option<String>, Problem> {
        let sql = sql.into();
        match &self.tables {
            Tables::Sqlite(database) => {
                let values = values.into_iter().map(of_sqlite).collect();
                let rows = database.query(sql.sqlite(), values).await?.rows;
                let first = rows.into_iter().next();
                Ok(match first.and_then(|row| row.into_iter().next()) {
                    Some(punctual_sqlite::Value::Text(text)) => Some(text),
                    _ => None,
                })
            }
            Tables::Postgres(pool) => {
                let text = sql.postgres(&values);
                let query =
                    values
                        .into_iter()
                        .fold(
                            sqlx::query(AssertSqlSafe(text)),
                            |query, value| match value {
                                Value::Integer(number) => query.bind(number),
                                Value::Text(text) => query.bind(text),
                                Value::Json(text) => query.bind(text),
                            },
                        );
                match query.fetch_optional(pool).await? {
                    None => Ok(None),
                    Some(row) => Ok(row.try_get(0)?),
                }
            }
        }
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any length does");
        mac.update(text.as_bytes());
        mac
    }

    fn caller(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let wrong = || {
            Problem(
                StatusCode::UNAUTHORIZED,
                "The token does not hold.".to_owned(),
            )
        };
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let (said, mac) = token
            .and_then(|token| token.rsplit_once('.'))
            .ok_or_else(wrong)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| wrong())?;
        self.mac(said).verify_slice(&mac).map_err(|_| wrong())?;
        let (user, until) = said.split_once('.').ok_or_else(wrong)?;
        match until.parse::<i64>() {
            Ok(until) if until > now() / 1_000_000 => Ok(user.to_owned()),
            _ => Err(wrong()),
        }
    }
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

async fn login(State(service): State<Arc<Service>>, Json(given): Json<Credentials>) -> Answer {
    let row = service
        .text(
            "SELECT CAST(json_array(id, password_hash) AS TEXT) FROM users WHERE email = ?1",
            vec![given.email.to_lowercase().into()],
        )
        .await?;
    let wrong = || {
        Problem(
            StatusCode::UNAUTHORIZED,
            "E-mail or password is wrong.".to_owned(),
        )
    };
    let (user, hash): (String, String) = row
        .and_then(|row| serde_json::from_str(&row).ok())
        .ok_or_else(wrong)?;
    let holds = PasswordHash::new(&hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(given.password.as_bytes(), &hash)
            .is_ok()
    });
    if !holds {
        return Err(wrong());
    }
    let said = format!("{user}.{}", now() / 1_000_000 + HOLDS);
    let mac = URL_SAFE_NO_PAD.encode(service.mac(&said).finalize().into_bytes());
    Ok(Json(json!({ "access_token": format!("{said}.{mac}") })).into_response())
}

fn body(status: StatusCode, json: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

#[derive(Deserialize)]
struct Listed {
    status: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(asked): Query<Listed>,
) -> Answer {
    let user = service.caller(&headers)?;
    let status = asked.status.unwrap_or_else(|| "open".to_owned());
    if !["open", "completed", "skipped"].contains(&status.as_str()) {
        return Err(refused("status takes open, completed or skipped"));
    }
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(refused("limit lies between 1 and 200"));
    }
    let after: Option<(i64, i64, String)> = match asked.cursor {
        None => None,
        Some(hex) => {
            let bytes: Option<Vec<u8>> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
                .collect();
            let after = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            Some(after.ok_or_else(|| refused("cursor is none of ours"))?)
        }
    };
    let limit = limit.to_string();
    let mut values: Vec<Value> = vec![user.into(), status.into()];
    let mut condition = "owner = ?1 AND deleted_at IS NULL AND status = ?2".to_owned();
    if let Some((place, created, id)) = after {
        values.extend([place.into(), created.into(), id.into()]);
        condition += &format!(
            " AND {0} >= ?3 AND ({0}, created_at, id) > (?3, ?4, ?5)",
            statements::PLACE
        );
    }
    let page = service
        .text(
            sql::page(
                &statements::page(&condition, &limit),
                statements::ITEMS,
                statements::END,
                statements::LAST,
                &limit,
            ),
            values,
        )
        .await?;
    Ok(body(StatusCode::OK, page.unwrap_or_default()))
}

impl Service {
    async fn shown(&self, user: String, id: String) -> Result<String, Problem> {
        self.text(
            "SELECT json FROM task_json WHERE owner = ?1 AND id = ?2",
            vec![user.into(), id.into()],
        )
        .await?
        .ok_or_else(not_found)
    }
}

async fn one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let user = service.caller(&headers)?;
    Ok(body(StatusCode::OK, service.shown(user, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    title: String,
    #[serde(default)]
    notes: String,
    project_id: Option<String>,
    priority: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    due: Option<String>,
    timezone: Option<String>,
}

async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(new): Json<NewTask>,
) -> Answer {
    let user = service.caller(&headers)?;
    if new.title.trim().is_empty() || new.title.chars().count() > 500 {
        return Err(refused("title has between 1 and 500 characters"));
    }
    let priority = new.priority.unwrap_or_else(|| "none".to_owned());
    if !["none", "low", "medium", "high"].contains(&priority.as_str()) || new.tags.len() > 20 {
        return Err(refused(
            "priority takes none, low, medium or high; there are 20 tags at most",
        ));
    }
    let account = service
        .text(
            "SELECT CAST(json_array(s.timezone, u.inbox_id) AS TEXT) FROM users u JOIN settings s ON s.user_id = u.id
             WHERE u.id = ?1",
            vec![user.clone().into()],
        )
        .await?;
    let (zone, inbox): (String, String) =
        account
            .and_then(|row| serde_json::from_str(&row).ok())
            .ok_or_else(|| Problem(StatusCode::UNAUTHORIZED, "The account is gone.".to_owned()))?;
    let due_at = match &new.due {
        None => None,
        Some(due) => {
            let zone: Zone = new
                .timezone
                .as_deref()
                .unwrap_or(&zone)
                .parse()
                .map_err(|_| refused("timezone"))?;
            let due: Local = due.parse().map_err(|_| refused("due"))?;
            Some(due_instant(due, zone).micros())
        }
    };
    let id = Uuid::now_v7().to_string();
    let state = json!({
        "id": id, "owner": user, "project_id": new.project_id.unwrap_or(inbox), "title": new.title.trim(),
        "notes": new.notes, "priority": priority, "tags": new.tags, "due": new.due, "timezone": new.timezone,
        "due_at": due_at, "repeat": null, "reminders": [], "rank": "",
    });
    let made = service
        .text(
            statements::CREATE,
            vec![
                Value::Json(state.to_string()),
                now().into(),
                Uuid::now_v7().to_string().into(),
                None::<String>.into(),
                user.clone().into(),
                "api".into(),
                None::<String>.into(),
            ],
        )
        .await?;
    made.ok_or_else(|| refused("There is no such project."))?;
    let location = format!("/api/tasks/{id}");
    let mut answer = body(StatusCode::CREATED, service.shown(user, id).await?);
    if let Ok(location) = location.parse() {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    Ok(answer)
}

#[derive(Deserialize)]
struct Loaded {
    task: Map<String, Json_>,
}

async fn complete(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let user = service.caller(&headers)?;
    loop {
        let task = service
            .text(
                &statements::load("t.id = ?2 AND (?1 IS NULL OR t.owner = ?1)"),
                vec![user.clone().into(), id.clone().into()],
            )
            .await?
            .ok_or_else(not_found)?;
        let Loaded { mut task } = serde_json::from_str(&task).map_err(|_| not_found())?;
        if !task["deleted_at"].is_null() {
            return Err(not_found());
        }
        if task["status"] == "open" {
            let at = now();
            task.insert("status".to_owned(), json!("completed"));
            task.insert("completed_at".to_owned(), json!(at));
            let generation = task["generation"].as_i64().unwrap_or(0) + 1;
            task.insert("generation".to_owned(), json!(generation));
            task.insert("generation_at".to_owned(), json!(at));
            let saved = service
                .text(
                    statements::SAVE,
                    vec![
                        Value::Json(Json_::Object(task).to_string()),
                        Uuid::now_v7().to_string().into(),
                        None::<String>.into(),
                        user.clone().into(),
                        "api".into(),
                        None::<String>.into(),
                        at.into(),
                    ],
                )
                .await?;
            if saved.is_none() {
                continue; // Somebody was faster.
            }
        }
        return Ok(body(StatusCode::OK, service.shown(user, id).await?));
    }
}
