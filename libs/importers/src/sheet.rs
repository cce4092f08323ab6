//! Reports that carry figures instead of chats: 赤兔's custom report and the pre-sales sheet, as XLSX or CSV.
//!
//! Nothing of them goes into the suite. They are read a figure at a time, to be compared with the suite's own.
//!
//! - The heading row is the first that has a column of accounts (账户名, 旺旺, 客服, …). 日期 and 店铺 are taken from their
//!   columns; where there is no 日期, the days stand in the file's name: `自定义报表_<name>_<attribution>_<from>至<to>.xlsx`.
//! - Rows 汇总, 均值 and their like are totals, not accounts: they are passed over. So are empty cells.
//! - 延迟统计 means that the report has not counted the figure yet.
//! - A bare number of a length of time is in the unit of the heading (`完结时长(h)`), else in the measure's own.
//! - A number may differ by half of its last digit: that much was rounded away.

mod grid;
mod measure;

use std::collections::VecDeque;
use std::io::Read;

use chrono::NaiveDate;

use crate::error::Error;
use crate::value;
use grid::Grid;
pub use measure::{Measure, Unit};

const ACCOUNT: [&str; 8] =
    ["账户名", "旺旺", "旺旺昵称", "客服", "客服昵称", "客服旺旺", "子账号", "account"];
const SHOP: [&str; 3] = ["店铺", "店铺名称", "shop"];
const DAY: [&str; 3] = ["日期", "统计日期", "day"];
const TOTALS: [&str; 6] = ["汇总", "均值", "合计", "总计", "平均", "平均值"];
/// What stands for "not counted yet".
const NOT_YET: &str = "延迟统计";
/// Rows above the headings, at most: titles and notes.
const ABOVE_MAX: usize = 20;

/// One figure of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The row, from 1. Figures of one row share it.
    pub line: u64,
    /// The first business day it is about.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// The shop, if the report names it.
    pub shop: Option<String>,
    /// The account.
    pub account: String,
    /// The column's heading.
    pub column: String,
    /// What it measures; `None` for a heading that nobody knows.
    pub measure: Option<Measure>,
    /// The figure.
    pub value: Value,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Counted later.
    NotYet,
    /// A number in the measure's [`Unit`], whatever unit it was written in.
    Number {
        /// The number: 0.95 for 95 %.
        value: f64,
        /// Half of its last digit as written.
        tolerance: f64,
    },
}

/// What a custom report's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The report's own name, and the attribution rule if the name has it.
    pub title: String,
    /// First business day.
    pub from: NaiveDate,
    /// Last business day.
    pub to: NaiveDate,
}

impl Name {
    /// Reads `自定义报表_<name>_<attribution>_<from>至<to>.xlsx`, or any name that ends in `_<day>` or `_<from>至<to>`.
    pub fn of(file_name: &str) -> Option<Self> {
        let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
        let (title, days) = stem.rsplit_once('_')?;
        // A browser adds " (1)" to what it has saved before.
        let days = days.split([' ', '(', '（']).next().unwrap_or(days);
        let (from, to) = days.split_once('至').unwrap_or((days, days));
        let (from, to) = (value::day(from).ok()?, value::day(to).ok()?);
        (from <= to).then(|| Self { title: title.to_owned(), from, to })
    }
}

/// The figures of a report.
pub struct Figures {
    grid: Grid,
    name: Option<Name>,
    columns: Vec<Column>,
    account_at: usize,
    shop_at: Option<usize>,
    day_at: Option<usize>,
    ready: VecDeque<Result<Figure, Error>>,
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Figures").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Column {
    at: usize,
    heading: String,
    measure: Option<Measure>,
    /// The unit of bare numbers that the heading names, in seconds.
    seconds: Option<f64>,
}

impl Figures {
    /// Reads a report; whether it is XLSX or CSV is told by its first bytes.
    ///
    /// # Errors
    ///
    /// It can't be read, has no column of accounts, or neither it nor its name tells the days.
    pub fn new(input: impl Read + 'static, file_name: &str) -> Result<Self, Error> {
        let mut grid = Grid::new(input)?;
        for _ in 0..ABOVE_MAX {
            let Some((line, headings)) = grid.next()? else { break };
            let at = |names: &[&str]| {
                headings.iter().position(|heading| {
                    let heading = value::narrow(heading).to_lowercase();
                    names.contains(&heading.as_str())
                })
            };
            let Some(account_at) = at(&ACCOUNT) else { continue };
            let (shop_at, day_at) = (at(&SHOP), at(&DAY));
            let name = Name::of(file_name);
            if day_at.is_none() && name.is_none() {
                let reason =
                    "is missing, and the file's name doesn't end in days such as _2025-05-01至2025-05-01";
                return Err(Error::row(line, "日期", reason));
            }
            let taken = [Some(account_at), shop_at, day_at];
            let columns = headings
                .iter()
                .enumerate()
                .filter(|(at, heading)| !taken.contains(&Some(*at)) && !heading.trim().is_empty());
            let columns = columns.map(|(at, heading)| Column {
                at,
                heading: heading.trim().to_owned(),
                measure: Measure::of_heading(heading),
                seconds: measure::seconds_of_heading(heading),
            });
            let columns = columns.collect();
            return Ok(Self { grid, name, columns, account_at, shop_at, day_at, ready: VecDeque::new() });
        }
        Err(Error::row(1, "账户名", "is missing: no row has a column of accounts"))
    }

    /// What the file's name says, if it says anything.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    fn row(&mut self, line: u64, cells: &[String]) {
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        let account = cell(self.account_at).replace('：', ":");
        if TOTALS.contains(&account.as_str()) || self.day_at.is_some_and(|at| TOTALS.contains(&cell(at))) {
            return;
        }
        if account.is_empty() {
            self.ready.push_back(Err(Error::row(line, "账户名", "is missing")));
            return;
        }
        let days = match (self.day_at, &self.name) {
            (Some(at), _) => value::day(cell(at)).map(|day| (day, day)),
            (None, Some(name)) => Ok((name.from, name.to)),
            (None, None) => Err("is missing".to_owned()),
        };
        let (from, to) = match days {
            Ok(days) => days,
            Err(reason) => {
                self.ready.push_back(Err(Error::row(line, "日期", reason)));
                return;
            }
        };
        let shop = self.shop_at.map(cell).filter(|shop| !shop.is_empty()).map(str::to_owned);
        for Column { at, heading, measure, seconds } in &self.columns {
            let text = cell(*at);
            if text.is_empty() || text == "-" || text == "--" {
                continue;
            }
            let read = read_value(text, *measure, *seconds).map(|value| Figure {
                line,
                from,
                to,
                shop: shop.clone(),
                account: account.clone(),
                column: heading.clone(),
                measure: *measure,
                value,
            });
            match read {
                Ok(figure) => self.ready.push_back(Ok(figure)),
                // A column that nobody knows may hold words.
                Err(_) if measure.is_none() => {}
                Err(reason) => self.ready.push_back(Err(Error::row(line, heading.clone(), reason))),
            }
        }
    }
}

impl Iterator for Figures {
    type Item = Result<Figure, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.grid.next() {
                Ok(Some((line, cells))) => self.row(line, &cells),
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.ready.pop_front()
    }
}

/// A cell of a column; `seconds` is the unit that its heading names for lengths of time.
fn read_value(text: &str, measure: Option<Measure>, seconds: Option<f64>) -> Result<Value, String> {
    let narrowed = value::narrow(text);
    if narrowed == NOT_YET {
        return Ok(Value::NotYet);
    }
    let unit = measure.map(Measure::unit);
    let (number, scale) = match (narrowed.strip_suffix('%'), unit) {
        (Some(percent), _) => (value::number(percent)?, 0.01),
        (None, Some(Unit::Money)) => {
            let money = value::money(&narrowed, "CNY")?;
            #[expect(clippy::cast_precision_loss, reason = "sums of a sheet are far below 2^53")]
            (money.units as f64 + f64::from(money.nanos) / 1e9, 1.0)
        }
        (None, Some(unit)) => match unit.seconds() {
            Some(own) => length(&narrowed, own, seconds)?,
            None => (value::number(&narrowed)?, 1.0),
        },
        (None, None) => (
            value::number(&narrowed).or_else(|_| value::seconds(&narrowed).map(|(seconds, _)| seconds))?,
            1.0,
        ),
    };
    let value = number * scale;
    if measure.is_some_and(Measure::is_share) && !(0.0..=1.0).contains(&value) {
        return Err(format!("{text:?} is no share: it is not between 0 and 1"));
    }
    let digits = narrowed.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = digits.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or(digits);
    let decimals = digits.rsplit_once('.').map_or(0, |(_, fraction)| fraction.len());
    let last = 10f64.powi(-i32::try_from(decimals).unwrap_or(9));
    Ok(Value::Number { value, tolerance: last * scale / 2.0 })
}

/// A length of time as a number and what one of it is in the measure's unit, which has `own` seconds. A bare number is in the
/// heading's unit.
fn length(text: &str, own: f64, heading: Option<f64>) -> Result<(f64, f64), String> {
    match value::number(text) {
        Ok(number) if number < 0.0 => Err(format!("{text:?} is not a length of time")),
        Ok(number) => Ok((number, heading.unwrap_or(own) / own)),
        Err(_) if own > 60.0 && text.matches(':').count() == 1 => {
            Err(format!("{text:?} may be hours and minutes or minutes and seconds: 1:30:00 has no doubt"))
        }
        // It names its units itself, the last of which says how much was rounded away.
        Err(_) => {
            let (seconds, last) = value::seconds(text)?;
            Ok((seconds / last, last / own))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_stand_in_the_name() {
        let day = |text: &str| value::day(text).expect("a day");
        let name = Name::of("自定义报表_客服绩效_下单优先判定_2025-05-01至2025-05-03.xlsx").expect("a name");
        assert_eq!((name.from, name.to), (day("2025-5-1"), day("2025-5-3")));
        assert!(name.title.ends_with("下单优先判定"));
        assert_eq!(Name::of("a_20250501 (1).csv").expect("a name").to, day("2025-5-1"));
        assert!(Name::of("report.xlsx").is_none());
        assert!(Name::of("a_2025-05-03至2025-05-01.xlsx").is_none());
    }

    #[test]
    fn cells_say_what_they_say() {
        let read = |text: &str, measure, seconds| read_value(text, Some(measure), seconds);
        let check_in = |text: &str, measure, seconds, wanted: f64, tolerance: f64| {
            let Ok(Value::Number { value, tolerance: found }) = read(text, measure, seconds) else {
                panic!("{text} is a number");
            };
            assert!(
                (value - wanted).abs() < 1e-9 && (found - tolerance).abs() < 1e-9,
                "{text}: {value} ± {found}"
            );
        };
        let check = |text, measure, wanted, tolerance| check_in(text, measure, None, wanted, tolerance);
        check("100.00%", Measure::ReplyRate, 1.0, 0.00005);
        check("0.95", Measure::ReplyRate, 0.95, 0.005);
        check("¥1,234.50", Measure::PaidAmount, 1234.5, 0.005);
        check("1分23秒", Measure::Response, 83.0, 0.5);
        check("12", Measure::ReceivedCustomers, 12.0, 0.5);
        check_in("12.5", Measure::RefundOnlyCompletion, Some(3_600.0), 12.5, 0.05);
        check_in("90", Measure::RefundOnlyCompletion, Some(60.0), 1.5, 1.0 / 120.0);
        check("90", Measure::ReturnCompletion, 90.0, 0.5);
        check("2.5小时", Measure::ReturnCompletion, 2.5, 0.05);
        check("90分钟", Measure::ReturnCompletion, 1.5, 1.0 / 120.0);
        check("1:30:00", Measure::ReturnCompletion, 1.5, 1.0 / 7_200.0);
        check_in("1.5", Measure::Response, Some(60.0), 90.0, 3.0);
        assert_eq!(read("延迟统计", Measure::PaidAmount, None), Ok(Value::NotYet));
        assert!(read("101%", Measure::ReplyRate, None).is_err());
        assert!(read("x", Measure::ReplyRate, None).is_err());
        assert!(read("-1", Measure::ReturnCompletion, Some(3_600.0)).is_err());
        assert!(read("1:30", Measure::ReturnCompletion, None).is_err(), "hours or minutes");
        check("1.5小时30分", Measure::ReturnCompletion, 2.0, 1.0 / 120.0);
        assert!(read("soon", Measure::ReturnCompletion, Some(3_600.0)).is_err());
    }
}
