//! A plain HTTP/1.1 client that keeps nothing back.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

/// Headers that go with each request.
#[derive(Debug, Clone)]
pub struct HttpClient {
    address: SocketAddr,
    headers: HeaderMap,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpClient {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: HeaderMap::new() }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, HeaderValue::try_from(value).expect("a header value"));
        self
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
        self.clone().with("content-type", content_type).send("POST", path, body).await
    }

    /// A Connect call by JSON.
    pub async fn json(&self, path: &str, body: &str) -> Answer {
        self.post(path, "application/json", body.to_owned()).await
    }

    pub async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let stream = TcpStream::connect(self.address).await.expect("the gateway listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "gateway.test");
        request.headers_mut().expect("the request is valid").extend(self.headers.clone());
        let request = request.body(Full::new(body.into())).expect("the request is valid");
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }
}

/// Sends a request by HTTP/2 and finds the gRPC status in the answer.
pub async fn grpc(address: SocketAddr, request: Request<Full<Bytes>>) -> tonic::Status {
    let stream = TcpStream::connect(address).await.expect("the gateway listens");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
    assert_eq!(head.status, 200, "gRPC has its own status");
    let trailers = body.collect().await.expect("a whole body").trailers().cloned().unwrap_or_default();
    let status = tonic::Status::from_header_map(&head.headers);
    status.or_else(|| tonic::Status::from_header_map(&trailers)).expect("a status")
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The readable form of a detail of a Connect error.
    pub fn detail(&self, name: &str) -> Value {
        let document = self.json();
        let details = document["details"].as_array().cloned().unwrap_or_default();
        let detail = details.into_iter().find(|detail| detail["type"] == name);
        detail.unwrap_or_else(|| panic!("no {name} in {document}"))["debug"].clone()
    }
}
