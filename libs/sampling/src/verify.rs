//! Checking a bundle: recompute everything from the seed and the lists, and name the first thing that differs.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use chrono::NaiveDate;

use crate::{
    bundle::{AgentList, Bundle, FORMAT, Plan, SLICE_FORMAT, Slice},
    draw::{late_accepted, lowest},
    list::{AgentHash, ListHash, ListTerms, agent_hash_sorted, list_hash, sorted},
    rank::{AgentRanker, ConversationId, Ranker},
    seed::{Commitment, Seed, commitment},
};

/// What the checker knows from elsewhere: which day was asked for, and what was published and kept outside the
/// service. Without the two hashes a bundle only proves that it agrees with itself.
#[derive(Clone, Copy, Debug)]
pub struct Anchor<'a> {
    /// The merchant that was asked for.
    pub merchant: &'a str,
    /// The day that was asked for.
    pub day: NaiveDate,
    /// The commitment as it was published before the draw.
    pub commitment: Option<Commitment>,
    /// The list's hash as it was published with the reveal.
    pub list_hash: Option<ListHash>,
}

/// What a bundle that holds says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Accounts with an eligible chat.
    pub agents: usize,
    /// Eligible chats of all accounts.
    pub eligible: usize,
    /// Long chats of all accounts that their plans exclude from the draw.
    pub excluded: usize,
    /// Drawn chats, late ones not counted.
    pub drawn: usize,
    /// Accounts that had fewer chats than the plan's size.
    pub short_agents: usize,
    /// Late chats that were added.
    pub late_added: usize,
    /// Late chats that cannot be checked yet: the seed that ranked them is still secret.
    pub late_open: usize,
}

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what its fields are")]
pub enum Difference {
    /// Not a version that this verifier knows.
    #[error("the format is {found:?}, this verifier reads {expected:?}")]
    Format { expected: &'static str, found: String },
    /// A bundle of somebody else.
    #[error("it is of merchant {found:?}, not of {expected:?}")]
    Merchant { expected: String, found: String },
    /// A bundle of another day.
    #[error("it is of {found}, not of {expected}")]
    Day { expected: NaiveDate, found: NaiveDate },
    /// The bundle's commitment is not the one that was published.
    #[error("its commitment is {found}, published was {published}")]
    PublishedCommitment { published: Commitment, found: Commitment },
    /// The bundle's list is not the one that was published.
    #[error("its list hash is {found}, published was {published}")]
    PublishedList { published: ListHash, found: ListHash },
    /// The seed is not the one that was committed to (or not of this merchant and day).
    #[error("the seed gives the commitment {computed}, it says {found}")]
    Commitment { found: Commitment, computed: Commitment },
    /// An account stands in the list twice.
    #[error("account {account:?} is listed twice")]
    AccountTwice { account: String },
    /// A chat stands in the eligible lists or among the late chats twice.
    #[error("conversation {conversation} is listed twice: for account {account:?} and for {other:?}")]
    ConversationTwice { account: String, other: String, conversation: ConversationId },
    /// An account's list was changed after it was hashed.
    #[error("the list of account {account:?} gives the hash {computed}, the bundle says {found}")]
    AgentHash { account: String, found: AgentHash, computed: AgentHash },
    /// A chat that belongs to the sample is not in it.
    #[error("conversation {conversation} of account {account:?} should have been drawn and was not")]
    DrawnMissing { account: String, conversation: ConversationId },
    /// A chat is in the sample that doesn't belong there.
    #[error("conversation {conversation} of account {account:?} was drawn and should not have been")]
    DrawnExtra { account: String, conversation: ConversationId },
    /// The accounts' hashes or the terms are not those that were hashed.
    #[error("the agents and the plan give the list hash {computed}, it says {found}")]
    ListHash { found: ListHash, computed: ListHash },
    /// A late chat was treated against the rule.
    #[error("late conversation {conversation} of account {account:?}: the rule gives accepted = {expected}")]
    Late { account: String, conversation: ConversationId, expected: bool },
    /// A late chat was ranked by a seed that the bundle doesn't name, or by the revealed one of its own day.
    #[error(
        "late conversation {conversation} of account {account:?} is ranked by the seed of {seed_day}, which may not be"
    )]
    LateSeed { account: String, conversation: ConversationId, seed_day: NaiveDate },
    /// Something that no published hash covers was damaged: a time or a mark.
    #[error("the bundle's checksum does not hold: a time, the mark before_day or the seal was changed")]
    Seal,
    /// The slice's account has no published hash.
    #[error("account {account:?} is not among the published hashes")]
    NotPublished { account: String },
    /// The slice's own hash is not the published one.
    #[error("the list of account {account:?} gives the hash {computed}, published was {published}")]
    PublishedAgentHash { account: String, published: AgentHash, computed: AgentHash },
}

/// Checks a bundle against itself. Linear in the chats but for sorting.
///
/// # Errors
/// The first thing that differs.
pub fn verify(bundle: &Bundle) -> Result<Verified, Difference> {
    if bundle.format != FORMAT {
        return Err(Difference::Format { expected: FORMAT, found: bundle.format.clone() });
    }
    check_commitment(&bundle.merchant, bundle.day, &bundle.seed, bundle.commitment)?;
    check_accounts(bundle.agents.iter().map(|agent| agent.account.as_str()))?;
    check_repeats(bundle)?;
    let ranker = Ranker::new(&bundle.seed, &bundle.merchant, bundle.day);
    let size = |agent: &AgentList| agent.plan.unwrap_or(bundle.plan).size;
    for agent in &bundle.agents {
        let lists = (agent.eligible.as_slice(), agent.excluded.as_slice());
        let computed = hash_list(&bundle.terms(), &agent.account, agent.plan.as_ref(), lists)?;
        if computed != agent.agent_hash {
            return Err(Difference::AgentHash {
                account: agent.account.clone(),
                found: agent.agent_hash,
                computed,
            });
        }
        let ranker = ranker.agent(&agent.account);
        check_drawn(&ranker, &agent.account, &agent.eligible, &agent.drawn, size(agent))?;
    }
    let hashes = bundle.agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash));
    check_list(&bundle.terms(), hashes, bundle.list_hash)?;
    let late_open = check_late(bundle)?;
    if bundle.checksum() != bundle.seal {
        return Err(Difference::Seal);
    }
    Ok(Verified {
        agents: bundle.agents.iter().filter(|agent| !agent.only_excluded()).count(),
        eligible: bundle.agents.iter().map(|agent| agent.eligible.len()).sum(),
        excluded: bundle.agents.iter().map(|agent| agent.excluded.len()).sum(),
        drawn: bundle.agents.iter().map(|agent| agent.drawn.len()).sum(),
        short_agents: bundle
            .agents
            .iter()
            .filter(|agent| !agent.only_excluded() && agent.eligible.len() < size(agent) as usize)
            .count(),
        late_added: bundle.late.iter().filter(|chat| chat.accepted).count(),
        late_open,
    })
}

/// Checks that a bundle is the one that was asked for and published, then checks it against itself.
///
/// # Errors
/// The first thing that differs.
pub fn verify_against(bundle: &Bundle, anchor: &Anchor<'_>) -> Result<Verified, Difference> {
    anchor.check(&bundle.merchant, bundle.day, bundle.commitment, bundle.list_hash)?;
    verify(bundle)
}

/// The same for one account's slice; see [`verify_slice`].
///
/// # Errors
/// The first thing that differs.
pub fn verify_slice_against(slice: &Slice, anchor: &Anchor<'_>) -> Result<Verified, Difference> {
    anchor.check(&slice.merchant, slice.day, slice.commitment, slice.list_hash)?;
    verify_slice(slice)
}

impl Anchor<'_> {
    fn check(
        &self,
        merchant: &str,
        day: NaiveDate,
        commitment: Commitment,
        list_hash: ListHash,
    ) -> Result<(), Difference> {
        if merchant != self.merchant {
            let (expected, found) = (self.merchant.to_owned(), merchant.to_owned());
            return Err(Difference::Merchant { expected, found });
        }
        if day != self.day {
            return Err(Difference::Day { expected: self.day, found: day });
        }
        if let Some(published) = self.commitment
            && published != commitment
        {
            return Err(Difference::PublishedCommitment { published, found: commitment });
        }
        if let Some(published) = self.list_hash
            && published != list_hash
        {
            return Err(Difference::PublishedList { published, found: list_hash });
        }
        Ok(())
    }
}

/// Checks one account's slice: that the own list is the published one, that the published hashes make the published
/// list hash, and that the sample follows from the seed.
///
/// # Errors
/// The first thing that differs.
pub fn verify_slice(slice: &Slice) -> Result<Verified, Difference> {
    if slice.format != SLICE_FORMAT {
        return Err(Difference::Format { expected: SLICE_FORMAT, found: slice.format.clone() });
    }
    check_commitment(&slice.merchant, slice.day, &slice.seed, slice.commitment)?;
    check_accounts(slice.agent_hashes.iter().map(|entry| entry.account.as_str()))?;
    let account = &slice.account;
    let lists = (slice.eligible.as_slice(), slice.excluded.as_slice());
    let computed = hash_list(&slice.terms(), account, slice.own_plan.as_ref(), lists)?;
    let size = slice.own_plan.unwrap_or(slice.plan).size;
    let published = slice
        .agent_hashes
        .iter()
        .find(|entry| entry.account == *account)
        .ok_or_else(|| Difference::NotPublished { account: account.clone() })?
        .agent_hash;
    if computed != published {
        return Err(Difference::PublishedAgentHash { account: account.clone(), published, computed });
    }
    let ranker = Ranker::new(&slice.seed, &slice.merchant, slice.day).agent(account);
    check_drawn(&ranker, account, &slice.eligible, &slice.drawn, size)?;
    let hashes = slice.agent_hashes.iter().map(|entry| (entry.account.as_str(), &entry.agent_hash));
    check_list(&slice.terms(), hashes, slice.list_hash)?;
    Ok(Verified {
        agents: 1,
        eligible: slice.eligible.len(),
        excluded: slice.excluded.len(),
        drawn: slice.drawn.len(),
        short_agents: usize::from(slice.eligible.len() < size as usize),
        late_added: 0,
        late_open: 0,
    })
}

fn check_commitment(
    merchant: &str,
    day: NaiveDate,
    seed: &Seed,
    found: Commitment,
) -> Result<(), Difference> {
    let computed = commitment(merchant, day, seed);
    if computed == found { Ok(()) } else { Err(Difference::Commitment { found, computed }) }
}

fn check_accounts<'a>(accounts: impl Iterator<Item = &'a str>) -> Result<(), Difference> {
    let mut seen = HashSet::new();
    for account in accounts {
        if !seen.insert(account) {
            return Err(Difference::AccountTwice { account: account.to_owned() });
        }
    }
    Ok(())
}

fn check_list<'a>(
    terms: &ListTerms<'_>,
    agents: impl Iterator<Item = (&'a str, &'a AgentHash)>,
    found: ListHash,
) -> Result<(), Difference> {
    let computed = list_hash(terms, agents);
    if computed == found { Ok(()) } else { Err(Difference::ListHash { found, computed }) }
}

/// Hashes an account's eligible and excluded chats, and refuses a chat that one of the lists names twice or both name.
fn hash_list(
    terms: &ListTerms<'_>,
    account: &str,
    own_plan: Option<&Plan>,
    (eligible, excluded): (&[ConversationId], &[ConversationId]),
) -> Result<AgentHash, Difference> {
    let (eligible, excluded) = (sorted(eligible), sorted(excluded));
    let twice = |chats: &[&ConversationId]| {
        chats.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone())
    };
    let in_both =
        || excluded.iter().find(|chat| eligible.binary_search(chat).is_ok()).map(|chat| (*chat).clone());
    if let Some(conversation) = twice(&eligible).or_else(|| twice(&excluded)).or_else(in_both) {
        let account = account.to_owned();
        return Err(Difference::ConversationTwice { other: account.clone(), account, conversation });
    }
    Ok(agent_hash_sorted(terms.merchant, terms.day, account, own_plan, &eligible, &excluded))
}

fn check_drawn(
    ranker: &AgentRanker,
    account: &str,
    eligible: &[ConversationId],
    drawn: &[ConversationId],
    size: u32,
) -> Result<(), Difference> {
    let expected = lowest(ranker, eligible, size);
    let mut unseen: HashSet<&ConversationId> = drawn.iter().collect();
    for (_, conversation) in &expected {
        if !unseen.remove(conversation) {
            let conversation = (*conversation).clone();
            return Err(Difference::DrawnMissing { account: account.to_owned(), conversation });
        }
    }
    if drawn.len() == expected.len() {
        return Ok(());
    }
    // More than expected: either one that doesn't belong there, or one named twice.
    let expected: HashSet<&ConversationId> =
        expected.into_iter().map(|(_, conversation)| conversation).collect();
    let mut seen = HashSet::new();
    let extra =
        drawn.iter().find(|conversation| !expected.contains(conversation) || !seen.insert(*conversation));
    extra.map_or(Ok(()), |conversation| {
        Err(Difference::DrawnExtra { account: account.to_owned(), conversation: conversation.clone() })
    })
}

/// Checks late chats by the seeds that ranked them, and counts those whose seed is still secret.
fn check_late(bundle: &Bundle) -> Result<usize, Difference> {
    let lists: HashMap<&str, &AgentList> =
        bundle.agents.iter().map(|agent| (agent.account.as_str(), agent)).collect();
    let mut rankers: HashMap<NaiveDate, Option<Ranker>> = HashMap::new();
    for late in &bundle.late_seeds {
        if let Some(seed) = &late.seed {
            check_commitment(&bundle.merchant, late.day, seed, late.commitment)?;
        }
        rankers
            .insert(late.day, late.seed.as_ref().map(|seed| Ranker::new(seed, &bundle.merchant, late.day)));
    }
    let mut open = 0;
    for chat in &bundle.late {
        let (account, conversation) = (chat.account.clone(), chat.conversation.clone());
        let known = rankers.get(&chat.seed_day).filter(|_| chat.seed_day > bundle.day);
        let Some(ranker) = known else {
            return Err(Difference::LateSeed { account, conversation, seed_day: chat.seed_day });
        };
        let list = lists.get(chat.account.as_str());
        let eligible = list.map_or(0, |list| list.eligible.len());
        let size = list.and_then(|list| list.plan).unwrap_or(bundle.plan).size;
        let expected = match ranker {
            Some(ranker) => {
                late_accepted(&ranker.rank(&chat.account, &chat.conversation), size, eligible as u64)
            }
            // With room left in the sample every late chat is added, whatever the seed.
            None if eligible <= size as usize => size > 0,
            None => {
                open += 1;
                continue;
            }
        };
        if chat.accepted != expected {
            return Err(Difference::Late { account, conversation, expected });
        }
    }
    Ok(open)
}

/// Refuses a chat that stands under two accounts, or in a list and among the late ones.
///
/// A million names in a hash map cost more than everything else here, so short fingerprints are sorted first; only if
/// two are equal the names themselves are compared.
fn check_repeats(bundle: &Bundle) -> Result<(), Difference> {
    let listed = || {
        let own = bundle.agents.iter().flat_map(|agent| {
            let chats = agent.eligible.iter().chain(&agent.excluded);
            chats.map(|conversation| (agent.account.as_str(), conversation))
        });
        own.chain(bundle.late.iter().map(|chat| (chat.account.as_str(), &chat.conversation)))
    };
    let mut fingerprints: Vec<u64> = listed().map(|(_, conversation)| fingerprint(conversation)).collect();
    fingerprints.sort_unstable();
    if fingerprints.windows(2).all(|pair| pair[0] != pair[1]) {
        return Ok(());
    }
    let mut owners: HashMap<&ConversationId, &str> = HashMap::new();
    for (account, conversation) in listed() {
        if let Some(other) = owners.insert(conversation, account) {
            return Err(Difference::ConversationTwice {
                account: account.to_owned(),
                other: other.to_owned(),
                conversation: conversation.clone(),
            });
        }
    }
    Ok(())
}

fn fingerprint(conversation: &ConversationId) -> u64 {
    let mut hasher = DefaultHasher::new();
    conversation.hash(&mut hasher);
    hasher.finish()
}
