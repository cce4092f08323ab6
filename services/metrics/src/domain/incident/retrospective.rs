//! What was learnt of an incident, and the case that others learn from.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::incident::HandedIn;

/// What is to be different from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// What.
    pub title: String,
    /// By whom.
    pub owner: String,
    /// Until the end of this business day.
    pub due_day: NaiveDate,
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub struct Retrospective {
    pub cause: String,
    pub worked: String,
    pub failed: String,
    pub effect: String,
    pub measures: Vec<Measure>,
}

impl Retrospective {
    /// What is wrong as of a business day, with the field of the request.
    pub fn check(&self, today: NaiveDate) -> Result<(), Violation> {
        let wrong = |field: String, description: &str| {
            Err(Violation { field: format!("retrospective.{field}"), description: description.to_owned() })
        };
        for (field, text) in [("cause", &self.cause), ("worked", &self.worked), ("failed", &self.failed)] {
            if text.trim().is_empty() {
                return wrong(field.to_owned(), "must say something");
            }
        }
        if self.measures.is_empty() {
            return wrong("measures".to_owned(), "must say what is to be different");
        }
        for (at, measure) in self.measures.iter().enumerate() {
            if measure.title.trim().is_empty() {
                return wrong(format!("measures[{at}].title"), "must say something");
            }
            if measure.due_day < today {
                return wrong(format!("measures[{at}].due_day"), "must not be over");
            }
        }
        Ok(())
    }

    /// With all that people wrote put through `redact`.
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        let measure = |measure: Measure| Measure { title: redact(&measure.title), ..measure };
        Self {
            cause: redact(&self.cause),
            worked: redact(&self.worked),
            failed: redact(&self.failed),
            effect: redact(&self.effect),
            measures: self.measures.into_iter().map(measure).collect(),
        }
    }
}

/// A retrospective as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRetrospective {
    /// From 1.
    pub number: i32,
    /// What was learnt, by whom and when.
    pub learnt: HandedIn<Retrospective>,
}

/// What a case is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub enum CaseOutcome {
    Success,
    Failure,
}

/// An incident as others are to learn from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub struct LearntCase {
    pub outcome: CaseOutcome,
    pub title: String,
    pub lesson: String,
    pub keywords: Vec<String>,
}

impl LearntCase {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        for (field, text) in [("title", &self.title), ("lesson", &self.lesson)] {
            if text.trim().is_empty() {
                let description = "must say something".to_owned();
                return Err(Violation { field: format!("case.{field}"), description });
            }
        }
        Ok(())
    }

    /// With all that people wrote put through `redact`.
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        Self {
            title: redact(&self.title),
            lesson: redact(&self.lesson),
            keywords: self.keywords.iter().map(|keyword| redact(keyword)).collect(),
            ..self
        }
    }
}
