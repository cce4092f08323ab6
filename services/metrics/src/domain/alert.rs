//! Alerts (预警): one trouble from when it is raised until it is resolved, and what may happen to it when. Pure.
//!
//! [`rule`] what gives alarm, [`built_in`] what every merchant begins with, [`trigger`] whether a figure does, [`like`] whether
//! complaints that are alike do, [`history`] what happened to an alert.

pub mod built_in;
pub mod error;
pub mod filter;
pub mod history;
pub mod like;
pub mod rule;
pub mod trigger;

use std::collections::BTreeSet;

use calendar::MerchantCalendar;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::alert::error::AlertError;
use crate::domain::alert::history::{ENTRIES_MAX, Entry, EntryKind, News};
use crate::domain::alert::rule::{AlertScope, Content, Level, Rule, Signal};
use crate::domain::alert::trigger::{Evidence, Finding};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// Nobody takes care of it.
    Open,
    /// Somebody does.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Resolved];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// How an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something was done.
    Handled,
    /// It went away.
    Passed,
    /// It was nothing.
    FalseAlarm,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub subject: String,
    /// The person; `None`: a program.
    pub person: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// What they said; redacted.
    pub note: String,
}

/// What an alert keeps beside what is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The rule's name, with what complaints have in common; or the title of the first report.
    pub title: String,
    /// The key's name, if known.
    pub key_name: String,
    /// What was reported.
    pub signal: Option<Signal>,
    /// How often it gave alarm.
    pub occurrences: i64,
    /// Of the last look at which it did.
    pub evidence: Option<Evidence>,
    /// Of the worst.
    pub worst: Option<Evidence>,
    /// When it last gave alarm.
    pub last_at: DateTime<Utc>,
    /// Since when it does not.
    pub cleared_at: Option<DateTime<Utc>>,
    /// Steps of the rule that were told.
    pub steps_told: usize,
    /// Numbers of the roles that were told.
    pub told: Vec<i32>,
    /// Who takes care of it.
    pub acknowledged: Option<Act>,
    /// Who ended it.
    pub resolved: Option<Act>,
    /// How.
    pub outcome: Option<Outcome>,
    /// The incident that was opened out of it.
    #[serde(default)]
    pub incident: Option<String>,
}

/// An alert as of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it stands.
    pub state: AlertState,
    /// How bad it is.
    pub level: Level,
    /// Which rule raised it, in which version.
    pub rule: (String, i32),
    /// Whose figure.
    pub scope: AlertScope,
    /// The person, team or shop; empty for a report about no single shop.
    pub key: String,
    /// What of the key's it is about, where a rule can give alarm about several things at once; else empty.
    pub topic: String,
    /// Who is concerned besides those who see everything.
    pub people: BTreeSet<String>,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When the next are told.
    pub escalates_at: Option<DateTime<Utc>>,
    /// Entries of its history.
    pub entries: i32,
    /// The rest.
    pub details: Details,
}

/// An alert's next version and what is new about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The alert.
    pub next: Alert,
    /// What happened, in this order.
    pub news: Vec<News>,
}

type Result<T, E = AlertError> = std::result::Result<T, E>;

/// What is reported.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is about.
    pub signal: Signal,
    /// The shop; empty for no single one.
    pub shop: String,
    /// In a line; redacted.
    pub title: String,
    /// The rest; redacted.
    pub description: String,
    /// Who noticed it.
    pub reporter: Option<String>,
}

impl Alert {
    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    fn new(id: String, rule: &Rule, key: String, title: String, now: DateTime<Utc>) -> Self {
        Self {
            id,
            version: 0,
            state: AlertState::Open,
            level: rule.content.level,
            rule: (rule.id.clone(), rule.version),
            scope: rule.content.scope,
            key,
            topic: String::new(),
            people: BTreeSet::new(),
            raised_at: now,
            escalates_at: None,
            entries: 0,
            details: Details {
                title,
                key_name: String::new(),
                signal: None,
                occurrences: 1,
                evidence: None,
                worst: None,
                last_at: now,
                cleared_at: None,
                steps_told: 0,
                told: Vec::new(),
                acknowledged: None,
                resolved: None,
                outcome: None,
                incident: None,
            },
        }
    }

    /// Raised by what a rule found. `people` are those concerned.
    pub fn raise(
        id: String,
        rule: &Rule,
        finding: &Finding,
        people: BTreeSet<String>,
        (now, calendar): (DateTime<Utc>, &MerchantCalendar),
    ) -> Step {
        let name = rule.content.name.as_str();
        let title = match &finding.evidence.like {
            Some(like) => format!("{name}: {}", like.title()),
            None => name.to_owned(),
        };
        let mut alert = Self::new(id, rule, finding.key.clone(), title, now);
        alert.topic.clone_from(&finding.topic);
        alert.people = people;
        alert.details.key_name.clone_from(&finding.name);
        alert.details.evidence = Some(finding.evidence.clone());
        alert.details.worst = Some(finding.evidence.clone());
        let raised = News { evidence: Some(finding.evidence.clone()), ..News::of(EntryKind::Raised) };
        Step { next: alert, news: vec![raised] }.told(&rule.content, now, calendar)
    }

    /// Raised by a report.
    pub fn report(
        id: String,
        rule: &Rule,
        report: Report,
        (now, calendar): (DateTime<Utc>, &MerchantCalendar),
    ) -> Step {
        let mut alert = Self::new(id, rule, report.shop, report.title, now);
        alert.people.extend(report.reporter);
        alert.details.signal = Some(report.signal);
        let raised = News { note: report.description, ..News::of(EntryKind::Raised) };
        Step { next: alert, news: vec![raised] }.told(&rule.content, now, calendar)
    }

    /// Somebody reported the same.
    pub fn report_again(mut self, report: Report, now: DateTime<Utc>) -> Result<Step> {
        self.check_room()?;
        self.people.extend(report.reporter);
        self.details.occurrences += 1;
        self.details.last_at = now;
        let text = [report.title, report.description];
        let note = text.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        Ok(Step { next: self, news: vec![News { note, ..News::of(EntryKind::Reported) }] })
    }

    /// What becomes of an alert when its figure was looked at; `None`: nothing.
    pub fn look(mut self, finding: Option<&Finding>, now: DateTime<Utc>) -> Option<Step> {
        let evidence = finding.filter(|finding| finding.alarm).map(|finding| &finding.evidence);
        let Some(evidence) = evidence else {
            if self.details.cleared_at.is_some() {
                return None;
            }
            self.details.cleared_at = Some(now);
            let found = finding.map(|finding| finding.evidence.clone());
            return Some(Step {
                next: self,
                news: vec![News { evidence: found, ..News::of(EntryKind::Cleared) }],
            });
        };
        let details = &mut self.details;
        if details.cleared_at.is_none()
            && details.evidence.as_ref().is_some_and(|last| evidence.repeats(last))
        {
            return None;
        }
        let mut news = Vec::new();
        let mut note = |kind| news.push(News { evidence: Some(evidence.clone()), ..News::of(kind) });
        if details.cleared_at.take().is_some() {
            note(EntryKind::Recurred);
        }
        if details.worst.as_ref().is_none_or(|worst| evidence.is_worse_than(worst)) {
            details.worst = Some(evidence.clone());
            note(EntryKind::Worsened);
        }
        details.occurrences += 1;
        details.last_at = now;
        details.evidence = Some(evidence.clone());
        Some(Step { next: self, news })
    }

    /// Whether a finding is to be raised although this alert about the same was resolved: it is about another time, or
    /// worse than what was resolved.
    pub fn is_outdone_by(&self, finding: &Finding) -> bool {
        let later = self.details.evidence.as_ref().is_none_or(|last| finding.evidence.is_after(last));
        later || self.details.worst.as_ref().is_some_and(|worst| finding.evidence.is_worse_than(worst))
    }

    /// The next are told, if their time has come.
    pub fn escalate(
        self,
        content: &Content,
        (now, calendar): (DateTime<Utc>, &MerchantCalendar),
    ) -> Option<Step> {
        let is_due = self.escalates_at.is_some_and(|due| due <= now);
        is_due.then(|| Step { next: self, news: Vec::new() }.told(content, now, calendar))
    }

    /// Somebody takes care of it; `None`: somebody does already.
    pub fn acknowledge(self, act: Act) -> Result<Option<Step>> {
        match self.state {
            AlertState::Acknowledged => Ok(None),
            AlertState::Resolved => Err(AlertError::State { id: self.id, state: self.state }),
            AlertState::Open => Ok(Some(self.taken(act))),
        }
    }

    fn taken(mut self, act: Act) -> Step {
        self.state = AlertState::Acknowledged;
        self.escalates_at = None;
        let note = act.note.clone();
        self.details.acknowledged = Some(act);
        Step { next: self, news: vec![News { note, ..News::of(EntryKind::Acknowledged) }] }
    }

    /// An incident is opened out of it, which is one way of taking care of it.
    pub fn open_incident(mut self, incident: &str, act: Act) -> Result<Step> {
        if let Some(incident) = self.details.incident {
            return Err(AlertError::HasIncident { id: self.id, incident });
        }
        self.details.incident = Some(incident.to_owned());
        let linked = News { note: incident.to_owned(), ..News::of(EntryKind::Incident) };
        let mut step = match self.state {
            AlertState::Acknowledged => Step { next: self, news: Vec::new() },
            AlertState::Resolved => return Err(AlertError::State { id: self.id, state: self.state }),
            AlertState::Open => self.taken(act),
        };
        step.news.push(linked);
        Ok(step)
    }

    /// Somebody says something.
    pub fn comment(self, note: String) -> Result<Step> {
        self.check_room()?;
        Ok(Step { next: self, news: vec![News { note, ..News::of(EntryKind::Commented) }] })
    }

    /// It is over.
    pub fn resolve(mut self, outcome: Outcome, act: Act) -> Result<Step> {
        if self.state == AlertState::Resolved {
            return Err(AlertError::State { id: self.id, state: self.state });
        }
        self.state = AlertState::Resolved;
        self.escalates_at = None;
        let note = act.note.clone();
        self.details.resolved = Some(act);
        self.details.outcome = Some(outcome);
        Ok(Step { next: self, news: vec![News { note, ..News::of(EntryKind::Resolved) }] })
    }

    fn check_room(&self) -> Result<()> {
        if self.entries >= ENTRIES_MAX {
            return Err(AlertError::TooManyEntries { id: self.id.clone(), limit: ENTRIES_MAX });
        }
        Ok(())
    }
}

impl Step {
    /// With everyone told whose time has come.
    fn told(mut self, content: &Content, now: DateTime<Utc>, calendar: &MerchantCalendar) -> Self {
        let alert = &mut self.next;
        let mut told = Vec::new();
        loop {
            let step = alert.details.steps_told;
            alert.escalates_at = content.due(step, alert.raised_at, calendar);
            match (alert.escalates_at, content.steps.get(step)) {
                (Some(due), Some(step)) if due <= now => told.push(step.role),
                _ => break,
            }
            alert.details.steps_told += 1;
        }
        if !told.is_empty() {
            let known = alert.details.told.clone();
            alert.details.told.extend(told.iter().filter(|role| !known.contains(role)));
            self.news.push(News { told, ..News::of(EntryKind::Told) });
        }
        self
    }

    /// The next version with its entries numbered.
    pub fn finish(mut self, by: (&str, Option<&str>), now: DateTime<Utc>) -> (Alert, Vec<Entry>) {
        self.next.version += 1;
        let mut entries = Vec::with_capacity(self.news.len());
        for News { kind, note, evidence, told } in self.news {
            self.next.entries += 1;
            let act = Act { subject: by.0.to_owned(), person: by.1.map(str::to_owned), at: now, note };
            entries.push(Entry { number: self.next.entries, kind, act, evidence, told });
        }
        (self.next, entries)
    }
}

#[cfg(test)]
mod tests;
