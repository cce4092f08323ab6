//! How long a call may still take.
//!
//! tonic's own timers answer CANCELLED and pass nothing on, so they are not used: the server's deadline step and
//! the client wrapper read and write `grpc-timeout` with what is here, and answer DEADLINE_EXCEEDED.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use status::{Kind, Problem};
use tokio::time::Instant;
use tonic::Status;

use crate::context;

/// The header in which a caller says how long it waits.
pub const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// What is left of the current call's time; `None` when it has no deadline.
pub fn remaining() -> Option<Duration> {
    context::current().deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// DEADLINE_EXCEEDED, as both sides say it.
pub fn exceeded() -> Status {
    Problem::new(Kind::Timeout, "DEADLINE_EXCEEDED", "the call took longer than it may").into_status()
}

/// The time a caller gives; a header that is not as gRPC defines it counts as absent.
pub fn parse(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT_HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// The header's value for `time`, rounded down so that no hop gets more than is left.
pub fn encode(time: Duration) -> HeaderValue {
    // At most eight digits are allowed: take the finest unit that fits.
    let units = [(time.as_micros(), 'u'), (time.as_millis(), 'm'), (u128::from(time.as_secs()), 'S')];
    let fitting = units.into_iter().find(|(amount, _)| *amount < 100_000_000);
    let (amount, unit) = fitting.unwrap_or((99_999_999, 'S'));
    // Digits and a letter always make a header value.
    HeaderValue::try_from(format!("{amount}{unit}")).unwrap_or_else(|_| HeaderValue::from_static("0u"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str) -> Option<Duration> {
        parse(&HeaderMap::from_iter([(TIMEOUT_HEADER, HeaderValue::from_static(text))]))
    }

    #[test]
    fn all_units_are_read() {
        assert_eq!(parsed("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parsed("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parsed("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parsed("5m"), Some(Duration::from_millis(5)));
        assert_eq!(parsed("6u"), Some(Duration::from_micros(6)));
        assert_eq!(parsed("99999999n"), Some(Duration::from_nanos(99_999_999)));
    }

    #[test]
    fn nonsense_counts_as_absent() {
        for text in ["", "S", "5", "-5S", "5 S", "123456789S", "1.5S", "5X", "+1S"] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        let not_ascii =
            HeaderMap::from_iter([(TIMEOUT_HEADER, HeaderValue::from_bytes(b"5\xe7").expect("opaque"))]);
        assert_eq!(parse(&not_ascii), None);
    }

    #[test]
    fn what_is_written_is_read_and_never_longer() {
        for micros in [0, 1, 999, 99_999_999, 100_000_001, 86_400_000_000, u64::MAX / 2] {
            let time = Duration::from_micros(micros);
            let headers = HeaderMap::from_iter([(TIMEOUT_HEADER, encode(time))]);
            let read = parse(&headers).expect("it is valid");
            assert!(read <= time, "{time:?} became {read:?}");
            let same_to_the_second = time.as_secs() - read.as_secs() <= 1;
            assert!(same_to_the_second || time.as_secs() > 99_999_999, "{time:?} became {read:?}");
        }
    }
}
