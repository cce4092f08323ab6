//! Reviews and reviewers on the wire.

use proto::common::v1::Rate;
use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;
use uuid::Uuid;

use super::decode::{conversation_ref, days, text};
use crate::domain::assignment::{HandedOut, Reviewer};
use crate::domain::review::{
    Assessment, Comment, CriterionScore, Rating, Review, ReviewFilter, ReviewState, SubmitReview,
};
use crate::error::QaError;

/// A review's id. One that is no UUID is the id of no review.
pub(super) fn id(wire: &str) -> Result<Uuid, QaError> {
    Uuid::parse_str(wire).map_err(|_| QaError::ReviewNotFound { id: wire.to_owned() })
}

/// Which reviews are asked for.
pub(super) fn filter(wire: &pb::ListReviewsRequest) -> Result<ReviewFilter, QaError> {
    let states = wire.states().map(|state| match state {
        pb::ReviewState::Unassigned => Ok(ReviewState::Unassigned),
        pb::ReviewState::Assigned => Ok(ReviewState::Assigned),
        pb::ReviewState::Submitted => Ok(ReviewState::Submitted),
        pb::ReviewState::Acknowledged => Ok(ReviewState::Acknowledged),
        pb::ReviewState::Unspecified => Err(QaError::invalid("states", "must name states")),
    });
    Ok(ReviewFilter {
        reviewer: text("reviewer_person_id", &wire.reviewer_person_id)?.to_owned(),
        states: states.collect::<Result<_, _>>()?,
        days: wire.days.map(|range| days("days", Some(range))).transpose()?,
        account: text("account_id", &wire.account_id)?.to_owned(),
    })
}

/// What is submitted.
pub(super) fn submit(wire: pb::SubmitReviewRequest) -> Result<SubmitReview, QaError> {
    let scores = self::scores("scores", wire.scores)?;
    let comments = self::comments(wire.comments)?;
    let scorecard = match (wire.scorecard_id.is_empty(), wire.scorecard_version) {
        (true, 0) => None,
        (false, version) if version > 0 => Some((wire.scorecard_id, version)),
        _ => {
            return Err(QaError::invalid(
                "scorecard_version",
                "goes with scorecard_id: give both or neither",
            ));
        }
    };
    text("summary", &wire.summary)?;
    Ok(SubmitReview {
        id: id(&wire.review_id)?,
        etag: wire.etag,
        scorecard,
        assessment: Assessment {
            scores,
            critical_errors: wire.critical_error_ids,
            comments,
            summary: wire.summary,
        },
    })
}

/// Remarks to the agent.
pub(super) fn comments(wire: Vec<pb::ReviewComment>) -> Result<Vec<Comment>, QaError> {
    let comment = |(at, comment): (usize, pb::ReviewComment)| {
        text(&format!("comments[{at}].text"), &comment.text)?;
        Ok(Comment { message_index: comment.message_index, text: comment.text })
    };
    wire.into_iter().enumerate().map(comment).collect()
}

/// Judgements of criteria, in a field of that name.
pub(super) fn scores(field: &str, wire: Vec<pb::CriterionScore>) -> Result<Vec<CriterionScore>, QaError> {
    wire.into_iter().enumerate().map(|(at, wire)| score(&format!("{field}[{at}]"), wire)).collect()
}

fn score(field: &str, score: pb::CriterionScore) -> Result<CriterionScore, QaError> {
    let rating = match (score.points, score.not_applicable) {
        (Some(points), false) => Rating::Points(points),
        (None, true) => Rating::NotApplicable,
        _ => {
            return Err(QaError::invalid(
                format!("{field}.points"),
                "must be given unless not_applicable is set, and not with it",
            ));
        }
    };
    text(&format!("{field}.criterion_id"), &score.criterion_id)?;
    Ok(CriterionScore { criterion_id: score.criterion_id, rating, reasons: score.reason_ids })
}

pub(super) fn encode_comment(comment: Comment) -> pb::ReviewComment {
    pb::ReviewComment { message_index: comment.message_index, text: comment.text }
}

pub(super) fn encode_score(score: CriterionScore) -> pb::CriterionScore {
    let (points, not_applicable) = match score.rating {
        Rating::Points(points) => (Some(points), false),
        Rating::NotApplicable => (None, true),
    };
    let reason_ids = score.reasons;
    pb::CriterionScore { criterion_id: score.criterion_id, points, not_applicable, reason_ids }
}

impl From<ReviewState> for pb::ReviewState {
    fn from(state: ReviewState) -> Self {
        match state {
            ReviewState::Unassigned => Self::Unassigned,
            ReviewState::Assigned => Self::Assigned,
            ReviewState::Submitted => Self::Submitted,
            ReviewState::Acknowledged => Self::Acknowledged,
        }
    }
}

impl From<Review> for pb::Review {
    fn from(review: Review) -> Self {
        let (state, etag) = (pb::ReviewState::from(review.state()), review.etag());
        let (numerator, denominator) = review.inclusion;
        let quotient = (denominator > 0).then(|| numerator as f64 / denominator as f64);
        let mut wire = Self {
            review_id: review.id.to_string(),
            business_day: Some(date(review.business_day)),
            conversation: Some(conversation_ref(review.conversation)),
            account_id: review.account.into_string(),
            person_id: review.person.map(PersonId::into_string).unwrap_or_default(),
            state: state.into(),
            late: review.late,
            inclusion: Some(Rate { numerator, denominator, quotient }),
            etag,
            assessment_version: review.assessment_version,
            appeal_until: review.appeal_until.map(date),
            counts_for_pay: review.counts_for_pay,
            ..Self::default()
        };
        if let Some(assignment) = review.assignment {
            wire.reviewer_person_id = assignment.reviewer.into_string();
            wire.due_day = Some(date(assignment.due_day));
        }
        if let Some(verdict) = review.verdict {
            wire.scorecard_id = verdict.scorecard_id;
            wire.scorecard_version = verdict.scorecard_version;
            wire.scores = verdict.assessment.scores.into_iter().map(encode_score).collect();
            wire.critical_error_ids = verdict.assessment.critical_errors;
            wire.comments = verdict.assessment.comments.into_iter().map(encode_comment).collect();
            wire.summary = verdict.assessment.summary;
            wire.score_bp = verdict.score_bp;
            wire.critical_failure = verdict.critical_failure;
            wire.submitted_at = Some(timestamp(verdict.submitted_at));
        }
        if let Some(acknowledgement) = review.acknowledgement {
            wire.acknowledged_at = Some(timestamp(acknowledgement.at));
            wire.acknowledgement_note = acknowledgement.note;
        }
        wire
    }
}

impl From<Reviewer> for pb::Reviewer {
    fn from(reviewer: Reviewer) -> Self {
        Self {
            person_id: reviewer.person.into_string(),
            name: reviewer.name,
            capacity: reviewer.capacity,
            capacity_set: reviewer.capacity_set,
            open: reviewer.open,
        }
    }
}

impl From<HandedOut> for pb::AssignReviewsResponse {
    fn from(done: HandedOut) -> Self {
        Self { assigned: done.assigned, unassigned: done.unassigned, due_day: done.due_day.map(date) }
    }
}
