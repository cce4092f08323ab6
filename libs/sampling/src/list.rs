//! The frozen list: a hash per agent, and one hash over all agents and the terms of the draw. What is published after
//! a draw, so that an agent can check the own slice without seeing the others'.

use chrono::NaiveDate;

use crate::{
    bundle::Plan,
    layout::{Sink, bytes32, finish, tagged},
    rank::ConversationId,
};

const AGENT_TAG: &str = "jinpai.draw/1 agent";
const AGENT_PLAN_TAG: &str = "jinpai.draw/1 agent with plan";
const AGENT_EXCLUSIONS_TAG: &str = "jinpai.draw/1 agent with exclusions";
const LIST_TAG: &str = "jinpai.draw/1 list";

bytes32! {
    /// The hash over one account's eligible chats of a day.
    AgentHash
}

bytes32! {
    /// The hash over a merchant's whole eligible list of a day and the terms it was drawn under.
    ListHash
}

/// What a draw was made under; covered by the list's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListTerms<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// The business day.
    pub day: NaiveDate,
    /// The sampling plan.
    pub plan: Plan,
    /// The version of the `DayClosed` that the list was complete against.
    pub day_closed_version: i64,
}

/// Hashes one account's eligible chats, in whatever order they come.
pub fn agent_hash(merchant: &str, day: NaiveDate, account: &str, eligible: &[ConversationId]) -> AgentHash {
    agent_hash_under(merchant, day, account, None, eligible, &[])
}

/// The same for an account that was drawn by a plan of its own, if it is given, and for the chats that its plan excludes.
pub fn agent_hash_under(
    merchant: &str,
    day: NaiveDate,
    account: &str,
    own_plan: Option<&Plan>,
    eligible: &[ConversationId],
    excluded: &[ConversationId],
) -> AgentHash {
    agent_hash_sorted(merchant, day, account, own_plan, &sorted(eligible), &sorted(excluded))
}

/// Chats in the order in which they are hashed.
pub(crate) fn sorted(chats: &[ConversationId]) -> Vec<&ConversationId> {
    let mut sorted: Vec<&ConversationId> = chats.iter().collect();
    if !sorted.is_sorted() {
        sorted.sort_unstable();
    }
    sorted
}

/// Hashes one account's eligible and excluded chats, which must be sorted by their bytes already.
pub fn agent_hash_sorted(
    merchant: &str,
    day: NaiveDate,
    account: &str,
    own_plan: Option<&Plan>,
    eligible: &[&ConversationId],
    excluded: &[&ConversationId],
) -> AgentHash {
    let mut hash = tagged(match (own_plan, excluded) {
        (None, []) => AGENT_TAG,
        (Some(_), []) => AGENT_PLAN_TAG,
        (_, [_, ..]) => AGENT_EXCLUSIONS_TAG,
    });
    hash.field(merchant.as_bytes());
    hash.day(day);
    hash.field(account.as_bytes());
    if !excluded.is_empty() {
        hash.flag(own_plan.is_some());
    }
    if let Some(plan) = own_plan {
        plan.write(&mut hash);
    }
    if !excluded.is_empty() {
        hash.count(excluded.len());
        for conversation in excluded {
            conversation.write(&mut hash);
        }
    }
    hash.count(eligible.len());
    for conversation in eligible {
        conversation.write(&mut hash);
    }
    AgentHash::from_bytes(finish(hash))
}

/// Hashes the list: the terms, then every account with its hash, in whatever order they come.
pub fn list_hash<'a>(
    terms: &ListTerms<'_>,
    agents: impl IntoIterator<Item = (&'a str, &'a AgentHash)>,
) -> ListHash {
    let mut agents: Vec<(&str, &AgentHash)> = agents.into_iter().collect();
    agents.sort_unstable();
    let mut hash = tagged(LIST_TAG);
    hash.field(terms.merchant.as_bytes());
    hash.day(terms.day);
    terms.plan.write(&mut hash);
    hash.raw(&terms.day_closed_version.to_be_bytes());
    hash.count(agents.len());
    for (account, agent) in agents {
        hash.field(account.as_bytes());
        hash.field(agent.as_bytes());
    }
    ListHash::from_bytes(finish(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Counts;

    fn day() -> NaiveDate {
        "2026-11-21".parse().unwrap()
    }

    #[test]
    fn an_agents_hash_ignores_order_and_nothing_else() {
        let (one, two) = (ConversationId::new("s", "chat", "1"), ConversationId::new("s", "chat", "2"));
        let base = agent_hash("m", day(), "a", &[one.clone(), two.clone()]);
        assert_eq!(base, agent_hash("m", day(), "a", &[two.clone(), one.clone()]));
        assert_ne!(base, agent_hash("m", day(), "a", std::slice::from_ref(&one)));
        assert_ne!(base, agent_hash("m", day(), "b", &[one.clone(), two.clone()]));
        assert_ne!(base, agent_hash("n", day(), "a", &[one.clone(), two.clone()]));
        assert_ne!(base, agent_hash("m", day(), "a", &[one.clone(), two, one]));
    }

    #[test]
    fn exclusions_are_under_the_hash_and_no_list_can_stand_in_for_them() {
        let (one, two) = (ConversationId::new("s", "chat", "1"), ConversationId::new("s", "call", "2"));
        let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
        let hash = |own: Option<&Plan>, eligible: &[ConversationId], excluded: &[ConversationId]| {
            agent_hash_under("m", day(), "a", own, eligible, excluded)
        };
        let (one, two) = (std::slice::from_ref(&one), std::slice::from_ref(&two));
        assert_eq!(hash(None, one, &[]), agent_hash("m", day(), "a", one));
        let all = [
            hash(None, one, &[]),
            hash(None, one, two),
            hash(None, two, one),
            hash(None, &[], two),
            hash(Some(&plan), one, &[]),
            hash(Some(&plan), one, two),
        ];
        for (place, left) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|right| right != left), "{place}");
        }
    }

    #[test]
    fn a_list_hash_covers_its_terms() {
        let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
        let terms = ListTerms { merchant: "m", day: day(), plan, day_closed_version: 1 };
        let agent = AgentHash::from_bytes([3; 32]);
        let base = list_hash(&terms, [("a", &agent), ("b", &agent)]);
        assert_eq!(base, list_hash(&terms, [("b", &agent), ("a", &agent)]));
        let changed = [
            ListTerms { day_closed_version: 2, ..terms },
            ListTerms { plan: Plan { size: 16, ..plan }, ..terms },
            ListTerms { plan: Plan { threshold: 9, ..plan }, ..terms },
            ListTerms { plan: Plan { counts: Counts::AllMessages, ..plan }, ..terms },
            ListTerms { merchant: "n", ..terms },
        ];
        for other in changed {
            assert_ne!(base, list_hash(&other, [("a", &agent), ("b", &agent)]), "{other:?}");
        }
        assert_ne!(base, list_hash(&terms, [("a", &agent)]));
    }
}
