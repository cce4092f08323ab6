//! What a file says of its roster, beside what is found anew.

use super::solution::{Certificate, SolvedRoster, Verdict, penalty_rows, rule_rows};
use crate::check::Report;
use crate::problem::Problem;
use crate::roster::Roster;
use crate::solve::input_sha256;

/// Every claim of a solved roster that is false, in words: input, cost, verdict, penalties and rules are found anew; bound, gap,
/// proof and reason to stop must fit each other and the cost. That the bound holds takes a solver to prove again; seed, threads,
/// steps and seconds nobody can check.
///
/// `problem` is the one that was solved and `report` the checker's for it; `kept` is the roster that was to be kept, if there
/// was one.
#[must_use]
pub fn false_claims(
    problem: &Problem,
    solved: &SolvedRoster,
    report: &Report,
    kept: Option<&Roster>,
) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(certificate) = &solved.certificate {
        input(problem, certificate, &mut found);
        costs(certificate, report, &mut found);
        proof(certificate, report, &mut found);
        changes(certificate, &solved.roster, kept, &mut found);
    }
    if let Some(claimed) = &solved.penalties {
        let rows = penalty_rows(problem, report);
        let words = |row: &super::solution::PenaltyRow| format!("penalty {} ({})", row.text, row.cost);
        compare(claimed, &rows, words, &mut found);
    }
    if let Some(claimed) = &solved.rules {
        let rows = rule_rows(problem, report);
        let words = |row: &super::solution::RuleRow| {
            format!("rule {} of {}, {} with a limit of {}", row.rule, row.person, row.found, row.limit)
        };
        compare(claimed, &rows, words, &mut found);
    }
    found
}

fn input(problem: &Problem, claimed: &Certificate, found: &mut Vec<String>) {
    let input = input_sha256(&problem.model);
    if claimed.input_sha256 != input {
        let kept = if claimed.changes.is_some() {
            " (it was to stay close to a roster: that takes the roster, the weight and the frozen days)"
        } else {
            ""
        };
        found.push(format!("solved for input {}, this one is {input}{kept}", claimed.input_sha256));
    }
}

fn costs(claimed: &Certificate, report: &Report, found: &mut Vec<String>) {
    if claimed.objective != report.objective {
        found.push(format!("claims a cost of {}, it is {}", claimed.objective, report.objective));
    }
    let verdict = Verdict::from(report);
    if claimed.verdict.feasible != verdict.feasible {
        let what =
            |feasible: bool| if feasible { "every hard rule is kept" } else { "hard rules are broken" };
        found.push(format!("the verdict says that {}, it is otherwise", what(claimed.verdict.feasible)));
    }
    if claimed.verdict.objective != verdict.objective {
        found.push(format!(
            "the verdict says a cost of {}, it is {}",
            claimed.verdict.objective, verdict.objective
        ));
    }
    if claimed.verdict.broken != verdict.broken {
        let list = |rules: &[String]| if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
        found.push(format!(
            "the verdict says of broken rules: {}; it is: {}",
            list(&claimed.verdict.broken),
            list(&verdict.broken)
        ));
    }
}

fn proof(claimed: &Certificate, report: &Report, found: &mut Vec<String>) {
    let Certificate { bound, objective, gap, .. } = *claimed;
    if bound > report.objective {
        found.push(format!("claims that no roster costs less than {bound}, this one does"));
    }
    if bound < 0 {
        found.push(format!("claims a bound of {bound}, no cost is negative"));
    }
    let open = crate::solve::gap(objective, bound);
    if (gap - open).abs() > 1e-9 {
        found.push(format!("claims a gap of {gap}, cost and bound give {open}"));
    }
    match claimed.bound_proof.as_str() {
        "trivial" | "refuted" if bound == 0 => {}
        "lagrangian" | "branches" if bound != 0 => {}
        "trivial" | "refuted" | "lagrangian" | "branches" => {
            found.push(format!("claims the proof {:?} for a bound of {bound}", claimed.bound_proof));
        }
        other => found.push(format!("claims a proof {other:?} that there is none of")),
    }
    let proven = objective == bound && claimed.bound_proof != "refuted";
    match claimed.stopped.as_str() {
        "optimal" if proven => {}
        "optimal" => {
            found.push(format!("claims to be optimal, cost {objective} and bound {bound} say nothing of it"));
        }
        "time_limit" | "step_limit" | "cancelled" if !proven => {}
        "time_limit" | "step_limit" | "cancelled" => {
            found
                .push(format!("claims to have stopped by {:?}, cost and bound say optimal", claimed.stopped));
        }
        other => found.push(format!("claims a reason to stop {other:?} that there is none of")),
    }
}

fn changes(claimed: &Certificate, roster: &Roster, kept: Option<&Roster>, found: &mut Vec<String>) {
    let counted = kept.map(|kept| kept.changes(roster));
    match (claimed.changes, counted) {
        (Some(claimed), Some(counted)) if claimed != counted => {
            found.push(format!("claims {claimed} changed cells, there are {counted}"));
        }
        (None, Some(counted)) => {
            found.push(format!("claims no roster to keep, {counted} cells differ from it"));
        }
        _ => {}
    }
}

/// Rows that are claimed and not there, or there and not claimed, each as often as it is.
fn compare<T: PartialEq>(claimed: &[T], rows: &[T], words: impl Fn(&T) -> String, found: &mut Vec<String>) {
    let mut left: Vec<&T> = rows.iter().collect();
    for claim in claimed {
        match left.iter().position(|row| *row == claim) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => found.push(format!("claims a {}, there is none such", words(claim))),
        }
    }
    found.extend(left.into_iter().map(|row| format!("leaves out a {}", words(row))));
}
