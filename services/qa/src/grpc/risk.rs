//! `jinpai.qa.v1.RiskService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::qa::v1 as pb;
use proto::qa::v1::risk_service_server::RiskService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted, scope};
use runtime::ids::PersonId;
use tonic::{Request, Response};

use super::decode::{conversation_ref, day, days, text};
use super::{Reply, converted, page, review};
use crate::domain::review::{Assessment, Verdict};
use crate::domain::risk::{RiskFilter, RiskPlan, RiskReview};
use crate::domain::risks::Risks;
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.RiskService/", $method)
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

/// What a reviewer says, read as of a review of the sample.
fn assessment(message: &pb::SubmitRiskReviewRequest) -> Result<Assessment, QaError> {
    let submission = pb::SubmitReviewRequest {
        review_id: message.review_id.clone(),
        scores: message.scores.clone(),
        critical_error_ids: message.critical_error_ids.clone(),
        comments: message.comments.clone(),
        summary: message.summary.clone(),
        ..Default::default()
    };
    Ok(review::submit(submission)?.assessment)
}

#[tonic::async_trait]
impl RiskService for RiskApi {
    async fn put_risk_plan(
        &self,
        request: Request<pb::PutRiskPlanRequest>,
    ) -> Reply<pb::PutRiskPlanResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PutRiskPlan"), &request.message.request_id);
        let pb::PutRiskPlanRequest { etag, effective_from, per_agent_day, .. } = &request.message;
        let from = day("effective_from", *effective_from)?;
        let plan = self.risks.put_risk_plan(&by, etag, from, *per_agent_day).await?;
        Ok(Response::new(pb::PutRiskPlanResponse { plan: Some(plan.into()) }))
    }

    async fn get_risk_plan(
        &self,
        request: Request<pb::GetRiskPlanRequest>,
    ) -> Reply<pb::GetRiskPlanResponse> {
        let plan = self.risks.get_risk_plan(scope(request.extensions())?).await?;
        Ok(Response::new(pb::GetRiskPlanResponse { plan: Some(plan.into()) }))
    }

    async fn list_risk_reviews(
        &self,
        request: Request<pb::ListRiskReviewsRequest>,
    ) -> Reply<pb::ListRiskReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = RiskFilter {
            days: message.days.map(|range| days("days", Some(range))).transpose()?,
            account: text("account_id", &message.account_id)?.to_owned(),
            open: message.open,
        };
        let page = page(message.page_size, &message.page_token, format!("risk reviews {filter:?}"))?;
        let listed = self.risks.list_risk_reviews(&scope, &filter, &page).await?;
        let reviews = converted(listed.items);
        Ok(Response::new(pb::ListRiskReviewsResponse { reviews, next_page_token: listed.next_page_token }))
    }

    async fn submit_risk_review(
        &self,
        request: Request<pb::SubmitRiskReviewRequest>,
    ) -> Reply<pb::SubmitRiskReviewResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("SubmitRiskReview"), &request.message.request_id);
        let id = review::id(&request.message.review_id)?;
        let assessment = assessment(&request.message)?;
        let review = self.risks.submit_risk_review(&by, &request.scope, id, &assessment).await?;
        Ok(Response::new(pb::SubmitRiskReviewResponse { review: Some(review.into()) }))
    }
}

impl From<RiskPlan> for pb::RiskPlan {
    fn from(plan: RiskPlan) -> Self {
        Self {
            version: plan.version,
            effective_from: plan.effective_from.map(date),
            per_agent_day: plan.per_agent_day,
            created_at: plan.effective_from.map(|_| timestamp(plan.created_at)),
            etag: plan.etag(),
        }
    }
}

impl From<RiskReview> for pb::RiskReview {
    fn from(review: RiskReview) -> Self {
        let [critical_hits, major_hits, minor_hits] = review.hits;
        let picked = Self {
            review_id: review.id.to_string(),
            business_day: Some(date(review.business_day)),
            conversation: Some(conversation_ref(review.conversation)),
            account_id: review.account.into_string(),
            person_id: review.person.map(PersonId::into_string).unwrap_or_default(),
            place: review.place,
            critical_hits,
            major_hits,
            minor_hits,
            rule_ids: review.rules,
            picked_at: Some(timestamp(review.picked_at)),
            ..Self::default()
        };
        let Some((reviewer, verdict)) = review.verdict else { return picked };
        let Verdict { scorecard_id, scorecard_version, assessment, score_bp, critical_failure, submitted_at } =
            verdict;
        Self {
            reviewer_person_id: reviewer.into_string(),
            scorecard_id,
            scorecard_version,
            scores: assessment.scores.into_iter().map(review::encode_score).collect(),
            critical_error_ids: assessment.critical_errors,
            comments: assessment.comments.into_iter().map(review::encode_comment).collect(),
            summary: assessment.summary,
            score_bp,
            critical_failure,
            submitted_at: Some(timestamp(submitted_at)),
            ..picked
        }
    }
}
