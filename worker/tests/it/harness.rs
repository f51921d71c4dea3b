//! A migrated database, rows in it, an endpoint that plays the functions, and waiting with a deadline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use punctual_contract::batch::{Outcome, Outcomes, Status};
use punctual_contract::events::{CloudEvent, REMINDER_DUE};
use punctual_contract::signature;
use punctual_sqlite::Value;
use punctual_worker::clock::Clock;
use punctual_worker::metrics::Health;
use punctual_worker::sender::Vapid;
use punctual_worker::store::{Db, Param, Store};
use punctual_worker::{RunningWorker, Worker, WorkerOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::database;

pub const SECRET: &str = "the events secret";
/// 2026-11-02T06:00:00Z
pub const NOW: i64 = 1_793_599_200_000_000;
pub const SECOND: i64 = 1_000_000;

/// Waits until `look` finds something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A key pair for pushes, always the same.
pub fn vapid() -> Vapid {
    Vapid::new("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").expect("a key pair")
}

/// A database of its own, with a clock that stands at [`NOW`]. Which kind of database says the program that the test is in.
pub struct Fixture {
    pub db: Db,
    pub store: Store,
    pub clock: Clock,
    _folder: TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with_clock(Clock::manual(NOW)).await
    }

    pub async fn with_clock(clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = database::migrated(folder.path(), &clock).await;
        Self::of(db, clock, folder)
    }

    pub fn of(db: Db, clock: Clock, folder: TempDir) -> Self {
        Self {
            store: Store::new(db.clone()),
            db,
            clock,
            _folder: folder,
        }
    }

    pub async fn run(&self, sql: &str, params: Vec<Value>) -> Vec<Vec<Value>> {
        let params = params.into_iter().map(param).collect();
        let rows = self.db.query(sql, params).await.expect(sql);
        rows.into_iter().map(|row| row.0).collect()
    }

    /// The first value; 0 where there is no row yet.
    pub async fn integer(&self, sql: &str) -> i64 {
        let rows = self.run(sql, Vec::new()).await;
        rows.first()
            .and_then(|row| row.first()?.as_integer())
            .unwrap_or(0)
    }

    /// The first value; empty where there is no row yet.
    pub async fn text(&self, sql: &str) -> String {
        let rows = self.run(sql, Vec::new()).await;
        rows.first()
            .and_then(|row| row.first()?.as_text())
            .unwrap_or_default()
            .to_owned()
    }

    /// A user of this id; settings, Inbox and in-app channel come along.
    pub async fn user(&self, id: &str) {
        let sql = "INSERT INTO users (id, email, password_hash, role, inbox_id, timezone, op, created_at)
            VALUES (?1, ?1 || '@example.com', '-', 'member', 'inbox-' || ?1, 'Europe/Berlin', 'register-' || ?1, ?2)";
        self.run(sql, vec![id.into(), self.clock.now().into()])
            .await;
    }

    /// A channel of somebody's, as the API makes it.
    pub async fn channel(&self, owner: &str, id: &str, kind: &str, target: &str, secret: &str) {
        let sql = "INSERT INTO channels (id, user_id, kind, target, secret, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let params = vec![
            id.into(),
            owner.into(),
            kind.into(),
            target.into(),
            secret.into(),
            self.clock.now().into(),
        ];
        self.run(sql, params).await;
    }

    /// An open task of this id, planned already.
    pub async fn task(&self, owner: &str, id: &str) {
        self.task_with_notes(owner, id, "").await;
    }

    pub async fn task_with_notes(&self, owner: &str, id: &str, notes: &str) {
        let sql = "INSERT INTO tasks (id, owner, project_id, title, notes, priority, tags, status, reminders, touched,
                generation, generation_at, version, op, actor, via, created_at, updated_at)
            VALUES (?1, ?2, 'inbox-' || ?2, 'Title of ' || ?1, ?4, 'none', '[]', 'open', '[]', 0, 1, ?3, 1,
                'create-' || ?1, ?2, 'test', ?3, ?3)";
        self.run(
            sql,
            vec![
                id.into(),
                owner.into(),
                self.clock.now().into(),
                notes.into(),
            ],
        )
        .await;
        self.run(
            "UPDATE plans SET planned = wanted WHERE task_id = ?1",
            vec![id.into()],
        )
        .await;
    }

    /// A planned reminder of this id.
    pub async fn reminder(&self, task: &str, id: &str, fire_at: i64) {
        let sql = "INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, fire_at, generation,
                state, version, op, actor, via, created_at, updated_at)
            SELECT ?1, owner, id, 'definition', ?1, '', ?3, 1, 'planned', 1, 'plan-' || ?1, 'punctual', 'planner', ?4, ?4
            FROM tasks WHERE id = ?2";
        self.run(
            sql,
            vec![
                id.into(),
                task.into(),
                fire_at.into(),
                self.clock.now().into(),
            ],
        )
        .await;
    }

    /// What `on-reminders` does.
    pub async fn fire(&self, id: &str) {
        fire(&self.db, &self.clock, id).await.expect("fired");
    }

    /// When a reminder fired, if it has.
    pub async fn fired_at(&self, id: &str) -> Option<i64> {
        self.run(
            "SELECT fired_at FROM reminders WHERE id = ?1",
            vec![id.into()],
        )
        .await[0][0]
            .as_integer()
    }

    pub async fn worker(&self, functions: &Endpoint) -> RunningWorker {
        self.worker_at(&functions.url, true).await
    }

    pub async fn worker_at(
        &self,
        functions_url: &str,
        webhook_allow_private: bool,
    ) -> RunningWorker {
        let options = WorkerOptions {
            db: self.db.clone(),
            clock: self.clock.clone(),
            kafka: None,
            dapr: None,
            functions_url: functions_url.to_owned(),
            public_url: "https://todo.example.org".to_owned(),
            events_secret: SECRET.to_owned(),
            hub_listener: listener().await,
            webhook_allow_private,
            mail: None,
            vapid: vapid(),
            alone: true,
            health: Health::default(),
        };
        Worker::start(options).await.expect("the worker starts")
    }

    /// An endpoint whose reminders really fire, and whose other events are all `ok`.
    pub async fn functions(&self) -> Endpoint {
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let endpoint = Endpoint::start(self.clock.clone()).await;
        endpoint.state().fires = Some((db, clock));
        endpoint
    }
}

fn param(value: Value) -> Param {
    match value {
        Value::Integer(integer) => integer.into(),
        Value::Text(text) => text.into(),
        other => panic!("no test needs {other:?}"),
    }
}

async fn fire(db: &Db, clock: &Clock, id: &str) -> Result<u64, punctual_worker::Error> {
    let sql = "UPDATE reminders SET state = 'fired', fired_at = ?2, version = version + 1, op = 'fire-' || id,
            via = 'timer', updated_at = ?2
        WHERE id = ?1 AND state = 'planned' AND fire_at <= ?2";
    db.execute(sql, vec![id.into(), clock.now().into()]).await
}

pub async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a port")
}

/// A call that came in.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    /// The same, for what is no text.
    pub bytes: Bytes,
    /// Of a batch.
    pub events: Vec<CloudEvent>,
}

impl Call {
    pub fn ids(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.id.as_str()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// A real HTTP server that writes down what comes and answers as it was told.
#[derive(Clone)]
pub struct Endpoint {
    pub url: String,
    state: Arc<Mutex<Script>>,
}

#[derive(Default)]
pub struct Script {
    pub calls: Vec<Call>,
    /// Answers every call with this status, and does nothing else.
    pub status: Option<u16>,
    /// What it says with that status.
    pub says: &'static str,
    /// Writes down what comes, and answers nothing while this is set.
    pub hangs: bool,
    /// Answers 500 to every batch that holds an event with this subject.
    pub poison: Option<String>,
    /// The outcome of events by subject; `ok` where there is none.
    pub outcomes: HashMap<String, Status>,
    /// Answers batches with an empty list.
    pub forget_outcomes: bool,
    /// More headers of the answer.
    pub headers: Vec<(&'static str, String)>,
    fires: Option<(Db, Clock)>,
    clock: Option<Clock>,
}

impl Endpoint {
    pub async fn start(clock: Clock) -> Self {
        let listener = listener().await;
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(Script {
            clock: Some(clock),
            ..Script::default()
        }));
        let app = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    pub fn state(&self) -> MutexGuard<'_, Script> {
        self.state.lock().expect("the script")
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The subjects of all events that came, in order.
    pub fn subjects(&self) -> Vec<String> {
        self.calls()
            .into_iter()
            .flat_map(|call| call.events)
            .map(|event| event.subject)
            .collect()
    }
}

async fn answer(
    State(state): State<Arc<Mutex<Script>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (bytes, body) = (body.clone(), String::from_utf8_lossy(&body).into_owned());
    let events: Vec<CloudEvent> = serde_json::from_str(&body).unwrap_or_default();
    let call = Call {
        path: uri.path().to_owned(),
        headers,
        body,
        bytes,
        events: events.clone(),
    };
    let is_batch = call.path.starts_with("/events/");
    {
        let mut script = state.lock().expect("the script");
        if is_batch {
            let now = script.clock.as_ref().map_or(0, Clock::now) / SECOND;
            let signed = signature::verify(
                SECRET,
                Some(call.header(signature::ID)),
                Some(call.header(signature::TIMESTAMP)),
                Some(call.header(signature::SIGNATURE)),
                call.body.as_bytes(),
                now,
            );
            // Stale, for one, where the test moved the clock while the call was under way.
            if signed.is_err() {
                return StatusCode::UNAUTHORIZED.into_response();
            }
        }
        script.calls.push(call);
    }
    while state.lock().expect("the script").hangs {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (outcomes, fires) = {
        let script = state.lock().expect("the script");
        if let Some(status) = script.status {
            let status = StatusCode::from_u16(status).expect("a status");
            let mut answer = (status, script.says).into_response();
            for (name, value) in &script.headers {
                answer
                    .headers_mut()
                    .insert(*name, value.parse().expect("a header"));
            }
            return answer;
        }
        if !is_batch {
            return StatusCode::NO_CONTENT.into_response();
        }
        if events
            .iter()
            .any(|event| Some(&event.subject) == script.poison.as_ref())
        {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let known = if script.forget_outcomes {
            0
        } else {
            events.len()
        };
        let outcomes: Vec<Outcome> = events
            .iter()
            .take(known)
            .map(|event| Outcome {
                id: event.id.clone(),
                status: script
                    .outcomes
                    .get(&event.subject)
                    .copied()
                    .unwrap_or(Status::Ok),
                reason: None,
            })
            .collect();
        (outcomes, script.fires.clone())
    };
    if let Some((db, clock)) = fires {
        for event in events.iter().filter(|event| event.kind == REMINDER_DUE) {
            if fire(&db, &clock, &event.subject).await.is_err() {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        }
    }
    axum::Json(Outcomes { outcomes }).into_response()
}
