//! What is handed out after a draw: everything a stranger needs to recompute it. Plain data and its JSON form.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    layout::{Sink, bytes32, finish, tagged},
    list::{AgentHash, ListHash, ListTerms},
    rank::ConversationId,
    seed::{Commitment, Seed},
};

/// The version of bundles and of every byte layout behind them.
pub const FORMAT: &str = "jinpai.draw/1";
/// The version of slices.
pub const SLICE_FORMAT: &str = "jinpai.draw-slice/1";

const SEAL_TAG: &str = "jinpai.draw/1 seal";

/// What a sampling plan counts to tell whether a chat is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// The agent's messages, quick replies included.
    AgentReplies,
    /// The messages of everybody.
    AllMessages,
}

impl Counts {
    /// The name in JSON and under the hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentReplies => "agent_replies",
            Self::AllMessages => "all_messages",
        }
    }
}

/// What is drawn: `size` chats per agent and day, out of those with more than `threshold` of what `counts` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Chats per agent and day.
    pub size: u32,
    /// Exclusive: a chat is long if it has more.
    pub threshold: u32,
    /// What is counted.
    pub counts: Counts,
}

impl Plan {
    pub(crate) fn write(&self, sink: &mut impl Sink) {
        sink.raw(&self.size.to_be_bytes());
        sink.raw(&self.threshold.to_be_bytes());
        sink.field(self.counts.name().as_bytes());
    }
}

/// One account's part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentList {
    /// The platform account (子账号).
    pub account: String,
    /// Every long chat that was there at the draw, in any order.
    pub eligible: Vec<ConversationId>,
    /// As published after the draw.
    pub agent_hash: AgentHash,
    /// The sample, in any order. Late chats are not in it.
    pub drawn: Vec<ConversationId>,
    /// The plan it was drawn by where that isn't the bundle's: a team may have its own. Under the agent hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Every long chat that its plan excludes from the draw (by account or channel), in any order. Under the agent hash where there
    /// is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<ConversationId>,
}

impl AgentList {
    /// Whether it is there for its excluded chats alone.
    pub(crate) fn only_excluded(&self) -> bool {
        self.eligible.is_empty() && !self.excluded.is_empty()
    }
}

/// A long chat that arrived after its day was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateChat {
    /// The platform account.
    pub account: String,
    /// The chat.
    pub conversation: ConversationId,
    /// When it arrived, by the service's clock.
    pub arrived_at: DateTime<Utc>,
    /// The day whose seed ranks it: the first from the arrival on whose seed was still secret. The seed of its own day
    /// was revealed by then: whoever chooses the chat's id could choose its fate.
    pub seed_day: NaiveDate,
    /// Whether it was added to the review.
    pub accepted: bool,
}

/// The seed of another day, which ranked late chats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateSeed {
    /// That day.
    pub day: NaiveDate,
    /// As published when that seed was made.
    pub commitment: Commitment,
    /// Absent until that day is drawn; its late chats can be checked from then on.
    #[serde(serialize_with = "reveal_if_any", deserialize_with = "revealed_if_any")]
    pub seed: Option<Seed>,
}

bytes32! {
    /// The checksum over a bundle.
    Seal
}

impl Seal {
    /// What stands in a bundle until [`Bundle::sealed`] sets it.
    pub const UNSET: Self = Self([0; 32]);
}

/// A day's draw with everything that is needed to check it. See [`crate::verify`].
///
/// Fill it from what is stored, never from a second computation: then a change in the store shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Always [`FORMAT`].
    pub format: String,
    /// The merchant.
    pub merchant: String,
    /// The business day.
    pub day: NaiveDate,
    /// The plan it was drawn under.
    pub plan: Plan,
    /// As published when the seed was made.
    pub commitment: Commitment,
    /// When it was published, by the service's clock.
    pub committed_at: DateTime<Utc>,
    /// Whether that was before the business day began. If not, the draw proves less; see the README.
    pub before_day: bool,
    /// The revealed seed.
    #[serde(serialize_with = "reveal", deserialize_with = "revealed")]
    pub seed: Seed,
    /// The version of the `DayClosed` that the list was complete against.
    pub day_closed_version: i64,
    /// Every account with an eligible or an excluded chat, in any order.
    pub agents: Vec<AgentList>,
    /// As published after the draw.
    pub list_hash: ListHash,
    /// The chats that came later, in any order.
    pub late: Vec<LateChat>,
    /// The seeds that ranked those, in any order, one for each of their days.
    pub late_seeds: Vec<LateSeed>,
    /// When the draw was made, by the service's clock.
    pub drawn_at: DateTime<Utc>,
    /// A checksum over all of it, set by [`Bundle::sealed`]: finds damage to what no published hash covers (the times,
    /// the mark `before_day`). It proves nothing against somebody who recomputes it.
    pub seal: Seal,
}

impl Bundle {
    /// The terms that the list's hash covers.
    pub fn terms(&self) -> ListTerms<'_> {
        ListTerms {
            merchant: &self.merchant,
            day: self.day,
            plan: self.plan,
            day_closed_version: self.day_closed_version,
        }
    }

    /// The same bundle with its checksum set. The last step before handing it out.
    pub fn sealed(mut self) -> Self {
        self.seal = self.checksum();
        self
    }

    /// What the seal must be. The eligible lists come in through the agents' hashes, which the verifier recomputes.
    pub(crate) fn checksum(&self) -> Seal {
        let mut hash = tagged(SEAL_TAG);
        hash.field(self.commitment.as_bytes());
        hash.instant(self.committed_at);
        hash.flag(self.before_day);
        hash.field(self.list_hash.as_bytes());
        let mut agents: Vec<&AgentList> = self.agents.iter().collect();
        agents.sort_unstable_by(|left, right| left.account.cmp(&right.account));
        hash.count(agents.len());
        for agent in agents {
            hash.field(agent.account.as_bytes());
            hash.field(agent.agent_hash.as_bytes());
            let mut drawn: Vec<&ConversationId> = agent.drawn.iter().collect();
            drawn.sort_unstable();
            hash.count(drawn.len());
            drawn.into_iter().for_each(|conversation| conversation.write(&mut hash));
        }
        let mut late: Vec<&LateChat> = self.late.iter().collect();
        late.sort_unstable_by(|left, right| {
            (&left.account, &left.conversation).cmp(&(&right.account, &right.conversation))
        });
        hash.count(late.len());
        for chat in late {
            hash.field(chat.account.as_bytes());
            chat.conversation.write(&mut hash);
            hash.instant(chat.arrived_at);
            hash.day(chat.seed_day);
            hash.flag(chat.accepted);
        }
        let mut late_seeds: Vec<&LateSeed> = self.late_seeds.iter().collect();
        late_seeds.sort_unstable_by_key(|seed| (seed.day, seed.commitment));
        hash.count(late_seeds.len());
        for late in late_seeds {
            hash.day(late.day);
            hash.field(late.commitment.as_bytes());
            hash.field(late.seed.as_ref().map_or(&[][..], |seed| seed.reveal()));
        }
        hash.instant(self.drawn_at);
        Seal::from_bytes(finish(hash))
    }

    /// What one account may see: its own list and everybody's hashes. `None` if the account is not listed.
    pub fn slice(&self, account: &str) -> Option<Slice> {
        let own = self.agents.iter().find(|agent| agent.account == account)?;
        let hashes = self
            .agents
            .iter()
            .map(|agent| AgentHashEntry { account: agent.account.clone(), agent_hash: agent.agent_hash });
        Some(Slice {
            format: SLICE_FORMAT.to_owned(),
            merchant: self.merchant.clone(),
            day: self.day,
            plan: self.plan,
            commitment: self.commitment,
            seed: self.seed.clone(),
            day_closed_version: self.day_closed_version,
            account: own.account.clone(),
            eligible: own.eligible.clone(),
            drawn: own.drawn.clone(),
            own_plan: own.plan,
            excluded: own.excluded.clone(),
            agent_hashes: hashes.collect(),
            list_hash: self.list_hash,
        })
    }
}

/// An account with its published hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentHashEntry {
    /// The platform account.
    pub account: String,
    /// As published after the draw.
    pub agent_hash: AgentHash,
}

/// One account's view of a draw. See [`crate::verify_slice`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Always [`SLICE_FORMAT`].
    pub format: String,
    /// The merchant.
    pub merchant: String,
    /// The business day.
    pub day: NaiveDate,
    /// The plan it was drawn under.
    pub plan: Plan,
    /// As published when the seed was made.
    pub commitment: Commitment,
    /// The revealed seed.
    #[serde(serialize_with = "reveal", deserialize_with = "revealed")]
    pub seed: Seed,
    /// The version of the `DayClosed` that the list was complete against.
    pub day_closed_version: i64,
    /// The account whose slice this is.
    pub account: String,
    /// Its long chats, in any order.
    pub eligible: Vec<ConversationId>,
    /// Its sample, in any order.
    pub drawn: Vec<ConversationId>,
    /// The plan it was drawn by where that isn't the merchant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_plan: Option<Plan>,
    /// Its long chats that the plan excludes, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<ConversationId>,
    /// Every account's published hash, this one's included, in any order.
    pub agent_hashes: Vec<AgentHashEntry>,
    /// As published after the draw.
    pub list_hash: ListHash,
}

impl Slice {
    /// The terms that the list's hash covers.
    pub fn terms(&self) -> ListTerms<'_> {
        ListTerms {
            merchant: &self.merchant,
            day: self.day,
            plan: self.plan,
            day_closed_version: self.day_closed_version,
        }
    }
}

fn reveal<S: serde::Serializer>(seed: &Seed, serializer: S) -> Result<S::Ok, S::Error> {
    crate::layout::hex32::serialize(seed.reveal(), serializer)
}

fn revealed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
    crate::layout::hex32::deserialize(deserializer).map(Seed::new)
}

fn reveal_if_any<S: serde::Serializer>(seed: &Option<Seed>, serializer: S) -> Result<S::Ok, S::Error> {
    match seed {
        Some(seed) => reveal(seed, serializer),
        None => serializer.serialize_none(),
    }
}

fn revealed_if_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Seed>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let Some(text) = text else { return Ok(None) };
    let bytes = serde::de::value::StringDeserializer::<D::Error>::new(text);
    crate::layout::hex32::deserialize(bytes).map(|bytes| Some(Seed::new(bytes)))
}
