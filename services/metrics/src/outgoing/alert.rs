//! Alerts in the words of the contracts, which events and answers share.

use chrono::{DateTime, Utc};
use events::{Event, Payload};
use proto::events::v1 as told;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::MerchantId;

use crate::domain::alert::Alert;
use crate::domain::alert::like::LikeComplaints;
use crate::domain::alert::rule::{AlertScope, Basis, Level, Signal};
use crate::domain::alert::trigger::{Baseline, Evidence};

/// Who is to be told of an alert now.
pub fn alert_raised(merchant: &MerchantId, alert: &Alert, roles: &[i32], now: DateTime<Utc>) -> Event {
    let details = &alert.details;
    let payload = told::AlertRaised {
        alert_id: alert.id.clone(),
        level: level(alert.level).into(),
        rule_id: alert.rule.0.clone(),
        rule_version: alert.rule.1,
        title: details.title.clone(),
        scope: scope(alert.scope).into(),
        key: alert.key.clone(),
        roles: roles.to_vec(),
        person_ids: alert.people.iter().cloned().collect(),
        evidence: details.evidence.as_ref().map(evidence),
        signal: details.signal.map_or(pb::AlertSignal::Unspecified, signal).into(),
        raised_at: Some(timestamp(alert.raised_at)),
        occurrences: details.occurrences,
    };
    let (entity, payload) = (format!("alert/{}", alert.id), Payload::AlertRaised(payload));
    events::event(merchant, entity, alert.version, now, payload)
}

pub fn level(level: Level) -> pb::AlertLevel {
    match level {
        Level::Potential => pb::AlertLevel::Potential,
        Level::Local => pb::AlertLevel::Local,
        Level::Major => pb::AlertLevel::Major,
    }
}

pub fn scope(scope: AlertScope) -> pb::AlertScope {
    match scope {
        AlertScope::Agent => pb::AlertScope::Agent,
        AlertScope::Team => pb::AlertScope::Team,
        AlertScope::Shop => pb::AlertScope::Shop,
    }
}

pub fn signal(signal: Signal) -> pb::AlertSignal {
    match signal {
        Signal::BadReviews => pb::AlertSignal::BadReviews,
        Signal::Logistics => pb::AlertSignal::Logistics,
        Signal::Questions => pb::AlertSignal::Questions,
        Signal::Returns => pb::AlertSignal::Returns,
        Signal::Complaints => pb::AlertSignal::Complaints,
        Signal::PublicAnger => pb::AlertSignal::PublicAnger,
        Signal::Media => pb::AlertSignal::Media,
        Signal::PlatformPenalty => pb::AlertSignal::PlatformPenalty,
        Signal::CollectiveClaim => pb::AlertSignal::CollectiveClaim,
        Signal::Product => pb::AlertSignal::Product,
    }
}

pub fn basis(basis: Basis) -> pb::AlertBasis {
    match basis {
        Basis::Value => pb::AlertBasis::Unspecified,
        Basis::Numerator => pb::AlertBasis::Numerator,
    }
}

pub fn evidence(evidence: &Evidence) -> pb::AlertEvidence {
    let name = format!("MEASURE_{}", evidence.measure.name());
    let period = evidence.period;
    let days = proto::common::v1::DayRange { from: Some(date(period.from)), to: Some(date(period.to)) };
    pb::AlertEvidence {
        measure: pb::Measure::from_str_name(&name).unwrap_or_default().into(),
        basis: basis(evidence.basis).into(),
        definition_version: evidence.definition_version,
        days: Some(days),
        from_hour: period.hours.map(|hours| hours.0.into()),
        to_hour: period.hours.map(|hours| hours.1.into()),
        numerator: evidence.sample.above,
        denominator: evidence.sample.below,
        value: evidence.value,
        limit: evidence.limit,
        baseline: evidence.baseline.map(baseline),
        read_at: Some(timestamp(evidence.read_at)),
        like: evidence.like.as_ref().map(like),
    }
}

fn like(like: &LikeComplaints) -> pb::LikeComplaints {
    pb::LikeComplaints {
        cause: like.cause.clone(),
        product_id: like.product.clone(),
        complaint_ids: like.complaints.clone(),
        customers: like.customers,
        first_at: Some(timestamp(like.first_at)),
        last_at: Some(timestamp(like.last_at)),
    }
}

fn baseline(baseline: Baseline) -> pb::AlertBaseline {
    let Baseline { median, windows, change, z } = baseline;
    pb::AlertBaseline { median, windows, change, z }
}
