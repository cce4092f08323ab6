//! The use cases of incidents; those of what is learnt of them are in [`learning`].

pub mod learning;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::alert::Act;
use crate::domain::campaigns::or_made;
use crate::domain::incident::content::Content;
use crate::domain::incident::error::IncidentError;
use crate::domain::incident::filter::{IncidentFilter, IncidentTaskFilter};
use crate::domain::incident::policy::IncidentRules;
use crate::domain::incident::task::{Task, TaskAt, TaskContent, TaskKind};
use crate::domain::incident::timeline::{Entry, EntryKind, News};
use crate::domain::incident::wording::AgreedWording;
use crate::domain::incident::{Incident, Move, Opening, Step};
use crate::domain::{Metrics, Result, SELF};
use crate::store::{IncidentCursor, IncidentTaskCursor, TaskStep};

/// Incidents of which the next are told in one round.
const AT_ONCE: i64 = 500;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Incidents {
    metrics: Metrics,
    /// What holds for merchants who set nothing.
    built_in: IncidentRules,
}

/// An incident as of a business day.
#[derive(Debug)]
pub struct ListedIncident {
    /// The incident.
    pub incident: Incident,
    /// Whether what was learnt should have been handed in.
    pub retrospective_overdue: bool,
}

/// A task as of an instant.
#[derive(Debug)]
pub struct ListedTask {
    /// The task.
    pub task: Task,
    /// Whether somebody should have done it.
    pub overdue: bool,
}

impl Incidents {
    /// Beside the other use cases. `built_in` holds for merchants who set nothing.
    pub fn new(metrics: Metrics, built_in: IncidentRules) -> Self {
        Self { metrics, built_in }
    }

    /// Opens an incident.
    pub async fn open_incident(&self, by: &By, opening: Opening) -> Result<ListedIncident> {
        opening.content.check()?;
        let redact = self.redacting(by);
        let content = opening.content.redacted(redact);
        let opening = Opening { id: or_made(opening.id), content, ..opening };
        let id = self.metrics.store.insert_incident(by, opening, self.now()).await?;
        self.get(&by.caller.merchant, &id).await
    }

    /// An incident.
    pub async fn get_incident(&self, scope: &Scope, id: &str) -> Result<ListedIncident> {
        self.get(scope.whole_merchant()?, id).await
    }

    /// A page of incidents.
    pub async fn list_incidents(
        &self,
        scope: &Scope,
        filter: &IncidentFilter,
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<ListedIncident>> {
        let merchant = scope.whole_merchant()?;
        let today = self.metrics.today(merchant).await?;
        let found = self.metrics.store.list_incidents(merchant, filter, today, page).await?;
        Ok(found.map(|incident| listed(incident, today)))
    }

    /// Replaces the content.
    pub async fn update_incident(
        &self,
        by: &By,
        at: (&str, &str),
        content: Content,
    ) -> Result<ListedIncident> {
        content.check()?;
        let content = content.redacted(self.redacting(by));
        let who = self.who(by);
        self.change(by, at, |incident| Ok(incident.update(content, who)?)).await
    }

    /// Brings an incident into another state.
    pub async fn move_incident(&self, by: &By, at: (&str, &str), to: Move) -> Result<ListedIncident> {
        let (to, who) = (Move { note: self.redact(by, &to.note), ..to }, self.who(by));
        let days = self.rules(&by.caller.merchant).await?.retrospective_working_days;
        let days = u32::try_from(days).unwrap_or_default();
        let working = self.metrics.store.find_working_calendar(&by.caller.merchant).await?;
        self.metrics
            .store
            .update_incident(by, at, who.1, |incident, calendar| {
                let due = |closed| working.add_working_days(calendar.business_day(closed), days);
                Ok(Some(incident.advance(to, who.clone(), due)?))
            })
            .await?;
        self.get(&by.caller.merchant, at.0).await
    }

    /// Adds a line to the timeline.
    pub async fn note_incident(
        &self,
        by: &By,
        id: &str,
        text: &str,
        happened_at: Option<DateTime<Utc>>,
    ) -> Result<Entry> {
        let (text, now) = (self.redact(by, text), self.now());
        let decide = |incident: Incident, _: &_| Ok(Some(incident.note(text, happened_at, now)?));
        let number = self.metrics.store.update_incident(by, (id, ""), now, decide).await?;
        let mut only = PageRequest::first(1, "entry");
        only.after = Some(number - 1);
        let mut stored = self.metrics.store.list_incident_entries(&by.caller.merchant, id, &only).await?;
        let missing = || pg::Error::unreadable("incident_entries", id, "the line is gone").into();
        stored.items.pop().ok_or_else(missing)
    }

    /// A page of the timeline.
    pub async fn list_entries(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Entry>> {
        let merchant = scope.whole_merchant()?;
        self.find(merchant, id).await?;
        self.metrics.store.list_incident_entries(merchant, id, page).await
    }

    /// Puts a wording in force.
    pub async fn agree_wording(
        &self,
        by: &By,
        at: (&str, &str),
        (topic, text): (&str, &str),
    ) -> Result<ListedIncident> {
        let (topic, text, who) = (self.redact(by, topic), self.redact(by, text), self.who(by));
        self.change(by, at, |incident| Ok(Some(incident.agree(topic, text, who)?))).await
    }

    /// Takes the wording in force back.
    pub async fn withdraw_wording(&self, by: &By, at: (&str, &str), because: &str) -> Result<ListedIncident> {
        let (because, who) = (self.redact(by, because), self.who(by));
        self.change(by, at, |incident| Ok(Some(incident.withdraw_wording(because, who)?))).await
    }

    /// A page of an incident's wordings.
    pub async fn list_wordings(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<AgreedWording>> {
        let merchant = scope.whole_merchant()?;
        let incident = self.find(merchant, id).await?;
        let found = self.metrics.store.list_incident_wordings(merchant, id, page).await?;
        Ok(found.map(|(wording, withdrawal)| AgreedWording { withdrawal, ..incident.agreed(wording) }))
    }

    /// A page of what is to be said now; with `withdrawn` also of what was to be said last about what nothing is in force.
    pub async fn list_wordings_in_force(
        &self,
        scope: &Scope,
        product: Option<&str>,
        withdrawn: bool,
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<AgreedWording>> {
        self.metrics.store.list_wordings_in_force(scope.whole_merchant()?, product, withdrawn, page).await
    }

    /// Adds a task.
    pub async fn add_task(
        &self,
        by: &By,
        incident: &str,
        id: String,
        content: TaskContent,
    ) -> Result<ListedTask> {
        content.check()?;
        let content = self.kept(by, content);
        let (id, who) = (or_made(id), self.who(by));
        let decide = |incident: &Incident| {
            incident.check_not_closed()?;
            let news =
                News { task: Some(id.clone()), ..News::of(EntryKind::TaskAdded, content.title.clone()) };
            let next = Task::new(&incident.id, incident.drill, id, TaskKind::Response, content, who.clone());
            Ok(TaskStep { next, news })
        };
        let id = self.metrics.store.insert_incident_task(by, incident, who.1, decide).await?;
        self.get_task(&by.caller.merchant, incident, &id).await
    }

    /// Replaces what is to be done.
    pub async fn update_task(
        &self,
        by: &By,
        scope: &Scope,
        at: TaskAt<'_>,
        content: TaskContent,
    ) -> Result<ListedTask> {
        content.check()?;
        let content = self.kept(by, content);
        let who = self.who(by);
        let decide = |incident: &Incident, task: Task| {
            check_may_change(incident, &task)?;
            let news = News {
                task: Some(task.id.clone()),
                ..News::of(EntryKind::TaskChanged, content.title.clone())
            };
            Ok(Some(TaskStep { next: task.update(content, who.clone()), news }))
        };
        self.metrics.store.update_incident_task(by, scope, at, who.1, decide).await?;
        self.get_task(&by.caller.merchant, at.incident, at.id).await
    }

    /// Says whether a task is done.
    pub async fn mark_task(
        &self,
        by: &By,
        scope: &Scope,
        at: TaskAt<'_>,
        done: bool,
        note: &str,
    ) -> Result<ListedTask> {
        let (note, now) = (self.redact(by, note), self.now());
        let person = by.caller.person.as_ref().map(ToString::to_string);
        let act = Act { subject: by.caller.subject.clone(), person, at: now, note };
        let decide = |incident: &Incident, task: Task| {
            let kind = if done { EntryKind::TaskDone } else { EntryKind::TaskReopened };
            let text = [task.content.title.as_str(), act.note.as_str()];
            let text = text.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
            let news = News { task: Some(task.id.clone()), ..News::of(kind, text) };
            let before = task.clone();
            let Some(next) = task.mark(done, act)? else { return Ok(None) };
            check_may_change(incident, &before)?;
            Ok(Some(TaskStep { next, news }))
        };
        self.metrics.store.update_incident_task(by, scope, at, now, decide).await?;
        self.get_task(&by.caller.merchant, at.incident, at.id).await
    }

    /// A page of tasks whose owners the scope reaches.
    pub async fn list_tasks(
        &self,
        scope: &Scope,
        filter: &IncidentTaskFilter,
        page: &PageRequest<IncidentTaskCursor>,
    ) -> Result<Page<ListedTask>> {
        let now = self.now();
        let found = self.metrics.store.list_incident_tasks(scope, filter, now, page).await?;
        Ok(found.map(|task| ListedTask { overdue: task.is_overdue(now), task }))
    }

    /// Tells the next of incidents that are not contained in time. Any number of replicas may do this at once: each looks again
    /// under the incident's lock.
    pub async fn escalate(&self) -> Result<usize> {
        let (now, mut told) = (self.now(), 0);
        for (merchant, id) in self.metrics.store.list_incidents_to_escalate(now, AT_ONCE).await? {
            if self.metrics.stop.is_cancelled() {
                break;
            }
            let by = By::service(SELF, &merchant, "background/escalate_incidents");
            let decide = |incident: Incident, _: &_| Ok(incident.escalate(now));
            match self.metrics.store.update_incident(&by, (&id, ""), now, decide).await {
                Ok(_) => told += 1,
                // One merchant's trouble is not everybody's.
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, incident = id, error, "cannot tell of the incident now");
                }
            }
        }
        Ok(told)
    }

    async fn change(
        &self,
        by: &By,
        at: (&str, &str),
        decide: impl FnOnce(Incident) -> Result<Option<Step>> + Send,
    ) -> Result<ListedIncident> {
        let now = self.now();
        self.metrics.store.update_incident(by, at, now, |incident, _| decide(incident)).await?;
        self.get(&by.caller.merchant, at.0).await
    }

    async fn get(&self, merchant: &MerchantId, id: &str) -> Result<ListedIncident> {
        let today = self.metrics.today(merchant).await?;
        Ok(listed(self.find(merchant, id).await?, today))
    }

    async fn find(&self, merchant: &MerchantId, id: &str) -> Result<Incident> {
        let found = self.metrics.store.find_incident(merchant, id).await?;
        found.ok_or_else(|| IncidentError::NotFound { id: id.to_owned() }.into())
    }

    async fn get_task(&self, merchant: &MerchantId, incident: &str, id: &str) -> Result<ListedTask> {
        let found = self.metrics.store.find_incident_task(merchant, incident, id).await?;
        let task = found.ok_or_else(|| IncidentError::TaskNotFound { id: id.to_owned() })?;
        Ok(ListedTask { overdue: task.is_overdue(self.now()), task })
    }

    /// To the microsecond, which is what rows hold: instants of rows and of what they keep as JSON are compared.
    fn now(&self) -> DateTime<Utc> {
        self.metrics.clock.now().trunc_subsecs(6)
    }

    fn who(&self, by: &By) -> (String, DateTime<Utc>) {
        (by.caller.subject.clone(), self.now())
    }

    fn kept(&self, by: &By, content: TaskContent) -> TaskContent {
        TaskContent { title: self.redact(by, &content.title), ..content }
    }

    fn redact(&self, by: &By, text: &str) -> String {
        self.redacting(by)(text)
    }

    fn redacting(&self, by: &By) -> impl Fn(&str) -> String + use<> {
        let redactor = self.metrics.redactor(&by.caller.merchant);
        move |text| redactor.redact(text).into_owned()
    }
}

fn listed(incident: Incident, today: NaiveDate) -> ListedIncident {
    ListedIncident { retrospective_overdue: incident.is_retrospective_overdue(today), incident }
}

/// What was to be done before an incident was closed stays as it is; measures are for afterwards.
fn check_may_change(incident: &Incident, task: &Task) -> Result<(), IncidentError> {
    match task.kind {
        TaskKind::Response => incident.check_not_closed(),
        TaskKind::Measure => Ok(()),
    }
}
