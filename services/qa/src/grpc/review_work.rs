//! `jinpai.qa.v1.ReviewWorkService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::review_work_service_server::ReviewWorkService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted, scope};
use runtime::ids::PersonId;
use tonic::{Request, Response};
use uuid::Uuid;

use super::decode::{days, id, text, without_range};
use super::{Reply, converted, page};
use crate::domain::assignment::Absence;
use crate::domain::policy::{CalibrationRule, PutReviewPolicy, ReviewPolicy};
use crate::domain::review_work::ReviewWork;
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.ReviewWorkService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct ReviewWorkApi {
    work: ReviewWork,
}

impl ReviewWorkApi {
    /// In front of these use cases.
    pub fn new(work: ReviewWork) -> Self {
        Self { work }
    }
}

#[tonic::async_trait]
impl ReviewWorkService for ReviewWorkApi {
    async fn get_review_policy(
        &self,
        request: Request<pb::GetReviewPolicyRequest>,
    ) -> Reply<pb::GetReviewPolicyResponse> {
        let policy = self.work.get_review_policy(scope(request.extensions())?).await?;
        Ok(Response::new(pb::GetReviewPolicyResponse { policy: Some(policy.into()) }))
    }

    async fn put_review_policy(
        &self,
        request: Request<pb::PutReviewPolicyRequest>,
    ) -> Reply<pb::PutReviewPolicyResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PutReviewPolicy"), &request.message.request_id);
        let policy = self.work.put_review_policy(&by, &put_policy(request.message)?).await?;
        Ok(Response::new(pb::PutReviewPolicyResponse { policy: Some(policy.into()) }))
    }

    async fn set_reviewer_week(
        &self,
        request: Request<pb::SetReviewerWeekRequest>,
    ) -> Reply<pb::SetReviewerWeekResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("SetReviewerWeek"), &request.message.request_id);
        let person = PersonId::new(id("person_id", &request.message.person_id)?);
        let week = request.message.week;
        self.work.set_reviewer_week(&by, &person, week.map(seven)).await?;
        Ok(Response::new(pb::SetReviewerWeekResponse { week }))
    }

    async fn add_reviewer_absence(
        &self,
        request: Request<pb::AddReviewerAbsenceRequest>,
    ) -> Reply<pb::AddReviewerAbsenceResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AddReviewerAbsence"), &request.message.request_id);
        let pb::AddReviewerAbsenceRequest { person_id, from, to, .. } = &request.message;
        let person = PersonId::new(id("person_id", person_id)?);
        let days = days("days", Some(DayRange { from: *from, to: *to })).map_err(without_range)?;
        let (absence, open_due) = self.work.add_reviewer_absence(&by, person, days).await?;
        Ok(Response::new(pb::AddReviewerAbsenceResponse { absence: Some(absence.into()), open_due }))
    }

    async fn remove_reviewer_absence(
        &self,
        request: Request<pb::RemoveReviewerAbsenceRequest>,
    ) -> Reply<pb::RemoveReviewerAbsenceResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RemoveReviewerAbsence"), &request.message.request_id);
        let id = &request.message.absence_id;
        // What is no UUID is the id of no absence.
        let id = Uuid::parse_str(id).map_err(|_| QaError::AbsenceNotFound { id: id.clone() })?;
        self.work.remove_reviewer_absence(&by, id).await?;
        Ok(Response::new(pb::RemoveReviewerAbsenceResponse {}))
    }

    async fn list_reviewer_absences(
        &self,
        request: Request<pb::ListReviewerAbsencesRequest>,
    ) -> Reply<pb::ListReviewerAbsencesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = days("days", message.days)?;
        let person = text("person_id", &message.person_id)?;
        let page = page(message.page_size, &message.page_token, format!("absences {days:?} {person}"))?;
        let listed = self.work.list_reviewer_absences(&scope, days, person, &page).await?;
        let absences = converted(listed.items);
        let next_page_token = listed.next_page_token;
        Ok(Response::new(pb::ListReviewerAbsencesResponse { absences, next_page_token }))
    }

    async fn hand_over_reviews(
        &self,
        request: Request<pb::HandOverReviewsRequest>,
    ) -> Reply<pb::HandOverReviewsResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("HandOverReviews"), &request.message.request_id);
        let person = PersonId::new(id("person_id", &request.message.person_id)?);
        let due = request.message.due_days.map(|range| days("due_days", Some(range))).transpose()?;
        let done = self.work.hand_over_reviews(&by, &person, due).await?;
        Ok(Response::new(pb::HandOverReviewsResponse {
            handed_over: done.reviews,
            unassigned: done.unassigned,
            appeals_handed_over: done.appeals,
        }))
    }

    async fn list_overdue_reviews(
        &self,
        request: Request<pb::ListOverdueReviewsRequest>,
    ) -> Reply<pb::ListOverdueReviewsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "overdue".to_owned())?;
        let listed = self.work.list_overdue_reviews(&scope, &page).await?;
        let reviews = converted(listed.items);
        let next_page_token = listed.next_page_token;
        Ok(Response::new(pb::ListOverdueReviewsResponse { reviews, next_page_token }))
    }
}

fn seven(week: pb::ReviewerWeek) -> [i32; 7] {
    let pb::ReviewerWeek { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = week;
    [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
}

fn put_policy(wire: pb::PutReviewPolicyRequest) -> Result<PutReviewPolicy, QaError> {
    let rule = wire.calibration.ok_or_else(|| QaError::invalid("calibration", "is required"))?;
    if wire.same_day_until_minute != 0 && !wire.same_day {
        return Err(QaError::invalid("same_day_until_minute", "is for same_day only"));
    }
    let policy = ReviewPolicy {
        same_day: wire.same_day,
        same_day_until_minute: wire.same_day_until_minute,
        appeal_days: wire.appeal_days,
        decision_days: wire.decision_days,
        calibration: CalibrationRule {
            chats_min: rule.chats_min,
            severity_bp_max: rule.severity_bp_max,
            agreement_min: rule.agreement_min,
            window_days: rule.window_days,
        },
        ..ReviewPolicy::built_in()
    };
    Ok(PutReviewPolicy { etag: wire.etag, policy })
}

impl From<ReviewPolicy> for pb::ReviewPolicy {
    fn from(policy: ReviewPolicy) -> Self {
        let rule = policy.calibration;
        Self {
            version: policy.version,
            same_day: policy.same_day,
            same_day_until_minute: policy.same_day_until_minute,
            appeal_days: policy.appeal_days,
            decision_days: policy.decision_days,
            calibration: Some(pb::CalibrationRule {
                chats_min: rule.chats_min,
                severity_bp_max: rule.severity_bp_max,
                agreement_min: rule.agreement_min,
                window_days: rule.window_days,
            }),
            created_at: Some(timestamp(policy.created_at)),
            etag: policy.etag(),
        }
    }
}

impl From<Absence> for pb::ReviewerAbsence {
    fn from(absence: Absence) -> Self {
        Self {
            absence_id: absence.id.to_string(),
            person_id: absence.person.into_string(),
            from: Some(date(absence.from)),
            to: Some(date(absence.to)),
        }
    }
}
