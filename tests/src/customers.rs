//! For each of some people a lost inquiry, a buyer and a care task, for tests of who sees what.

use std::time::Duration;

use chrono::NaiveDate;
use jinpai::session::Session;
use prost_types::Timestamp;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::customer_service_client::CustomerServiceClient;
use proto::metrics::v1::facts_service_client::FactsServiceClient;
use testkit::eventually;

use crate::{MERCHANT, small};

/// Gives the account `acc-<person>` of each person a short chat `buyer-<person>` of the day with a customer who then
/// buys, and waits until everybody is counted. Whoever is in the other chats of the day bought nothing.
pub async fn fill(manager: &Session, people: &[&str], day: NaiveDate) {
    let id = |who: &str| format!("buyer-{who}");
    let chats = people.iter().map(|who| small::chat(&id(who), &format!("acc-{who}"), day, 1));
    small::ingest(manager, chats.collect()).await;
    let facts = people.iter().flat_map(|who| {
        [pb::fact::Body::Order(order()), pb::fact::Body::Payment(payment(&id(who)))].map(|body| pb::Fact {
            shop_id: small::SHOP.to_owned(),
            fact_id: id(who),
            occurred_at: Some(in_the_evening(day)),
            customer_id: format!("customer of {}", id(who)),
            body: Some(body),
            ..pb::Fact::default()
        })
    });
    let lines: Vec<_> =
        (1..).zip(facts).map(|(line, fact)| pb::FactLine { line, fact: Some(fact) }).collect();
    let sent = i64::try_from(lines.len()).expect("a few facts");
    let message = pb::BatchIngestFactsRequest { lines, request_id: String::new() };
    let answer = FactsServiceClient::new(manager.channel()).batch_ingest_facts(message).await;
    let answer = answer.expect("is taken in").into_inner();
    assert_eq!(answer.counts.unwrap_or_default().accepted, sent, "{:?}", answer.rejects);
    let mut customers = CustomerServiceClient::new(manager.channel());
    eventually(Duration::from_secs(60), async || {
        let message = pb::ListCustomersRequest::default();
        let page = customers.list_customers(message).await.expect("lists").into_inner();
        page.customers.iter().filter(|customer| customer.orders_ever == 1).count() == people.len()
            && page.customers.len() == 2 * people.len()
            && !page.pending
    })
    .await;
}

/// The SQL of a care task `care-<person>` for each person: tasks that are shared out get ids that no test knows.
pub fn care_tasks(people: &[&str]) -> String {
    let row = |who: &&str| {
        format!(
            "('{MERCHANT}', 'care-{who}', 1, 'elsewhere', 'somebody', 1, false, '{who}', 'call', '2020-05-12', \
              '2020-05-19', 'contacted', 'done', now(), 'test', now())"
        )
    };
    format!("INSERT INTO metrics.care_tasks VALUES {}", people.iter().map(row).collect::<Vec<_>>().join(", "))
}

fn order() -> pb::Order {
    let line = pb::OrderLine {
        product_id: "p".to_owned(),
        quantity: 1,
        amount: Some(yuan()),
        ..pb::OrderLine::default()
    };
    pb::Order { lines: vec![line], amount: Some(yuan()), ..pb::Order::default() }
}

fn payment(order: &str) -> pb::Payment {
    pb::Payment { order_id: order.to_owned(), amount: Some(yuan()) }
}

fn yuan() -> Money {
    Money { currency_code: "CNY".to_owned(), units: 100, nanos: 0 }
}

fn in_the_evening(day: NaiveDate) -> Timestamp {
    let at = day.and_hms_opt(12, 0, 0).expect("an hour").and_utc();
    Timestamp { seconds: at.timestamp(), nanos: 0 }
}
