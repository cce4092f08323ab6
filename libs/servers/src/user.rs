//! Who a server runs as. Postgres refuses root, and nothing that listens should have root's rights.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tokio::process::Command;

use crate::Error;

/// Looked for in this order when we are root. `nobody` comes last: other services may share it.
const USERS: [&str; 3] = ["jinpai", "postgres", "nobody"];

/// The user that a server runs as.
#[derive(Debug, Clone)]
pub(crate) enum ServerUser {
    /// We are an ordinary user; servers run as we do.
    Ourselves,
    /// We are root; servers give up root's rights for these.
    Other { name: String, uid: u32, gid: u32 },
}

impl ServerUser {
    /// Ourselves, or, for root, the first of the known unprivileged users that this machine has.
    pub(crate) fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::io(|| "read /etc/passwd".into()))?;
        USERS
            .iter()
            .find_map(|name| parse_passwd(&passwd, name))
            .ok_or_else(|| Error::NoUser { tried: USERS.join(", ") })
    }

    /// Makes `command` start as this user.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            // The standard library drops root's supplementary groups as well when it sets a user.
            command.uid(*uid).gid(*gid);
        }
    }

    /// Gives `path` to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        if let Self::Other { uid, gid, .. } = self {
            std::os::unix::fs::chown(path, Some(*uid), Some(*gid))
                .map_err(Error::io(|| format!("give {} to the server's user", path.display())))?;
        }
        Ok(())
    }

    /// Fails, naming the closed folder, when this user cannot get to `path`.
    pub(crate) fn check_reaches(&self, path: &Path) -> Result<(), Error> {
        let Self::Other { name, uid, gid } = self else { return Ok(()) };
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            let metadata =
                fs::metadata(folder).map_err(Error::io(|| format!("look at folder {}", folder.display())))?;
            let mode = metadata.permissions().mode();
            let enter = if metadata.uid() == *uid {
                0o100
            } else if metadata.gid() == *gid {
                0o010
            } else {
                0o001
            };
            if mode & enter == 0 {
                return Err(Error::Unreachable {
                    path: path.to_path_buf(),
                    closed: folder.to_path_buf(),
                    user: name.clone(),
                });
            }
        }
        Ok(())
    }
}

fn parse_passwd(passwd: &str, wanted: &str) -> Option<ServerUser> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(ServerUser::Other { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_the_passwd_file() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let Some(ServerUser::Other { name, uid, gid }) = parse_passwd(passwd, "postgres") else {
            panic!("postgres is in the file");
        };
        assert_eq!((name.as_str(), uid, gid), ("postgres", 101, 104));
        assert!(parse_passwd(passwd, "post").is_none(), "a prefix is not the name");
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir_all(closed.join("data")).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = ServerUser::Other { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 };
        let error = stranger.check_reaches(&closed.join("data")).unwrap_err();
        assert!(matches!(&error, Error::Unreachable { closed: named, .. } if *named == closed), "{error}");
    }
}
