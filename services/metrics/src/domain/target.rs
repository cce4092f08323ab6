//! Targets (目标): what a shop is to reach in a period, and what may happen to a target.

pub mod filter;
pub mod forecast;
pub mod goal;
pub mod progress;
pub mod tree;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::figure::DayRange;
use crate::domain::target::goal::Goal;
use crate::domain::target::tree::{Impossible, Override, Place, TeamPart, Tree};

/// Where a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetState {
    /// In force.
    Active,
    /// Over and summed up.
    Closed,
    /// Given up.
    Withdrawn,
}

impl TargetState {
    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Active, Self::Closed, Self::Withdrawn].into_iter().find(|state| state.name() == name)
    }
}

/// What parts are in proportion to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Weights given.
    Shares,
    /// How many members a team has; people and days alike.
    HeadCount,
    /// What was reached before.
    History,
    /// Hours given.
    RosterHours,
}

/// How one level is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelRule {
    /// In proportion to what.
    pub basis: Basis,
    /// Given weights, by team, person or day.
    pub weights: BTreeMap<String, i64>,
    /// Where weights by history come from; no measure takes the goal's own.
    pub history: Option<History>,
}

/// A range of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Which count.
    pub measure: Option<AnyMeasure>,
}

/// How a goal is split, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRule {
    /// Empty: all.
    pub teams: Vec<String>,
    /// Members as of this day.
    pub members_on: NaiveDate,
    /// Whether those who only lead take part.
    pub include_leads: bool,
    /// Over teams.
    pub team_level: LevelRule,
    /// Over a team's people.
    pub people_level: LevelRule,
    /// Over days.
    pub day_level: LevelRule,
}

/// A split with the weights that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Division {
    /// As it was asked for.
    pub rule: SplitRule,
    /// Who takes part.
    pub tree: Tree,
    /// What was set by hand.
    pub overrides: Vec<Override>,
}

/// 销售总结.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Where people fell short.
    pub shortcomings: String,
    /// What caused it.
    pub causes: String,
    /// What is done about it.
    pub improvements: String,
}

/// A target as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it stands.
    pub state: TargetState,
    /// What it is called.
    pub name: String,
    /// `None`: all shops together.
    pub shop: Option<String>,
    /// Its period.
    pub days: DayRange,
    /// What is to be reached.
    pub goal: Goal,
    /// Which definition actual figures follow.
    pub definition: (String, i32),
    /// Once it is split.
    pub division: Option<Division>,
    /// Once it is closed.
    pub summary: Option<Summary>,
    /// Who made this version.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// What can go wrong with targets.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is none that the caller may see.
    #[error("there is no target {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a target {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("target {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// That can't be done to a target in this state.
    #[error("target {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: TargetState,
    },
    /// Nothing is split yet.
    #[error("target {id} is not split yet")]
    NotSplit {
        /// Which.
        id: String,
    },
    /// There is no such split.
    #[error("{at} can't share their whole: {why}", at = .0.at, why = .0.why)]
    SplitImpossible(Impossible),
    /// Its period goes on.
    #[error("target {id} ends on {last}, which is not over yet")]
    NotOver {
        /// Which.
        id: String,
        /// Its last day.
        last: NaiveDate,
    },
}

impl Failure for TargetError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } => Kind::Contended,
            Self::State { .. } | Self::NotSplit { .. } | Self::SplitImpossible(_) | Self::NotOver { .. } => {
                Kind::Precondition
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "TARGET_NOT_FOUND",
            Self::Exists { .. } => "TARGET_EXISTS",
            Self::Changed { .. } => "TARGET_CHANGED",
            Self::State { .. } => "TARGET_STATE",
            Self::NotSplit { .. } => "TARGET_NOT_SPLIT",
            Self::SplitImpossible(_) => "SPLIT_IMPOSSIBLE",
            Self::NotOver { .. } => "TARGET_NOT_OVER",
        }
    }
}

type Result<T> = std::result::Result<T, TargetError>;

impl Target {
    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Its parts; none while it is not split.
    pub fn parts(&self) -> Result<Vec<TeamPart>> {
        let Some(division) = &self.division else { return Ok(Vec::new()) };
        division.tree.parts(&self.goal, &division.overrides).map_err(TargetError::SplitImpossible)
    }

    /// The same with another name and another value.
    pub fn update(self, name: String, goal: Goal) -> Result<Self> {
        Self { name, goal, ..self.active()? }.checked()
    }

    /// The same, split.
    pub fn split(self, rule: SplitRule, tree: Tree) -> Result<Self> {
        let division = Division { rule, tree, overrides: Vec::new() };
        Self { division: Some(division), ..self.active()? }.checked()
    }

    /// The same with a part set by hand, or no longer. `None`: there is no such part.
    pub fn set(self, place: Place, value: Option<i64>) -> Result<Option<Self>> {
        let mut next = self.active()?;
        let Some(division) = &mut next.division else { return Err(TargetError::NotSplit { id: next.id }) };
        if !division.tree.holds(&place, &next.goal) {
            return Ok(None);
        }
        division.overrides.retain(|set| set.place != place);
        division.overrides.extend(value.map(|value| Override { place, value }));
        next.checked().map(Some)
    }

    /// The same, summed up, on a business day.
    pub fn close(self, summary: Summary, today: NaiveDate) -> Result<Self> {
        let next = self.active()?;
        if today <= next.days.to {
            return Err(TargetError::NotOver { last: next.days.to, id: next.id });
        }
        Ok(Self { state: TargetState::Closed, summary: Some(summary), ..next })
    }

    /// The same, given up.
    pub fn withdraw(self) -> Result<Self> {
        Ok(Self { state: TargetState::Withdrawn, ..self.active()? })
    }

    /// The next version, by whom and when.
    pub fn changed(self, by: String, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, changed_by: by, changed_at: now, ..self }
    }

    fn active(self) -> Result<Self> {
        match self.state {
            TargetState::Active => Ok(self),
            state => Err(TargetError::State { id: self.id, state }),
        }
    }

    /// Itself, if it can be split.
    fn checked(self) -> Result<Self> {
        self.parts()?;
        Ok(self)
    }
}
