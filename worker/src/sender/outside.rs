//! What every kind of channel sends with, and how a try can end.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::email::Mail;
use super::links::Links;
use super::push::Vapid;
use crate::destination::{Guard, check};
use crate::error::Error;
use crate::functions::chain;

/// One try, from resolving the name to the answer's head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A receiver may ask for a longer pause than the schedule's, up to this.
const LONGEST_WISH: i64 = 10 * 3600 * 1_000_000;

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    /// Worth another try.
    NotNow {
        reason: String,
        /// The receiver's wish: not before this instant, in Unix microseconds.
        not_before: Option<i64>,
        /// Whether the destination itself is in trouble; otherwise only this one delivery is.
        down: bool,
    },
    Never(String),
    /// The receiver will never be there again: the channel goes with it.
    Gone(String),
}

impl Outcome {
    /// The destination is in trouble, and may not be later.
    pub fn down(reason: impl Into<String>) -> Self {
        Self::NotNow {
            reason: reason.into(),
            not_before: None,
            down: true,
        }
    }

    /// The answer's status as an outcome: anything but success is worth another try, at the receiver's own time where it
    /// names one (RFC 9110, section 10.2.3). Of the answer's body nothing is told: its receiver may not be the account's.
    pub fn of(answer: &Response, now: i64) -> Self {
        let status = answer.status();
        if status.is_success() {
            return Self::Sent;
        }
        Self::NotNow {
            reason: said(status),
            not_before: wish(answer, now),
            down: true,
        }
    }

    /// The same for a receiver whose refusals of the request itself are final.
    pub fn of_strict(answer: &Response, now: i64) -> Self {
        match answer.status() {
            status @ (StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PAYLOAD_TOO_LARGE) => Self::Never(said(status)),
            _ => Self::of(answer, now),
        }
    }
}

pub(super) fn said(status: StatusCode) -> String {
    format!("the receiver answered {status}")
}

/// Until when `Retry-After` asks to wait.
fn wish(answer: &Response, now: i64) -> Option<i64> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let at = match text.parse::<i64>() {
        Ok(seconds) => now.saturating_add(seconds.saturating_mul(1_000_000)),
        Err(_) => chrono::DateTime::parse_from_rfc2822(text)
            .ok()?
            .timestamp_micros(),
    };
    Some(at.clamp(now, now + LONGEST_WISH))
}

/// The way out, for all kinds.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    client: Client,
    allow_private: bool,
    pub links: Links,
    pub mail: Option<Mail>,
    pub vapid: Arc<Vapid>,
}

impl Outside {
    pub fn new(
        links: Links,
        mail: Option<Mail>,
        vapid: Vapid,
        allow_private: bool,
    ) -> Result<Self, Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Punctual/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Guard { allow_private }.shared())
            .build()?;
        Ok(Self {
            client,
            allow_private,
            links,
            mail,
            vapid: Arc::new(vapid),
        })
    }

    /// Calls an address that a person gave, where it may be called.
    pub async fn call(
        &self,
        target: &str,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<Response, Outcome> {
        let url = check(target, self.allow_private).map_err(Outcome::Never)?;
        match request(&self.client, url).send().await {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_timeout() => Err(Outcome::down("no answer within 10 s")),
            Err(error) => Err(Outcome::down(chain(&error.without_url()))),
        }
    }
}
