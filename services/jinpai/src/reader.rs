//! Files of lines, compressed or not, read on a thread of their own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

/// The longest line taken, in bytes: several times the largest conversation that the service takes.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// The bytes of the file read so far, as it lies on disk, for a progress bar.
#[derive(Debug, Clone, Default)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    /// Bytes read.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The lines of a file.
pub struct Lines {
    input: Box<dyn BufRead + Send>,
    number: i64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Opens `path`; what it is packed with follows from its name: `.xz`, `.gz`, `.zst`, else nothing. `-` is standard input.
pub fn open(path: &Path, position: &Position) -> Result<Lines> {
    let input: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("{} can't be opened", path.display()))?)
    };
    let counted = Counted { input, position: position.clone() };
    let unpacked: Box<dyn Read + Send> = match path.extension().and_then(|e| e.to_str()) {
        Some("xz") => Box::new(liblzma::read::XzDecoder::new_multi_decoder(counted)),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        Some("zst") => Box::new(zstd::Decoder::new(counted).context("zstd")?),
        _ => Box::new(counted),
    };
    Ok(Lines { input: Box::new(BufReader::with_capacity(1 << 18, unpacked)), number: 0 })
}

impl Lines {
    /// The next line that isn't blank with its number from 1, without its line end; `None` at the end of the file.
    ///
    /// A line longer than [`LINE_BYTES_MAX`] comes cut there, which no format accepts, and the rest is skipped.
    pub fn read_line(&mut self) -> Result<Option<(i64, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(LINE_BYTES_MAX)?;
            let read = self.input.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.context("the file can't be read on; is it whole?")? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.len() >= LINE_BYTES_MAX && line.last() != Some(&b'\n') {
                self.skip_line()?;
                line.truncate(LINE_BYTES_MAX - 1);
            }
            while line.last().is_some_and(u8::is_ascii_whitespace) {
                line.pop();
            }
            if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if !line.is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }

    /// Lines seen so far, blank ones included.
    pub fn number(&self) -> i64 {
        self.number
    }

    fn skip_line(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        while rest.last() != Some(&b'\n') {
            rest.clear();
            if self.input.by_ref().take(1 << 16).read_until(b'\n', &mut rest)? == 0 {
                break;
            }
        }
        Ok(())
    }
}

struct Counted {
    input: Box<dyn Read + Send>,
    position: Position,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.position.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines_of(name: &str, content: &[u8]) -> Vec<(i64, String)> {
        let folder = std::env::temp_dir().join(format!("jinpai-reader-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a file");
        let mut lines = open(&path, &Position::default()).expect("it opens");
        let mut read = Vec::new();
        while let Some((number, line)) = lines.read_line().expect("it reads") {
            read.push((number, String::from_utf8(line).expect("text")));
        }
        std::fs::remove_dir_all(&folder).expect("removed");
        read
    }

    #[test]
    fn every_packing_gives_the_same_lines() {
        let text = b"\xef\xbb\xbfone\r\n\n  \nfour";
        let wanted = vec![(1, "one".to_owned()), (4, "four".to_owned())];
        assert_eq!(lines_of("a.jsonl", text), wanted);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).expect("packed");
        assert_eq!(lines_of("a.jsonl.gz", &gz.finish().expect("packed")), wanted);
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(text).expect("packed");
        assert_eq!(lines_of("a.jsonl.xz", &xz.finish().expect("packed")), wanted);
        assert_eq!(lines_of("a.jsonl.zst", &zstd::encode_all(&text[..], 1).expect("packed")), wanted);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_read() {
        let mut text = vec![b'x'; LINE_BYTES_MAX + 10];
        text.extend_from_slice(b"\nshort\n");
        let lines = lines_of("long.jsonl", &text);
        assert_eq!(lines[0].1.len(), LINE_BYTES_MAX - 1);
        assert_eq!(lines[1], (2, "short".to_owned()));
    }
}
