//! The one port: gRPC, gRPC-Web and JSON for every public method.
//!
//! A request comes in at [`front`], which tells the protocols apart. gRPC-Web is unpacked by tonic-web and JSON by
//! [`connect`]; all of them take the same way through [`edge`]: find the method in [`routes`], sign in
//! ([`sign_in`]), check the role, count ([`limits`]), pass on ([`upstreams`]), watch the answer ([`body`]).
//! [`grpc`] is what the gateway answers itself.
//!
//! Nothing here knows a method by name but [`grpc`]: methods, messages, roles and services come from the descriptor
//! set. Messages that pass through are never decoded unless they are JSON. The gateway has no database, and no rule
//! of any service.

mod audit;
mod body;
mod call;
pub mod config;
mod connect;
mod deadline;
mod edge;
mod figures;
mod frames;
mod front;
mod grpc;
mod json;
mod limits;
pub mod openapi;
pub mod routes;
mod sign_in;
mod upstreams;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use proto::gateway::v1::gateway_service_server::GatewayServiceServer;
use runtime::clock::SharedClock;
use runtime::identity::Signer;
use runtime::identity::oidc::TokenVerifier;
use runtime::process::Running;
use runtime::{background, server};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::{Routes as TonicRoutes, RoutesBuilder};
use tonic_health::ServingStatus;

use crate::audit::Audit;
pub use crate::config::Config;
use crate::edge::{Bounds, Edge};
use crate::front::Front;
use crate::grpc::Views;
use crate::limits::Limits;
use crate::routes::Routes;
use crate::sign_in::Sessions;
use crate::upstreams::Upstreams;

const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The settings with `overrides` over the defaults and the environment.
pub fn default_config(overrides: &[(&str, &str)]) -> Result<Config> {
    Ok(Config::load(None, overrides)?)
}

/// Starts answering. Services that are away don't keep it from starting.
pub async fn start(config: Config, clock: SharedClock, token: CancellationToken) -> Result<Running> {
    let upstreams = Upstreams::new(&config.upstreams, config.limits.connections_per_upstream)?;
    let routes = Routes::new(&upstreams.names())?;
    let (audit, sending) = Audit::open(&config.events, &config.audit, Arc::clone(&clock)).await?;
    let sessions = sessions(&config, &clock, &token)?;
    let views = Views::new(upstreams.clone(), clock, &config.views);
    let local = TonicRoutes::new(GatewayServiceServer::new(views)).prepare();
    let bounds = Bounds {
        calls_max: config.server.in_flight_max,
        streams_max: config.limits.streams_max,
        deadline_max: Duration::from_millis(config.server.deadline_ms_max),
        message_bytes_max: config.server.message_bytes_max,
        answer_bytes_max: config.limits.answer_bytes_max,
        header_bytes_max: config.limits.header_bytes_max,
    };
    let edge = Arc::new(Edge::new(routes, sessions, upstreams, local, bounds, audit));
    let swept = Arc::clone(&edge);
    let sweep = background::every("gateway.sweep", SWEEP_EVERY, token.clone(), move || {
        let edge = Arc::clone(&swept);
        async move { edge.sweep() }
    });
    let front = Front::new(edge, open(&config, &token).await?, &config.http);
    let answer = move |request: http::Request<hyper::body::Incoming>| {
        let front = front.clone();
        async move { front.answer(request.map(Body::new)).await }
    };
    let server = server::start_raw("gateway", &config.server, token.clone(), answer).await?;
    // By its own end, not by the token: calls are refused until the last one has ended.
    let sending = sending.map(|sending| tokio::spawn(sending.run(server.drained.clone())));
    Ok(Running::of(server, [sweep].into_iter().chain(sending), token))
}

fn sessions(config: &Config, clock: &SharedClock, token: &CancellationToken) -> Result<Sessions> {
    let verifier = TokenVerifier::start(config.sign_in.clone(), Arc::clone(clock), token.clone())?;
    let signer = Signer::open_or_create(&config.identity, Arc::clone(clock)).context("identity.key_file")?;
    let recheck = Duration::from_secs(config.sessions.recheck_seconds);
    let limits = Limits::new(&config.limits);
    Ok(Sessions::new(verifier, signer, limits, Arc::clone(clock), recheck, config.sessions.entries_max))
}

/// What everybody may ask: health of the gateway itself and, where it is switched on, reflection over all services.
async fn open(config: &Config, token: &CancellationToken) -> Result<TonicRoutes> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", ServingStatus::Serving).await;
    let stopped = token.clone();
    tokio::spawn(async move {
        stopped.cancelled().await;
        reporter.set_service_status("", ServingStatus::NotServing).await;
    });
    let mut open = RoutesBuilder::default();
    open.add_service(health);
    if config.server.reflection {
        let describe = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
        };
        // Older clients, Python's among them, know v1alpha only.
        open.add_service(describe().build_v1()?);
        open.add_service(describe().build_v1alpha()?);
    }
    Ok(open.routes())
}
