//! The bodies of requests and responses as they pass through the host.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::WasiBody;

use crate::instance::Fate;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A streaming body.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body without content.
pub fn empty() -> Body {
    full(Bytes::new())
}

pub(crate) fn to_wasi(error: BodyError) -> wasmtime_wasi_http::Error {
    match error.downcast::<wasmtime_wasi_http::Error>() {
        Ok(error) => *error,
        Err(error) => wasmtime_wasi_http::Error::InternalError(Some(error.to_string())),
    }
}

/// A guest's response body: counted until it is sent or dropped, and broken off where its instance fails.
/// To a client a trap must not look like the end of the body.
pub(crate) struct Watched {
    pub body: WasiBody,
    pub fate: Arc<OnceLock<Fate>>,
    pub _permit: OwnedSemaphorePermit,
}

impl Watched {
    fn failed(&self) -> bool {
        self.fate
            .get()
            .is_some_and(|failed| failed.load(Ordering::Acquire))
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None) if self.failed() => Poll::Ready(Some(Err(
                "the component failed before the end of its answer".into(),
            ))),
            poll => poll.map(|frame| frame.map(|frame| frame.map_err(BodyError::from))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
