//! Requests that never left: a connection that is going away takes no call with it.
//!
//! A server that ages or drains a connection says GOAWAY. A request that is handed to the connection in the moment
//! before the channel notices fails, although no server has seen it. gRPC lets a client send such a request again,
//! whatever it does; tonic doesn't. For that the request's body is lent, and can be taken back while nobody has
//! read from it.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::Reason;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// A body on loan, and whether it was read from.
struct Loan {
    body: Body,
    read: bool,
}

/// Our hold on a body that a connection has.
pub(super) struct Lent(Arc<Mutex<Option<Loan>>>);

impl Lent {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Some(Loan { body, read: false }))))
    }

    /// The body for the connection.
    pub(super) fn out(&self) -> Body {
        Body::new(Borrowed(Arc::clone(&self.0)))
    }

    /// The body back, whole, if nobody has read from it.
    pub(super) fn back(self) -> Option<Body> {
        let loan = lock(&self.0).take()?;
        (!loan.read).then_some(loan.body)
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
        match &mut *lock(&self.0) {
            Some(loan) => {
                loan.read = true;
                Pin::new(&mut loan.body).poll_frame(poll)
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).as_ref().is_none_or(|loan| loan.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).as_ref().map_or_else(SizeHint::default, |loan| loan.body.size_hint())
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
