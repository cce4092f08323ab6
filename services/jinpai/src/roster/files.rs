//! Problems and rosters in files, in whichever form they are.

use std::path::Path;

use anyhow::{Context, Result};
use rostering::{Certificate, Problem, Report, Roster, SolvedRoster};

/// A problem and how it came.
pub(super) struct Input {
    pub problem: Problem,
    /// Whether it is JSON, not text.
    pub json: bool,
}

pub(super) fn problem(path: &Path) -> Result<Input> {
    let text = read(path)?;
    let json = is_json(&text);
    let problem = if json {
        rostering::read_json(&text).map_err(anyhow::Error::from)
    } else {
        rostering::read_model(&text).map(Problem::from).map_err(anyhow::Error::from)
    };
    Ok(Input { problem: problem.with_context(|| path.display().to_string())?, json })
}

pub(super) fn roster(problem: &Problem, path: &Path) -> Result<SolvedRoster> {
    let text = read(path)?;
    let solved = if is_json(&text) {
        rostering::read_solution(problem, &text).map_err(anyhow::Error::from)
    } else {
        let roster = rostering::read_roster(&problem.model, &text);
        roster.map(unclaimed).map_err(anyhow::Error::from)
    };
    solved.with_context(|| path.display().to_string())
}

/// A roster of which nothing is claimed.
fn unclaimed(roster: Roster) -> SolvedRoster {
    SolvedRoster { roster, certificate: None, penalties: None, rules: None }
}

/// Writes a roster as text if the file's name ends in `.txt` or the problem was text and the name says nothing else.
pub(super) fn write_roster(
    path: &Path,
    input: &Input,
    roster: &Roster,
    report: &Report,
    certificate: &Certificate,
) -> Result<()> {
    let json = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => true,
        Some("txt") => false,
        _ => input.json,
    };
    let text = if json {
        rostering::write_solution(&input.problem, roster, report, Some(certificate))
    } else {
        rostering::write_roster(&input.problem.model, roster)
            .with_context(|| format!("{} can't be written: a name ending in .json can", path.display()))?
    };
    write(path, &text)
}

pub(super) fn write_html(
    path: &Path,
    name: &Path,
    problem: &Problem,
    roster: &Roster,
    report: &Report,
    certificate: Option<&Certificate>,
) -> Result<()> {
    let title = match problem.first_day {
        Some(first) => format!("Roster {}", first.format("%B %Y")),
        None => name.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    write(path, &rostering::html(problem, roster, report, certificate, &title))
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
}
