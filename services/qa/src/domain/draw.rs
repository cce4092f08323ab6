//! The draw of a day: its seed, what it took, and what came later. Beside it: whether the day is whole (`readiness`), what is
//! frozen (`sample`), how far its reviews are (`coverage`).

mod coverage;
mod readiness;
mod sample;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId};
use sampling::{AgentHash, ConversationId, ListHash, Rank, Seed};

pub use coverage::{Coverage, CoverageFilter, Shortfalls};
pub use readiness::{DayClosing, DayCount, DayGap, DayState, GAPS_NAMED_MAX, Readiness};
pub use sample::{AgentSample, Lists, Sample, published_plan};

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
    /// Accounts with a chat that is drawn from.
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
    /// Long chats that the plan leaves out.
    pub excluded: Vec<ConversationId>,
    /// What came later.
    pub late: Vec<LateChat>,
    /// Everybody's hashes.
    pub agent_hashes: Vec<(AccountId, AgentHash)>,
    /// The plan it was drawn by where that isn't the draw's.
    pub own_plan: Option<sampling::Plan>,
}

/// Whether a late chat is added to its agent's sample: see the sampling library.
pub fn late_accepted(rank: &Rank, size: i32, eligible_at_draw: i64) -> bool {
    let size = u32::try_from(size).unwrap_or(0);
    sampling::late_accepted(rank, size, u64::try_from(eligible_at_draw).unwrap_or(0))
}
