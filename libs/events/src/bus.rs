//! The connection to JetStream.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{PublishAckFuture, PublishError};
use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, consumer};
use async_nats::{Client, ConnectOptions, HeaderMap, ServerAddr};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Error, EventsConfig, subject};

/// Carries the tenant beside the payload, so that even an event that cannot be decoded belongs to somebody.
pub(crate) const MERCHANT_HEADER: &str = "Jinpai-Merchant";

const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Repeats by `Nats-Msg-Id` are dropped inside this window: longer than a relay needs to come back after a crash.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(300);
/// How long an unacknowledged message waits before another follower gets it. Short, so that the events of a killed
/// process are taken up soon; work that takes longer keeps telling the broker so.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(10);

/// The events' stream. Cheap to clone; all clones share one connection, which reconnects for ever.
#[derive(Clone)]
pub struct Bus {
    client: Client,
    jetstream: jetstream::Context,
    shared: Arc<Shared>,
}

struct Shared {
    prefix: String,
    stream: String,
    replicas: usize,
    ready: watch::Sender<bool>,
}

impl Bus {
    /// Connects in the background and makes the stream as soon as the broker answers: a broker that is away stops
    /// nobody from starting. Fails only for settings that cannot work.
    pub async fn connect(config: &EventsConfig) -> Result<Self, Error> {
        let jetstream = jetstream(config).await?;
        let stream =
            config.prefix.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_") + "_EVENTS";
        let shared = Shared {
            prefix: config.prefix.clone(),
            stream,
            replicas: config.replicas,
            ready: watch::Sender::new(false),
        };
        let bus = Self { client: jetstream.client(), jetstream, shared: Arc::new(shared) };
        tokio::spawn(bus.clone().make_stream_for_ever());
        Ok(bus)
    }

    /// Waits until the stream is there or `token` ends; says which.
    pub async fn ready(&self, token: &CancellationToken) -> bool {
        let mut ready = self.shared.ready.subscribe();
        tokio::select! {
            () = token.cancelled() => false,
            // The sender lives in `self`, so waiting cannot fail.
            done = ready.wait_for(|ready| *ready) => done.is_ok(),
        }
    }

    /// Whether the broker is connected at the moment.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The JetStream context, for a look at what the broker holds.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// First part of all subjects.
    pub fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    /// Sends a message and returns the promise of its acknowledgement.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: bytes::Bytes,
    ) -> Result<PublishAckFuture, PublishError> {
        let subject = format!("{}.{subject}", self.shared.prefix);
        self.jetstream.publish_with_headers(subject, headers, payload).await
    }

    /// The durable consumer of one subject, made if it is not there, and brought to these settings if an older release
    /// made it with others. Where it stands among the events stays as it is.
    pub(crate) async fn consumer(
        &self,
        durable: &str,
        subject: &str,
        max_ack_pending: i64,
    ) -> Result<consumer::PullConsumer, Error> {
        let broker = |e: String| Error::Broker(e);
        let stream =
            self.jetstream.get_stream(&self.shared.stream).await.map_err(|e| broker(e.to_string()))?;
        // One consumer per subject instead of one with several filters: those need server 2.10.
        let name = format!("{durable}--{}", subject.replace('.', "_").replace(['*', '>'], "all"));
        let config = consumer::pull::Config {
            durable_name: Some(name),
            filter_subject: format!("{}.{subject}", self.shared.prefix),
            ack_wait: ACK_WAIT,
            // Poison is parked by us, with its error; the broker never gives up on its own.
            max_deliver: -1,
            max_ack_pending,
            ..Default::default()
        };
        // Creates or updates: `get_or_create_consumer` would keep the settings of the release that came first.
        stream.create_consumer(config).await.map_err(|e| broker(e.to_string()))
    }

    /// Makes the stream or brings it to these settings. Needed again if the broker lost its store.
    pub(crate) async fn make_stream(&self) -> Result<(), Error> {
        let prefix = &self.shared.prefix;
        let config = StreamConfig {
            name: self.shared.stream.clone(),
            description: Some("Integration events of the suite".to_owned()),
            // By publisher, so that other streams may live under the same prefix.
            subjects: subject::PUBLISHERS.iter().map(|service| format!("{prefix}.{service}.>")).collect(),
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_age: KEPT,
            duplicate_window: DUPLICATE_WINDOW,
            num_replicas: self.shared.replicas,
            ..Default::default()
        };
        let made = self.jetstream.create_or_update_stream(config).await;
        made.map_err(|e| Error::Broker(e.to_string()))?;
        self.shared.ready.send_replace(true);
        Ok(())
    }

    async fn make_stream_for_ever(self) {
        let mut pause = Duration::from_millis(50);
        while let Err(error) = self.make_stream().await {
            tracing::info!(error = status::chain(&error), "waiting for the event broker");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("stream", &self.shared.stream)
            .field("connected", &self.is_connected())
            .finish()
    }
}

/// The broker without the events' stream, for who has a stream of their own: whoever neither sends nor follows events has
/// no say in how many copies of them are kept.
///
/// Connects in the background, as [`Bus::connect`] does, and fails only for settings that cannot work.
pub async fn jetstream(config: &EventsConfig) -> Result<jetstream::Context, Error> {
    let (addresses, options) = options(config).await?;
    let client = options.connect(addresses).await.map_err(|e| Error::config(format!("events.url: {e}")))?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(Duration::from_secs(5));
    Ok(jetstream)
}

async fn options(config: &EventsConfig) -> Result<(Vec<ServerAddr>, ConnectOptions), Error> {
    // The parser's message may repeat the URL with its password: it is not passed on.
    let bad_url = || Error::config("events.url is not a NATS URL");
    let addresses: Vec<ServerAddr> = config
        .url
        .expose_secret()
        .split(',')
        .map(|part| part.trim().parse::<ServerAddr>().ok().filter(|address| !address.host().is_empty()))
        .collect::<Option<_>>()
        .ok_or_else(bad_url)?;
    let first = addresses.first().ok_or_else(bad_url)?;
    // The client ignores the login in a URL: it has to be given apart.
    let mut options = match (first.username(), first.password()) {
        (Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => ConnectOptions::new(),
    };
    if let Some(file) = &config.credentials_file {
        let wrong =
            |e: std::io::Error| Error::config(format!("events.credentials_file {}: {e}", file.display()));
        options = options.credentials_file(file).await.map_err(wrong)?;
    }
    let options = options
        .name("jinpai")
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempt| Duration::from_millis((50 << attempt.min(5)).min(1_000)))
        .event_callback(|event| async move { tracing::info!(%event, "event broker") });
    Ok((addresses, options))
}
