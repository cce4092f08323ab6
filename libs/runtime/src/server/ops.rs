//! Health and figures, on a listener of their own: never behind access, limits or TLS, so that a busy service is
//! not taken for a dead one, and never reachable through the listener for calls.

use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use super::connections::{self, ConnectionLimits};
use crate::{background, telemetry};

/// The health service's names: alive is the process, ready is whether calls should come here. The empty name is
/// what clients ask that know no names.
pub const LIVENESS: &str = "liveness";
/// See [`LIVENESS`].
pub const READINESS: &str = "readiness";
const OVERALL: &str = "";

const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);

/// Whether something needed is there; an error says in a word why not.
pub(super) type Check =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Something without which the service is not ready.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) check: Check,
}

/// What the probes found, and the last word of a server that stops.
#[derive(Clone)]
pub(super) struct Health(HealthReporter);

impl Health {
    /// The health service's state and the routes of the ops listener. Nothing is ready until a probe says so.
    pub(super) async fn new() -> (Self, Router) {
        let (reporter, service) = tonic_health::server::health_reporter();
        let health = Self(reporter);
        health.0.set_service_status(LIVENESS, ServingStatus::Serving).await;
        health.ready(false).await;
        let router = Routes::new(service).prepare().into_axum_router().route("/metrics", get(figures));
        (health, router)
    }

    pub(super) async fn ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.set_service_status(READINESS, status).await;
        self.0.set_service_status(OVERALL, status).await;
    }

    /// Asks all probes now and tells what they found; one that doesn't answer has failed.
    async fn probe(&self, service: &str, probes: &[Probe]) -> bool {
        let mut ready = true;
        for Probe { name, check } in probes {
            let found =
                timeout(PROBE_TIME_MAX, check()).await.unwrap_or_else(|_| Err("no answer".to_owned()));
            if let Err(reason) = found {
                tracing::warn!(service, probe = name, reason, "not ready");
                ready = false;
            }
        }
        ready
    }

    /// Asks the probes until `stop`, and then is not ready any more.
    pub(super) fn watch(self, service: &'static str, probes: Vec<Probe>, stop: CancellationToken) {
        let probes = std::sync::Arc::new(probes);
        background::every("readiness", PROBE_EVERY, stop.clone(), move || {
            let (health, probes, stop) = (self.clone(), std::sync::Arc::clone(&probes), stop.clone());
            async move {
                let ready = health.probe(service, &probes).await;
                // The server may have stopped while a probe was waiting.
                health.ready(ready && !stop.is_cancelled()).await;
            }
        });
    }
}

async fn figures() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry::render())
}

/// Serves the ops listener until `stop`.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let limits = ConnectionLimits {
        connections_max: 64,
        streams_per_connection_max: 16,
        handshake: Duration::from_secs(5),
        keepalive: Duration::from_secs(20),
        keepalive_timeout: Duration::from_secs(10),
        age_max: None,
        age_grace: Duration::ZERO,
        // A prober that watches health keeps its call open; nobody waits for it.
        drain_max: Duration::from_millis(200),
        http1: true,
    };
    let answer = move |request: http::Request<Incoming>| {
        let answered = router.clone().oneshot(request.map(Body::new).map(axum::body::Body::new));
        async move {
            match answered.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    connections::serve(listener, None, limits, stop, answer).await;
}
