//! Spans, and the W3C trace context (`traceparent`) that connects those of several processes.

use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value, global};

use crate::recording;

/// The header's name, and that of CloudEvents' extension.
pub const HEADER: &str = "traceparent";
/// Who makes the spans.
const SCOPE: &str = "punctual";
/// Links that one span has at most: of a batch, these show the way to the rest.
const LINKS: usize = 64;

/// A span from its making until it is dropped. Where nothing is recorded, nothing at all. Clones are handles on the same one,
/// and the last one ends it.
#[derive(Clone, Debug, Default)]
pub struct Span(Option<Context>);

/// An attribute of a span.
pub fn attribute(name: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(name, value)
}

impl Span {
    /// What records nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// A child of `parent`; without one, the first of a trace. What `parent` says of being sampled holds here too.
    pub fn begin(
        name: impl Into<std::borrow::Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        if !recording() {
            return Self(None);
        }
        let parent = parent.and_then(remote).map_or_else(Context::new, |of| {
            Context::new().with_remote_span_context(of)
        });
        let span = global::tracer(SCOPE)
            .span_builder(name)
            .with_kind(kind)
            .with_attributes(attributes())
            .start_with_context(&global::tracer(SCOPE), &parent);
        Self(Some(Context::new().with_span(span)))
    }

    /// As [`Span::begin`], and nothing where there is no parent: what nobody asked for is no trace.
    pub fn within(
        name: impl Into<std::borrow::Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        match parent {
            Some(_) => Self::begin(name, kind, parent, attributes),
            None => Self(None),
        }
    }

    /// One piece of work for several traces: the child of the only one; of several, a trace of its own that is linked to each.
    /// Nothing where none of them has a trace.
    pub fn of_several<'a>(
        name: impl Into<std::borrow::Cow<'static, str>>,
        kind: SpanKind,
        causes: impl IntoIterator<Item = Option<&'a str>>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        if !recording() {
            return Self(None);
        }
        let (mut all, mut known) = (0, Vec::new());
        for cause in causes {
            all += 1;
            known.extend(cause);
        }
        match known.as_slice() {
            [] => Self(None),
            [only] if all == 1 => Self::begin(name, kind, Some(only), attributes),
            several => {
                let span = Self::begin(name, kind, None, attributes);
                for cause in several.iter().take(LINKS) {
                    span.link(cause);
                }
                span
            }
        }
    }

    /// Says that another trace is a cause of this.
    pub fn link(&self, cause: &str) {
        if let (Some(context), Some(of)) = (&self.0, remote(cause)) {
            context.span().add_link(of, Vec::new());
        }
    }

    /// What a process that is called is told, so that its spans become this one's children.
    pub fn traceparent(&self) -> Option<String> {
        let context = self.0.as_ref()?;
        let span = context.span();
        let of = span.span_context();
        of.is_valid().then(|| {
            let (trace, span, flags) = (of.trace_id(), of.span_id(), of.trace_flags());
            format!("00-{trace}-{span}-{flags:02x}")
        })
    }

    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says what kind of failure it was: a word, such as a status or `timeout`.
    pub fn fail(&self, kind: impl Into<String>) {
        if let Some(context) = &self.0 {
            let kind = kind.into();
            context.span().set_status(Status::error(kind.clone()));
            context
                .span()
                .set_attribute(KeyValue::new("error.type", kind));
        }
    }

    /// Ends it now, however many handles there are.
    pub fn end(&self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }

    /// Runs something with this as its span: what is logged meanwhile carries its ids.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(context) => work.with_context(context.clone()).await,
            None => work.await,
        }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (<https://www.w3.org/TR/trace-context/>); a later version may have more behind it.
fn remote(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = [version.len(), trace.len(), span.len(), flags.len()];
    if lengths != [2, 32, 16, 2] || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let hex = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if ![version, trace, span, flags].into_iter().all(hex) {
        return None;
    }
    let of = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    of.is_valid().then_some(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_w3c_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let of = remote(good).expect("valid");
        assert_eq!(
            of.trace_id().to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert!(of.is_sampled() && of.is_remote());
        assert!(remote(&good.replace("-01", "-00")).is_some_and(|of| !of.is_sampled()));
        assert!(
            remote(&format!("cc{}-more", &good[2..])).is_some(),
            "a later version"
        );
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(remote(bad), None, "{bad}");
        }
    }

    #[test]
    fn without_a_collector_there_are_no_spans() {
        let span = Span::begin("x", SpanKind::Internal, None, Vec::new);
        assert_eq!(span.traceparent(), None);
    }
}
