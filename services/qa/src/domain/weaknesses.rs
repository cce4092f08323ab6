//! The use cases of weaknesses: a look once a day, and what it found.

use chrono::NaiveDate;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use crate::domain::checks::Checks;
use crate::domain::weakness::{Finding, Known, Subject, Weakness, window};
use crate::error::QaError;
use crate::store::{Found, Store};

/// Who is clearly worse than their colleagues.
#[derive(Debug, Clone)]
pub struct Weaknesses {
    store: Store,
    checks: Checks,
    clock: SharedClock,
}

impl Weaknesses {
    /// On a store, by a clock; `checks` knows the rules of each day.
    pub fn new(store: Store, checks: Checks, clock: SharedClock) -> Self {
        Self { store, checks, clock }
    }

    /// Weaknesses within the caller's reach, newest first.
    pub async fn list_weaknesses(
        &self,
        scope: &Scope,
        person: &str,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Weakness>, QaError> {
        self.store.list_weaknesses(scope, person, open, page).await
    }

    /// Looks at all merchants whose yesterday was not looked at yet and whose chats are checked.
    pub async fn look(&self) -> Result<(), QaError> {
        for merchant in self.store.list_merchants().await? {
            // One merchant's trouble is not everybody's.
            if let Err(error) = self.look_if_due(&merchant).await {
                let error = status::chain(&error);
                tracing::warn!(merchant = %merchant, error, "cannot look for weaknesses of the merchant's people now");
            }
        }
        Ok(())
    }

    async fn look_if_due(&self, merchant: &MerchantId) -> Result<(), QaError> {
        let today = self.store.calendar(merchant).await?.business_day(self.clock.now());
        let Some(yesterday) = today.pred_opt() else { return Ok(()) };
        if self.store.is_to_be_looked_at(merchant, yesterday).await? {
            self.look_at(merchant, yesterday).await?;
        }
        Ok(())
    }

    async fn look_at(&self, merchant: &MerchantId, last: NaiveDate) -> Result<(), QaError> {
        let now = self.clock.now();
        let Some(days) = window(last, None) else { return Ok(()) };
        let recent = self.store.list_recent_weaknesses(merchant, days.0).await?;
        let known = self.known(merchant, days).await?;
        let mut found = Found::default();
        for (person, subject, finding) in known.findings(days) {
            let before = recent.iter().rfind(|one| one.person == person && one.subject == subject);
            let finding = match before.map(|before| &before.better) {
                None => Some(finding),
                Some(None) => None,
                // What was made up for is not held against anybody again.
                Some(Some((better, _))) => self.since(merchant, last, better.from, &person, &subject).await?,
            };
            found.opened.extend(
                finding
                    .filter(|finding| finding.is_weakness(&subject))
                    .map(|finding| (person, subject, finding)),
            );
        }
        for weakness in recent.into_iter().filter(|weakness| weakness.better.is_none()) {
            // Only days after it was found tell whether it got better.
            let Some(after) = weakness.finding.to.succ_opt() else { continue };
            let finding = self.since(merchant, last, after, &weakness.person, &weakness.subject).await?;
            let better =
                finding.filter(|finding| finding.is_better_than(&weakness.finding, &weakness.subject));
            found.closed.extend(better.map(|better| (weakness, better)));
        }
        self.store.insert_look(merchant, last, &found, now).await
    }

    /// A person's figure of the days since one, if there is enough to judge by.
    async fn since(
        &self,
        merchant: &MerchantId,
        last: NaiveDate,
        first: NaiveDate,
        person: &PersonId,
        subject: &Subject,
    ) -> Result<Option<Finding>, QaError> {
        let Some(days) = window(last, Some(first)) else { return Ok(None) };
        Ok(self.known(merchant, days).await?.finding(person, subject, days))
    }

    async fn known(&self, merchant: &MerchantId, days: (NaiveDate, NaiveDate)) -> Result<Known, QaError> {
        let rules = self.checks.rules_of_days(merchant, days).await?;
        self.store.find_known(merchant, days, &rules).await
    }
}
