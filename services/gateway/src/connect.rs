//! The Connect protocol: every method as `POST /package.Service/Method` with JSON or protobuf, for callers without
//! gRPC. Reading methods may also be called by GET.
//!
//! A Connect call becomes a gRPC call here and takes the same way as all others.

pub mod codec;
pub mod error;
mod stream;
mod unary;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use status::{Kind, Problem};
use tonic::Status;
use tonic::body::Body;

use self::codec::Content;
use self::unary::Query;
use crate::edge::Edge;

/// Answers a request that is neither gRPC nor gRPC-Web.
pub async fn call(edge: &Edge, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let Some(route) = edge.find(path) else {
        return error::response(&edge.unknown());
    };
    match parts.method {
        Method::GET => get(edge, path, parts.uri.query().unwrap_or_default(), &parts.headers).await,
        Method::POST => {
            let Some(content) = Content::of(&parts.headers) else { return unsupported() };
            // A unary method has bare messages and a streaming one has envelopes: the other form is another protocol.
            if content.stream == route.is_unary() {
                return unsupported();
            }
            let refuse = |status: &Status| match content.stream {
                true => stream::refusal(content, status),
                false => error::response(status),
            };
            if is_compressed(&parts.headers) {
                return refuse(&Status::unimplemented("compressed messages are not taken"));
            }
            match edge.admit(path, &parts.headers).await {
                Err(status) => refuse(&status),
                Ok(admitted) if content.stream => {
                    stream::answer(edge, admitted, content, &parts.headers, body).await
                }
                Ok(admitted) => unary::post(edge, admitted, content, &parts.headers, body).await,
            }
        }
        _ => not_allowed("GET, POST"),
    }
}

/// A reading method with its message in the address.
async fn get(edge: &Edge, path: &str, query: &str, headers: &HeaderMap) -> Response<Body> {
    let reads = edge.find(path).is_some_and(|route| route.is_unary() && !route.rule.changes);
    if !reads {
        return not_allowed("POST");
    }
    let query = match Query::parse(query) {
        Ok(query) => query,
        Err(status) => return error::response(&status),
    };
    let mut response = match edge.admit(path, headers).await {
        Ok(admitted) => unary::answer(edge, admitted, query.codec, headers, &query.message).await,
        Err(status) => error::response(&status),
    };
    // Answers depend on who asks; nothing on the way may keep them.
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let plain = |name: &str| headers.get(name).is_none_or(|value| value == "identity");
    !(plain("content-encoding") && plain("connect-content-encoding"))
}

fn unsupported() -> Response<Body> {
    let text = "unary methods take application/json or application/proto, streaming ones application/connect+json or \
                application/connect+proto";
    let status = Problem::new(Kind::Invalid, "CONTENT_TYPE", text).domain("gateway").into_status();
    let mut response = error::response(&status);
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let status = Problem::new(Kind::Invalid, "HTTP_METHOD", format!("this is called by {methods}"));
    let mut response = error::response(&status.domain("gateway").into_status());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static(methods));
    response
}
