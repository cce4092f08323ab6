//! The bare tonic server that the gateway is measured against and in front of: one real method, a constant answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use proto::performance::v1::{GetMerchantRequest, GetMerchantResponse, Merchant, Shop};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

/// The method that is called.
pub const PATH: &str = "/jinpai.performance.v1.PeopleService/GetMerchant";

/// Serves until the process ends.
pub async fn serve(address: SocketAddr) -> Result<()> {
    tonic::transport::Server::builder().tcp_nodelay(true).add_service(Echo).serve(address).await?;
    Ok(())
}

#[derive(Debug, Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "jinpai.performance.v1.PeopleService";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let codec = proto::codec::Codec::<GetMerchantResponse, GetMerchantRequest>::default();
        Box::pin(async move { Ok(Grpc::new(codec).unary(Answer, request).await) })
    }
}

struct Answer;

impl UnaryService<GetMerchantRequest> for Answer {
    type Response = GetMerchantResponse;
    type Future = Ready<Result<Response<GetMerchantResponse>, Status>>;

    fn call(&mut self, _: Request<GetMerchantRequest>) -> Self::Future {
        ready(Ok(Response::new(GetMerchantResponse {
            merchant: Some(Merchant {
                merchant_id: "bench".into(),
                name: "Bench".into(),
                time_zone: "Asia/Shanghai".into(),
                cut_over_hour: 0,
                shops: vec![Shop { shop_id: "one".into(), name: "One".into() }],
                etag: "1".into(),
            }),
        })))
    }
}
