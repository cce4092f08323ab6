//! `jinpai.qa.v1.BuyerReviewService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::qa::v1 as pb;
use proto::qa::v1::buyer_review_service_server::BuyerReviewService;
use runtime::identity::{Admitted, admitted};
use runtime::ids::PersonId;
use tonic::{Request, Response};

use super::decode::{day, text};
use super::{Reply, converted, page};
use crate::domain::buyer_reviews::BuyerReviews;
use encode::Detail;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.BuyerReviewService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct BuyerReviewApi {
    reviews: BuyerReviews,
}

impl BuyerReviewApi {
    /// In front of these use cases.
    pub fn new(reviews: BuyerReviews) -> Self {
        Self { reviews }
    }
}

#[tonic::async_trait]
impl BuyerReviewService for BuyerReviewApi {
    async fn get_buyer_review(
        &self,
        request: Request<pb::GetBuyerReviewRequest>,
    ) -> Reply<pb::GetBuyerReviewResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = decode::review_id(&message.shop_id, &message.review_id)?;
        let review = self.reviews.get_buyer_review(&scope, &id).await?;
        let review = Some(encode::review(review, Detail::Whole));
        Ok(Response::new(pb::GetBuyerReviewResponse { review }))
    }

    async fn list_buyer_reviews(
        &self,
        request: Request<pb::ListBuyerReviewsRequest>,
    ) -> Reply<pb::ListBuyerReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days_within(message.days)?;
        let filter = decode::filter(&message)?;
        let page =
            page(message.page_size, &message.page_token, format!("buyer reviews {days:?} {filter:?}"))?;
        let listed = self.reviews.list_buyer_reviews(&scope, days, &filter, &page).await?;
        Ok(Response::new(pb::ListBuyerReviewsResponse {
            reviews: encode::listed(listed.items),
            next_page_token: listed.next_page_token,
        }))
    }

    async fn list_overdue_buyer_reviews(
        &self,
        request: Request<pb::ListOverdueBuyerReviewsRequest>,
    ) -> Reply<pb::ListOverdueBuyerReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::overdue_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("overdue buyer reviews {filter:?}"))?;
        let listed = self.reviews.list_overdue_buyer_reviews(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListOverdueBuyerReviewsResponse {
            reviews: encode::listed(listed.items),
            next_page_token: listed.next_page_token,
        }))
    }

    async fn take_buyer_review_step(
        &self,
        request: Request<pb::TakeBuyerReviewStepRequest>,
    ) -> Reply<pb::TakeBuyerReviewStepResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("TakeBuyerReviewStep"), &request.message.request_id);
        let take = decode::take(request.message)?;
        let review = self.reviews.take_buyer_review_step(&by, &request.scope, &take).await?;
        let review = Some(encode::review(review, Detail::Whole));
        Ok(Response::new(pb::TakeBuyerReviewStepResponse { review }))
    }

    async fn assign_buyer_review(
        &self,
        request: Request<pb::AssignBuyerReviewRequest>,
    ) -> Reply<pb::AssignBuyerReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AssignBuyerReview"), &request.message.request_id);
        let pb::AssignBuyerReviewRequest { shop_id, review_id, etag, owner_person_id, .. } = &request.message;
        let id = decode::review_id(shop_id, review_id)?;
        let to = text("owner_person_id", owner_person_id)?;
        let to = (!to.is_empty()).then(|| PersonId::new(to));
        let review = self.reviews.assign_buyer_review(&by, &request.scope, (&id, etag), to.as_ref()).await?;
        let review = Some(encode::review(review, Detail::Whole));
        Ok(Response::new(pb::AssignBuyerReviewResponse { review }))
    }

    async fn collect_buyer_review(
        &self,
        request: Request<pb::CollectBuyerReviewRequest>,
    ) -> Reply<pb::CollectBuyerReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CollectBuyerReview"), &request.message.request_id);
        let (id, etag, collect) = decode::collect(request.message)?;
        let review = self.reviews.collect_buyer_review(&by, &request.scope, (&id, &etag), &collect).await?;
        let review = Some(encode::review(review, Detail::Whole));
        Ok(Response::new(pb::CollectBuyerReviewResponse { review }))
    }

    async fn record_buyer_review_consent(
        &self,
        request: Request<pb::RecordBuyerReviewConsentRequest>,
    ) -> Reply<pb::RecordBuyerReviewConsentResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RecordBuyerReviewConsent"), &request.message.request_id);
        let (id, etag) = (
            decode::review_id(&request.message.shop_id, &request.message.review_id)?,
            request.message.etag.as_str(),
        );
        let (state, channel, uses) = decode::consent(&request.message)?;
        let said = (state, (channel, &uses[..], text("note", &request.message.note)?));
        let (review, to_end) =
            self.reviews.record_buyer_review_consent(&by, &request.scope, (&id, etag), said).await?;
        Ok(Response::new(pb::RecordBuyerReviewConsentResponse {
            review: Some(encode::review(review, Detail::Whole)),
            use_ids_to_end: to_end.into_iter().map(|id| id.to_string()).collect(),
        }))
    }

    async fn record_buyer_review_use(
        &self,
        request: Request<pb::RecordBuyerReviewUseRequest>,
    ) -> Reply<pb::RecordBuyerReviewUseResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RecordBuyerReviewUse"), &request.message.request_id);
        let id = decode::review_id(&request.message.shop_id, &request.message.review_id)?;
        let change = decode::use_change(request.message.change)?;
        let review = self.reviews.record_buyer_review_use(&by, &request.scope, &id, &change).await?;
        let review = Some(encode::collected(review));
        Ok(Response::new(pb::RecordBuyerReviewUseResponse { review }))
    }

    async fn list_collected_buyer_reviews(
        &self,
        request: Request<pb::ListCollectedBuyerReviewsRequest>,
    ) -> Reply<pb::ListCollectedBuyerReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::collected_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("collected reviews {filter:?}"))?;
        let listed = self.reviews.list_collected_buyer_reviews(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListCollectedBuyerReviewsResponse {
            reviews: listed.items.into_iter().map(encode::collected).collect(),
            next_page_token: listed.next_page_token,
        }))
    }

    async fn get_buyer_review_figures(
        &self,
        request: Request<pb::GetBuyerReviewFiguresRequest>,
    ) -> Reply<pb::GetBuyerReviewFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days_within(message.days)?;
        let group = decode::group(message.group())?;
        let shop = text("shop_id", &message.shop_id)?;
        let list = format!("buyer review figures {days:?} {group:?} {shop}");
        let page = page(message.page_size, &message.page_token, list)?;
        let listed = self.reviews.get_buyer_review_figures(&scope, days, (group, shop), &page).await?;
        let figures = converted(listed.items);
        Ok(Response::new(pb::GetBuyerReviewFiguresResponse {
            figures,
            next_page_token: listed.next_page_token,
        }))
    }

    async fn get_buyer_review_week(
        &self,
        request: Request<pb::GetBuyerReviewWeekRequest>,
    ) -> Reply<pb::GetBuyerReviewWeekResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = day("day", message.day)?;
        let week =
            self.reviews.get_buyer_review_week(&scope, day, text("shop_id", &message.shop_id)?).await?;
        Ok(Response::new(pb::GetBuyerReviewWeekResponse { week: Some(week.into()) }))
    }

    async fn get_buyer_review_policy(
        &self,
        request: Request<pb::GetBuyerReviewPolicyRequest>,
    ) -> Reply<pb::GetBuyerReviewPolicyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let policy = self.reviews.get_buyer_review_policy(&scope, message.version).await?;
        Ok(Response::new(pb::GetBuyerReviewPolicyResponse { policy: Some(policy.into()) }))
    }

    async fn put_buyer_review_policy(
        &self,
        request: Request<pb::PutBuyerReviewPolicyRequest>,
    ) -> Reply<pb::PutBuyerReviewPolicyResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PutBuyerReviewPolicy"), &request.message.request_id);
        let rules = decode::rules(request.message.rules)?;
        let policy = self.reviews.put_buyer_review_policy(&by, &request.message.etag, &rules).await?;
        Ok(Response::new(pb::PutBuyerReviewPolicyResponse { policy: Some(policy.into()) }))
    }
}
