//! `jinpai verify-draw`: recomputes samples from what was published, with the pure library alone.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use clap::Args;
use proto::qa::v1::GetDrawBundleRequest;
use proto::qa::v1::qa_service_client::QaServiceClient;
use proto::time::date;
use sampling::{Anchor, Bundle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session::{Session, explain};

/// The largest bundle taken, in bytes: 10⁶ chats are about 150 MB.
const BUNDLE_BYTES_MAX: usize = 1 << 30;

/// What to verify.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["day", "bundle"])))]
pub struct Options {
    /// Business day whose published bundle is fetched.
    #[arg(long)]
    pub day: Option<NaiveDate>,
    /// A bundle kept as a file: needs no suite at all.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// What was published and kept.
    #[command(flatten)]
    pub kept: Kept,
    /// Keep the fetched bundle there.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub save: Option<PathBuf>,
}

/// What somebody kept when it was published, outside of whoever runs qa.
#[derive(Debug, Clone, Default, Args)]
pub struct Kept {
    /// The commitment you kept when it was published (hex); the bundle must open exactly that one.
    #[arg(long, value_name = "HEX")]
    pub commitment: Option<String>,
    /// The list hash you kept when the draw was revealed (hex).
    #[arg(long, value_name = "HEX")]
    pub list_hash: Option<String>,
}

/// What the verification found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The business day.
    pub day: NaiveDate,
    /// Whether everything recomputes.
    pub verified: bool,
    /// The first thing that doesn't.
    pub difference: Option<String>,
    /// Agents with at least one long chat.
    pub agents: usize,
    /// Long chats.
    pub eligible: usize,
    /// Chats drawn.
    pub drawn: usize,
    /// The commitment, hex.
    pub commitment: String,
    /// Whether it was compared with a commitment kept from before. If not, the bundle is proven to agree with itself.
    pub anchored: bool,
    /// Whether it was made before the day began. If not, whoever ran qa could have chosen the seed with the list known.
    pub before_day: bool,
}

/// Fetches a day's bundle as the bytes that were published.
pub async fn fetch(session: &Session, day: NaiveDate) -> Result<Vec<u8>> {
    let mut qa = QaServiceClient::new(session.channel());
    let refused = |status| explain(&status, &format!("the bundle of {day} can't be had"));
    let request = GetDrawBundleRequest { business_day: Some(date(day)) };
    let mut chunks = qa.get_draw_bundle(request).await.map_err(refused)?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = chunks.message().await.map_err(refused)? {
        bytes.extend_from_slice(&piece.chunk);
        if bytes.len() > BUNDLE_BYTES_MAX {
            bail!("the bundle of {day} is larger than {BUNDLE_BYTES_MAX} bytes");
        }
    }
    Ok(bytes)
}

/// Recomputes a bundle, and compares it with what is known from elsewhere: the day asked for, and what was kept.
pub fn check(bytes: &[u8], wanted: Option<NaiveDate>, kept: &Kept) -> Result<Report> {
    let bundle: Bundle = serde_json::from_slice(bytes).context("this is no draw bundle")?;
    let anchor = Anchor {
        merchant: &bundle.merchant,
        day: wanted.unwrap_or(bundle.day),
        commitment: hash(kept.commitment.as_deref(), "--commitment")?,
        list_hash: hash(kept.list_hash.as_deref(), "--list-hash")?,
    };
    let difference =
        sampling::verify_against(&bundle, &anchor).err().map(|difference| difference.to_string());
    Ok(Report {
        day: bundle.day,
        verified: difference.is_none(),
        difference,
        agents: bundle.agents.len(),
        eligible: bundle.agents.iter().map(|agent| agent.eligible.len()).sum(),
        drawn: bundle.agents.iter().map(|agent| agent.drawn.len()).sum(),
        commitment: bundle.commitment.to_string(),
        anchored: anchor.commitment.is_some(),
        before_day: bundle.before_day,
    })
}

/// A hash as people write it down: 64 hex digits.
fn hash<T: DeserializeOwned>(hex: Option<&str>, option: &str) -> Result<Option<T>> {
    let parse = |hex: &str| serde_json::from_value(hex.trim().to_lowercase().into());
    hex.map(parse).transpose().with_context(|| format!("{option} takes 64 hex digits"))
}

/// The report for people.
pub fn print(out: &mut dyn Write, report: &Report) -> Result<()> {
    let Report { day, agents, eligible, drawn, commitment, anchored, before_day, .. } = report;
    match &report.difference {
        None => writeln!(out, "{day} verifies: {drawn} of {eligible} long chats of {agents} agents")?,
        Some(difference) => writeln!(out, "{day} DOES NOT VERIFY: {difference}")?,
    }
    writeln!(out, "commitment {commitment}")?;
    if !anchored {
        writeln!(
            out,
            "checked against itself only: give --commitment, as it was published, to check it against that"
        )?;
    }
    if !before_day {
        writeln!(
            out,
            "the commitment was made after the day had begun: whoever ran qa could have known the list"
        )?;
    }
    Ok(())
}

/// Runs the command: the bundle from a file or from the suite that `session` opens.
pub async fn run<S>(options: &Options, session: S) -> Result<Report>
where
    S: AsyncFnOnce() -> Result<Session>,
{
    let bytes = match (&options.bundle, options.day) {
        (Some(path), _) => {
            std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?
        }
        (None, Some(day)) => fetch(&session().await?, day).await?,
        (None, None) => bail!("give --day or --bundle"),
    };
    if let Some(path) = &options.save {
        std::fs::write(path, &bytes)
            .with_context(|| format!("--save: {} can't be written", path.display()))?;
    }
    check(&bytes, options.day, &options.kept)
}
