//! The services in one process: what each is told, and how each is started.

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use super::database::Logins;
use super::keys::{AUDIENCE, ISSUER};
use super::{Keys, Member, Options};
use crate::anchors::Anchors;

/// A setting of one service: `("qa", "server.in_flight_max", "10")`.
pub type Setting = (String, String, String);

/// Collects a service's settings as the loader takes them.
struct Settings(Vec<(String, String)>);

impl Settings {
    /// What every service is told: any free port of the loopback interface.
    fn new() -> Self {
        Self(Vec::new()).with("server.listen", "127.0.0.1:0").with("server.ops_listen", "127.0.0.1:0")
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// What a service behind the gateway is told besides: its database, the events, whose word counts.
    fn behind(options: &Options, keys: &Keys, logins: &Logins, service: &str) -> Result<Self> {
        Ok(Self::new()
            .with("database.url", logins.runtime_url(options, service)?)
            .with("events.url", &options.nats_url)
            .with("events.prefix", &options.event_prefix)
            .with("access.jwks_file", keys.gateway_jwks.display().to_string())
            .kept_outside(&Anchors::below(&options.folder), service)
            .over(options, service))
    }

    /// What would show a changed database is kept outside of it, whatever the log level.
    fn kept_outside(self, anchors: &Anchors, service: &str) -> Self {
        let kept = self.with("database.audit_head_file", anchors.audit_heads(service).display().to_string());
        match service {
            "qa" => kept.with("draw.commitment_file", anchors.commitments().display().to_string()),
            _ => kept,
        }
    }

    /// The caller's own settings go last.
    fn over(self, options: &Options, service: &str) -> Self {
        let own = options.settings.iter().filter(|(of, _, _)| of == service);
        own.fold(self, |settings, (_, key, value)| settings.with(key, value))
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

/// Starts a service of the usual shape and keeps its name beside it.
macro_rules! start {
    ($service:ident, $options:expr, $settings:expr, $stop:expr) => {{
        let name = stringify!($service);
        let config = $service::default_config(&$settings.pairs())
            .with_context(|| format!("the settings of {name}"))?;
        let running = $service::start(config, $options.clock.clone(), $stop.clone())
            .await
            .with_context(|| format!("start {name}"))?;
        Member { name, address: running.address, health: running.health, task: running.task }
    }};
}

/// Everything but the gateway.
pub(super) async fn start_behind(
    options: &Options,
    keys: &Keys,
    logins: &Logins,
    stop: &CancellationToken,
) -> Result<Vec<Member>> {
    let settings = |service| Settings::behind(options, keys, logins, service);
    let (of_metrics, of_qa, of_performance) =
        (settings("metrics")?, settings("qa")?, settings("performance")?);
    // Side by side: each waits for its own first connections.
    let (performance, metrics, qa) = tokio::try_join!(
        async { anyhow::Ok(start!(performance, options, of_performance, stop)) },
        async { anyhow::Ok(start!(metrics, options, of_metrics, stop)) },
        async { anyhow::Ok(start!(qa, options, of_qa, stop)) },
    )?;
    Ok(vec![performance, metrics, qa])
}

/// The gateway, in front of `members`.
pub(super) async fn start_gateway(
    options: &Options,
    keys: &Keys,
    members: &[Member],
    stop: &CancellationToken,
) -> Result<Member> {
    let mut settings = Settings::new()
        .with("server.listen", options.listen.to_string())
        .with("sign_in.issuer", ISSUER)
        .with("sign_in.audience", AUDIENCE)
        .with("sign_in.jwks_file", keys.sign_in_jwks.display().to_string())
        .with("identity.key_file", keys.gateway_key.display().to_string())
        .with("events.url", &options.nats_url)
        .with("events.prefix", &options.event_prefix);
    for member in members {
        let key = format!("upstreams.{}.url", member.name);
        settings = settings.with(&key, format!("http://{}", member.address));
    }
    let settings = settings.over(options, "gateway");
    Ok(start!(gateway, options, settings, stop))
}
