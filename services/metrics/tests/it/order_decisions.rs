//! Orders that don't count, as people decide.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::facts_service_client::FactsServiceClient;
use testkit::{TestCaller, caller};
use tonic::{Code, Status};

use crate::fact_support::{fact, order, payment, revised};
use crate::support::{TestMetrics, chat, reason};

const SHOP: &str = "star";

async fn exclude(
    test: &TestMetrics,
    who: &TestCaller,
    order_id: &str,
    (why, etag): (&str, &str),
) -> Result<pb::OrderDecision, Status> {
    let message = pb::ExcludeOrderRequest {
        shop_id: SHOP.to_owned(),
        order_id: order_id.to_owned(),
        reason: why.to_owned(),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let mut client = FactsServiceClient::new(test.channel.clone());
    Ok(client.exclude_order(test.by(who, message)).await?.into_inner().decision.expect("a decision"))
}

async fn list(test: &TestMetrics, excluded: Option<bool>) -> Vec<pb::OrderDecision> {
    let asked = pb::ListOrderDecisionsRequest { excluded, ..Default::default() };
    let mut client = FactsServiceClient::new(test.channel.clone());
    client.list_order_decisions(test.by(&caller(), asked)).await.expect("lists").into_inner().decisions
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_taken_out_for_good_whatever_the_platform_sends_later() {
    let test = TestMetrics::start().await;
    let buyers = async || {
        let found = test.trade("a1").await;
        let paid = found.payment_conversion.unwrap_or_default();
        (found.paying_buyers, (paid.numerator, paid.denominator))
    };
    test.send(vec![chat("c-1", "a1", "b-1", "2020-05-13T10:00:00", &["0 C", "9 A"])]).await;
    let placed = || fact("o-1", "2020-05-13T11:00:00", order(&["p"]));
    test.send_facts(vec![placed(), fact("p-1", "2020-05-13T11:10:00", payment("o-1", 10_000))]).await;
    assert_eq!(buyers().await, (1, (1, 1)));

    let brushed = ("刷单, call 13812345678", "");
    let first = exclude(&test, &caller(), "o-1", brushed).await.expect("decides");
    assert_eq!((first.version, first.excluded, first.reason.as_str()), (1, true, "刷单, call [phone]"));
    assert_eq!(buyers().await, (0, (0, 0)), "the customer is no inquiry either");
    assert_eq!(exclude(&test, &caller(), "o-1", brushed).await.expect("is known"), first);
    let other = exclude(&test, &caller(), "o-1", ("special", "")).await.expect_err("has not seen the first");
    assert_eq!((other.code(), reason(&other).as_str()), (Code::Aborted, "ORDER_DECISION_CHANGED"));

    // The platform doesn't know, and its next revision says nothing of it.
    test.send_facts(vec![revised(placed(), 2)]).await;
    assert_eq!(buyers().await, (0, (0, 0)));

    let include = pb::IncludeOrderRequest {
        shop_id: SHOP.to_owned(),
        order_id: "o-1".to_owned(),
        reason: "a real buyer".to_owned(),
        etag: first.etag.clone(),
        request_id: "r-1".to_owned(),
    };
    let mut client = FactsServiceClient::new(test.channel.clone());
    let second =
        client.include_order(test.by(&caller(), include.clone())).await.expect("decides").into_inner();
    let again = client.include_order(test.by(&caller(), include)).await.expect("is the same").into_inner();
    assert_eq!(second, again);
    assert_eq!(buyers().await, (1, (1, 1)));
    assert_eq!(list(&test, None).await, [second.decision.expect("a decision")]);
    assert_eq!(list(&test, Some(true)).await, []);
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity LIKE 'order/%/o-1'").await;
    assert_eq!(audited, 2);

    let unknown = exclude(&test, &caller(), "o-9", ("special", "")).await.expect_err("never came in");
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "ORDER_NOT_FOUND"));
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let refused = exclude(&test, &agent, "o-1", ("special", "v2")).await.expect_err("is an agent");
    assert_eq!(refused.code(), Code::PermissionDenied);
}
