//! A service that does what the day in its request says, and remembers what headers it got.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use proto::codec::Codec;
use proto::metrics::v1 as metrics;
use proto::performance::v1 as performance;
use proto::qa::v1 as qa;
use status::{Kind, Problem};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Status, Streaming};
use tower::service_fn;

/// Days that mean something to a fake.
pub const FINE: i32 = 1;
pub const FAILS: i32 = 2;
pub const HANGS: i32 = 3;
pub const IS_LARGE: i32 = 4;
pub const REFUSES: i32 = 5;

type Answered = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A service on a port of its own.
pub struct Fake {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
    stop: CancellationToken,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (seen, stop) = (Arc::default(), CancellationToken::new());
        let service = Service { seen: Arc::clone(&seen) };
        let server = tonic::transport::Server::builder().serve_with_incoming_shutdown(
            service,
            TcpListenerStream::new(listener),
            stop.clone().cancelled_owned(),
        );
        tokio::spawn(server);
        Self { address, seen, stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The headers of every call so far.
    pub fn seen(&self) -> Vec<HeaderMap> {
        self.seen.lock().expect("no fake panics").clone()
    }

    /// The headers of the only call so far.
    pub fn seen_once(&self) -> HeaderMap {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "one call");
        seen.remove(0)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Service {
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answered {
        self.seen.lock().expect("no fake panics").push(request.headers().clone());
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            Ok(match method.as_str() {
                "GetFigures" => unary(request, figures).await,
                "GetPerson" => unary(request, person).await,
                "ListPeople" => unary(request, people).await,
                "GetCoverage" => unary(request, coverage).await,
                "ListReviews" => unary(request, reviews).await,
                "CloseDay" => {
                    unary(request, async |_: metrics::CloseDayRequest| {
                        Ok(metrics::CloseDayResponse::default())
                    })
                    .await
                }
                "ListParkedEvents" => unary(request, parked).await,
                "GetDrawBundle" => bundle(request).await,
                "IngestConversations" => ingest(request).await,
                _ => Status::unimplemented("the fake has no such method").into_http(),
            })
        })
    }
}

async fn unary<I, O, F, A>(request: Request<Body>, answer: F) -> Response<Body>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
    F: Fn(I) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<O, Status>> + Send + 'static,
{
    let service = service_fn(move |request: tonic::Request<I>| {
        let answered = answer(request.into_inner());
        async move { answered.await.map(tonic::Response::new) }
    });
    Grpc::new(Codec::<O, I>::default()).unary(service, request).await
}

/// What the day says, for answers that can wait.
async fn obey(day: i32) -> Result<(), Status> {
    match day {
        FAILS => {
            Err(Problem::new(Kind::Precondition, "DEFINITION_BUILDING", "the definition is being built")
                .domain("metrics")
                .with("definition", "standard")
                .violation("days.from", "is before the definition")
                .into_status())
        }
        HANGS => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
        REFUSES => {
            Err(Problem::new(Kind::Denied, "OUT_OF_REACH", "not yours").domain("metrics").into_status())
        }
        _ => Ok(()),
    }
}

fn first(days: Option<proto::common::v1::DayRange>) -> i32 {
    days.and_then(|days| days.from).map_or(0, |day| day.day)
}

async fn figures(request: metrics::GetFiguresRequest) -> Result<metrics::GetFiguresResponse, Status> {
    let day = first(request.days);
    obey(day).await?;
    let filter = request.filter.unwrap_or_default();
    let key = filter.person_ids.first().or(filter.team_ids.first()).cloned().unwrap_or_default();
    let size = if day == IS_LARGE { 1 << 20 } else { 0 };
    let figures = metrics::Figures {
        key,
        name: "x".repeat(size),
        conversations: 9_007_199_254_740_993,
        ..Default::default()
    };
    Ok(metrics::GetFiguresResponse { figures: vec![figures], ..Default::default() })
}

async fn person(request: performance::GetPersonRequest) -> Result<performance::GetPersonResponse, Status> {
    let person =
        performance::Person { person_id: request.person_id, name: "王芳".into(), ..Default::default() };
    Ok(performance::GetPersonResponse { person: Some(person) })
}

async fn people(request: performance::ListPeopleRequest) -> Result<performance::ListPeopleResponse, Status> {
    let person = performance::Person { person_id: format!("of-{}", request.team_id), ..Default::default() };
    Ok(performance::ListPeopleResponse { people: vec![person], next_page_token: "more".into() })
}

async fn coverage(request: qa::GetCoverageRequest) -> Result<qa::GetCoverageResponse, Status> {
    obey(first(request.days)).await?;
    let row = |account: &str| qa::Coverage {
        account_id: account.into(),
        eligible: 20,
        drawn: 15,
        ..Default::default()
    };
    Ok(qa::GetCoverageResponse { coverage: vec![row("a1"), row("a2")], ..Default::default() })
}

async fn reviews(request: qa::ListReviewsRequest) -> Result<qa::ListReviewsResponse, Status> {
    let review = qa::Review { review_id: format!("review-of-{}", request.account_id), ..Default::default() };
    Ok(qa::ListReviewsResponse { reviews: vec![review], ..Default::default() })
}

async fn parked(
    _: proto::events::v1::ListParkedEventsRequest,
) -> Result<proto::events::v1::ListParkedEventsResponse, Status> {
    Ok(proto::events::v1::ListParkedEventsResponse::default())
}

/// Three chunks; or one and then what the day says.
async fn bundle(request: Request<Body>) -> Response<Body> {
    let service = service_fn(|request: tonic::Request<qa::GetDrawBundleRequest>| async move {
        let day = request.into_inner().business_day.map_or(0, |day| day.day);
        let chunk = |text: &str| Ok(qa::GetDrawBundleResponse { chunk: text.as_bytes().to_vec() });
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            let _ = sender.send(chunk("one")).await;
            if let Err(status) = obey(day).await {
                let _ = sender.send(Err(status)).await;
                return;
            }
            let _ = sender.send(chunk("two")).await;
            let _ = sender.send(chunk("three")).await;
        });
        let chunks: Chunks<qa::GetDrawBundleResponse> = Box::pin(ReceiverStream::new(receiver));
        Ok::<_, Status>(tonic::Response::new(chunks))
    });
    Grpc::new(Codec::default()).server_streaming(service, request).await
}

/// Acknowledges every message as it comes.
async fn ingest(request: Request<Body>) -> Response<Body> {
    let service =
        service_fn(|request: tonic::Request<Streaming<metrics::IngestConversationsRequest>>| async move {
            let lines = request.into_inner();
            let acks = lines.map(|lines| {
                let through_line = lines?.lines.last().map_or(0, |line| line.line);
                Ok(metrics::IngestConversationsResponse { through_line, ..Default::default() })
            });
            let acks: Chunks<metrics::IngestConversationsResponse> = Box::pin(acks);
            Ok::<_, Status>(tonic::Response::new(acks))
        });
    Grpc::new(Codec::default()).streaming(service, request).await
}
