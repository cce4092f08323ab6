//! The one port: which protocol a request speaks, by its content type.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::Full;
use tonic::body::Body;
use tonic::service::Routes as TonicRoutes;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::HttpConfig;
use crate::connect;
use crate::edge::{Edge, REQUEST_ID, TARGET};
use crate::{frames, openapi};

/// Paths of gRPC services that are open to everybody: health, and reflection where it is switched on.
const OPEN: [&str; 2] = ["/grpc.health.v1.", "/grpc.reflection."];

/// Answers every request of the public port. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    native: Native,
    web: Browser,
    http: Browser,
}

type Browser = tower::util::BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

impl Front {
    /// Everything over one edge. `open` answers health and reflection.
    pub fn new(edge: Arc<Edge>, open: TonicRoutes, config: &HttpConfig) -> Self {
        let native = Native { edge: Arc::clone(&edge), open: open.prepare() };
        let cors = cors(&config.cors_origins);
        let plain = Plain { edge, openapi: config.openapi.then(Arc::default) };
        let web = cors.clone().layer(GrpcWebLayer::new().layer(native.clone()));
        Self { native, web: browser(web), http: browser(cors.layer(plain)) }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let answered = if content_type.starts_with(b"application/grpc-web") {
            self.web.clone().oneshot(request).await
        } else if content_type.starts_with(b"application/grpc") {
            if request.version() < Version::HTTP_2 {
                return frames::malformed("gRPC needs HTTP/2; gRPC-Web and JSON do without").into_http();
            }
            return self.native.answer(request).await;
        } else {
            self.http.clone().oneshot(request).await
        };
        answered.unwrap_or_else(|never| match never {})
    }
}

fn browser<S>(service: S) -> Browser
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Browser::new(service)
}

/// What browsers may do and read. Callers sign in by a header and never by a cookie, so that a page can only use
/// what it holds itself.
fn cors(origins: &[String]) -> CorsLayer {
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()))
    };
    let sent = [
        "connect-protocol-version",
        "connect-timeout-ms",
        "grpc-timeout",
        "traceparent",
        "x-grpc-web",
        "x-user-agent",
    ];
    let read = ["grpc-message", "grpc-status", "grpc-status-details-bin", "x-trace-id"];
    let sent = sent.map(HeaderName::from_static).into_iter();
    let read = read.map(HeaderName::from_static).into_iter();
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(
            sent.chain([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID, TARGET]).collect::<Vec<_>>(),
        )
        .expose_headers(read.chain([header::RETRY_AFTER, REQUEST_ID]).collect::<Vec<_>>())
        .max_age(Duration::from_secs(3600))
}

/// gRPC, also in its web form once that is unpacked.
#[derive(Clone)]
struct Native {
    edge: Arc<Edge>,
    open: TonicRoutes,
}

impl Native {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        if self.edge.find(path).is_none() && OPEN.iter().any(|open| path.starts_with(open)) {
            return self.open.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        }
        self.edge.call(request).await
    }
}

/// HTTP without gRPC.
#[derive(Clone)]
struct Plain {
    edge: Arc<Edge>,
    /// The document once somebody asked for it; `None` if nobody may.
    openapi: Option<Arc<OnceLock<Bytes>>>,
}

impl Plain {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        match request.uri().path() {
            "/healthz" => text("text/plain", Bytes::from_static(b"ok\n")),
            "/openapi.json" => match &self.openapi {
                Some(document) => {
                    let made = || Bytes::from(openapi::document(self.edge.routes()).to_string());
                    text("application/json", document.get_or_init(made).clone())
                }
                None => connect::call(&self.edge, request).await,
            },
            _ => connect::call(&self.edge, request).await,
        }
    }
}

fn text(content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

macro_rules! service {
    ($of:ty) => {
        impl Service<Request<Body>> for $of {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<Body>) -> Self::Future {
                let service = self.clone();
                Box::pin(async move { Ok(service.answer(request).await) })
            }
        }
    };
}
service!(Native);
service!(Plain);
