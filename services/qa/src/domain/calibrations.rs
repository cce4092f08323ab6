//! The use cases of calibration.

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::PersonId;
use uuid::Uuid;

use crate::domain::calibration::report::{Report, report};
use crate::domain::calibration::{CalibrationCase, OpenSession, RateChat, SeenSession, SessionState};
use crate::domain::rater::Rater;
use crate::error::QaError;
use crate::store::Store;

/// Calibration of raters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Calibrations {
    store: Store,
    clock: SharedClock,
}

impl Calibrations {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Makes a session.
    pub async fn open_calibration(&self, by: &By, open: &OpenSession) -> Result<SeenSession, QaError> {
        let session = self.store.insert_session(by, self.clock.now(), open).await?;
        Ok(session.seen_by(by.caller.person.as_ref()))
    }

    /// A session as the caller may see it.
    pub async fn get_calibration(
        &self,
        scope: &Scope,
        person: Option<&PersonId>,
        id: Uuid,
    ) -> Result<SeenSession, QaError> {
        let found = self.store.find_session(scope.whole_merchant()?, id).await?;
        Ok(found.ok_or_else(|| not_found(id))?.seen_by(person))
    }

    /// Sessions, newest first, without ratings.
    pub async fn list_calibrations(
        &self,
        scope: &Scope,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<SeenSession>, QaError> {
        let listed = self.store.list_sessions(scope.whole_merchant()?, open, page).await?;
        Ok(listed.map(|session| {
            let mut seen = session.seen_by(None);
            seen.session.ratings.clear();
            seen
        }))
    }

    /// Takes a judgement.
    pub async fn rate_calibration(&self, by: &By, rate: &RateChat) -> Result<SeenSession, QaError> {
        let person = by.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        self.store.rate_session(by, self.clock.now(), person, rate).await
    }

    /// Ends a session and judges its raters.
    pub async fn close_calibration(&self, by: &By, id: Uuid, etag: &str) -> Result<SeenSession, QaError> {
        let session = self.store.close_session(by, self.clock.now(), id, etag).await?;
        Ok(session.seen_by(by.caller.person.as_ref()))
    }

    /// What a session shows.
    pub async fn get_calibration_report(&self, scope: &Scope, id: Uuid) -> Result<Report, QaError> {
        let merchant = scope.whole_merchant()?;
        let session = self.store.find_session(merchant, id).await?.ok_or_else(|| not_found(id))?;
        if session.state() == SessionState::Open {
            return Err(QaError::CalibrationOpen);
        }
        let card = self.store.find_scorecard(merchant, &session.scorecard_id, session.scorecard_version);
        let card = card.await?.ok_or(QaError::ScorecardNotFound)?;
        let computed = tokio::task::spawn_blocking(move || report(&session, &card)).await;
        computed.map_err(|error| pg::Error::Internal(error.into()).into())
    }

    /// Chats on which appeals were upheld, oldest first.
    pub async fn list_calibration_cases(
        &self,
        scope: &Scope,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<CalibrationCase>, QaError> {
        self.store.list_calibration_cases(scope.whole_merchant()?, open, page).await
    }

    /// Who reviews, how they are calibrated, and what became of their reviews of some days.
    pub async fn list_raters(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        page: &PageRequest<String>,
    ) -> Result<Page<Rater>, QaError> {
        self.store.list_raters(scope.whole_merchant()?, days, page).await
    }
}

fn not_found(id: Uuid) -> QaError {
    QaError::CalibrationNotFound { id: id.to_string() }
}
