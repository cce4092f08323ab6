//! JSON objects one after another, whether they stand on a line each, in an array, or spread over lines.

use std::io::{self, BufRead};

use crate::error::{Error, RowError};
use crate::lines::LINE_BYTES_MAX;

/// The objects of an input, as bytes, each with its place: the line it begins on, or the number after the last one's where they
/// share a line. So places grow from object to object, and whoever read up to one goes on with the next, even in an array on a
/// single line.
pub(crate) struct Objects<R> {
    input: R,
    line: u64,
    /// The last that was given.
    place: u64,
    ended: bool,
}

/// An object so far.
struct Open {
    line: u64,
    bytes: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    too_long: bool,
}

impl<R: BufRead> Objects<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: 1, place: 0, ended: false }
    }

    /// The next object. What stands between objects and is neither blank nor punctuation of an array is an error of
    /// its place; so is an object that doesn't end, or has no end within 8 MiB.
    pub fn next(&mut self) -> Option<Result<(u64, Vec<u8>), Error>> {
        let mut next = self.find()?;
        let line = match &mut next {
            Ok((line, _)) => line,
            Err(Error::Row(wrong)) => &mut wrong.line,
            Err(Error::Read(_)) => return Some(next),
        };
        self.place = (*line).max(self.place + 1);
        *line = self.place;
        Some(next)
    }

    fn find(&mut self) -> Option<Result<(u64, Vec<u8>), Error>> {
        let mut open: Option<Open> = None;
        let mut stray: Option<u64> = None;
        while !self.ended {
            let byte = match self.peek() {
                Ok(Some(byte)) => byte,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(Error::Read(error)));
                }
            };
            if open.is_none() && byte == b'{' && stray.is_some() {
                break;
            }
            self.input.consume(1);
            let line = self.line;
            self.line += u64::from(byte == b'\n');
            match &mut open {
                Some(object) => {
                    if object.push(byte) {
                        return open.map(Open::close);
                    }
                }
                None if byte == b'{' => open = Some(Open::at(line)),
                // A byte order mark may stand in front.
                None if byte.is_ascii_whitespace() || b"[],\xef\xbb\xbf".contains(&byte) => {}
                None => {
                    stray.get_or_insert(line);
                }
            }
        }
        if let Some(line) = stray {
            return Some(Err(Error::row(line, "line", "has something that is no JSON object")));
        }
        open.map(|object| Err(Error::row(object.line, "line", "begins an object that doesn't end")))
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Open {
    fn at(line: u64) -> Self {
        Self { line, bytes: vec![b'{'], depth: 1, in_string: false, escaped: false, too_long: false }
    }

    /// Takes a byte; says whether the object ends with it.
    fn push(&mut self, byte: u8) -> bool {
        if self.bytes.len() < LINE_BYTES_MAX {
            self.bytes.push(byte);
        } else {
            self.too_long = true;
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth += 1,
            b'}' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }

    fn close(self) -> Result<(u64, Vec<u8>), Error> {
        if self.too_long {
            let reason = "begins an object of more than 8 MiB".to_owned();
            return Err(RowError { line: self.line, field: "line".to_owned(), reason }.into());
        }
        Ok((self.line, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects_of(text: &str) -> Vec<Result<(u64, String), u64>> {
        let mut objects = Objects::new(text.as_bytes());
        std::iter::from_fn(|| objects.next())
            .map(|object| match object {
                Ok((line, bytes)) => Ok((line, String::from_utf8(bytes).expect("text"))),
                Err(Error::Row(row)) => Err(row.line),
                Err(Error::Read(error)) => panic!("memory can be read: {error}"),
            })
            .collect()
    }

    #[test]
    fn objects_are_found_however_they_are_laid_out() {
        let of = |line, text: &str| Ok((line, text.to_owned()));
        assert_eq!(objects_of("{\"a\":1}\n{\"b\":2}\n"), [of(1, "{\"a\":1}"), of(2, "{\"b\":2}")]);
        assert_eq!(objects_of("\u{feff}[\n {\"a\":\n{}},\n{}]\n"), [of(2, "{\"a\":\n{}}"), of(4, "{}")]);
        let braces = r#"{"a":"}{\"}"}"#;
        assert_eq!(objects_of(braces), [of(1, braces)]);
    }

    #[test]
    fn places_grow_where_objects_share_a_line() {
        let of = |line, text: &str| Ok((line, text.to_owned()));
        assert_eq!(objects_of("[{},{},{}]"), [of(1, "{}"), of(2, "{}"), of(3, "{}")]);
        assert_eq!(
            objects_of("{} x {}\n{}\n\n{}\n"),
            [of(1, "{}"), Err(2), of(3, "{}"), of(4, "{}"), of(5, "{}")]
        );
        assert_eq!(objects_of("{}{}\n\n\n\n{}"), [of(1, "{}"), of(2, "{}"), of(5, "{}")]);
    }

    #[test]
    fn what_is_no_object_is_named() {
        assert_eq!(objects_of("x y\n{}"), [Err(1), Ok((2, "{}".to_owned()))]);
        assert_eq!(objects_of("{}\n{\"a\":"), [Ok((1, "{}".to_owned())), Err(2)]);
        assert_eq!(objects_of("1\n2\n"), [Err(1)]);
    }
}
