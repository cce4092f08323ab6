//! Days, weeks, months, quarters, years: the periods that figures are shown for and compared with.

use std::{fmt, str::FromStr};

use chrono::{Datelike, Days, IsoWeek, Months, NaiveDate, Weekday};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKind {
    /// One business day.
    Day,
    /// Monday to Sunday, numbered as ISO 8601 does.
    Week,
    /// A calendar month.
    Month,
    /// Three months from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
}

/// A period of business days. Written `2026-11-21`, `2026-W47`, `2026-11`, `2026-Q4`, `2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    // Always the first day of a period of this kind, so that equality is sameness.
    first: NaiveDate,
    kind: PeriodKind,
}

impl Period {
    /// The period of a kind that holds a day.
    pub fn containing(kind: PeriodKind, day: NaiveDate) -> Self {
        let first = match kind {
            PeriodKind::Day => day,
            PeriodKind::Week => day.week(Weekday::Mon).checked_first_day().unwrap_or(NaiveDate::MIN),
            PeriodKind::Month => first_of_month(day, day.month()),
            PeriodKind::Quarter => first_of_month(day, day.month0() / 3 * 3 + 1),
            PeriodKind::Year => first_of_month(day, 1),
        };
        Self { first, kind }
    }

    /// How long it is.
    pub fn kind(&self) -> PeriodKind {
        self.kind
    }

    /// The first day.
    pub fn first(&self) -> NaiveDate {
        self.first
    }

    /// The last day.
    pub fn last(&self) -> NaiveDate {
        self.after().pred_opt().unwrap_or(NaiveDate::MAX)
    }

    /// Whether a day lies in it.
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.first <= day && day < self.after()
    }

    /// Its days, in order.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let after = self.after();
        self.first.iter_days().take_while(move |day| *day < after)
    }

    /// The next period of the same kind.
    pub fn next(&self) -> Self {
        Self::containing(self.kind, self.after())
    }

    /// The period before (环比).
    pub fn previous(&self) -> Self {
        Self::containing(self.kind, self.first.pred_opt().unwrap_or(NaiveDate::MIN))
    }

    /// The same period a year before (同比): the same date (28 February for the 29th), the same week number (week 52
    /// for a 53rd that the year before doesn't have), the same month or quarter.
    pub fn year_before(&self) -> Self {
        let first = match self.kind {
            PeriodKind::Week => {
                let week = self.first.iso_week();
                let same = |number| NaiveDate::from_isoywd_opt(week.year() - 1, number, Weekday::Mon);
                same(week.week()).or_else(|| same(52))
            }
            _ => self.first.checked_sub_months(Months::new(12)),
        };
        Self::containing(self.kind, first.unwrap_or(NaiveDate::MIN))
    }

    /// The first day of the next period.
    fn after(&self) -> NaiveDate {
        let after = match self.kind {
            PeriodKind::Day => self.first.succ_opt(),
            PeriodKind::Week => self.first.checked_add_days(Days::new(7)),
            PeriodKind::Month => self.first.checked_add_months(Months::new(1)),
            PeriodKind::Quarter => self.first.checked_add_months(Months::new(3)),
            PeriodKind::Year => self.first.checked_add_months(Months::new(12)),
        };
        after.unwrap_or(NaiveDate::MAX)
    }
}

fn first_of_month(day: NaiveDate, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), month, 1).expect("every month of a year that has a day has a first")
}

impl fmt::Display for Period {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = self.first.year();
        match self.kind {
            PeriodKind::Day => write!(out, "{}", self.first),
            PeriodKind::Week => {
                let week: IsoWeek = self.first.iso_week();
                write!(out, "{:04}-W{:02}", week.year(), week.week())
            }
            PeriodKind::Month => write!(out, "{year:04}-{:02}", self.first.month()),
            PeriodKind::Quarter => write!(out, "{year:04}-Q{}", self.first.month0() / 3 + 1),
            PeriodKind::Year => write!(out, "{year:04}"),
        }
    }
}

/// A text that names no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no period; expected 2026-11-21, 2026-W47, 2026-11, 2026-Q4 or 2026")]
pub struct ParsePeriodError {
    /// The text as it was given.
    pub text: String,
}

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParsePeriodError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Period> {
    let (year, rest) = text.split_at_checked(4)?;
    let year: i32 = number(year)?;
    let month = |month| NaiveDate::from_ymd_opt(year, month, 1);
    let (kind, day) = if rest.is_empty() {
        (PeriodKind::Year, month(1)?)
    } else if let Some(week) = rest.strip_prefix("-W").filter(|week| week.len() == 2) {
        (PeriodKind::Week, NaiveDate::from_isoywd_opt(year, number(week)?, Weekday::Mon)?)
    } else if let Some(quarter) = rest.strip_prefix("-Q").filter(|quarter| quarter.len() == 1) {
        let quarter: u32 = number(quarter)?;
        (PeriodKind::Quarter, month(quarter.checked_sub(1)? * 3 + 1)?)
    } else if rest.len() == 3 {
        (PeriodKind::Month, month(number(rest.strip_prefix('-')?)?)?)
    } else if rest.len() == 6 {
        (PeriodKind::Day, text.parse().ok()?)
    } else {
        return None;
    };
    Some(Period::containing(kind, day))
}

/// Digits only: `str::parse` would also take a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_knows_its_days() {
        for (text, first, last, days) in [
            ("2026-11-21", "2026-11-21", "2026-11-21", 1),
            ("2026-W47", "2026-11-16", "2026-11-22", 7),
            // The first ISO week of 2026 begins in 2025, and 2026 has a 53rd week that ends in 2027.
            ("2026-W01", "2025-12-29", "2026-01-04", 7),
            ("2026-W53", "2026-12-28", "2027-01-03", 7),
            ("2024-02", "2024-02-01", "2024-02-29", 29),
            ("2026-Q4", "2026-10-01", "2026-12-31", 92),
            ("2024", "2024-01-01", "2024-12-31", 366),
        ] {
            let period = period(text);
            assert_eq!(period.to_string(), text);
            assert_eq!((period.first().to_string(), period.last().to_string()), (first.into(), last.into()));
            assert_eq!(period.days().count(), days, "{text}");
            assert!(period.days().all(|day| period.contains(day)));
            assert!(!period.contains(period.next().first()) && !period.contains(period.previous().last()));
        }
    }

    #[test]
    fn periods_are_compared_with_the_one_before_and_the_year_before() {
        for (text, previous, year_before) in [
            ("2026-03-01", "2026-02-28", "2025-03-01"),
            ("2024-02-29", "2024-02-28", "2023-02-28"),
            ("2026-W01", "2025-W52", "2025-W01"),
            ("2027-W01", "2026-W53", "2026-W01"),
            ("2026-W53", "2026-W52", "2025-W52"),
            ("2027-W52", "2027-W51", "2026-W52"),
            ("2026-01", "2025-12", "2025-01"),
            ("2026-Q1", "2025-Q4", "2025-Q1"),
            ("2026", "2025", "2025"),
        ] {
            assert_eq!(period(text).previous().to_string(), previous, "{text}");
            assert_eq!(period(text).year_before().to_string(), year_before, "{text}");
        }
    }

    #[test]
    fn what_names_no_period_is_refused_with_the_text() {
        for text in [
            "",
            "26",
            "2026-",
            "2026-13",
            "2026-00",
            "2026-W54",
            "2025-W53",
            "2026-W5",
            "2026-Q0",
            "2026-Q5",
            "2026-2-30",
            "2026-02-30",
            "2026-+1",
            "+026",
            "二零二六",
            "2026-11-21x",
        ] {
            assert_eq!(text.parse::<Period>(), Err(ParsePeriodError { text: text.to_owned() }), "{text}");
        }
    }
}
