//! Reviews. A row per drawn chat is also what says which chats were drawn. `rows` has the statements.

mod rows;

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use serde_json::json;
use uuid::Uuid;

use super::{ATTEMPTS, Store, assessments, assignments, policies, raters, team_scorecards};
use crate::domain::review::{Assignment, Review, ReviewFilter, SubmitReview, SubmittedUnder};
use crate::error::QaError;
use crate::outgoing;

pub(super) use rows::{find, insert, list_overdue, message_count, update};

/// Where a page of reviews goes on.
pub type ReviewKey = (NaiveDate, Uuid);

/// A drawn chat that needs a review.
#[derive(Debug, Clone)]
pub(super) struct NewReview {
    pub(super) account: AccountId,
    pub(super) conversation: ConversationId,
    /// In its account's sample, from 1; 0 for late ones.
    pub(super) place: i16,
    pub(super) inclusion: (i64, i64),
}

pub(super) fn not_found(id: Uuid) -> QaError {
    QaError::ReviewNotFound { id: id.to_string() }
}

/// Tells the others the review's result.
pub(super) async fn publish(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &Review,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let verdict = review.verdict.as_ref();
    let event = verdict.and_then(|verdict| outgoing::review_published(merchant, review, verdict, now));
    if let Some(event) = event {
        events::publish(conn, event).await?;
    }
    Ok(())
}

fn entity(review: &Review) -> String {
    format!("review/{}", review.id)
}

impl Store {
    /// One review within `scope`.
    pub async fn find_review(&self, scope: &Scope, id: Uuid) -> Result<Option<Review>, QaError> {
        find(&mut *self.connection().await?, scope, id, false).await
    }

    /// The reviews within `scope`, in order of day and id.
    pub async fn list_reviews(
        &self,
        scope: &Scope,
        filter: &ReviewFilter,
        page: &PageRequest<ReviewKey>,
    ) -> Result<Page<Review>, QaError> {
        let reviews = rows::list(&mut *self.connection().await?, scope, filter, page).await?;
        Ok(page.page(reviews, |review| (review.business_day, review.id))?)
    }

    /// Submits a review: scored by the card of its team or the published one, published as an event.
    pub async fn submit_review(
        &self,
        by: &By,
        scope: &Scope,
        reviewer: &PersonId,
        now: DateTime<Utc>,
        submit: &SubmitReview,
    ) -> Result<Review, QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let review = find(conn, scope, submit.id, true).await?.ok_or_else(|| not_found(submit.id))?;
                let (account, day) = (review.account.as_str(), review.business_day);
                let card = team_scorecards::card_of(conn, merchant, account, day).await?;
                let under = SubmittedUnder {
                    card: &card,
                    message_count: message_count(conn, merchant, &review).await?,
                    policy: &policies::newest(conn, merchant).await?,
                    calendar: &directory::calendar(conn, merchant).await?,
                    out_of_calibration: raters::is_out_of_calibration(conn, merchant, reviewer).await?,
                };
                let review = review.submit(reviewer, submit.clone(), under, now)?;
                update(conn, merchant, &review).await?;
                assessments::insert(conn, merchant, &review, reviewer, None, now).await?;
                publish(conn, merchant, &review, now).await?;
                let score = review.verdict.as_ref().and_then(|verdict| verdict.score_bp);
                by.audit(conn, now, entity(&review), json!({ "submitted": true, "score_bp": score })).await?;
                Ok(review)
            })
            .await
        })
        .await
    }

    /// Acknowledges a review within `scope`.
    pub async fn acknowledge_review(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: Uuid,
        etag: &str,
        note: &str,
    ) -> Result<Review, QaError> {
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let review = find(conn, scope, id, true).await?.ok_or_else(|| not_found(id))?;
                let review = review.acknowledge(etag, note.to_owned(), now)?;
                update(conn, &scope.merchant, &review).await?;
                by.audit(conn, now, entity(&review), json!({ "acknowledged": true })).await?;
                Ok(review)
            })
            .await
        })
        .await
    }

    /// Gives a review to somebody, due on their next working day, or to nobody.
    pub async fn reassign_review(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: Uuid,
        etag: &str,
        to: Option<&PersonId>,
    ) -> Result<Review, QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let review = find(conn, scope, id, true).await?.ok_or_else(|| not_found(id))?;
                if let Some(person) = to
                    && !assignments::is_reviewer(conn, merchant, person).await?
                {
                    return Err(QaError::ReviewerUnknown { person: person.to_string() });
                }
                let calendar = directory::calendar(conn, merchant).await?;
                let to = match to {
                    Some(reviewer) => {
                        let due_day = assignments::due_day(conn, merchant, reviewer, &calendar, now).await?;
                        Some(Assignment { reviewer: reviewer.clone(), due_day })
                    }
                    None => None,
                };
                let review = review.reassign(etag, to)?;
                update(conn, merchant, &review).await?;
                let reviewer = review.assignment.as_ref().map(|assignment| assignment.reviewer.to_string());
                by.audit(conn, now, entity(&review), json!({ "reassigned_to": reviewer })).await?;
                Ok(review)
            })
            .await
        })
        .await
    }
}
