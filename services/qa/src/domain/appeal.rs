//! Appeals (申诉): open → rejected, partly upheld, upheld or withdrawn. The second reviewer is never the first one and
//! never the agent.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::review::{Assessment, CriterionScore, Review, ReviewState, Verdict};
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;

/// What became of an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppealState {
    /// Waits for the second review.
    Open,
    /// The review stays as it was.
    Rejected,
    /// The review was restated, not in everything that was asked for.
    PartlyUpheld,
    /// The review was restated.
    Upheld,
    /// Taken back.
    Withdrawn,
}

impl AppealState {
    /// Every state there is.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Rejected, Self::PartlyUpheld, Self::Upheld, Self::Withdrawn];

    /// Whether the review was restated.
    pub fn restates(self) -> bool {
        matches!(self, Self::PartlyUpheld | Self::Upheld)
    }
}

/// Which appeals are asked for.
#[derive(Debug, Clone, Default)]
pub struct AppealFilter {
    /// Empty for all.
    pub states: Vec<AppealState>,
    /// Empty for all.
    pub second_reviewer: String,
    /// `None` for all.
    pub review: Option<Uuid>,
    /// Only open ones whose due day has passed.
    pub overdue: bool,
}

/// How an appeal ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// When.
    pub at: DateTime<Utc>,
    /// Why it was decided so; empty if it was withdrawn.
    pub comment: String,
    /// The review's score before.
    pub score_bp_before: Option<i32>,
    /// The review's score after.
    pub score_bp_after: Option<i32>,
}

/// An agent's objection to one assessment of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// A UUIDv7.
    pub id: Uuid,
    /// Of which review.
    pub review_id: Uuid,
    /// Of the chat.
    pub business_day: NaiveDate,
    /// The chat.
    pub conversation: ConversationId,
    /// Whose chat it is, as the platform says.
    pub account: AccountId,
    /// The account's person on that day, if anybody said.
    pub person: Option<PersonId>,
    /// Which assessment it is against.
    pub assessment_version: i32,
    /// Who filed it.
    pub filed_by: PersonId,
    /// When.
    pub filed_at: DateTime<Utc>,
    /// Why the assessment is wrong.
    pub comment: String,
    /// What would be right; may leave criteria out.
    pub proposed: Vec<CriterionScore>,
    /// Whose assessment it is against.
    pub first_reviewer: PersonId,
    /// Who decides; nobody while nobody has it.
    pub second_reviewer: Option<PersonId>,
    /// By when.
    pub due_day: NaiveDate,
    /// What became of it.
    pub state: AppealState,
    /// Present unless it is open.
    pub ending: Option<Ending>,
    /// Counts up with each change.
    pub revision: i64,
}

/// What to file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAppeal {
    /// Which review.
    pub review_id: Uuid,
    /// Of the review, as read.
    pub etag: String,
    /// Why the assessment is wrong.
    pub comment: String,
    /// What would be right.
    pub proposed: Vec<CriterionScore>,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideAppeal {
    /// Which appeal.
    pub id: Uuid,
    /// Of the appeal, as read.
    pub etag: String,
    /// [`AppealState::Rejected`], [`AppealState::PartlyUpheld`] or [`AppealState::Upheld`].
    pub state: AppealState,
    /// Why.
    pub comment: String,
    /// The new assessment; without scores for a rejection.
    pub assessment: Assessment,
}

/// One version of what was made of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessmentVersion {
    /// Counts up from 1 in the review.
    pub version: i32,
    /// Who made it.
    pub reviewer: PersonId,
    /// The appeal that led to it.
    pub appeal: Option<Uuid>,
    /// What was said; `submitted_at` is when this version was made.
    pub verdict: Verdict,
}

/// A review with all its assessments and appeals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewHistory {
    /// As it is now.
    pub review: Review,
    /// In order of version.
    pub assessments: Vec<AssessmentVersion>,
    /// In the order in which they were filed.
    pub appeals: Vec<Appeal>,
}

/// Somebody who could be the second reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondDesk {
    /// Who.
    pub person: PersonId,
    /// Appeals that wait for them.
    pub appeals: i64,
    /// Reviews that wait for them.
    pub reviews: i64,
}

/// The second reviewer with the least to do, who is neither the first one nor the agent.
pub fn second_reviewer(
    desks: &[SecondDesk],
    first: &PersonId,
    agent: Option<&PersonId>,
    filed_by: &PersonId,
) -> Option<PersonId> {
    let may =
        |desk: &&SecondDesk| desk.person != *first && Some(&desk.person) != agent && desk.person != *filed_by;
    let least = desks.iter().filter(may).min_by_key(|desk| (desk.appeals, desk.reviews, &desk.person));
    least.map(|desk| desk.person.clone())
}

impl Appeal {
    /// An appeal against the newest assessment of a review, on a day of the merchant's. Whose review it is was settled
    /// by the scope it was found in.
    pub fn file(
        review: &Review,
        file: &FileAppeal,
        by: &PersonId,
        card: &Scorecard,
        (today, due_day): (NaiveDate, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        if file.etag != review.etag() {
            return Err(QaError::EtagMismatch);
        }
        if !matches!(review.state(), ReviewState::Submitted | ReviewState::Acknowledged) {
            return Err(QaError::ReviewNotSubmitted);
        }
        if review.appeal_until.is_none_or(|until| until < today) {
            return Err(QaError::AppealLate { until: review.appeal_until });
        }
        card.check_scores("proposed_scores", &file.proposed)?;
        let assignment = review.assignment.as_ref().ok_or(QaError::ReviewNotSubmitted)?;
        Ok(Self {
            id: Uuid::now_v7(),
            review_id: review.id,
            business_day: review.business_day,
            conversation: review.conversation.clone(),
            account: review.account.clone(),
            person: review.person.clone(),
            assessment_version: review.assessment_version,
            filed_by: by.clone(),
            filed_at: now,
            comment: file.comment.clone(),
            proposed: file.proposed.clone(),
            first_reviewer: assignment.reviewer.clone(),
            second_reviewer: None,
            due_day,
            state: AppealState::Open,
            ending: None,
            revision: 1,
        })
    }

    /// Changes with every change of the appeal.
    pub fn etag(&self) -> String {
        format!("appeal-{}", self.revision)
    }

    /// Takes it back.
    pub fn withdraw(self, by: &PersonId, etag: &str, now: DateTime<Utc>) -> Result<Self, QaError> {
        if self.filed_by != *by {
            return Err(QaError::AppealNotYours);
        }
        self.open_and_unchanged_since(etag)?;
        let ending = Ending { at: now, comment: String::new(), score_bp_before: None, score_bp_after: None };
        Ok(self.ended(AppealState::Withdrawn, ending))
    }

    /// Gives it to a second reviewer.
    pub fn reassign(self, etag: &str, to: &PersonId) -> Result<Self, QaError> {
        self.open_and_unchanged_since(etag)?;
        self.may_be_decided_by(to)?;
        Ok(Self { second_reviewer: Some(to.clone()), revision: self.revision + 1, ..self })
    }

    /// Takes the second review; answers with the appeal and the review after it. `card` is the version that the review
    /// was scored by, `message_count` that of the chat.
    pub fn decide(
        self,
        review: Review,
        by: &PersonId,
        decide: &DecideAppeal,
        card: &Scorecard,
        message_count: i32,
        now: DateTime<Utc>,
    ) -> Result<(Self, Review), QaError> {
        if self.second_reviewer.as_ref() != Some(by) {
            return Err(QaError::AppealNotYours);
        }
        // The directory may have learnt since that the chat is the second reviewer's own.
        self.may_be_decided_by(by)?;
        self.open_and_unchanged_since(&decide.etag)?;
        let before = review.verdict.clone().ok_or(QaError::ReviewNotSubmitted)?;
        let review = if decide.state.restates() {
            let errors = |assessment: &Assessment| -> BTreeSet<String> {
                assessment.critical_errors.iter().cloned().collect()
            };
            let changed = !criteria_changed(&before.assessment, &decide.assessment).is_empty()
                || errors(&before.assessment) != errors(&decide.assessment);
            if decide.assessment.scores.is_empty() || !changed {
                let description =
                    "must differ from the assessment appealed against, or the appeal is rejected";
                return Err(QaError::invalid("scores", description));
            }
            review.restate(decide.assessment.clone(), card, message_count)?
        } else {
            if decide.assessment != Assessment::default() {
                return Err(QaError::invalid("scores", "must be empty where the appeal is rejected"));
            }
            review
        };
        let ending = Ending {
            at: now,
            comment: decide.comment.clone(),
            score_bp_before: before.score_bp,
            score_bp_after: review.verdict.as_ref().and_then(|verdict| verdict.score_bp),
        };
        Ok((self.ended(decide.state, ending), review))
    }

    fn ended(self, state: AppealState, ending: Ending) -> Self {
        Self { state, ending: Some(ending), revision: self.revision + 1, ..self }
    }

    fn may_be_decided_by(&self, person: &PersonId) -> Result<(), QaError> {
        if self.person.as_ref() == Some(person) || self.filed_by == *person {
            return Err(QaError::OwnChat);
        }
        if self.first_reviewer == *person { Err(QaError::SameReviewer) } else { Ok(()) }
    }

    fn open_and_unchanged_since(&self, etag: &str) -> Result<(), QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        if self.state == AppealState::Open { Ok(()) } else { Err(QaError::AppealNotOpen) }
    }
}

/// The criteria that two assessments judge otherwise, sorted.
pub fn criteria_changed(before: &Assessment, after: &Assessment) -> Vec<String> {
    let ids = before.scores.iter().chain(&after.scores).map(|score| score.criterion_id.as_str());
    let of = |assessment: &Assessment, id: &str| {
        assessment.scores.iter().find(|score| score.criterion_id == id).map(|score| score.rating)
    };
    let ids: BTreeSet<&str> = ids.filter(|id| of(before, id) != of(after, id)).collect();
    ids.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
