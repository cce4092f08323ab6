//! How to reach the database.

use std::path::PathBuf;
use std::time::Duration;

use runtime::config::{ConfigError, MILLIS, MILLIS_MAX, within};
use secrecy::SecretString;
use serde::Deserialize;

/// The `[database]` section of a service's settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Connections for the service's calls and its work beside them. Those that hold a session lock (the relay's, and one
    /// for each part that only one replica may do at a time) come on top.
    #[serde(default = "defaults::pool_size")]
    pub pool_size: u32,
    /// How long one attempt to connect may take.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long a call waits for a free connection before it is refused with RESOURCE_EXHAUSTED.
    #[serde(default = "defaults::acquire_timeout_ms")]
    pub acquire_timeout_ms: u64,
    /// How long one statement may run; 0 sets no limit.
    #[serde(default = "defaults::statement_timeout_ms")]
    pub statement_timeout_ms: u64,
    /// How long start-up goes on trying to reach a database that does not answer.
    #[serde(default = "defaults::startup_timeout_ms")]
    pub startup_timeout_ms: u64,
    /// PEM file with the authorities that may sign the server's certificate. With it only TLS is used and the
    /// certificate is verified; without it the connection is plain. Read again for every connection, so that a
    /// rotated file counts without a restart.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Where the audit chain's heads are appended, a JSON line each; empty for the log alone.
    #[serde(default)]
    pub audit_head_file: PathBuf,
}

impl DatabaseConfig {
    /// The settings of `url` with the default limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            pool_size: defaults::pool_size(),
            connect_timeout_ms: defaults::connect_timeout_ms(),
            acquire_timeout_ms: defaults::acquire_timeout_ms(),
            statement_timeout_ms: defaults::statement_timeout_ms(),
            startup_timeout_ms: defaults::startup_timeout_ms(),
            ca_file: None,
            audit_head_file: PathBuf::new(),
        }
    }

    /// # Errors
    ///
    /// The first number that no pool can work with. The url shows only when it is used.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("database.pool_size", self.pool_size, &(1..=1_000))?;
        within("database.connect_timeout_ms", self.connect_timeout_ms, &MILLIS)?;
        within("database.acquire_timeout_ms", self.acquire_timeout_ms, &MILLIS)?;
        within("database.statement_timeout_ms", self.statement_timeout_ms, &(0..=MILLIS_MAX))?;
        within("database.startup_timeout_ms", self.startup_timeout_ms, &(0..=MILLIS_MAX))
    }

    /// The file of audit heads, if there is to be one.
    pub(crate) fn audit_head_file(&self) -> Option<PathBuf> {
        (!self.audit_head_file.as_os_str().is_empty()).then(|| self.audit_head_file.clone())
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(crate) fn startup_timeout(&self) -> Duration {
        Duration::from_millis(self.startup_timeout_ms)
    }
}

mod defaults {
    pub fn pool_size() -> u32 {
        16
    }
    pub fn connect_timeout_ms() -> u64 {
        2_000
    }
    pub fn acquire_timeout_ms() -> u64 {
        1_000
    }
    pub fn statement_timeout_ms() -> u64 {
        10_000
    }
    pub fn startup_timeout_ms() -> u64 {
        30_000
    }
}
