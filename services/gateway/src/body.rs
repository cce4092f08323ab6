//! The two streams of a call: the caller's bytes on their way in, the service's on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::call::Call;
use crate::frames::{self, Follower};
use crate::upstreams::OnLane;

/// gRPC's status, in the trailers or in the headers of an answer without messages.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A request's bytes, passed on as they come. Nothing is kept: a service that reads slowly slows its caller down.
#[derive(Debug)]
pub struct Inbound {
    body: Body,
    follower: Follower,
    call: Arc<Call>,
}

impl Inbound {
    /// Follows the frames of `body`; messages over `limit` bytes end the call.
    pub fn wrap(body: Body, limit: usize, call: Arc<Call>) -> Body {
        Body::new(Self { body, follower: Follower::new(limit), call })
    }

    fn fail(&self, fault: Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.call.fail(fault.clone());
        Poll::Ready(Some(Err(fault)))
    }
}

impl http_body::Body for Inbound {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.data_ref().map_or(Ok(()), |data| self.follower.feed(data)) {
                Ok(()) => Poll::Ready(Some(Ok(frame))),
                Err(fault) => self.fail(fault.into()),
            },
            // The gateway's own transcoding refused the bytes and says why.
            Some(Err(refused))
                if matches!(refused.code(), Code::InvalidArgument | Code::ResourceExhausted) =>
            {
                self.fail(refused)
            }
            // tonic-web's word for bytes that are no gRPC-Web.
            Some(Err(refused)) if refused.code() == Code::Internal => {
                self.fail(frames::malformed("the request is not framed as gRPC-Web messages"))
            }
            Some(Err(_)) => self.fail(Status::cancelled("the caller's stream was cut off")),
            None => match self.follower.end() {
                Ok(()) => Poll::Ready(None),
                Err(fault) => self.fail(fault.into()),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        // An end inside a message has to be polled for, so that it is noticed.
        self.body.is_end_stream() && self.follower.end().is_ok()
    }

    // No size: what is still to be decoded (text of gRPC-Web, JSON) is not as long as what comes out.
}

/// An answer's bytes. It always ends with a status: the service's, or the reason why there is none.
#[derive(Debug)]
pub struct Outbound {
    body: Body,
    call: Arc<Call>,
    timer: Option<Pin<Box<Sleep>>>,
    done: bool,
    /// The call's place on the connection to its service.
    _lane: Option<OnLane>,
}

impl Outbound {
    /// Watches over `body`, whose headers were `headers`.
    pub fn wrap(headers: &HeaderMap, body: Body, call: Arc<Call>, lane: Option<OnLane>) -> Body {
        let done = match code(headers) {
            Some(code) => {
                call.finish(code);
                true
            }
            None => false,
        };
        Body::new(Self { body, call, timer: None, done, _lane: lane })
    }

    /// Ends the answer with a status of the gateway's. Dropping the service's stream tells the service to stop.
    fn end(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
        self.body = Body::empty();
        self.call.finish(status.code());
        Poll::Ready(Some(Ok(Frame::trailers(trailers(status)))))
    }

    /// Whether the time is over; otherwise the task is woken when it is. Most answers are whole when they are first
    /// looked at, and need no timer.
    fn is_over_or_wakes(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.call.deadline else { return false };
        let sleep = || Box::pin(tokio::time::sleep_until(deadline));
        self.timer.get_or_insert_with(sleep).as_mut().poll(cx).is_ready()
    }
}

impl http_body::Body for Outbound {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        // A stream that always has a next message would never get to the timer.
        if self.call.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return self.end(&runtime::deadline::exceeded());
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) =
                    frame.trailers_ref().map(|trailers| code(trailers).unwrap_or(Code::Unknown))
                {
                    self.done = true;
                    self.call.finish(code);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                let fault = self.call.fault();
                self.end(&fault.unwrap_or_else(|| {
                    Status::unavailable("the service went away in the middle of its answer")
                }))
            }
            Poll::Ready(None) => {
                let fault = self.call.fault();
                self.end(
                    &fault.unwrap_or_else(|| {
                        Status::unavailable("the service ended its answer without a status")
                    }),
                )
            }
            Poll::Pending if self.is_over_or_wakes(cx) => self.end(&runtime::deadline::exceeded()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        if self.done { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

/// The status code of headers or trailers that have one.
pub fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// A status as trailers.
pub fn trailers(status: &Status) -> HeaderMap {
    let mut map = HeaderMap::new();
    if status.add_header(&mut map).is_err() {
        // Only text that no header can carry fails, and ours is plain.
        map.insert(GRPC_STATUS, http::HeaderValue::from(status.code() as i32));
    }
    map
}
