//! Business days on the command line.

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use clap::Args;
use proto::common::v1::DayRange;
use proto::google::r#type::Date;
use proto::time::{self, date};

/// A run of business days, both ends included.
#[derive(Debug, Clone, Copy, Args)]
pub struct Days {
    /// First business day, for example 2020-05-12.
    #[arg(long, value_name = "DAY")]
    pub from: NaiveDate,
    /// Last business day; the first one by default.
    #[arg(long, value_name = "DAY")]
    pub to: Option<NaiveDate>,
}

impl Days {
    /// The days in order.
    pub fn each(self) -> Result<Vec<NaiveDate>> {
        let to = self.to.unwrap_or(self.from);
        ensure!(self.from <= to, "--from {} lies after --to {to}", self.from);
        let days: Vec<NaiveDate> = self.from.iter_days().take_while(|day| *day <= to).collect();
        ensure!(days.len() <= 3_700, "--from and --to are more than ten years apart");
        Ok(days)
    }

    /// As the services take it.
    pub fn range(self) -> DayRange {
        DayRange { from: Some(date(self.from)), to: Some(date(self.to.unwrap_or(self.from))) }
    }
}

/// A day as the services give it.
pub fn day(date: Option<Date>) -> Result<NaiveDate> {
    time::day(&date.context("the answer lacks a day")?).context("the answer has no such day")
}
