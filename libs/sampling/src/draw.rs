//! The sample itself: the lowest ranks of each agent, and the rule for chats that arrive when it is drawn already.

use crate::rank::{AgentRanker, ConversationId, Rank};

/// One account's sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentDraw {
    /// The drawn chats, lowest rank first.
    pub drawn: Vec<(Rank, ConversationId)>,
    /// How many chats it was drawn from.
    pub eligible: usize,
    /// How many chats are missing to the plan's size.
    pub shortfall: usize,
}

/// Draws the `size` lowest ranks of one account's eligible chats, all of them if there are fewer. The order of the
/// input doesn't matter.
pub fn draw_agent(ranker: &AgentRanker, eligible: &[ConversationId], size: u32) -> AgentDraw {
    let drawn =
        lowest(ranker, eligible, size).into_iter().map(|(rank, id)| (rank, id.clone())).collect::<Vec<_>>();
    let shortfall = (size as usize).saturating_sub(drawn.len());
    AgentDraw { drawn, eligible: eligible.len(), shortfall }
}

/// The `size` lowest ranks with their chats, lowest first. Linear in the chats: only the sample is sorted.
pub(crate) fn lowest<'a>(
    ranker: &AgentRanker,
    eligible: &'a [ConversationId],
    size: u32,
) -> Vec<(Rank, &'a ConversationId)> {
    let size = size as usize;
    let mut ranked: Vec<(Rank, &ConversationId)> = eligible.iter().map(|id| (ranker.rank(id), id)).collect();
    if size < ranked.len() {
        if size > 0 {
            ranked.select_nth_unstable(size - 1);
        }
        ranked.truncate(size);
    }
    ranked.sort_unstable();
    ranked
}

/// A chance as a fraction, never above one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probability {
    /// How many are taken.
    pub numerator: u64,
    /// Out of how many; at least 1.
    pub denominator: u64,
}

/// The chance with which each of an agent's chats comes into the sample: `min(1, size / eligible)`. The same for a
/// late chat, by [`late_accepted`].
pub fn inclusion(size: u32, eligible: u64) -> Probability {
    if size > 0 && u64::from(size) >= eligible {
        Probability { numerator: 1, denominator: 1 }
    } else {
        Probability { numerator: u64::from(size), denominator: eligible.max(1) }
    }
}

/// Whether a chat that arrived after the draw is added, marked late: its rank, read as the fraction `rank / 2^256`,
/// is below `min(1, size / eligible_at_draw)`. The sample drawn before never changes.
///
/// Exact: `rank * eligible < size * 2^256` holds just when what `rank * eligible` carries over 256 bits is below
/// `size`, which is what is compared, on 64-bit limbs.
pub fn late_accepted(rank: &Rank, size: u32, eligible_at_draw: u64) -> bool {
    if u64::from(size) >= eligible_at_draw {
        return size > 0;
    }
    let mut carry: u128 = 0;
    for limb in rank.as_bytes().rchunks_exact(8) {
        let limb = limb.iter().fold(0_u128, |value, byte| (value << 8) | u128::from(*byte));
        carry = (limb * u128::from(eligible_at_draw) + carry) >> 64;
    }
    carry < u128::from(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rank with the given leading bytes, the rest filled with `fill`.
    fn rank(lead: &[u8], fill: u8) -> Rank {
        let mut bytes = [fill; 32];
        bytes[..lead.len()].copy_from_slice(lead);
        Rank::from_bytes(bytes)
    }

    #[test]
    fn the_late_rule_is_exact_at_its_edge() {
        // 15 of 60 is a quarter: the first rank refused is 0x40 followed by zeros.
        assert!(late_accepted(&rank(&[0x3f], 0xff), 15, 60));
        assert!(!late_accepted(&rank(&[0x40], 0x00), 15, 60));
        // A third has no end in binary: 0x5555…55 is below it, one more is above.
        assert!(late_accepted(&rank(&[], 0x55), 1, 3));
        let mut above = [0x55; 32];
        above[31] = 0x56;
        assert!(!late_accepted(&Rank::from_bytes(above), 1, 3));
    }

    #[test]
    fn with_room_left_every_late_chat_is_added() {
        assert!(late_accepted(&rank(&[], 0xff), 15, 0));
        assert!(late_accepted(&rank(&[], 0xff), 15, 14));
        assert!(late_accepted(&rank(&[], 0xff), 15, 15));
        assert!(!late_accepted(&rank(&[], 0xff), 15, 16));
        assert!(late_accepted(&rank(&[], 0x00), 1, u64::MAX));
        assert!(!late_accepted(&rank(&[], 0x00), 0, 0));
    }

    #[test]
    fn inclusion_is_at_most_one() {
        assert_eq!(inclusion(15, 7), Probability { numerator: 1, denominator: 1 });
        assert_eq!(inclusion(15, 0), Probability { numerator: 1, denominator: 1 });
        assert_eq!(inclusion(0, 0), Probability { numerator: 0, denominator: 1 });
        assert_eq!(inclusion(15, 60), Probability { numerator: 15, denominator: 60 });
    }
}
