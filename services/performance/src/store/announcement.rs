//! The directory told once more, for services that began to follow late.

use chrono::{DateTime, Utc};
use pg::By;
use runtime::identity::Scope;
use serde_json::json;

use crate::domain::announcement::Announced;
use crate::error::PerformanceError;
use crate::outgoing;
use crate::store::change::Change;
use crate::store::people::load_directory;
use crate::store::{Store, merchants};

impl Store {
    /// Publishes everything of a merchant with the versions it has. Under the merchant's lock, so that nothing older
    /// than a change is told after it.
    pub async fn announce_directory(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<Announced, PerformanceError> {
        by.change(&self.pool, now, async |conn| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            let merchant = merchants::load(change.conn, &scope.merchant).await?;
            if merchant.version == 0 {
                return Err(PerformanceError::MerchantUnset);
            }
            let directory = load_directory(change.conn, &scope.merchant).await?;
            let mut told = vec![outgoing::merchant_changed(&merchant, now)];
            told.extend(directory.teams.values().map(|team| outgoing::team_changed(&merchant.id, team, now)));
            told.extend(directory.people.values().map(|p| outgoing::person_changed(&merchant.id, p, now)));
            events::publish_all(change.conn, &told).await?;
            let done = Announced { teams: directory.teams.len(), people: directory.people.len() };
            change.audit("directory".to_owned(), json!({ "announced": done })).await?;
            Ok(done)
        })
        .await
    }
}
