//! Builders: a valid bundle of a small shop.

use chrono::{DateTime, NaiveDate, Utc};
use sampling::{
    AgentList, Bundle, ConversationId, Counts, FORMAT, LateChat, LateSeed, ListTerms, Plan, Ranker, Seal,
    Seed, agent_hash, agent_hash_under, commitment, draw_agent, inclusion, late_accepted, list_hash,
};

pub const MERCHANT: &str = "merchant-1";

pub fn day() -> NaiveDate {
    "2020-05-13".parse().unwrap()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The day on which the late chats arrive.
pub fn late_day() -> NaiveDate {
    "2020-05-15".parse().unwrap()
}

/// The seed of that day, revealed since.
pub fn late_seed() -> Seed {
    seed(u64::MAX)
}

/// A seed that a test can count up.
pub fn seed(number: u64) -> Seed {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Seed::new(bytes)
}

pub fn chat(number: usize) -> ConversationId {
    ConversationId::new(format!("shop-{}", number % 2), "chat", format!("c-{number}"))
}

/// `count` chats, counted from `first`.
pub fn chats(first: usize, count: usize) -> Vec<ConversationId> {
    (first..first + count).map(chat).collect()
}

/// The bundle of a draw of `size` for agents with as many chats as `sizes` says, with one late chat each.
pub fn bundle(seed: &Seed, size: u32, sizes: &[usize]) -> Bundle {
    let plan = Plan { size, threshold: 10, counts: Counts::AgentReplies };
    let ranker = Ranker::new(seed, MERCHANT, day());
    let late_ranker = Ranker::new(&late_seed(), MERCHANT, late_day());
    let mut agents = Vec::new();
    let mut late = Vec::new();
    for (number, &eligible) in sizes.iter().enumerate() {
        let account = format!("shop:客服{number}");
        let eligible = chats(number * 1000, eligible);
        let sample = draw_agent(&ranker.agent(&account), &eligible, size);
        assert_eq!(sample.eligible, eligible.len());
        assert_eq!(sample.shortfall, (size as usize).saturating_sub(eligible.len()));
        let conversation = chat(number * 1000 + 999);
        let rank = late_ranker.rank(&account, &conversation);
        late.push(LateChat {
            account: account.clone(),
            conversation,
            arrived_at: at("2020-05-15T01:02:03.000004Z"),
            seed_day: late_day(),
            accepted: late_accepted(&rank, size, eligible.len() as u64),
        });
        agents.push(AgentList {
            agent_hash: agent_hash(MERCHANT, day(), &account, &eligible),
            account,
            eligible,
            drawn: sample.drawn.into_iter().map(|(_, conversation)| conversation).collect(),
            plan: None,
            excluded: Vec::new(),
        });
    }
    let terms = ListTerms { merchant: MERCHANT, day: day(), plan, day_closed_version: 3 };
    Bundle {
        format: FORMAT.to_owned(),
        merchant: MERCHANT.to_owned(),
        day: day(),
        plan,
        commitment: commitment(MERCHANT, day(), seed),
        committed_at: at("2020-05-12T12:00:00Z"),
        before_day: true,
        seed: seed.clone(),
        day_closed_version: 3,
        list_hash: list_hash(&terms, agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash))),
        agents,
        late,
        late_seeds: vec![LateSeed {
            day: late_day(),
            commitment: commitment(MERCHANT, late_day(), &late_seed()),
            seed: Some(late_seed()),
        }],
        drawn_at: at("2020-05-14T18:00:00.5Z"),
        seal: Seal::UNSET,
    }
    .sealed()
}

/// The same where the agent at `place` was drawn by a plan of its own.
pub fn with_own_plan(mut bundle: Bundle, place: usize, plan: Plan) -> Bundle {
    let ranker = Ranker::new(&bundle.seed, MERCHANT, day());
    let late_ranker = Ranker::new(&late_seed(), MERCHANT, late_day());
    let agent = &mut bundle.agents[place];
    agent.plan = Some(plan);
    agent.agent_hash = agent_hash_under(MERCHANT, day(), &agent.account, Some(&plan), &agent.eligible, &[]);
    let sample = draw_agent(&ranker.agent(&agent.account), &agent.eligible, plan.size);
    agent.drawn = sample.drawn.into_iter().map(|(_, conversation)| conversation).collect();
    let eligible = agent.eligible.len() as u64;
    for late in bundle.late.iter_mut().filter(|late| late.account == agent.account) {
        let rank = late_ranker.rank(&late.account, &late.conversation);
        late.accepted = late_accepted(&rank, plan.size, eligible);
    }
    let hashes = bundle.agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash));
    bundle.list_hash = list_hash(&bundle.terms(), hashes);
    bundle.sealed()
}

/// The same where chats of the agent at `place` are excluded from the draw, beside those that are eligible.
pub fn with_excluded(mut bundle: Bundle, place: usize, excluded: Vec<ConversationId>) -> Bundle {
    let agent = &mut bundle.agents[place];
    let own_plan = agent.plan.as_ref();
    agent.agent_hash =
        agent_hash_under(MERCHANT, day(), &agent.account, own_plan, &agent.eligible, &excluded);
    agent.excluded = excluded;
    let hashes = bundle.agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash));
    bundle.list_hash = list_hash(&bundle.terms(), hashes);
    bundle.sealed()
}

/// The chance as a number, for statistics only.
pub fn chance(size: u32, eligible: u64) -> f64 {
    let chance = inclusion(size, eligible);
    chance.numerator as f64 / chance.denominator as f64
}
