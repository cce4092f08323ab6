//! Logs, traces and figures of a process.
//!
//! One process has one of each, however many services run in it: the first [`init`] decides, later ones join. Logs
//! go to standard error, one JSON object a line, each with the id of its trace. With an OTLP endpoint traces,
//! figures and logs are sent there as well; figures can always be scraped ([`render`]).

mod json;
pub mod propagation;
pub mod rpc;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Registry, TextEncoder};
use tracing::Level;
use tracing_subscriber::filter::{FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::TelemetryConfig;

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// `telemetry.log` is not a list of filter directives.
    #[error("telemetry.log is not a log filter")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// `telemetry.otlp_endpoint` cannot be used.
    #[error("telemetry.otlp_endpoint cannot be used")]
    Endpoint(#[from] ExporterBuildError),
    /// The figures cannot be kept for scraping.
    #[error("the metric reader cannot be made")]
    Reader(#[from] OTelSdkError),
}

/// What the process tells with; it lives as long as the process does.
struct Pipelines {
    registry: Registry,
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: Option<SdkLoggerProvider>,
}

static PIPELINES: OnceLock<Pipelines> = OnceLock::new();
/// Two services that start at the same moment must not both build.
static BUILDING: Mutex<()> = Mutex::new(());

/// A service's hold on the process's telemetry.
#[derive(Debug)]
#[must_use = "what is still buffered is sent by shutdown()"]
pub struct Telemetry(());

impl Telemetry {
    /// The figures as Prometheus text.
    pub fn render(&self) -> String {
        render()
    }

    /// Sends what is buffered. Call it last in main, on a multi-threaded runtime: it blocks until that is done.
    ///
    /// Other services of the process go on telling, and so does this one if it starts again.
    pub fn shutdown(self) {
        let Some(pipelines) = PIPELINES.get() else { return };
        let mut outcomes = vec![pipelines.traces.force_flush(), pipelines.metrics.force_flush()];
        outcomes.extend(pipelines.logs.as_ref().map(SdkLoggerProvider::force_flush));
        for error in outcomes.into_iter().filter_map(Result::err) {
            tracing::warn!(error.chain = status::chain(&error), "telemetry not sent");
        }
    }
}

/// Starts telling, as `service`. Call it first in main and inside the tokio runtime.
///
/// In one process the first call decides name and settings. A subscriber that is already there (a test's) stays.
pub fn init(service: &str, config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    if PIPELINES.get().is_none() {
        let pipelines = Pipelines::build(service, config)?;
        subscribe(&pipelines, config)?;
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        opentelemetry::global::set_meter_provider(pipelines.metrics.clone());
        // Cannot be set already: the lock is held.
        let _ = PIPELINES.set(pipelines);
    }
    Ok(Telemetry(()))
}

/// Logs panics as one line with their place, instead of the default's several. The text is left out: it may hold
/// what a client sent. For main functions; a test wants to see the text.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic.location = place, "a task panicked");
    }));
}

/// The figures of the process as Prometheus text; empty before [`init`].
pub fn render() -> String {
    let Some(pipelines) = PIPELINES.get() else { return String::new() };
    let families = pipelines.registry.gather();
    TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
        tracing::error!(error.chain = status::chain(&error), "figures cannot be written");
        String::new()
    })
}

impl Pipelines {
    fn build(service: &str, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let resource = Resource::builder().with_service_name(service.to_owned()).build();
        let registry = Registry::new();
        let scraped = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
        let mut metrics = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(scraped);
        let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut logs = None;
        // Without a collector spans are only there for their ids, which logs and other services share.
        let mut root = Sampler::AlwaysOff;
        if let Some(endpoint) = &config.otlp_endpoint {
            root = Sampler::TraceIdRatioBased(config.trace_ratio);
            let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            traces = traces.with_batch_exporter(spans);
            let figures = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            let interval = Duration::from_millis(config.otlp_interval_ms);
            metrics = metrics.with_reader(PeriodicReader::builder(figures).with_interval(interval).build());
            let lines = LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            logs =
                Some(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(lines).build());
        }
        let traces = traces.with_sampler(Sampler::ParentBased(Box::new(root))).build();
        Ok(Self { registry, traces, metrics: metrics.build(), logs })
    }
}

/// Each consumer has a filter of its own: quiet logs must not mean fewer spans.
fn subscribe(pipelines: &Pipelines, config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.log)?;
    let lines = if config.json {
        let layer = fmt::layer().fmt_fields(JsonFields::new()).event_format(json::OneLine);
        layer.with_writer(std::io::stderr).with_filter(filter).boxed()
    } else {
        fmt::layer().compact().with_writer(std::io::stderr).with_filter(filter).boxed()
    };
    let tracer = pipelines.traces.tracer("jinpai");
    let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours());
    let sent = pipelines.logs.as_ref().map(|logs| OpenTelemetryTracingBridge::new(logs).with_filter(ours()));
    if tracing_subscriber::registry().with(lines).with(spans).with(sent).try_init().is_err() {
        tracing::debug!("a subscriber is there already and stays");
    }
    Ok(())
}

/// What the exporters' own transport says must not be exported: that would never end.
fn ours() -> FilterFn<impl Fn(&tracing::Metadata<'_>) -> bool> {
    const TRANSPORT: [&str; 6] = ["h2", "hyper", "hyper_util", "tonic", "tower", "opentelemetry"];
    let transport = |target: &str| {
        let of = |library: &&str| {
            target.strip_prefix(*library).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        TRANSPORT.iter().any(of) || target.starts_with("opentelemetry")
    };
    let filter = filter_fn(move |metadata| *metadata.level() <= Level::INFO && !transport(metadata.target()));
    // Without the hint every span that h2 could trace is asked about, several times a call.
    filter.with_max_level_hint(LevelFilter::INFO)
}
