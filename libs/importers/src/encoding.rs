//! UTF-8 out of what Chinese desktops write.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_8};

/// Bytes after the first that isn't ASCII, out of which the encoding is judged.
const WINDOW: usize = 64 << 10;

/// An input as UTF-8, whichever of UTF-8, UTF-16 with a mark, and GBK/GB18030 it is written in.
///
/// The encoding is judged at the first byte that isn't ASCII, so that a file of English headers is judged by its
/// Chinese. What isn't UTF-8 there is GB18030, of which GBK and GB2312 are parts. Bytes that mean nothing become
/// U+FFFD, one by one.
pub struct Utf8<R> {
    input: R,
    scratch: Box<[u8]>,
    raw: Vec<u8>,
    ended: bool,
    decoder: Option<Decoder>,
    begun: bool,
    text: Vec<u8>,
    given: usize,
}

impl<R> std::fmt::Debug for Utf8<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Utf8").field("encoding", &self.encoding()).finish_non_exhaustive()
    }
}

impl<R> Utf8<R> {
    /// The encoding's name, as far as it is known.
    pub fn encoding(&self) -> Option<&'static str> {
        self.decoder.as_ref().map(|decoder| decoder.encoding().name())
    }
}

impl<R: Read> Utf8<R> {
    /// Around an input in an unknown encoding.
    pub fn new(input: R) -> Self {
        Self {
            input,
            scratch: vec![0; WINDOW / 4].into(),
            raw: Vec::new(),
            ended: false,
            decoder: None,
            begun: false,
            text: Vec::new(),
            given: 0,
        }
    }

    fn fill_raw(&mut self) -> io::Result<()> {
        let read = loop {
            match self.input.read(&mut self.scratch) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.raw.extend_from_slice(&self.scratch[..read]);
        self.ended = read == 0;
        Ok(())
    }

    fn fill_text(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !(self.ended && self.raw.is_empty() && self.decoder.is_none()) {
            if self.raw.is_empty() && !self.ended {
                self.fill_raw()?;
            }
            if self.decoder.is_some() {
                self.decode();
                if self.ended && self.raw.is_empty() {
                    return Ok(());
                }
            } else {
                self.judge()?;
            }
        }
        Ok(())
    }

    /// Passes ASCII on; at the first other byte makes up its mind.
    fn judge(&mut self) -> io::Result<()> {
        while !self.begun && self.raw.len() < 3 && !self.ended {
            self.fill_raw()?;
        }
        if !std::mem::replace(&mut self.begun, true)
            && let Some((encoding, _)) = Encoding::for_bom(&self.raw)
        {
            self.decoder = Some(encoding.new_decoder());
            return Ok(());
        }
        let ascii = self.raw.iter().position(|byte| !byte.is_ascii()).unwrap_or(self.raw.len());
        if ascii > 0 {
            self.text.extend(self.raw.drain(..ascii));
            return Ok(());
        }
        while self.raw.len() < WINDOW && !self.ended {
            self.fill_raw()?;
        }
        if self.raw.is_empty() {
            return Ok(());
        }
        let utf8 = match std::str::from_utf8(&self.raw) {
            Ok(_) => true,
            // Cut at the window's end.
            Err(error) => error.error_len().is_none() && !self.ended,
        };
        let encoding = if utf8 { UTF_8 } else { GB18030 };
        self.decoder = Some(encoding.new_decoder_without_bom_handling());
        Ok(())
    }

    fn decode(&mut self) {
        let Some(decoder) = &mut self.decoder else { return };
        let room = decoder.max_utf8_buffer_length(self.raw.len()).unwrap_or(self.raw.len() * 3 + 16);
        self.text.resize(room, 0);
        let (result, read, written, _) = decoder.decode_to_utf8(&self.raw, &mut self.text, self.ended);
        debug_assert!(matches!(result, CoderResult::InputEmpty), "the room was asked for");
        self.raw.drain(..read);
        self.text.truncate(written);
        if self.ended && self.raw.is_empty() {
            // A decoder that was told of the end must not be used again.
            self.decoder = None;
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let text = self.fill_buf()?;
        let given = text.len().min(buffer.len());
        buffer[..given].copy_from_slice(&text[..given]);
        self.consume(given);
        Ok(given)
    }
}

impl<R: Read> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given >= self.text.len() {
            self.fill_text()?;
        }
        Ok(&self.text[self.given..])
    }

    fn consume(&mut self, amount: usize) {
        self.given = (self.given + amount).min(self.text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time, as a slow pipe may.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let given = usize::from(!self.0.is_empty() && !buffer.is_empty());
            buffer[..given].copy_from_slice(&self.0[..given]);
            self.0 = &self.0[given..];
            Ok(given)
        }
    }

    fn check(bytes: &[u8], wanted: &str) {
        let mut whole = String::new();
        Utf8::new(bytes).read_to_string(&mut whole).expect("UTF-8 comes out");
        assert_eq!(whole, wanted);
        let mut dripped = String::new();
        Utf8::new(Drip(bytes)).read_to_string(&mut dripped).expect("UTF-8 comes out");
        assert_eq!(dripped, wanted);
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "order,买家\r\n1,小明 𠮷 😀\r\n";
        check(text.as_bytes(), text);
        check(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), text);
        let (gb, _, lossy) = GB18030.encode(text);
        assert!(!lossy);
        check(&gb, text);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&[b"\xff\xfe", wide.as_slice()].concat(), text);
        check(b"", "");
        check(b"plain", "plain");
    }

    #[test]
    fn english_before_the_chinese_does_not_mislead() {
        let text = format!("{}\n买家\n", "x".repeat(3 * WINDOW));
        check(&GB18030.encode(&text).0, &text);
        check(text.as_bytes(), &text);
    }

    #[test]
    fn chinese_longer_than_the_window_is_judged_whole() {
        // Three bytes each, so that the window ends within one.
        let text = format!("x{}", "买".repeat(WINDOW));
        check(text.as_bytes(), &text);
    }

    #[test]
    fn bytes_without_meaning_are_marked() {
        let mut read = String::new();
        Utf8::new(&b"a\xff\xff\xffb"[..]).read_to_string(&mut read).expect("UTF-8 comes out");
        assert!(read.starts_with('a') && read.ends_with('b') && read.contains('\u{fffd}'), "{read:?}");
    }
}
