//! Commitments made ahead, and kept where qa's own database can't reach them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use runtime::journal;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::Qa;
use crate::domain::draw::Commitment;

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

/// One round of it. What is committed to is anchored whatever becomes of the others: by arrivals there are commitments of
/// merchants for whom nothing could be committed ahead, too.
pub async fn commit_and_anchor(qa: &Qa, file: Option<&Path>) -> anyhow::Result<()> {
    let committed = commit(qa).await;
    match (committed, anchor(qa, file).await) {
        (Err(late), Err(unanchored)) => Err(late.context(format!("{unanchored:#}"))),
        (committed, anchored) => committed.and(anchored),
    }
}

async fn commit(qa: &Qa) -> anyhow::Result<()> {
    for merchant in qa.list_merchants().await.context("cannot see whose days are to be committed to")? {
        // One merchant's trouble is not everybody's: the others' days are committed to before they begin all the same.
        if let Err(error) = qa.commit_ahead(&merchant).await {
            let error = status::chain(&error);
            tracing::warn!(merchant = %merchant, error, "cannot commit to the merchant's days now");
        }
    }
    Ok(())
}

async fn anchor(qa: &Qa, file: Option<&Path>) -> anyhow::Result<()> {
    loop {
        let commitments = qa.list_unanchored().await?;
        if commitments.is_empty() {
            return Ok(());
        }
        keep(&commitments, file).await?;
        // A crash before this line keeps them once more: the same line twice says nothing new.
        qa.mark_anchored(&commitments).await?;
    }
}

/// Keeps commitments in the log and, if there is one, in the file.
async fn keep(commitments: &[Commitment], file: Option<&Path>) -> anyhow::Result<()> {
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
    let file = path.to_owned();
    tokio::task::spawn_blocking(move || journal::append(&file, &lines))
        .await?
        .with_context(|| format!("cannot append to {}", path.display()))
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
