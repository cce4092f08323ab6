//! What metrics follows besides the directory: results of reviews, from qa.

use events::{Event, HandleError, Handler, Payload};
use pg::Transaction;
use proto::events::v1::ReviewPublished;
use proto::time::day;
use runtime::ids::MerchantId;

use crate::domain::quality::{FULL_BP, ReviewScore};
use crate::store::Store;

/// Subjects that [`Scores`] handles.
pub const SUBJECTS: &[&str] = &[events::subject::REVIEW_PUBLISHED];

/// Keeps the newest score of each review.
#[derive(Debug, Clone, Copy)]
pub struct Scores;

impl Handler for Scores {
    async fn handle(&self, conn: &mut Transaction, event: &Event) -> Result<(), HandleError> {
        self.handle_batch(conn, &[event]).await
    }

    async fn handle_batch(&self, conn: &mut Transaction, events: &[&Event]) -> Result<(), HandleError> {
        let scores = events.iter().map(|event| match &event.payload {
            Some(Payload::ReviewPublished(review)) => score(event, review),
            _ => Err(HandleError::poison("only ReviewPublished is followed here")),
        });
        let scores = scores.collect::<Result<Vec<_>, _>>()?;
        Ok(Store::put_review_scores(conn, &scores).await?)
    }

    /// A review's version tells what came before.
    fn notes_events(&self) -> bool {
        false
    }
}

fn score(event: &Event, review: &ReviewPublished) -> Result<ReviewScore, HandleError> {
    let lacks = |what: &str| HandleError::poison(format!("a review without {what}"));
    for (what, id) in [("an id", &review.review_id), ("an account", &review.account_id)] {
        if id.is_empty() {
            return Err(lacks(what));
        }
    }
    if !(0..=FULL_BP).contains(&review.score_bp) {
        return Err(HandleError::poison(format!("score_bp is {}, not 0 to {FULL_BP}", review.score_bp)));
    }
    let says_something = !review.not_applicable && review.counts_for_pay.unwrap_or(true);
    Ok(ReviewScore {
        merchant: MerchantId::new(event.merchant_id.as_str()),
        review: review.review_id.clone(),
        version: event.version,
        day: review.business_day.as_ref().and_then(day).ok_or_else(|| lacks("a business day"))?,
        account: review.account_id.clone(),
        shop: review.conversation.as_ref().map(|chat| chat.shop_id.clone()).unwrap_or_default(),
        score_bp: says_something.then_some(review.score_bp),
    })
}
