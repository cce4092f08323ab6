//! `jinpai.metrics.v1.MetricsService`: parse, call, encode. No rule lives here.

pub mod alert;
mod analysis;
pub mod board;
pub mod bot;
pub mod campaign;
pub mod case;
pub mod customer;
mod decode;
mod encode;
mod explain;
mod fact;
mod facts;
mod figures;
pub mod follow_up;
pub mod incident;
pub mod issue;
pub mod lost_inquiry;
pub mod report;
pub mod risk;
mod slice;
pub mod target;
mod trade;
pub mod voice;
pub mod work;

use std::pin::Pin;

use futures::{Stream, StreamExt};
use pg::By;
use pg::page::PageRequest;
use proto::metrics::v1 as pb;
use proto::metrics::v1::metrics_service_server::MetricsService;
use runtime::identity::{Admitted, admitted, caller};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::domain::Metrics;
use crate::error::MetricsError;
use crate::grpc::explain::Explaining;

pub use facts::FactsApi;

pub use analysis::AnalysisApi;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.MetricsService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct MetricsApi {
    metrics: Metrics,
}

impl MetricsApi {
    /// In front of these use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl From<MetricsError> for Status {
    fn from(error: MetricsError) -> Self {
        status::to_status("metrics", &error)
    }
}

type Reply<T> = Result<Response<T>, Status>;

fn page<K: Serialize + DeserializeOwned>(
    size: i32,
    token: &str,
    list: String,
) -> Result<PageRequest<K>, MetricsError> {
    Ok(PageRequest::parse(size, token, list)?)
}

#[tonic::async_trait]
impl MetricsService for MetricsApi {
    type IngestConversationsStream =
        Pin<Box<dyn Stream<Item = Result<pb::IngestConversationsResponse, Status>> + Send>>;

    async fn ingest_conversations(
        &self,
        request: Request<Streaming<pb::IngestConversationsRequest>>,
    ) -> Reply<Self::IngestConversationsStream> {
        let caller = caller(request.extensions())?.clone();
        let by = By { caller, rpc: rpc!("IngestConversations"), request: None };
        let lines = request.into_inner().map(|frame| match frame {
            Ok(frame) => Ok(frame.lines.into_iter().map(decode::line).collect()),
            // The client is gone or sends what isn't ours; what it sent before is kept.
            Err(status) => Err(MetricsError::Stream(status)),
        });
        let acks = self.metrics.ingest(by, lines)?;
        let acks = ReceiverStream::new(acks).map(|ack| ack.map(encode::ack).map_err(Status::from));
        Ok(Response::new(Box::pin(acks)))
    }

    async fn batch_ingest_conversations(
        &self,
        request: Request<pb::BatchIngestConversationsRequest>,
    ) -> Reply<pb::BatchIngestConversationsResponse> {
        let mut request = admitted(request)?;
        // Repeats are told by identity, revision and content, so the request id adds nothing.
        let lines = std::mem::take(&mut request.message.lines).into_iter().map(decode::line).collect();
        let by = By::new(&request, rpc!("BatchIngestConversations"), "");
        let outcome = self.metrics.ingest_batch(&by, lines).await?;
        let (counts, rejects) = encode::outcome(outcome);
        Ok(Response::new(pb::BatchIngestConversationsResponse { counts: Some(counts), rejects }))
    }

    async fn close_day(&self, request: Request<pb::CloseDayRequest>) -> Reply<pb::CloseDayResponse> {
        let request = admitted(request)?;
        let day = decode::day("business_day", request.message.business_day.as_ref())?;
        let by = By::new(&request, rpc!("CloseDay"), &request.message.request_id);
        let day = self.metrics.close_day(&by, &request.scope, day).await?;
        Ok(Response::new(pb::CloseDayResponse { day: Some(encode::day(&day)) }))
    }

    async fn get_day(&self, request: Request<pb::GetDayRequest>) -> Reply<pb::GetDayResponse> {
        let request = admitted(request)?;
        let day = decode::day("business_day", request.message.business_day.as_ref())?;
        let (day, agents) = self.metrics.get_day(&request.scope, day).await?;
        let agents = agents.into_iter().map(encode::agent_day).collect();
        Ok(Response::new(pb::GetDayResponse { day: Some(encode::day(&day)), agents }))
    }

    async fn list_days(&self, request: Request<pb::ListDaysRequest>) -> Reply<pb::ListDaysResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let range = decode::range("days", message.days.as_ref(), decode::DAYS_MAX)?;
        let page = page(message.page_size, &message.page_token, format!("days {range:?}"))?;
        let days = self.metrics.list_days(&scope, range, &page).await?.map(|day| encode::day(&day));
        Ok(Response::new(pb::ListDaysResponse { days: days.items, next_page_token: days.next_page_token }))
    }

    async fn get_figures(&self, request: Request<pb::GetFiguresRequest>) -> Reply<pb::GetFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let ask = decode::ask_figures(&message)?;
        let page = page(message.page_size, &message.page_token, format!("{ask:?}"))?;
        let found = self.metrics.get_figures(&scope, &ask, &page).await?;
        let answer = figures::answer(found, &message.windows, ask.range.to, self.metrics.currency());
        Ok(Response::new(answer))
    }

    async fn explain_figure(
        &self,
        request: Request<pb::ExplainFigureRequest>,
    ) -> Reply<pb::ExplainFigureResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        match explain::decode(&message)? {
            Explaining::Conversations(query) => self.explain_conversations(&scope, &message, query).await,
            Explaining::Timelines(query) => self.explain_timelines(&scope, &message, query).await,
        }
    }

    async fn list_definitions(
        &self,
        request: Request<pb::ListDefinitionsRequest>,
    ) -> Reply<pb::ListDefinitionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "definitions".to_owned())?;
        let definitions = self.metrics.list_definitions(&scope, &page).await?.map(encode::definition);
        Ok(Response::new(pb::ListDefinitionsResponse {
            definitions: definitions.items,
            next_page_token: definitions.next_page_token,
        }))
    }

    async fn put_definition(
        &self,
        request: Request<pb::PutDefinitionRequest>,
    ) -> Reply<pb::PutDefinitionResponse> {
        let request = admitted(request)?;
        let put = decode::new_definition(request.message.definition.as_ref())?;
        let by = By::new(&request, rpc!("PutDefinition"), &request.message.request_id);
        let definition = self.metrics.put_definition(&by, put, request.message.etag.clone()).await?;
        Ok(Response::new(pb::PutDefinitionResponse { definition: Some(encode::definition(definition)) }))
    }
}
