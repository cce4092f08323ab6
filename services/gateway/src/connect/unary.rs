//! One message each way: the body is the message, the HTTP status is the result.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tonic::body::Body;
use tonic::{Code, Status};

use super::codec::{Codec, Content};
use super::error;
use crate::body;
use crate::edge::{Admitted, Edge};
use crate::frames;

/// A request in the address of a GET, which browsers and proxies may repeat.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    /// How the message is written.
    pub codec: Codec,
    /// The message as written.
    pub message: Vec<u8>,
}

impl Query {
    /// Reads `encoding`, `message`, `base64` and `compression`.
    pub fn parse(query: &str) -> Result<Self, Status> {
        let (mut codec, mut message, mut base64) = (None, Vec::new(), false);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescape(value);
            match (key, value.as_slice()) {
                ("encoding", b"json") => codec = Some(Codec::Json),
                ("encoding", b"proto") => codec = Some(Codec::Proto),
                ("encoding", _) => return Err(status::invalid("encoding", "is json or proto")),
                ("compression", b"" | b"identity") => {}
                ("compression", _) => return Err(Status::unimplemented("compressed messages are not taken")),
                ("base64", flag) => base64 = flag == b"1",
                ("message", _) => message = value,
                // `connect=v1`, and what a client adds against caches.
                _ => {}
            }
        }
        if base64 {
            let decoded = URL_SAFE_NO_PAD.decode(&message).or_else(|_| URL_SAFE.decode(&message));
            message = decoded.map_err(|_| status::invalid("message", "is not URL-safe base64"))?;
        }
        let codec = codec.ok_or_else(|| status::invalid("encoding", "is missing"))?;
        Ok(Self { codec, message })
    }
}

/// `%41` and `+` of an address.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex = |bytes: &mut std::str::Bytes<'_>| {
            let digits = [bytes.next()?, bytes.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        };
        match byte {
            b'+' => plain.push(b' '),
            // A percent sign without digits stays what it is.
            b'%' => match hex(&mut bytes.clone()) {
                Some(value) => {
                    plain.push(value);
                    bytes.nth(1);
                }
                None => plain.push(b'%'),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Answers a call whose message is the body of a POST.
pub async fn post(
    edge: &Edge,
    admitted: Admitted,
    content: Content,
    headers: &HeaderMap,
    body: Body,
) -> Response<Body> {
    match collect(body, edge.bounds().message_bytes_max, &admitted).await {
        Ok(message) => answer(edge, admitted, content.codec, headers, &message).await,
        Err(status) => admitted.refuse_as(&status, error::response),
    }
}

/// Answers a call whose message is known.
pub async fn answer(
    edge: &Edge,
    admitted: Admitted,
    codec: Codec,
    headers: &HeaderMap,
    message: &[u8],
) -> Response<Body> {
    let route = Arc::clone(admitted.route());
    let request = match codec.read(&route.input, message) {
        Ok(request) => Full::new(frames::framed(0, &request)),
        Err(status) => return admitted.refuse_as(&status, error::response),
    };
    let response = edge.send(admitted, headers, Body::new(request)).await;
    let (parts, body) = response.into_parts();
    let outcome = match read(&parts.headers, body, edge.bounds().answer_bytes_max).await {
        Ok((message, trailers)) => codec.write(&route.output, &message).map(|body| (body, trailers)),
        Err(status) => Err(status),
    };
    match outcome {
        Ok((body, trailers)) => {
            let content = Content { codec, stream: false };
            let mut response = Response::new(Body::new(Full::from(body)));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime()));
            copy_metadata(&parts.headers, "", headers);
            copy_metadata(&trailers, "trailer-", headers);
            response
        }
        Err(status) => {
            let mut response = error::response(&status);
            copy_metadata(&parts.headers, "", response.headers_mut());
            response
        }
    }
}

/// The whole body, unless it is too large, cut off, or slower than the call may be.
async fn collect(body: Body, limit: usize, admitted: &Admitted) -> Result<Bytes, Status> {
    let collected = admitted.within(Limited::new(body, limit).collect()).await?;
    match collected {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(frames::too_large(format!("the request is larger than the limit of {limit} bytes")))
        }
        Err(_) => Err(Status::cancelled("the caller's stream was cut off")),
    }
}

/// The one message and the trailers of a gRPC answer, or its status.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<(Bytes, HeaderMap), Status> {
    if body::code(headers).is_some_and(|code| code != Code::Ok) {
        return Err(Status::from_header_map(headers).unwrap_or_else(|| Status::unknown("")));
    }
    let collected = Limited::new(body, limit).collect().await.map_err(|_| {
        frames::too_large(format!("the answer is larger than {limit} bytes; ask for less, or by gRPC"))
    })?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    if body::code(&trailers).is_some_and(|code| code != Code::Ok) {
        return Err(Status::from_header_map(&trailers).unwrap_or_else(|| Status::unknown("")));
    }
    frames::only(&collected.to_bytes()).map(|message| (message, trailers)).ok_or_else(|| {
        tracing::error!("a unary answer is not one uncompressed message");
        Status::internal("the answer cannot be read")
    })
}

/// Copies what a service adds to its answer; the transport's own headers stay behind.
pub fn copy_metadata(from: &HeaderMap, prefix: &str, to: &mut HeaderMap) {
    for (name, value) in from {
        let text = name.as_str();
        let ours = text.starts_with("grpc-")
            || [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::DATE, header::TE, header::TRAILER]
                .contains(name);
        if ours {
            continue;
        }
        if prefix.is_empty() {
            to.append(name.clone(), value.clone());
        } else if let Ok(prefixed) = HeaderName::try_from(format!("{prefix}{text}")) {
            to.append(prefixed, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_plain_and_as_base64() {
        let plain = Query::parse("connect=v1&encoding=json&message=%7B%22a%22%3A%22x+y%25%22%7D")
            .expect("it is whole");
        assert_eq!(plain, Query { codec: Codec::Json, message: br#"{"a":"x y%"}"#.to_vec() });
        for encoded in ["-_8", "-_8%3D"] {
            let base64 =
                Query::parse(&format!("encoding=proto&base64=1&message={encoded}")).expect("it is whole");
            assert_eq!(base64, Query { codec: Codec::Proto, message: vec![0xfb, 0xff] });
        }
        assert_eq!(unescape("100%"), b"100%");
        assert_eq!(unescape("%4"), b"%4");
        assert_eq!(unescape("%zz"), b"%zz");
    }

    #[test]
    fn a_query_that_cannot_be_read_is_refused() {
        for (query, code) in [
            ("message=%7B%7D", Code::InvalidArgument),
            ("encoding=xml&message=", Code::InvalidArgument),
            ("encoding=proto&base64=1&message=***", Code::InvalidArgument),
            ("encoding=json&compression=gzip&message=", Code::Unimplemented),
        ] {
            assert_eq!(Query::parse(query).expect_err(query).code(), code, "{query}");
        }
    }
}
