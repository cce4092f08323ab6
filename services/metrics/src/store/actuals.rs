//! What was really reached: the one place where targets read figures.

use chrono::NaiveDate;
use runtime::identity::Scope;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::figure::{Cut, DayRange, Filter, Group, Step};
use crate::domain::ruling::Ruling;
use crate::store::{FigureQuery, FigureSums, Result, Store};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ActualQuery {
    /// Which figure.
    pub measure: AnyMeasure,
    /// What rules each day of the range.
    pub ruling: Ruling,
    /// In this shop; `None`: in all.
    pub shop: Option<String>,
    /// Of these days.
    pub range: DayRange,
    /// By this.
    pub group: Group,
    /// The merchant's business day now.
    pub today: NaiveDate,
}

/// What a group reached on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// The group's id.
    pub key: String,
    /// The day.
    pub day: NaiveDate,
    /// Numerator and denominator; amounts (in the smallest unit) and counts have no denominator.
    pub value: (i64, i64),
    /// Whether the day is not closed, or customers who matter to the figure wait to be counted.
    pub provisional: bool,
}

impl Store {
    /// What was reached day by day, by group.
    pub async fn list_actuals(&self, scope: &Scope, wanted: ActualQuery) -> Result<Vec<Actual>> {
        let ActualQuery { measure, ruling, shop, range, group, today } = wanted;
        let filter = Filter { shops: shop.into_iter().collect(), ..Filter::default() };
        let query = FigureQuery::sums(range, group, Cut::Step(Step::Day), filter, ruling, today);
        let by_timelines = matches!(measure, AnyMeasure::Timelines(_));
        let actual = |row: FigureSums| Actual {
            value: measure.of_sums(&row.sums, &row.trade),
            key: row.key,
            day: row.step,
            provisional: row.provisional || (by_timelines && row.pending),
        };
        Ok(self.list_sums(scope, &query).await?.into_iter().map(actual).collect())
    }
}
