//! What a running suite leaves on this machine so that the other commands find it and can sign in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use proto::access::Role;
use runtime::clock::SystemClock;
use serde::{Deserialize, Serialize};

use crate::suite::{Suite, token_by};

/// How long a minted token counts.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The suite that `jinpai up` runs, as its state file tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// Address of the gateway.
    pub gateway: String,
    /// The private key that signs tokens for it. For this machine's suite only.
    pub key_file: PathBuf,
    /// The merchant that was loaded.
    pub merchant: String,
    /// The database, as a URL without a login; empty in what an older version left.
    #[serde(default)]
    pub database: String,
    /// The process that runs the suite.
    pub pid: u32,
}

impl State {
    /// The state of the suite that runs now; `None` if none does.
    pub fn read(folder: Option<&Path>) -> Result<Option<Self>> {
        let path = file(&folder_of(folder)?);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        let state: Self = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; stop the suite and start it again", path.display()))?;
        Ok(Path::new(&format!("/proc/{}", state.pid)).exists().then_some(state))
    }

    /// Leaves the state for others to find.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = file(folder);
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&fresh, &path).with_context(|| format!("{} can't be written", path.display()))
    }

    /// The suite has stopped.
    pub fn remove(folder: &Path) -> Result<()> {
        match fs::remove_file(file(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The state of a suite that this process runs.
    pub fn of(suite: &Suite, database: String, merchant: &str) -> Self {
        Self {
            database,
            gateway: suite.gateway(),
            key_file: suite.keys().sign_in_key.clone(),
            merchant: merchant.to_owned(),
            pid: std::process::id(),
        }
    }

    /// Signs a token for `role`, as `person` or, without one, as a program that is nobody.
    pub fn token(&self, role: Role, person: Option<&str>) -> Result<String> {
        self.token_for(&self.merchant, role, person)
    }

    /// [`State::token`] for another merchant.
    pub fn token_for(&self, merchant: &str, role: Role, person: Option<&str>) -> Result<String> {
        token_by(&self.key_file, SystemClock::shared(), merchant, role, person, TOKEN_LIFETIME)
    }
}

/// The folder of the suite's state: the given one, else one per user (`/var/lib/jinpai` for root, whose home no
/// unprivileged database could reach).
pub fn folder_of(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return std::path::absolute(given).with_context(|| format!("{} is no folder", given.display()));
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/jinpai".into());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set: give --state DIR")?;
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    Ok(state.unwrap_or_else(|| home.join(".local/state")).join("jinpai/suite"))
}

/// The folder of what a user's commands remember, whichever suite they speak to.
pub fn user_folder() -> Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Ok(state.or_else(home).context("neither XDG_STATE_HOME nor HOME is set")?.join("jinpai"))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("suite.json")
}
