//! Waiting for a condition, with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Asks until the answer is yes; panics at the deadline, naming the caller's line.
#[track_caller]
pub fn eventually(within: Duration, condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let asked_at = std::panic::Location::caller();
    wait(within, condition, asked_at)
}

async fn wait(
    within: Duration,
    mut condition: impl AsyncFnMut() -> bool,
    asked_at: &'static std::panic::Location<'static>,
) {
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(2);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {within:?}: the condition at {asked_at}");
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
