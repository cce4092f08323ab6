//! Heads kept where the database's administrator can't reach them: a file of JSON lines, written as the chain grows and read
//! back to verify it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::config::ConfigError;
use runtime::journal;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Head;

/// A head a second would be as good and sixty times the file.
const EVERY: Duration = Duration::from_secs(60);

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    schema: String,
    link: i64,
    hash: String,
    at: DateTime<Utc>,
}

/// Appends heads of one schema's chain to a file, if there is one: the first, then the newest of each minute, then the last.
#[derive(Debug)]
pub(crate) struct Keeper {
    schema: &'static str,
    file: Option<PathBuf>,
    due: Option<Instant>,
    waiting: Option<(Head, DateTime<Utc>)>,
}

impl Keeper {
    pub(crate) fn new(schema: &'static str, file: Option<PathBuf>) -> Self {
        Self { schema, file, due: None, waiting: None }
    }

    /// Takes a new head; kept by [`Keeper::keep`].
    pub(crate) fn take(&mut self, head: &Head, at: DateTime<Utc>) {
        self.waiting = self.file.as_ref().map(|_| (head.clone(), at));
    }

    /// Writes what waits, if it is time to.
    pub(crate) async fn keep(&mut self) -> std::io::Result<()> {
        if self.due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        if self.waiting.is_some() {
            // Also after a failure: a full disk gets no better by a try each second.
            self.due = Some(Instant::now() + EVERY);
        }
        self.flush().await
    }

    /// Writes what waits.
    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        let (Some(path), Some((head, at))) = (&self.file, &self.waiting) else { return Ok(()) };
        let (schema, hash) = (self.schema.to_owned(), hex::encode(head.hash));
        let line = format!("{}\n", serde_json::to_string(&Line { schema, link: head.link, hash, at: *at })?);
        let path = path.clone();
        tokio::task::spawn_blocking(move || journal::append(&path, &line)).await??;
        self.waiting = None;
        Ok(())
    }
}

/// The heads of `schema` that a file of JSON lines keeps.
pub(super) fn read(path: &Path, schema: &str) -> Result<Vec<Head>, ConfigError> {
    let name = path.display();
    let text = journal::read(path)
        .map_err(|error| ConfigError::Unusable(format!("{name} can't be read: {error}")))?;
    let mut heads = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = || ConfigError::Unusable(format!("line {} of {name} is no audit head", number + 1));
        let line: Line = serde_json::from_str(line).map_err(|_| wrong())?;
        if line.schema == schema {
            heads.push(Head { link: line.link, hash: hash(&line.hash).ok_or_else(wrong)? });
        }
    }
    if heads.is_empty() {
        return Err(ConfigError::Unusable(format!("{name} has no audit head of {schema}")));
    }
    Ok(heads)
}

fn hash(digits: &str) -> Option<[u8; 32]> {
    hex::decode(digits).ok()?.try_into().ok()
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.link, hex::encode(self.hash))
    }
}

impl FromStr for Head {
    type Err = ConfigError;

    /// `LINK:HASH`, the hash in 64 hex digits.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parsed = text.split_once(':').and_then(|(link, digits)| {
            Some(Self { link: link.parse().ok().filter(|link| *link > 0)?, hash: hash(digits)? })
        });
        parsed.ok_or_else(|| {
            ConfigError::Unusable(format!("{text:?} is no audit head: LINK:HASH, with 64 hex digits"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(link: i64) -> Head {
        Head { link, hash: [7; 32] }
    }

    #[test]
    fn a_head_is_read_as_it_is_written() {
        assert_eq!(head(12).to_string().parse::<Head>().expect("is one"), head(12));
        for wrong in ["", "12", "12:", "x:07", "0:0707", &format!("0:{}", "07".repeat(32))] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_file_has_the_first_head_and_the_last() {
        let folder = testkit::Scratch::new();
        let path = folder.path().join("heads.jsonl");
        let mut keeper = Keeper::new("things", Some(path.clone()));
        for link in 1..=3 {
            keeper.take(&head(link), DateTime::UNIX_EPOCH);
            keeper.keep().await.expect("keeps");
        }
        assert_eq!(read(&path, "things").expect("is read"), [head(1)], "the others wait for their minute");
        keeper.flush().await.expect("keeps");
        keeper.flush().await.expect("has nothing more");
        assert_eq!(read(&path, "things").expect("is read"), [head(1), head(3)]);
        let none = read(&path, "other").expect_err("is another schema's");
        assert!(status::chain(&none).contains("no audit head of other"), "{none:?}");

        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, format!("{text}{{\"schema\":\"thi")).expect("is written");
        assert_eq!(read(&path, "things").expect("is read").len(), 2, "a torn last line is none");
        std::fs::write(&path, format!("{{}}\n{text}")).expect("is written");
        let broken = read(&path, "things").expect_err("is no head");
        assert!(status::chain(&broken).contains("line 1 of"), "{broken:?}");
    }
}
