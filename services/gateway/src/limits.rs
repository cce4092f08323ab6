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
use runtime::config::{ConfigError, PLACES, within};
use serde::Deserialize;
use status::{Kind, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    fn limiter(self) -> DefaultDirectRateLimiter {
        RateLimiter::direct(Quota::per_second(self.per_second).allow_burst(self.burst))
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
    /// Endless streams (bidirectional ones, live boards) open at once.
    pub streams_max: usize,
    /// Calls of one merchant in progress at once: the rest of the gateway's stay for the others.
    pub calls_per_merchant_max: usize,
    /// Endless streams of one merchant open at once.
    pub streams_per_merchant_max: usize,
    /// Connections to each service for calls, and as many for endless streams. A service takes only so many
    /// calls on one connection.
    pub connections_per_upstream: usize,
    /// The largest answer that is made into JSON, in bytes; larger ones need gRPC.
    pub answer_bytes_max: usize,
    /// All header names and values of a request together, in bytes.
    pub header_bytes_max: usize,
}

impl LimitsConfig {
    /// # Errors
    ///
    /// The first limit that leaves room for nothing, or for more than there can be.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("limits.streams_max", self.streams_max, &PLACES)?;
        within("limits.calls_per_merchant_max", self.calls_per_merchant_max, &PLACES)?;
        within("limits.streams_per_merchant_max", self.streams_per_merchant_max, &PLACES)?;
        within("limits.connections_per_upstream", self.connections_per_upstream, &(1..=1_000))?;
        within("limits.answer_bytes_max", self.answer_bytes_max, &(1..=1 << 30))?;
        // Beyond this HTTP/2 itself refuses them.
        within("limits.header_bytes_max", self.header_bytes_max, &(1..=64 * 1024))
    }
}

/// What one caller may still ask for.
#[derive(Debug, Clone)]
pub struct Allowance {
    caller: Arc<DefaultDirectRateLimiter>,
    merchant: Arc<MerchantLimits>,
}

#[derive(Debug)]
struct MerchantLimits {
    rate: DefaultDirectRateLimiter,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Allowance {
    /// Takes one call out of both rates, and a place among the merchant's calls (or endless streams) in progress; or
    /// says whose limit is reached and when to come back.
    pub fn take(&self, endless: bool) -> Result<OwnedSemaphorePermit, Status> {
        let refused = |whose: &'static str, until: governor::NotUntil<_>| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            exhausted(whose, wait)
        };
        // The caller first: who is over their own limit takes nothing from the merchant's.
        self.caller.check().map_err(|until| refused(CALLER_RATE, until))?;
        self.merchant.rate.check().map_err(|until| refused(MERCHANT_RATE, until))?;
        let places = if endless { &self.merchant.streams } else { &self.merchant.calls };
        let place = Arc::clone(places).try_acquire_owned();
        place.map_err(|_| exhausted(MERCHANT_CALLS, BUSY_WAIT))
    }
}

const CALLER_RATE: &str = "CALLER_RATE_LIMIT";
const MERCHANT_RATE: &str = "MERCHANT_RATE_LIMIT";
const MERCHANT_CALLS: &str = "MERCHANT_CALLS_LIMIT";
const OVERLOADED: &str = "OVERLOADED";
/// When somebody should come back for whom there was no place.
const BUSY_WAIT: Duration = Duration::from_millis(250);

/// Whether a refusal for this reason is about the caller, and not about how busy the gateway is.
pub fn is_callers_own(reason: &str) -> bool {
    [CALLER_RATE, MERCHANT_RATE, MERCHANT_CALLS].contains(&reason)
}

/// RESOURCE_EXHAUSTED because the gateway has all the calls that it can work on.
pub fn overloaded() -> Status {
    exhausted(OVERLOADED, BUSY_WAIT)
}

/// RESOURCE_EXHAUSTED with the reason and the time to wait.
fn exhausted(reason: &'static str, wait: Duration) -> Status {
    let message = match reason {
        CALLER_RATE => "too many calls from this caller",
        MERCHANT_RATE => "too many calls from this merchant",
        MERCHANT_CALLS => "too many calls of this merchant are in progress",
        _ => "the gateway has all the calls that it can work on",
    };
    // Whole milliseconds, at least one: a wait of nothing invites a loop.
    let wait = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    Problem::new(Kind::Exhausted, reason, message).domain("gateway").retry_after(wait).into_status()
}

/// The limiters of everybody who has a session.
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    callers: Shared<(String, String), DefaultDirectRateLimiter>,
    merchants: Shared<String, MerchantLimits>,
}

impl Limits {
    /// With nobody known yet.
    pub fn new(config: &LimitsConfig) -> Self {
        Self { config: config.clone(), callers: Shared::default(), merchants: Shared::default() }
    }

    /// The limiters of a caller, the same ones for every session of theirs.
    pub fn of(&self, merchant: &str, subject: &str) -> Allowance {
        let LimitsConfig { per_caller, per_merchant, .. } = &self.config;
        let made = || MerchantLimits {
            rate: per_merchant.limiter(),
            calls: Arc::new(Semaphore::new(self.config.calls_per_merchant_max)),
            streams: Arc::new(Semaphore::new(self.config.streams_per_merchant_max)),
        };
        Allowance {
            caller: shared(&self.callers, (merchant.to_owned(), subject.to_owned()), || per_caller.limiter()),
            merchant: shared(&self.merchants, merchant.to_owned(), made),
        }
    }

    /// Forgets the limiters that no session holds.
    pub fn sweep(&self) {
        forget_unused(&self.callers);
        forget_unused(&self.merchants);
    }
}

type Shared<K, V> = Mutex<HashMap<K, Arc<V>>>;

fn shared<K: Hash + Eq, V>(map: &Shared<K, V>, key: K, made: impl FnOnce() -> V) -> Arc<V> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(key).or_insert_with(|| Arc::new(made())))
}

fn forget_unused<K: Hash + Eq, V>(map: &Shared<K, V>) {
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
        let config = LimitsConfig {
            per_caller: rate(caller),
            per_merchant: rate(merchant),
            streams_max: 9,
            calls_per_merchant_max: 3,
            streams_per_merchant_max: 1,
            connections_per_upstream: 1,
            answer_bytes_max: 1,
            header_bytes_max: 1,
        };
        Limits::new(&config)
    }

    fn reason<T: std::fmt::Debug>(refused: Result<T, Status>) -> String {
        Problem::from_status(&refused.expect_err("over the limit")).reason
    }

    #[test]
    fn two_sessions_of_a_caller_share_a_limit_and_others_do_not() {
        let limits = limits(2, 100);
        let (first, second) = (limits.of("m", "a"), limits.of("m", "a"));
        drop(first.take(false).expect("within the burst"));
        drop(second.take(false).expect("within the burst"));
        let refused = first.take(false).expect_err("over the burst");
        let problem = Problem::from_status(&refused);
        assert_eq!(problem.reason, "CALLER_RATE_LIMIT");
        assert!(problem.retry_after.is_some_and(|wait| wait > Duration::ZERO));
        drop(limits.of("m", "b").take(false).expect("another caller"));
        drop(limits.of("n", "a").take(false).expect("another merchant's caller of the same name"));
    }

    #[test]
    fn callers_of_a_merchant_share_its_limit() {
        let limits = limits(100, 2);
        drop(limits.of("m", "a").take(false).expect("within the burst"));
        drop(limits.of("m", "b").take(false).expect("within the burst"));
        assert_eq!(reason(limits.of("m", "c").take(false)), "MERCHANT_RATE_LIMIT");
        drop(limits.of("n", "a").take(false).expect("another merchant"));
    }

    #[test]
    fn a_merchant_has_so_many_places_and_no_more() {
        let limits = limits(100, 100);
        let places: Vec<_> = (0..3).map(|_| limits.of("m", "a").take(false).expect("a place")).collect();
        assert_eq!(reason(limits.of("m", "b").take(false)), "MERCHANT_CALLS_LIMIT");
        let stream = limits.of("m", "b").take(true).expect("streams have places of their own");
        assert_eq!(reason(limits.of("m", "a").take(true)), "MERCHANT_CALLS_LIMIT");
        drop(limits.of("n", "a").take(false).expect("another merchant"));
        drop((places, stream));
        drop(limits.of("m", "a").take(false).expect("there is room again"));
        drop(limits.of("m", "a").take(true).expect("there is room again"));
    }

    #[test]
    fn limiters_are_kept_as_long_as_a_session_holds_them() {
        let limits = limits(1, 100);
        let session = limits.of("m", "a");
        drop(session.take(false).expect("within the burst"));
        limits.sweep();
        assert_eq!(reason(limits.of("m", "a").take(false)), "CALLER_RATE_LIMIT");
        drop(session);
        limits.sweep();
        assert!(limits.callers.lock().expect("nothing panicked").is_empty());
        assert!(limits.merchants.lock().expect("nothing panicked").is_empty());
    }
}
