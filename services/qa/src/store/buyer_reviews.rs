//! Buyers' reviews: one row each, locked, decided on and written as a whole.

mod arrivals;
mod endings;
mod figures;
mod lists;
mod policies;
mod rows;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use serde_json::json;

use super::{ATTEMPTS, Store};
use crate::buyer_review_error::BuyerReviewError;
use crate::domain::buyer_review::collection::{Collect, Consent, UseChange, UseKind};
use crate::domain::buyer_review::policy::BuyerReviewPolicy;
use crate::domain::buyer_review::step::{Channel, Desk, TakeStep};
use crate::domain::buyer_review::{BuyerReview, BuyerReviewId};
use crate::error::QaError;

pub(super) use endings::erase_customer;
pub use lists::OVERDUE_SQL;

/// Where a page of reviews begins: after which moment and review.
pub type BuyerReviewKey = (DateTime<Utc>, BuyerReviewId);
/// The same in a list by days.
pub type BuyerReviewDayKey = (NaiveDate, DateTime<Utc>, BuyerReviewId);

#[derive(QueryableByName)]
struct HereRow {
    #[diesel(sql_type = Bool)]
    here: bool,
}

fn not_found(id: &BuyerReviewId) -> QaError {
    BuyerReviewError::NotFound { shop: id.shop.clone(), review: id.id.clone() }.into()
}

fn entity(id: &BuyerReviewId) -> String {
    format!("buyer_review/{}/{}", id.shop, id.id)
}

async fn works_here(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
) -> Result<bool, QaError> {
    let sql = "SELECT EXISTS (SELECT FROM people WHERE merchant_id = $1 AND person_id = $2 AND status <> 5) AS here";
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .get_result::<HereRow>(conn)
        .await?;
    Ok(row.here)
}

impl Store {
    /// Makes a change of one review within `scope` and writes the summary of it down.
    async fn change_buyer_review(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: &BuyerReviewId,
        summary: &serde_json::Value,
        decide: impl Fn(BuyerReview, &Desk<'_>) -> Result<BuyerReview, QaError>,
    ) -> Result<BuyerReview, QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let found = lists::find(conn, scope, now, id, true).await?.ok_or_else(|| not_found(id))?;
                let calendar = directory::calendar(conn, merchant).await?;
                let policy = policies::newest(conn, merchant).await?;
                let desk =
                    Desk { by: by.caller.person.as_ref(), now, calendar: &calendar, rules: &policy.rules };
                let review = decide(found, &desk)?;
                rows::update(conn, merchant, &calendar, &review).await?;
                by.audit(conn, now, entity(id), summary.clone()).await?;
                Ok(review)
            })
            .await
        })
        .await
    }

    /// Takes a step in working on a review.
    pub async fn take_buyer_review_step(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        take: &TakeStep,
    ) -> Result<BuyerReview, QaError> {
        let summary = json!({ "step": take.step.name() });
        self.change_buyer_review(by, scope, now, &take.id, &summary, |review, desk| {
            review.take(&take.etag, &take.step, desk)
        })
        .await
    }

    /// Gives a review to somebody, or back to who served.
    pub async fn assign_buyer_review(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        (id, etag): (&BuyerReviewId, &str),
        to: Option<&PersonId>,
    ) -> Result<BuyerReview, QaError> {
        let mut conn = self.connection().await?;
        if lists::find(&mut conn, scope, now, id, false).await?.is_none() {
            return Err(not_found(id));
        }
        if let Some(person) = to
            && !works_here(&mut conn, &scope.merchant, person).await?
        {
            return Err(BuyerReviewError::OwnerUnknown { person: person.to_string() }.into());
        }
        drop(conn);
        let summary = json!({ "owner": to });
        self.change_buyer_review(by, scope, now, id, &summary, |review, desk| review.assign(etag, to, desk))
            .await
    }

    /// Takes a review into the collection, changes its place there, or takes it out.
    pub async fn collect_buyer_review(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        (id, etag): (&BuyerReviewId, &str),
        collect: &Collect,
    ) -> Result<BuyerReview, QaError> {
        let summary = json!({ "collected": !collect.remove, "tags": collect.tags });
        self.change_buyer_review(by, scope, now, id, &summary, |review, desk| {
            review.collect(etag, collect, desk)
        })
        .await
    }

    /// Notes what a buyer was asked or answered.
    pub async fn record_buyer_review_consent(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        (id, etag): (&BuyerReviewId, &str),
        (state, said): (Consent, (Channel, &[UseKind], &str)),
    ) -> Result<BuyerReview, QaError> {
        let summary = json!({ "consent": state, "uses": said.1 });
        self.change_buyer_review(by, scope, now, id, &summary, |review, desk| {
            review.record_consent(etag, state, said, desk)
        })
        .await
    }

    /// Notes where a collected review is used.
    pub async fn record_buyer_review_use(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: &BuyerReviewId,
        change: &UseChange,
    ) -> Result<BuyerReview, QaError> {
        let summary = match change {
            UseChange::Start { kind, .. } => json!({ "used": kind }),
            UseChange::End(id) => json!({ "use_ended": id }),
        };
        self.change_buyer_review(by, scope, now, id, &summary, |review, desk| {
            // What was never collected is nobody's to know of here.
            if review.collection.is_none() {
                return Err(not_found(id));
            }
            review.record_use(change, desk)
        })
        .await
    }

    /// One review within `scope`.
    pub async fn find_buyer_review(
        &self,
        scope: &Scope,
        now: DateTime<Utc>,
        id: &BuyerReviewId,
    ) -> Result<Option<BuyerReview>, QaError> {
        lists::find(&mut *self.connection().await?, scope, now, id, false).await
    }

    /// A version of the policy; `None` asks for the one that holds.
    pub async fn find_buyer_review_policy(
        &self,
        merchant: &MerchantId,
        version: Option<i32>,
    ) -> Result<Option<BuyerReviewPolicy>, QaError> {
        let mut conn = self.connection().await?;
        match version {
            None => policies::newest(&mut conn, merchant).await.map(Some),
            Some(version) => policies::find(&mut conn, merchant, version).await,
        }
    }
}
