//! The use cases, one method each: what happens, in order. Knows the store's methods, never SQL or protobuf.

pub mod assignment;
pub mod conversation;
pub mod draw;
pub mod plan;
pub mod review;
pub mod scorecard;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::{Bundle, ConversationId};
use uuid::Uuid;

use crate::error::QaError;
use crate::store::{CardKey, Change, CoverageKey, ReviewFilter, ReviewKey, Store};
use assignment::{HandedOut, Reviewer};
use conversation::{Conversation, ConversationRead};
use draw::{Commitment, Coverage, CoverageFilter, Draw, DrawSlice, Readiness};
use plan::{PutSamplingPlan, SamplingPlan};
use review::{Review, SubmitReview};
use scorecard::{CreateScorecard, Scorecard};

/// Quality assurance of chats.
#[derive(Debug, Clone)]
pub struct Qa {
    store: Store,
    clock: SharedClock,
}

impl Qa {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The present moment, by the service's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What is here of a day against what metrics closed.
    pub async fn get_day_readiness(&self, scope: &Scope, day: NaiveDate) -> Result<Readiness, QaError> {
        self.store.find_readiness(&scope.merchant, day).await
    }

    /// A day's published commitment.
    pub async fn get_commitment(&self, scope: &Scope, day: NaiveDate) -> Result<Commitment, QaError> {
        let found = self.store.find_commitment(&scope.merchant, day).await?;
        found.ok_or(QaError::CommitmentNotFound { day })
    }

    /// Draws a day; tells whether this call did it.
    pub async fn draw_day(&self, change: &Change, day: NaiveDate) -> Result<(Draw, bool), QaError> {
        let merchant = &change.caller.merchant;
        let now = self.clock.now();
        let calendar = self.store.calendar(merchant).await?;
        // Revealing the seed of a day that still goes on would tell agents which chats will be drawn.
        if calendar.business_day(now) <= day {
            return Err(QaError::DayNotClosed { day });
        }
        let drawn_now = self.store.insert_draw(change, day, &calendar, now).await?;
        let draw = self.store.find_draw(merchant, day).await?.ok_or(QaError::DrawNotFound { day })?;
        Ok((draw, drawn_now))
    }

    /// A day's draw, or its commitment alone.
    pub async fn get_draw(&self, scope: &Scope, day: NaiveDate) -> Result<Draw, QaError> {
        self.store.find_draw(&scope.merchant, day).await?.ok_or(QaError::DrawNotFound { day })
    }

    /// The draws of some days, oldest first.
    pub async fn list_draws(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        page: &PageRequest<NaiveDate>,
    ) -> Result<Page<Draw>, QaError> {
        self.store.list_draws(&scope.merchant, days, page).await
    }

    /// Everything needed to check a drawn day.
    pub async fn get_draw_bundle(&self, scope: &Scope, day: NaiveDate) -> Result<Bundle, QaError> {
        self.store.find_bundle(&scope.merchant, day).await?.ok_or(QaError::DrawNotFound { day })
    }

    /// One account's part of a drawn day.
    pub async fn get_draw_slice(
        &self,
        scope: &Scope,
        day: NaiveDate,
        account: &AccountId,
    ) -> Result<DrawSlice, QaError> {
        self.store.find_slice(scope, day, account).await?.ok_or(QaError::DrawNotFound { day })
    }

    /// Agents × days: drawn, reviewed, missing.
    pub async fn get_coverage(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        filter: &CoverageFilter,
        page: &PageRequest<CoverageKey>,
    ) -> Result<Page<Coverage>, QaError> {
        self.store.list_coverage(scope, days, filter, page).await
    }

    /// The plan in force on a day, or the newest.
    pub async fn get_sampling_plan(
        &self,
        scope: &Scope,
        day: Option<NaiveDate>,
    ) -> Result<SamplingPlan, QaError> {
        let plans = self.store.list_plans(&scope.merchant).await?;
        Ok(plan::in_force(&plans, day.unwrap_or(NaiveDate::MAX)))
    }

    /// Adds a version of the plan.
    pub async fn put_sampling_plan(
        &self,
        change: &Change,
        put: &PutSamplingPlan,
    ) -> Result<SamplingPlan, QaError> {
        let now = self.clock.now();
        let today = self.store.calendar(&change.caller.merchant).await?.business_day(now);
        self.store.insert_plan(change, now, |newest| newest.successor(put, today, now)).await
    }

    /// The review queue.
    pub async fn list_reviews(
        &self,
        scope: &Scope,
        filter: &ReviewFilter,
        page: &PageRequest<ReviewKey>,
    ) -> Result<Page<Review>, QaError> {
        self.store.list_reviews(scope, filter, page).await
    }

    /// One review.
    pub async fn get_review(&self, scope: &Scope, id: Uuid) -> Result<Review, QaError> {
        let found = self.store.find_review(scope, id).await?;
        found.ok_or_else(|| QaError::ReviewNotFound { id: id.to_string() })
    }

    /// Scores a review.
    pub async fn submit_review(
        &self,
        change: &Change,
        scope: &Scope,
        submit: &SubmitReview,
    ) -> Result<Review, QaError> {
        let by = change.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        self.store.submit_review(change, scope, by, self.clock.now(), submit).await
    }

    /// The agent's word that they have read a review.
    pub async fn acknowledge_review(
        &self,
        change: &Change,
        scope: &Scope,
        id: Uuid,
        etag: &str,
        note: &str,
    ) -> Result<Review, QaError> {
        self.store.acknowledge_review(change, scope, self.clock.now(), id, etag, note).await
    }

    /// Gives a review to somebody else, or to nobody.
    pub async fn reassign_review(
        &self,
        change: &Change,
        scope: &Scope,
        id: Uuid,
        etag: &str,
        to: Option<&PersonId>,
    ) -> Result<Review, QaError> {
        self.store.reassign_review(change, scope, self.clock.now(), id, etag, to).await
    }

    /// Hands out unassigned reviews.
    pub async fn assign_reviews(
        &self,
        change: &Change,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<HandedOut, QaError> {
        self.store.assign_reviews(change, self.clock.now(), days).await
    }

    /// Who reviews.
    pub async fn list_reviewers(
        &self,
        scope: &Scope,
        page: &PageRequest<String>,
    ) -> Result<Page<Reviewer>, QaError> {
        self.store.list_reviewers(&scope.merchant, page).await
    }

    /// Sets how much a person can review.
    pub async fn set_reviewer_capacity(
        &self,
        change: &Change,
        person: &PersonId,
        capacity: i32,
    ) -> Result<Reviewer, QaError> {
        self.store.set_reviewer_capacity(change, self.clock.now(), person, capacity).await
    }

    /// Makes a draft of a card.
    pub async fn create_scorecard(
        &self,
        change: &Change,
        create: &CreateScorecard,
    ) -> Result<Scorecard, QaError> {
        create.content.check()?;
        self.store.insert_scorecard(change, self.clock.now(), create).await
    }

    /// Puts a draft in use.
    pub async fn publish_scorecard(
        &self,
        change: &Change,
        id: &str,
        version: i32,
        etag: &str,
    ) -> Result<Scorecard, QaError> {
        let now = self.clock.now();
        self.store.update_scorecard(change, now, id, version, |card| card.publish(etag, now)).await
    }

    /// Drops a draft.
    pub async fn retire_scorecard(
        &self,
        change: &Change,
        id: &str,
        version: i32,
        etag: &str,
    ) -> Result<Scorecard, QaError> {
        let now = self.clock.now();
        self.store.update_scorecard(change, now, id, version, |card| card.drop_draft(etag, now)).await
    }

    /// A version of a card; without an id, the one in use.
    pub async fn get_scorecard(&self, scope: &Scope, id: &str, version: i32) -> Result<Scorecard, QaError> {
        let merchant = &scope.merchant;
        self.store.begin_merchant(merchant, self.clock.now()).await?;
        let found = match id {
            "" => self.store.find_published_scorecard(merchant).await?,
            id => self.store.find_scorecard(merchant, id, version).await?,
        };
        found.ok_or(QaError::ScorecardNotFound)
    }

    /// All versions of all cards.
    pub async fn list_scorecards(
        &self,
        scope: &Scope,
        page: &PageRequest<CardKey>,
    ) -> Result<Page<Scorecard>, QaError> {
        self.store.begin_merchant(&scope.merchant, self.clock.now()).await?;
        self.store.list_scorecards(&scope.merchant, page).await
    }

    /// A transcript; the access log says who read it.
    pub async fn get_conversation(
        &self,
        change: &Change,
        scope: &Scope,
        id: &ConversationId,
    ) -> Result<Conversation, QaError> {
        let found = self.store.read_conversation(change, scope, self.clock.now(), id).await?;
        found.ok_or_else(|| QaError::ConversationNotFound { conversation: id.to_string() })
    }

    /// The access log.
    pub async fn list_conversation_reads(
        &self,
        scope: &Scope,
        conversation: Option<&ConversationId>,
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<ConversationRead>, QaError> {
        self.store.list_conversation_reads(&scope.merchant, conversation, person, page).await
    }

    /// Commits to the seeds of today and tomorrow, so that they are fixed before their days begin.
    pub async fn commit_ahead(&self, merchant: &MerchantId) -> Result<(), QaError> {
        let now = self.clock.now();
        let calendar = self.store.calendar(merchant).await?;
        let today = calendar.business_day(now);
        let days = [today, today.checked_add_signed(TimeDelta::days(1)).unwrap_or(today)];
        self.store.ensure_seeds(merchant, &days, |day| calendar.day_start(day), now).await
    }
}
