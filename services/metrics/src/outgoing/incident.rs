//! Incidents in the words of the contracts, which events and answers share.

use chrono::{DateTime, Utc};
use events::{Event, Payload};
use proto::events::v1 as told;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::MerchantId;

use crate::domain::incident::retrospective::{CaseOutcome, LearntCase, Measure, Retrospective};
use crate::domain::incident::timeline::Change;
use crate::domain::incident::wording::AgreedWording;
use crate::domain::incident::{Incident, IncidentState};
use crate::outgoing::alert::{level, signal};

/// What happened to an incident, and whom to tell. `roles` are told by its escalation now.
pub fn incident_changed(
    merchant: &MerchantId,
    incident: &Incident,
    happened: Change,
    roles: &[i32],
    now: DateTime<Utc>,
) -> Event {
    let payload = told::IncidentChanged {
        incident_id: incident.id.clone(),
        change: change(happened).into(),
        state: state(incident.state).into(),
        level: level(incident.content.level).into(),
        title: incident.content.title.clone(),
        drill: incident.drill,
        roles: roles.to_vec(),
        person_ids: incident.content.people().into_iter().collect(),
        wording: incident.wording_in_force().as_ref().map(wording),
        retrospective_due_day: incident.retrospective_due.map(date),
    };
    let (entity, payload) = (format!("incident/{}", incident.id), Payload::IncidentChanged(payload));
    events::event(merchant, entity, version(incident), now, payload)
}

/// The case for the knowledge base; `None` unless there is one.
pub fn case_filed(merchant: &MerchantId, incident: &Incident, now: DateTime<Utc>) -> Option<Event> {
    let (details, content) = (&incident.details, &incident.content);
    let (filed, learnt) = (details.case.as_ref()?, details.learnt.as_ref()?);
    let last = details.wording.clone().map(|newest| incident.agreed(newest));
    let payload = told::IncidentCaseFiled {
        incident_id: incident.id.clone(),
        case: Some(case(&filed.what)),
        retrospective: Some(retrospective(&learnt.what)),
        level: level(content.level).into(),
        signal: signal(content.signal).into(),
        title: content.title.clone(),
        description: content.description.clone(),
        wording: last.as_ref().map(wording),
        shop_ids: content.shops.clone(),
        product_ids: content.products.clone(),
        opened_at: Some(timestamp(incident.opened_at)),
        contained_at: incident.contained_at.map(timestamp),
        closed_at: incident.closed_at.map(timestamp),
    };
    let (entity, payload) = (format!("incident_case/{}", incident.id), Payload::IncidentCaseFiled(payload));
    Some(events::event(merchant, entity, version(incident), now, payload))
}

/// Grows with every line of the timeline, of which each change has one; the version of edits doesn't.
fn version(incident: &Incident) -> i64 {
    incident.entries.into()
}

pub fn state(state: IncidentState) -> pb::IncidentState {
    match state {
        IncidentState::Open => pb::IncidentState::Open,
        IncidentState::Contained => pb::IncidentState::Contained,
        IncidentState::Closed => pb::IncidentState::Closed,
    }
}

fn change(change: Change) -> pb::IncidentChange {
    match change {
        Change::Opened => pb::IncidentChange::Opened,
        Change::Escalated => pb::IncidentChange::Escalated,
        Change::Contained => pb::IncidentChange::Contained,
        Change::Closed => pb::IncidentChange::Closed,
        Change::Reopened => pb::IncidentChange::Reopened,
        Change::Worded => pb::IncidentChange::Worded,
        Change::WordingWithdrawn => pb::IncidentChange::WordingWithdrawn,
    }
}

pub fn wording(agreed: &AgreedWording) -> pb::IncidentWording {
    let withdrawal = agreed.withdrawal.clone();
    let (withdrawn_by, withdrawn_because) =
        withdrawal.map(|withdrawal| (withdrawal.by, withdrawal.because)).unwrap_or_default();
    pb::IncidentWording {
        incident_id: agreed.incident.clone(),
        number: agreed.wording.number,
        topic: agreed.wording.topic.clone(),
        text: agreed.wording.text.clone(),
        product_ids: agreed.products.clone(),
        shop_ids: agreed.shops.clone(),
        drill: agreed.drill,
        in_force: agreed.in_force,
        agreed_by: agreed.wording.by.clone(),
        agreed_at: Some(timestamp(agreed.wording.at)),
        withdrawn_by,
        withdrawn_at: agreed.withdrawal.as_ref().map(|withdrawal| timestamp(withdrawal.at)),
        withdrawn_because,
    }
}

pub fn retrospective(learnt: &Retrospective) -> pb::Retrospective {
    let measure = |measure: &Measure| pb::IncidentMeasure {
        title: measure.title.clone(),
        owner_person_id: measure.owner.clone(),
        due_day: Some(date(measure.due_day)),
    };
    pb::Retrospective {
        cause: learnt.cause.clone(),
        worked: learnt.worked.clone(),
        failed: learnt.failed.clone(),
        effect: learnt.effect.clone(),
        measures: learnt.measures.iter().map(measure).collect(),
    }
}

pub fn case(case: &LearntCase) -> pb::IncidentCase {
    let outcome = match case.outcome {
        CaseOutcome::Success => pb::IncidentCaseOutcome::Success,
        CaseOutcome::Failure => pb::IncidentCaseOutcome::Failure,
    };
    pb::IncidentCase {
        outcome: outcome.into(),
        title: case.title.clone(),
        lesson: case.lesson.clone(),
        keywords: case.keywords.clone(),
    }
}
