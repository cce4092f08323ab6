//! Whether a connection has said anything yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The length of the HTTP/2 preface; the shortest HTTP/1 request is about as long.
const GREETING_BYTES: usize = 24;

/// How many bytes came in, up to a greeting.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicUsize>);

impl Heard {
    /// Whether the other side has greeted. From then on keep-alive and deadlines watch over it.
    pub(super) fn enough(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= GREETING_BYTES
    }
}

/// A stream that notes what it hears.
pub(super) struct Listened<S> {
    stream: S,
    heard: Heard,
}

impl<S> Listened<S> {
    pub(super) fn new(stream: S, heard: Heard) -> Self {
        Self { stream, heard }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Listened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(poll, buffer))?;
        if !self.heard.enough() {
            self.heard.0.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listened<S> {
    fn poll_write(mut self: Pin<&mut Self>, poll: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(poll, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, poll: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, poll: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(poll, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
