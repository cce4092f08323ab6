//! Requests that never left: a connection that is going away takes no call with it.
//!
//! A server that ages or drains a connection says GOAWAY. A request that is handed to the connection before the
//! channel notices fails, although no server has looked at it: h2 even says so, by the number of the last stream it
//! took. gRPC lets a client send such a request again, whatever it does; tonic doesn't. For that the request's body
//! is lent, and what was read from it is kept until the answer begins.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Longer requests, and streams that have got going, are not sent again.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// A body on loan.
struct Loan {
    body: Body,
    /// What was read from it; `None` when that is no longer all of it.
    read: Option<VecDeque<Bytes>>,
    read_bytes: usize,
}

impl Loan {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(data) = frame.data_ref() else {
            self.read = None;
            return;
        };
        self.read_bytes += data.len();
        match &mut self.read {
            Some(read) if self.read_bytes <= KEPT_BYTES_MAX => read.push_back(data.clone()),
            _ => self.read = None,
        }
    }
}

/// Our hold on a body that a connection has.
pub(super) struct Lent(Arc<Mutex<Option<Loan>>>);

impl Lent {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Some(Loan { body, read: Some(VecDeque::new()), read_bytes: 0 }))))
    }

    /// The body for the connection.
    pub(super) fn out(&self) -> Body {
        Body::new(Borrowed(Arc::clone(&self.0)))
    }

    /// The connection may keep the body: the answer has begun.
    pub(super) fn given(self) {
        if let Some(loan) = &mut *lock(&self.0) {
            loan.read = None;
        }
    }

    /// The body back, whole, if that is still possible.
    pub(super) fn back(self) -> Option<Body> {
        let loan = lock(&self.0).take()?;
        let read = loan.read?;
        Some(Body::new(Again { read, rest: loan.body }))
    }
}

struct Borrowed(Arc<Mutex<Option<Loan>>>);

impl HttpBody for Borrowed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        poll: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut lent = lock(&self.0);
        let Some(loan) = &mut *lent else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut loan.body).poll_frame(poll));
        if let Some(Ok(frame)) = &frame {
            loan.keep(frame);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).as_ref().is_none_or(|loan| loan.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).as_ref().map_or_else(SizeHint::default, |loan| loan.body.size_hint())
    }
}

/// What was read once and then the rest.
struct Again {
    read: VecDeque<Bytes>,
    rest: Body,
}

impl HttpBody for Again {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.read.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => Pin::new(&mut self.rest).poll_frame(poll),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }
}

fn lock(loan: &Mutex<Option<Loan>>) -> MutexGuard<'_, Option<Loan>> {
    loan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the error proves that no server has seen the request.
pub(super) fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let leaving = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
            return leaving || error.reason() == Some(Reason::REFUSED_STREAM);
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    fn in_chunks(chunks: usize, bytes: usize) -> Body {
        let frames = (0..chunks).map(move |_| Ok::<_, Status>(Frame::data(Bytes::from(vec![7; bytes]))));
        Body::new(StreamBody::new(futures::stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_comes_back_whole_whatever_was_read_of_it() {
        for read in 0..=3 {
            let lent = Lent::new(in_chunks(3, 10));
            let mut out = lent.out();
            for _ in 0..read {
                out.frame().await.expect("a frame").expect("no error");
            }
            let back = lent.back().expect("it is short");
            assert_eq!(
                back.collect().await.expect("no error").to_bytes().len(),
                30,
                "{read} frames were read"
            );
            assert!(out.frame().await.is_none(), "the connection has nothing left");
        }
    }

    #[tokio::test]
    async fn a_long_body_or_one_that_was_given_does_not_come_back() {
        let lent = Lent::new(in_chunks(3, KEPT_BYTES_MAX / 2));
        let mut out = lent.out();
        while out.frame().await.is_some() {}
        assert!(lent.back().is_none());

        let lent = Lent::new(Body::new(Full::new(Bytes::from_static(b"x"))));
        let (mut out, shared) = (lent.out(), Lent(Arc::clone(&lent.0)));
        lent.given();
        assert_eq!(out.frame().await.expect("a frame").expect("no error").into_data().expect("data"), "x");
        assert!(shared.back().is_none());
    }
}
