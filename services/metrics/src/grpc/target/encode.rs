//! Targets from the domain to the wire.

use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::amount::Amount;
use crate::domain::target::forecast::Forecast;
use crate::domain::target::goal::{Direction, Goal, IndicatorGoal, SalesBasis};
use crate::domain::target::progress::Row;
use crate::domain::target::tree::{PersonPart, Tree, Value};
use crate::domain::target::{Basis, Division, LevelRule, Summary, Target, TargetState};
use crate::domain::targets::{Progress, Seen};
use crate::grpc::encode::{days, measure, rate};
use crate::outgoing;

/// A target with the parts that are seen; with their days if that was asked for.
pub(super) fn target(seen: &Seen, with_days: bool) -> pb::Target {
    let target = &seen.target;
    let state = match target.state {
        TargetState::Active => pb::TargetState::Active,
        TargetState::Closed => pb::TargetState::Closed,
        TargetState::Withdrawn => pb::TargetState::Withdrawn,
    };
    let (sales, indicator) = match &target.goal {
        Goal::Sales { amount, basis } => (Some(sales(amount, *basis)), None),
        Goal::Indicator(goal) => (None, Some(self::indicator(goal))),
    };
    pb::Target {
        target_id: target.id.clone(),
        version: target.version,
        state: state.into(),
        name: target.name.clone(),
        shop_id: target.shop.clone().unwrap_or_default(),
        days: Some(days(target.days.from, target.days.to)),
        sales,
        indicator,
        definition_id: target.definition.0.clone(),
        definition_version: target.definition.1,
        split: target.division.as_ref().map(|division| split(division, seen.reached.is_all())),
        parts: parts(seen, with_days),
        summary: target.summary.as_ref().map(summary),
        changed_by: target.changed_by.clone(),
        changed_at: Some(timestamp(target.changed_at)),
        etag: target.etag(),
    }
}

/// A goal for a figure.
pub(in crate::grpc) fn indicator(goal: &IndicatorGoal) -> pb::IndicatorGoal {
    let direction = match goal.direction {
        Direction::AtLeast => pb::GoalDirection::AtLeast,
        Direction::AtMost => pb::GoalDirection::AtMost,
    };
    pb::IndicatorGoal {
        measure: measure(goal.measure).into(),
        direction: direction.into(),
        value: goal.in_units(),
    }
}

fn sales(amount: &Amount, basis: SalesBasis) -> pb::SalesGoal {
    let basis = match basis {
        SalesBasis::Paid => pb::SalesBasis::Paid,
        SalesBasis::Ordered => pb::SalesBasis::Ordered,
        SalesBasis::Net => pb::SalesBasis::Net,
    };
    pb::SalesGoal { amount: Some(outgoing::campaign::money(amount)), basis: basis.into() }
}

fn summary(summary: &Summary) -> pb::TargetSummary {
    pb::TargetSummary {
        shortcomings: summary.shortcomings.clone(),
        causes: summary.causes.clone(),
        improvements: summary.improvements.clone(),
    }
}

/// Teams before their people. A team's own part is shown to who sees all of its people.
fn parts(seen: &Seen, with_days: bool) -> Vec<pb::TargetPart> {
    let target = &seen.target;
    let whole = seen.whole_teams();
    let mut parts = Vec::new();
    for part in &seen.parts {
        if whole.contains(&part.team.as_str()) {
            parts.push(self::part(target, &part.team, "", part.value));
        }
        for person in &part.people {
            let days = if with_days { day_parts(target, person) } else { Vec::new() };
            let part = self::part(target, &part.team, &person.person, person.value);
            parts.push(pb::TargetPart { days, ..part });
        }
    }
    parts
}

fn part(target: &Target, team: &str, person: &str, of: Value) -> pb::TargetPart {
    pb::TargetPart {
        team_id: team.to_owned(),
        person_id: person.to_owned(),
        value: Some(value(&target.goal, of.units)),
        overridden: of.overridden,
        days: Vec::new(),
    }
}

fn day_parts(target: &Target, person: &PersonPart) -> Vec<pb::TargetDayPart> {
    let part = |(day, of): &_| -> pb::TargetDayPart {
        let (day, of): (&chrono::NaiveDate, &Value) = (day, of);
        pb::TargetDayPart {
            day: Some(date(*day)),
            value: Some(value(&target.goal, of.units)),
            overridden: of.overridden,
        }
    };
    person.days.iter().map(part).collect()
}

/// A part's value, which is in the goal's units.
fn value(goal: &Goal, units: i64) -> pb::TargetValue {
    let mut value = pb::TargetValue::default();
    match goal {
        Goal::Sales { amount, .. } => {
            let amount = Amount { currency: amount.currency.clone(), minor: units };
            let money: Money = outgoing::campaign::money(&amount);
            value.amount = Some(money);
        }
        Goal::Indicator(_) if goal.adds_up() => value.count = Some(units),
        Goal::Indicator(goal) => value.level = Some(IndicatorGoal { value: units, ..*goal }.in_units()),
    }
    value
}

/// How a target is split; weights only for who reaches everyone.
fn split(division: &Division, with_weights: bool) -> pb::Split {
    let rule = &division.rule;
    let tree = &division.tree;
    let used = |weights: Vec<(String, i64)>| if with_weights { weights } else { Vec::new() };
    pb::Split {
        team_ids: rule.teams.clone(),
        members_on: Some(date(rule.members_on)),
        include_leads: rule.include_leads,
        teams: Some(level(&rule.team_level, used(team_weights(tree)))),
        people: Some(level(&rule.people_level, used(people_weights(tree)))),
        days: Some(level(&rule.day_level, used(day_weights(tree)))),
    }
}

fn team_weights(tree: &Tree) -> Vec<(String, i64)> {
    tree.teams.iter().map(|node| (node.team.clone(), node.weight)).collect()
}

fn people_weights(tree: &Tree) -> Vec<(String, i64)> {
    tree.teams.iter().flat_map(|node| node.people.clone()).collect()
}

fn day_weights(tree: &Tree) -> Vec<(String, i64)> {
    tree.days.iter().map(|(day, weight)| (day.to_string(), *weight)).collect()
}

fn level(rule: &LevelRule, used: Vec<(String, i64)>) -> pb::SplitLevel {
    let basis = match rule.basis {
        Basis::Shares => pb::SplitBasis::Shares,
        Basis::HeadCount => pb::SplitBasis::HeadCount,
        Basis::History => pb::SplitBasis::History,
        Basis::RosterHours => pb::SplitBasis::RosterHours,
    };
    let history = rule.history.map(|history| pb::SplitHistory {
        days: Some(days(history.from, history.to)),
        measure: history.measure.map_or(pb::Measure::Unspecified, measure).into(),
    });
    let weights = used.into_iter().map(|(key, weight)| pb::SplitWeight { key, weight });
    pb::SplitLevel { basis: basis.into(), weights: weights.collect(), history }
}

pub(super) fn progress(progress: &Progress, row: &Row) -> pb::TargetProgress {
    let goal = &progress.target.goal;
    let id = row.person.as_ref().or(row.team.as_ref());
    pb::TargetProgress {
        team_id: row.team.clone().unwrap_or_default(),
        person_id: row.person.clone().unwrap_or_default(),
        name: id.and_then(|id| progress.names.get(id)).cloned().unwrap_or_default(),
        target: Some(value(goal, row.wanted)),
        target_to_date: Some(value(goal, row.wanted_to_date)),
        actual: Some(rate(row.actual.0, row.actual.1)),
        attainment_to_date: row.attainment_to_date,
        attainment: row.attainment,
        forecast: row.forecast.map(|units| value(goal, units)),
        forecast_reaches: row.forecast_reaches,
    }
}

pub(super) fn forecast(forecast: &Forecast) -> pb::TargetForecast {
    pb::TargetForecast {
        history: Some(days(forecast.history.from, forecast.history.to)),
        weekday_weights: forecast.weekday_weights.to_vec(),
        even: forecast.even,
        elapsed_weight: forecast.elapsed_weight,
        whole_weight: forecast.whole_weight,
    }
}
