//! The OpenTelemetry Collector, built from Go modules: OTLP comes in, traces go to a file, metrics where somebody wants them.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::dapr::{client, loopback};
use crate::folder::Folder;
use crate::go::Module;
use crate::port;
use crate::server::Server;

const READY_LIMIT: Duration = Duration::from_secs(60);
pub(crate) const MODULE: Module = Module {
    name: "otelcol",
    version: "0.165.0",
    takes: "a minute",
    sources: &[
        ("go.mod", include_str!("../otelcol/go.mod")),
        ("go.sum", include_str!("../otelcol/go.sum")),
        ("main.go", include_str!("../otelcol/main.go")),
    ],
    packages: &["."],
    tags: "",
    variables: &[],
};

/// A collector on random ports of loopback. Gone when this is dropped, or when this process ends in whatever way.
pub struct Collector {
    // Dropped before its folder.
    _server: Server,
    folder: Folder,
    http: u16,
}

/// A span, as the collector got it.
#[derive(Clone, Debug)]
pub struct CollectedSpan {
    pub service: String,
    pub trace: String,
    pub id: String,
    /// Empty: the first of its trace.
    pub parent: String,
    pub name: String,
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: &'static str,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each.
    pub links: Vec<(String, String)>,
    pub failed: bool,
}

impl Collector {
    /// `metrics`: the OTLP server that gets them, such as `http://127.0.0.1:9090/api/v1/otlp/v1/metrics`.
    pub async fn start(metrics: Option<&str>) -> Result<Self> {
        let program = MODULE.programs().await?.join("otelcol");
        let folder = Folder::new("otelcol")?;
        let http = port::free()?;
        let address = loopback(http);
        let file = folder.join("traces.json");
        let (exporter, pipeline) = match metrics {
            None => (String::new(), String::new()),
            Some(url) => (
                format!(
                    "  otlp_http:\n    metrics_endpoint: {url}\n    retry_on_failure: {{ initial_interval: 500ms, max_interval: 1s }}\n"
                ),
                "    metrics: { receivers: [otlp], exporters: [otlp_http] }\n".to_owned(),
            ),
        };
        let config = folder.write(
            "config.yaml",
            &format!(
                "receivers:\n  otlp:\n    protocols:\n      http: {{ endpoint: \"{address}\" }}\n\
                 exporters:\n  file:\n    path: {}\n    flush_interval: 100ms\n{exporter}\
                 service:\n  telemetry: {{ metrics: {{ level: none }} }}\n  pipelines:\n    \
                 traces: {{ receivers: [otlp], exporters: [file] }}\n{pipeline}",
                file.display()
            ),
        )?;
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(format!("file:{}", config.display()))
            .current_dir(folder.path());
        let mut server = Server::new("the collector", command, folder.join("log"), READY_LIMIT);
        let client = client()?;
        let url = format!("http://{address}/v1/traces");
        server
            .start(|| async {
                let empty = client
                    .post(&url)
                    .header("content-type", "application/json")
                    .body("{}");
                empty
                    .send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            })
            .await?;
        Ok(Self {
            _server: server,
            folder,
            http,
        })
    }

    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, for HTTP.
    pub fn endpoint(&self) -> String {
        format!("http://{}", loopback(self.http))
    }

    /// What it got so far.
    pub fn spans(&self) -> Result<Vec<CollectedSpan>> {
        let text = match std::fs::read_to_string(self.folder.join("traces.json")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut spans = Vec::new();
        // The last line may be under way.
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let line: Value = serde_json::from_str(line).context("not OTLP's JSON")?;
            for resource in list(&line, "resourceSpans") {
                let service = attributes(&resource["resource"])
                    .remove("service.name")
                    .unwrap_or_default();
                for scope in list(resource, "scopeSpans") {
                    let of = list(scope, "spans").map(|span| collected(&service, span));
                    spans.extend(of);
                }
            }
        }
        Ok(spans)
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    list(of, "attributes")
        .map(|one| {
            let value = one["value"]
                .as_object()
                .and_then(|value| value.values().next());
            let value = value.map_or_else(String::new, |value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            (text(&one["key"]), value)
        })
        .collect()
}

fn collected(service: &str, span: &Value) -> CollectedSpan {
    CollectedSpan {
        service: service.to_owned(),
        trace: text(&span["traceId"]),
        id: text(&span["spanId"]),
        parent: text(&span["parentSpanId"]),
        name: text(&span["name"]),
        kind: match span["kind"].as_u64() {
            Some(2) => "server",
            Some(3) => "client",
            Some(4) => "producer",
            Some(5) => "consumer",
            _ => "internal",
        },
        attributes: attributes(span),
        links: list(span, "links")
            .map(|link| (text(&link["traceId"]), text(&link["spanId"])))
            .collect(),
        failed: span["status"]["code"].as_u64() == Some(2),
    }
}
