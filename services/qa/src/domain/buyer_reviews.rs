//! The use cases of buyers' reviews.

use calendar::MerchantCalendar;
use chrono::{DateTime, Days, NaiveDate, Utc};
use pg::page::{Page, PageRequest};
use pg::{By, Transaction};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::PersonId;
use uuid::Uuid;

use crate::buyer_review_error::BuyerReviewError;
use crate::domain::buyer_review::arrival::Received;
use crate::domain::buyer_review::collection::{Collect, Collection, Consent, UseChange, UseKind};
use crate::domain::buyer_review::figure::{Comparison, Figure, Group, Week, compare};
use crate::domain::buyer_review::policy::{BuyerReviewPolicy, Rules};
use crate::domain::buyer_review::step::{Channel, TakeStep};
use crate::domain::buyer_review::{
    BuyerReview, BuyerReviewFilter, BuyerReviewId, CollectedFilter, Deadline, Duty, OverdueFilter,
};
use crate::domain::quality::monday;
use crate::error::QaError;
use crate::store::{BuyerReviewDayKey, BuyerReviewKey, Store};

/// Rows of each list of the weekly feedback.
const WEEK_ROWS: usize = 20;
/// Groups that a week is made of at most.
const WEEK_GROUPS_MAX: usize = 100_000;

/// A review with what is owed for it at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The review.
    pub review: BuyerReview,
    /// Of the review itself.
    pub reply: Option<Deadline>,
    /// Of the added comment.
    pub comment: Option<Deadline>,
    /// What it waits for next.
    pub duty: Option<(Duty, DateTime<Utc>)>,
    /// The moment.
    pub now: DateTime<Utc>,
}

impl Shown {
    fn new(review: BuyerReview, calendar: &MerchantCalendar, now: DateTime<Utc>) -> Self {
        let (reply, comment) = (review.reply_deadline(calendar), review.comment_deadline(calendar));
        Self { reply, comment, duty: review.duty(calendar), review, now }
    }
}

/// Buyers' reviews. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BuyerReviews {
    store: Store,
    clock: SharedClock,
}

impl BuyerReviews {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Takes in reviews that metrics accepted, inside the transaction that notes them as received.
    pub async fn take_in(&self, conn: &mut Transaction, received: &[Received]) -> Result<(), QaError> {
        self.store.take_in_buyer_reviews(conn, received).await
    }

    /// Looks for chats that came after their reviews; tells whether there may be more to find.
    pub async fn find_chats(&self) -> Result<bool, QaError> {
        self.store.find_chats_of_buyer_reviews(self.clock.now()).await
    }

    /// The merchant's calendar, the moment, and its business day.
    async fn today(&self, scope: &Scope) -> Result<(MerchantCalendar, DateTime<Utc>, NaiveDate), QaError> {
        let now = self.clock.now();
        let calendar = self.store.calendar(&scope.merchant).await?;
        let today = calendar.business_day(now);
        Ok((calendar, now, today))
    }

    async fn shown(&self, scope: &Scope, review: BuyerReview) -> Result<Shown, QaError> {
        let (calendar, now, _) = self.today(scope).await?;
        // Read again for who served: a change is answered with what it was made of.
        let read = self.store.find_buyer_review(scope, now, &review.id).await?;
        let served_by = read.and_then(|read| read.served_by);
        Ok(Shown::new(BuyerReview { served_by, ..review }, &calendar, now))
    }

    /// One review.
    pub async fn get_buyer_review(&self, scope: &Scope, id: &BuyerReviewId) -> Result<Shown, QaError> {
        let found = self.store.find_buyer_review(scope, self.clock.now(), id).await?;
        let review = found
            .ok_or_else(|| BuyerReviewError::NotFound { shop: id.shop.clone(), review: id.id.clone() })?;
        let (calendar, now, _) = self.today(scope).await?;
        Ok(Shown::new(review, &calendar, now))
    }

    /// Reviews of some days, newest first.
    pub async fn list_buyer_reviews(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        filter: &BuyerReviewFilter,
        page: &PageRequest<BuyerReviewDayKey>,
    ) -> Result<Page<Shown>, QaError> {
        let (calendar, now, _) = self.today(scope).await?;
        let listed = self.store.list_buyer_reviews(scope, now, days, filter, page).await?;
        Ok(listed.map(|review| Shown::new(review, &calendar, now)))
    }

    /// Reviews whose deadline has passed, the longest overdue first.
    pub async fn list_overdue_buyer_reviews(
        &self,
        scope: &Scope,
        filter: &OverdueFilter,
        page: &PageRequest<BuyerReviewKey>,
    ) -> Result<Page<Shown>, QaError> {
        let (calendar, now, _) = self.today(scope).await?;
        let listed = self.store.list_overdue_buyer_reviews(scope, now, filter, page).await?;
        Ok(listed.map(|review| Shown::new(review, &calendar, now)))
    }

    /// Takes a step in working on a review.
    pub async fn take_buyer_review_step(
        &self,
        by: &By,
        scope: &Scope,
        take: &TakeStep,
    ) -> Result<Shown, QaError> {
        let review = self.store.take_buyer_review_step(by, scope, self.clock.now(), take).await?;
        self.shown(scope, review).await
    }

    /// Gives a review to somebody, or back to who served.
    pub async fn assign_buyer_review(
        &self,
        by: &By,
        scope: &Scope,
        which: (&BuyerReviewId, &str),
        to: Option<&PersonId>,
    ) -> Result<Shown, QaError> {
        let review = self.store.assign_buyer_review(by, scope, self.clock.now(), which, to).await?;
        self.shown(scope, review).await
    }

    /// Takes a review into the collection, changes its place there, or takes it out.
    pub async fn collect_buyer_review(
        &self,
        by: &By,
        scope: &Scope,
        which: (&BuyerReviewId, &str),
        collect: &Collect,
    ) -> Result<Shown, QaError> {
        let review = self.store.collect_buyer_review(by, scope, self.clock.now(), which, collect).await?;
        self.shown(scope, review).await
    }

    /// Notes what a buyer was asked or answered; gives the uses that go on without a consent, too.
    pub async fn record_buyer_review_consent(
        &self,
        by: &By,
        scope: &Scope,
        which: (&BuyerReviewId, &str),
        said: (Consent, (Channel, &[UseKind], &str)),
    ) -> Result<(Shown, Vec<Uuid>), QaError> {
        let now = self.clock.now();
        let review = self.store.record_buyer_review_consent(by, scope, now, which, said).await?;
        let to_end = review.collection.as_ref().map(Collection::to_end).unwrap_or_default();
        Ok((self.shown(scope, review).await?, to_end))
    }

    /// Notes where a collected review is used.
    pub async fn record_buyer_review_use(
        &self,
        by: &By,
        scope: &Scope,
        id: &BuyerReviewId,
        change: &UseChange,
    ) -> Result<BuyerReview, QaError> {
        scope.whole_merchant()?;
        self.store.record_buyer_review_use(by, scope, self.clock.now(), id, change).await
    }

    /// The collection.
    pub async fn list_collected_buyer_reviews(
        &self,
        scope: &Scope,
        filter: &CollectedFilter,
        page: &PageRequest<BuyerReviewKey>,
    ) -> Result<Page<BuyerReview>, QaError> {
        self.store.list_collected_buyer_reviews(scope.whole_merchant()?, filter, page).await
    }

    /// A row per group.
    pub async fn get_buyer_review_figures(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        of: (Group, &str),
        page: &PageRequest<String>,
    ) -> Result<Page<Figure>, QaError> {
        let (_, now, today) = self.today(scope).await?;
        self.store.list_buyer_review_figures(scope, (today, now), days, of, page).await
    }

    /// The weekly feedback.
    pub async fn get_buyer_review_week(
        &self,
        scope: &Scope,
        day: NaiveDate,
        shop: &str,
    ) -> Result<Week, QaError> {
        let (_, now, today) = self.today(scope).await?;
        let week = monday(day);
        let days = (week, week + Days::new(6));
        let (without_cause, overdue) = self.store.count_open_buyer_reviews(scope, now, days, shop).await?;
        let beside = async |group| self.beside(scope, (today, now), week, (group, shop)).await;
        Ok(Week {
            week,
            all: beside(Group::Merchant).await?.into_iter().next().unwrap_or_default(),
            causes: beside(Group::Cause).await?,
            stages: beside(Group::Stage).await?,
            products: beside(Group::Product).await?,
            agents: beside(Group::Agent).await?,
            without_cause,
            overdue,
        })
    }

    /// A group's rows of a week beside those of the week before.
    async fn beside(
        &self,
        scope: &Scope,
        at: (NaiveDate, DateTime<Utc>),
        week: NaiveDate,
        of: (Group, &str),
    ) -> Result<Vec<Comparison>, QaError> {
        let now = self.week_figures(scope, at, week, of).await?;
        let before = self.week_figures(scope, at, week - Days::new(7), of).await?;
        Ok(compare(now, before, WEEK_ROWS))
    }

    /// All rows of a group's week.
    async fn week_figures(
        &self,
        scope: &Scope,
        at: (NaiveDate, DateTime<Utc>),
        first: NaiveDate,
        of: (Group, &str),
    ) -> Result<Vec<Figure>, QaError> {
        let days = (first, first + Days::new(6));
        let mut page = PageRequest::first(pg::page::MAX_SIZE, "buyer review week");
        let mut figures = Vec::new();
        while figures.len() < WEEK_GROUPS_MAX {
            let listed = self.store.list_buyer_review_figures(scope, at, days, of, &page).await?;
            figures.extend(listed.items);
            if listed.next_page_token.is_empty() {
                break;
            }
            page.after = figures.last().map(|figure: &Figure| figure.key.clone());
        }
        Ok(figures)
    }

    /// A version of the policy, or the one that holds.
    pub async fn get_buyer_review_policy(
        &self,
        scope: &Scope,
        version: Option<i32>,
    ) -> Result<BuyerReviewPolicy, QaError> {
        let found = self.store.find_buyer_review_policy(scope.whole_merchant()?, version).await?;
        let version = version.unwrap_or_default();
        found.ok_or_else(|| BuyerReviewError::PolicyNotFound { version }.into())
    }

    /// Adds a version of the policy.
    pub async fn put_buyer_review_policy(
        &self,
        by: &By,
        etag: &str,
        rules: &Rules,
    ) -> Result<BuyerReviewPolicy, QaError> {
        self.store.insert_buyer_review_policy(by, self.clock.now(), etag, rules).await
    }
}
