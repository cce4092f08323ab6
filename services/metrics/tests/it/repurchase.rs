//! Who comes back, and for whom they count.

use proto::metrics::v1 as pb;
use testkit::{TestCaller, caller};

use crate::customers::{agent, buys, client, lead, send, shop};
use crate::fact_support::parts;
use crate::support::{date, days};

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_counts_for_whose_buyer_they_were() {
    let test = shop().await;
    send(
        &test,
        vec![
            buys("b-1", "a-1", "2020-03-01", &["p-1"]),
            buys("b-1", "a-2", "2020-05-20", &["p-1"]),
            buys("b-2", "a-1", "2020-03-02", &["p-1"]),
            buys("b-3", "a-2", "2020-03-03", &["p-1"]),
            buys("b-3", "a-2", "2020-06-28", &["p-1"]),
            buys("b-4", "a-3", "2020-06-20", &["p-1"]),
            buys("b-5", "a-1", "2020-03-31", &["p-1"]),
            buys("b-5", "a-1", "2020-06-29", &["p-1"]),
        ],
    )
    .await;
    let ask = async |who: &TestCaller, group: pb::Group, from: &str, to: &str| {
        let mut asked = pb::GetRepurchaseRequest {
            days: days(from, to),
            group: group.into(),
            page_size: 1,
            ..Default::default()
        };
        let mut rows = Vec::new();
        loop {
            let page = client(&test).get_repurchase(test.by(who, asked.clone())).await.expect("answers");
            let page = page.into_inner();
            assert_eq!((page.repurchase_days, page.through), (90, Some(date("2020-06-30"))));
            rows.extend(page.repurchases.into_iter().map(|row| (row.key, parts(row.rate), row.waiting)));
            if page.next_page_token.is_empty() {
                return rows;
            }
            asked.page_token = page.next_page_token;
        }
    };
    let row = |key: &str, rate: (i64, i64), waiting: i64| (key.to_owned(), rate, waiting);
    let (first, last) = ("2020-03-01", "2020-06-30");
    assert_eq!(
        ask(&caller(), pb::Group::Account, first, last).await,
        [row("a-1", (2, 3), 0), row("a-2", (0, 1), 0), row("a-3", (0, 1), 1)],
        "117 days are too many, 90 are not"
    );
    assert_eq!(
        ask(&caller(), pb::Group::Team, first, last).await,
        [row("t1", (2, 4), 0), row("t2", (0, 1), 1)]
    );
    assert_eq!(ask(&agent("p1"), pb::Group::Person, first, last).await, [row("p1", (2, 3), 0)]);
    assert_eq!(ask(&lead(), pb::Group::Merchant, first, last).await, [row("", (2, 4), 0)]);
    assert_eq!(ask(&caller(), pb::Group::Account, "2020-05-01", "2020-05-31").await, [row("a-2", (0, 1), 1)]);
    // The buyers behind it, one by one, add up to the same.
    let explain = async |who: &TestCaller, filter: pb::Filter| {
        let mut asked = pb::ExplainRepurchaseRequest {
            days: days(first, last),
            filter: Some(filter),
            page_size: 2,
            ..Default::default()
        };
        let mut buyers = Vec::new();
        loop {
            let page = client(&test).explain_repurchase(test.by(who, asked.clone())).await.expect("answers");
            let page = page.into_inner();
            assert_eq!((page.repurchase_days, page.through), (90, Some(date("2020-06-30"))));
            buyers.extend(page.buyers);
            if page.next_page_token.is_empty() {
                return buyers;
            }
            asked.page_token = page.next_page_token;
        }
    };
    let all = explain(&caller(), pb::Filter::default()).await;
    let told: Vec<_> = all
        .iter()
        .map(|buyer| (buyer.customer_id.as_str(), buyer.paid_day, buyer.returned_day, buyer.waiting))
        .collect();
    assert_eq!(
        told,
        [
            ("b-1", Some(date("2020-03-01")), Some(date("2020-05-20")), false),
            ("b-2", Some(date("2020-03-02")), None, false),
            ("b-3", Some(date("2020-03-03")), None, false),
            ("b-4", Some(date("2020-06-20")), None, true),
            ("b-5", Some(date("2020-03-31")), Some(date("2020-06-29")), false),
        ]
    );
    for (key, rate, waiting) in ask(&caller(), pb::Group::Account, first, last).await {
        let of = all.iter().filter(|buyer| buyer.account_id == key);
        let count = |wanted: fn(&&pb::RepurchaseBuyer) -> bool| of.clone().filter(wanted).count() as i64;
        let returned = count(|buyer| buyer.returned_day.is_some());
        assert_eq!(
            (returned, count(|_| true), count(|buyer| buyer.waiting)),
            (rate.0, rate.1, waiting),
            "{key}"
        );
        let filter = pb::Filter { account_ids: vec![key.clone()], ..Default::default() };
        assert_eq!(explain(&caller(), filter).await, of.cloned().collect::<Vec<_>>(), "{key}");
    }
    let own = explain(&agent("p1"), pb::Filter::default()).await;
    assert!(own.len() == 3 && own.iter().all(|buyer| buyer.account_id == "a-1"), "{own:?}");
    assert_eq!(explain(&lead(), pb::Filter::default()).await.len(), 4);
    assert_eq!(explain(&caller().of("other"), pb::Filter::default()).await, []);
}
