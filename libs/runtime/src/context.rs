//! What a call hands on to the calls it makes: deadline, identity, request id.
//!
//! It lives in a task local, so handlers pass nothing along by hand. A task local ends at `tokio::spawn`: work that
//! is spawned and belongs to the call takes [`current`] and runs inside [`scope`].

use http::HeaderValue;
use tokio::time::Instant;

tokio::task_local! {
    static CURRENT: CallContext;
}

/// What is known of the call being answered.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// When the answer is no longer wanted.
    pub deadline: Option<Instant>,
    /// The internal token, as it came.
    pub identity: Option<HeaderValue>,
    /// The request's id, under which every hop logs.
    pub request_id: Option<HeaderValue>,
}

/// The call that the current task answers; nothing is known outside of calls.
pub fn current() -> CallContext {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Runs `work` as part of the call.
pub async fn scope<F: Future>(context: CallContext, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// Runs a piece of synchronous work as part of the call: polling a stream that it answers with.
pub(crate) fn within<T>(context: &CallContext, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context.clone(), work)
}
