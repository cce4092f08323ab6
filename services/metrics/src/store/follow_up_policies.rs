//! `follow_up_policies`: the versions of what merchants set for follow-ups.

use chrono::{DateTime, Utc};
use pg::By;
use serde_json::json;

use crate::domain::follow_up::error::FollowUpError;
use crate::domain::follow_up::policy::{FollowUpPolicy, Rules};
use crate::error::MetricsError;
use crate::store::settings::{self, Setting};
use crate::store::{Result, Store, follow_up_checks};

impl Setting for FollowUpPolicy {
    const TABLE: &'static str = "follow_up_policies";
    const KEY: &'static str = "follow_up_policies_pkey";
    const COLUMN: &'static str = "rules";
    const ENTITY: &'static str = "follow_up_policy";
    type Content = Rules;

    fn put(version: i32, rules: Rules, by: (String, DateTime<Utc>)) -> Self {
        Self { version, rules, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &Rules {
        &self.rules
    }

    fn told(&self) -> serde_json::Value {
        json!({ "version": self.version, "rules": self.rules })
    }

    fn changed() -> MetricsError {
        FollowUpError::PolicyChanged.into()
    }
}

impl Store {
    /// Makes the next version, as `decide` says of the newest there is, has the customers who wait for their time looked at
    /// again, and gives the version's number.
    pub async fn put_follow_up_policy(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Option<FollowUpPolicy>) -> Result<FollowUpPolicy> + Send,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let next = decide(settings::find(conn, merchant.as_str(), None).await?)?;
            settings::insert(conn, by, &next, now).await?;
            follow_up_checks::hurry(conn, merchant, now).await?;
            Ok::<_, MetricsError>(next.version)
        })
        .await
    }
}
