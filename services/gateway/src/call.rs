//! One call on its way through: what must be known of it until its last byte.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::HeaderValue;
use runtime::telemetry::rpc::RunningCall;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Span;

use crate::routes::Route;

/// A call's places among the calls in progress: its merchant's and the gateway's.
type Places = [OwnedSemaphorePermit; 2];

/// A call that was let in. It is counted, and its places among the calls in progress are free again, when the last
/// holder drops it.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub route: Arc<Route>,
    /// The id under which every hop logs it.
    pub request_id: HeaderValue,
    /// When it ends whatever happens.
    pub deadline: Option<Instant>,
    /// Its part of the trace.
    pub span: Span,
    running: Mutex<RunningCall>,
    fault: OnceLock<Status>,
    _places: Places,
}

impl Call {
    /// A call that is under way.
    pub fn new(
        route: Arc<Route>,
        request_id: HeaderValue,
        deadline: Option<Instant>,
        span: Span,
        running: RunningCall,
        places: Places,
    ) -> Arc<Self> {
        let (running, fault) = (Mutex::new(running), OnceLock::new());
        Arc::new(Self { route, request_id, deadline, span, running, fault, _places: places })
    }

    /// Notes what is wrong with the caller's own bytes. It is the answer, whatever the service makes of the stream
    /// that was cut off.
    pub fn fail(&self, fault: Status) {
        // Only the first fault counts: the others follow from it.
        let _ = self.fault.set(fault);
    }

    /// What was wrong with the caller's bytes.
    pub fn fault(&self) -> Option<Status> {
        self.fault.get().cloned()
    }

    /// The call has its status. One that never gets one was cancelled by its caller.
    pub fn finish(&self, code: Code) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).ended(code);
        self.span.record("rpc.response.status_code", runtime::telemetry::rpc::code_name(code));
    }
}
