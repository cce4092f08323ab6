//! The solved roster with its certificate.

use serde::{Deserialize, Serialize};

use super::{JsonError, parse};
use crate::check::Report;
use crate::problem::Problem;
use crate::roster::Roster;
use crate::solve::{BoundProof, Solution, Stop};

const FORMAT: &str = "jinpai.roster-solution/1";

/// What is claimed of a roster, so that others can check it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// SHA-256, in hex, of the model: see [`input_sha256`](crate::input_sha256).
    pub input_sha256: String,
    /// Version of the solver.
    pub version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Threads of the run.
    pub threads: usize,
    /// Steps of the search, over all threads.
    pub steps: u64,
    /// Seconds in all.
    pub seconds: f64,
    /// Seconds until the first roster that breaks no rule.
    pub first_feasible_seconds: f64,
    /// Why the solver stopped: `optimal`, `time_limit`, `step_limit`, `cancelled`.
    pub stopped: String,
    /// Cost of the roster.
    pub objective: i64,
    /// No roster costs less.
    pub bound: i64,
    /// How that was proven: `trivial`, `lagrangian` or `branches`.
    pub bound_proof: String,
    /// Share of the objective that the bound leaves open; 0 is proven optimal.
    pub gap: f64,
    /// Cells changed against the roster to keep, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<usize>,
}

/// A roster read back, with what was claimed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SolvedRoster {
    /// The roster.
    pub roster: Roster,
    /// The claims; a roster written by hand has none.
    pub certificate: Option<Certificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    roster: Vec<Row>,
    /// For readers; a checker computes its own.
    #[serde(default)]
    penalties: Vec<PenaltyRow>,
    /// For readers; a checker computes its own.
    #[serde(default)]
    rules: Vec<RuleRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    person: String,
    /// Shift names, `-` for a day off.
    cells: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PenaltyRow {
    penalty: String,
    cost: i64,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    rule: String,
    person: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_day: Option<isize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_day: Option<isize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shift: Option<String>,
    found: i64,
    limit: i64,
    slack: i64,
}

impl From<&Solution> for Certificate {
    fn from(solution: &Solution) -> Self {
        Self {
            input_sha256: solution.input_sha256.clone(),
            version: solution.version.clone(),
            seed: solution.seed,
            threads: solution.threads,
            steps: solution.steps,
            seconds: solution.seconds,
            first_feasible_seconds: solution.first_feasible_seconds,
            stopped: match solution.stopped {
                Stop::Optimal => "optimal",
                Stop::TimeLimit => "time_limit",
                Stop::StepLimit => "step_limit",
                Stop::Cancelled => "cancelled",
            }
            .to_owned(),
            objective: solution.objective,
            bound: solution.bound,
            bound_proof: match solution.bound_proof {
                BoundProof::Trivial => "trivial",
                BoundProof::Lagrangian => "lagrangian",
                BoundProof::Branches => "branches",
            }
            .to_owned(),
            gap: solution.gap(),
            changes: solution.changes,
        }
    }
}

impl Certificate {
    /// How the bound was proven, in words.
    #[must_use]
    pub fn proof_words(&self) -> &str {
        match self.bound_proof.as_str() {
            "trivial" => "no cost is negative",
            "lagrangian" => "Lagrangian relaxation, rounded up",
            "branches" => "Lagrangian relaxation in branches, rounded up",
            other => other,
        }
    }
}

/// Writes a roster in the form `jinpai.roster-solution/1`: the roster, the certificate if there is one, every penalty and
/// every hard rule with its slack.
#[must_use]
pub fn write_solution(
    problem: &Problem,
    roster: &Roster,
    report: &Report,
    certificate: Option<&Certificate>,
) -> String {
    let model = &problem.model;
    let row = |(index, person): (usize, &crate::model::Person)| Row {
        person: person.id.clone(),
        cells: roster.row(index).map(|cell| problem.cell_name(cell).to_owned()).collect(),
    };
    let penalties = report.penalties.iter().map(|line| PenaltyRow {
        penalty: line.penalty.code().to_owned(),
        cost: line.cost,
        text: problem.penalty_words(line),
    });
    let rules = report.rules.iter().map(|line| RuleRow {
        rule: line.rule.code().to_owned(),
        person: model.people[line.person].id.clone(),
        first_day: line.days.map(|days| days.0),
        last_day: line.days.map(|days| days.1),
        shift: line.shift.map(|shift| model.shifts[shift].id.clone()),
        found: line.found,
        limit: line.limit,
        slack: line.slack,
    });
    let document = Document {
        format: FORMAT.to_owned(),
        certificate: certificate.cloned(),
        roster: model.people.iter().enumerate().map(row).collect(),
        penalties: penalties.collect(),
        rules: rules.collect(),
    };
    let mut text =
        serde_json::to_string_pretty(&document).expect("a document has string keys and finite numbers");
    text.push('\n');
    text
}

/// Reads a roster in the form `jinpai.roster-solution/1`; people may come in any order. What the file says of penalties and
/// rules is not believed: [`check`](crate::check()) finds it anew.
///
/// # Errors
///
/// The first field that is wrong: its path and the reason.
pub fn read_solution(problem: &Problem, text: &str) -> Result<SolvedRoster, JsonError> {
    let document: Document = parse(text, FORMAT)?;
    let model = &problem.model;
    let mut roster = Roster::of(model);
    let mut seen = vec![false; model.people.len()];
    for (at, row) in document.roster.iter().enumerate() {
        let path = |field: &str| format!("roster[{at}].{field}");
        let Some(person) = model.people.iter().position(|person| person.id == row.person) else {
            return Err(JsonError::new(path("person"), format!("{:?} is no person", row.person)));
        };
        if std::mem::replace(&mut seen[person], true) {
            return Err(JsonError::new(path("person"), format!("{:?} is there twice", row.person)));
        }
        if row.cells.len() != model.days {
            let reason = format!("are {} for a horizon of {} days", row.cells.len(), model.days);
            return Err(JsonError::new(path("cells"), reason));
        }
        for (day, cell) in row.cells.iter().enumerate() {
            let shift = model.shifts.iter().position(|shift| shift.id == *cell);
            if shift.is_none() && cell != "-" {
                return Err(JsonError::new(path(&format!("cells[{day}]")), format!("{cell:?} is no shift")));
            }
            roster.set(person, day, shift);
        }
    }
    if let Some(person) = seen.iter().position(|seen| !seen) {
        return Err(JsonError::new("roster", format!("{:?} has no row", model.people[person].id)));
    }
    Ok(SolvedRoster { roster, certificate: document.certificate })
}
