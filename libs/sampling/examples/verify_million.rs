//! How long it takes to rank, hash and verify a million chats on one core:
//! `cargo run --release --example verify_million -p sampling`.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::time::Instant;

use sampling::{
    AgentList, Bundle, ConversationId, Counts, FORMAT, ListTerms, Plan, Ranker, Seal, Seed, agent_hash,
    commitment, draw_agent, list_hash, verify,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (merchant, day, seed) = ("merchant-1", "2020-05-13".parse()?, Seed::new([7; 32]));
    let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
    let lists: Vec<(String, Vec<ConversationId>)> = (0..5_000)
        .map(|agent| {
            let chats = (0..200)
                .map(|chat| ConversationId::new("shop-1", "chat", format!("conv-{agent:05}-{chat:05}")));
            (format!("shop:agent-{agent:05}"), chats.collect())
        })
        .collect();

    let start = Instant::now();
    let ranker = Ranker::new(&seed, merchant, day);
    let agents: Vec<AgentList> = lists
        .into_iter()
        .map(|(account, eligible)| AgentList {
            excluded: Vec::new(),
            agent_hash: agent_hash(merchant, day, &account, &eligible),
            drawn: draw_agent(&ranker.agent(&account), &eligible, plan.size)
                .drawn
                .into_iter()
                .map(|(_, id)| id)
                .collect(),
            account,
            eligible,
            plan: None,
        })
        .collect();
    let terms = ListTerms { merchant, day, plan, day_closed_version: 1 };
    let list_hash = list_hash(&terms, agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash)));
    let made = start.elapsed();

    let now = "2020-05-14T18:00:00Z".parse()?;
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        merchant: merchant.to_owned(),
        day,
        plan,
        commitment: commitment(merchant, day, &seed),
        committed_at: now,
        before_day: false,
        seed,
        day_closed_version: 1,
        agents,
        list_hash,
        late: Vec::new(),
        late_seeds: Vec::new(),
        drawn_at: now,
        seal: Seal::UNSET,
    }
    .sealed();
    let start = Instant::now();
    let verified = verify(&bundle)?;
    println!(
        "{} chats of {} agents: ranked, hashed and drawn in {made:.3?}, verified in {:.3?}",
        verified.eligible,
        verified.agents,
        start.elapsed()
    );
    Ok(())
}
