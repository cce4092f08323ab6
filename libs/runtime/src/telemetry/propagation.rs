//! The trace that a call belongs to, as W3C `traceparent` headers.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt as _, TraceId};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` part of the trace that the headers name, if they do, and returns the trace's id. Call it before
/// the span is entered: a started span has its parent.
pub fn join(span: &Span, headers: &HeaderMap) -> Option<TraceId> {
    let parent =
        opentelemetry::global::get_text_map_propagator(|format| format.extract(&HeaderExtractor(headers)));
    if parent.span().span_context().is_valid() {
        // It fails only where no OpenTelemetry layer listens, and there is no trace then.
        let _ = span.set_parent(parent);
    }
    trace_id(&span.context())
}

/// Writes the current span's trace into the headers of a call that goes out.
pub fn inject(headers: &mut HeaderMap) {
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|format| {
        format.inject_context(&context, &mut HeaderInjector(headers));
    });
}

fn trace_id(context: &Context) -> Option<TraceId> {
    let span = context.span();
    let id = span.span_context().trace_id();
    (id != TraceId::INVALID).then_some(id)
}
