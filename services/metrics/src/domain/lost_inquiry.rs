//! Lost inquiries (未成交): customers who asked and did not buy, and what people decide of them.

pub mod catalogue;
pub mod filter;
pub mod finding;
pub mod report;
pub mod signal;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};

use crate::domain::fact::ChatRef;
use crate::domain::lost_inquiry::signal::{Evidence, Signal};

/// How far an inquiry came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Nobody replied.
    NotAnswered,
    /// 未下单.
    NotOrdered,
    /// 已下单未付款.
    NotPaid,
}

impl LossKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NotAnswered, Self::NotOrdered, Self::NotPaid];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAnswered => "not_answered",
            Self::NotOrdered => "not_ordered",
            Self::NotPaid => "not_paid",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A customer who asked an account of a shop on a day. Ordered as lists are: the oldest day first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LossKey {
    /// Of the inquiry.
    pub day: NaiveDate,
    /// Who was asked.
    pub account: String,
    /// The shop.
    pub shop: String,
    /// Who asked.
    pub customer: String,
}

/// What follows from what is known of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Which inquiry.
    pub key: LossKey,
    /// How far it came.
    pub kind: LossKind,
    /// With which conversation of the day it began.
    pub chat: ChatRef,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// The last day on which a payment still counts.
    pub window_ends: NaiveDate,
    /// As the last order up to then names it.
    pub member_level: String,
    /// What it was most likely about; may be empty.
    pub product: String,
    /// The unpaid order; may be empty.
    pub order: String,
    /// Of the unpaid order, else of the cart; in the smallest unit.
    pub amount: i64,
    /// When the customer paid first after the window.
    pub later_paid_day: Option<NaiveDate>,
    /// Every rule that fired, the surest first.
    pub evidence: Vec<Evidence>,
    /// Which version of the standard definition says so.
    pub definition_version: i32,
}

impl Loss {
    /// The surest rule that fired.
    pub fn signal(&self) -> Option<Signal> {
        self.evidence.first().map(|evidence| evidence.signal)
    }
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// From 1, one more with each decision.
    pub version: i64,
    /// A reason of the catalogue.
    pub reason: String,
    /// Redacted.
    pub note: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A lost inquiry as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostInquiry {
    /// What follows from facts.
    pub loss: Loss,
    /// What was decided.
    pub decision: Option<Decision>,
}

impl LostInquiry {
    /// What deciding must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.decision.as_ref().map_or(0, |decision| decision.version))
    }
}

/// What can go wrong with lost inquiries.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// There is none that the caller may see.
    #[error("there is no such lost inquiry")]
    NotFound,
    /// Somebody decided first.
    #[error("the lost inquiry was decided since it was read")]
    Changed,
    /// The catalogue has no such reason.
    #[error("there is no reason {id}")]
    ReasonNotFound {
        /// Which.
        id: String,
    },
    /// It is not used any more.
    #[error("reason {id} is retired")]
    ReasonRetired {
        /// Which.
        id: String,
    },
    /// There is no such version.
    #[error("there is no version {version} of the reasons")]
    CatalogueNotFound {
        /// Which.
        version: i32,
    },
    /// Somebody put a version first.
    #[error("the reasons have changed since they were read")]
    CatalogueChanged,
}

impl Failure for LossError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound | Self::ReasonNotFound { .. } | Self::CatalogueNotFound { .. } => Kind::NotFound,
            Self::Changed | Self::CatalogueChanged => Kind::Contended,
            Self::ReasonRetired { .. } => Kind::Precondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "LOST_INQUIRY_NOT_FOUND",
            Self::Changed => "LOST_INQUIRY_CHANGED",
            Self::ReasonNotFound { .. } => "LOSS_REASON_NOT_FOUND",
            Self::ReasonRetired { .. } => "LOSS_REASON_RETIRED",
            Self::CatalogueNotFound { .. } => "LOSS_CATALOGUE_NOT_FOUND",
            Self::CatalogueChanged => "LOSS_CATALOGUE_CHANGED",
        }
    }
}
