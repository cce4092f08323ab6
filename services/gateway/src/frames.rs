//! gRPC's message framing: one flag byte, four length bytes, the message.
//!
//! The gateway passes frames on undecoded; it only follows their lengths, to refuse a message that is too large
//! and a stream that no service could read before a service has to.

use bytes::{BufMut, Bytes, BytesMut};
use status::{Kind, Problem};
use tonic::Status;

/// Bytes before each message.
pub const PREFIX: usize = 5;

/// What is wrong with the bytes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A message is longer than the limit.
    #[error("a message of {size} bytes is larger than the limit of {limit}")]
    Oversize {
        /// What the frame announces.
        size: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The flag byte is neither 0 nor 1.
    #[error("the request is not framed as gRPC messages")]
    Flag,
    /// The stream ended inside a message.
    #[error("the request ended inside a message")]
    Truncated,
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Oversize { .. } => too_large(fault.to_string()),
            Fault::Flag | Fault::Truncated => malformed(fault.to_string()),
        }
    }
}

/// INVALID_ARGUMENT for bytes that are not what their content type says.
pub fn malformed(text: impl Into<String>) -> Status {
    Problem::new(Kind::Invalid, "MALFORMED_MESSAGE", text).domain("gateway").into_status()
}

/// RESOURCE_EXHAUSTED for what is over a limit of size. No waiting helps, so there is no time to retry after.
pub fn too_large(text: impl Into<String>) -> Status {
    Problem::new(Kind::Exhausted, "MESSAGE_TOO_LARGE", text).domain("gateway").into_status()
}

/// Follows the lengths of a stream of frames without keeping any of it.
#[derive(Debug)]
pub struct Follower {
    prefix: [u8; PREFIX],
    have: usize,
    left: usize,
    limit: usize,
}

impl Follower {
    /// Refuses messages over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { prefix: [0; PREFIX], have: 0, left: 0, limit }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), Fault> {
        while !chunk.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(chunk.len());
                self.left -= skipped;
                chunk = &chunk[skipped..];
                continue;
            }
            let taken = (PREFIX - self.have).min(chunk.len());
            self.prefix[self.have..self.have + taken].copy_from_slice(&chunk[..taken]);
            self.have += taken;
            chunk = &chunk[taken..];
            if self.have == PREFIX {
                self.have = 0;
                self.left = self.message()?;
            }
        }
        Ok(())
    }

    /// The stream has ended.
    pub fn end(&self) -> Result<(), Fault> {
        if self.have == 0 && self.left == 0 { Ok(()) } else { Err(Fault::Truncated) }
    }

    fn message(&self) -> Result<usize, Fault> {
        let [flag, a, b, c, d] = self.prefix;
        if flag > 1 {
            return Err(Fault::Flag);
        }
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if size > self.limit { Err(Fault::Oversize { size, limit: self.limit }) } else { Ok(size) }
    }
}

/// Writes the prefix of an uncompressed message of `size` bytes.
pub fn put_prefix(into: &mut BytesMut, flag: u8, size: usize) {
    into.put_u8(flag);
    // A message this long was refused long before.
    into.put_u32(u32::try_from(size).unwrap_or(u32::MAX));
}

/// A message with its prefix.
pub fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    put_prefix(&mut frame, flag, message.len());
    frame.put_slice(message);
    frame.freeze()
}

/// The message of a stream that is exactly one uncompressed message.
pub fn only(stream: &Bytes) -> Option<Bytes> {
    let [flag, a, b, c, d] = *stream.first_chunk::<PREFIX>()?;
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    (flag == 0 && stream.len() == PREFIX + size).then(|| stream.slice(PREFIX..))
}

/// Cuts whole frames out of what has arrived.
#[derive(Debug, Default)]
pub struct Cutter {
    buffer: BytesMut,
}

impl Cutter {
    /// Adds what has arrived.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole frame: its flag and its message.
    pub fn next(&mut self, limit: usize) -> Result<Option<(u8, Bytes)>, Fault> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let [flag, a, b, c, d] = *prefix;
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if size > limit {
            return Err(Fault::Oversize { size, limit });
        }
        if self.buffer.len() < PREFIX + size {
            return Ok(None);
        }
        let message = self.buffer.split_to(PREFIX + size).freeze().split_off(PREFIX);
        Ok(Some((flag, message)))
    }

    /// Whether nothing is left of an unfinished frame.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(sizes: &[usize]) -> Vec<u8> {
        sizes.iter().flat_map(|size| framed(0, &vec![7; *size]).to_vec()).collect()
    }

    #[test]
    fn lengths_are_followed_however_the_stream_is_cut() {
        let bytes = stream(&[0, 3, 300, 1]);
        for cut in 1..bytes.len() {
            let mut follower = Follower::new(300);
            for chunk in bytes.chunks(cut) {
                assert_eq!(follower.feed(chunk), Ok(()));
            }
            assert_eq!(follower.end(), Ok(()));
        }
    }

    #[test]
    fn what_no_service_could_read_is_refused() {
        let mut follower = Follower::new(300);
        assert_eq!(follower.feed(&stream(&[301])), Err(Fault::Oversize { size: 301, limit: 300 }));
        let mut follower = Follower::new(300);
        assert_eq!(follower.feed(&[2, 0, 0, 0, 0]), Err(Fault::Flag));
        for cut in 1..8 {
            let mut follower = Follower::new(300);
            assert_eq!(follower.feed(&stream(&[3])[..cut]), Ok(()));
            assert_eq!(follower.end(), Err(Fault::Truncated), "{cut}");
        }
    }

    #[test]
    fn the_cutter_gives_back_what_was_framed() {
        let bytes = stream(&[0, 3, 300]);
        let mut cutter = Cutter::default();
        let mut sizes = Vec::new();
        for byte in &bytes {
            cutter.push(std::slice::from_ref(byte));
            while let Some((flag, message)) = cutter.next(300).expect("all are within the limit") {
                assert_eq!(flag, 0);
                sizes.push(message.len());
            }
        }
        assert_eq!(sizes, [0, 3, 300]);
        assert!(cutter.is_empty());
        cutter.push(&framed(0, &[0; 301]));
        assert_eq!(cutter.next(300), Err(Fault::Oversize { size: 301, limit: 300 }));
    }
}
