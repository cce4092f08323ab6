//! The largest message a client may send, held before it is buffered.
//!
//! The limit stands in the stream of bytes and not in each generated server, where every service would have to
//! remember it. It reads only the five bytes before each message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::protocol;

const PREFIX_BYTES: usize = 5;

/// A request body in which no message is larger than the limit.
pub(super) struct SizeLimit {
    inner: Body,
    max: usize,
    frames: Frames,
}

impl SizeLimit {
    pub(super) fn new(inner: Body, max: usize) -> Self {
        Self { inner, max, frames: Frames::default() }
    }
}

impl HttpBody for SizeLimit {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(poll)).transpose()? else {
            return Poll::Ready(None);
        };
        let max = self.max;
        if let Some(data) = frame.data_ref()
            && self.frames.longest(data) > max
        {
            return Poll::Ready(Some(Err(protocol::too_large())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Where in the stream of length-prefixed messages the last chunk ended.
#[derive(Debug, Default)]
struct Frames {
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    body_left: usize,
}

impl Frames {
    /// The length of the longest message that `chunk` announces.
    fn longest(&mut self, mut chunk: &[u8]) -> usize {
        let mut longest = 0;
        while !chunk.is_empty() {
            if self.body_left > 0 {
                let taken = self.body_left.min(chunk.len());
                self.body_left -= taken;
                chunk = &chunk[taken..];
                continue;
            }
            let taken = (PREFIX_BYTES - self.prefix_read).min(chunk.len());
            self.prefix[self.prefix_read..self.prefix_read + taken].copy_from_slice(&chunk[..taken]);
            self.prefix_read += taken;
            chunk = &chunk[taken..];
            if self.prefix_read == PREFIX_BYTES {
                let [_, a, b, c, d] = self.prefix;
                self.body_left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.prefix_read = 0;
                longest = longest.max(self.body_left);
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        [&[0_u8][..], &length.to_be_bytes(), &vec![0xff; length as usize]].concat()
    }

    #[test]
    fn every_message_is_seen_however_the_stream_is_cut() {
        let stream: Vec<u8> = [3, 0, 70_000, 9].into_iter().flat_map(message).collect();
        for size in [1, 2, 4, 5, 6, 7, 1000, stream.len()] {
            let mut frames = Frames::default();
            let longest = stream.chunks(size).map(|chunk| frames.longest(chunk)).max();
            assert_eq!(longest, Some(70_000), "in chunks of {size}");
            assert_eq!((frames.body_left, frames.prefix_read), (0, 0), "in chunks of {size}");
        }
    }

    #[test]
    fn a_message_is_refused_by_what_it_announces() {
        let mut frames = Frames::default();
        assert_eq!(frames.longest(&[0, 0xff, 0xff, 0xff, 0xff]), u32::MAX as usize);
    }
}
