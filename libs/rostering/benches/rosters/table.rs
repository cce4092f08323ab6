//! What people read.

use std::fmt::Write as _;

use crate::Row;
use crate::options::Options;

pub(crate) fn head(options: &Options, seconds: f64) -> String {
    let Options { threads, seeds, .. } = options;
    let mut text =
        format!("{seconds} s, {threads} threads; ours: median of {seeds} seeds (lowest–highest)\n");
    if options.peer_cache.is_some() {
        text.push_str("CP-SAT marked * was measured in an earlier run and read from the cache\n");
    }
    let heads =
        ["instance", "ours", "(range)", "bound", "gap", "CP-SAT", "best known", "above it", "first roster"];
    let cells = heads.map(str::to_owned);
    text + &line(&cells)
}

pub(crate) fn row(row: &Row) -> String {
    let costs = || row.runs.iter().map(|run| run.cost);
    let (lowest, highest) = (costs().min().unwrap_or(0), costs().max().unwrap_or(0));
    let known = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    line(&[
        row.instance.to_string(),
        row.ours.to_string(),
        if lowest == highest { String::new() } else { format!("({lowest}–{highest})") },
        row.bound.to_string(),
        percent(row.ours - row.bound, row.ours),
        known(row.cpsat) + if row.cpsat_cached { "*" } else { "" },
        known(row.best_known),
        row.best_known.map_or_else(|| "–".to_owned(), |best| percent(row.ours - best, best)),
        format!("{:.2} s", row.first_feasible_seconds),
    ])
}

pub(crate) fn foot(rows: &[Row], options: &Options) -> String {
    let against: Vec<(i64, i64)> = rows.iter().filter_map(|row| Some((row.ours, row.cpsat?))).collect();
    let not_worse = against.iter().filter(|(ours, theirs)| ours <= theirs).count();
    let better = against.iter().filter(|(ours, theirs)| ours < theirs).count();
    let near =
        rows.iter().filter(|row| row.best_known.is_some_and(|best| row.ours * 100 <= best * 101)).count();
    let known = rows.iter().filter(|row| row.best_known.is_some()).count();
    let mut text = String::new();
    if !against.is_empty() {
        writeln!(text, "not worse than CP-SAT: {not_worse} of {}, better: {better}", against.len())
            .expect("writing to a string does not fail");
    }
    writeln!(text, "within 1 % of the best known: {near} of {known}")
        .expect("writing to a string does not fail");
    writeln!(text, "report: {}", options.out.display()).expect("writing to a string does not fail");
    text
}

fn percent(part: i64, whole: i64) -> String {
    if part == 0 { "0".to_owned() } else { format!("{:.2} %", 100.0 * part as f64 / whole as f64) }
}

fn line(cells: &[String; 9]) -> String {
    const WIDTHS: [usize; 9] = [8, 8, 15, 8, 9, 9, 11, 9, 13];
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        write!(text, "{cell:>width$} ").expect("writing to a string does not fail");
    }
    text.trim_end().to_owned() + "\n"
}
