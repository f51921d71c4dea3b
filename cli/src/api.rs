//! The client of the API: one session or API token, refreshed when needed; every POST under a key, so that it may be
//! sent again when the connection breaks.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use chrono::Utc;
use punctual_contract::api::{Refresh, Session, Settings};
use punctual_contract::problem::Problem;
use punctual_domain::Zone;
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::{Clock, system_zone};
use crate::error::{Error, Result};
use crate::profile::{Profile, Tokens};

const CONNECT: Duration = Duration::from_secs(5);
/// For one try.
const ANSWER: Duration = Duration::from_secs(15);
/// After this no further try is made.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pauses before further tries: a server that restarts is back within two seconds.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(150),
    Duration::from_millis(350),
    Duration::from_millis(700),
    Duration::from_millis(1300),
];
/// An access token with less left than this is refreshed first, in seconds.
const MARGIN: i64 = 30;

/// What a live stream sends when nothing else happens comes every 20 s.
const SILENCE: Duration = Duration::from_secs(50);

#[derive(Clone)]
enum Credentials {
    ApiToken(String),
    Session,
}

pub struct Api {
    http: reqwest::Client,
    server: Url,
    credentials: Credentials,
    pub profile: Profile,
    tokens: RefCell<Option<Tokens>>,
}

#[derive(Debug)]
pub struct Answer {
    /// As it was sent.
    pub text: String,
    pub etag: Option<String>,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text).map_err(|error| {
            Error::failed(format!("The server's answer is not what this version of punctual understands ({error}). Update one of the two."))
        })
    }
}

/// A request but for the credentials.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<String>,
    if_match: Option<String>,
}

impl Call {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        let key = (method == Method::POST).then(|| uuid::Uuid::new_v4().to_string());
        Self {
            method,
            path: path.into(),
            body,
            key,
            if_match: None,
        }
    }
}

fn value(body: &impl Serialize) -> Result<Value> {
    serde_json::to_value(body).map_err(|error| Error::failed(error.to_string()))
}

/// `http://127.0.0.1:3000`, for clap.
pub fn parse_server(text: &str) -> std::result::Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|_| "not an address; it looks like http://127.0.0.1:3000".to_owned())?;
    let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if usable && plain {
        Ok(url)
    } else {
        Err("takes http://HOST[:PORT] or https://HOST[:PORT]".to_owned())
    }
}

pub fn is_loopback(server: &Url) -> bool {
    match server.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

impl Api {
    pub fn new(server: Url, profile: Profile, api_token: Option<String>) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("punctual-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            // The API redirects nowhere, and a token must not travel to where it is not meant for.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&server) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| Error::failed(format!("Can't set up HTTP: {}", cause(&error))))?;
        let credentials = api_token.map_or(Credentials::Session, Credentials::ApiToken);
        Ok(Self {
            http,
            server,
            credentials,
            profile,
            tokens: RefCell::new(None),
        })
    }

    pub fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.server)
    }

    pub fn uses_api_token(&self) -> bool {
        matches!(self.credentials, Credentials::ApiToken(_))
    }

    pub async fn get(&self, path: impl Into<String>) -> Result<Answer> {
        self.call(Call::new(Method::GET, path, None)).await
    }

    pub async fn post(&self, path: impl Into<String>, body: &impl Serialize) -> Result<Answer> {
        self.call(Call::new(Method::POST, path, Some(value(body)?)))
            .await
    }

    /// POST without a body.
    pub async fn act(&self, path: impl Into<String>) -> Result<Answer> {
        self.call(Call::new(Method::POST, path, None)).await
    }

    pub async fn patch(
        &self,
        path: impl Into<String>,
        body: &impl Serialize,
        if_match: Option<String>,
    ) -> Result<Answer> {
        self.call(Call {
            if_match,
            ..Call::new(Method::PATCH, path, Some(value(body)?))
        })
        .await
    }

    pub async fn delete(&self, path: impl Into<String>) -> Result<Answer> {
        self.call(Call::new(Method::DELETE, path, None)).await
    }

    /// Register and login: what needs no session, and opens one.
    pub async fn open_session(&self, path: &str, body: &impl Serialize) -> Result<Session> {
        let session: Session = self
            .exchange(&Call::new(Method::POST, path, Some(value(body)?)), None)
            .await?
            .json()?;
        let _lock = self.profile.lock().await?;
        self.adopt(&session)?;
        Ok(session)
    }

    /// The person's clock: the account's zone, whatever the computer's is.
    pub async fn clock(&self) -> Result<Clock> {
        let settings: Settings = self.get("/api/settings").await?.json()?;
        Ok(Clock::system(
            settings
                .timezone
                .parse::<Zone>()
                .unwrap_or_else(|_| system_zone()),
        ))
    }

    async fn call(&self, call: Call) -> Result<Answer> {
        let token = self.token().await?;
        let answer = self.exchange(&call, Some(&token)).await;
        match (&answer, &self.credentials) {
            (Err(error), Credentials::Session) if error.status() == Some(401) => {
                let token = self.refresh(&token).await?;
                self.exchange(&call, Some(&token))
                    .await
                    .map_err(|error| self.not_logged_in(error))
            }
            (Err(_), _) => answer.map_err(|error| self.not_logged_in(error)),
            _ => answer,
        }
    }

    fn not_logged_in(&self, error: Error) -> Error {
        match error {
            Error::Refused { mut problem, .. } if problem.status == 401 => {
                let advice = match &self.credentials {
                    Credentials::ApiToken(_) => {
                        "Check PUNCTUAL_TOKEN, or unset it and run `punctual login`.".to_owned()
                    }
                    Credentials::Session => {
                        problem.detail = format!("You are not logged in at {}.", self.server());
                        "Run `punctual login`, or `punctual register` for a new account.".to_owned()
                    }
                };
                Error::Refused { problem, advice }
            }
            error => error,
        }
    }

    /// A token for the Authorization header, with some time left.
    async fn token(&self) -> Result<String> {
        if let Credentials::ApiToken(token) = &self.credentials {
            return Ok(token.clone());
        }
        let known = self.tokens.borrow().clone();
        let tokens = match known {
            Some(tokens) => tokens,
            None => self.profile.tokens()?.ok_or_else(|| self.logged_out())?,
        };
        let fresh = tokens.access_until - MARGIN > Utc::now().timestamp();
        let access = tokens.access_token.clone();
        self.tokens.replace(Some(tokens));
        if fresh {
            Ok(access)
        } else {
            self.refresh(&access).await
        }
    }

    fn logged_out(&self) -> Error {
        self.not_logged_in(Error::Refused {
            problem: Box::new(Problem::new(401, "")),
            advice: String::new(),
        })
    }

    /// A new access token in the stale one's place. One process at a time: each refresh token serves once, so who waited
    /// for the lock takes what the other got.
    async fn refresh(&self, stale: &str) -> Result<String> {
        let _lock = self.profile.lock().await?;
        let tokens = self.profile.tokens()?.ok_or_else(|| self.logged_out())?;
        if tokens.access_token != stale && tokens.access_until - MARGIN > Utc::now().timestamp() {
            let access = tokens.access_token.clone();
            self.tokens.replace(Some(tokens));
            return Ok(access);
        }
        let body = value(&Refresh {
            refresh_token: Some(tokens.refresh_token),
        })?;
        match self
            .exchange(
                &Call::new(Method::POST, "/api/auth/refresh", Some(body)),
                None,
            )
            .await
        {
            Ok(answer) => {
                let session: Session = answer.json()?;
                self.adopt(&session)?;
                Ok(session.access_token)
            }
            Err(error) if error.status() == Some(401) => {
                self.tokens.replace(None);
                self.profile.forget_tokens()?;
                Err(self.logged_out())
            }
            Err(error) => Err(error),
        }
    }

    /// Call it with the profile's lock held.
    fn adopt(&self, session: &Session) -> Result<()> {
        let tokens = Tokens::of(session, Utc::now().timestamp());
        self.profile.keep_tokens(&tokens)?;
        self.tokens.replace(Some(tokens));
        Ok(())
    }

    /// Ends the session, here and on the server. Whether there was one.
    pub async fn close_session(&self) -> Result<bool> {
        let there = self.profile.tokens()?.is_some();
        let ended = if there {
            self.act("/api/auth/logout").await.map(drop)
        } else {
            Ok(())
        };
        let _lock = self.profile.lock().await?;
        self.profile.forget_tokens()?;
        match ended {
            Err(error) if error.status() != Some(401) => Err(Error::failed(format!(
                "Logged out here, but the server could not be told: {error}"
            ))),
            _ => Ok(there),
        }
    }

    fn request(&self, call: &Call, token: Option<&str>) -> reqwest::RequestBuilder {
        let mut request = self
            .http
            .request(
                call.method.clone(),
                format!("{}{}", self.server(), call.path),
            )
            .header("punctual-client", "cli");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(tag) = &call.if_match {
            request = request.header("if-match", tag);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Sends, and sends again where that can do no harm.
    async fn exchange(&self, call: &Call, token: Option<&str>) -> Result<Answer> {
        let started = Instant::now();
        let mut pauses = PAUSES.iter();
        loop {
            let tried = match self.request(call, token).timeout(ANSWER).send().await {
                Ok(response) => {
                    let status = response.status();
                    let etag = response
                        .headers()
                        .get("etag")
                        .and_then(|tag| tag.to_str().ok())
                        .map(str::to_owned);
                    response.text().await.map(|text| (status, etag, text))
                }
                Err(error) => Err(error),
            };
            // A POST has a key, and what is deleted stays so.
            let harmless =
                matches!(call.method, Method::GET | Method::DELETE) || call.key.is_some();
            let again = match &tried {
                Ok((status, ..)) => status.is_server_error() && harmless,
                Err(error) => error.is_connect() || harmless && !error.is_timeout(),
            };
            if again
                && started.elapsed() < PATIENCE
                && let Some(pause) = pauses.next()
            {
                tokio::time::sleep(*pause).await;
                continue;
            }
            return match tried {
                Ok((status, etag, text)) if status.is_success() => Ok(Answer { text, etag }),
                Ok((status, _, text)) => Err(self.refused(status, &text)),
                Err(error) => Err(self.unanswered(&error, call.method != Method::GET)),
            };
        }
    }

    fn refused(&self, status: StatusCode, text: &str) -> Error {
        let Ok(problem) = serde_json::from_str::<Problem>(text) else {
            return Error::failed(if status.is_server_error() {
                format!(
                    "{} answers {status}. Try again in a moment; if it stays so, look into the server's log.",
                    self.server()
                )
            } else {
                format!(
                    "{} answers {status}, not as Punctual does. Is the address right? (--server, PUNCTUAL_URL)",
                    self.server()
                )
            });
        };
        // Other details say themselves what to do.
        let advice = match status.as_u16() {
            503 => String::new(),
            500.. => {
                "Try again in a moment; if it stays so, look into the server's log.".to_owned()
            }
            _ => String::new(),
        };
        Error::Refused {
            problem: Box::new(problem),
            advice,
        }
    }

    fn unanswered(&self, error: &reqwest::Error, changes: bool) -> Error {
        let server = self.server();
        Error::failed(if error.is_connect() && self.is_loopback() {
            format!(
                "No server answers at {server}. Start one with `cargo xtask up`, or name another with --server or PUNCTUAL_URL."
            )
        } else if error.is_connect() {
            format!(
                "Can't reach {server} ({}). Check the address (--server, PUNCTUAL_URL) and the network.",
                cause(error)
            )
        } else if error.is_timeout() && changes {
            format!(
                "{server} did not answer in time. Look with `punctual list` whether the change was made before you repeat it."
            )
        } else if error.is_timeout() {
            format!("{server} did not answer in time. Try again in a moment.")
        } else {
            format!(
                "The connection to {server} broke ({}). Try again in a moment.",
                cause(error)
            )
        })
    }

    /// The live stream after a position; from now on where there is none.
    pub async fn live(&self, after: Option<&str>) -> Result<Stream> {
        let mut token = self.token().await?;
        for last in [false, true] {
            let call = Call::new(Method::GET, "/api/live", None);
            let mut request = self
                .request(&call, Some(&token))
                .header("accept", "text/event-stream");
            if let Some(after) = after {
                request = request.header("last-event-id", after);
            }
            let response = match tokio::time::timeout(ANSWER, request.send()).await {
                Err(_) => {
                    return Err(Error::failed(format!(
                        "{} did not answer in time. Try again in a moment.",
                        self.server()
                    )));
                }
                Ok(Err(error)) => return Err(self.unanswered(&error, false)),
                Ok(Ok(response)) => response,
            };
            let status = response.status();
            if status.is_success() {
                return Ok(Stream { response });
            }
            if status == StatusCode::UNAUTHORIZED && !last && !self.uses_api_token() {
                token = self.refresh(&token).await?;
                continue;
            }
            let text = tokio::time::timeout(ANSWER, response.text())
                .await
                .ok()
                .and_then(std::result::Result::ok);
            return Err(self.not_logged_in(self.refused(status, &text.unwrap_or_default())));
        }
        Err(self.logged_out())
    }
}

pub struct Stream {
    response: reqwest::Response,
}

impl Stream {
    /// The next bytes; None at the end. An error where nothing came for too long: heartbeats should have.
    pub async fn next(&mut self) -> std::result::Result<Option<impl AsRef<[u8]> + use<>>, String> {
        match tokio::time::timeout(SILENCE, self.response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(cause(&error)),
            Err(_) => Err(format!("nothing came for {} seconds", SILENCE.as_secs())),
        }
    }
}

/// The innermost cause, which says most: "Connection refused (os error 111)".
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// For a path's segment or a query's value.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

/// `path?a=b&c=d` of those that are there.
pub fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let pairs: Vec<String> = query
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", escape(value.as_ref()?))))
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests;
