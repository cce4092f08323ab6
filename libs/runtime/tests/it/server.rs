//! What a call meets on its way: deadlines, load, sizes, malformed bytes, refusals, figures.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use proto::access::Role;
use runtime::config::ServerConfig;
use runtime::identity::IDENTITY_KEY;
use status::{Kind, Problem};
use tonic::{Code, Status};

use crate::support::echo::Echo;
use crate::support::{Ask, EchoClient, Fixture, Told, caller, upstream};

/// Sends bytes as they are and gives back status and message, wherever they stand.
async fn raw(fixture: &Fixture, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Status {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<bytes::Bytes>>();
    let mut request = Request::post(format!("{}{path}", fixture.url()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header(IDENTITY_KEY, fixture.token());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::from(body)).expect("a request")).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let collected = body.collect().await.expect("a whole body");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers)).expect("a status")
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn reason(status: &Status) -> String {
    Problem::from_status(status).reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_deadline_exceeded() {
    let fixture = Fixture::start(ServerConfig { deadline_ms_max: 80, ..ServerConfig::default() }).await;
    let began = Instant::now();
    let status = fixture.client().unary(Ask::to("sleep")).await.expect_err("it sleeps for ever");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert!(began.elapsed() >= Duration::from_millis(80));

    // The caller's time is kept by the server too: sent raw, no client of ours could end this.
    let patient = Fixture::start(ServerConfig::default()).await;
    let ask = framed(&Ask::to("sleep").encode_to_vec());
    let status = raw(&patient, "/test.v1.Echo/Unary", &[("grpc-timeout", "60m")], ask.clone()).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let status = raw(&patient, "/test.v1.Echo/Quick", &[], ask).await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "the method's own rule counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_left_is_known_to_handlers_and_to_their_streams() {
    let fixture = Fixture::start(ServerConfig { deadline_ms_max: 30_000, ..ServerConfig::default() }).await;
    let told =
        fixture.client().with_timeout(Duration::from_secs(5)).unary(Ask::default()).await.expect("told");
    assert!((1..=5_000).contains(&told.remaining_ms), "{told:?}");
    assert!(!told.sees_timeout_header, "tonic's own timer must not see the header");

    let ask = Ask { repeat: 3, ..Ask::default() };
    let listed: Vec<Told> =
        fixture.client().list(ask).await.expect("a stream").map(|told| told.expect("told")).collect().await;
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|told| (1..=30_000).contains(&told.remaining_ms)), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_too_long_ends_with_the_status() {
    let fixture = Fixture::start(ServerConfig { deadline_ms_max: 100, ..ServerConfig::default() }).await;
    let ask = framed(&Ask { repeat: 2, ..Ask::to("sleep") }.encode_to_vec());
    let status = raw(&fixture, "/test.v1.Echo/List", &[], ask).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bidirectional_stream_outlives_the_servers_deadline() {
    let fixture = Fixture::start(ServerConfig { deadline_ms_max: 50, ..ServerConfig::default() }).await;
    let asks = futures::stream::iter(0..6).then(|number| async move {
        tokio::time::sleep(Duration::from_millis(25)).await;
        Ask { text: number.to_string(), ..Ask::default() }
    });
    let told = fixture.client().talk(asks).await.expect("a stream");
    let told: Vec<Told> = told.map(|told| told.expect("no deadline")).collect().await;
    assert_eq!(told.len(), 6);
    // What is left is of the client's own ten seconds.
    assert!(told.iter().all(|told| told.remaining_ms > 5_000), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_above_the_limit_are_shed_at_once_over_all_connections() {
    let echo = Echo::default();
    let config = ServerConfig { in_flight_max: 3, ..ServerConfig::default() };
    let fixture = Fixture::start_with(config, echo.clone(), |server| server).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut client = fixture.client();
            tokio::spawn(async move { client.unary(Ask::to("wait")).await })
        })
        .collect();
    let _ = echo.arrived.acquire_many(3).await.expect("all three arrive");

    let status = fixture.client().unary(Ask::default()).await.expect_err("there is no place");
    let problem = Problem::from_status(&status);
    assert_eq!((problem.kind, problem.reason.as_str()), (Kind::Exhausted, "OVERLOADED"));
    assert!(problem.retry_after.is_some());

    echo.gate.add_permits(3);
    for call in waiting {
        call.await.expect("no panic").expect("they are answered");
    }
    fixture.client().unary(Ask::default()).await.expect("there is a place again");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bytes_are_the_callers_mistake_and_tell_nothing() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let bodies: [(&str, Vec<u8>); 6] = [
        ("no protobuf", framed(&[0xff; 12])),
        ("bad utf-8", framed(&[0x0a, 0x02, 0xc3, 0x28])),
        ("a cut message", framed(b"0123456789")[..9].to_vec()),
        ("an unknown compression flag", vec![7, 0, 0, 0, 0]),
        ("compressed, it says", vec![1, 0, 0, 0, 1, 0]),
        ("nothing at all", Vec::new()),
    ];
    for path in ["/test.v1.Echo/Unary", "/test.v1.Echo/Talk"] {
        for (what, body) in &bodies {
            if path.ends_with("Talk") && body.is_empty() {
                continue; // A stream may be empty.
            }
            let status = raw(&fixture, path, &[], body.clone()).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{what} to {path}: {status:?}");
            for leak in ["Ask", "UTF", "varint", "wire type", "flag", "EOF"] {
                assert!(!status.message().contains(leak), "{what} to {path} tells {:?}", status.message());
            }
        }
    }
    let gzip =
        raw(&fixture, "/test.v1.Echo/Unary", &[("grpc-encoding", "gzip")], vec![1, 0, 0, 0, 2, 9, 9]).await;
    assert_eq!(gzip.code(), Code::InvalidArgument, "{gzip:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_above_the_limit_are_refused_before_they_are_read() {
    let fixture = Fixture::start(ServerConfig { message_bytes_max: 10_000, ..ServerConfig::default() }).await;
    let fits = Ask { text: "x".repeat(9_000), ..Ask::default() };
    assert_eq!(fixture.client().unary(fits).await.expect("it fits").text.len(), 9_000);
    let large = Ask { text: "x".repeat(10_001), ..Ask::default() };
    let status = fixture.client().unary(large.clone()).await.expect_err("it does not fit");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));

    let asks = futures::stream::iter([Ask::default(), large]);
    let told: Vec<_> = fixture.client().talk(asks).await.expect("a stream").collect().await;
    assert_eq!(told.len(), 2, "the first is answered");
    assert_eq!(told[1].as_ref().expect_err("the second is not").code(), Code::ResourceExhausted);

    // A prefix that announces 4 GiB, and nothing else.
    let announced = raw(&fixture, "/test.v1.Echo/Unary", &[], vec![0, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(announced.code(), Code::ResourceExhausted);

    // The generated server's own limit says OUT_OF_RANGE by itself.
    let wide = Fixture::start(ServerConfig { message_bytes_max: 64 << 20, ..ServerConfig::default() }).await;
    let status = raw(&wide, "/test.v1.Echo/Unary", &[], framed(&vec![0; 5 << 20])).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_one_failed_call() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let mut client = fixture.client();
    let status =
        client.unary(Ask { text: "secret".into(), ..Ask::to("panic") }).await.expect_err("it panics");
    assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
    client.unary(Ask::default()).await.expect("the same connection still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handlers_own_statuses_pass_unchanged() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let status = fixture.client().unary(Ask::to("fail")).await.expect_err("it fails");
    assert_eq!((status.code(), status.message()), (Code::Internal, "secret text of a handler"));
    assert!(status.metadata().contains_key("x-trace-id"), "people can name the trace");
    let status = fixture.client().unary(Ask::to("odd")).await.expect_err("it fails");
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "odd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_checked_before_anything_else() {
    let fixture = Fixture::start(ServerConfig { in_flight_max: 0, ..ServerConfig::default() }).await;
    let mut stranger = EchoClient::new(upstream(&fixture.url()));
    let status = stranger.unary(Ask::default()).await.expect_err("there is no token");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "TOKEN_MISSING"));
    let status = stranger.call("/test.v1.Echo/Other", Ask::default()).await.expect_err("there is no rule");
    assert_eq!(status.code(), Code::Unimplemented);
    let status =
        stranger.call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Ask::default()).await;
    assert_eq!(status.expect_err("reflection is off").code(), Code::Unimplemented);

    let nobody = fixture.signer.token(&caller(&[Role::Warehouse])).expect("it signs");
    let status = stranger.with_token(nobody).unary(Ask::default()).await.expect_err("the role may not");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_REQUIRED"));
    let status = fixture.client().unary(Ask::default()).await.expect_err("there is no place for anyone");
    assert_eq!(status.code(), Code::ResourceExhausted);
}

/// The echo under the name of a service whose description the suite has.
#[derive(Clone)]
struct Described(Echo);

impl tonic::server::NamedService for Described {
    const NAME: &'static str = "jinpai.metrics.v1.MetricsService";
}

impl tower::Service<Request<tonic::body::Body>> for Described {
    type Response = <Echo as tower::Service<Request<tonic::body::Body>>>::Response;
    type Error = std::convert::Infallible;
    type Future = <Echo as tower::Service<Request<tonic::body::Body>>>::Future;

    fn poll_ready(&mut self, poll: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(poll)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_is_there_if_asked_for_in_both_versions_and_lists_what_is_served() {
    use tonic_reflection::pb::{v1, v1alpha};

    let config = ServerConfig { reflection: true, ..ServerConfig::default() };
    let described = Described(Echo::default());
    let fixture = Fixture::start_with(config, Echo::default(), |server| server.add_service(described)).await;
    let channel = || upstream(&fixture.url());
    let ask = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel());
    let mut answers =
        client.server_reflection_info(futures::stream::iter([ask])).await.expect("open").into_inner();
    let answer = format!("{:?}", answers.message().await.expect("told").expect("one answer"));
    assert!(answer.contains("jinpai.metrics.v1.MetricsService"), "{answer}");
    assert!(!answer.contains("jinpai.qa.v1"), "{answer}");

    let ask = v1alpha::ServerReflectionRequest {
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "jinpai.metrics.v1.MetricsService".to_owned(),
        )),
        ..Default::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel());
    let mut answers =
        client.server_reflection_info(futures::stream::iter([ask])).await.expect("open").into_inner();
    let answer = format!("{:?}", answers.message().await.expect("told").expect("one answer"));
    assert!(answer.contains("FileDescriptorResponse"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_follows_from_the_widest_grant() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    let told = fixture.client().unary(Ask::default()).await.expect("told");
    assert_eq!((told.merchant.as_str(), told.scope.as_str()), ("m1", "Merchant"));
    let agent = fixture.signer.token(&caller(&[Role::Agent])).expect("it signs");
    let told = fixture.client().with_token(agent).unary(Ask::default()).await.expect("told");
    assert!(told.scope.starts_with("Own") && told.scope.contains("p1"), "{told:?}");

    let program = runtime::identity::Caller { person: None, ..caller(&[Role::Agent]) };
    let program = fixture.signer.token(&program).expect("it signs");
    let status =
        fixture.client().with_token(program).unary(Ask::default()).await.expect_err("there is no person");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "NO_PERSON"));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_taken_over_only_if_they_may_stand_in_logs() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    for (given, taken) in [("abc-1", true), ("a b", false), ("", false), (&*"x".repeat(200), false)] {
        let token = fixture.token();
        let mut request = tonic::Request::new(Ask::default());
        request.metadata_mut().insert(IDENTITY_KEY, token.parse().expect("ASCII"));
        request.metadata_mut().insert("x-request-id", given.parse().expect("ASCII"));
        let path = http::uri::PathAndQuery::from_static("/test.v1.Echo/Unary");
        let mut grpc = tonic::client::Grpc::new(upstream(&fixture.url()));
        let told: tonic::Response<Told> =
            grpc.unary(request, path, proto::codec::Codec::<Ask, Told>::default()).await.expect("told");
        let id = told.into_inner().request_id;
        assert_eq!(id == given, taken, "{given:?} became {id:?}");
        assert!(!id.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_method_and_status() {
    let fixture = Fixture::start(ServerConfig::default()).await;
    fixture.client().unary(Ask::default()).await.expect("told");
    let _ = fixture.client().call("/test.v1.Echo/MadeUp", Ask::default()).await.expect_err("no such method");
    let _ = raw(&fixture, "/test.v1.Echo/Unary", &[], framed(&[0xff])).await;
    crate::support::eventually("all three are counted", || async {
        let figures = runtime::telemetry::render();
        let counted = |method: &str, status: &str| {
            figures.lines().any(|line| {
                line.starts_with("rpc_server_call_duration_seconds_count")
                    && line.contains(&format!("rpc_method=\"{method}\""))
                    && line.contains(&format!("rpc_response_status_code=\"{status}\""))
            })
        };
        assert!(!figures.contains("MadeUp"), "strangers must not make series");
        counted("test.v1.Echo/Unary", "OK")
            && counted("test.v1.Echo/Unary", "INVALID_ARGUMENT")
            && counted("_OTHER", "UNIMPLEMENTED")
    })
    .await;
}
