//! What is known of an incident and who does what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::alert::built_in::steps;
use crate::domain::alert::rule::{AlertStep, Level, Signal};

/// What somebody does in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub enum DutyKind {
    Lead,
    Spokesperson,
    Recorder,
    Platform,
    Customers,
    Logistics,
    Legal,
    Other,
}

/// Who does what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// Who.
    pub person: String,
    /// What.
    pub kind: DutyKind,
    /// More of it.
    pub note: String,
}

/// What is at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What.
    pub name: String,
    /// How much.
    pub extent: String,
    /// Whether it may be used.
    pub released: bool,
}

/// What is known of an incident and who does what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub struct Content {
    pub title: String,
    pub description: String,
    pub level: Level,
    pub signal: Signal,
    pub owner: String,
    pub duties: Vec<Duty>,
    pub escalation_path: Vec<AlertStep>,
    pub resources: Vec<Resource>,
    pub shops: Vec<String>,
    pub products: Vec<String>,
    pub orders: Vec<String>,
}

impl Content {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |field: String, description: &str| {
            Err(Violation { field: format!("content.{field}"), description: description.to_owned() })
        };
        if self.title.trim().is_empty() {
            return wrong("title".to_owned(), "must say something");
        }
        for (at, duty) in self.duties.iter().enumerate() {
            let before = &self.duties[..at];
            if before.iter().any(|other| (&other.person, other.kind) == (&duty.person, duty.kind)) {
                return wrong(format!("duties[{at}]"), "must not be given twice");
            }
            let is_single = matches!(duty.kind, DutyKind::Lead | DutyKind::Spokesperson);
            if is_single && before.iter().any(|other| other.kind == duty.kind) {
                return wrong(format!("duties[{at}].kind"), "must be one person's only");
            }
            if duty.kind == DutyKind::Other && duty.note.trim().is_empty() {
                return wrong(format!("duties[{at}].note"), "must say which");
            }
        }
        for (at, step) in self.escalation_path.iter().enumerate() {
            if self.escalation_path[..at].iter().any(|other| other.role == step.role) {
                return wrong(format!("escalation_path[{at}].role"), "must be told once only");
            }
        }
        Ok(())
    }

    /// Who is told when: what is given, or what is usual for alerts of the level.
    pub fn path(&self) -> Vec<AlertStep> {
        if self.escalation_path.is_empty() { steps(self.level) } else { self.escalation_path.clone() }
    }

    /// The owner and whoever has a duty.
    pub fn people(&self) -> BTreeSet<String> {
        let duties = self.duties.iter().map(|duty| &duty.person);
        std::iter::once(&self.owner).chain(duties).cloned().collect()
    }

    /// With all that people wrote put through `redact`.
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        let duty = |duty: Duty| Duty { note: redact(&duty.note), ..duty };
        let resource = |resource: Resource| Resource {
            name: redact(&resource.name),
            extent: redact(&resource.extent),
            ..resource
        };
        Self {
            title: redact(&self.title),
            description: redact(&self.description),
            duties: self.duties.into_iter().map(duty).collect(),
            resources: self.resources.into_iter().map(resource).collect(),
            ..self
        }
    }

    /// Which parts differ from what was before, for the timeline; empty if none does.
    pub fn changes(&self, before: &Self) -> String {
        let level = |content: &Self| content.level.number();
        let told = |part: &str, before: String, now: String| format!("{part}: {before} → {now}");
        let parts = [
            (before.title != self.title).then(|| told("title", before.title.clone(), self.title.clone())),
            (before.description != self.description).then(|| "description".to_owned()),
            (before.level != self.level)
                .then(|| told("level", level(before).to_string(), level(self).to_string())),
            (before.signal != self.signal).then(|| "signal".to_owned()),
            (before.owner != self.owner).then(|| told("owner", before.owner.clone(), self.owner.clone())),
            (before.duties != self.duties).then(|| "duties".to_owned()),
            (before.escalation_path != self.escalation_path).then(|| "escalation path".to_owned()),
            (before.resources != self.resources).then(|| "resources".to_owned()),
            (before.shops != self.shops).then(|| "shops".to_owned()),
            (before.products != self.products).then(|| "products".to_owned()),
            (before.orders != self.orders).then(|| "orders".to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}
