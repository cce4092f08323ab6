//! What can go wrong, and what it means to the caller.

use std::time::Duration;

use chrono::NaiveDate;
use status::{Failure, Kind, Violation};

use crate::buyer_review_error::BuyerReviewError;
use crate::check_error::CheckError;
use crate::domain::draw::Readiness;
use crate::privacy_error::PrivacyError;

/// Every failure of this service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QaError {
    /// Fields that break a rule which only the domain knows.
    #[error("the request is not valid")]
    Invalid {
        /// The fields.
        violations: Vec<Violation>,
    },
    /// No seed has been made for that day.
    #[error("there is no commitment for {day}")]
    CommitmentNotFound {
        /// The day.
        day: NaiveDate,
    },
    /// The day has no draw, or none that the caller may see.
    #[error("there is no draw of {day}")]
    DrawNotFound {
        /// The day.
        day: NaiveDate,
    },
    /// No such review within the caller's reach.
    #[error("there is no review {id}")]
    ReviewNotFound {
        /// As asked for.
        id: String,
    },
    /// No such version of a card.
    #[error("there is no such scorecard")]
    ScorecardNotFound,
    /// No such conversation within the caller's reach.
    #[error("there is no conversation {conversation}")]
    ConversationNotFound {
        /// As asked for.
        conversation: String,
    },
    /// The day cannot be drawn yet: it has not ended, or metrics has not closed it.
    #[error("{day} is not closed yet")]
    DayNotClosed {
        /// The day.
        day: NaiveDate,
    },
    /// What is here of the day is not what metrics counted.
    #[error(
        "{} is not complete here: {} of {} conversations, {} of {} long chats, {} accounts differ",
        readiness.day, readiness.conversations_here, readiness.conversations_expected,
        readiness.long_chats_here, readiness.long_chats_expected, readiness.gap_count
    )]
    DayIncomplete {
        /// What differs.
        readiness: Box<Readiness>,
    },
    /// A plan holds only from a day that has not begun and has no plan yet.
    #[error("a plan can take effect from {earliest} on")]
    PlanDayBegun {
        /// The first day that is free.
        earliest: NaiveDate,
    },
    /// A team's card holds only from a day that has not begun and has no choice yet.
    #[error("a team's scorecard can take effect from {earliest} on")]
    ScorecardDayBegun {
        /// The first day that is free.
        earliest: NaiveDate,
    },
    /// It changed since it was read.
    #[error("it was changed since it was read")]
    EtagMismatch,
    /// Somebody else's review, or the caller's own chat.
    #[error("the review is not yours to submit")]
    ReviewNotYours,
    /// The review is submitted already.
    #[error("the review is not open any more")]
    ReviewNotOpen,
    /// The review is not waiting for an acknowledgement.
    #[error("the review is not waiting for an acknowledgement")]
    ReviewNotSubmitted,
    /// The chat is the reviewer's own.
    #[error("nobody reviews their own chats")]
    OwnChat,
    /// The person is no reviewer, or nobody the directory knows.
    #[error("{person} is no reviewer of this merchant")]
    ReviewerUnknown {
        /// As asked for.
        person: String,
    },
    /// The card is not the one in use.
    #[error("that version of the scorecard is not in use")]
    ScorecardNotPublished,
    /// Only a draft can be published.
    #[error("the scorecard is not a draft")]
    ScorecardNotDraft,
    /// The published card goes out of use by publishing another.
    #[error("the scorecard is in use; publish another one instead")]
    ScorecardInUse,
    /// It is out of use already.
    #[error("the scorecard is retired already")]
    ScorecardRetired,
    /// No such appeal within the caller's reach.
    #[error("there is no appeal {id}")]
    AppealNotFound {
        /// As asked for.
        id: String,
    },
    /// The assessment was appealed against before.
    #[error("this assessment was appealed against before")]
    AppealExists,
    /// The time in which an appeal is possible is over.
    #[error("an appeal is not possible any more")]
    AppealLate {
        /// The last day on which it was; `None` where the policy allows none.
        until: Option<NaiveDate>,
    },
    /// The appeal was decided or taken back.
    #[error("the appeal is not open any more")]
    AppealNotOpen,
    /// Somebody else's appeal: to decide, or to take back.
    #[error("the appeal is not yours")]
    AppealNotYours,
    /// The first reviewer can't be the second.
    #[error("the second reviewer must be somebody else than the first")]
    SameReviewer,
    /// No such calibration session.
    #[error("there is no calibration session {id}")]
    CalibrationNotFound {
        /// As asked for.
        id: String,
    },
    /// No such calibration case.
    #[error("there is no calibration case {id}")]
    CalibrationCaseNotFound {
        /// As asked for.
        id: String,
    },
    /// All ratings are in, or the session was closed.
    #[error("the calibration session takes no more ratings")]
    CalibrationClosed,
    /// Ratings are still coming in.
    #[error("ratings of the calibration session are still to come")]
    CalibrationOpen,
    /// The caller is no rater of the session.
    #[error("you are no rater of this calibration session")]
    CalibrationNotYours,
    /// No such absence.
    #[error("there is no absence {id}")]
    AbsenceNotFound {
        /// As asked for.
        id: String,
    },
    /// No such leave.
    #[error("there is no leave {id}")]
    LeaveNotFound {
        /// As asked for.
        id: String,
    },
    /// The directory knows nobody with that id.
    #[error("the directory knows nobody with the id {person}")]
    PersonUnknown {
        /// As asked for.
        person: String,
    },
    /// Nobody with that id had an account within the caller's reach.
    #[error("there is no agent {person} in that week")]
    PersonNotFound {
        /// As asked for.
        person: String,
    },
    /// The caller signed in as nobody in the directory.
    #[error("this needs a sign-in that names a person")]
    NoPerson,
    /// Rules, hits and dry runs.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Buyers' reviews.
    #[error(transparent)]
    BuyerReview(#[from] BuyerReviewError),
    /// Holds and erasures.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The caller reaches only a part of what the call is about.
    #[error(transparent)]
    Reach(#[from] runtime::identity::PartOfMerchant),
    /// The directory does not know the merchant yet, or its copy cannot be read.
    #[error(transparent)]
    Directory(#[from] directory::Error),
    /// An event could not be written.
    #[error("an event could not be written")]
    Event(#[source] events::Error),
    /// Storage failed.
    #[error("storage failed")]
    Database(#[source] pg::Error),
}

impl QaError {
    /// [`QaError::Invalid`] if there is anything to complain about.
    pub fn unless_empty(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self::Invalid { violations }) }
    }

    /// One field is wrong.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid { violations: vec![Violation { field: field.into(), description: description.into() }] }
    }
}

impl Failure for QaError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } => Kind::Invalid,
            Self::CommitmentNotFound { .. }
            | Self::DrawNotFound { .. }
            | Self::ReviewNotFound { .. }
            | Self::ScorecardNotFound
            | Self::ConversationNotFound { .. }
            | Self::AppealNotFound { .. }
            | Self::CalibrationNotFound { .. }
            | Self::CalibrationCaseNotFound { .. }
            | Self::AbsenceNotFound { .. }
            | Self::LeaveNotFound { .. }
            | Self::PersonNotFound { .. } => Kind::NotFound,
            Self::AppealExists => Kind::AlreadyExists,
            Self::DayNotClosed { .. }
            | Self::DayIncomplete { .. }
            | Self::PlanDayBegun { .. }
            | Self::ScorecardDayBegun { .. }
            | Self::PersonUnknown { .. }
            | Self::ReviewNotOpen
            | Self::ReviewNotSubmitted
            | Self::OwnChat
            | Self::ReviewerUnknown { .. }
            | Self::ScorecardNotPublished
            | Self::ScorecardNotDraft
            | Self::ScorecardInUse
            | Self::ScorecardRetired
            | Self::AppealLate { .. }
            | Self::AppealNotOpen
            | Self::SameReviewer
            | Self::CalibrationClosed
            | Self::CalibrationOpen => Kind::Precondition,
            Self::EtagMismatch => Kind::Contended,
            Self::ReviewNotYours | Self::AppealNotYours | Self::CalibrationNotYours | Self::NoPerson => {
                Kind::Denied
            }
            Self::BuyerReview(error) => error.kind(),
            Self::Check(error) => error.kind(),
            Self::Privacy(error) => error.kind(),
            Self::Reach(error) => error.kind(),
            Self::Directory(error) => error.kind(),
            Self::Event(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "INVALID",
            Self::CommitmentNotFound { .. } => "COMMITMENT_NOT_FOUND",
            Self::DrawNotFound { .. } => "DRAW_NOT_FOUND",
            Self::ReviewNotFound { .. } => "REVIEW_NOT_FOUND",
            Self::ScorecardNotFound => "SCORECARD_NOT_FOUND",
            Self::ConversationNotFound { .. } => "CONVERSATION_NOT_FOUND",
            Self::DayNotClosed { .. } => "DAY_NOT_CLOSED",
            Self::DayIncomplete { .. } => "DAY_INCOMPLETE",
            Self::PlanDayBegun { .. } => "PLAN_DAY_BEGUN",
            Self::ScorecardDayBegun { .. } => "SCORECARD_DAY_BEGUN",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::ReviewNotYours => "REVIEW_NOT_YOURS",
            Self::ReviewNotOpen => "REVIEW_NOT_OPEN",
            Self::ReviewNotSubmitted => "REVIEW_NOT_SUBMITTED",
            Self::OwnChat => "OWN_CHAT",
            Self::ReviewerUnknown { .. } => "REVIEWER_UNKNOWN",
            Self::ScorecardNotPublished => "SCORECARD_NOT_PUBLISHED",
            Self::ScorecardNotDraft => "SCORECARD_NOT_DRAFT",
            Self::ScorecardInUse => "SCORECARD_IN_USE",
            Self::ScorecardRetired => "SCORECARD_RETIRED",
            Self::AppealNotFound { .. } => "APPEAL_NOT_FOUND",
            Self::AppealExists => "APPEAL_EXISTS",
            Self::AppealLate { .. } => "APPEAL_LATE",
            Self::AppealNotOpen => "APPEAL_NOT_OPEN",
            Self::AppealNotYours => "APPEAL_NOT_YOURS",
            Self::SameReviewer => "SAME_REVIEWER",
            Self::CalibrationNotFound { .. } => "CALIBRATION_NOT_FOUND",
            Self::CalibrationCaseNotFound { .. } => "CALIBRATION_CASE_NOT_FOUND",
            Self::CalibrationClosed => "CALIBRATION_CLOSED",
            Self::CalibrationOpen => "CALIBRATION_OPEN",
            Self::CalibrationNotYours => "CALIBRATION_NOT_YOURS",
            Self::AbsenceNotFound { .. } => "ABSENCE_NOT_FOUND",
            Self::LeaveNotFound { .. } => "LEAVE_NOT_FOUND",
            Self::PersonUnknown { .. } => "PERSON_UNKNOWN",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
            Self::NoPerson => "NO_PERSON",
            Self::BuyerReview(error) => error.reason(),
            Self::Check(error) => error.reason(),
            Self::Privacy(error) => error.reason(),
            Self::Reach(error) => error.reason(),
            Self::Directory(error) => error.reason(),
            Self::Event(error) => error.reason(),
            Self::Database(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::DayNotClosed { day } => vec![("business_day".to_owned(), day.to_string())],
            Self::DayIncomplete { readiness } => readiness.metadata(),
            Self::PlanDayBegun { earliest } | Self::ScorecardDayBegun { earliest } => {
                vec![("earliest".to_owned(), earliest.to_string())]
            }
            Self::Check(error) => error.metadata(),
            Self::AppealLate { until: Some(until) } => vec![("until".to_owned(), until.to_string())],
            Self::Database(error) => error.metadata(),
            _ => Vec::new(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Invalid { violations } => violations.clone(),
            Self::Directory(error) => error.violations(),
            Self::Database(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::DayIncomplete { .. } => Some(Duration::from_secs(1)),
            Self::Directory(error) => error.retry_after(),
            Self::Database(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<pg::Error> for QaError {
    fn from(error: pg::Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for QaError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<events::Error> for QaError {
    fn from(error: events::Error) -> Self {
        Self::Event(error)
    }
}
