//! Checks chats off the way of their arrival, and goes on with dry runs when none waits.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::checks::Checks;
use crate::error::QaError;

/// How often it is looked whether chats wait to be checked.
const EVERY: Duration = Duration::from_millis(500);

/// Checks what waits, until `token` ends. What is cut off is done again by whoever comes next.
pub fn start(checks: Checks, token: CancellationToken) -> JoinHandle<()> {
    let stop = token.clone();
    runtime::background::every("qa.checks", EVERY, token, move || {
        let (checks, stop) = (checks.clone(), stop.clone());
        async move {
            if let Err(error) = work(&checks, &stop).await {
                // The next tick tries again.
                tracing::warn!(error = status::chain(&error), "checks are late");
            }
        }
    })
}

/// Until nothing is left to do. Dry runs wait for chats.
async fn work(checks: &Checks, stop: &CancellationToken) -> Result<(), QaError> {
    while !stop.is_cancelled() {
        if checks.check_waiting().await? == 0 && !checks.advance_dry_runs().await? {
            return Ok(());
        }
    }
    Ok(())
}
