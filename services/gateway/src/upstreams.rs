//! The services behind the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use http::{Request, Response};
use runtime::client::{self, Upstream};
use runtime::config::UpstreamConfig;
use status::{Kind, Problem};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;

/// All of them, by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstreams(Arc<[One]>);

#[derive(Debug)]
struct One {
    name: String,
    /// For calls that are passed on as they are.
    raw: Channel,
    /// For calls that the views make.
    client: Upstream,
}

impl Upstreams {
    /// The services with a url, sorted by name. Nothing is connected yet.
    pub fn new(config: &BTreeMap<String, UpstreamConfig>) -> Result<Self> {
        let one = |(name, config): (&String, &UpstreamConfig)| {
            let context = || format!("upstreams.{name}");
            let raw = client::endpoint(config).with_context(context)?.connect_lazy();
            let client = client::channel(config).with_context(context)?;
            Ok(One { name: name.clone(), raw, client })
        };
        let all: Result<Vec<One>> =
            config.iter().filter(|(_, config)| !config.url.is_empty()).map(one).collect();
        Ok(Self(all?.into()))
    }

    /// Their names, in the order of their places.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.name.clone()).collect()
    }

    /// The place of a name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|one| one.name == name)
    }

    /// A channel for generated clients.
    pub fn client(&self, name: &str) -> Result<Upstream, Status> {
        let place = self.place(name).ok_or_else(absent)?;
        Ok(self.0[place].client.clone())
    }

    /// Passes a request on as it is. A service that is away costs its own callers an UNAVAILABLE and nobody else
    /// anything: each has its own connection and its own queue of bounded length.
    pub async fn call(&self, place: usize, request: Request<Body>) -> Result<Response<Body>, Status> {
        let One { name, raw, .. } = &self.0[place];
        raw.clone().oneshot(request).await.map_err(|error| {
            let text = status::chain(&error);
            // tonic's channel reads the header that we wrote for the service, and may be the first to see its time end.
            if text.contains("Timeout expired") {
                return runtime::deadline::exceeded();
            }
            // Debug, because each refused call says this while the service is away; readiness and figures tell it.
            tracing::debug!(upstream = %name, error.chain = text, "the service cannot be reached");
            Problem::new(Kind::Unavailable, "UPSTREAM_UNAVAILABLE", format!("{name} cannot be reached"))
                .domain("gateway")
                .with("service", name)
                .into_status()
        })
    }
}

/// UNAVAILABLE for services that this installation does not have.
pub fn absent() -> Status {
    Problem::new(
        Kind::Unavailable,
        "NO_UPSTREAM",
        "the service of this method is not part of this installation",
    )
    .domain("gateway")
    .into_status()
}
