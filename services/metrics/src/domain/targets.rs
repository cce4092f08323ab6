//! The use cases of targets.

mod division;

use std::collections::HashMap;

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use status::Violation;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::campaigns::or_made;
use crate::domain::figure::{DayRange, DefinitionRef, Group};
use crate::domain::money::Currency;
use crate::domain::reach::Reached;
use crate::domain::target::filter::TargetFilter;
use crate::domain::target::forecast::{Forecast, history};
use crate::domain::target::goal::Goal;
use crate::domain::target::progress::{self, Row, rows};
use crate::domain::target::tree::{Place, TeamNode, TeamPart};
use crate::domain::target::{SplitRule, Summary, Target, TargetError, TargetState};
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;
use crate::store::{Actual, ActualQuery, TargetCursor};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Targets {
    metrics: Metrics,
}

/// A target to set.
#[derive(Debug)]
pub struct NewTarget {
    /// Empty: made.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `None`: all shops together.
    pub shop: Option<String>,
    /// Its period.
    pub days: DayRange,
    /// What is to be reached.
    pub goal: Goal,
    /// Which definition actual figures follow.
    pub definition: DefinitionRef,
}

/// A target with the parts that the caller sees.
#[derive(Debug)]
pub struct Seen {
    /// The target.
    pub target: Target,
    /// Only people whom the caller reaches; a team's own part only if all of its people are.
    pub parts: Vec<TeamPart>,
    /// Who they are.
    pub reached: Reached,
}

impl Seen {
    /// The teams all of whose people the caller reaches: their own parts are shown too.
    pub fn whole_teams(&self) -> Vec<&str> {
        let teams = self.target.division.iter().flat_map(|division| &division.tree.teams);
        let all = |node: &&TeamNode| node.people.iter().all(|(id, _)| self.reached.holds(id));
        teams.filter(all).map(|node| node.team.as_str()).collect()
    }
}

/// How far a target is.
#[derive(Debug)]
pub struct Progress {
    /// The target.
    pub target: Target,
    /// Through the end of this day.
    pub through: NaiveDate,
    /// What the caller sees.
    pub rows: Vec<Row>,
    /// Names of teams and people, by id.
    pub names: HashMap<String, String>,
    /// What the shop reached beside it.
    pub outside: Option<(i64, i64)>,
    /// What forecasts are made of.
    pub forecast: Forecast,
    /// Whether figures may still change.
    pub provisional: bool,
}

impl Targets {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// Sets a target.
    pub async fn create_target(&self, by: &By, scope: &Scope, new: NewTarget) -> Result<Seen> {
        // One version for the whole period: what is asked of people must not change its meaning on the way.
        let first = DayRange { from: new.days.from, to: new.days.from };
        let ruling = self.metrics.find_ruling(&scope.merchant, &new.definition, first).await?;
        let definition = ruling.on(new.days.from);
        let target = Target {
            id: or_made(new.id),
            version: 1,
            state: TargetState::Active,
            name: new.name,
            shop: new.shop,
            days: new.days,
            goal: new.goal,
            definition: (definition.id.clone(), definition.version),
            division: None,
            summary: None,
            changed_by: by.caller.subject.clone(),
            changed_at: self.metrics.clock.now(),
        };
        let id = self.metrics.store.insert_target(by, &target).await?;
        self.get_target(scope, &id).await
    }

    /// A target in which the caller sees a part.
    pub async fn get_target(&self, scope: &Scope, id: &str) -> Result<Seen> {
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_target(scope, id, today).await?;
        let (target, reached) = found.ok_or_else(|| TargetError::NotFound { id: id.to_owned() })?;
        Ok(Seen { parts: seen(target.parts()?, &reached), target, reached })
    }

    /// A page of such targets.
    pub async fn list_targets(
        &self,
        scope: &Scope,
        filter: &TargetFilter,
        page: &PageRequest<TargetCursor>,
    ) -> Result<Page<Seen>> {
        let today = self.metrics.today(&scope.merchant).await?;
        let (targets, reached) = self.metrics.store.list_targets(scope, filter, today, page).await?;
        let seen = |target: Target| {
            let parts = seen(target.parts()?, &reached);
            Ok(Seen { parts, target, reached: reached.clone() })
        };
        let next_page_token = targets.next_page_token;
        let items = targets.items.into_iter().map(seen).collect::<Result<_>>()?;
        Ok(Page { items, next_page_token })
    }

    /// Changes name and goal.
    pub async fn update_target(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        name: String,
        goal: Goal,
    ) -> Result<Seen> {
        let decide = |target: Target| {
            if !target.goal.is_like(&goal) {
                return Err(kept("a goal stays of its kind: figure, direction, basis and currency").into());
            }
            Ok(target.update(name, goal)?)
        };
        self.change(by, scope, at, None, decide).await
    }

    /// Splits a target.
    pub async fn split_target(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        rule: impl FnOnce(&Target) -> SplitRule,
    ) -> Result<Seen> {
        let target = self.get_target(scope, at.0).await?.target;
        let rule = rule(&target);
        let tree = self.tree(scope, &target, &rule).await?;
        self.change(by, scope, at, None, |target| Ok(target.split(rule, tree)?)).await
    }

    /// Sets a part by hand, or takes that back.
    pub async fn override_part(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        place: Place,
        value: impl FnOnce(&Goal) -> Result<Option<i64>, Violation> + Send,
    ) -> Result<Seen> {
        let decide = |target: Target| {
            let value = value(&target.goal)?;
            let field = match place {
                Place::Team(_) => "team_id",
                Place::Person(_) => "person_id",
                Place::Day(..) => "day",
            };
            let missing = || Violation {
                field: field.to_owned(),
                description: "must name a part of the target".to_owned(),
            };
            Ok(target.set(place.clone(), value)?.ok_or_else(missing)?)
        };
        self.change(by, scope, at, Some(&place), decide).await
    }

    /// Sums a target up whose period is over.
    pub async fn close_target(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        summary: Summary,
    ) -> Result<Seen> {
        let today = self.metrics.today(&scope.merchant).await?;
        self.change(by, scope, at, None, |target| Ok(target.close(summary, today)?)).await
    }

    /// Gives a target up.
    pub async fn withdraw_target(&self, by: &By, scope: &Scope, at: (&str, &str)) -> Result<Seen> {
        self.change(by, scope, at, None, |target| Ok(target.withdraw()?)).await
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        place: Option<&Place>,
        decide: impl FnOnce(Target) -> Result<Target> + Send,
    ) -> Result<Seen> {
        let now = self.metrics.clock.now();
        self.metrics.store.update_target(by, scope, at, place, now, decide).await?;
        self.get_target(scope, at.0).await
    }

    /// How far a target is, through a day that is over.
    pub async fn get_progress(
        &self,
        scope: &Scope,
        id: &str,
        through: Option<NaiveDate>,
    ) -> Result<Progress> {
        let seen = self.get_target(scope, id).await?;
        let (target, reached) = (&seen.target, &seen.reached);
        let through = self.last_day(&scope.merchant, target, through).await?;
        // The same figures for whoever looks: what the caller may not see is left out afterwards.
        let whole = Scope::merchant(scope.merchant.clone());
        let range = DayRange { from: target.days.from, to: through };
        let people = self.actuals(&whole, target, range, Group::Person).await?;
        let shop = self.actuals(&whole, target, range, Group::Merchant).await?;
        let before = self.actuals(&whole, target, history(target.days), Group::Merchant).await?;
        let before = before.into_iter().map(|actual| (actual.day, actual.value.0)).collect();
        let forecast = Forecast::new(target.days, through, &before);
        let provisional = shop.iter().any(|actual| actual.provisional);
        let mut reached_by =
            progress::Reached { whole: reached.is_all().then(|| total(&shop)), ..Default::default() };
        for actual in people {
            let sum = reached_by.people.entry(actual.key).or_default();
            *sum = (sum.0 + actual.value.0, sum.1 + actual.value.1);
        }
        let whole_teams = seen.whole_teams();
        let sees = |part: &TeamPart| whole_teams.contains(&part.team.as_str());
        let (rows, outside) = rows(&target.goal, &seen.parts, &reached_by, through, &forecast, sees);
        let names = self.names(scope, &rows).await?;
        Ok(Progress { through, rows, names, outside, forecast, provisional, target: seen.target })
    }

    async fn last_day(
        &self,
        merchant: &MerchantId,
        target: &Target,
        through: Option<NaiveDate>,
    ) -> Result<NaiveDate> {
        let today = self.metrics.today(merchant).await?;
        let yesterday = today.pred_opt().unwrap_or(today);
        let through = through.unwrap_or_else(|| yesterday.min(target.days.to).max(target.days.from));
        if !(target.days.from..=target.days.to).contains(&through) {
            let description = "must be a day of the target".to_owned();
            return Err(Violation { field: "through".to_owned(), description }.into());
        }
        if through >= today {
            return Err(MetricsError::DayNotOver { day: through });
        }
        Ok(through)
    }

    async fn actuals(
        &self,
        scope: &Scope,
        target: &Target,
        range: DayRange,
        group: Group,
    ) -> Result<Vec<Actual>> {
        self.actuals_of(scope, target, target.goal.measure(), range, group).await
    }

    async fn actuals_of(
        &self,
        scope: &Scope,
        target: &Target,
        measure: AnyMeasure,
        range: DayRange,
        group: Group,
    ) -> Result<Vec<Actual>> {
        let (id, version) = &target.definition;
        let definition = DefinitionRef { id: id.clone(), version: Some(*version) };
        let wanted = ActualQuery {
            measure,
            ruling: self.metrics.find_ruling(&scope.merchant, &definition, range).await?,
            shop: target.shop.clone(),
            range,
            group,
            today: self.metrics.today(&scope.merchant).await?,
        };
        self.metrics.store.list_actuals(scope, wanted).await
    }

    async fn names(&self, scope: &Scope, rows: &[Row]) -> Result<HashMap<String, String>> {
        let ids = |of: fn(&Row) -> Option<&String>| {
            rows.iter().filter_map(of).map(String::as_str).collect::<Vec<_>>()
        };
        let store = &self.metrics.store;
        let people = store.list_names(scope, Group::Person, &ids(|row| row.person.as_ref())).await?;
        let teams = store.list_names(scope, Group::Team, &ids(|row| row.team.as_ref())).await?;
        Ok(teams.into_iter().chain(people).collect())
    }
}

fn total(actuals: &[Actual]) -> (i64, i64) {
    actuals.iter().fold((0, 0), |sum, actual| (sum.0 + actual.value.0, sum.1 + actual.value.1))
}

fn kept(why: &str) -> Violation {
    Violation { field: "goal".to_owned(), description: why.to_owned() }
}

/// The parts of people who are reached.
fn seen(parts: Vec<TeamPart>, reached: &Reached) -> Vec<TeamPart> {
    let part = |mut part: TeamPart| {
        part.people.retain(|person| reached.holds(&person.person));
        (reached.is_all() || !part.people.is_empty()).then_some(part)
    };
    parts.into_iter().filter_map(part).collect()
}
