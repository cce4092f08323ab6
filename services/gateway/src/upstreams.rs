//! The services behind the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use http::{Response, request};
use runtime::client::{self, Upstream};
use runtime::config::UpstreamConfig;
use status::{Kind, Problem};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Calls on one connection before the next one is used; services take twice as many by default.
const LANE_CALLS: usize = 100;

/// All of them, by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstreams(Arc<[One]>);

#[derive(Debug)]
struct One {
    name: String,
    calls: Lanes,
    /// Streams without end have connections of their own, or they would take up the streams that a connection may
    /// have open and calls would wait behind them.
    streams: Lanes,
    /// For calls that the views make.
    client: Upstream,
}

/// Some connections to one service. The first that has room is used: calls on few connections share system calls.
#[derive(Debug)]
struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    channel: Channel,
    /// Calls on it.
    open: Arc<AtomicUsize>,
}

/// A call's place on its connection, until its answer is whole.
#[derive(Debug)]
pub struct OnLane(Arc<AtomicUsize>);

impl Drop for OnLane {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lanes {
    fn new(endpoint: &Endpoint, count: usize) -> Self {
        // Lazy: a lane that is never used never connects.
        let lane = |_| Lane { channel: endpoint.connect_lazy(), open: Arc::default() };
        Self((0..count).map(lane).collect())
    }

    fn take(&self) -> (&Channel, OnLane) {
        let free = self.0.iter().find(|lane| lane.open.load(Ordering::Relaxed) < LANE_CALLS);
        // With all of them full one more call waits on the least full.
        let least =
            || self.0.iter().min_by_key(|lane| lane.open.load(Ordering::Relaxed)).unwrap_or(&self.0[0]);
        let Lane { channel, open } = free.unwrap_or_else(least);
        open.fetch_add(1, Ordering::Relaxed);
        (channel, OnLane(Arc::clone(open)))
    }
}

impl Upstreams {
    /// The services with a url, sorted by name. Nothing is connected yet.
    pub fn new(config: &BTreeMap<String, UpstreamConfig>, connections: usize) -> Result<Self> {
        let one = |(name, config): (&String, &UpstreamConfig)| {
            let context = || format!("upstreams.{name}");
            let endpoint = client::endpoint(config).with_context(context)?;
            let client = client::channel(config).with_context(context)?;
            let (calls, streams) = (Lanes::new(&endpoint, connections), Lanes::new(&endpoint, connections));
            Ok(One { name: name.clone(), calls, streams, client })
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
    /// anything: each has its own connections and its own queue of bounded length.
    pub async fn call(
        &self,
        place: usize,
        endless: bool,
        head: impl Fn() -> request::Parts,
        body: Body,
    ) -> Result<(Response<Body>, OnLane), Status> {
        let One { name, calls, streams, .. } = &self.0[place];
        let (channel, on_lane) = if endless { streams.take() } else { calls.take() };
        match client::send(channel, head, body).await {
            Ok(response) => Ok((response, on_lane)),
            Err(status) if status.code() == Code::Unavailable => {
                Err(Problem::new(Kind::Unavailable, "UPSTREAM_UNAVAILABLE", format!("{name} is away"))
                    .domain("gateway")
                    .with("service", name)
                    .into_status())
            }
            Err(status) => Err(status),
        }
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
