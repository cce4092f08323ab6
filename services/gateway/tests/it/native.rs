//! gRPC passes through unchanged.

use std::time::{Duration, Instant};

use proto::common::v1::DayRange;
use proto::metrics::v1::{ConversationLine, GetFiguresRequest, IngestConversationsRequest};
use proto::qa::v1::GetDrawBundleRequest;
use status::{Kind, Problem};
use testkit::caller;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::fakes::{FAILS, FINE, HANGS, IS_LARGE};
use crate::support::{METRICS, SOON, TestGateway, day, value};

pub fn figures_of(script: i32) -> GetFiguresRequest {
    let days = DayRange { from: day(script), to: day(script) };
    GetFiguresRequest { days: Some(days), group: 2, ..Default::default() }
}

pub fn bundle_of(script: i32) -> GetDrawBundleRequest {
    GetDrawBundleRequest { business_day: day(script) }
}

pub fn line(number: i64) -> IngestConversationsRequest {
    IngestConversationsRequest { lines: vec![ConversationLine { line: number, conversation: None }] }
}

#[tokio::test]
async fn a_unary_call_reaches_its_service() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = gateway.metrics_client();
    let answer = client.get_figures(gateway.request(&caller(), figures_of(FINE))).await.expect("an answer");
    assert!(!value(answer.metadata(), "x-request-id").is_empty());
    assert_eq!(answer.into_inner().figures[0].conversations, 9_007_199_254_740_993);
    assert_eq!(gateway.metrics.seen().len(), 1);
    assert!(gateway.qa.seen().is_empty());
}

#[tokio::test]
async fn a_large_answer_passes_whole() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = gateway.metrics_client();
    let answer =
        client.get_figures(gateway.request(&caller(), figures_of(IS_LARGE))).await.expect("an answer");
    assert_eq!(answer.into_inner().figures[0].name.len(), 1 << 20);
}

#[tokio::test]
async fn an_error_keeps_its_details() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = gateway.metrics_client();
    let status =
        client.get_figures(gateway.request(&caller(), figures_of(FAILS))).await.expect_err("it fails");
    let problem = Problem::from_status(&status);
    assert_eq!((problem.kind, problem.reason.as_str()), (Kind::Precondition, "DEFINITION_BUILDING"));
    assert_eq!(problem.metadata["definition"], "standard");
    assert_eq!(problem.violations[0].field, "days.from");
}

#[tokio::test]
async fn a_server_stream_comes_piece_by_piece_and_ends_with_its_error() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = gateway.qa_client();
    let chunks = client.get_draw_bundle(gateway.request(&caller(), bundle_of(FINE))).await.expect("a stream");
    let chunks: Result<Vec<_>, _> = chunks.into_inner().collect().await;
    let texts: Vec<Vec<u8>> = chunks.expect("no error").into_iter().map(|chunk| chunk.chunk).collect();
    assert_eq!(texts, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);

    let stream =
        client.get_draw_bundle(gateway.request(&caller(), bundle_of(FAILS))).await.expect("a stream");
    let mut stream = stream.into_inner();
    assert_eq!(stream.message().await.expect("the first piece").expect("a piece").chunk, b"one");
    let status = stream.message().await.expect_err("then the error");
    assert_eq!(Problem::from_status(&status).reason, "DEFINITION_BUILDING");
}

#[tokio::test]
async fn a_bidirectional_stream_goes_both_ways_and_outlives_the_deadline_of_calls() {
    let gateway = TestGateway::start(&[("server.deadline_ms_max", "300")]).await;
    let (sender, receiver) = mpsc::channel(1);
    let mut client = gateway.metrics_client();
    let request = gateway.request(&caller(), ReceiverStream::new(receiver));
    let mut acks = client.ingest_conversations(request).await.expect("a stream").into_inner();
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_millis(700) {
        number += 1;
        sender.send(line(number)).await.expect("the stream is open");
        let ack = acks.message().await.expect("no error").expect("an acknowledgement");
        assert_eq!(ack.through_line, number, "each line is acknowledged before the next is sent");
    }
    assert!(number > 3);
    drop(sender);
    assert!(acks.message().await.expect("no error").is_none());
}

#[tokio::test]
async fn the_callers_deadline_reaches_the_service_and_ends_the_call() {
    let gateway = TestGateway::start(&[]).await;
    let began = Instant::now();
    // By hand: tonic's own client reads the header too, and would end the call before the gateway can.
    let path = format!("{METRICS}/GetFigures");
    let frame = crate::web::framed(&figures_of(HANGS));
    let status = gateway.grpc(&path, &[("grpc-timeout", "300m")], frame).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < SOON);
    let seen = gateway.metrics.seen_once();
    let passed = runtime::deadline::parse(&seen).expect("the service is told");
    assert!(passed <= Duration::from_millis(300) && passed > Duration::from_millis(100), "{passed:?}");
}

#[tokio::test]
async fn the_gateways_own_deadline_holds_for_calls_and_for_streams_of_answers() {
    let gateway = TestGateway::start(&[("server.deadline_ms_max", "300")]).await;
    let status = gateway.metrics_client().get_figures(gateway.request(&caller(), figures_of(HANGS))).await;
    assert_eq!(status.expect_err("it takes too long").code(), Code::DeadlineExceeded);

    let mut client = gateway.qa_client();
    let mut request = gateway.request(&caller(), bundle_of(HANGS));
    // The rule of this method allows more than the setting.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().expect("text"));
    let mut stream = client.get_draw_bundle(request).await.expect("a stream").into_inner();
    assert!(stream.message().await.expect("the first piece").is_some());
    let status = tokio::time::timeout(SOON, stream.message()).await.expect("it ends").expect_err("too long");
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_is_no_public_method_is_unimplemented() {
    let gateway = TestGateway::start(&[]).await;
    for path in [
        "/jinpai.metrics.v1.MetricsService/Nothing",
        "/jinpai.nothing.v1.NothingService/GetFigures",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/",
    ] {
        let mut grpc = tonic::client::Grpc::new(gateway.channel());
        grpc.ready().await.expect("it connects");
        let codec = proto::codec::Codec::<(), ()>::default();
        let request = gateway.request(&caller(), ());
        let status = grpc.unary(request, path.parse().expect("a path"), codec).await.expect_err(path);
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    assert!(gateway.metrics.seen().is_empty());
}

#[tokio::test]
async fn a_method_that_every_service_has_goes_to_the_one_that_is_named() {
    use proto::events::v1::ListParkedEventsRequest;
    use proto::events::v1::parked_event_service_client::ParkedEventServiceClient;

    let gateway = TestGateway::start(&[]).await;
    let mut client = ParkedEventServiceClient::new(gateway.channel());
    let ask = |target: Option<&str>| {
        let mut request = gateway.request(&caller(), ListParkedEventsRequest::default());
        if let Some(target) = target {
            request.metadata_mut().insert("x-jinpai-target", target.parse().expect("text"));
        }
        request
    };
    client.list_parked_events(ask(Some("qa"))).await.expect("qa answers");
    assert_eq!((gateway.qa.seen().len(), gateway.metrics.seen().len()), (1, 0));
    for target in [None, Some("nobody"), Some("gateway")] {
        let status = client.list_parked_events(ask(target)).await.expect_err("no such service");
        assert_eq!(status.code(), Code::InvalidArgument, "{target:?}");
        assert_eq!(Problem::from_status(&status).violations[0].field, "x-jinpai-target");
    }
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_ends_at_the_service_too() {
    let gateway = TestGateway::start(&[("server.in_flight_max", "1")]).await;
    let mut client = gateway.metrics_client();
    let hanging = client.get_figures(gateway.request(&caller(), figures_of(HANGS)));
    assert!(tokio::time::timeout(Duration::from_millis(300), hanging).await.is_err());
    // The only place among the calls in progress is free again.
    testkit::eventually(SOON, async || {
        let request = gateway.request(&caller(), figures_of(FINE));
        gateway.metrics_client().get_figures(request).await.is_ok()
    })
    .await;
}
