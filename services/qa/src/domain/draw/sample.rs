//! What a draw freezes: each account's list, with its hash, and the sample.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use runtime::ids::{AccountId, MerchantId};
use sampling::{AgentHash, ConversationId, ListHash, ListTerms};

use crate::domain::plan::{Counts, SamplingPlan};

/// One account's part of a draw: the list as it was, and the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSample {
    /// Which.
    pub account: AccountId,
    /// Sorted.
    pub eligible: Vec<ConversationId>,
    /// Hash over them.
    pub hash: AgentHash,
    /// Long chats that the plan leaves out, sorted.
    pub excluded: Vec<ConversationId>,
    /// Lowest ranks first.
    pub drawn: Vec<ConversationId>,
    /// The plan it was drawn by where that isn't the merchant's.
    pub own_plan: Option<SamplingPlan>,
}

impl AgentSample {
    /// How many were to be drawn.
    pub fn size(&self, plan: &SamplingPlan) -> i32 {
        self.own_plan.as_ref().unwrap_or(plan).size
    }
}

/// What is there of a day's long chats, by account.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// Those that are drawn from.
    pub eligible: BTreeMap<AccountId, Vec<ConversationId>>,
    /// Those that plans leave out.
    pub excluded: BTreeMap<AccountId, Vec<ConversationId>>,
    /// Each account's lowest ranks, lowest first, at least as many as its plan says.
    pub lowest: BTreeMap<AccountId, Vec<ConversationId>>,
}

/// A day's list and sample, frozen by the draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Every account with a long chat, excluded ones counted, by account.
    pub agents: Vec<AgentSample>,
    /// Hash over all of it.
    pub list_hash: ListHash,
}

impl Sample {
    /// Freezes what is there. `own_plans` are the plans of accounts that have their own.
    pub fn freeze(
        merchant: &MerchantId,
        day: NaiveDate,
        plan: &SamplingPlan,
        own_plans: &BTreeMap<AccountId, SamplingPlan>,
        day_closed_version: i64,
        lists: Lists,
    ) -> Self {
        let Lists { mut eligible, mut excluded, mut lowest } = lists;
        let accounts: BTreeSet<AccountId> = eligible.keys().chain(excluded.keys()).cloned().collect();
        let agents: Vec<AgentSample> = accounts
            .into_iter()
            .map(|account| {
                let mut eligible = eligible.remove(&account).unwrap_or_default();
                let mut excluded = excluded.remove(&account).unwrap_or_default();
                eligible.sort_unstable();
                excluded.sort_unstable();
                let own_plan = own_plans.get(&account).cloned();
                let published = own_plan.as_ref().map(published_plan);
                let hash = sampling::agent_hash_under(
                    merchant.as_str(),
                    day,
                    account.as_str(),
                    published.as_ref(),
                    &eligible,
                    &excluded,
                );
                let mut drawn = lowest.remove(&account).unwrap_or_default();
                let size = own_plan.as_ref().unwrap_or(plan).size;
                drawn.truncate(usize::try_from(size).unwrap_or(0));
                AgentSample { account, eligible, hash, excluded, drawn, own_plan }
            })
            .collect();
        let terms =
            ListTerms { merchant: merchant.as_str(), day, plan: published_plan(plan), day_closed_version };
        let list_hash =
            sampling::list_hash(&terms, agents.iter().map(|agent| (agent.account.as_str(), &agent.hash)));
        Self { agents, list_hash }
    }

    /// Accounts with a chat that is drawn from.
    pub fn accounts(&self) -> usize {
        self.agents.iter().filter(|agent| !agent.eligible.is_empty()).count()
    }

    /// Chats in the list.
    pub fn eligible(&self) -> usize {
        self.agents.iter().map(|agent| agent.eligible.len()).sum()
    }

    /// Chats in the sample.
    pub fn drawn(&self) -> usize {
        self.agents.iter().map(|agent| agent.drawn.len()).sum()
    }

    /// Accounts with fewer chats in the sample than their plan says.
    pub fn shortfall_agents(&self, plan: &SamplingPlan) -> usize {
        let size = |agent: &AgentSample| usize::try_from(agent.size(plan)).unwrap_or(0);
        let short = |agent: &&AgentSample| !agent.eligible.is_empty() && agent.drawn.len() < size(agent);
        self.agents.iter().filter(short).count()
    }
}

/// A plan as the list hash covers it.
pub fn published_plan(plan: &SamplingPlan) -> sampling::Plan {
    sampling::Plan {
        // Checked when the plan was put: neither is negative.
        size: u32::try_from(plan.size).unwrap_or(0),
        threshold: u32::try_from(plan.threshold).unwrap_or(0),
        counts: match plan.counts {
            Counts::AgentReplies => sampling::Counts::AgentReplies,
            Counts::AllMessages => sampling::Counts::AllMessages,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freezing_does_not_depend_on_the_order_of_the_list() {
        let id = |id: &str| ConversationId::new("s", "chat", id);
        let account = AccountId::new("a");
        let freeze = |ids: Vec<ConversationId>| {
            let eligible = BTreeMap::from([(account.clone(), ids)]);
            let lowest = BTreeMap::from([(account.clone(), vec![id("2")])]);
            let lists = Lists { eligible, lowest, ..Lists::default() };
            let (merchant, day) = (MerchantId::new("m"), NaiveDate::default());
            Sample::freeze(&merchant, day, &SamplingPlan::first(), &BTreeMap::new(), 1, lists)
        };
        let sample = freeze(vec![id("2"), id("1")]);
        assert_eq!(sample, freeze(vec![id("1"), id("2")]));
        assert_ne!(sample.list_hash, freeze(vec![id("1")]).list_hash);
        assert_eq!(
            (sample.eligible(), sample.drawn(), sample.shortfall_agents(&SamplingPlan::first())),
            (2, 1, 1)
        );
    }

    #[test]
    fn what_a_plan_leaves_out_is_listed_and_counts_for_nobody() {
        let id = |id: &str| ConversationId::new("s", "call", id);
        let (one, other) = (AccountId::new("a"), AccountId::new("b"));
        let freeze = |excluded: Vec<ConversationId>| {
            let lists = Lists {
                eligible: BTreeMap::from([(one.clone(), vec![id("1")])]),
                excluded: BTreeMap::from([(other.clone(), excluded)]),
                lowest: BTreeMap::from([(one.clone(), vec![id("1")])]),
            };
            let (merchant, day) = (MerchantId::new("m"), NaiveDate::default());
            Sample::freeze(&merchant, day, &SamplingPlan::first(), &BTreeMap::new(), 1, lists)
        };
        let sample = freeze(vec![id("3"), id("2")]);
        assert_eq!(sample.agents[1].excluded, [id("2"), id("3")]);
        assert_eq!((sample.agents.len(), sample.accounts(), sample.eligible()), (2, 1, 1));
        assert_eq!(sample.shortfall_agents(&SamplingPlan::first()), 1);
        assert_ne!(sample.list_hash, freeze(vec![id("3")]).list_hash);
    }
}
