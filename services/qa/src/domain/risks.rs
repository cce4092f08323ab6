//! The use cases of risk reviews.

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use uuid::Uuid;

use crate::domain::review::Assessment;
use crate::domain::risk::{RiskFilter, RiskPlan, RiskReview};
use crate::error::QaError;
use crate::store::{ReviewKey, Store};

/// Reviews of chats that checks point at.
#[derive(Debug, Clone)]
pub struct Risks {
    store: Store,
    clock: SharedClock,
}

impl Risks {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// The newest version of the plan.
    pub async fn get_risk_plan(&self, scope: &Scope) -> Result<RiskPlan, QaError> {
        self.store.find_risk_plan(scope.whole_merchant()?).await
    }

    /// Adds a version of the plan.
    pub async fn put_risk_plan(
        &self,
        by: &By,
        etag: &str,
        from: NaiveDate,
        per_agent_day: i32,
    ) -> Result<RiskPlan, QaError> {
        let now = self.clock.now();
        let today = self.store.calendar(&by.caller.merchant).await?.business_day(now);
        self.store
            .insert_risk_plan(by, now, |newest| newest.successor(etag, from, per_agent_day, today, now))
            .await
    }

    /// Picked chats.
    pub async fn list_risk_reviews(
        &self,
        scope: &Scope,
        filter: &RiskFilter,
        page: &PageRequest<ReviewKey>,
    ) -> Result<Page<RiskReview>, QaError> {
        self.store.list_risk_reviews(scope, filter, page).await
    }

    /// Scores a picked chat.
    pub async fn submit_risk_review(
        &self,
        by: &By,
        scope: &Scope,
        id: Uuid,
        assessment: &Assessment,
    ) -> Result<RiskReview, QaError> {
        let reviewer = by.caller.person.clone().ok_or(QaError::NoPerson)?;
        self.store.submit_risk_review(by, scope, &reviewer, self.clock.now(), id, assessment).await
    }

    /// Picks the chats of days that are drawn and checked and were not picked from yet.
    pub async fn pick(&self) -> Result<(), QaError> {
        for (merchant, day) in self.store.list_days_to_pick_from().await? {
            // One merchant's trouble is not everybody's, nor one day's that of the merchant's others.
            if let Err(error) = self.store.insert_risk_reviews(&merchant, day, self.clock.now()).await {
                let error = status::chain(&error);
                tracing::warn!(merchant = %merchant, day = %day, error, "cannot pick the day's chats for their hits now");
            }
        }
        Ok(())
    }
}
