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
    daily.within_seconds = WITHIN.to_vec();
    let rows = test.figures_as(who, daily).await.expect("answers");
    let mut whole = asking(pb::Group::Merchant, "2020-05-01", "2020-05-31");
    whole.distinct_customers = true;
    whole.within_seconds = WITHIN.to_vec();
    let whole = test.figures_as(who, whole).await.expect("answers");
    let left = final_state(&conversations);
    let measures = (1..20).chain(80..100).chain(110..111).filter_map(|number| M::try_from(number).ok());
    for request in measures.flat_map(requests) {
        let explained = explained(test, who, request.clone()).await;
        assert_eq!(explained.conversations, left.len(), "{request:?} lists every conversation");
        let of_whole = whole.first().map_or((0, 0), |row| value_of(&request, row));
        assert_eq!(explained.figure, of_whole, "{request:?} of the merchant");
        assert_eq!(explained.figure, total(&explained.parts), "{request:?} as a whole");
        // Different ones are those of the whole range: a row of a day knows nothing of the days before.
        if matches!(request.measure(), M::ActiveAccounts | M::DistinctCustomers) {
            continue;
        }
        let mut wanted: Parts = rows.iter().map(|row| (place(row), value_of(&request, row))).collect();
        wanted.retain(|_, parts| *parts != (0, 0));
        assert_eq!(explained.parts, wanted, "{request:?}");
        let mut all: Vec<i64> = explained.durations_ms.values().flatten().copied().collect();
        whole.iter().for_each(|row| check_durations(&request, row, &mut all));
        for row in &rows {
            let mut durations = explained.durations_ms.get(&place(row)).cloned().unwrap_or_default();
            check_durations(&request, row, &mut durations);
        }
    }
    check_hours(test, who).await;
}

/// Rows of hours, each explained by a few measures.
async fn check_hours(test: &TestMetrics, who: &TestCaller) {
    let mut hourly = asking(pb::Group::Merchant, "2020-05-01", "2020-05-31");
    hourly.step = pb::Step::Hour.into();
    hourly.within_seconds = WITHIN.to_vec();
    let rows = test.figures_as(who, hourly).await.expect("answers");
    let measures = [
        M::Response,
        M::ReceivedCustomers,
        M::InTimeCustomers,
        M::SlowCustomers,
        M::ActiveAccounts,
        M::Within,
    ];
    for (row, measure) in rows.iter().rev().take(3).flat_map(|row| measures.map(|measure| (row, measure))) {
        let days = proto::common::v1::DayRange { from: row.from, to: row.to };
        let request = requests(measure).remove(0);
        let request = pb::ExplainFigureRequest { days: Some(days), hour: row.hour, page_size: 2, ..request };
        let explained = explained(test, who, request.clone()).await;
        assert_eq!(explained.figure, value_of(&request, row), "{request:?}");
        assert_eq!(total(&explained.parts), explained.figure, "{request:?}");
        let mut durations_ms: Vec<i64> = explained.durations_ms.into_values().flatten().collect();
        check_durations(&request, row, &mut durations_ms);
    }
}

/// Each row's own seconds.
const WITHIN: [i32; 2] = [45, 180];

/// The requests that explain a measure; pages are small enough that some end within an account's day.
fn requests(measure: M) -> Vec<pb::ExplainFigureRequest> {
    let request = pb::ExplainFigureRequest {
        measure: measure.into(),
        days: days("2020-05-01", "2020-05-31"),
        page_size: 17,
        ..Default::default()
    };
    match measure {
        M::Within | M::FirstWithin => WITHIN
            .map(|seconds| pb::ExplainFigureRequest { within_seconds: Some(seconds), ..request.clone() })
            .to_vec(),
        _ => vec![request],
    }
}

fn place(row: &pb::Figures) -> (String, Day) {
    (row.key.clone(), day(row.from.as_ref()))
}

/// Whatever of a row is made of durations is what a recount of those listed gives.
fn check_durations(request: &pb::ExplainFigureRequest, row: &pb::Figures, durations_ms: &mut [i64]) {
    let times = match request.measure() {
        M::FirstResponse => &row.first_response,
        M::Response => &row.response,
        M::Length => &row.length,
        M::Within | M::FirstWithin => return check_within(request, row, durations_ms),
        _ => return,
    };
    check_times(request, times.as_ref().expect("times"), durations_ms);
}

/// Sum, count and mean are those of the durations; median and p90 are their nearest ranks to 1 %.
pub fn check_times(request: &pb::ExplainFigureRequest, times: &pb::Times, durations_ms: &mut [i64]) {
    durations_ms.sort_unstable();
    let (sum_ms, count) = (durations_ms.iter().sum::<i64>(), durations_ms.len());
    assert_eq!((times.sum_ms, times.count), (sum_ms, count as i64), "{request:?}");
    let average = (count > 0).then(|| sum_ms as f64 / 1_000.0 / count as f64);
    assert_eq!(times.average_seconds, average, "{request:?}");
    for (tenths, found) in [(5, times.median_seconds), (9, times.p90_seconds)] {
        let exact = (count > 0).then(|| durations_ms[(count * tenths).div_ceil(10) - 1] as f64 / 1_000.0);
        let near = match (exact, found) {
            (Some(exact), Some(found)) => (found - exact).abs() <= exact * 0.01 + 1e-9,
            (exact, found) => exact == found,
        };
        assert!(near, "{request:?}: {found:?} against {exact:?}");
    }
}

/// The bucketed share is no further from the exact one than it says.
fn check_within(request: &pb::ExplainFigureRequest, row: &pb::Figures, durations_ms: &[i64]) {
    let limit_ms = i64::from(request.within_seconds()) * 1_000;
    let exact = durations_ms.iter().filter(|ms| **ms <= limit_ms).count() as i64;
    let within =
        row.within.iter().find(|within| within.seconds == request.within_seconds()).expect("is asked for");
    let uncertain = match request.measure() {
        M::Within => within.rounds_uncertain,
        _ => within.first_rounds_uncertain,
    };
    let found = value_of(request, row).0;
    assert!((found - exact).abs() <= uncertain, "{request:?}: {found} against {exact} ± {uncertain}");
}

fn total(parts: &Parts) -> (i64, i64) {
    parts.values().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// What an explanation says in all.
struct Explained {
    figure: (i64, i64),
    /// What the listed conversations give to each account's day.
    parts: Parts,
    durations_ms: BTreeMap<(String, Day), Vec<i64>>,
    conversations: usize,
}

async fn explained(test: &TestMetrics, who: &TestCaller, mut request: pb::ExplainFigureRequest) -> Explained {
    let (mut parts, mut listed) = (Parts::new(), BTreeSet::new());
    let mut durations_ms: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    let figure = loop {
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let page = page.expect("explains").into_inner();
        for row in &page.conversations {
            let id = row.conversation.as_ref().map(|key| key.conversation_id.clone()).unwrap_or_default();
            assert!(listed.insert((id, row.account_id.clone())), "{request:?} lists {row:?} twice");
            assert_eq!(row.counted, (row.numerator, row.denominator) != (0, 0), "{request:?} {row:?}");
            assert!(row.counted || row.reason() != pb::ExplainReason::Unspecified, "{request:?} {row:?}");
            let key = (row.account_id.clone(), day(row.business_day.as_ref()));
            let entry = parts.entry(key.clone()).or_default();
            *entry = (entry.0 + row.numerator, entry.1 + row.denominator);
            durations_ms.entry(key).or_default().extend(&row.durations_ms);
        }
        if page.next_page_token.is_empty() {
            break (page.numerator, page.denominator);
        }
        request.page_token = page.next_page_token;
    };
    let ids: BTreeSet<_> = listed.iter().map(|(id, _)| id).collect();
    parts.retain(|_, parts| *parts != (0, 0));
    Explained { figure, parts, durations_ms, conversations: ids.len() }
}

fn value_of(request: &pb::ExplainFigureRequest, row: &pb::Figures) -> (i64, i64) {
    let rate = |rate: &Option<Rate>| rate.as_ref().map_or((0, 0), |r| (r.numerator, r.denominator));
    let times = |times: &Option<pb::Times>| times.as_ref().map_or((0, 0), |t| (t.sum_ms, t.count));
    let within = || {
        let found = row.within.iter().find(|within| within.seconds == request.within_seconds());
        found.expect("is asked for")
    };
    match request.measure() {
        M::ActiveAccounts => (row.active_accounts, 0),
        M::DistinctCustomers => (row.distinct_customers(), 0),
        M::Within => rate(&within().rounds),
        M::FirstWithin => rate(&within().first_rounds),
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
        M::SlowCustomers => (row.slow_customers, 0),
        M::AssistedReplyRate => rate(&row.assisted_reply_rate),
        other => panic!("{other:?} is made of facts"),
    }
}
