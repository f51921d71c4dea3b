//! RFC 9457 problem details: the body of every error.

use serde::{Deserialize, Serialize};

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem this is (RFC 9457 §4.2.1).
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The status' phrase.
    pub title: String,
    pub status: u16,
    /// What is wrong with this request, and the way out of it. For people.
    pub detail: String,
    /// Which fields are wrong, as paths (`reminders[0].before`), where the body was the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request's id, as it stands in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A header that the status asks for: `Allow`, `Retry-After`.
    #[serde(skip)]
    pub header: Option<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct FieldError {
    pub field: String,
    pub reason: String,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        Self {
            kind: about_blank(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            instance: None,
            header: None,
        }
    }

    /// 405, with the methods that there are (RFC 9110 §15.5.6).
    pub fn not_allowed(detail: impl Into<String>, allow: &str) -> Self {
        Self {
            header: Some(("allow", allow.to_owned())),
            ..Self::new(405, detail)
        }
    }

    /// 429, with the seconds to wait.
    pub fn too_many(detail: impl Into<String>, seconds: i64) -> Self {
        Self {
            header: Some(("retry-after", seconds.to_string())),
            ..Self::new(429, detail)
        }
    }

    /// 422 for one field.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        let mut problem = Self::new(422, format!("{field}: {reason}"));
        problem.errors.push(FieldError { field, reason });
        problem
    }

    /// 412: `If-Match` named another version.
    pub fn stale() -> Self {
        Self::new(
            412,
            "It has changed since you read it. Read it again, then repeat the change.",
        )
    }

    /// 422: the key belongs to another request.
    pub fn key_reused() -> Self {
        Self::new(
            422,
            "This Idempotency-Key was used for another request. Take a new key for a new request.",
        )
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(404, format!("There is no such {what}, or it is not yours."))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}

impl std::error::Error for Problem {}
