//! Spin's key-value store. It has neither versions nor an end of a value, so both stand before the value:
//! `<version> <Unix microseconds of its end> <value>`.
//!
//! Its `set` is unconditional: of two that read the same version at the same moment both succeed, and the last one
//! stays. In one process that is a try more in a window.

use spin_sdk::key_value::Store;

use super::{Away, Entry};

pub struct KeyValue {
    store: Store,
    now: i64,
}

impl std::fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue").finish_non_exhaustive()
    }
}

fn away(error: impl std::fmt::Debug) -> Away {
    Away(format!("the key-value store: {error:?}"))
}

impl KeyValue {
    pub(super) async fn open(now: i64) -> Result<Self, Away> {
        let store = Store::open_default().await.map_err(away)?;
        Ok(Self { store, now })
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>, Away> {
        let found = self.store.get(key).await.map_err(away)?;
        Ok(found.and_then(|bytes| self.read(&bytes)))
    }

    /// `None` for what has ended, and for what this has not written.
    fn read(&self, bytes: &[u8]) -> Option<Entry> {
        let mut parts = std::str::from_utf8(bytes).ok()?.splitn(3, ' ');
        let (etag, until, value) = (parts.next()?, parts.next()?, parts.next()?);
        (until.parse::<i64>().ok()? > self.now).then(|| Entry {
            value: value.to_owned(),
            etag: etag.to_owned(),
        })
    }

    pub(super) async fn set(
        &self,
        key: &str,
        value: &str,
        etag: Option<&str>,
        seconds: u64,
    ) -> Result<bool, Away> {
        let present = self.get(key).await?.map(|entry| entry.etag);
        if present.as_deref() != etag {
            return Ok(false);
        }
        let version = present
            .and_then(|etag| etag.parse::<u64>().ok())
            .unwrap_or(0)
            + 1;
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let until = self.now.saturating_add(seconds.saturating_mul(1_000_000));
        let text = format!("{version} {until} {value}");
        self.store
            .set(key, text.as_bytes())
            .await
            .map_err(away)
            .map(|()| true)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Away> {
        self.store.delete(key).await.map_err(away)
    }
}
