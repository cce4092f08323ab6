//! Channels to other services, which pass on how long the caller waits, which trace it is and who calls.
//!
//! ```no_run
//! # use tonic_health::pb::health_client::HealthClient as AnyGeneratedClient;
//! # fn f(config: &runtime::config::UpstreamConfig) -> Result<(), runtime::client::ClientError> {
//! let client = AnyGeneratedClient::new(runtime::client::channel(config)?);
//! # Ok(()) }
//! ```

mod unsent;

use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, Request, Response, request};
use status::{Kind, Problem};
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;
use unsent::Lent;

use crate::call_body::{CallBody, Lasting};
use crate::config::{UpstreamConfig, UpstreamTlsConfig};
use crate::context::{self, CallContext};
use crate::deadline::{self, TIMEOUT_HEADER};
use crate::identity::{IDENTITY_KEY, REQUEST_ID_KEY};
use crate::telemetry::propagation;
use crate::telemetry::rpc::{OTHER_METHOD, RpcFigures};
use crate::tls;

const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How often a request is handed to a connection that turns out to be going away.
const SENDS_MAX: usize = 3;

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The url is none, or TLS cannot be used with it.
    #[error("{url} cannot be called")]
    Url {
        /// The url.
        url: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// A certificate or key cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A channel to one service. It connects when it is first used and again whenever it has to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    channel: Channel,
    figures: RpcFigures,
    call_time_max: Duration,
}

/// A channel to the service that `config` names. Nothing is connected yet: a service may start before the ones it
/// calls.
pub fn channel(config: &UpstreamConfig) -> Result<Upstream, ClientError> {
    Ok(Upstream {
        channel: endpoint(config)?.connect_lazy(),
        figures: RpcFigures::client(),
        call_time_max: Duration::from_millis(config.call_timeout_ms),
    })
}

/// The connection settings alone, for the gateway: it passes calls on undecoded and writes their headers itself.
pub fn endpoint(config: &UpstreamConfig) -> Result<Endpoint, ClientError> {
    let url = |source| ClientError::Url { url: config.url.clone(), source };
    let mut endpoint = Endpoint::from_shared(config.url.clone())
        .map_err(url)?
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .http2_keep_alive_interval(Duration::from_millis(config.keepalive_ms))
        .keep_alive_timeout(Duration::from_millis(config.keepalive_timeout_ms))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    if let Some(tls) = &config.tls {
        endpoint = endpoint.tls_config(tls_config(tls)?).map_err(url)?;
    }
    Ok(endpoint)
}

fn tls_config(config: &UpstreamTlsConfig) -> Result<ClientTlsConfig, ClientError> {
    tls::install_provider();
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ClientError::File { path: path.clone(), source })
    };
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&config.ca_file)?));
    if let (Some(cert_file), Some(key_file)) = (&config.cert_file, &config.key_file) {
        tls = tls.identity(Identity::from_pem(read(cert_file)?, read(key_file)?));
    }
    if let Some(domain) = &config.domain {
        tls = tls.domain_name(domain);
    }
    Ok(tls)
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    /// Always ready: waiting for a connection is part of the call, so that the call's deadline holds for it too.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let upstream = self.clone();
        let rule = proto::access::rule(request.uri().path());
        let method = rule.map_or(OTHER_METHOD, |rule| rule.path.trim_start_matches('/'));
        let span = tracing::info_span!(
            "rpc.call",
            otel.kind = "client",
            rpc.method = method,
            rpc.response.status_code = tracing::field::Empty,
        );
        let endless = rule.is_some_and(proto::access::MethodRule::is_endless);
        Box::pin(upstream.made(request, method, endless, span.clone()).instrument(span))
    }
}

impl Upstream {
    async fn made(
        self,
        mut request: Request<Body>,
        method: &'static str,
        endless: bool,
        span: tracing::Span,
    ) -> Result<Response<Body>, StdError> {
        let around = context::current();
        // What the caller's own call leaves, what this request asks for, and what the settings allow.
        let asked = deadline::parse(request.headers());
        let allowed = (!endless).then_some(self.call_time_max);
        let time = asked.into_iter().chain(allowed).min();
        let own = time.and_then(|time| Instant::now().checked_add(time));
        let until = around.deadline.into_iter().chain(own).min();
        pass_on(&mut request, &around, until);

        let mut figures = self.figures.begin(method);
        let (head, body) = request.into_parts();
        let answered = send(&self.channel, || head.clone(), body);
        let answered = match until {
            None => answered.await,
            Some(until) => timeout_at(until, answered).await.unwrap_or_else(|_| Err(deadline::exceeded())),
        };
        match answered {
            Ok(response) => {
                let context = CallContext { deadline: until, ..CallContext::default() };
                Ok(CallBody::follow(response, Lasting { span, figures, context, permit: None, mend: |_| () }))
            }
            Err(status) => {
                figures.ended(status.code());
                Err(status.into())
            }
        }
    }
}

/// Sends a request, again if the connection went away before anyone had seen it. For the gateway, which passes calls
/// on; everybody else has [`Upstream`]. `head` is asked for each time, because most requests are sent once and a copy
/// kept for the others would cost all of them.
pub async fn send(
    channel: &Channel,
    head: impl Fn() -> request::Parts,
    mut body: Body,
) -> Result<Response<Body>, Status> {
    for _ in 1..SENDS_MAX {
        let lent = Lent::new(body);
        let request = Request::from_parts(head(), lent.out());
        match channel.clone().oneshot(request).await {
            Ok(response) => {
                lent.given();
                return Ok(response);
            }
            Err(error) => match lent.back() {
                Some(whole) if unsent::never_sent(&error) => body = whole,
                _ => return Err(failed(error.into())),
            },
        }
    }
    let last = channel.clone().oneshot(Request::from_parts(head(), body)).await;
    last.map_err(|error| failed(error.into()))
}

/// Writes what the next hop should know. What the request says already stays: the gateway signs its own tokens.
fn pass_on(request: &mut Request<Body>, around: &CallContext, until: Option<Instant>) {
    let headers = request.headers_mut();
    headers.remove(TIMEOUT_HEADER);
    if let Some(until) = until {
        headers.insert(TIMEOUT_HEADER, deadline::encode(until.saturating_duration_since(Instant::now())));
    }
    for (name, value) in [(IDENTITY_KEY, &around.identity), (REQUEST_ID_KEY, &around.request_id)] {
        if let Some(value) = value {
            headers.entry(HeaderName::from_static(name)).or_insert_with(|| value.clone());
        }
    }
    propagation::inject(headers);
}

/// What went wrong below gRPC. tonic calls its own timer CANCELLED and most of the rest UNKNOWN; to a caller the
/// first is a deadline and the second a service that is away.
fn failed(error: StdError) -> Status {
    let text = status::chain(&*error);
    if text.contains("Timeout expired") {
        return deadline::exceeded();
    }
    let status = Status::from_error(error);
    match status.code() {
        Code::Unknown | Code::Unavailable | Code::Internal | Code::Cancelled => {
            tracing::warn!(error.chain = text, "the service called is away");
            Problem::new(Kind::Unavailable, "UPSTREAM_UNAVAILABLE", "a service that is needed is away")
                .into_status()
        }
        _ => status,
    }
}
