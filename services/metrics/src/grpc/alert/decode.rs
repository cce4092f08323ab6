//! Alerts from the wire to the domain.

use proto::access::Role;
use proto::metrics::v1 as pb;

use crate::domain::alert::filter::AlertFilter;
use crate::domain::alert::like::{LikeTrigger, Likeness};
use crate::domain::alert::rule::{
    AlertScope, AlertStep, Basis, Condition, Content, FigureTrigger, Level, QuietHours, Side, Signal,
    Trigger, Window,
};
use crate::domain::alert::{AlertState, Outcome, Report};
use crate::domain::alerts::RuleFilter;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, id, invalid, measure, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

/// What a change is held against, if nothing else is said.
const CHANGE_WEEKS: u32 = 4;
/// The same for an anomaly.
const ANOMALY_WEEKS: u32 = 8;
const ANOMALY_Z: f64 = 3.5;
/// When complaints that are alike give alarm, if nothing else is said.
const LIKE_HOURS: u32 = 24;
const LIKE_COMPLAINTS: u32 = 3;

pub(super) fn content(content: Option<&pb::AlertRuleContent>) -> Result<Content> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let trigger = match (&content.figure, signal(content.signal()), &content.like_complaints) {
        (Some(sent), None, None) => Trigger::Figure(figure(sent)?),
        (None, Some(signal), None) => Trigger::Reported(signal),
        (None, None, Some(sent)) => Trigger::LikeComplaints(like_complaints(sent)?),
        (None, None, None) => {
            return Err(invalid("content.figure", "must be given, or a signal, or like_complaints"));
        }
        (_, _, Some(_)) => {
            return Err(invalid("content.like_complaints", "must not be given with a figure or signal"));
        }
        (Some(_), Some(_), None) => return Err(invalid("content.signal", "must not be given with a figure")),
    };
    let step = |step: &pb::AlertStep| AlertStep { role: step.role, after_minutes: step.after_minutes };
    let quiet =
        |quiet: &pb::QuietHours| QuietHours { from_minute: quiet.from_minute, to_minute: quiet.to_minute };
    let decoded = Content {
        name: content.name.clone(),
        description: content.description.clone(),
        level: level(content.level()).ok_or_else(|| invalid("content.level", "must be given"))?,
        scope: scope(content.scope()).ok_or_else(|| invalid("content.scope", "must be given"))?,
        keys: content.keys.clone(),
        shops: content.shop_ids.clone(),
        trigger,
        steps: content.steps.iter().map(step).collect(),
        quiet: content.quiet_hours.as_ref().map(quiet),
        enabled: content.enabled,
    };
    check_no_nul("content", &decoded)?;
    Ok(decoded)
}

fn like_complaints(sent: &pb::AlertLikeComplaints) -> Result<LikeTrigger> {
    let likeness = match sent.likeness() {
        pb::AlertLikeness::Unspecified => {
            return Err(invalid("content.like_complaints.likeness", "must be given"));
        }
        pb::AlertLikeness::Cause => Likeness::Cause,
        pb::AlertLikeness::Product => Likeness::Product,
        pb::AlertLikeness::CauseAndProduct => Likeness::CauseAndProduct,
    };
    let or = |sent: i32, usual: u32| if sent == 0 { usual } else { unsigned(sent) };
    Ok(LikeTrigger {
        likeness,
        window_hours: or(sent.window_hours, LIKE_HOURS),
        complaints_min: or(sent.complaints_min, LIKE_COMPLAINTS),
    })
}

fn figure(sent: &pb::AlertFigure) -> Result<FigureTrigger> {
    let at = |field: &str| format!("content.figure.{field}");
    let length = sent.window.map(|window| (unsigned(window.days), unsigned(window.hours)));
    let window = match length {
        Some((days, 0)) if days > 0 => Window::Days(days),
        Some((0, hours)) if hours > 0 => Window::Hours(hours),
        _ => return Err(invalid(at("window"), "must be either days or hours")),
    };
    let side = |field: &str, direction| {
        side(direction).ok_or_else(|| invalid(format!("content.figure.{field}.direction"), "must be given"))
    };
    let weeks = |sent: i32, usual: u32| if sent == 0 { usual } else { unsigned(sent) };
    let condition = match (&sent.threshold, &sent.change, &sent.anomaly) {
        (Some(sent), None, None) => {
            Condition::Threshold { side: side("threshold", sent.direction())?, value: sent.value }
        }
        (None, Some(sent), None) => Condition::Change {
            side: side("change", sent.direction())?,
            ratio: sent.ratio,
            weeks: weeks(sent.weeks, CHANGE_WEEKS),
        },
        (None, None, Some(sent)) => Condition::Anomaly {
            side: self::side(sent.direction()),
            z: if sent.z == 0.0 { ANOMALY_Z } else { sent.z },
            weeks: weeks(sent.weeks, ANOMALY_WEEKS),
        },
        _ => return Err(invalid("content.figure", "must have one of threshold, change and anomaly")),
    };
    let basis = match sent.basis() {
        pb::AlertBasis::Unspecified => Basis::Value,
        pb::AlertBasis::Numerator => Basis::Numerator,
    };
    Ok(FigureTrigger {
        measure: measure(sent.measure())?,
        basis,
        window,
        sample_min: sent.sample_min,
        condition,
    })
}

/// What is below 0 is too much everywhere.
fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn side(direction: pb::AlertDirection) -> Option<Side> {
    match direction {
        pb::AlertDirection::Unspecified => None,
        pb::AlertDirection::High => Some(Side::High),
        pb::AlertDirection::Low => Some(Side::Low),
    }
}

pub(in crate::grpc) fn level(level: pb::AlertLevel) -> Option<Level> {
    match level {
        pb::AlertLevel::Unspecified => None,
        pb::AlertLevel::Potential => Some(Level::Potential),
        pb::AlertLevel::Local => Some(Level::Local),
        pb::AlertLevel::Major => Some(Level::Major),
    }
}

fn scope(scope: pb::AlertScope) -> Option<AlertScope> {
    match scope {
        pb::AlertScope::Unspecified => None,
        pb::AlertScope::Agent => Some(AlertScope::Agent),
        pb::AlertScope::Team => Some(AlertScope::Team),
        pb::AlertScope::Shop => Some(AlertScope::Shop),
    }
}

pub(in crate::grpc) fn signal(signal: pb::AlertSignal) -> Option<Signal> {
    match signal {
        pb::AlertSignal::Unspecified => None,
        pb::AlertSignal::BadReviews => Some(Signal::BadReviews),
        pb::AlertSignal::Logistics => Some(Signal::Logistics),
        pb::AlertSignal::Questions => Some(Signal::Questions),
        pb::AlertSignal::Returns => Some(Signal::Returns),
        pb::AlertSignal::Complaints => Some(Signal::Complaints),
        pb::AlertSignal::PublicAnger => Some(Signal::PublicAnger),
        pb::AlertSignal::Media => Some(Signal::Media),
        pb::AlertSignal::PlatformPenalty => Some(Signal::PlatformPenalty),
        pb::AlertSignal::CollectiveClaim => Some(Signal::CollectiveClaim),
        pb::AlertSignal::Product => Some(Signal::Product),
    }
}

fn state(state: pb::AlertState) -> Option<AlertState> {
    match state {
        pb::AlertState::Unspecified => None,
        pb::AlertState::Open => Some(AlertState::Open),
        pb::AlertState::Acknowledged => Some(AlertState::Acknowledged),
        pb::AlertState::Resolved => Some(AlertState::Resolved),
    }
}

pub(super) fn outcome(outcome: pb::AlertOutcome) -> Result<Outcome> {
    match outcome {
        pb::AlertOutcome::Unspecified => Err(invalid("outcome", "must be given")),
        pb::AlertOutcome::Handled => Ok(Outcome::Handled),
        pb::AlertOutcome::Passed => Ok(Outcome::Passed),
        pb::AlertOutcome::FalseAlarm => Ok(Outcome::FalseAlarm),
    }
}

pub(super) fn report(message: &pb::ReportAlertRequest) -> Result<Report> {
    for (field, text) in [("title", &message.title), ("description", &message.description)] {
        check_no_nul(field, text)?;
    }
    if message.title.trim().is_empty() {
        return Err(invalid("title", "must say something"));
    }
    Ok(Report {
        signal: signal(message.signal()).ok_or_else(|| invalid("signal", "must be given"))?,
        shop: id("shop_id", &message.shop_id)?,
        title: message.title.clone(),
        description: message.description.clone(),
        reporter: None,
    })
}

pub(super) fn rule_filter(message: &pb::ListAlertRulesRequest) -> RuleFilter {
    RuleFilter { levels: message.levels().filter_map(level).collect(), enabled: message.enabled }
}

pub(super) fn filter(message: &pb::ListAlertsRequest) -> Result<AlertFilter> {
    Ok(AlertFilter {
        states: message.states().filter_map(state).collect(),
        levels: message.levels().filter_map(level).collect(),
        rule: optional_id("rule_id", &message.rule_id)?,
        scope: scope(message.scope()),
        key: optional_id("key", &message.key)?,
        told: Some(message.told_role).filter(|role| *role != i32::from(Role::Unspecified)),
    })
}
