//! The service's settings.

use std::path::{Path, PathBuf};

use runtime::config::{AccessConfig, ConfigError, ServerConfig, TelemetryConfig, within};
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
        let config: Self =
            runtime::config::load("qa", include_str!("../config/default.toml"), file, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.telemetry.check()?;
        self.access.check()?;
        self.database.check()?;
        self.events.check()?;
        // As much as SetReviewerCapacity takes.
        within("review.default_capacity", self.review.default_capacity, &(0..=1_000))?;
        within("retention.months", self.retention.months, &(0..=1_200))
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

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (key, value, wanted) in [
            ("server.streams_per_connection_max", "0", "1 to 1000000"),
            ("server.message_bytes_max", "4194305", "1 to 4194304"),
            ("telemetry.otlp_interval_ms", "0", "1 to 86400000"),
            ("access.issuer", "", "a name"),
            ("database.pool_size", "0", "1 to 1000"),
            ("events.replicas", "6", "1 to 5"),
            ("review.default_capacity", "-5", "0 to 1000"),
            ("retention.months", "1201", "0 to 1200"),
        ] {
            let refused = Config::load(None, &[(key, value)]).expect_err(key);
            assert_eq!(refused.to_string(), format!("{key} must be {wanted}"));
        }
    }
}
