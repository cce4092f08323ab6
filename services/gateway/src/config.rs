//! The gateway's settings.

use std::collections::BTreeMap;
use std::path::Path;

use events::EventsConfig;
use runtime::config::{
    self, ConfigError, MILLIS, PLACES, ServerConfig, SignerConfig, TelemetryConfig, UpstreamConfig, within,
};
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
        self.server.check()?;
        self.telemetry.check()?;
        self.sign_in.check()?;
        self.identity.check()?;
        self.events.check()?;
        self.limits.check()?;
        self.audit.check()?;
        within("sessions.entries_max", self.sessions.entries_max, &PLACES)?;
        // A session holds the internal token until it is rechecked, and the signer hands out tokens with half of their
        // life left.
        if !(1..=self.identity.lifetime_seconds / 2).contains(&self.sessions.recheck_seconds) {
            let wanted = "at least 1 and at most half of identity.lifetime_seconds";
            return Err(ConfigError::unsound("sessions.recheck_seconds", wanted));
        }
        within("views.section_ms_max", self.views.section_ms_max, &MILLIS)?;
        within("views.stale_seconds_max", self.views.stale_seconds_max, &(0..=86_400))?;
        let mut upstreams = self.upstreams.iter();
        upstreams.try_for_each(|(name, upstream)| upstream.check(&format!("upstreams.{name}")))
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

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (key, value, wanted) in [
            ("server.deadline_ms_max", "0", "1 to 86400000"),
            ("server.message_bytes_max", "4194305", "1 to 4194304"),
            ("telemetry.trace_ratio", "1.5", "0 to 1"),
            ("identity.lifetime_seconds", "0", "1 to 86400"),
            ("sign_in.skew_seconds", "301", "0 to 300"),
            ("sessions.entries_max", "0", "1 to 1000000"),
            ("limits.streams_max", "0", "1 to 1000000"),
            ("limits.connections_per_upstream", "0", "1 to 1000"),
            ("limits.answer_bytes_max", "0", "1 to 1073741824"),
            ("limits.header_bytes_max", "65537", "1 to 65536"),
            ("events.replicas", "0", "1 to 5"),
            ("audit.retention_days", "0", "1 to 36500"),
            ("audit.stream_bytes_max", "-1", "1 to 9223372036854775807"),
            ("views.section_ms_max", "0", "1 to 86400000"),
            ("upstreams.qa.call_timeout_ms", "0", "1 to 86400000"),
        ] {
            let refused = Config::load(None, &[(key, value)]).expect_err(key);
            assert_eq!(refused.to_string(), format!("{key} must be {wanted}"));
        }
    }
}
