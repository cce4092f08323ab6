//! Files, packed or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

/// The bytes of the file read so far, as it lies on disk, for a progress bar.
#[derive(Debug, Clone, Default)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    /// Bytes read.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A file, unpacked.
pub type Input = Box<dyn BufRead + Send>;
/// The lines of a file.
pub type Lines = importers::Lines<Input>;

/// Opens `path`; what it is packed with follows from its name: `.xz`, `.gz`, `.zst`, else nothing. `-` is standard input.
pub fn open(path: &Path, position: &Position) -> Result<Lines> {
    Ok(importers::Lines::new(input(path, position)?))
}

/// [`open`], but the bytes as they are.
pub fn input(path: &Path, position: &Position) -> Result<Input> {
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
    Ok(Box::new(BufReader::with_capacity(1 << 18, unpacked)))
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

    fn lines_of(name: &str, content: &[u8]) -> Vec<(u64, String)> {
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
}
