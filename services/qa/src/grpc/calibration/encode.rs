//! Sessions, reports and raters as messages.

use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;

use crate::domain::calibration::report::{CriterionAgreement, RaterResult, Report};
use crate::domain::calibration::{CalibrationCase, ChatRating, SeenSession, Session, SessionState};
use crate::domain::rater::{Rater, Standing};
use crate::grpc::decode::conversation_ref;
use crate::grpc::{converted, estimate, review};

impl From<SeenSession> for pb::CalibrationSession {
    fn from(seen: SeenSession) -> Self {
        let session = seen.session;
        let state = match seen.state {
            SessionState::Open => pb::CalibrationState::Open,
            SessionState::Complete => pb::CalibrationState::Complete,
            SessionState::Closed => pb::CalibrationState::Closed,
        };
        let raters = session.raters.iter().zip(seen.rated).map(|(rater, rated)| pb::RaterProgress {
            person_id: rater.to_string(),
            rated: i32::try_from(rated).unwrap_or(i32::MAX),
        });
        let chats = session.chats.iter().map(|chat| pb::CalibrationChat {
            conversation: Some(conversation_ref(chat.conversation.clone())),
            business_day: Some(date(chat.business_day)),
            account_id: chat.account.to_string(),
        });
        Self {
            session_id: session.id.to_string(),
            state: state.into(),
            etag: session.etag(),
            raters: raters.collect(),
            chats: chats.collect(),
            ratings: session.ratings.iter().filter_map(|one| rating(&session, one)).collect(),
            name: session.name,
            scorecard_id: session.scorecard_id,
            scorecard_version: session.scorecard_version,
            expert_person_id: session.expert.map(PersonId::into_string).unwrap_or_default(),
            due_day: Some(date(session.due_day)),
            opened_at: Some(timestamp(session.opened_at)),
            closed_at: session.closed_at.map(timestamp),
        }
    }
}

fn rating(session: &Session, rating: &ChatRating) -> Option<pb::CalibrationRating> {
    let chat = session.chats.get(usize::try_from(rating.place).ok()?)?;
    let scores = rating.assessment.scores.iter().cloned().map(review::encode_score);
    Some(pb::CalibrationRating {
        conversation: Some(conversation_ref(chat.conversation.clone())),
        rater_person_id: rating.rater.to_string(),
        scores: scores.collect(),
        critical_error_ids: rating.assessment.critical_errors.clone(),
        summary: rating.assessment.summary.clone(),
        score_bp: rating.score_bp,
        critical_failure: rating.critical_failure,
        rated_at: Some(timestamp(rating.rated_at)),
    })
}

impl From<Report> for pb::CalibrationReport {
    fn from(report: Report) -> Self {
        Self {
            criteria: converted(report.criteria),
            score_alpha: Some(estimate::figure(report.score_alpha)),
            raters: converted(report.raters),
        }
    }
}

impl From<CriterionAgreement> for pb::CriterionAgreement {
    fn from(criterion: CriterionAgreement) -> Self {
        Self {
            criterion_id: criterion.criterion,
            kappa: Some(estimate::figure(criterion.kappa)),
            weighted_kappa: criterion.weighted_kappa.map(estimate::figure),
            alpha: Some(estimate::figure(criterion.alpha)),
            chats: i32::try_from(criterion.chats).unwrap_or(i32::MAX),
        }
    }
}

impl From<RaterResult> for pb::RaterResult {
    fn from(rater: RaterResult) -> Self {
        let severity = rater.severity.map(|severity| estimate::value(severity.value, severity.interval));
        let criteria = rater.criteria.into_iter();
        let criteria =
            criteria.map(|(criterion_id, alignment)| pb::CriterionAlignment { criterion_id, alignment });
        Self {
            person_id: rater.person.into_string(),
            severity_bp: Some(severity.unwrap_or_else(|| estimate::undefined("shares no chat with anybody"))),
            alignment: rater.alignment,
            criteria: criteria.collect(),
        }
    }
}

impl From<CalibrationCase> for pb::CalibrationCase {
    fn from(case: CalibrationCase) -> Self {
        Self {
            case_id: case.id.to_string(),
            review_id: case.review.to_string(),
            conversation: Some(conversation_ref(case.conversation)),
            criterion_ids: case.criteria,
            opened_at: Some(timestamp(case.opened_at)),
            session_id: case.session.map(|session| session.to_string()).unwrap_or_default(),
        }
    }
}

impl From<Rater> for pb::Rater {
    fn from(rater: Rater) -> Self {
        let overturned = rater.overturned().map(estimate::estimate);
        let upheld = rater.upheld().map(estimate::estimate);
        let calibration = match rater.standing.as_ref().map(|standing| standing.standing) {
            None => pb::RaterCalibration::NeverJudged,
            Some(Standing::Calibrated) => pb::RaterCalibration::Calibrated,
            Some(Standing::Out) => pb::RaterCalibration::Out,
            Some(Standing::Undecided) => pb::RaterCalibration::Undecided,
        };
        let standing = rater.standing;
        let severity = standing.as_ref().and_then(|standing| standing.severity);
        let agreement = standing.as_ref().and_then(|standing| standing.agreement);
        let never = || estimate::undefined("took part in no closed session");
        Self {
            person_id: rater.person.into_string(),
            name: rater.name,
            calibration: calibration.into(),
            out_of_calibration: standing.as_ref().is_some_and(|standing| standing.out_of_calibration),
            shared_chats: standing.as_ref().map_or(0, |standing| standing.shared_chats),
            severity_bp: Some(
                severity.map_or_else(never, |(value, interval)| estimate::value(value, interval)),
            ),
            agreement: Some(agreement.map_or_else(never, estimate::estimate)),
            judged_at: standing.map(|standing| timestamp(standing.judged_at)),
            reviews: rater.reviews,
            appeals_decided: rater.appeals_decided,
            appeals_upheld: rater.appeals_upheld,
            overturned: Some(overturned.unwrap_or_else(|| estimate::undefined("no reviews"))),
            upheld: Some(upheld.unwrap_or_else(|| estimate::undefined("no decided appeals"))),
        }
    }
}
