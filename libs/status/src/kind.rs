//! The few kinds of failure, and what each is called elsewhere.

use tonic::Code;
use tracing::Level;

/// What kind of failure it was, seen by whoever has to do something about it.
///
/// Deliberately fewer than gRPC's codes: a new kind needs a caller that would act differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong by itself; sending it again never helps.
    Invalid,
    /// What was named does not exist, or not for this caller.
    NotFound,
    /// What was to be created exists already.
    AlreadyExists,
    /// A rule says no in the present state.
    Precondition,
    /// Lost a race against another change; read again and retry.
    Contended,
    /// The caller is known and may not.
    Denied,
    /// The caller is not known.
    Unauthenticated,
    /// A limit was reached; later it may work.
    Exhausted,
    /// Something needed is away; retrying may help.
    Unavailable,
    /// The time allowed was not enough.
    Timeout,
    /// A defect or a surprise of ours.
    Internal,
}

impl Kind {
    /// All kinds, for tables and tests.
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Precondition,
        Self::Contended,
        Self::Denied,
        Self::Unauthenticated,
        Self::Exhausted,
        Self::Unavailable,
        Self::Timeout,
        Self::Internal,
    ];

    /// The gRPC code.
    pub fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::Precondition => Code::FailedPrecondition,
            Self::Contended => Code::Aborted,
            Self::Denied => Code::PermissionDenied,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Exhausted => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Timeout => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }

    /// The HTTP status at the gateway, as the Connect protocol maps the gRPC code.
    pub fn http(self) -> u16 {
        match self {
            Self::Invalid | Self::Precondition => 400,
            Self::Unauthenticated => 401,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Contended => 409,
            Self::Exhausted => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The kind of any status that came over the wire, also from servers that use codes we never send.
    pub fn of(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::Precondition,
            Code::Aborted => Self::Contended,
            Code::PermissionDenied => Self::Denied,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::ResourceExhausted => Self::Exhausted,
            Code::Unavailable => Self::Unavailable,
            Code::DeadlineExceeded | Code::Cancelled => Self::Timeout,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal
            }
        }
    }

    /// Whether the same request may succeed when sent again. A timed out change needs its request id for that.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Contended | Self::Exhausted | Self::Unavailable | Self::Timeout)
    }

    /// How loudly a failure of this kind is logged.
    pub fn level(self) -> Level {
        match self {
            Self::Invalid | Self::NotFound | Self::AlreadyExists | Self::Precondition => Level::DEBUG,
            Self::Contended | Self::Denied | Self::Unauthenticated => Level::INFO,
            Self::Exhausted | Self::Unavailable | Self::Timeout => Level::WARN,
            Self::Internal => Level::ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_code() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.code()), kind);
        }
    }

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::HashSet<i32> = Kind::ALL.iter().map(|kind| kind.code() as i32).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
    }
}
