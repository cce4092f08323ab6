//! Files of lines that are only ever appended to: what is kept where a database's administrator can't reach it.
//!
//! A line counts once its line break is on the disk. What a power cut left of a last line never counts, and is gone with the
//! next line, which would be joined to it otherwise.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How much is read at a time to find the last line break.
const STEP: u64 = 4096;

/// Appends lines, each with its line break; they are on the disk when this returns. Makes the file if need be, not its folder.
/// Writers of several processes wait for each other. Blocks: async callers take a thread for it.
///
/// # Errors
/// The file can't be opened, locked or written. Then nothing of the lines counts, or all of them but what follows the last
/// line break in the file.
pub fn append(path: &Path, lines: &str) -> io::Result<()> {
    debug_assert!(lines.is_empty() || lines.ends_with('\n'), "a line without its break does not count");
    // Only to append: files that the system lets nobody write in any other way stay usable.
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // Let go with the file.
    file.lock()?;
    let length = file.metadata()?.len();
    let whole = whole_length(&mut file, length)?;
    if whole < length {
        file.set_len(whole)?;
    }
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

/// The lines that count.
///
/// # Errors
/// The file can't be read, or is no UTF-8 up to its last line break.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(whole);
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Where the line after the last break begins.
fn whole_length(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut bytes = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(STEP);
        bytes.clear();
        file.seek(SeekFrom::Start(from))?;
        file.take(end - from).read_to_end(&mut bytes)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lines.jsonl");
        std::fs::write(&path, content).expect("is written");
        (folder, path)
    }

    #[test]
    fn what_was_torn_is_neither_read_nor_joined_to_the_next_line() {
        let long = "x".repeat(3 * STEP as usize);
        for (content, whole) in [
            (String::new(), ""),
            ("one\n".to_owned(), "one\n"),
            ("one\ntw".to_owned(), "one\n"),
            ("on".to_owned(), ""),
            (format!("one\n{long}"), "one\n"),
            (long.clone(), ""),
        ] {
            let (_folder, path) = with(content.as_bytes());
            assert_eq!(read(&path).expect("is read"), whole);
            append(&path, "two\nthree\n").expect("is appended");
            assert_eq!(std::fs::read_to_string(&path).expect("text"), format!("{whole}two\nthree\n"));
        }
    }

    #[test]
    fn a_character_torn_in_the_middle_is_part_of_the_torn_line() {
        let (_folder, path) = with("one\n金".as_bytes().get(..5).expect("bytes"));
        assert_eq!(read(&path).expect("is read"), "one\n");
    }

    #[test]
    fn a_file_is_made_and_its_folder_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        append(&folder.path().join("new"), "one\n").expect("is made");
        assert_eq!(read(&folder.path().join("new")).expect("is read"), "one\n");
        let none = append(&folder.path().join("none/new"), "one\n").expect_err("there is no folder");
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let (_folder, path) = with(b"torn");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for line in 0..50 {
                        append(path, &format!("{writer} {line}\n")).expect("is appended");
                    }
                });
            }
        });
        let text = read(&path).expect("is read");
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!((lines.len(), text.lines().count()), (200, 200));
    }
}
