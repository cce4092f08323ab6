//! Sales by product, category and hour, who of a chat gets the credit, carts, and when each figure is settled.

use chrono::TimeDelta;
use events::Payload;
use metrics::domain::varint::{get, put};
use proto::access::Role;
use proto::events::v1::AgentDayFinalised;
use proto::metrics::v1 as pb;
use proto::metrics::v1::analysis_service_client::AnalysisServiceClient;
use proto::metrics::v1::fact::Body;
use testkit::{EventCollector, caller};
use tonic::Code;
use tonic::transport::Channel;

use crate::fact_support::{fact, fen, order, parts, payment, refund, revised, yuan};
use crate::support::{TestMetrics, asking, chat, date, days};

fn analysis(test: &TestMetrics) -> AnalysisServiceClient<Channel> {
    AnalysisServiceClient::new(test.channel.clone())
}

/// An order of lines (product, category, pieces, fen) for an amount.
fn order_of(lines: &[(&str, &str, i32, i64)], amount: i64) -> Body {
    let line = |(product, category, quantity, cost): &(&str, &str, i32, i64)| pb::OrderLine {
        product_id: (*product).to_owned(),
        title: format!("title of {product}"),
        category: (*category).to_owned(),
        quantity: *quantity,
        amount: yuan(*cost),
    };
    Body::Order(pb::Order {
        lines: lines.iter().map(line).collect(),
        amount: yuan(amount),
        ..Default::default()
    })
}

fn of(customer: &str, mut fact: pb::Fact) -> pb::Fact {
    fact.customer_id = customer.to_owned();
    fact
}

/// Two days of two agents: `b-1` orders two products of a-1 on the 13th, `b-2` one of a-2; on the 14th `b-3` more of one.
async fn a_shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a-1", Some(("t1", false))).await;
    test.person("p2", "a-2", Some(("t2", false))).await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T09:50:00", &["0 C", "20 A"]),
        chat("c-2", "a-2", "b-2", "2020-05-13T10:00:00", &["0 C", "20 A"]),
        chat("c-3", "a-1", "b-3", "2020-05-14T10:00:00", &["0 C", "20 A"]),
        chat("c-4", "a-2", "b-4", "2020-05-14T10:00:00", &["0 C", "20 A"]),
    ])
    .await;
    let two = order_of(&[("p-1", "knit", 2, 10_000), ("p-2", "coat", 1, 20_000)], 10_001);
    test.send_facts(vec![
        of("b-1", fact("o-1", "2020-05-13T10:30:00", two)),
        of("b-1", fact("y-1", "2020-05-13T11:30:00", payment("o-1", 10_001))),
        of("b-2", fact("o-2", "2020-05-13T10:40:00", order_of(&[("p-1", "knit", 1, 5_000)], 5_000))),
        of("b-2", fact("y-2", "2020-05-13T10:41:00", payment("o-2", 5_000))),
        // Nobody knows what this was for.
        of("b-2", fact("y-9", "2020-05-13T23:59:00", payment("o-9", 77))),
        of("b-3", fact("o-3", "2020-05-14T10:30:00", order_of(&[("p-2", "coat", 3, 30_000)], 30_000))),
        of("b-3", fact("y-3", "2020-05-14T10:31:00", payment("o-3", 30_000))),
        of(
            "b-1",
            fact(
                "r-1",
                "2020-05-20T10:00:00",
                refund("o-1", 100, pb::RefundKind::Return, Some("2020-05-20T12:00:00")),
            ),
        ),
    ])
    .await;
    test.counted().await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_by_product_category_and_hour_add_up_to_the_whole() {
    let test = a_shop().await;
    let rows = async |group| test.figures(asking(group, "2020-05-13", "2020-05-14")).await;
    let sold = |rows: &[pb::Figures]| {
        let sold = |row: &pb::Figures| {
            let (ordered, paid) = (fen(row.ordered_amount.as_ref()), fen(row.paid_amount.as_ref()));
            (row.key.clone(), (row.orders, row.paying_buyers, row.ordered_units), (ordered, paid))
        };
        rows.iter().map(sold).collect::<Vec<_>>()
    };
    let row = |key: &str, counts, amounts| (key.to_owned(), counts, amounts);
    let products = rows(pb::Group::Product).await;
    let expected = [
        row("", (0, 1, 0), (0, 77)),
        row("p-1", (2, 2, 3), (8_334, 8_334)),
        row("p-2", (2, 2, 4), (36_667, 36_667)),
    ];
    assert_eq!(sold(&products), expected);
    let names: Vec<_> = products.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["", "title of p-1", "title of p-2"]);
    let expected = [
        row("", (0, 1, 0), (0, 77)),
        row("coat", (2, 2, 4), (36_667, 36_667)),
        row("knit", (2, 2, 3), (8_334, 8_334)),
    ];
    assert_eq!(sold(&rows(pb::Group::Category).await), expected);
    let hours = rows(pb::Group::Hour).await;
    let expected = [
        row("09", (0, 0, 0), (0, 0)),
        row("10", (3, 2, 7), (45_001, 35_000)),
        row("11", (0, 1, 0), (0, 10_001)),
        row("23", (0, 1, 0), (0, 77)),
    ];
    assert_eq!(sold(&hours), expected);
    let received: Vec<_> =
        hours.iter().map(|row| (row.hour, row.received_customers, row.inquiries)).collect();
    assert_eq!(received, [(Some(9), 1, 1), (Some(10), 3, 3), (Some(11), 0, 0), (Some(23), 0, 0)]);
    let whole = rows(pb::Group::Merchant).await.remove(0);
    for group in [&products, &hours] {
        for amount in [
            |row: &pb::Figures| row.ordered_amount.clone(),
            |row: &pb::Figures| row.paid_amount.clone(),
            |row: &pb::Figures| row.refunded_amount.clone(),
            |row: &pb::Figures| row.net_amount.clone(),
        ] {
            let sum: i64 = group.iter().map(|row| fen(amount(row).as_ref())).sum();
            assert_eq!(sum, fen(amount(&whole).as_ref()));
        }
        assert_eq!(group.iter().map(|row| row.ordered_units).sum::<i64>(), whole.ordered_units);
    }
    assert_eq!((fen(whole.refunded_amount.as_ref()), parts(products[1].return_rate)), (100, (1, 2)));

    // Whoever sees one account sees its products, and nobody sees more by asking for a product.
    let agent = caller().person("p2").roles(&[Role::Agent]);
    let own = test.figures_as(&agent, asking(pb::Group::Product, "2020-05-13", "2020-05-14")).await;
    assert_eq!(sold(&own.expect("answers")), [row("p-1", (1, 1, 1), (5_000, 5_000))]);
    let filter = pb::Filter { product_ids: vec!["p-2".to_owned()], ..Default::default() };
    let by_account = pb::GetFiguresRequest {
        filter: Some(filter),
        step: pb::Step::Day.into(),
        ..asking(pb::Group::Account, "2020-05-13", "2020-05-14")
    };
    let found = test.figures(by_account).await;
    let expected = [row("a-1", (1, 1, 1), (6_667, 6_667)), row("a-1", (1, 1, 3), (30_000, 30_000))];
    assert_eq!(sold(&found), expected);
    // As known on the day before the import nothing was sold.
    test.clock.advance(TimeDelta::days(1));
    let known = |on: &str| pb::GetFiguresRequest {
        known_on: Some(date(on)),
        ..asking(pb::Group::Product, "2020-05-13", "2020-05-14")
    };
    assert_eq!(test.figures(known("2020-06-29")).await, []);
    assert_eq!(sold(&test.figures(known("2020-06-30")).await), sold(&products));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slice_is_explained_to_its_orders_and_nothing_else() {
    let test = a_shop().await;
    let excluded =
        of("b-2", fact("o-2", "2020-05-13T10:40:00", order_of(&[("p-1", "knit", 1, 5_000)], 5_000)));
    let mut excluded = revised(excluded, 1);
    if let Some(Body::Order(order)) = &mut excluded.body {
        order.excluded_reason = "brushing".to_owned();
    }
    test.send_facts(vec![excluded]).await;
    test.counted().await;
    let explain = async |measure: pb::Measure, filter: pb::Filter| {
        let request = pb::ExplainFigureRequest {
            measure: measure.into(),
            days: days("2020-05-13", "2020-05-14"),
            filter: Some(filter),
            ..Default::default()
        };
        test.client.clone().explain_figure(test.by(&caller(), request)).await.map(tonic::Response::into_inner)
    };
    let product = |id: &str| pb::Filter { product_ids: vec![id.to_owned()], ..Default::default() };
    let found = explain(pb::Measure::OrderedAmount, product("p-1")).await.expect("explains");
    let rows: Vec<_> =
        found.facts.iter().map(|row| (row.fact_id.as_str(), row.numerator, row.reason())).collect();
    let expected =
        [("o-1", 3_334, pb::ExplainReason::Unspecified), ("o-2", 0, pb::ExplainReason::ExcludedOrder)];
    assert_eq!((found.numerator, rows), (3_334, expected.to_vec()));
    let hours = pb::Filter { hours: vec![11], ..Default::default() };
    let found = explain(pb::Measure::PaidAmount, hours).await.expect("explains");
    assert_eq!((found.numerator, found.facts.len(), found.facts[0].fact_id.as_str()), (10_001, 1, "y-1"));
    let unnamed = explain(pb::Measure::PaidAmount, product("")).await.expect("explains");
    assert_eq!((unnamed.numerator, unnamed.facts[0].fact_id.as_str()), (77, "y-9"));

    let refused = explain(pb::Measure::Complaints, product("p-1")).await.expect_err("has no products");
    assert_eq!(status::Problem::from_status(&refused).violations[0].field, "measure");
    let both = pb::Filter { hours: vec![11], ..product("p-1") };
    let refused = explain(pb::Measure::PaidAmount, both).await.expect_err("cuts twice");
    assert_eq!(status::Problem::from_status(&refused).violations[0].field, "filter.hours");
    let refuse = async |request: pb::GetFiguresRequest, field: &str| {
        let refused = test.figures_as(&caller(), request).await.expect_err(field);
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(status::Problem::from_status(&refused).violations[0].field, field);
    };
    let by_hour = || asking(pb::Group::Hour, "2020-05-13", "2020-05-14");
    refuse(pb::GetFiguresRequest { filter: Some(product("p-1")), ..by_hour() }, "filter").await;
    refuse(pb::GetFiguresRequest { distinct_customers: true, ..by_hour() }, "distinct_customers").await;
    refuse(pb::GetFiguresRequest { step: pb::Step::Hour.into(), ..by_hour() }, "step").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_sales_splits_by_agent_hour_and_product_to_the_cent() {
    let test = a_shop().await;
    let sales = async |group: pb::Group| {
        let request = pb::ExplainSalesRequest {
            days: days("2020-05-14", "2020-05-14"),
            group: group.into(),
            ..Default::default()
        };
        analysis(&test).explain_sales(test.by(&caller(), request)).await.expect("splits").into_inner()
    };
    let effects = |change: &pb::SalesChange| {
        let effects = [&change.receptions_effect, &change.conversion_effect, &change.order_value_effect];
        effects.iter().map(|effect| fen(effect.as_ref())).sum::<i64>()
    };
    let whole = sales(pb::Group::Account).await.whole.expect("a whole");
    assert_eq!(fen(whole.difference.as_ref()), 30_000 - 15_078);
    for group in [pb::Group::Product, pb::Group::Category, pb::Group::Hour] {
        let found = sales(group).await;
        assert_eq!(found.whole.as_ref(), Some(&whole), "{group:?}: the whole is the same on every screen");
        let parts: i64 = found.parts.iter().map(|part| fen(part.difference.as_ref())).sum();
        assert_eq!(parts, fen(whole.difference.as_ref()), "{group:?}");
        assert!(found.parts.iter().all(|part| effects(part) == fen(part.difference.as_ref())), "{group:?}");
    }
    let products = sales(pb::Group::Product).await.parts;
    let coat = products.iter().find(|part| part.key == "p-2").expect("a part");
    let side = |sales: &Option<pb::Sales>| {
        let sales = sales.as_ref().expect("a side");
        (sales.received_customers, sales.paying_buyers, fen(sales.paid_amount.as_ref()))
    };
    assert_eq!((side(&coat.before), side(&coat.now)), ((2, 1, 6_667), (2, 1, 30_000)));
    assert_eq!(fen(coat.order_value_effect.as_ref()), 23_333, "one buyer each day, who paid more");

    let change = async |measure: pb::Measure, facet: pb::Facet| {
        let request = pb::ExplainChangeRequest {
            measure: measure.into(),
            days: days("2020-05-14", "2020-05-14"),
            facet: facet.into(),
            ..Default::default()
        };
        analysis(&test).explain_change(test.by(&caller(), request)).await.map(tonic::Response::into_inner)
    };
    for (measure, facet) in [
        (pb::Measure::PaidAmount, pb::Facet::Product),
        (pb::Measure::OrderedUnits, pb::Facet::Product),
        (pb::Measure::NetAmount, pb::Facet::Category),
        (pb::Measure::PaidAmount, pb::Facet::Hour),
        (pb::Measure::PayingBuyers, pb::Facet::Hour),
        (pb::Measure::PaymentConversion, pb::Facet::Hour),
    ] {
        let found = change(measure, facet).await.expect("splits");
        let of_whole = change(measure, pb::Facet::Shop).await.expect("splits").whole.expect("a whole");
        let whole = found.whole.expect("a whole");
        assert_eq!(whole.difference, of_whole.difference, "{measure:?} over {facet:?}");
        let parts: i64 = found.parts.iter().map(|part| part.difference).sum();
        assert_eq!(parts, whole.difference, "{measure:?} over {facet:?}");
    }
    let largest = change(pb::Measure::PaidAmount, pb::Facet::Product).await.expect("splits").parts.remove(0);
    assert_eq!((largest.key.as_str(), largest.name.as_str()), ("p-2", "title of p-2"));
    let refused = change(pb::Measure::Orders, pb::Facet::Product).await.expect_err("does not add up");
    assert_eq!(status::Problem::from_status(&refused).violations[0].field, "facet");
}

/// A chat in which messages marked `H` are those of `helper`, and `I` those of `second`.
fn helped(id: &str, account: &str, start: &str, messages: &[&str]) -> pb::Conversation {
    let mut chat = chat(id, account, "b-1", start, messages);
    for (message, text) in chat.messages.iter_mut().zip(messages) {
        match text.chars().last() {
            Some('H') => message.account_id = "helper".to_owned(),
            Some('I') => message.account_id = "second".to_owned(),
            _ => {}
        }
    }
    chat
}

fn credit_to(to: pb::CreditTo) -> pb::TradeRules {
    pb::TradeRules { credit_to: to.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_says_who_of_a_chat_gets_the_credit_of_an_order() {
    let test = TestMetrics::start().await;
    // First the helper, then the owner twice, then another colleague; the owner writes once more after the order.
    let messages = ["0 C", "10 H", "20 A", "30 A", "40 I", "4000 A"];
    test.send(vec![helped("c-1", "owner", "2020-05-13T10:00:00", &messages)]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T10:30:00", order(&["p-1"])),
        fact("y-1", "2020-05-13T10:31:00", payment("o-1", 10_000)),
    ])
    .await;
    let rules = [pb::CreditTo::LastReply, pb::CreditTo::FirstReply, pb::CreditTo::MostReplies];
    for (version, to) in (1..).zip(rules) {
        test.put_rules(version, credit_to(to)).await;
    }
    test.built().await;
    test.counted().await;
    for (version, account) in [(1, "owner"), (2, "second"), (3, "helper"), (4, "owner")] {
        for other in ["owner", "helper", "second"] {
            let row = test.trade_under(version, other).await;
            let expected = if other == account { (1, 1, 10_000) } else { (0, 0, 0) };
            assert_eq!(
                (row.orders, row.paying_buyers, fen(row.paid_amount.as_ref())),
                expected,
                "{other} under version {version}"
            );
        }
        // The inquiry is the owner's, and converted, whoever gets the money.
        let owner = test.trade_under(version, "owner").await;
        assert_eq!((owner.inquiries, parts(owner.payment_conversion)), (1, (1, 1)), "version {version}");
        assert_eq!(test.trade_under(version, "helper").await.inquiries, 0);
    }
    let definitions = test
        .client
        .clone()
        .list_definitions(test.by(&caller(), pb::ListDefinitionsRequest::default()))
        .await
        .expect("lists")
        .into_inner()
        .definitions;
    let told: Vec<_> = definitions
        .iter()
        .map(|d| d.rules.as_ref().and_then(|r| r.trade.as_ref()).expect("rules").credit_to())
        .collect();
    assert_eq!(told, [&[pb::CreditTo::Owner], &rules[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_answered_others_chats_sells_by_the_rule_and_a_handed_over_chat_goes_to_its_new_account() {
    let test = TestMetrics::start().await;
    test.put_rules(1, credit_to(pb::CreditTo::LastReply)).await;
    // All answers of the first chat are the helper's.
    let mut first = helped("c-1", "owner", "2020-05-13T10:00:00", &["0 C", "10 H", "20 H"]);
    first.transferred_to = "next".to_owned();
    let mut second = helped("c-2", "next", "2020-05-13T11:00:00", &["0 C", "10 A"]);
    second.transferred_from = "owner".to_owned();
    test.send(vec![first, second]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T10:30:00", order(&["p-1"])),
        fact("o-2", "2020-05-13T11:30:00", order(&["p-2", "p-3"])),
    ])
    .await;
    test.built().await;
    test.counted().await;
    let orders = async |version, account| test.trade_under(version, account).await.orders;
    for (version, expected) in [(1, [1, 0, 1]), (2, [0, 1, 1])] {
        let found =
            [orders(version, "owner").await, orders(version, "helper").await, orders(version, "next").await];
        assert_eq!(found, expected, "owner, helper, next under version {version}");
    }
    // The helper's order is in the helper's explanation, and in nobody else's.
    let request = pb::ExplainFigureRequest {
        measure: pb::Measure::Orders.into(),
        days: days("2020-05-01", "2020-05-31"),
        filter: Some(pb::Filter { account_ids: vec!["helper".to_owned()], ..Default::default() }),
        ..Default::default()
    };
    let found = test.client.clone().explain_figure(test.by(&caller(), request)).await.expect("explains");
    let found = found.into_inner();
    assert_eq!((found.numerator, found.facts.len(), found.facts[0].fact_id.as_str()), (1, 1, "o-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_left_until_its_product_is_paid_for_in_time() {
    let test = TestMetrics::start().await;
    let cart = |product: &str, fen: i64| {
        Body::Cart(pb::Cart { product_id: product.to_owned(), quantity: 2, amount: yuan(fen) })
    };
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T09:00:00", &["0 C", "20 A"])]).await;
    let ordered = fact("o-1", "2020-05-13T12:00:00", order(&["p-1"]));
    test.send_facts(vec![
        fact("k-1", "2020-05-13T10:00:00", cart("p-1", 20_000)),
        fact("k-2", "2020-05-13T10:05:00", cart("p-2", 3_000)),
        // After the order, so it is not what was bought.
        fact("k-3", "2020-05-13T13:00:00", cart("p-1", 500)),
        ordered,
    ])
    .await;
    let left = async || {
        let row = test.trade("a-1").await;
        let amounts = (fen(row.cart_amount.as_ref()), fen(row.cart_left_amount.as_ref()));
        ((row.carts, row.carts_left), amounts, parts(row.cart_purchase_rate))
    };
    assert_eq!(left().await, ((3, 3), (23_500, 23_500), (0, 3)), "ordered, not paid");
    let paid = fact("y-1", "2020-05-17T12:00:00", payment("o-1", 10_000));
    test.send_facts(vec![paid.clone()]).await;
    assert_eq!(left().await, ((3, 2), (23_500, 3_500), (1, 3)));
    let request = pb::ExplainFigureRequest {
        measure: pb::Measure::CartsLeft.into(),
        days: days("2020-05-13", "2020-05-13"),
        ..Default::default()
    };
    let found = test.client.clone().explain_figure(test.by(&caller(), request)).await.expect("explains");
    let found: Vec<_> = found
        .into_inner()
        .facts
        .into_iter()
        .map(|row| (row.fact_id.clone(), row.kind(), row.numerator, row.reason()))
        .collect();
    let is_cart = |id: &str, left, reason| (id.to_owned(), pb::FactKind::Cart, left, reason);
    let expected = [
        is_cart("k-1", 0, pb::ExplainReason::Bought),
        is_cart("k-2", 1, pb::ExplainReason::Unspecified),
        is_cart("k-3", 1, pb::ExplainReason::Unspecified),
    ];
    assert_eq!(found, expected);
    let products = test.figures(asking(pb::Group::Product, "2020-05-13", "2020-05-13")).await;
    let carts: Vec<_> = products.iter().map(|row| (row.key.as_str(), row.carts, row.carts_left)).collect();
    assert_eq!(carts, [("p-1", 2, 1), ("p-2", 1, 1)]);
    let mut late = revised(paid, 1);
    late.occurred_at = Some(crate::fact_support::local("2020-05-18T00:00:00"));
    test.send_facts(vec![late]).await;
    assert_eq!(left().await.0, (3, 3), "four days are over");
}

async fn close(test: &TestMetrics, day: &str) {
    let message = pb::CloseDayRequest { business_day: Some(date(day)), request_id: String::new() };
    test.client.clone().close_day(test.by(&caller(), message)).await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_figure_is_settled_by_its_own_window() {
    use pb::FigureState::{Final, Provisional, Restated};
    let test = TestMetrics::start_with(&[("closing.check_seconds", "1")]).await;
    let collector = EventCollector::start(&test.nats).await;
    let day = "2020-05-13";
    test.clock.set("2020-05-13T20:00:00+08:00");
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "20 A"])]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T11:00:00", order(&["p-1"])),
        fact("y-1", "2020-05-13T11:05:00", payment("o-1", 10_000)),
    ])
    .await;
    test.counted().await;
    let states = async |group| {
        let row = test.figures(asking(group, day, day)).await.remove(0);
        [row.state(), row.conversion_state(), row.refund_state()]
    };
    let judged = async |measure: pb::Measure| {
        let request = pb::JudgeFiguresRequest {
            measure: measure.into(),
            business_day: Some(date(day)),
            group: pb::Group::Account.into(),
            ..Default::default()
        };
        let found = analysis(&test).judge_figures(test.by(&caller(), request)).await.expect("judges");
        found.into_inner().judgements[0].state()
    };
    let ledger = async || {
        let request = pb::ListRestatementsRequest {
            days: days(day, day),
            group: pb::Group::Account.into(),
            ..Default::default()
        };
        let found = analysis(&test).list_restatements(test.by(&caller(), request)).await.expect("lists");
        let entries = found.into_inner().restatements;
        entries.iter().flat_map(|e| &e.deltas).map(pb::MeasureDelta::measure).collect::<Vec<_>>()
    };
    let told = async |count| {
        let mut told = collector
            .wait_for(count, |payload| match payload {
                Payload::AgentDayFinalised(told) => Some(told.clone()),
                _ => None,
            })
            .await;
        told.sort_by_key(|told| told.version);
        told
    };
    let provisional = |told: &AgentDayFinalised| {
        let figures = told.figures.iter().filter(|figure| figure.provisional);
        figures.map(|figure| figure.measure.clone()).collect::<Vec<_>>()
    };
    assert_eq!(states(pb::Group::Product).await, [Provisional; 3], "the day is open");
    test.clock.set("2020-05-18T12:00:00+08:00");
    close(&test, day).await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Provisional]);
    assert_eq!(states(pb::Group::Product).await, [Final, Final, Provisional]);
    assert_eq!(
        (judged(pb::Measure::PaidAmount).await, judged(pb::Measure::NetAmount).await),
        (Final, Provisional)
    );
    let first = told(1).await.remove(0);
    assert_eq!(provisional(&first), ["NET_AMOUNT", "REFUND_RATE", "RETURN_RATE"]);

    // A refund ten days later is no restatement: its window still runs.
    test.clock.set("2020-05-23T12:00:00+08:00");
    let back = refund("o-1", 400, pb::RefundKind::RefundOnly, Some("2020-05-23T11:00:00"));
    test.send_facts(vec![fact("r-1", "2020-05-23T10:00:00", back)]).await;
    test.counted().await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Provisional]);
    assert_eq!(ledger().await, []);
    // Fifteen days are over on the 28th; then the day is told for good.
    test.clock.set("2020-05-29T12:00:00+08:00");
    assert_eq!(states(pb::Group::Account).await, [Final; 3]);
    assert_eq!(judged(pb::Measure::NetAmount).await, Final);
    let last = told(2).await.pop().expect("one more");
    let net =
        last.figures.iter().find(|figure| figure.measure == "NET_AMOUNT").map(|figure| figure.numerator);
    assert_eq!((provisional(&last), net), (Vec::new(), Some(9_600)));

    // One more refund restates what refunds make, and nothing else.
    let back = refund("o-1", 100, pb::RefundKind::RefundOnly, Some("2020-05-29T11:00:00"));
    test.send_facts(vec![fact("r-2", "2020-05-29T10:00:00", back)]).await;
    test.counted().await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Restated]);
    assert_eq!(states(pb::Group::Hour).await[2], Final, "the hour of the chat has no sales");
    assert_eq!(ledger().await, [pb::Measure::RefundedAmount, pb::Measure::NetAmount]);
}

/// What slices had in the second format, by the sums' places.
const SLICED_IN_SECOND: [std::ops::RangeInclusive<u8>; 2] = [1..=17, 51..=56];

/// A packed contribution as an older format had it: without slices, or with what slices had then, and without the sums and
/// counts that it didn't know.
fn older_format(packed: &[u8], format: u8) -> Vec<u8> {
    let sums_known = if format == 1 { 51 } else { 57 };
    let number = |rest: &mut &[u8]| get(rest).expect("a number");
    let (mut rest, mut out) = (&packed[1..], vec![format]);
    let copy = |rest: &mut &[u8], out: &mut Vec<u8>| {
        let value = number(rest);
        put(out, value);
        value
    };
    let text = |rest: &mut &[u8]| {
        let length = number(rest) as usize;
        let (text, tail) = rest.split_at(length);
        *rest = tail;
        text.to_vec()
    };
    let sums = |rest: &mut &[u8]| {
        let count = number(rest);
        (0..count)
            .map(|_| {
                let sum = rest[0];
                *rest = &rest[1..];
                (sum, number(rest))
            })
            .collect::<Vec<_>>()
    };
    let put_text = |out: &mut Vec<u8>, text: Vec<u8>| {
        put(out, text.len() as u64);
        out.extend(text);
    };
    let put_sums = |out: &mut Vec<u8>, sums: Vec<(u8, u64)>| {
        put(out, sums.len() as u64);
        for (sum, value) in sums {
            out.push(sum);
            put(out, value);
        }
    };
    for _ in 0..copy(&mut rest, &mut out) {
        copy(&mut rest, &mut out);
        copy(&mut rest, &mut out);
        put_text(&mut out, text(&mut rest));
        copy(&mut rest, &mut out);
        let known = sums(&mut rest).into_iter().filter(|(sum, _)| *sum < sums_known).collect();
        put_sums(&mut out, known);
        let mut unknown = Vec::new();
        for spread in 0..5 {
            let out = if spread < 3 { &mut out } else { &mut unknown };
            for _ in 0..copy(&mut rest, out) {
                copy(&mut rest, out);
                copy(&mut rest, out);
            }
        }
        let mut slices = Vec::new();
        for _ in 0..number(&mut rest) {
            let (aspect, item) = (number(&mut rest), text(&mut rest));
            let mut known = sums(&mut rest);
            known.retain(|(sum, _)| SLICED_IN_SECOND.iter().any(|places| places.contains(sum)));
            if !known.is_empty() {
                slices.push((aspect, item, known));
            }
        }
        if format == 2 {
            put(&mut out, slices.len() as u64);
            for (aspect, item, known) in slices {
                put(&mut out, aspect);
                put_text(&mut out, item);
                put_sums(&mut out, known);
            }
        }
    }
    assert!(rest.is_empty());
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_release_before_counted_is_counted_with_all_sums_and_restates_nothing() {
    let test = a_shop().await;
    let complaint = Body::Complaint(pb::Complaint {
        severity: pb::ComplaintSeverity::Ordinary.into(),
        ..Default::default()
    });
    test.send_facts(vec![of("b-1", fact("k-1", "2020-05-13T15:00:00", complaint))]).await;
    test.counted().await;
    let groups = [pb::Group::Product, pb::Group::Hour, pb::Group::Account];
    let all = async || {
        let mut rows = Vec::new();
        for group in groups {
            rows.push(test.figures(asking(group, "2020-05-13", "2020-05-20")).await);
        }
        rows
    };
    let expected = all().await;
    let characters: i64 = expected[2].iter().map(|row| row.reply_characters).sum();
    assert_eq!((characters, expected[1].iter().map(|row| row.complaints).sum::<i64>()), (4 * 13, 1));
    let zero = |columns: &str, nothing: &str| {
        columns.split(' ').map(|column| format!("{column} = {nothing}")).collect::<Vec<_>>().join(", ")
    };
    let counts = "initiated_customers reply_characters assisted_customers money_refunds money_refund_ms returns return_ms \
        refunds_told refunds_helped refunds_judged credited_amount";
    let more = "conversations complaints first_contacts first_contacts_resolved";
    let second = format!(
        "UPDATE trade_days SET {}, {}; UPDATE trade_slices SET {}, {};",
        zero(counts, "0"),
        zero("money_refund_times return_times", "''"),
        zero(counts, "NULL"),
        zero(more, "NULL"),
    );
    let carts = "ordered_units carts cart_amount carts_bought carts_left cart_left_amount";
    let first = format!("{second} DELETE FROM trade_slices; UPDATE trade_days SET {};", zero(carts, "0"));
    let client = test.pool.side_client().await.expect("connects");
    for (format, mut sql) in [(2, second), (1, first)] {
        let timelines = client.query("SELECT shop_id, customer_id, contribution FROM timelines", &[]).await;
        for row in timelines.expect("reads") {
            let (shop, customer, packed): (String, String, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
            let old: String =
                older_format(&packed, format).iter().map(|byte| format!("{byte:02x}")).collect();
            sql += &format!(
                "UPDATE timelines SET contribution = '\\x{old}', sliced = {}, sums_known = 57 \
                 WHERE shop_id = '{shop}' AND customer_id = '{customer}';",
                format == 2
            );
        }
        client.batch_execute(&format!("BEGIN; {sql} COMMIT")).await.expect("goes back");
        let pending = test.figures(asking(pb::Group::Shop, "2020-05-13", "2020-05-13")).await;
        let counted = test.count("SELECT count(*) FROM timelines WHERE sums_known < 68").await == 0;
        assert!(counted || pending[0].pending, "what isn't counted yet is not told as if it were");
        testkit::eventually(std::time::Duration::from_secs(20), async || {
            test.count("SELECT count(*) FROM timelines WHERE sums_known < 68 OR NOT sliced").await == 0
        })
        .await;
        assert_eq!(all().await, expected, "after format {format}");
    }
    let restated = test.count("SELECT count(*) FROM trade_slices WHERE known_day > business_day").await;
    assert_eq!(restated, 0, "slices were known all along");
}
