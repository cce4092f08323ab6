//! Who gets the credit of what on which day: scenarios one can follow by hand.

use std::time::Duration;

use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::{caller, eventually};

use crate::fact_support::{fact, fen, local, order, parts, payment, refund, review, revised};
use crate::support::{TestMetrics, asking, chat};

const CHAT: &[&str] = &["0 C", "20 A", "40 C"];

/// Asks `a-1` on the 13th at ten, orders at noon, pays at eight on the 14th.
fn a_sale() -> (Vec<pb::Conversation>, Vec<pb::Fact>) {
    let chats = vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT)];
    let facts = vec![
        fact("o-1", "2020-05-13T12:00:00", order(&["p-1", "p-2"])),
        fact("y-1", "2020-05-14T08:00:00", payment("o-1", 20_000)),
    ];
    (chats, facts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_counts_for_who_replied_last_and_facts_may_come_first() {
    let test = TestMetrics::start().await;
    let (chats, facts) = a_sale();
    test.send_facts(facts).await;
    let silent = test.trade("").await;
    assert_eq!((silent.orders, silent.paying_buyers), (1, 1), "nobody replied yet");
    test.send(chats).await;
    let sale = test.trade("a-1").await;
    assert_eq!((sale.inquiries, sale.ordering_buyers, sale.paying_buyers), (1, 1, 1));
    assert_eq!((sale.orders, sale.paid_orders), (1, 1));
    assert_eq!(fen(sale.ordered_amount.as_ref()), 20_000);
    let average = sale.average_order_value.expect("an average");
    assert_eq!(
        (fen(average.amount.as_ref()), average.count, fen(average.average.as_ref())),
        (20_000, 1, 20_000)
    );
    for rate in [sale.order_conversion_next_day, sale.order_conversion, sale.payment_conversion_next_day] {
        assert_eq!(parts(rate), (1, 1));
    }
    assert_eq!(test.trade("").await.orders, 0, "and nothing is left to nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_payment_converts_finally_but_not_next_day_and_one_too_late_not_at_all() {
    let test = TestMetrics::start().await;
    let (chats, mut facts) = a_sale();
    test.send(chats).await;
    facts[1].occurred_at = Some(local("2020-05-17T23:59:59"));
    test.send_facts(facts.clone()).await;
    let sale = test.trade("a-1").await;
    assert_eq!((parts(sale.payment_conversion_next_day), parts(sale.payment_conversion)), ((0, 1), (1, 1)));
    facts[1].occurred_at = Some(local("2020-05-18T00:00:00"));
    test.send_facts(vec![revised(facts[1].clone(), 1)]).await;
    let sale = test.trade("a-1").await;
    assert_eq!(parts(sale.payment_conversion), (0, 1), "four days are over");
    assert_eq!(sale.paid_orders, 1, "it is still credited by the order");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_order_leaves_credit_and_conversion_and_comes_back() {
    let test = TestMetrics::start().await;
    let (chats, facts) = a_sale();
    test.send(chats).await;
    test.send_facts(facts.clone()).await;
    let mut excluded = revised(facts[0].clone(), 1);
    if let Some(Body::Order(order)) = &mut excluded.body {
        order.excluded_reason = "刷单".to_owned();
    }
    test.send_facts(vec![excluded]).await;
    let assisting = test.trade("a-1").await;
    assert_eq!((assisting.inquiries, assisting.orders, assisting.paying_buyers), (0, 0, 0));
    assert_eq!(assisting.received_customers, 1, "the customer was served all the same");
    test.send_facts(vec![revised(facts[0].clone(), 2)]).await;
    assert_eq!(parts(test.trade("a-1").await.payment_conversion), (1, 1));
}

/// `a-1` replies before the order, `a-2` between order and payment; another order comes before anybody replied.
async fn two_agents(test: &TestMetrics) {
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT),
        chat("c-2", "a-2", "b-1", "2020-05-13T15:00:00", CHAT),
    ])
    .await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T12:00:00", order(&["p-1"])),
        fact("y-1", "2020-05-13T16:00:00", payment("o-1", 10_000)),
        fact("o-2", "2020-05-13T09:00:00", order(&["p-1", "p-2"])),
        pb::Fact {
            account_id: "a-9".to_owned(),
            ..fact("y-2", "2020-05-13T17:00:00", payment("o-2", 20_000))
        },
    ])
    .await;
    test.counted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_says_whose_sale_it_is() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    two_agents(&test).await;
    for (at, rule) in
        [pb::Attribution::Payment, pb::Attribution::Order, pb::Attribution::Platform].into_iter().enumerate()
    {
        let trade = pb::TradeRules { attribution: rule.into(), ..Default::default() };
        test.put_rules(at as i32 + 1, trade).await;
    }
    test.built().await;
    let check = async |version, account: &str, ordered, paid| {
        let row = test.trade_under(version, account).await;
        let amounts = (fen(row.ordered_amount.as_ref()), fen(row.paid_amount.as_ref()));
        assert_eq!(amounts, (ordered, paid), "version {version}, {account:?}");
    };
    // 下单优先判定 (built in): the unpaid-for order of before goes to who replied before it was paid.
    check(1, "a-1", 10_000, 10_000).await;
    check(1, "a-2", 0, 20_000).await;
    check(1, "", 20_000, 0).await;
    // 付款判定.
    check(2, "a-1", 10_000, 0).await;
    check(2, "a-2", 0, 30_000).await;
    check(2, "", 20_000, 0).await;
    // 下单判定.
    check(3, "a-1", 10_000, 10_000).await;
    check(3, "a-2", 0, 0).await;
    check(3, "", 20_000, 20_000).await;
    // The platform names a-9 on one payment.
    check(4, "a-9", 0, 20_000).await;
    check(4, "", 30_000, 10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_count_where_the_order_was_paid_and_on_the_day_they_were_done() {
    let test = TestMetrics::start().await;
    let (chats, facts) = a_sale();
    test.send(chats).await;
    test.send_facts(facts).await;
    let first = refund("o-1", 5_000, pb::RefundKind::RefundOnly, Some("2020-05-20T10:00:00"));
    let second = refund("o-1", 15_000, pb::RefundKind::Return, Some("2020-05-25T10:00:00"));
    test.send_facts(vec![
        fact("r-2", "2020-05-16T10:00:00", second),
        fact("r-1", "2020-05-19T10:00:00", first),
        fact("r-3", "2020-05-19T10:00:00", refund("o-1", 1, pb::RefundKind::Return, None)),
    ])
    .await;
    test.counted().await;
    let on = async |day: &str| test.figures(asking(pb::Group::Account, day, day)).await;
    let paid = &on("2020-05-14").await[0];
    assert_eq!((paid.key.as_str(), fen(paid.refunded_amount.as_ref())), ("a-1", 20_000));
    assert_eq!((fen(paid.paid_amount.as_ref()), fen(paid.net_amount.as_ref())), (20_000, 0));
    assert_eq!((parts(paid.refund_rate), parts(paid.return_rate)), ((1, 1), (1, 1)));
    let done = &on("2020-05-20").await[0];
    assert_eq!((done.completed_refunds, fen(done.completed_refund_amount.as_ref())), (1, 5_000));
    assert!(on("2020-05-19").await.is_empty(), "nothing was done yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_review_made_good_is_recovered_whichever_comes_first() {
    let test = TestMetrics::start().await;
    let bad = |id: &str| fact(id, "2020-05-13T10:00:00", review("o-1", pb::ReviewRating::Bad, "太慢"));
    let good =
        |id: &str| revised(fact(id, "2020-05-13T10:00:00", review("o-1", pb::ReviewRating::Good, "好")), 3);
    test.send_facts(vec![bad("v-1")]).await;
    test.send_facts(vec![good("v-1")]).await;
    test.send_facts(vec![good("v-2")]).await;
    let answer = test.send_facts(vec![bad("v-2")]).await;
    assert_eq!(answer.counts.map(|counts| counts.stale), Some(1));
    test.send_facts(vec![good("v-3"), bad("v-3"), bad("v-4"), good("v-5")]).await;
    let row = test.trade("").await;
    assert_eq!(row.reviews, 5);
    assert_eq!(parts(row.bad_review_recovered_rate), (3, 4));
    assert_eq!((parts(row.positive_review_rate), parts(row.negative_review_rate)), ((4, 5), (1, 5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_was_not_helped_at_once() {
    let test = TestMetrics::start().await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT),
        chat("c-2", "a-2", "b-1", "2020-05-15T10:00:00", CHAT),
        chat("c-3", "a-1", "b-2", "2020-05-13T10:00:00", CHAT),
    ])
    .await;
    assert_eq!(parts(test.trade("a-1").await.first_contact_resolution), (1, 2));
    assert_eq!(parts(test.trade("a-2").await.first_contact_resolution), (0, 0), "it is no first contact");
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_and_days_of_activity_count_once_however_many_customers_there_are() {
    let test = TestMetrics::start().await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T10:58:00", &["0 C", "60 A", "180 A"]),
        chat("c-2", "a-1", "b-2", "2020-05-13T10:10:00", CHAT),
        chat("c-3", "a-1", "b-3", "2020-05-14T23:59:00", &["0 C", "120 A"]),
        chat("c-4", "a-1", "b-4", "2020-05-15T23:59:00", &["0 C"]),
    ])
    .await;
    let row = test.trade("a-1").await;
    assert_eq!(parts(row.received_per_head), (3, 2), "on the 15th the account wrote nothing");
    assert_eq!(parts(row.conversations_per_hour), (4, 3), "10 and 11 on the 13th, 24 on the 14th");
    let moved = chat("c-2", "a-2", "b-2", "2020-05-13T10:10:00", CHAT);
    test.send(vec![pb::Conversation { revision: 1, ..moved }]).await;
    assert_eq!(
        parts(test.trade("a-1").await.conversations_per_hour),
        (3, 3),
        "another still speaks for the hour"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ordered_before_asks_about_that_order() {
    let test = TestMetrics::start().await;
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-20T10:00:00", CHAT)]).await;
    test.send_facts(vec![fact("o-1", "2020-05-05T12:00:00", order(&["p-1"]))]).await;
    assert_eq!(test.trade("a-1").await.inquiries, 0);
    test.send_facts(vec![revised(fact("o-1", "2020-05-04T12:00:00", order(&["p-1"])), 1)]).await;
    assert_eq!(test.trade("a-1").await.inquiries, 1, "sixteen days ago is another matter");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_say_when_customers_wait_and_what_is_known_is_kept_by_day() {
    let test =
        TestMetrics::start_with(&[("timelines.settle_ms", "600000"), ("timelines.check_ms", "600000")]).await;
    let (chats, facts) = a_sale();
    test.send(chats).await;
    let merchant = || asking(pb::Group::Merchant, "2020-05-01", "2020-05-31");
    assert!(test.figures(merchant()).await[0].pending);
    drop(test);

    let test = TestMetrics::start().await;
    let (chats, _) = a_sale();
    test.send(chats).await;
    test.send_facts(vec![facts[0].clone()]).await;
    test.counted().await;
    test.clock.advance(chrono::TimeDelta::days(1));
    test.send_facts(vec![facts[1].clone()]).await;
    eventually(Duration::from_secs(20), async || !test.figures(merchant()).await[0].pending).await;
    let known = |day: &str| {
        format!(
            "SELECT coalesce(sum(paid), 0)::bigint FROM trade_days WHERE definition_seq = 1 AND known_day <= '{day}'"
        )
    };
    assert_eq!((test.count(&known("2020-06-30")).await, test.count(&known("2020-07-01")).await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_see_their_own_sales_only() {
    let test = TestMetrics::start().await;
    two_agents(&test).await;
    test.person("p-2", "a-2", None).await;
    let agent = caller().person("p-2").roles(&[proto::access::Role::Agent]);
    let rows = test
        .figures_as(&agent, asking(pb::Group::Account, "2020-05-01", "2020-05-31"))
        .await
        .expect("answers");
    let rows: Vec<_> = rows.iter().map(|row| (row.key.as_str(), fen(row.paid_amount.as_ref()))).collect();
    assert_eq!(rows, [("a-2", 20_000)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_and_reading_use_their_indexes() {
    let test = TestMetrics::start().await;
    let many: Vec<_> = (0..300)
        .map(|n| {
            let start = format!("2020-05-{:02}T10:00:00", n % 28 + 1);
            chat(&format!("c-{n}"), &format!("a-{}", n % 7), &format!("b-{n}"), &start, CHAT)
        })
        .collect();
    test.send(many).await;
    let orders = (0..300).map(|n| pb::Fact {
        customer_id: format!("b-{n}"),
        ..fact(&format!("o-{n}"), "2020-05-13T12:00:00", order(&["p-1"]))
    });
    test.send_facts(orders.collect()).await;
    test.counted().await;
    // The runtime role may not ANALYZE, and without statistics all plans look alike.
    let admin = pg::DatabaseConfig::new(test.database.admin_url());
    let admin = pg::connect(metrics::SCHEMA, &admin).await.expect("connects");
    let client = admin.side_client().await.expect("connects");
    client.batch_execute("ANALYZE; SET enable_seqscan = off").await.expect("analyses");
    let check = async |sql: &str, index: &str| {
        let rows = client.query(&format!("EXPLAIN {sql}"), &[]).await.expect("explains");
        let plan: String = rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
        assert!(plan.contains(index), "{plan}");
    };
    let of_customer = "merchant_id = 'demo' AND shop_id = 'star' AND customer_id = 'b-7'";
    check(&format!("SELECT * FROM conversation_facts WHERE {of_customer}"), "customer_id_idx").await;
    check(&format!("SELECT * FROM facts WHERE {of_customer}"), "facts_customer").await;
    check(
        "SELECT * FROM trade_days WHERE merchant_id = 'demo' AND definition_seq = 1 \
         AND business_day BETWEEN '2020-05-03' AND '2020-05-04'",
        "trade_days_pkey",
    )
    .await;
    check(
        "SELECT * FROM timeline_days WHERE merchant_id = 'demo' AND business_day >= '2020-05-03' \
         AND (business_day, account_id, shop_id, customer_id) > ('2020-05-03', 'a-1', 'star', 'b') \
         ORDER BY business_day, account_id, shop_id, customer_id LIMIT 100",
        "timeline_days_pkey",
    )
    .await;
}
