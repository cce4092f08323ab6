//! A report as a workbook: a sheet per part, numbers as numbers.

use anyhow::Result;
use rust_xlsxwriter::{
    ColNum, DocProperties, Format, FormatAlign, FormatBorder, RowNum, Workbook, Worksheet,
};

use crate::domain::maturity::Window;
use crate::domain::report::document::Document;
use crate::forms::table::{Cell, RowKind, Table, Tables, all_measures, span};
use crate::forms::value::{Change, Value};
use crate::forms::words::{Language, Word};

/// Widths of columns, in characters.
const NAME_WIDTH: f64 = 26.0;
const NUMBER_WIDTH: f64 = 15.0;
const TEXT_WIDTH: f64 = 44.0;

/// The bytes of the workbook.
pub fn write(document: &Document, language: Language) -> Result<Vec<u8>> {
    let tables = Tables { document, language };
    let mut book = Book { workbook: Workbook::new(), formats: Formats::new(document.currency.decimals) };
    let title = super::title(document, language);
    // The time of making is the report's: the same report gives the same bytes.
    let properties = DocProperties::new().set_title(&title).set_creation_datetime(&document.made_at);
    book.workbook.set_properties(&properties);
    about(&mut book, &tables, &title)?;
    book.sheet(&tables.summary())?;
    let parts = [tables.times(), tables.sales(), tables.worse(), tables.targets()];
    for table in parts.iter().flatten() {
        book.sheet(table)?;
    }
    for group in &document.groups {
        let measures = tables.shown(group, all_measures(), all_measures());
        book.sheet(&tables.group(group, &measures))?;
    }
    if !document.course.is_empty() {
        let measures = Tables::told(all_measures(), &document.course);
        book.sheet(&tables.course(&measures))?;
    }
    Ok(book.workbook.save_to_buffer()?)
}

/// What the report is, in words.
fn about(book: &mut Book, tables: &Tables<'_>, title: &str) -> Result<()> {
    let (document, language) = (tables.document, tables.language);
    let word = |zh, en| language.of(Word(zh, en));
    let versions: Vec<String> = document
        .versions
        .iter()
        .map(|version| format!("{} v{} ({})", version.name, version.version, span(version.days)))
        .collect();
    let known = document.known_on.map_or_else(
        || word("生成时全部已知数据", "all that was known when it was made").to_owned(),
        |day| day.to_string(),
    );
    let settled = Window::ALL.into_iter().filter_map(|window| {
        let state = language.state(document.whole.state_of(window)?);
        Some(format!("{}: {state}", language.window(window)))
    });
    let settled: Vec<String> = settled.collect();
    let lines = [
        (word("报告", "Report"), title.to_owned()),
        (word("期间", "Period"), span(document.days)),
        (word("上期", "Period before"), span(document.previous.days)),
        (word("去年同期", "Year before"), span(document.last_year.days)),
        (word("数据状态", "State of figures"), settled.join("; ")),
        (word("数据截至", "As known on"), known),
        (word("生成时间 (UTC)", "Made at (UTC)"), document.made_at.format("%Y-%m-%d %H:%M:%S").to_string()),
        (word("指标定义", "Definition"), versions.join(", ")),
        (word("币种", "Currency"), document.currency.code.clone()),
    ];
    let formats = book.formats.clone();
    let sheet = book.add(word("说明", "About"))?;
    for (row, (name, text)) in (0..).zip(lines) {
        sheet.write_string_with_format(row, 0, name, &formats.heading)?;
        sheet.write_string(row, 1, text)?;
    }
    sheet.set_column_width(0, NAME_WIDTH)?;
    sheet.set_column_width(1, TEXT_WIDTH)?;
    Ok(())
}

#[derive(Debug, Clone)]
struct Formats {
    title: Format,
    heading: Format,
    text: Format,
    count: Format,
    amount: Format,
    percent: Format,
    points: Format,
    change: Format,
    ratio: Format,
    seconds: Format,
}

impl Formats {
    fn new(decimals: u32) -> Self {
        let number = |format: &str| Format::new().set_num_format(format);
        let zeros = if decimals == 0 { String::new() } else { format!(".{}", "0".repeat(decimals as usize)) };
        let heading = Format::new().set_bold();
        Self {
            title: heading
                .clone()
                .set_background_color(0xE8_EE_F7_u32)
                .set_border_bottom(FormatBorder::Thin)
                .set_text_wrap()
                .set_align(FormatAlign::VerticalCenter),
            heading,
            text: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            count: number("#,##0"),
            amount: number(&format!("#,##0{zeros}")),
            percent: number("0.00%"),
            points: number("+0.00%;-0.00%;0.00%"),
            change: number("+0.0%;-0.0%;0.0%"),
            ratio: number("#,##0.00"),
            seconds: number("#,##0.0"),
        }
    }

    fn of(&self, value: Value) -> &Format {
        match value {
            Value::Nothing | Value::Count(_) => &self.count,
            Value::Amount(..) => &self.amount,
            Value::Percent(..) => &self.percent,
            Value::Ratio(..) => &self.ratio,
            Value::Seconds(..) | Value::Bucket(_) => &self.seconds,
        }
    }
}

struct Book {
    workbook: Workbook,
    formats: Formats,
}

impl Book {
    fn add(&mut self, title: &str) -> Result<&mut Worksheet> {
        Ok(self.workbook.add_worksheet().set_name(title)?)
    }

    /// A table with its heading frozen and a filter over it.
    fn sheet(&mut self, table: &Table) -> Result<()> {
        let formats = self.formats.clone();
        let sheet = self.add(&table.title)?;
        for (column, of) in (0..).zip(&table.columns) {
            sheet.write_string_with_format(0, column, &of.title, &formats.title)?;
            sheet.set_column_width(column, if column == 0 { NAME_WIDTH } else { width(table, column) })?;
        }
        for (at, row) in (1..).zip(&table.rows) {
            let bold = row.kind != RowKind::Plain;
            for (column, cell) in (0..).zip(&row.cells) {
                put(sheet, &formats, (at, column), cell, bold)?;
            }
        }
        sheet.set_freeze_panes(1, 1)?;
        // Sums and means are no rows to be filtered or sorted away.
        let plain = table.rows.iter().filter(|row| row.kind != RowKind::Summary).count();
        if plain > 0 {
            let last = ColNum::try_from(table.columns.len() - 1)?;
            sheet.autofilter(0, 0, RowNum::try_from(plain)?, last)?;
        }
        sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        Ok(())
    }
}

/// Wide where there are words.
fn width(table: &Table, column: ColNum) -> f64 {
    let is_text = |cell: Option<&Cell>| matches!(cell, Some(Cell::Text(text)) if text.chars().count() > 16);
    let column = usize::from(column);
    if table.rows.iter().any(|row| is_text(row.cells.get(column))) { TEXT_WIDTH } else { NUMBER_WIDTH }
}

fn put(
    sheet: &mut Worksheet,
    formats: &Formats,
    (row, column): (RowNum, ColNum),
    cell: &Cell,
    bold: bool,
) -> Result<()> {
    let strong = |format: &Format| if bold { format.clone().set_bold() } else { format.clone() };
    match cell {
        Cell::Empty | Cell::Change(None, _) => {}
        // Always a string: what looks like a formula stays what it is.
        Cell::Text(text) => {
            sheet.write_string_with_format(row, column, text, &strong(&formats.text))?;
        }
        Cell::Value(value) => {
            if let Some(number) = value.number() {
                sheet.write_number_with_format(row, column, number, &strong(formats.of(*value)))?;
            }
        }
        Cell::Change(Some(change), _) => {
            let format = match change {
                Change::Relative(_) => &formats.change,
                Change::Points(_) => &formats.points,
            };
            sheet.write_number_with_format(row, column, change.number(), &strong(format))?;
        }
    }
    Ok(())
}
