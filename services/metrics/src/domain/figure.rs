//! Figures asked for and answered.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::domain::bucket::{self, Bucket};
use crate::domain::histogram::Histogram;
use crate::domain::maturity::Window;
use crate::domain::part::Spread;
use crate::domain::slice::{Aspect, Slices};
use crate::domain::sums::Sums;
use crate::domain::trade::TradeSums;
use crate::domain::trade_measure::{Activity, Beside};

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
    /// Product: sales only.
    Product,
    /// Category: sales only.
    Category,
    /// Hour of the local clock, whatever the day: sales and inquiries only.
    Hour,
}

impl Group {
    /// What it cuts sales by, if it does.
    pub fn aspect(self) -> Option<Aspect> {
        match self {
            Self::Product => Some(Aspect::Product),
            Self::Category => Some(Aspect::Category),
            Self::Hour => Some(Aspect::Hour),
            Self::Account | Self::Person | Self::Team | Self::Shop | Self::Merchant => None,
        }
    }

    /// The slices that its rows are made of, if it or the filter asks for any.
    pub fn slices(self, filter: &Filter) -> Option<Slices> {
        let all = self.aspect().map(|aspect| Slices { aspect, items: Vec::new() });
        filter.slices.clone().or(all)
    }
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
    /// By hour of the local clock.
    Hour,
}

/// How figures are cut into rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// By step.
    Step(Step),
    /// By these runs of days, which may overlap.
    Windows(Vec<DayRange>),
}

/// How settled a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureState {
    /// A day is open, changed or not yet mature.
    Provisional,
    /// All days are closed and mature, and nothing came since.
    Final,
    /// Something came after a day was final.
    Restated,
}

impl FigureState {
    /// By whether a day of the row is open (or changed), whether one still matures, and how many changes came late.
    pub fn of(open: bool, maturing: bool, restatements: i64) -> Self {
        match (open || maturing, restatements) {
            (true, _) => Self::Provisional,
            (false, 0) => Self::Final,
            (false, _) => Self::Restated,
        }
    }
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
    /// Only these slices of sales.
    pub slices: Option<Slices>,
}

/// Which definition; see the proto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionRef {
    /// Which definition.
    pub id: String,
    /// `None` takes the one that rules the day.
    pub version: Option<i32>,
}

/// Figures of one group in one run of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The group's id.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// Where in the key's rows it stands.
    pub place: RowPlace,
    /// The hour of the local clock, if the row is one.
    pub hour: Option<u8>,
    /// The days.
    pub days: DayRange,
    /// Whether a day of it is not closed.
    pub provisional: bool,
    /// How settled it is, by the position of each [`Window`].
    pub states: [FigureState; Window::ALL.len()],
    /// How many changes came after their day was final.
    pub restatements: i64,
    /// What adds up.
    pub sums: Sums,
    /// Accounts with a conversation.
    pub active_accounts: i64,
    /// Different customers received, if asked for.
    pub distinct_customers: Option<i64>,
    /// Nearest-rank buckets of each spread.
    pub spreads: Vec<SpreadFigures>,
    /// How many answers came within each of the seconds asked for.
    pub within: Vec<Within>,
    /// What comes out of customers' timelines.
    pub trade: TradeFigures,
    /// Whether customers of the merchant wait to be counted.
    pub pending: bool,
}

/// Where a row stands among those of its key: what a page goes on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowPlace {
    /// First day of the step, before it was cut to the range.
    Step(NaiveDate),
    /// Day and hours after its cut-over.
    Hour(NaiveDate, u8),
    /// Which window.
    Window(usize),
}

/// How many answers came within some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Within {
    /// The limit, included.
    pub seconds: i32,
    /// Over all rounds: how many, and how many of those may be on the other side of the limit.
    pub rounds: (i64, i64),
    /// Over first rounds.
    pub first_rounds: (i64, i64),
}

impl Within {
    /// Whether the durations of a bucket count as within the limit.
    pub fn holds(seconds: i32, bucket: Bucket) -> bool {
        bucket::representative_ms(bucket) <= f64::from(seconds) * 1_000.0
    }

    /// Read from the buckets. A bucket counts whole, by the duration that it stands for.
    pub fn of(seconds: i32, rounds: &Histogram, first_rounds: &Histogram) -> Self {
        let limit_ms = i64::from(seconds) * 1_000;
        let border = bucket::of(limit_ms);
        let is_cut = bucket::last_ms(border) > limit_ms;
        let counts = Self::holds(seconds, border);
        let count = |histogram: &Histogram| {
            let (below, through) = (histogram.through(border - 1), histogram.through(border));
            (if counts { through } else { below }, if is_cut { through - below } else { 0 })
        };
        Self { seconds, rounds: count(rounds), first_rounds: count(first_rounds) }
    }
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
    /// How long refunds without the goods took to complete.
    pub money_refunds: Histogram,
    /// How long returns took.
    pub returns: Histogram,
    /// What was paid in the row's shops and days in all, whoever got the credit; `None` where the caller may not see that, or
    /// nobody asked.
    pub whole_paid: Option<i64>,
    /// Whether it is a part of days, by product, category or hour: what is known of whole days only is missing.
    pub is_cut: bool,
}

impl TradeFigures {
    /// What stands beside the sums.
    pub fn beside(&self) -> Beside {
        Beside { activity: self.activity, whole_paid: self.whole_paid.unwrap_or(0) }
    }
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

impl Figures {
    /// How settled the figures of a window are.
    pub fn state(&self, window: Window) -> FigureState {
        self.states[window as usize]
    }

    /// The row of a group in days in which nothing happened.
    pub fn nothing(key: String, name: String, days: DayRange) -> Self {
        Self {
            key,
            name,
            place: RowPlace::Step(days.from),
            hour: None,
            days,
            provisional: false,
            states: [FigureState::Final; Window::ALL.len()],
            restatements: 0,
            sums: Sums::default(),
            active_accounts: 0,
            distinct_customers: None,
            spreads: Vec::new(),
            within: Vec::new(),
            trade: TradeFigures::default(),
            pending: false,
        }
    }
}

impl DayRange {
    /// The shortest range that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// How many days.
    pub fn days(self) -> i64 {
        (self.to - self.from).num_days() + 1
    }
}

impl Step {
    /// The first day of the step that holds a day, as SQL's `date_trunc` gives it; of a whole range and of hours the day.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let month = |month: u32| NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day);
        match self {
            Self::Whole | Self::Day | Self::Hour => day,
            Self::Week => {
                let since_monday = Days::new(day.weekday().num_days_from_monday().into());
                day.checked_sub_days(since_monday).unwrap_or(day)
            }
            Self::Month => month(day.month()),
            Self::Quarter => month(day.month0() / 3 * 3 + 1),
            Self::Year => month(1),
        }
    }

    /// The row that begins at `start` (as SQL's `date_trunc` gives it), cut to the range.
    pub fn row(self, start: NaiveDate, range: DayRange) -> DayRange {
        let months = |count| start.checked_add_months(Months::new(count)).and_then(|next| next.pred_opt());
        let end = match self {
            Self::Whole => Some(range.to),
            Self::Day | Self::Hour => Some(start),
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
    fn the_share_within_some_seconds_says_how_sure_it_is() {
        let answers_ms = [1_000, 29_000, 29_990, 30_000, 30_010, 31_000];
        let mut rounds = Histogram::default();
        answers_ms.iter().for_each(|ms| rounds.change(bucket::of(*ms), 1));
        let within = Within::of(30, &rounds, &Histogram::default());
        let exact = answers_ms.iter().filter(|ms| **ms <= 30_000).count() as i64;
        let (count, uncertain) = within.rounds;
        assert!((count - exact).abs() <= uncertain, "{within:?} against {exact}");
        assert!(uncertain < answers_ms.len() as i64);
        assert_eq!(within.first_rounds, (0, 0));
        assert_eq!(Within::of(86_400, &rounds, &rounds).rounds, (6, 0));
    }

    #[test]
    fn a_row_is_final_only_when_nothing_is_open_and_restated_only_after() {
        for (open, maturing, late, state) in [
            (true, false, 1, FigureState::Provisional),
            (false, true, 0, FigureState::Provisional),
            (false, false, 0, FigureState::Final),
            (false, false, 2, FigureState::Restated),
        ] {
            assert_eq!(FigureState::of(open, maturing, late), state);
        }
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
