//! A temporary folder that servers may use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// Begins the name of every folder of ours, so that what a killed run left behind is recognised.
const PREFIX: &str = "jinpai-test-";

/// A temporary folder that the servers' unprivileged user can enter, removed when dropped.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new, empty folder below the system's temporary folder.
    pub fn new() -> Self {
        remove_abandoned();
        let folder = tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir();
        let folder = folder.expect("make a temporary folder");
        // Enter, not list: what lies inside has rights of its own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))
            .expect("open the temporary folder");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Removes the folders of test processes that no longer run: a killed one cannot clean up after itself.
fn remove_abandoned() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|id| id.parse::<u32>().ok()) else { continue };
        if !Path::new(&format!("/proc/{owner}")).exists() {
            // Another process may be doing the same; whoever comes second finds nothing.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
