//! What became known about a day after it was final, and days that are told of as final.

use chrono::{Days, NaiveDate};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::definition::Definition;
use crate::domain::figure::TradeFigures;
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

/// A day as it is told of as final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalDay {
    /// The day.
    pub day: NaiveDate,
    /// Of what is told, from 1.
    pub version: i64,
    /// What was known at the end of this day is in it.
    pub known_day: NaiveDate,
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
/// was known of it by then, the day on which it was; each later change is told once its own day is over.
pub fn finalise(
    day: NaiveDate,
    definition: &Definition,
    knowledge: Knowledge,
    told: Option<&FinalDay>,
    today: NaiveDate,
) -> Option<FinalDay> {
    let maturation = Days::new(u64::from(definition.rules.maturation_days.unsigned_abs()));
    let mature = day.checked_add_days(maturation).unwrap_or(NaiveDate::MAX);
    if mature.max(knowledge.first_known) >= today {
        return None;
    }
    match told {
        Some(told) if told.known_day >= knowledge.last_known => None,
        told => {
            let known_day = knowledge.last_known;
            Some(FinalDay { day, version: told.map_or(0, |told| told.version) + 1, known_day })
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
        let check = |first, last, told: Option<(i64, u32)>, today, expected: Option<(i64, u32)>| {
            let knowledge = Knowledge { first_known: day(first), last_known: day(last) };
            let told = told.map(|(version, known)| FinalDay { day: day(1), version, known_day: day(known) });
            let found = finalise(day(1), &definition, knowledge, told.as_ref(), day(today));
            assert_eq!(found.map(|f| (f.version, f.known_day)), expected.map(|(v, known)| (v, day(known))));
        };
        check(1, 3, None, 5, None);
        check(1, 3, None, 6, Some((1, 3)));
        check(1, 3, Some((1, 3)), 7, None);
        check(1, 8, Some((1, 3)), 9, Some((2, 8)));
        // Nothing was known of it until long after: the day of the import counts.
        check(20, 20, None, 20, None);
        check(20, 20, None, 21, Some((1, 20)));
    }
}
