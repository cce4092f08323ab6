//! The draw of a day: its seed, whether the day is whole, what is frozen, and how far its reviews are.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::{AgentHash, ConversationId, ListHash, ListTerms, Rank, Seed};
use serde::{Deserialize, Serialize};

use crate::domain::plan::{Counts, SamplingPlan};

/// How many differing accounts a readiness names; the rest are only counted.
pub const GAPS_NAMED_MAX: usize = 100;
/// How many of them an error's metadata names.
const GAPS_IN_ERROR: usize = 5;

/// A published commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The tenant.
    pub merchant: MerchantId,
    /// The day whose seed it fixes.
    pub day: NaiveDate,
    /// The hash.
    pub hash: sampling::Commitment,
    /// When it was made.
    pub committed_at: DateTime<Utc>,
    /// Whether the day had not begun then.
    pub before_day: bool,
}

/// A day's secret with its commitment. `Debug` hides the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySeed {
    /// The secret, until the draw.
    pub seed: Seed,
    /// What is published of it.
    pub commitment: Commitment,
}

impl DaySeed {
    /// Makes the seed of a day from fresh random bytes. `begins_at` is when the business day begins.
    pub fn make(
        merchant: &MerchantId,
        day: NaiveDate,
        random: [u8; 32],
        begins_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let seed = Seed::new(random);
        let hash = sampling::commitment(merchant.as_str(), day, &seed);
        let before_day = now < begins_at;
        let commitment = Commitment { merchant: merchant.clone(), day, hash, committed_at: now, before_day };
        Self { seed, commitment }
    }
}

/// The size of one account's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayCount {
    /// All chats.
    pub conversations: i32,
    /// Those that are long by metrics' own threshold.
    pub long_chats: i32,
}

/// What metrics said a day held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayClosing {
    /// Grows each time the day is closed again.
    pub version: i64,
    /// metrics' own threshold, on agent messages.
    pub long_chat_threshold: i32,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// By account.
    pub agents: BTreeMap<AccountId, DayCount>,
}

/// How far a day has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayState {
    /// metrics has said nothing.
    NotClosed,
    /// The counts differ.
    Incomplete,
    /// The counts match.
    Ready,
    /// Drawn.
    Drawn,
}

/// An account whose counts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayGap {
    /// Which.
    pub account: AccountId,
    /// What metrics counted.
    pub expected: DayCount,
    /// What is here.
    pub here: DayCount,
}

/// A day here held against what metrics closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The day.
    pub day: NaiveDate,
    /// The verdict.
    pub state: DayState,
    /// The version of the closing, if there is one.
    pub closed_version: Option<i64>,
    /// Chats that metrics counted.
    pub conversations_expected: i64,
    /// Chats that are here.
    pub conversations_here: i64,
    /// Long chats that metrics counted.
    pub long_chats_expected: i64,
    /// Long chats that are here.
    pub long_chats_here: i64,
    /// The first accounts that differ.
    pub gaps: Vec<DayGap>,
    /// How many differ in all.
    pub gap_count: i32,
}

impl Readiness {
    /// Compares. `here` is counted with the closing's own threshold.
    pub fn compare(
        day: NaiveDate,
        closing: Option<&DayClosing>,
        here: &BTreeMap<AccountId, DayCount>,
        drawn: bool,
    ) -> Self {
        let nothing = BTreeMap::new();
        let expected = closing.map_or(&nothing, |closing| &closing.agents);
        let mut accounts: Vec<&AccountId> = expected.keys().chain(here.keys()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let count =
            |of: &BTreeMap<AccountId, DayCount>, account| of.get(account).copied().unwrap_or_default();
        let gaps = accounts.into_iter().map(|account| DayGap {
            account: account.clone(),
            expected: count(expected, account),
            here: count(here, account),
        });
        let mut gaps: Vec<DayGap> =
            gaps.filter(|gap| closing.is_some() && gap.expected != gap.here).collect();
        let gap_count = i32::try_from(gaps.len()).unwrap_or(i32::MAX);
        gaps.truncate(GAPS_NAMED_MAX);
        let state = match (drawn, closing.is_some(), gap_count) {
            (true, _, _) => DayState::Drawn,
            (false, false, _) => DayState::NotClosed,
            (false, true, 0) => DayState::Ready,
            (false, true, _) => DayState::Incomplete,
        };
        let sum = |of: &BTreeMap<AccountId, DayCount>, part: fn(&DayCount) -> i32| {
            of.values().map(|count| i64::from(part(count))).sum()
        };
        Self {
            day,
            state,
            closed_version: closing.map(|closing| closing.version),
            conversations_expected: sum(expected, |count| count.conversations),
            conversations_here: sum(here, |count| count.conversations),
            long_chats_expected: sum(expected, |count| count.long_chats),
            long_chats_here: sum(here, |count| count.long_chats),
            gaps,
            gap_count,
        }
    }

    /// What is missing, for a program that waits for it.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let accounts: Vec<&str> =
            self.gaps.iter().take(GAPS_IN_ERROR).map(|gap| gap.account.as_str()).collect();
        let pair = |key: &str, value: String| (key.to_owned(), value);
        vec![
            pair("business_day", self.day.to_string()),
            pair("conversations_expected", self.conversations_expected.to_string()),
            pair("conversations_here", self.conversations_here.to_string()),
            pair("long_chats_expected", self.long_chats_expected.to_string()),
            pair("long_chats_here", self.long_chats_here.to_string()),
            pair("accounts_differing", self.gap_count.to_string()),
            pair("first_accounts", accounts.join(",")),
        ]
    }
}

/// One account's part of a draw: the list as it was, and the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSample {
    /// Which.
    pub account: AccountId,
    /// Sorted.
    pub eligible: Vec<ConversationId>,
    /// Hash over them.
    pub hash: AgentHash,
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

/// A day's list and sample, frozen by the draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Every account with a long chat, by account.
    pub agents: Vec<AgentSample>,
    /// Hash over all of it.
    pub list_hash: ListHash,
}

impl Sample {
    /// Freezes what is there. `drawn` holds each account's lowest ranks, lowest first, at least as many as its plan says;
    /// `own_plans` the plans of accounts that have their own.
    pub fn freeze(
        merchant: &MerchantId,
        day: NaiveDate,
        plan: &SamplingPlan,
        own_plans: &BTreeMap<AccountId, SamplingPlan>,
        day_closed_version: i64,
        eligible: BTreeMap<AccountId, Vec<ConversationId>>,
        mut drawn: BTreeMap<AccountId, Vec<ConversationId>>,
    ) -> Self {
        let agents: Vec<AgentSample> = eligible
            .into_iter()
            .map(|(account, mut eligible)| {
                eligible.sort_unstable();
                let own_plan = own_plans.get(&account).cloned();
                let published = own_plan.as_ref().map(published_plan);
                let hash = sampling::agent_hash_under(
                    merchant.as_str(),
                    day,
                    account.as_str(),
                    published.as_ref(),
                    &eligible,
                );
                let mut drawn = drawn.remove(&account).unwrap_or_default();
                let size = own_plan.as_ref().unwrap_or(plan).size;
                drawn.truncate(usize::try_from(size).unwrap_or(0));
                AgentSample { account, eligible, hash, drawn, own_plan }
            })
            .collect();
        let terms =
            ListTerms { merchant: merchant.as_str(), day, plan: published_plan(plan), day_closed_version };
        let list_hash =
            sampling::list_hash(&terms, agents.iter().map(|agent| (agent.account.as_str(), &agent.hash)));
        Self { agents, list_hash }
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
        self.agents.iter().filter(|agent| agent.drawn.len() < size(agent)).count()
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

/// The facts of a drawn day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The version of the plan it was drawn by.
    pub plan_version: i32,
    /// What that plan says.
    pub plan: sampling::Plan,
    /// What it was complete against.
    pub day_closed_version: i64,
    /// When.
    pub drawn_at: DateTime<Utc>,
    /// The revealed seed.
    pub seed: Seed,
    /// Hash over the list.
    pub list_hash: ListHash,
    /// Accounts with a long chat.
    pub agents: i32,
    /// Chats in the list.
    pub eligible: i32,
    /// Chats in the sample.
    pub drawn: i32,
    /// Accounts with fewer than the plan's size.
    pub shortfall_agents: i32,
    /// Long chats that came later.
    pub late: i32,
    /// Those of them that were added.
    pub late_accepted: i32,
    /// Reviews with a reviewer.
    pub assigned: i32,
    /// Reviews without.
    pub unassigned: i32,
}

/// A day's commitment and, once drawn, its draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// What was published before.
    pub commitment: Commitment,
    /// Absent until drawn.
    pub drawn: Option<Drawn>,
}

/// A long chat that arrived after its day's draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateChat {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub conversation: ConversationId,
    /// When.
    pub arrived_at: DateTime<Utc>,
    /// The day whose seed ranked it.
    pub seed_day: NaiveDate,
    /// Under that seed.
    pub rank: Rank,
    /// Whether it was added.
    pub accepted: bool,
}

/// One account's view of a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawSlice {
    /// The day.
    pub draw: Draw,
    /// Whose.
    pub account: AccountId,
    /// The list in order of rank, with whether each was drawn.
    pub chats: Vec<(ConversationId, Rank, bool)>,
    /// What came later.
    pub late: Vec<LateChat>,
    /// Everybody's hashes.
    pub agent_hashes: Vec<(AccountId, AgentHash)>,
    /// The plan it was drawn by where that isn't the draw's.
    pub own_plan: Option<sampling::Plan>,
}

/// One account's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The day.
    pub day: NaiveDate,
    /// Which account.
    pub account: AccountId,
    /// Its person on that day, if anybody said.
    pub person: Option<PersonId>,
    /// Whether the day is drawn.
    pub drawn_yet: bool,
    /// Long chats in the list, or here so far.
    pub eligible: i32,
    /// Chats in the sample.
    pub drawn: i32,
    /// Missing to the plan's size.
    pub shortfall: i32,
    /// Added by the late rule.
    pub late_accepted: i32,
    /// Reviews with a reviewer.
    pub assigned: i32,
    /// Reviews without.
    pub unassigned: i32,
    /// Submitted reviews, acknowledged ones included.
    pub reviewed: i32,
    /// Acknowledged reviews.
    pub acknowledged: i32,
    /// Sum of the submitted reviews' scores.
    pub score_bp_sum: i64,
    /// Submitted reviews with a critical failure.
    pub critical_errors: i32,
    /// All chats that are here, long or not.
    pub conversations: i32,
}

/// What coverage is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageFilter {
    /// Empty for all.
    pub accounts: Vec<String>,
    /// Empty for all.
    pub person: String,
    /// Empty for all; the team on the business day.
    pub team: String,
    /// Whether accounts without chats have rows.
    pub idle: bool,
}

/// Whether a late chat is added to its agent's sample: see the sampling library.
pub fn late_accepted(rank: &Rank, size: i32, eligible_at_draw: i64) -> bool {
    let size = u32::try_from(size).unwrap_or(0);
    sampling::late_accepted(rank, size, u64::try_from(eligible_at_draw).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, i32, i32)]) -> BTreeMap<AccountId, DayCount> {
        let count = |(account, conversations, long_chats): &(&str, i32, i32)| {
            (AccountId::new(*account), DayCount { conversations: *conversations, long_chats: *long_chats })
        };
        of.iter().map(count).collect()
    }

    fn check(
        expected: Option<&[(&str, i32, i32)]>,
        here: &[(&str, i32, i32)],
        state: DayState,
        gaps: &[&str],
    ) {
        let closing = expected.map(|agents| DayClosing {
            version: 3,
            long_chat_threshold: 10,
            closed_at: DateTime::UNIX_EPOCH,
            agents: counts(agents),
        });
        let readiness = Readiness::compare(NaiveDate::default(), closing.as_ref(), &counts(here), false);
        assert_eq!(readiness.state, state, "{expected:?} {here:?}");
        let named: Vec<&str> = readiness.gaps.iter().map(|gap| gap.account.as_str()).collect();
        assert_eq!(named, gaps);
        assert_eq!(usize::try_from(readiness.gap_count), Ok(gaps.len()));
    }

    #[test]
    fn a_day_is_ready_only_when_every_account_matches() {
        check(None, &[("a", 1, 0)], DayState::NotClosed, &[]);
        check(Some(&[]), &[], DayState::Ready, &[]);
        check(Some(&[("a", 2, 1), ("b", 1, 0)]), &[("b", 1, 0), ("a", 2, 1)], DayState::Ready, &[]);
        check(Some(&[("a", 2, 1), ("b", 1, 0)]), &[("a", 2, 1)], DayState::Incomplete, &["b"]);
        check(Some(&[("a", 2, 1)]), &[("a", 2, 1), ("c", 1, 0)], DayState::Incomplete, &["c"]);
        check(Some(&[("a", 2, 1)]), &[("a", 2, 2)], DayState::Incomplete, &["a"]);
        // The same totals over other accounts are not the same day.
        check(
            Some(&[("a", 2, 1), ("b", 1, 0)]),
            &[("a", 1, 0), ("b", 2, 1)],
            DayState::Incomplete,
            &["a", "b"],
        );
    }

    #[test]
    fn a_drawn_day_stays_drawn() {
        let readiness = Readiness::compare(NaiveDate::default(), None, &counts(&[("a", 1, 1)]), true);
        assert_eq!(readiness.state, DayState::Drawn);
    }

    #[test]
    fn freezing_does_not_depend_on_the_order_of_the_list() {
        let id = |id: &str| ConversationId::new("s", "chat", id);
        let account = AccountId::new("a");
        let freeze = |ids: Vec<ConversationId>| {
            let eligible = BTreeMap::from([(account.clone(), ids)]);
            let drawn = BTreeMap::from([(account.clone(), vec![id("2")])]);
            let (merchant, day) = (MerchantId::new("m"), NaiveDate::default());
            Sample::freeze(&merchant, day, &SamplingPlan::first(), &BTreeMap::new(), 1, eligible, drawn)
        };
        let sample = freeze(vec![id("2"), id("1")]);
        assert_eq!(sample, freeze(vec![id("1"), id("2")]));
        assert_ne!(sample.list_hash, freeze(vec![id("1")]).list_hash);
        assert_eq!(
            (sample.eligible(), sample.drawn(), sample.shortfall_agents(&SamplingPlan::first())),
            (2, 1, 1)
        );
    }
}
