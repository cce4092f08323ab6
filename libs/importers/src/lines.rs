//! Lines of any input, with their numbers and an upper bound.

use std::io::{self, BufRead, Read};

/// The longest line taken, in bytes: several times the largest conversation that the service takes.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    number: u64,
}

impl<R> std::fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<R: BufRead> Lines<R> {
    /// From the input's first line on.
    pub fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line that isn't blank with its number from 1, without its line end and a byte order mark; `None` at
    /// the end. A line of [`LINE_BYTES_MAX`] and more comes cut there, which no format accepts; its rest is skipped.
    ///
    /// # Errors
    ///
    /// What the input answers.
    pub fn read_line(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let Some(mut line) = self.read_any()? else { return Ok(None) };
            while line.last().is_some_and(u8::is_ascii_whitespace) {
                line.pop();
            }
            if !line.is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }

    /// The next line, blank or not, with its end cut to `\n` at most.
    pub(crate) fn read_any(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64;
        if Read::take(&mut self.input, limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.len() >= LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            self.skip_line()?;
            line.truncate(LINE_BYTES_MAX - 1);
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(Some(line))
    }

    /// Lines seen so far, blank ones included.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text);
        let mut read = Vec::new();
        while let Some((number, line)) = lines.read_line().expect("memory can be read") {
            read.push((number, String::from_utf8(line).expect("text")));
        }
        read
    }

    #[test]
    fn blank_lines_are_counted_and_not_given() {
        let wanted = vec![(1, "one".to_owned()), (4, "four".to_owned())];
        assert_eq!(lines_of(b"\xef\xbb\xbfone\r\n\n  \nfour"), wanted);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_read() {
        let mut text = vec![b'x'; LINE_BYTES_MAX + 10];
        text.extend_from_slice(b"\nshort\n");
        let lines = lines_of(&text);
        assert_eq!(lines[0].1.len(), LINE_BYTES_MAX - 1);
        assert_eq!(lines[1], (2, "short".to_owned()));
    }
}
