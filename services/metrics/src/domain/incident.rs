//! Incidents (危机事件): what is known, who does what, how far it is, what was learnt. Pure.
//!
//! [`content`] what people say of it, [`escalation`] who is told when, [`task`] what is to be done, [`wording`] what everyone
//! says, [`retrospective`] what was learnt, [`timeline`] what happened, [`times`] how long it took, [`policy`] what is set.

pub mod content;
pub mod error;
pub mod escalation;
pub mod filter;
pub mod policy;
pub mod retrospective;
pub mod task;
pub mod timeline;
pub mod times;
pub mod wording;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::alert::Act;
use crate::domain::incident::content::Content;
use crate::domain::incident::error::IncidentError;
use crate::domain::incident::escalation::Escalation;
use crate::domain::incident::retrospective::{LearntCase, Retrospective};
use crate::domain::incident::timeline::{ENTRIES_MAX, Entry, EntryKind, News};
use crate::domain::incident::wording::{AgreedWording, Wording};

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncidentState {
    /// It does harm.
    Open,
    /// It does no more.
    Contained,
    /// It is over.
    Closed,
}

impl IncidentState {
    const ALL: [Self; 3] = [Self::Open, Self::Contained, Self::Closed];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Contained => "contained",
            Self::Closed => "closed",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What was handed in by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedIn<T> {
    /// What.
    pub what: T,
    /// By whom.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What an incident keeps beside what is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Who was told when.
    pub escalation: Escalation,
    /// The newest wording; none once it was withdrawn.
    pub wording: Option<Wording>,
    /// What was learnt.
    pub learnt: Option<HandedIn<Retrospective>>,
    /// What others are to learn from it.
    pub case: Option<HandedIn<LearntCase>>,
}

/// An incident as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change of content, state, wording or retrospective: notes, tasks and escalation are in nobody's
    /// way who edits.
    pub version: i64,
    /// Where it stands.
    pub state: IncidentState,
    /// What is known.
    pub content: Content,
    /// 演练.
    pub drill: bool,
    /// What it was opened out of.
    pub alert: Option<String>,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it was contained the last time.
    pub contained_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// When what was learnt is due.
    pub retrospective_due: Option<NaiveDate>,
    /// Whether what was learnt was handed in since it was closed.
    pub reviewed: bool,
    /// Lines of the timeline.
    pub entries: i32,
    /// Tasks that are to be done before it is closed.
    pub open_tasks: i32,
    /// Wordings that were agreed.
    pub wordings: i32,
    /// When the newest of them was withdrawn; `None` while it isn't, or there is none.
    pub wording_withdrawn_at: Option<DateTime<Utc>>,
    /// The rest.
    pub details: Details,
    /// Who opened it.
    pub created_by: String,
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

/// An incident's next version and what is new about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The incident.
    pub next: Incident,
    /// What happened, in this order.
    pub news: Vec<News>,
}

/// What a caller says of an incident's next state.
#[derive(Debug, Clone)]
pub struct Move {
    /// The state.
    pub state: IncidentState,
    /// How that is known.
    pub note: String,
    /// When; `None`: now.
    pub happened_at: Option<DateTime<Utc>>,
}

/// What is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Unique in the merchant.
    pub id: String,
    /// What is known.
    pub content: Content,
    /// 演练.
    pub drill: bool,
    /// What it is opened out of.
    pub alert: Option<String>,
    /// When it began; `None`: now.
    pub opened_at: Option<DateTime<Utc>>,
}

type Result<T, E = IncidentError> = std::result::Result<T, E>;

impl Incident {
    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether what was learnt should have been handed in by a business day.
    pub fn is_retrospective_overdue(&self, today: NaiveDate) -> bool {
        !self.reviewed && self.retrospective_due.is_some_and(|due| due < today)
    }

    /// What everyone says now.
    pub fn wording_in_force(&self) -> Option<AgreedWording> {
        let newest = self.details.wording.clone().map(|wording| self.agreed(wording));
        newest.filter(|agreed| agreed.in_force)
    }

    /// One of its wordings as everybody sees it.
    pub fn agreed(&self, wording: Wording) -> AgreedWording {
        let is_newest = self.details.wording.as_ref().is_some_and(|newest| newest.number == wording.number);
        AgreedWording {
            incident: self.id.clone(),
            wording,
            products: self.content.products.clone(),
            shops: self.content.shops.clone(),
            drill: self.drill,
            in_force: is_newest && self.state != IncidentState::Closed,
            withdrawal: None,
        }
    }

    /// When the next are told; nobody is once it is contained.
    pub fn escalates_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            IncidentState::Open => self.details.escalation.next_at(&self.content.path()),
            IncidentState::Contained | IncidentState::Closed => None,
        }
    }

    /// Opened; whoever is to know at once is told.
    pub fn open(opening: Opening, (by, now): (String, DateTime<Utc>)) -> Result<Step> {
        let Opening { id, content, drill, alert, opened_at } = opening;
        if drill && alert.is_some() {
            return Err(invalid("alert_id", "must be empty for a drill"));
        }
        let opened_at = opened_at.unwrap_or(now);
        if opened_at > now {
            return Err(invalid("opened_at", "must not be in the future"));
        }
        let details =
            Details { escalation: Escalation::begin(opened_at), wording: None, learnt: None, case: None };
        let next = Self {
            id,
            version: 1,
            state: IncidentState::Open,
            content,
            drill,
            alert,
            opened_at,
            contained_at: None,
            closed_at: None,
            retrospective_due: None,
            reviewed: false,
            entries: 0,
            open_tasks: 0,
            wordings: 0,
            wording_withdrawn_at: None,
            details,
            created_by: by.clone(),
            changed: (by, now),
        };
        let news =
            News { happened_at: Some(opened_at), ..News::of(EntryKind::Opened, next.content.title.clone()) };
        Ok(Step { next, news: vec![news] }.told(now))
    }

    /// The same with other content; `None`: it is the same. Whoever a graver level concerns is told.
    pub fn update(mut self, content: Content, by: (String, DateTime<Utc>)) -> Result<Option<Step>> {
        self.check_not_closed()?;
        let changes = content.changes(&self.content);
        if changes.is_empty() {
            return Ok(None);
        }
        self.content = content;
        let now = by.1;
        Ok(Some(self.edited(by, News::of(EntryKind::Edited, changes)).told(now)))
    }

    /// The same in another state. `retrospective_due` says by when what was learnt is due if it is closed at an instant.
    pub fn advance(
        mut self,
        Move { state, note, happened_at }: Move,
        by: (String, DateTime<Utc>),
        retrospective_due: impl FnOnce(DateTime<Utc>) -> NaiveDate,
    ) -> Result<Step> {
        use IncidentState::{Closed, Contained, Open};
        let kind = match (self.state, state) {
            (Open, Contained) => EntryKind::Contained,
            (Open | Contained, Closed) => EntryKind::Closed,
            (Contained | Closed, Open) => EntryKind::Reopened,
            _ => return Err(IncidentError::State { id: self.id, state: self.state }),
        };
        if state == Closed && self.open_tasks > 0 {
            return Err(IncidentError::TasksOpen { open: self.open_tasks, id: self.id });
        }
        let now = by.1;
        let at = happened_at.unwrap_or(now);
        if at > now {
            return Err(invalid("happened_at", "must not be in the future"));
        }
        // A contained incident without that time doesn't exist, a closed one has its own.
        let last = self.closed_at.or(self.contained_at).unwrap_or(self.details.escalation.since);
        if at < last {
            return Err(invalid("happened_at", "must not be before the last step"));
        }
        match state {
            Open => {
                (self.contained_at, self.closed_at, self.retrospective_due) = (None, None, None);
                self.reviewed = false;
                self.details.escalation.restart(at);
            }
            Contained => self.contained_at = Some(at),
            Closed => {
                self.closed_at = Some(at);
                // Whoever closes it late has as long as everybody else.
                self.retrospective_due = Some(retrospective_due(now));
            }
        }
        self.state = state;
        Ok(self.edited(by, News { happened_at: Some(at), ..News::of(kind, note) }).told(now))
    }

    /// The same with one more line.
    pub fn note(self, text: String, happened_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Step> {
        self.check_room()?;
        if happened_at.is_some_and(|at| at > now) {
            return Err(invalid("happened_at", "must not be in the future"));
        }
        Ok(Step { next: self, news: vec![News { happened_at, ..News::of(EntryKind::Noted, text) }] })
    }

    /// The same with another wording in force.
    pub fn agree(mut self, topic: String, text: String, by: (String, DateTime<Utc>)) -> Result<Step> {
        self.check_not_closed()?;
        self.wordings += 1;
        let news = News::of(EntryKind::Worded, format!("{topic}\n{text}"));
        let number = self.wordings;
        self.details.wording = Some(Wording { number, topic, text, by: by.0.clone(), at: by.1 });
        self.wording_withdrawn_at = None;
        Ok(self.edited(by, news))
    }

    /// The same without a wording in force.
    pub fn withdraw_wording(mut self, because: String, by: (String, DateTime<Utc>)) -> Result<Step> {
        self.check_not_closed()?;
        if self.details.wording.take().is_none() {
            return Err(IncidentError::WordingMissing { id: self.id });
        }
        self.wording_withdrawn_at = Some(by.1);
        Ok(self.edited(by, News::of(EntryKind::WordingWithdrawn, because)))
    }

    /// The same with what was learnt.
    pub fn learn(mut self, learnt: Retrospective, by: (String, DateTime<Utc>)) -> Result<Step> {
        self.check_closed()?;
        let news = News::of(EntryKind::Reviewed, learnt.cause.clone());
        self.reviewed = true;
        self.details.learnt = Some(HandedIn { what: learnt, by: by.0.clone(), at: by.1 });
        Ok(self.edited(by, news))
    }

    /// The same with a case for the knowledge base.
    pub fn file_case(mut self, case: LearntCase, by: (String, DateTime<Utc>)) -> Result<Step> {
        self.check_closed()?;
        if self.drill {
            return Err(IncidentError::Drill { id: self.id });
        }
        if !self.reviewed {
            return Err(IncidentError::RetrospectiveMissing { id: self.id });
        }
        let news = News::of(EntryKind::Filed, case.title.clone());
        self.details.case = Some(HandedIn { what: case, by: by.0.clone(), at: by.1 });
        Ok(self.edited(by, news))
    }

    /// The next are told, if their time has come.
    pub fn escalate(self, now: DateTime<Utc>) -> Option<Step> {
        let is_due = self.escalates_at().is_some_and(|due| due <= now);
        is_due.then(|| Step { next: self, news: Vec::new() }.told(now))
    }

    /// Refuses what can't be done any more.
    pub fn check_not_closed(&self) -> Result<()> {
        if self.state == IncidentState::Closed {
            return Err(IncidentError::State { id: self.id.clone(), state: self.state });
        }
        Ok(())
    }

    /// Refuses another line by somebody.
    pub fn check_room(&self) -> Result<()> {
        if self.entries >= ENTRIES_MAX {
            return Err(IncidentError::TooManyEntries { id: self.id.clone(), limit: ENTRIES_MAX });
        }
        Ok(())
    }

    fn check_closed(&self) -> Result<()> {
        if self.state != IncidentState::Closed {
            return Err(IncidentError::State { id: self.id.clone(), state: self.state });
        }
        Ok(())
    }

    fn edited(mut self, by: (String, DateTime<Utc>), news: News) -> Step {
        self.version += 1;
        self.changed = by;
        Step { next: self, news: vec![news] }
    }
}

impl Step {
    /// With everyone told whose time has come.
    fn told(mut self, now: DateTime<Utc>) -> Self {
        if self.next.state == IncidentState::Open {
            let told = self.next.details.escalation.tell(&self.next.content.path(), now);
            if !told.is_empty() {
                self.news.push(News { told, ..News::of(EntryKind::Told, "") });
            }
        }
        self
    }

    /// The incident with its lines numbered.
    pub fn finish(
        mut self,
        (subject, person): (&str, Option<&str>),
        now: DateTime<Utc>,
    ) -> (Incident, Vec<Entry>) {
        let mut entries = Vec::with_capacity(self.news.len());
        for News { kind, happened_at, text, task, told } in self.news {
            self.next.entries += 1;
            let act =
                Act { subject: subject.to_owned(), person: person.map(str::to_owned), at: now, note: text };
            let (number, happened_at) = (self.next.entries, happened_at.unwrap_or(now));
            entries.push(Entry { number, kind, happened_at, act, task, told });
        }
        (self.next, entries)
    }
}

fn invalid(field: &str, description: &str) -> IncidentError {
    IncidentError::Invalid(Violation { field: field.to_owned(), description: description.to_owned() })
}

#[cfg(test)]
mod tests;
