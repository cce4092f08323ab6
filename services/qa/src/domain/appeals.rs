//! The use cases of appeals and of the history they leave.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::PersonId;
use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealFilter, DecideAppeal, FileAppeal, ReviewHistory};
use crate::domain::review::Review;
use crate::error::QaError;
use crate::store::Store;

/// Appeals against reviews. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Appeals {
    store: Store,
    clock: SharedClock,
}

impl Appeals {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Objects to a review of the caller's own chat.
    pub async fn file_appeal(&self, by: &By, scope: &Scope, file: &FileAppeal) -> Result<Appeal, QaError> {
        let person = by.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        self.store.insert_appeal(by, scope, person, self.clock.now(), file).await
    }

    /// Takes an appeal back.
    pub async fn withdraw_appeal(
        &self,
        by: &By,
        scope: &Scope,
        id: Uuid,
        etag: &str,
    ) -> Result<Appeal, QaError> {
        let person = by.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        let now = self.clock.now();
        self.store.update_appeal(by, scope, now, id, |appeal| appeal.withdraw(person, etag, now)).await
    }

    /// One appeal.
    pub async fn get_appeal(&self, scope: &Scope, id: Uuid) -> Result<Appeal, QaError> {
        let found = self.store.find_appeal(scope, id).await?;
        found.ok_or_else(|| QaError::AppealNotFound { id: id.to_string() })
    }

    /// Appeals in the order in which they were filed.
    pub async fn list_appeals(
        &self,
        scope: &Scope,
        filter: &AppealFilter,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Appeal>, QaError> {
        self.store.list_appeals(scope, filter, self.clock.now(), page).await
    }

    /// Gives an appeal to a second reviewer.
    pub async fn reassign_appeal(
        &self,
        by: &By,
        scope: &Scope,
        id: Uuid,
        etag: &str,
        to: &PersonId,
    ) -> Result<Appeal, QaError> {
        self.store.reassign_appeal(by, scope, self.clock.now(), id, etag, to).await
    }

    /// The second review.
    pub async fn decide_appeal(
        &self,
        by: &By,
        scope: &Scope,
        decide: &DecideAppeal,
    ) -> Result<(Appeal, Review), QaError> {
        let person = by.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        self.store.decide_appeal(by, scope, person, self.clock.now(), decide).await
    }

    /// A review with everything that was ever made of it.
    pub async fn get_review_history(&self, scope: &Scope, id: Uuid) -> Result<ReviewHistory, QaError> {
        let found = self.store.find_review_history(scope, id).await?;
        found.ok_or_else(|| QaError::ReviewNotFound { id: id.to_string() })
    }
}
