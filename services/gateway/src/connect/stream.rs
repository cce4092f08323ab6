//! Messages in envelopes: Connect's streaming form.
//!
//! An envelope is a flag, a length and a message, as in gRPC; the last one (flag 2) carries the error and the
//! trailers. The HTTP status is 200 whatever happens.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use prost_reflect::MessageDescriptor;
use serde_json::{Map, Value, json};
use tonic::body::Body;
use tonic::{Code, Status};

use super::codec::{Codec, Content};
use super::{error, unary};
use crate::body;
use crate::edge::{Admitted, Edge};
use crate::frames::{self, Cutter};
use crate::routes::Route;

/// The flag of the last envelope.
const END: u8 = 2;

/// Answers a call of several messages.
pub async fn answer(
    edge: &Edge,
    admitted: Admitted,
    content: Content,
    headers: &HeaderMap,
    body: Body,
) -> Response<Body> {
    let route = Arc::clone(admitted.route());
    let request = Request {
        body,
        cutter: Cutter::default(),
        codec: content.codec,
        input: route.input.clone(),
        limit: edge.bounds().message_bytes_max,
        ended: false,
    };
    let response = edge.send(admitted, headers, Body::new(request)).await;
    let (parts, body) = response.into_parts();
    let early = body::code(&parts.headers).map(|_| parts.headers.clone());
    let answer = Answer {
        body,
        cutter: Cutter::default(),
        codec: content.codec,
        route,
        limit: edge.bounds().answer_bytes_max,
        trailers: early,
        done: false,
    };
    let mut response = Response::new(Body::new(answer));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime()));
    unary::copy_metadata(&parts.headers, "", response.headers_mut());
    response
}

/// An answer that is only the error.
pub fn refusal(content: Content, status: &Status) -> Response<Body> {
    let end = frames::framed(END, end(Some(status), &HeaderMap::new()).to_string().as_bytes());
    let mut response = Response::new(Body::new(http_body_util::Full::new(end)));
    unary::copy_metadata(status.metadata().as_ref(), "", response.headers_mut());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime()));
    response
}

/// The last envelope's document.
fn end(status: Option<&Status>, trailers: &HeaderMap) -> Value {
    let mut plain = HeaderMap::new();
    unary::copy_metadata(trailers, "", &mut plain);
    let mut metadata = Map::new();
    for name in plain.keys() {
        let values = plain.get_all(name).iter().filter_map(|value| value.to_str().ok());
        metadata.insert(name.to_string(), values.collect::<Vec<_>>().into());
    }
    let mut document = json!({});
    if let Some(status) = status {
        document["error"] = error::document(status);
    }
    if !metadata.is_empty() {
        document["metadata"] = metadata.into();
    }
    document
}

/// The caller's envelopes as gRPC frames.
struct Request {
    body: Body,
    cutter: Cutter,
    codec: Codec,
    input: MessageDescriptor,
    limit: usize,
    ended: bool,
}

impl Request {
    /// All whole envelopes that have arrived, as frames.
    fn frames(&mut self) -> Result<Option<Bytes>, Status> {
        let mut out = BytesMut::new();
        while let Some((flag, message)) = self.cutter.next(self.limit)? {
            match flag {
                0 => {
                    let message = self.codec.read(&self.input, &message)?;
                    frames::put_prefix(&mut out, 0, message.len());
                    out.extend_from_slice(&message);
                }
                1 => return Err(frames::malformed("compressed messages are not taken")),
                // A client's end of stream says nothing; the body's end is what counts.
                END => self.ended = true,
                _ => return Err(frames::malformed("the request is not framed as Connect messages")),
            }
        }
        Ok((!out.is_empty()).then(|| out.freeze()))
    }
}

impl http_body::Body for Request {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.cutter.push(data);
                    }
                    match self.frames() {
                        Ok(Some(frames)) => return Poll::Ready(Some(Ok(Frame::data(frames)))),
                        Ok(None) => {}
                        Err(status) => return Poll::Ready(Some(Err(status))),
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.cutter.is_empty() => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(frames::Fault::Truncated.into()))),
            }
        }
    }
}

/// The service's frames as envelopes.
struct Answer {
    body: Body,
    cutter: Cutter,
    codec: Codec,
    route: Arc<Route>,
    limit: usize,
    /// Of an answer without messages, whose status came in the headers.
    trailers: Option<HeaderMap>,
    done: bool,
}

impl Answer {
    fn envelopes(&mut self) -> Result<Option<Bytes>, Status> {
        let mut out = BytesMut::new();
        while let Some((_, message)) = self.cutter.next(self.limit)? {
            let message = self.codec.write(&self.route.output, &message)?;
            frames::put_prefix(&mut out, 0, message.len());
            out.extend_from_slice(&message);
        }
        Ok((!out.is_empty()).then(|| out.freeze()))
    }

    fn end(
        &mut self,
        status: Option<&Status>,
        trailers: &HeaderMap,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
        self.body = Body::empty();
        let document = end(status, trailers).to_string();
        Poll::Ready(Some(Ok(Frame::data(frames::framed(END, document.as_bytes())))))
    }

    fn end_with(&mut self, trailers: &HeaderMap) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let status = Status::from_header_map(trailers).filter(|status| status.code() != Code::Ok);
        self.end(status.as_ref(), trailers)
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(trailers) = self.trailers.take() {
            return self.end_with(&trailers);
        }
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.cutter.push(&data);
                        match self.envelopes() {
                            Ok(Some(envelopes)) => return Poll::Ready(Some(Ok(Frame::data(envelopes)))),
                            Ok(None) => {}
                            Err(status) => return self.end(Some(&status), &HeaderMap::new()),
                        }
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        return self.end_with(&trailers);
                    }
                },
                // Outbound ends every answer with trailers; this is for a body that does not.
                Some(Err(status)) => return self.end(Some(&status), &HeaderMap::new()),
                None => {
                    return self.end(Some(&Status::unavailable("the answer was cut off")), &HeaderMap::new());
                }
            }
        }
    }
}
