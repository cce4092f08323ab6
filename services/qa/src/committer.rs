//! Commitments made ahead, and kept where qa's own database can't reach them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::Qa;
use crate::domain::draw::Commitment;
use crate::error::QaError;

/// How often it is looked whether a day needs a seed. A day's seed is made a whole day ahead, so minutes don't matter;
/// seconds do for commitments that arrivals made and that wait for their anchor.
const EVERY: Duration = Duration::from_secs(5);

/// Commits to today's and tomorrow's seeds of all merchants and anchors commitments, until `token` ends.
pub fn start(qa: Qa, file: Option<PathBuf>, token: CancellationToken) -> JoinHandle<()> {
    runtime::background::every("qa.commitments", EVERY, token, move || {
        let (qa, file) = (qa.clone(), file.clone());
        async move {
            if let Err(error) = commit_and_anchor(&qa, file.as_deref()).await {
                // The next tick tries again.
                tracing::warn!(error = format!("{error:#}"), "commitments are late");
            }
        }
    })
}

/// One round of it.
pub async fn commit_and_anchor(qa: &Qa, file: Option<&Path>) -> anyhow::Result<()> {
    for merchant in qa.store().list_merchants().await? {
        qa.commit_ahead(&merchant).await.with_context(|| format!("cannot commit for {merchant}"))?;
    }
    while qa.store().anchor_commitments(async |commitments| keep(commitments, file).await).await? > 0 {}
    Ok(())
}

/// Keeps commitments in the log and, if there is one, in the file. A crash may write one twice; the same line twice
/// says nothing new.
async fn keep(commitments: &[Commitment], file: Option<&Path>) -> Result<(), AnchorError> {
    for commitment in commitments {
        tracing::info!(
            merchant = commitment.merchant.as_str(),
            day = %commitment.day,
            commitment = %commitment.hash,
            committed_at = %commitment.committed_at,
            before_day = commitment.before_day,
            "draw committed"
        );
    }
    let Some(path) = file else { return Ok(()) };
    let lines: String = commitments.iter().map(line).collect();
    append(path, &lines).await.map_err(|source| AnchorError::File { path: path.to_owned(), source })
}

fn line(commitment: &Commitment) -> String {
    let line = json!({
        "merchant": commitment.merchant,
        "day": commitment.day,
        "commitment": commitment.hash,
        "committed_at": commitment.committed_at,
        "before_day": commitment.before_day,
    });
    format!("{line}\n")
}

async fn append(path: &Path, lines: &str) -> std::io::Result<()> {
    let mut file = tokio::fs::OpenOptions::new().append(true).create(true).open(path).await?;
    file.write_all(lines.as_bytes()).await?;
    file.sync_all().await
}

/// Why a commitment could not be kept.
#[derive(Debug, thiserror::Error)]
enum AnchorError {
    /// The file cannot be written.
    #[error("cannot append to {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] QaError),
}
