//! One trace crosses every hop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::{MERCHANT, Processes};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use proto::access::Role;
use serde_json::json;
use testkit::eventually;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The services that sent spans, by trace id in hex.
type Seen = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

/// Takes spans as a collector would.
#[derive(Debug, Default, Clone)]
struct Collector(Seen);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().expect("nobody panicked");
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|pair| pair.key == "service.name");
            let service = service.and_then(|pair| pair.value.as_ref()).map(|value| format!("{value:?}"));
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let trace: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
                seen.entry(trace).or_default().extend(service.clone());
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_is_found_again_in_every_service_that_took_part() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let otlp = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let suite = Processes::start(env!("CARGO_BIN_EXE_member").as_ref(), Some(&otlp)).await;

    let token = suite.door.token(MERCHANT, Role::Supervisor, None);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let ask = json!({ "businessDay": { "year": 2020, "month": 5, "day": 12 }, "personId": "nobody" });
    let path = "/jinpai.gateway.v1.GatewayService/GetAgentDay";
    let answer = suite.door.json_with(path, &token, &ask, &[("traceparent", &parent)]).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert!(answer.headers.contains_key("x-request-id"), "an answer names its request");

    eventually(Duration::from_secs(60), async || {
        let seen = collector.0.lock().expect("nobody panicked");
        let services = seen.get(trace).map(|services| format!("{services:?}")).unwrap_or_default();
        ["gateway", "metrics", "qa", "performance"].iter().all(|service| services.contains(service))
    })
    .await;
}
