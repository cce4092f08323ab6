//! Risk reviews: chats that are reviewed for their hits, apart from the random sample.
//!
//! Which chats are picked is decided in one statement, that of `Store::insert_risk_reviews` in `store/risks.rs`: a day's hits,
//! sample and judgements are sets, and reading them here to choose a few chats of each agent would move every hit of the day.

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use status::Violation;
use uuid::Uuid;

use crate::domain::review::{Assessment, Verdict};
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;

/// How many chats of an agent's day are reviewed for their hits. A version never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskPlan {
    /// Counts up from 1; 0 while there is none.
    pub version: i32,
    /// The first business day that it holds for; `None` while there is none.
    pub effective_from: Option<NaiveDate>,
    /// 0 picks none.
    pub per_agent_day: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl RiskPlan {
    /// Before the merchant made one.
    pub fn none() -> Self {
        Self { version: 0, effective_from: None, per_agent_day: 0, created_at: DateTime::UNIX_EPOCH }
    }

    /// Changes with each version.
    pub fn etag(&self) -> String {
        format!("risk-plan-{}", self.version)
    }

    /// The version after this newest one. Today may still get one: nothing is picked before its day is drawn.
    pub fn successor(
        &self,
        etag: &str,
        from: NaiveDate,
        per_agent_day: i32,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        let next = self.effective_from.and_then(|day| day.succ_opt());
        let earliest = next.map_or(today, |next| next.max(today));
        if from < earliest {
            return Err(QaError::PlanDayBegun { earliest });
        }
        Ok(Self { version: self.version + 1, effective_from: Some(from), per_agent_day, created_at: now })
    }
}

/// A picked chat, and what a reviewer made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskReview {
    /// Which.
    pub id: Uuid,
    /// Of the chat.
    pub business_day: NaiveDate,
    /// The chat.
    pub conversation: ConversationId,
    /// Whose chat it is.
    pub account: AccountId,
    /// The account's person on that day.
    pub person: Option<PersonId>,
    /// From 1, the heaviest of its account's day first.
    pub place: i32,
    /// Critical, major and minor hits when it was picked.
    pub hits: [i32; 3],
    /// Whose hits.
    pub rules: Vec<String>,
    /// When.
    pub picked_at: DateTime<Utc>,
    /// Who reviewed it, and what they say. Absent while nobody has.
    pub verdict: Option<(PersonId, Verdict)>,
}

/// Which picked chats to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RiskFilter {
    /// `None` for all.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Empty for all.
    pub account: String,
    /// Only those that nobody has reviewed.
    pub open: bool,
}

impl RiskReview {
    /// Takes a reviewer's word. `message_count` is that of the chat, for comments that point into it.
    pub fn submit(
        self,
        by: &PersonId,
        assessment: Assessment,
        card: &Scorecard,
        message_count: i32,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        if self.person.as_ref() == Some(by) {
            return Err(QaError::ReviewNotYours);
        }
        if self.verdict.is_some() {
            return Err(QaError::ReviewNotOpen);
        }
        let outside = assessment.comments.iter().enumerate().filter(|(_, comment)| {
            comment.message_index.is_some_and(|index| !(0..message_count).contains(&index))
        });
        let violations = outside.map(|(at, _)| Violation {
            field: format!("comments[{at}].message_index"),
            description: format!("must be a message of the chat, which has {message_count}"),
        });
        QaError::unless_empty(violations.collect())?;
        let score = card.score(&assessment)?;
        let verdict = Verdict {
            scorecard_id: card.id.clone(),
            scorecard_version: card.version,
            assessment,
            score_bp: score.bp,
            critical_failure: score.critical_failure,
            submitted_at: now,
        };
        Ok(Self { verdict: Some((by.clone(), verdict)), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_plan_holds_from_today_on_and_after_the_one_before() {
        let today = day("2026-11-22");
        let put = |plan: &RiskPlan, from: &str| {
            plan.successor(&plan.etag(), day(from), 2, today, DateTime::UNIX_EPOCH)
        };
        let none = RiskPlan::none();
        assert!(matches!(put(&none, "2026-11-21"), Err(QaError::PlanDayBegun { .. })));
        let first = put(&none, "2026-11-22").unwrap();
        assert_eq!((first.version, first.per_agent_day), (1, 2));
        assert!(
            matches!(put(&first, "2026-11-22"), Err(QaError::PlanDayBegun { earliest }) if earliest == day("2026-11-23"))
        );
        assert!(matches!(
            first.successor("risk-plan-0", day("2026-12-01"), 2, today, DateTime::UNIX_EPOCH),
            Err(QaError::EtagMismatch)
        ));
    }
}
