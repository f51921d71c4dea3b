//! An outside webhook receiver, with a log of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use serde_json::Value;

use crate::clock::now;

/// One call that came in.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub path: String,
    pub headers: HeaderMap,
    pub raw: String,
    pub body: Value,
    /// By the receiver's own clock, Unix microseconds.
    pub at: i64,
}

#[derive(Default)]
struct Log {
    received: Vec<Received>,
    /// Statuses to answer with, before 204 for all others.
    answers: VecDeque<u16>,
}

/// Answers 204 and writes down what came, on a port of its own.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    log: Arc<Mutex<Log>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/hook", post(receive))
            .fallback(post(receive))
            .with_state(log.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, log }
    }

    /// The next calls are answered so; those after with 204.
    pub fn answer_next(&self, statuses: &[u16]) {
        self.log.lock().expect("the log").answers.extend(statuses);
    }

    pub fn received(&self) -> Vec<Received> {
        self.log.lock().expect("the log").received.clone()
    }
}

async fn receive(
    State(log): State<Arc<Mutex<Log>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let at = now();
    let id = headers
        .get("webhook-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let raw = String::from_utf8_lossy(&body).into_owned();
    let mut log = log.lock().expect("the log");
    log.received.push(Received {
        id,
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_str(&raw).unwrap_or_default(),
        raw,
        at,
    });
    StatusCode::from_u16(log.answers.pop_front().unwrap_or(204)).unwrap_or(StatusCode::NO_CONTENT)
}
