//! Alerts from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::timestamp;

use crate::domain::alert::history::{Entry, EntryKind};
use crate::domain::alert::like::{LikeTrigger, Likeness};
use crate::domain::alert::rule::{
    AlertStep, Condition, Content, FigureTrigger, QuietHours, Rule, Side, Trigger, Window,
};
use crate::domain::alert::trigger::Finding;
use crate::domain::alert::{Act, Alert, AlertState, Outcome};
use crate::grpc::encode::measure;
use crate::outgoing::alert::{basis, evidence, level, scope, signal};

pub(super) fn rule(rule: &Rule) -> pb::AlertRule {
    pb::AlertRule {
        rule_id: rule.id.clone(),
        version: rule.version,
        content: Some(content(&rule.content)),
        deleted: rule.deleted,
        updated_by: rule.updated_by.clone(),
        updated_at: rule.updated_at.map(timestamp),
        etag: rule.etag(),
    }
}

fn content(content: &Content) -> pb::AlertRuleContent {
    let unspecified = pb::AlertSignal::Unspecified;
    let (figure, signal, like) = match &content.trigger {
        Trigger::Figure(trigger) => (Some(figure(trigger)), unspecified, None),
        Trigger::Reported(reported) => (None, signal(*reported), None),
        Trigger::LikeComplaints(trigger) => (None, unspecified, Some(like_complaints(trigger))),
    };
    let step = |step: &AlertStep| pb::AlertStep { role: step.role, after_minutes: step.after_minutes };
    let quiet =
        |quiet: QuietHours| pb::QuietHours { from_minute: quiet.from_minute, to_minute: quiet.to_minute };
    pb::AlertRuleContent {
        name: content.name.clone(),
        description: content.description.clone(),
        level: level(content.level).into(),
        scope: scope(content.scope).into(),
        keys: content.keys.clone(),
        shop_ids: content.shops.clone(),
        figure,
        signal: signal.into(),
        steps: content.steps.iter().map(step).collect(),
        quiet_hours: content.quiet.map(quiet),
        enabled: content.enabled,
        like_complaints: like,
    }
}

fn like_complaints(trigger: &LikeTrigger) -> pb::AlertLikeComplaints {
    let likeness = match trigger.likeness {
        Likeness::Cause => pb::AlertLikeness::Cause,
        Likeness::Product => pb::AlertLikeness::Product,
        Likeness::CauseAndProduct => pb::AlertLikeness::CauseAndProduct,
    };
    pb::AlertLikeComplaints {
        likeness: likeness.into(),
        window_hours: signed(trigger.window_hours),
        complaints_min: signed(trigger.complaints_min),
    }
}

fn figure(trigger: &FigureTrigger) -> pb::AlertFigure {
    let (days, hours) = match trigger.window {
        Window::Days(days) => (signed(days), 0),
        Window::Hours(hours) => (0, signed(hours)),
    };
    let sent = pb::AlertFigure {
        measure: measure(trigger.measure).into(),
        basis: basis(trigger.basis).into(),
        window: Some(pb::AlertWindow { days, hours }),
        sample_min: trigger.sample_min,
        ..Default::default()
    };
    match trigger.condition {
        Condition::Threshold { side, value } => {
            let threshold = pb::AlertThreshold { direction: direction(side).into(), value };
            pb::AlertFigure { threshold: Some(threshold), ..sent }
        }
        Condition::Change { side, ratio, weeks } => {
            let direction = direction(side).into();
            pb::AlertFigure {
                change: Some(pb::AlertChange { direction, ratio, weeks: signed(weeks) }),
                ..sent
            }
        }
        Condition::Anomaly { side, z, weeks } => {
            let direction = side.map_or(pb::AlertDirection::Unspecified, direction).into();
            pb::AlertFigure { anomaly: Some(pb::AlertAnomaly { direction, z, weeks: signed(weeks) }), ..sent }
        }
    }
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn direction(side: Side) -> pb::AlertDirection {
    match side {
        Side::High => pb::AlertDirection::High,
        Side::Low => pb::AlertDirection::Low,
    }
}

pub(super) fn finding(finding: &Finding) -> pb::AlertFinding {
    pb::AlertFinding {
        key: finding.key.clone(),
        key_name: finding.name.clone(),
        evidence: Some(evidence(&finding.evidence)),
        alarm: finding.alarm,
    }
}

pub(super) fn alert(alert: &Alert) -> pb::Alert {
    let details = &alert.details;
    let state = match alert.state {
        AlertState::Open => pb::AlertState::Open,
        AlertState::Acknowledged => pb::AlertState::Acknowledged,
        AlertState::Resolved => pb::AlertState::Resolved,
    };
    let outcome = match details.outcome {
        None => pb::AlertOutcome::Unspecified,
        Some(Outcome::Handled) => pb::AlertOutcome::Handled,
        Some(Outcome::Passed) => pb::AlertOutcome::Passed,
        Some(Outcome::FalseAlarm) => pb::AlertOutcome::FalseAlarm,
    };
    pb::Alert {
        alert_id: alert.id.clone(),
        version: alert.version,
        state: state.into(),
        level: level(alert.level).into(),
        rule_id: alert.rule.0.clone(),
        rule_version: alert.rule.1,
        title: details.title.clone(),
        scope: scope(alert.scope).into(),
        key: alert.key.clone(),
        key_name: details.key_name.clone(),
        signal: details.signal.map_or(pb::AlertSignal::Unspecified, signal).into(),
        occurrences: details.occurrences,
        evidence: details.evidence.as_ref().map(evidence),
        worst: details.worst.as_ref().map(evidence),
        raised_at: Some(timestamp(alert.raised_at)),
        last_at: Some(timestamp(details.last_at)),
        cleared_at: details.cleared_at.map(timestamp),
        told_roles: details.told.clone(),
        escalates_at: alert.escalates_at.map(timestamp),
        acknowledged: details.acknowledged.as_ref().map(act),
        resolved: details.resolved.as_ref().map(act),
        outcome: outcome.into(),
        person_ids: alert.people.iter().cloned().collect(),
        entries: alert.entries,
        etag: alert.etag(),
        incident_id: details.incident.clone().unwrap_or_default(),
    }
}

fn act(act: &Act) -> pb::AlertAct {
    pb::AlertAct {
        subject: act.subject.clone(),
        person_id: act.person.clone().unwrap_or_default(),
        at: Some(timestamp(act.at)),
        note: act.note.clone(),
    }
}

pub(super) fn entry(entry: &Entry) -> pb::AlertEntry {
    let kind = match entry.kind {
        EntryKind::Raised => pb::AlertEntryKind::Raised,
        EntryKind::Worsened => pb::AlertEntryKind::Worsened,
        EntryKind::Reported => pb::AlertEntryKind::Reported,
        EntryKind::Cleared => pb::AlertEntryKind::Cleared,
        EntryKind::Recurred => pb::AlertEntryKind::Recurred,
        EntryKind::Told => pb::AlertEntryKind::Told,
        EntryKind::Acknowledged => pb::AlertEntryKind::Acknowledged,
        EntryKind::Commented => pb::AlertEntryKind::Commented,
        EntryKind::Resolved => pb::AlertEntryKind::Resolved,
        EntryKind::Incident => pb::AlertEntryKind::Incident,
    };
    pb::AlertEntry {
        number: entry.number,
        kind: kind.into(),
        subject: entry.act.subject.clone(),
        person_id: entry.act.person.clone().unwrap_or_default(),
        at: Some(timestamp(entry.act.at)),
        text: entry.act.note.clone(),
        evidence: entry.evidence.as_ref().map(evidence),
        told_roles: entry.told.clone(),
    }
}
