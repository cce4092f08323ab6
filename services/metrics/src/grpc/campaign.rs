//! `jinpai.metrics.v1.CampaignService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::campaign_service_server::CampaignService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::campaign::Campaign;
use crate::domain::campaign::plan::template;
use crate::domain::campaigns::{Campaigns, Reviewed};
use crate::grpc::{Reply, page};
use crate::outgoing;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.CampaignService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct CampaignApi {
    campaigns: Campaigns,
}

impl CampaignApi {
    /// In front of these use cases.
    pub fn new(campaigns: Campaigns) -> Self {
        Self { campaigns }
    }
}

fn one(campaign: &Campaign) -> Option<pb::Campaign> {
    Some(encode::campaign(campaign))
}

fn review(reviewed: &Reviewed) -> Option<pb::CampaignReview> {
    Some(encode::review(reviewed))
}

#[tonic::async_trait]
impl CampaignService for CampaignApi {
    async fn create_campaign(
        &self,
        request: Request<pb::CreateCampaignRequest>,
    ) -> Reply<pb::CreateCampaignResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let plan = decode::plan(message.plan.as_ref(), self.campaigns.currency())?;
        let by = By::new(&request, rpc!("CreateCampaign"), &message.request_id);
        let campaign = self.campaigns.create_campaign(&by, &request.scope, id, plan).await?;
        Ok(Response::new(pb::CreateCampaignResponse { campaign: one(&campaign) }))
    }

    async fn get_campaign(&self, request: Request<pb::GetCampaignRequest>) -> Reply<pb::GetCampaignResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let campaign = self.campaigns.get_campaign(&scope, &id).await?;
        Ok(Response::new(pb::GetCampaignResponse { campaign: one(&campaign) }))
    }

    async fn list_campaigns(
        &self,
        request: Request<pb::ListCampaignsRequest>,
    ) -> Reply<pb::ListCampaignsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("campaigns {filter:?}"))?;
        let found = self.campaigns.list_campaigns(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListCampaignsResponse {
            campaigns: found.items.iter().map(encode::campaign).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_campaign_versions(
        &self,
        request: Request<pb::ListCampaignVersionsRequest>,
    ) -> Reply<pb::ListCampaignVersionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let page = page(message.page_size, &message.page_token, format!("campaign versions {id}"))?;
        let found = self.campaigns.list_campaign_versions(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListCampaignVersionsResponse {
            versions: found.items.iter().map(encode::campaign).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn update_campaign(
        &self,
        request: Request<pb::UpdateCampaignRequest>,
    ) -> Reply<pb::UpdateCampaignResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let plan = decode::plan(message.plan.as_ref(), self.campaigns.currency())?;
        let by = By::new(&request, rpc!("UpdateCampaign"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let campaign = self.campaigns.update_campaign(&by, &request.scope, at, plan).await?;
        Ok(Response::new(pb::UpdateCampaignResponse { campaign: one(&campaign) }))
    }

    async fn publish_campaign(
        &self,
        request: Request<pb::PublishCampaignRequest>,
    ) -> Reply<pb::PublishCampaignResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let by = By::new(&request, rpc!("PublishCampaign"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let campaign = self.campaigns.publish_campaign(&by, &request.scope, at).await?;
        Ok(Response::new(pb::PublishCampaignResponse { campaign: one(&campaign) }))
    }

    async fn end_campaign(&self, request: Request<pb::EndCampaignRequest>) -> Reply<pb::EndCampaignResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let by = By::new(&request, rpc!("EndCampaign"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let campaign = self.campaigns.end_campaign(&by, &request.scope, at).await?;
        Ok(Response::new(pb::EndCampaignResponse { campaign: one(&campaign) }))
    }

    async fn cancel_campaign(
        &self,
        request: Request<pb::CancelCampaignRequest>,
    ) -> Reply<pb::CancelCampaignResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        super::decode::check_no_nul("reason", &message.reason)?;
        let by = By::new(&request, rpc!("CancelCampaign"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let reason = message.reason.clone();
        let campaign = self.campaigns.cancel_campaign(&by, &request.scope, at, reason).await?;
        Ok(Response::new(pb::CancelCampaignResponse { campaign: one(&campaign) }))
    }

    async fn mark_checklist_item(
        &self,
        request: Request<pb::MarkChecklistItemRequest>,
    ) -> Reply<pb::MarkChecklistItemResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        super::decode::check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("MarkChecklistItem"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let note = message.done.then(|| message.note.clone());
        let campaign = self.campaigns.mark_item(&by, &request.scope, at, &message.item_id, note).await?;
        Ok(Response::new(pb::MarkChecklistItemResponse { campaign: one(&campaign) }))
    }

    async fn get_checklist_template(
        &self,
        _: Request<pb::GetChecklistTemplateRequest>,
    ) -> Reply<pb::GetChecklistTemplateResponse> {
        let items = template().iter().map(outgoing::campaign::item).collect();
        Ok(Response::new(pb::GetChecklistTemplateResponse { items }))
    }

    async fn get_campaign_review(
        &self,
        request: Request<pb::GetCampaignReviewRequest>,
    ) -> Reply<pb::GetCampaignReviewResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let found = self.campaigns.get_campaign_review(&scope, &id).await?;
        Ok(Response::new(pb::GetCampaignReviewResponse { review: review(&found) }))
    }

    async fn list_campaign_reviews(
        &self,
        request: Request<pb::ListCampaignReviewsRequest>,
    ) -> Reply<pb::ListCampaignReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let states = decode::review_states(&message);
        let page = page(message.page_size, &message.page_token, format!("reviews {states:?}"))?;
        let found = self.campaigns.list_campaign_reviews(&scope, &states, &page).await?;
        Ok(Response::new(pb::ListCampaignReviewsResponse {
            reviews: found.items.iter().map(encode::review).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn save_campaign_review(
        &self,
        request: Request<pb::SaveCampaignReviewRequest>,
    ) -> Reply<pb::SaveCampaignReviewResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let document = decode::document(message.document.as_ref())?;
        let by = By::new(&request, rpc!("SaveCampaignReview"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let saved = self.campaigns.save_campaign_review(&by, &request.scope, at, document).await?;
        Ok(Response::new(pb::SaveCampaignReviewResponse { review: review(&saved) }))
    }

    async fn submit_campaign_review(
        &self,
        request: Request<pb::SubmitCampaignReviewRequest>,
    ) -> Reply<pb::SubmitCampaignReviewResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("campaign_id", &message.campaign_id)?;
        let document = decode::document(message.document.as_ref())?;
        let by = By::new(&request, rpc!("SubmitCampaignReview"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let submitted = self.campaigns.submit_campaign_review(&by, &request.scope, at, document).await?;
        Ok(Response::new(pb::SubmitCampaignReviewResponse { review: review(&submitted) }))
    }
}
