//! Whatever conversations come, with helpers, transfers and revisions: the parts that an explanation lists add up to each account's
//! figure of each day, for every measure made of conversations. Those made of facts are in `trade_worlds`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::common::v1::{Rate, Sender};
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use testkit::{TestCaller, caller};

use crate::support::{TestMetrics, asking, days, tell_of_merchants};
use crate::writers::{any_conversation, final_state, honest};

/// One version of a conversation in which some messages are those of a colleague, perhaps handed over.
fn any_shared_conversation() -> impl Strategy<Value = pb::Conversation> {
    let marks = (any::<Option<bool>>(), any::<(bool, bool)>());
    (any_conversation(), prop::collection::vec(0..5_u32, 8), marks).prop_map(
        |(mut conversation, helpers, (completed, (came, went)))| {
            for (message, helper) in conversation.messages.iter_mut().zip(helpers) {
                if message.sender() == Sender::Agent && helper < 3 {
                    message.account_id = format!("a-{helper}");
                }
            }
            conversation.completed = completed;
            conversation.transferred_from = if came { "desk" } else { "" }.to_owned();
            conversation.transferred_to = if went { "desk" } else { "" }.to_owned();
            conversation
        },
    )
}

#[test]
fn the_parts_add_up_whatever_conversations_come() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let arrivals = prop::collection::vec(any_shared_conversation(), 1..60).prop_map(honest).prop_shuffle();
    let test = runtime.block_on(TestMetrics::start());
    let case = std::cell::Cell::new(0);
    runner
        .run(&arrivals, |conversations| {
            case.set(case.get() + 1);
            let merchant = format!("m-{}", case.get());
            runtime.block_on(async {
                tell_of_merchants(&test.pool, &[&merchant]).await;
                check(&test, &caller().of(&merchant), conversations).await;
            });
            Ok(())
        })
        .expect("holds for all cases");
}

type Day = (i32, i32, i32);
/// Numerator and denominator by account and day.
type Parts = BTreeMap<(String, Day), (i64, i64)>;

fn day(date: Option<&Date>) -> Day {
    date.map(|date| (date.year, date.month, date.day)).expect("a day")
}

async fn check(test: &TestMetrics, who: &TestCaller, conversations: Vec<pb::Conversation>) {
    for batch in conversations.chunks(20) {
        let answer = test.send_as(who, batch.to_vec()).await.expect("takes the batch");
        assert_eq!(answer.rejects, []);
    }
    test.counted().await;
    let mut daily = asking(pb::Group::Account, "2020-05-01", "2020-05-31");
    daily.step = pb::Step::Day.into();
    let rows = test.figures_as(who, daily).await.expect("answers");
    let left = final_state(&conversations);
    for measure in (1..20).chain(80..100).filter_map(|number| M::try_from(number).ok()) {
        let mut wanted: Parts = rows
            .iter()
            .map(|row| ((row.key.clone(), day(row.from.as_ref())), value_of(measure, row)))
            .collect();
        let (figure, found) = explained(test, who, measure, left.len()).await;
        assert_eq!(figure, total(&wanted), "{measure:?} as a whole");
        wanted.retain(|_, parts| *parts != (0, 0));
        assert_eq!(found, wanted, "{measure:?}");
    }
}

fn total(parts: &Parts) -> (i64, i64) {
    parts.values().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// The figure, and what the listed conversations give to each account's day.
async fn explained(
    test: &TestMetrics,
    who: &TestCaller,
    measure: M,
    conversations: usize,
) -> ((i64, i64), Parts) {
    let mut request = pb::ExplainFigureRequest {
        measure: measure.into(),
        days: days("2020-05-01", "2020-05-31"),
        page_size: 50,
        ..Default::default()
    };
    let (mut found, mut listed) = (Parts::new(), BTreeSet::new());
    let figure = loop {
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let page = page.expect("explains").into_inner();
        for row in &page.conversations {
            let id = row.conversation.as_ref().map(|key| key.conversation_id.clone()).unwrap_or_default();
            assert!(listed.insert((id, row.account_id.clone())), "{measure:?} lists {row:?} twice");
            assert_eq!(row.counted, (row.numerator, row.denominator) != (0, 0), "{measure:?} {row:?}");
            assert!(row.counted || row.reason() != pb::ExplainReason::Unspecified, "{measure:?} {row:?}");
            let key = (row.account_id.clone(), day(row.business_day.as_ref()));
            let entry = found.entry(key).or_default();
            *entry = (entry.0 + row.numerator, entry.1 + row.denominator);
        }
        if page.next_page_token.is_empty() {
            break (page.numerator, page.denominator);
        }
        request.page_token = page.next_page_token;
    };
    let ids: BTreeSet<_> = listed.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), conversations, "{measure:?} lists every conversation");
    found.retain(|_, parts| *parts != (0, 0));
    (figure, found)
}

fn value_of(measure: M, row: &pb::Figures) -> (i64, i64) {
    let rate = |rate: &Option<Rate>| rate.as_ref().map_or((0, 0), |r| (r.numerator, r.denominator));
    let times = |times: &Option<pb::Times>| times.as_ref().map_or((0, 0), |t| (t.sum_ms, t.count));
    match measure {
        M::Conversations => (row.conversations, 0),
        M::ReceivedCustomers => (row.received_customers, 0),
        M::Replies => (row.replies, 0),
        M::CustomerMessages => (row.customer_messages, 0),
        M::ReplyRatio => rate(&row.reply_ratio),
        M::ReplyRate => rate(&row.reply_rate),
        M::FirstResponse => times(&row.first_response),
        M::Response => times(&row.response),
        M::AnsweredRate => rate(&row.answered_rate),
        M::InTimeRate => rate(&row.in_time_rate),
        M::FirstInTimeRate => rate(&row.first_in_time_rate),
        M::LongChats => (row.long_chats, 0),
        M::Satisfaction => rate(&row.satisfaction),
        M::Completion => rate(&row.completion),
        M::Length => times(&row.length),
        M::QuickReplies => (row.quick_replies, 0),
        M::InTimeCustomers => rate(&row.in_time_customers),
        M::TransferredIn => (row.transferred_in, 0),
        M::TransferredOut => (row.transferred_out, 0),
        other => panic!("{other:?} is made of facts"),
    }
}
