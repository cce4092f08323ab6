//! A service that fails takes its own methods away and no others.

use std::time::{Duration, Instant};

use status::Problem;
use testkit::{Fault, FaultProxy, caller};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::native::{bundle_of, figures_of, line};
use crate::support::fakes::{FINE, HANGS};
use crate::support::{SOON, TestGateway};

/// A gateway that reaches metrics through a proxy that can fail.
async fn behind_proxy(settings: &[(&str, &str)]) -> (TestGateway, FaultProxy) {
    // The proxy needs an address before there is a fake to point to, so the fake here is one of its own.
    let metrics = crate::support::Fake::start().await;
    let proxy = FaultProxy::start(metrics.address.to_string()).await;
    let url = format!("http://{}", proxy.address());
    let mut gateway = TestGateway::start_with(settings, runtime::clock::SystemClock::shared(), |config| {
        config.upstreams.get_mut("metrics").expect("a default upstream").url = url;
    })
    .await;
    gateway.metrics = metrics;
    (gateway, proxy)
}

async fn figures(gateway: &TestGateway) -> Result<(), tonic::Status> {
    gateway.metrics_client().get_figures(gateway.request(&caller(), figures_of(FINE))).await.map(|_| ())
}

async fn bundle(gateway: &TestGateway) -> Result<(), tonic::Status> {
    gateway.qa_client().get_draw_bundle(gateway.request(&caller(), bundle_of(FINE))).await.map(|_| ())
}

#[tokio::test]
async fn a_service_that_is_down_is_unavailable_at_once_and_comes_back() {
    let (gateway, proxy) = behind_proxy(&[]).await;
    figures(&gateway).await.expect("it is up");
    proxy.set(Fault::Cut);
    testkit::eventually(SOON, async || figures(&gateway).await.is_err()).await;
    for _ in 0..20 {
        let began = Instant::now();
        let status = figures(&gateway).await.expect_err("it is down");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        bundle(&gateway).await.expect("the others answer");
    }
    proxy.set(Fault::None);
    testkit::eventually(SOON, async || figures(&gateway).await.is_ok()).await;
}

#[tokio::test]
async fn a_service_that_nobody_started_is_unavailable() {
    let gateway = TestGateway::start_with(&[], runtime::clock::SystemClock::shared(), |config| {
        // Port 1 is nobody's.
        config.upstreams.get_mut("metrics").expect("a default upstream").url =
            "http://127.0.0.1:1".to_owned();
        config.upstreams.get_mut("performance").expect("a default upstream").url = String::new();
    })
    .await;
    let status = figures(&gateway).await.expect_err("nobody listens");
    let problem = Problem::from_status(&status);
    assert_eq!((status.code(), problem.reason.as_str()), (Code::Unavailable, "UPSTREAM_UNAVAILABLE"));
    assert_eq!(problem.metadata["service"], "metrics");
    assert!(!status.message().contains("refused"), "{}", status.message());

    let answer = gateway.http(&caller()).json("/jinpai.performance.v1.PeopleService/GetMerchant", "{}").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.detail("google.rpc.ErrorInfo")["reason"], "NO_UPSTREAM");
}

#[tokio::test]
async fn a_service_that_hangs_costs_its_callers_their_deadline_and_others_nothing() {
    let (gateway, proxy) = behind_proxy(&[("server.deadline_ms_max", "400")]).await;
    figures(&gateway).await.expect("it is up");
    proxy.set(Fault::Stall);
    let began = Instant::now();
    let status = figures(&gateway).await.expect_err("it hangs");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    bundle(&gateway).await.expect("the others answer");
    proxy.set(Fault::None);
    testkit::eventually(SOON, async || figures(&gateway).await.is_ok()).await;
}

#[tokio::test]
async fn a_call_that_is_cut_off_ends_with_unavailable() {
    let (gateway, proxy) = behind_proxy(&[]).await;
    let mut client = gateway.metrics_client();
    let request = gateway.request(&caller(), figures_of(HANGS));
    let hanging = tokio::spawn(async move { client.get_figures(request).await });
    testkit::eventually(SOON, async || gateway.metrics.seen().len() == 1).await;
    proxy.set(Fault::Cut);
    let status =
        tokio::time::timeout(SOON, hanging).await.expect("at once").expect("no panic").expect_err("cut");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_ends_with_unavailable() {
    let (gateway, proxy) = behind_proxy(&[]).await;
    let (sender, receiver) = mpsc::channel(1);
    let mut client = gateway.metrics_client();
    let request = gateway.request(&caller(), ReceiverStream::new(receiver));
    let mut acks = client.ingest_conversations(request).await.expect("a stream").into_inner();
    sender.send(line(1)).await.expect("the stream is open");
    assert!(acks.message().await.expect("no error").is_some());
    proxy.set(Fault::Cut);
    let ended = tokio::time::timeout(SOON, acks.message()).await.expect("at once");
    assert_eq!(ended.expect_err("cut off").code(), Code::Unavailable);
}
