//! What a file says of its roster: every false claim is found.

use std::ops::ControlFlow;

use rostering::{
    Certificate, Options, Problem, SolvedRoster, check, false_claims, read_json, read_solution, solve,
    write_solution,
};

const SHORT: &str = include_str!("../../testdata/short.json");

/// A solved problem as it is read back from its file.
fn solved() -> (Problem, SolvedRoster) {
    let problem = read_json(SHORT).expect("readable");
    let options = Options { time_limit: None, step_limit: Some(20_000), ..Options::default() };
    let solution = solve(&problem.model, &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    let certificate = Certificate::from(&solution);
    let text = write_solution(&problem, &solution.roster, &solution.verdict, Some(&certificate));
    assert!(text.contains("\"verdict\": {\n      \"feasible\": true,"), "{text}");
    let read = read_solution(&problem, &text).expect("readable");
    assert_eq!(read.certificate.as_ref(), Some(&certificate));
    (problem, read)
}

fn claims(problem: &Problem, solved: &SolvedRoster) -> Vec<String> {
    false_claims(problem, solved, &check(&problem.model, &solved.roster), None)
}

/// Alters one claim; what is said of it must begin so, and nothing else is false.
fn altered(alter: impl FnOnce(&mut Certificate), message: &str) {
    let (problem, mut solved) = solved();
    alter(solved.certificate.as_mut().expect("it has one"));
    let found = claims(&problem, &solved);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(message), "{found:?}");
}

#[test]
fn a_file_that_says_the_truth_has_no_false_claim() {
    let (problem, solved) = solved();
    assert_eq!(solved.certificate.as_ref().map(|claimed| claimed.stopped.as_str()), Some("optimal"));
    assert_eq!(solved.penalties.as_ref().map(Vec::len), Some(1));
    assert_eq!(claims(&problem, &solved), Vec::<String>::new());
    let bare = SolvedRoster { certificate: None, penalties: None, rules: None, ..solved };
    assert_eq!(claims(&problem, &bare), Vec::<String>::new(), "who claims nothing claims nothing false");
}

#[test]
fn each_false_claim_of_a_certificate_is_named() {
    altered(|claimed| claimed.input_sha256 = "00".into(), "solved for input 00, this one is ");
    altered(|claimed| claimed.verdict.feasible = false, "the verdict says that hard rules are broken");
    altered(|claimed| claimed.verdict.objective = 7, "the verdict says a cost of 7, it is 100");
    altered(
        |claimed| claimed.verdict.broken.push("rest".into()),
        "the verdict says of broken rules: rest; it is: none",
    );
    altered(|claimed| claimed.gap = 0.01, "claims a gap of 0.01, cost and bound give 0");
    altered(
        |claimed| claimed.bound_proof = "trivial".into(),
        "claims the proof \"trivial\" for a bound of 100",
    );
    altered(|claimed| claimed.bound_proof = "magic".into(), "claims a proof \"magic\" that there is none of");
    altered(|claimed| claimed.stopped = "time_limit".into(), "claims to have stopped by \"time_limit\"");
    altered(
        |claimed| claimed.stopped = "bored".into(),
        "claims a reason to stop \"bored\" that there is none of",
    );
    altered(
        |claimed| (claimed.bound, claimed.gap) = (50, 0.5),
        "claims to be optimal, cost 100 and bound 50 say nothing of it",
    );
}

#[test]
fn a_cost_or_bound_that_is_not_the_rosters_is_named() {
    let (problem, mut solved) = solved();
    let certificate = solved.certificate.as_mut().expect("it has one");
    (certificate.objective, certificate.bound) = (90, 90);
    assert_eq!(claims(&problem, &solved), ["claims a cost of 90, it is 100"]);
    let certificate = solved.certificate.as_mut().expect("it has one");
    (certificate.objective, certificate.bound) = (100, 101);
    (certificate.gap, certificate.stopped) = (-0.01, "step_limit".into());
    assert_eq!(claims(&problem, &solved), ["claims that no roster costs less than 101, this one does"]);
    let certificate = solved.certificate.as_mut().expect("it has one");
    (certificate.bound, certificate.gap) = (-100, 2.0);
    assert_eq!(claims(&problem, &solved), ["claims a bound of -100, no cost is negative"]);
}

#[test]
fn changes_are_counted_against_the_roster_that_was_to_be_kept() {
    let (problem, mut solved) = solved();
    let report = check(&problem.model, &solved.roster);
    let mut kept = solved.roster.clone();
    kept.set(0, 0, if kept.get(0, 0).is_some() { None } else { Some(0) });
    assert_eq!(
        false_claims(&problem, &solved, &report, Some(&kept)),
        ["claims no roster to keep, 1 cells differ from it"]
    );
    solved.certificate.as_mut().expect("it has one").changes = Some(3);
    assert_eq!(
        false_claims(&problem, &solved, &report, Some(&kept)),
        ["claims 3 changed cells, there are 1"]
    );
    solved.certificate.as_mut().expect("it has one").changes = Some(1);
    assert_eq!(false_claims(&problem, &solved, &report, Some(&kept)), Vec::<String>::new());
}

#[test]
fn penalties_and_rules_that_are_altered_or_left_out_are_named() {
    let (problem, truth) = solved();
    let penalty = "penalty Sun 8 Nov 19:00–24:00: 5 of 6, 1 missing";
    let mut solved = truth.clone();
    solved.penalties = Some(Vec::new());
    assert_eq!(claims(&problem, &solved), [format!("leaves out a {penalty} (100)")]);
    let mut solved = truth.clone();
    solved.penalties.as_mut().expect("a list")[0].cost = 1;
    assert_eq!(
        claims(&problem, &solved),
        [format!("claims a {penalty} (1), there is none such"), format!("leaves out a {penalty} (100)")]
    );
    let mut solved = truth;
    let rules = solved.rules.as_mut().expect("a list");
    let rest = rules.iter().position(|rule| rule.rule == "rest" && rule.limit == 660).expect("there is one");
    let left_out = rules.remove(rest);
    let message = format!("leaves out a rule rest of 客服七, {} with a limit of 660", left_out.found);
    assert_eq!(claims(&problem, &solved), [message]);
    let rules = solved.rules.as_mut().expect("a list");
    rules.push(rostering::RuleRow { slack: left_out.slack + 1, ..left_out });
    assert_eq!(claims(&problem, &solved).len(), 2);
}
