//! Changing as little as possible, with frozen days.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use rostering::{
    Fixed, Keep, Kept, Leave, Model, Options, Person, Problem, Released, Roster, Rules, Shift, SolveError,
    check, input_sha256, solve,
};

use crate::brute::legal_rows;
use crate::models::{Size, any_model};

fn options() -> Options {
    Options { time_limit: None, step_limit: Some(200), ..Options::default() }
}

fn apply(keep: &Keep, model: &Model) -> Kept {
    keep.apply(model, &options(), &mut |_| ControlFlow::Continue(())).expect("it applies")
}

/// Two people who work days 0 to 3 of a week, of which the first two rows are frozen.
fn planned() -> (Model, Roster) {
    let rules = Rules { off_run_min: 2, ..Rules::default() };
    let people = ["甲", "乙"].map(|name| Person { rules: rules.clone(), ..Person::new(name) });
    let model = Model {
        days: 7,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts: vec![Shift::new("A", 540, 480)],
        people: people.to_vec(),
        cover: Vec::new(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    };
    let mut roster = Roster::of(&model);
    for (person, day) in (0..2).flat_map(|person| (0..4).map(move |day| (person, day))) {
        roster.set(person, day, Some(0));
    }
    (model, roster)
}

#[test]
fn new_leave_lets_go_of_the_cells_that_clash_and_of_no_others() {
    let (mut model, roster) = planned();
    model.people[0].leave.push(Leave { day: 1, counted: 0 });
    let keep = Keep { roster: roster.clone(), weight: 1, frozen_days: 5 };
    let kept = apply(&keep, &model);
    // A single day off is too short a run, so a neighbour goes with it.
    assert_eq!(kept.released.len(), 2, "{:?}", kept.released);
    assert!(kept.released.contains(&Released { person: 0, day: 1, shift: Some(0) }));
    assert_eq!(kept.model.people[0].fixed.len(), 3);
    assert_eq!(kept.model.people[1].fixed.len(), 5);
    let problem = Problem::dated(model.clone(), "2026-11-02".parse().expect("a date"));
    let words: Vec<String> = kept.released.iter().map(|one| problem.released_words(one)).collect();
    assert!(words.contains(&"甲: A on Tue 3 Nov is not kept: on leave now".to_owned()), "{words:?}");
    assert!(words.iter().any(|words| words.ends_with("hard rules leave no room for it beside the others")));

    let solution =
        solve(&model, &Options { keep: Some(keep), ..options() }, &mut |_| ControlFlow::Continue(()));
    let solution = solution.expect("solvable");
    assert_eq!((&solution.model, &solution.released), (&kept.model, &kept.released));
    assert_eq!(solution.input_sha256, input_sha256(&kept.model));
    assert_eq!((solution.changes, solution.objective), (Some(2), 2));
    for day in 0..5 {
        assert_eq!(solution.roster.get(1, day), roster.get(1, day));
    }
}

#[test]
fn what_can_be_kept_is_found_out_under_clock_flag_and_callback() {
    let (model, roster) = planned();
    let keep = Keep { roster, weight: 1, frozen_days: 5 };
    let stopped = |options: &Options, go_on: ControlFlow<()>| {
        let error = keep.apply(&model, options, &mut |_| go_on).expect_err("it was asked to stop");
        assert!(matches!(error, SolveError::Stopped { .. }), "{error}");
    };
    let cancel = Some(Arc::new(AtomicBool::new(true)));
    stopped(&Options { cancel, ..options() }, ControlFlow::Continue(()));
    stopped(&Options { time_limit: Some(std::time::Duration::ZERO), ..options() }, ControlFlow::Continue(()));
    let error =
        Keep { weight: -1, ..keep.clone() }.apply(&model, &options(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(
        error.expect_err("a weight below 0").to_string(),
        "option keep: weight -1 is not within 0..=1000000"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// As many frozen cells as any legal row has stay, and what is decided then leaves a roster.
    #[test]
    fn as_many_frozen_cells_stay_as_can(
        model in any_model(Size { days: 6, people: 1, shifts: 2 }),
        cells in prop::collection::vec(0..3_usize, 6),
        frozen_days in 0..7_usize,
    ) {
        let rows = legal_rows(&model, 0);
        let mut roster = Roster::of(&model);
        for (day, cell) in cells.iter().enumerate().take(model.days) {
            roster.set(0, day, (cell % (model.shifts.len() + 1)).checked_sub(1));
        }
        let frozen = frozen_days.min(model.days);
        let kept = apply(&Keep { roster: roster.clone(), weight: 0, frozen_days }, &model);
        let same = |row: &Vec<Option<usize>>| {
            (0..frozen).filter(|day| row[*day] == roster.get(0, *day)).count()
        };
        prop_assert_eq!(frozen - kept.released.len(), rows.iter().map(same).max().unwrap_or(0));
        let decided = &kept.model.people[0].fixed[model.people[0].fixed.len()..];
        for Fixed { day, shift } in decided {
            prop_assert_eq!(*shift, roster.get(0, *day));
        }
        if !rows.is_empty() {
            prop_assert!(!legal_rows(&kept.model, 0).is_empty(), "what stays leaves no roster");
        }
        prop_assert_eq!(check(&kept.model, &roster).objective, check(&model, &roster).objective);
    }
}
