//! Who was turned away: a log line for each, and a JetStream stream that only grows.
//!
//! The log line is written first, so nothing is lost while NATS is down; what then does not fit into the bounded
//! queue is counted and told. Changes that were let through are audited by the services, in their own transactions.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream};
use chrono::SecondsFormat;
use events::EventsConfig;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::HeaderValue;
use runtime::clock::SharedClock;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use status::Problem;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::limits;
use crate::sign_in::Session;

/// Refusals that wait for NATS.
const QUEUE: usize = 4096;
/// Between two attempts.
const RETRY: Duration = Duration::from_secs(1);

/// `[audit]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// How long entries are kept.
    pub retention_days: u64,
    /// The most that the stream may hold; beyond it the oldest entries go. The events share its disk.
    pub stream_bytes_max: i64,
    /// Refusals of callers who did not sign in that are sent to the stream in a second; the others are in the log
    /// only. Nobody else's limit holds for them.
    pub anonymous_per_second: NonZeroU32,
}

/// One call that was turned away.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// Unique; the stream drops repeats by it.
    pub id: String,
    /// When, by the gateway's clock.
    pub at: String,
    /// `unauthenticated`, `denied` or `limited`.
    pub decision: &'static str,
    /// The reason that the caller was told.
    pub reason: String,
    /// `/package.Service/Method`.
    pub method: &'static str,
    /// The id of the request.
    pub request_id: String,
    /// The merchant of the token; absent if the token did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<String>,
    /// The subject of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The roles of the token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Refusal {
    /// What there is to tell about `status`; `None` if it was no refusal of a caller.
    pub fn of(
        method: &'static str,
        request_id: &HeaderValue,
        session: Option<&Session>,
        status: &Status,
    ) -> Option<Self> {
        let reason = Problem::from_status(status).reason;
        let decision = match status.code() {
            Code::Unauthenticated => "unauthenticated",
            Code::PermissionDenied => "denied",
            // Of the limits only a caller's own; the gateway being busy is nobody's offence.
            Code::ResourceExhausted if limits::is_callers_own(&reason) => "limited",
            _ => return None,
        };
        let caller = session.map(|session| &session.caller);
        Some(Self {
            id: uuid::Uuid::now_v7().to_string(),
            at: String::new(),
            decision,
            reason,
            method,
            request_id: request_id.to_str().unwrap_or_default().to_owned(),
            merchant_id: caller.map(|caller| caller.merchant.to_string()),
            subject: caller.map(|caller| caller.subject.clone()),
            roles: caller.map_or_else(Vec::new, |caller| {
                caller.roles.iter().map(|role| proto::access::role_name(*role)).collect()
            }),
        })
    }
}

/// Where refusals go.
#[derive(Debug, Clone)]
pub struct Audit {
    clock: SharedClock,
    queue: Option<mpsc::Sender<Refusal>>,
    anonymous: Arc<DefaultDirectRateLimiter>,
    dropped: Arc<AtomicU64>,
}

impl Audit {
    /// Starts sending, if there is a broker to send to. What is queued when `token` ends gets a last chance.
    pub async fn start(
        events: &EventsConfig,
        config: &AuditConfig,
        clock: SharedClock,
        token: CancellationToken,
    ) -> Result<Self, events::Error> {
        let anonymous = Arc::new(RateLimiter::direct(Quota::per_second(config.anonymous_per_second)));
        let mut audit = Self { clock, queue: None, anonymous, dropped: Arc::default() };
        if !events.url.expose_secret().is_empty() {
            // No bus: the stream of the events, its copies too, is for the services to make.
            let jetstream = events::jetstream(events).await?;
            let stream = stream(events, config);
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(send_all(jetstream, stream, receiver, Arc::clone(&audit.dropped), token));
            audit.queue = Some(sender);
        }
        Ok(audit)
    }

    /// Takes note of a refusal. Never waits.
    pub fn refused(&self, mut refusal: Refusal) {
        refusal.at = self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        tracing::info!(
            target: "audit",
            {
                rpc.method = refusal.method,
                decision = refusal.decision,
                reason = refusal.reason,
                request_id = refusal.request_id,
                merchant = refusal.merchant_id,
                subject = refusal.subject,
            },
            "call refused"
        );
        let Some(queue) = &self.queue else { return };
        let too_many = refusal.subject.is_none() && self.anonymous.check().is_err();
        if too_many || queue.try_send(refusal).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The stream's settings. Nothing can be taken out of it through NATS.
fn stream(events: &EventsConfig, config: &AuditConfig) -> stream::Config {
    let name = format!("{}-audit", events.prefix);
    stream::Config {
        subjects: vec![format!("{name}.>")],
        name,
        description: Some("Calls that the gateway turned away".to_owned()),
        storage: stream::StorageType::File,
        num_replicas: events.replicas,
        max_age: Duration::from_secs(config.retention_days * 24 * 3600),
        max_bytes: config.stream_bytes_max,
        deny_delete: true,
        deny_purge: true,
        ..stream::Config::default()
    }
}

async fn send_all(
    jetstream: jetstream::Context,
    stream: stream::Config,
    mut queue: mpsc::Receiver<Refusal>,
    dropped: Arc<AtomicU64>,
    token: CancellationToken,
) {
    let subject = format!("{}.gateway.refused", stream.name);
    let mut made = false;
    loop {
        let refusal = tokio::select! {
            biased;
            refusal = queue.recv() => refusal,
            () = token.cancelled() => None,
        };
        let Some(refusal) = refusal else { return };
        // A refusal is tried until it is stored; the others wait in the bounded queue behind it.
        while let Err(error) = send(&jetstream, &stream, &mut made, &subject, &refusal).await {
            tracing::warn!(error.chain = status::chain(&*error), "refusals are only in the log for now");
            if token.is_cancelled() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = token.cancelled() => {}
            }
        }
        let missed = dropped.swap(0, Ordering::Relaxed);
        if missed > 0 {
            tracing::warn!(missed, "refusals are only in the log: more than the audit stream takes");
        }
    }
}

async fn send(
    jetstream: &jetstream::Context,
    stream: &stream::Config,
    made: &mut bool,
    subject: &str,
    refusal: &Refusal,
) -> Result<(), async_nats::Error> {
    if !*made {
        // An installed system keeps its entries and gets the settings of today.
        jetstream.create_or_update_stream(stream.clone()).await?;
        *made = true;
    }
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", refusal.id.as_str());
    let payload = serde_json::to_vec(refusal)?;
    jetstream.publish_with_headers(subject.to_owned(), headers, payload.into()).await?.await?;
    Ok(())
}
