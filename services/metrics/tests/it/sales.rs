//! Sales by product, category and hour.

use chrono::TimeDelta;
use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::caller;
use tonic::Code;

use crate::analysis;
use crate::fact_support::{fact, fen, of, parts, payment, refund, revised, yuan};
use crate::support::{TestMetrics, asking, chat, date, days};

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

/// Two days of two agents: `b-1` orders two products of a-1 on the 13th, `b-2` one of a-2; on the 14th `b-3` more of one.
pub async fn a_shop() -> TestMetrics {
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
        analysis::client(&test).explain_sales(test.by(&caller(), request)).await.expect("splits").into_inner()
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
        analysis::client(&test)
            .explain_change(test.by(&caller(), request))
            .await
            .map(tonic::Response::into_inner)
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
