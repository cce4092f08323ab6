//! What can go wrong, as callers see it.

use std::time::Duration;

use status::{Failure, Kind, Violation};

use crate::domain::alert::error::AlertError;
use crate::domain::bot::BotError;
use crate::domain::campaign::CampaignError;
use crate::domain::case::error::CaseError;
use crate::domain::customer::CustomerError;
use crate::domain::follow_up::error::FollowUpError;
use crate::domain::incident::error::IncidentError;
use crate::domain::issue::IssueError;
use crate::domain::lost_inquiry::LossError;
use crate::domain::order_decisions::OrderDecisionError;
use crate::domain::report::ReportError;
use crate::domain::risk::RiskError;
use crate::domain::target::TargetError;
use crate::domain::voice::VoiceError;
use crate::domain::work::WorkError;

/// A failure of a use case.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A field breaks a rule that its proto cannot say.
    #[error("{}: {}", .0.field, .0.description)]
    Invalid(Violation),
    /// Line numbers of an ingest must grow.
    #[error("line {line} comes after line {last}: line numbers must grow")]
    LineOrder {
        /// The line.
        line: i64,
        /// The one before it.
        last: i64,
    },
    /// As many ingest streams are open as are allowed.
    #[error("too many ingest streams are open")]
    TooManyStreams,
    /// As many boards are watched as are allowed.
    #[error("too many boards are watched")]
    TooManyBoards,
    /// A client did not take its updates.
    #[error("updates were not taken in time; watch again with the last cursor")]
    BoardClientSlow,
    /// The client's stream broke.
    #[error("the stream of the client broke")]
    Stream(#[source] tonic::Status),
    /// The service stops; streams go on after the last acknowledgement or cursor.
    #[error("the service is stopping; go on after what came last")]
    Stopping,
    /// Only a day that is over can be closed.
    #[error("{day} is not over yet")]
    DayNotOver {
        /// The day.
        day: chrono::NaiveDate,
    },
    /// The figure is a share of all that the shop sold.
    #[error(
        "MEASURE_AGENTS_SHARE_OF_SALES is a share of all sales of the shop, which the caller may not see"
    )]
    WholeShopHidden,
    /// The merchant has no such definition.
    #[error("there is no definition {id}{}", version.map(|v| format!(" version {v}")).unwrap_or_default())]
    DefinitionNotFound {
        /// Which.
        id: String,
        /// Which version; any if not given.
        version: Option<i32>,
    },
    /// No version of the definition is valid on a day that was asked for.
    #[error("no version of definition {id} is in force on {day}")]
    NoDefinitionInForce {
        /// Which.
        id: String,
        /// The first such day.
        day: chrono::NaiveDate,
    },
    /// A measure has no value in the days or in those that they are held against.
    #[error("{measure} has no value on one of the two sides")]
    NothingToCompare {
        /// Which.
        measure: &'static str,
    },
    /// A change cannot be split into so many parts.
    #[error("there are too many groups for one answer; narrow the filter")]
    TooManyGroups,
    /// The playbook has no such remedy.
    #[error("there is no remedy {id}")]
    RemedyNotFound {
        /// Which.
        id: String,
    },
    /// Somebody else changed it first.
    #[error("remedy {id} has changed since it was read")]
    RemedyChanged {
        /// Which.
        id: String,
    },
    /// A playbook is read whole, so it has an end.
    #[error("the playbook has as many remedies as it may have")]
    TooManyRemedies,
    /// Older conversations are still being counted under it.
    #[error("definition {id} version {version} is still being built")]
    DefinitionBuilding {
        /// Which.
        id: String,
        /// Which version.
        version: i32,
    },
    /// Somebody else put a version first.
    #[error("definition {id} has changed since it was read")]
    DefinitionChanged {
        /// Which.
        id: String,
    },
    /// Every conversation counts under every definition, so there can't be any number of them.
    #[error("the merchant has {limit} definition versions, which is the limit")]
    TooManyDefinitions {
        /// How many there may be.
        limit: usize,
    },
    /// Definitions were put again and again while a batch was being counted.
    #[error("definitions change too quickly to count under them; try again")]
    DefinitionsMoved,
    /// Of alerts and their rules.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// Of campaigns.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// Of cases.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// Of targets.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Of follow-ups.
    #[error(transparent)]
    FollowUp(#[from] FollowUpError),
    /// Of decisions about orders.
    #[error(transparent)]
    OrderDecision(#[from] OrderDecisionError),
    /// Of work.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Of incidents.
    #[error(transparent)]
    Incident(#[from] IncidentError),
    /// Of risks.
    #[error(transparent)]
    Risk(#[from] RiskError),
    /// Of issues.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Of lost inquiries.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// Of customers.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// Of the voice of the customer.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// Of reports.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Of the bot's questions.
    #[error(transparent)]
    Bot(#[from] BotError),
    /// The caller reaches only a part of what the call is about.
    #[error(transparent)]
    Reach(#[from] runtime::identity::PartOfMerchant),
    /// The directory does not know the merchant yet, or its copy cannot be read.
    #[error(transparent)]
    Directory(#[from] directory::Error),
    /// Storage.
    #[error(transparent)]
    Database(#[from] pg::Error),
    /// The outbox.
    #[error(transparent)]
    Events(#[from] events::Error),
    /// A worker thread died.
    #[error("a worker died")]
    Worker(#[source] tokio::task::JoinError),
}

impl From<Violation> for MetricsError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation)
    }
}

impl From<diesel::result::Error> for MetricsError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Failure for MetricsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::LineOrder { .. } => Kind::Invalid,
            Self::Stream(status) => Kind::of(status.code()),
            Self::TooManyStreams
            | Self::TooManyBoards
            | Self::BoardClientSlow
            | Self::TooManyDefinitions { .. }
            | Self::TooManyRemedies
            | Self::TooManyGroups => Kind::Exhausted,
            Self::Stopping | Self::DefinitionsMoved => Kind::Unavailable,
            Self::DayNotOver { .. }
            | Self::DefinitionBuilding { .. }
            | Self::NothingToCompare { .. }
            | Self::NoDefinitionInForce { .. } => Kind::Precondition,
            Self::WholeShopHidden => Kind::Denied,
            Self::DefinitionNotFound { .. } | Self::RemedyNotFound { .. } => Kind::NotFound,
            Self::DefinitionChanged { .. } | Self::RemedyChanged { .. } => Kind::Contended,
            Self::Alert(error) => error.kind(),
            Self::Campaign(error) => error.kind(),
            Self::Case(error) => error.kind(),
            Self::Target(error) => error.kind(),
            Self::FollowUp(error) => error.kind(),
            Self::Incident(error) => error.kind(),
            Self::Risk(error) => error.kind(),
            Self::Issue(error) => error.kind(),
            Self::OrderDecision(error) => error.kind(),
            Self::Work(error) => error.kind(),
            Self::Loss(error) => error.kind(),
            Self::Customer(error) => error.kind(),
            Self::Voice(error) => error.kind(),
            Self::Report(error) => error.kind(),
            Self::Bot(error) => error.kind(),
            Self::Reach(error) => error.kind(),
            Self::Directory(error) => error.kind(),
            Self::Database(error) => error.kind(),
            Self::Events(error) => error.kind(),
            Self::Worker(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::LineOrder { .. } => "LINE_ORDER",
            Self::TooManyBoards => "TOO_MANY_BOARDS",
            Self::BoardClientSlow => "BOARD_CLIENT_SLOW",
            Self::Stream(_) => "STREAM_BROKEN",
            Self::TooManyStreams => "TOO_MANY_STREAMS",
            Self::Stopping => "STOPPING",
            Self::DayNotOver { .. } => "DAY_NOT_OVER",
            Self::WholeShopHidden => "WHOLE_SHOP_HIDDEN",
            Self::DefinitionNotFound { .. } => "DEFINITION_NOT_FOUND",
            Self::DefinitionBuilding { .. } => "DEFINITION_BUILDING",
            Self::NoDefinitionInForce { .. } => "NO_DEFINITION_IN_FORCE",
            Self::NothingToCompare { .. } => "NOTHING_TO_COMPARE",
            Self::TooManyGroups => "TOO_MANY_GROUPS",
            Self::RemedyNotFound { .. } => "REMEDY_NOT_FOUND",
            Self::RemedyChanged { .. } => "REMEDY_CHANGED",
            Self::TooManyRemedies => "TOO_MANY_REMEDIES",
            Self::DefinitionChanged { .. } => "DEFINITION_CHANGED",
            Self::TooManyDefinitions { .. } => "TOO_MANY_DEFINITIONS",
            Self::DefinitionsMoved => "DEFINITIONS_MOVED",
            Self::Alert(error) => error.reason(),
            Self::Campaign(error) => error.reason(),
            Self::Case(error) => error.reason(),
            Self::Target(error) => error.reason(),
            Self::FollowUp(error) => error.reason(),
            Self::Incident(error) => error.reason(),
            Self::Risk(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::OrderDecision(error) => error.reason(),
            Self::Work(error) => error.reason(),
            Self::Loss(error) => error.reason(),
            Self::Customer(error) => error.reason(),
            Self::Voice(error) => error.reason(),
            Self::Report(error) => error.reason(),
            Self::Bot(error) => error.reason(),
            Self::Reach(error) => error.reason(),
            Self::Directory(error) => error.reason(),
            Self::Database(error) => error.reason(),
            Self::Events(error) => error.reason(),
            Self::Worker(_) => "INTERNAL",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Invalid(violation) => vec![violation.clone()],
            Self::LineOrder { .. } => {
                vec![Violation { field: "lines.line".to_owned(), description: "must grow".to_owned() }]
            }
            Self::Case(error) => error.violations(),
            Self::FollowUp(error) => error.violations(),
            Self::Incident(error) => error.violations(),
            Self::Directory(error) => error.violations(),
            Self::Database(error) => error.violations(),
            Self::Events(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyStreams | Self::TooManyBoards => Some(Duration::from_secs(5)),
            Self::BoardClientSlow => Some(Duration::from_secs(1)),
            Self::Directory(error) => error.retry_after(),
            Self::Database(error) => error.retry_after(),
            _ => None,
        }
    }
}
