//! The service's settings.

use std::path::Path;

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
}

impl Config {
    /// The settings from defaults, `file`, `JINPAI_PERFORMANCE__…` and `overrides`, each over the one before.
    pub fn load(file: Option<&Path>, overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        runtime::config::load("performance", include_str!("../config/default.toml"), file, overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_but_for_the_addresses_of_others() {
        let config = Config::load(None, &[("database.url", "postgres://a@b/c"), ("events.url", "nats://d")]);
        assert_eq!(config.expect("loads").events.prefix, "jinpai");
        let unknown = Config::load(None, &[("server.lisen", "127.0.0.1:1")]);
        assert!(unknown.expect_err("is refused").to_string().contains("server.lisen"));
    }
}
