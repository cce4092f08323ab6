//! A roster as one HTML file that needs nothing else: for the wall, for a phone, for a mail.

use std::fmt::{Display, Write as _};

use chrono::Datelike;

use crate::check::{PenaltyLine, Report};
use crate::grid::{Cell, Grid, Heads, Wished};
use crate::json::Certificate;
use crate::problem::{Problem, clock};
use crate::roster::Roster;

const STYLE: &str = include_str!("html/style.css");

/// Background and ink of the shifts, in order; further shifts begin anew. The name stands in each cell: no shift is told by
/// its colour alone.
const COLORS: [(&str, &str); 8] = [
    ("#dbeafe", "#1e3a8a"),
    ("#fef0c7", "#7a2e0e"),
    ("#e4dcfc", "#42307d"),
    ("#d1fadf", "#054f31"),
    ("#ffe4e8", "#89123e"),
    ("#d5f5f6", "#05505c"),
    ("#eceade", "#4b4324"),
    ("#fbe0f5", "#781560"),
];

/// Writes the page: the grid, how each need is met per day, the penalties, and what is proven.
#[must_use]
pub fn html(
    problem: &Problem,
    roster: &Roster,
    report: &Report,
    certificate: Option<&Certificate>,
    title: &str,
) -> String {
    let grid = Grid::new(problem, roster, report);
    let mut page = Page { problem, grid, text: String::new() };
    page.head(title, report, certificate);
    page.grid();
    page.legend();
    page.lists(report);
    page.foot(certificate);
    page.text
}

/// Text that means nothing to a browser but itself.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

struct Page<'a> {
    problem: &'a Problem,
    grid: Grid,
    text: String,
}

impl Page<'_> {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string does not fail");
    }

    fn head(&mut self, title: &str, report: &Report, certificate: Option<&Certificate>) {
        let model = &self.problem.model;
        let title = Escaped(title);
        let last = model.days as isize - 1;
        let days = match (self.problem.date(0), self.problem.date(last)) {
            (Some(first), Some(last)) => format!("{first} – {last}"),
            _ => format!("{} days", model.days),
        };
        let people = model.people.len();
        self.put(format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"sub\">{days}, {people} people</p>\n\
             <ul class=\"figures\">\n"
        ));
        let mut figure = |class: &str, value: &str, what: &str| {
            self.put(format_args!(
                "<li class=\"{class}\"><b>{}</b><span>{what}</span></li>\n",
                Escaped(value)
            ));
        };
        let broken = report.broken().count();
        if broken > 0 {
            figure("bad", &broken.to_string(), "hard rules broken");
        } else {
            figure("good", "0", "hard rules broken");
        }
        figure("", &report.objective.to_string(), "cost of this roster");
        if let Some(certificate) = certificate {
            figure("", &certificate.bound.to_string(), "no roster costs less than");
            let proven = certificate.is_proven();
            let gap = if proven { "best".to_owned() } else { format!("{:.1} %", certificate.gap * 100.0) };
            figure(if proven { "good" } else { "" }, &gap, if proven { "proven" } else { "open at most" });
        }
        let heads = || self.grid.needs.iter().flat_map(|row| &row.days).flatten().map(|heads| heads.off_by());
        let missing: i64 = heads().filter(|off| *off < 0).sum::<i64>().abs();
        let wished =
            |wanted: Wished| self.grid.cells.iter().flatten().filter(|cell| cell.wish == wanted).count();
        let (granted, missed) = (wished(Wished::Granted), wished(Wished::Missed));
        let mut figure = |class: &str, value: &str, what: &str| {
            self.put(format_args!(
                "<li class=\"{class}\"><b>{}</b><span>{what}</span></li>\n",
                Escaped(value)
            ));
        };
        figure(if missing > 0 { "bad" } else { "good" }, &missing.to_string(), "heads missing");
        if granted + missed > 0 {
            figure("", &format!("{granted} of {}", granted + missed), "wishes granted");
        }
        self.text.push_str("</ul>\n");
    }

    /// Classes of a day's column: weekends are shaded, weeks divided.
    fn column(&self, day: usize) -> &'static str {
        let model = &self.problem.model;
        let starts = day > 0 && model.weekday(day as isize) == model.week_start;
        match (model.is_weekend(day as isize), starts) {
            (true, true) => "we mon",
            (true, false) => "we",
            (false, true) => "mon",
            (false, false) => "",
        }
    }

    fn grid(&mut self) {
        let model = &self.problem.model;
        self.text.push_str("<div class=\"scroll\"><table class=\"grid\">\n<thead><tr><th></th>");
        for day in 0..model.days {
            let (number, full) = match self.problem.date(day as isize) {
                Some(date) => (date.day().to_string(), date.to_string()),
                None => (day.to_string(), format!("day {day}")),
            };
            let (column, weekday) = (self.column(day), self.problem.weekday_name(day as isize));
            self.put(format_args!(
                "<th class=\"{column}\" title=\"{full}\"><b>{number}</b>{}</th>",
                &weekday[..2]
            ));
        }
        for what in ["shifts", "hours", "weekends"] {
            self.put(format_args!("<th class=\"sum\">{what}</th>"));
        }
        self.text.push_str("</tr></thead>\n<tbody>\n");
        for person in 0..self.grid.cells.len() {
            let name = &model.people[person].id;
            self.put(format_args!("<tr><th title=\"{0}\">{0}</th>", Escaped(name)));
            for day in 0..model.days {
                let cell = self.grid.cells[person][day];
                self.cell(person, day, cell);
            }
            let totals = self.grid.totals[person];
            self.put(format_args!(
                "<td class=\"sum\">{}</td><td class=\"sum\">{}</td><td class=\"sum\">{}</td></tr>\n",
                totals.shifts,
                clock(totals.minutes),
                totals.weekends
            ));
        }
        self.text.push_str("</tbody>\n<tbody class=\"needs\">\n");
        for at in 0..self.grid.needs.len() {
            self.put(format_args!("<tr><th>{}</th>", Escaped(&self.grid.needs[at].name.clone())));
            for day in 0..model.days {
                self.need(day, self.grid.needs[at].days[day]);
            }
            self.text.push_str("<td></td><td></td><td></td></tr>\n");
        }
        self.text.push_str("</tbody>\n</table></div>\n");
    }

    fn cell(&mut self, person: usize, day: usize, cell: Cell) {
        let model = &self.problem.model;
        let mut class = String::from("s");
        let mut told = vec![self.problem.day_name(day as isize)];
        let (name, style) = match cell.shift {
            Some(shift) => {
                let Shown { name, style, hours } = shown(self.problem, shift);
                told.push(hours);
                (name, style)
            }
            None if cell.leave => {
                class.push_str(" leave");
                told.push("leave".to_owned());
                ("/".to_owned(), String::new())
            }
            None => {
                class.push_str(" off");
                ("·".to_owned(), String::new())
            }
        };
        for (is, mark, words) in [
            (cell.fixed, " fixed", "decided beforehand"),
            (cell.broken, " broken", "a hard rule is broken here"),
            (cell.wish == Wished::Granted, " met", "wish granted"),
            (cell.wish == Wished::Missed, " missed", "wish missed"),
        ] {
            if is {
                class.push_str(mark);
                told.push(words.to_owned());
            }
        }
        if cell.wish == Wished::Missed {
            let wishes = model.people[person].requests.iter().filter(|wish| wish.day == day);
            let missed = wishes.filter(|request| !request.wish.granted(cell.shift));
            told.extend(missed.map(|request| format!("wished {}", self.problem.wish_words(request.wish))));
        }
        let (told, column) = (told.join(", "), self.column(day));
        self.put(format_args!(
            "<td class=\"{column}\" title=\"{}\"><span class=\"{class}\"{style}>{name}</span></td>",
            Escaped(&told)
        ));
    }

    fn need(&mut self, day: usize, heads: Option<Heads>) {
        let column = self.column(day);
        let Some(heads) = heads else {
            self.put(format_args!("<td class=\"{column}\"></td>"));
            return;
        };
        let (class, text) = match heads.off_by() {
            0 => ("ok", heads.present.to_string()),
            off @ ..0 => ("under", format!("−{}", -off)),
            off => ("over", format!("+{off}")),
        };
        let Heads { present, required, .. } = heads;
        self.put(format_args!(
            "<td class=\"{column} {class}\" title=\"{present} there, {required} wanted\">{text}</td>"
        ));
    }

    fn legend(&mut self) {
        self.text.push_str("<ul class=\"legend\">\n");
        for shift in 0..self.problem.model.shifts.len() {
            let Shown { name, style, hours } = shown(self.problem, shift);
            self.put(format_args!("<li><span class=\"s\"{style}>{name}</span> {hours}</li>\n"));
        }
        let cells = || self.grid.cells.iter().flatten();
        let marks: [(bool, &str, &str, &str); 5] = [
            (cells().any(|cell| cell.leave), "leave", "/", "leave"),
            (cells().any(|cell| cell.fixed), "fixed", "A", "decided beforehand"),
            (cells().any(|cell| cell.wish == Wished::Granted), "met", "A", "wish granted"),
            (cells().any(|cell| cell.wish == Wished::Missed), "missed", "A", "wish missed"),
            (cells().any(|cell| cell.broken), "broken", "A", "hard rule broken"),
        ];
        for (is, class, text, words) in marks {
            if is {
                self.put(format_args!("<li><span class=\"s {class}\">{text}</span> {words}</li>\n"));
            }
        }
        let off: Vec<i64> =
            self.grid.needs.iter().flat_map(|row| &row.days).flatten().map(|heads| heads.off_by()).collect();
        if off.iter().any(|off| *off < 0) {
            self.text.push_str("<li><span class=\"under\">−1</span> one missing</li>\n");
        }
        if off.iter().any(|off| *off > 0) {
            self.text.push_str("<li><span class=\"over\">+1</span> one too many</li>\n");
        }
        self.text.push_str("</ul>\n");
    }

    fn lists(&mut self, report: &Report) {
        if !report.feasible {
            self.text.push_str("<h2 class=\"alert\">Hard rules broken</h2>\n<ul class=\"alert\">\n");
            for line in report.broken() {
                let words = self.problem.rule_words(line);
                self.put(format_args!("<li>{}</li>\n", Escaped(&words)));
            }
            self.text.push_str("</ul>\n");
        }
        if report.penalties.is_empty() {
            self.text.push_str("<h2>Penalties</h2>\n<p>None: nothing is missed that costs.</p>\n");
            return;
        }
        let mut lines: Vec<&PenaltyLine> = report.penalties.iter().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.cost));
        self.put(format_args!(
            "<h2>Penalties: {} in {} places</h2>\n<ul class=\"list\">\n",
            report.objective,
            lines.len()
        ));
        for line in lines {
            let words = self.problem.penalty_words(line);
            self.put(format_args!("<li><b>{}</b><span>{}</span></li>\n", line.cost, Escaped(&words)));
        }
        self.text.push_str("</ul>\n");
    }

    fn foot(&mut self, certificate: Option<&Certificate>) {
        self.text.push_str("<footer>");
        match certificate {
            Some(certificate) => self.put(format_args!(
                "Cost {}, lower bound {} ({}), gap {:.2} %. Solved in {:.1} s by jinpai rostering {}, seed {}, {} threads. \
                 Input SHA-256 {}.",
                certificate.objective,
                certificate.bound,
                Escaped(certificate.proof_words()),
                certificate.gap * 100.0,
                certificate.seconds,
                Escaped(&certificate.version),
                certificate.seed,
                certificate.threads,
                Escaped(&certificate.input_sha256),
            )),
            None => self.put(format_args!(
                "Checked by jinpai rostering {}; nothing is claimed about how good a roster can be. Input SHA-256 {}.",
                env!("CARGO_PKG_VERSION"),
                crate::solve::input_sha256(&self.problem.model)
            )),
        }
        self.text.push_str("</footer>\n</body>\n</html>\n");
    }
}

struct Shown {
    /// Escaped.
    name: String,
    /// The attribute, with a blank before it.
    style: String,
    hours: String,
}

fn shown(problem: &Problem, index: usize) -> Shown {
    let shift = &problem.model.shifts[index];
    let (background, ink) = COLORS[index % COLORS.len()];
    Shown {
        name: Escaped(&shift.id).to_string(),
        style: format!(" style=\"background:{background};color:{ink}\""),
        hours: format!("{}–{}", clock(shift.start), clock(shift.start + shift.length)),
    }
}
