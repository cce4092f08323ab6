//! Carts: what is bought of them, and what is left.

use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::caller;

use crate::fact_support::{fact, fen, local, order, parts, payment, revised, yuan};
use crate::support::{TestMetrics, asking, chat, days};

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
    late.occurred_at = Some(local("2020-05-18T00:00:00"));
    test.send_facts(vec![late]).await;
    assert_eq!(left().await.0, (3, 3), "four days are over");
}
