//! Rules of alerts: what gives alarm, whom it concerns, who is told when.

use calendar::MerchantCalendar;
use chrono::{DateTime, TimeDelta, Utc};
use proto::access::Role;
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::alert::error::AlertError;
use crate::domain::alert::like::LikeTrigger;
use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Unit;
use crate::domain::figure::{Filter, Group};

/// Rules that a merchant may have put, versions of one counted once.
pub const RULES_MAX: usize = 200;

/// Weeks that a figure can be held against.
const WEEKS_MAX: u32 = 12;
/// The largest threshold.
const VALUE_MAX: f64 = 1e12;

/// How bad it is: 一级, 二级, 三级预警.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A potential risk.
    Potential,
    /// A local crisis.
    Local,
    /// A major crisis.
    Major,
}

impl Level {
    /// The number in rows, 1 to 3.
    pub fn number(self) -> i32 {
        match self {
            Self::Potential => 1,
            Self::Local => 2,
            Self::Major => 3,
        }
    }

    /// The level of a row.
    pub fn of(number: i32) -> Option<Self> {
        [Self::Potential, Self::Local, Self::Major].into_iter().find(|level| level.number() == number)
    }
}

/// Whose figures are looked at, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertScope {
    /// Each person.
    Agent,
    /// Each team.
    Team,
    /// Each shop.
    Shop,
}

impl AlertScope {
    const ALL: [Self; 3] = [Self::Agent, Self::Team, Self::Shop];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Shop => "shop",
        }
    }

    /// The scope of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// What figures are added up by.
    pub fn group(self) -> Group {
        match self {
            Self::Agent => Group::Person,
            Self::Team => Group::Team,
            Self::Shop => Group::Shop,
        }
    }
}

/// What people report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "alert.proto explains each under the same name")]
pub enum Signal {
    BadReviews,
    Logistics,
    Questions,
    Returns,
    Complaints,
    PublicAnger,
    Media,
    PlatformPenalty,
    CollectiveClaim,
    Product,
}

/// Which way a figure gives alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// By being, or becoming, high.
    High,
    /// By being, or becoming, low.
    Low,
}

/// What of a figure is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Its value.
    Value,
    /// The count above its line.
    Numerator,
}

/// The time that a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Business days.
    Days(u32),
    /// Whole hours of the clock.
    Hours(u32),
}

/// When a figure gives alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// At a value.
    Threshold {
        /// On this side of it.
        side: Side,
        /// In the figure's own unit.
        value: f64,
    },
    /// At a change against the median of the weeks before.
    Change {
        /// This way.
        side: Side,
        /// By this share of it or more.
        ratio: f64,
        /// How many weeks.
        weeks: u32,
    },
    /// When it is unusual against the weeks before.
    Anomaly {
        /// This way; `None`: either.
        side: Option<Side>,
        /// Beyond this robust z.
        z: f64,
        /// How many weeks.
        weeks: u32,
    },
}

impl Condition {
    /// Which way it gives alarm; `None`: either.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Threshold { side, .. } | Self::Change { side, .. } => Some(*side),
            Self::Anomaly { side, .. } => *side,
        }
    }

    /// How many weeks it looks back.
    pub fn weeks(&self) -> u32 {
        match self {
            Self::Threshold { .. } => 0,
            Self::Change { weeks, .. } | Self::Anomaly { weeks, .. } => *weeks,
        }
    }
}

/// A trigger by a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FigureTrigger {
    /// Which.
    pub measure: AnyMeasure,
    /// What of it.
    pub basis: Basis,
    /// Over which time.
    pub window: Window,
    /// With less than that nothing is said.
    pub sample_min: i64,
    /// When.
    pub condition: Condition,
}

impl FigureTrigger {
    /// What a value of it is.
    pub fn unit(&self) -> Unit {
        match self.basis {
            Basis::Value => self.measure.unit(),
            Basis::Numerator => Unit::Count,
        }
    }

    /// Whether only days that are over can be looked at: a day's count is low in the morning.
    pub fn needs_whole_days(&self) -> bool {
        self.unit() == Unit::Count && self.condition.side() != Some(Side::High)
    }
}

/// What gives alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A figure.
    Figure(FigureTrigger),
    /// Complaints that are alike.
    LikeComplaints(LikeTrigger),
    /// Somebody's report.
    Reported(Signal),
}

/// Who is told when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStep {
    /// Number of the role.
    pub role: i32,
    /// After it was raised.
    pub after_minutes: i32,
}

/// When nobody is told, in minutes of the merchant's clock; may pass midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// From this one on.
    pub from_minute: i32,
    /// Until this one.
    pub to_minute: i32,
}

impl QuietHours {
    /// The instant itself, or the end of the quiet hours that it falls into.
    fn after(self, at: DateTime<Utc>, calendar: &MerchantCalendar) -> DateTime<Utc> {
        let seconds = calendar.local_seconds(at);
        let (from, to) = (i64::from(self.from_minute) * 60, i64::from(self.to_minute) * 60);
        let is_quiet = match from <= to {
            true => (from..to).contains(&seconds),
            false => seconds >= from || seconds < to,
        };
        if !is_quiet {
            return at;
        }
        at + TimeDelta::seconds((to - seconds).rem_euclid(24 * 60 * 60))
    }
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// What people call it.
    pub name: String,
    /// Why there is such a rule.
    pub description: String,
    /// How bad it is.
    pub level: Level,
    /// Whose figures.
    pub scope: AlertScope,
    /// Only these; empty: all.
    pub keys: Vec<String>,
    /// Only what happened in these shops; empty: in all.
    pub shops: Vec<String>,
    /// What gives alarm.
    pub trigger: Trigger,
    /// From the nearest to the highest.
    pub steps: Vec<AlertStep>,
    /// When nobody is told.
    pub quiet: Option<QuietHours>,
    /// Whether it is looked at.
    pub enabled: bool,
}

impl Content {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |field: &str, description: &str| {
            Err(Violation { field: format!("content.{field}"), description: description.to_owned() })
        };
        if self.name.trim().is_empty() {
            return wrong("name", "must say something");
        }
        let mut last = 0;
        for (at, step) in self.steps.iter().enumerate() {
            if step.after_minutes < last {
                return wrong(&format!("steps[{at}].after_minutes"), "must not be less than the step before");
            }
            last = step.after_minutes;
            let role = Role::try_from(step.role).unwrap_or(Role::Unspecified);
            let near: &[AlertScope] = match role {
                Role::Agent | Role::SeniorAgent => &[AlertScope::Agent],
                Role::Lead => &[AlertScope::Agent, AlertScope::Team],
                _ => &AlertScope::ALL,
            };
            if !near.contains(&self.scope) {
                return wrong(&format!("steps[{at}].role"), "would not see alerts of this scope");
            }
        }
        if self.quiet.is_some_and(|quiet| quiet.from_minute == quiet.to_minute) {
            return wrong("quiet_hours", "must not be the whole day");
        }
        if self.scope == AlertScope::Shop && !self.shops.is_empty() {
            return wrong("shop_ids", "must be empty for shops: keys say which");
        }
        match &self.trigger {
            Trigger::Reported(_) if self.scope != AlertScope::Shop => {
                wrong("scope", "must be a shop for reports")
            }
            Trigger::Reported(_) => Ok(()),
            Trigger::LikeComplaints(_) if self.scope != AlertScope::Shop => {
                wrong("scope", "must be a shop for complaints that are alike")
            }
            Trigger::LikeComplaints(like) => like.check(),
            Trigger::Figure(figure) => self.check_figure(figure),
        }
    }

    fn check_figure(&self, figure: &FigureTrigger) -> Result<(), Violation> {
        let wrong = |field: &str, description: &str| {
            let (field, description) = (format!("content.figure.{field}"), description.to_owned());
            Err(Violation { field, description })
        };
        if matches!((figure.window, figure.measure), (Window::Hours(_), AnyMeasure::Timelines(_))) {
            return wrong("window.hours", "can only be had for figures of conversations");
        }
        match figure.window {
            Window::Days(days) if !(1..=31).contains(&days) => {
                return wrong("window.days", "must be 1 to 31");
            }
            Window::Hours(hours) if !(1..=12).contains(&hours) => {
                return wrong("window.hours", "must be 1 to 12");
            }
            _ => {}
        }
        if figure.condition.weeks() > WEEKS_MAX {
            return wrong("weeks", "must not be more than 12");
        }
        match figure.condition {
            Condition::Threshold { value, .. } if !(0.0..=VALUE_MAX).contains(&value) => {
                wrong("threshold.value", "must be 0 to 1000000000000")
            }
            Condition::Change { ratio, .. } if !(ratio > 0.0 && ratio <= 100.0) => {
                wrong("change.ratio", "must be more than 0 and not more than 100")
            }
            Condition::Anomaly { z, .. } if !(z > 0.0 && z <= 100.0) => {
                wrong("anomaly.z", "must be more than 0 and not more than 100")
            }
            Condition::Change { side: Side::Low, ratio, .. } if ratio > 1.0 => {
                wrong("change.ratio", "must not be more than 1 for a fall")
            }
            Condition::Anomaly { weeks, .. } if weeks < 5 => {
                wrong("anomaly.weeks", "must be at least 5: fewer say nothing")
            }
            _ => Ok(()),
        }
    }

    /// The figures that are looked at.
    pub fn filter(&self) -> Filter {
        let keys = || self.keys.clone();
        match self.scope {
            AlertScope::Agent => Filter { persons: keys(), shops: self.shops.clone(), ..Filter::default() },
            AlertScope::Team => Filter { teams: keys(), shops: self.shops.clone(), ..Filter::default() },
            AlertScope::Shop => Filter { shops: keys(), ..Filter::default() },
        }
    }

    /// When each step is due for an alert raised then. One raised in quiet hours begins at their end: whoever is told
    /// first has as long as by day.
    pub fn due(
        &self,
        step: usize,
        raised_at: DateTime<Utc>,
        calendar: &MerchantCalendar,
    ) -> Option<DateTime<Utc>> {
        let waits = |at| self.quiet.map_or(at, |quiet| quiet.after(at, calendar));
        Some(waits(waits(raised_at) + TimeDelta::minutes(self.steps.get(step)?.after_minutes.into())))
    }
}

/// A rule in a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in the merchant.
    pub id: String,
    /// Grows with each change; 0 for a built-in one that was never changed.
    pub version: i32,
    /// What it says.
    pub content: Content,
    /// Whether this version took it out of force.
    pub deleted: bool,
    /// Who put this version; empty for a built-in one.
    pub updated_by: String,
    /// When; `None` for a built-in one.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Rule {
    /// What must be passed back to change it.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The next version, by whoever read this one; `None` takes it out of force.
    pub fn next(
        self,
        etag: &str,
        change: Option<Content>,
        (by, at): (&str, DateTime<Utc>),
    ) -> Result<Self, AlertError> {
        if self.etag() != etag {
            return Err(AlertError::RuleChanged { id: self.id });
        }
        Ok(Self {
            version: self.version + 1,
            deleted: change.is_none(),
            content: change.unwrap_or(self.content),
            updated_by: by.to_owned(),
            updated_at: Some(at),
            id: self.id,
        })
    }
}

#[cfg(test)]
mod tests;
