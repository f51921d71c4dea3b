//! The log on standard error, as text or as JSON lines.

use std::fmt;
use std::io::IsTerminal as _;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::Error;

pub fn start(filter: EnvFilter, json: bool) -> Result<(), Error> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = if json {
        log.fmt_fields(JsonFields::new())
            .event_format(Traced(Format::default().json()))
            .try_init()
    } else {
        log.with_target(false).try_init()
    };
    started.map_err(|error| Error::Log(error.to_string()))
}

/// JSON lines that begin with the ids of the trace and the span that they belong to, under the names of OpenTelemetry's log
/// data model.
struct Traced(Format<Json>);

impl<S, N> FormatEvent<S, N> for Traced
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let ids = Context::map_current(|context| {
            let span = context.span();
            let of = span.span_context();
            of.is_valid().then(|| (of.trace_id(), of.span_id()))
        });
        let Some((trace, span)) = ids else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        write!(
            writer,
            r#"{{"trace_id":"{trace}","span_id":"{span}",{}"#,
            line.strip_prefix('{').unwrap_or(&line)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panicked").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_json_line_names_the_trace_that_it_belongs_to() {
        let lines = Lines::default();
        let log = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .fmt_fields(JsonFields::new())
            .event_format(Traced(Format::default().json()))
            .finish();
        tracing::subscriber::with_default(log, || {
            tracing::info!(count = 1, "outside");
            let remote = SpanContext::new(
                TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
                SpanId::from(0x00f0_67aa_0ba9_02b7),
                TraceFlags::SAMPLED,
                true,
                TraceState::default(),
            );
            let _within = Context::new().with_remote_span_context(remote).attach();
            tracing::info!(count = 2, "inside");
        });
        let text = String::from_utf8(lines.0.lock().expect("nobody panicked").clone());
        let lines: Vec<serde_json::Value> = text
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines[0].get("trace_id"), None);
        assert_eq!(lines[0]["fields"]["message"], "outside");
        assert_eq!(lines[1]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(lines[1]["span_id"], "00f067aa0ba902b7");
        assert_eq!(lines[1]["fields"]["count"], 2);
    }
}
