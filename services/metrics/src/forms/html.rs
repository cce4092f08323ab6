//! A report as one page: to read on a phone or a screen, or to print. No script, nothing loaded from elsewhere.

use crate::domain::any_measure::AnyMeasure;
use crate::domain::maturity::Window;
use crate::domain::report::document::{Document, Figure, Group, Line};
use crate::domain::report::{ReportKind, SubjectKind};
use crate::forms::chart::{self, Point, Series, escape};
use crate::forms::table::{Cell, RowKind, Table, Tables, is_better, span};
use crate::forms::value::{Change, Style, Value};
use crate::forms::words::{Language, MAIN, SOLD, Word};

/// How the page looks.
const STYLE: &str = include_str!("page.css");
/// What stands at the top: those of these that say something.
const CARDS: [&str; 8] = [
    "RECEIVED_CUSTOMERS",
    "PAYING_BUYERS",
    "PAID_AMOUNT",
    "AVERAGE_ORDER_VALUE",
    "PAYMENT_CONVERSION",
    "REPLY_RATE",
    "RESPONSE",
    "SATISFACTION",
];
/// Names in a chart at most.
const BARS: usize = 12;

/// The page.
pub fn write(document: &Document, language: Language) -> String {
    let page = Page { document, language, tables: Tables { document, language } };
    let plan = document.kind() == Some(ReportKind::ImprovementPlan);
    let mut body = page.head();
    if plan {
        body += &page.steps();
    }
    body += &page.cards();
    body += &page.charts();
    if !plan {
        body += &page.steps();
    }
    for table in [page.tables.targets(), page.tables.sales()].iter().flatten() {
        body += &page.table(table);
    }
    body += &page.table(&page.tables.summary());
    if let Some(table) = page.tables.times() {
        body += &page.table(&table);
    }
    let main = || MAIN.into_iter().filter_map(AnyMeasure::by_name);
    for group in &document.groups {
        let measures = page.tables.shown(group, main(), SOLD.into_iter().filter_map(AnyMeasure::by_name));
        body += &page.table(&page.tables.group(group, &measures));
    }
    if !document.course.is_empty() {
        let measures = Tables::told(main(), &document.course);
        body += &page.table(&page.tables.course(&measures));
    }
    body += &page.notes();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n",
        language.tag(),
        escape(&super::title(document, language)),
    )
}

struct Page<'a> {
    document: &'a Document,
    language: Language,
    tables: Tables<'a>,
}

impl Page<'_> {
    fn word(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.language.of(Word(zh, en))
    }

    fn head(&self) -> String {
        let document = self.document;
        let known = match document.known_on {
            Some(day) => format!("{} {day}", self.word("数据截至", "as known on")),
            None => {
                format!(
                    "{} {}",
                    self.word("生成于", "made at"),
                    document.made_at.format("%Y-%m-%d %H:%M UTC")
                )
            }
        };
        format!(
            "<header><h1>{}<span class=\"state\">{}</span></h1><p class=\"meta\">{} · {} {} · {known}</p></header>\n",
            escape(&super::title(document, self.language)),
            self.language.state(&document.whole.state),
            span(document.days),
            self.word("对比上期", "against"),
            span(document.previous.days),
        )
    }

    fn figure(&self, name: &str) -> Option<(AnyMeasure, Figure, Value)> {
        let measure = AnyMeasure::by_name(name)?;
        let figure = self.document.whole.figure(measure)?;
        Some((measure, figure, Value::of(measure, figure, &self.document.currency)))
    }

    fn cards(&self) -> String {
        let mut cards = String::new();
        for name in CARDS {
            let Some((measure, figure, value)) = self.figure(name) else { continue };
            if !figure.is_something() {
                continue;
            }
            let unit = if Style::of(measure) == Style::Seconds { self.word(" 秒", " s") } else { "" };
            let before = self.document.previous.figure(measure);
            let change = before.and_then(|before| Change::of(measure, figure, before));
            let change = change.map(|change| self.change(measure, change)).unwrap_or_default();
            cards += &format!(
                "<li data-measure=\"{name}\"><span>{}</span><b>{}{unit}</b>{change}</li>\n",
                self.language.measure(name),
                value.shown(),
            );
        }
        if cards.is_empty() {
            let none = self.word("本期没有数据。", "Nothing happened in this period.");
            return format!("<p>{none}</p>\n");
        }
        format!("<ul class=\"cards\">\n{cards}</ul>\n")
    }

    fn change(&self, measure: AnyMeasure, change: Change) -> String {
        let shown = change.shown(self.word("个百分点", "pp"));
        let class = class(is_better(measure, change), &shown);
        let title = self.word("环比", "Change");
        format!("<span class=\"change{class}\">{title} {shown}</span>")
    }

    fn charts(&self) -> String {
        let mut charts = String::new();
        for name in ["RECEIVED_CUSTOMERS", "PAID_AMOUNT"] {
            charts += &self.course(name, |series| chart::columns(series, self.language));
        }
        for name in ["RESPONSE", "REPLY_RATE", "PAYMENT_CONVERSION"] {
            charts += &self.course(name, |series| chart::line(series, self.language));
        }
        let sold = |group: &&Group| group.now.iter().any(|line| says(line, "PAID_AMOUNT"));
        for group in &self.document.groups {
            let name = if sold(&group) { "PAID_AMOUNT" } else { "RECEIVED_CUSTOMERS" };
            charts += &self.ranking(group, name);
        }
        if charts.is_empty() { charts } else { format!("<section class=\"charts\">\n{charts}</section>\n") }
    }

    fn point(&self, measure: AnyMeasure, label: String, line: &Line) -> Point {
        let value = line.figure(measure).map(|figure| Value::of(measure, figure, &self.document.currency));
        let value = value.unwrap_or(Value::Nothing);
        Point { label, value: value.number(), shown: value.shown() }
    }

    /// The course of a figure; nothing unless there are two values to see a course in.
    fn course(&self, name: &str, draw: impl Fn(&Series) -> String) -> String {
        let (Some(measure), document) = (AnyMeasure::by_name(name), self.document) else {
            return String::new();
        };
        if document.course.iter().filter(|line| says(line, name)).count() < 2 {
            return String::new();
        }
        let label = |line: &Line| self.language.step(&document.course_step, line.days.from, line.hour);
        let points = document.course.iter().map(|line| self.point(measure, label(line), line)).collect();
        self.drawn(measure, "", points, draw)
    }

    /// The largest of a group.
    fn ranking(&self, group: &Group, name: &str) -> String {
        let Some(measure) = AnyMeasure::by_name(name) else { return String::new() };
        let lines = group.now.iter().filter(|line| !line.key.is_empty() && says(line, name));
        let mut points: Vec<Point> =
            lines.map(|line| self.point(measure, self.tables.name(line, &group.by), line)).collect();
        if points.len() < 2 {
            return String::new();
        }
        points.sort_by(|a, b| b.value.unwrap_or(0.0).total_cmp(&a.value.unwrap_or(0.0)));
        points.truncate(BARS);
        let by = self.language.group(&group.by);
        self.drawn(measure, by, points, chart::bars)
    }

    fn drawn(
        &self,
        measure: AnyMeasure,
        by: &str,
        points: Vec<Point>,
        draw: impl Fn(&Series) -> String,
    ) -> String {
        let unit = match Style::of(measure) {
            Style::Amount | Style::PerHead => format!(" ({})", self.document.currency.code),
            Style::Seconds => format!(" ({})", self.word("秒", "s")),
            Style::Count | Style::Percent | Style::Ratio => String::new(),
        };
        let by = if by.is_empty() { String::new() } else { format!(" · {by}") };
        let title = format!("{}{unit}{by}", self.language.measure(measure.name()));
        let svg = draw(&Series { title: title.clone(), style: Style::of(measure), points });
        format!("<figure><figcaption>{}</figcaption>{svg}</figure>\n", escape(&title))
    }

    /// What got worse and what to do about it: sentences, which no table has room for.
    fn steps(&self) -> String {
        let Some(table) = self.tables.worse() else { return String::new() };
        let mut steps = String::new();
        for (row, worse) in table.rows.iter().zip(&self.document.worse) {
            let text = |at: usize| match row.cells.get(at) {
                Some(Cell::Text(text)) => escape(text),
                Some(Cell::Value(value)) => value.shown(),
                _ => String::new(),
            };
            let change = match row.cells.get(3) {
                Some(Cell::Change(Some(change), _)) => change.shown(self.word("个百分点", "pp")),
                _ => String::new(),
            };
            let mut parts = vec![format!(
                "<p><strong>{}</strong> {} → {} <span class=\"bad\">{change}</span></p>",
                text(0),
                text(1),
                text(2)
            )];
            if !text(9).is_empty() {
                parts.push(format!("<p class=\"meta\">{}</p>", text(9)));
            }
            if !text(4).is_empty() {
                parts.push(format!("<p>{}: {}</p>", self.word("主要来自", "Mostly from"), text(4)));
            }
            if worse.remedies.is_empty() {
                let none = self.word("措施库里还没有对策。", "The playbook has no remedy yet.");
                parts.push(format!("<p class=\"meta\">{none}</p>"));
            } else {
                let remedies = worse
                    .remedies
                    .iter()
                    .map(|remedy| format!("<li>{}: {}</li>", escape(&remedy.cause), escape(&remedy.text)));
                parts.push(format!("<ul>{}</ul>", remedies.collect::<String>()));
            }
            let who = if text(6).is_empty() {
                String::new()
            } else {
                format!("{}: {} · ", self.word("负责", "Who"), text(6))
            };
            parts.push(format!(
                "<p class=\"meta\">{who}{}: {} · {}: {}</p>",
                self.word("完成期限", "By"),
                text(7),
                self.word("目标", "Goal"),
                text(8)
            ));
            steps += &format!("<li data-measure=\"{}\">{}</li>\n", worse.measure, parts.concat());
        }
        format!("<h2>{}</h2>\n<ol class=\"steps\">\n{steps}</ol>\n", escape(&table.title))
    }

    fn table(&self, table: &Table) -> String {
        let mut head = String::new();
        for (at, column) in table.columns.iter().enumerate() {
            let measure = column.measure.map(|name| format!(" data-measure=\"{name}\"")).unwrap_or_default();
            let words = table.rows.iter().any(|row| matches!(row.cells.get(at), Some(Cell::Text(_))));
            let class = if words { " class=\"text\"" } else { "" };
            head += &format!("<th scope=\"col\"{measure}{class}>{}</th>", escape(&column.title));
        }
        let mut rows = String::new();
        for row in &table.rows {
            let class = match row.kind {
                RowKind::Plain => "",
                RowKind::Heading => " class=\"heading\"",
                RowKind::Summary => " class=\"summary\"",
            };
            let key = escape(&row.key);
            rows += &format!("<tr{class} data-key=\"{key}\">");
            if row.kind == RowKind::Heading {
                let title = row.cells.first().map(|cell| self.cell(cell).1).unwrap_or_default();
                rows +=
                    &format!("<th colspan=\"{}\" scope=\"rowgroup\">{title}</th></tr>\n", row.cells.len());
                continue;
            }
            for (at, cell) in row.cells.iter().enumerate() {
                let (class, text) = self.cell(cell);
                let class =
                    if class.is_empty() { String::new() } else { format!(" class=\"{}\"", class.trim()) };
                if at == 0 {
                    rows += &format!("<th scope=\"row\">{text}</th>");
                } else {
                    rows += &format!("<td{class}>{text}</td>");
                }
            }
            rows += "</tr>\n";
        }
        format!(
            "<h2>{}</h2>\n<div class=\"wide\"><table id=\"{}\"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n",
            escape(&table.title),
            table.id,
        )
    }

    /// Its class and what it says.
    fn cell(&self, cell: &Cell) -> (&'static str, String) {
        match cell {
            Cell::Empty => ("", String::new()),
            Cell::Text(text) => ("text", escape(text)),
            Cell::Value(value) => ("", value.shown()),
            Cell::Change(None, _) => ("", Value::Nothing.shown()),
            Cell::Change(Some(change), better) => {
                let shown = change.shown(self.word("个百分点", "pp"));
                (class(*better, &shown), shown)
            }
        }
    }

    fn notes(&self) -> String {
        let document = self.document;
        let versions = document.versions.iter().map(|version| {
            format!("{} v{} ({})", escape(&version.name), version.version, span(version.days))
        });
        let versions = versions.collect::<Vec<_>>().join(", ");
        let state = match document.whole.state.as_str() {
            "final" => self.word(
                "所有日期均已关账并过了成熟期。",
                "All days are closed and mature, and nothing came since.",
            ),
            "restated" => self.word("部分数据在定稿后有更新。", "Something came after days were final."),
            _ => self.word(
                "有日期尚未关账或仍在成熟期内，数字可能还会变化。",
                "A day is open or still matures, so figures may change.",
            ),
        };
        let pending = if document.whole.pending {
            self.word("生成时仍有顾客数据在计算。", "Some customers were still being counted.")
        } else {
            ""
        };
        let nobody = match document.subject_kind() {
            Some(SubjectKind::Shop | SubjectKind::Merchant) => {
                self.word("合计含未归属任何客服的静默销售。", "Totals hold sales that are nobody's.")
            }
            _ => "",
        };
        let settled = Window::ALL.into_iter().filter_map(|window| {
            let state = self.language.state(document.whole.state_of(window)?);
            Some(format!("{}: {state}", self.language.window(window)))
        });
        let settled = settled.collect::<Vec<_>>().join(" · ");
        let sliced = if document.groups.iter().any(|group| group.aspect().is_some()) {
            self.word(
                "商品和类目的金额、件数与加购相加等于合计；订单和买家在其包含的每个商品下各计一次。",
                "Amounts, pieces and carts of products and categories add up to the total; orders and buyers count under each product that they have.",
            )
        } else {
            ""
        };
        let mean = self.word(
            "平均：数量和金额按人均；比率和时长以合计为准。中位数取中间两个中较小的一个。",
            "Mean: counts and amounts per row; rates and times are those of the total. Median: the lower of two middle values.",
        );
        format!(
            "<footer class=\"notes\"><p>{}: {versions}</p><p>{}: {settled}. {state} {pending}</p><p>{nobody} {sliced} {mean}</p></footer>\n",
            self.word("指标定义", "Definition"),
            self.word("数据状态", "State of figures"),
        )
    }
}

fn says(line: &Line, name: &str) -> bool {
    let figure = AnyMeasure::by_name(name).and_then(|measure| line.figure(measure));
    figure.is_some_and(Figure::is_something)
}

/// Good or bad; what rounds to nothing is neither.
fn class(better: Option<bool>, shown: &str) -> &'static str {
    match better.filter(|_| shown.contains(|c: char| c.is_ascii_digit() && c != '0')) {
        Some(true) => " good",
        Some(false) => " bad",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::testing::document;

    #[test]
    fn a_page_has_no_script_and_nothing_from_elsewhere() {
        for language in [Language::Chinese, Language::English] {
            let page = write(&document(), language);
            for part in ["<script", "javascript:", "http://", "https://", "onerror", "@import", "url("] {
                assert!(!page.contains(part), "{part}");
            }
            assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
            assert!(page.matches("<svg").count() >= 5, "charts");
            assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
        }
    }

    #[test]
    fn a_plan_begins_with_what_to_do() {
        let plan = Document { kind: "improvement_plan".to_owned(), ..document() };
        let page = write(&plan, Language::Chinese);
        let at = |part: &str| page.find(part).expect("is there");
        assert!(at("class=\"steps\"") < at("class=\"cards\""));
        assert!(page.contains("按小时咨询量排班") && page.contains("主管"));
        assert!(page.contains("李娜, 21:00") && page.contains("异常偏高 (z 4.0, 5 个同类周期)"), "{page}");
        assert!(page.contains("连带率下降: 推荐搭配 (主管)"));
    }

    #[test]
    fn a_report_of_nothing_says_so() {
        let empty = document().last_year;
        let nothing = Document {
            whole: empty.clone(),
            previous: empty,
            course: Vec::new(),
            groups: Vec::new(),
            sales: None,
            worse: Vec::new(),
            targets: Vec::new(),
            ..document()
        };
        assert!(write(&nothing, Language::Chinese).contains("本期没有数据"));
    }
}
