//! The state-store port: small values for a while, under optimistic locking. Rate-limit windows and caches live here,
//! never the truth: whoever uses it goes on without it where it is away.
//!
//! Two adapters: Spin's key-value store, and Dapr State over HTTP where the variable `dapr_url` names a sidecar (its
//! component is called `statestore`). What a component needs for this: the variables `dapr_url` and `dapr_api_token`, the
//! key-value store `default`, and `http://{{ dapr_host }}` among its outbound hosts.

mod dapr;
mod key_value;

use std::time::Duration;

use crate::{Call, derived_id, variable};

/// How long all calls of one [`State`] may take together.
const PATIENCE: Duration = Duration::from_millis(300);

/// The store is out of reach, or took too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away(pub String);

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub value: String,
    /// Opaque: for [`State::set`].
    pub etag: String,
}

/// The store, for the length of one request.
#[derive(Debug)]
pub enum State {
    KeyValue(key_value::KeyValue),
    Dapr(dapr::Dapr),
}

impl State {
    pub async fn open(call: &Call) -> Result<Self, Away> {
        let setting =
            async |name: &'static str| variable(name).await.map_err(|problem| Away(problem.detail));
        let url = setting("dapr_url").await?;
        if url.is_empty() {
            return key_value::KeyValue::open(call.now)
                .await
                .map(Self::KeyValue);
        }
        let token = setting("dapr_api_token").await?;
        Ok(Self::Dapr(dapr::Dapr::new(&url, token, PATIENCE)))
    }

    pub async fn get(&self, key: &str) -> Result<Option<Entry>, Away> {
        let key = stored(key);
        match self {
            Self::KeyValue(store) => store.get(&key).await,
            Self::Dapr(store) => store.get(&key).await,
        }
    }

    /// Sets the value where it still has this version; `None`: where there is none. It ends by itself after `ttl` (whole
    /// seconds, one at least). `false`: somebody else has set it meanwhile.
    pub async fn set(
        &self,
        key: &str,
        value: &str,
        etag: Option<&str>,
        ttl: Duration,
    ) -> Result<bool, Away> {
        let key = stored(key);
        let seconds = ttl.as_secs().max(1);
        match self {
            Self::KeyValue(store) => store.set(&key, value, etag, seconds).await,
            Self::Dapr(store) => store.set(&key, value, etag, seconds).await,
        }
    }

    /// Whatever version it has.
    pub async fn delete(&self, key: &str) -> Result<(), Away> {
        let key = stored(key);
        match self {
            Self::KeyValue(store) => store.delete(&key).await,
            Self::Dapr(store) => store.delete(&key).await,
        }
    }
}

/// A key may hold anything, such as what somebody typed as their e-mail address: in the store it is a hash of it.
fn stored(key: &str) -> String {
    derived_id(&["state", key])
}
