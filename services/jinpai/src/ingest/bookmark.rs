//! How far an ingest of one file came, kept beside the user's other state until the file is through.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Summary;
use crate::state::user_folder;

/// Where a cut run is remembered.
#[derive(Debug)]
pub struct Bookmark {
    /// Absent for standard input, which can't be read again.
    path: Option<PathBuf>,
}

/// What is remembered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    /// Acknowledged up to here.
    pub through_line: i64,
    accepted: i64,
    unchanged: i64,
    stale: i64,
    rejected: i64,
}

impl Saved {
    /// The counts up to `through_line`.
    pub fn counts(&self) -> Summary {
        let &Self { accepted, unchanged, stale, rejected, .. } = self;
        let read = accepted + unchanged + stale + rejected;
        Summary { read, accepted, unchanged, stale, rejected, ..Summary::default() }
    }
}

impl Bookmark {
    /// The bookmark of what these files hold together, as they are now, for this merchant at this gateway: another size or time
    /// of change is another file. `taken_as` tells apart the ways in which files may be taken. Without files there is nothing to
    /// come back to.
    pub fn of(files: &[PathBuf], gateway: &str, merchant: &str, taken_as: &str) -> Result<Self> {
        if files.is_empty() {
            return Ok(Self { path: None });
        }
        let mut identity = format!("{gateway}\0{merchant}\0{taken_as}");
        for file in files {
            let meta = fs::metadata(file).with_context(|| format!("{} can't be read", file.display()))?;
            let (path, changed) = (fs::canonicalize(file)?, meta.modified()?);
            identity = format!("{identity}\0{}\0{}\0{changed:?}", path.display(), meta.len());
        }
        let name = hex::encode(Sha256::digest(identity.as_bytes()));
        Ok(Self { path: Some(user_folder()?.join("ingest").join(format!("{}.json", &name[..32]))) })
    }

    /// What an earlier, cut run left.
    pub fn load(&self) -> Result<Option<Saved>> {
        let Some(path) = &self.path else { return Ok(None) };
        match fs::read(path) {
            // A half-written bookmark only costs time: the file begins anew.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    /// Remembers that everything up to `through_line` is settled.
    pub fn save(&self, through_line: i64, summary: &Summary) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let &Summary { accepted, unchanged, stale, rejected, .. } = summary;
        let saved = Saved { through_line, accepted, unchanged, stale, rejected };
        let fresh = path.with_extension("new");
        let write = || -> Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&fresh, serde_json::to_vec(&saved)?)?;
            Ok(fs::rename(&fresh, path)?)
        };
        write().with_context(|| format!("{} can't be written", path.display()))
    }

    /// Forgets: the file is through.
    pub fn remove(&self) -> Result<()> {
        match self.path.as_deref().map(fs::remove_file) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("the bookmark can't be removed")
            }
            _ => Ok(()),
        }
    }
}
