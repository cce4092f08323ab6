//! Ranks: the random order that a seed gives to an agent's chats.

use chrono::NaiveDate;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    layout::{Sink, bytes32},
    seed::Seed,
};

const RANK_TAG: &str = "jinpai.draw/1 rank";

/// A conversation's identity inside its merchant. Ordered by the bytes of shop, channel and id, in that order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationId {
    /// The shop (店铺).
    pub shop: String,
    /// The channel of the platform, for example `chat`.
    pub channel: String,
    /// The platform's id of the conversation.
    pub id: String,
}

impl ConversationId {
    /// Names a conversation.
    pub fn new(shop: impl Into<String>, channel: impl Into<String>, id: impl Into<String>) -> Self {
        Self { shop: shop.into(), channel: channel.into(), id: id.into() }
    }

    pub(crate) fn write(&self, sink: &mut impl Sink) {
        sink.field(self.shop.as_bytes());
        sink.field(self.channel.as_bytes());
        sink.field(self.id.as_bytes());
    }
}

impl std::fmt::Display for ConversationId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}/{}", self.shop, self.channel, self.id)
    }
}

bytes32! {
    /// A chat's place in the random order: 256 bits, read as a big-endian number; the lowest are drawn. Byte order is
    /// number order, so a database index on the bytes gives the draw.
    Rank
}

/// Gives ranks under one merchant's seed of one day. The keyed state is prepared once and copied.
#[derive(Clone)]
pub struct Ranker {
    state: Hmac<Sha256>,
}

impl Ranker {
    /// Prepares the ranks of a day.
    pub fn new(seed: &Seed, merchant: &str, day: NaiveDate) -> Self {
        let mut state =
            <Hmac<Sha256> as KeyInit>::new_from_slice(seed.reveal()).expect("HMAC takes a key of any length");
        state.field(RANK_TAG.as_bytes());
        state.field(merchant.as_bytes());
        state.day(day);
        Self { state }
    }

    /// Prepares the ranks of one account's day; saves most of the work when many of its chats are ranked.
    pub fn agent(&self, account: &str) -> AgentRanker {
        let mut state = self.state.clone();
        state.field(account.as_bytes());
        AgentRanker { state }
    }

    /// The rank of one chat of an account.
    pub fn rank(&self, account: &str, conversation: &ConversationId) -> Rank {
        self.agent(account).rank(conversation)
    }
}

impl std::fmt::Debug for Ranker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Ranker(hidden)")
    }
}

/// Gives ranks to one account's chats of one day.
#[derive(Clone)]
pub struct AgentRanker {
    state: Hmac<Sha256>,
}

impl AgentRanker {
    /// The rank of one chat.
    pub fn rank(&self, conversation: &ConversationId) -> Rank {
        let mut state = self.state.clone();
        conversation.write(&mut state);
        Rank::from_bytes(state.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for AgentRanker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AgentRanker(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_bytes_between_fields_changes_the_rank() {
        let ranker = Ranker::new(&Seed::new([1; 32]), "m", "2026-11-21".parse().unwrap());
        let base = ranker.rank("a", &ConversationId::new("s", "chat", "17"));
        assert_ne!(base, ranker.rank("as", &ConversationId::new("", "chat", "17")));
        assert_ne!(base, ranker.rank("a", &ConversationId::new("sc", "hat", "17")));
        assert_ne!(base, ranker.rank("a", &ConversationId::new("s", "chat1", "7")));
        assert_eq!(base, ranker.agent("a").rank(&ConversationId::new("s", "chat", "17")));
    }

    #[test]
    fn ranks_are_ordered_as_their_bytes() {
        let mut low = [0; 32];
        low[31] = 255;
        let mut high = [0; 32];
        high[0] = 1;
        assert!(Rank::from_bytes(low) < Rank::from_bytes(high));
    }
}
