//! Customers from the wire to the domain.

use proto::metrics::v1 as pb;

use crate::domain::amount::Amount;
use crate::domain::customer::care::CareState;
use crate::domain::customer::filter::{CareFilter, CustomerFilter, CustomerRiskKind};
use crate::domain::customer::tier::{RiskRule, RuleSet, Threshold, Tier};
use crate::domain::customers::ShareOut;
use crate::domain::money::Currency;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, id, invalid};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn rules(rules: Option<&pb::TierRules>, currency: &Currency) -> Result<RuleSet> {
    let rules = rules.ok_or_else(|| invalid("rules", "must be given"))?;
    let risk = rules.risk.as_ref().ok_or_else(|| invalid("rules.risk", "must be given"))?;
    let threshold = |(at, threshold): (usize, &pb::TierThreshold)| {
        let field = format!("rules.thresholds[{at}].net_amount_min");
        let money = threshold.net_amount_min.as_ref().ok_or_else(|| invalid(&field, "must be given"))?;
        let amount = Amount::of(&field, &money.currency_code, (money.units, money.nanos), currency)?;
        let unknown = || invalid(format!("rules.thresholds[{at}].tier"), "must be given");
        Ok(Threshold {
            tier: tier(threshold.tier()).ok_or_else(unknown)?,
            orders_min: threshold.orders_min,
            net_amount_min: amount.minor,
            active_days_max: threshold.active_days_max,
            months_min: threshold.months_min,
        })
    };
    Ok(RuleSet {
        window_days: rules.window_days,
        thresholds: rules.thresholds.iter().enumerate().map(threshold).collect::<Result<_>>()?,
        risk: RiskRule {
            orders_min: risk.orders_min,
            silent_days_min: risk.silent_days_min,
            gap_percent: risk.gap_percent,
            grievance_days: risk.grievance_days,
        },
        repurchase_days: rules.repurchase_days,
    })
}

fn tier(tier: pb::CustomerTier) -> Option<Tier> {
    match tier {
        pb::CustomerTier::Unspecified => None,
        pb::CustomerTier::New => Some(Tier::New),
        pb::CustomerTier::Ordinary => Some(Tier::Ordinary),
        pb::CustomerTier::Promising => Some(Tier::Promising),
        pb::CustomerTier::Loyal => Some(Tier::Loyal),
        pb::CustomerTier::Vip => Some(Tier::Vip),
    }
}

/// With `at_risk` customers with any risk, unless the filter names some.
pub(super) fn filter(filter: Option<&pb::CustomerFilter>, at_risk: bool) -> Result<CustomerFilter> {
    let risk = |risk| match risk {
        pb::CustomerRiskKind::Unspecified => None,
        pb::CustomerRiskKind::Overdue => Some(CustomerRiskKind::Overdue),
        pb::CustomerRiskKind::Grievance => Some(CustomerRiskKind::Grievance),
    };
    let mut found = match filter {
        None => CustomerFilter::default(),
        Some(filter) => CustomerFilter {
            shops: filter.shop_ids.clone(),
            tiers: filter.tiers().filter_map(tier).collect(),
            risks: filter.risks().filter_map(risk).collect(),
            accounts: filter.account_ids.clone(),
        },
    };
    check_no_nul("filter.shop_ids", &found.shops)?;
    check_no_nul("filter.account_ids", &found.accounts)?;
    if at_risk && found.risks.is_empty() {
        found.risks = CustomerRiskKind::ALL.to_vec();
    }
    Ok(found)
}

pub(super) fn share_out(message: &pb::ShareOutCareRequest) -> Result<ShareOut> {
    if message.purpose.trim().is_empty() || message.purpose.chars().any(char::is_control) {
        return Err(invalid("purpose", "must be a line that says something"));
    }
    let person = |(at, person): (usize, &String)| id(&format!("person_ids[{at}]"), person);
    Ok(ShareOut {
        filter: filter(message.filter.as_ref(), message.at_risk)?,
        limit: message.limit.into(),
        people: message.person_ids.iter().enumerate().map(person).collect::<Result<_>>()?,
        purpose: message.purpose.clone(),
    })
}

fn care_state(state: pb::CareState) -> Option<CareState> {
    match state {
        pb::CareState::Unspecified => None,
        pb::CareState::Open => Some(CareState::Open),
        pb::CareState::Contacted => Some(CareState::Contacted),
        pb::CareState::Skipped => Some(CareState::Skipped),
    }
}

pub(super) fn care_filter(message: &pb::ListCareTasksRequest) -> Result<CareFilter> {
    check_no_nul("person_ids", &message.person_ids)?;
    Ok(CareFilter {
        people: message.person_ids.clone(),
        states: message.states().filter_map(care_state).collect(),
        overdue: message.overdue,
    })
}

pub(super) fn outcome(message: &pb::RecordCareRequest) -> Result<CareState> {
    if message.note.trim().is_empty() {
        return Err(invalid("note", "must say what came of it, or why not"));
    }
    let outcome = care_state(message.state()).filter(|state| *state != CareState::Open);
    outcome.ok_or_else(|| invalid("state", "must be CONTACTED or SKIPPED"))
}
