//! A whole day of chats through the suite: taken in, checked by all rules, closed and drawn, against the limit of 200,000
//! chats in five minutes on two cores.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{NaiveDate, NaiveTime};
use e2e::{Ground, Processes, people};
use jinpai::days::Days;
use jinpai::draw;
use proto::access::Role;
use proto::metrics::v1::ConversationLine;

use crate::ingest;
use crate::report::Row;

/// How many chats are taken.
const CHATS: &str = "JINPAI_BENCH_CHATS";
const CHATS_USUAL: usize = 20_000;
const AGENTS: usize = 200;
const MERCHANT: &str = "quality-day";
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Chats a second: 200,000 in five minutes.
const LIMIT: f64 = 200_000.0 / 300.0;

/// The row `quality_day`.
pub async fn row() -> Result<Row> {
    let program = std::env::current_exe()?.with_file_name("member");
    ensure!(program.is_file(), "{} is not built", program.display());
    let wanted = match std::env::var(CHATS) {
        Ok(wanted) => wanted.parse().with_context(|| format!("{CHATS} is a number"))?,
        Err(_) => CHATS_USUAL,
    };
    let day = NaiveDate::from_ymd_opt(2020, 6, 1).context("a day")?;
    let lines = of_one_day(&ingest::once()?, wanted, day)?;
    let messages: usize =
        lines.iter().filter_map(|line| line.conversation.as_ref()).map(|chat| chat.messages.len()).sum();
    let suite = Processes::start_on(Ground::durable().await, &program, None).await;
    let manager = suite.door.session_with(suite.door.token(MERCHANT, Role::Manager, None)).await;
    people::set_up(&manager).await;
    let start = Instant::now();
    ingest::ingest(&suite.door, MERCHANT, &lines).await?;
    wait(&suite.ground, "SELECT count(*) FROM qa.conversation_keys", wanted).await?;
    let stored = start.elapsed();
    wait(&suite.ground, "SELECT count(*) FROM qa.chat_checks", wanted).await?;
    let checked = start.elapsed();
    let options = draw::Options { days: Days { from: day, to: None }, wait: PATIENCE.as_secs() };
    let drawn = draw::days(&manager, &options, None, |_| ()).await?;
    let took = start.elapsed();
    let hits =
        suite.ground.count("SELECT count(*) FROM qa.check_hits").await.context("the database is away")?;
    let size = format!(
        "{wanted} chats, {messages} messages, {AGENTS} agents; in qa after {:.1} s, checked after {:.1} s ({hits} hits), {} drawn after \
         {:.1} s; limit: 200,000 in 300 s",
        stored.as_secs_f64(),
        checked.as_secs_f64(),
        drawn.drawn,
        took.as_secs_f64(),
    );
    Ok(Row::higher("quality_day", wanted as f64 / took.as_secs_f64(), LIMIT, "chats/s", size))
}

/// The demo conversations over and over, each with an id of its own, between nine and evening of one day, agents in turn.
fn of_one_day(once: &[ConversationLine], wanted: usize, day: NaiveDate) -> Result<Vec<ConversationLine>> {
    // Nine o'clock in China.
    let morning = day.and_time(NaiveTime::MIN).and_utc().timestamp() + 3_600;
    let mut lines = Vec::with_capacity(wanted);
    for (at, mut line) in once.iter().cycle().take(wanted).cloned().enumerate() {
        let chat = line.conversation.as_mut().context("a line has a conversation")?;
        chat.conversation_id = format!("{}-{at}", chat.conversation_id);
        chat.account_id = format!("agent-{}", at % AGENTS);
        let begun = chat.started_at.as_ref().context("a chat has a beginning")?.seconds;
        let begins = morning + i64::try_from(at % 36_000)?;
        for message in &mut chat.messages {
            message.account_id = String::new();
        }
        let times = chat.messages.iter_mut().map(|message| &mut message.sent_at);
        for time in times.chain([&mut chat.started_at, &mut chat.closed_at]).flatten() {
            time.seconds += begins - begun;
        }
        line.line = i64::try_from(at)? + 1;
        lines.push(line);
    }
    Ok(lines)
}

async fn wait(ground: &Ground, count: &str, wanted: usize) -> Result<()> {
    let (deadline, wanted) = (Instant::now() + PATIENCE, i64::try_from(wanted)?);
    while ground.count(count).await.context("the database is away")? < wanted {
        ensure!(Instant::now() < deadline, "the work is not done in time");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}
