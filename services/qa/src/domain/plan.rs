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
    /// Whose plan it is; empty for the merchant's.
    #[serde(default)]
    pub team: String,
    /// Accounts whose chats are not drawn.
    #[serde(default)]
    pub excluded_accounts: Vec<String>,
    /// Channels whose chats are not drawn.
    #[serde(default)]
    pub excluded_channels: Vec<String>,
    /// The team follows the merchant's plan; nothing else of this version counts.
    #[serde(default)]
    pub inherits: bool,
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
    /// Whose plan it is; empty for the merchant's.
    pub team: String,
    /// Accounts whose chats are not drawn.
    pub excluded_accounts: Vec<String>,
    /// Channels whose chats are not drawn.
    pub excluded_channels: Vec<String>,
    /// The team follows the merchant's plan.
    pub inherits: bool,
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
            team: String::new(),
            excluded_accounts: Vec::new(),
            excluded_channels: Vec::new(),
            inherits: false,
        }
    }

    /// What every team begins with: the merchant's plan.
    pub fn inherited(team: &str) -> Self {
        Self { version: 0, team: team.to_owned(), inherits: true, ..Self::first() }
    }

    /// Whether a chat is drawn from: long, and not excluded.
    pub fn takes(&self, account: &str, channel: &str, agent_messages: i32, message_count: i32) -> bool {
        self.is_long(agent_messages, message_count) && !self.excludes(account, channel)
    }

    /// Whether chats of an account or channel are left out.
    pub fn excludes(&self, account: &str, channel: &str) -> bool {
        self.excluded_accounts.iter().any(|excluded| excluded == account)
            || self.excluded_channels.iter().any(|excluded| excluded == channel)
    }

    /// Whether anything is left out at all.
    pub fn has_exclusions(&self) -> bool {
        !(self.excluded_accounts.is_empty() && self.excluded_channels.is_empty())
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
        if self.team.is_empty() {
            format!("plan-{}", self.version)
        } else {
            format!("team-plan-{}", self.version)
        }
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
            team: put.team.clone(),
            excluded_accounts: put.excluded_accounts.clone(),
            excluded_channels: put.excluded_channels.clone(),
            inherits: put.inherits,
        })
    }
}

/// Earlier than any chat, and a date that Postgres and google.type.Date can both hold.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// The merchant's version in force on a day, of versions in whatever order.
pub fn in_force(plans: &[SamplingPlan], day: NaiveDate) -> SamplingPlan {
    begun(plans, "", day).cloned().unwrap_or_else(SamplingPlan::first)
}

/// The plan of a team on a day: its own, or the merchant's.
pub fn of_team(plans: &[SamplingPlan], team: Option<&str>, day: NaiveDate) -> SamplingPlan {
    let own = team.filter(|team| !team.is_empty()).and_then(|team| begun(plans, team, day));
    own.filter(|plan| !plan.inherits).cloned().unwrap_or_else(|| in_force(plans, day))
}

/// What a day's plan is shown as: a team's that follows the merchant's has that one's terms and its own version.
pub fn as_asked(plans: &[SamplingPlan], team: &str, day: NaiveDate) -> SamplingPlan {
    if team.is_empty() {
        return in_force(plans, day);
    }
    let own = begun(plans, team, day).cloned().unwrap_or_else(|| SamplingPlan::inherited(team));
    if !own.inherits {
        return own;
    }
    let merchants = in_force(plans, day);
    SamplingPlan {
        version: own.version,
        effective_from: own.effective_from,
        created_at: own.created_at,
        team: own.team,
        inherits: true,
        ..merchants
    }
}

fn begun<'a>(plans: &'a [SamplingPlan], team: &str, day: NaiveDate) -> Option<&'a SamplingPlan> {
    let begun = plans.iter().filter(|plan| plan.team == team && plan.effective_from <= day);
    begun.max_by_key(|plan| plan.effective_from)
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
            team: String::new(),
            excluded_accounts: Vec::new(),
            excluded_channels: Vec::new(),
            inherits: false,
        }
    }

    #[test]
    fn a_team_has_its_own_plan_or_the_merchants() {
        let merchant = SamplingPlan::first();
        let own = SamplingPlan {
            size: 3,
            team: "one".to_owned(),
            effective_from: day("2020-05-10"),
            excluded_channels: vec!["call".to_owned()],
            ..SamplingPlan::first()
        };
        let back = SamplingPlan { effective_from: day("2020-05-20"), ..SamplingPlan::inherited("one") };
        let plans = [merchant.clone(), back, own.clone()];
        let of = |team, on| of_team(&plans, team, day(on));
        assert_eq!(of(Some("one"), "2020-05-12"), own);
        for (team, on) in [
            (Some("one"), "2020-05-09"),
            (Some("one"), "2020-05-20"),
            (Some("two"), "2020-05-12"),
            (None, "2020-05-12"),
        ] {
            assert_eq!(of(team, on), merchant, "{team:?} {on}");
        }
        assert_eq!(in_force(&plans, day("2020-05-12")), merchant);
        assert!(own.takes("a", "chat", 11, 11) && !own.takes("a", "call", 11, 11));
        let without = SamplingPlan { excluded_accounts: vec!["a".to_owned()], ..own };
        assert!(!without.takes("a", "chat", 11, 11) && without.takes("b", "chat", 11, 11));
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
