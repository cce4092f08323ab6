//! What can go wrong while a server is found, prepared, started or stopped, said so that a person can act on it.

use std::io;
use std::path::PathBuf;

/// Why a private server could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such program in any of the places looked at.
    #[error(
        "{program} was not found (looked in {looked}); `make tools` installs it, {variable} names its folder"
    )]
    ProgramNotFound {
        /// The program, for example `nats-server`.
        program: &'static str,
        /// The places looked at, for people.
        looked: String,
        /// The environment variable that names the folder to use.
        variable: &'static str,
    },
    /// The unprivileged user cannot get to a file or folder.
    #[error(
        "{} cannot be reached by the unprivileged user `{user}` because {} is closed to others; choose a folder outside it",
        path.display(),
        closed.display()
    )]
    Unreachable {
        /// What was to be reached.
        path: PathBuf,
        /// The first folder on the way that others may not enter.
        closed: PathBuf,
        /// The user that servers run as.
        user: String,
    },
    /// Running as root and the machine has nobody to run a server as.
    #[error("servers do not run as root and none of the users {tried} exists")]
    NoUser {
        /// The users looked for.
        tried: String,
    },
    /// Another living process holds the data folder.
    #[error("{} is in use by another process; stop it first", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// The data folder was written by another major version.
    #[error(
        "{} was made by Postgres {found}, the installed one is {installed}; move it away or install {found}",
        folder.display()
    )]
    OtherVersion {
        /// The data folder.
        folder: PathBuf,
        /// The version that wrote it.
        found: String,
        /// The version of the program found.
        installed: String,
    },
    /// The server ended, or did not become ready in time.
    #[error("{server} {what}; the end of {}:\n{tail}", log.display())]
    Failed {
        /// Which server.
        server: &'static str,
        /// What happened.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log file.
        tail: String,
    },
    /// A file or process operation failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Names what was being done when an I/O error came: `.map_err(Error::io(|| format!("create {path}")))`.
    pub(crate) fn io(what: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what(), source }
    }
}
