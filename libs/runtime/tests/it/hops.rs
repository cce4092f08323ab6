//! What crosses from one service to the next: time, trace, identity, request id; and services that are away.

use std::time::{Duration, Instant};

use runtime::config::{ServerConfig, UpstreamConfig};
use status::Problem;
use tokio::net::TcpListener;
use tonic::Code;

use crate::support::echo::Echo;
use crate::support::{Ask, EchoClient, Fixture, caller, collector, eventually, upstream, upstream_config};

/// Two services of different gateways, the first of which calls the second.
async fn chain() -> (Fixture, Fixture) {
    let second = Fixture::start(ServerConfig::default()).await;
    let next = EchoClient::new(upstream(&second.url()));
    let echo = Echo { next: Some(next), ..Echo::default() };
    let first = Fixture::start_with(ServerConfig::default(), echo, |server| server).await;
    (first, second)
}

/// A call to a first service that goes on to a second; both trust one gateway, as in the suite.
async fn hopped(ask: Ask, timeout: Option<Duration>) -> Result<crate::support::Told, tonic::Status> {
    let second = Fixture::start(ServerConfig::default()).await;
    let next = EchoClient::new(upstream(&second.url()));
    let first = shared_gateway(&second, Echo { next: Some(next), ..Echo::default() }).await;
    let client = EchoClient::new(upstream(&first)).with_token(second.token());
    let mut client = match timeout {
        Some(timeout) => client.with_timeout(timeout),
        None => client,
    };
    client.unary(ask).await
}

/// A server that trusts the signer of `other`.
async fn shared_gateway(other: &Fixture, echo: Echo) -> String {
    use runtime::clock::SystemClock;
    use runtime::config::AccessConfig;
    use runtime::identity::Verifier;
    use runtime::server::{AccessCheck, Server};

    let jwks = other.signer.jwks();
    let verifier =
        Verifier::of_jwks(jwks, &AccessConfig::default(), SystemClock::shared()).expect("good keys");
    let access = AccessCheck::with_rules(verifier, crate::support::echo::rule);
    let server = Server::new("first", &ServerConfig::default(), access).add_service(echo);
    let running = server.start(other.stop.clone()).await.expect("it starts");
    format!("http://{}", running.address)
}

fn hop(act: &str) -> Ask {
    Ask { text: act.to_owned(), ..Ask::to("hop") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_hop_gets_what_is_left_of_the_time() {
    let told = hopped(hop(""), Some(Duration::from_secs(4))).await.expect("told");
    // Twenty milliseconds are spent on the way.
    assert!((1..=3_980).contains(&told.remaining_ms), "{told:?}");
    let unhurried = hopped(hop(""), None).await.expect("told");
    assert!((4_000..=9_980).contains(&unhurried.remaining_ms), "the first server's own limit: {unhurried:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_the_whole_chain_with_one_status() {
    let began = Instant::now();
    let status =
        hopped(hop("sleep"), Some(Duration::from_millis(150))).await.expect_err("it sleeps for ever");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_and_request_id_are_passed_on_and_checked_again() {
    let told = hopped(hop(""), None).await.expect("the second checks the token too");
    assert_eq!((told.merchant.as_str(), told.scope.as_str()), ("m1", "Merchant"));
    assert!(!told.request_id.is_empty());

    // Two gateways that do not know each other: the second refuses what the first took.
    let (first, _second) = chain().await;
    let status = first.client().unary(hop("")).await.expect_err("a stranger's token");
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_crosses_both_hops() {
    let collector = collector::telemetry();
    let second = Fixture::start(ServerConfig::default()).await;
    let next = EchoClient::new(upstream(&second.url()));
    let first = shared_gateway(&second, Echo { next: Some(next), ..Echo::default() }).await;

    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let token = second.signer.token(&caller(&[proto::access::Role::Supervisor])).expect("it signs");
    let mut request = tonic::Request::new(hop(""));
    request.metadata_mut().insert("x-jinpai-identity", token.parse().expect("ASCII"));
    let traceparent = format!("00-{trace_id}-b7ad6b7169203331-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("ASCII"));
    let channel =
        tonic::transport::Endpoint::from_shared(first).expect("a url").connect().await.expect("connected");
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("ready");
    let path = http::uri::PathAndQuery::from_static("/test.v1.Echo/Unary");
    let codec = proto::codec::Codec::<Ask, crate::support::Told>::default();
    grpc.unary(request, path, codec).await.expect("told");

    let collector = &collector;
    eventually("three spans of the trace", || async move {
        let spans = collector.spans().await;
        let ours: Vec<_> = spans.iter().filter(|span| hex(&span.trace_id) == trace_id).collect();
        let named = |name: &str| ours.iter().filter(|span| span.name == name).collect::<Vec<_>>();
        let (served, made) = (named("rpc"), named("rpc.call"));
        let child_of = |parent: &[u8], spans: &[&&opentelemetry_proto::tonic::trace::v1::Span]| {
            spans.iter().filter(|span| span.parent_span_id == parent).count()
        };
        let Some(root) = served.iter().find(|span| hex(&span.parent_span_id) == "b7ad6b7169203331") else {
            return false;
        };
        child_of(&root.span_id, &made) == 1 && child_of(&made[0].span_id, &served) == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_logs_are_sent_and_a_line_belongs_to_its_trace() {
    let collector = collector::telemetry();
    let fixture = Fixture::start(ServerConfig::default()).await;
    // A stranger's call is logged, inside the span of the call.
    let status = EchoClient::new(upstream(&fixture.url())).unary(Ask::default()).await.expect_err("no token");
    let trace_id =
        status.metadata().get("x-trace-id").expect("it is told").to_str().expect("ASCII").to_owned();
    let (collector, trace_id) = (&collector, &trace_id);
    eventually("the line arrives with its trace", || async move {
        collector.logs().await.iter().any(|record| hex(&record.trace_id) == *trace_id)
    })
    .await;
    eventually("the figures arrive", || async move {
        collector.figures().await.iter().any(|name| name == "rpc.server.call.duration")
    })
    .await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_unavailable() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let mut client = EchoClient::new(upstream(&format!("http://{free}"))).with_token(fixture.token());
    let status = client.unary(Ask::default()).await.expect_err("nobody listens");
    assert_eq!(Problem::from_status(&status).reason, "UPSTREAM_UNAVAILABLE");
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_accepts_and_says_nothing_costs_no_more_than_the_time() {
    // The kernel completes the connection; nobody ever reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let config = UpstreamConfig { call_timeout_ms: 150, ..upstream_config(&url) };
    let mut client = EchoClient::new(runtime::client::channel(&config).expect("a good url"));
    let began = Instant::now();
    let status = client.unary(Ask::default()).await.expect_err("no answer comes");
    assert_eq!(status.code(), Code::DeadlineExceeded, "ours, not tonic's CANCELLED: {status:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_back_by_itself_when_the_service_does() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let (address, mut client) = (fixture.running.address, fixture.client());
    client.unary(Ask::default()).await.expect("told");
    fixture.stop.cancel();
    fixture.running.task.await.expect("no panic");
    assert_eq!(client.unary(Ask::default()).await.expect_err("it is away").code(), Code::Unavailable);

    let again = Fixture::start(ServerConfig { listen: address, ..ServerConfig::default() }).await;
    let client = client.with_token(again.token());
    eventually("the same client works again", || {
        let mut client = client.clone();
        async move { client.unary(Ask::default()).await.is_ok() }
    })
    .await;
}
