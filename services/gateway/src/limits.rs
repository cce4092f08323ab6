//! How much a caller and a merchant may ask for in a second.
//!
//! A session holds its two limiters, so that a call costs two atomic updates and no look-up. Callers with several
//! tokens share one limiter; a limiter is forgotten when no session holds it any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use status::{Kind, Problem};
use tonic::Status;

/// A rate and how many calls may come at once.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls a second, in the long run.
    pub per_second: NonZeroU32,
    /// Calls that may come at once.
    pub burst: NonZeroU32,
}

impl Rate {
    fn limiter(self) -> Arc<DefaultDirectRateLimiter> {
        Arc::new(RateLimiter::direct(Quota::per_second(self.per_second).allow_burst(self.burst)))
    }
}

/// `[limits]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// For one subject of one merchant.
    pub per_caller: Rate,
    /// For all callers of a merchant together.
    pub per_merchant: Rate,
    /// Bidirectional streams open at once.
    pub streams_max: usize,
    /// Connections to each service for calls, and as many for bidirectional streams. A service takes only so many
    /// calls on one connection.
    pub connections_per_upstream: usize,
    /// The largest answer that is made into JSON, in bytes; larger ones need gRPC.
    pub answer_bytes_max: usize,
    /// All header names and values of a request together, in bytes.
    pub header_bytes_max: usize,
}

/// The limiters of one caller.
#[derive(Debug, Clone)]
pub struct Allowance {
    caller: Arc<DefaultDirectRateLimiter>,
    merchant: Arc<DefaultDirectRateLimiter>,
}

impl Allowance {
    /// Takes one call out of both, or says whose limit is reached and when to come back.
    pub fn take(&self) -> Result<(), Status> {
        let refused = |whose: &'static str, until: governor::NotUntil<_>| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            exhausted(whose, wait)
        };
        // The caller first: who is over their own limit takes nothing from the merchant's.
        self.caller.check().map_err(|until| refused("CALLER_RATE_LIMIT", until))?;
        self.merchant.check().map_err(|until| refused("MERCHANT_RATE_LIMIT", until))
    }
}

/// RESOURCE_EXHAUSTED with the reason and the time to wait.
pub fn exhausted(reason: &'static str, wait: Duration) -> Status {
    let message = match reason {
        "CALLER_RATE_LIMIT" => "too many calls from this caller",
        "MERCHANT_RATE_LIMIT" => "too many calls from this merchant",
        _ => "the gateway is at its limit",
    };
    // Whole milliseconds, at least one: a wait of nothing invites a loop.
    let wait = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    Problem::new(Kind::Exhausted, reason, message).domain("gateway").retry_after(wait).into_status()
}

/// The limiters of everybody who has a session.
#[derive(Debug)]
pub struct Limits {
    per_caller: Rate,
    per_merchant: Rate,
    callers: Mutex<HashMap<(String, String), Arc<DefaultDirectRateLimiter>>>,
    merchants: Mutex<HashMap<String, Arc<DefaultDirectRateLimiter>>>,
}

impl Limits {
    /// With nobody known yet.
    pub fn new(config: &LimitsConfig) -> Self {
        Self {
            per_caller: config.per_caller,
            per_merchant: config.per_merchant,
            callers: Mutex::default(),
            merchants: Mutex::default(),
        }
    }

    /// The limiters of a caller, the same ones for every session of theirs.
    pub fn of(&self, merchant: &str, subject: &str) -> Allowance {
        Allowance {
            caller: shared(&self.callers, (merchant.to_owned(), subject.to_owned()), self.per_caller),
            merchant: shared(&self.merchants, merchant.to_owned(), self.per_merchant),
        }
    }

    /// Forgets the limiters that no session holds.
    pub fn sweep(&self) {
        forget_unused(&self.callers);
        forget_unused(&self.merchants);
    }
}

type Shared<K> = Mutex<HashMap<K, Arc<DefaultDirectRateLimiter>>>;

fn shared<K: Hash + Eq>(map: &Shared<K>, key: K, rate: Rate) -> Arc<DefaultDirectRateLimiter> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(key).or_insert_with(|| rate.limiter()))
}

fn forget_unused<K: Hash + Eq>(map: &Shared<K>) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.retain(|_, limiter| Arc::strong_count(limiter) > 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(caller: u32, merchant: u32) -> Limits {
        let rate = |burst| Rate {
            // So slow that nothing comes back while the test runs.
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(burst).expect("a burst is positive"),
        };
        Limits {
            per_caller: rate(caller),
            per_merchant: rate(merchant),
            callers: Mutex::default(),
            merchants: Mutex::default(),
        }
    }

    fn reason(refused: Result<(), Status>) -> String {
        Problem::from_status(&refused.expect_err("over the limit")).reason
    }

    #[test]
    fn two_sessions_of_a_caller_share_a_limit_and_others_do_not() {
        let limits = limits(2, 100);
        let (first, second) = (limits.of("m", "a"), limits.of("m", "a"));
        first.take().expect("within the burst");
        second.take().expect("within the burst");
        let refused = first.take().expect_err("over the burst");
        let problem = Problem::from_status(&refused);
        assert_eq!(problem.reason, "CALLER_RATE_LIMIT");
        assert!(problem.retry_after.is_some_and(|wait| wait > Duration::ZERO));
        limits.of("m", "b").take().expect("another caller");
        limits.of("n", "a").take().expect("another merchant's caller of the same name");
    }

    #[test]
    fn callers_of_a_merchant_share_its_limit() {
        let limits = limits(100, 2);
        limits.of("m", "a").take().expect("within the burst");
        limits.of("m", "b").take().expect("within the burst");
        assert_eq!(reason(limits.of("m", "c").take()), "MERCHANT_RATE_LIMIT");
        limits.of("n", "a").take().expect("another merchant");
    }

    #[test]
    fn limiters_are_kept_as_long_as_a_session_holds_them() {
        let limits = limits(1, 100);
        let session = limits.of("m", "a");
        session.take().expect("within the burst");
        limits.sweep();
        assert_eq!(reason(limits.of("m", "a").take()), "CALLER_RATE_LIMIT");
        drop(session);
        limits.sweep();
        assert!(limits.callers.lock().expect("nothing panicked").is_empty());
        assert!(limits.merchants.lock().expect("nothing panicked").is_empty());
    }
}
