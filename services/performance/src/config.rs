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
        let default = include_str!("../config/default.toml");
        let config: Self = runtime::config::load("performance", default, file, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.telemetry.check()?;
        self.access.check()?;
        self.database.check()?;
        self.events.check()
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

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (key, value, wanted) in [
            ("server.connections_max", "0", "1 to 1000000"),
            ("server.message_bytes_max", "4194305", "1 to 4194304"),
            ("telemetry.trace_ratio", "NaN", "0 to 1"),
            ("access.cache_entries_max", "0", "1 to 1000000"),
            ("database.acquire_timeout_ms", "0", "1 to 86400000"),
            ("events.prefix", "a.b", "1 to 60 of the characters A-Z, a-z, 0-9, - and _"),
        ] {
            let refused = Config::load(None, &[(key, value)]).expect_err(key);
            assert_eq!(refused.to_string(), format!("{key} must be {wanted}"));
        }
    }
}
