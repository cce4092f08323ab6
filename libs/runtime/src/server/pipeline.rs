//! The way of a call through the server, from outside in: trace → figures → access → deadline → load → size → handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderValue, Request, Response};
use http_body::Body as HttpBody;
use proto::access::MethodRule;
use status::{Kind, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;
use tracing::{Instrument as _, Span, field};

use super::access::{AccessCheck, request_id};
use super::protocol;
use super::size_limit::SizeLimit;
use crate::call_body::{CallBody, Lasting};
use crate::config::ServerConfig;
use crate::context::{self, CallContext};
use crate::deadline::{self, TIMEOUT_HEADER};
use crate::identity::IDENTITY_KEY;
use crate::telemetry::propagation;
use crate::telemetry::rpc::{OTHER_METHOD, RpcFigures};

/// When a caller that was turned away should come back.
const RETRY_AFTER: Duration = Duration::from_millis(250);
const REFLECTION: &str = "/grpc.reflection.";
/// Carries the trace's id to people who report an error.
const TRACE_ID_HEADER: &str = "x-trace-id";

/// Answers calls. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pipeline(Arc<Inner>);

struct Inner {
    service: &'static str,
    routes: Routes,
    access: AccessCheck,
    figures: RpcFigures,
    in_flight: Arc<Semaphore>,
    deadline_max: Duration,
    message_bytes_max: usize,
    reflection: bool,
}

/// What the steps in front of the handler found out.
struct Admitted {
    context: CallContext,
    /// Streams without an end have none: their service limits them itself.
    permit: Option<OwnedSemaphorePermit>,
}

impl Pipeline {
    pub(super) fn new(
        service: &'static str,
        routes: Routes,
        access: AccessCheck,
        config: &ServerConfig,
    ) -> Self {
        Self(Arc::new(Inner {
            service,
            routes: routes.prepare(),
            access,
            figures: RpcFigures::server(),
            in_flight: Arc::new(Semaphore::new(config.in_flight_max)),
            deadline_max: Duration::from_millis(config.deadline_ms_max),
            message_bytes_max: config.message_bytes_max,
            reflection: config.reflection,
        }))
    }

    /// Answers one call, whatever happens.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let mut request = request.map(Body::new);
        let rule = self.0.access.rule(request.uri().path());
        let method = rule.map_or(OTHER_METHOD, |rule| rule.path.trim_start_matches('/'));
        let (request_id, request_id_header) = request_id(request.headers());

        let span = tracing::info_span!(
            "rpc",
            otel.kind = "server",
            service = self.0.service,
            rpc.method = method,
            rpc.response.status_code = field::Empty,
            trace_id = field::Empty,
            merchant = field::Empty,
            request_id,
        );
        let trace_id = propagation::join(&span, request.headers()).map(|id| id.to_string());
        if let Some(trace_id) = &trace_id {
            span.record("trace_id", trace_id);
        }
        let figures = self.0.figures.begin(method);

        let admitted = span.in_scope(|| self.admit(rule, &mut request, &request_id, request_id_header));
        let (response, context, permit) = match admitted {
            Err(status) => (status.into_http(), CallContext::default(), None),
            Ok(Admitted { context, permit }) => {
                let handled = self.handle(request, context.clone()).instrument(span.clone()).await;
                (handled.unwrap_or_else(Status::into_http), context, permit)
            }
        };
        let lasting = Lasting { span, figures, context, permit, mend: protocol::mend };
        let mut response = CallBody::follow(response, lasting);
        if response.headers().contains_key("grpc-status")
            && let Some(trace_id) = trace_id.and_then(|id| HeaderValue::try_from(id).ok())
        {
            response.headers_mut().insert(TRACE_ID_HEADER, trace_id);
        }
        response
    }

    /// Access, deadline, load, in this order: a stranger gets no place among the calls in flight.
    fn admit(
        &self,
        rule: Option<&'static MethodRule>,
        request: &mut Request<Body>,
        request_id: &str,
        request_id_header: HeaderValue,
    ) -> Result<Admitted, Status> {
        let open = self.0.reflection && request.uri().path().starts_with(REFLECTION);
        match rule {
            None if open => {}
            None => return Err(Status::unimplemented("there is no such method")),
            Some(rule) => {
                let checked = self.0.access.check(self.0.service, rule, request.headers(), request_id);
                let (caller, scope) = checked?;
                Span::current().record("merchant", caller.merchant.as_str());
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(scope);
            }
        }
        let permit =
            Arc::clone(&self.0.in_flight).try_acquire_owned().map_err(|_| overloaded(self.0.service))?;
        let permit = (!rule.is_some_and(|rule| rule.endless)).then_some(permit);
        let context = CallContext {
            deadline: self.deadline(rule, request),
            identity: request.headers().get(IDENTITY_KEY).cloned(),
            request_id: Some(request_id_header),
        };
        // The time is kept by us from here on.
        request.headers_mut().remove(TIMEOUT_HEADER);
        Ok(Admitted { context, permit })
    }

    /// The earliest of what the caller, the method and the server allow. A stream without an end, as bidirectional ones are,
    /// ends with its connection and resumes, so only its caller limits it; so does reflection, which is one.
    fn deadline(&self, rule: Option<&MethodRule>, request: &Request<Body>) -> Option<Instant> {
        let asked = deadline::parse(request.headers());
        let allowed = match rule {
            Some(rule) if rule.is_endless() => None,
            Some(rule) if rule.deadline_ms > 0 => Some(Duration::from_millis(u64::from(rule.deadline_ms))),
            Some(_) => Some(self.0.deadline_max),
            None => None,
        };
        let time = asked.into_iter().chain(allowed).min()?;
        // A time beyond what the clock can hold is no limit.
        Instant::now().checked_add(time)
    }

    /// The handler, within its time. A panic there is one failed call and not a broken connection.
    async fn handle(&self, request: Request<Body>, context: CallContext) -> Result<Response<Body>, Status> {
        let request = request.map(|body| Body::new(SizeLimit::new(body, self.0.message_bytes_max)));
        let mut routes = self.0.routes.clone();
        let until = context.deadline;
        let handled = AssertUnwindSafe(context::scope(context, routes.call(request))).catch_unwind();
        let handled = match until {
            Some(until) => timeout_at(until, handled).await.map_err(|_| deadline::exceeded())?,
            None => handled.await,
        };
        match handled {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("the handler panicked");
                Err(Problem::new(Kind::Internal, "INTERNAL", "internal error")
                    .domain(self.0.service)
                    .into_status())
            }
        }
    }
}

fn overloaded(service: &'static str) -> Status {
    tracing::warn!("refused: too many calls in flight");
    Problem::new(Kind::Exhausted, "OVERLOADED", "the service has all the calls it can work on")
        .domain(service)
        .retry_after(RETRY_AFTER)
        .into_status()
}
