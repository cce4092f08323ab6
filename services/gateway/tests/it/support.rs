//! A gateway, the services behind it, and callers with tokens.

pub mod fakes;
mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request};
use proto::google::r#type::Date;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::qa::v1::qa_service_client::QaServiceClient;
use runtime::clock::{SharedClock, SystemClock};
use runtime::identity::{Caller, Signer, Verifier};
use testkit::{Issuer, Scratch, TestCaller};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;

pub use self::fakes::Fake;
pub use self::http::HttpClient;

pub const METRICS: &str = "/jinpai.metrics.v1.MetricsService";
pub const QA: &str = "/jinpai.qa.v1.QaService";
pub const ISSUER: &str = "https://issuer.test";

/// How long a test waits for what has to come.
pub const SOON: Duration = Duration::from_secs(10);

/// A gateway in front of three services. Everything ends with it.
pub struct TestGateway {
    pub address: SocketAddr,
    pub ops: SocketAddr,
    pub issuer: Issuer,
    pub metrics: Fake,
    pub qa: Fake,
    pub people: Fake,
    key_folder: Scratch,
    stop: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl TestGateway {
    /// With the settings that a test needs over the defaults.
    pub async fn start(overrides: &[(&str, &str)]) -> Self {
        Self::start_with(overrides, SystemClock::shared(), |_| ()).await
    }

    /// By another clock, and with settings that are no text.
    pub async fn start_with(
        overrides: &[(&str, &str)],
        clock: SharedClock,
        change: impl FnOnce(&mut gateway::Config),
    ) -> Self {
        let (metrics, qa, people) = (Fake::start().await, Fake::start().await, Fake::start().await);
        let issuer = Issuer::new(ISSUER, Arc::clone(&clock));
        let key_folder = Scratch::new();
        let mut config = gateway::default_config(overrides).expect("the settings fit");
        config.sign_in = runtime::identity::oidc::OidcConfig { refresh_seconds: 1, ..issuer.config() };
        config.identity.key_file = key_folder.path().join("gateway.pem");
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.ops_listen = config.server.listen;
        for (name, fake) in [("metrics", &metrics), ("qa", &qa), ("performance", &people)] {
            config.upstreams.get_mut(name).expect("a default upstream").url = fake.url();
        }
        change(&mut config);
        let stop = CancellationToken::new();
        let running = gateway::start(config, clock, stop.clone()).await.expect("the gateway starts");
        let (address, ops) = (running.address, running.health);
        Self { address, ops, issuer, metrics, qa, people, key_folder, stop, task: Some(running.task) }
    }

    /// Asks it to end, as SIGTERM does.
    pub fn ask_to_end(&self) {
        self.stop.cancel();
    }

    /// Waits until all of it has ended.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        let task = self.task.take().expect("nobody took it before");
        tokio::time::timeout(2 * SOON, task).await.expect("it ends")?
    }

    /// A connection of its own.
    pub fn channel(&self) -> Channel {
        let url = format!("http://{}", self.address);
        Channel::from_shared(url).expect("a url").connect_lazy()
    }

    pub fn metrics_client(&self) -> MetricsServiceClient<Channel> {
        MetricsServiceClient::new(self.channel())
    }

    pub fn qa_client(&self) -> QaServiceClient<Channel> {
        QaServiceClient::new(self.channel())
    }

    /// A request of somebody who signed in.
    pub fn request<T>(&self, caller: &TestCaller, message: T) -> tonic::Request<T> {
        with_token(&self.issuer.token(caller), message)
    }

    /// An HTTP/1.1 client that is signed in.
    pub fn http(&self, caller: &TestCaller) -> HttpClient {
        HttpClient::new(self.address).with("authorization", &format!("Bearer {}", self.issuer.token(caller)))
    }

    /// A manager's gRPC call without any of tonic's help. What comes back is the status, wherever it stood.
    pub async fn grpc(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Status {
        self.grpc_as(&testkit::caller(), path, headers, body).await
    }

    /// The same as somebody else.
    pub async fn grpc_as(
        &self,
        caller: &TestCaller,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Status {
        let token = self.issuer.token(caller);
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        http::grpc(self.address, request.body(body.into()).expect("a valid request")).await
    }

    /// Whom the headers that a service got speak for, checked as services check it.
    pub fn identity(&self, headers: &HeaderMap) -> Caller {
        let config = runtime::config::SignerConfig {
            key_file: self.key_folder.path().join("gateway.pem"),
            ..runtime::config::SignerConfig::default()
        };
        let signer = Signer::open(&config, SystemClock::shared()).expect("the gateway made its key");
        let access = runtime::config::AccessConfig::default();
        let verifier =
            Verifier::of_jwks(signer.jwks(), &access, SystemClock::shared()).expect("the key is usable");
        let mut tokens = headers.get_all("x-jinpai-identity").iter();
        let token = tokens.next().expect("an identity").to_str().expect("a token is text");
        assert!(tokens.next().is_none(), "one identity only");
        verifier.verify(token, "request").expect("the gateway's token counts")
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request with a bearer token.
pub fn with_token<T>(token: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = format!("Bearer {token}").parse().expect("a token is text");
    request.metadata_mut().insert("authorization", value);
    request
}

/// A day whose number tells a [`Fake`] what to do.
pub fn day(script: i32) -> Option<Date> {
    Some(Date { year: 2020, month: 5, day: script })
}

/// A value of the metadata, empty if it is not there.
pub fn value(metadata: &MetadataMap, name: &str) -> String {
    metadata.get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}
