//! `jinpai ingest`: a file through the bidirectional ingest stream, resumed wherever it was cut.
//!
//! What is sent and not yet acknowledged is kept, so that a broken connection costs only a repeat of it. How far the
//! acknowledgements came is also kept in a file, so that a killed run goes on there. Both only save time: sending
//! again what was stored changes nothing.

mod bookmark;
mod feed;

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use proto::gateway::v1::WhoAmIRequest;
use proto::gateway::v1::gateway_service_client::GatewayServiceClient;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{
    BatchIngestConversationsRequest, ConversationLine, IngestConversationsRequest,
    IngestConversationsResponse, Reject,
};
use proto::performance::v1::GetMerchantRequest;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use serde::Serialize;
use status::Problem;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status};

use crate::format;
use crate::reader::{self, Position};

use crate::session::{Session, explain};
use bookmark::Bookmark;
use feed::{Batch, Feed};

/// Lines sent and not yet acknowledged, at most.
const UNACKNOWLEDGED_MAX: usize = 8_000;
/// Failures in a row, without an acknowledgement between them, before giving up.
const FAILURES_MAX: u32 = 8;
/// Rejects named in the summary; `--rejects` writes all.
const REJECTS_SHOWN_MAX: usize = 100;

/// What to ingest.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// JSON Lines, plain or packed (.xz, .gz, .zst); - reads standard input.
    pub file: PathBuf,
    /// Shop of the lines that name none; a merchant with a single shop needs none.
    #[arg(long)]
    pub shop: Option<String>,
    /// Write every refused line there: line, field, reason as JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Begin at the first line even if an earlier run was cut.
    #[arg(long)]
    pub from_start: bool,
}

/// What became of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Lines that are not blank.
    pub read: i64,
    /// Stored: new, or a newer revision.
    pub accepted: i64,
    /// Known already.
    pub unchanged: i64,
    /// Older than what is stored.
    pub stale: i64,
    /// Refused.
    pub rejected: i64,
    /// The first refused lines of this run.
    pub rejects: Vec<Refused>,
    /// Where this run began, if an earlier one was cut.
    pub resumed_after_line: Option<i64>,
    /// Times that the connection was made anew.
    pub reconnects: u32,
}

/// A refused line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The line, from 1.
    pub line: i64,
    /// The field, as it stands in the file or the message.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Sends the whole file. `quiet` shows no progress bar.
pub async fn conversations(session: &Session, options: &Options, quiet: bool) -> Result<Summary> {
    let merchant = merchant(session).await?;
    let shop = match &options.shop {
        Some(shop) => Some(shop.clone()),
        None => only_shop(session).await?,
    };
    let bookmark = Bookmark::of(&options.file, &session.gateway, &merchant, shop.as_deref())?;
    let mut saved = if options.from_start { None } else { bookmark.load()? };
    if let Some(through) = saved.as_ref().map(|saved| saved.through_line)
        && !still_there(session, &options.file, shop.as_deref(), through).await?
    {
        // Another suite answers at the same address: what the bookmark counts is not in it.
        saved = None;
    }
    let mut summary = Summary::default();
    let mut after = 0;
    if let Some(saved) = saved {
        after = saved.through_line;
        summary = Summary { resumed_after_line: Some(after), ..saved.counts() };
    }
    let feed = Feed::start(&options.file, shop, after)?;
    let bar = progress_bar(&feed, quiet)?;
    let rejects = options.rejects.as_deref().map(|path| reject_file(path, after > 0)).transpose()?;
    let mut run = Run {
        bookmark,
        summary,
        feed,
        bar,
        rejects,
        settled: after,
        unsent_from: 0,
        window: VecDeque::new(),
    };
    run.until_through(session).await?;
    run.bookmark.remove()?;
    run.bar.finish_and_clear();
    Ok(run.summary)
}

/// The merchant that the token speaks for.
async fn merchant(session: &Session) -> Result<String> {
    let mut gateway = GatewayServiceClient::new(session.channel());
    let answer = patient(async || gateway.who_am_i(WhoAmIRequest {}).await).await;
    Ok(answer.map_err(|status| explain(&status, "signing in failed"))?.merchant_id)
}

/// The merchant's shop if there is exactly one; no shop is guessed.
async fn only_shop(session: &Session) -> Result<Option<String>> {
    let mut people = PeopleServiceClient::new(session.channel());
    let answer = patient(async || people.get_merchant(GetMerchantRequest {}).await).await;
    let merchant =
        answer.map_err(|status| explain(&status, "the merchant's shops can't be had; give --shop"))?.merchant;
    Ok(match merchant.unwrap_or_default().shops.as_slice() {
        [shop] => Some(shop.shop_id.clone()),
        _ => None,
    })
}

/// Whether the suite holds what an earlier run had acknowledged: the last good line is sent once more, which changes
/// nothing where it is known.
async fn still_there(session: &Session, file: &Path, shop: Option<&str>, through: i64) -> Result<bool> {
    const LOOK_BACK: usize = 64;
    let mut lines = reader::open(file, &Position::default())?;
    let mut last = VecDeque::with_capacity(LOOK_BACK);
    while let Some((number, line)) = lines.read_line()?.filter(|(number, _)| *number <= through) {
        if last.len() == LOOK_BACK {
            last.pop_front();
        }
        last.push_back((number, line));
    }
    let good = last.iter().rev().find_map(|(line, text)| {
        let conversation = format::parse(*line, text, shop).ok()?;
        Some(ConversationLine { line: *line, conversation: Some(conversation) })
    });
    let Some(line) = good else { return Ok(false) };
    let request = BatchIngestConversationsRequest { lines: vec![line], request_id: String::new() };
    let mut metrics = MetricsServiceClient::new(session.channel());
    let answer = patient(async || metrics.batch_ingest_conversations(request.clone()).await).await;
    let counts = answer.map_err(|status| explain(&status, "going on where the last run was cut"))?.counts;
    Ok(counts.unwrap_or_default().accepted == 0)
}

/// Tries a call that may be repeated until it is answered, as long as the service is only away.
async fn patient<T>(mut call: impl AsyncFnMut() -> Result<Response<T>, Status>) -> Result<T, Status> {
    for tries in 0..FAILURES_MAX {
        match call().await {
            Err(status) if status.code() == Code::Unavailable || early(&status) => {
                tokio::time::sleep(Duration::from_millis(100 << tries.min(6))).await;
            }
            answer => return answer.map(Response::into_inner),
        }
    }
    call().await.map(Response::into_inner)
}

/// Whether metrics has not heard of the merchant yet: a moment after the merchant was set up.
fn early(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition && Problem::from_status(status).reason == "MERCHANT_UNKNOWN"
}

struct Run {
    bookmark: Bookmark,
    summary: Summary,
    feed: Feed,
    bar: ProgressBar,
    rejects: Option<std::fs::File>,
    /// Every line up to here is acknowledged or refused, and counted.
    settled: i64,
    /// Read and not wholly acknowledged, oldest first.
    window: VecDeque<Batch>,
    /// The first batch of the window that this connection has not sent.
    unsent_from: usize,
}

impl Run {
    async fn until_through(&mut self, session: &Session) -> Result<()> {
        let mut failures = 0;
        loop {
            let before = self.summary.clone();
            let status = match self.connection(session).await? {
                Ok(()) if self.window.is_empty() && self.feed.ended() => return Ok(()),
                Ok(()) => Status::unavailable("the stream ended before everything was acknowledged"),
                Err(status) => status,
            };
            failures = if self.summary == before { failures + 1 } else { 1 };
            let passing = matches!(
                status.code(),
                Code::Unavailable
                    | Code::Aborted
                    | Code::Cancelled
                    | Code::ResourceExhausted
                    | Code::Unknown
                    | Code::DeadlineExceeded
            ) || early(&status);
            if !passing || failures > FAILURES_MAX {
                return Err(explain(&status, "the ingest stopped").context(format!(
                    "{} is kept: run the same command again to go on",
                    self.progress_in_words()
                )));
            }
            self.summary.reconnects += 1;
            self.bar.set_message("connecting again");
            tokio::time::sleep(Duration::from_millis(100 << failures.min(6))).await;
        }
    }

    fn progress_in_words(&self) -> String {
        format!("what was acknowledged ({} of {} lines read)", self.acknowledged(), self.summary.read)
    }

    fn acknowledged(&self) -> i64 {
        let Summary { accepted, unchanged, stale, rejected, .. } = self.summary;
        accepted + unchanged + stale + rejected
    }

    /// One connection: sends the window again, then what is read, until the file's end or a failure. The outer error
    /// is the file's, the inner one the connection's.
    async fn connection(&mut self, session: &Session) -> Result<Result<(), Status>> {
        self.unsent_from = 0;
        let (send, requests) = mpsc::channel::<IngestConversationsRequest>(2);
        let mut client = MetricsServiceClient::new(session.channel());
        let mut answers = match client.ingest_conversations(ReceiverStream::new(requests)).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Ok(Err(status)),
        };
        let mut send = Some(send);
        loop {
            self.drop_settled();
            let waiting: usize = self.window.iter().map(|batch| batch.lines.len()).sum();
            let unsent = self.unsent_from < self.window.len();
            if !unsent && self.feed.ended() {
                // Closing our side asks the server to finish and end its own.
                send = None;
            }
            let room = send.clone().filter(|_| unsent);
            tokio::select! {
                room = reserve(room) => {
                    if let Some(permit) = room {
                        let lines = self.window[self.unsent_from].lines.clone();
                        permit.send(IngestConversationsRequest { lines });
                        self.unsent_from += 1;
                    } else {
                        // The stream is gone; its answers say why.
                        send = None;
                    }
                }
                batch = self.feed.next(), if !self.feed.ended() && !unsent && waiting < UNACKNOWLEDGED_MAX => {
                    if let Some(batch) = batch? {
                        self.summary.read += batch.read;
                        self.window.push_back(batch);
                    }
                }
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => self.acknowledge(&answer)?,
                    Ok(None) => return Ok(Ok(())),
                    Err(status) => return Ok(Err(status)),
                },
            }
        }
    }

    /// Takes batches that hold no line to acknowledge (any more) off the front, and counts the rejects of the reader
    /// that stand before the first line still waiting.
    fn drop_settled(&mut self) {
        while let Some(batch) = self.window.front_mut() {
            let next = batch.lines.first().map_or(i64::MAX, |line| line.line);
            let through = batch.rejects.partition_point(|reject| reject.line < next);
            let rejects: Vec<Reject> = batch.rejects.drain(..through).collect();
            for reject in &rejects {
                self.settled = self.settled.max(reject.line);
                self.refuse(reject);
            }
            if next < i64::MAX {
                return;
            }
            self.window.pop_front();
            self.unsent_from = self.unsent_from.saturating_sub(1);
        }
    }

    fn acknowledge(&mut self, answer: &IngestConversationsResponse) -> Result<()> {
        let counts = answer.counts.unwrap_or_default();
        self.summary.accepted += counts.accepted;
        self.summary.unchanged += counts.unchanged;
        self.summary.stale += counts.stale;
        for reject in &answer.rejects {
            self.refuse(reject);
        }
        for batch in &mut self.window {
            let settled = batch.lines.partition_point(|line| line.line <= answer.through_line);
            batch.lines.drain(..settled);
            if !batch.lines.is_empty() {
                break;
            }
        }
        self.settled = self.settled.max(answer.through_line);
        self.drop_settled();
        self.bar.set_position(self.feed.position());
        self.bar.set_message(format!("{} lines acknowledged", self.acknowledged()));
        self.bookmark.save(self.settled, &self.summary)
    }

    fn refuse(&mut self, reject: &Reject) {
        self.summary.rejected += 1;
        let refused =
            Refused { line: reject.line, field: reject.field.clone(), reason: reject.reason.clone() };
        if let Some(file) = &mut self.rejects {
            // The summary counts it in any case; a full disk shows when the file is closed.
            if let Err(error) = serde_json::to_writer(&mut *file, &refused)
                .map_err(Into::into)
                .and_then(|()| file.write_all(b"\n"))
            {
                let error: std::io::Error = error;
                self.bar.println(format!("line {}: the reject file can't be written: {error}", reject.line));
            }
        }
        if self.summary.rejects.len() < REJECTS_SHOWN_MAX {
            self.summary.rejects.push(refused);
        }
    }
}

/// Room for one request; `None` if the stream is gone. Waits for ever if there is nothing to send.
async fn reserve<T>(send: Option<mpsc::Sender<T>>) -> Option<mpsc::OwnedPermit<T>> {
    match send {
        Some(send) => send.reserve_owned().await.ok(),
        None => std::future::pending().await,
    }
}

fn reject_file(path: &Path, append: bool) -> Result<std::fs::File> {
    let mut open = std::fs::OpenOptions::new();
    open.create(true).write(true).append(append).truncate(!append);
    open.open(path).with_context(|| format!("--rejects: {} can't be written", path.display()))
}

fn progress_bar(feed: &Feed, quiet: bool) -> Result<ProgressBar> {
    if quiet {
        return Ok(ProgressBar::hidden());
    }
    let bar = feed.bytes().map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = "{bar:30} {percent:>3}% {msg} {elapsed_precise}";
    bar.set_style(ProgressStyle::with_template(style).context("the bar's template")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

/// The summary for people.
pub fn print(out: &mut dyn Write, summary: &Summary, took: Duration) -> Result<()> {
    let Summary { read, accepted, unchanged, stale, rejected, .. } = summary;
    if let Some(line) = summary.resumed_after_line {
        writeln!(out, "went on after line {line}, where the last run was cut")?;
    }
    let seconds = took.as_secs_f64();
    writeln!(
        out,
        "read {read}: accepted {accepted}, unchanged {unchanged}, stale {stale}, rejected {rejected} in {seconds:.1} s"
    )?;
    for Refused { line, field, reason } in &summary.rejects {
        writeln!(out, "  line {line}: {field}: {reason}")?;
    }
    let more = usize::try_from(*rejected)?.saturating_sub(summary.rejects.len());
    if more > 0 {
        writeln!(out, "  and {more} more; --rejects FILE writes them all")?;
    }
    Ok(())
}

/// A whole ingest and how long it took.
pub async fn timed(session: &Session, options: &Options, quiet: bool) -> Result<(Summary, Duration)> {
    if options.file.as_os_str() != "-" && !options.file.exists() {
        bail!("{}: there is no such file", options.file.display());
    }
    let start = Instant::now();
    let summary = conversations(session, options, quiet).await?;
    Ok((summary, start.elapsed()))
}
