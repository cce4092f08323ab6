//! Writes a made-up shop as mixed JSON Lines: `generate SEED DAYS CUSTOMERS_PER_DAY AGENTS FILE`; what it amounts to goes
//! to standard output as JSON. `generate demo FILE` writes the facts around the demo merchant's conversations.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use e2e::star;
use e2e::workload::{self, Chat, Plan};

/// The demo's facts come from this one.
const DEMO_SEED: u64 = 20_200_512;
/// The share of the demo's chats that something follows from.
const DEMO_SHARE: f64 = 0.2;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["demo", file] => demo(Path::new(file)),
        [seed, days, customers, agents, file] => {
            let plan = Plan {
                days: days.parse().context("DAYS")?,
                customers_per_day: customers.parse().context("CUSTOMERS_PER_DAY")?,
                agents: agents.parse().context("AGENTS")?,
                ..Plan::small(seed.parse().context("SEED")?)
            };
            let mut out = create(Path::new(file))?;
            let total = workload::generate(&plan, &mut out)?.total();
            out.flush()?;
            writeln!(std::io::stdout(), "{total:#?}")?;
            Ok(())
        }
        _ => bail!("generate SEED DAYS CUSTOMERS_PER_DAY AGENTS FILE, or generate demo FILE"),
    }
}

fn demo(file: &Path) -> Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/jinpai/demo/star.jsonl.xz");
    let chats: Vec<Chat> = star::conversations(&shipped)
        .into_iter()
        .filter_map(|chat| {
            let last = chat.messages.last()?.sent_at?;
            Some(Chat {
                channel: chat.channel,
                id: chat.conversation_id,
                account: chat.account_id,
                customer: chat.customer_id,
                ended_at: proto::time::instant(&last)?,
            })
        })
        .collect();
    let mut out = create(file)?;
    workload::around(DEMO_SEED, star::SHOP, &chats, DEMO_SHARE, &mut out)?;
    Ok(out.flush()?)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| format!("{} can't be written", path.display()))?))
}
