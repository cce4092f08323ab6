//! `jinpai verify-draw`: recomputes samples from what was published, with the pure library alone.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use clap::Args;
use proto::qa::v1::GetDrawBundleRequest;
use proto::qa::v1::qa_service_client::QaServiceClient;
use sampling::Bundle;
use serde::Serialize;

use crate::days::date;
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
    /// The commitment you kept when it was published (hex); the bundle must open exactly that one.
    #[arg(long, value_name = "HEX")]
    pub commitment: Option<String>,
    /// Keep the fetched bundle there.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub save: Option<PathBuf>,
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

/// Recomputes a bundle. `wanted` is the day asked for, `kept` a commitment written down earlier.
pub fn check(bytes: &[u8], wanted: Option<NaiveDate>, kept: Option<&str>) -> Result<Report> {
    let bundle: Bundle = serde_json::from_slice(bytes).context("this is no draw bundle")?;
    let mut difference = sampling::verify(&bundle).err().map(|difference| difference.to_string());
    let commitment = bundle.commitment.to_string();
    if difference.is_none() && wanted.is_some_and(|day| day != bundle.day) {
        difference = Some(format!("the bundle is of {}, not of the day asked for", bundle.day));
    }
    if difference.is_none() && kept.is_some_and(|kept| !kept.eq_ignore_ascii_case(&commitment)) {
        difference = Some(format!("the bundle opens the commitment {commitment}, not the one you kept"));
    }
    Ok(Report {
        day: bundle.day,
        verified: difference.is_none(),
        difference,
        agents: bundle.agents.len(),
        eligible: bundle.agents.iter().map(|agent| agent.eligible.len()).sum(),
        drawn: bundle.agents.iter().map(|agent| agent.drawn.len()).sum(),
        commitment,
        before_day: bundle.before_day,
    })
}

/// The report for people.
pub fn print(out: &mut dyn Write, report: &Report) -> Result<()> {
    let Report { day, agents, eligible, drawn, commitment, before_day, .. } = report;
    match &report.difference {
        None => writeln!(out, "{day} verifies: {drawn} of {eligible} long chats of {agents} agents")?,
        Some(difference) => writeln!(out, "{day} DOES NOT VERIFY: {difference}")?,
    }
    writeln!(out, "commitment {commitment}")?;
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
    check(&bytes, options.day, options.commitment.as_deref())
}
