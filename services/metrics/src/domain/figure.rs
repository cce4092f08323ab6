//! Figures asked for and answered.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::domain::bucket::Bucket;
use crate::domain::histogram::Histogram;
use crate::domain::part::Spread;
use crate::domain::sums::Sums;
use crate::domain::trade::TradeSums;
use crate::domain::trade_measure::Activity;

/// What figures are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Platform account.
    Account,
    /// Person who had the account on the day.
    Person,
    /// Team of that person on the day.
    Team,
    /// Shop.
    Shop,
    /// Everything visible.
    Merchant,
}

/// How a range of days is cut into rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Not at all.
    Whole,
    /// By business day.
    Day,
    /// By week from Monday.
    Week,
    /// By month.
    Month,
    /// By quarter.
    Quarter,
    /// By year.
    Year,
}

/// A run of business days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayRange {
    /// First.
    pub from: NaiveDate,
    /// Last.
    pub to: NaiveDate,
}

/// Narrows what is added up; empty lists don't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only these accounts.
    pub accounts: Vec<String>,
    /// Only accounts of these people, while they had them.
    pub persons: Vec<String>,
    /// Only accounts of people in these teams, while they were.
    pub teams: Vec<String>,
    /// Only these shops.
    pub shops: Vec<String>,
}

/// Which definition; see the proto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionRef {
    /// Which definition.
    pub id: String,
    /// `None` takes the newest that is ready.
    pub version: Option<i32>,
}

/// Figures of one group in one run of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The group's id.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// First day of the step, before it was cut to the range: what a page goes on after.
    pub step: NaiveDate,
    /// The days.
    pub days: DayRange,
    /// Whether a day of it is not closed.
    pub provisional: bool,
    /// What adds up.
    pub sums: Sums,
    /// Accounts with a conversation.
    pub active_accounts: i64,
    /// Different customers received, if asked for.
    pub distinct_customers: Option<i64>,
    /// Nearest-rank buckets of each spread.
    pub spreads: Vec<SpreadFigures>,
    /// What comes out of customers' timelines.
    pub trade: TradeFigures,
    /// Whether customers of the merchant wait to be counted.
    pub pending: bool,
}

/// Figures of orders, payments and all other facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradeFigures {
    /// What adds up.
    pub sums: TradeSums,
    /// When accounts were at work.
    pub activity: Activity,
    /// How long orders took to handle.
    pub order_handling: Histogram,
    /// How long after-sale cases took.
    pub after_sale_handling: Histogram,
}

/// Median and 90th percentile of one spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpreadFigures {
    /// Which.
    pub spread: Spread,
    /// The bucket of the middle value.
    pub median: Bucket,
    /// The bucket of the value that nine tenths don't exceed.
    pub p90: Bucket,
}

impl SpreadFigures {
    /// Of what was counted; `None` if nothing was.
    pub fn of(spread: Spread, histogram: &Histogram) -> Option<Self> {
        let (median, p90) = (histogram.nearest_rank(5)?, histogram.nearest_rank(9)?);
        Some(Self { spread, median, p90 })
    }
}

impl DayRange {
    /// How many days.
    pub fn days(self) -> i64 {
        (self.to - self.from).num_days() + 1
    }
}

impl Step {
    /// The row that begins at `start` (as SQL's `date_trunc` gives it), cut to the range.
    pub fn row(self, start: NaiveDate, range: DayRange) -> DayRange {
        let months = |count| start.checked_add_months(Months::new(count)).and_then(|next| next.pred_opt());
        let end = match self {
            Self::Whole => Some(range.to),
            Self::Day => Some(start),
            Self::Week => start.checked_add_days(Days::new(6)),
            Self::Month => months(1),
            Self::Quarter => months(3),
            Self::Year => months(12),
        };
        DayRange { from: start.max(range.from), to: end.unwrap_or(range.to).min(range.to) }
    }
}

/// The first day of the month that partitions are cut by.
pub fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn rows_are_cut_to_the_range() {
        let range = DayRange { from: day("2020-05-13"), to: day("2020-06-02") };
        let check = |step: Step, start: &str, from: &str, to: &str| {
            assert_eq!(step.row(day(start), range), DayRange { from: day(from), to: day(to) }, "{step:?}");
        };
        check(Step::Whole, "2020-05-13", "2020-05-13", "2020-06-02");
        check(Step::Day, "2020-05-14", "2020-05-14", "2020-05-14");
        check(Step::Week, "2020-05-11", "2020-05-13", "2020-05-17");
        check(Step::Month, "2020-05-01", "2020-05-13", "2020-05-31");
        check(Step::Month, "2020-06-01", "2020-06-01", "2020-06-02");
        check(Step::Quarter, "2020-04-01", "2020-05-13", "2020-06-02");
        check(Step::Year, "2020-01-01", "2020-05-13", "2020-06-02");
        assert_eq!(range.days(), 21);
    }
}
