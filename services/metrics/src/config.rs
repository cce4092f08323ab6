//! The service's settings.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use runtime::config::{AccessConfig, ConfigError, ServerConfig, TelemetryConfig};
use secrecy::SecretString;
use serde::Deserialize;

use crate::domain::ingest::IngestLimits;

/// All settings; `config/default.toml` explains them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where calls are answered, and how many.
    pub server: ServerConfig,
    /// What is told to whom.
    pub telemetry: TelemetryConfig,
    /// Whose internal tokens count.
    pub access: AccessConfig,
    /// The database.
    pub database: pg::DatabaseConfig,
    /// The broker.
    pub events: events::EventsConfig,
    /// How personal data is replaced.
    pub redaction: RedactionConfig,
    /// How conversations are taken in.
    pub ingest: IngestConfig,
    /// When days are closed.
    pub closing: ClosingConfig,
    /// How many definitions there may be.
    pub definitions: DefinitionsConfig,
    /// When campaigns end.
    pub campaigns: CampaignsConfig,
}

/// `[redaction]`.
#[derive(Debug, Clone, Deserialize)]
pub struct RedactionConfig {
    /// Order numbers become tokens made with it: the same number gives the same token as long as the key stays.
    pub key: SecretString,
}

/// `[ingest]`.
#[derive(Debug, Clone, Deserialize)]
pub struct IngestConfig {
    /// Conversations of a commit.
    pub batch_conversations: usize,
    /// Bytes of text of a commit.
    pub batch_bytes: usize,
    /// How long a batch that isn't full waits for more.
    pub linger_ms: u64,
    /// Streams open at once.
    pub streams_max: usize,
    /// Commits at once, over all streams.
    pub commits_max: usize,
}

/// `[closing]`.
#[derive(Debug, Clone, Deserialize)]
pub struct ClosingConfig {
    /// How long after its end a day is closed.
    pub grace_minutes: u32,
    /// How long a day must have been left alone before it is closed, so that an import isn't cut in slices.
    pub quiet_minutes: u32,
    /// How often is looked.
    pub check_seconds: u64,
}

/// `[definitions]`.
#[derive(Debug, Clone, Deserialize)]
pub struct DefinitionsConfig {
    /// Versions that a merchant may have, the built-in one included: every conversation counts under each.
    pub versions_max: usize,
    /// How often is looked for one to build.
    pub check_seconds: u64,
}

/// `[campaigns]`.
#[derive(Debug, Clone, Deserialize)]
pub struct CampaignsConfig {
    /// How often is looked for campaigns whose time is over.
    pub check_seconds: u64,
}

impl Config {
    /// The settings from defaults, `file`, `JINPAI_METRICS__…` and `overrides`, each over the one before.
    pub fn load(file: Option<&Path>, overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        runtime::config::load("metrics", include_str!("../config/default.toml"), file, overrides)
    }
}

impl IngestConfig {
    /// What a batch may hold. A batch of nothing would never end.
    pub(crate) fn limits(&self) -> IngestLimits {
        IngestLimits {
            batch_conversations: self.batch_conversations.max(1),
            batch_bytes: self.batch_bytes,
            linger: Duration::from_millis(self.linger_ms),
        }
    }
}

impl ClosingConfig {
    pub(crate) fn grace(&self) -> TimeDelta {
        TimeDelta::minutes(self.grace_minutes.into())
    }

    pub(crate) fn quiet(&self) -> TimeDelta {
        TimeDelta::minutes(self.quiet_minutes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_but_for_the_addresses_of_others() {
        let config = Config::load(None, &[("database.url", "postgres://a@b/c"), ("events.url", "nats://d")]);
        assert_eq!(config.expect("loads").definitions.versions_max, 8);
        let unknown = Config::load(None, &[("ingest.batch", "1")]);
        assert!(unknown.expect_err("is refused").to_string().contains("ingest.batch"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = Config::load(None, &[("redaction.key", "hush-hush")]).expect("loads");
        assert!(!format!("{config:?}").contains("hush-hush"));
    }
}
