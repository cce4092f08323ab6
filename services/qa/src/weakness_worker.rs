//! Looks for weaknesses, once each business day.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::weaknesses::Weaknesses;

/// How often it is asked whether a day is to be looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Looks until `token` ends.
pub fn start(weaknesses: Weaknesses, token: CancellationToken) -> JoinHandle<()> {
    runtime::background::every("qa.weaknesses", EVERY, token, move || {
        let weaknesses = weaknesses.clone();
        async move {
            if let Err(error) = weaknesses.look().await {
                // The next tick tries again.
                tracing::warn!(error = status::chain(&error), "weaknesses are late");
            }
        }
    })
}
