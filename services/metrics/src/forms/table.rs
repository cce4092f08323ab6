//! The tables of a report: the same ones for the workbook and the page.

mod plan;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Unit;
use crate::domain::playbook::Direction;
use crate::domain::report::document::{Days, Document, Figure, Group, Line};
use crate::forms::value::{Change, Style, Value};
use crate::forms::words::{Language, TOPICS, Word};

/// Rows and columns with a title.
#[derive(Debug, Clone)]
pub struct Table {
    /// Unique in a report; a word of letters.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Each with a cell for each column.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading, with the unit.
    pub title: String,
    /// The figure that it shows, if it shows one.
    pub measure: Option<&'static str>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose or what: an id, a day, or the name of a figure.
    pub key: String,
    /// What kind of row it is.
    pub kind: RowKind,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// What kind of row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// One of many.
    Plain,
    /// The title of the rows below.
    Heading,
    /// All rows together, their mean, or the one in their middle.
    Summary,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Words.
    Text(String),
    /// A figure.
    Value(Value),
    /// How one changed, and whether that is good.
    Change(Option<Change>, Option<bool>),
}

/// Builds the tables of a document in a language.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// The figures.
    pub document: &'a Document,
    /// The language.
    pub language: Language,
}

impl<'a> Tables<'a> {
    fn word(&self, zh: &'static str, en: &'static str) -> String {
        self.language.of(Word(zh, en)).to_owned()
    }

    fn text(&self, title: String) -> Column {
        let _ = self;
        Column { title, measure: None }
    }

    fn value(&self, measure: AnyMeasure, line: &Line) -> Cell {
        line.figure(measure).map_or(Cell::Empty, |figure| self.figure(measure, figure))
    }

    fn figure(&self, measure: AnyMeasure, figure: Figure) -> Cell {
        Cell::Value(Value::of(measure, figure, &self.document.currency))
    }

    /// The heading of a figure's column.
    fn heading(&self, measure: AnyMeasure) -> String {
        let name = self.language.measure(measure.name());
        match Style::of(measure) {
            Style::Amount | Style::PerHead => format!("{name} ({})", self.document.currency.code),
            Style::Seconds => format!("{name} ({})", self.word("秒", "s")),
            Style::Count | Style::Percent | Style::Ratio => name.to_owned(),
        }
    }

    fn measure_column(&self, measure: AnyMeasure) -> Column {
        Column { title: self.heading(measure), measure: Some(measure.name()) }
    }

    /// A change since `before`, and whether it is for the better.
    fn change(&self, measure: AnyMeasure, before: &Line) -> Cell {
        let (Some(now), Some(before)) = (self.document.whole.figure(measure), before.figure(measure)) else {
            return Cell::Empty;
        };
        let change = Change::of(measure, now, before);
        Cell::Change(change, change.and_then(|change| is_better(measure, change)))
    }

    /// The subject's figures beside those of the period before and of the year before. Figures that say nothing in any
    /// of the three are left out.
    pub fn summary(&self) -> Table {
        let document = self.document;
        let columns = vec![
            self.text(self.word("指标", "Figure")),
            self.text(self.word("本期", "This period")),
            self.text(self.word("上期", "Period before")),
            self.text(self.word("环比", "Change")),
            self.text(self.word("去年同期", "Year before")),
            self.text(self.word("同比", "Change")),
            self.text(self.word("本期数据状态", "State of this period's")),
        ];
        let lines = [&document.whole, &document.previous, &document.last_year];
        let mut rows = Vec::new();
        for topic in TOPICS {
            let told = |measure: &AnyMeasure| {
                lines.iter().any(|line| line.figure(*measure).is_some_and(Figure::is_something))
            };
            let measures: Vec<AnyMeasure> = topic
                .measures
                .iter()
                .filter_map(|(name, ..)| AnyMeasure::by_name(name))
                .filter(told)
                .collect();
            if measures.is_empty() {
                continue;
            }
            let mut cells = vec![Cell::Empty; columns.len()];
            cells[0] = Cell::Text(self.language.of(topic.title).to_owned());
            rows.push(Row { key: String::new(), kind: RowKind::Heading, cells });
            for measure in measures {
                let cells = vec![
                    Cell::Text(self.heading(measure)),
                    self.value(measure, &document.whole),
                    self.value(measure, &document.previous),
                    self.change(measure, &document.previous),
                    self.value(measure, &document.last_year),
                    self.change(measure, &document.last_year),
                    document
                        .whole
                        .state_of(measure.window())
                        .map_or(Cell::Empty, |state| Cell::Text(self.language.state(state).to_owned())),
                ];
                rows.push(Row { key: measure.name().to_owned(), kind: RowKind::Plain, cells });
            }
        }
        Table {
            id: "summary".to_owned(), title: self.word("指标对比", "Figures compared"), columns, rows
        }
    }

    /// How long answers and tasks took: mean, median and the value that nine tenths don't exceed.
    pub fn times(&self) -> Option<Table> {
        let columns = vec![
            self.text(self.word("时长（秒）", "Duration (s)")),
            self.text(self.word("次数", "Count")),
            self.text(self.word("平均", "Mean")),
            self.text(self.word("中位数", "Median")),
            self.text(self.word("90% 不超过", "90% within")),
        ];
        let row = |measure: AnyMeasure| {
            let figure = self.document.whole.figure(measure).filter(|figure| figure.below != 0)?;
            let bucket = |bucket: Option<_>| bucket.map_or(Cell::Empty, |at| Cell::Value(Value::Bucket(at)));
            let cells = vec![
                Cell::Text(self.language.measure(measure.name()).to_owned()),
                Cell::Value(Value::Count(figure.below)),
                self.figure(measure, figure),
                bucket(figure.median),
                bucket(figure.p90),
            ];
            Some(Row { key: measure.name().to_owned(), kind: RowKind::Plain, cells })
        };
        let timed = AnyMeasure::all().filter(|measure| measure.unit() == Unit::Milliseconds);
        let rows: Vec<Row> = timed.filter_map(row).collect();
        let title = self.word("响应与处理时长", "Response and handling times");
        (!rows.is_empty()).then(|| Table { id: "times".to_owned(), title, columns, rows })
    }

    /// The figures of `measures` that say something in a line of `lines`.
    pub fn told<'b>(
        measures: impl IntoIterator<Item = AnyMeasure>,
        lines: impl IntoIterator<Item = &'b Line>,
    ) -> Vec<AnyMeasure> {
        let lines: Vec<&Line> = lines.into_iter().collect();
        let told = |measure: &AnyMeasure| {
            lines.iter().any(|line| line.figure(*measure).is_some_and(Figure::is_something))
        };
        measures.into_iter().filter(told).collect()
    }

    /// The figures that a group's table shows of `main`, all of which other groups have: sales by product or category have
    /// `sold` alone.
    pub fn shown(
        &self,
        group: &Group,
        main: impl IntoIterator<Item = AnyMeasure>,
        sold: impl IntoIterator<Item = AnyMeasure>,
    ) -> Vec<AnyMeasure> {
        match group.aspect() {
            Some(_) => Self::told(sold, group.lines()),
            None => {
                let people = self.document.groups.iter().filter(|group| group.aspect().is_none());
                Self::told(main, people.flat_map(|group| &group.now).chain([&self.document.whole]))
            }
        }
    }

    /// The parts of the whole by a kind of group, with sum, mean and middle; sales by product or category with all others.
    pub fn group(&self, group: &Group, measures: &[AnyMeasure]) -> Table {
        let mut columns = vec![self.text(self.language.group(&group.by).to_owned())];
        columns.extend(measures.iter().map(|measure| self.measure_column(*measure)));
        let mut rows: Vec<Row> = group
            .now
            .iter()
            .map(|line| {
                let mut cells = vec![Cell::Text(self.name(line, &group.by))];
                cells.extend(measures.iter().map(|measure| self.value(*measure, line)));
                Row { key: line.key.clone(), kind: RowKind::Plain, cells }
            })
            .collect();
        let named: Vec<&Line> = group.now.iter().filter(|line| !line.key.is_empty()).collect();
        let summary = |key: &str, title: String, cell: &dyn Fn(AnyMeasure) -> Cell| {
            let mut cells = vec![Cell::Text(title)];
            cells.extend(measures.iter().map(|measure| cell(*measure)));
            Row { key: key.to_owned(), kind: RowKind::Summary, cells }
        };
        if let Some(rest) = &group.rest {
            let title = format!("{} ({})", self.word("其余", "All others"), rest.count);
            rows.push(summary("rest", title, &|measure| self.value(measure, &rest.now)));
        }
        rows.push(summary("total", self.word("合计", "Total"), &|measure| {
            self.value(measure, &self.document.whole)
        }));
        if named.len() > 1 && group.aspect().is_none() {
            rows.push(summary("mean", self.word("平均", "Mean"), &|measure| self.mean(measure, &named)));
            rows.push(summary("median", self.word("中位数", "Median"), &|measure| {
                self.median(measure, &named)
            }));
        }
        let title = match group.by.as_str() {
            "shop" => self.word("各店铺", "By shop"),
            "team" => self.word("各小组", "By team"),
            "product" => self.word("各商品", "By product"),
            "category" => self.word("各类目", "By category"),
            _ => self.word("客服明细", "By person"),
        };
        Table { id: group.by.clone(), title, columns, rows }
    }

    /// Of a count or amount: what there is for each. A quotient's mean is the total's, which weighs it rightly.
    fn mean(&self, measure: AnyMeasure, lines: &[&Line]) -> Cell {
        let sum: i64 = lines.iter().filter_map(|line| line.figure(measure)).map(|figure| figure.above).sum();
        let count = lines.len() as i64;
        match Style::of(measure) {
            Style::Count => Cell::Value(Value::Ratio(sum, count)),
            Style::Amount => {
                let share = crate::domain::money::per_head(sum, count);
                let decimals = self.document.currency.decimals;
                Cell::Value(share.map_or(Value::Nothing, |share| Value::Amount(share, decimals)))
            }
            Style::PerHead | Style::Percent | Style::Ratio | Style::Seconds => Cell::Empty,
        }
    }

    /// The value in the middle of those that there are, the lower of two: somebody has it.
    fn median(&self, measure: AnyMeasure, lines: &[&Line]) -> Cell {
        let figures = lines.iter().filter_map(|line| line.figure(measure));
        let mut values: Vec<(f64, Value)> = figures
            .map(|figure| Value::of(measure, figure, &self.document.currency))
            .filter_map(|value| Some((value.number()?, value)))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let middle = values.len().saturating_sub(1) / 2;
        values.get(middle).map_or(Cell::Empty, |(_, value)| Cell::Value(*value))
    }

    /// The whole's course, step by step.
    pub fn course(&self, measures: &[AnyMeasure]) -> Table {
        let document = self.document;
        let title = match document.course_step.as_str() {
            "hour" => self.word("分时明细", "By hour"),
            "week" => self.word("每周明细", "By week"),
            "month" => self.word("每月明细", "By month"),
            _ => self.word("每日明细", "By day"),
        };
        let mut columns = vec![self.text(self.word("时间", "When"))];
        columns.extend(measures.iter().map(|measure| self.measure_column(*measure)));
        let row = |line: &Line| {
            let when = self.language.step(&document.course_step, line.days.from, line.hour);
            let mut cells = vec![Cell::Text(when.clone())];
            cells.extend(measures.iter().map(|measure| self.value(*measure, line)));
            let key = if line.hour.is_some() { when } else { line.days.from.to_string() };
            Row { key, kind: RowKind::Plain, cells }
        };
        Table { id: "course".to_owned(), title, columns, rows: document.course.iter().map(row).collect() }
    }

    /// What the change of sales is made of; the three effects add up to it.
    pub fn sales(&self) -> Option<Table> {
        let sales = self.document.sales?;
        let decimals = self.document.currency.decimals;
        let row = |key: &str, name: String, minor: i64| Row {
            key: key.to_owned(),
            kind: RowKind::Plain,
            cells: vec![
                Cell::Text(name),
                Cell::Value(Value::Amount(minor, decimals)),
                self.sales_remedies(key),
            ],
        };
        let mut rows = vec![
            row("before", self.word("上期付款金额", "Paid in the period before"), sales.before_minor),
            row(
                "receptions",
                self.word("接待人数变化带来", "From customers received"),
                sales.receptions_minor,
            ),
            row("conversion", self.word("转化率变化带来", "From conversion"), sales.conversion_minor),
            row("order_value", self.word("客单价变化带来", "From order value"), sales.order_value_minor),
        ];
        let now = row("now", self.word("本期付款金额", "Paid in this period"), sales.now_minor);
        rows.push(Row { kind: RowKind::Summary, ..now });
        let columns = vec![
            self.text(self.word("项目", "Part")),
            self.text(format!("{} ({})", self.word("金额", "Amount"), self.document.currency.code)),
            self.text(self.word("改进措施", "What to do")),
        ];
        Some(Table {
            id: "sales".to_owned(),
            title: self.word("销售额为什么变化", "Why sales changed"),
            columns,
            rows,
        })
    }

    /// What a line of a group is called: by name, else by id; what has neither has words of its own.
    pub fn name(&self, line: &Line, by: &str) -> String {
        match (line.name.as_str(), line.key.as_str()) {
            ("", "") => self.language.nameless(by).to_owned(),
            ("", key) => key.to_owned(),
            (name, _) => name.to_owned(),
        }
    }
}

/// Whether a change is for the better; `None` if it is neither.
pub fn is_better(measure: AnyMeasure, change: Change) -> Option<bool> {
    let better = measure.better()?;
    match change.number() {
        number if number > 0.0 => Some(better == Direction::Risen),
        number if number < 0.0 => Some(better == Direction::Fallen),
        _ => None,
    }
}

/// A run of days in words: one day as itself.
pub fn span(days: Days) -> String {
    if days.from == days.to { days.from.to_string() } else { format!("{} – {}", days.from, days.to) }
}

/// Figures by name, in the order of the topics.
pub fn all_measures() -> Vec<AnyMeasure> {
    let names = TOPICS.iter().flat_map(|topic| topic.measures).map(|(name, ..)| *name);
    names.filter_map(AnyMeasure::by_name).collect()
}
