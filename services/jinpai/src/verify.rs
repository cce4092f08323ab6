//! `jinpai verify-draw`: recomputes samples from what was published, with the pure library alone.

mod document;
mod fetch;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::anchors::{Anchors, Kept, Published};
use crate::session::{Session, Target};

use document::Document;
pub use document::Known;
pub use fetch::{bundle as fetch, slice as fetch_slice};

/// What to verify.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["day", "bundle"])))]
pub struct Options {
    /// Business day whose published bundle is fetched.
    #[arg(long)]
    pub day: Option<NaiveDate>,
    /// Only this account's slice of the day: what agents may fetch for their own accounts.
    #[arg(long, value_name = "ACCOUNT", requires = "day", conflicts_with = "bundle")]
    pub account: Option<String>,
    /// A bundle or slice kept as a file: needs no suite at all.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// What was published and kept.
    #[command(flatten)]
    pub given: Given,
    /// Keep what is fetched there.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub save: Option<PathBuf>,
}

/// What somebody kept when it was published, besides what `jinpai draw` keeps by itself.
#[derive(Debug, Clone, Default, Args)]
pub struct Given {
    /// The commitment you kept when it was published (hex); the draw must open exactly that one.
    #[arg(long, value_name = "HEX")]
    pub commitment: Option<String>,
    /// The list hash you kept when the draw was revealed (hex).
    #[arg(long, value_name = "HEX")]
    pub list_hash: Option<String>,
    /// A file of commitments: qa's own (`draw.commitment_file`), or draws.jsonl of whoever draws.
    #[arg(long, value_name = "FILE")]
    pub anchors: Vec<PathBuf>,
}

impl Given {
    /// Adds what was given to what is known.
    fn add_to(&self, published: &mut Published, merchant: &str, day: NaiveDate) -> Result<()> {
        for path in &self.anchors {
            published.read(path, merchant, day).context("--anchors")?;
        }
        let commitment = hash(self.commitment.as_deref(), "--commitment")?;
        let list_hash = hash(self.list_hash.as_deref(), "--list-hash")?;
        // First: what somebody typed is what they want to be told about.
        published.commitments.splice(0..0, commitment.map(|value| typed(value, "--commitment")));
        published.list_hashes.splice(0..0, list_hash.map(|value| typed(value, "--list-hash")));
        Ok(())
    }
}

fn typed<T>(value: T, option: &str) -> Kept<T> {
    Kept { value, source: format!("given by {option}"), after_draw: false }
}

/// What the verification found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The merchant.
    pub merchant: String,
    /// The business day.
    pub day: NaiveDate,
    /// The account, if only its slice was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether everything recomputes, and equals what is known from elsewhere.
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
    /// Whether it was compared with a commitment kept from before the draw.
    pub anchored: bool,
    /// Where the commitment that it was compared with comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Whether it was made before the day began. If not, whoever ran qa could have chosen the seed with the list known.
    /// Absent for a slice, which doesn't say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_day: Option<bool>,
    /// What nobody should take for checked.
    pub unchecked: Vec<String>,
}

/// Recomputes a bundle or a slice, and compares it with what is known from elsewhere.
pub fn check(bytes: &[u8], known: &Known) -> Result<Report> {
    Ok(Document::parse(bytes)?.check(known))
}

/// A hash as people write it down: 64 hex digits.
fn hash<T: DeserializeOwned>(hex: Option<&str>, option: &str) -> Result<Option<T>> {
    let parse = |hex: &str| serde_json::from_value(hex.trim().to_lowercase().into());
    hex.map(parse).transpose().with_context(|| format!("{option} takes 64 hex digits"))
}

/// The report for people.
pub fn print(out: &mut dyn Write, report: &Report) -> Result<()> {
    let Report { day, agents, eligible, drawn, commitment, .. } = report;
    let whose = match &report.account {
        Some(account) => format!("account {account}"),
        None => format!("{agents} agents"),
    };
    match &report.difference {
        None => writeln!(out, "{day} verifies: {drawn} of {eligible} long chats of {whose}")?,
        Some(difference) => writeln!(out, "{day} DOES NOT VERIFY: {difference}")?,
    }
    match &report.kept {
        Some(kept) => writeln!(out, "commitment {commitment}, compared with the one {kept}")?,
        None => writeln!(out, "commitment {commitment}")?,
    }
    if report.before_day == Some(false) {
        writeln!(
            out,
            "the commitment was made after the day had begun: whoever ran qa could have known the list"
        )?;
    }
    for unchecked in &report.unchecked {
        writeln!(out, "not checked: {unchecked}")?;
    }
    Ok(())
}

/// Runs the command: from a file, or from the suite that `session` opens and what is kept of its draws.
pub async fn run<S>(options: &Options, target: &Target, session: S) -> Result<Report>
where
    S: AsyncFnOnce() -> Result<Session>,
{
    let (bytes, mut known) = match (&options.bundle, options.day) {
        (None, Some(day)) => fetched(options, day, target, &session().await?).await?,
        (bundle, _) => {
            let path = bundle.as_ref().context("give --day or --bundle")?;
            let bytes = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
            (bytes, Known { day: options.day, ..Known::default() })
        }
    };
    if let Some(path) = &options.save {
        std::fs::write(path, &bytes)
            .with_context(|| format!("--save: {} can't be written", path.display()))?;
    }
    let document = Document::parse(&bytes)?;
    let merchant = known.merchant.as_deref().unwrap_or_else(|| document.merchant());
    let day = known.day.unwrap_or_else(|| document.day());
    options.given.add_to(&mut known.published, merchant, day)?;
    Ok(document.check(&known))
}

/// What is to be verified of a day, and what is known of it. The merchant is the one that is signed in, whatever the
/// answer says.
async fn fetched(
    options: &Options,
    day: NaiveDate,
    target: &Target,
    session: &Session,
) -> Result<(Vec<u8>, Known)> {
    let merchant = session.merchant().await?;
    let published = Anchors::of(target, &session.gateway)?.published(&merchant, day)?;
    let bytes = match &options.account {
        Some(account) => fetch_slice(session, &merchant, day, account).await?,
        None => fetch(session, day).await?,
    };
    Ok((bytes, Known { merchant: Some(merchant), day: Some(day), published }))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sampling::{
        AgentList, Bundle, Commitment, ConversationId, Counts, FORMAT, ListTerms, Plan, Ranker, Seal, Seed,
        agent_hash, commitment, draw_agent, list_hash,
    };

    use super::*;

    /// The draw of one account with twenty long chats under the seed of `byte`.
    fn bundle(byte: u8) -> Bundle {
        let (merchant, day) = ("m", "2020-05-13".parse().expect("a day"));
        let seed = Seed::new([byte; 32]);
        let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
        let eligible: Vec<_> = (0..20).map(|n| ConversationId::new("s", "chat", format!("c-{n}"))).collect();
        let sample = draw_agent(&Ranker::new(&seed, merchant, day).agent("ann"), &eligible, plan.size);
        let agent = AgentList {
            account: "ann".to_owned(),
            agent_hash: agent_hash(merchant, day, "ann", &eligible),
            eligible,
            drawn: sample.drawn.into_iter().map(|(_, conversation)| conversation).collect(),
            plan: None,
            excluded: Vec::new(),
        };
        let terms = ListTerms { merchant, day, plan, day_closed_version: 1 };
        Bundle {
            format: FORMAT.to_owned(),
            merchant: merchant.to_owned(),
            day,
            plan,
            commitment: commitment(merchant, day, &seed),
            committed_at: DateTime::UNIX_EPOCH,
            before_day: true,
            seed,
            day_closed_version: 1,
            list_hash: list_hash(&terms, [("ann", &agent.agent_hash)]),
            agents: vec![agent],
            late: Vec::new(),
            late_seeds: Vec::new(),
            drawn_at: DateTime::UNIX_EPOCH,
            seal: Seal::UNSET,
        }
        .sealed()
    }

    fn bytes(document: &impl Serialize) -> Vec<u8> {
        serde_json::to_vec(document).expect("is JSON")
    }

    fn known(commitments: &[(Commitment, bool)]) -> Known {
        let kept = |&(value, after_draw)| Kept { value, source: "kept".to_owned(), after_draw };
        let commitments = commitments.iter().map(kept).collect();
        let published = Published { commitments, ..Published::default() };
        Known { merchant: Some("m".to_owned()), published, ..Known::default() }
    }

    #[test]
    fn a_draw_made_anew_is_whole_in_itself_and_found_by_what_was_kept() {
        let (honest, anew) = (bundle(1), bundle(2));
        let kept = known(&[(honest.commitment, false)]);
        let found = check(&bytes(&honest), &kept).expect("a bundle");
        assert!(found.verified && found.anchored, "{found:?}");
        assert!(check(&bytes(&anew), &Known::default()).expect("a bundle").verified, "agrees with itself");
        let slice = anew.slice("ann").expect("a slice");
        for altered in [bytes(&anew), bytes(&slice)] {
            let found = check(&altered, &kept).expect("is read");
            assert!(found.difference.is_some_and(|told| told.contains("published was")));
        }
        let both = known(&[(anew.commitment, false), (honest.commitment, false)]);
        assert!(!check(&bytes(&anew), &both).expect("a bundle").verified, "what was kept contradicts itself");
        let mut given = Published::default();
        let typed = Given { commitment: Some(honest.commitment.to_string()), ..Given::default() };
        typed.add_to(&mut given, "m", honest.day).expect("is a hash");
        let typed = Known { published: given, ..Known::default() };
        assert!(!check(&bytes(&anew), &typed).expect("a bundle").verified);
    }

    #[test]
    fn what_was_not_checked_is_said() {
        let bundle = bundle(1);
        let told = |known: &Known, document: &[u8]| {
            let found = check(document, known).expect("is read");
            assert!(found.verified, "{found:?}");
            let mut text = Vec::new();
            print(&mut text, &found).expect("is printed");
            (found.anchored, String::from_utf8(text).expect("is text"))
        };
        let (anchored, text) = told(&Known::default(), &bytes(&bundle));
        assert!(
            !anchored && text.contains("not checked: that its commitment") && text.contains("merchant m")
        );
        let (anchored, text) = told(&known(&[(bundle.commitment, true)]), &bytes(&bundle));
        assert!(
            !anchored && text.contains("only after it") && text.contains("no list hash was kept"),
            "{text}"
        );
        let slice = bundle.slice("ann").expect("a slice");
        let (anchored, text) = told(&known(&[(bundle.commitment, false)]), &bytes(&slice));
        assert!(anchored && text.contains("of account ann") && text.contains("chats of other accounts"));
        assert!(!text.contains("whose draw it is"), "{text}");
    }

    #[test]
    fn a_draw_of_another_merchant_or_day_is_found() {
        let document = bytes(&bundle(1));
        let other = Known { merchant: Some("n".to_owned()), ..Known::default() };
        let found = check(&document, &other).expect("a bundle").difference.expect("another merchant's");
        assert!(found.contains("of merchant \"m\""), "{found}");
        let tomorrow = Known { day: "2020-05-14".parse().ok(), ..Known::default() };
        assert!(check(&document, &tomorrow).expect("a bundle").difference.is_some());
        let junk = check(b"{\"format\":\"x\"}", &other).expect_err("no draw").to_string();
        assert!(junk.contains("neither a draw bundle nor a slice"), "{junk}");
    }
}
