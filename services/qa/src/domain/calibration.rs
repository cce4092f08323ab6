//! Calibration: several raters judge the same chats by the same card, each without seeing the others. Nothing here is
//! anybody's score.

pub mod report;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::review::Assessment;
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Ratings come in, hidden from the others.
    Open,
    /// Every rating is in.
    Complete,
    /// Ended; it counts towards calibration.
    Closed,
}

/// A chat that all raters judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionChat {
    /// Which.
    pub conversation: ConversationId,
    /// Its day.
    pub business_day: NaiveDate,
    /// Whose chat it is, as the platform says.
    pub account: AccountId,
    /// The account's person on that day, if anybody said.
    pub person: Option<PersonId>,
}

/// What one rater made of one chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatRating {
    /// The chat's place in the session, from 0.
    pub place: i32,
    /// Who.
    pub rater: PersonId,
    /// What was said.
    pub assessment: Assessment,
    /// Basis points; `None` if nothing was applicable.
    pub score_bp: Option<i32>,
    /// Whether a critical fault made it 0.
    pub critical_failure: bool,
    /// When.
    pub rated_at: DateTime<Utc>,
}

/// A session with its ratings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// A UUIDv7.
    pub id: Uuid,
    /// What people read.
    pub name: String,
    /// The card that is judged by.
    pub scorecard_id: String,
    /// Its version.
    pub scorecard_version: i32,
    /// In order of place.
    pub chats: Vec<SessionChat>,
    /// Who judges, sorted.
    pub raters: Vec<PersonId>,
    /// Whose ratings the others are held against.
    pub expert: Option<PersonId>,
    /// By when ratings should be in.
    pub due_day: NaiveDate,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// In no order.
    pub ratings: Vec<ChatRating>,
    /// Counts up with each change of state.
    pub revision: i64,
}

/// A session as somebody may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSession {
    /// With the ratings that are to be seen.
    pub session: Session,
    /// How far it has come, by all ratings.
    pub state: SessionState,
    /// How many chats each rater has judged.
    pub rated: Vec<usize>,
}

/// A session to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// What people read.
    pub name: String,
    /// Chats to judge.
    pub conversations: Vec<ConversationId>,
    /// Cases whose chats are judged too.
    pub cases: Vec<Uuid>,
    /// Who judges.
    pub raters: Vec<PersonId>,
    /// One of them, or nobody.
    pub expert: Option<PersonId>,
    /// By when.
    pub due_day: NaiveDate,
}

/// A judgement to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateChat {
    /// Which session.
    pub session: Uuid,
    /// Which of its chats.
    pub conversation: ConversationId,
    /// What the rater says.
    pub assessment: Assessment,
}

impl OpenSession {
    /// The refusal of a session whose chats are scored by different cards: ratings by two cards can't be compared.
    pub fn mixes(&self, other: &ConversationId) -> QaError {
        let place = self.conversations.iter().position(|named| named == other);
        let field = place.map_or("case_ids".to_owned(), |place| format!("conversations[{place}]"));
        QaError::invalid(field, format!("{other} is scored by another card than others of the session"))
    }

    /// Makes the session of chats that were found.
    pub fn open(
        &self,
        mut chats: Vec<SessionChat>,
        card: &Scorecard,
        now: DateTime<Utc>,
    ) -> Result<Session, QaError> {
        if chats.is_empty() {
            return Err(QaError::invalid("conversations", "must name a chat, or case_ids must name a case"));
        }
        if self.expert.as_ref().is_some_and(|expert| !self.raters.contains(expert)) {
            return Err(QaError::invalid("expert_person_id", "must be one of the raters"));
        }
        chats.sort_by(|left, right| left.conversation.cmp(&right.conversation));
        chats.dedup_by(|left, right| left.conversation == right.conversation);
        let own =
            |chat: &SessionChat| chat.person.as_ref().is_some_and(|person| self.raters.contains(person));
        if chats.iter().any(own) {
            return Err(QaError::OwnChat);
        }
        let mut raters = self.raters.clone();
        raters.sort_unstable();
        Ok(Session {
            id: Uuid::now_v7(),
            name: self.name.clone(),
            scorecard_id: card.id.clone(),
            scorecard_version: card.version,
            chats,
            raters,
            expert: self.expert.clone(),
            due_day: self.due_day,
            opened_at: now,
            closed_at: None,
            ratings: Vec::new(),
            revision: 1,
        })
    }
}

impl Session {
    /// How far it has come.
    pub fn state(&self) -> SessionState {
        if self.closed_at.is_some() {
            SessionState::Closed
        } else if self.ratings.len() >= self.chats.len() * self.raters.len() {
            SessionState::Complete
        } else {
            SessionState::Open
        }
    }

    /// Changes with the session's state.
    pub fn etag(&self) -> String {
        format!("calibration-{}", self.revision)
    }

    /// The session as somebody may see it: only their own ratings while others are still to come.
    pub fn seen_by(mut self, person: Option<&PersonId>) -> SeenSession {
        let state = self.state();
        let rated_by = |rater: &PersonId| self.ratings.iter().filter(|rating| rating.rater == *rater).count();
        let rated = self.raters.iter().map(rated_by).collect();
        if state == SessionState::Open {
            self.ratings.retain(|rating| Some(&rating.rater) == person);
        }
        SeenSession { session: self, state, rated }
    }

    /// Takes a judgement, in place of an earlier one of the same rater.
    pub fn rate(
        &self,
        by: &PersonId,
        rate: &RateChat,
        card: &Scorecard,
        now: DateTime<Utc>,
    ) -> Result<ChatRating, QaError> {
        if !self.raters.contains(by) {
            return Err(QaError::CalibrationNotYours);
        }
        // Whoever sees the others' ratings must not change their own.
        if self.state() != SessionState::Open {
            return Err(QaError::CalibrationClosed);
        }
        let place = self.chats.iter().position(|chat| chat.conversation == rate.conversation);
        let unknown = || QaError::ConversationNotFound { conversation: rate.conversation.to_string() };
        let place = place.ok_or_else(unknown)?;
        if self.chats[place].person.as_ref() == Some(by) {
            return Err(QaError::OwnChat);
        }
        let score = card.score(&rate.assessment)?;
        Ok(ChatRating {
            place: i32::try_from(place).unwrap_or(i32::MAX),
            rater: by.clone(),
            assessment: rate.assessment.clone(),
            score_bp: score.bp,
            critical_failure: score.critical_failure,
            rated_at: now,
        })
    }

    /// Ends it.
    pub fn close(self, etag: &str, now: DateTime<Utc>) -> Result<Self, QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        if self.closed_at.is_some() {
            return Err(QaError::CalibrationClosed);
        }
        Ok(Self { closed_at: Some(now), revision: self.revision + 1, ..self })
    }
}

/// A chat on which an appeal was upheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationCase {
    /// The appeal's.
    pub id: Uuid,
    /// Of which review.
    pub review: Uuid,
    /// The chat.
    pub conversation: ConversationId,
    /// What the second reviewer judged otherwise.
    pub criteria: Vec<String>,
    /// When the appeal was decided.
    pub opened_at: DateTime<Utc>,
    /// What took it up.
    pub session: Option<Uuid>,
}

#[cfg(test)]
mod tests;
