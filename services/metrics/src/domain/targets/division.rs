//! Who takes part in a target, with which weight: by what was asked for, the directory and past figures.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use runtime::identity::Scope;
use status::Violation;

use crate::domain::Result;
use crate::domain::explanation::Unit;
use crate::domain::figure::{DayRange, Group};
use crate::domain::target::tree::{TeamNode, Tree};
use crate::domain::target::{Basis, LevelRule, SplitRule, Target};
use crate::domain::targets::Targets;
use crate::store::Actual;

/// Means of days are kept in thousandths, so that a weekday's small counts don't all round to the same.
const MEAN_SCALE: i64 = 1_000;

impl Targets {
    /// Who takes part, with weights by the rule.
    pub(super) async fn tree(&self, scope: &Scope, target: &Target, rule: &SplitRule) -> Result<Tree> {
        let store = &self.metrics.store;
        let members = store.list_members(scope, rule.members_on, &rule.teams, rule.include_leads).await?;
        if let Some(at) = rule.teams.iter().position(|team| !members.contains_key(team)) {
            let description = "must be a team with a member on that day".to_owned();
            return Err(Violation { field: format!("split.team_ids[{at}]"), description }.into());
        }
        let mut teams = self.weights(scope, target, &rule.team_level, Group::Team, "teams").await?;
        if rule.team_level.basis == Basis::HeadCount {
            teams = members.iter().map(|(team, people)| (team.clone(), people.len() as i64)).collect();
        }
        let people = self.weights(scope, target, &rule.people_level, Group::Person, "people").await?;
        let alone = rule.people_level.basis == Basis::HeadCount;
        let weigh = |person: String| {
            let weight = if alone { 1 } else { people.get(&person).copied().unwrap_or(0) };
            (person, weight)
        };
        let node = |(team, members): (String, Vec<String>)| TeamNode {
            weight: teams.get(&team).copied().unwrap_or(0),
            people: members.into_iter().map(weigh).collect(),
            team,
        };
        let named = |id: &String| members.contains_key(id);
        check_named("teams", &rule.team_level, named)?;
        check_named("people", &rule.people_level, |id| members.values().flatten().any(|held| held == id))?;
        let days = self.day_weights(scope, target, &rule.day_level).await?;
        Ok(Tree { teams: members.into_iter().map(node).collect(), days })
    }

    /// The weights of a level by id; nothing for head count.
    async fn weights(
        &self,
        scope: &Scope,
        target: &Target,
        level: &LevelRule,
        group: Group,
        name: &str,
    ) -> Result<BTreeMap<String, i64>> {
        match level.basis {
            Basis::Shares | Basis::RosterHours => Ok(level.weights.clone()),
            Basis::HeadCount => Ok(BTreeMap::new()),
            Basis::History => {
                let mut weights = BTreeMap::new();
                for actual in self.history_of(scope, target, level, group, name).await? {
                    *weights.entry(actual.key).or_default() += actual.value.0.max(0);
                }
                Ok(weights)
            }
        }
    }

    async fn day_weights(
        &self,
        scope: &Scope,
        target: &Target,
        level: &LevelRule,
    ) -> Result<Vec<(NaiveDate, i64)>> {
        let days = || target.days.from.iter_days().take_while(|day| *day <= target.days.to);
        check_named("days", level, |id| days().any(|day| day.to_string() == *id))?;
        match level.basis {
            Basis::HeadCount => Ok(days().map(|day| (day, 1)).collect()),
            Basis::Shares | Basis::RosterHours => {
                let weight = |day: NaiveDate| level.weights.get(&day.to_string()).copied().unwrap_or(0);
                Ok(days().map(|day| (day, weight(day))).collect())
            }
            Basis::History => {
                let reached = self.history_of(scope, target, level, Group::Merchant, "days").await?;
                let history = level.history.map(|history| DayRange { from: history.from, to: history.to });
                let means = weekday_means(&reached, history.unwrap_or(target.days));
                let weight = |day: NaiveDate| means[day.weekday().num_days_from_monday() as usize];
                Ok(days().map(|day| (day, weight(day))).collect())
            }
        }
    }

    async fn history_of(
        &self,
        scope: &Scope,
        target: &Target,
        level: &LevelRule,
        group: Group,
        name: &str,
    ) -> Result<Vec<Actual>> {
        let wrong = |field: &str, description: &str| Violation {
            field: format!("split.{name}.history{field}"),
            description: description.to_owned(),
        };
        let history = level.history.ok_or_else(|| wrong("", "must be given for this basis"))?;
        let measure = history.measure.unwrap_or_else(|| target.goal.measure());
        if measure.unit() != Unit::Count {
            return Err(wrong(".measure", "must be a count: nothing else can be shared").into());
        }
        let range = DayRange { from: history.from, to: history.to };
        self.actuals_of(scope, target, measure, range, group).await
    }
}

/// What each weekday reached on average, from Monday, in thousandths.
fn weekday_means(reached: &[Actual], range: DayRange) -> [i64; 7] {
    let (mut totals, mut days) = ([0i64; 7], [0i64; 7]);
    let weekday = |day: NaiveDate| day.weekday().num_days_from_monday() as usize;
    range.from.iter_days().take_while(|day| *day <= range.to).for_each(|day| days[weekday(day)] += 1);
    reached.iter().for_each(|actual| totals[weekday(actual.day)] += actual.value.0.max(0));
    std::array::from_fn(|at| totals[at].saturating_mul(MEAN_SCALE) / days[at].max(1))
}

/// Weights must be somebody's: a misspelt id would silently get nothing.
fn check_named(name: &str, level: &LevelRule, holds: impl Fn(&String) -> bool) -> Result<(), Violation> {
    match level.weights.keys().find(|id| !holds(id)) {
        None => Ok(()),
        Some(id) => Err(Violation {
            field: format!("split.{name}.weights"),
            description: format!("must only name who takes part; {id} does not"),
        }),
    }
}
