//! What verifying a day costs: a bundle of a million eligible chats, against half a second of CPU.

use std::fs;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate};
use sampling::{
    AgentList, Bundle, ConversationId, Counts, FORMAT, ListTerms, Plan, Ranker, Seal, Seed, agent_hash,
    commitment, draw_agent, list_hash,
};

use crate::report::Row;

const AGENTS: usize = 5_000;
const CHATS: usize = 200;
/// The limit that architecture.md sets for 10⁶ chats.
const LIMIT_SECONDS: f64 = 0.5;

/// The row `draw_verify`.
pub fn row() -> Result<Row> {
    let bundle = bundle()?;
    let before = cpu_seconds()?;
    sampling::verify(&bundle)
        .map_err(|difference| anyhow::anyhow!("the bench's bundle is wrong: {difference}"))?;
    let used = cpu_seconds()? - before;
    let size =
        format!("{} chats of {AGENTS} agents: ranks, samples, hashes; peer: the limit set", AGENTS * CHATS);
    Ok(Row::lower("draw_verify", used, LIMIT_SECONDS, "CPU s", size))
}

fn bundle() -> Result<Bundle> {
    let (merchant, seed) = ("bench", Seed::new([7; 32]));
    let day = NaiveDate::from_ymd_opt(2026, 11, 11).context("a day")?;
    let at = DateTime::from_timestamp(1_794_000_000, 0).context("a time")?;
    let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
    let ranker = Ranker::new(&seed, merchant, day);
    let agents: Vec<AgentList> = (0..AGENTS)
        .map(|agent| {
            let account = format!("shop:agent-{agent:05}");
            let chat = |chat| ConversationId::new("shop-1", "chat", format!("conv-{agent:05}-{chat:05}"));
            let eligible: Vec<ConversationId> = (0..CHATS).map(chat).collect();
            let drawn = draw_agent(&ranker.agent(&account), &eligible, plan.size).drawn;
            AgentList {
                excluded: Vec::new(),
                agent_hash: agent_hash(merchant, day, &account, &eligible),
                drawn: drawn.into_iter().map(|(_, id)| id).collect(),
                account,
                eligible,
                plan: None,
            }
        })
        .collect();
    let terms = ListTerms { merchant, day, plan, day_closed_version: 1 };
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        merchant: merchant.to_owned(),
        day,
        plan,
        commitment: commitment(merchant, day, &seed),
        committed_at: at,
        before_day: true,
        list_hash: list_hash(&terms, agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash))),
        seed,
        day_closed_version: 1,
        agents,
        late: Vec::new(),
        late_seeds: Vec::new(),
        drawn_at: at,
        seal: Seal::UNSET,
    };
    Ok(bundle.sealed())
}

/// CPU seconds of this process.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/schedstat")?;
    let nanos: u64 = stat.split_whitespace().next().context("schedstat has a first field")?.parse()?;
    Ok(nanos as f64 / 1e9)
}
