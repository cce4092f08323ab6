//! A server's data folder: made, given to the server's user, locked, and the few files that we keep in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;

use crate::Error;
use crate::user::ServerUser;

/// A data folder that this process alone holds.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    user: ServerUser,
    // Held for its lock only: the kernel frees it when we end, however we end.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, gives it to the user that servers run as, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(Error::io(|| format!("resolve {}", path.display())))?;
        let user = ServerUser::choose()?;
        fs::create_dir_all(&path).map_err(Error::io(|| format!("make folder {}", path.display())))?;
        user.check_reaches(&path)?;
        set_mode(&path, 0o700)?;
        user.own(&path)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(Error::io(|| format!("open {}", lock_path.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, user, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: path }),
            Err(TryLockError::Error(source)) => {
                Err(Error::io(|| format!("lock {}", lock_path.display()))(source))
            }
        }
    }

    /// A path inside the folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Who the server runs as.
    pub(crate) fn user(&self) -> &ServerUser {
        &self.user
    }

    /// Writes a file that only the server's user (and root) can read.
    pub(crate) fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.join(name);
        let describe = || format!("write {}", path.display());
        OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(Error::io(describe))?;
        self.user.own(&path)?;
        Ok(path)
    }

    /// The password of this folder's server: made at the first start, the same ever after.
    pub(crate) fn password(&self) -> Result<String, Error> {
        let path = self.join("password");
        if let Ok(password) = fs::read_to_string(&path)
            && !password.is_empty()
        {
            return Ok(password);
        }
        let mut random = rand::rng();
        // 32 hexadecimal digits: nothing that a URL or a configuration file would need to escape.
        let password: String =
            (0..32).map(|_| char::from(b"0123456789abcdef"[random.random_range(0..16)])).collect();
        self.write_secret("password", &password)?;
        Ok(password)
    }

    /// The port of the last start if it is still free, else another free one. `avoid` lists ports that looked free
    /// and were lost to somebody else.
    pub(crate) fn port(&self, avoid: &[u16]) -> Result<u16, Error> {
        let last =
            fs::read_to_string(self.join("port")).ok().and_then(|text| text.trim().parse::<u16>().ok());
        let mut random = rand::rng();
        // Below the range that the kernel gives to outgoing connections, so that a port stays free between a stop
        // and a restart.
        let candidates = last.into_iter().chain((0..200).map(|_| random.random_range(15_000..32_000)));
        let port = candidates
            .into_iter()
            .find(|port| !avoid.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
            .ok_or_else(|| Error::Io {
                what: "find a free port on 127.0.0.1".into(),
                source: std::io::ErrorKind::AddrInUse.into(),
            })?;
        self.write_secret("port", &port.to_string())?;
        Ok(port)
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::io(|| format!("set the rights of {}", path.display())))
}
