//! `jinpai.metrics.v1.FactsService`: parse, call, encode. No rule lives here.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::facts_service_server::FactsService;
use proto::time::timestamp;
use runtime::identity::{Admitted, admitted, caller};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::domain::Metrics;
use crate::domain::batch::Line;
use crate::domain::fact_draft::FactDraft;
use crate::domain::order_decisions::{Decide, OrderDecision};
use crate::error::MetricsError;
use crate::grpc::{Reply, encode, fact, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.FactsService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct FactsApi {
    metrics: Metrics,
}

impl FactsApi {
    /// In front of these use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

#[tonic::async_trait]
impl FactsService for FactsApi {
    type IngestFactsStream = Pin<Box<dyn Stream<Item = Result<pb::IngestFactsResponse, Status>> + Send>>;

    async fn ingest_facts(
        &self,
        request: Request<Streaming<pb::IngestFactsRequest>>,
    ) -> Reply<Self::IngestFactsStream> {
        let caller = caller(request.extensions())?.clone();
        let by = By { caller, rpc: rpc!("IngestFacts"), request: None };
        let currency = self.metrics.currency().clone();
        let lines = request.into_inner().map(move |frame| match frame {
            Ok(frame) => {
                let lines: Vec<Line<FactDraft>> =
                    frame.lines.into_iter().map(|line| fact::line(line, &currency)).collect();
                Ok(lines)
            }
            // The client is gone or sends what isn't ours; what it sent before is kept.
            Err(status) => Err(MetricsError::Stream(status)),
        });
        let acks = self.metrics.ingest(by, lines)?;
        let acks = ReceiverStream::new(acks).map(|ack| {
            let ack = ack?;
            let (counts, rejects) = encode::outcome(ack.outcome);
            Ok(pb::IngestFactsResponse { through_line: ack.through_line, counts: Some(counts), rejects })
        });
        Ok(Response::new(Box::pin(acks)))
    }

    async fn batch_ingest_facts(
        &self,
        request: Request<pb::BatchIngestFactsRequest>,
    ) -> Reply<pb::BatchIngestFactsResponse> {
        let mut request = admitted(request)?;
        let lines = std::mem::take(&mut request.message.lines);
        let lines = lines.into_iter().map(|line| fact::line(line, self.metrics.currency())).collect();
        // Repeats are told by identity, revision and content, so the request id adds nothing.
        let by = By::new(&request, rpc!("BatchIngestFacts"), "");
        let outcome = self.metrics.ingest_batch::<FactDraft>(&by, lines).await?;
        let (counts, rejects) = encode::outcome(outcome);
        Ok(Response::new(pb::BatchIngestFactsResponse { counts: Some(counts), rejects }))
    }

    async fn exclude_order(
        &self,
        request: Request<pb::ExcludeOrderRequest>,
    ) -> Reply<pb::ExcludeOrderResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("ExcludeOrder"), &request.message.request_id);
        let pb::ExcludeOrderRequest { shop_id: shop, order_id: order, reason, etag, .. } =
            request.message.clone();
        let decide = Decide { shop, order, excluded: true, reason, etag };
        let decision = self.metrics.decide_order(&by, decide).await?;
        Ok(Response::new(pb::ExcludeOrderResponse { decision: Some(decided(decision)) }))
    }

    async fn include_order(
        &self,
        request: Request<pb::IncludeOrderRequest>,
    ) -> Reply<pb::IncludeOrderResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("IncludeOrder"), &request.message.request_id);
        let pb::IncludeOrderRequest { shop_id: shop, order_id: order, reason, etag, .. } =
            request.message.clone();
        let decide = Decide { shop, order, excluded: false, reason, etag };
        let decision = self.metrics.decide_order(&by, decide).await?;
        Ok(Response::new(pb::IncludeOrderResponse { decision: Some(decided(decision)) }))
    }

    async fn list_order_decisions(
        &self,
        request: Request<pb::ListOrderDecisionsRequest>,
    ) -> Reply<pb::ListOrderDecisionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let shop = (!message.shop_id.is_empty()).then_some(message.shop_id.as_str());
        let list = format!("order decisions {shop:?} {:?}", message.excluded);
        let page = page(message.page_size, &message.page_token, list)?;
        let found = self.metrics.list_order_decisions(&scope, (shop, message.excluded), &page).await?;
        let found = found.map(decided);
        Ok(Response::new(pb::ListOrderDecisionsResponse {
            decisions: found.items,
            next_page_token: found.next_page_token,
        }))
    }
}

fn decided(decision: OrderDecision) -> pb::OrderDecision {
    pb::OrderDecision {
        etag: decision.etag(),
        shop_id: decision.shop,
        order_id: decision.order,
        version: decision.version,
        excluded: decision.excluded,
        reason: decision.reason,
        decided_by: decision.by,
        decided_at: Some(timestamp(decision.at)),
    }
}
