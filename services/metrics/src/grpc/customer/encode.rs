//! Customers from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::customer::care::CareState;
use crate::domain::customer::profile::Risk;
use crate::domain::customer::tier::{RiskRule, Threshold, Tier, TierRules};
use crate::domain::customers::{Customer, ListedCare, Repurchase, RepurchaseBuyer, TierCount};
use crate::domain::money::Currency;
use crate::grpc::encode::rate;
use crate::grpc::fact::encode_money;

pub(super) fn rules(rules: &TierRules, currency: &Currency) -> pb::TierRules {
    let (updated_by, updated_at) = rules.updated.clone().unzip();
    let content = &rules.content;
    pb::TierRules {
        version: rules.version,
        window_days: content.window_days,
        thresholds: content.thresholds.iter().map(|one| threshold(one, currency)).collect(),
        risk: Some(risk_rule(&content.risk)),
        repurchase_days: content.repurchase_days,
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
        etag: rules.etag(),
    }
}

fn threshold(threshold: &Threshold, currency: &Currency) -> pb::TierThreshold {
    pb::TierThreshold {
        tier: tier(threshold.tier).into(),
        orders_min: threshold.orders_min,
        net_amount_min: Some(encode_money(threshold.net_amount_min, currency)),
        active_days_max: threshold.active_days_max,
        months_min: threshold.months_min,
    }
}

fn risk_rule(rule: &RiskRule) -> pb::RiskRule {
    pb::RiskRule {
        orders_min: rule.orders_min,
        silent_days_min: rule.silent_days_min,
        gap_percent: rule.gap_percent,
        grievance_days: rule.grievance_days,
    }
}

fn tier(tier: Tier) -> pb::CustomerTier {
    match tier {
        Tier::New => pb::CustomerTier::New,
        Tier::Ordinary => pb::CustomerTier::Ordinary,
        Tier::Promising => pb::CustomerTier::Promising,
        Tier::Loyal => pb::CustomerTier::Loyal,
        Tier::Vip => pb::CustomerTier::Vip,
    }
}

pub(super) fn customer(customer: &Customer, currency: &Currency) -> pb::Customer {
    let profile = &customer.profile;
    let received = !profile.account.is_empty();
    pb::Customer {
        shop_id: customer.shop.clone(),
        customer_id: customer.id.clone(),
        tier: tier(profile.tier).into(),
        member_level: profile.member_level.clone(),
        account_id: profile.account.clone(),
        account_day: received.then(|| date(profile.account_day)),
        first_seen: Some(date(profile.first_seen)),
        last_seen: Some(date(profile.last_seen)),
        last_paid: profile.last_paid.map(date),
        orders: profile.orders,
        net_amount: Some(encode_money(profile.net_amount, currency)),
        months: profile.months,
        orders_ever: profile.orders_ever,
        risk: profile.risk.map(risk),
        rules_version: profile.rules_version,
        cared_for: customer.cared_for,
    }
}

fn risk(risk: Risk) -> pb::CustomerRisk {
    match risk {
        Risk::Overdue { since, usual_gap_days, limit_days } => pb::CustomerRisk {
            kind: pb::CustomerRiskKind::Overdue.into(),
            since: Some(date(since)),
            usual_gap_days,
            limit_days,
        },
        Risk::Grievance { since } => pb::CustomerRisk {
            kind: pb::CustomerRiskKind::Grievance.into(),
            since: Some(date(since)),
            ..pb::CustomerRisk::default()
        },
    }
}

pub(super) fn tier_count(count: TierCount, currency: &Currency) -> pb::TierCount {
    pb::TierCount {
        tier: tier(count.tier).into(),
        customers: count.customers,
        at_risk: count.at_risk,
        net_amount: Some(encode_money(count.net_amount, currency)),
    }
}

pub(super) fn care_task(listed: &ListedCare) -> pb::CareTask {
    let task = &listed.task;
    let state = match task.state {
        CareState::Open => pb::CareState::Open,
        CareState::Contacted => pb::CareState::Contacted,
        CareState::Skipped => pb::CareState::Skipped,
    };
    pb::CareTask {
        care_id: task.id.clone(),
        version: task.version,
        shop_id: task.candidate.shop.clone(),
        customer_id: task.candidate.customer.clone(),
        tier: tier(task.candidate.tier).into(),
        at_risk: task.candidate.at_risk,
        person_id: task.person.clone(),
        purpose: task.purpose.clone(),
        assigned_day: Some(date(task.assigned_day)),
        due_day: Some(date(task.due_day)),
        state: state.into(),
        overdue: listed.overdue,
        note: task.note.clone(),
        contacted_at: task.contacted_at.map(timestamp),
        changed_by: task.changed.0.clone(),
        changed_at: Some(timestamp(task.changed.1)),
        etag: task.etag(),
    }
}

pub(super) fn repurchase_buyer(buyer: RepurchaseBuyer) -> pb::RepurchaseBuyer {
    let (returned_order_id, returned_day) = buyer.returned.unzip();
    pb::RepurchaseBuyer {
        shop_id: buyer.shop,
        customer_id: buyer.customer,
        order_id: buyer.first.0,
        paid_day: Some(date(buyer.first.1)),
        account_id: buyer.account,
        returned_order_id: returned_order_id.unwrap_or_default(),
        returned_day: returned_day.map(date),
        waiting: buyer.waiting,
    }
}

pub(super) fn repurchase(row: Repurchase) -> pb::Repurchase {
    pb::Repurchase {
        key: row.key,
        name: row.name,
        rate: Some(rate(row.returned, row.buyers)),
        waiting: row.waiting,
    }
}
