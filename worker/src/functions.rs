//! Calls to the event functions: signed batches of CloudEvents, one verdict per event.

use std::time::Duration;

use punctual_contract::batch::{CONTENT_TYPE, MAX_EVENTS, Outcome, Outcomes, Status};
use punctual_contract::events::CloudEvent;
use punctual_contract::signature;
use punctual_telemetry::{HEADER, Kind, Span, attribute};
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::Error;
use crate::metrics::{Calling, Handled, metrics};

pub const ON_TASK_EVENTS: &str = "/events/on-task-events";
pub const ON_TASK_UPDATES: &str = "/events/on-task-updates";
pub const ON_REMINDERS: &str = "/events/on-reminders";

/// One call, from connecting to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);
/// A function takes bodies of 1 MiB.
const MAX_BYTES: usize = 900 << 10;
/// So many calls in a row without an answer are an outage, not a bad event: the rest stays untried.
const OUTAGE: usize = 16;

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// The function wants it again later.
    Retry(String),
    /// The function will never understand it.
    Drop(String),
    /// The call with this event alone failed.
    Failed {
        error: String,
        maybe_running: bool,
    },
    /// The function was out of reach before its turn came.
    Untried,
}

/// Where the functions answer, and the secret that signs calls to them.
#[derive(Clone)]
pub struct Functions {
    client: reqwest::Client,
    url: String,
    secret: String,
    clock: Clock,
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Verdict {
    /// What metrics and spans call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Retry(_) => "retry",
            Self::Drop(_) => "drop",
            Self::Failed { .. } => "failed",
            Self::Untried => "untried",
        }
    }
}

#[derive(Debug)]
struct Failure {
    error: String,
    maybe_running: bool,
    /// What metrics and spans call it.
    status: &'static str,
}

impl Functions {
    pub fn new(url: &str, secret: &str, clock: Clock) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            secret: secret.to_owned(),
            clock,
        })
    }

    /// Delivers events, however many, and answers one verdict each, in order. A batch that fails is halved until the
    /// event that it fails on is alone. `last_first` turns the order of the halves around: a caller alternates, so that
    /// bad events at one end can't keep the others from their turn.
    pub async fn deliver(
        &self,
        path: &'static str,
        events: &[&CloudEvent],
        last_first: bool,
    ) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Untried; events.len()];
        let mut todo = self.batches(events);
        if !last_first {
            todo.reverse();
        }
        let mut failures = 0;
        while let Some((from, to)) = todo.pop() {
            match self.call(path, &events[from..to]).await {
                Ok(answers) => {
                    failures = 0;
                    verdicts.splice(from..to, answers);
                }
                Err(failure) => {
                    failures += 1;
                    tracing::debug!(
                        path,
                        events = to - from,
                        error = failure.error,
                        "a call failed"
                    );
                    let middle = from + (to - from) / 2;
                    if to - from == 1 {
                        let Failure {
                            error,
                            maybe_running,
                            ..
                        } = failure;
                        verdicts[from] = Verdict::Failed {
                            error,
                            maybe_running,
                        };
                    } else if last_first {
                        todo.extend([(from, middle), (middle, to)]);
                    } else {
                        todo.extend([(middle, to), (from, middle)]);
                    }
                    if failures >= OUTAGE {
                        break;
                    }
                }
            }
        }
        for verdict in &verdicts {
            let outcome = verdict.name();
            let handled = Handled {
                route: path,
                outcome,
            };
            metrics().handled.get_or_create(&handled).inc();
        }
        verdicts
    }

    /// Cuts events into ranges that one call can carry.
    fn batches(&self, events: &[&CloudEvent]) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        let (mut from, mut bytes) = (0, 0);
        for (index, event) in events.iter().enumerate() {
            let size = serde_json::to_vec(event).map_or(0, |json| json.len()) + 1;
            if index > from && (index - from == MAX_EVENTS || bytes + size > MAX_BYTES) {
                ranges.push((from, index));
                (from, bytes) = (index, 0);
            }
            bytes += size;
        }
        if from < events.len() {
            ranges.push((from, events.len()));
        }
        ranges
    }

    /// Whether the functions of a route take our signature.
    pub async fn ask(&self, path: &'static str) -> Result<(), String> {
        let answer = self.call(path, &[]).await;
        answer.map(drop).map_err(|failure| failure.error)
    }

    /// One call: the child of its event's span, or of several events a trace of its own that is linked to theirs.
    async fn call(
        &self,
        path: &'static str,
        events: &[&CloudEvent],
    ) -> Result<Vec<Verdict>, Failure> {
        let causes = events.iter().map(|event| event.traceparent.as_deref());
        let span = Span::of_several(format!("POST {path}"), Kind::Client, causes, || {
            vec![
                attribute("http.request.method", "POST"),
                attribute("http.route", path),
                attribute(
                    "messaging.batch.message_count",
                    i64::try_from(events.len()).unwrap_or(0),
                ),
            ]
        });
        let calling = Calling::begin(path);
        let answer = span.run(self.send(path, events, span.traceparent())).await;
        let status = match &answer {
            Ok(_) => "2xx",
            Err(failure) => {
                span.fail(failure.status);
                failure.status
            }
        };
        calling.end(status);
        answer
    }

    async fn send(
        &self,
        path: &'static str,
        events: &[&CloudEvent],
        trace: Option<String>,
    ) -> Result<Vec<Verdict>, Failure> {
        let refused = |error: String| Failure {
            error,
            maybe_running: false,
            status: "invalid",
        };
        let body = serde_json::to_vec(events).map_err(|error| refused(error.to_string()))?;
        let id = Uuid::now_v7().to_string();
        let timestamp = self.clock.now() / 1_000_000;
        let mut request = self.client.post(format!("{}{path}", self.url));
        if let Some(trace) = trace {
            request = request.header(HEADER, trace);
        }
        let answer = request
            .header("content-type", CONTENT_TYPE)
            .header(signature::ID, &id)
            .header(signature::TIMESTAMP, timestamp.to_string())
            .header(
                signature::SIGNATURE,
                signature::sign(&self.secret, &id, timestamp, &body),
            )
            .body(body)
            .send()
            .await
            .map_err(|error| Failure {
                // A connection that broke is the end of whoever was called.
                maybe_running: error.is_timeout() && !error.is_connect(),
                error: chain(&error),
                status: if error.is_timeout() {
                    "timeout"
                } else {
                    "unreachable"
                },
            })?;
        let status = answer.status();
        if status != reqwest::StatusCode::OK {
            let text = answer.text().await.unwrap_or_default();
            let text: String = text.chars().take(300).collect();
            return Err(Failure {
                status: match status.as_u16() / 100 {
                    1 => "1xx",
                    2 => "2xx",
                    3 => "3xx",
                    4 => "4xx",
                    _ => "5xx",
                },
                ..refused(format!("{path} answered {status}: {text}"))
            });
        }
        let answer: Outcomes = answer.json().await.map_err(|error| Failure {
            error: chain(&error),
            maybe_running: error.is_timeout(),
            status: if error.is_timeout() {
                "timeout"
            } else {
                "invalid"
            },
        })?;
        verdicts(events, answer.outcomes).map_err(refused)
    }
}

/// The outcomes must be those of these events, in their order.
fn verdicts(events: &[&CloudEvent], outcomes: Vec<Outcome>) -> Result<Vec<Verdict>, String> {
    if outcomes.len() != events.len()
        || events
            .iter()
            .zip(&outcomes)
            .any(|(event, outcome)| event.id != outcome.id)
    {
        return Err(format!(
            "{} outcomes that don't match the {} events",
            outcomes.len(),
            events.len()
        ));
    }
    let verdict = |outcome: Outcome| {
        let reason = outcome.reason.unwrap_or_default();
        match outcome.status {
            Status::Ok => Verdict::Ok,
            Status::Retry => Verdict::Retry(reason),
            Status::Drop => Verdict::Drop(reason),
        }
    };
    Ok(outcomes.into_iter().map(verdict).collect())
}

/// An error with what caused it: reqwest's own text says only that sending failed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
