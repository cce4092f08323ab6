//! What a service does by itself, again and again, until it ends.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Runs `work` at once and then every `interval`, until `token` is cancelled.
///
/// A run is never cut off: the token ends the task between two runs, so work that must stop in the middle looks at
/// the token itself. Runs never overlap; a slow one delays the next. A panic in `work` ends the task with it, which
/// the returned handle tells.
pub fn every<W, F>(
    name: &'static str,
    interval: Duration,
    token: CancellationToken,
    mut work: W,
) -> JoinHandle<()>
where
    W: FnMut() -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                _ = ticks.tick() => work().instrument(tracing::info_span!("background", task = name)).await,
            }
        }
        tracing::debug!(task = name, "background task ended");
    })
}
