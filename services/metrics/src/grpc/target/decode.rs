//! Targets from the wire to the domain.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use status::Violation;

use crate::domain::amount::Amount;
use crate::domain::explanation::Unit;
use crate::domain::figure::DayRange;
use crate::domain::money::Currency;
use crate::domain::target::filter::TargetFilter;
use crate::domain::target::goal::{Direction, Goal, IndicatorGoal, SalesBasis};
use crate::domain::target::tree::Place;
use crate::domain::target::{Basis, History, LevelRule, SplitRule, Summary, Target, TargetState};
use crate::domain::targets::NewTarget;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, day, definition_ref, id, invalid, measure, optional_id, range};

/// Longest period of a target, and longest history.
const TARGET_DAYS_MAX: i64 = 400;

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn new_target(message: &pb::CreateTargetRequest, currency: &Currency) -> Result<NewTarget> {
    check_no_nul("name", &message.name)?;
    let definition =
        pb::DefinitionRef { definition_id: id("definition_id", &message.definition_id)?, version: 0 };
    Ok(NewTarget {
        id: id("target_id", &message.target_id)?,
        name: message.name.clone(),
        shop: optional_id("shop_id", &message.shop_id)?,
        days: range("days", message.days.as_ref(), TARGET_DAYS_MAX)?,
        goal: goal(message.sales.as_ref(), message.indicator.as_ref(), currency)?,
        definition: definition_ref(Some(&definition)),
    })
}

pub(super) fn goal(
    sales: Option<&pb::SalesGoal>,
    indicator: Option<&pb::IndicatorGoal>,
    currency: &Currency,
) -> Result<Goal> {
    match (sales, indicator) {
        (Some(sales), None) => {
            let basis = match sales.basis() {
                pb::SalesBasis::Unspecified => return Err(invalid("sales.basis", "must be given")),
                pb::SalesBasis::Paid => SalesBasis::Paid,
                pb::SalesBasis::Ordered => SalesBasis::Ordered,
                pb::SalesBasis::Net => SalesBasis::Net,
            };
            let amount = amount("sales.amount", sales.amount.as_ref(), currency)?;
            if amount.minor == 0 {
                return Err(invalid("sales.amount", "must be more than nothing"));
            }
            Ok(Goal::Sales { amount, basis })
        }
        (None, Some(goal)) => Ok(Goal::Indicator(self::indicator("indicator", goal)?)),
        _ => Err(invalid("sales", "must be given, or indicator, and not both")),
    }
}

fn amount(field: &str, money: Option<&Money>, currency: &Currency) -> Result<Amount> {
    let money = money.ok_or_else(|| invalid(field, "must be given"))?;
    Ok(Amount::of(field, &money.currency_code, (money.units, money.nanos), currency)?)
}

/// A goal for a figure; `field` is where it stands.
pub(in crate::grpc) fn indicator(field: &str, goal: &pb::IndicatorGoal) -> Result<IndicatorGoal> {
    let direction = match goal.direction() {
        pb::GoalDirection::Unspecified => return Err(invalid(format!("{field}.direction"), "must be given")),
        pb::GoalDirection::AtLeast => Direction::AtLeast,
        pb::GoalDirection::AtMost => Direction::AtMost,
    };
    let measure = measure(goal.measure())
        .map_err(|_| invalid(format!("{field}.measure"), "must be a figure that there is"))?;
    Ok(IndicatorGoal::of(field, measure, direction, goal.value)?)
}

/// A part's value in the units of the goal.
pub(super) fn value(goal: &Goal, value: &pb::TargetValue) -> std::result::Result<i64, Violation> {
    let wrong = |field: &str, description: &str| {
        Err(Violation { field: format!("value.{field}"), description: description.to_owned() })
    };
    let one = (value.amount.as_ref(), value.count, value.level);
    match (goal, one) {
        (Goal::Sales { amount, .. }, (Some(given), None, None)) => {
            let (code, given) = (&given.currency_code, (given.units, given.nanos));
            Ok(Amount::of("value.amount", code, given, &amount.currency)?.minor)
        }
        (Goal::Sales { .. }, _) => wrong("amount", "must be given for a sales target, and nothing else"),
        (Goal::Indicator(goal), one) => match (goal.measure.unit(), one) {
            (Unit::Count, (None, Some(count), None)) if count >= 0 => Ok(count),
            (Unit::Count, _) => wrong("count", "must be given for a count, not negative, and nothing else"),
            (_, (None, None, Some(level))) => {
                Ok(IndicatorGoal::of("value", goal.measure, goal.direction, level)?.value)
            }
            _ => wrong("level", "must be given for a rate or time, and nothing else"),
        },
    }
}

pub(super) fn filter(message: &pb::ListTargetsRequest) -> Result<TargetFilter> {
    let days = message.days.as_ref();
    let state = |state| match state {
        pb::TargetState::Unspecified => None,
        pb::TargetState::Active => Some(TargetState::Active),
        pb::TargetState::Closed => Some(TargetState::Closed),
        pb::TargetState::Withdrawn => Some(TargetState::Withdrawn),
    };
    Ok(TargetFilter {
        days: days.map(|days| range("days", Some(days), i64::MAX)).transpose()?,
        shop: optional_id("shop_id", &message.shop_id)?,
        states: message.states().filter_map(state).collect(),
    })
}

pub(super) fn summary(summary: Option<&pb::TargetSummary>) -> Result<Summary> {
    let summary = summary.ok_or_else(|| invalid("summary", "must be given"))?;
    let decoded = Summary {
        shortcomings: summary.shortcomings.clone(),
        causes: summary.causes.clone(),
        improvements: summary.improvements.clone(),
    };
    check_no_nul("summary", &decoded)?;
    Ok(decoded)
}

/// Which part: the day of a person, a person's, or a team's.
pub(super) fn place(message: &pb::OverrideTargetPartRequest) -> Result<Place> {
    let on = message.day.as_ref().map(|on| day("day", Some(on))).transpose()?;
    let team = optional_id("team_id", &message.team_id)?;
    let person = optional_id("person_id", &message.person_id)?;
    match (team, person, on) {
        (Some(team), None, None) => Ok(Place::Team(team)),
        (None, Some(person), None) => Ok(Place::Person(person)),
        (None, Some(person), Some(day)) => Ok(Place::Day(person, day)),
        (None, _, _) => Err(invalid("person_id", "must be given, or team_id for a team's part")),
        (Some(_), ..) => Err(invalid("team_id", "must be alone: its own part is meant")),
    }
}

/// A split as it is asked for.
#[derive(Debug)]
pub(super) struct Split {
    teams: Vec<String>,
    members_on: Option<NaiveDate>,
    include_leads: bool,
    levels: [LevelRule; 3],
}

impl Split {
    /// The rule for a target.
    pub(super) fn rule(self, target: &Target) -> SplitRule {
        let [team_level, people_level, day_level] = self.levels;
        SplitRule {
            teams: self.teams,
            members_on: self.members_on.unwrap_or(target.days.from),
            include_leads: self.include_leads,
            team_level,
            people_level,
            day_level,
        }
    }
}

pub(super) fn split(split: Option<&pb::Split>) -> Result<Split> {
    let split = split.ok_or_else(|| invalid("split", "must be given"))?;
    let members_on = split.members_on.as_ref().map(|on| day("split.members_on", Some(on))).transpose()?;
    let teams = split.team_ids.iter().map(|team| id("split.team_ids", team)).collect::<Result<_>>()?;
    Ok(Split {
        teams,
        members_on,
        include_leads: split.include_leads,
        levels: [
            level("split.teams", split.teams.as_ref())?,
            level("split.people", split.people.as_ref())?,
            level("split.days", split.days.as_ref())?,
        ],
    })
}

fn level(field: &str, level: Option<&pb::SplitLevel>) -> Result<LevelRule> {
    let level = level.ok_or_else(|| invalid(field, "must be given"))?;
    let basis = match level.basis() {
        pb::SplitBasis::Unspecified => return Err(invalid(format!("{field}.basis"), "must be given")),
        pb::SplitBasis::Shares => Basis::Shares,
        pb::SplitBasis::HeadCount => Basis::HeadCount,
        pb::SplitBasis::History => Basis::History,
        pb::SplitBasis::RosterHours => Basis::RosterHours,
    };
    let given = matches!(basis, Basis::Shares | Basis::RosterHours);
    if given == level.weights.is_empty() {
        let description = if given { "must be given for this basis" } else { "must be empty for this basis" };
        return Err(invalid(format!("{field}.weights"), description));
    }
    if (basis == Basis::History) != level.history.is_some() {
        return Err(invalid(format!("{field}.history"), "must be given for history, and only for it"));
    }
    let mut weights = BTreeMap::new();
    for (at, weight) in level.weights.iter().enumerate() {
        let field = format!("{field}.weights[{at}].key");
        if weights.insert(id(&field, &weight.key)?, weight.weight).is_some() {
            return Err(invalid(field, "must not come twice"));
        }
    }
    let history =
        level.history.as_ref().map(|past| history(&format!("{field}.history"), past)).transpose()?;
    Ok(LevelRule { basis, weights, history })
}

fn history(field: &str, history: &pb::SplitHistory) -> Result<History> {
    let DayRange { from, to } = range(&format!("{field}.days"), history.days.as_ref(), TARGET_DAYS_MAX)?;
    let measure = match history.measure() {
        pb::Measure::Unspecified => None,
        given => Some(
            measure(given)
                .map_err(|_| invalid(format!("{field}.measure"), "must be a figure that there is"))?,
        ),
    };
    Ok(History { from, to, measure })
}
