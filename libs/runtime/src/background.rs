//! What a service does by itself, again and again, until it ends.

use std::time::Duration;

use futures::future::select_all;
use tokio::task::{JoinError, JoinHandle};
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

/// Why a service ended that nobody had asked to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// A task panicked or was cut off.
    #[error("a part of the service ended badly")]
    Badly(#[from] JoinError),
    /// A task that should run as long as the service came to its end.
    #[error("a part of the service ended before it was asked to")]
    Early,
}

/// Waits until the server and all background tasks of a service have ended.
///
/// A part that ends before `token` asked for it takes the whole service down: a service whose relay or follower is dead
/// must not go on looking healthy. The others are then asked to end, and waited for.
///
/// # Errors
///
/// The first part that ended early or badly.
pub async fn together(
    server: JoinHandle<()>,
    background: impl IntoIterator<Item = JoinHandle<()>>,
    token: CancellationToken,
) -> Result<(), Ended> {
    let mut parts: Vec<_> = std::iter::once(server).chain(background).collect();
    let mut outcome = Ok(());
    while !parts.is_empty() {
        let (ended, _, rest) = select_all(parts).await;
        parts = rest;
        let ended = match ended {
            Ok(()) if token.is_cancelled() => Ok(()),
            Ok(()) => Err(Ended::Early),
            Err(error) => Err(Ended::Badly(error)),
        };
        token.cancel();
        outcome = outcome.and(ended);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_dies_takes_the_service_down() {
        let token = CancellationToken::new();
        let waits = |token: CancellationToken| tokio::spawn(async move { token.cancelled().await });
        let dies = tokio::spawn(async { panic!("on purpose") });
        let ended = together(waits(token.clone()), [dies, waits(token.clone())], token.clone()).await;
        assert!(matches!(ended, Err(Ended::Badly(_))), "{ended:?}");
        assert!(token.is_cancelled(), "the others were asked to end");

        let token = CancellationToken::new();
        let ends = tokio::spawn(async {});
        let ended = together(waits(token.clone()), [ends], token).await;
        assert!(matches!(ended, Err(Ended::Early)), "{ended:?}");
    }

    #[tokio::test]
    async fn a_service_that_was_asked_to_end_ends_well() {
        let token = CancellationToken::new();
        let waits = |token: CancellationToken| tokio::spawn(async move { token.cancelled().await });
        let service = together(waits(token.clone()), [waits(token.clone())], token.clone());
        token.cancel();
        assert!(service.await.is_ok());
    }
}
