//! What is learnt of incidents: retrospectives, cases, exercises, how long they took; and what is set for them.

use chrono::{Days, NaiveDate};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::Result;
use crate::domain::alert::rule::Level;
use crate::domain::figure::DayRange;
use crate::domain::incident::Incident;
use crate::domain::incident::error::IncidentError;
use crate::domain::incident::filter::IncidentFilter;
use crate::domain::incident::policy::{IncidentPolicy, IncidentRules};
use crate::domain::incident::retrospective::{LearntCase, NumberedRetrospective, Retrospective};
use crate::domain::incident::times::{Course, Times, times};
use crate::domain::incidents::{Incidents, ListedIncident};
use crate::store::IncidentCursor;

/// Incidents that are counted at once.
const COUNTED_MAX: u32 = 100_000;

/// Exercises, and when the next is due.
#[derive(Debug)]
pub struct Drills {
    /// The newest first.
    pub drills: Page<ListedIncident>,
    /// `None`: there was none.
    pub next_due: Option<NaiveDate>,
    /// Whether that day is over, or there was none.
    pub overdue: bool,
}

/// How long incidents took.
#[derive(Debug)]
pub struct CountedTimes {
    /// All together first.
    pub times: Vec<Times>,
    /// Incidents that began in the days.
    pub incidents: usize,
    /// Exercises among them.
    pub drills: usize,
}

impl Incidents {
    /// Exercises, and when the next is due.
    pub async fn list_drills(&self, scope: &Scope, page: &PageRequest<IncidentCursor>) -> Result<Drills> {
        let merchant = scope.whole_merchant()?;
        let filter = IncidentFilter { drill: Some(true), ..IncidentFilter::default() };
        let drills = self.list_incidents(scope, &filter, page).await?;
        let calendar = self.metrics.store.find_calendar(merchant).await?;
        let last = self.metrics.store.find_last_drill(merchant).await?;
        let days = u64::try_from(self.rules(merchant).await?.drill_interval_days).unwrap_or_default();
        let due = |last| calendar.business_day(last).checked_add_days(Days::new(days));
        let next_due = last.and_then(due);
        let today = calendar.business_day(self.now());
        Ok(Drills { drills, next_due, overdue: next_due.is_none_or(|due| due < today) })
    }

    /// Hands in what was learnt.
    pub async fn submit_retrospective(
        &self,
        by: &By,
        at: (&str, &str),
        learnt: Retrospective,
    ) -> Result<ListedIncident> {
        learnt.check(self.metrics.today(&by.caller.merchant).await?)?;
        let learnt = learnt.redacted(self.redacting(by));
        let who = self.who(by);
        let decide = |incident: Incident| Ok(incident.learn(learnt, who.clone())?);
        self.metrics.store.insert_retrospective(by, at, who.1, decide).await?;
        self.get(&by.caller.merchant, at.0).await
    }

    /// A page of all that was handed in of an incident.
    pub async fn list_retrospectives(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<NumberedRetrospective>> {
        let merchant = scope.whole_merchant()?;
        self.find(merchant, id).await?;
        self.metrics.store.list_retrospectives(merchant, id, page).await
    }

    /// Files a case for the knowledge base.
    pub async fn file_case(&self, by: &By, at: (&str, &str), case: LearntCase) -> Result<ListedIncident> {
        case.check()?;
        let case = case.redacted(self.redacting(by));
        let who = self.who(by);
        self.change(by, at, |incident| Ok(Some(incident.file_case(case, who)?))).await
    }

    /// How long incidents took that began in these days.
    pub async fn get_times(&self, scope: &Scope, days: DayRange, levels: &[Level]) -> Result<CountedTimes> {
        let merchant = scope.whole_merchant()?;
        let all = PageRequest::first(COUNTED_MAX, "incident times");
        let found = self.metrics.store.list_incident_courses(merchant, days, levels, &all).await?;
        if !found.next_page_token.is_empty() {
            return Err(IncidentError::TooMany { limit: COUNTED_MAX }.into());
        }
        let courses = found.items;
        let drills = courses.iter().filter(|course| course.drill).count();
        Ok(CountedTimes { times: times(&courses), incidents: courses.len(), drills })
    }

    /// A page of what is counted, and of what is not.
    pub async fn explain_times(
        &self,
        scope: &Scope,
        days: DayRange,
        levels: &[Level],
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<Course>> {
        self.metrics.store.list_incident_courses(scope.whole_merchant()?, days, levels, page).await
    }

    /// What is set, or was in a version.
    pub async fn get_policy(&self, scope: &Scope, version: Option<i32>) -> Result<IncidentPolicy> {
        let merchant = scope.whole_merchant()?;
        if version == Some(0) {
            return Ok(IncidentPolicy::built_in(self.built_in));
        }
        let found = self.metrics.store.find_setting(merchant, version).await?;
        match (found, version) {
            (Some(policy), _) => Ok(policy),
            (None, None) => Ok(IncidentPolicy::built_in(self.built_in)),
            (None, Some(version)) => Err(IncidentError::PolicyNotFound { version }.into()),
        }
    }

    /// Puts the next version of what is set.
    pub async fn put_policy(&self, by: &By, rules: IncidentRules, etag: &str) -> Result<IncidentPolicy> {
        rules.check()?;
        let who = self.who(by);
        let now = who.1;
        let decide = |newest: Option<IncidentPolicy>| {
            let newest = newest.unwrap_or_else(|| IncidentPolicy::built_in(self.built_in));
            if newest.etag() != etag {
                return Err(IncidentError::PolicyChanged.into());
            }
            Ok(IncidentPolicy { version: newest.version + 1, rules, updated: Some(who) })
        };
        let version = self.metrics.store.put_setting(by, now, decide).await?;
        self.get_policy(&Scope::merchant(by.caller.merchant.clone()), Some(version)).await
    }

    pub(super) async fn rules(&self, merchant: &MerchantId) -> Result<IncidentRules> {
        let policy: Option<IncidentPolicy> = self.metrics.store.find_setting(merchant, None).await?;
        Ok(policy.map_or(self.built_in, |policy| policy.rules))
    }
}
