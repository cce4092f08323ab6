//! What an ingest stream carries: conversations or facts, each on a stream of its own with the same promises.

use std::future::Future;

use importers::{Record, Row};
use prost::Message;
use proto::metrics::v1::facts_service_client::FactsServiceClient;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{
    BatchIngestConversationsRequest, BatchIngestFactsRequest, ConversationLine, FactLine,
    IngestConversationsRequest, IngestConversationsResponse, IngestCounts, IngestFactsRequest,
    IngestFactsResponse, Reject,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::format;
use crate::session::Session;

/// An acknowledgement of the service.
#[derive(Debug, Default)]
pub struct Acknowledgement {
    /// Every line up to this one is committed or refused.
    pub through_line: i64,
    /// Of the lines after the acknowledgement before.
    pub counts: IngestCounts,
    /// Refused lines among them.
    pub rejects: Vec<Reject>,
}

/// A line of an ingest stream.
pub trait Carried: Message + Clone + Sized + 'static {
    /// What some of them are sent in.
    type Request: Send + 'static;
    /// What is answered.
    type Response: Send + 'static;

    /// The line to send for a record; `None` if another stream carries it.
    fn of(row: Row, shop: Option<&str>) -> Option<Result<Self, Reject>>;

    /// Its number.
    fn number(&self) -> i64;

    /// Some lines as a request.
    fn request(lines: Vec<Self>) -> Self::Request;

    /// What an answer says.
    fn acknowledgement(response: Self::Response) -> Acknowledgement;

    /// Opens the stream.
    fn open(
        session: &Session,
        requests: mpsc::Receiver<Self::Request>,
    ) -> impl Future<Output = Result<Streaming<Self::Response>, Status>> + Send;

    /// Sends one line by itself, in a transaction of its own.
    fn send_alone(
        session: &Session,
        line: Self,
    ) -> impl Future<Output = Result<tonic::Response<IngestCounts>, Status>> + Send;
}

/// A line whose stream has messages of its own but makes the same promises: which record it carries in which field, made
/// by the function of that name; the stream's call with its messages, and the call for one batch.
macro_rules! carried {
    (
        $line:ident { $field:ident: $record:ident },
        $client:ident.$stream:ident($request:ident) -> $response:ident,
        $batch:ident($batch_request:ident)
    ) => {
        impl Carried for $line {
            type Request = $request;
            type Response = $response;

            fn of(row: Row, shop: Option<&str>) -> Option<Result<Self, Reject>> {
                let line = number(row.line);
                let Record::$record(read) = row.record else { return None };
                Some(match format::$field(read, shop) {
                    Ok(read) => Ok(Self { line, $field: Some(read) }),
                    Err(wrong) => Err(reject(line, wrong)),
                })
            }

            fn number(&self) -> i64 {
                self.line
            }

            fn request(lines: Vec<Self>) -> Self::Request {
                $request { lines }
            }

            fn acknowledgement(response: Self::Response) -> Acknowledgement {
                let $response { through_line, counts, rejects } = response;
                Acknowledgement { through_line, counts: counts.unwrap_or_default(), rejects }
            }

            async fn open(
                session: &Session,
                requests: mpsc::Receiver<Self::Request>,
            ) -> Result<Streaming<Self::Response>, Status> {
                let mut client = $client::new(session.channel());
                Ok(client.$stream(ReceiverStream::new(requests)).await?.into_inner())
            }

            async fn send_alone(
                session: &Session,
                line: Self,
            ) -> Result<tonic::Response<IngestCounts>, Status> {
                let request = $batch_request { lines: vec![line], request_id: String::new() };
                let answer = $client::new(session.channel()).$batch(request).await?;
                Ok(answer.map(|answer| answer.counts.unwrap_or_default()))
            }
        }
    };
}

carried!(
    ConversationLine { conversation: Conversation },
    MetricsServiceClient.ingest_conversations(IngestConversationsRequest) -> IngestConversationsResponse,
    batch_ingest_conversations(BatchIngestConversationsRequest)
);
carried!(
    FactLine { fact: Fact },
    FactsServiceClient.ingest_facts(IngestFactsRequest) -> IngestFactsResponse,
    batch_ingest_facts(BatchIngestFactsRequest)
);

/// A file's line as the streams count it.
pub fn number(line: u64) -> i64 {
    // No file has 2^63 lines.
    i64::try_from(line).unwrap_or(i64::MAX)
}

fn reject(line: i64, wrong: format::Wrong) -> Reject {
    Reject { line, field: wrong.field.to_owned(), reason: wrong.reason.to_owned() }
}
