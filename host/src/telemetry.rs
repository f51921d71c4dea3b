//! What the host says about requests, under Spin's names: a span for each, one within it for the component's work, the
//! counter `spin.request_count`; and beside it OpenTelemetry's histogram `http.server.request.duration`, which Spin lacks.
//!
//! Other than Spin's, no span holds a path, a query or a client's address: a path may hold a secret, an address is a person's.
//! And a component that is called gets its own span as `traceparent`, so that what it causes hangs below it.

use std::sync::OnceLock;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use opentelemetry::{KeyValue, global};
use punctual_telemetry::{HEADER, Kind, Span, attribute};

const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";
/// The semantic conventions' own.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

struct Instruments {
    requests: Counter<u64>,
    durations: Histogram<f64>,
    active: UpDownCounter<i64>,
}

/// Made at the first request, when whoever runs the host has said where metrics go.
fn instruments() -> &'static Instruments {
    static ALL: OnceLock<Instruments> = OnceLock::new();
    ALL.get_or_init(|| {
        let meter = global::meter("punctual-host");
        Instruments {
            requests: meter.u64_counter("spin.request_count").build(),
            durations: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("From the request's head to the answer's")
                .with_boundaries(BUCKETS.to_vec())
                .build(),
            active: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_unit("{request}")
                .build(),
        }
    })
}

/// A method of RFC 9110 or 5789; any other would be a label of the client's choice.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

/// A request from its head to its answer's head.
pub(crate) struct Observed {
    method: &'static str,
    route: String,
    since: Instant,
    span: Span,
    answered: bool,
}

impl Observed {
    pub(crate) fn begin(of: &Method, route: &str, headers: &HeaderMap) -> Self {
        let method = method(of);
        let caller = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let span = Span::begin(format!("{method} {route}"), Kind::Server, caller, || {
            vec![
                attribute(METHOD, method),
                attribute(ROUTE, route.to_owned()),
                attribute("url.scheme", "http"),
            ]
        });
        instruments()
            .active
            .add(1, &[KeyValue::new(METHOD, method)]);
        Self {
            method,
            route: route.to_owned(),
            since: Instant::now(),
            span,
            answered: false,
        }
    }

    /// Runs a component for it. The span of that work takes the caller's place in the request's headers.
    pub(crate) fn component(&self, id: &str, headers: &mut HeaderMap) -> Span {
        instruments().requests.add(
            1,
            &[
                KeyValue::new("trigger_type", "http"),
                KeyValue::new("component_id", id.to_owned()),
            ],
        );
        let Some(parent) = self.span.traceparent() else {
            return Span::none();
        };
        let span = Span::begin(
            format!("execute_wasm_component {id}"),
            Kind::Internal,
            Some(&parent),
            || vec![attribute("component_id", id.to_owned())],
        );
        if let Some(value) = span
            .traceparent()
            .and_then(|text| HeaderValue::try_from(text).ok())
        {
            headers.insert(HEADER, value);
        }
        span
    }

    pub(crate) fn end(mut self, status: StatusCode) {
        self.answered = true;
        self.span.set(STATUS, i64::from(status.as_u16()));
        let mut attributes = vec![
            KeyValue::new(METHOD, self.method),
            KeyValue::new(ROUTE, self.route.clone()),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new(STATUS, i64::from(status.as_u16())),
        ];
        if status.is_server_error() {
            self.span.fail(status.as_str());
            attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
        }
        instruments()
            .durations
            .record(self.since.elapsed().as_secs_f64(), &attributes);
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        instruments()
            .active
            .add(-1, &[KeyValue::new(METHOD, self.method)]);
        if !self.answered {
            self.span.fail("cancelled");
        }
    }
}
