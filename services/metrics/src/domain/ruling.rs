//! Which version of a definition rules which days.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::definition::{Definition, State};
use crate::domain::figure::{DayRange, DefinitionRef};
use crate::error::MetricsError;

/// The versions that rule a range of days, in the order of the days; no day is missing or ruled twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling(Vec<Ruled>);

/// A run of days under one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// The days.
    pub days: DayRange,
    /// The version.
    pub definition: Definition,
}

impl Ruling {
    /// The ruling over `range` by the merchant's `versions`. A version asked for by number rules all days; else each day
    /// is ruled by the ready version whose `valid_from` is the last one not after it, the higher of two.
    pub fn of(
        versions: &[Definition],
        wanted: &DefinitionRef,
        range: DayRange,
    ) -> Result<Self, MetricsError> {
        let named = |d: &&Definition| d.id == wanted.id && wanted.version.is_none_or(|v| v == d.version);
        let ready: Vec<&Definition> =
            versions.iter().filter(named).filter(|d| d.state == State::Ready).collect();
        let Some(newest) = ready.last() else {
            return Err(match versions.iter().rfind(named) {
                Some(d) => MetricsError::DefinitionBuilding { id: d.id.clone(), version: d.version },
                None => MetricsError::DefinitionNotFound { id: wanted.id.clone(), version: wanted.version },
            });
        };
        if wanted.version.is_some() {
            return Ok(Self(vec![Ruled { days: range, definition: (*newest).clone() }]));
        }
        let mut starts = BTreeSet::from([range.from]);
        starts.extend(
            ready.iter().filter_map(|d| d.valid_from).filter(|day| (range.from..=range.to).contains(day)),
        );
        let starts: Vec<NaiveDate> = starts.into_iter().collect();
        let mut ruled: Vec<Ruled> = Vec::new();
        for (at, from) in starts.iter().enumerate() {
            let to = starts.get(at + 1).and_then(NaiveDate::pred_opt).unwrap_or(range.to);
            let rules = ready.iter().filter(|d| d.valid_from.is_none_or(|since| since <= *from));
            let Some(definition) = rules.max_by_key(|d| (d.valid_from, d.version)) else {
                return Err(MetricsError::NoDefinitionInForce { id: wanted.id.clone(), day: *from });
            };
            match ruled.last_mut().filter(|last| last.definition.seq == definition.seq) {
                Some(last) => last.days.to = to,
                None => {
                    let days = DayRange { from: *from, to };
                    ruled.push(Ruled { days, definition: (*definition).clone() });
                }
            }
        }
        Ok(Self(ruled))
    }

    /// In the order of the days.
    pub fn spans(&self) -> &[Ruled] {
        &self.0
    }

    /// What rules a day; of days outside of the range what rules its nearest.
    pub fn on(&self, day: NaiveDate) -> &Definition {
        let at = self.0.partition_point(|ruled| ruled.days.to < day).min(self.0.len() - 1);
        &self.0[at].definition
    }

    /// The versions that rule days of `range`, in the order of the days.
    pub fn versions(&self, range: DayRange) -> Vec<i32> {
        let rules = |ruled: &&Ruled| ruled.days.from <= range.to && ruled.days.to >= range.from;
        self.0.iter().filter(rules).map(|ruled| ruled.definition.version).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn version(version: i32, valid_from: Option<&str>, state: State) -> Definition {
        let valid_from = valid_from.map(day);
        Definition { seq: version, version, valid_from, state, ..Definition::built_in() }
    }

    fn ruling(versions: &[Definition], wanted: Option<i32>) -> Result<Vec<(i32, String)>, String> {
        let wanted = DefinitionRef { id: "standard".to_owned(), version: wanted };
        let range = DayRange { from: day("2026-01-01"), to: day("2026-03-31") };
        let spans = |ruling: Ruling| {
            let days = |r: &Ruled| format!("{}..{}", r.days.from.format("%m-%d"), r.days.to.format("%m-%d"));
            ruling.spans().iter().map(|r| (r.definition.version, days(r))).collect()
        };
        Ruling::of(versions, &wanted, range).map(spans).map_err(|error| error.to_string())
    }

    #[test]
    fn a_day_is_ruled_by_the_last_version_that_began_before_it() {
        let versions = [
            version(1, None, State::Ready),
            version(2, Some("2026-02-01"), State::Ready),
            version(3, Some("2026-03-01"), State::Ready),
            version(4, Some("2026-03-01"), State::Ready),
            version(5, Some("2026-02-15"), State::Building),
            version(6, Some("2026-04-01"), State::Ready),
        ];
        let expected = [(1, "01-01..01-31"), (2, "02-01..02-28"), (4, "03-01..03-31")];
        let expected = expected.map(|(version, days)| (version, days.to_owned())).to_vec();
        assert_eq!(ruling(&versions, None), Ok(expected));
        assert_eq!(ruling(&versions, Some(3)), Ok(vec![(3, "01-01..03-31".to_owned())]));
    }

    #[test]
    fn a_newer_version_for_all_days_takes_the_place_of_the_older() {
        let versions = [version(1, None, State::Ready), version(2, None, State::Ready)];
        assert_eq!(ruling(&versions, None), Ok(vec![(2, "01-01..03-31".to_owned())]));
    }

    #[test]
    fn what_rules_no_day_is_refused() {
        let building = [version(1, None, State::Building)];
        assert!(ruling(&building, None).expect_err("building").contains("being built"));
        let later = [version(1, Some("2026-01-10"), State::Ready)];
        assert!(ruling(&later, None).expect_err("none in force").contains("2026-01-01"));
        assert!(ruling(&later, Some(7)).expect_err("none").contains("version 7"));
    }

    #[test]
    fn the_ruling_of_a_day_is_found() {
        let versions = [version(1, None, State::Ready), version(2, Some("2026-02-01"), State::Ready)];
        let wanted = DefinitionRef { id: "standard".to_owned(), version: None };
        let range = DayRange { from: day("2026-01-01"), to: day("2026-03-31") };
        let ruling = Ruling::of(&versions, &wanted, range).expect("rules");
        for (on, version) in [("2025-01-01", 1), ("2026-01-31", 1), ("2026-02-01", 2), ("2027-01-01", 2)] {
            assert_eq!(ruling.on(day(on)).version, version, "{on}");
        }
        assert_eq!(ruling.versions(DayRange { from: day("2026-01-31"), to: day("2026-02-01") }), [1, 2]);
        assert_eq!(ruling.versions(DayRange { from: day("2026-02-01"), to: day("2026-02-01") }), [2]);
    }
}
