//! Cases (个案): complaints, after-sale and questions left open, and what may happen to one when.

pub mod complaint;
pub mod content;
pub mod error;
pub mod filter;
pub mod policy;
pub mod result;
pub mod step;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use proto::access::Role;
use serde::{Deserialize, Serialize};

use crate::domain::case::content::Content;
use crate::domain::case::error::CaseError;
use crate::domain::case::policy::{AboveLimit, Rules};
use crate::domain::case::step::{CallBackResult, Escalation, Solution, Step, StepKind};
use crate::domain::money::Currency;

/// Entries that a timeline can have.
pub const EVENTS_MAX: i32 = 1_000;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseState {
    /// Somebody works on it.
    Accepted,
    /// Somebody who may do more works on it.
    Escalated,
    /// The customer has an answer.
    Solved,
    /// The customer said to be content.
    CalledBack,
    /// Nothing is left to do.
    Archived,
}

impl CaseState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Accepted, Self::Escalated, Self::Solved, Self::CalledBack, Self::Archived];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Escalated => "escalated",
            Self::Solved => "solved",
            Self::CalledBack => "called_back",
            Self::Archived => "archived",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether somebody has to solve it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Accepted | Self::Escalated)
    }

    /// Whether a step may be taken from here.
    pub fn allows(self, step: StepKind) -> bool {
        use StepKind::{Archiving, CallBack, Escalation, Grant, Note, Notice, Reopening, Solution};
        match self {
            Self::Accepted | Self::Escalated => {
                matches!(step, Note | Notice | Grant | Escalation | Solution)
            }
            Self::Solved => matches!(step, Note | CallBack | Archiving | Reopening),
            Self::CalledBack => matches!(step, Note | Archiving | Reopening),
            Self::Archived => step == Reopening,
        }
    }
}

/// What became of a case so far; stored as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Deadlines that were missed.
    pub missed: i32,
    /// Progress notices.
    pub notices: i32,
    /// Calls back, since it was last solved.
    pub call_backs: i32,
    /// The last escalation.
    pub escalation: Option<(String, DateTime<Utc>)>,
    /// The last solution.
    pub solution: Option<(String, DateTime<Utc>)>,
}

/// A case as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it stands.
    pub state: CaseState,
    /// What was taken down.
    pub content: Content,
    /// On whose work list it is.
    pub owner: String,
    /// Everyone who has or had it.
    pub people: BTreeSet<String>,
    /// Who took it up; `None`: a program.
    pub accepted_by: Option<String>,
    /// When.
    pub accepted_at: DateTime<Utc>,
    /// By when the customer must hear.
    pub due_at: Option<DateTime<Utc>>,
    /// What became of it so far.
    pub course: Course,
    /// What the customer was granted, in the currency's smallest unit.
    pub granted: i64,
    /// What was kept, in the same.
    pub recovered: i64,
    /// Entries of its timeline.
    pub events: i32,
    /// The complaint that it was opened for, a fact of the shop; `None` for all others.
    pub complaint: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

/// Who takes a step.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// What they are.
    pub roles: &'a [Role],
    /// What amounts are in.
    pub currency: &'a Currency,
    /// When.
    pub now: DateTime<Utc>,
}

type Result<T, E = CaseError> = std::result::Result<T, E>;

impl Case {
    /// What changes must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether its content may still change.
    pub fn takes_changes(&self) -> bool {
        self.state != CaseState::Archived && self.events < EVENTS_MAX
    }

    /// Whether the customer should have heard.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.due_at.is_some_and(|due| due < now)
    }

    /// Taken up: the clock runs.
    pub fn accept(
        id: String,
        content: Content,
        owner: String,
        accepted_by: Option<String>,
        rules: &Rules,
        (by, now): (String, DateTime<Utc>),
    ) -> Result<Self> {
        let people = [owner.clone()].into_iter().chain(accepted_by.clone()).collect();
        check_cause(rules, &content, None)?;
        Ok(Self {
            version: 1,
            state: CaseState::Accepted,
            due_at: Some(now + rules.answer_time(content.severity)),
            accepted_at: now,
            course: Course::default(),
            granted: 0,
            recovered: 0,
            events: 1,
            complaint: None,
            created_by: by.clone(),
            changed: (by, now),
            id,
            content,
            owner,
            people,
            accepted_by,
        })
    }

    /// The same with other content. A graver severity brings the deadline nearer, never further away.
    pub fn update(self, content: Content, rules: &Rules, now: DateTime<Utc>) -> Result<Self> {
        if self.state == CaseState::Archived {
            return Err(CaseError::State { id: self.id, state: self.state });
        }
        check_cause(rules, &content, self.content.cause.as_deref())?;
        let graver = self.state.is_open() && content.severity > self.content.severity;
        let nearest = now + rules.answer_time(content.severity);
        let due_at = self.due_at.map(|due| if graver { due.min(nearest) } else { due });
        Ok(Self { content, due_at, ..self })
    }

    /// The same on somebody else's work list.
    pub fn hand_over(mut self, to: String) -> Self {
        self.people.insert(to.clone());
        Self { owner: to, ..self }
    }

    /// Takes a step, and says whether it came after the deadline that it answers.
    pub fn take(mut self, step: &Step, actor: Actor<'_>, rules: &Rules) -> Result<(Self, bool)> {
        if !self.state.allows(step.kind()) {
            return Err(CaseError::Step { id: self.id, state: self.state, step: step.kind() });
        }
        let now = actor.now;
        let late = step.kind().answers() && self.is_overdue(now);
        self.course.missed += i32::from(late);
        let answer_by = now + rules.answer_time(self.content.severity);
        match step {
            Step::Note(_) => {}
            Step::Notice(notice) => {
                if notice.agreed_at <= now || notice.agreed_at > answer_by {
                    return Err(CaseError::Agreed { latest: answer_by });
                }
                self.due_at = Some(notice.agreed_at);
                self.course.notices += 1;
            }
            Step::Grant(grant) => {
                self.check_escalated(rules)?;
                let granted = self.granted.saturating_add(grant.amount);
                let above = |above: AboveLimit| CaseError::GrantAboveLimit {
                    id: self.id.clone(),
                    granted: actor.currency.text(granted),
                    limit: actor.currency.text(above.limit),
                    may: above.may,
                };
                rules.check_grant(actor.roles, granted).map_err(above)?;
                self.granted = granted;
            }
            Step::Escalation(Escalation { to, .. }) => {
                if *to == self.owner {
                    return Err(CaseError::Owned { id: self.id, person: to.clone() });
                }
                self.state = CaseState::Escalated;
                self.course.escalation = Some((to.clone(), now));
                return Ok((self.hand_over(to.clone()), late));
            }
            Step::Solution(solution) => {
                self.check_escalated(rules)?;
                self.solve(solution, rules, now)?;
            }
            Step::CallBack(call_back) => {
                self.course.call_backs += 1;
                match call_back.result {
                    CallBackResult::Content => (self.state, self.due_at) = (CaseState::CalledBack, None),
                    CallBackResult::NotContent => self.reopen(answer_by),
                    CallBackResult::NotReached => self.due_at = Some(now + rules.call_back_time()),
                }
            }
            Step::Archiving(_) => {
                let tried = self.course.call_backs >= rules.call_backs_max;
                if self.state == CaseState::Solved && !tried {
                    return Err(CaseError::CallBackMissing { id: self.id, times: rules.call_backs_max });
                }
                (self.state, self.due_at) = (CaseState::Archived, None);
            }
            Step::Reopening(_) => self.reopen(answer_by),
        }
        Ok((self, late))
    }

    fn solve(&mut self, solution: &Solution, rules: &Rules, now: DateTime<Utc>) -> Result<()> {
        if self.content.cause.is_none() {
            return Err(CaseError::CauseMissing { id: self.id.clone() });
        }
        if solution.known_at.is_some_and(|known| known < self.accepted_at || known > now) {
            return Err(CaseError::Known);
        }
        self.state = CaseState::Solved;
        self.due_at = Some(now + rules.call_back_time());
        self.course.call_backs = 0;
        self.course.solution = Some((solution.text.clone(), now));
        self.recovered = self.recovered.saturating_add(solution.recovered);
        Ok(())
    }

    /// Somebody has to solve it again; whom it was escalated to keeps it.
    fn reopen(&mut self, answer_by: DateTime<Utc>) {
        let escalated = self.course.escalation.is_some();
        self.state = if escalated { CaseState::Escalated } else { CaseState::Accepted };
        self.due_at = Some(answer_by);
    }

    fn check_escalated(&self, rules: &Rules) -> Result<()> {
        if self.course.escalation.is_none() && rules.escalates(self.content.severity) {
            return Err(CaseError::NotEscalated { id: self.id.clone(), severity: self.content.severity });
        }
        Ok(())
    }

    /// The next version with one more entry in its timeline, by whom and when.
    pub fn changed(self, by: String, now: DateTime<Utc>) -> Result<Self> {
        if self.events >= EVENTS_MAX {
            return Err(CaseError::TooManyEvents { id: self.id, limit: EVENTS_MAX });
        }
        Ok(Self { version: self.version + 1, events: self.events + 1, changed: (by, now), ..self })
    }
}

fn check_cause(rules: &Rules, content: &Content, before: Option<&str>) -> Result<()> {
    match &content.cause {
        Some(cause) if !rules.knows(cause, before) => Err(CaseError::CauseUnknown { id: cause.clone() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
