//! What was really reached: the one place where plans read figures.

use chrono::NaiveDate;
use runtime::identity::Scope;

use crate::domain::figure::{DayRange, Filter, Group, Step};
use crate::domain::target::TargetError;
use crate::domain::target::goal::Actuals;
use crate::store::{FigureQuery, FigureSums, Result, Store};

/// What a group reached on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// The group's id.
    pub key: String,
    /// The day.
    pub day: NaiveDate,
    /// Numerator and denominator; sales and counts have no denominator.
    pub value: (i64, i64),
    /// Whether the day is not closed.
    pub provisional: bool,
}

impl Store {
    /// What was reached day by day in a range, by group, in a shop or in all.
    pub async fn list_actuals(
        &self,
        scope: &Scope,
        wanted: Actuals,
        definition_seq: i32,
        shop: Option<&str>,
        range: DayRange,
        group: Group,
    ) -> Result<Vec<Actual>> {
        // Orders and payments are not counted here yet.
        let Actuals::Measure(measure) = wanted else {
            return Err(TargetError::ActualsUnavailable { what: "sales" }.into());
        };
        let query = FigureQuery {
            range,
            group,
            step: Step::Day,
            filter: Filter { shops: shop.map(str::to_owned).into_iter().collect(), ..Filter::default() },
            definition_seq,
            distinct_customers: false,
        };
        let actual = |row: FigureSums| Actual {
            value: measure.of(&row.sums),
            key: row.key,
            day: row.step,
            provisional: row.provisional,
        };
        Ok(self.list_sums(scope, &query).await?.into_iter().map(actual).collect())
    }
}
