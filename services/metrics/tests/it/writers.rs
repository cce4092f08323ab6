//! Many writers at once: no deadlock, and figures that don't depend on who came first.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::metrics::v1 as pb;

use crate::recount::{assert_same, by_agent_day, total};
use crate::support::{TestMetrics, asking, chat, tell_of_merchants, timed};

/// One version of a conversation: few keys, agents, customers and days, so that writers are in each other's way.
pub fn any_conversation() -> impl Strategy<Value = pb::Conversation> {
    let messages =
        prop::collection::vec((0..400_u32, prop::sample::select(vec!["C", "A", "Q", "P", "B", "S"])), 1..8);
    (0..25_u32, 0..4_i64, 0..3_u32, 0..4_u32, 0..3_u32, messages, any::<Option<bool>>()).prop_map(
        |(id, revision, account, customer, day, messages, satisfied)| {
            let messages = timed(messages);
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            let start = format!("2020-05-1{day}T23:55:00");
            let (account, customer) = (format!("a-{account}"), format!("b-{customer}"));
            let mut conversation = chat(&format!("c-{id}"), &account, &customer, &start, &messages);
            conversation.revision = revision;
            conversation.satisfied = satisfied;
            conversation
        },
    )
}

/// One content per key and revision: what a platform would send.
pub fn honest(conversations: Vec<pb::Conversation>) -> Vec<pb::Conversation> {
    let mut first = BTreeMap::new();
    for conversation in conversations {
        first.entry((conversation.conversation_id.clone(), conversation.revision)).or_insert(conversation);
    }
    first.into_values().collect()
}

/// What must be left: the highest revision of each.
pub fn final_state(conversations: &[pb::Conversation]) -> Vec<pb::Conversation> {
    let mut last: BTreeMap<&str, &pb::Conversation> = BTreeMap::new();
    for conversation in conversations {
        let entry = last.entry(&conversation.conversation_id).or_insert(conversation);
        if conversation.revision > entry.revision {
            *entry = conversation;
        }
    }
    last.into_values().cloned().collect()
}

#[test]
fn any_order_by_many_writers_gives_the_figures_of_a_plain_recount() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let batches = prop::collection::vec(any_conversation(), 1..120).prop_map(honest).prop_shuffle();
    let test = runtime.block_on(TestMetrics::start());
    // A merchant per case: a database each would cost more than the test.
    let case = std::cell::Cell::new(0);
    runner
        .run(&batches, |conversations| {
            case.set(case.get() + 1);
            let merchant = format!("m-{}", case.get());
            runtime.block_on(async {
                tell_of_merchants(&test.pool, &[&merchant]).await;
                check(&test, &merchant, conversations).await;
            });
            Ok(())
        })
        .expect("holds for all cases");
}

async fn check(test: &TestMetrics, merchant: &str, conversations: Vec<pb::Conversation>) {
    let who = testkit::caller().of(merchant);
    let writers = conversations.chunks(conversations.len().div_ceil(6)).map(|chunk| {
        let (who, chunk) = (who.clone(), chunk.to_vec());
        async move {
            for batch in chunk.chunks(7) {
                let answer =
                    test.send_as(&who, batch.to_vec()).await.expect("no deadlock reaches the client");
                assert_eq!(answer.rejects, []);
            }
        }
    });
    futures::future::join_all(writers).await;

    // Until its customers are counted, an account whose conversations all went elsewhere still has their orders' row.
    test.counted().await;
    let left = final_state(&conversations);
    let recount = by_agent_day(&left, &test.calendar().await);
    let mut daily = asking(pb::Group::Account, "2020-05-01", "2020-05-31");
    daily.step = pb::Step::Day.into();
    let rows = test.figures_as(&who, daily).await.expect("answers");
    assert_eq!(rows.len(), recount.len());
    for row in &rows {
        let day = row.from.as_ref().expect("a day");
        let key =
            (row.key.clone(), chrono::NaiveDate::from_ymd_opt(day.year, 5, day.day as u32).expect("a day"));
        assert_same(row, &recount[&key]);
    }
    let whole =
        test.figures_as(&who, asking(pb::Group::Shop, "2020-05-01", "2020-05-31")).await.expect("answers");
    assert_same(&whole[0], &total(recount.values()));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_the_same_conversations_in_opposite_orders_do_not_deadlock() {
    let test = TestMetrics::start_with(&[("ingest.batch_conversations", "20")]).await;
    let all: Vec<pb::Conversation> = (0..200)
        .map(|n| {
            let (account, customer) = (format!("a-{}", n % 5), format!("b-{}", n % 11));
            chat(&format!("c-{n}"), &account, &customer, "2020-05-13T10:00:00", &["0 C", "9 A"])
        })
        .collect();
    let streams = (0..6).map(|writer| {
        let mut mine = all.clone();
        if writer % 2 == 1 {
            mine.reverse();
        }
        test.stream(crate::support::lines(mine), 10)
    });
    let mut accepted = 0;
    let mut unchanged = 0;
    for acks in futures::future::join_all(streams).await {
        for ack in acks.expect("no deadlock reaches the client") {
            let counts = ack.counts.expect("counts");
            accepted += counts.accepted;
            unchanged += counts.unchanged;
        }
    }
    assert_eq!((accepted, unchanged), (200, 1_000));
    let recount = by_agent_day(&all, &test.calendar().await);
    let whole = test.figures(asking(pb::Group::Merchant, "2020-05-13", "2020-05-13")).await;
    assert_same(&whole[0], &total(recount.values()));
}
