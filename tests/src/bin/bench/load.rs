//! A closed-loop load client over HTTP/2 that counts what was answered, not what was sent.
//!
//! Unlike h2load it reads `grpc-status`, so that refusals never count as throughput.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The call that is repeated.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The HTTP path.
    pub path: String,
    /// Content type, authorisation and the like.
    pub headers: HeaderMap,
    /// The whole request body, framed if the protocol frames.
    pub body: Bytes,
    /// Whether success is `grpc-status: 0` rather than HTTP 200.
    pub grpc: bool,
}

/// How hard: `connections` × `streams` calls are under way at any time.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// TCP connections.
    pub connections: usize,
    /// Calls under way on each.
    pub streams: usize,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub measure: Duration,
}

/// Answered calls per second over the measured time.
pub async fn rate(address: SocketAddr, shot: &Shot, pressure: Pressure) -> Result<f64> {
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..pressure.connections {
        let sender = connect(address).await?;
        for _ in 0..pressure.streams {
            workers.spawn(worker(sender.clone(), address, shot.clone(), start, pressure));
        }
    }
    let mut answered = 0;
    while let Some(done) = workers.join_next().await {
        answered += done??;
    }
    Ok(answered as f64 / pressure.measure.as_secs_f64())
}

/// One call, so that a target is known to answer before it is measured; the answer's bytes.
pub async fn once(address: SocketAddr, shot: &Shot) -> Result<Bytes> {
    let mut sender = connect(address).await?;
    call(&mut sender, address, shot).await
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn worker(
    mut sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    shot: Shot,
    start: Instant,
    pressure: Pressure,
) -> Result<u64> {
    let mut answered = 0;
    loop {
        call(&mut sender, address, &shot).await?;
        let elapsed = start.elapsed();
        if elapsed >= pressure.warm_up + pressure.measure {
            return Ok(answered);
        }
        if elapsed >= pressure.warm_up {
            answered += 1;
        }
    }
}

async fn call(sender: &mut SendRequest<Full<Bytes>>, address: SocketAddr, shot: &Shot) -> Result<Bytes> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}{}", shot.path))
        .body(Full::new(shot.body.clone()))?;
    *request.headers_mut() = shot.headers.clone();
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    if shot.grpc {
        let trailers = body.trailers().unwrap_or(&head.headers);
        let status = trailers.get("grpc-status").and_then(|v| v.to_str().ok()).unwrap_or("none");
        if status != "0" {
            bail!("{} answered grpc-status {status}, http {}, {trailers:?}", shot.path, head.status);
        }
    } else if head.status != 200 {
        bail!("{} answered {}: {:?}", shot.path, head.status, body.to_bytes());
    }
    Ok(body.to_bytes())
}
