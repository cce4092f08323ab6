//! A failure as data: what a status carries, in either direction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, StatusExt};

use crate::{Kind, Violation};

/// A failure read from a status, or one to be made into a status where no error enum stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What the caller does next.
    pub kind: Kind,
    /// The code itself: finer than the kind when the other side is not ours.
    pub code: Code,
    /// The stable reason; empty when the status had no `ErrorInfo`.
    pub reason: String,
    /// Which part of the suite said so ("metrics"); empty when the status had no `ErrorInfo`.
    pub domain: String,
    /// For people.
    pub message: String,
    /// For programs.
    pub metadata: BTreeMap<String, String>,
    /// The fields at fault.
    pub violations: Vec<Violation>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem without details.
    pub fn new(kind: Kind, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: kind.code(),
            reason: reason.into(),
            domain: String::new(),
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    /// Names the part of the suite that speaks.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = domain.into();
        self
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds a field at fault.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.violations.push(Violation { field: field.into(), description: description.into() });
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Reads what a status carries. Details that do not decode count as absent: they come from the other side.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().cloned().unwrap_or_else(|| ErrorInfo::new("", "", HashMap::new()));
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        Self {
            kind: Kind::of(status.code()),
            code: status.code(),
            reason: info.reason,
            domain: info.domain,
            message: status.message().to_owned(),
            metadata: info.metadata.into_iter().collect(),
            violations: fields
                .iter()
                .map(|at| Violation { field: at.field.clone(), description: at.description.clone() })
                .collect(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }

    /// The status with its `google.rpc` details.
    pub fn into_status(self) -> Status {
        let mut details = ErrorDetails::new();
        if !self.reason.is_empty() {
            details.set_error_info(
                self.reason,
                self.domain,
                self.metadata.into_iter().collect::<HashMap<_, _>>(),
            );
        }
        for violation in self.violations {
            details.add_bad_request_violation(violation.field, violation.description);
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        problem.into_status()
    }
}
