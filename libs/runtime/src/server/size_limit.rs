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

/// A request body in which no message is larger than the limit. What comes before one that is passes.
pub(super) struct SizeLimit {
    inner: Body,
    max: usize,
    frames: Frames,
    refused: bool,
}

impl SizeLimit {
    pub(super) fn new(inner: Body, max: usize) -> Self {
        Self { inner, max, frames: Frames::default(), refused: false }
    }
}

impl HttpBody for SizeLimit {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poll: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.refused {
            return Poll::Ready(Some(Err(protocol::too_large())));
        }
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(poll)).transpose()? else {
            return Poll::Ready(None);
        };
        let max = self.max;
        let Some(good) = frame.data_ref().and_then(|data| self.frames.too_large_at(data, max)) else {
            return Poll::Ready(Some(Ok(frame)));
        };
        self.refused = true;
        match frame.into_data() {
            Ok(data) if good > 0 => Poll::Ready(Some(Ok(Frame::data(data.slice(..good))))),
            _ => Poll::Ready(Some(Err(protocol::too_large()))),
        }
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
    /// Where in `chunk` a message larger than `max` begins; 0 also if its first bytes were in an earlier chunk.
    fn too_large_at(&mut self, chunk: &[u8], max: usize) -> Option<usize> {
        let mut at = 0;
        while at < chunk.len() {
            let left = chunk.len() - at;
            if self.body_left > 0 {
                let taken = self.body_left.min(left);
                self.body_left -= taken;
                at += taken;
                continue;
            }
            let begun = at;
            let taken = (PREFIX_BYTES - self.prefix_read).min(left);
            self.prefix[self.prefix_read..self.prefix_read + taken].copy_from_slice(&chunk[at..at + taken]);
            self.prefix_read += taken;
            at += taken;
            if self.prefix_read == PREFIX_BYTES {
                let [_, a, b, c, d] = self.prefix;
                self.body_left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.prefix_read = 0;
                if self.body_left > max {
                    return Some(begun);
                }
            }
        }
        None
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
            let fits = stream.chunks(size).all(|chunk| frames.too_large_at(chunk, 70_000).is_none());
            assert!(fits, "in chunks of {size}");
            assert_eq!((frames.body_left, frames.prefix_read), (0, 0), "in chunks of {size}");
            let mut frames = Frames::default();
            let refused = stream.chunks(size).any(|chunk| frames.too_large_at(chunk, 69_999).is_some());
            assert!(refused, "in chunks of {size}");
        }
    }

    #[test]
    fn a_message_is_refused_by_what_it_announces_and_the_ones_before_it_pass() {
        let mut frames = Frames::default();
        assert_eq!(frames.too_large_at(&[0, 0xff, 0xff, 0xff, 0xff], 1 << 20), Some(0));
        let two = [message(3), message(11)].concat();
        assert_eq!(Frames::default().too_large_at(&two, 10), Some(8));
    }
}
