//! The gateway's settings.

use std::collections::BTreeMap;
use std::path::Path;

use events::EventsConfig;
use runtime::config::{self, ConfigError, ServerConfig, SignerConfig, TelemetryConfig, UpstreamConfig};
use runtime::identity::oidc::OidcConfig;
use serde::Deserialize;

use crate::audit::AuditConfig;
use crate::limits::LimitsConfig;

/// All of them. `config/default.toml` says what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public port and the port for health and figures.
    pub server: ServerConfig,
    /// Logs, traces and figures.
    pub telemetry: TelemetryConfig,
    /// Whose tokens let in.
    pub sign_in: OidcConfig,
    /// How the services are told who calls.
    pub identity: SignerConfig,
    /// How long a session is believed before its token is looked at again, and how many are remembered.
    pub sessions: SessionsConfig,
    /// How much may be asked.
    pub limits: LimitsConfig,
    /// What browsers and HTTP tools get.
    pub http: HttpConfig,
    /// The broker that keeps refusals; no url, no broker.
    pub events: EventsConfig,
    /// What is kept of refusals.
    pub audit: AuditConfig,
    /// The aggregated views.
    pub views: ViewsConfig,
    /// The services by the name in their package.
    pub upstreams: BTreeMap<String, UpstreamConfig>,
}

/// `[sessions]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// An expired token or a withdrawn key stops within this time.
    pub recheck_seconds: u64,
    /// Sessions remembered at once.
    pub entries_max: usize,
}

/// `[http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Pages of which origins may call; `*` for all, empty for none.
    pub cors_origins: Vec<String>,
    /// Whether `/openapi.json` is there.
    pub openapi: bool,
}

/// `[views]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsConfig {
    /// How long a view waits for one service.
    pub section_ms_max: u64,
    /// How old a part may be that stands in for a service that does not answer; 0 shows none.
    pub stale_seconds_max: u64,
    /// Memory for such parts.
    pub stale_bytes_max: usize,
}

impl Config {
    /// Default < `file` < `JINPAI_GATEWAY__…` < `overrides`.
    pub fn load(file: Option<&Path>, overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let config: Self = config::load("gateway", include_str!("../config/default.toml"), file, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), ConfigError> {
        if self.sessions.recheck_seconds == 0
            || self.sessions.recheck_seconds * 2 > self.identity.lifetime_seconds
        {
            // A session holds the internal token until it is rechecked, and the signer hands out tokens with half of
            // their life left.
            return Err(ConfigError::Unsound {
                key: "sessions.recheck_seconds",
                wanted: "at least 1 and at most half of identity.lifetime_seconds",
            });
        }
        let sizes = [
            ("limits.answer_bytes_max", self.limits.answer_bytes_max),
            ("server.message_bytes_max", self.server.message_bytes_max),
        ];
        match sizes.into_iter().find(|(_, bytes)| *bytes == 0) {
            Some((key, _)) => Err(ConfigError::Unsound { key, wanted: "over 0" }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole_and_sound() {
        let config = Config::load(None, &[]).expect("default.toml is complete");
        assert!(config.upstreams.contains_key("metrics"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Config::load(None, &[("http.cors", "*")]).expect_err("no such key");
        assert!(status::chain(&error).contains("cors"), "{error}");
    }

    #[test]
    fn an_internal_token_outlives_its_session() {
        let refused = Config::load(None, &[("sessions.recheck_seconds", "40")]);
        assert!(refused.expect_err("40 is over half of 60").to_string().contains("recheck_seconds"));
    }
}
