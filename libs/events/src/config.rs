//! How to reach the broker.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use runtime::config::{ConfigError, within};
use secrecy::SecretString;
use serde::Deserialize;

const PREFIX_MAX: usize = 60;
/// What JetStream allows.
const REPLICAS: RangeInclusive<usize> = 1..=5;

/// The `[events]` section of a service's settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// `nats://[user:password@]host:port`, several separated by commas.
    pub url: SecretString,
    /// First part of all subjects, and with `_EVENTS` the name of the stream: suites with different prefixes share a
    /// broker without meeting.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// NATS credentials file (`.creds`), if the broker wants one.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
    /// Copies of the stream that a cluster keeps: 1 on a single server, 3 on a cluster.
    #[serde(default = "default_replicas")]
    pub replicas: usize,
}

impl EventsConfig {
    /// The settings of `url` with defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            prefix: default_prefix(),
            credentials_file: None,
            replicas: default_replicas(),
        }
    }

    /// # Errors
    ///
    /// A prefix that is no part of a subject or of a stream's name, or copies that no cluster keeps. The url shows only
    /// when it is used.
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=PREFIX_MAX).contains(&self.prefix.len()) || !self.prefix.chars().all(is_plain) {
            let wanted = format!("1 to {PREFIX_MAX} of the characters A-Z, a-z, 0-9, - and _");
            return Err(ConfigError::unsound("events.prefix", wanted));
        }
        within("events.replicas", self.replicas, &REPLICAS)
    }
}

fn default_prefix() -> String {
    "jinpai".to_owned()
}

fn default_replicas() -> usize {
    1
}
