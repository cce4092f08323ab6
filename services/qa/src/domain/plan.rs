//! Sampling plans: which chats are long, and how many of them are drawn.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::error::QaError;

/// What the threshold of a plan counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counts {
    /// Messages of the human agent, quick replies included.
    AgentReplies,
    /// Every message, whoever sent it.
    AllMessages,
}

/// A version of a merchant's plan. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplingPlan {
    /// Counts up from 1.
    pub version: i32,
    /// The first business day drawn by it.
    pub effective_from: NaiveDate,
    /// Chats drawn per agent and day.
    pub size: i32,
    /// A chat is long if it counts more than this.
    pub threshold: i32,
    /// What is counted.
    pub counts: Counts,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a new version of a plan is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutSamplingPlan {
    /// The etag of the newest version, as read.
    pub etag: String,
    /// The first business day drawn by it.
    pub effective_from: NaiveDate,
    /// Chats drawn per agent and day.
    pub size: i32,
    /// A chat is long if it counts more than this.
    pub threshold: i32,
    /// What is counted.
    pub counts: Counts,
}

impl SamplingPlan {
    /// What every merchant begins with, good for all days: 15 chats of more than ten replies.
    pub fn first() -> Self {
        Self {
            version: 1,
            effective_from: FIRST_DAY,
            size: 15,
            threshold: 10,
            counts: Counts::AgentReplies,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Whether a chat of so many messages is long.
    pub fn is_long(&self, agent_messages: i32, message_count: i32) -> bool {
        let counted = match self.counts {
            Counts::AgentReplies => agent_messages,
            Counts::AllMessages => message_count,
        };
        counted > self.threshold
    }

    /// Changes with each version.
    pub fn etag(&self) -> String {
        format!("plan-{}", self.version)
    }

    /// The version after this newest one. A day that has begun keeps its plan: chats were ranked by it already.
    pub fn successor(
        &self,
        put: &PutSamplingPlan,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        if put.etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        if put.effective_from <= today || put.effective_from <= self.effective_from {
            let earliest = today.max(self.effective_from).succ_opt().unwrap_or(today);
            return Err(QaError::PlanDayBegun { earliest });
        }
        Ok(Self {
            version: self.version + 1,
            effective_from: put.effective_from,
            size: put.size,
            threshold: put.threshold,
            counts: put.counts,
            created_at: now,
        })
    }
}

/// Earlier than any chat, and a date that Postgres and google.type.Date can both hold.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// The version in force on a day, of versions in whatever order.
pub fn in_force(plans: &[SamplingPlan], day: NaiveDate) -> SamplingPlan {
    let begun = plans.iter().filter(|plan| plan.effective_from <= day);
    begun.max_by_key(|plan| plan.effective_from).cloned().unwrap_or_else(SamplingPlan::first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn put(from: &str) -> PutSamplingPlan {
        PutSamplingPlan {
            etag: SamplingPlan::first().etag(),
            effective_from: day(from),
            size: 5,
            threshold: 20,
            counts: Counts::AllMessages,
        }
    }

    #[test]
    fn the_threshold_is_exclusive() {
        let plan = SamplingPlan::first();
        assert!(!plan.is_long(10, 500));
        assert!(plan.is_long(11, 11));
        let all = SamplingPlan { counts: Counts::AllMessages, ..plan };
        assert!(all.is_long(0, 11));
        assert!(!all.is_long(0, 10));
    }

    #[test]
    fn a_day_that_has_begun_keeps_its_plan() {
        let first = SamplingPlan::first();
        let today = day("2026-11-21");
        for early in ["2026-11-20", "2026-11-21"] {
            let refused = first.successor(&put(early), today, DateTime::UNIX_EPOCH);
            assert!(matches!(refused, Err(QaError::PlanDayBegun { .. })), "{early}");
        }
        let second = first.successor(&put("2026-11-22"), today, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((second.version, second.size), (2, 5));
        let plans = [second.clone(), first.clone()];
        assert_eq!(in_force(&plans, today), first);
        assert_eq!(in_force(&plans, day("2026-11-22")), second);
    }

    #[test]
    fn a_plan_changed_meanwhile_is_not_overwritten() {
        let second = SamplingPlan { version: 2, ..SamplingPlan::first() };
        let refused = second.successor(&put("2026-11-22"), day("2026-11-21"), DateTime::UNIX_EPOCH);
        assert!(matches!(refused, Err(QaError::EtagMismatch)));
    }
}
