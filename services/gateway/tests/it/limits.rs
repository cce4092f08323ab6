//! Nobody gets more than their share, and nothing too large gets in.

use std::time::Duration;

use proto::metrics::v1::GetFiguresRequest;
use status::{Kind, Problem};
use testkit::{TestCaller, caller};
use tonic::{Code, Status};

use crate::native::figures_of;
use crate::support::fakes::{FINE, HANGS};
use crate::support::{METRICS, SOON, TestGateway};

/// So few a second that none comes back while a test runs.
const CALLER_OF_3: [(&str, &str); 2] =
    [("limits.per_caller.per_second", "1"), ("limits.per_caller.burst", "3")];

async fn call(gateway: &TestGateway, who: &TestCaller) -> Result<(), Status> {
    gateway.metrics_client().get_figures(gateway.request(who, figures_of(FINE))).await.map(|_| ())
}

/// Calls until the limit; how many got through, and the refusal.
async fn exhaust(gateway: &TestGateway, who: &TestCaller) -> (usize, Problem) {
    for answered in 0..50 {
        if let Err(status) = call(gateway, who).await {
            return (answered, Problem::from_status(&status));
        }
    }
    panic!("no limit");
}

#[tokio::test]
async fn a_caller_has_a_limit_that_others_do_not_feel() {
    let gateway = TestGateway::start(&CALLER_OF_3).await;
    let noisy = caller().subject("noisy");
    let (answered, problem) = exhaust(&gateway, &noisy).await;
    // The fourth may come a little after the first has come back.
    assert!((3..=4).contains(&answered), "{answered}");
    assert_eq!((problem.kind, problem.reason.as_str()), (Kind::Exhausted, "CALLER_RATE_LIMIT"));
    let wait = problem.retry_after.expect("when to come back");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    call(&gateway, &caller().subject("quiet")).await.expect("another caller");
    call(&gateway, &noisy.of("other")).await.expect("another merchant's caller of the same name");
}

#[tokio::test]
async fn a_caller_over_the_limit_gets_429_by_http() {
    let gateway = TestGateway::start(&CALLER_OF_3).await;
    let client = gateway.http(&caller());
    for _ in 0..50 {
        let answer = client.json(&format!("{METRICS}/GetFigures"), "{}").await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.detail("google.rpc.ErrorInfo")["reason"], "CALLER_RATE_LIMIT");
            return;
        }
    }
    panic!("no limit");
}

#[tokio::test]
async fn a_merchants_callers_share_its_limit() {
    let settings = [("limits.per_merchant.per_second", "1"), ("limits.per_merchant.burst", "4")];
    let gateway = TestGateway::start(&settings).await;
    for number in 0..50 {
        if let Err(status) = call(&gateway, &caller().subject(&format!("caller-{number}"))).await {
            assert!((4..=5).contains(&number), "{number}");
            assert_eq!(Problem::from_status(&status).reason, "MERCHANT_RATE_LIMIT");
            return call(&gateway, &caller().of("other")).await.expect("another merchant");
        }
    }
    panic!("no limit");
}

#[tokio::test]
async fn calls_in_progress_have_a_limit_and_the_rest_is_refused_at_once() {
    let gateway = TestGateway::start(&[("server.in_flight_max", "2")]).await;
    let hang = || {
        let mut client = gateway.metrics_client();
        let request = gateway.request(&caller(), figures_of(HANGS));
        tokio::spawn(async move { client.get_figures(request).await })
    };
    let hanging = [hang(), hang()];
    testkit::eventually(SOON, async || gateway.metrics.seen().len() == 2).await;
    let status =
        tokio::time::timeout(Duration::from_secs(1), call(&gateway, &caller())).await.expect("at once");
    let problem = Problem::from_status(&status.expect_err("no place"));
    assert_eq!(problem.reason, "OVERLOADED");
    assert!(problem.retry_after.is_some());
    hanging.into_iter().for_each(|call| call.abort());
}

#[tokio::test]
async fn bytes_that_no_service_could_read_are_the_callers_mistake() {
    let gateway = TestGateway::start(&[("server.message_bytes_max", "1000")]).await;
    let framed = |flag: u8, size: u32, bytes: &[u8]| [&[flag][..], &size.to_be_bytes(), bytes].concat();
    for (what, body, code, reason) in [
        ("no frame", b"nonsense".to_vec(), Code::InvalidArgument, "MALFORMED_MESSAGE"),
        ("a flag that is none", framed(7, 0, b""), Code::InvalidArgument, "MALFORMED_MESSAGE"),
        (
            "cut off in the prefix",
            framed(0, 0, b"")[..3].to_vec(),
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
        ),
        ("cut off in the message", framed(0, 10, b"abc"), Code::InvalidArgument, "MALFORMED_MESSAGE"),
        ("too large", framed(0, 1001, &[0; 1001]), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        ("said to be huge", framed(0, u32::MAX, b"abc"), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
    ] {
        let status = gateway.grpc(&format!("{METRICS}/GetFigures"), &[], body).await;
        assert_eq!(status.code(), code, "{what}: {status:?}");
        assert_eq!(Problem::from_status(&status).reason, reason, "{what}");
    }
    // Framed, but no protobuf: the service says so, by the codec that all services share.
    let frame = framed(0, 3, &[0xff, 0xff, 0xff]);
    let status = gateway.grpc(&format!("{METRICS}/GetFigures"), &[], frame).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!status.message().contains("varint"), "{}", status.message());
}

#[tokio::test]
async fn grpc_without_http2_is_told_so() {
    let gateway = TestGateway::start(&[]).await;
    let answer = gateway.http(&caller()).post(&format!("{METRICS}/GetFigures"), "application/grpc", "").await;
    assert_eq!(answer.header("grpc-status"), "3");
    assert!(answer.header("grpc-message").contains("HTTP/2"));
}

#[tokio::test]
async fn too_many_headers_get_a_grpc_status() {
    let gateway = TestGateway::start(&[]).await;
    let long = "x".repeat(20_000);
    let frame = crate::web::framed(&GetFiguresRequest::default());
    let status = gateway.grpc(&format!("{METRICS}/GetFigures"), &[("x-long", &long)], frame).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(Problem::from_status(&status).reason, "HEADERS_TOO_LARGE");
    assert!(gateway.metrics.seen().is_empty());
}
