//! The state folder of a suite: held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::state::State;

/// A state folder that this process alone holds.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // Held for its lock only: the kernel frees it when we end, however we end.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and locks it; fails, naming the suite, while another one runs on it.
    pub fn hold(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("make folder {}", path.display()))?;
        // Enter, not list: the database's user has to get to its own part, the keys have rights of their own.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711))
            .with_context(|| format!("set the rights of {}", path.display()))?;
        let lock_path = path.join("suite.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .with_context(|| format!("open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => match State::read(Some(&path))? {
                Some(running) => bail!(
                    "a suite already runs here: {} (process {}); `jinpai down` stops it",
                    running.gateway,
                    running.pid
                ),
                None => bail!("a suite is already starting or stopping in {}", path.display()),
            },
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("lock {}", lock_path.display()))
            }
        }
    }

    /// Whether somebody holds the folder.
    pub fn is_held(path: &Path) -> bool {
        File::open(path.join("suite.lock"))
            .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("suite");
        let held = Folder::hold(path.clone()).expect("free");
        assert!(Folder::is_held(&path));
        let error = Folder::hold(path.clone()).expect_err("taken");
        assert!(error.to_string().contains("already"), "{error}");
        drop(held);
        assert!(!Folder::is_held(&path));
        Folder::hold(path).expect("free again");
    }
}
