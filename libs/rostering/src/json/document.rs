//! A problem as it stands in a JSON file. Field names are those of the [`model`](crate::Model); what is left out is empty or
//! without limit.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::days::{Day, Days};

pub(super) const FORMAT: &str = "jinpai.roster/1";

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Always [`FORMAT`].
    pub format: String,
    /// Date of day 0. This or `first_weekday` must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_day: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_weekday: Option<String>,
    pub days: usize,
    /// Saturday and Sunday if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekend: Option<Vec<String>>,
    /// Monday if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week_start: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub skills: Vec<String>,
    pub shifts: Vec<Shift>,
    pub people: Vec<Person>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub cover: Vec<Cover>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub demand: Vec<Demand>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub fairness: Vec<Fairness>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub pairings: Vec<Pairing>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shift {
    pub id: String,
    /// `HH:MM`.
    pub start: String,
    /// Minutes.
    pub length: u32,
    /// Minutes; `length` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_next_day: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub skills: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub id: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub skills: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: Rules,
    #[serde(default, skip_serializing_if = "is_default")]
    pub leave: Vec<Leave>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: Vec<Cell>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub banned: Vec<Cell>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub requests: Vec<Request>,
    /// Shift names, `-` for a day off; the last one is the day before day 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: Vec<String>,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// Left out: no caps at all. Shifts that aren't named have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<BTreeMap<String, u32>>,
    #[serde(skip_serializing_if = "is_default")]
    pub minutes_min: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes_max: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub week_minutes_min: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_minutes_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_days_max: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub work_run_min: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_run_max: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub off_run_min: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekends_max: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub rest_min: u32,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leave {
    pub days: Days,
    /// Minutes per day that count as worked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub counted: u32,
}

/// A fixed cell (`-` is a day off) or a banned one.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cell {
    pub days: Days,
    pub shift: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub days: Days,
    pub wish: Wish,
    /// Goes with `shift`, `not_shift` and `keep` (there `-` is a day off).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<String>,
    pub weight: i64,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wish {
    Shift,
    NotShift,
    Work,
    Off,
    Keep,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cover {
    pub days: Days,
    pub shift: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    pub required: u32,
    pub under: i64,
    pub over: i64,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demand {
    pub days: Days,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, up to `48:00`.
    pub to: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub shifts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    pub required: u32,
    pub under: i64,
    pub over: i64,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fairness {
    pub name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub shifts: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub days: Kind,
    pub shares: Vec<Share>,
    pub weight: i64,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Every,
    Weekend,
    Weekday,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Share {
    pub person: String,
    pub low: u32,
    pub high: u32,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pairing {
    pub trainee: String,
    pub mentor: String,
    /// The horizon's first day if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The horizon's last day if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
    pub weight: i64,
}
