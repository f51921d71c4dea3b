//! A client of the API, and the people who use it.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::wait::eventually;

/// Talks to one server; `token` signs its requests.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base: String,
    pub token: Option<String>,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON; `Null` where there is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Fails the test, with the body, unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(30))
            // Each test has a runtime of its own, and a pooled connection dies with the one that opened it.
            .pool_max_idle_per_host(0)
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.into(),
            token: None,
        }
    }

    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Sends; `None` where the server can't be reached or cuts the connection.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Option<Reply> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let mut own = HeaderMap::new();
        for (name, value) in headers {
            own.insert(
                name.parse::<HeaderName>().expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let answer = request.headers(own).send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.ok()?;
        Some(Reply {
            status: StatusCode::as_u16(&status),
            headers,
            text,
        })
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Reply {
        self.try_send(method, path, headers, body)
            .await
            .expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], Some(body.to_string())).await
    }

    pub async fn post_keyed(&self, path: &str, key: &str, body: Value) -> Reply {
        self.send(
            "POST",
            path,
            &[("idempotency-key", key)],
            Some(body.to_string()),
        )
        .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, &[], Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None).await
    }

    /// A stream of bytes, for server-sent events.
    pub async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = reqwest::Client::new().get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("a stream")
    }
}

/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse battery";

/// A person with an account.
#[derive(Clone)]
pub struct User {
    pub client: Client,
    pub email: String,
    pub id: String,
    pub refresh_token: String,
}

impl std::ops::Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl User {
    pub async fn register(anonymous: &Client, email: &str, timezone: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD, "timezone": timezone });
        let session = anonymous.post("/api/auth/register", body).await.expect(201);
        let mut user = Self {
            client: anonymous.with_token(text(&session, "/access_token")),
            email: email.to_owned(),
            id: text(&session, "/user/id"),
            refresh_token: text(&session, "/refresh_token"),
        };
        // A token that does not end: tests let days pass.
        user.client = anonymous.with_token(user.api_token(&["read", "write"]).await);
        user
    }

    /// A session of its own, with an access token that lives 15 minutes.
    pub async fn session(&self) -> Value {
        let body = json!({ "email": self.email, "password": PASSWORD });
        Client {
            token: None,
            ..self.client.clone()
        }
        .post("/api/auth/login", body)
        .await
        .expect(200)
    }

    /// Makes an API token with these scopes; needs a session's token.
    pub async fn api_token(&self, scopes: &[&str]) -> String {
        let body = json!({ "name": "test", "scopes": scopes });
        text(
            &self.client.post("/api/auth/tokens", body).await.expect(201),
            "/token",
        )
    }

    pub async fn add(&self, task: Value) -> Value {
        self.post("/api/tasks", task).await.expect(201)
    }

    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/api/tasks/{id}")).await.expect(200)
    }

    pub async fn complete(&self, task: &Value) -> Value {
        let path = format!("/api/tasks/{}/complete", text(task, "/id"));
        self.post(&path, json!({})).await.expect(200)
    }

    /// The open task of a series, once it is another one than `not`.
    pub async fn successor(&self, series: &str, not: &str) -> Value {
        eventually("the next occurrence", || async {
            let open = self.tasks(&format!("series_id={series}")).await;
            open.into_iter().find(|task| task["id"] != not)
        })
        .await
    }

    pub async fn tasks(&self, query: &str) -> Vec<Value> {
        items(self.get(&format!("/api/tasks?{query}")).await.expect(200))
    }

    pub async fn notifications(&self) -> Vec<Value> {
        items(self.get("/api/notifications?limit=200").await.expect(200))
    }

    /// The receipts of a task's reminders, by the instant they are meant for.
    pub async fn reminders(&self, task: &str) -> Vec<Value> {
        let mut all = items(
            self.get(&format!("/api/tasks/{task}/reminders?limit=200"))
                .await
                .expect(200),
        );
        all.sort_by_key(|receipt| text(receipt, "/due_for"));
        all
    }
}

pub fn items(page: Value) -> Vec<Value> {
    page["items"].as_array().cloned().unwrap_or_default()
}

/// The text at a JSON pointer.
#[track_caller]
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => panic!("no text at {pointer} in {value}"),
    }
}
