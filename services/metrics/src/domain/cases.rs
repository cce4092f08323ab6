//! The use cases of cases.

use chrono::{DateTime, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Caller, Scope};
use status::Violation;

use crate::domain::campaigns::or_made;
use crate::domain::case::content::Draft;
use crate::domain::case::error::CaseError;
use crate::domain::case::filter::CaseFilter;
use crate::domain::case::policy::{Policy, Rules};
use crate::domain::case::result::CaseResult;
use crate::domain::case::step::{Event, Happening, Step};
use crate::domain::case::{Actor, Case};
use crate::domain::figure::DayRange;
use crate::domain::money::Currency;
use crate::domain::{Metrics, Result};
use crate::store::{CaseStep, DueCursor};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cases {
    metrics: Metrics,
}

/// A case as of an instant.
#[derive(Debug)]
pub struct ListedCase {
    /// The case.
    pub case: Case,
    /// Whether the customer should have heard.
    pub overdue: bool,
}

impl Cases {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// Takes a case up. Without an owner it is the caller's.
    pub async fn accept_case(
        &self,
        by: &By,
        id: String,
        draft: Draft,
        owner: Option<String>,
    ) -> Result<ListedCase> {
        let (merchant, now) = (&by.caller.merchant, self.metrics.clock.now());
        let content = draft.kept(None, &self.metrics.redactor(merchant), now)?;
        let accepted_by = person(&by.caller);
        let nobody = || Violation {
            field: "owner_person_id".to_owned(),
            description: "must be given by who is no person".to_owned(),
        };
        let owner = owner.or_else(|| accepted_by.clone()).ok_or_else(nobody)?;
        let (id, at) = (or_made(id), (by.caller.subject.clone(), now));
        let decide = |rules: &Rules| Ok(Case::accept(id, content, owner, accepted_by, rules, at)?);
        let id = self.metrics.store.insert_case(by, self.built_in(), now, decide).await?;
        // Whoever took it up reads it back, however far they reach else.
        self.get_case(&Scope::merchant(merchant.clone()), &id).await
    }

    /// A case that the scope reaches.
    pub async fn get_case(&self, scope: &Scope, id: &str) -> Result<ListedCase> {
        let now = self.metrics.clock.now();
        let found = self.metrics.store.find_case(scope, id, now).await?;
        let case = found.ok_or_else(|| CaseError::NotFound { id: id.to_owned() })?;
        Ok(ListedCase { overdue: case.is_overdue(now), case })
    }

    /// A page of cases.
    pub async fn list_cases(
        &self,
        scope: &Scope,
        filter: &CaseFilter,
        page: &PageRequest<DueCursor>,
    ) -> Result<Page<ListedCase>> {
        let now = self.metrics.clock.now();
        let cases = self.metrics.store.list_cases(scope, filter, now, page).await?;
        Ok(cases.map(|case| ListedCase { overdue: case.is_overdue(now), case }))
    }

    /// A page of what happened to a case.
    pub async fn list_events(&self, scope: &Scope, id: &str, page: &PageRequest<i32>) -> Result<Page<Event>> {
        self.get_case(scope, id).await?;
        self.metrics.store.list_case_events(scope, id, page).await
    }

    /// Replaces the content.
    pub async fn update_case(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        draft: Draft,
    ) -> Result<ListedCase> {
        let redactor = self.metrics.redactor(&scope.merchant);
        let decide = |case: Case, rules: &Rules, now: DateTime<Utc>| {
            let content = draft.kept(Some(&case.content), &redactor, now)?;
            let happening = Happening::Edited { severity: content.severity, cause: content.cause.clone() };
            let next = case.update(content, rules, now)?;
            Ok(CaseStep { next, late: false, happening })
        };
        self.change(by, scope, at, decide).await
    }

    /// Does something to a case.
    pub async fn take_step(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        step: Step,
    ) -> Result<ListedCase> {
        let redactor = self.metrics.redactor(&scope.merchant);
        let step = step.map_texts(|text| redactor.redact(text).into_owned());
        let decide = |case: Case, rules: &Rules, now: DateTime<Utc>| {
            let actor = Actor { roles: &by.caller.roles, currency: self.currency(), now };
            let (next, late) = case.take(&step, actor, rules)?;
            Ok(CaseStep { next, late, happening: Happening::Step(step) })
        };
        self.change(by, scope, at, decide).await
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        decide: impl FnOnce(Case, &Rules, DateTime<Utc>) -> Result<CaseStep> + Send,
    ) -> Result<ListedCase> {
        let now = self.metrics.clock.now();
        let decide = |case: Case, rules: &Rules| decide(case, rules, now);
        self.metrics.store.update_case(by, scope, at, (self.built_in(), now), decide).await?;
        self.get_case(scope, at.0).await
    }

    /// What the cases of each person came to: open now, and of those accepted on these days.
    pub async fn list_results(
        &self,
        scope: &Scope,
        days: DayRange,
        page: &PageRequest<String>,
    ) -> Result<Page<CaseResult>> {
        self.metrics.store.list_case_results(scope, days, self.metrics.clock.now(), page).await
    }

    /// What is set, or was in a version.
    pub async fn get_policy(&self, scope: &Scope, version: Option<i32>) -> Result<Policy> {
        let merchant = scope.whole_merchant()?;
        if version == Some(0) {
            return Ok(self.built_in());
        }
        let found = self.metrics.store.find_setting(merchant, version).await?;
        match (found, version) {
            (Some(policy), _) => Ok(policy),
            (None, None) => Ok(self.built_in()),
            (None, Some(version)) => Err(CaseError::PolicyNotFound { version }.into()),
        }
    }

    /// Puts the next version of what is set.
    pub async fn put_policy(&self, by: &By, rules: Rules, etag: &str) -> Result<Policy> {
        rules.check()?;
        let merchant = &by.caller.merchant;
        let (built_in, now) = (self.built_in(), self.metrics.clock.now());
        let who = by.caller.subject.clone();
        let decide = |newest: Option<Policy>| {
            let newest = newest.unwrap_or(built_in);
            if newest.etag() != etag {
                return Err(CaseError::PolicyChanged.into());
            }
            Ok(Policy { version: newest.version + 1, rules, updated: Some((who, now)) })
        };
        let version = self.metrics.store.put_setting(by, now, decide).await?;
        self.get_policy(&Scope::merchant(merchant.clone()), Some(version)).await
    }

    fn built_in(&self) -> Policy {
        Policy::built_in(self.currency().scale())
    }
}

fn person(caller: &Caller) -> Option<String> {
    caller.person.as_ref().map(ToString::to_string)
}
