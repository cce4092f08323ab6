//! The solver against brute force and the checker: everything a random model can say.

use std::ops::ControlFlow;
use std::time::Duration;

use proptest::prelude::*;
use rostering::{
    BoundProof, Cover, Keep, Leave, Model, Options, Person, Request, Rule, Rules, Shift, SolveError, Stop,
    Wish, check, solve,
};

use crate::brute::{every_roster, legal_rows};
use crate::models::{Size, any_model};

fn options(step_limit: u64, seed: u64) -> Options {
    Options { time_limit: None, step_limit: Some(step_limit), seed, ..Options::default() }
}

/// The least cost of all rosters; `None` if somebody has no legal row.
fn least_cost(model: &Model) -> Option<i64> {
    let mut least: Option<i64> = None;
    every_roster(model, |_, cost| least = Some(least.map_or(cost, |least| least.min(cost))));
    least
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// One person: the programme is exact, so what is found is the best there is, and no roster means there is none.
    #[test]
    fn one_person_is_rostered_as_brute_force_does(model in any_model(Size { days: 7, people: 1, shifts: 2 })) {
        let rows = legal_rows(&model, 0);
        match solve(&model, &options(400, 1), &mut |_| ControlFlow::Continue(())) {
            Ok(solution) => {
                prop_assert!(!rows.is_empty());
                let least = least_cost(&model).expect("there is a legal row");
                prop_assert!(solution.bound <= least, "bound {} above {least}", solution.bound);
                prop_assert!(solution.objective >= least);
                if model.fairness.is_empty() {
                    prop_assert_eq!(solution.objective, least);
                }
            }
            Err(error) => {
                prop_assert_eq!(error, SolveError::NoRoster { people: vec![0] });
                prop_assert!(rows.is_empty(), "{} legal rows", rows.len());
            }
        }
    }

    /// Two people with everything that couples: the bound holds, the search finds the best.
    #[test]
    fn two_people_are_rostered_as_brute_force_does(model in any_model(Size { days: 4, people: 2, shifts: 2 })) {
        let least = least_cost(&model);
        match solve(&model, &options(1_500, 2), &mut |_| ControlFlow::Continue(())) {
            Ok(solution) => {
                let least = least.expect("the checker passed a roster");
                prop_assert!(solution.bound <= least, "bound {} above {least}", solution.bound);
                prop_assert_eq!(solution.objective, least);
                prop_assert_eq!(solution.stopped == Stop::Optimal, solution.bound == solution.objective);
            }
            Err(SolveError::NoRoster { .. }) => prop_assert_eq!(least, None),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    /// With steps enough to branch: the bound holds, and a proof of the best is one.
    #[test]
    fn branches_leave_no_roster_out(model in any_model(Size { days: 4, people: 3, shifts: 1 })) {
        if let (Ok(solution), Some(least)) =
            (solve(&model, &options(8_000, 3), &mut |_| ControlFlow::Continue(())), least_cost(&model))
        {
            prop_assert!(solution.bound <= least, "bound {} above {least}", solution.bound);
            prop_assert_eq!(solution.objective, least);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Larger ones: solver and checker agree (the solver asserts the cost), the same seed gives the same roster.
    #[test]
    fn the_same_seed_gives_the_same_roster(model in any_model(Size { days: 16, people: 5, shifts: 4 }), seed: u64) {
        let run = || solve(&model, &options(300, seed), &mut |_| ControlFlow::Continue(()));
        match (run(), run()) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(&one.roster, &other.roster);
                prop_assert_eq!(one.bound, other.bound);
                prop_assert!(one.verdict.feasible && one.bound <= one.objective);
                prop_assert_eq!(one.input_sha256, other.input_sha256);
            }
            (one, other) => prop_assert_eq!(one.err(), other.err()),
        }
    }

    /// A re-solve that must keep everything changes nothing that the rules allow to keep.
    #[test]
    fn keeping_at_any_price_keeps(model in any_model(Size { days: 10, people: 3, shifts: 3 })) {
        if let Ok(first) = solve(&model, &options(100, 1), &mut |_| ControlFlow::Continue(())) {
            let keep = Keep { roster: first.roster.clone(), weight: 1_000, frozen_days: 0 };
            let options = Options { keep: Some(keep), ..options(100, 2) };
            let again = solve(&model, &options, &mut |_| ControlFlow::Continue(())).expect("it was legal before");
            prop_assert_eq!(again.changes, Some(0));
            prop_assert_eq!(again.objective, first.objective);
            let frozen = Options {
                keep: Some(Keep { roster: first.roster.clone(), weight: 0, frozen_days: 3.min(model.days) }),
                ..options
            };
            let again = solve(&model, &frozen, &mut |_| ControlFlow::Continue(())).expect("it was legal before");
            for person in 0..model.people.len() {
                for day in 0..3.min(model.days) {
                    prop_assert_eq!(again.roster.get(person, day), first.roster.get(person, day));
                }
            }
        }
    }

    /// Changing one cell of a legal roster: what the checker says of rules follows from the rules alone, so a broken rule is
    /// one the changed cell has to do with.
    #[test]
    fn a_changed_cell_breaks_rules_of_its_person_only(
        model in any_model(Size { days: 10, people: 3, shifts: 3 }),
        cell in (0..3_usize, 0..10_usize, 0..4_usize),
    ) {
        if let Ok(solution) = solve(&model, &options(30, 1), &mut |_| ControlFlow::Continue(())) {
            let (person, day) = (cell.0 % model.people.len(), cell.1 % model.days);
            let mut roster = solution.roster;
            roster.set(person, day, (cell.2 % (model.shifts.len() + 1)).checked_sub(1));
            let report = check(&model, &roster);
            for line in report.broken() {
                prop_assert_eq!(line.person, person);
                let near = line.days.is_none_or(|(first, last)| {
                    (first - 1..=last + 1).contains(&(day as isize))
                });
                prop_assert!(near, "{:?}", line);
                prop_assert!(line.rule != Rule::Leave || model.people[person].leave.iter().any(|leave| leave.day == day));
            }
        }
    }
}

#[test]
fn a_run_can_be_stopped_by_callback_flag_and_clock() {
    let model = crate::rotation::rotation(0);
    let mut open = model.clone();
    // A wish that can't be proven needless at once keeps the run going.
    open.cover.iter_mut().for_each(|cover| cover.required = 2);
    let long = Options { time_limit: Some(Duration::from_secs(600)), ..Options::default() };
    let mut told = 0;
    let solution = solve(&open, &long, &mut |progress| {
        told += 1;
        assert!(progress.objective.is_none_or(|objective| objective >= progress.bound));
        if progress.objective.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect("stopped with a roster");
    assert!(told >= 1 && matches!(solution.stopped, Stop::Cancelled | Stop::Optimal));
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let cancelled = Options { cancel: Some(flag), ..long.clone() };
    match solve(&open, &cancelled, &mut |_| ControlFlow::Continue(())) {
        Ok(solution) => assert!(matches!(solution.stopped, Stop::Cancelled | Stop::Optimal)),
        Err(error) => assert!(matches!(error, SolveError::Stopped { .. })),
    }
    let short = Options { time_limit: Some(Duration::from_millis(300)), ..long };
    let solution =
        solve(&open, &short, &mut |_| ControlFlow::Continue(())).expect("there is time for a first roster");
    assert!(matches!(solution.stopped, Stop::TimeLimit | Stop::Optimal));
}

/// Five people, two weeks, three heads every day and one weekend each: too few, by a number that the relaxation finds broken.
fn short_handed() -> Model {
    let rules = Rules {
        minutes_min: 7 * 480,
        minutes_max: Some(9 * 480),
        work_run_min: 2,
        work_run_max: Some(5),
        off_run_min: 2,
        weekends_max: Some(1),
        ..Rules::default()
    };
    let wishes = |person: usize| {
        let day = |at: usize| (person * 5 + at * 3) % 14;
        let wish =
            |at: usize| Request { day: day(at), wish: Wish::Shift(0), weight: 1 + (at + person) as i64 % 3 };
        (0..3).map(wish).collect()
    };
    let person = |index: usize| Person {
        rules: rules.clone(),
        requests: wishes(index),
        leave: vec![Leave { day: (index * 5 + 7) % 14, counted: 0 }],
        ..Person::new(format!("p{index}"))
    };
    let cover = |day: usize| Cover { day, shift: 0, skill: None, required: 3, under: 100, over: 1 };
    Model {
        days: 14,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts: vec![Shift::new("D", 480, 480)],
        people: (0..5).map(person).collect(),
        cover: (0..14).map(cover).collect(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    }
}

/// What is proven at once doesn't wait for a cooling: the first one of a long run takes longer than all this.
#[test]
fn a_small_roster_is_proven_at_once() {
    let options = Options { time_limit: Some(Duration::from_secs(600)), threads: 2, ..Options::default() };
    let solution = solve(&short_handed(), &options, &mut |_| ControlFlow::Continue(()));
    let solution = solution.expect("five people have rosters");
    assert_eq!((solution.bound, solution.stopped), (solution.objective, Stop::Optimal));
    assert!(solution.seconds < 2.0, "{} s", solution.seconds);
}

/// The relaxation alone stays below; the certificate says that branches raised the bound to the best roster's cost.
#[test]
fn branches_prove_what_the_relaxation_leaves_open() {
    let solution = solve(&short_handed(), &options(400_000, 1), &mut |_| ControlFlow::Continue(()));
    let solution = solution.expect("five people have rosters");
    assert_eq!((solution.bound, solution.stopped), (solution.objective, Stop::Optimal));
    assert_eq!(solution.bound_proof, BoundProof::Branches);
}
