//! An OTLP collector in this process, which the process's telemetry sends to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use runtime::config::TelemetryConfig;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// All spans so far, after sending what is buffered.
    pub async fn spans(&self) -> Vec<Span> {
        let flush = || {
            runtime::telemetry::init("tests", &TelemetryConfig::default())
                .map(runtime::telemetry::Telemetry::shutdown)
        };
        tokio::task::spawn_blocking(flush).await.expect("no panic").expect("it is set up");
        self.0.lock().expect("not poisoned").clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let of_scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.lock().expect("not poisoned").extend(of_scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Starts collector and telemetry once for the process, on a runtime that outlives the tests'.
pub fn telemetry() -> Collector {
    static COLLECTOR: OnceLock<Collector> = OnceLock::new();
    let start = || {
        let collector = Collector::default();
        let served = TraceServiceServer::new(collector.clone());
        let (started, done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let listener =
                    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
                let config = TelemetryConfig {
                    log: "off".to_owned(),
                    otlp_endpoint: Some(format!("http://{}", listener.local_addr().expect("bound"))),
                    ..TelemetryConfig::default()
                };
                let _telemetry = runtime::telemetry::init("tests", &config).expect("it is set up");
                started.send(()).expect("someone waits");
                let incoming = TcpListenerStream::new(listener);
                tonic::transport::Server::builder().add_service(served).serve_with_incoming(incoming).await
            })
        });
        done.recv().expect("it starts");
        collector
    };
    COLLECTOR.get_or_init(start).clone()
}
