//! The figures of calls: OpenTelemetry's RPC conventions (release candidate of 2026), seconds.
//!
//! Pinned: the status is `rpc.response.status_code` with the code's name, as in versions 1.39 and 1.40 of the
//! conventions; later drafts call it `rpc.status_code`.

use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use tonic::Code;

const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The name of methods that nobody serves. Strangers choose those names, and each would become a series.
pub const OTHER_METHOD: &str = "_OTHER";

/// Counts the calls that one side answers or makes. Made after `telemetry::init`, or it counts into nothing.
#[derive(Debug, Clone)]
pub struct RpcFigures {
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
}

impl RpcFigures {
    /// Of the calls that come in: `rpc.server.call.duration`.
    pub fn server() -> Self {
        Self::named("rpc.server.call.duration", "jinpai.rpc.server.in_flight")
    }

    /// Of the calls that go out: `rpc.client.call.duration`.
    pub fn client() -> Self {
        Self::named("rpc.client.call.duration", "jinpai.rpc.client.in_flight")
    }

    fn named(duration: &'static str, in_flight: &'static str) -> Self {
        let meter = opentelemetry::global::meter("jinpai");
        Self {
            duration: meter
                .f64_histogram(duration)
                .with_unit("s")
                .with_description("How long calls took, by method and status")
                .with_boundaries(BUCKETS.to_vec())
                .build(),
            in_flight: meter
                .i64_up_down_counter(in_flight)
                .with_description("Calls that have begun and not ended")
                .build(),
        }
    }

    /// A call begins; `method` is `package.Service/Method`.
    pub fn begin(&self, method: &'static str) -> RunningCall {
        self.in_flight.add(1, &[KeyValue::new("rpc.method", method)]);
        RunningCall { figures: self.clone(), method, began: Instant::now(), code: None }
    }
}

/// A call that is under way. It is counted when this is dropped, as CANCELLED if nobody said how it ended: then
/// the other side has gone away.
#[derive(Debug)]
pub struct RunningCall {
    figures: RpcFigures,
    method: &'static str,
    began: Instant,
    code: Option<Code>,
}

impl RunningCall {
    /// Says how the call ended; the last word counts.
    pub fn ended(&mut self, code: Code) {
        self.code = Some(code);
    }

    /// How it ended, if it did.
    pub fn code(&self) -> Option<Code> {
        self.code
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let code = code_name(self.code.unwrap_or(Code::Cancelled));
        let method = KeyValue::new("rpc.method", self.method);
        self.figures.in_flight.add(-1, std::slice::from_ref(&method));
        let mut attributes = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            method,
            KeyValue::new("rpc.response.status_code", code),
        ];
        if code != "OK" {
            attributes.push(KeyValue::new("error.type", code));
        }
        self.figures.duration.record(self.began.elapsed().as_secs_f64(), &attributes);
    }
}

/// A code's name as gRPC writes it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
