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
    /// How that was proven: `trivial`, `lagrangian` or `branches`; `refuted` if it was not, by an error of the solver.
    pub bound_proof: String,
    /// Share of the objective that the bound leaves open; 0 is proven optimal.
    pub gap: f64,
    /// Cells changed against the roster to keep, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<usize>,
    /// What the checker found when the solver was done.
    pub verdict: Verdict,
}

/// A checker's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether no hard rule is broken.
    pub feasible: bool,
    /// Sum of all penalties.
    pub objective: i64,
    /// Codes of the hard rules that are broken, one for each place.
    pub broken: Vec<String>,
}

/// A roster read back, with what was claimed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SolvedRoster {
    /// The roster.
    pub roster: Roster,
    /// The claims; a roster written by hand has none.
    pub certificate: Option<Certificate>,
    /// The penalties that the file lists, if it does.
    pub penalties: Option<Vec<PenaltyRow>>,
    /// The hard rules that the file lists, if it does.
    pub rules: Option<Vec<RuleRow>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    roster: Vec<Row>,
    /// For readers; a checker computes its own and compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    penalties: Option<Vec<PenaltyRow>>,
    /// For readers; a checker computes its own and compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleRow>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    person: String,
    /// Shift names, `-` for a day off.
    cells: Vec<String>,
}

/// A penalty as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PenaltyRow {
    /// Its code, such as `cover`.
    pub penalty: String,
    /// Its cost.
    pub cost: i64,
    /// It in words.
    pub text: String,
}

/// A hard rule as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    /// Its code, such as `rest`.
    pub rule: String,
    /// Name of the person.
    pub person: String,
    /// First day of the place meant, negative in the history; none means the horizon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_day: Option<isize>,
    /// Last day of that place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_day: Option<isize>,
    /// Name of the shift meant, of rules about one shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<String>,
    /// What the roster has.
    pub found: i64,
    /// What the rule asks for.
    pub limit: i64,
    /// How far the roster is from breaking the rule; negative: broken by so much.
    pub slack: i64,
}

pub(super) fn penalty_rows(problem: &Problem, report: &Report) -> Vec<PenaltyRow> {
    let row = |line: &crate::check::PenaltyLine| PenaltyRow {
        penalty: line.penalty.code().to_owned(),
        cost: line.cost,
        text: problem.penalty_words(line),
    };
    report.penalties.iter().map(row).collect()
}

pub(super) fn rule_rows(problem: &Problem, report: &Report) -> Vec<RuleRow> {
    let model = &problem.model;
    let row = |line: &crate::check::RuleLine| RuleRow {
        rule: line.rule.code().to_owned(),
        person: model.people[line.person].id.clone(),
        first_day: line.days.map(|days| days.0),
        last_day: line.days.map(|days| days.1),
        shift: line.shift.map(|shift| model.shifts[shift].id.clone()),
        found: line.found,
        limit: line.limit,
        slack: line.slack,
    };
    report.rules.iter().map(row).collect()
}

impl From<&Report> for Verdict {
    fn from(report: &Report) -> Self {
        let broken = report.broken().map(|line| line.rule.code().to_owned()).collect();
        Self { feasible: report.feasible, objective: report.objective, broken }
    }
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
                BoundProof::Refuted => "refuted",
            }
            .to_owned(),
            gap: solution.gap(),
            changes: solution.changes,
            verdict: Verdict::from(&solution.verdict),
        }
    }
}

impl Certificate {
    /// Whether it claims that no roster is better.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.stopped == "optimal"
    }

    /// How the bound was proven, in words.
    #[must_use]
    pub fn proof_words(&self) -> &str {
        match self.bound_proof.as_str() {
            "trivial" => "no cost is negative",
            "lagrangian" => "Lagrangian relaxation, rounded up",
            "branches" => "Lagrangian relaxation in branches, rounded up",
            "refuted" => "none: the solver's bound came out above this roster's cost, an error of the solver",
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
    let document = Document {
        format: FORMAT.to_owned(),
        certificate: certificate.cloned(),
        roster: model.people.iter().enumerate().map(row).collect(),
        penalties: Some(penalty_rows(problem, report)),
        rules: Some(rule_rows(problem, report)),
    };
    let mut text =
        serde_json::to_string_pretty(&document).expect("a document has string keys and finite numbers");
    text.push('\n');
    text
}

/// Reads a roster in the form `jinpai.roster-solution/1`; people may come in any order. What the file says of it is not believed:
/// [`check`](crate::check()) finds it anew, and [`false_claims`](crate::false_claims) compares.
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
    let Document { certificate, penalties, rules, .. } = document;
    Ok(SolvedRoster { roster, certificate, penalties, rules })
}
