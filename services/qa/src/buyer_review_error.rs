//! What can go wrong with buyers' reviews.

use status::{Failure, Kind};

/// Failures of buyers' reviews.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuyerReviewError {
    /// No such review within the caller's reach.
    #[error("there is no review {review} of shop {shop}")]
    NotFound {
        /// As asked for.
        shop: String,
        /// As asked for.
        review: String,
    },
    /// Its words and its buyer are gone.
    #[error("the review was erased")]
    Erased,
    /// It has an outcome.
    #[error("the review has an outcome; reopen it first")]
    Ended,
    /// It has no outcome that could be taken back.
    #[error("the review has no outcome")]
    NotEnded,
    /// Nothing of it was ever bad or neutral.
    #[error("the review was never bad; there is nothing to win back")]
    NotBad,
    /// Only good reviews are collected.
    #[error("only good reviews are collected")]
    NotGood,
    /// There is no added comment.
    #[error("the buyer added no comment")]
    NoAddedComment,
    /// There is no plan, or it has no such step.
    #[error("the plan has no step {index}")]
    PlanStepUnknown {
        /// As asked for.
        index: usize,
    },
    /// Nothing shows what the outcome says.
    #[error("nothing that the buyer wrote shows this outcome")]
    OutcomeUnproven,
    /// A review's history has an end.
    #[error("the review's history is full")]
    Full,
    /// The directory knows no such person, or they have left.
    #[error("{person} does not work here")]
    OwnerUnknown {
        /// As asked for.
        person: String,
    },
    /// The buyer took the consent back.
    #[error("the buyer took the consent back")]
    ConsentWithdrawn,
    /// The answer follows no question.
    #[error("consent is {now} and cannot become {next}")]
    ConsentOrder {
        /// What it is.
        now: &'static str,
        /// What was to be noted.
        next: &'static str,
    },
    /// The buyer has not agreed to this kind of use.
    #[error("the buyer has not agreed to this use")]
    ConsentMissing,
    /// No such use.
    #[error("there is no use {id}")]
    UseNotFound {
        /// As asked for.
        id: String,
    },
    /// It is over already.
    #[error("the use is over already")]
    UseEnded,
    /// No such version of the policy.
    #[error("there is no version {version} of the policy")]
    PolicyNotFound {
        /// As asked for.
        version: i32,
    },
}

impl Failure for BuyerReviewError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::UseNotFound { .. } | Self::PolicyNotFound { .. } => Kind::NotFound,
            Self::Erased
            | Self::Ended
            | Self::NotEnded
            | Self::NotBad
            | Self::NotGood
            | Self::NoAddedComment
            | Self::PlanStepUnknown { .. }
            | Self::OutcomeUnproven
            | Self::Full
            | Self::OwnerUnknown { .. }
            | Self::ConsentWithdrawn
            | Self::ConsentOrder { .. }
            | Self::ConsentMissing
            | Self::UseEnded => Kind::Precondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "BUYER_REVIEW_NOT_FOUND",
            Self::Erased => "BUYER_REVIEW_ERASED",
            Self::Ended => "BUYER_REVIEW_ENDED",
            Self::NotEnded => "BUYER_REVIEW_NOT_ENDED",
            Self::NotBad => "BUYER_REVIEW_NOT_BAD",
            Self::NotGood => "BUYER_REVIEW_NOT_GOOD",
            Self::NoAddedComment => "NO_ADDED_COMMENT",
            Self::PlanStepUnknown { .. } => "PLAN_STEP_UNKNOWN",
            Self::OutcomeUnproven => "OUTCOME_UNPROVEN",
            Self::Full => "BUYER_REVIEW_FULL",
            Self::OwnerUnknown { .. } => "OWNER_UNKNOWN",
            Self::ConsentWithdrawn => "CONSENT_WITHDRAWN",
            Self::ConsentOrder { .. } => "CONSENT_ORDER",
            Self::ConsentMissing => "CONSENT_MISSING",
            Self::UseNotFound { .. } => "USE_NOT_FOUND",
            Self::UseEnded => "USE_ENDED",
            Self::PolicyNotFound { .. } => "BUYER_REVIEW_POLICY_NOT_FOUND",
        }
    }
}
