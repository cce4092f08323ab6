//! `jinpai ingest`: a file through a bidirectional ingest stream, resumed wherever it was cut.
//!
//! What is sent and not yet acknowledged is kept, so that a broken connection costs only a repeat of it. How far the
//! acknowledgements came is also kept in a file, so that a killed run goes on there. Both only save time: sending
//! again what was stored changes nothing.
//!
//! [`source`] reads the file, [`carried`] says what a stream carries, [`run`] is one file through one stream. A mixed
//! file goes through both streams, conversations first.

mod bookmark;
mod carried;
mod feed;
mod run;
mod source;

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use proto::metrics::v1::{ConversationLine, FactLine};
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{GetMerchantRequest, Merchant};
use serde::Serialize;
use status::Problem;
use tonic::{Code, Response, Status};

use crate::reader::Position;
use crate::session::{Session, explain};
use bookmark::Bookmark;
use carried::Carried;
use feed::Feed;
use run::Run;
use source::Source;
pub use source::{Content, Format};

/// Failures in a row, without an acknowledgement between them, before giving up.
const FAILURES_MAX: u32 = 8;
/// How far before the bookmark a line is looked for that shows whether the suite is still the same.
const LOOK_BACK_LINES: u64 = 64;

/// What to ingest.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// What the file holds.
    #[arg(value_enum, value_name = "KIND")]
    pub content: Content,
    /// The file, plain or packed (.xz, .gz, .zst); - reads standard input. For zendesk, a folder.
    pub file: PathBuf,
    /// What it is written in. Without it the name tells: .csv, .txt (qianniu), a folder (zendesk), else jsonl.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Shop of the lines that name none; a merchant with a single shop needs none.
    #[arg(long)]
    pub shop: Option<String>,
    /// Channel of conversations whose file names none, instead of the format's usual one.
    #[arg(long)]
    pub channel: Option<String>,
    /// The shop's main account (主账号) in chat logs, where no sub-account shows it.
    #[arg(long, value_name = "ACCOUNT")]
    pub shop_account: Option<String>,
    /// Pass over unknown columns and fields instead of refusing them.
    #[arg(long)]
    pub ignore_unknown: bool,
    /// Write every refused line there: line, field, reason as JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Begin at the first line even if an earlier run was cut.
    #[arg(long)]
    pub from_start: bool,
}

impl Options {
    /// A whole file, as its name says.
    pub fn of(content: Content, file: PathBuf) -> Self {
        Self {
            content,
            file,
            format: None,
            shop: None,
            channel: None,
            shop_account: None,
            ignore_unknown: false,
            rejects: None,
            from_start: true,
        }
    }
}

/// What became of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Records, good and bad.
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

impl Summary {
    /// What became of the same file in two streams.
    fn and(mut self, other: Self) -> Self {
        self.read += other.read;
        self.accepted += other.accepted;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.rejected += other.rejected;
        self.rejects.extend(other.rejects);
        // The first part is through where the second was cut.
        self.resumed_after_line = other.resumed_after_line.or(self.resumed_after_line);
        self.reconnects += other.reconnects;
        self
    }
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
pub async fn run(session: &Session, options: &Options, quiet: bool) -> Result<Summary> {
    let merchant_id = signed_in(session).await?;
    let mut shop = options.shop.clone();
    let mut zone = None;
    if shop.is_none() || Source::needs_zone(options) {
        let merchant = merchant(session).await?;
        // No shop is guessed.
        if let (None, [only]) = (&shop, merchant.shops.as_slice()) {
            shop = Some(only.shop_id.clone());
        }
        zone = Some(merchant.time_zone);
    }
    let file = OneFile {
        session,
        options,
        source: Source::of(options, zone.as_deref().filter(|_| Source::needs_zone(options)))?,
        merchant: merchant_id,
        shop,
        quiet,
    };
    match options.content {
        Content::Conversations => file.send_whole::<ConversationLine>().await,
        Content::Mixed => {
            if options.file == Path::new("-") {
                bail!("a mixed file is read twice, which standard input can't be: give a file");
            }
            // Chats first, so that what they led to finds them.
            let (chats, chats_done) = file.send::<ConversationLine>(Part::Chats).await?;
            let (rest, rest_done) = file.send::<FactLine>(Part::Rest).await?;
            // How far the chats came is forgotten with the rest, so that a run cut after them sends none again.
            rest_done.remove()?;
            chats_done.remove()?;
            Ok(chats.and(rest))
        }
        _ => file.send_whole::<FactLine>().await,
    }
}

/// Which part of a file a stream takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// The conversations of a mixed file.
    Chats,
    /// Everything else of it, and what can't be read.
    Rest,
}

struct OneFile<'a> {
    session: &'a Session,
    options: &'a Options,
    source: Source,
    merchant: String,
    shop: Option<String>,
    quiet: bool,
}

impl OneFile<'_> {
    async fn send_whole<C: Carried>(&self) -> Result<Summary> {
        let (summary, done) = self.send::<C>(Part::Whole).await?;
        done.remove()?;
        Ok(summary)
    }

    /// Sends a part; gives the bookmark that stands at its end, to be removed when the file is through.
    async fn send<C: Carried>(&self, part: Part) -> Result<(Summary, Bookmark)> {
        let Options { content, rejects, from_start, .. } = self.options;
        let shop = self.shop.as_deref();
        let tells = format!("{}\0{content:?}\0{part:?}", shop.unwrap_or_default());
        let bookmark = Bookmark::of(&self.source.files(), &self.session.gateway, &self.merchant, &tells)?;
        let mut saved = if *from_start { None } else { bookmark.load()? };
        // A part without a line may be through too: then there is nothing to look for.
        if let Some(through) = saved.as_ref().map(|saved| saved.through_line).filter(|through| *through > 0)
            && !self.still_there::<C>(u64::try_from(through).unwrap_or(0)).await?
        {
            // Another suite answers at the same address: what the bookmark counts is not in it.
            saved = None;
        }
        let mut summary = Summary::default();
        let mut after = 0;
        // What an earlier run refused stays in the file of rejects, and so does what the part before did.
        let append = saved.is_some() || part == Part::Rest;
        if let Some(saved) = saved {
            after = saved.through_line;
            let resumed_after_line = Some(after).filter(|after| *after > 0);
            summary = Summary { resumed_after_line, ..saved.counts() };
        }
        let position = Position::default();
        let rows = self.source.open(&position, u64::try_from(after).unwrap_or(0))?;
        let feed = Feed::<C>::start(rows, self.shop.clone(), part != Part::Chats);
        let mut run = Run {
            bookmark,
            summary,
            feed,
            position,
            bar: progress_bar(&self.source.measured(), self.quiet)?,
            rejects: rejects.as_deref().map(|path| reject_file(path, append)).transpose()?,
            settled: after,
            unsent_from: 0,
            window: VecDeque::new(),
        };
        run.until_through(self.session).await?;
        if part == Part::Chats {
            run.bookmark.save(run.settled, &run.summary)?;
        }
        run.bar.finish_and_clear();
        Ok((run.summary, run.bookmark))
    }

    /// Whether the suite holds what an earlier run had acknowledged: the last good line is sent once more, which
    /// changes nothing where it is known.
    async fn still_there<C: Carried>(&self, through: u64) -> Result<bool> {
        let mut last = None;
        for row in self.source.open(&Position::default(), through.saturating_sub(LOOK_BACK_LINES))? {
            match row {
                Ok(row) if row.line > through => break,
                Ok(row) => last = C::of(row, self.shop.as_deref()).and_then(Result::ok).or(last),
                Err(importers::Error::Row(wrong)) if wrong.line > through => break,
                Err(importers::Error::Row(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some(line) = last else { return Ok(false) };
        let answer = patient(async || C::send_alone(self.session, line.clone()).await).await;
        let counts = answer.map_err(|status| explain(&status, "going on where the last run was cut"))?;
        Ok(counts.accepted == 0)
    }
}

/// The merchant that the token speaks for.
async fn signed_in(session: &Session) -> Result<String> {
    let answer = patient(async || session.who_am_i().await).await;
    Ok(answer.map_err(|status| explain(&status, "signing in failed"))?.merchant_id)
}

/// The merchant's shops and clocks.
async fn merchant(session: &Session) -> Result<Merchant> {
    let mut people = PeopleServiceClient::new(session.channel());
    let answer = patient(async || people.get_merchant(GetMerchantRequest {}).await).await;
    let answer =
        answer.map_err(|status| explain(&status, "the merchant's shops can't be had; give --shop"))?;
    Ok(answer.merchant.unwrap_or_default())
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

/// Where refused lines are written, after those of a run before or instead of them.
pub(crate) fn reject_file(path: &Path, append: bool) -> Result<std::fs::File> {
    let mut open = std::fs::OpenOptions::new();
    open.create(true).write(true).append(append).truncate(!append);
    open.open(path).with_context(|| format!("--rejects: {} can't be written", path.display()))
}

fn progress_bar(file: &Path, quiet: bool) -> Result<ProgressBar> {
    if quiet {
        return Ok(ProgressBar::hidden());
    }
    let bytes = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
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
    let summary = run(session, options, quiet).await?;
    Ok((summary, start.elapsed()))
}
