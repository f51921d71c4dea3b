//! An outside receiver of webhooks, which writes down when each came, by its own clock.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::task::JoinHandle;

use crate::figures::micros;

type Log = Arc<Mutex<Vec<(String, i64)>>>;

pub struct Receiver {
    pub url: String,
    log: Log,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Result<Self> {
        let log = Log::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let app = Router::new()
            .route("/hook", post(receive))
            .with_state(Arc::clone(&log));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, log, serving })
    }

    /// The task of each call, and when it came.
    pub fn received(&self) -> Vec<(String, i64)> {
        let log = self.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn count(&self) -> usize {
        let log = self.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(log): State<Log>, body: Bytes) -> StatusCode {
    let at = micros();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let task = body["data"]["task_id"].as_str().unwrap_or_default();
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.push((task.to_owned(), at));
    StatusCode::NO_CONTENT
}
