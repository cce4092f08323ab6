//! A report as lines for programs, by RFC 4180: one per figure, each with the same fields.

use anyhow::Result;

use crate::domain::report::document::{Document, Line};
use crate::forms::table::{all_measures, span};
use crate::forms::value::{Style, Value};
use crate::forms::words::Language;

const HEADER: [&str; 16] = [
    "section",
    "key",
    "name",
    "from",
    "to",
    "hour",
    "measure",
    "label",
    "unit",
    "value",
    "numerator",
    "denominator",
    "median_seconds",
    "p90_seconds",
    "text",
    "state",
];

/// What a cell begins with that a spreadsheet would take for a formula. The full-width forms are taken for the same by
/// some.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The bytes of the file; the byte order mark is what Excel knows UTF-8 by.
pub fn write(document: &Document, language: Language, byte_order_mark: bool) -> Result<Vec<u8>> {
    let mark: &[u8] = if byte_order_mark { "\u{feff}".as_bytes() } else { &[] };
    let mut lines = Lines { writer: writer(mark.to_vec()), document, language };
    lines.writer.write_record(HEADER)?;
    lines.figures("whole", &document.whole)?;
    lines.figures("previous", &document.previous)?;
    lines.figures("last_year", &document.last_year)?;
    for line in &document.course {
        lines.figures("course", line)?;
    }
    for group in &document.groups {
        for line in &group.now {
            lines.figures(&group.by, line)?;
        }
        for line in &group.previous {
            lines.figures(&format!("{}_previous", group.by), line)?;
        }
        if let Some(rest) = &group.rest {
            lines.figures(&format!("{}_rest", group.by), &rest.now)?;
            lines.figures(&format!("{}_rest_previous", group.by), &rest.previous)?;
        }
    }
    lines.sales()?;
    lines.targets()?;
    lines.worse()?;
    Ok(lines.writer.into_inner()?)
}

fn writer(begun: Vec<u8>) -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(begun)
}

/// Text that no spreadsheet takes for a formula: an apostrophe before what would begin one.
fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

struct Lines<'a> {
    writer: csv::Writer<Vec<u8>>,
    document: &'a Document,
    language: Language,
}

impl Lines<'_> {
    fn figures(&mut self, section: &str, line: &Line) -> Result<()> {
        let days = [line.days.from.to_string(), line.days.to.to_string()];
        let hour = line.hour.map(|hour| hour.to_string()).unwrap_or_default();
        for measure in all_measures() {
            let Some(figure) = line.figure(measure) else { continue };
            let seconds = |bucket: Option<_>| bucket.map(|at| Value::Bucket(at).exact()).unwrap_or_default();
            self.writer.write_record([
                section,
                &harmless(&line.key),
                &harmless(&line.name),
                &days[0],
                &days[1],
                &hour,
                measure.name(),
                self.language.measure(measure.name()),
                Style::of(measure).name(),
                &Value::of(measure, figure, &self.document.currency).exact(),
                &figure.above.to_string(),
                &figure.below.to_string(),
                &seconds(figure.median),
                &seconds(figure.p90),
                "",
                line.state_of(measure.window()).unwrap_or_default(),
            ])?;
        }
        Ok(())
    }

    /// A line that is no figure of a period.
    fn other(&mut self, section: &str, key: &str, measure: &str, value: &str, text: &str) -> Result<()> {
        let mut record = vec![String::new(); HEADER.len()];
        for (at, cell) in [
            (0, section),
            (1, key),
            (6, measure),
            (7, self.language.measure(measure)),
            (9, value),
            (14, text),
        ] {
            record[at] = cell.to_owned();
        }
        record[3] = self.document.days.from.to_string();
        record[4] = self.document.days.to.to_string();
        Ok(self.writer.write_record(record)?)
    }

    fn sales(&mut self) -> Result<()> {
        let Some(sales) = self.document.sales else { return Ok(()) };
        let parts = [
            ("before", sales.before_minor),
            ("receptions", sales.receptions_minor),
            ("conversion", sales.conversion_minor),
            ("order_value", sales.order_value_minor),
            ("now", sales.now_minor),
        ];
        for (key, minor) in parts {
            let amount = Value::Amount(minor, self.document.currency.decimals).exact();
            self.other("sales_change", key, "PAID_AMOUNT", &amount, "")?;
        }
        for said in &self.document.sales_remedies {
            for remedy in &said.remedies {
                let text = harmless(&format!("{}: {}", remedy.cause, remedy.text));
                self.other("sales_remedy", &said.factor, "PAID_AMOUNT", "", &text)?;
            }
        }
        Ok(())
    }

    fn targets(&mut self) -> Result<()> {
        for target in &self.document.targets {
            let share = target.attainment_millionths.map(|share| Value::Percent(share, 1_000_000).exact());
            let text = harmless(&format!("{} ({})", target.name, span(target.days)));
            let share = share.unwrap_or_default();
            self.other("target_attainment", &harmless(&target.id), &target.measure, &share, &text)?;
        }
        Ok(())
    }

    fn worse(&mut self) -> Result<()> {
        for worse in &self.document.worse {
            for remedy in &worse.remedies {
                let text = harmless(&format!("{}: {}", remedy.cause, remedy.text));
                self.other("remedy", "", &worse.measure, "", &text)?;
            }
            if let Some(verdict) = &worse.verdict {
                let z =
                    verdict.z_millionths.map(|z| Value::Percent(z, 1_000_000).exact()).unwrap_or_default();
                self.other("verdict", &verdict.verdict, &worse.measure, &z, "")?;
            }
            let parts = [
                ("contribution_billionths", &worse.people),
                ("hour_contribution_billionths", &worse.hours),
                ("product_contribution_billionths", &worse.products),
            ];
            for (section, parts) in parts {
                for part in parts {
                    // Billionths of the figure's own unit: of a smallest unit for amounts, of a millisecond for times.
                    let text = harmless(&part.name);
                    let effect = part.effect_billionths.to_string();
                    self.other(section, &harmless(&part.key), &worse.measure, &effect, &text)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::any_measure::AnyMeasure;
    use crate::forms::testing::document;

    #[test]
    fn no_cell_begins_a_formula() {
        let mut document = document();
        let names = [
            "=HYPERLINK(\"x\")",
            "+1",
            "-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "＝1",
            "plain, \"quoted\"\nof two lines",
        ];
        document.groups[0].now = names
            .iter()
            .map(|name| Line { key: (*name).to_owned(), name: (*name).to_owned(), ..document.whole.clone() })
            .collect();
        let bytes = write(&document, Language::Chinese, false).expect("writes");
        let mut read = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(read.headers().expect("a header"), &csv::StringRecord::from(HEADER.to_vec()));
        let mut seen = 0;
        for record in read.records() {
            let record = record.expect("every line has as many fields");
            for (at, cell) in record.iter().enumerate() {
                let number = (9..=13).contains(&at);
                assert!(number || !cell.starts_with(FORMULA), "{cell:?}");
            }
            seen += usize::from(&record[0] == "person" && record[2].starts_with('\''));
        }
        assert_eq!(seen, 7 * AnyMeasure::all().count());
        let text = String::from_utf8(bytes).expect("is UTF-8");
        assert!(text.contains("\"plain, \"\"quoted\"\"\nof two lines\"") && text.ends_with("\r\n"));
    }

    #[test]
    fn the_mark_stands_before_everything() {
        let bytes = write(&document(), Language::English, true).expect("writes");
        assert!(bytes.starts_with(b"\xef\xbb\xbfsection,key,"));
        assert!(write(&document(), Language::English, false).expect("writes").starts_with(b"section,"));
    }
}
