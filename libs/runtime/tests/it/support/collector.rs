//! An OTLP collector in this process, which the process's telemetry sends to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use runtime::config::TelemetryConfig;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What was sent so far.
#[derive(Clone, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    figures: Arc<Mutex<Vec<String>>>,
    logs: Arc<Mutex<Vec<LogRecord>>>,
}

impl Collector {
    /// All spans, after sending what is buffered.
    pub async fn spans(&self) -> Vec<Span> {
        flush().await;
        self.spans.lock().expect("not poisoned").clone()
    }

    /// The names of all figures, after sending what is buffered.
    pub async fn figures(&self) -> Vec<String> {
        flush().await;
        self.figures.lock().expect("not poisoned").clone()
    }

    /// All log records, after sending what is buffered.
    pub async fn logs(&self) -> Vec<LogRecord> {
        flush().await;
        self.logs.lock().expect("not poisoned").clone()
    }
}

async fn flush() {
    let flush = || {
        runtime::telemetry::init("tests", &TelemetryConfig::default())
            .map(runtime::telemetry::Telemetry::shutdown)
    };
    tokio::task::spawn_blocking(flush).await.expect("no panic").expect("it is set up");
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.lock().expect("not poisoned").extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        let names = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name);
        self.figures.lock().expect("not poisoned").extend(names);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        self.logs.lock().expect("not poisoned").extend(scopes.flat_map(|scope| scope.log_records));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Starts collector and telemetry once for the process, on a runtime that outlives the tests'.
pub fn telemetry() -> Collector {
    static COLLECTOR: OnceLock<Collector> = OnceLock::new();
    let start = || {
        let collector = Collector::default();
        let served = collector.clone();
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
                tonic::transport::Server::builder()
                    .add_service(TraceServiceServer::new(served.clone()))
                    .add_service(MetricsServiceServer::new(served.clone()))
                    .add_service(LogsServiceServer::new(served))
                    .serve_with_incoming(incoming)
                    .await
            })
        });
        done.recv().expect("it starts");
        collector
    };
    COLLECTOR.get_or_init(start).clone()
}
