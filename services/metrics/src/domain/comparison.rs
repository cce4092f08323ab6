//! What a row of figures is held against: the period before, the same period of the year before, or the like periods of
//! its own history.

use calendar::{Period, PeriodKind};
use chrono::{Days, NaiveDate};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::figure::{DayRange, Figures, Step};
use crate::domain::playbook::Direction;

/// Like periods lie within as many days as figures may be asked of.
const HISTORY_DAYS_MAX: i64 = 3_700;

/// Other days to hold a row against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Against {
    /// 环比.
    PreviousPeriod,
    /// 同比.
    SamePeriodLastYear,
}

/// A row held against another.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The row's place in the page.
    pub row: usize,
    /// Against which days; `None` for the same days under another definition.
    pub against: Option<Against>,
    /// The other row.
    pub other: Figures,
}

/// How a measure changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureChange {
    /// Which.
    pub measure: AnyMeasure,
    /// Now.
    pub value: f64,
    /// Before, or in the other row.
    pub other: f64,
}

impl MeasureChange {
    /// The change; `None` if a side has no value.
    pub fn of(measure: AnyMeasure, now: &Figures, other: &Figures) -> Option<Self> {
        Some(Self { measure, value: measure.value(now)?, other: measure.value(other)? })
    }

    /// How much it changed.
    pub fn difference(&self) -> f64 {
        self.value - self.other
    }

    /// Which way it went.
    pub fn way(&self) -> Direction {
        if self.difference() < 0.0 { Direction::Fallen } else { Direction::Risen }
    }

    /// The change relative to the other value; `None` if that is 0.
    pub fn ratio(&self) -> Option<f64> {
        (self.other != 0.0).then(|| self.difference() / self.other)
    }
}

impl Against {
    /// The days to hold `days` against. A whole calendar period is held against the whole other one; a part of a period
    /// that `step` names against the same part of the other; any other run of days against as many days just before it,
    /// or the days of the same dates a year before.
    pub fn days(self, days: DayRange, step: Step) -> DayRange {
        let kinds = match step {
            Step::Day | Step::Hour => &[PeriodKind::Day][..],
            Step::Week => &[PeriodKind::Week],
            Step::Month => &[PeriodKind::Month],
            Step::Quarter => &[PeriodKind::Quarter],
            Step::Year => &[PeriodKind::Year],
            Step::Whole => {
                &[PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year]
            }
        };
        let containing = |kind: &PeriodKind| Period::containing(*kind, days.from);
        let whole = |period: &Period| period.first() == days.from && period.last() == days.to;
        if let Some(period) = kinds.iter().map(containing).find(whole) {
            let other = self.period(period);
            return DayRange { from: other.first(), to: other.last() };
        }
        match (step, self) {
            (Step::Whole, Self::PreviousPeriod) => {
                let length = Days::new(days.days().unsigned_abs());
                let back = |day: NaiveDate| day.checked_sub_days(length).unwrap_or(NaiveDate::MIN);
                DayRange { from: back(days.from), to: back(days.to) }
            }
            (Step::Whole, Self::SamePeriodLastYear) => {
                let back = |day| Period::containing(PeriodKind::Day, day).year_before().first();
                DayRange { from: back(days.from), to: back(days.to) }
            }
            _ => {
                let period = containing(&kinds[0]);
                let other = self.period(period);
                let same = |day: NaiveDate| {
                    let into = Days::new((day - period.first()).num_days().unsigned_abs());
                    other.first().checked_add_days(into).map_or(other.last(), |day| day.min(other.last()))
                };
                // What goes on to the period's end goes on to the other's end, however long that is.
                let to = if days.to == period.last() { other.last() } else { same(days.to) };
                DayRange { from: same(days.from), to }
            }
        }
    }

    fn period(self, period: Period) -> Period {
        match self {
            Self::PreviousPeriod => period.previous(),
            Self::SamePeriodLastYear => period.year_before(),
        }
    }
}

/// The `count` periods before `days` that are like it, the nearest first; fewer if they reach back too far. Of a whole
/// month, quarter or year those before it; of a day, a week and any other run of days the same weekdays, as many whole weeks
/// before as keep them apart.
pub fn like_periods(days: DayRange, count: u32) -> Vec<DayRange> {
    let kinds = [PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year];
    let containing = |kind: PeriodKind| Period::containing(kind, days.from);
    let whole = |period: &Period| period.first() == days.from && period.last() == days.to;
    let mut period = kinds.into_iter().map(containing).find(whole);
    let weeks = days.days().unsigned_abs().div_ceil(7);
    let mut found = Vec::new();
    for back in 1..=u64::from(count) {
        let like = match &mut period {
            Some(period) => {
                *period = period.previous();
                Some(DayRange { from: period.first(), to: period.last() })
            }
            None => {
                let length = Days::new(7 * weeks * back);
                let shifted = |day: NaiveDate| day.checked_sub_days(length);
                shifted(days.from).zip(shifted(days.to)).map(|(from, to)| DayRange { from, to })
            }
        };
        match like {
            Some(like) if like.hull(days).days() <= HISTORY_DAYS_MAX => found.push(like),
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explanation::Measure;
    use crate::domain::testing::figures;

    fn range(text: &str) -> DayRange {
        let (from, to) = text.split_once("..").expect("two days");
        DayRange { from: from.parse().expect("a day"), to: to.parse().expect("a day") }
    }

    #[test]
    fn periods_are_held_against_whole_periods_and_parts_against_parts() {
        let check = |step, days: &str, previous: &str, last_year: &str| {
            assert_eq!(Against::PreviousPeriod.days(range(days), step), range(previous), "{step:?} {days}");
            assert_eq!(
                Against::SamePeriodLastYear.days(range(days), step),
                range(last_year),
                "{step:?} {days}"
            );
        };
        check(Step::Month, "2026-03-01..2026-03-31", "2026-02-01..2026-02-28", "2025-03-01..2025-03-31");
        check(Step::Month, "2026-03-01..2026-03-30", "2026-02-01..2026-02-28", "2025-03-01..2025-03-30");
        check(Step::Month, "2026-03-15..2026-03-31", "2026-02-15..2026-02-28", "2025-03-15..2025-03-31");
        check(Step::Month, "2026-03-31..2026-03-31", "2026-02-28..2026-02-28", "2025-03-31..2025-03-31");
        check(Step::Month, "2024-02-01..2024-02-29", "2024-01-01..2024-01-31", "2023-02-01..2023-02-28");
        check(Step::Day, "2024-02-29..2024-02-29", "2024-02-28..2024-02-28", "2023-02-28..2023-02-28");
        check(Step::Week, "2026-12-28..2027-01-03", "2026-12-21..2026-12-27", "2025-12-22..2025-12-28");
        check(Step::Quarter, "2026-01-01..2026-03-31", "2025-10-01..2025-12-31", "2025-01-01..2025-03-31");
        check(Step::Year, "2026-01-01..2026-11-22", "2025-01-01..2025-11-22", "2025-01-01..2025-11-22");
        // A range of its own: a whole period if it is one, else as many days.
        check(Step::Whole, "2026-03-01..2026-03-31", "2026-02-01..2026-02-28", "2025-03-01..2025-03-31");
        check(Step::Whole, "2026-11-16..2026-11-22", "2026-11-09..2026-11-15", "2025-11-17..2025-11-23");
        check(Step::Whole, "2026-11-10..2026-11-12", "2026-11-07..2026-11-09", "2025-11-10..2025-11-12");
    }

    #[test]
    fn like_periods_are_whole_periods_or_the_same_weekdays_apart() {
        let check = |days: &str, count, expected: &[&str]| {
            let expected: Vec<DayRange> = expected.iter().map(|days| range(days)).collect();
            assert_eq!(like_periods(range(days), count), expected, "{days}");
        };
        check("2020-05-13..2020-05-13", 2, &["2020-05-06..2020-05-06", "2020-04-29..2020-04-29"]);
        check("2026-11-16..2026-11-22", 1, &["2026-11-09..2026-11-15"]);
        check("2026-03-01..2026-03-31", 2, &["2026-02-01..2026-02-28", "2026-01-01..2026-01-31"]);
        check("2026-01-01..2026-03-31", 1, &["2025-10-01..2025-12-31"]);
        check("2026-03-02..2026-03-11", 2, &["2026-02-16..2026-02-25", "2026-02-02..2026-02-11"]);
        assert_eq!(like_periods(range("2026-01-01..2026-12-31"), 53).len(), 9, "3,700 days back at most");
        let overlap = like_periods(range("2026-03-02..2026-03-15"), 12);
        assert!(overlap.windows(2).all(|pair| pair[1].to < pair[0].from));
    }

    #[test]
    fn a_change_has_a_ratio_only_to_something() {
        let (rate, count) = (Measure::ReplyRate.into(), Measure::Conversations.into());
        let change = MeasureChange { measure: rate, value: 0.9, other: 0.6 };
        assert!((change.ratio().expect("a ratio") - 0.5).abs() < 1e-12);
        assert_eq!(MeasureChange { other: 0.0, ..change }.ratio(), None);
        let nothing = figures();
        assert_eq!(MeasureChange::of(rate, &nothing, &nothing), None);
        let none = MeasureChange::of(count, &nothing, &nothing);
        assert_eq!(none.map(|change| change.difference()), Some(0.0));
    }
}
