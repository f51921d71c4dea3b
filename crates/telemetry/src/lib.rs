//! Log, traces and metrics of the native programs: set up once, in `main`.
//!
//! The log goes to standard error. Traces and the host's metrics go to an OpenTelemetry Collector over OTLP (HTTP, protobuf)
//! where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, and nowhere else: without it a span costs a look at a flag. The SDK reads
//! the other standard variables itself: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`.
//!
//! Spans hold ids of rows and names of routes, topics and kinds; never an address, a title, or what somebody wrote.

mod http_client;
mod log;
mod span;

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::EnvFilter;

pub use opentelemetry;
pub use opentelemetry::trace::SpanKind as Kind;
pub use span::{HEADER, Span, attribute};

/// What is left when the program ends gets this long to reach the collector.
const FLUSH: Duration = Duration::from_secs(5);

static RECORDING: OnceLock<()> = OnceLock::new();

/// Why log or export could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the filter {filter:?}: {source}")]
    Filter {
        filter: String,
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("the log: {0}")]
    Log(String),
    #[error("OTLP: {0}")]
    Export(String),
}

/// What a program says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Where `OTEL_SERVICE_NAME` is not set.
    pub name: &'static str,
    pub version: &'static str,
}

/// How the log looks.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// tracing's filter directives.
    pub filter: &'a str,
    /// One JSON object a line, with the trace's id where there is one.
    pub json: bool,
}

/// What is exported until the program ends.
#[derive(Debug)]
#[must_use = "what is left is sent by `finish`"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Starts the log and, where a collector is named, the export. Within a tokio runtime, and once.
pub fn start(service: Service, log: Log<'_>) -> Result<Telemetry, Error> {
    let filter = EnvFilter::try_new(log.filter).map_err(|source| Error::Filter {
        filter: log.filter.to_owned(),
        source,
    })?;
    log::start(filter, log.json)?;
    let exports = set("OTEL_EXPORTER_OTLP_ENDPOINT") && !set("OTEL_SDK_DISABLED");
    if !exports && !log.json {
        return Ok(Telemetry {
            traces: None,
            metrics: None,
        });
    }
    let resource = resource(service);
    let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
    let mut metrics = None;
    if exports {
        let client = http_client::Client::new()?;
        let wrong =
            |error: opentelemetry_otlp::ExporterBuildError| Error::Export(error.to_string());
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .build()
            .map_err(wrong)?;
        traces = traces.with_batch_exporter(spans);
        let numbers = MetricExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()
            .map_err(wrong)?;
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(numbers)
            .with_resource(resource)
            .build();
        global::set_meter_provider(provider.clone());
        metrics = Some(provider);
    }
    // Without a collector, a JSON log still says which lines belong to one request.
    let traces = traces.build();
    global::set_tracer_provider(traces.clone());
    let _ = RECORDING.set(());
    Ok(Telemetry {
        traces: Some(traces),
        metrics,
    })
}

impl Telemetry {
    /// Sends what is left.
    pub async fn finish(self) {
        // Both wait for a thread of theirs, which waits for this runtime.
        let end = tokio::task::spawn_blocking(move || {
            if let Some(traces) = self.traces {
                let _ = traces.shutdown_with_timeout(FLUSH);
            }
            if let Some(metrics) = self.metrics {
                let _ = metrics.shutdown();
            }
        });
        let _ = tokio::time::timeout(FLUSH, end).await;
    }
}

/// Whether spans are made at all.
fn recording() -> bool {
    RECORDING.get().is_some()
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn resource(service: Service) -> Resource {
    let named = set("OTEL_SERVICE_NAME")
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES")
            .is_ok_and(|attributes| attributes.contains("service.name="));
    // What the environment says counts: it is read first, and told last.
    let mut resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", service.version));
    if !named {
        resource = resource.with_service_name(service.name);
    }
    if !std::env::var("OTEL_RESOURCE_ATTRIBUTES")
        .is_ok_and(|attributes| attributes.contains("service.instance.id="))
    {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
        let instance = format!("{host}-{}", std::process::id());
        resource = resource.with_attribute(KeyValue::new("service.instance.id", instance));
    }
    resource.build()
}
