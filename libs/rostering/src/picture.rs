//! A roster on a terminal.

use std::fmt::Write as _;

use chrono::Datelike;
use unicode_width::UnicodeWidthStr;

use crate::check::{PenaltyLine, Report};
use crate::grid::{Cell, Grid, Heads, Wished};
use crate::problem::Problem;
use crate::roster::Roster;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Whether to colour, by ANSI sequences. Without them every mark is still there as a character.
    pub color: bool,
    /// Columns of the terminal; a longer horizon goes on below.
    pub width: usize,
    /// Penalties that are listed, the dearest first.
    pub penalties_max: usize,
}

impl Default for Picture {
    fn default() -> Self {
        Self { color: false, width: 120, penalties_max: 20 }
    }
}

/// Need rows up to which all are shown; of more only those that are off.
const NEED_ROWS_MAX: usize = 12;
/// Widest column for names.
const NAME_WIDTH_MAX: usize = 24;

/// Draws a roster: people over days, what is missing below, penalties at the end.
#[must_use]
pub fn picture(problem: &Problem, roster: &Roster, report: &Report, how: Picture) -> String {
    let grid = Grid::new(problem, roster, report);
    let mut drawing = Drawing::new(problem, &grid, how);
    let fits = (how.width.saturating_sub(drawing.name_width + 2) / (drawing.cell_width + 1)).max(1);
    // Whole weeks on a line, if a week fits.
    let step = if fits >= 7 { fits - fits % 7 } else { fits };
    let mut from = 0;
    while from < problem.model.days {
        let end =
            (from + if fits >= problem.model.days - from { fits } else { step }).min(problem.model.days);
        drawing.block(from..end, end == problem.model.days);
        from = end;
    }
    drawing.legend();
    drawing.penalties(report);
    drawing.text
}

const PLAIN: &str = "";
const DIM: &str = "2";
const BOLD: &str = "1";
const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

struct Drawing<'a> {
    problem: &'a Problem,
    grid: &'a Grid,
    how: Picture,
    name_width: usize,
    cell_width: usize,
    text: String,
}

impl<'a> Drawing<'a> {
    fn new(problem: &'a Problem, grid: &'a Grid, how: Picture) -> Self {
        let model = &problem.model;
        let people = model.people.iter().map(|person| person.id.width());
        let names = people.chain(grid.needs.iter().map(|row| row.name.width()));
        let shifts = model.shifts.iter().map(|shift| shift.id.width()).max().unwrap_or(1);
        Self {
            problem,
            grid,
            how,
            name_width: names.max().unwrap_or(0).min(NAME_WIDTH_MAX),
            // Room for a mark behind the shift.
            cell_width: (shifts + 1).max(2),
            text: String::new(),
        }
    }

    fn put(&mut self, text: &str, width: usize, style: &str) {
        let pad = " ".repeat(width.saturating_sub(text.width()));
        if self.how.color && !style.is_empty() {
            write!(self.text, "\u{1b}[{style}m{text}\u{1b}[0m{pad}")
                .expect("writing to a string does not fail");
        } else {
            self.text.push_str(text);
            self.text.push_str(&pad);
        }
    }

    fn name(&mut self, name: &str, style: &str) {
        let short = shorten(name, self.name_width);
        self.put(&short, self.name_width + 2, style);
    }

    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    fn block(&mut self, days: std::ops::Range<usize>, last: bool) {
        self.head(days.clone());
        for person in 0..self.grid.cells.len() {
            self.name(&self.problem.model.people[person].id, PLAIN);
            for day in days.clone() {
                let (text, style) = self.cell(self.grid.cells[person][day]);
                self.put(&text, self.cell_width + 1, style);
            }
            if last {
                let totals = self.grid.totals[person];
                let hours = format!("{}:{:02}", totals.minutes / 60, totals.minutes % 60);
                self.put(&format!("{:>3} shifts {hours:>6} h", totals.shifts), 0, DIM);
            }
            self.end_line();
        }
        self.needs(days);
        self.text.push('\n');
    }

    fn head(&mut self, days: std::ops::Range<usize>) {
        let month = self.problem.date(days.start as isize).map(|date| date.format("%b %Y").to_string());
        self.name(&month.unwrap_or_default(), BOLD);
        for day in days.clone() {
            let number = self.problem.date(day as isize).map_or(day as u32, |date| date.day());
            let style = if self.problem.model.is_weekend(day as isize) { BOLD } else { PLAIN };
            self.put(&number.to_string(), self.cell_width + 1, style);
        }
        self.end_line();
        self.name("", PLAIN);
        for day in days {
            let style = if self.problem.model.is_weekend(day as isize) { BOLD } else { DIM };
            self.put(&self.problem.weekday_name(day as isize)[..2], self.cell_width + 1, style);
        }
        self.end_line();
    }

    fn cell(&self, cell: Cell) -> (String, &'static str) {
        let base = match cell.shift {
            Some(shift) => self.problem.model.shifts[shift].id.clone(),
            None if cell.leave => "▒".to_owned(),
            None => "·".to_owned(),
        };
        let mark = match cell {
            Cell { broken: true, .. } => "!",
            Cell { wish: Wished::Missed, .. } => "-",
            Cell { wish: Wished::Granted, .. } => "+",
            Cell { fixed: true, .. } => "=",
            _ => "",
        };
        let style = match cell {
            Cell { broken: true, .. } => RED,
            Cell { wish: Wished::Missed, .. } => YELLOW,
            Cell { wish: Wished::Granted, .. } => GREEN,
            Cell { shift: None, .. } => DIM,
            _ => PLAIN,
        };
        (base + mark, style)
    }

    fn needs(&mut self, days: std::ops::Range<usize>) {
        let off = |heads: &Option<Heads>| heads.is_some_and(|heads| heads.off_by() != 0);
        let all = self.grid.needs.len() <= NEED_ROWS_MAX;
        let mut left_out = 0;
        for row in &self.grid.needs {
            if !all && !row.days[days.clone()].iter().any(off) {
                left_out += 1;
                continue;
            }
            self.name(&row.name, DIM);
            for heads in &row.days[days.clone()] {
                let (text, style) = match heads.map(Heads::off_by) {
                    None => (String::new(), PLAIN),
                    Some(0) if heads.is_some_and(Heads::is_short_for_nothing) => ("○".to_owned(), DIM),
                    Some(0) => ("✓".to_owned(), DIM),
                    Some(off @ ..0) => (off.to_string(), RED),
                    Some(off) => (format!("+{off}"), YELLOW),
                };
                self.put(&text, self.cell_width + 1, style);
            }
            self.end_line();
        }
        if left_out > 0 {
            self.put(&format!("{left_out} more needs are met on all of these days"), 0, DIM);
            self.end_line();
        }
    }

    fn legend(&mut self) {
        let any = |is: fn(&Cell) -> bool| self.grid.cells.iter().flatten().any(is);
        let marks = [
            (true, "· off"),
            (any(|cell| cell.leave), "▒ leave"),
            (any(|cell| cell.wish == Wished::Granted), "+ wish granted"),
            (any(|cell| cell.wish == Wished::Missed), "- wish missed"),
            (any(|cell| cell.fixed), "= decided"),
            (any(|cell| cell.broken), "! rule broken"),
        ];
        let mut legend: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let needs = self.grid.needs.iter().flat_map(|row| &row.days).flatten();
        let (free, counted): (Vec<&Heads>, Vec<&Heads>) =
            needs.partition(|heads| heads.is_short_for_nothing());
        let off: Vec<i64> = counted.into_iter().map(|heads| heads.off_by()).collect();
        if off.contains(&0) {
            legend.push("✓ covered");
        }
        if !free.is_empty() {
            legend.push("○ fewer than wanted, which costs nothing");
        }
        if off.iter().any(|off| *off < 0) {
            legend.push("-1 one missing");
        }
        if off.iter().any(|off| *off > 0) {
            legend.push("+1 one too many");
        }
        self.put(&legend.join("   "), 0, DIM);
        self.end_line();
    }

    fn penalties(&mut self, report: &Report) {
        for line in report.broken() {
            self.put(&format!("BROKEN  {}", self.problem.rule_words(line)), 0, RED);
            self.end_line();
        }
        let mut lines: Vec<&PenaltyLine> = report.penalties.iter().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.cost));
        let shown = lines.len().min(self.how.penalties_max);
        for line in &lines[..shown] {
            writeln!(self.text, "{:>7}  {}", line.cost, self.problem.penalty_words(line))
                .expect("writing to a string does not fail");
        }
        if shown < lines.len() {
            let cost: i64 = lines[shown..].iter().map(|line| line.cost).sum();
            writeln!(self.text, "{cost:>7}  in {} more", lines.len() - shown)
                .expect("writing to a string does not fail");
        }
    }
}

/// Cuts a name to a number of columns.
fn shorten(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let mut short = String::new();
    for c in name.chars() {
        if short.width() + c.to_string().width() + 1 > width {
            break;
        }
        short.push(c);
    }
    short + "…"
}
