//! `jinpai.qa.v1.AppealService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::qa::v1 as pb;
use proto::qa::v1::appeal_service_server::AppealService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use runtime::ids::PersonId;
use tonic::{Request, Response};
use uuid::Uuid;

use super::decode::{conversation_ref, id, text};
use super::{Reply, converted, page, review};
use crate::domain::appeal::{Appeal, AppealFilter, AppealState, AssessmentVersion, DecideAppeal, FileAppeal};
use crate::domain::appeals::Appeals;
use crate::domain::review::Assessment;
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.AppealService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct AppealApi {
    appeals: Appeals,
}

impl AppealApi {
    /// In front of these use cases.
    pub fn new(appeals: Appeals) -> Self {
        Self { appeals }
    }
}

#[tonic::async_trait]
impl AppealService for AppealApi {
    async fn file_appeal(&self, request: Request<pb::FileAppealRequest>) -> Reply<pb::FileAppealResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("FileAppeal"), &request.message.request_id);
        let file = file(request.message)?;
        let appeal = self.appeals.file_appeal(&by, &request.scope, &file).await?;
        Ok(Response::new(pb::FileAppealResponse { appeal: Some(appeal.into()) }))
    }

    async fn withdraw_appeal(
        &self,
        request: Request<pb::WithdrawAppealRequest>,
    ) -> Reply<pb::WithdrawAppealResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("WithdrawAppeal"), &request.message.request_id);
        let (id, etag) = (appeal_id(&request.message.appeal_id)?, &request.message.etag);
        let appeal = self.appeals.withdraw_appeal(&by, &request.scope, id, etag).await?;
        Ok(Response::new(pb::WithdrawAppealResponse { appeal: Some(appeal.into()) }))
    }

    async fn get_appeal(&self, request: Request<pb::GetAppealRequest>) -> Reply<pb::GetAppealResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let appeal = self.appeals.get_appeal(&scope, appeal_id(&message.appeal_id)?).await?;
        Ok(Response::new(pb::GetAppealResponse { appeal: Some(appeal.into()) }))
    }

    async fn list_appeals(&self, request: Request<pb::ListAppealsRequest>) -> Reply<pb::ListAppealsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("appeals {filter:?}"))?;
        let listed = self.appeals.list_appeals(&scope, &filter, &page).await?;
        let appeals = converted(listed.items);
        Ok(Response::new(pb::ListAppealsResponse { appeals, next_page_token: listed.next_page_token }))
    }

    async fn reassign_appeal(
        &self,
        request: Request<pb::ReassignAppealRequest>,
    ) -> Reply<pb::ReassignAppealResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("ReassignAppeal"), &request.message.request_id);
        let pb::ReassignAppealRequest { appeal_id, etag, reviewer_person_id, .. } = &request.message;
        let to = PersonId::new(id("reviewer_person_id", reviewer_person_id)?);
        let id = self::appeal_id(appeal_id)?;
        let appeal = self.appeals.reassign_appeal(&by, &request.scope, id, etag, &to).await?;
        Ok(Response::new(pb::ReassignAppealResponse { appeal: Some(appeal.into()) }))
    }

    async fn decide_appeal(
        &self,
        request: Request<pb::DecideAppealRequest>,
    ) -> Reply<pb::DecideAppealResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("DecideAppeal"), &request.message.request_id);
        let decide = decide(request.message)?;
        let (appeal, review) = self.appeals.decide_appeal(&by, &request.scope, &decide).await?;
        let (appeal, review) = (Some(appeal.into()), Some(review.into()));
        Ok(Response::new(pb::DecideAppealResponse { appeal, review }))
    }

    async fn get_review_history(
        &self,
        request: Request<pb::GetReviewHistoryRequest>,
    ) -> Reply<pb::GetReviewHistoryResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let history = self.appeals.get_review_history(&scope, review::id(&message.review_id)?).await?;
        Ok(Response::new(pb::GetReviewHistoryResponse {
            review: Some(history.review.into()),
            assessments: converted(history.assessments),
            appeals: converted(history.appeals),
        }))
    }
}

/// An appeal's id. One that is no UUID is the id of no appeal.
fn appeal_id(wire: &str) -> Result<Uuid, QaError> {
    Uuid::parse_str(wire).map_err(|_| QaError::AppealNotFound { id: wire.to_owned() })
}

fn file(wire: pb::FileAppealRequest) -> Result<FileAppeal, QaError> {
    text("comment", &wire.comment)?;
    Ok(FileAppeal {
        review_id: review::id(&wire.review_id)?,
        etag: wire.etag,
        comment: wire.comment,
        proposed: review::scores("proposed_scores", wire.proposed_scores)?,
    })
}

fn decide(wire: pb::DecideAppealRequest) -> Result<DecideAppeal, QaError> {
    let state = match wire.decision() {
        pb::AppealDecision::Rejected => AppealState::Rejected,
        pb::AppealDecision::PartlyUpheld => AppealState::PartlyUpheld,
        pb::AppealDecision::Upheld => AppealState::Upheld,
        pb::AppealDecision::Unspecified => return Err(QaError::invalid("decision", "is required")),
    };
    text("comment", &wire.comment)?;
    text("summary", &wire.summary)?;
    Ok(DecideAppeal {
        id: appeal_id(&wire.appeal_id)?,
        etag: wire.etag,
        state,
        comment: wire.comment,
        assessment: Assessment {
            scores: review::scores("scores", wire.scores)?,
            critical_errors: wire.critical_error_ids,
            comments: review::comments(wire.comments)?,
            summary: wire.summary,
        },
    })
}

fn filter(wire: &pb::ListAppealsRequest) -> Result<AppealFilter, QaError> {
    let states = wire.states().map(|state| match state {
        pb::AppealState::Open => Ok(AppealState::Open),
        pb::AppealState::Rejected => Ok(AppealState::Rejected),
        pb::AppealState::PartlyUpheld => Ok(AppealState::PartlyUpheld),
        pb::AppealState::Upheld => Ok(AppealState::Upheld),
        pb::AppealState::Withdrawn => Ok(AppealState::Withdrawn),
        pb::AppealState::Unspecified => Err(QaError::invalid("states", "must name states")),
    });
    let review = (!wire.review_id.is_empty()).then(|| review::id(&wire.review_id)).transpose()?;
    Ok(AppealFilter {
        states: states.collect::<Result<_, _>>()?,
        second_reviewer: text("second_reviewer_person_id", &wire.second_reviewer_person_id)?.to_owned(),
        review,
        overdue: wire.overdue,
    })
}

impl From<AppealState> for pb::AppealState {
    fn from(state: AppealState) -> Self {
        match state {
            AppealState::Open => Self::Open,
            AppealState::Rejected => Self::Rejected,
            AppealState::PartlyUpheld => Self::PartlyUpheld,
            AppealState::Upheld => Self::Upheld,
            AppealState::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<Appeal> for pb::Appeal {
    fn from(appeal: Appeal) -> Self {
        let etag = appeal.etag();
        let mut wire = Self {
            appeal_id: appeal.id.to_string(),
            review_id: appeal.review_id.to_string(),
            business_day: Some(date(appeal.business_day)),
            conversation: Some(conversation_ref(appeal.conversation)),
            account_id: appeal.account.into_string(),
            person_id: appeal.person.map(PersonId::into_string).unwrap_or_default(),
            assessment_version: appeal.assessment_version,
            filed_by_person_id: appeal.filed_by.into_string(),
            filed_at: Some(timestamp(appeal.filed_at)),
            comment: appeal.comment,
            proposed_scores: appeal.proposed.into_iter().map(review::encode_score).collect(),
            first_reviewer_person_id: appeal.first_reviewer.into_string(),
            second_reviewer_person_id: appeal.second_reviewer.map(PersonId::into_string).unwrap_or_default(),
            due_day: Some(date(appeal.due_day)),
            state: pb::AppealState::from(appeal.state).into(),
            etag,
            ..Self::default()
        };
        if let Some(ending) = appeal.ending {
            wire.decision_comment = ending.comment;
            wire.decided_at = Some(timestamp(ending.at));
            wire.score_bp_before = ending.score_bp_before;
            wire.score_bp_after = ending.score_bp_after;
        }
        wire
    }
}

impl From<AssessmentVersion> for pb::Assessment {
    fn from(made: AssessmentVersion) -> Self {
        let Assessment { scores, critical_errors, comments, summary } = made.verdict.assessment;
        Self {
            version: made.version,
            reviewer_person_id: made.reviewer.into_string(),
            appeal_id: made.appeal.map(|appeal| appeal.to_string()).unwrap_or_default(),
            scorecard_id: made.verdict.scorecard_id,
            scorecard_version: made.verdict.scorecard_version,
            scores: scores.into_iter().map(review::encode_score).collect(),
            critical_error_ids: critical_errors,
            comments: comments.into_iter().map(review::encode_comment).collect(),
            summary,
            score_bp: made.verdict.score_bp,
            critical_failure: made.verdict.critical_failure,
            made_at: Some(timestamp(made.verdict.submitted_at)),
        }
    }
}
