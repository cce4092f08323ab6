//! `jinpai reconcile`: the figures of another tool's report beside the suite's own, line by line.
//!
//! A report has figures and no chats, so nothing of it is stored. Where both differ by more than the report rounded
//! away, the difference is named with what most likely makes it.

mod ours;
mod reason;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::Args;
use importers::sheet::{self, Value};
use proto::metrics::v1::{Definition, Figures, GetFiguresResponse};
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
        reason: reason::likely(figure, measure, own, row, &ours.definition, title),
    });
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
