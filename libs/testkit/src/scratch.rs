//! A temporary folder that servers may use.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// Begins the name of every folder of ours, so that what a killed run left behind is recognised.
const PREFIX: &str = "jinpai-test-";

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// What must be free there: the databases of a few tests at a time, the templates, and the write-ahead log.
const MEMORY_BYTES: u64 = 3 << 30;

/// A temporary folder that the servers' unprivileged user can enter, removed when dropped.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new, empty folder below the system's temporary folder.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir()).expect("make a temporary folder")
    }

    /// The same in memory where there is room for servers' data, for what nobody wants to keep. Each test makes and drops a
    /// database of a thousand files; a disk's file system spends more time on those than Postgres on the test.
    pub fn in_memory() -> Self {
        let room =
            rustix::fs::statvfs(MEMORY).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
        // A container may show the folder and its room, and let nobody write there.
        let folder = (room >= MEMORY_BYTES).then(|| Self::below(Path::new(MEMORY)));
        folder.and_then(Result::ok).unwrap_or_default()
    }

    fn below(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
        // Enter, not list: what lies inside has rights of its own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        Ok(Self(folder))
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
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
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
