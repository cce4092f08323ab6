//! `jinpai reconcile`: the figures of another tool's report beside the suite's own, line by line.
//!
//! A report has figures and no chats, so nothing of it is stored. Where both differ by more than the report rounded
//! away, the difference is named with what most likely makes it.

mod ours;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::Args;
use importers::sheet::{self, Measure, Value};
use proto::metrics::v1::{Attribution, Definition, Figures, GetFiguresResponse};
use serde::Serialize;

use crate::days::Days;
use crate::figures;
use crate::ingest::{self, Refused};
use crate::reader::{self, Position};
use crate::session::Session;

/// Which report.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The report: XLSX or CSV. A custom report's days stand in its name.
    pub file: PathBuf,
    /// Only this shop of the suite (repeatable); a report covers all shops otherwise.
    #[arg(long)]
    pub shop: Vec<String>,
    /// Where to write cells that can't be read, a JSON line each with line, field and reason.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// What came of the comparison.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Figures that both have.
    pub compared: usize,
    /// Those that agree, within what the report rounded away.
    pub equal: usize,
    /// Those that don't.
    pub differences: Vec<Difference>,
    /// Figures that the report has not counted yet (延迟统计).
    pub not_yet: usize,
    /// Columns that the suite has no figure for.
    pub unknown_columns: BTreeSet<String>,
    /// Accounts of the report that the suite knows nothing of in these days.
    pub unknown_accounts: BTreeSet<String>,
    /// Cells that can't be read.
    pub refused: Vec<Refused>,
}

impl Report {
    /// Whether nothing has to be looked at.
    pub fn clean(&self) -> bool {
        self.differences.is_empty() && self.unknown_accounts.is_empty() && self.refused.is_empty()
    }
}

/// One figure on which report and suite differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The report's row.
    pub line: u64,
    /// The days.
    pub from: NaiveDate,
    /// The last of them.
    pub to: NaiveDate,
    /// The account, as the report has it.
    pub account: String,
    /// The column.
    pub column: String,
    /// The report's figure.
    pub theirs: f64,
    /// The suite's; `None` if it has none.
    pub ours: Option<f64>,
    /// What most likely makes the difference.
    pub reason: &'static str,
}

/// Compares a report with the suite.
pub async fn run(session: &Session, options: &Options) -> Result<Report> {
    let name = options.file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    // Before anything is compared: a file that can't be written is known at once.
    let rejects = options.rejects.as_deref().map(|path| ingest::reject_file(path, false)).transpose()?;
    let input = reader::input(&options.file, &Position::default())?;
    let read = sheet::Figures::new(input, &name).with_context(|| options.file.display().to_string())?;
    let title = read.name().map(|name| name.title.clone()).unwrap_or_default();
    let mut report = Report::default();
    let by_days = gather(read, &mut report.refused)?;
    if let Some(mut file) = rejects {
        write_refused(&mut file, &report.refused).context("--rejects: the file can't be written")?;
    }
    for ((from, to), figures) in by_days {
        let days = Days { from, to: Some(to) };
        let wanted = figures::Options {
            shop: options.shop.clone(),
            ..figures::Options::whole(days, figures::By::Account)
        };
        let ours = Ours::new(figures::fetch(session, &wanted).await?);
        for figure in &figures {
            compare(figure, &ours, &title, &mut report);
        }
    }
    Ok(report)
}

/// The report's figures by their days; cells that can't be read go to `refused`.
fn gather(
    read: impl Iterator<Item = Result<sheet::Figure, importers::Error>>,
    refused: &mut Vec<Refused>,
) -> Result<BTreeMap<(NaiveDate, NaiveDate), Vec<sheet::Figure>>> {
    let mut by_days: BTreeMap<(NaiveDate, NaiveDate), Vec<sheet::Figure>> = BTreeMap::new();
    for figure in read {
        match figure {
            Ok(figure) => by_days.entry((figure.from, figure.to)).or_default().push(figure),
            Err(importers::Error::Row(wrong)) => refused.push(Refused {
                line: i64::try_from(wrong.line).unwrap_or(i64::MAX),
                field: wrong.field,
                reason: wrong.reason,
            }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(by_days)
}

/// A JSON line each, like those of `jinpai ingest --rejects`.
fn write_refused(out: &mut dyn Write, refused: &[Refused]) -> Result<()> {
    for refused in refused {
        serde_json::to_writer(&mut *out, refused)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// The suite's figures of some days.
struct Ours {
    rows: BTreeMap<String, Figures>,
    definition: Definition,
}

impl Ours {
    fn new(answer: GetFiguresResponse) -> Self {
        let rows = answer.figures.into_iter().map(|row| (row.key.clone(), row)).collect();
        Self { rows, definition: answer.definition.unwrap_or_default() }
    }

    /// The account's row. A report may leave the main account (`店铺主账号:`) out, if that leaves no doubt.
    fn of(&self, account: &str) -> Option<&Figures> {
        if let Some(row) = self.rows.get(account) {
            return Some(row);
        }
        let mut same = self.rows.iter().filter(|(key, _)| {
            let sub = key.rsplit_once(':').map_or(key.as_str(), |(_, sub)| sub);
            sub == account
        });
        same.next().filter(|_| same.next().is_none()).map(|(_, row)| row)
    }
}

fn compare(figure: &sheet::Figure, ours: &Ours, title: &str, report: &mut Report) {
    let Some(measure) = figure.measure else {
        report.unknown_columns.insert(figure.column.clone());
        return;
    };
    let Value::Number { value: theirs, tolerance } = figure.value else {
        report.not_yet += 1;
        return;
    };
    let Some(row) = ours.of(&figure.account) else {
        // An account that did nothing has no row here and zeros there.
        if theirs != 0.0 {
            report.unknown_accounts.insert(figure.account.clone());
        }
        return;
    };
    report.compared += 1;
    let own = ours::value(row, measure);
    // A little more than half of the last digit, for what floats lose.
    let same = own.map_or(theirs == 0.0, |own| (own - theirs).abs() <= tolerance * 1.000_001 + 1e-9);
    if same {
        report.equal += 1;
        return;
    }
    report.differences.push(Difference {
        line: figure.line,
        from: figure.from,
        to: figure.to,
        account: figure.account.clone(),
        column: figure.column.clone(),
        theirs,
        ours: own,
        reason: likely(figure, measure, own, row, &ours.definition, title),
    });
}

/// What most likely makes a difference, the surest first.
fn likely(
    figure: &sheet::Figure,
    measure: Measure,
    own: Option<f64>,
    row: &Figures,
    definition: &Definition,
    title: &str,
) -> &'static str {
    let trade = definition.rules.as_ref().and_then(|rules| rules.trade).unwrap_or_default();
    let credited = matches!(
        measure,
        Measure::OrderingBuyers
            | Measure::PayingBuyers
            | Measure::OrderedAmount
            | Measure::PaidAmount
            | Measure::AverageOrderValue
            | Measure::ConversionNextDay
            | Measure::ConversionFinal
            | Measure::AgentsShareOfSales
    );
    if own.is_none_or(|own| own == 0.0) {
        return match measure {
            _ if credited => "no orders or payments are credited to the account: were they sent in?",
            Measure::RefundedAmount => "no completed refunds are credited to the account: were they sent in?",
            Measure::PlatformHelpRate | Measure::PlatformJudgedRate => {
                "no completed refunds tell what the platform did: does their export carry it?"
            }
            Measure::AssistedCustomers => {
                "no orders are known as excluded: were they sent in, or decided about?"
            }
            Measure::Satisfaction => "the chats have no answers of customers: does their export carry them?",
            _ => "the chats that the report counts are not here: were they sent in?",
        };
    }
    if credited && said(title).is_some_and(|rule| rule != taken(trade.attribution())) {
        return "the report credits orders by another rule than the definition (判定方式)";
    }
    if row.provisional {
        return "a day isn't closed: our figure may still grow";
    }
    match measure {
        Measure::ReceivedCustomers
        | Measure::Inquiries
        | Measure::InitiatedCustomers
        | Measure::SlowCustomers
        | Measure::AssistedCustomers
            if figure.from != figure.to =>
        {
            "over several days ours are person-days; the report may count a customer once"
        }
        Measure::ReceivedCustomers | Measure::Inquiries => {
            "chats are missing here or there, or forwarded customers are counted differently"
        }
        Measure::InitiatedCustomers => {
            "whether bots' and automatic messages count as writing first is defined differently"
        }
        Measure::ReplyCharacters => {
            "whether blanks, bots' or automatic messages count is defined differently"
        }
        Measure::AssistedCustomers => {
            "which orders are excluded, or for how long they are waited for, differs"
        }
        Measure::AgentsShareOfSales => {
            "the report may leave silent sales or other accounts' out of the whole"
        }
        Measure::PlatformHelpRate | Measure::PlatformJudgedRate => {
            "ours are of refunds of which it is known whether the platform stepped in"
        }
        Measure::SlowCustomers | Measure::Response | Measure::FirstResponse => {
            "service hours, or whether the bot's and automatic answers count, are defined differently"
        }
        Measure::ReplyRate => "what counts as a reply, or service hours, are defined differently",
        Measure::ReplyRatio => {
            "whether quick replies count as replies is defined differently, or chats are missing"
        }
        Measure::Satisfaction => "which answers count as satisfied, or which customers were asked, differs",
        Measure::RefundedAmount => {
            "refunds counted by day of the request instead of completion, or some are missing"
        }
        Measure::ConversionNextDay | Measure::ConversionFinal => {
            "inquiries are defined differently, or late payments came in since the report was made"
        }
        _ => "orders are missing here or there, excluded ones are counted, or some changed since",
    }
}

fn said(title: &str) -> Option<Attribution> {
    [
        ("下单优先判定", Attribution::OrderFirst),
        ("付款判定", Attribution::Payment),
        ("下单判定", Attribution::Order),
    ]
    .into_iter()
    .find(|(words, _)| title.contains(words))
    .map(|(_, rule)| rule)
}

fn taken(rule: Attribution) -> Attribution {
    if rule == Attribution::Unspecified { Attribution::OrderFirst } else { rule }
}

/// The report for people.
pub fn print(out: &mut dyn Write, report: &Report) -> Result<()> {
    for difference in &report.differences {
        let Difference { line, from, to, account, column, theirs, ours, reason } = difference;
        let days = if from == to { from.to_string() } else { format!("{from} to {to}") };
        let ours = ours.map_or("nothing".to_owned(), shown);
        writeln!(out, "line {line}, {days}, {account}, {column}: {} there, {ours} here", shown(*theirs))?;
        writeln!(out, "  {reason}")?;
    }
    for Refused { line, field, reason } in &report.refused {
        writeln!(out, "line {line}: {field}: {reason}")?;
    }
    for account in &report.unknown_accounts {
        writeln!(out, "account {account}: nothing is known of it in these days; has it another name here?")?;
    }
    if !report.unknown_columns.is_empty() {
        let columns: Vec<&str> = report.unknown_columns.iter().map(String::as_str).collect();
        writeln!(out, "not compared, the suite has no such figure: {}", columns.join(", "))?;
    }
    writeln!(
        out,
        "{} figures compared: {} agree, {} differ; {} not counted yet in the report",
        report.compared,
        report.equal,
        report.differences.len(),
        report.not_yet
    )?;
    Ok(())
}

/// Without the dust of binary fractions.
fn shown(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proto::common::v1::Rate;
    use proto::google::r#type::Money;

    use super::*;

    fn ours() -> Ours {
        let wang = Figures {
            key: "旗舰店:小王".to_owned(),
            received_customers: 10,
            paid_amount: Some(Money { currency_code: "CNY".to_owned(), units: 1234, nanos: 500_000_000 }),
            reply_rate: Some(Rate { numerator: 19, denominator: 20, quotient: Some(0.95) }),
            ..Figures::default()
        };
        Ours::new(GetFiguresResponse { figures: vec![wang], ..GetFiguresResponse::default() })
    }

    fn compared(csv: &str, name: &str) -> Report {
        let read = sheet::Figures::new(std::io::Cursor::new(csv.to_owned()), name).expect("a report");
        let title = read.name().map(|name| name.title.clone()).unwrap_or_default();
        let mut report = Report::default();
        for figure in read {
            compare(&figure.expect("a figure"), &ours(), &title, &mut report);
        }
        report
    }

    #[test]
    fn equal_figures_agree_within_rounding() {
        let report =
            compared("旺旺,接待人数,销售额,回复率\n旗舰店:小王,10,1234.5,95.00%\n", "x_2025-05-01.csv");
        assert_eq!((report.compared, report.equal), (3, 3), "{report:?}");
        assert!(report.clean());
        let short = compared("旺旺,接待人数,销售额\n小王,10,1234\n", "x_2025-05-01.csv");
        assert_eq!((short.compared, short.equal), (2, 2), "the main account may be left out: {short:?}");
    }

    #[test]
    fn cells_that_cannot_be_read_are_written_with_line_field_and_reason() {
        let csv = "旺旺,接待人数,销售额\n小王,10,1234\n小李,many,5\n";
        let read =
            sheet::Figures::new(std::io::Cursor::new(csv.to_owned()), "x_2025-05-01.csv").expect("a report");
        let mut refused = Vec::new();
        let figures: usize = gather(read, &mut refused).expect("reads on").values().map(Vec::len).sum();
        let mut written = Vec::new();
        write_refused(&mut written, &refused).expect("memory");
        let lines: Vec<serde_json::Value> = String::from_utf8(written)
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect();
        assert_eq!((figures, lines.len()), (3, 1), "{lines:?}");
        assert_eq!((lines[0]["line"].as_i64(), lines[0]["field"].as_str()), (Some(3), Some("接待人数")));
        assert!(lines[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }

    #[test]
    fn differences_are_named_with_a_reason() {
        let csv = "旺旺,接待人数,销售额,客单价,询单->最终付款成功率,上班天数\n旗舰店:小王,12,1300,130,延迟统计,1\n小李,3,,,,1\n";
        let report = compared(csv, "自定义报表_绩效_付款判定_2025-05-01至2025-05-01.csv");
        assert_eq!((report.compared, report.equal, report.not_yet), (3, 0, 1));
        let reasons: Vec<_> = report.differences.iter().map(|difference| difference.reason).collect();
        assert!(reasons[0].contains("chats are missing"), "{reasons:?}");
        assert!(reasons[1].contains("another rule"), "{reasons:?}");
        assert!(reasons[2].contains("were they sent in"), "{reasons:?}");
        assert!(report.unknown_accounts.contains("小李") && report.unknown_columns.contains("上班天数"));
        let mut text = Vec::new();
        print(&mut text, &report).expect("memory");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("接待人数: 12 there, 10 here"), "{text}");
    }
}
