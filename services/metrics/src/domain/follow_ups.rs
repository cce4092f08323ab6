//! The use cases of follow-ups.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use status::Violation;

use crate::domain::campaigns::or_made;
use crate::domain::case::policy::Policy as CasePolicy;
use crate::domain::figure::DayRange;
use crate::domain::follow_up::error::FollowUpError;
use crate::domain::follow_up::filter::FollowUpFilter;
use crate::domain::follow_up::policy::{FollowUpPolicy, Rules};
use crate::domain::follow_up::result::FollowUpResult;
use crate::domain::follow_up::{Contact, DEADLINE_MAX, Draft, Event, FollowUp, FollowUpState};
use crate::domain::money::Currency;
use crate::domain::{Metrics, Result, SELF};
use crate::store::{DueCursor, FollowUpStep, Looked};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FollowUps {
    metrics: Metrics,
    /// What holds for merchants who set nothing.
    built_in: Rules,
}

/// A follow-up as of an instant.
#[derive(Debug)]
pub struct ListedFollowUp {
    /// The follow-up.
    pub follow_up: FollowUp,
    /// Whether the customer should have been contacted.
    pub overdue: bool,
}

/// How somebody ends a follow-up.
#[derive(Debug)]
pub struct End {
    /// How it ended.
    pub state: FollowUpState,
    /// What was paid.
    pub payments: Vec<String>,
    /// Why.
    pub note: String,
}

impl FollowUps {
    /// Beside the other use cases. `built_in` holds for merchants who set nothing.
    pub fn new(metrics: Metrics, built_in: Rules) -> Self {
        Self { metrics, built_in }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// Makes a follow-up by hand, or gives the one of that kind and source. Without an owner it is the caller's. What it
    /// is about happens now.
    pub async fn create_follow_up(
        &self,
        by: &By,
        id: String,
        draft: Draft,
        owner: Option<String>,
    ) -> Result<ListedFollowUp> {
        let (merchant, now) = (&by.caller.merchant, self.metrics.clock.now());
        let wrong = |field: &str, description: &str| {
            let (field, description) = (field.to_owned(), description.to_owned());
            Violation { field, description }
        };
        if draft.deadline <= now || draft.deadline > now + DEADLINE_MAX {
            return Err(wrong("deadline", "must be later than now and within 90 days").into());
        }
        let own = || by.caller.person.as_ref().map(ToString::to_string);
        let nobody = || wrong("owner_person_id", "must be given by who is no person");
        let owner = owner.or_else(own).ok_or_else(nobody)?;
        let note = self.redact(merchant, &draft.note);
        let draft = Draft { note, source_at: now, ..draft };
        let interval = self.policy(merchant).await?.rules.timing().interval;
        let made = (by.caller.subject.clone(), now);
        let follow_up = FollowUp::new(or_made(id), draft, Some(owner), made, interval);
        let id = self.metrics.store.insert_follow_up(by, &follow_up).await?;
        // Whoever made it reads it back, however far they reach else.
        self.get_follow_up(&Scope::merchant(merchant.clone()), &id).await
    }

    /// A follow-up that the scope reaches.
    pub async fn get_follow_up(&self, scope: &Scope, id: &str) -> Result<ListedFollowUp> {
        let now = self.metrics.clock.now();
        let found = self.metrics.store.find_follow_up(scope, id, now).await?;
        let follow_up = found.ok_or_else(|| FollowUpError::NotFound { id: id.to_owned() })?;
        Ok(ListedFollowUp { overdue: follow_up.is_overdue(now), follow_up })
    }

    /// A page of follow-ups.
    pub async fn list_follow_ups(
        &self,
        scope: &Scope,
        filter: &FollowUpFilter,
        page: &PageRequest<DueCursor>,
    ) -> Result<Page<ListedFollowUp>> {
        let now = self.metrics.clock.now();
        let found = self.metrics.store.list_follow_ups(scope, filter, now, page).await?;
        Ok(found.map(|follow_up| ListedFollowUp { overdue: follow_up.is_overdue(now), follow_up }))
    }

    /// A page of what happened to a follow-up.
    pub async fn list_events(&self, scope: &Scope, id: &str, page: &PageRequest<i32>) -> Result<Page<Event>> {
        self.get_follow_up(scope, id).await?;
        self.metrics.store.list_follow_up_events(scope, id, page).await
    }

    /// Writes a contact down.
    pub async fn contact_follow_up(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        contact: Contact,
    ) -> Result<ListedFollowUp> {
        let contact = Contact { note: self.redact(&scope.merchant, &contact.note), ..contact };
        let interval = self.policy(&scope.merchant).await?.rules.timing().interval;
        let step = FollowUpStep::Contact(contact, interval);
        self.metrics.store.update_follow_up(by, scope, at, self.metrics.clock.now(), step).await?;
        self.get_follow_up(scope, at.0).await
    }

    /// Ends a follow-up.
    pub async fn close_follow_up(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        end: End,
    ) -> Result<ListedFollowUp> {
        let end = End { note: self.redact(&scope.merchant, &end.note), ..end };
        let step = FollowUpStep::End(end);
        self.metrics.store.update_follow_up(by, scope, at, self.metrics.clock.now(), step).await?;
        self.get_follow_up(scope, at.0).await
    }

    /// Shares open follow-ups out to people, and says how many have another owner now.
    pub async fn assign_follow_ups(
        &self,
        by: &By,
        scope: &Scope,
        ids: &[String],
        to: &[String],
        note: &str,
    ) -> Result<i32> {
        let note = self.redact(&scope.merchant, note);
        let now = self.metrics.clock.now();
        self.metrics.store.assign_follow_ups(by, scope, ids, to, &note, now).await
    }

    /// What the follow-ups of each person and kind came to: open now, and of those created on these days.
    pub async fn list_results(
        &self,
        scope: &Scope,
        days: DayRange,
        page: &PageRequest<(String, String)>,
    ) -> Result<Page<FollowUpResult>> {
        self.metrics.store.list_follow_up_results(scope, days, self.metrics.clock.now(), page).await
    }

    /// Looks at all customers whose time has come, makes and ends follow-ups, shares out what is nobody's, and opens cases of
    /// complaints.
    pub async fn look(&self) -> Result<Looked> {
        let mut all = Looked::default();
        for merchant in self.metrics.store.list_merchants().await? {
            match self.look_at(&merchant).await {
                Ok(looked) => all += looked,
                // One merchant's trouble is not everybody's.
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, error, "cannot look for follow-ups now");
                }
            }
        }
        Ok(all)
    }

    async fn look_at(&self, merchant: &MerchantId) -> Result<Looked> {
        let by = By::service(SELF, merchant, "background/follow_ups");
        let cases = CasePolicy::built_in(self.currency().scale());
        let mut all = Looked::default();
        while !self.metrics.stop.is_cancelled() {
            let built_in = (&self.built_in, &cases);
            let looked =
                self.metrics.store.look_for_follow_ups(&by, built_in, self.metrics.clock.now()).await?;
            if looked == Looked::default() {
                break;
            }
            all += looked;
        }
        Ok(all)
    }

    /// What is set, or was in a version.
    pub async fn get_policy(&self, scope: &Scope, version: Option<i32>) -> Result<FollowUpPolicy> {
        let merchant = scope.whole_merchant()?;
        if version == Some(0) {
            return Ok(FollowUpPolicy::built_in(self.built_in));
        }
        let found = self.metrics.store.find_setting(merchant, version).await?;
        match (found, version) {
            (Some(policy), _) => Ok(policy),
            (None, None) => Ok(FollowUpPolicy::built_in(self.built_in)),
            (None, Some(version)) => Err(FollowUpError::PolicyNotFound { version }.into()),
        }
    }

    /// Puts the next version of what is set. Customers who wait for their time are looked at again.
    pub async fn put_policy(&self, by: &By, rules: Rules, etag: &str) -> Result<FollowUpPolicy> {
        rules.check()?;
        let now = self.metrics.clock.now();
        let who = by.caller.subject.clone();
        let decide = |newest: Option<FollowUpPolicy>| {
            let newest = newest.unwrap_or_else(|| FollowUpPolicy::built_in(self.built_in));
            if newest.etag() != etag {
                return Err(FollowUpError::PolicyChanged.into());
            }
            Ok(FollowUpPolicy { version: newest.version + 1, rules, updated: Some((who, now)) })
        };
        let version = self.metrics.store.put_follow_up_policy(by, now, decide).await?;
        self.get_policy(&Scope::merchant(by.caller.merchant.clone()), Some(version)).await
    }

    async fn policy(&self, merchant: &MerchantId) -> Result<FollowUpPolicy> {
        let found = self.metrics.store.find_setting(merchant, None).await?;
        Ok(found.unwrap_or_else(|| FollowUpPolicy::built_in(self.built_in)))
    }

    fn redact(&self, merchant: &MerchantId, text: &str) -> String {
        self.metrics.redactor(merchant).redact(text).into_owned()
    }
}
