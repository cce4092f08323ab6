//! How to reach the broker.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

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
}

fn default_prefix() -> String {
    "jinpai".to_owned()
}

fn default_replicas() -> usize {
    1
}
