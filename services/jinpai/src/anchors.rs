//! What was published of draws, kept outside of whoever runs qa: commitments from before a draw, list hashes from right after
//! it. JSON lines that are only ever appended.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDate, Utc};
use runtime::journal;
use sampling::{Commitment, ListHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::session::Target;
use crate::state::{State, folder_of, user_folder};

/// What `jinpai draw` keeps.
const DRAWS: &str = "draws.jsonl";
/// What qa of a suite on this machine appends by itself (its setting `draw.commitment_file`), days ahead.
const COMMITMENTS: &str = "commitments.jsonl";

/// One line: of qa's file, or of ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Whose day.
    pub merchant: String,
    /// Which day.
    pub day: NaiveDate,
    /// As it was published.
    pub commitment: Commitment,
    /// As it was published with the draw; absent in lines from before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_hash: Option<ListHash>,
    /// When it was kept.
    #[serde(alias = "committed_at")]
    pub kept_at: DateTime<Utc>,
    /// Whether the day was drawn already when the line was written.
    #[serde(default)]
    pub after_draw: bool,
}

/// A value that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    /// What was published.
    pub value: T,
    /// Where it comes from, in words.
    pub source: String,
    /// Whether the day was drawn already when it was kept. The seed was revealed then: such a commitment says nothing about
    /// the time before.
    pub after_draw: bool,
}

/// All that was kept of a day; more than one value only if they contradict each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Commitments.
    pub commitments: Vec<Kept<Commitment>>,
    /// List hashes.
    pub list_hashes: Vec<Kept<ListHash>>,
}

impl Published {
    /// Adds what the lines of a file say of a day.
    pub fn read(&mut self, path: &Path, merchant: &str, day: NaiveDate) -> Result<()> {
        let text = journal::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            let line: Line = serde_json::from_str(line).with_context(|| {
                format!("line {} of {} keeps nothing of a draw", number + 1, path.display())
            })?;
            if line.merchant == merchant && line.day == day {
                self.add(&line, path);
            }
        }
        Ok(())
    }

    fn add(&mut self, line: &Line, path: &Path) {
        let source = format!("kept {} in {}", line.kept_at.format("%F %T UTC"), path.display());
        let commitment = Kept { value: line.commitment, source: source.clone(), after_draw: line.after_draw };
        add(&mut self.commitments, commitment);
        if let Some(value) = line.list_hash {
            add(&mut self.list_hashes, Kept { value, source, after_draw: line.after_draw });
        }
    }
}

/// The line from before the draw says more than a later one that repeats it.
fn add<T: PartialEq>(kept: &mut Vec<Kept<T>>, another: Kept<T>) {
    match kept.iter_mut().find(|known| known.value == another.value) {
        Some(known) if known.after_draw && !another.after_draw => *known = another,
        Some(_) => {}
        None => kept.push(another),
    }
}

/// Where it is kept for one suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    folder: PathBuf,
}

impl Anchors {
    /// Those of the suite in a state folder.
    pub fn below(state: &Path) -> Self {
        Self { folder: state.join("anchors") }
    }

    /// Those of the suite behind `gateway`: in its state folder if `jinpai up` runs it here, so that they end with it, else
    /// with the user's other state.
    pub fn of(target: &Target, gateway: &str) -> Result<Self> {
        // Whoever names gateway and token needs no state of a suite, so one that can't be read is not theirs.
        let here = State::read(target.state.as_deref()).ok().flatten();
        if here.is_some_and(|suite| suite.gateway == gateway) {
            return Ok(Self::below(&folder_of(target.state.as_deref())?));
        }
        let name = hex::encode(Sha256::digest(gateway.as_bytes()));
        Ok(Self { folder: user_folder()?.join("anchors").join(&name[..32]) })
    }

    /// Makes the folder if need be.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("make folder {}", self.folder.display()))
    }

    /// Where `jinpai draw` keeps.
    pub fn draws(&self) -> PathBuf {
        self.folder.join(DRAWS)
    }

    /// Where qa keeps.
    pub fn commitments(&self) -> PathBuf {
        self.folder.join(COMMITMENTS)
    }

    /// Where a service keeps the heads of its audit.
    pub fn audit_heads(&self, service: &str) -> PathBuf {
        self.folder.join(format!("audit-{service}.jsonl"))
    }

    /// What is kept of a day.
    pub fn published(&self, merchant: &str, day: NaiveDate) -> Result<Published> {
        let mut published = Published::default();
        for path in [self.draws(), self.commitments()] {
            if path.exists() {
                published.read(&path, merchant, day)?;
            }
        }
        Ok(published)
    }

    /// Keeps a line, unless it says nothing new.
    ///
    /// # Errors
    /// It contradicts what is kept: what was published has been changed.
    pub fn keep(&self, line: &Line) -> Result<()> {
        let mut known = Published::default();
        let path = self.draws();
        if path.exists() {
            known.read(&path, &line.merchant, line.day)?;
        }
        refuse_change("commitment", line, &known.commitments, &line.commitment)?;
        if let Some(hash) = &line.list_hash {
            refuse_change("list hash", line, &known.list_hashes, hash)?;
        }
        let before = known.clone();
        known.add(line, &path);
        if known == before {
            return Ok(());
        }
        self.create()?;
        let line = format!("{}\n", serde_json::to_string(line)?);
        journal::append(&path, &line).with_context(|| format!("{} can't be written", path.display()))
    }
}

fn refuse_change<T: PartialEq + std::fmt::Display>(
    what: &str,
    line: &Line,
    known: &[Kept<T>],
    now: &T,
) -> Result<()> {
    if let Some(other) = known.iter().find(|known| known.value != *now) {
        bail!(
            "the {what} of {} has changed: it is {now} now, and was {} ({})\n  Nobody can publish another one by right. \
             If the suite was set up anew at the same address, put that file aside.",
            line.day,
            other.value,
            other.source
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(commitment: u8, list_hash: Option<u8>) -> Line {
        Line {
            merchant: "m".to_owned(),
            day: "2020-05-13".parse().expect("a day"),
            commitment: Commitment::from_bytes([commitment; 32]),
            list_hash: list_hash.map(|byte| ListHash::from_bytes([byte; 32])),
            kept_at: DateTime::UNIX_EPOCH,
            after_draw: list_hash.is_some(),
        }
    }

    #[test]
    fn what_was_kept_first_stands_and_a_change_is_refused() {
        let scratch = tempfile::tempdir().expect("a folder");
        let anchors = Anchors::below(scratch.path());
        let (before, after) = (line(1, None), line(1, Some(2)));
        let day = before.day;
        assert_eq!(anchors.published("m", day).expect("is read"), Published::default());
        for line in [&before, &after, &before, &after] {
            anchors.keep(line).expect("is kept");
        }
        let text = fs::read_to_string(anchors.draws()).expect("a file");
        assert_eq!(text.lines().count(), 2, "nothing is kept twice: {text}");
        let published = anchors.published("m", day).expect("is read");
        assert_eq!((published.commitments.len(), published.list_hashes.len()), (1, 1));
        assert!(!published.commitments[0].after_draw);
        assert_eq!(anchors.published("n", day).expect("is read"), Published::default());

        let changed = anchors.keep(&line(9, None)).expect_err("another seed").to_string();
        assert!(changed.contains("the commitment of 2020-05-13 has changed"), "{changed}");
        let changed = anchors.keep(&line(1, Some(9))).expect_err("another list").to_string();
        assert!(changed.contains("the list hash of 2020-05-13 has changed"), "{changed}");
        assert_eq!(fs::read_to_string(anchors.draws()).expect("a file"), text);
    }

    #[test]
    fn the_lines_of_qa_count_and_contradictions_show() {
        let scratch = tempfile::tempdir().expect("a folder");
        let anchors = Anchors::below(scratch.path());
        anchors.keep(&line(1, Some(2))).expect("is kept");
        let of_qa = format!(
            "{{\"merchant\":\"m\",\"day\":\"2020-05-13\",\"commitment\":\"{}\",\"committed_at\":\"2020-05-12T00:00:00Z\",\
             \"before_day\":true}}\n",
            "01".repeat(32)
        );
        fs::write(anchors.commitments(), &of_qa).expect("is written");
        let day = line(1, None).day;
        let published = anchors.published("m", day).expect("is read");
        assert_eq!(published.commitments.len(), 1);
        assert!(!published.commitments[0].after_draw, "qa's line is from before the draw");
        assert!(published.commitments[0].source.contains("2020-05-12"));

        fs::write(anchors.commitments(), of_qa.replace("0101", "0909")).expect("is written");
        assert_eq!(anchors.published("m", day).expect("is read").commitments.len(), 2);
        fs::write(anchors.commitments(), "{}\n").expect("is written");
        let wrong = anchors.published("m", day).expect_err("no line of ours").to_string();
        assert!(wrong.contains("line 1 of"), "{wrong}");
    }
}
