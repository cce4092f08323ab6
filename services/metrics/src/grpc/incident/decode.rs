//! Incidents from the wire to the domain.

use proto::metrics::v1 as pb;

use crate::domain::alert::rule::{AlertStep, Level};
use crate::domain::incident::content::{Content, Duty, DutyKind, Resource};
use crate::domain::incident::filter::{IncidentFilter, IncidentTaskFilter};
use crate::domain::incident::policy::IncidentRules;
use crate::domain::incident::retrospective::{CaseOutcome, LearntCase, Measure, Retrospective};
use crate::domain::incident::task::TaskContent;
use crate::domain::incident::{IncidentState, Move, Opening};
use crate::error::MetricsError;
use crate::grpc::alert::decode::{level, signal};
use crate::grpc::decode::{check_no_nul, day, id, instant, invalid, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn opening(message: &pb::OpenIncidentRequest) -> Result<Opening> {
    Ok(Opening {
        id: id("incident_id", &message.incident_id)?,
        content: content(message.content.as_ref())?,
        drill: message.drill,
        alert: optional_id("alert_id", &message.alert_id)?,
        opened_at: optional_instant("opened_at", message.opened_at.as_ref())?,
    })
}

pub(super) fn content(content: Option<&pb::IncidentContent>) -> Result<Content> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let resource = |resource: &pb::IncidentResource| Resource {
        name: resource.name.clone(),
        extent: resource.extent.clone(),
        released: resource.released,
    };
    let step = |step: &pb::IncidentStep| AlertStep { role: step.role, after_minutes: step.after_minutes };
    let decoded = Content {
        title: content.title.clone(),
        description: content.description.clone(),
        level: level(content.level()).ok_or_else(|| invalid("content.level", "must be given"))?,
        signal: signal(content.signal()).ok_or_else(|| invalid("content.signal", "must be given"))?,
        owner: id("content.owner_person_id", &content.owner_person_id)?,
        duties: content.duties.iter().enumerate().map(duty).collect::<Result<_>>()?,
        escalation_path: content.escalation_path.iter().map(step).collect(),
        resources: content.resources.iter().map(resource).collect(),
        shops: ids("content.shop_ids", &content.shop_ids)?,
        products: ids("content.product_ids", &content.product_ids)?,
        orders: ids("content.order_ids", &content.order_ids)?,
    };
    check_no_nul("content", &decoded)?;
    Ok(decoded)
}

fn duty((at, duty): (usize, &pb::IncidentDuty)) -> Result<Duty> {
    let kind = match duty.kind() {
        pb::IncidentDutyKind::Unspecified => {
            return Err(invalid(format!("content.duties[{at}].kind"), "must be given"));
        }
        pb::IncidentDutyKind::Lead => DutyKind::Lead,
        pb::IncidentDutyKind::Spokesperson => DutyKind::Spokesperson,
        pb::IncidentDutyKind::Recorder => DutyKind::Recorder,
        pb::IncidentDutyKind::Platform => DutyKind::Platform,
        pb::IncidentDutyKind::Customers => DutyKind::Customers,
        pb::IncidentDutyKind::Logistics => DutyKind::Logistics,
        pb::IncidentDutyKind::Legal => DutyKind::Legal,
        pb::IncidentDutyKind::Other => DutyKind::Other,
    };
    let person = id(&format!("content.duties[{at}].person_id"), &duty.person_id)?;
    Ok(Duty { person, kind, note: duty.note.clone() })
}

fn ids(field: &str, list: &[String]) -> Result<Vec<String>> {
    list.iter().enumerate().map(|(at, text)| id(&format!("{field}[{at}]"), text)).collect()
}

pub(super) fn optional_instant(
    field: &str,
    at: Option<&prost_types::Timestamp>,
) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
    at.map(|at| instant(field, Some(at))).transpose()
}

pub(super) fn text(field: &str, text: &str) -> Result<()> {
    check_no_nul(field, &text)?;
    if text.trim().is_empty() {
        return Err(invalid(field, "must say something"));
    }
    Ok(())
}

fn state(state: pb::IncidentState) -> Option<IncidentState> {
    match state {
        pb::IncidentState::Unspecified => None,
        pb::IncidentState::Open => Some(IncidentState::Open),
        pb::IncidentState::Contained => Some(IncidentState::Contained),
        pb::IncidentState::Closed => Some(IncidentState::Closed),
    }
}

pub(super) fn step(message: &pb::MoveIncidentRequest) -> Result<Move> {
    text("note", &message.note)?;
    Ok(Move {
        state: state(message.state()).ok_or_else(|| invalid("state", "must be given"))?,
        note: message.note.clone(),
        happened_at: optional_instant("happened_at", message.happened_at.as_ref())?,
    })
}

pub(super) fn task(content: Option<&pb::IncidentTaskContent>) -> Result<TaskContent> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let decoded = TaskContent {
        title: content.title.clone(),
        owner: id("content.owner_person_id", &content.owner_person_id)?,
        due_at: optional_instant("content.due_at", content.due_at.as_ref())?,
        dropped: content.dropped,
    };
    check_no_nul("content", &decoded)?;
    Ok(decoded)
}

pub(super) fn retrospective(sent: Option<&pb::Retrospective>) -> Result<Retrospective> {
    let sent = sent.ok_or_else(|| invalid("retrospective", "must be given"))?;
    let measure = |(at, measure): (usize, &pb::IncidentMeasure)| {
        let field = |name: &str| format!("retrospective.measures[{at}].{name}");
        Ok(Measure {
            title: measure.title.clone(),
            owner: id(&field("owner_person_id"), &measure.owner_person_id)?,
            due_day: day(&field("due_day"), measure.due_day.as_ref())?,
        })
    };
    let decoded = Retrospective {
        cause: sent.cause.clone(),
        worked: sent.worked.clone(),
        failed: sent.failed.clone(),
        effect: sent.effect.clone(),
        measures: sent.measures.iter().enumerate().map(measure).collect::<Result<_>>()?,
    };
    check_no_nul("retrospective", &decoded)?;
    Ok(decoded)
}

pub(super) fn case(sent: Option<&pb::IncidentCase>) -> Result<LearntCase> {
    let sent = sent.ok_or_else(|| invalid("case", "must be given"))?;
    let outcome = match sent.outcome() {
        pb::IncidentCaseOutcome::Unspecified => return Err(invalid("case.outcome", "must be given")),
        pb::IncidentCaseOutcome::Success => CaseOutcome::Success,
        pb::IncidentCaseOutcome::Failure => CaseOutcome::Failure,
    };
    let decoded = LearntCase {
        outcome,
        title: sent.title.clone(),
        lesson: sent.lesson.clone(),
        keywords: sent.keywords.clone(),
    };
    check_no_nul("case", &decoded)?;
    Ok(decoded)
}

/// What is to be set, and the etag of what is set.
pub(super) fn policy(sent: Option<&pb::IncidentPolicy>) -> Result<(IncidentRules, &str)> {
    let sent = sent.ok_or_else(|| invalid("policy", "must be given"))?;
    let rules = IncidentRules {
        drill_interval_days: sent.drill_interval_days,
        retrospective_working_days: sent.retrospective_working_days,
    };
    Ok((rules, &sent.etag))
}

pub(super) fn levels(levels: impl Iterator<Item = pb::AlertLevel>) -> Vec<Level> {
    levels.filter_map(level).collect()
}

pub(super) fn filter(message: &pb::ListIncidentsRequest) -> Result<IncidentFilter> {
    Ok(IncidentFilter {
        states: message.states().filter_map(state).collect(),
        levels: levels(message.levels()),
        alert: optional_id("alert_id", &message.alert_id)?,
        drill: (!message.drills).then_some(false),
        retrospective_overdue: message.retrospective_overdue,
        cases: message.cases,
    })
}

pub(super) fn task_filter(message: &pb::ListIncidentTasksRequest) -> Result<IncidentTaskFilter> {
    Ok(IncidentTaskFilter {
        incident: optional_id("incident_id", &message.incident_id)?,
        owner: optional_id("owner_person_id", &message.owner_person_id)?,
        open: message.open,
        overdue: message.overdue,
    })
}
