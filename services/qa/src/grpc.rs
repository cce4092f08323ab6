//! `jinpai.qa.v1.QaService`: parse, call, encode. No rule lives here.

pub mod appeal;
pub mod attendance;
pub mod buyer_review;
pub mod calibration;
mod check;
mod conversation;
mod decode;
mod draw;
mod estimate;
mod privacy;
pub mod quality;
mod review;
pub mod review_work;
mod risk;
mod scorecard;
mod weakness;

use std::pin::Pin;

use pg::By;
use pg::page::PageRequest;
use proto::qa::v1 as pb;
use proto::qa::v1::qa_service_server::QaService;
use runtime::identity::{Admitted, admitted, scope};
use runtime::ids::{AccountId, PersonId};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::domain::Qa;
use crate::error::QaError;

use scorecard::Asked;

pub use check::CheckApi;
pub use privacy::PrivacyApi;
pub use risk::RiskApi;
pub use weakness::WeaknessApi;

/// A chunk of a bundle: well below every limit of a message.
const CHUNK_BYTES: usize = 256 * 1024;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.QaService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct QaApi {
    qa: Qa,
}

impl QaApi {
    /// In front of these use cases.
    pub fn new(qa: Qa) -> Self {
        Self { qa }
    }
}

impl From<QaError> for Status {
    fn from(error: QaError) -> Self {
        status::to_status("qa", &error)
    }
}

type Reply<T> = Result<Response<T>, Status>;

fn page<K>(size: i32, token: &str, list: String) -> Result<PageRequest<K>, QaError>
where
    K: serde::Serialize + serde::de::DeserializeOwned,
{
    Ok(PageRequest::parse(size, token, list)?)
}

fn converted<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

#[tonic::async_trait]
impl QaService for QaApi {
    type GetDrawBundleStream = Pin<Box<dyn Stream<Item = Result<pb::GetDrawBundleResponse, Status>> + Send>>;

    async fn get_day_readiness(
        &self,
        request: Request<pb::GetDayReadinessRequest>,
    ) -> Reply<pb::GetDayReadinessResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("business_day", message.business_day)?;
        let readiness = self.qa.get_day_readiness(&scope, day).await?;
        Ok(Response::new(pb::GetDayReadinessResponse { readiness: Some(readiness.into()) }))
    }

    async fn get_commitment(
        &self,
        request: Request<pb::GetCommitmentRequest>,
    ) -> Reply<pb::GetCommitmentResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("business_day", message.business_day)?;
        let commitment = self.qa.get_commitment(&scope, day).await?;
        Ok(Response::new(pb::GetCommitmentResponse { commitment: Some(commitment.into()) }))
    }

    async fn draw_day(&self, request: Request<pb::DrawDayRequest>) -> Reply<pb::DrawDayResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("DrawDay"), &request.message.request_id);
        let day = decode::day("business_day", request.message.business_day)?;
        let (draw, drawn_now) = self.qa.draw_day(&by, day).await?;
        Ok(Response::new(pb::DrawDayResponse { draw: Some(draw.into()), drawn_now }))
    }

    async fn get_draw(&self, request: Request<pb::GetDrawRequest>) -> Reply<pb::GetDrawResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("business_day", message.business_day)?;
        let (draw, shortfalls) = self.qa.get_draw(&scope, day).await?;
        let draw = draw::with_shortfalls(draw.into(), shortfalls);
        Ok(Response::new(pb::GetDrawResponse { draw: Some(draw) }))
    }

    async fn list_draws(&self, request: Request<pb::ListDrawsRequest>) -> Reply<pb::ListDrawsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days("days", message.days)?;
        let page = page(message.page_size, &message.page_token, format!("draws {days:?}"))?;
        let listed = self.qa.list_draws(&scope, days, &page).await?;
        let draws = converted(listed.items);
        Ok(Response::new(pb::ListDrawsResponse { draws, next_page_token: listed.next_page_token }))
    }

    async fn get_draw_bundle(
        &self,
        request: Request<pb::GetDrawBundleRequest>,
    ) -> Reply<Self::GetDrawBundleStream> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("business_day", message.business_day)?;
        let bundle = self.qa.get_draw_bundle(&scope, day).await?;
        let json = draw::bundle_json(&bundle)?;
        let chunks: Vec<_> = json
            .chunks(CHUNK_BYTES)
            .map(|chunk| Ok(pb::GetDrawBundleResponse { chunk: chunk.to_vec() }))
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn get_draw_slice(
        &self,
        request: Request<pb::GetDrawSliceRequest>,
    ) -> Reply<pb::GetDrawSliceResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("business_day", message.business_day)?;
        let account = AccountId::new(decode::id("account_id", &message.account_id)?);
        let slice = self.qa.get_draw_slice(&scope, day, &account).await?;
        Ok(Response::new(slice.into()))
    }

    async fn get_coverage(&self, request: Request<pb::GetCoverageRequest>) -> Reply<pb::GetCoverageResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days("days", message.days)?;
        let filter = draw::coverage_filter(message.filter, days)?;
        let page = page(message.page_size, &message.page_token, format!("coverage {days:?} {filter:?}"))?;
        let listed = self.qa.get_coverage(&scope, days, &filter, &page).await?;
        let coverage = converted(listed.items);
        Ok(Response::new(pb::GetCoverageResponse { coverage, next_page_token: listed.next_page_token }))
    }

    async fn get_sampling_plan(
        &self,
        request: Request<pb::GetSamplingPlanRequest>,
    ) -> Reply<pb::GetSamplingPlanResponse> {
        let scope = scope(request.extensions())?.clone();
        let message = request.into_inner();
        let day = message.business_day.map(|day| decode::day("business_day", Some(day))).transpose()?;
        let team = decode::text("team_id", &message.team_id)?;
        let plan = self.qa.get_sampling_plan(&scope, day, team).await?;
        Ok(Response::new(pb::GetSamplingPlanResponse { plan: Some(plan.into()) }))
    }

    async fn put_sampling_plan(
        &self,
        request: Request<pb::PutSamplingPlanRequest>,
    ) -> Reply<pb::PutSamplingPlanResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PutSamplingPlan"), &request.message.request_id);
        let put = draw::put_sampling_plan(request.message)?;
        let plan = self.qa.put_sampling_plan(&by, &put).await?;
        Ok(Response::new(pb::PutSamplingPlanResponse { plan: Some(plan.into()) }))
    }

    async fn list_reviews(&self, request: Request<pb::ListReviewsRequest>) -> Reply<pb::ListReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = review::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("reviews {filter:?}"))?;
        let listed = self.qa.list_reviews(&scope, &filter, &page).await?;
        let reviews = converted(listed.items);
        Ok(Response::new(pb::ListReviewsResponse { reviews, next_page_token: listed.next_page_token }))
    }

    async fn get_review(&self, request: Request<pb::GetReviewRequest>) -> Reply<pb::GetReviewResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let review = self.qa.get_review(&scope, review::id(&message.review_id)?).await?;
        Ok(Response::new(pb::GetReviewResponse { review: Some(review.into()) }))
    }

    async fn submit_review(
        &self,
        request: Request<pb::SubmitReviewRequest>,
    ) -> Reply<pb::SubmitReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("SubmitReview"), &request.message.request_id);
        let submit = review::submit(request.message)?;
        let review = self.qa.submit_review(&by, &request.scope, &submit).await?;
        Ok(Response::new(pb::SubmitReviewResponse { review: Some(review.into()) }))
    }

    async fn acknowledge_review(
        &self,
        request: Request<pb::AcknowledgeReviewRequest>,
    ) -> Reply<pb::AcknowledgeReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AcknowledgeReview"), &request.message.request_id);
        let pb::AcknowledgeReviewRequest { review_id, etag, note, .. } = &request.message;
        let (id, note) = (review::id(review_id)?, decode::text("note", note)?);
        let review = self.qa.acknowledge_review(&by, &request.scope, id, etag, note).await?;
        Ok(Response::new(pb::AcknowledgeReviewResponse { review: Some(review.into()) }))
    }

    async fn reassign_review(
        &self,
        request: Request<pb::ReassignReviewRequest>,
    ) -> Reply<pb::ReassignReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("ReassignReview"), &request.message.request_id);
        let pb::ReassignReviewRequest { review_id, etag, reviewer_person_id, .. } = &request.message;
        let id = review::id(review_id)?;
        let to = decode::text("reviewer_person_id", reviewer_person_id)?;
        let to = (!to.is_empty()).then(|| PersonId::new(to));
        let review = self.qa.reassign_review(&by, &request.scope, id, etag, to.as_ref()).await?;
        Ok(Response::new(pb::ReassignReviewResponse { review: Some(review.into()) }))
    }

    async fn assign_reviews(
        &self,
        request: Request<pb::AssignReviewsRequest>,
    ) -> Reply<pb::AssignReviewsResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AssignReviews"), &request.message.request_id);
        let days = request.message.days.map(|days| decode::days("days", Some(days))).transpose()?;
        let done = self.qa.assign_reviews(&by, days).await?;
        Ok(Response::new(done.into()))
    }

    async fn list_reviewers(
        &self,
        request: Request<pb::ListReviewersRequest>,
    ) -> Reply<pb::ListReviewersResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "reviewers".to_owned())?;
        let listed = self.qa.list_reviewers(&scope, &page).await?;
        let reviewers = converted(listed.items);
        Ok(Response::new(pb::ListReviewersResponse { reviewers, next_page_token: listed.next_page_token }))
    }

    async fn set_reviewer_capacity(
        &self,
        request: Request<pb::SetReviewerCapacityRequest>,
    ) -> Reply<pb::SetReviewerCapacityResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("SetReviewerCapacity"), &request.message.request_id);
        let person = PersonId::new(decode::id("person_id", &request.message.person_id)?);
        let reviewer = self.qa.set_reviewer_capacity(&by, &person, request.message.capacity).await?;
        Ok(Response::new(pb::SetReviewerCapacityResponse { reviewer: Some(reviewer.into()) }))
    }

    async fn create_scorecard(
        &self,
        request: Request<pb::CreateScorecardRequest>,
    ) -> Reply<pb::CreateScorecardResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CreateScorecard"), &request.message.request_id);
        let create = scorecard::create(request.message)?;
        let card = self.qa.create_scorecard(&by, &create).await?;
        Ok(Response::new(pb::CreateScorecardResponse { scorecard: Some(card.into()) }))
    }

    async fn publish_scorecard(
        &self,
        request: Request<pb::PublishScorecardRequest>,
    ) -> Reply<pb::PublishScorecardResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PublishScorecard"), &request.message.request_id);
        let pb::PublishScorecardRequest { scorecard_id, version, etag, .. } = &request.message;
        let id = decode::id("scorecard_id", scorecard_id)?;
        let card = self.qa.publish_scorecard(&by, id, *version, etag).await?;
        Ok(Response::new(pb::PublishScorecardResponse { scorecard: Some(card.into()) }))
    }

    async fn retire_scorecard(
        &self,
        request: Request<pb::RetireScorecardRequest>,
    ) -> Reply<pb::RetireScorecardResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RetireScorecard"), &request.message.request_id);
        let pb::RetireScorecardRequest { scorecard_id, version, etag, .. } = &request.message;
        let id = decode::id("scorecard_id", scorecard_id)?;
        let card = self.qa.retire_scorecard(&by, id, *version, etag).await?;
        Ok(Response::new(pb::RetireScorecardResponse { scorecard: Some(card.into()) }))
    }

    async fn get_scorecard(
        &self,
        request: Request<pb::GetScorecardRequest>,
    ) -> Reply<pb::GetScorecardResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let card = match scorecard::asked(&message)? {
            Asked::Card { id, version } => self.qa.get_scorecard(&scope, id, version).await?,
            Asked::Review(review) => self.qa.get_scorecard_of(&scope, review).await?,
        };
        Ok(Response::new(pb::GetScorecardResponse { scorecard: Some(card.into()) }))
    }

    async fn list_scorecards(
        &self,
        request: Request<pb::ListScorecardsRequest>,
    ) -> Reply<pb::ListScorecardsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "scorecards".to_owned())?;
        let listed = self.qa.list_scorecards(&scope, &page).await?;
        let scorecards = converted(listed.items);
        Ok(Response::new(pb::ListScorecardsResponse { scorecards, next_page_token: listed.next_page_token }))
    }

    async fn get_team_scorecard(
        &self,
        request: Request<pb::GetTeamScorecardRequest>,
    ) -> Reply<pb::GetTeamScorecardResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = message.business_day.map(|day| decode::day("business_day", Some(day))).transpose()?;
        let team = decode::id("team_id", &message.team_id)?;
        let choice = self.qa.get_team_scorecard(&scope, team, day).await?;
        Ok(Response::new(pb::GetTeamScorecardResponse { team_scorecard: Some(choice.into()) }))
    }

    async fn put_team_scorecard(
        &self,
        request: Request<pb::PutTeamScorecardRequest>,
    ) -> Reply<pb::PutTeamScorecardResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PutTeamScorecard"), &request.message.request_id);
        let put = scorecard::put_of_team(request.message)?;
        let choice = self.qa.put_team_scorecard(&by, &put).await?;
        Ok(Response::new(pb::PutTeamScorecardResponse { team_scorecard: Some(choice.into()) }))
    }

    async fn get_conversation(
        &self,
        request: Request<pb::GetConversationRequest>,
    ) -> Reply<pb::GetConversationResponse> {
        let request = admitted(request)?;
        // Every read is one: a repeat is logged again.
        let by = By::new(&request, rpc!("GetConversation"), "");
        let id = decode::conversation("conversation", request.message.conversation)?;
        let conversation = self.qa.get_conversation(&by, &request.scope, &id).await?;
        Ok(Response::new(pb::GetConversationResponse { conversation: Some(conversation.into()) }))
    }

    async fn list_conversation_reads(
        &self,
        request: Request<pb::ListConversationReadsRequest>,
    ) -> Reply<pb::ListConversationReadsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let wanted =
            message.conversation.map(|id| decode::conversation("conversation", Some(id))).transpose()?;
        let person = decode::text("person_id", &message.person_id)?;
        let page = page(message.page_size, &message.page_token, format!("reads {wanted:?} {person}"))?;
        let listed = self.qa.list_conversation_reads(&scope, wanted.as_ref(), person, &page).await?;
        let reads = converted(listed.items);
        Ok(Response::new(pb::ListConversationReadsResponse {
            reads,
            next_page_token: listed.next_page_token,
        }))
    }
}
