//! Where figures go when a conversation has more than one account, is handed over, reopened, or crosses midnight. The
//! README's table says the same in words.

use proto::common::v1::Rate;
use proto::metrics::v1 as pb;
use testkit::caller;

use crate::support::{TestMetrics, asking, chat, date, days};

const DAY: &str = "2020-05-13";

/// A chat in which the messages marked `H` are those of the account `helper`.
fn helped(id: &str, account: &str, customer: &str, start: &str, messages: &[&str]) -> pb::Conversation {
    let mut chat = chat(id, account, customer, start, messages);
    for (message, text) in chat.messages.iter_mut().zip(messages) {
        if text.ends_with('H') {
            message.account_id = "helper".to_owned();
        }
    }
    chat
}

async fn by_account(test: &TestMetrics) -> Vec<pb::Figures> {
    test.figures(asking(pb::Group::Account, "2020-05-01", "2020-05-31")).await
}

fn rate(rate: &Option<Rate>) -> (i64, i64) {
    rate.map(|rate| (rate.numerator, rate.denominator)).expect("a rate")
}

fn response(row: &pb::Figures) -> (i64, i64) {
    row.response.as_ref().map(|times| (times.sum_ms, times.count)).expect("times")
}

async fn explained(
    test: &TestMetrics,
    measure: pb::Measure,
    account: &str,
) -> ((i64, i64), Vec<pb::ExplainedConversation>) {
    let filter = pb::Filter { account_ids: vec![account.to_owned()], ..Default::default() };
    let request = pb::ExplainFigureRequest {
        measure: measure.into(),
        // For shares within some seconds alone.
        within_seconds: matches!(measure, pb::Measure::Within | pb::Measure::FirstWithin).then_some(30),
        days: days("2020-05-01", "2020-05-31"),
        filter: Some(filter),
        ..Default::default()
    };
    let answer = test.client.clone().explain_figure(test.by(&caller(), request)).await.expect("explains");
    let answer = answer.into_inner();
    ((answer.numerator, answer.denominator), answer.conversations)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_answered_in_anothers_chat_has_figures_of_their_own_that_can_be_explained() {
    let test = TestMetrics::start().await;
    let messages = ["0 C", "10 H", "60 C", "90 A", "100 C"];
    test.send(vec![helped("c-1", "owner", "b-1", "2020-05-13T10:00:00", &messages)]).await;
    let rows = by_account(&test).await;
    let [helper, owner] = rows.as_slice() else { panic!("two rows, not {rows:?}") };
    assert_eq!((helper.key.as_str(), owner.key.as_str()), ("helper", "owner"));
    assert_eq!((helper.conversations, owner.conversations), (0, 1));
    assert_eq!((helper.received_customers, owner.received_customers), (1, 1));
    assert_eq!((response(helper), response(owner)), ((10_000, 1), (30_000, 1)));
    assert_eq!((rate(&helper.answered_rate), rate(&owner.answered_rate)), ((1, 1), (1, 2)));
    assert_eq!((rate(&helper.reply_ratio), rate(&owner.reply_ratio)), ((1, 1), (1, 2)));
    assert_eq!((helper.active_accounts, owner.length.as_ref().map(|l| l.count)), (1, Some(1)));
    let whole = &test.figures(asking(pb::Group::Merchant, DAY, DAY)).await[0];
    assert_eq!((response(whole), whole.conversations, whole.active_accounts), ((40_000, 2), 1, 2));
    assert_eq!(test.count("SELECT count(*) FROM accounts_seen").await, 2, "the helper is met too");

    // Those of conversations; what hangs on customers speaks for the conversation's account alone.
    for measure in (1..20).chain(80..100).filter_map(|number| pb::Measure::try_from(number).ok()) {
        for account in ["helper", "owner"] {
            let (figure, rows) = explained(&test, measure, account).await;
            let parts = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.numerator, sum.1 + row.denominator));
            assert_eq!((parts, rows.len()), (figure, 1), "{measure:?} of {account}");
            assert!(
                rows[0].counted || rows[0].reason() != pb::ExplainReason::Unspecified,
                "{measure:?} of {account}"
            );
        }
    }
    let (_, rows) = explained(&test, pb::Measure::Conversations, "helper").await;
    assert_eq!(rows[0].reason(), pb::ExplainReason::AnotherAccount);

    // A revision says that the account did it all alone: the helper's figures go back to where they came from.
    let mut alone =
        chat("c-1", "owner", "b-1", "2020-05-13T10:00:00", &["0 C", "10 A", "60 C", "90 A", "100 C"]);
    alone.revision = 1;
    test.send(vec![alone]).await;
    // What the helper wrote is counted with the customer.
    test.counted().await;
    let rows = by_account(&test).await;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["owner"]);
    assert_eq!(
        (response(&rows[0]), test.count("SELECT count(*) FROM conversation_helpers").await),
        ((40_000, 2), 0)
    );
    assert_eq!(test.count("SELECT count(*) FROM day_customers WHERE asked <> 0 AND received = 0").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handed_over_customer_counts_with_both_and_the_hand_over_is_told() {
    let test = TestMetrics::start().await;
    let mut first = chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "10 A"]);
    first.transferred_to = "a-2".to_owned();
    let mut second = chat("c-2", "a-2", "b-1", "2020-05-13T10:05:00", &["0 S", "30 A", "40 C", "45 A"]);
    second.transferred_from = "a-1".to_owned();
    test.send(vec![first, second]).await;
    let rows = by_account(&test).await;
    let moved: Vec<_> =
        rows.iter().map(|row| (row.key.as_str(), row.transferred_in, row.transferred_out)).collect();
    assert_eq!(moved, [("a-1", 0, 1), ("a-2", 1, 0)]);
    assert_eq!((rows[0].received_customers, rows[1].received_customers), (1, 1), "a person-day with each");
    assert_eq!(response(&rows[1]), (5_000, 1), "the platform's notice and the greeting answer nothing");
    let whole = pb::GetFiguresRequest { distinct_customers: true, ..asking(pb::Group::Merchant, DAY, DAY) };
    assert_eq!(test.figures(whole).await[0].distinct_customers, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_chat_is_measured_from_the_new_question_not_from_its_creation() {
    let test = TestMetrics::start().await;
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "10 A"])]).await;
    // Five days later the customer writes again, in the same conversation, and waits ten minutes.
    let later = 5 * 86_400;
    let question = format!("{later} C");
    let answer = format!("{} A", later + 600);
    let mut reopened = chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "10 A", &question, &answer]);
    reopened.revision = 1;
    test.send(vec![reopened]).await;
    let rows = by_account(&test).await;
    assert_eq!((rows.len(), rows[0].conversations), (1, 1));
    assert_eq!(response(&rows[0]), (610_000, 2));
    let first = rows[0].first_response.as_ref().map(|times| (times.sum_ms, times.count));
    assert_eq!(first, Some((10_000, 1)), "the first answer stays the first");
    let day = test
        .figures(pb::GetFiguresRequest {
            step: pb::Step::Day.into(),
            ..asking(pb::Group::Account, "2020-05-01", "2020-05-31")
        })
        .await;
    assert_eq!(
        day.iter().map(|row| row.from).collect::<Vec<_>>(),
        [Some(date(DAY))],
        "on the day of its first message"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_across_midnight_counts_whole_on_the_day_and_in_the_hour_of_its_first_message() {
    let test = TestMetrics::start().await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T23:58:00", &["0 C", "300 A", "310 C", "320 A"]),
        chat("c-2", "a-1", "b-1", "2020-05-14T03:10:00", &["0 C", "5 A"]),
        // The conversation was opened before midnight, but nobody wrote until after it.
        chat("c-3", "a-1", "b-2", "2020-05-13T23:59:30", &["60 C", "70 A"]),
    ])
    .await;
    let step = |step: pb::Step| pb::GetFiguresRequest {
        step: step.into(),
        ..asking(pb::Group::Account, "2020-05-01", "2020-05-31")
    };
    let found: Vec<_> =
        test.figures(step(pb::Step::Day)).await.iter().map(|row| (row.from, response(row))).collect();
    assert_eq!(found, [(Some(date(DAY)), (310_000, 2)), (Some(date("2020-05-14")), (15_000, 2))]);
    let hours = test.figures(pb::GetFiguresRequest { page_size: 1, ..step(pb::Step::Hour) }).await;
    let found: Vec<_> =
        hours.iter().map(|row| (row.from, row.hour, row.conversations, response(row))).collect();
    let (first, second) = (Some(date(DAY)), Some(date("2020-05-14")));
    assert_eq!(
        found,
        [
            (first, Some(23), 1, (310_000, 2)),
            (second, Some(0), 1, (10_000, 1)),
            (second, Some(3), 1, (5_000, 1)),
        ],
        "night hours are hours like any other"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_hours_are_those_of_the_merchants_clock_also_when_it_changes() {
    let test = TestMetrics::start().await;
    let client = test.pool.side_client().await.expect("connects");
    client
        .batch_execute("INSERT INTO merchants VALUES ('berlin', 'Berlin', 'Europe/Berlin', 0, 1)")
        .await
        .expect("puts the merchant in");
    let who = caller().of("berlin");
    // Shanghai times: 23:30 UTC on 28 March is 0:30 in Berlin; 01:05 UTC is 3:05, the clock having skipped an hour.
    test.send_as(
        &who,
        vec![
            chat("c-1", "a-1", "b-1", "2020-03-29T06:30:00", &["0 C", "5 A"]),
            chat("c-2", "a-1", "b-1", "2020-03-29T07:30:00", &["0 C", "5 A"]),
            chat("c-3", "a-1", "b-1", "2020-03-29T09:05:00", &["0 C", "5 A"]),
            chat("c-4", "a-1", "b-1", "2020-03-30T05:59:00", &["0 C", "5 A"]),
        ],
    )
    .await
    .expect("takes them");
    let hourly = pb::GetFiguresRequest {
        step: pb::Step::Hour.into(),
        ..asking(pb::Group::Merchant, "2020-03-28", "2020-03-30")
    };
    let rows = test.figures_as(&who, hourly).await.expect("answers");
    let found: Vec<_> = rows.iter().map(|row| (row.from.map(|day| day.day), row.hour)).collect();
    assert_eq!(found, [(Some(28), Some(23)), (Some(29), Some(0)), (Some(29), Some(3)), (Some(29), Some(23))]);
}
