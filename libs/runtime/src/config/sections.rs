//! The sections that every service's settings have.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, MILLIS, MILLIS_MAX, PLACES, SECONDS, within};

/// What generated servers take unless each of them is told otherwise, so a larger setting would be an empty promise.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How far clocks may be allowed to differ: for so long an expired token counts.
const SKEW_SECONDS: std::ops::RangeInclusive<u64> = 0..=300;

/// Certificates as PEM files. They are read when a connection is made or accepted, so renewed ones come into use
/// without a restart.
#[derive(Debug, Clone, Deserialize)]
pub struct TlsConfig {
    /// The own certificate chain.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Who must have signed the other side's certificate. At a server this demands client certificates (mTLS).
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// `[server]`: where a service listens and how much it takes on.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// Where calls are answered.
    pub listen: SocketAddr,
    /// Where health and figures are answered: never behind access, limits or TLS.
    pub ops_listen: SocketAddr,
    /// The longest a call may take where its rule says nothing.
    pub deadline_ms_max: u64,
    /// The largest message taken, in bytes as sent: 4 MiB at most, which is also the most that a compressed one may
    /// become, whatever this says.
    pub message_bytes_max: usize,
    /// Calls worked on at once, over all connections; more are refused at once.
    pub in_flight_max: usize,
    /// Connections held at once; more are closed at once.
    pub connections_max: usize,
    /// Calls open at once on one connection.
    pub streams_per_connection_max: u32,
    /// How long a new connection may stay silent.
    pub handshake_ms_max: u64,
    /// How often an idle connection is asked whether it lives.
    pub keepalive_ms: u64,
    /// How long it may take to answer that.
    pub keepalive_timeout_ms: u64,
    /// When a connection is asked to go, so that clients spread over new replicas; 0 means never.
    pub connection_age_ms_max: u64,
    /// How long its last calls may then still take.
    pub connection_age_grace_ms: u64,
    /// How long after readiness went away the server goes on taking calls, for balancers to notice.
    pub drain_notice_ms: u64,
    /// How long calls in flight may take when the service stops.
    pub drain_ms_max: u64,
    /// Whether anyone may ask what services there are.
    pub reflection: bool,
    /// TLS for the calls; none in development and behind a mesh.
    pub tls: Option<TlsConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: anywhere,
            ops_listen: anywhere,
            deadline_ms_max: 10_000,
            message_bytes_max: 4 << 20,
            in_flight_max: 1_000,
            connections_max: 1_000,
            streams_per_connection_max: 200,
            handshake_ms_max: 5_000,
            keepalive_ms: 20_000,
            keepalive_timeout_ms: 10_000,
            connection_age_ms_max: 600_000,
            connection_age_grace_ms: 60_000,
            drain_notice_ms: 0,
            drain_ms_max: 20_000,
            reflection: false,
            tls: None,
        }
    }
}

impl ServerConfig {
    /// # Errors
    ///
    /// The first value that no server can work with.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("server.deadline_ms_max", self.deadline_ms_max, &MILLIS)?;
        within("server.message_bytes_max", self.message_bytes_max, &(1..=MESSAGE_BYTES_MAX))?;
        within("server.in_flight_max", self.in_flight_max, &PLACES)?;
        within("server.connections_max", self.connections_max, &PLACES)?;
        within("server.streams_per_connection_max", self.streams_per_connection_max, &(1..=1_000_000))?;
        within("server.handshake_ms_max", self.handshake_ms_max, &MILLIS)?;
        within("server.keepalive_ms", self.keepalive_ms, &MILLIS)?;
        within("server.keepalive_timeout_ms", self.keepalive_timeout_ms, &MILLIS)?;
        // None of these waits is a wait that may be.
        let waits = [
            ("server.connection_age_ms_max", self.connection_age_ms_max),
            ("server.connection_age_grace_ms", self.connection_age_grace_ms),
            ("server.drain_notice_ms", self.drain_notice_ms),
            ("server.drain_ms_max", self.drain_ms_max),
        ];
        waits.iter().try_for_each(|(key, millis)| within(key, *millis, &(0..=MILLIS_MAX)))
    }
}

/// `[telemetry]`: what is told to whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TelemetryConfig {
    /// What is logged, as `tracing` filter directives.
    pub log: String,
    /// Whether log lines are JSON; otherwise they are for people.
    pub json: bool,
    /// The OTLP collector (`http://collector:4317`) for traces, metrics and logs; none sends nothing.
    pub otlp_endpoint: Option<String>,
    /// How often figures are sent there.
    pub otlp_interval_ms: u64,
    /// The share of new traces that are recorded. Traces begun elsewhere follow their parent.
    pub trace_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            json: true,
            otlp_endpoint: None,
            otlp_interval_ms: 15_000,
            trace_ratio: 1.0,
        }
    }
}

impl TelemetryConfig {
    /// # Errors
    ///
    /// The first value that cannot be told by. Filter and endpoint show only when they are used.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("telemetry.otlp_interval_ms", self.otlp_interval_ms, &MILLIS)?;
        within("telemetry.trace_ratio", self.trace_ratio, &(0.0..=1.0))
    }
}

/// `[access]`: whose internal tokens count.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct AccessConfig {
    /// The gateway's public keys (JWKS). The file is read again when a token names a key it does not have.
    pub jwks_file: PathBuf,
    /// The `iss` that a token must have.
    pub issuer: String,
    /// How far the two clocks may differ.
    pub skew_seconds: u64,
    /// Checked tokens remembered until they expire.
    pub cache_entries_max: usize,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            jwks_file: PathBuf::new(),
            issuer: "jinpai-gateway".to_owned(),
            skew_seconds: 30,
            cache_entries_max: 10_000,
        }
    }
}

impl AccessConfig {
    /// # Errors
    ///
    /// The first value that no token can be checked by. The file shows only when it is read.
    pub fn check(&self) -> Result<(), ConfigError> {
        named("access.issuer", &self.issuer)?;
        check_skew("access.skew_seconds", self.skew_seconds)?;
        within("access.cache_entries_max", self.cache_entries_max, &PLACES)
    }
}

/// Refuses clocks that may differ by more than a few minutes.
pub(crate) fn check_skew(key: &str, seconds: u64) -> Result<(), ConfigError> {
    within(key, seconds, &SKEW_SECONDS)
}

fn named(key: &str, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() { Err(ConfigError::unsound(key, "a name")) } else { Ok(()) }
}

/// `[identity]`: how the gateway signs who calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct SignerConfig {
    /// The private key: Ed25519 or P-256, PKCS#8 PEM.
    pub key_file: PathBuf,
    /// The `iss` of the tokens; the services' `access.issuer`.
    pub issuer: String,
    /// How long a token counts. A role that is taken away stops within this time.
    pub lifetime_seconds: u64,
}

impl Default for SignerConfig {
    fn default() -> Self {
        Self { key_file: PathBuf::new(), issuer: "jinpai-gateway".to_owned(), lifetime_seconds: 60 }
    }
}

impl SignerConfig {
    /// # Errors
    ///
    /// The first value that no token can be made of. The key shows only when it is read.
    pub fn check(&self) -> Result<(), ConfigError> {
        named("identity.issuer", &self.issuer)?;
        within("identity.lifetime_seconds", self.lifetime_seconds, &SECONDS)
    }
}

/// One service that is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct UpstreamConfig {
    /// `http://host:port`, or `https://` with `tls`.
    pub url: String,
    /// How long connecting may take.
    pub connect_timeout_ms: u64,
    /// The longest a call may take when the caller's own deadline says nothing.
    pub call_timeout_ms: u64,
    /// How often an idle connection is asked whether it lives.
    pub keepalive_ms: u64,
    /// How long it may take to answer that.
    pub keepalive_timeout_ms: u64,
    /// The authority to check the server's certificate against, and our own certificate.
    pub tls: Option<UpstreamTlsConfig>,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            connect_timeout_ms: 2_000,
            call_timeout_ms: 10_000,
            keepalive_ms: 20_000,
            keepalive_timeout_ms: 10_000,
            tls: None,
        }
    }
}

impl UpstreamConfig {
    /// Checks it as the section `section`.
    ///
    /// # Errors
    ///
    /// The first wait that is none. The url shows only when it is used.
    pub fn check(&self, section: &str) -> Result<(), ConfigError> {
        let waits = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("call_timeout_ms", self.call_timeout_ms),
            ("keepalive_ms", self.keepalive_ms),
            ("keepalive_timeout_ms", self.keepalive_timeout_ms),
        ];
        waits.iter().try_for_each(|(key, millis)| within(&format!("{section}.{key}"), *millis, &MILLIS))
    }
}

/// TLS towards a server.
#[derive(Debug, Clone, Deserialize)]
pub struct UpstreamTlsConfig {
    /// Who must have signed the server's certificate.
    pub ca_file: PathBuf,
    /// Our own certificate chain and key, for servers that demand one.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The name in the server's certificate when it is not the host of the url.
    #[serde(default)]
    pub domain: Option<String>,
}
