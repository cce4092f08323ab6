//! Picks chats for their hits when a day is drawn and checked.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::risks::Risks;

/// How often it is looked whether there is a day to pick from.
const EVERY: Duration = Duration::from_secs(5);

/// Picks until `token` ends.
pub fn start(risks: Risks, token: CancellationToken) -> JoinHandle<()> {
    runtime::background::every("qa.risks", EVERY, token, move || {
        let risks = risks.clone();
        async move {
            if let Err(error) = risks.pick().await {
                // The next tick tries again.
                tracing::warn!(error = status::chain(&error), "risk reviews are late");
            }
        }
    })
}
