//! Ingest through the gateway to committed facts, day figures and outbox, against `psql \copy` of the same messages.
//!
//! Both sides write to the same durable Postgres; both get their input ready made: protobuf messages here, a CSV file
//! there. `ingest` is what the figure is set for: gateway and metrics up to the outbox, a process each; the relay passes
//! the events on meanwhile. In `ingest_followed` qa, too, takes them in at the same time, on the same cores.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Door, Ground, Processes, people};
use futures::future::try_join_all;
use jinpai::format;
use jinpai::reader::{self, Position};
use proto::access::Role;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{ConversationLine, IngestConversationsRequest};
use servers::Postgres;

use crate::report::{Row, median};

/// Times the demo conversations are taken, each with ids and days of their own.
const COPIES: i64 = 8;
const ROUNDS: usize = 3;
/// For what one round leaves to do behind the commits.
const PATIENCE: Duration = Duration::from_secs(120);
/// Streams at once for the row `ingest_memory`: as many as metrics takes.
const STREAMS: usize = 32;
/// What a pod of metrics may have (`k8s/base/restricted.yaml`).
const MEMORY_LIMIT_MIB: f64 = 512.0;
/// Customers whose figures wait to be counted.
const ALONE: &str = "SELECT count(*) FROM metrics.timeline_changes";
/// And conversations that qa has not taken in.
const FOLLOWED: &str = "SELECT (SELECT count(*) FROM metrics.timeline_changes) \
    + (SELECT count(*) FROM metrics.conversations) - (SELECT count(*) FROM qa.conversation_keys)";
const DAY_SECONDS: i64 = 86_400;

/// The rows `ingest`, `ingest_followed` and `ingest_memory`.
pub async fn rows() -> Result<Vec<Row>> {
    let program = std::env::current_exe()?.with_file_name("member");
    ensure!(program.is_file(), "{} is not built", program.display());
    let mut suite = Processes::start_on(Ground::durable().await, &program, None).await;
    let lines = lines()?;
    let messages: usize =
        lines.iter().filter_map(|line| line.conversation.as_ref()).map(|chat| chat.messages.len()).sum();
    let csv = suite.ground.folder().join("messages.csv");
    write_csv(&csv, &lines)?;
    let (mut alone, mut followed, mut peer, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // A merchant of its own each time: everything is new.
    for round in 0..ROUNDS {
        let took = ingest(&suite.door, &format!("followed-{round}"), &lines).await?;
        followed.push(messages as f64 / took.as_secs_f64());
        settle(&suite.ground, FOLLOWED).await?;
    }
    suite.kill9("qa");
    for round in 0..ROUNDS {
        peer.push(messages as f64 / copy(&suite.ground.postgres, &csv, round)?.as_secs_f64());
        let took = ingest(&suite.door, &format!("alone-{round}"), &lines).await?;
        alone.push(messages as f64 / took.as_secs_f64());
        after.push(settle(&suite.ground, ALONE).await?);
    }
    let once = once()?;
    let streams = (0..STREAMS).map(|stream| {
        let (door, lines) = (&suite.door, &once);
        async move { ingest(door, &format!("stream-{stream}"), lines).await }
    });
    try_join_all(streams).await?;
    let (held, chats) = (suite.peak_mib("metrics"), once.len());
    let size = |what: &str| {
        format!(
            "{} conversations, {messages} messages, median of {ROUNDS}, {what}; peer: psql \\copy into rows with their key",
            lines.len()
        )
    };
    let peer = median(peer);
    let alone_too = format!("gateway and metrics, figures by customer {:.1} s after", median(after));
    Ok(vec![
        Row::higher("ingest", median(alone), peer, "messages/s", size(&alone_too)),
        Row::higher(
            "ingest_followed",
            median(followed),
            peer,
            "messages/s",
            size("and qa on the same cores"),
        ),
        Row::lower(
            "ingest_memory",
            held,
            MEMORY_LIMIT_MIB,
            "MiB",
            format!(
                "metrics at most, {STREAMS} streams of {chats} conversations at once; peer: the limit of its pod"
            ),
        ),
    ])
}

/// Waits until what one round brought is worked off, so that neither the next round nor the peer shares the cores with it.
/// Gives the seconds it waited.
async fn settle(ground: &Ground, waiting: &str) -> Result<f64> {
    let begin = Instant::now();
    while ground.count(waiting).await.context("the database is away")? > 0 {
        ensure!(begin.elapsed() < PATIENCE, "the rest of the work is not done in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// The demo conversations.
pub fn once() -> Result<Vec<ConversationLine>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/jinpai/demo/star.jsonl.xz");
    let mut source = reader::open(&file, &Position::default())?;
    let mut once = Vec::new();
    while let Some((number, line)) = source.read_line()? {
        let read = format::parse(number, &line, Some("star"));
        let chat = read.map_err(|reject| anyhow::anyhow!("line {number}: {}", reject.reason))?;
        once.push(ConversationLine { line: i64::try_from(once.len())? + 1, conversation: Some(chat) });
    }
    Ok(once)
}

/// The demo conversations, each copy four weeks after the one before.
pub fn lines() -> Result<Vec<ConversationLine>> {
    let once = once()?;
    let mut lines = Vec::new();
    for copy in 0..COPIES {
        for chat in once.iter().filter_map(|line| line.conversation.as_ref()) {
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

/// Takes the lines in through the gateway and says how long it took; every line has to be new.
pub async fn ingest(door: &Door, merchant: &str, lines: &[ConversationLine]) -> Result<Duration> {
    let session = door.session_with(door.token(merchant, Role::ServiceAccount, None)).await;
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
