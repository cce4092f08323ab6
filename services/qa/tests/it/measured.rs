//! How fast a day of chats is stored, checked and drawn. Measures, so it runs by hand:
//! `CHATS=200000 testkit run -- cargo test --release -p qa measured -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use testkit::eventually;

use crate::builders::{DAY, closed};
use crate::checking::saying;
use crate::support::TestQa;

const REVIEWS: &str = include_str!("../../../../libs/textcheck/data/held_out.tsv");
const AGENTS: usize = 200;
const MESSAGES: usize = 24;
const LIMIT: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures speed; run by hand on a quiet machine"]
#[expect(clippy::print_stdout, reason = "what was measured is the point")]
async fn a_day_of_chats_is_stored_checked_and_drawn() {
    let wanted: usize = std::env::var("CHATS").ok().and_then(|chats| chats.parse().ok()).unwrap_or(5_000);
    let texts: Vec<&str> = REVIEWS.lines().filter_map(|line| line.split('\t').next_back()).collect();
    let said = |n: usize| -> Vec<&str> { (0..MESSAGES).map(|k| texts[(n * 7 + k) % texts.len()]).collect() };
    let chats: Vec<_> =
        (0..wanted).map(|n| saying(&format!("c{n}"), &format!("agent-{}", n % AGENTS), &said(n))).collect();
    let test = TestQa::with_staff().await;
    let rows = i64::try_from(wanted).expect("few");
    let start = Instant::now();
    for chunk in chats.chunks(5_000) {
        test.publish(&chunk.iter().map(closed).collect::<Vec<_>>()).await;
    }
    let here = async || test.count("SELECT count(*) FROM qa.conversation_keys").await == rows;
    eventually(LIMIT, here).await;
    let stored = start.elapsed();
    eventually(LIMIT, async || test.count("SELECT count(*) FROM qa.chat_checks").await == rows).await;
    let checked = start.elapsed();
    test.close(DAY, 1, &chats).await;
    let draw = test.draw(DAY).await;
    let drawn = start.elapsed();
    let hits = test.count("SELECT count(*) FROM qa.check_hits").await;
    println!(
        "{wanted} chats of {MESSAGES} messages: stored after {stored:.1?}, checked after {checked:.1?} ({hits} hits), \
         {} drawn after {drawn:.1?}; {:.0} chats/s",
        draw.drawn,
        wanted as f64 / drawn.as_secs_f64()
    );
}
