//! What can go wrong with the database, in the few kinds a caller can act on.

use std::time::Duration;

use diesel::result::DatabaseErrorKind as DieselKind;
use diesel::result::Error as DieselError;
use runtime::config::ConfigError;
use status::{Failure, Kind, Violation};
use tokio_postgres::error::SqlState;

type Source = Box<dyn std::error::Error + Send + Sync>;
/// Makes one kind of failure of what the database said.
type Wrap = fn(Source) -> Error;

/// The reason of [`Error::Contended`].
pub(crate) const CONTENDED: &str = "CONTENDED";

/// A failure of storage. Services wrap it in their own error and pass `kind` and `reason` on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A named constraint refused the row. Map it with [`on_constraint`]; one that arrives here unmapped is a bug.
    #[error("constraint {name} refused the row")]
    Constraint {
        /// The constraint's name in the schema.
        name: String,
        /// What the database said.
        #[source]
        source: Source,
    },
    /// Lost against a concurrent transaction: deadlock, serialization failure, lock timeout. Trying again helps.
    #[error("lost against a concurrent change")]
    Contended(#[source] Source),
    /// The database cannot be reached, is starting, stopping, read-only or full.
    #[error("the database is not available")]
    Unavailable(#[source] Source),
    /// No connection came free in time.
    #[error("all database connections are busy")]
    Exhausted,
    /// The statement ran into its time limit.
    #[error("the database took too long")]
    Timeout(#[source] Source),
    /// The schema lacks migrations that this program needs.
    #[error(
        "schema {schema} is older than this program: migration {missing} has not run; run the migrate command first"
    )]
    SchemaOlder {
        /// The schema.
        schema: String,
        /// The first version that is missing.
        missing: String,
    },
    /// The request id was used before with another body.
    #[error("the request id was used before with another request")]
    RequestIdReused,
    /// The page token is not one that this list gave out.
    #[error("page_token is not one that this list gave out")]
    PageToken,
    /// The page size is negative.
    #[error("page_size must not be negative")]
    PageSize,
    /// The settings cannot work.
    #[error("the database settings cannot be used")]
    Config(#[source] ConfigError),
    /// Anything else: a bug here or there.
    #[error("unexpected database failure")]
    Internal(#[source] Source),
}

impl Error {
    /// An [`Error::Internal`] about a row that cannot be read: names table and key, never the content.
    pub fn unreadable(table: &str, key: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Internal(format!("{table} {key} cannot be read: {why}").into())
    }

    /// Settings that cannot work; `what` names the key.
    pub(crate) fn config(what: impl Into<String>) -> Self {
        Self::Config(ConfigError::Unusable(what.into()))
    }

    /// Whether the same work may succeed when tried again at once.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Contended(_))
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Contended(_) => Kind::Contended,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Exhausted => Kind::Exhausted,
            Self::Timeout(_) => Kind::Timeout,
            Self::RequestIdReused => Kind::Precondition,
            Self::PageToken | Self::PageSize => Kind::Invalid,
            Self::Constraint { .. } | Self::SchemaOlder { .. } | Self::Config(_) | Self::Internal(_) => {
                Kind::Internal
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Constraint { .. } => "DATABASE_CONSTRAINT",
            Self::Contended(_) => CONTENDED,
            Self::Unavailable(_) => "DATABASE_UNAVAILABLE",
            Self::Exhausted => "DATABASE_BUSY",
            Self::Timeout(_) => "DATABASE_TIMEOUT",
            Self::SchemaOlder { .. } => "SCHEMA_OLDER",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::PageToken => "PAGE_TOKEN_INVALID",
            Self::PageSize => "PAGE_SIZE_INVALID",
            Self::Config(_) => "CONFIG",
            Self::Internal(_) => "INTERNAL",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let field = match self {
            Self::PageToken => "page_token",
            Self::PageSize => "page_size",
            _ => return Vec::new(),
        };
        vec![Violation { field: field.to_owned(), description: self.to_string() }]
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Exhausted).then_some(Duration::from_secs(1))
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => {
                let constraint = information.constraint_name().map(str::to_owned);
                let wrap = by_message(information.message()).unwrap_or_else(|| by_kind(&kind));
                let source = DieselError::DatabaseError(kind, information).into();
                match constraint {
                    Some(name) => Self::Constraint { name, source },
                    None => wrap(source),
                }
            }
            // The commit's own failure says more than that of the rollback after it.
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            DieselError::BrokenTransactionManager => Self::Unavailable(error.into()),
            other => Self::Internal(other.into()),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else { return Self::Unavailable(error.into()) };
        if let Some(name) = db.constraint() {
            return Self::Constraint { name: name.to_owned(), source: error.into() };
        }
        let code = db.code().clone();
        if [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ]
        .contains(&code)
        {
            return Self::Contended(error.into());
        }
        if code == SqlState::QUERY_CANCELED {
            return Self::Timeout(error.into());
        }
        // Classes: 08 connection, 53 resources (disk full, too many clients), 57P operator intervention; 25006 read-only.
        let class = code.code();
        if class.starts_with("08") || class.starts_with("53") || class.starts_with("57P") || class == "25006"
        {
            return Self::Unavailable(error.into());
        }
        Self::Internal(error.into())
    }
}

/// For `map_err` at an insert: turns the refusal of one named constraint into the caller's own error.
pub fn on_constraint<S, E>(name: &'static str, then: impl FnOnce() -> E) -> impl FnOnce(S) -> E
where
    S: Into<Error>,
    E: From<Error>,
{
    move |source| match source.into() {
        Error::Constraint { name: hit, .. } if hit == name => then(),
        other => E::from(other),
    }
}

fn by_kind(kind: &DieselKind) -> Wrap {
    match kind {
        DieselKind::SerializationFailure => Error::Contended,
        DieselKind::ReadOnlyTransaction | DieselKind::UnableToSendCommand | DieselKind::ClosedConnection => {
            Error::Unavailable
        }
        _ => Error::Internal,
    }
}

/// Diesel drops the SQLSTATE of errors that it has no kind for, so those are told by the server's message. Roles
/// made by [`crate::roles`] have `lc_messages = C`.
fn by_message(message: &str) -> Option<Wrap> {
    const KNOWN: &[(&str, Wrap)] = &[
        ("deadlock detected", Error::Contended),
        ("canceling statement due to lock timeout", Error::Contended),
        ("canceling statement due to statement timeout", Error::Timeout),
        ("canceling statement due to user request", Error::Timeout),
        ("terminating connection", Error::Unavailable),
        ("the database system is", Error::Unavailable),
        ("could not extend file", Error::Unavailable),
        ("No space left on device", Error::Unavailable),
        ("too many clients", Error::Unavailable),
        ("remaining connection slots", Error::Unavailable),
    ];
    KNOWN.iter().find(|(text, _)| message.contains(text)).map(|(_, wrap)| *wrap)
}
