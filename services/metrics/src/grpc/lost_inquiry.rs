//! `jinpai.metrics.v1.LostInquiryService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::lost_inquiry_service_server::LostInquiryService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::lost_inquiries::LostInquiries;
use crate::grpc::decode::EXPLAINED_DAYS_MAX;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.LostInquiryService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct LostInquiryApi {
    inquiries: LostInquiries,
}

impl LostInquiryApi {
    /// In front of these use cases.
    pub fn new(inquiries: LostInquiries) -> Self {
        Self { inquiries }
    }
}

#[tonic::async_trait]
impl LostInquiryService for LostInquiryApi {
    async fn get_loss_catalogue(
        &self,
        request: Request<pb::GetLossCatalogueRequest>,
    ) -> Reply<pb::GetLossCatalogueResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let catalogue = self.inquiries.get_catalogue(&scope.merchant, message.version).await?;
        Ok(Response::new(pb::GetLossCatalogueResponse { catalogue: Some(encode::catalogue(&catalogue)) }))
    }

    async fn put_loss_catalogue(
        &self,
        request: Request<pb::PutLossCatalogueRequest>,
    ) -> Reply<pb::PutLossCatalogueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let content = decode::catalogue(message)?;
        let by = By::new(&request, rpc!("PutLossCatalogue"), &message.request_id);
        let catalogue = self.inquiries.put_catalogue(&by, &message.etag, content).await?;
        Ok(Response::new(pb::PutLossCatalogueResponse { catalogue: Some(encode::catalogue(&catalogue)) }))
    }

    async fn list_lost_inquiries(
        &self,
        request: Request<pb::ListLostInquiriesRequest>,
    ) -> Reply<pb::ListLostInquiriesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("lost inquiries {filter:?}"))?;
        let (found, pending) = self.inquiries.list_lost_inquiries(&scope, &filter, &page).await?;
        let currency = self.inquiries.currency();
        Ok(Response::new(pb::ListLostInquiriesResponse {
            lost_inquiries: found.items.iter().map(|listed| encode::lost_inquiry(listed, currency)).collect(),
            next_page_token: found.next_page_token,
            pending,
        }))
    }

    async fn get_lost_inquiry(
        &self,
        request: Request<pb::GetLostInquiryRequest>,
    ) -> Reply<pb::GetLostInquiryResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let key = decode::key(message.key.as_ref())?;
        let found = self.inquiries.get_lost_inquiry(&scope, &key).await?;
        let lost_inquiry = Some(encode::lost_inquiry(&found, self.inquiries.currency()));
        Ok(Response::new(pb::GetLostInquiryResponse { lost_inquiry }))
    }

    async fn decide_lost_inquiry(
        &self,
        request: Request<pb::DecideLostInquiryRequest>,
    ) -> Reply<pb::DecideLostInquiryResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let key = decode::key(message.key.as_ref())?;
        crate::grpc::decode::check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("DecideLostInquiry"), &message.request_id);
        let at = (&key, message.etag.as_str());
        let decided = self
            .inquiries
            .decide_lost_inquiry(&by, &request.scope, at, &message.reason_id, &message.note)
            .await?;
        let lost_inquiry = Some(encode::lost_inquiry(&decided, self.inquiries.currency()));
        Ok(Response::new(pb::DecideLostInquiryResponse { lost_inquiry }))
    }

    async fn get_loss_report(
        &self,
        request: Request<pb::GetLossReportRequest>,
    ) -> Reply<pb::GetLossReportResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let range = super::decode::range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
        let filter = super::decode::filter(message.filter.as_ref())?;
        let by = decode::dimensions(&message);
        let list = format!("loss report {range:?} {filter:?} {by:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let report = self.inquiries.get_report(&scope, (range, &filter), &by, &page).await?;
        Ok(Response::new(encode::report(report, self.inquiries.currency())))
    }
}
