//! Goes on with erasures and ends the retention of chats, behind the calls.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::privacy::Privacy;
use crate::error::QaError;

/// How often it is looked whether something is to be erased.
const EVERY: Duration = Duration::from_secs(2);

/// Erases and ends retention until `token` ends.
pub fn start(privacy: Privacy, token: CancellationToken) -> JoinHandle<()> {
    let stop = token.clone();
    runtime::background::every("qa.privacy", EVERY, token, move || {
        let (privacy, stop) = (privacy.clone(), stop.clone());
        async move {
            if let Err(error) = work(&privacy, &stop).await {
                // The next tick tries again.
                tracing::warn!(error = status::chain(&error), "erasures or retention are late");
            }
        }
    })
}

async fn work(privacy: &Privacy, stop: &CancellationToken) -> Result<(), QaError> {
    while !stop.is_cancelled() && privacy.advance_erasures().await? {}
    privacy.end_retention().await
}
