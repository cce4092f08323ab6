//! The tables that say what is to be reached and done: what got worse, and targets.

use proto::access::{Role, role_name};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::playbook::Direction;
use crate::domain::report::document::{Contributor, Figure, RemedyLine, TargetLine, Verdict, Worse};
use crate::domain::report::schedule::done_by;
use crate::forms::table::{Cell, Row, RowKind, Table, Tables, span};
use crate::forms::value::{Style, Value, decimal, grouped};
use crate::forms::words::Word;

impl Tables<'_> {
    /// What got worse, who contributed, what to do, by whom and when.
    pub fn worse(&self) -> Option<Table> {
        let document = self.document;
        if document.worse.is_empty() {
            return None;
        }
        let columns = vec![
            self.text(self.word("变差的指标", "What got worse")),
            self.text(self.word("上期", "Before")),
            self.text(self.word("本期", "Now")),
            self.text(self.word("变化", "Change")),
            self.text(self.word("主要来自", "Mostly from")),
            self.text(self.word("可能原因与改进措施", "Likely cause, and what to do")),
            self.text(self.word("负责", "Who")),
            self.text(self.word("完成期限", "By")),
            self.text(self.word("目标", "Goal")),
            self.text(self.word("是否异常", "How unusual")),
        ];
        let rows = document.worse.iter().filter_map(|worse| self.worse_row(worse)).collect();
        let title = self.word("变差的指标与改进措施", "What got worse, and what to do");
        Some(Table { id: "worse".to_owned(), title, columns, rows })
    }

    fn worse_row(&self, worse: &Worse) -> Option<Row> {
        let document = self.document;
        let measure = AnyMeasure::by_name(&worse.measure)?;
        let name =
            |part: &Contributor| if part.name.is_empty() { part.key.clone() } else { part.name.clone() };
        let hours = worse.hours.iter().map(|hour| format!("{}:00", hour.key));
        let parts = worse.people.iter().map(name).chain(hours).chain(worse.products.iter().map(name));
        let parts: Vec<String> = parts.filter(|name| !name.is_empty()).collect();
        let remedies = worse.remedies.iter().map(|remedy| format!("{}: {}", remedy.cause, remedy.text));
        let owners = self.owners(&worse.remedies);
        let goal = document.previous.figure(measure).map(|figure| {
            let sign = if measure.better() == Some(Direction::Fallen) { "≤" } else { "≥" };
            format!("{sign} {}", Value::of(measure, figure, &document.currency).shown())
        });
        let cells = vec![
            Cell::Text(self.heading(measure)),
            self.value(measure, &document.previous),
            self.value(measure, &document.whole),
            self.change(measure, &document.previous),
            Cell::Text(parts.join(", ")),
            Cell::Text(remedies.collect::<Vec<_>>().join("\n")),
            Cell::Text(owners.join(", ")),
            Cell::Text(done_by(document.days.to).to_string()),
            goal.map_or(Cell::Empty, Cell::Text),
            worse.verdict.as_ref().map_or(Cell::Empty, |verdict| Cell::Text(self.verdict(verdict))),
        ];
        Some(Row { key: worse.measure.clone(), kind: RowKind::Plain, cells })
    }

    /// Who does what some remedies say, each once.
    fn owners(&self, remedies: &[RemedyLine]) -> Vec<String> {
        let mut owners: Vec<String> = Vec::new();
        for remedy in remedies {
            let owner = match remedy.department.as_str() {
                "" => self.role(remedy.owner),
                department => department.to_owned(),
            };
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        owners
    }

    /// What to do about a factor of sales that lost, and who does it; empty if it didn't, or nothing is known.
    pub(super) fn sales_remedies(&self, factor: &str) -> Cell {
        let said = self.document.sales_remedies.iter().find(|said| said.factor == factor);
        let remedies = said.map(|said| said.remedies.as_slice()).unwrap_or_default();
        let line = |remedy: &RemedyLine| {
            let owners = self.owners(std::slice::from_ref(remedy)).concat();
            format!("{}: {} ({owners})", remedy.cause, remedy.text)
        };
        match remedies.iter().map(line).collect::<Vec<_>>() {
            lines if lines.is_empty() => Cell::Empty,
            lines => Cell::Text(lines.join("\n")),
        }
    }

    fn verdict(&self, verdict: &Verdict) -> String {
        let word = match verdict.verdict.as_str() {
            "ordinary" => self.word("正常波动", "ordinary"),
            "unusually_low" => self.word("异常偏低", "unusually low"),
            "unusually_high" => self.word("异常偏高", "unusually high"),
            _ => return self.word("历史数据不足", "too little history"),
        };
        let (periods, count) = (self.word("个同类周期", "like periods"), verdict.periods);
        match verdict.z_millionths {
            Some(z) => format!("{word} (z {}, {count} {periods})", decimal(z.into(), 1_000_000, 1)),
            None => format!("{word} ({count} {periods})"),
        }
    }

    fn role(&self, number: i32) -> String {
        let role = Role::try_from(number).unwrap_or(Role::Unspecified);
        let word = match role {
            Role::Agent => Word("客服", "agent"),
            Role::SeniorAgent => Word("高级客服", "senior agent"),
            Role::Lead => Word("组长", "lead"),
            Role::DeputySupervisor => Word("代理主管", "deputy supervisor"),
            Role::Supervisor => Word("主管", "supervisor"),
            Role::Manager => Word("经理", "manager"),
            Role::Reviewer => Word("质检", "reviewer"),
            Role::Trainer => Word("培训师", "trainer"),
            Role::Analyst => Word("数据分析", "analyst"),
            Role::Operations => Word("运营", "operations"),
            Role::Warehouse => Word("仓库", "warehouse"),
            _ => return role_name(role),
        };
        self.language.of(word).to_owned()
    }

    /// How far targets are.
    pub fn targets(&self) -> Option<Table> {
        if self.document.targets.is_empty() {
            return None;
        }
        let columns = vec![
            self.text(self.word("目标", "Target")),
            self.text(self.word("指标", "Figure")),
            self.text(self.word("期间", "Period")),
            self.text(self.word("目标值", "Goal")),
            self.text(self.word("实际", "Actual")),
            self.text(self.word("达成率", "Attained")),
            self.text(self.word("进度达成率", "Attained to date")),
            self.text(self.word("预计期末", "Forecast")),
        ];
        let rows = self.document.targets.iter().filter_map(|target| self.target_row(target)).collect();
        Some(Table { id: "targets".to_owned(), title: self.word("目标达成", "Targets"), columns, rows })
    }

    fn target_row(&self, target: &TargetLine) -> Option<Row> {
        let measure = AnyMeasure::by_name(&target.measure)?;
        let (above, below) = target.actual;
        let actual = Figure { above, below, median: None, p90: None };
        let share = |millionths: Option<i64>| {
            millionths.map_or(Cell::Empty, |share| Cell::Value(Value::Percent(share, 1_000_000)))
        };
        let goal = |units: i64| Cell::Text(self.goal(measure, units));
        let cells = vec![
            Cell::Text(target.name.clone()),
            Cell::Text(self.heading(measure)),
            Cell::Text(span(target.days)),
            goal(target.wanted),
            self.figure(measure, actual),
            share(target.attainment_millionths),
            share(target.attainment_to_date_millionths),
            target.forecast.map_or(Cell::Empty, goal),
        ];
        Some(Row { key: target.id.clone(), kind: RowKind::Plain, cells })
    }

    /// A goal, which is in smallest units, a count, or millionths of the figure's unit.
    fn goal(&self, measure: AnyMeasure, units: i64) -> String {
        let decimals = self.document.currency.decimals;
        match Style::of(measure) {
            Style::Count => Value::Count(units).shown(),
            Style::Amount => Value::Amount(units, decimals).shown(),
            Style::Percent => Value::Percent(units, 1_000_000).shown(),
            Style::Ratio => Value::Ratio(units, 1_000_000).shown(),
            Style::Seconds => grouped(&decimal(units.into(), 1_000_000, 1)),
            // A mean of amounts is a quotient of smallest units.
            Style::PerHead => grouped(&decimal(units.into(), 1_000_000 * 10_i128.pow(decimals), decimals)),
        }
    }
}
