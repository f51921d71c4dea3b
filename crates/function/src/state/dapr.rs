//! Dapr State: <https://docs.dapr.io/reference/api/state_api/>.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use punctual_contract::dapr::TOKEN;
use serde_json::json;
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{FullBody, Method, Request, send};
use spin_sdk::time::sleep;

use super::{Away, Entry};

/// The component's name in `dapr/components/statestore.yaml`.
const STORE: &str = "statestore";

/// What `state.postgresql` (v2, Dapr 1.18) answers with 500, and not 409, where a value that was to be the first is not.
const NOT_NEW: &str = "no item was updated";
/// Time is counted in pieces of this length, each as one, however long it was: while the instance that requests share
/// checks somebody's password, it reads no answers, and that must not pass for a store that is away.
const PIECE: Duration = Duration::from_millis(20);

pub struct Dapr {
    url: String,
    token: String,
    /// What is left.
    patience: Cell<Duration>,
}

impl std::fmt::Debug for Dapr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dapr")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

struct Answered {
    status: u16,
    etag: Option<String>,
    body: Bytes,
}

impl Answered {
    fn says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(words)
    }

    fn refused(&self) -> Away {
        let text: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(300)
            .collect();
        Away(format!("Dapr State answered {}: {text}", self.status))
    }
}

impl Dapr {
    pub(super) fn new(url: &str, token: String, patience: Duration) -> Self {
        Self {
            url: format!("{}/v1.0/state/{STORE}", url.trim_end_matches('/')),
            token,
            patience: Cell::new(patience),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>, Away> {
        let answered = self
            .call(Method::GET, &format!("/{key}"), Bytes::new())
            .await?;
        match (answered.status, &answered.etag) {
            (200, Some(etag)) => {
                let value =
                    serde_json::from_slice(&answered.body).map_err(|_| answered.refused())?;
                Ok(Some(Entry {
                    value,
                    etag: etag.clone(),
                }))
            }
            // No such key.
            (204, _) => Ok(None),
            _ => Err(answered.refused()),
        }
    }

    pub(super) async fn set(
        &self,
        key: &str,
        value: &str,
        etag: Option<&str>,
        seconds: u64,
    ) -> Result<bool, Away> {
        // First-write without an ETag: only where there is none.
        let mut item = json!({
            "key": key,
            "value": value,
            "options": { "concurrency": "first-write", "consistency": "strong" },
            "metadata": { "ttlInSeconds": seconds.to_string() },
        });
        if let Some(etag) = etag {
            item["etag"] = etag.into();
        }
        let body = json!([item]).to_string();
        let answered = self.call(Method::POST, "", body.into()).await?;
        match answered.status {
            200 | 201 | 204 => Ok(true),
            409 => Ok(false),
            500 if etag.is_none() && answered.says(NOT_NEW) => Ok(false),
            _ => Err(answered.refused()),
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Away> {
        let answered = self
            .call(Method::DELETE, &format!("/{key}"), Bytes::new())
            .await?;
        match answered.status {
            200 | 204 => Ok(()),
            _ => Err(answered.refused()),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Answered, Away> {
        let away = |reason: String| Away(format!("Dapr State: {reason}"));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header(TOKEN, self.token.as_str());
        }
        let request = request
            .body(FullBody::new(body))
            .map_err(|error| away(error.to_string()))?;
        let answered = async {
            let answer = send(request)
                .await
                .map_err(|error| away(error.to_string()))?;
            let status = answer.status().as_u16();
            let etag = answer.headers().get("etag");
            let etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
            let body = answer.into_body().bytes().await;
            let body = body.map_err(|error| away(error.to_string()))?;
            Ok(Answered { status, etag, body })
        };
        let mut answered = pin!(answered);
        while !self.patience.get().is_zero() {
            match select(answered.as_mut(), pin!(sleep(PIECE))).await {
                Either::Left((answered, _)) => return answered,
                Either::Right(_) => self.patience.set(self.patience.get().saturating_sub(PIECE)),
            }
        }
        Err(away("no answer in time".to_owned()))
    }
}
