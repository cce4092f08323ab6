//! QA scores: followed from qa, and held against gains in speed.

use std::time::Duration;

use chrono::DateTime;
use diesel_async::AsyncConnection;
use events::{Event, Payload};
use proto::access::Role;
use proto::common::v1::ConversationRef;
use proto::events::v1::ReviewPublished;
use proto::metrics::v1 as pb;
use testkit::{TestCaller, caller, eventually};

use crate::analysis;
use crate::support::{TestMetrics, chat, date, days};

const LIMIT: Duration = Duration::from_secs(20);
const BEFORE: &str = "2020-05-13";
const NOW: &str = "2020-05-14";

/// As qa tells of a review's result.
fn published(merchant: &str, id: &str, version: i64, review: ReviewPublished) -> Event {
    let payload = Payload::ReviewPublished(ReviewPublished { review_id: id.to_owned(), ..review });
    events::event(merchant, format!("review/{id}"), version, DateTime::UNIX_EPOCH, payload)
}

fn scored(account: &str, day: &str, score_bp: i32) -> ReviewPublished {
    ReviewPublished {
        conversation: Some(ConversationRef {
            shop_id: "star".to_owned(),
            channel: "chat".to_owned(),
            conversation_id: "暗号-1".to_owned(),
        }),
        business_day: Some(date(day)),
        account_id: account.to_owned(),
        reviewer_person_id: "r".to_owned(),
        scorecard_id: "card".to_owned(),
        scorecard_version: 1,
        score_bp,
        assessment_version: 1,
        counts_for_pay: Some(true),
        ..ReviewPublished::default()
    }
}

/// Puts events on their way as a service does, and waits until the broker has them. The relay doesn't ask whose they are.
async fn tell(test: &TestMetrics, events: &[Event]) {
    let mut conn = test.pool.get().await.expect("connects");
    let told = conn.transaction(async |conn| events::publish_all(conn, events).await).await;
    told.expect("publishes");
}

/// Ten reviews of an account's day with one score.
fn ten(account: &str, day: &str, score_bp: i32) -> Vec<Event> {
    let one = |n| published("demo", &format!("{account}-{day}-{n}"), 1, scored(account, day, score_bp));
    (0..10).map(one).collect()
}

async fn arrived(test: &TestMetrics, condition: &str) {
    let sql = format!("SELECT coalesce((SELECT {condition} FROM review_scores), false)::int::bigint");
    eventually(LIMIT, async || test.count(&sql).await == 1).await;
}

/// A chat with a content customer, answered after some seconds, by a quick reply or not.
fn answered(account: &str, day: &str, answer: &str) -> pb::Conversation {
    let id = format!("{account}-{day}");
    let mut chat = chat(&id, account, &id, &format!("{day}T10:00:00"), &["0 C", answer]);
    chat.satisfied = Some(true);
    chat
}

/// Two accounts that became quicker by prepared answers.
async fn quicker() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t2", false))).await;
    let chats = ["a1", "a2"]
        .map(|account| [(BEFORE, "90 A"), (NOW, "2 Q")].map(|(day, answer)| answered(account, day, answer)));
    test.send(chats.into_iter().flatten().collect()).await;
    test
}

async fn signs(test: &TestMetrics, who: &TestCaller, group: pb::Group) -> Vec<(String, Vec<pb::GamingSign>)> {
    let request = pb::GetAdviceRequest { days: days(NOW, NOW), group: group.into(), ..Default::default() };
    let mut client = analysis::client(test);
    let advice = client.get_advice(test.by(who, request)).await.expect("advises").into_inner().advice;
    advice.into_iter().map(|advice| (advice.key, advice.gaming_signs)).collect()
}

/// Sum and reviews, before and now.
fn scores(sign: &pb::GamingSign) -> Option<((i64, i64), (i64, i64))> {
    let of = |scores: &pb::QaScores| (scores.score_sum_bp, scores.reviews);
    Some((sign.qa_before.as_ref().map(of)?, sign.qa.as_ref().map(of)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gain_that_came_with_lower_qa_scores_is_said_so() {
    let test = quicker().await;
    // a1's chats became worse; a2's became better.
    let mut events = ten("a1", BEFORE, 9_000);
    events.extend(ten("a1", NOW, 8_100));
    events.extend(ten("a2", BEFORE, 8_000));
    events.extend(ten("a2", NOW, 9_000));
    // Another merchant's, and one of a day that nobody asks about.
    events.push(published("other", "o-1", 1, scored("a1", NOW, 0)));
    events.push(published("demo", "later", 1, scored("a1", "2020-05-15", 0)));
    tell(&test, &events).await;
    arrived(&test, "count(*) = 42").await;

    let found = signs(&test, &caller(), pb::Group::Person).await;
    let [(p1, told), (p2, quiet)] = found.as_slice() else { panic!("two people: {found:?}") };
    assert_eq!((p1.as_str(), p2.as_str()), ("p1", "p2"));
    assert!(quiet.is_empty(), "the chats became better, not only quicker: {quiet:?}");
    let gains: Vec<_> =
        told.iter().filter_map(|sign| sign.gain.as_ref().map(pb::MeasureChange::measure)).collect();
    assert_eq!(gains, [pb::Measure::FirstResponse, pb::Measure::Response]);
    assert_eq!(scores(&told[0]), Some(((90_000, 10), (81_000, 10))));
    assert_eq!((told[0].quick_reply_share_before, told[0].quick_reply_share), (0.0, 1.0));
    assert!(told[0].qa_ratio.is_some_and(|ratio| (ratio + 0.1).abs() < 1e-9), "{:?}", told[0].qa_ratio);

    // Whose rows one may not see, whose scores one doesn't see either.
    let own = caller().person("p2").roles(&[Role::Agent]);
    assert_eq!(signs(&test, &own, pb::Group::Person).await, [("p2".to_owned(), Vec::new())]);
    // All together: 17,000 before, 17,100 now, so it didn't fall; nor did customers become more content.
    let all = signs(&test, &caller(), pb::Group::Merchant).await;
    assert_eq!(scores(&all[0].1[0]), Some(((170_000, 20), (171_000, 20))));
    let other = caller().of("other");
    assert_eq!(signs(&test, &other, pb::Group::Merchant).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_reviews_say_nothing() {
    let test = quicker().await;
    let mut events = ten("a1", BEFORE, 9_000);
    events.extend(ten("a1", NOW, 5_000));
    events.pop();
    // Of a reviewer who was out of calibration.
    let unsure = ReviewPublished { counts_for_pay: Some(false), ..scored("a1", NOW, 5_000) };
    events.push(published("demo", "unsure", 1, unsure));
    tell(&test, &events).await;
    arrived(&test, "count(*) = 20").await;
    let found = signs(&test, &caller(), pb::Group::Account).await;
    let (account, told) = &found[0];
    assert_eq!(account, "a1");
    assert_eq!(told.len(), 2, "customers did not become more content: that is said as before");
    assert!(told.iter().all(|sign| scores(sign).is_none() && sign.qa_ratio.is_none()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_may_come_twice_in_any_order_and_be_taken_back() {
    let test = TestMetrics::start().await;
    let restated = |version, score_bp| {
        let assessment_version = i32::try_from(version).expect("small");
        published(
            "demo",
            "r-1",
            version,
            ReviewPublished { assessment_version, ..scored("a1", NOW, score_bp) },
        )
    };
    // The restatement first, then the first result, then a repeat of both under other event ids.
    for event in [restated(2, 10_000), restated(1, 5_000), restated(2, 10_000), restated(1, 5_000)] {
        tell(&test, &[event]).await;
    }
    // What comes after is handled after: one subject is one queue.
    tell(&test, &[published("demo", "last", 1, scored("a1", NOW, 1))]).await;
    arrived(&test, "bool_or(review_id = 'last')").await;
    arrived(&test, "count(*) = 2").await;
    assert_eq!(
        test.count("SELECT score_bp::bigint FROM review_scores WHERE review_id = 'r-1'").await,
        10_000
    );
    assert_eq!(test.count("SELECT version FROM review_scores WHERE review_id = 'r-1'").await, 2);

    // After an appeal nothing was applicable.
    let taken_back = ReviewPublished { not_applicable: true, score_bp: 0, ..scored("a1", NOW, 0) };
    tell(&test, &[published("demo", "r-1", 3, taken_back)]).await;
    arrived(&test, "bool_or(review_id = 'r-1' AND score_bp IS NULL)").await;

    // What makes no sense is parked and blocks nobody.
    tell(&test, &[published("demo", "r-2", 1, scored("a1", NOW, 10_001))]).await;
    tell(&test, &[published("demo", "r-3", 1, scored("", NOW, 1))]).await;
    let parked = "SELECT count(*) FROM parked_events WHERE consumer = 'metrics-scores'";
    eventually(LIMIT, async || test.count(parked).await == 2).await;

    // Nothing here names the chat or its customer, so that an erasure in qa leaves nothing behind.
    let named = "SELECT count(*) FROM review_scores r WHERE r::text LIKE '%暗号%'";
    assert_eq!(test.count(named).await, 0);
}
