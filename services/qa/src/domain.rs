//! The use cases, one method each: what happens, in order. Knows the store's methods, never SQL or protobuf.

pub mod appeal;
pub mod appeals;
pub mod assignment;
pub mod attendance;
pub mod buyer_review;
pub mod buyer_reviews;
pub mod calibration;
pub mod calibrations;
pub mod check_figure;
pub mod checks;
pub mod conversation;
pub mod draw;
pub mod dry_run;
pub mod hit;
pub mod hold;
pub mod plan;
pub mod policy;
pub mod privacy;
pub mod qualities;
pub mod quality;
pub mod rater;
pub mod review;
pub mod review_work;
pub mod risk;
pub mod risks;
pub mod rule_set;
pub mod scorecard;
pub mod team_scorecard;
pub mod weakness;
pub mod weaknesses;

use chrono::{NaiveDate, TimeDelta};
use pg::page::{Page, PageRequest};
use pg::{By, Transaction};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::{Bundle, ConversationId};
use uuid::Uuid;

use crate::error::QaError;
use crate::store::{CardKey, CoverageKey, ReviewKey, Store};
use assignment::{HandedOut, Reviewer};
use conversation::{Arrival, Conversation, ConversationRead};
use draw::{Commitment, Coverage, CoverageFilter, DayClosing, Draw, DrawSlice, Readiness, Shortfalls};
use plan::{PutSamplingPlan, SamplingPlan};
use review::{Review, ReviewFilter, SubmitReview};
use scorecard::{CreateScorecard, Scorecard};
use team_scorecard::{PutTeamScorecard, TeamScorecard};

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

    /// Takes in conversations that metrics accepted, inside the transaction that notes them as received.
    pub async fn take_in(&self, conn: &mut Transaction, arrivals: &[Arrival]) -> Result<(), QaError> {
        self.store.take_in(conn, arrivals, self.clock.now()).await
    }

    /// Takes in what metrics says of a closed day, inside the transaction that notes it as received.
    pub async fn take_in_closing(
        &self,
        conn: &mut Transaction,
        merchant: &MerchantId,
        day: NaiveDate,
        closing: &DayClosing,
    ) -> Result<(), QaError> {
        self.store.take_in_closing(conn, merchant, day, closing, self.clock.now()).await
    }

    /// What is here of a day against what metrics closed.
    pub async fn get_day_readiness(&self, scope: &Scope, day: NaiveDate) -> Result<Readiness, QaError> {
        self.store.find_readiness(scope.whole_merchant()?, day).await
    }

    /// A day's published commitment.
    pub async fn get_commitment(&self, scope: &Scope, day: NaiveDate) -> Result<Commitment, QaError> {
        let found = self.store.find_commitment(scope.whole_merchant()?, day).await?;
        found.ok_or(QaError::CommitmentNotFound { day })
    }

    /// Draws a day; tells whether this call did it.
    pub async fn draw_day(&self, by: &By, day: NaiveDate) -> Result<(Draw, bool), QaError> {
        let merchant = &by.caller.merchant;
        let now = self.clock.now();
        let calendar = self.store.calendar(merchant).await?;
        // Revealing the seed of a day that still goes on would tell agents which chats will be drawn.
        if calendar.business_day(now) <= day {
            return Err(QaError::DayNotClosed { day });
        }
        let drawn_now = self.store.insert_draw(by, day, &calendar, now).await?;
        let draw = self.store.find_draw(merchant, day).await?.ok_or(QaError::DrawNotFound { day })?;
        Ok((draw, drawn_now))
    }

    /// A day's draw, and how many accounts fell short; or its commitment alone.
    pub async fn get_draw(&self, scope: &Scope, day: NaiveDate) -> Result<(Draw, Shortfalls), QaError> {
        let merchant = scope.whole_merchant()?;
        let draw = self.store.find_draw(merchant, day).await?.ok_or(QaError::DrawNotFound { day })?;
        let shortfalls = match draw.drawn {
            Some(_) => self.store.count_shortfalls(merchant, day).await?,
            None => Shortfalls::new(),
        };
        Ok((draw, shortfalls))
    }

    /// The draws of some days, oldest first.
    pub async fn list_draws(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        page: &PageRequest<NaiveDate>,
    ) -> Result<Page<Draw>, QaError> {
        self.store.list_draws(scope.whole_merchant()?, days, page).await
    }

    /// Everything needed to check a drawn day.
    pub async fn get_draw_bundle(&self, scope: &Scope, day: NaiveDate) -> Result<Bundle, QaError> {
        self.store.find_bundle(scope.whole_merchant()?, day).await?.ok_or(QaError::DrawNotFound { day })
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

    /// The merchant's or a team's plan in force on a day, or the newest.
    pub async fn get_sampling_plan(
        &self,
        scope: &Scope,
        day: Option<NaiveDate>,
        team: &str,
    ) -> Result<SamplingPlan, QaError> {
        let plans = self.store.list_plans(scope.whole_merchant()?).await?;
        Ok(plan::as_asked(&plans, team, day.unwrap_or(NaiveDate::MAX)))
    }

    /// Adds a version of the plan.
    pub async fn put_sampling_plan(&self, by: &By, put: &PutSamplingPlan) -> Result<SamplingPlan, QaError> {
        let now = self.clock.now();
        let today = self.store.calendar(&by.caller.merchant).await?.business_day(now);
        if put.inherits && put.team.is_empty() {
            return Err(QaError::invalid("inherits", "is for teams only"));
        }
        self.store.insert_plan(by, now, &put.team, |newest| newest.successor(put, today, now)).await
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
        by: &By,
        scope: &Scope,
        submit: &SubmitReview,
    ) -> Result<Review, QaError> {
        let reviewer = by.caller.person.as_ref().ok_or(QaError::NoPerson)?;
        self.store.submit_review(by, scope, reviewer, self.clock.now(), submit).await
    }

    /// The agent's word that they have read a review.
    pub async fn acknowledge_review(
        &self,
        by: &By,
        scope: &Scope,
        id: Uuid,
        etag: &str,
        note: &str,
    ) -> Result<Review, QaError> {
        self.store.acknowledge_review(by, scope, self.clock.now(), id, etag, note).await
    }

    /// Gives a review to somebody else, or to nobody.
    pub async fn reassign_review(
        &self,
        by: &By,
        scope: &Scope,
        id: Uuid,
        etag: &str,
        to: Option<&PersonId>,
    ) -> Result<Review, QaError> {
        self.store.reassign_review(by, scope, self.clock.now(), id, etag, to).await
    }

    /// Hands out unassigned reviews.
    pub async fn assign_reviews(
        &self,
        by: &By,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<HandedOut, QaError> {
        self.store.assign_reviews(by, self.clock.now(), days).await
    }

    /// Who reviews.
    pub async fn list_reviewers(
        &self,
        scope: &Scope,
        page: &PageRequest<String>,
    ) -> Result<Page<Reviewer>, QaError> {
        self.store.list_reviewers(scope.whole_merchant()?, page).await
    }

    /// Sets how much a person can review.
    pub async fn set_reviewer_capacity(
        &self,
        by: &By,
        person: &PersonId,
        capacity: i32,
    ) -> Result<Reviewer, QaError> {
        self.store.set_reviewer_capacity(by, self.clock.now(), person, capacity).await
    }

    /// Makes a draft of a card.
    pub async fn create_scorecard(&self, by: &By, create: &CreateScorecard) -> Result<Scorecard, QaError> {
        create.content.check()?;
        self.store.insert_scorecard(by, self.clock.now(), create).await
    }

    /// Puts a draft in use.
    pub async fn publish_scorecard(
        &self,
        by: &By,
        id: &str,
        version: i32,
        etag: &str,
    ) -> Result<Scorecard, QaError> {
        let now = self.clock.now();
        self.store.update_scorecard(by, now, id, version, |card, _| card.publish(etag, now)).await
    }

    /// Drops a draft, or what no team uses any more.
    pub async fn retire_scorecard(
        &self,
        by: &By,
        id: &str,
        version: i32,
        etag: &str,
    ) -> Result<Scorecard, QaError> {
        let now = self.clock.now();
        self.store.update_scorecard(by, now, id, version, |card, used| card.retire(etag, used, now)).await
    }

    /// A version of a card; without an id, the one in use.
    pub async fn get_scorecard(&self, scope: &Scope, id: &str, version: i32) -> Result<Scorecard, QaError> {
        let merchant = scope.whole_merchant()?;
        self.store.begin_merchant(merchant, self.clock.now()).await?;
        let found = match id {
            "" => self.store.find_published_scorecard(merchant).await?,
            id => self.store.find_scorecard(merchant, id, version).await?,
        };
        found.ok_or(QaError::ScorecardNotFound)
    }

    /// The card by which a review was scored, or is to be.
    pub async fn get_scorecard_of(&self, scope: &Scope, review: Uuid) -> Result<Scorecard, QaError> {
        let merchant = scope.whole_merchant()?;
        let review = self.get_review(scope, review).await?;
        match &review.verdict {
            Some(scored) => {
                let (id, version) = (&scored.scorecard_id, scored.scorecard_version);
                let card = self.store.find_scorecard(merchant, id, version).await?;
                card.ok_or(QaError::ScorecardNotFound)
            }
            None => {
                self.store.find_scorecard_of(merchant, review.account.as_str(), review.business_day).await
            }
        }
    }

    /// A team's choice of a card that holds on a day, or the newest.
    pub async fn get_team_scorecard(
        &self,
        scope: &Scope,
        team: &str,
        day: Option<NaiveDate>,
    ) -> Result<TeamScorecard, QaError> {
        self.store.find_team_scorecard(scope.whole_merchant()?, team, day).await
    }

    /// Chooses a card for a team.
    pub async fn put_team_scorecard(
        &self,
        by: &By,
        put: &PutTeamScorecard,
    ) -> Result<TeamScorecard, QaError> {
        let now = self.clock.now();
        let today = self.store.calendar(&by.caller.merchant).await?.business_day(now);
        self.store.insert_team_scorecard(by, today, now, put).await
    }

    /// All versions of all cards.
    pub async fn list_scorecards(
        &self,
        scope: &Scope,
        page: &PageRequest<CardKey>,
    ) -> Result<Page<Scorecard>, QaError> {
        self.store.begin_merchant(scope.whole_merchant()?, self.clock.now()).await?;
        self.store.list_scorecards(scope.whole_merchant()?, page).await
    }

    /// A transcript; the access log says who read it.
    pub async fn get_conversation(
        &self,
        by: &By,
        scope: &Scope,
        id: &ConversationId,
    ) -> Result<Conversation, QaError> {
        let found = self.store.read_conversation(by, scope, self.clock.now(), id).await?;
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
        self.store.list_conversation_reads(scope.whole_merchant()?, conversation, person, page).await
    }

    /// Merchants that are committed to.
    pub async fn list_merchants(&self) -> Result<Vec<MerchantId>, QaError> {
        self.store.list_merchants().await
    }

    /// Commitments that are not anchored yet, some hundred at a time.
    pub async fn list_unanchored(&self) -> Result<Vec<Commitment>, QaError> {
        self.store.list_unanchored().await
    }

    /// Notes that commitments are kept where this database can't reach them.
    pub async fn mark_anchored(&self, commitments: &[Commitment]) -> Result<(), QaError> {
        self.store.mark_anchored(commitments).await
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
