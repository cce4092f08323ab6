//! Voice of the customer (客户之声): what customers found wrong, counted by reason and product.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};

use crate::domain::conversation::ConversationKey;
use crate::domain::figure::DayRange;
use crate::domain::issue::IssueState;

/// Where a customer said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A refund.
    Refund,
    /// A complaint.
    Complaint,
    /// A lost inquiry.
    LostInquiry,
    /// A bad review.
    BadReview,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Refund, Self::Complaint, Self::LostInquiry, Self::BadReview];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Complaint => "complaint",
            Self::LostInquiry => "lost_inquiry",
            Self::BadReview => "bad_review",
        }
    }

    /// The source of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Refund => "退款",
            Self::Complaint => "投诉",
            Self::LostInquiry => "未成交",
            Self::BadReview => "差评",
        }
    }
}

/// What customers found wrong with a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Topic {
    /// Where they said so.
    pub source: Source,
    /// Empty if none was given.
    pub reason: String,
    /// Empty if it isn't known.
    pub product: String,
}

/// What of it is asked for; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct VoiceQuery {
    /// On these days.
    pub days: DayRange,
    /// In these shops.
    pub shops: Vec<String>,
    /// Where it was said.
    pub sources: Vec<Source>,
    /// About one of these.
    pub products: Vec<String>,
    /// For exactly this reason.
    pub reason: Option<String>,
    /// About exactly this product, which may be none.
    pub product: Option<String>,
}

impl VoiceQuery {
    /// About one topic.
    pub fn about(topic: &Topic, days: DayRange) -> Self {
        Self {
            days,
            shops: Vec::new(),
            sources: vec![topic.source],
            products: Vec::new(),
            reason: Some(topic.reason.clone()),
            product: Some(topic.product.clone()),
        }
    }
}

/// How often something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// What.
    pub topic: Topic,
    /// How often in the days asked for.
    pub count: i64,
    /// By how many customers.
    pub customers: i64,
    /// How often in as many days right before.
    pub previous: i64,
}

/// Which way a count goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Not more than chance.
    Steady,
    /// Up.
    Rising,
    /// Down.
    Falling,
}

/// The standard score that chance exceeds in one case of a hundred, on either side.
const UNUSUAL: f64 = 2.58;

impl Voice {
    /// Which way it goes. Of two counts of rare things with the same rate the difference, over the square root of the
    /// sum, is close to a standard score.
    pub fn trend(&self) -> Trend {
        let (difference, sum) = (self.count - self.previous, self.count + self.previous);
        let unusual = (difference as f64).abs() > UNUSUAL * (sum as f64).sqrt();
        match (unusual, difference > 0) {
            (false, _) => Trend::Steady,
            (true, true) => Trend::Rising,
            (true, false) => Trend::Falling,
        }
    }
}

/// Where voices stand in their order: the most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VoiceCursor(i64, Topic);

impl VoiceCursor {
    /// Of a voice.
    pub fn of(voice: &Voice) -> Self {
        Self(-voice.count, voice.topic.clone())
    }
}

/// A single time that something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The shop.
    pub shop: String,
    /// By whom.
    pub customer: String,
    /// When.
    pub day: NaiveDate,
    /// The refund, complaint or review; of a lost inquiry the account that was asked.
    pub place: String,
    /// Whether `place` is a fact.
    pub is_fact: bool,
    /// May be empty.
    pub order: String,
    /// Where, if that is known.
    pub conversation: Option<ConversationKey>,
}

/// A topic given to a department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// What.
    pub topic: Topic,
    /// Counted over these days.
    pub days: DayRange,
    /// How often it was said then.
    pub count: i64,
    /// And before.
    pub previous: i64,
    /// The issue.
    pub issue: String,
    /// By whom, and when.
    pub handed_over: (String, DateTime<Utc>),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Where the issue stands.
    pub state: IssueState,
    /// How it was solved, or why it was rejected.
    pub resolution: String,
    /// Number of the role of the people who act.
    pub department: i32,
    /// Who acts.
    pub owner: Option<String>,
    /// The last day to solve it.
    pub due_day: Option<NaiveDate>,
    /// When the issue changed last.
    pub changed_at: DateTime<Utc>,
}

/// What can go wrong with voices.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// There is nothing to hand over.
    #[error("nobody said so in these days")]
    NothingSaid,
}

impl Failure for VoiceError {
    fn kind(&self) -> Kind {
        Kind::Precondition
    }

    fn reason(&self) -> &'static str {
        "NOTHING_SAID"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_chance_does_not_explain_is_a_trend() {
        let trend = |count, previous| {
            let topic = Topic { source: Source::Refund, reason: String::new(), product: String::new() };
            Voice { topic, count, customers: 1, previous }.trend()
        };
        assert_eq!(trend(6, 0), Trend::Steady);
        assert_eq!(trend(7, 0), Trend::Rising);
        assert_eq!(trend(0, 7), Trend::Falling);
        assert_eq!(trend(60, 40), Trend::Steady);
        assert_eq!(trend(70, 40), Trend::Rising);
        assert_eq!(trend(0, 0), Trend::Steady);
    }
}
