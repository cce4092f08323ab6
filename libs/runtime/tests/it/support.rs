//! An echo service of our own, a clock that can be set, tokens, and raw calls for what clients never send.

pub mod collector;
pub mod echo;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proto::access::Role;
use runtime::clock::{Clock, SharedClock, SystemClock};
use runtime::config::{AccessConfig, ServerConfig, SignerConfig, UpstreamConfig};
use runtime::identity::{Caller, Signer, Verifier};
use runtime::server::{AccessCheck, Listening, Server};
use tokio_util::sync::CancellationToken;

pub use echo::{Ask, EchoClient, Told};

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct SetClock(Mutex<DateTime<Utc>>);

impl SetClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(SystemClock.now())))
    }

    pub fn advance(&self, seconds: i64) {
        *self.0.lock().expect("not poisoned") += TimeDelta::seconds(seconds);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("not poisoned")
    }
}

/// Somebody with these roles.
pub fn caller(roles: &[Role]) -> Caller {
    Caller {
        merchant: "m1".into(),
        subject: "sub-1".to_owned(),
        person: Some("p1".into()),
        roles: roles.to_vec(),
        request_id: "r-1".to_owned(),
    }
}

pub fn signer(clock: SharedClock) -> Signer {
    Signer::generate(&SignerConfig::default(), clock).expect("a key can be made")
}

/// A running echo service and what is needed to call it.
pub struct Fixture {
    pub signer: Signer,
    pub running: Listening,
    pub stop: CancellationToken,
}

impl Fixture {
    pub async fn start(config: ServerConfig) -> Self {
        Self::start_with(config, echo::Echo::default(), |server| server).await
    }

    pub async fn start_with(
        config: ServerConfig,
        echo: echo::Echo,
        dress: impl FnOnce(Server) -> Server,
    ) -> Self {
        collector::telemetry();
        let clock = SystemClock::shared();
        let signer = signer(Arc::clone(&clock));
        let verifier = Verifier::of_jwks(signer.jwks(), &AccessConfig::default(), clock).expect("good keys");
        let access = AccessCheck::with_rules(verifier, echo::rule);
        let stop = CancellationToken::new();
        let server = dress(Server::new("echo", &config, access).add_service(echo));
        let running = server.start(stop.clone()).await.expect("it starts");
        Self { signer, running, stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    pub fn token(&self) -> String {
        self.signer.token(&caller(&[Role::Supervisor])).expect("it signs")
    }

    /// A client through our own channel, with a token.
    pub fn client(&self) -> EchoClient {
        EchoClient::new(upstream(&self.url())).with_token(self.token())
    }
}

pub fn upstream(url: &str) -> runtime::client::Upstream {
    runtime::client::channel(&upstream_config(url)).expect("a good url")
}

pub fn upstream_config(url: &str) -> UpstreamConfig {
    UpstreamConfig { url: url.to_owned(), ..UpstreamConfig::default() }
}

/// Waits until `condition` holds; a test that waits in vain fails here.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain: {what}");
}
