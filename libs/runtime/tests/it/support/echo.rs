//! `test.v1.Echo`, written by hand: the contracts of the suite change, this one does not.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use http::uri::PathAndQuery;
use proto::access::{MethodRule, Role, Scope};
use proto::codec::Codec;
use runtime::client::Upstream;
use runtime::{deadline, identity};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::server::{NamedService, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};

#[derive(Clone, PartialEq, prost::Message)]
pub struct Ask {
    #[prost(string, tag = "1")]
    pub text: String,
    /// "", "wait" for the gate, "panic", "fail", "hop" to the next server, "sleep" for ever.
    #[prost(string, tag = "2")]
    pub act: String,
    #[prost(uint32, tag = "3")]
    pub repeat: u32,
}

impl Ask {
    pub fn to(act: &str) -> Self {
        Self { act: act.to_owned(), ..Self::default() }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Told {
    #[prost(string, tag = "1")]
    pub text: String,
    /// What was left of the time in milliseconds; -1 without a deadline.
    #[prost(int64, tag = "2")]
    pub remaining_ms: i64,
    #[prost(string, tag = "3")]
    pub merchant: String,
    #[prost(string, tag = "4")]
    pub scope: String,
    #[prost(string, tag = "5")]
    pub request_id: String,
    /// Whether the handler still sees the header that tonic's own timer would read.
    #[prost(bool, tag = "6")]
    pub sees_timeout_header: bool,
}

const SUPERVISORS: &[(Role, Scope)] = &[(Role::Supervisor, Scope::Merchant), (Role::Agent, Scope::Own)];

const fn method(path: &'static str, method: &'static str) -> MethodRule {
    MethodRule {
        path,
        service: "test.v1.Echo",
        method,
        grants: SUPERVISORS,
        deadline_ms: 0,
        changes: false,
        client_streaming: false,
        server_streaming: false,
        endless: false,
    }
}

static UNARY: MethodRule = method("/test.v1.Echo/Unary", "Unary");
static QUICK: MethodRule = MethodRule { deadline_ms: 50, ..method("/test.v1.Echo/Quick", "Quick") };
static LIST: MethodRule = MethodRule { server_streaming: true, ..method("/test.v1.Echo/List", "List") };
static TALK: MethodRule =
    MethodRule { client_streaming: true, server_streaming: true, ..method("/test.v1.Echo/Talk", "Talk") };

pub fn rule(path: &str) -> Option<&'static MethodRule> {
    [&UNARY, &QUICK, &LIST, &TALK].into_iter().find(|rule| rule.path == path)
}

/// The service. Handlers that wait do so at a gate which tests open.
#[derive(Clone)]
pub struct Echo {
    pub next: Option<EchoClient>,
    pub gate: Arc<Semaphore>,
    /// Calls that have reached the gate.
    pub arrived: Arc<Semaphore>,
}

impl Default for Echo {
    fn default() -> Self {
        Self { next: None, gate: Arc::new(Semaphore::new(0)), arrived: Arc::new(Semaphore::new(0)) }
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.v1.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Codec::<Told, Ask>::default())
                .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
            Ok(match request.uri().path() {
                "/test.v1.Echo/Unary" | "/test.v1.Echo/Quick" => grpc.unary(echo, request).await,
                "/test.v1.Echo/List" => grpc.server_streaming(echo, request).await,
                "/test.v1.Echo/Talk" => grpc.streaming(echo, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<Told, Status>> + Send>>;
type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

impl UnaryService<Ask> for Echo {
    type Response = Told;
    type Future = Answer<Told>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move { echo.tell(request).await.map(Response::new) })
    }
}

impl ServerStreamingService<Ask> for Echo {
    type Response = Told;
    type ResponseStream = Answers;
    type Future = Answer<Answers>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let ask = request.get_ref().clone();
            let mut first = echo.told(&request)?;
            let told = futures::stream::iter(0..ask.repeat).then(move |number| {
                first.text = number.to_string();
                // Asked inside the stream, after the handler has returned.
                first.remaining_ms = remaining_ms();
                futures::future::ready(Ok(first.clone()))
            });
            let ending: Answers = if ask.act == "sleep" {
                Box::pin(told.chain(futures::stream::pending()))
            } else {
                Box::pin(told)
            };
            Ok(Response::new(ending))
        })
    }
}

impl StreamingService<Ask> for Echo {
    type Response = Told;
    type ResponseStream = Answers;
    type Future = Answer<Answers>;

    fn call(&mut self, request: Request<Streaming<Ask>>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let told = echo.told(&request)?;
            let answers = request.into_inner().map(move |ask| {
                let text = ask?.text;
                Ok(Told { text, ..told.clone() })
            });
            Ok(Response::new(Box::pin(answers) as Answers))
        })
    }
}

impl Echo {
    async fn tell(self, request: Request<Ask>) -> Result<Told, Status> {
        let mut told = self.told(&request)?;
        let ask = request.into_inner();
        match ask.act.as_str() {
            "" => told.text = ask.text.repeat(ask.repeat.max(1) as usize),
            "wait" => {
                self.arrived.add_permits(1);
                let _pass = self.gate.acquire().await.map_err(|_| Status::aborted("the gate is gone"))?;
            }
            "panic" => panic!("as asked: {}", ask.text),
            "fail" => return Err(Status::internal("secret text of a handler")),
            "sleep" => std::future::pending().await,
            "hop" => {
                let mut next = self.next.ok_or_else(|| Status::failed_precondition("there is no next"))?;
                // Some of the time is spent here, so that the next hop must see less of it.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return next.unary(Ask { act: ask.text, ..Ask::default() }).await;
            }
            other => return Err(Status::invalid_argument(other)),
        }
        Ok(told)
    }

    fn told<T>(&self, request: &Request<T>) -> Result<Told, Status> {
        let caller = identity::caller(request.extensions())?;
        let scope = identity::scope(request.extensions())?;
        Ok(Told {
            text: String::new(),
            remaining_ms: remaining_ms(),
            merchant: caller.merchant.to_string(),
            scope: format!("{:?}", scope.reach),
            request_id: caller.request_id.clone(),
            sees_timeout_header: request.metadata().contains_key("grpc-timeout"),
        })
    }
}

fn remaining_ms() -> i64 {
    deadline::remaining().map_or(-1, |left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX))
}

/// The client, as code generation would write it.
#[derive(Clone)]
pub struct EchoClient {
    upstream: Upstream,
    token: Option<String>,
    timeout: Option<Duration>,
}

impl EchoClient {
    pub fn new(upstream: Upstream) -> Self {
        Self { upstream, token: None, timeout: None }
    }

    pub fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    pub async fn unary(&mut self, ask: Ask) -> Result<Told, Status> {
        self.call("/test.v1.Echo/Unary", ask).await.map(Response::into_inner)
    }

    pub async fn call(&mut self, path: &'static str, ask: Ask) -> Result<Response<Told>, Status> {
        let request = self.request(ask);
        self.grpc().unary(request, PathAndQuery::from_static(path), Codec::<Ask, Told>::default()).await
    }

    pub async fn list(&mut self, ask: Ask) -> Result<Streaming<Told>, Status> {
        let (request, path) = (self.request(ask), PathAndQuery::from_static("/test.v1.Echo/List"));
        let answer = self.grpc().server_streaming(request, path, Codec::<Ask, Told>::default()).await;
        answer.map(Response::into_inner)
    }

    pub async fn talk(
        &mut self,
        asks: impl Stream<Item = Ask> + Send + 'static,
    ) -> Result<Streaming<Told>, Status> {
        let (request, path) = (self.request(asks), PathAndQuery::from_static("/test.v1.Echo/Talk"));
        let answer = self.grpc().streaming(request, path, Codec::<Ask, Told>::default()).await;
        answer.map(Response::into_inner)
    }

    fn grpc(&self) -> tonic::client::Grpc<Upstream> {
        tonic::client::Grpc::new(self.upstream.clone())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let token = token.parse().expect("tokens are ASCII");
            request.metadata_mut().insert(identity::IDENTITY_KEY, token);
        }
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        request
    }
}
