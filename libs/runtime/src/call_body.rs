//! The body of an answer while it is under way: the call ends where its body does, not where its head is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tracing::Span;

use crate::context::{self, CallContext};
use crate::deadline;
use crate::telemetry::rpc::{RunningCall, code_name};

/// Everything that lasts as long as a call.
#[derive(Debug)]
pub(crate) struct Lasting {
    pub(crate) span: Span,
    pub(crate) figures: RunningCall,
    pub(crate) context: CallContext,
    /// The place among the calls in flight; only servers have a limit.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// What may be wrong with a status on its way out, set right here.
    pub(crate) mend: fn(&mut HeaderMap),
}

impl Lasting {
    /// Takes note of the status in `headers`, if they have one.
    fn note(&mut self, headers: &mut HeaderMap) {
        (self.mend)(headers);
        if let Some(status) = Status::from_header_map(headers) {
            self.end(status.code());
        }
    }

    fn end(&mut self, code: Code) {
        self.figures.ended(code);
        self.span.record("rpc.response.status_code", code_name(code));
        self.permit = None;
    }
}

/// Passes a body on and ends the call with it.
pub(crate) struct CallBody {
    inner: Body,
    lasting: Lasting,
    timer: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl CallBody {
    /// Follows `response` until its end.
    pub(crate) fn follow(response: http::Response<Body>, mut lasting: Lasting) -> http::Response<Body> {
        let (mut head, inner) = response.into_parts();
        lasting.note(&mut head.headers);
        if lasting.figures.code().is_some() {
            // Trailers-only: the call is over and its body empty.
            return http::Response::from_parts(head, inner);
        }
        let timer = lasting.context.deadline.map(|at: Instant| Box::pin(tokio::time::sleep_until(at)));
        http::Response::from_parts(head, Body::new(Self { inner, lasting, timer, over: false }))
    }
}

impl CallBody {
    /// A frame on its way through; the last one says how the call ended.
    fn passed(&mut self, frame: Result<Frame<Bytes>, Status>) -> Result<Frame<Bytes>, Status> {
        match frame.map(Frame::into_trailers) {
            Ok(Ok(mut trailers)) => {
                self.lasting.note(&mut trailers);
                Ok(Frame::trailers(trailers))
            }
            Ok(Err(data)) => Ok(data),
            Err(status) => {
                self.lasting.end(status.code());
                Err(status)
            }
        }
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let inner = Pin::new(&mut this.inner);
        let (span, context) = (&this.lasting.span, &this.lasting.context);
        if let Poll::Ready(frame) = span.in_scope(|| context::within(context, || inner.poll_frame(poll))) {
            return Poll::Ready(frame.map(|frame| this.passed(frame)));
        }
        let Some(timer) = &mut this.timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(poll));
        // Half an answer is out: the rest of it is this status.
        this.over = true;
        this.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        let status = deadline::exceeded();
        this.lasting.end(status.code());
        // Our own status always fits into headers.
        let _ = status.add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
