//! The way in: the gateway, in each of its protocols.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jinpai::session::{Session, Target};
use jinpai::suite::Keys;
use prost::Message;
use proto::access::Role;
use serde_json::Value;

/// How long tokens of tests count.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A gateway and the key that signs in at it.
#[derive(Debug, Clone)]
pub struct Door {
    /// `http://127.0.0.1:8080`.
    pub gateway: String,
    /// Signs tokens.
    pub keys: Keys,
}

/// What came back over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; what is none shows as text.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }
}

impl Door {
    /// A token for somebody of `merchant`.
    pub fn token(&self, merchant: &str, role: Role, person: Option<&str>) -> String {
        self.keys.token(merchant, role, person, LIFETIME).expect("signs")
    }

    /// A gRPC connection as somebody of the demo merchant.
    pub async fn session(&self, role: Role, person: Option<&str>) -> Session {
        self.session_with(self.token(crate::MERCHANT, role, person)).await
    }

    /// A gRPC connection with this token.
    pub async fn session_with(&self, token: String) -> Session {
        let target = Target { gateway: Some(self.gateway.clone()), token: Some(token), ..Target::default() };
        Session::open(&target, Role::Manager).await.expect("a session")
    }

    /// JSON over HTTP: `POST /package.Service/Method`.
    pub async fn json(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.json_with(path, token, body, &[]).await
    }

    /// [`json`](Self::json) with more headers.
    pub async fn json_with(&self, path: &str, token: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.post(path, token, &all, body.to_string().into()).await
    }

    /// A call of one message with many answers, as JSON in Connect's envelopes: all answers as an array, under the HTTP
    /// status that a unary call would have ended with.
    pub async fn json_stream(&self, path: &str, token: &str, body: &Value) -> Answer {
        let mut request = BytesMut::new();
        put_frame(&mut request, body.to_string().as_bytes());
        let headers = [("content-type", "application/connect+json")];
        let Answer { mut status, headers, mut body } =
            self.post(path, token, &headers, request.freeze()).await;
        let mut messages = Vec::new();
        while body.remaining() >= 5 {
            let flags = body.get_u8();
            let length = usize::try_from(body.get_u32()).expect("a length");
            let message: Value = serde_json::from_slice(&body.split_to(length)).expect("an envelope of JSON");
            if flags & 2 == 0 {
                messages.push(message);
            } else if let Some(code) = message["error"]["code"].as_str() {
                status = match code {
                    "permission_denied" => 403,
                    "not_found" => 404,
                    "unauthenticated" => 401,
                    _ => 400,
                };
            }
        }
        Answer { status, headers, body: Value::Array(messages).to_string().into() }
    }

    /// A unary call by gRPC-Web in its binary form; the message, or the gRPC status that came instead.
    pub async fn grpc_web<T: Message + Default>(
        &self,
        path: &str,
        token: &str,
        message: &impl Message,
    ) -> Result<T, i32> {
        match self.grpc_web_stream(path, token, message).await {
            (0, messages) => {
                let [message] = messages.as_slice() else {
                    panic!("{} messages from {path}", messages.len())
                };
                Ok(T::decode(message.clone()).expect("the message decodes"))
            }
            (code, _) => Err(code),
        }
    }

    /// A call by gRPC-Web with one message to it; the gRPC status, and the messages that came back.
    pub async fn grpc_web_stream(
        &self,
        path: &str,
        token: &str,
        message: &impl Message,
    ) -> (i32, Vec<Bytes>) {
        let mut body = BytesMut::new();
        put_frame(&mut body, &message.encode_to_vec());
        let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
        let answer = self.post(path, token, &headers, body.freeze()).await;
        assert_eq!(answer.status, 200, "gRPC-Web speaks of failures in its own trailers");
        let (messages, trailers) = frames(answer.body);
        let in_trailers = trailers.lines().find_map(|line| line.strip_prefix("grpc-status:"));
        let in_headers = || answer.headers.get("grpc-status").and_then(|value| value.to_str().ok());
        let status = in_trailers.or_else(in_headers).and_then(|code| code.trim().parse().ok());
        (status.unwrap_or_else(|| panic!("{path} answered without a status")), messages)
    }

    /// A stream by gRPC-Web with one message to it, to be read as it comes.
    pub async fn grpc_web_open(&self, path: &str, token: &str, message: &impl Message) -> Frames {
        let mut body = BytesMut::new();
        put_frame(&mut body, &message.encode_to_vec());
        let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
        Frames::of(self.send(path, token, &headers, body.freeze()).await)
    }

    /// A stream by Connect's JSON with one message to it, to be read as it comes.
    pub async fn connect_open(&self, path: &str, token: &str, message: &Value) -> Frames {
        let mut body = BytesMut::new();
        put_frame(&mut body, message.to_string().as_bytes());
        let headers = [("content-type", "application/connect+json")];
        Frames::of(self.send(path, token, &headers, body.freeze()).await)
    }

    async fn post(&self, path: &str, token: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let (head, body) = self.send(path, token, headers, body).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn send(
        &self,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.gateway))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        client.request(request).await.expect("the gateway answers")
    }
}

/// What a stream sends, frame by frame. Dropping it leaves the stream.
#[derive(Debug)]
pub struct Frames {
    headers: HeaderMap,
    body: Incoming,
    come: BytesMut,
}

/// A message of a stream, or what it ends with: gRPC-Web's trailers, Connect's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A message.
    Message(Bytes),
    /// The end.
    End(Bytes),
}

impl Frames {
    fn of(response: Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200, "streams speak of failures at their end");
        let (head, body) = response.into_parts();
        Self { headers: head.headers, body, come: BytesMut::new() }
    }

    /// The next frame. A gRPC-Web stream that failed at once has its end in the headers.
    pub async fn next(&mut self) -> Framed {
        loop {
            if let Some(frame) = self.whole() {
                return frame;
            }
            match self.body.frame().await {
                Some(frame) => {
                    let frame = frame.expect("the stream goes on");
                    self.come.extend_from_slice(frame.data_ref().expect("trailers are in the body"));
                }
                None => {
                    let status = self.headers.get("grpc-status").expect("an end with a status");
                    return Framed::End(format!("grpc-status:{}", status.to_str().expect("a number")).into());
                }
            }
        }
    }

    fn whole(&mut self) -> Option<Framed> {
        let (head, rest) = self.come.split_first_chunk::<5>()?;
        let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let is_message = head[0] == 0;
        if rest.len() < size {
            return None;
        }
        self.come.advance(5);
        let content = self.come.split_to(size).freeze();
        Some(if is_message { Framed::Message(content) } else { Framed::End(content) })
    }
}

fn put_frame(into: &mut BytesMut, message: &[u8]) {
    into.put_u8(0);
    into.put_u32(u32::try_from(message.len()).expect("a small message"));
    into.put_slice(message);
}

/// The messages of a gRPC-Web body, and the trailers in its last frame.
fn frames(mut body: Bytes) -> (Vec<Bytes>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while body.remaining() >= 5 {
        let flags = body.get_u8();
        let length = usize::try_from(body.get_u32()).expect("a length");
        let content = body.split_to(length);
        if flags & 0x80 == 0 {
            messages.push(content);
        } else {
            trailers = String::from_utf8_lossy(&content).into_owned();
        }
    }
    (messages, trailers)
}
