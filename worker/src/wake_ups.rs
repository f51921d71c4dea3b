//! `POST /job/<name>`: the sidecar calls for a job whose time has come.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use punctual_contract::dapr::TOKEN;

use crate::timer::Jobs;

#[derive(Clone)]
pub struct WakeUps {
    jobs: Jobs,
    /// What the sidecar proves itself with; without one, everybody who reaches the port is believed.
    token: Option<Arc<str>>,
}

impl WakeUps {
    pub fn new(jobs: Jobs, token: Option<&str>) -> Self {
        Self {
            jobs,
            token: token.map(Arc::from),
        }
    }

    pub fn routes(self) -> Router {
        Router::new()
            .route("/job/{name}", post(job))
            .with_state(self)
    }
}

/// Dapr takes a 404 for success, so a refusal is 503: the job comes again.
async fn job(
    State(wake_ups): State<WakeUps>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    let shown = headers
        .get(TOKEN)
        .map_or(&b""[..], |value| value.as_bytes());
    if let Some(token) = &wake_ups.token
        && verify_slices_are_equal(token.as_bytes(), shown).is_err()
    {
        return StatusCode::UNAUTHORIZED;
    }
    if wake_ups.jobs.called(&name) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
