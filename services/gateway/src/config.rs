//! The gateway's settings.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
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
        config::load("gateway", include_str!("../config/default.toml"), file, overrides)
    }

    /// What the types alone cannot say.
    pub fn check(&self) -> Result<()> {
        if self.sessions.recheck_seconds == 0
            || self.sessions.recheck_seconds * 2 > self.identity.lifetime_seconds
        {
            // A session holds the internal token until it is rechecked, and the signer hands out tokens with half of
            // their life left.
            bail!(
                "sessions.recheck_seconds must be at least 1 and at most half of identity.lifetime_seconds"
            );
        }
        if self.limits.answer_bytes_max == 0 || self.server.message_bytes_max == 0 {
            bail!("limits.answer_bytes_max and server.message_bytes_max must be over 0");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole_and_sound() {
        let config = Config::load(None, &[]).expect("default.toml is complete");
        config.check().expect("the defaults fit together");
        assert!(config.upstreams.contains_key("metrics"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Config::load(None, &[("http.cors", "*")]).expect_err("no such key");
        assert!(status::chain(&error).contains("cors"), "{error}");
    }

    #[test]
    fn an_internal_token_outlives_its_session() {
        let config = Config::load(None, &[("sessions.recheck_seconds", "40")]).expect("the types fit");
        assert!(config.check().expect_err("40 is over half of 60").to_string().contains("recheck_seconds"));
    }
}
