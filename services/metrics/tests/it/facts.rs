//! Facts in: the same promises as for conversations.

use events::Payload;
use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::caller;
use tonic::Code;

use crate::fact_support::{fact, fact_lines, fen, order, payment, review, revised, yuan};
use crate::support::{TestMetrics, asking, reason};

fn counts(answer: &pb::BatchIngestFactsResponse) -> (i64, i64, i64, i64) {
    let counts = answer.counts.as_ref().expect("counts");
    (counts.accepted, counts.unchanged, counts.stale, counts.rejected)
}

fn an_order(id: &str) -> pb::Fact {
    fact(id, "2020-05-13T10:00:00", order(&["p-1"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_is_unchanged_other_content_refused_and_an_older_one_stale() {
    let test = TestMetrics::start().await;
    assert_eq!(counts(&test.send_facts(vec![an_order("o-1")]).await), (1, 0, 0, 0));
    assert_eq!(counts(&test.send_facts(vec![an_order("o-1")]).await), (0, 1, 0, 0));
    let other = fact("o-1", "2020-05-13T10:00:00", order(&["p-2"]));
    let refused = test.send_facts(vec![other.clone()]).await;
    assert_eq!(counts(&refused), (0, 0, 0, 1));
    assert_eq!((refused.rejects[0].line, refused.rejects[0].field.as_str()), (1, "revision"));
    assert_eq!(counts(&test.send_facts(vec![revised(other, 2), an_order("o-1")]).await), (1, 0, 1, 0));
    // The same id names another thing where it is of another kind.
    let paid = fact("o-1", "2020-05-13T10:01:00", payment("o-1", 10_000));
    assert_eq!(counts(&test.send_facts(vec![paid]).await), (1, 0, 0, 0));
    assert_eq!(test.count("SELECT count(*) FROM facts").await, 2);
    let audited = "SELECT count(*) FROM audit_entries WHERE entity = 'facts'";
    assert_eq!(test.count(audited).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_is_refused_by_itself() {
    let test = TestMetrics::start().await;
    let mut dollars = fact("o-2", "2020-05-13T10:00:00", order(&["p-1"]));
    if let Some(Body::Order(order)) = &mut dollars.body {
        order.amount.as_mut().expect("an amount").currency_code = "USD".to_owned();
    }
    let rating =
        pb::StoreRating { order_id: "o-1".to_owned(), item_score: 5, service_score: 0, delivery_score: 5 };
    let lines = vec![
        dollars,
        pb::Fact { body: None, ..an_order("o-3") },
        an_order("o-1"),
        fact("r-1", "2020-05-13T10:00:00", Body::StoreRating(rating)),
        fact(
            "c-1",
            "2020-05-13T10:00:00",
            Body::Cart(pb::Cart { quantity: 1, product_id: "p".to_owned(), amount: None }),
        ),
        fact("h-1", "2020-05-13T10:00:00", Body::Handling(pb::Handling::default())),
    ];
    let answer = test.send_facts(lines).await;
    assert_eq!(counts(&answer), (1, 0, 0, 5));
    let rejects: Vec<_> =
        answer.rejects.iter().map(|r| (r.line, r.field.as_str(), r.reason.as_str())).collect();
    assert_eq!(
        rejects,
        [
            (1, "order.amount", "must be in CNY, not in \"USD\""),
            (2, "body", "must be one of the kinds of facts"),
            (4, "store_rating.service_score", "must be from 1 to 5"),
            (5, "cart.amount", "must be given"),
            (6, "handling.kind", "must be ORDER or AFTER_SALE"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_acknowledges_its_commits_and_can_be_sent_again() {
    let test = TestMetrics::start_with(&[("ingest.batch_conversations", "40")]).await;
    let lines = fact_lines((0..100).map(|n| an_order(&format!("o-{n}"))).collect());
    let acks = test.stream_facts(lines.clone(), 7).await.expect("streams");
    assert_eq!(acks.last().map(|ack| ack.through_line), Some(100));
    assert_eq!(acks.iter().map(|ack| ack.counts.as_ref().map_or(0, |c| c.accepted)).sum::<i64>(), 100);
    let again = test.stream_facts(lines.clone(), 50).await.expect("streams");
    assert_eq!(again.iter().map(|ack| ack.counts.as_ref().map_or(0, |c| c.unchanged)).sum::<i64>(), 100);
    let status =
        test.stream_facts(vec![lines[1].clone(), lines[0].clone()], 2).await.expect_err("is refused");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "LINE_ORDER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_the_same_facts_in_opposite_orders_do_not_deadlock() {
    let test = TestMetrics::start_with(&[("ingest.batch_conversations", "20")]).await;
    let all: Vec<pb::Fact> = (0..200)
        .map(|n| pb::Fact { customer_id: format!("b-{}", n % 7), ..an_order(&format!("o-{n}")) })
        .collect();
    let streams = (0..6).map(|writer| {
        let mut mine = all.clone();
        if writer % 2 == 1 {
            mine.reverse();
        }
        test.stream_facts(fact_lines(mine), 10)
    });
    let mut accepted = 0;
    for acks in futures::future::join_all(streams).await {
        let acks = acks.expect("no deadlock reaches the client");
        accepted += acks.iter().map(|ack| ack.counts.as_ref().map_or(0, |c| c.accepted)).sum::<i64>();
    }
    assert_eq!(accepted, 200);
    test.counted().await;
    let whole = test.figures(asking(pb::Group::Merchant, "2020-05-01", "2020-05-31")).await;
    assert_eq!((whole[0].orders, fen(whole[0].ordered_amount.as_ref())), (200, 200 * 10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_leaves_redacted_and_its_text_stays_nowhere() {
    let test = TestMetrics::start().await;
    let collector = testkit::EventCollector::start(&test.nats).await;
    let text = "质量太差，打13812345678也没人接 青花瓷暗号";
    let question = pb::BotEvent {
        outcome: pb::BotOutcome::Unanswered.into(),
        question_class: pb::BotQuestionClass::Own.into(),
        question: "打13912345678给我".to_owned(),
        ..Default::default()
    };
    let mut named = fact("v-1", "2020-05-13T10:00:00", review("o-1", pb::ReviewRating::Bad, text));
    named.account_id = "a-7".to_owned();
    let appended_at = proto::time::timestamp("2020-05-14T02:00:00Z".parse().expect("an instant"));
    if let Some(Body::BuyerReview(review)) = &mut named.body {
        review.stars = Some(1);
        review.append_text = "客服13812345678打来后解决了".to_owned();
        review.appended_at = Some(appended_at);
    }
    test.send_facts(vec![named, fact("q-1", "2020-05-13T10:00:00", Body::BotEvent(question))]).await;
    let reviews = collector
        .wait_for(1, |payload| match payload {
            Payload::BuyerReviewReceived(review) => Some(review.clone()),
            _ => None,
        })
        .await;
    let received = &reviews[0];
    assert!(
        received.text.contains("青花瓷暗号") && !received.text.contains("13812345678"),
        "{}",
        received.text
    );
    assert_eq!((received.review_id.as_str(), received.order_id.as_str()), ("v-1", "o-1"));
    assert_eq!((received.stars, received.appended_at), (Some(1), Some(appended_at)));
    assert!(received.append_text.contains("解决了") && !received.append_text.contains("13812345678"));
    collector
        .wait_for(1, |payload| match payload {
            Payload::AgentSeen(seen) if seen.account_id == "a-7" => Some(()),
            _ => None,
        })
        .await;

    test.counted().await;
    let client = test.pool.side_client().await.expect("connects");
    let tables = client
        .query(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'metrics' \
             AND table_type = 'BASE TABLE'",
            &[],
        )
        .await
        .expect("lists tables");
    for table in tables {
        let table: String = table.get(0);
        let sql = format!(
            "SELECT count(*) FROM {table} t WHERE t::text ~ '13[89]12345678|313[89]3132333435' OR \
             ('{table}' <> 'outbox' AND t::text ~ ('青花瓷暗号|' || encode(convert_to('青花瓷暗号', 'UTF8'), 'hex')))"
        );
        let found: i64 = client.query_one(&sql, &[]).await.expect("looks").get(0);
        assert_eq!(found, 0, "{table} holds what the buyer wrote");
    }
    let kept = "SELECT count(*) FROM facts WHERE body->>'question' = '打[phone]给我'";
    assert_eq!(test.count(kept).await, 1, "the redacted question is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_bring_nothing_in() {
    let test = TestMetrics::start().await;
    let agent = caller().person("p-1").roles(&[Role::Agent]);
    let refused = test.send_facts_as(&agent, vec![an_order("o-1")]).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_in_the_currency_that_the_settings_name() {
    let test = TestMetrics::start_with(&[("money.currency", "JPY"), ("money.decimals", "0")]).await;
    let mut yen = an_order("o-1");
    if let Some(Body::Order(order)) = &mut yen.body {
        for amount in
            std::iter::once(&mut order.amount).chain(order.lines.iter_mut().map(|line| &mut line.amount))
        {
            *amount = yuan(0).map(|money| proto::google::r#type::Money {
                currency_code: "JPY".to_owned(),
                units: 700,
                ..money
            });
        }
    }
    assert_eq!(counts(&test.send_facts(vec![yen, an_order("o-2")]).await), (1, 0, 0, 1));
    test.counted().await;
    let whole = test.figures(asking(pb::Group::Merchant, "2020-05-01", "2020-05-31")).await;
    let amount = whole[0].ordered_amount.as_ref().expect("an amount");
    assert_eq!((amount.currency_code.as_str(), amount.units, amount.nanos), ("JPY", 700, 0));
}
