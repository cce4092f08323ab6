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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// As in a process without a collector: nothing is recorded, ids still hold.
    fn unrecorded(work: impl FnOnce()) {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    }

    fn sent(span: &Span) -> String {
        let mut headers = HeaderMap::new();
        span.in_scope(|| inject(&mut headers));
        headers["traceparent"].to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn a_call_without_a_trace_begins_one_and_passes_it_on() {
        unrecorded(|| {
            let span = tracing::info_span!("rpc");
            let id = join(&span, &HeaderMap::new()).expect("an id even if nothing is recorded");
            assert!(sent(&span).contains(&id.to_string()));
        });
    }

    #[test]
    fn a_call_with_a_trace_joins_it_and_nonsense_begins_a_new_one() {
        unrecorded(|| {
            let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let headers = HeaderMap::from_iter([(
                "traceparent".parse().expect("a name"),
                given.parse().expect("ASCII"),
            )]);
            let span = tracing::info_span!("rpc");
            let id = join(&span, &headers).expect("an id");
            assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
            assert!(sent(&span).starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
            assert!(!sent(&span).contains("b7ad6b7169203331"), "the next hop's parent is this span");

            let nonsense = "00-00000000000000000000000000000000-x";
            let headers = HeaderMap::from_iter([(
                "traceparent".parse().expect("a name"),
                nonsense.parse().expect("ASCII"),
            )]);
            assert!(join(&tracing::info_span!("rpc"), &headers).is_some());
        });
    }
}
