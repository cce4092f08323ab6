//! What can go wrong with incidents.

use status::{Failure, Kind, Violation};

use crate::domain::incident::IncidentState;

/// What can go wrong with incidents.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// A field breaks a rule that only the incident's state shows.
    #[error("{}: {}", .0.field, .0.description)]
    Invalid(Violation),
    /// There is none.
    #[error("there is no incident {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is an incident {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("incident {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// That can't be done to an incident in this state.
    #[error("incident {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: IncidentState,
    },
    /// Something is still to be done.
    #[error("{open} tasks of incident {id} are neither done nor dropped")]
    TasksOpen {
        /// Which incident.
        id: String,
        /// How many.
        open: i32,
    },
    /// An exercise is no case.
    #[error("incident {id} is an exercise, which is no case")]
    Drill {
        /// Which.
        id: String,
    },
    /// Nothing was learnt yet.
    #[error("incident {id} has no retrospective since it was closed")]
    RetrospectiveMissing {
        /// Which.
        id: String,
    },
    /// Nothing is to be said.
    #[error("incident {id} has no wording in force")]
    WordingMissing {
        /// Which.
        id: String,
    },
    /// There is no such version of the policy.
    #[error("there is no version {version} of the incident policy")]
    PolicyNotFound {
        /// Which.
        version: i32,
    },
    /// Somebody else put a version.
    #[error("the incident policy has changed since it was read")]
    PolicyChanged,
    /// There are enough.
    #[error("the timeline of incident {id} has {limit} lines, which is the limit")]
    TooManyEntries {
        /// Which.
        id: String,
        /// How many there may be.
        limit: i32,
    },
    /// There is none that the caller may see.
    #[error("there is no task {id}")]
    TaskNotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a task {id} already")]
    TaskExists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("task {id} has changed since it was read")]
    TaskChanged {
        /// Which.
        id: String,
    },
    /// It need not be done any more.
    #[error("task {id} was dropped")]
    TaskDropped {
        /// Which.
        id: String,
    },
    /// There are enough.
    #[error("incident {id} has {limit} tasks, which is the limit")]
    TooManyTasks {
        /// Which.
        id: String,
        /// How many there may be.
        limit: i64,
    },
    /// More than can be counted at once.
    #[error("more than {limit} incidents began in these days; ask for fewer days")]
    TooMany {
        /// How many there may be.
        limit: u32,
    },
    /// Nobody knows them, or they left.
    #[error("there is no person {id}")]
    PersonNotFound {
        /// Who.
        id: String,
    },
}

impl Failure for IncidentError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::Invalid,
            Self::NotFound { .. }
            | Self::TaskNotFound { .. }
            | Self::PersonNotFound { .. }
            | Self::PolicyNotFound { .. } => Kind::NotFound,
            Self::Exists { .. } | Self::TaskExists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } | Self::TaskChanged { .. } | Self::PolicyChanged => Kind::Contended,
            Self::State { .. }
            | Self::TasksOpen { .. }
            | Self::Drill { .. }
            | Self::RetrospectiveMissing { .. }
            | Self::WordingMissing { .. }
            | Self::TaskDropped { .. } => Kind::Precondition,
            Self::TooManyEntries { .. } | Self::TooManyTasks { .. } | Self::TooMany { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::NotFound { .. } => "INCIDENT_NOT_FOUND",
            Self::Exists { .. } => "INCIDENT_EXISTS",
            Self::Changed { .. } => "INCIDENT_CHANGED",
            Self::State { .. } => "INCIDENT_STATE",
            Self::TasksOpen { .. } => "INCIDENT_TASKS_OPEN",
            Self::Drill { .. } => "INCIDENT_DRILL",
            Self::RetrospectiveMissing { .. } => "RETROSPECTIVE_MISSING",
            Self::WordingMissing { .. } => "WORDING_MISSING",
            Self::PolicyNotFound { .. } => "INCIDENT_POLICY_NOT_FOUND",
            Self::PolicyChanged => "INCIDENT_POLICY_CHANGED",
            Self::TooManyEntries { .. } => "TOO_MANY_INCIDENT_ENTRIES",
            Self::TaskNotFound { .. } => "INCIDENT_TASK_NOT_FOUND",
            Self::TaskExists { .. } => "INCIDENT_TASK_EXISTS",
            Self::TaskChanged { .. } => "INCIDENT_TASK_CHANGED",
            Self::TaskDropped { .. } => "INCIDENT_TASK_DROPPED",
            Self::TooManyTasks { .. } => "TOO_MANY_INCIDENT_TASKS",
            Self::TooMany { .. } => "TOO_MANY_INCIDENTS",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Invalid(violation) => vec![violation.clone()],
            _ => Vec::new(),
        }
    }
}
