//! Looks again for who served the buyers of reviews that came before their chats.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::buyer_reviews::BuyerReviews;
use crate::error::QaError;

/// How often it is looked for chats that came since.
const EVERY: Duration = Duration::from_secs(10);

/// Looks until `token` ends.
pub fn start(reviews: BuyerReviews, token: CancellationToken) -> JoinHandle<()> {
    let stop = token.clone();
    runtime::background::every("qa.buyer_reviews", EVERY, token, move || {
        let (reviews, stop) = (reviews.clone(), stop.clone());
        async move {
            if let Err(error) = work(&reviews, &stop).await {
                // The next tick tries again.
                tracing::warn!(error = status::chain(&error), "who served reviews' buyers is found late");
            }
        }
    })
}

async fn work(reviews: &BuyerReviews, stop: &CancellationToken) -> Result<(), QaError> {
    while !stop.is_cancelled() && reviews.find_chats().await? {}
    Ok(())
}
