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
use runtime::config::{ConfigError, within};
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
/// For what is queued when the last call has ended: the process should not wait for a broker that is away.
const LAST_CHANCE: Duration = Duration::from_secs(3);

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

impl AuditConfig {
    /// # Errors
    ///
    /// The first value that no stream can be made with. Without a bound it would fill the disk of the events.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("audit.retention_days", self.retention_days, &(1..=36_500))?;
        within("audit.stream_bytes_max", self.stream_bytes_max, &(1..=i64::MAX))
    }
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
    /// The audit and, if there is a broker to send to, what sends to it.
    pub async fn open(
        events: &EventsConfig,
        config: &AuditConfig,
        clock: SharedClock,
    ) -> Result<(Self, Option<Sending>), events::Error> {
        let anonymous = Arc::new(RateLimiter::direct(Quota::per_second(config.anonymous_per_second)));
        let mut audit = Self { clock, queue: None, anonymous, dropped: Arc::default() };
        if events.url.expose_secret().is_empty() {
            return Ok((audit, None));
        }
        let (sender, queue) = mpsc::channel(QUEUE);
        audit.queue = Some(sender);
        let sending = Sending {
            // No bus: the stream of the events, its copies too, is for the services to make.
            jetstream: events::jetstream(events).await?,
            stream: stream(events, config),
            queue,
            in_hand: 0,
            dropped: Arc::clone(&audit.dropped),
        };
        Ok((audit, Some(sending)))
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

/// Takes refusals from the queue to the stream.
#[derive(Debug)]
pub struct Sending {
    jetstream: jetstream::Context,
    stream: stream::Config,
    queue: mpsc::Receiver<Refusal>,
    /// 1 while a refusal is out of the queue and not yet stored.
    in_hand: u64,
    dropped: Arc<AtomicU64>,
}

impl Sending {
    /// Sends until every [`Audit`] is gone and all that was queued is stored. What the broker has not taken a while after
    /// the server has `drained` is in the log only.
    pub async fn run(mut self, drained: CancellationToken) {
        let out_of_time = async {
            drained.cancelled().await;
            tokio::time::sleep(LAST_CHANCE).await;
        };
        tokio::select! {
            () = self.send_all() => {}
            () = out_of_time => {}
        }
        let left = self.queue.len() as u64 + self.in_hand;
        tell_of_missed(left + self.dropped.swap(0, Ordering::Relaxed));
    }

    async fn send_all(&mut self) {
        // Not with the first refusal only: there may be none, and today's settings are to count.
        self.insist(None).await;
        while let Some(refusal) = self.queue.recv().await {
            self.in_hand = 1;
            self.insist(Some(&refusal)).await;
            self.in_hand = 0;
            tell_of_missed(self.dropped.swap(0, Ordering::Relaxed));
        }
    }

    /// Makes the stream, or stores a refusal in it, however often it takes; meanwhile the others wait in the bounded queue.
    async fn insist(&self, refusal: Option<&Refusal>) {
        let mut make_stream = refusal.is_none();
        while let Err(error) = self.attempt(make_stream, refusal).await {
            tracing::warn!(error.chain = status::chain(&*error), "refusals are only in the log for now");
            // A broker that lost its store has no stream either.
            make_stream = true;
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn attempt(&self, make_stream: bool, refusal: Option<&Refusal>) -> Result<(), async_nats::Error> {
        if make_stream {
            // An installed system keeps its entries and gets the settings of today.
            self.jetstream.create_or_update_stream(self.stream.clone()).await?;
        }
        let Some(refusal) = refusal else { return Ok(()) };
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", refusal.id.as_str());
        let subject = format!("{}.gateway.refused", self.stream.name);
        let payload = serde_json::to_vec(refusal)?;
        self.jetstream.publish_with_headers(subject, headers, payload.into()).await?.await?;
        Ok(())
    }
}

fn tell_of_missed(missed: u64) {
    if missed > 0 {
        tracing::warn!(missed, "refusals are only in the log: more than the audit stream took");
    }
}
