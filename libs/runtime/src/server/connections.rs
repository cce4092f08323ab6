//! Connections: how many, how long, how silent, and how they end.
//!
//! Not tonic's accept loop: that one has no cap, keeps silent connections for ever, and with a grace period cuts
//! old connections off without ever telling the client to go (tonic 0.14.9, `connection_timeout_future`). The
//! gateway uses this loop too, with HTTP/1 allowed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::TcpConnectInfo;

use super::heard::{Heard, Listened};
use crate::config::{ServerConfig, TlsConfig};
use crate::tls;

/// Beyond this the protocol itself answers, with HTTP 431 and no gRPC status.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Where HTTP/1 is spoken the answerer refuses what is too large, in the caller's own protocol, up to here.
const RAW_HEADER_BYTES_MAX: u32 = 64 * 1024;
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// After a failed accept, usually for want of file descriptors: long enough for some to come back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What connections may take.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections held at once; more are closed at once.
    pub connections_max: usize,
    /// Calls open at once on one connection.
    pub streams_per_connection_max: u32,
    /// How long a new connection may stay silent, TLS included.
    pub handshake: Duration,
    /// How often an idle connection is asked whether it lives.
    pub keepalive: Duration,
    /// How long it may take to answer that.
    pub keepalive_timeout: Duration,
    /// When a connection is asked to go.
    pub age_max: Option<Duration>,
    /// How long its last calls may then still take.
    pub age_grace: Duration,
    /// How long calls in flight may take when the server stops.
    pub drain_max: Duration,
    /// Whether HTTP/1 is spoken as well.
    pub http1: bool,
}

impl From<&ServerConfig> for ConnectionLimits {
    fn from(config: &ServerConfig) -> Self {
        let millis = Duration::from_millis;
        Self {
            connections_max: config.connections_max,
            streams_per_connection_max: config.streams_per_connection_max,
            handshake: millis(config.handshake_ms_max),
            keepalive: millis(config.keepalive_ms),
            keepalive_timeout: millis(config.keepalive_timeout_ms),
            age_max: (config.connection_age_ms_max > 0).then(|| millis(config.connection_age_ms_max)),
            age_grace: millis(config.connection_age_grace_ms),
            drain_max: millis(config.drain_ms_max),
            http1: false,
        }
    }
}

/// Accepts connections and answers their requests until `stop`, then lets the requests in flight end within
/// `drain_max`. The listener is closed as soon as `stop` comes, so new clients go elsewhere.
pub async fn serve<F, A, B>(
    listener: TcpListener,
    tls: Option<TlsConfig>,
    limits: ConnectionLimits,
    stop: CancellationToken,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let shared = Shared { limits: Arc::new(limits), stop: stop.clone(), cut: CancellationToken::new() };
    let places = Arc::new(Semaphore::new(shared.limits.connections_max));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error.chain = status::chain(&error), "no connection accepted");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!("connection refused: all places are taken");
            continue;
        };
        let connection = Connection { stream, peer, _place: place, shared: shared.clone() };
        connections.spawn(connection.run(tls.clone(), answer.clone()));
    }
    drop(listener);
    connections.close();
    if timeout(shared.limits.drain_max, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "calls in flight were cut off");
        shared.cut.cancel();
        connections.wait().await;
    }
}

#[derive(Clone)]
struct Shared {
    limits: Arc<ConnectionLimits>,
    /// Finish what is under way.
    stop: CancellationToken,
    /// Finish now.
    cut: CancellationToken,
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
    shared: Shared,
}

impl Connection {
    async fn run<F, A, B>(self, tls: Option<TlsConfig>, answer: F)
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let Self { stream, peer, _place, shared } = self;
        // A call's frames are small and someone waits for each.
        let _ = stream.set_nodelay(true);
        let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) };
        let answer = move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(info.clone());
            answer(request)
        };
        let Some(tls) = tls else { return drive(stream, shared, answer).await };
        // Read for each connection: a renewed certificate comes into use by itself.
        let acceptor = match tls::server(&tls) {
            Ok(mut config) => {
                if shared.limits.http1 {
                    config.alpn_protocols.push(b"http/1.1".to_vec());
                }
                TlsAcceptor::from(Arc::new(config))
            }
            Err(error) => {
                tracing::error!(error.chain = status::chain(&error), "no TLS");
                return;
            }
        };
        match timeout(shared.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => drive(stream, shared, answer).await,
            Ok(Err(error)) => tracing::debug!(error.chain = status::chain(&error), "TLS refused"),
            Err(_) => tracing::debug!("connection closed: no TLS handshake in time"),
        }
    }
}

/// One connection from its first byte to its last.
async fn drive<S, F, A, B>(stream: S, shared: Shared, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let Shared { limits, stop, cut } = shared;
    let heard = Heard::default();
    let stream = TokioIo::new(Listened::new(stream, heard.clone()));
    let service = hyper::service::service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    let builder = builder(&limits);
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));

    let mut silence = std::pin::pin!(sleep(limits.handshake));
    let mut age = std::pin::pin!(sleep(limits.age_max.map_or(Duration::MAX, jittered)));
    let mut grace = std::pin::pin!(sleep(Duration::MAX));
    let (mut greeted, mut leaving) = (false, false);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error.chain = status::chain(&*error), "connection ended");
                }
                return;
            }
            () = cut.cancelled() => return,
            () = silence.as_mut(), if !greeted => {
                greeted = true;
                if !heard.enough() {
                    tracing::debug!("connection closed: it stayed silent");
                    return;
                }
            }
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = age.as_mut(), if !leaving => {
                leaving = true;
                grace.set(sleep(limits.age_grace));
                connection.as_mut().graceful_shutdown();
            }
            () = grace.as_mut() => return,
        }
    }
}

fn builder(limits: &ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    if !limits.http1 {
        builder = builder.http2_only();
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection_max)
        .max_header_list_size(if limits.http1 { RAW_HEADER_BYTES_MAX } else { HEADER_BYTES_MAX })
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits.keepalive)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.handshake);
    builder
}

/// Up to a tenth later, so that connections made together don't all come back together.
fn jittered(age: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    age + age / 10 * random / 255
}
