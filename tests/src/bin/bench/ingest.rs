//! Ingest through the gateway to committed facts, day figures and outbox, against `psql \copy` of the same messages.
//!
//! The whole suite runs in this process, qa included, which follows the events meanwhile and shares the two cores. Both
//! sides write to the same durable Postgres; both get their input ready made: protobuf messages here, a CSV file there.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::people;
use jinpai::format;
use jinpai::reader::{self, Position};
use jinpai::session::{Session, Target};
use jinpai::suite::{Options, Suite};
use proto::access::Role;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{ConversationLine, IngestConversationsRequest};
use runtime::clock::SystemClock;
use servers::{Nats, NatsOptions, Postgres, PostgresOptions};
use testkit::Scratch;

use crate::report::{Row, median};

/// Times the demo conversations are taken, each with ids and days of their own.
const COPIES: i64 = 4;
const ROUNDS: usize = 3;
const DAY_SECONDS: i64 = 86_400;

/// The row `ingest`.
pub async fn row() -> Result<Row> {
    let scratch = Scratch::new();
    let postgres = Postgres::start(scratch.path().join("postgres"), PostgresOptions::default()).await?;
    let nats = Nats::start(scratch.path().join("nats"), NatsOptions::default()).await?;
    let lines = lines()?;
    let messages: usize =
        lines.iter().filter_map(|line| line.conversation.as_ref()).map(|chat| chat.messages.len()).sum();
    let csv = scratch.path().join("messages.csv");
    write_csv(&csv, &lines)?;
    let suite = Suite::start(&Options {
        database_url: postgres.url(),
        nats_url: nats.url(),
        event_prefix: "bench".to_owned(),
        folder: scratch.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        clock: SystemClock::shared(),
        settings: Vec::new(),
    })
    .await?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        peer.push(messages as f64 / copy(&postgres, &csv, round)?.as_secs_f64());
        // A merchant of its own each round: everything is new.
        let took = ingest(&suite, &format!("bench-{round}"), &lines).await?;
        ours.push(messages as f64 / took.as_secs_f64());
    }
    suite.stop().await?;
    let size = format!(
        "{} conversations, {messages} messages, median of {ROUNDS}; peer: psql \\copy into rows with their key",
        lines.len()
    );
    Ok(Row::higher("ingest", median(ours), median(peer), "messages/s", size))
}

/// The demo conversations, each copy four weeks after the one before.
pub fn lines() -> Result<Vec<ConversationLine>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/jinpai/demo/star.jsonl.xz");
    let mut source = reader::open(&file, &Position::default())?;
    let mut once = Vec::new();
    while let Some((number, line)) = source.read_line()? {
        let read = format::parse(number, &line, Some("star"));
        once.push(read.map_err(|reject| anyhow::anyhow!("line {number}: {}", reject.reason))?);
    }
    let mut lines = Vec::new();
    for copy in 0..COPIES {
        for chat in &once {
            let mut chat = chat.clone();
            chat.conversation_id = format!("{}-{copy}", chat.conversation_id);
            let times = chat.messages.iter_mut().map(|message| &mut message.sent_at);
            for time in times.chain([&mut chat.started_at, &mut chat.closed_at]).flatten() {
                time.seconds += copy * 28 * DAY_SECONDS;
            }
            let line = i64::try_from(lines.len())? + 1;
            lines.push(ConversationLine { line, conversation: Some(chat) });
        }
    }
    Ok(lines)
}

async fn ingest(suite: &Suite, merchant: &str, lines: &[ConversationLine]) -> Result<Duration> {
    let token = suite.keys().token(merchant, Role::ServiceAccount, None, Duration::from_secs(3600))?;
    let target = Target { gateway: Some(suite.gateway()), token: Some(token), ..Target::default() };
    let session = Session::open(&target, Role::ServiceAccount).await?;
    let requests: Vec<IngestConversationsRequest> =
        lines.chunks(64).map(|some| IngestConversationsRequest { lines: some.to_vec() }).collect();
    people::set_up(&session).await;
    let start = Instant::now();
    let mut client = MetricsServiceClient::new(session.channel());
    let mut answers = client.ingest_conversations(tokio_stream::iter(requests)).await?.into_inner();
    let mut accepted = 0;
    while let Some(answer) = answers.message().await? {
        accepted += answer.counts.unwrap_or_default().accepted;
    }
    let took = start.elapsed();
    ensure!(
        accepted == i64::try_from(lines.len())?,
        "{accepted} of {} conversations were accepted",
        lines.len()
    );
    Ok(took)
}

fn write_csv(path: &Path, lines: &[ConversationLine]) -> Result<()> {
    let mut out = std::io::BufWriter::new(fs::File::create(path)?);
    for chat in lines.iter().filter_map(|line| line.conversation.as_ref()) {
        for (at, message) in chat.messages.iter().enumerate() {
            let sent = message.sent_at.as_ref().context("a message has a time")?.seconds;
            let text = message.text.replace('"', "\"\"");
            let (sender, quick) = (message.sender, message.quick_reply);
            writeln!(out, "bench,{},{at},{sent},{sender},{quick},\"{text}\"", chat.conversation_id)?;
        }
    }
    Ok(out.flush()?)
}

fn copy(postgres: &Postgres, csv: &Path, round: usize) -> Result<Duration> {
    let psql = |command: &str| -> Result<()> {
        let mut call = Command::new(postgres.binaries().join("psql"));
        let status =
            call.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", &postgres.url(), "-c", command]).status()?;
        ensure!(status.success(), "psql: {command}: {status}");
        Ok(())
    };
    psql(&format!(
        "CREATE TABLE messages_{round} (merchant_id text, conversation_id text, seq int, sent_at bigint, sender smallint, \
         quick_reply boolean, text text, PRIMARY KEY (merchant_id, conversation_id, seq))"
    ))?;
    let start = Instant::now();
    psql(&format!("\\copy messages_{round} FROM '{}' WITH (FORMAT csv)", csv.display()))?;
    Ok(start.elapsed())
}
