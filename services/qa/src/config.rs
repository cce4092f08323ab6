//! The service's settings.

use std::path::{Path, PathBuf};

use runtime::config::{AccessConfig, ConfigError, ServerConfig, TelemetryConfig};
use serde::Deserialize;

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
    /// Reviews.
    pub review: ReviewConfig,
    /// Draws.
    pub draw: DrawConfig,
    /// Automatic checks.
    pub checks: ChecksConfig,
    /// How long chats are kept.
    pub retention: RetentionConfig,
}

/// The `[retention]` section.
#[derive(Debug, Clone, Deserialize)]
pub struct RetentionConfig {
    /// Whole months beside the running one; 0 keeps chats for ever.
    pub months: u32,
}

/// The `[checks]` section.
#[derive(Debug, Clone, Deserialize)]
pub struct ChecksConfig {
    /// Whose ready-made rules hold until a merchant publishes some.
    pub rules: ReadyMade,
}

/// Ready-made rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadyMade {
    /// For Chinese chats.
    Chinese,
    /// For English ones.
    English,
}

impl ChecksConfig {
    /// The language of the ready-made rules.
    pub fn language(&self) -> textcheck::Language {
        match self.rules {
            ReadyMade::Chinese => textcheck::Language::Chinese,
            ReadyMade::English => textcheck::Language::English,
        }
    }
}

/// The `[review]` section.
#[derive(Debug, Clone, Deserialize)]
pub struct ReviewConfig {
    /// Reviews per day of people with the reviewer's role for whom nobody set a capacity.
    pub default_capacity: i32,
}

/// The `[draw]` section.
#[derive(Debug, Clone, Deserialize)]
pub struct DrawConfig {
    /// Where commitments are appended, a JSON line each; empty for the log alone.
    pub commitment_file: PathBuf,
}

impl DrawConfig {
    /// The commitment file, if there is to be one.
    pub fn commitment_file(&self) -> Option<PathBuf> {
        (!self.commitment_file.as_os_str().is_empty()).then(|| self.commitment_file.clone())
    }
}

impl Config {
    /// The settings from defaults, `file`, `JINPAI_QA__…` and `overrides`, each over the one before.
    pub fn load(file: Option<&Path>, overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        runtime::config::load("qa", include_str!("../config/default.toml"), file, overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_but_for_the_addresses_of_others() {
        let config = Config::load(None, &[("database.url", "postgres://a@b/c"), ("events.url", "nats://d")]);
        let config = config.expect("loads");
        assert_eq!((config.review.default_capacity, config.draw.commitment_file()), (60, None));
        assert_eq!(config.retention.months, 36, "three years, unless a merchant says otherwise");
        let unknown = Config::load(None, &[("draw.commitment_fil", "x")]);
        assert!(unknown.expect_err("is refused").to_string().contains("draw.commitment_fil"));
    }
}
