//! Problems as services have them: how near the proof comes within a number of steps.

use std::ops::ControlFlow;

use rostering::{Options, Problem, Solution, check, read_json, solve};

const DECEMBER: &str = include_str!("../../testdata/december.json");
const SERVICE: &str = include_str!("../../testdata/service.json");

fn solved(text: &str, steps: u64) -> (Problem, Solution) {
    let problem = read_json(text).expect("readable");
    let options = Options { time_limit: None, step_limit: Some(steps), ..Options::default() };
    let solution = solve(&problem.model, &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    let report = check(&problem.model, &solution.roster);
    assert!(report.feasible && report.objective == solution.objective);
    (problem, solution)
}

#[test]
fn a_shops_month_comes_close_to_its_bound() {
    let (_, solution) = solved(DECEMBER, 30_000);
    assert!(solution.gap() < 0.05, "cost {}, bound {}", solution.objective, solution.bound);
}

/// Around the clock, with skills, intervals, fairness, pairings and people who come from a night shift.
#[test]
fn a_services_four_weeks_come_close_to_their_bound() {
    let (problem, solution) = solved(SERVICE, 30_000);
    let model = &problem.model;
    assert!(model.demand.iter().any(|row| (0..model.people.len()).any(|one| model.is_still_there(row, one))));
    assert!(!model.fairness.is_empty() && !model.pairings.is_empty());
    assert!(solution.gap() < 0.05, "cost {}, bound {}", solution.objective, solution.bound);
}
