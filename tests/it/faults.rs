//! `kill -9` of services and servers at random points of an ingest: what was acknowledged is there, once.

use std::time::Duration;

use e2e::star::{self, AgentDays};
use e2e::{Processes, people};
use jinpai::{draw, ingest};
use proto::access::Role;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use testkit::eventually;

/// Set, it repeats the kills of an earlier run.
const SEED_VARIABLE: &str = "JINPAI_FAULT_SEED";
/// How long the suite may take to get over a kill, debug build and busy machine considered.
const PATIENCE: Duration = Duration::from_secs(180);
const STORED: &str = "SELECT count(*) FROM metrics.conversations";
const CONVERSATIONS: i64 = 6205;
/// Small enough that each stretch between kills has several commits.
const BATCH: (&str, &str, &str) = ("metrics", "INGEST__BATCH_CONVERSATIONS", "200");

/// Who is killed, and after how many stored conversations.
fn kills(seed: u64) -> Vec<(&'static str, i64)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut victims = ["metrics", "qa", "postgres", "nats", "metrics", "postgres"];
    victims.shuffle(&mut random);
    // Each in its own stretch of the file, so that every kill hits a running ingest.
    let stretch = (CONVERSATIONS - 1500) / 6;
    (0..).zip(victims).map(|(n, victim)| (victim, n * stretch + random.random_range(1..stretch))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_survives_kills_and_nothing_is_lost_or_twice() {
    let seed =
        std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("{SEED_VARIABLE}={seed} repeats this run: {:?}", kills(seed));
    let mut suite = Processes::start_with(env!("CARGO_BIN_EXE_member").as_ref(), &[BATCH]).await;
    let file = star::file_in(suite.ground.folder());
    let expected = star::recount(&star::conversations(&file));
    let manager = suite.door.session(Role::Manager, None).await;
    people::import(&manager, people::DEMO).await;

    let sender = suite.door.session(Role::ServiceAccount, None).await;
    let options = star::ingest_options(file);
    let kills_in_turn = async {
        for (victim, after) in kills(seed) {
            stored(&suite, after).await;
            kill_and_restart(&mut suite, victim).await;
            suite.assert_running();
        }
    };
    let (summary, ()) = tokio::join!(ingest::run(&sender, &options, true), kills_in_turn);
    let summary = summary.expect("the ingest gets through");
    assert_eq!((summary.read, summary.rejected), (CONVERSATIONS, 0));
    // An acknowledgement that was lost on the way is asked for again, and then finds the conversation known.
    assert_eq!(summary.accepted + summary.unchanged, CONVERSATIONS);

    assert_eq!(suite.ground.count(STORED).await, Some(CONVERSATIONS));
    facts_equal_a_recount(&suite, &expected).await;
    let supervisor = suite.door.session(Role::Supervisor, None).await;
    let drawn = draw::days(&supervisor, &draw::Options { days: star::days(), wait: 300 }, |_| ()).await;
    let drawn = drawn.expect("qa has caught up and draws");
    assert_eq!((drawn.agent_days, drawn.drawn, drawn.shortfall_agent_days), (353, 1432, 338));
    suite.assert_running();
}

/// Waits until so many conversations are stored; the database may be away in between.
async fn stored(suite: &Processes, after: i64) {
    eventually(PATIENCE, async || suite.ground.count(STORED).await.is_some_and(|count| count >= after)).await;
}

async fn kill_and_restart(suite: &mut Processes, victim: &str) {
    match victim {
        "postgres" => {
            suite.ground.postgres.kill9().await.expect("is killed");
            suite.ground.postgres.restart().await.expect("comes back");
        }
        "nats" => {
            suite.ground.nats.kill9().await.expect("is killed");
            // Writes go on meanwhile.
            more_is_stored(suite).await;
            suite.ground.nats.restart().await.expect("comes back");
        }
        "qa" => {
            suite.kill9("qa");
            more_is_stored(suite).await;
            suite.restart("qa").await;
        }
        service => {
            suite.kill9(service);
            suite.restart(service).await;
        }
    }
}

async fn more_is_stored(suite: &Processes) {
    let before = suite.ground.count(STORED).await.expect("the database is there");
    stored(suite, (before + 100).min(CONVERSATIONS)).await;
}

async fn facts_equal_a_recount(suite: &Processes, expected: &AgentDays) {
    let analyst = suite.door.session(Role::Analyst, None).await;
    crate::journey::figures_are_those_of_the_file(&analyst, expected).await;
}
