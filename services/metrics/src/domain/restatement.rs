//! What became known about a day after it was final, and days that are told of as final.

use chrono::NaiveDate;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::definition::Definition;
use crate::domain::figure::TradeFigures;
use crate::domain::maturity::Window;
use crate::domain::sums::Sums;
use crate::domain::trade::TradeSums;

/// What changed in a final day of a group by what became known on one later day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restatement {
    /// The group's id.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// The day that changed.
    pub business_day: NaiveDate,
    /// When the change became known.
    pub known_day: NaiveDate,
    /// By how much.
    pub deltas: Sums,
    /// The same, of customers' timelines.
    pub trade: TradeSums,
    /// Which figures were final when it became known, by the position of each [`Window`].
    pub late: [bool; Window::ALL.len()],
}

impl Restatement {
    /// The figures that changed.
    pub fn figures(&self) -> impl Iterator<Item = (AnyMeasure, (i64, i64))> {
        let was_final = |measure: AnyMeasure| self.late[measure.window() as usize];
        figures(&self.deltas, &self.trade).into_iter().filter(move |(measure, _)| was_final(*measure))
    }
}

/// An account's final figures of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalAgentDay {
    /// The day.
    pub day: NaiveDate,
    /// The account.
    pub account: String,
    /// Over all shops.
    pub sums: Sums,
    /// The same, of customers' timelines.
    pub trade: TradeSums,
}

impl FinalAgentDay {
    /// Whether it has figures with a window of their own.
    pub fn has_windows(&self) -> bool {
        let measures = figures(&self.sums, &self.trade);
        measures.iter().any(|(measure, _)| measure.window() != Window::Usual)
    }
}

/// A day as it is told of as final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalDay {
    /// The day.
    pub day: NaiveDate,
    /// Of what is told, from 1.
    pub version: i64,
    /// What was known at the end of this day is in it.
    pub known_day: NaiveDate,
    /// Whether no window of the day ran any more.
    pub settled: bool,
}

/// A version to tell of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// What is told.
    pub day: FinalDay,
    /// Windows that still run: their figures are provisional.
    pub running: Vec<Window>,
}

/// What is known of when a day's figures became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// The day on which anything was known of it first.
    pub first_known: NaiveDate,
    /// The last day before today on which anything changed.
    pub last_known: NaiveDate,
}

/// The version to tell of a closed day next, if there is one. A day is final when its maturation is over, or, if nothing
/// was known of it by then, the day on which it was; each later change is told once its own day is over, and the day again
/// when its last window is over.
pub fn finalise(
    day: NaiveDate,
    definition: &Definition,
    knowledge: Knowledge,
    told: Option<&FinalDay>,
    today: NaiveDate,
) -> Option<Telling> {
    let runs = |window: &Window| window.last_day(day, &definition.rules).max(knowledge.first_known) >= today;
    let running: Vec<Window> = Window::ALL.into_iter().filter(runs).collect();
    if running.contains(&Window::Usual) {
        return None;
    }
    let settled = running.is_empty();
    match told {
        Some(told) if told.known_day >= knowledge.last_known && (told.settled || !settled) => None,
        told => {
            let version = told.map_or(0, |told| told.version) + 1;
            let day = FinalDay { day, version, known_day: knowledge.last_known, settled };
            Some(Telling { day, running })
        }
    }
}

/// Sums as figures: each measure that adds up and is not zero.
pub fn figures(sums: &Sums, trade: &TradeSums) -> Vec<(AnyMeasure, (i64, i64))> {
    let trade = TradeFigures { sums: *trade, ..TradeFigures::default() };
    let measures = AnyMeasure::all().filter(|measure| measure.adds_up());
    measures
        .map(|measure| (measure, measure.of_sums(sums, &trade)))
        .filter(|(_, value)| *value != (0, 0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, number).expect("a day")
    }

    #[test]
    fn a_day_is_told_of_when_it_is_mature_and_again_when_it_changed() {
        let definition = Definition::built_in();
        let check =
            |first, last, told: Option<(i64, u32, bool)>, today, expected: Option<(i64, u32, bool)>| {
                let knowledge = Knowledge { first_known: day(first), last_known: day(last) };
                let told = told.map(|(version, known, settled)| FinalDay {
                    day: day(1),
                    version,
                    known_day: day(known),
                    settled,
                });
                let found = finalise(day(1), &definition, knowledge, told.as_ref(), day(today));
                let found = found.map(|found| {
                    assert_eq!(found.running.is_empty(), found.day.settled);
                    (found.day.version, found.day.known_day, found.day.settled)
                });
                assert_eq!(found, expected.map(|(version, known, settled)| (version, day(known), settled)));
            };
        check(1, 3, None, 5, None);
        check(1, 3, None, 6, Some((1, 3, false)));
        check(1, 3, Some((1, 3, false)), 7, None);
        check(1, 8, Some((1, 3, false)), 9, Some((2, 8, false)));
        // Fifteen days for refunds are over.
        check(1, 3, Some((1, 3, false)), 16, None);
        check(1, 3, Some((1, 3, false)), 17, Some((2, 3, true)));
        check(1, 3, Some((2, 3, true)), 18, None);
        check(1, 18, Some((2, 3, true)), 19, Some((3, 18, true)));
        // Nothing was known of it until long after: the day of the import counts.
        check(20, 20, None, 20, None);
        check(20, 20, None, 21, Some((1, 20, true)));
    }
}
