//! The host's own answers, as RFC 9457 problem details.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::body::{self, Body};

/// Why the host answers instead of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The request has no host, two different ones, or bytes that can't be handed on.
    BadRequest,
    NoRoute,
    /// The component trapped, panicked or returned an error.
    Failed,
    /// Too much is going on.
    Overloaded,
    /// No response head in time.
    TooSlow,
}

impl Problem {
    pub(crate) fn response(self) -> Response<Body> {
        let (status, detail) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "The request is malformed."),
            Self::NoRoute => (StatusCode::NOT_FOUND, "There is nothing at this address."),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong here.",
            ),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many requests are under way. Try again soon.",
            ),
            Self::TooSlow => (StatusCode::GATEWAY_TIMEOUT, "The answer took too long."),
        };
        let title = status.canonical_reason().unwrap_or("Error");
        let status_code = status.as_u16();
        let text = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{status_code},"detail":"{detail}"}}"#
        );
        let mut response = Response::new(body::full(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self == Self::Overloaded {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
