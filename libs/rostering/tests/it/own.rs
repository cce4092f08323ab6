//! Problems as services have them, within a number of steps: one thread, so that the figures are the same each time.

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

/// Every head is there; what is left are wishes and fair shares, of which the bound proves a part so early.
#[test]
fn a_shops_month_has_a_bound_and_a_roster_near_its_best() {
    let (_, solution) = solved(DECEMBER, 60_000);
    assert!(solution.objective <= 30, "cost {}", solution.objective);
    assert!(solution.gap() < 0.8, "cost {}, bound {}", solution.objective, solution.bound);
}

/// Around the clock, with skills, intervals, fairness, pairings and people who come from a night shift.
#[test]
fn a_services_four_weeks_have_a_good_roster_early() {
    let (problem, solution) = solved(SERVICE, 6_000);
    let model = &problem.model;
    assert!(model.demand.iter().any(|row| (0..model.people.len()).any(|one| model.is_still_there(row, one))));
    assert!(!model.fairness.is_empty() && !model.pairings.is_empty());
    assert!(solution.objective < 1_000, "cost {}", solution.objective);
}
