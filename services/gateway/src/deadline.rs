//! How long a call may take.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::routes::Route;

/// Connect's header: milliseconds, at most ten digits.
const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");

/// When the call ends: the earliest of what the caller, the method's rule and the setting allow. A stream
/// without an end, as bidirectional ones are, ends only when its caller said so.
pub fn of(route: &Route, headers: &HeaderMap, server_max: Duration, now: Instant) -> Option<Instant> {
    let asked = runtime::deadline::parse(headers).or_else(|| connect(headers));
    let allowed = match route.rule.deadline_ms {
        _ if route.is_endless() => None,
        0 => Some(server_max),
        // The rule of a long method may be over the setting; that is what it is for.
        ms => Some(Duration::from_millis(ms.into())),
    };
    // A time beyond what the clock can hold is no limit.
    now.checked_add(asked.into_iter().chain(allowed).min()?)
}

/// What the caller asked for by Connect. A header that cannot be read counts as absent.
fn connect(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(CONNECT_TIMEOUT)?.to_str().ok()?;
    let plain = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?.map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::routes::Routes;

    #[test]
    fn the_earliest_limit_counts() {
        let routes = Routes::new(&[]).expect("no upstream is needed");
        let now = Instant::now();
        let max = Duration::from_secs(10);
        let left = |path: &str, name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            of(routes.find(path).expect("it is public"), &headers, max, now).map(|at| at - now)
        };
        let unary = "/jinpai.gateway.v1.GatewayService/WhoAmI";
        assert_eq!(left(unary, "grpc-timeout", "2S"), Some(Duration::from_secs(2)));
        assert_eq!(left(unary, "grpc-timeout", "20S"), Some(max));
        assert_eq!(left(unary, "grpc-timeout", "soon"), Some(max));
        assert_eq!(left(unary, "connect-timeout-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(left(unary, "connect-timeout-ms", "99999999999"), Some(max));
        assert_eq!(left(unary, "connect-timeout-ms", "+5"), Some(max));
        let stream = "/jinpai.metrics.v1.MetricsService/IngestConversations";
        assert_eq!(left(stream, "x", "y"), None);
        assert_eq!(left(stream, "grpc-timeout", "20S"), Some(Duration::from_secs(20)));
    }
}
