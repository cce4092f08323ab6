//! Where typical cases of the figures go that rivals' statistics show: who wrote first, how much was written, who waited too
//! long, whose sales, assisted customers, refunds and the platform, and everything by hour.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::{ExplainReason as R, Measure as M};
use testkit::caller;
use tonic::Code;

use crate::fact_support::{fact, of, order, parts, payment, refund};
use crate::support::{TestMetrics, asking, chat, days};

const DAY: &str = "2020-05-13";

/// The rows of the accounts on the 13th, by account.
async fn accounts(test: &TestMetrics) -> Vec<pb::Figures> {
    test.counted().await;
    test.figures(asking(pb::Group::Account, DAY, DAY)).await
}

fn row<'a>(rows: &'a [pb::Figures], key: &str) -> &'a pb::Figures {
    rows.iter().find(|row| row.key == key).expect("a row")
}

fn explain(measure: M) -> pb::ExplainFigureRequest {
    pb::ExplainFigureRequest {
        measure: measure.into(),
        days: days(DAY, DAY),
        page_size: 100,
        ..Default::default()
    }
}

/// Whatever is listed: its name, account, part above the line and reason.
async fn explained(test: &TestMetrics, request: pb::ExplainFigureRequest) -> Vec<(String, String, i64, R)> {
    let answer = test.client.clone().explain_figure(test.by(&caller(), request)).await;
    let answer = answer.expect("explains").into_inner();
    let chats = answer.conversations.iter().map(|row| {
        let id = row.conversation.as_ref().expect("a name").conversation_id.clone();
        (id, row.account_id.clone(), row.numerator, row.reason())
    });
    let facts = answer
        .facts
        .iter()
        .map(|row| (row.fact_id.clone(), row.account_id.clone(), row.numerator, row.reason()));
    let listed: Vec<_> = chats.chain(facts).collect();
    assert_eq!(listed.iter().map(|(.., numerator, _)| numerator).sum::<i64>(), answer.numerator);
    listed
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_written_to_first_is_initiated_once_a_day_and_every_account_speaks_for_itself() {
    let test = TestMetrics::start().await;
    let mut helped = chat("c-4", "a-1", "b-3", "2020-05-13T11:00:00", &["0 C", "10 A"]);
    helped.messages[1].account_id = "a-2".to_owned();
    test.send(vec![
        // The agent writes first, and again later in the day.
        chat("c-1", "a-1", "b-1", "2020-05-13T09:00:00", &["0 A", "30 C", "40 A"]),
        chat("c-2", "a-1", "b-1", "2020-05-13T15:00:00", &["0 A"]),
        // The customer came in the morning: writing first in the afternoon doesn't count.
        chat("c-3a", "a-1", "b-2", "2020-05-13T09:00:00", &["0 C"]),
        chat("c-3b", "a-1", "b-2", "2020-05-13T15:00:00", &["0 A", "5 C"]),
        helped,
        // Neither a bot nor the platform is the account; nobody has to answer.
        chat("c-5", "a-2", "b-4", "2020-05-13T12:00:00", &["0 B", "1 S", "5 C", "9 A"]),
        chat("c-6", "a-2", "b-5", "2020-05-13T12:00:00", &["0 S", "5 Q"]),
    ])
    .await;
    let rows = accounts(&test).await;
    let initiated = |key| row(&rows, key).initiated_customers;
    assert_eq!((initiated("a-1"), initiated("a-2")), (1, 1));
    let listed = explained(&test, explain(M::InitiatedCustomers)).await;
    let of = |id: &str, account: &str| {
        let found = listed.iter().find(|(listed, of, ..)| listed == id && of == account).expect(id);
        (found.2, found.3)
    };
    assert_eq!(of("c-1", "a-1"), (1, R::Unspecified));
    assert_eq!(of("c-2", "a-1"), (0, R::RepeatCustomer));
    assert_eq!(
        (of("c-3a", "a-1"), of("c-3b", "a-1")),
        ((0, R::CustomerWroteFirst), (0, R::CustomerWroteFirst))
    );
    assert_eq!((of("c-4", "a-1"), of("c-4", "a-2")), ((0, R::NoReply), (0, R::CustomerWroteFirst)));
    assert_eq!((of("c-5", "a-2"), of("c-6", "a-2")), ((0, R::CustomerWroteFirst), (1, R::Unspecified)));
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_those_of_agents_as_they_came_in_blanks_included() {
    let test = TestMetrics::start().await;
    let mut shared = chat("c-1", "a-1", "b-1", "2020-05-13T09:00:00", &["0 C", "5 A", "6 Q", "7 B", "9 A"]);
    for (message, text) in
        shared.messages.iter_mut().zip(["在吗在吗", "在的 👋", "您好", "机器人回复", "电话13812345678"])
    {
        message.text = text.to_owned();
    }
    shared.messages[4].account_id = "a-2".to_owned();
    let mut picture = chat("c-2", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "5 A"]);
    picture.messages[1].text = String::new();
    test.send(vec![shared, picture, chat("c-3", "a-1", "b-2", "2020-05-13T10:00:00", &["0 C"])]).await;
    let rows = accounts(&test).await;
    // 在的, a blank and a hand are four; redaction doesn't change what was counted.
    assert_eq!((row(&rows, "a-1").reply_characters, row(&rows, "a-2").reply_characters), (4 + 2, 13));
    let listed = explained(&test, explain(M::ReplyCharacters)).await;
    let told: Vec<_> =
        listed.iter().map(|(id, account, n, why)| (id.as_str(), account.as_str(), *n, *why)).collect();
    assert_eq!(
        told,
        [
            ("c-1", "a-1", 6, R::Unspecified),
            ("c-2", "a-1", 0, R::NoneSent),
            ("c-3", "a-1", 0, R::NoReply),
            ("c-1", "a-2", 13, R::Unspecified),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_with_a_late_or_open_round_are_slow_ones_whatever_else_was_in_time() {
    let test = TestMetrics::start().await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T09:00:00", &["0 C", "180 A"]),
        chat("c-2", "a-1", "b-2", "2020-05-13T09:00:00", &["0 C", "20 A", "30 C", "211 A"]),
        chat("c-3", "a-1", "b-3", "2020-05-13T09:00:00", &["0 C", "20 A", "30 C"]),
        chat("c-4", "a-1", "b-4", "2020-05-13T09:00:00", &["0 C", "5 A"]),
        chat("c-5", "a-1", "b-4", "2020-05-13T10:00:00", &["0 C", "999 A"]),
        chat("c-6", "a-1", "b-4", "2020-05-13T11:00:00", &["0 C", "999 A"]),
        chat("c-7", "a-1", "b-5", "2020-05-13T11:00:00", &["0 A"]),
    ])
    .await;
    let rows = accounts(&test).await;
    assert_eq!((rows[0].slow_customers, parts(rows[0].in_time_customers)), (3, (1, 4)));
    let listed = explained(&test, explain(M::SlowCustomers)).await;
    let told: Vec<_> = listed.iter().map(|(id, _, n, why)| (id.as_str(), *n, *why)).collect();
    let expected = [
        ("c-1", 0, R::InTime),
        ("c-2", 1, R::Unspecified),
        ("c-3", 1, R::Unspecified),
        ("c-4", 0, R::InTime),
        ("c-5", 1, R::Unspecified),
        ("c-6", 0, R::RepeatCustomer),
        ("c-7", 0, R::NoCustomerMessage),
    ];
    assert_eq!(told, expected);
}

/// Two agents sell 60 and 30 yuan of 100; ten were paid silently.
async fn a_shop_with_silent_sales() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a-1", Some(("t1", false))).await;
    test.person("p2", "a-2", Some(("t1", false))).await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T09:00:00", &["0 C", "5 A"]),
        chat("c-2", "a-2", "b-2", "2020-05-13T09:00:00", &["0 C", "5 A"]),
        chat("c-3", "a-3", "b-3", "2020-05-13T09:00:00", &["0 C", "5 A"]),
    ])
    .await;
    let mut facts = Vec::new();
    for (customer, paid) in [("b-1", 6_000), ("b-2", 3_000), ("b-9", 1_000)] {
        let id = |kind: &str| format!("{kind}-{customer}");
        facts.push(of(customer, fact(&id("o"), "2020-05-13T10:00:00", order(&["p"]))));
        facts.push(of(customer, fact(&id("y"), "2020-05-13T10:05:00", payment(&id("o"), paid))));
    }
    test.send_facts(facts).await;
    test.counted().await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_share_of_sales_is_of_the_whole_shop_for_whomever_it_is_asked() {
    let test = a_shop_with_silent_sales().await;
    let shares = async |request: pb::GetFiguresRequest| {
        let rows = test.figures(request).await;
        let share = |row: pb::Figures| {
            (row.key, row.agents_share_of_sales.map(|rate| (rate.numerator, rate.denominator)))
        };
        rows.into_iter().map(share).collect::<Vec<_>>()
    };
    let by = |group| asking(group, DAY, DAY);
    let of = |key: &str, paid| (key.to_owned(), Some((paid, 10_000)));
    assert_eq!(shares(by(pb::Group::Merchant)).await, [of("", 9_000)]);
    assert_eq!(shares(by(pb::Group::Shop)).await, [of("star", 9_000)]);
    assert_eq!(shares(by(pb::Group::Team)).await, [of("", 0), of("t1", 9_000)]);
    let rows = [of("", 0), of("a-1", 6_000), of("a-2", 3_000), of("a-3", 0)];
    assert_eq!(shares(by(pb::Group::Account)).await, rows);
    let filter = pb::Filter { account_ids: vec!["a-2".to_owned()], ..Default::default() };
    let narrowed = pb::GetFiguresRequest { filter: Some(filter.clone()), ..by(pb::Group::Merchant) };
    assert_eq!(shares(narrowed).await, [of("", 3_000)], "below the line stands the shop all the same");
    assert_eq!(shares(by(pb::Group::Hour)).await[0].1, None);

    // All payments are listed; what another account or nobody sold stands below the line alone.
    let request = pb::ExplainFigureRequest { filter: Some(filter), ..explain(M::AgentsShareOfSales) };
    let answer = test.client.clone().explain_figure(test.by(&caller(), request.clone())).await;
    let answer = answer.expect("explains").into_inner();
    assert_eq!((answer.numerator, answer.denominator), (3_000, 10_000));
    assert_eq!(answer.facts.iter().map(|fact| fact.denominator).sum::<i64>(), 10_000);
    let listed = explained(&test, request).await;
    let told: Vec<_> = listed.iter().map(|(id, _, n, why)| (id.as_str(), *n, *why)).collect();
    let expected =
        [("y-b-9", 0, R::NotCredited), ("y-b-1", 0, R::AnotherAccount), ("y-b-2", 3_000, R::Unspecified)];
    assert_eq!(told, expected);
    let nothing = pb::Filter { account_ids: vec!["a-3".to_owned()], ..Default::default() };
    let request = pb::ExplainFigureRequest { filter: Some(nothing), ..explain(M::AgentsShareOfSales) };
    assert!(explained(&test, request).await.iter().all(|(.., numerator, _)| *numerator == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_only_themselves_does_not_learn_what_the_shop_sold() {
    let test = a_shop_with_silent_sales().await;
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let lead = caller().person("p2").roles(&[Role::Lead]);
    for who in [&agent, &lead] {
        let rows = test.figures_as(who, asking(pb::Group::Account, DAY, DAY)).await.expect("answers");
        assert!(rows.iter().all(|row| row.agents_share_of_sales.is_none()), "{rows:?}");
        let refused = test.client.clone().explain_figure(test.by(who, explain(M::AgentsShareOfSales))).await;
        let refused = refused.expect_err("is not theirs");
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert_eq!(status::Problem::from_status(&refused).reason, "WHOLE_SHOP_HIDDEN");
    }
    let rows = test.figures_as(&agent, asking(pb::Group::Account, DAY, DAY)).await.expect("answers");
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_orders_are_all_excluded_is_assisted_and_no_inquiry() {
    let test = TestMetrics::start().await;
    let excluded = || {
        let Body::Order(order) = order(&["p"]) else { panic!("an order") };
        Body::Order(pb::Order { excluded_reason: "刷单".to_owned(), ..order })
    };
    let asked = |id: &str, customer: &str| chat(id, "a-1", customer, "2020-05-13T09:00:00", &["0 C", "5 A"]);
    test.send(vec![
        asked("c-1", "b-1"),
        asked("c-2", "b-2"),
        asked("c-3", "b-3"),
        chat("c-4", "a-1", "b-1", "2020-05-13T09:30:00", &["0 C", "5 A"]),
    ])
    .await;
    test.send_facts(vec![
        of("b-1", fact("o-1", "2020-05-13T10:00:00", excluded())),
        of("b-2", fact("o-2", "2020-05-13T10:00:00", excluded())),
        of("b-2", fact("o-3", "2020-05-14T10:00:00", order(&["p"]))),
    ])
    .await;
    let rows = accounts(&test).await;
    let row = row(&rows, "a-1");
    assert_eq!((row.received_customers, row.inquiries, row.assisted_customers), (3, 2, 1));
    let listed = explained(&test, explain(M::AssistedCustomers)).await;
    let told: Vec<_> = listed.iter().map(|(id, _, n, why)| (id.as_str(), *n, *why)).collect();
    assert_eq!(
        told,
        [
            ("c-1", 1, R::Unspecified),
            ("c-4", 0, R::RepeatCustomer),
            ("c-2", 0, R::NotExcluded),
            ("c-3", 0, R::NotExcluded),
        ]
    );
}

/// A refund of b-1's order, with what the platform did.
fn told(
    id: &str,
    kind: pb::RefundKind,
    platform: (Option<bool>, Option<bool>),
    done: Option<&str>,
) -> pb::Fact {
    let Body::Refund(refund) = refund("o-1", 100, kind, done) else { panic!("a refund") };
    let body = pb::Refund { platform_help: platform.0, judged_against_shop: platform.1, ..refund };
    fact(id, "2020-05-12T10:00:00", Body::Refund(body))
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_tell_how_long_they_took_and_what_the_platform_did_only_where_that_is_known() {
    use pb::RefundKind::{RefundOnly, Return};

    let test = TestMetrics::start().await;
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-11T09:00:00", &["0 C", "5 A"])]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-11T10:00:00", order(&["p"])),
        fact("y-1", "2020-05-11T10:05:00", payment("o-1", 10_000)),
        told("r-1", RefundOnly, (None, None), Some("2020-05-13T10:00:00")),
        told("r-2", RefundOnly, (Some(false), None), Some("2020-05-13T12:00:00")),
        told("r-3", Return, (Some(true), Some(true)), Some("2020-05-13T22:00:00")),
        told("r-4", Return, (Some(true), Some(false)), Some("2020-05-13T22:00:00")),
        told("r-5", Return, (Some(true), None), None),
    ])
    .await;
    let rows = accounts(&test).await;
    let row = row(&rows, "a-1");
    let hour = 3_600_000;
    let times =
        |times: &Option<pb::Times>| times.map(|times| (times.sum_ms / hour, times.count)).expect("times");
    assert_eq!(
        (times(&row.refund_only_completion), times(&row.return_completion)),
        ((24 + 26, 2), (36 * 2, 2))
    );
    let median = row.return_completion.and_then(|times| times.median_seconds).expect("a median");
    assert!((median / (36.0 * 3_600.0) - 1.0).abs() < 0.01, "{median}");
    assert_eq!((parts(row.platform_help_rate), parts(row.platform_judged_rate)), ((2, 3), (1, 3)));
    let listed = explained(&test, explain(M::PlatformJudgedRate)).await;
    let told: Vec<_> = listed.iter().map(|(id, _, n, why)| (id.as_str(), *n, *why)).collect();
    let expected = [
        ("r-1", 0, R::PlatformUnknown),
        ("r-2", 0, R::NoPlatform),
        ("r-3", 1, R::Unspecified),
        ("r-4", 0, R::NotJudged),
    ];
    assert_eq!(told, expected);
    // A platform that tells nothing has no rate, rather than none at all.
    let silent = told_of_nothing(&test).await;
    assert_eq!(
        (parts(silent.platform_help_rate), silent.platform_help_rate.and_then(|r| r.quotient)),
        ((0, 0), None)
    );

    let wrong = self::told("r-9", RefundOnly, (Some(false), Some(true)), None);
    let answer = test.send_facts_as(&caller(), vec![wrong]).await.expect("takes the batch");
    let reject = format!("{:?}", answer.rejects);
    assert!(
        reject.contains("refund.judged_against_shop") && reject.contains("platform_help is true"),
        "{reject}"
    );
}

/// The figures of a day on which a refund was completed of which nothing else is known.
async fn told_of_nothing(test: &TestMetrics) -> pb::Figures {
    let done = Some("2020-05-16T10:00:00");
    test.send_facts(vec![told("r-6", pb::RefundKind::Return, (None, None), done)]).await;
    test.counted().await;
    let rows = test.figures(asking(pb::Group::Account, "2020-05-16", "2020-05-16")).await;
    assert_eq!(rows[0].completed_refunds, 1);
    rows.into_iter().next().expect("a row")
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_reviews_ratings_and_the_bot_have_their_hour_both_ways() {
    let test = TestMetrics::start().await;
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T09:50:00", &["0 C", "15 A"])]).await;
    let named = |id: &str, at: &str, body| pb::Fact { account_id: "a-1".to_owned(), ..fact(id, at, body) };
    let rating =
        pb::StoreRating { order_id: "o".to_owned(), item_score: 5, service_score: 4, delivery_score: 3 };
    let review = pb::BuyerReview {
        order_id: "o".to_owned(),
        rating: pb::ReviewRating::Good.into(),
        ..Default::default()
    };
    let event = pb::BotEvent {
        outcome: pb::BotOutcome::Answered.into(),
        question_class: pb::BotQuestionClass::General.into(),
        ..Default::default()
    };
    let complaint = pb::Complaint { severity: pb::ComplaintSeverity::Ordinary.into(), ..Default::default() };
    test.send_facts(vec![
        named("k-1", "2020-05-13T09:10:00", Body::Complaint(complaint)),
        named("s-1", "2020-05-13T20:00:00", Body::StoreRating(rating)),
        named("v-1", "2020-05-13T20:59:59", Body::BuyerReview(review)),
        named("q-1", "2020-05-13T21:00:00", Body::BotEvent(event)),
    ])
    .await;
    test.counted().await;
    let told = |row: &pb::Figures| {
        let complaint_rate = parts(row.complaint_rate);
        (
            row.hour,
            row.conversations,
            complaint_rate,
            parts(row.service_score),
            row.reviews,
            row.bot_questions,
        )
    };
    let by_clock = test.figures(asking(pb::Group::Hour, DAY, DAY)).await;
    let expected = [
        (Some(9), 0, (1, 1), (0, 0), 0, 0),
        (Some(20), 0, (0, 0), (4, 1), 1, 0),
        (Some(21), 0, (0, 0), (0, 0), 0, 1),
    ];
    assert_eq!(by_clock.iter().map(told).collect::<Vec<_>>(), expected);
    let hourly =
        pb::GetFiguresRequest { step: pb::Step::Hour.into(), ..asking(pb::Group::Account, DAY, DAY) };
    let by_hour = test.figures(hourly).await;
    let mut expected = expected;
    expected[0].1 = 1;
    assert_eq!(by_hour.iter().map(told).collect::<Vec<_>>(), expected);

    let at = |measure, hour| pb::ExplainFigureRequest { hour: Some(hour), ..explain(measure) };
    let listed = explained(&test, at(M::Complaints, 9)).await;
    assert_eq!(listed, [("k-1".to_owned(), "a-1".to_owned(), 1, R::Unspecified)]);
    assert_eq!(explained(&test, at(M::Complaints, 20)).await, []);
    let refused = test.client.clone().explain_figure(test.by(&caller(), at(M::ReceivedPerHead, 9))).await;
    let problem = status::Problem::from_status(&refused.expect_err("is of whole days"));
    assert_eq!(problem.violations[0].field, "hour");
    assert!(problem.violations[0].description.contains("RECEIVED_PER_HEAD"), "{problem:?}");
}
