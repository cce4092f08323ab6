//! What was learnt of a campaign (活动复盘).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::campaign::plan::Phase;
use crate::domain::campaign::{CampaignError, Mark};
use crate::domain::explanation::{Measure, Unit};
use crate::domain::figure::DayRange;
use crate::domain::target::goal::IndicatorGoal;
use crate::domain::trade_measure::TradeMeasure;

/// The figures of conversations that a review sets side by side.
const REVIEWED: [Measure; 17] = [
    Measure::Conversations,
    Measure::ReceivedCustomers,
    Measure::CustomerMessages,
    Measure::Replies,
    Measure::QuickReplies,
    Measure::ReplyRatio,
    Measure::ReplyRate,
    Measure::AnsweredRate,
    Measure::FirstResponse,
    Measure::Response,
    Measure::InTimeRate,
    Measure::FirstInTimeRate,
    Measure::InTimeCustomers,
    Measure::LongChats,
    Measure::Length,
    Measure::Satisfaction,
    Measure::Completion,
];

/// And those of customers' timelines.
const REVIEWED_TRADE: [TradeMeasure; 22] = [
    TradeMeasure::Inquiries,
    TradeMeasure::OrderingBuyers,
    TradeMeasure::PayingBuyers,
    TradeMeasure::Orders,
    TradeMeasure::PaidOrders,
    TradeMeasure::OrderedAmount,
    TradeMeasure::PaidAmount,
    TradeMeasure::RefundedAmount,
    TradeMeasure::NetAmount,
    TradeMeasure::AverageOrderValue,
    TradeMeasure::OrderConversion,
    TradeMeasure::PaymentConversion,
    TradeMeasure::RefundRate,
    TradeMeasure::ReturnRate,
    TradeMeasure::Complaints,
    TradeMeasure::ComplaintRate,
    TradeMeasure::ScoreSatisfaction,
    TradeMeasure::FirstContactResolution,
    TradeMeasure::RecommendationSuccess,
    TradeMeasure::CrossSellSuccess,
    TradeMeasure::BotQuestions,
    TradeMeasure::BotHandlingRate,
];

/// The figures that a review sets side by side.
pub fn reviewed() -> impl Iterator<Item = AnyMeasure> {
    let trade = REVIEWED_TRADE.into_iter().map(AnyMeasure::from);
    REVIEWED.into_iter().map(AnyMeasure::from).chain(trade)
}

/// A person's judgement of a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It helped.
    Worked,
    /// It helped a little.
    Partly,
    /// It did not help.
    Failed,
    /// It was not needed.
    Unneeded,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The item.
    pub item: String,
    /// Whether it helped.
    pub outcome: Outcome,
    /// What shows it.
    pub evidence: String,
}

/// What is to be done next time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Improvement {
    /// What.
    pub text: String,
    /// By whom.
    pub owner: Option<String>,
    /// What tells whether it helped.
    pub goal: Option<IndicatorGoal>,
}

/// All that people write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Document {
    /// Item by item.
    pub preparations: Vec<Judgement>,
    /// 好.
    pub went_well: String,
    /// 坏.
    pub went_badly: String,
    /// 下次如何改进.
    pub next_time: Vec<Improvement>,
    /// 活动效果反馈.
    pub operations_feedback: String,
    /// The campaign compared with; `None` for the same weekdays before.
    pub like_campaign: Option<String>,
}

/// Figures side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The campaign compared with; `None` for the same weekdays before.
    pub like_campaign: Option<String>,
    /// Under which version of the standard definition.
    pub definition_version: i32,
    /// Phase by phase.
    pub phases: Vec<PhaseComparison>,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseComparison {
    /// Which.
    pub phase: Phase,
    /// Its first and last day.
    pub days: (NaiveDate, NaiveDate),
    /// Those of the like period.
    pub like_days: (NaiveDate, NaiveDate),
    /// Whether a day of them is not closed.
    pub provisional: bool,
    /// Figure by figure.
    pub lines: Vec<Line>,
}

/// One figure: numerator and denominator here and in the like period. Counts are per day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which.
    pub measure: AnyMeasure,
    /// Here.
    pub value: (i64, i64),
    /// There.
    pub like: (i64, i64),
}

impl Line {
    /// The figure `here` and `there` and over how many days it is.
    pub fn of(measure: AnyMeasure, here: ((i64, i64), DayRange), there: ((i64, i64), DayRange)) -> Self {
        let part = |(figure, days): ((i64, i64), DayRange)| match measure.unit() {
            Unit::Count => (figure.0, days.days()),
            Unit::Rate | Unit::Milliseconds => figure,
        };
        Self { measure, value: part(here), like: part(there) }
    }

    /// value ÷ like − 1.
    pub fn change(&self) -> Option<f64> {
        let quotient = |(above, below): (i64, i64)| (below != 0).then(|| above as f64 / below as f64);
        let (value, like) = (quotient(self.value)?, quotient(self.like)?);
        (like != 0.0).then(|| value / like - 1.0)
    }
}

/// The review of a campaign that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The campaign.
    pub campaign: String,
    /// What it is called.
    pub campaign_name: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// The last day to submit it.
    pub due_day: NaiveDate,
    /// What is written so far.
    pub document: Document,
    /// The figures as they were when it was submitted.
    pub comparison: Option<Comparison>,
    /// By whom and when it was submitted.
    pub submitted: Option<(String, DateTime<Utc>)>,
}

/// Where a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    /// Being written.
    Open,
    /// Being written, and late.
    Overdue,
    /// Done.
    Submitted,
}

impl Review {
    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Where it stands on a business day.
    pub fn state(&self, today: NaiveDate) -> ReviewState {
        match self.submitted {
            Some(_) => ReviewState::Submitted,
            None if today > self.due_day => ReviewState::Overdue,
            None => ReviewState::Open,
        }
    }

    /// The same with another document.
    pub fn save(mut self, document: Document) -> Result<Self, CampaignError> {
        if self.submitted.is_some() {
            return Err(CampaignError::ReviewSubmitted { id: self.campaign });
        }
        self.version += 1;
        self.document = document;
        Ok(self)
    }

    /// The same, handed in.
    pub fn submit(
        self,
        document: Document,
        comparison: Comparison,
        by: String,
        now: DateTime<Utc>,
    ) -> Result<Self, CampaignError> {
        let saved = self.save(document)?;
        Ok(Self { comparison: Some(comparison), submitted: Some((by, now)), ..saved })
    }
}

impl Document {
    /// What is wrong with it, for a campaign with these items.
    pub fn check(&self, items: &BTreeSet<&str>) -> Result<(), Violation> {
        let mut judged = BTreeSet::new();
        for (at, judgement) in self.preparations.iter().enumerate() {
            let wrong = |description: String| {
                Err(Violation { field: format!("document.preparations[{at}].item_id"), description })
            };
            if !items.contains(judgement.item.as_str()) {
                return wrong("must be an item of the campaign's checklist".to_owned());
            }
            if !judged.insert(judgement.item.as_str()) {
                return wrong("must not be judged twice".to_owned());
            }
        }
        Ok(())
    }

    /// What is missing before it can be handed in.
    pub fn check_complete(&self, marks: &BTreeMap<String, Mark>) -> Result<(), Violation> {
        let wrong = |field: &str, description: String| {
            Err(Violation { field: format!("document.{field}"), description })
        };
        let judged: BTreeSet<&str> = self.preparations.iter().map(|j| j.item.as_str()).collect();
        if let Some(missing) = marks.keys().find(|item| !judged.contains(item.as_str())) {
            return wrong("preparations", format!("must judge item {missing}, which was marked as done"));
        }
        if self.went_well.trim().is_empty() && self.went_badly.trim().is_empty() {
            return wrong("went_well", "must say what went well, or went_badly what didn't".to_owned());
        }
        if self.operations_feedback.trim().is_empty() {
            return wrong("operations_feedback", "must say what operations should know".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review() -> Review {
        Review {
            campaign: "c".to_owned(),
            campaign_name: "618".to_owned(),
            version: 1,
            due_day: day(25),
            document: Document::default(),
            comparison: None,
            submitted: None,
        }
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 6, day).expect("a day")
    }

    fn judges(items: &[&str]) -> Document {
        let judgement = |item: &&str| Judgement {
            item: (*item).to_owned(),
            outcome: Outcome::Worked,
            evidence: String::new(),
        };
        Document {
            preparations: items.iter().map(judgement).collect(),
            went_well: "much".to_owned(),
            operations_feedback: "thanks".to_owned(),
            ..Document::default()
        }
    }

    #[test]
    fn a_review_is_late_the_day_after_it_was_due() {
        assert_eq!(review().state(day(25)), ReviewState::Open);
        assert_eq!(review().state(day(26)), ReviewState::Overdue);
        let comparison = Comparison { like_campaign: None, definition_version: 1, phases: Vec::new() };
        let now = DateTime::UNIX_EPOCH;
        let done = review().submit(judges(&[]), comparison, "s".to_owned(), now).expect("is open");
        assert_eq!((done.state(day(30)), done.version), (ReviewState::Submitted, 2));
        done.save(judges(&[])).expect_err("stays as it is");
    }

    #[test]
    fn a_document_judges_items_that_there_are_once_each() {
        let items = BTreeSet::from(["a", "b"]);
        judges(&["a", "b"]).check(&items).expect("is right");
        let field = |document: Document| document.check(&items).expect_err("is wrong").field;
        assert_eq!(field(judges(&["a", "c"])), "document.preparations[1].item_id");
        assert_eq!(field(judges(&["a", "a"])), "document.preparations[1].item_id");
    }

    #[test]
    fn what_is_missing_is_said() {
        let mark = Mark { by: "s".to_owned(), at: DateTime::UNIX_EPOCH, note: String::new() };
        let marks = BTreeMap::from([("a".to_owned(), mark)]);
        judges(&["a"]).check_complete(&marks).expect("is complete");
        let missing = |document: Document| document.check_complete(&marks).expect_err("is not").field;
        assert_eq!(missing(judges(&[])), "document.preparations");
        assert_eq!(missing(Document { went_well: " ".to_owned(), ..judges(&["a"]) }), "document.went_well");
        let silent = Document { operations_feedback: String::new(), ..judges(&["a"]) };
        assert_eq!(missing(silent), "document.operations_feedback");
    }

    #[test]
    fn counts_are_compared_by_day() {
        let days = |from, to| DayRange { from: day(from), to: day(to) };
        let line = Line::of(Measure::Conversations.into(), ((90, 0), days(1, 3)), ((70, 0), days(4, 10)));
        assert_eq!((line.value, line.like, line.change()), ((90, 3), (70, 7), Some(2.0)));
        let line = Line::of(TradeMeasure::RefundRate.into(), ((3, 4), days(1, 3)), ((0, 0), days(4, 10)));
        assert_eq!((line.value, line.like, line.change()), ((3, 4), (0, 0), None));
    }
}
