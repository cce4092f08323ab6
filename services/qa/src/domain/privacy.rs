//! The use cases of privacy: holds, erasures, and the end of retention.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use uuid::Uuid;

use crate::domain::hold::{Erasure, Held, LegalHold, Lifted, kept_from};
use crate::error::QaError;
use crate::privacy_error::PrivacyError;
use crate::store::Store;

/// How long chats stay.
#[derive(Debug, Clone)]
pub struct Privacy {
    store: Store,
    clock: SharedClock,
    /// Whole months beside the running one; 0 for ever.
    months: u32,
}

impl Privacy {
    /// On a store, by a clock. Chats are kept for `months` whole months beside the running one; 0 keeps them for ever.
    pub fn new(store: Store, clock: SharedClock, months: u32) -> Self {
        Self { store, clock, months }
    }

    /// Keeps chats.
    pub async fn place_hold(
        &self,
        by: &By,
        scope: &Scope,
        held: &Held,
        reason: &str,
    ) -> Result<LegalHold, QaError> {
        let merchant = scope.whole_merchant()?;
        if let Held::Chat(id) = held
            && !self.store.has_conversation(merchant, id).await?
        {
            return Err(QaError::ConversationNotFound { conversation: id.to_string() });
        }
        let hold = LegalHold {
            id: Uuid::now_v7(),
            held: held.clone(),
            reason: reason.to_owned(),
            placed_by: by.caller.subject.clone(),
            placed_at: self.clock.now(),
            lifted: None,
        };
        self.store.insert_hold(by, &hold).await
    }

    /// Ends a hold.
    pub async fn lift_hold(&self, by: &By, id: Uuid, etag: &str, reason: &str) -> Result<LegalHold, QaError> {
        let now = self.clock.now();
        let lifted = || Lifted { by: by.caller.subject.clone(), at: now, reason: reason.to_owned() };
        self.store.update_hold(by, now, id, |hold| hold.lift(etag, lifted())).await
    }

    /// Holds, newest first.
    pub async fn list_holds(
        &self,
        scope: &Scope,
        in_force: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<LegalHold>, QaError> {
        self.store.list_holds(scope.whole_merchant()?, in_force, page).await
    }

    /// Asks for a customer to be erased.
    pub async fn erase_customer(&self, by: &By, customer: &str, reason: &str) -> Result<Erasure, QaError> {
        self.store.insert_erasure(by, self.clock.now(), customer, reason).await
    }

    /// How far an erasure is.
    pub async fn get_erasure(&self, scope: &Scope, id: Uuid) -> Result<Erasure, QaError> {
        let found = self.store.find_erasure(scope.whole_merchant()?, id).await?;
        found.ok_or_else(|| PrivacyError::ErasureNotFound { erasure: id.to_string() }.into())
    }

    /// Erasures, newest first.
    pub async fn list_erasures(
        &self,
        scope: &Scope,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Erasure>, QaError> {
        self.store.list_erasures(scope.whole_merchant()?, page).await
    }

    /// Goes on with the oldest erasure by a day; tells whether there was one.
    pub async fn advance_erasures(&self) -> Result<bool, QaError> {
        self.store.advance_erasure(self.clock.now()).await
    }

    /// Ends the retention of months that are over long enough.
    pub async fn end_retention(&self) -> Result<(), QaError> {
        let now = self.clock.now();
        let Some(kept_from) = kept_from(now.date_naive(), self.months) else { return Ok(()) };
        while self.store.end_buyer_reviews(kept_from, now).await? > 0 {}
        for month in self.store.list_months_before(kept_from).await? {
            if let Some(held) = self.store.end_month(month, now).await? {
                tracing::info!(month = %month, chats_held = held, "a month reached the end of its retention");
            }
        }
        Ok(())
    }
}
