//! Reviews (质检评分): unassigned → assigned → submitted → acknowledged, never back behind submitted.

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::{ConversationId, Probability};
use serde::{Deserialize, Serialize};
use status::Violation;
use uuid::Uuid;

use crate::domain::policy::ReviewPolicy;
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;

/// How far a review has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewState {
    /// Beyond every reviewer's capacity.
    Unassigned,
    /// A reviewer has it.
    Assigned,
    /// Scored; the agent sees it.
    Submitted,
    /// The agent has read it.
    Acknowledged,
}

/// How a criterion was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rating {
    /// Between the criterion's bounds.
    Points(i32),
    /// Leaves the score.
    NotApplicable,
}

/// The judgement of one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriterionScore {
    /// Of the card.
    pub criterion_id: String,
    /// How it was judged.
    pub rating: Rating,
    /// Ids of the criterion's reasons for fewer than its full points.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// A remark to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The message it is about; `None` for the whole chat.
    pub message_index: Option<i32>,
    /// What is said.
    pub text: String,
}

/// What the reviewer says of a chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// One for each criterion of the card.
    pub scores: Vec<CriterionScore>,
    /// Ids of the card's critical errors that were found.
    pub critical_errors: Vec<String>,
    /// Remarks.
    pub comments: Vec<Comment>,
    /// In a few words.
    pub summary: String,
}

/// The result of a submitted review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The card it was scored by.
    pub scorecard_id: String,
    /// Its version.
    pub scorecard_version: i32,
    /// What was said.
    pub assessment: Assessment,
    /// Basis points; `None` if nothing was applicable.
    pub score_bp: Option<i32>,
    /// Whether a critical fault made it 0.
    pub critical_failure: bool,
    /// When.
    pub submitted_at: DateTime<Utc>,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub at: DateTime<Utc>,
    /// What the agent wants to say to it.
    pub note: String,
}

/// Who has a review, and when it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Who.
    pub reviewer: PersonId,
    /// The reviewer's next working day after the draw.
    pub due_day: NaiveDate,
}

/// A drawn chat and what a reviewer made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// A UUIDv7.
    pub id: Uuid,
    /// Of the chat.
    pub business_day: NaiveDate,
    /// The chat.
    pub conversation: ConversationId,
    /// Whose chat it is, as the platform says.
    pub account: AccountId,
    /// The account's person on that day, if anybody said.
    pub person: Option<PersonId>,
    /// Added by the late rule.
    pub late: bool,
    /// The chat's chance to be drawn, as numerator and denominator.
    pub inclusion: (i64, i64),
    /// Absent while nobody has it.
    pub assignment: Option<Assignment>,
    /// Absent until submitted.
    pub verdict: Option<Verdict>,
    /// Absent until acknowledged.
    pub acknowledgement: Option<Acknowledgement>,
    /// Which assessment holds, from 1; 0 before it is submitted.
    #[serde(default)]
    pub assessment_version: i32,
    /// The last day on which the agent may appeal; `None` before it is submitted, or if there are no appeals.
    #[serde(default)]
    pub appeal_until: Option<NaiveDate>,
    /// Whether the result may enter pay.
    #[serde(default = "counts")]
    pub counts_for_pay: bool,
    /// Counts up with each change.
    pub revision: i64,
}

/// Which reviews are asked for.
#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    /// Empty for all.
    pub reviewer: String,
    /// Empty for all.
    pub states: Vec<ReviewState>,
    /// `None` for all.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Empty for all.
    pub account: String,
}

/// What to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitReview {
    /// Which review.
    pub id: Uuid,
    /// Of the review, as read.
    pub etag: String,
    /// The card to score by; `None` takes the published one.
    pub scorecard: Option<(String, i32)>,
    /// What the reviewer says.
    pub assessment: Assessment,
}

/// What a review is submitted under, as it is at that moment.
#[derive(Debug, Clone, Copy)]
pub struct SubmittedUnder<'a> {
    /// The card that chats of the account's team are scored by.
    pub card: &'a Scorecard,
    /// Of the chat, for comments that point into it.
    pub message_count: i32,
    /// How long an appeal is possible.
    pub policy: &'a ReviewPolicy,
    /// The merchant's days.
    pub calendar: &'a MerchantCalendar,
    /// Whether the reviewer was found to be.
    pub out_of_calibration: bool,
}

impl Review {
    /// How far it has come.
    pub fn state(&self) -> ReviewState {
        match (&self.assignment, &self.verdict, &self.acknowledgement) {
            (_, Some(_), Some(_)) => ReviewState::Acknowledged,
            (_, Some(_), None) => ReviewState::Submitted,
            (Some(_), None, _) => ReviewState::Assigned,
            (None, None, _) => ReviewState::Unassigned,
        }
    }

    /// Changes with every change of the review.
    pub fn etag(&self) -> String {
        format!("review-{}", self.revision)
    }

    /// Takes the reviewer's verdict. From here on the days of an appeal count, and whether the result may enter pay is fixed:
    /// not from somebody who is out of calibration.
    ///
    /// # Errors
    ///
    /// [`QaError::ScorecardNotPublished`] if the reviewer saw another card than the one in use; what else is refused is said by
    /// the RPC.
    pub fn submit(
        self,
        by: &PersonId,
        submit: SubmitReview,
        under: SubmittedUnder<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        let SubmittedUnder { card, message_count, policy, calendar, out_of_calibration } = under;
        if submit.scorecard.is_some_and(|(id, version)| id != card.id || version != card.version) {
            return Err(QaError::ScorecardNotPublished);
        }
        let theirs = self.assignment.as_ref().is_some_and(|assignment| assignment.reviewer == *by);
        // The directory may have learnt since the draw that the chat is the reviewer's own.
        if !theirs || self.person.as_ref() == Some(by) {
            return Err(QaError::ReviewNotYours);
        }
        self.unchanged_since(&submit.etag)?;
        if self.state() != ReviewState::Assigned {
            return Err(QaError::ReviewNotOpen);
        }
        check_comments(&submit.assessment.comments, message_count)?;
        let score = card.score(&submit.assessment)?;
        let verdict = Verdict {
            scorecard_id: card.id.clone(),
            scorecard_version: card.version,
            assessment: submit.assessment,
            score_bp: score.bp,
            critical_failure: score.critical_failure,
            submitted_at: now,
        };
        Ok(Self {
            verdict: Some(verdict),
            assessment_version: 1,
            appeal_until: policy.appeal_until(calendar, now),
            counts_for_pay: !out_of_calibration,
            revision: self.revision + 1,
            ..self
        })
    }

    /// Replaces the assessment, because an appeal was upheld. It is scored by the version of the card that it was scored
    /// by at first, and counts for pay again: a second reviewer has looked at it.
    pub fn restate(
        self,
        assessment: Assessment,
        card: &Scorecard,
        message_count: i32,
    ) -> Result<Self, QaError> {
        let before = self.verdict.ok_or(QaError::ReviewNotSubmitted)?;
        check_comments(&assessment.comments, message_count)?;
        let score = card.score(&assessment)?;
        let verdict =
            Verdict { assessment, score_bp: score.bp, critical_failure: score.critical_failure, ..before };
        Ok(Self {
            verdict: Some(verdict),
            assessment_version: self.assessment_version + 1,
            counts_for_pay: true,
            revision: self.revision + 1,
            ..self
        })
    }

    /// Takes the agent's word that they have read it. Whose review it is was settled by the scope it was found in.
    pub fn acknowledge(self, etag: &str, note: String, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        if self.state() != ReviewState::Submitted {
            return Err(QaError::ReviewNotSubmitted);
        }
        let acknowledgement = Some(Acknowledgement { at: now, note });
        Ok(Self { acknowledgement, revision: self.revision + 1, ..self })
    }

    /// Gives it to somebody else, or to nobody.
    pub fn reassign(self, etag: &str, to: Option<Assignment>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        if !matches!(self.state(), ReviewState::Unassigned | ReviewState::Assigned) {
            return Err(QaError::ReviewNotOpen);
        }
        if to.as_ref().is_some_and(|to| self.person.as_ref() == Some(&to.reviewer)) {
            return Err(QaError::OwnChat);
        }
        Ok(Self { assignment: to, revision: self.revision + 1, ..self })
    }

    fn unchanged_since(&self, etag: &str) -> Result<(), QaError> {
        if etag == self.etag() { Ok(()) } else { Err(QaError::EtagMismatch) }
    }
}

/// Results from before there was calibration count.
fn counts() -> bool {
    true
}

/// The chance as the two integers that are stored.
pub fn inclusion(size: i32, eligible: i64) -> (i64, i64) {
    let Probability { numerator, denominator } =
        sampling::inclusion(u32::try_from(size).unwrap_or(0), u64::try_from(eligible).unwrap_or(0));
    // Both are at most `eligible`, which came from an i64.
    (i64::try_from(numerator).unwrap_or(i64::MAX), i64::try_from(denominator).unwrap_or(i64::MAX))
}

fn check_comments(comments: &[Comment], message_count: i32) -> Result<(), QaError> {
    let outside = comments.iter().enumerate().filter(|(_, comment)| {
        comment.message_index.is_some_and(|index| !(0..message_count).contains(&index))
    });
    let violations = outside.map(|(at, _)| Violation {
        field: format!("comments[{at}].message_index"),
        description: format!("must be a message of the chat, which has {message_count}"),
    });
    QaError::unless_empty(violations.collect())
}

#[cfg(test)]
mod tests;
