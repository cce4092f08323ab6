//! `jinpai.metrics.v1.RiskService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::risk_service_server::RiskService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::risks::Risks;
use crate::grpc::decode::id;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.RiskService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct RiskApi {
    risks: Risks,
}

impl RiskApi {
    /// In front of these use cases.
    pub fn new(risks: Risks) -> Self {
        Self { risks }
    }
}

#[tonic::async_trait]
impl RiskService for RiskApi {
    async fn create_risk(&self, request: Request<pb::CreateRiskRequest>) -> Reply<pb::CreateRiskResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("risk_id", &message.risk_id)?;
        let content = decode::content(message.content.as_ref())?;
        let by = By::new(&request, rpc!("CreateRisk"), &message.request_id);
        let risk = self.risks.create_risk(&by, id, content).await?;
        Ok(Response::new(pb::CreateRiskResponse { risk: Some(encode::risk(&risk)) }))
    }

    async fn get_risk(&self, request: Request<pb::GetRiskRequest>) -> Reply<pb::GetRiskResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("risk_id", &message.risk_id)?;
        let risk = self.risks.get_risk(&scope, &id).await?;
        Ok(Response::new(pb::GetRiskResponse { risk: Some(encode::risk(&risk)) }))
    }

    async fn list_risks(&self, request: Request<pb::ListRisksRequest>) -> Reply<pb::ListRisksResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("risks {filter:?}"))?;
        let found = self.risks.list_risks(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListRisksResponse {
            risks: found.items.iter().map(encode::risk).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn assess_risk(&self, request: Request<pb::AssessRiskRequest>) -> Reply<pb::AssessRiskResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("risk_id", &message.risk_id)?;
        let content = decode::content(message.content.as_ref())?;
        let by = By::new(&request, rpc!("AssessRisk"), &message.request_id);
        let risk = self.risks.assess_risk(&by, (&id, &message.etag), content).await?;
        Ok(Response::new(pb::AssessRiskResponse { risk: Some(encode::risk(&risk)) }))
    }

    async fn list_risk_versions(
        &self,
        request: Request<pb::ListRiskVersionsRequest>,
    ) -> Reply<pb::ListRiskVersionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("risk_id", &message.risk_id)?;
        let page = page(message.page_size, &message.page_token, format!("versions of risk {id}"))?;
        let found = self.risks.list_risk_versions(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListRiskVersionsResponse {
            versions: found.items.iter().map(encode::risk).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_risk_matrix(
        &self,
        request: Request<pb::GetRiskMatrixRequest>,
    ) -> Reply<pb::GetRiskMatrixResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let matrix = self.risks.get_matrix(&scope, decode::kinds(message.kinds())).await?;
        Ok(Response::new(encode::matrix(&matrix)))
    }
}
