//! Trying again what lost against a concurrent transaction.

use std::time::Duration;

use rand::Rng;
use status::{Failure, Kind};

use crate::error::CONTENDED;

/// Runs `work`, and again while it fails as contended (deadlock, serialization failure), at most `attempts` times in
/// all, with a growing random pause between. `work` must begin its own transaction.
///
/// An `async ||` closure fits as long as it only reads what it captures. (`AsyncFnMut` would allow more, but then the
/// compiler cannot see that the whole is `Send`.)
pub async fn with_retry<T, E, F>(attempts: u32, mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: Failure,
    F: Future<Output = Result<T, E>>,
{
    let mut tried = 1;
    loop {
        match work().await {
            Err(error) if is_lost_race(&error) && tried < attempts => {
                tracing::debug!(tried, reason = error.reason(), "trying again after losing a race");
                tokio::time::sleep(pause(tried)).await;
                tried += 1;
            }
            done => return done,
        }
    }
}

/// An etag that does not match is contended, too, but the same request meets the same etag again: only what the database
/// says of itself passes.
fn is_lost_race(error: &impl Failure) -> bool {
    error.kind() == Kind::Contended && error.reason() == CONTENDED
}

/// 5 to 10 ms after the first try, doubling up to 320: random, so that two losers don't meet again.
fn pause(tried: u32) -> Duration {
    let base = 5_u64 << tried.saturating_sub(1).min(5);
    Duration::from_millis(base + rand::rng().random_range(0..=base))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Error;

    async fn tries_until(attempts: u32, fails: u32, error: fn() -> Error) -> (u32, bool) {
        let calls = Cell::new(0);
        let done = with_retry(attempts, async || {
            calls.set(calls.get() + 1);
            if calls.get() <= fails { Err(error()) } else { Ok(()) }
        })
        .await;
        (calls.get(), done.is_ok())
    }

    #[tokio::test]
    async fn only_lost_races_are_tried_again_and_not_for_ever() {
        let lost = || Error::Contended("deadlock".into());
        assert_eq!(tries_until(5, 2, lost).await, (3, true));
        assert_eq!(tries_until(3, 9, lost).await, (3, false));
        assert_eq!(tries_until(3, 1, || Error::Exhausted).await, (1, false));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        for tried in 1..100 {
            assert!(pause(tried) <= Duration::from_millis(320));
        }
        assert!(pause(1) >= Duration::from_millis(5) && pause(6) >= Duration::from_millis(160));
    }
}
