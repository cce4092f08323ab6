//! Incidents from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::alert::rule::AlertStep;
use crate::domain::incident::content::{Content, Duty, DutyKind, Resource};
use crate::domain::incident::escalation::Told;
use crate::domain::incident::policy::IncidentPolicy;
use crate::domain::incident::retrospective::NumberedRetrospective;
use crate::domain::incident::task::{TaskContent, TaskKind};
use crate::domain::incident::timeline::{Entry, EntryKind};
use crate::domain::incident::times::{Course, LeftOut, Span, Spread, Times};
use crate::domain::incidents::learning::CountedTimes;
use crate::domain::incidents::{ListedIncident, ListedTask};
use crate::outgoing::alert::{level, signal};
use crate::outgoing::incident::{case, retrospective, state, wording};

pub(super) fn incident(listed: &ListedIncident) -> pb::Incident {
    let incident = &listed.incident;
    let details = &incident.details;
    let told = |told: &Told| pb::IncidentTold {
        role: told.role,
        due_at: Some(timestamp(told.due_at)),
        told_at: Some(timestamp(told.at)),
    };
    let newest = details.wording.clone().map(|newest| incident.agreed(newest));
    let (learnt, filed) = (details.learnt.as_ref(), details.case.as_ref());
    pb::Incident {
        incident_id: incident.id.clone(),
        version: incident.version,
        state: state(incident.state).into(),
        content: Some(content(&incident.content)),
        drill: incident.drill,
        alert_id: incident.alert.clone().unwrap_or_default(),
        opened_at: Some(timestamp(incident.opened_at)),
        contained_at: incident.contained_at.map(timestamp),
        closed_at: incident.closed_at.map(timestamp),
        wording: newest.as_ref().map(wording),
        told: details.escalation.told.iter().map(told).collect(),
        escalates_at: incident.escalates_at().map(timestamp),
        retrospective_due_day: incident.retrospective_due.map(date),
        retrospective_overdue: listed.retrospective_overdue,
        retrospective: learnt.map(|learnt| retrospective(&learnt.what)),
        retrospective_by: learnt.map(|learnt| learnt.by.clone()).unwrap_or_default(),
        retrospective_at: learnt.map(|learnt| timestamp(learnt.at)),
        case: filed.map(|filed| case(&filed.what)),
        case_filed_at: filed.map(|filed| timestamp(filed.at)),
        entries: incident.entries,
        open_tasks: incident.open_tasks,
        created_by: incident.created_by.clone(),
        changed_by: incident.changed.0.clone(),
        changed_at: Some(timestamp(incident.changed.1)),
        etag: incident.etag(),
        wording_withdrawn_at: incident.wording_withdrawn_at.map(timestamp),
    }
}

pub(super) fn handed_in(handed_in: &NumberedRetrospective) -> pb::IncidentRetrospective {
    let learnt = &handed_in.learnt;
    pb::IncidentRetrospective {
        number: handed_in.number,
        retrospective: Some(retrospective(&learnt.what)),
        handed_in_by: learnt.by.clone(),
        handed_in_at: Some(timestamp(learnt.at)),
    }
}

pub(super) fn policy(policy: IncidentPolicy) -> pb::IncidentPolicy {
    let etag = policy.etag();
    let (updated_by, updated_at) = policy.updated.unzip();
    pb::IncidentPolicy {
        version: policy.version,
        drill_interval_days: policy.rules.drill_interval_days,
        retrospective_working_days: policy.rules.retrospective_working_days,
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
        etag,
    }
}

fn content(content: &Content) -> pb::IncidentContent {
    let resource = |resource: &Resource| pb::IncidentResource {
        name: resource.name.clone(),
        extent: resource.extent.clone(),
        released: resource.released,
    };
    let step = |step: &AlertStep| pb::IncidentStep { role: step.role, after_minutes: step.after_minutes };
    pb::IncidentContent {
        title: content.title.clone(),
        description: content.description.clone(),
        level: level(content.level).into(),
        signal: signal(content.signal).into(),
        owner_person_id: content.owner.clone(),
        duties: content.duties.iter().map(duty).collect(),
        escalation_path: content.escalation_path.iter().map(step).collect(),
        resources: content.resources.iter().map(resource).collect(),
        shop_ids: content.shops.clone(),
        product_ids: content.products.clone(),
        order_ids: content.orders.clone(),
    }
}

fn duty(duty: &Duty) -> pb::IncidentDuty {
    let kind = match duty.kind {
        DutyKind::Lead => pb::IncidentDutyKind::Lead,
        DutyKind::Spokesperson => pb::IncidentDutyKind::Spokesperson,
        DutyKind::Recorder => pb::IncidentDutyKind::Recorder,
        DutyKind::Platform => pb::IncidentDutyKind::Platform,
        DutyKind::Customers => pb::IncidentDutyKind::Customers,
        DutyKind::Logistics => pb::IncidentDutyKind::Logistics,
        DutyKind::Legal => pb::IncidentDutyKind::Legal,
        DutyKind::Other => pb::IncidentDutyKind::Other,
    };
    pb::IncidentDuty { person_id: duty.person.clone(), kind: kind.into(), note: duty.note.clone() }
}

pub(super) fn entry(entry: &Entry) -> pb::IncidentEntry {
    let kind = match entry.kind {
        EntryKind::Opened => pb::IncidentEntryKind::Opened,
        EntryKind::Noted => pb::IncidentEntryKind::Noted,
        EntryKind::Edited => pb::IncidentEntryKind::Edited,
        EntryKind::Contained => pb::IncidentEntryKind::Contained,
        EntryKind::Closed => pb::IncidentEntryKind::Closed,
        EntryKind::Reopened => pb::IncidentEntryKind::Reopened,
        EntryKind::Worded => pb::IncidentEntryKind::Worded,
        EntryKind::Told => pb::IncidentEntryKind::Told,
        EntryKind::TaskAdded => pb::IncidentEntryKind::TaskAdded,
        EntryKind::TaskChanged => pb::IncidentEntryKind::TaskChanged,
        EntryKind::TaskDone => pb::IncidentEntryKind::TaskDone,
        EntryKind::TaskReopened => pb::IncidentEntryKind::TaskReopened,
        EntryKind::Reviewed => pb::IncidentEntryKind::Reviewed,
        EntryKind::Filed => pb::IncidentEntryKind::Filed,
        EntryKind::WordingWithdrawn => pb::IncidentEntryKind::WordingWithdrawn,
    };
    pb::IncidentEntry {
        number: entry.number,
        kind: kind.into(),
        happened_at: Some(timestamp(entry.happened_at)),
        written_at: Some(timestamp(entry.act.at)),
        subject: entry.act.subject.clone(),
        person_id: entry.act.person.clone().unwrap_or_default(),
        text: entry.act.note.clone(),
        task_id: entry.task.clone().unwrap_or_default(),
        told_roles: entry.told.clone(),
    }
}

pub(super) fn task(listed: &ListedTask) -> pb::IncidentTask {
    let task = &listed.task;
    let kind = match task.kind {
        TaskKind::Response => pb::IncidentTaskKind::Response,
        TaskKind::Measure => pb::IncidentTaskKind::Measure,
    };
    let TaskContent { title, owner, due_at, dropped } = &task.content;
    let content = pb::IncidentTaskContent {
        title: title.clone(),
        owner_person_id: owner.clone(),
        due_at: due_at.map(timestamp),
        dropped: *dropped,
    };
    let done = task.done.as_ref();
    pb::IncidentTask {
        incident_id: task.incident.clone(),
        task_id: task.id.clone(),
        version: task.version,
        kind: kind.into(),
        content: Some(content),
        done_at: done.map(|act| timestamp(act.at)),
        done_by: done.map(|act| act.subject.clone()).unwrap_or_default(),
        note: done.map(|act| act.note.clone()).unwrap_or_default(),
        overdue: listed.overdue,
        drill: task.drill,
        changed_by: task.changed.0.clone(),
        changed_at: Some(timestamp(task.changed.1)),
        etag: task.etag(),
    }
}

pub(super) fn times(counted: &CountedTimes) -> pb::GetIncidentTimesResponse {
    let of = |times: &Times| pb::IncidentTimes {
        level: times.level.map_or(pb::AlertLevel::Unspecified, level).into(),
        opened_to_contained: Some(spread(&times.spans.opened_to_contained)),
        contained_to_closed: Some(spread(&times.spans.contained_to_closed)),
        opened_to_closed: Some(spread(&times.spans.opened_to_closed)),
    };
    pb::GetIncidentTimesResponse {
        times: counted.times.iter().map(of).collect(),
        incidents: count(counted.incidents),
        drills: count(counted.drills),
    }
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn spread(spread: &Spread) -> pb::IncidentSpread {
    pb::IncidentSpread {
        count: count(spread.count),
        mean_seconds: spread.mean,
        median_seconds: spread.median,
        p90_seconds: spread.p90,
    }
}

pub(super) fn course(course: &Course) -> pb::IncidentCourse {
    let spans = course.spans();
    pb::IncidentCourse {
        incident_id: course.id.clone(),
        title: course.title.clone(),
        level: level(course.level).into(),
        drill: course.drill,
        opened_at: Some(timestamp(course.opened_at)),
        contained_at: course.contained_at.map(timestamp),
        closed_at: course.closed_at.map(timestamp),
        opened_to_contained: Some(span(spans.opened_to_contained)),
        contained_to_closed: Some(span(spans.contained_to_closed)),
        opened_to_closed: Some(span(spans.opened_to_closed)),
    }
}

fn span(span: Span) -> pb::IncidentSpan {
    let left_out = match span {
        Ok(_) => pb::IncidentLeftOut::Unspecified,
        Err(LeftOut::Drill) => pb::IncidentLeftOut::Drill,
        Err(LeftOut::NotContained) => pb::IncidentLeftOut::NotContained,
        Err(LeftOut::NotClosed) => pb::IncidentLeftOut::NotClosed,
    };
    pb::IncidentSpan { seconds: span.ok(), left_out: left_out.into() }
}
