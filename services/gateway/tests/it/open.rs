//! What needs no token: health, the API document, reflection where it is on. And what is not there at all.

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient as OlderClient;

use crate::support::{HttpClient, METRICS, TestGateway};

fn list() -> ServerReflectionRequest {
    ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    }
}

#[tokio::test]
async fn reflection_lists_the_services_when_it_is_on() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = ServerReflectionClient::new(gateway.channel());
    let mut answers =
        client.server_reflection_info(tokio_stream::once(list())).await.expect("it is on").into_inner();
    let answer = answers.message().await.expect("no error").expect("an answer");
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<String> = services.service.into_iter().map(|service| service.name).collect();
    for name in
        ["jinpai.metrics.v1.MetricsService", "jinpai.qa.v1.QaService", "jinpai.gateway.v1.GatewayService"]
    {
        assert!(names.iter().any(|listed| listed == name), "{names:?}");
    }
}

#[tokio::test]
async fn reflection_is_not_there_when_it_is_off() {
    let gateway = TestGateway::start(&[("server.reflection", "false")]).await;
    let mut client = ServerReflectionClient::new(gateway.channel());
    let status = client.server_reflection_info(tokio_stream::once(list())).await.expect_err("it is off");
    assert_eq!(status.code(), Code::Unimplemented);
    let mut client = OlderClient::new(gateway.channel());
    let request = tonic_reflection::pb::v1alpha::ServerReflectionRequest::default();
    let status = client.server_reflection_info(tokio_stream::once(request)).await.expect_err("it is off");
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn health_is_answered_by_grpc_and_http_without_a_token() {
    let gateway = TestGateway::start(&[]).await;
    let mut client = HealthClient::new(gateway.channel());
    let answer = client.check(HealthCheckRequest { service: String::new() }).await.expect("it is there");
    assert_eq!(answer.into_inner().status, 1);
    let answer = HttpClient::new(gateway.address).send("GET", "/healthz", "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (200, &b"ok\n"[..]));
}

#[tokio::test]
async fn figures_are_on_their_own_port_only() {
    let gateway = TestGateway::start(&[]).await;
    for path in ["/metrics", "/debug/pprof", "/admin", "/config"] {
        let answer = HttpClient::new(gateway.address).send("GET", path, "").await;
        assert_eq!(answer.status, 501, "{path}");
        assert!(answer.headers.get("server").is_none(), "no version is told");
    }
    let answer = HttpClient::new(gateway.ops).send("GET", "/metrics", "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_api_document_is_there_unless_switched_off() {
    let gateway = TestGateway::start(&[]).await;
    let answer = HttpClient::new(gateway.address).send("GET", "/openapi.json", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let gateway = TestGateway::start(&[("http.openapi", "false")]).await;
    let answer = HttpClient::new(gateway.address).send("GET", "/openapi.json", "").await;
    assert_eq!(answer.status, 501);
}

#[tokio::test]
async fn pages_of_known_origins_may_call() {
    let gateway = TestGateway::start(&[("http.cors_origins", "https://app.test,https://other.test")]).await;
    let path = format!("{METRICS}/GetFigures");
    let preflight = |origin: &str| {
        HttpClient::new(gateway.address)
            .with("origin", origin)
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "authorization,content-type,connect-protocol-version")
    };
    let answer = preflight("https://app.test").send("OPTIONS", &path, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.test");
    for name in ["authorization", "content-type", "connect-protocol-version"] {
        assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
    }
    let answer = preflight("https://evil.test").send("OPTIONS", &path, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    for content_type in ["application/json", "application/grpc-web"] {
        let client = HttpClient::new(gateway.address).with("origin", "https://app.test");
        let answer = client.post(&path, content_type, "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://app.test", "{content_type}");
        assert!(answer.header("access-control-expose-headers").contains("grpc-status"));
    }
}
