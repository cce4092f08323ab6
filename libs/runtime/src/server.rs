//! A service's server: two listeners, one way through for every call.
//!
//! The steps of a call are one function in `pipeline.rs`, read from top to bottom: trace → figures → access → deadline
//! → load → size → handler. [`connections`] holds what a client can do before it has made a call. [`ops`] answers
//! health (`liveness`, `readiness`, ``) over gRPC and figures under `/metrics`, on a listener of its own.
//!
//! A handler finds [`crate::identity::Caller`] and [`crate::identity::Scope`] in its request, and what it calls in
//! turn gets the rest of its time, its trace and its caller by itself ([`crate::context`]).

mod access;
pub mod connections;
mod heard;
pub mod ops;
mod pipeline;
mod protocol;
mod size_limit;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};

pub use access::AccessCheck;
use connections::ConnectionLimits;
use ops::{Health, Probe};
use pipeline::Pipeline;

use crate::config::ServerConfig;
use crate::tls;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("server.tls cannot be used")]
    Tls(#[from] tls::TlsError),
    /// The descriptions that reflection shows cannot be read.
    #[error("reflection cannot be offered")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Listening {
    /// Where calls are answered.
    pub address: SocketAddr,
    /// Where health and figures are answered.
    pub health: SocketAddr,
    /// Cancelled when the last call has ended: from then on nobody asks for anything.
    pub drained: CancellationToken,
    /// Ends when the token given to [`Server::start`] is cancelled and the calls in flight have ended.
    pub task: JoinHandle<()>,
}

/// A server being put together.
pub struct Server {
    name: &'static str,
    config: ServerConfig,
    access: AccessCheck,
    routes: RoutesBuilder,
    served: Vec<&'static str>,
    probes: Vec<Probe>,
}

impl Server {
    /// A server of the service `name` ("metrics"), which is also the domain of the errors it makes itself.
    pub fn new(name: &'static str, config: &ServerConfig, access: AccessCheck) -> Self {
        let (routes, served, probes) = (RoutesBuilder::default(), Vec::new(), Vec::new());
        Self { name, config: config.clone(), access, routes, served, probes }
    }

    /// Answers the calls of a generated server.
    ///
    /// `server.message_bytes_max` holds for all of them. Beside it stands the generated server's own limit of 4 MiB, which
    /// covers what a compressed message becomes: leave it as it is, the setting takes no more.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self.served.push(S::NAME);
        self
    }

    /// Makes the service ready only while `check` finds what it needs, such as its database. Asked every second.
    #[must_use]
    pub fn probe<C, F>(mut self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.probes.push(Probe { name, check: Box::new(move || Box::pin(check())) });
        self
    }

    /// Binds both listeners and answers until `stop`.
    pub async fn start(self, stop: CancellationToken) -> Result<Listening, ServerError> {
        let calls = listen(self.config.listen).await?;
        let ops = listen(self.config.ops_listen).await?;
        self.serve(calls, ops, stop).await
    }

    /// Answers on listeners that are bound already.
    pub async fn serve(
        self,
        calls: TcpListener,
        ops: TcpListener,
        stop: CancellationToken,
    ) -> Result<Listening, ServerError> {
        let routes = self.routes()?;
        let Self { name, config, access, probes, .. } = self;
        let pipeline = Pipeline::new(name, routes, access, &config);
        let answer = move |request: http::Request<Incoming>| {
            let pipeline = pipeline.clone();
            async move { pipeline.answer(request).await }
        };
        run(name, &config, ConnectionLimits::from(&config), (calls, ops), probes, stop, answer).await
    }

    /// The services and, if asked for, reflection over them: v1alpha is the one that older clients know.
    fn routes(&self) -> Result<Routes, ServerError> {
        let mut routes = self.routes.clone();
        if self.config.reflection {
            let describe = || {
                let builder = tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET);
                self.served.iter().fold(builder, |builder, name| builder.with_service_name(*name))
            };
            routes.add_service(describe().build_v1()?).add_service(describe().build_v1alpha()?);
        }
        Ok(routes.routes())
    }
}

/// A server of the gateway's kind: `answer` takes every request of the public listener as it comes, HTTP/1 too, and
/// sees to access, deadlines and load itself. Connections, health, figures and the drain are as in every server.
pub async fn start_raw<F, A, B>(
    name: &'static str,
    config: &ServerConfig,
    stop: CancellationToken,
    answer: F,
) -> Result<Listening, ServerError>
where
    F: Fn(http::Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = http::Response<B>> + Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let listeners = (listen(config.listen).await?, listen(config.ops_listen).await?);
    let limits = ConnectionLimits { http1: true, ..ConnectionLimits::from(config) };
    run(name, config, limits, listeners, Vec::new(), stop, answer).await
}

/// Answers on both listeners until `stop`, then drains.
async fn run<F, A, B>(
    name: &'static str,
    config: &ServerConfig,
    limits: ConnectionLimits,
    (calls, ops): (TcpListener, TcpListener),
    probes: Vec<Probe>,
    stop: CancellationToken,
    answer: F,
) -> Result<Listening, ServerError>
where
    F: Fn(http::Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = http::Response<B>> + Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let address = bound(&calls)?;
    let health_address = bound(&ops)?;
    if let Some(tls) = &config.tls {
        // Bad files should stop the start, not each connection.
        tls::server(tls)?;
    }
    let (health, router) = Health::new().await;
    health.clone().watch(name, probes, stop.clone());

    // Health outlives the calls: whoever asks during the drain is told that it drains.
    let (drain, drained) = (CancellationToken::new(), CancellationToken::new());
    let ops_task = tokio::spawn(ops::serve(ops, router, drained.clone()));
    let calls_task =
        tokio::spawn(connections::serve(calls, config.tls.clone(), limits, drain.clone(), answer));
    tracing::info!(service = name, %address, health = %health_address, "listening");
    let drain_notice = Duration::from_millis(config.drain_notice_ms);
    let over = drained.clone();
    let task = tokio::spawn(async move {
        stop.cancelled().await;
        health.ready(false).await;
        tracing::info!(service = name, "draining");
        tokio::time::sleep(drain_notice).await;
        drain.cancel();
        let calls = calls_task.await;
        over.cancel();
        for ended in [calls, ops_task.await] {
            if let Err(error) = ended {
                tracing::error!(error.chain = status::chain(&error), "a listener ended badly");
            }
        }
        tracing::info!(service = name, "stopped");
    });
    Ok(Listening { address, health: health_address, drained, task })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

fn bound(listener: &TcpListener) -> Result<SocketAddr, ServerError> {
    let unbound = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|source| ServerError::Listen { address: unbound, source })
}

/// A token that SIGTERM or Ctrl-C cancels: what a main function gives to [`Server::start`].
pub fn stop_on_signals() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}
