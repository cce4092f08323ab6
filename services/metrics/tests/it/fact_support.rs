//! Facts to send, and waiting until they are counted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::facts_service_client::FactsServiceClient;
use testkit::{TestCaller, caller, eventually};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::support::{TestMetrics, asking, instant};

impl TestMetrics {
    /// One batch of facts by the merchant's manager.
    pub async fn send_facts(&self, facts: Vec<pb::Fact>) -> pb::BatchIngestFactsResponse {
        self.send_facts_as(&caller(), facts).await.expect("takes the batch")
    }

    pub async fn send_facts_as(
        &self,
        who: &TestCaller,
        facts: Vec<pb::Fact>,
    ) -> Result<pb::BatchIngestFactsResponse, Status> {
        let message = pb::BatchIngestFactsRequest { lines: fact_lines(facts), request_id: String::new() };
        let mut client = FactsServiceClient::new(self.channel.clone());
        Ok(client.batch_ingest_facts(self.by(who, message)).await?.into_inner())
    }

    /// A stream with `per_frame` lines in each frame; gives all acknowledgements.
    pub async fn stream_facts(
        &self,
        lines: Vec<pb::FactLine>,
        per_frame: usize,
    ) -> Result<Vec<pb::IngestFactsResponse>, Status> {
        let (send, frames) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            for lines in lines.chunks(per_frame) {
                if send.send(pb::IngestFactsRequest { lines: lines.to_vec() }).await.is_err() {
                    return;
                }
            }
        });
        let request = self.by(&caller(), ReceiverStream::new(frames));
        let mut answers =
            FactsServiceClient::new(self.channel.clone()).ingest_facts(request).await?.into_inner();
        let mut acks = Vec::new();
        while let Some(ack) = answers.message().await? {
            acks.push(ack);
        }
        Ok(acks)
    }

    /// Waits until no customer waits to be counted.
    pub async fn counted(&self) {
        eventually(Duration::from_secs(20), async || {
            self.count("SELECT count(*) FROM timeline_changes").await == 0
        })
        .await;
    }

    /// Puts the next version of the standard definition with these rules.
    pub async fn put_rules(&self, version: i32, trade: pb::TradeRules) {
        self.put_rules_as(&caller(), version, trade).await;
    }

    pub async fn put_rules_as(&self, who: &TestCaller, version: i32, trade: pb::TradeRules) {
        let rules = pb::Rules {
            quick_replies_count: true,
            in_time_seconds: 180,
            long_chat_threshold: 10,
            trade: Some(trade),
            ..Default::default()
        };
        let definition = pb::Definition {
            definition_id: "standard".to_owned(),
            name: "another".to_owned(),
            rules: Some(rules),
            ..Default::default()
        };
        let etag = format!("v{version}");
        let message =
            pb::PutDefinitionRequest { definition: Some(definition), etag, request_id: String::new() };
        self.client.clone().put_definition(self.by(who, message)).await.expect("puts");
    }

    /// Waits until all definitions can be read.
    pub async fn built(&self) {
        eventually(Duration::from_secs(30), async || {
            self.count("SELECT count(*) FROM definitions WHERE NOT ready").await == 0
        })
        .await;
    }

    /// The figures of an account in May 2020 when everything is counted.
    pub async fn trade(&self, account: &str) -> pb::Figures {
        self.trade_under(1, account).await
    }

    /// The same under a version of the standard definition.
    pub async fn trade_under(&self, version: i32, account: &str) -> pb::Figures {
        self.counted().await;
        let filter = pb::Filter { account_ids: vec![account.to_owned()], ..Default::default() };
        let request = pb::GetFiguresRequest {
            filter: Some(filter),
            definition: Some(pb::DefinitionRef { definition_id: String::new(), version }),
            ..asking(pb::Group::Account, "2020-05-01", "2020-05-31")
        };
        self.figures(request).await.into_iter().next().unwrap_or_default()
    }
}

pub fn fact_lines(facts: Vec<pb::Fact>) -> Vec<pb::FactLine> {
    (1..).zip(facts).map(|(line, fact)| pb::FactLine { line, fact: Some(fact) }).collect()
}

/// A fact of customer b-1 at a local (Shanghai) time.
pub fn fact(id: &str, at: &str, body: Body) -> pb::Fact {
    pb::Fact {
        shop_id: "star".to_owned(),
        fact_id: id.to_owned(),
        revision: 0,
        occurred_at: Some(local(at)),
        customer_id: "b-1".to_owned(),
        account_id: String::new(),
        body: Some(body),
    }
}

/// A fact of another customer.
pub fn of(customer: &str, fact: pb::Fact) -> pb::Fact {
    pb::Fact { customer_id: customer.to_owned(), ..fact }
}

pub fn local(at: &str) -> prost_types::Timestamp {
    let at: DateTime<Utc> = format!("{at}+08:00").parse().expect("a local time");
    instant(at)
}

/// Fen as money.
pub fn yuan(fen: i64) -> Option<Money> {
    Some(Money { currency_code: "CNY".to_owned(), units: fen / 100, nanos: (fen % 100) as i32 * 10_000_000 })
}

/// Money as fen.
pub fn fen(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| money.units * 100 + i64::from(money.nanos) / 10_000_000)
}

/// An order of one piece of each product, for 100 yuan each.
pub fn order(products: &[&str]) -> Body {
    let line = |product: &&str| pb::OrderLine {
        product_id: (*product).to_owned(),
        title: format!("title of {product}"),
        category: "knitwear".to_owned(),
        quantity: 1,
        amount: yuan(10_000),
    };
    Body::Order(pb::Order {
        lines: products.iter().map(line).collect(),
        amount: yuan(10_000 * products.len() as i64),
        ..Default::default()
    })
}

pub fn payment(order: &str, amount: i64) -> Body {
    Body::Payment(pb::Payment { order_id: order.to_owned(), amount: yuan(amount) })
}

/// A refund; completed if a time is given.
pub fn refund(order: &str, amount: i64, kind: pb::RefundKind, completed: Option<&str>) -> Body {
    Body::Refund(pb::Refund {
        order_id: order.to_owned(),
        amount: yuan(amount),
        kind: kind.into(),
        reason: String::new(),
        completed_at: completed.map(local),
        ..Default::default()
    })
}

pub fn review(order: &str, rating: pb::ReviewRating, text: &str) -> Body {
    Body::BuyerReview(pb::BuyerReview {
        order_id: order.to_owned(),
        product_id: String::new(),
        rating: rating.into(),
        text: text.to_owned(),
        ..Default::default()
    })
}

pub fn revised(mut fact: pb::Fact, revision: i64) -> pb::Fact {
    fact.revision = revision;
    fact
}

/// Numerator and denominator.
pub fn parts(rate: Option<proto::common::v1::Rate>) -> (i64, i64) {
    rate.map(|rate| (rate.numerator, rate.denominator)).expect("a rate")
}
