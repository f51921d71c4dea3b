//! Answers. `content-length` is always there: Spin's listener sends a body of unknown length in a second packet, which
//! waits 40 ms for the client's delayed acknowledgement.

use bytes::Bytes;
use punctual_contract::api::REPLAYED;
use punctual_contract::problem::Problem;
use serde::Serialize;
use spin_sdk::http::{FullBody, HeaderName, HeaderValue, Response, StatusCode};

use crate::{IfMatch, Reply};

#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Answer {
    /// 200 with JSON that the database has built.
    pub fn json(body: impl Into<String>) -> Self {
        Self::raw(200, "application/json", body.into())
    }

    pub fn of(value: &impl Serialize) -> Result<Self, Problem> {
        serde_json::to_string(value)
            .map(Self::json)
            .map_err(|error| Problem::new(500, error.to_string()))
    }

    pub fn raw(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    /// 204.
    pub fn nothing() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// 304: what the client has kept is as it was.
    pub fn not_modified() -> Self {
        Self {
            status: 304,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub fn problem(problem: Problem) -> Self {
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let answer = Self::raw(problem.status, "application/problem+json", body);
        match (problem.header, problem.status) {
            (Some((name, value)), _) => answer.header(name, value),
            (None, 401) => answer.header("www-authenticate", "Bearer"),
            (None, 503) => answer.header("retry-after", "5"),
            (None, _) => answer,
        }
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets a header, in place of one of the same name.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Says so where an earlier request with the same key has done it.
    pub fn replayed(self, replayed: bool) -> Self {
        if replayed {
            self.header(REPLAYED, "true")
        } else {
            self
        }
    }

    /// 200 with a row's JSON and its version as ETag.
    pub fn versioned(json: String) -> Result<Self, Problem> {
        #[derive(serde::Deserialize)]
        struct Row {
            version: i64,
        }
        let row: Row =
            serde_json::from_str(&json).map_err(|error| Problem::new(500, error.to_string()))?;
        Ok(Self::json(json).version(row.version))
    }

    /// The same JSON object with one more field.
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Result<Self, Problem> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&self.body)
                .map_err(|error| Problem::new(500, error.to_string()))?;
        object.insert(name.to_owned(), value);
        self.body = serde_json::to_vec(&object)
            .map_err(|error| Problem::new(500, error.to_string()))?
            .into();
        Ok(self)
    }

    /// Whether this answer shows a version that `If-Match` named.
    pub fn matches(&self, wanted: &IfMatch) -> bool {
        self.headers
            .iter()
            .find(|(name, _)| *name == "etag")
            .and_then(|(_, tag)| tag.trim_matches('"').parse().ok())
            .is_some_and(|version| wanted.holds(version))
    }

    /// The ETag of a row's version (RFC 9110 §8.8.3, strong).
    pub fn version(self, version: i64) -> Self {
        self.header("etag", format!("\"{version}\""))
    }

    pub(crate) fn into_response(self) -> Reply {
        let length = self.body.len();
        let mut response = Response::new(FullBody::new(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        };
        if self.status != 204 && self.status != 304 {
            set("content-length", &length.to_string());
        }
        set("cache-control", "no-store");
        set("x-content-type-options", "nosniff");
        for (name, value) in &self.headers {
            set(name, value);
        }
        response
    }
}
