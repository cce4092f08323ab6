//! The verifiable draw: which of an agent's long chats of a day are reviewed, in a way that nobody can steer and
//! anybody can check.
//!
//! Pure: no clock, no randomness, no storage, no wire types. The service keeps the seed and the lists; this crate turns
//! them into a commitment, ranks, hashes, a sample, and a [`Bundle`] that [`verify`] checks with nothing else at hand.
//! Every byte that is hashed is laid out in the README, with test vectors.
//!
//! Reading order: [`Seed`] and [`commitment`], [`Ranker`], [`draw_agent`] and [`late_accepted`], the list hashes,
//! [`Bundle`], [`verify`].
//!
//! Invariants: the input's order never matters; nothing is compared as a floating-point number; a hash covers its
//! merchant and day, so that no part of one day's draw can stand in for another's.

mod bundle;
mod draw;
mod layout;
mod list;
mod rank;
mod seed;
mod verify;

pub use bundle::{
    AgentHashEntry, AgentList, Bundle, Counts, FORMAT, LateChat, LateSeed, Plan, SLICE_FORMAT, Seal, Slice,
};
pub use draw::{AgentDraw, Probability, draw_agent, inclusion, late_accepted};
pub use list::{AgentHash, ListHash, ListTerms, agent_hash, agent_hash_sorted, agent_hash_under, list_hash};
pub use rank::{AgentRanker, ConversationId, Rank, Ranker};
pub use seed::{Commitment, Seed, commitment};
pub use verify::{Anchor, Difference, Verified, verify, verify_against, verify_slice, verify_slice_against};
