//! Issues in the words of the contracts, which events and answers share.

use events::{Event, Payload};
use proto::events::v1 as told;
use proto::metrics::v1 as pb;
use proto::time::date;
use runtime::ids::MerchantId;

use crate::domain::issue::content::IssueKind;
use crate::domain::issue::{Change, Issue, IssueState};

/// What happened to an issue, and who is concerned.
pub fn issue_changed(merchant: &MerchantId, issue: &Issue, happened: Change) -> Event {
    let content = &issue.content;
    let payload = told::IssueChanged {
        issue_id: issue.id.clone(),
        change: change(happened).into(),
        state: state(issue.state).into(),
        kind: kind(content.kind).into(),
        title: content.title.clone(),
        department: content.role().into(),
        owner_person_id: content.owner.clone().unwrap_or_default(),
        due_day: content.due_day.map(date),
        watcher_person_ids: issue.watchers.iter().cloned().collect(),
        changed_by: issue.changed.0.clone(),
    };
    let (entity, payload) = (format!("issue/{}", issue.id), Payload::IssueChanged(payload));
    events::event(merchant, entity, issue.version, issue.changed.1, payload)
}

pub fn change(change: Change) -> pb::IssueChange {
    match change {
        Change::Created => pb::IssueChange::Created,
        Change::Edited => pb::IssueChange::Edited,
        Change::Assigned => pb::IssueChange::Assigned,
        Change::Moved => pb::IssueChange::Moved,
        Change::Commented => pb::IssueChange::Commented,
    }
}

pub fn state(state: IssueState) -> pb::IssueState {
    match state {
        IssueState::Open => pb::IssueState::Open,
        IssueState::InProgress => pb::IssueState::InProgress,
        IssueState::Solved => pb::IssueState::Solved,
        IssueState::Rejected => pb::IssueState::Rejected,
        IssueState::Closed => pb::IssueState::Closed,
    }
}

pub fn kind(kind: IssueKind) -> pb::IssueKind {
    match kind {
        IssueKind::PageError(_) => pb::IssueKind::PageError,
        IssueKind::Process => pb::IssueKind::Process,
        IssueKind::Stock(_) => pb::IssueKind::Stock,
        IssueKind::Suggestion => pb::IssueKind::Suggestion,
    }
}
