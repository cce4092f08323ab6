//! The use cases of reviewers' work: the policy, weeks, absences, handing over, what is late.

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::PersonId;
use uuid::Uuid;

use crate::domain::assignment::{Absence, HandedOver};
use crate::domain::policy::{PutReviewPolicy, ReviewPolicy};
use crate::domain::review::Review;
use crate::error::QaError;
use crate::store::{OverdueKey, Store};

/// Reviewers' work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReviewWork {
    store: Store,
    clock: SharedClock,
}

impl ReviewWork {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// The policy that holds.
    pub async fn get_review_policy(&self, scope: &Scope) -> Result<ReviewPolicy, QaError> {
        self.store.find_review_policy(scope.whole_merchant()?).await
    }

    /// Adds a version of the policy.
    pub async fn put_review_policy(&self, by: &By, put: &PutReviewPolicy) -> Result<ReviewPolicy, QaError> {
        let now = self.clock.now();
        self.store.insert_review_policy(by, now, |newest| newest.successor(put, now)).await
    }

    /// Sets what somebody can do on each day of the week.
    pub async fn set_reviewer_week(
        &self,
        by: &By,
        person: &PersonId,
        week: Option<[i32; 7]>,
    ) -> Result<(), QaError> {
        self.store.set_reviewer_week(by, self.clock.now(), person, week).await
    }

    /// Notes an absence; answers with it and how many open reviews are due in it.
    pub async fn add_reviewer_absence(
        &self,
        by: &By,
        person: PersonId,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<(Absence, i32), QaError> {
        let absence = Absence { id: Uuid::now_v7(), person, from, to };
        self.store.insert_absence(by, self.clock.now(), &absence).await
    }

    /// Takes an absence back.
    pub async fn remove_reviewer_absence(&self, by: &By, id: Uuid) -> Result<(), QaError> {
        self.store.delete_absence(by, self.clock.now(), id).await
    }

    /// Absences that touch some days, of one person or of everybody.
    pub async fn list_reviewer_absences(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Absence>, QaError> {
        self.store.list_absences(scope.whole_merchant()?, days, person, page).await
    }

    /// Gives a reviewer's open work to the others.
    pub async fn hand_over_reviews(
        &self,
        by: &By,
        person: &PersonId,
        due: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<HandedOver, QaError> {
        self.store.hand_over_reviews(by, self.clock.now(), person, due).await
    }

    /// Open reviews whose due day has passed.
    pub async fn list_overdue_reviews(
        &self,
        scope: &Scope,
        page: &PageRequest<OverdueKey>,
    ) -> Result<Page<Review>, QaError> {
        self.store.list_overdue(scope.whole_merchant()?, self.clock.now(), page).await
    }
}
