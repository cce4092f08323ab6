//! From the outbox to JetStream by the relay, against a bare loop that publishes the same messages.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use chrono::DateTime;
use events::{Bus, Encoded, EventsConfig, Payload};
use pg::{DatabaseConfig, Pool};
use proto::events::v1::{ConversationClosed, TranscriptMessage};
use proto::metrics::v1::ConversationLine;
use servers::{Nats, NatsOptions, Postgres, PostgresOptions};
use testkit::Scratch;
use tokio_util::sync::CancellationToken;

use crate::ingest;
use crate::report::{Row, median};

const SCHEMA: &str = "relay";
const ROUNDS: usize = 3;
/// As many as the relay has under way.
const UNDER_WAY: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);
static SETS: &[diesel_migrations::EmbeddedMigrations] = &[events::MIGRATIONS];

/// The row `relay`.
pub async fn row() -> Result<Row> {
    let scratch = Scratch::new();
    let postgres = Postgres::start(scratch.path().join("postgres"), PostgresOptions::default()).await?;
    let nats = Nats::start(scratch.path().join("nats"), NatsOptions::default()).await?;
    let database = DatabaseConfig::new(postgres.url());
    pg::migrate(SCHEMA, &database, SETS).await?;
    let pool = pg::connect(SCHEMA, &database).await?;
    let lines = ingest::lines()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for round in 0..ROUNDS {
        let events = encoded(&lines)?;
        bytes = events.iter().map(|event| event.payload.len()).sum();
        let bus = |side| connect(&nats, format!("{side}{round}"));
        bare.push(events.len() as f64 / published(&bus("bare").await?, &events).await?.as_secs_f64());
        ours.push(events.len() as f64 / relayed(&pool, bus("ours").await?, &events).await?.as_secs_f64());
    }
    let size = format!(
        "{} conversations, {:.1} MiB, median of {ROUNDS}, goal 20,000; peer: the same published without an outbox",
        lines.len(),
        bytes as f64 / 1024.0 / 1024.0
    );
    Ok(Row::higher("relay", median(ours), median(bare), "events/s", size))
}

/// A stream of its own each time: the broker drops what it has seen.
async fn connect(nats: &Nats, prefix: String) -> Result<Bus> {
    let bus = Bus::connect(&EventsConfig { prefix, ..EventsConfig::new(nats.url()) }).await?;
    ensure!(bus.ready(&CancellationToken::new()).await, "the broker has no stream");
    Ok(bus)
}

fn encoded(lines: &[ConversationLine]) -> Result<Vec<Encoded>> {
    let event = |line: &ConversationLine| {
        let chat = line.conversation.as_ref().context("a line has a conversation")?;
        let message = |message: &proto::metrics::v1::Message| TranscriptMessage {
            offset_ms: 0,
            sender: message.sender,
            text: message.text.clone(),
            quick_reply: message.quick_reply,
        };
        let closed = ConversationClosed {
            account_id: chat.account_id.clone(),
            messages: chat.messages.iter().map(message).collect(),
            ..ConversationClosed::default()
        };
        let entity = format!("conversation/{}", chat.conversation_id);
        let event =
            events::event("bench", entity, 1, DateTime::UNIX_EPOCH, Payload::ConversationClosed(closed));
        Ok(events::encode(&event)?)
    };
    lines.iter().map(event).collect()
}

async fn relayed(pool: &Pool, bus: Bus, events: &[Encoded]) -> Result<Duration> {
    for batch in events.chunks(UNDER_WAY) {
        events::insert_encoded(&mut *pool.get().await?, batch).await?;
    }
    let session = pool.session().await?;
    let token = CancellationToken::new();
    let start = Instant::now();
    let relay = events::relay(pool.clone(), bus, token.clone());
    loop {
        let waits = session.client.query_one("SELECT EXISTS (SELECT FROM outbox_waiting)", &[]).await?;
        if !waits.get::<_, bool>(0) {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "not sent within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = start.elapsed();
    token.cancel();
    relay.await?;
    Ok(took)
}

async fn published(bus: &Bus, events: &[Encoded]) -> Result<Duration> {
    let start = Instant::now();
    for batch in events.chunks(UNDER_WAY) {
        let mut promises = Vec::with_capacity(batch.len());
        for event in batch {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, event.event_id.to_string());
            headers.insert("Jinpai-Merchant", event.merchant_id.as_str());
            let subject = format!("{}.{}", bus.prefix(), event.subject);
            let payload = Bytes::from(event.payload.clone());
            promises.push(bus.jetstream().publish_with_headers(subject, headers, payload).await?);
        }
        for promise in promises {
            promise.await?;
        }
    }
    Ok(start.elapsed())
}
