//! The way every call takes: find the method, sign in, check the role, count, pass on, watch the answer.
//!
//! All protocols meet here as gRPC. Messages are not decoded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header, request};
use runtime::context::{self, CallContext};
use runtime::identity::{self, Caller, Scope};
use runtime::telemetry::propagation;
use runtime::telemetry::rpc::{OTHER_METHOD, RpcFigures, RunningCall};
use status::{Kind, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt;
use tracing::Instrument;

use crate::audit::{Audit, Refusal};
use crate::body::{self, Inbound, Outbound};
use crate::call::Call;
use crate::deadline;
use crate::figures::Refusals;
use crate::limits::overloaded;
use crate::routes::{Route, Routes, Target};
use crate::sign_in::{Session, Sessions};
use crate::upstreams::{self, Upstreams};

/// Names the service that a method of `jinpai.events.v1` is meant for.
pub const TARGET: HeaderName = HeaderName::from_static("x-jinpai-target");
/// Who calls, signed by the gateway. Whatever a caller sends under this name is dropped.
pub const IDENTITY: HeaderName = HeaderName::from_static(identity::IDENTITY_KEY);
/// The id of the request in every log line of every hop.
pub const REQUEST_ID: HeaderName = HeaderName::from_static(identity::REQUEST_ID_KEY);

/// How much earlier than ours the timer of a next hop may end: timers tick in milliseconds.
const CLOCK_STEP: Duration = Duration::from_millis(5);

/// What of a caller's headers reaches a service. Everything else, above all claims about who calls, stays here.
const PASSED: [HeaderName; 4] = [
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// What every call is held against.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Calls in progress at once, endless streams not counted.
    pub calls_max: usize,
    /// Endless streams open at once.
    pub streams_max: usize,
    /// The longest a call may take where its rule says nothing.
    pub deadline_max: Duration,
    /// The largest message of a request.
    pub message_bytes_max: usize,
    /// The largest answer that is transcoded.
    pub answer_bytes_max: usize,
    /// All headers of a request together.
    pub header_bytes_max: usize,
}

/// Everything a call needs on its way.
pub struct Edge {
    routes: Routes,
    sessions: Sessions,
    upstreams: Upstreams,
    local: tonic::service::Routes,
    bounds: Bounds,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    figures: RpcFigures,
    refusals: Refusals,
    audit: Audit,
}

/// What the checks found out.
struct Checked {
    session: Arc<Session>,
    scope: Scope,
    upstream: Option<usize>,
    places: [OwnedSemaphorePermit; 2],
}

/// A call that may go on.
#[derive(Debug)]
pub struct Admitted {
    call: Arc<Call>,
    session: Arc<Session>,
    scope: Scope,
    /// The place of the upstream; `None` is the gateway itself.
    upstream: Option<usize>,
}

impl Admitted {
    /// The method.
    pub fn route(&self) -> &Arc<Route> {
        &self.call.route
    }

    /// What `work` gives, unless the call's time is over before.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Status> {
        match self.call.deadline {
            Some(deadline) => timeout_at(deadline, work).await.map_err(|_| runtime::deadline::exceeded()),
            None => Ok(work.await),
        }
    }

    /// Ends the call with what is wrong with its message.
    pub fn refuse_as(&self, status: &Status, response: impl Fn(&Status) -> Response<Body>) -> Response<Body> {
        self.call.finish(status.code());
        let mut response = response(status);
        response.headers_mut().insert(REQUEST_ID, self.call.request_id.clone());
        response
    }
}

impl Edge {
    /// Ready for calls. `local` answers the gateway's own services.
    pub fn new(
        routes: Routes,
        sessions: Sessions,
        upstreams: Upstreams,
        local: tonic::service::Routes,
        bounds: Bounds,
        audit: Audit,
    ) -> Self {
        let calls = Arc::new(Semaphore::new(bounds.calls_max));
        let streams = Arc::new(Semaphore::new(bounds.streams_max));
        let (figures, refusals) = (RpcFigures::server(), Refusals::new());
        Self { routes, sessions, upstreams, local, bounds, calls, streams, figures, refusals, audit }
    }

    /// The method of a path.
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        self.routes.find(path)
    }

    /// The methods.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// What calls are held against.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Forgets what is out of date.
    pub fn sweep(&self) {
        self.sessions.sweep();
    }

    /// The answer to a path that is no method.
    pub fn unknown(&self) -> Status {
        self.figures.begin(OTHER_METHOD).ended(Code::Unimplemented);
        let mut problem =
            Problem::new(Kind::Invalid, "UNKNOWN_METHOD", "there is no such method").domain("gateway");
        problem.code = Code::Unimplemented;
        problem.into_status()
    }

    /// A whole gRPC call.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match self.admit(parts.uri.path(), &parts.headers).await {
            Ok(admitted) => self.send(admitted, &parts.headers, body).await,
            Err(status) => status.into_http(),
        }
    }

    /// Lets a call in: its method exists, its token counts, its role may, and no limit is reached.
    pub async fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Admitted, Status> {
        let Some(route) = self.routes.find(path) else { return Err(self.unknown()) };
        let mut running = self.figures.begin(&route.rule.path[1..]);
        let request_id = request_id(headers);
        let mut session = None;
        match self.check(route, headers, &mut session).await {
            Ok(checked) => Ok(self.begin(route, headers, request_id, running, checked)),
            Err(mut status) => {
                running.ended(status.code());
                if let Some(refusal) = Refusal::of(route.rule.path, &request_id, session.as_deref(), &status)
                {
                    self.refusals.add(refusal.decision);
                    self.audit.refused(refusal);
                }
                if let Ok(value) = request_id.to_str().unwrap_or_default().parse() {
                    status.metadata_mut().insert(identity::REQUEST_ID_KEY, value);
                }
                Err(status)
            }
        }
    }

    /// What has to be right. The session is told apart from the result, because refusals are told with it.
    async fn check(
        &self,
        route: &Route,
        headers: &HeaderMap,
        session: &mut Option<Arc<Session>>,
    ) -> Result<Checked, Status> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        if bytes > self.bounds.header_bytes_max {
            let text =
                format!("the headers are larger than the limit of {} bytes", self.bounds.header_bytes_max);
            return Err(Problem::new(Kind::Exhausted, "HEADERS_TOO_LARGE", text)
                .domain("gateway")
                .into_status());
        }
        let signed_in = session.insert(self.sessions.of(headers).await?);
        let granted = route.rule.scope_for(&signed_in.caller.roles).ok_or_else(denied)?;
        let scope = Scope::granted(&signed_in.caller, granted)?;
        let upstream = self.upstream(route, headers)?;
        let merchants = signed_in.allowance.take(route.is_endless())?;
        let places = if route.is_endless() { &self.streams } else { &self.calls };
        let ours = Arc::clone(places).try_acquire_owned().map_err(|_| overloaded())?;
        Ok(Checked { session: Arc::clone(signed_in), scope, upstream, places: [merchants, ours] })
    }

    fn begin(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
        request_id: HeaderValue,
        running: RunningCall,
        checked: Checked,
    ) -> Admitted {
        let Checked { session, scope, upstream, places } = checked;
        let span = tracing::info_span!(
            "rpc",
            otel.kind = "server",
            service = "gateway",
            rpc.method = &route.rule.path[1..],
            rpc.response.status_code = tracing::field::Empty,
            trace_id = tracing::field::Empty,
            merchant = session.caller.merchant.as_str(),
            request_id = request_id.to_str().unwrap_or_default(),
        );
        if let Some(trace_id) = propagation::join(&span, headers) {
            span.record("trace_id", tracing::field::display(trace_id));
        }
        let deadline = deadline::of(route, headers, self.bounds.deadline_max, Instant::now());
        let call = Call::new(Arc::clone(route), request_id, deadline, span, running, places);
        Admitted { call, session, scope, upstream }
    }

    fn upstream(&self, route: &Route, headers: &HeaderMap) -> Result<Option<usize>, Status> {
        match route.target {
            Target::Local => Ok(None),
            Target::Upstream(at) => Ok(Some(at)),
            Target::Named => {
                let name = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let at = self.upstreams.place(name);
                at.map(Some)
                    .ok_or_else(|| status::invalid(TARGET.as_str(), "names the service that is meant"))
            }
            Target::Nobody => Err(upstreams::absent()),
        }
    }

    /// Passes a call on and its answer back. The answer is gRPC and always has a status.
    pub async fn send(&self, admitted: Admitted, headers: &HeaderMap, body: Body) -> Response<Body> {
        let call = Arc::clone(&admitted.call);
        let inbound = Inbound::wrap(body, self.bounds.message_bytes_max, Arc::clone(&call));
        let head = || Self::head(&admitted, headers);
        let answered = match admitted.upstream {
            Some(at) => {
                let sent = self.upstreams.call(at, call.route.is_endless(), head, inbound);
                admitted.within(sent).await.flatten().map(|(response, lane)| (response, Some(lane)))
            }
            // Boxed: calls that are passed on need no room for it.
            None => {
                let answered = Box::pin(self.answer(&admitted, Request::from_parts(head(), inbound)));
                admitted.within(answered).await.flatten().map(|response| (response, None))
            }
        };
        let outcome = answered.and_then(|(response, lane)| Ok((with_status(response, &call)?, lane)));
        let mut response = match outcome {
            Ok((response, lane)) => {
                let (parts, body) = response.into_parts();
                let body = Outbound::wrap(&parts.headers, body, Arc::clone(&call), lane);
                Response::from_parts(parts, body)
            }
            Err(status) => {
                // What was wrong with the caller's own bytes explains whatever the service made of them.
                let status = call.fault().unwrap_or(status);
                call.finish(status.code());
                status.into_http()
            }
        };
        response.headers_mut().insert(REQUEST_ID, call.request_id.clone());
        response
    }

    /// Answers a method of the gateway's own, as the runtime's server would: with the caller in the request, and the
    /// identity and deadline for the calls that it makes.
    async fn answer(
        &self,
        admitted: &Admitted,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let extensions = request.extensions_mut();
        extensions.insert(admitted.caller());
        extensions.insert(admitted.scope.clone());
        let context = CallContext {
            deadline: admitted.call.deadline,
            identity: Some(admitted.session.identity.clone()),
            request_id: Some(admitted.call.request_id.clone()),
        };
        let answered = context::scope(context, self.local.clone().oneshot(request));
        let answered = AssertUnwindSafe(answered.instrument(admitted.call.span.clone())).catch_unwind();
        match answered.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            // One failed call and not a broken connection with everybody else's calls on it.
            Err(_) => Err(Problem::new(Kind::Internal, "INTERNAL", "internal error")
                .domain("gateway")
                .into_status()),
        }
    }

    /// The head of the next hop's request.
    fn head(admitted: &Admitted, from: &HeaderMap) -> request::Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = http::Method::POST;
        head.version = http::Version::HTTP_2;
        head.uri = Uri::from_static(admitted.call.route.rule.path);
        head.headers = Self::headers(admitted, from);
        head
    }

    /// The headers of the next hop, written anew.
    fn headers(admitted: &Admitted, from: &HeaderMap) -> HeaderMap {
        let mut to = HeaderMap::with_capacity(12);
        to.insert(header::TE, HeaderValue::from_static("trailers"));
        to.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        for name in PASSED {
            if let Some(value) = from.get(&name) {
                to.insert(name, value.clone());
            }
        }
        to.insert(IDENTITY, admitted.session.identity.clone());
        to.insert(REQUEST_ID, admitted.call.request_id.clone());
        if let Some(deadline) = admitted.call.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            to.insert(runtime::deadline::TIMEOUT_HEADER, runtime::deadline::encode(left));
        }
        admitted.call.span.in_scope(|| propagation::inject(&mut to));
        to
    }
}

impl Admitted {
    fn caller(&self) -> Caller {
        let mut caller = self.session.caller.clone();
        caller.request_id = self.call.request_id.to_str().unwrap_or_default().to_owned();
        caller
    }
}

/// An answer that HTTP itself refused (headers too large, no such path, a proxy between) has no gRPC status; this
/// gives it the one that gRPC prescribes.
fn with_status(response: Response<Body>, call: &Call) -> Result<Response<Body>, Status> {
    use http::StatusCode as Http;
    let told = body::code(response.headers());
    // Nobody cancels a call and still waits for its answer: this is a tonic server's own word for a time that is over.
    if told == Some(Code::Cancelled)
        && call.deadline.is_some_and(|deadline| deadline <= Instant::now() + CLOCK_STEP)
    {
        return Err(runtime::deadline::exceeded());
    }
    let code = match response.status() {
        _ if told.is_some() => return Ok(response),
        Http::OK => return Ok(response),
        Http::UNAUTHORIZED => Code::Unauthenticated,
        Http::FORBIDDEN => Code::PermissionDenied,
        Http::NOT_FOUND => Code::Unimplemented,
        Http::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::ResourceExhausted,
        Http::TOO_MANY_REQUESTS | Http::BAD_GATEWAY | Http::SERVICE_UNAVAILABLE | Http::GATEWAY_TIMEOUT => {
            Code::Unavailable
        }
        Http::BAD_REQUEST => Code::Internal,
        _ => Code::Unknown,
    };
    Err(Status::new(code, "the service did not answer by gRPC"))
}

fn denied() -> Status {
    Problem::new(Kind::Denied, "ROLE_REQUIRED", "no role of the caller may call this method")
        .domain("gateway")
        .into_status()
}

/// The caller's id of the request if it is one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    match headers.get(REQUEST_ID) {
        Some(value) if (1..=128).contains(&value.len()) && value.as_bytes().iter().all(plain) => {
            value.clone()
        }
        _ => HeaderValue::try_from(uuid::Uuid::now_v7().to_string()).expect("a UUID is plain text"),
    }
}
