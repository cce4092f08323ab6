//! Bounds as multipliers and branches give them, before anything is made of them, beside every roster there is.
//!
//! A run reports no bound above the cost of its best roster, and where the search finds the best one, a false bound would come
//! out as a proof. So here nothing searches: the only roster that is known is the dearest.

#[path = "../../../tests/it/brute.rs"]
pub(crate) mod brute;
#[path = "../../../tests/it/models.rs"]
pub(crate) mod models;

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use self::brute::every_roster;
use self::models::{Size, any_model};
use super::{Cut, Decision, Multipliers};
use crate::model::Model;
use crate::roster::Roster;
use crate::solver::board::Board;
use crate::solver::problem::Problem;
use crate::solver::shared::{Clock, Shared};
use crate::solver::tally::Laws;
use crate::solver::tree::Proof;
use crate::solver::worker::Worker;
use crate::solver::{oracle, rows};

const STEPS: u64 = 6_000;

pub(crate) fn board<'a>(problem: &'a Problem<'a>, roster: &Roster) -> Board<'a> {
    let mut board = Board::new(problem);
    for (person, row) in rows(roster).iter().enumerate() {
        board.insert(person, row);
    }
    board
}

/// A worker that may prove; `None` if somebody has no roster.
pub(crate) fn worker<'a>(problem: &'a Problem<'a>, shared: &'a Shared) -> Option<Worker<'a>> {
    let oracles: Result<Vec<_>, _> =
        (0..problem.people).map(|person| oracle(problem, person, &shared.clock)).collect();
    Some(Worker::new(problem, shared, (oracles.ok()?, Arc::new(Laws::new(problem.model))), 0, 1))
}

pub(crate) fn shared() -> Shared {
    Shared::new(1, (1.0, 1.0), Arc::new(Clock::new(Instant::now(), None, None)), Some(STEPS))
}

/// The dearest roster of a model and the cost of the cheapest.
pub(crate) fn extremes(model: &Model) -> Option<(Roster, i64)> {
    let mut found: Option<(Roster, i64, i64)> = None;
    every_roster(model, |roster, cost| match &mut found {
        None => found = Some((roster.clone(), cost, cost)),
        Some((dearest, most, least)) => {
            if cost > *most {
                (*dearest, *most) = (roster.clone(), cost);
            }
            *least = cost.min(*least);
        }
    });
    found.map(|(dearest, _, least)| (dearest, least))
}

/// Any multipliers, cuts of heads missing together, and decisions.
fn anything(problem: &Problem<'_>, board: &Board<'_>, random: &mut SmallRng) -> (Multipliers, Vec<Decision>) {
    let mut multipliers = Multipliers::of(problem, board);
    let heads = |row: usize| problem.rows[row].heads.map_or(0, |(_, under)| under);
    for _ in 0..random.random_range(0..3) {
        let of_heads = (0..problem.rows.len()).filter(|row| heads(*row) > 0);
        let some: Vec<usize> = of_heads.filter(|_| random.random_bool(0.6)).collect();
        if let Some(under) = some.iter().map(|row| heads(*row)).min() {
            let rows = some.iter().map(|row| *row as u32).collect();
            let (limit, least) = (random.random_range(0..5), random.random_bool(0.5));
            multipliers.add(Arc::new(Cut { rows, limit, least, under }));
            let dearest = 2.0 * (under * i64::from(multipliers.scale)) as f64;
            let index = multipliers.cuts.len() - 1;
            multipliers.relieve(problem, index, dearest * random.random_range(-1.0..1.0));
        }
    }
    for row in 0..problem.rows.len() {
        let (low, high) = problem.rows[row].slopes();
        let scale = i64::from(multipliers.scale);
        multipliers.values[row] = random.random_range(2 * low * scale - 9..=2 * high * scale + 9) as i32;
        multipliers.clamp(problem, row);
    }
    let decision = |random: &mut SmallRng| Decision {
        person: random.random_range(0..problem.people),
        day: random.random_range(0..problem.days),
        works: random.random_bool(0.5),
    };
    let decisions = (0..random.random_range(0..3)).map(|_| decision(random)).collect();
    (multipliers, decisions)
}

/// Whether a roster is in the branch of decisions and cuts.
fn is_in(problem: &Problem<'_>, roster: &Roster, multipliers: &Multipliers, decisions: &[Decision]) -> bool {
    let board = board(problem, roster);
    let keeps = |cut: &Cut| {
        let missing = |row: &u32| i64::from(problem.rows[*row as usize].missing(board.count(*row as usize)));
        let missing: i64 = cut.rows.iter().map(missing).sum();
        if cut.least { missing >= cut.limit } else { missing <= cut.limit }
    };
    let decided = |one: &Decision| roster.get(one.person, one.day).is_some() == one.works;
    multipliers.cuts.iter().all(|(cut, _)| keeps(cut)) && decisions.iter().all(decided)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the multipliers: no roster of the branch costs less than they prove.
    #[test]
    fn any_multipliers_prove_a_bound(model in any_model(Size { days: 4, people: 2, shifts: 2 }), seed: u64) {
        let Some((dearest, _)) = extremes(&model) else { return Ok(()) };
        let problem = Problem::new(&model);
        let shared = shared();
        let mut worker = worker(&problem, &shared).expect("everybody has a roster");
        let board = board(&problem, &dearest);
        let random = &mut SmallRng::seed_from_u64(seed);
        for _ in 0..6 {
            let (mut multipliers, decisions) = anything(&problem, &board, random);
            let mut least = i64::MAX;
            every_roster(&model, |roster, cost| {
                if cost < least && is_in(&problem, roster, &multipliers, &decisions) {
                    least = cost;
                }
            });
            if worker.evaluate(&mut multipliers, &decisions) {
                prop_assert!(multipliers.whole() <= least, "{} above {least}", multipliers.whole());
            } else {
                prop_assert_eq!(least, i64::MAX, "the branch has a roster");
            }
        }
    }

    /// Rounds at the root and branches, with a roster to compare with that is as bad as can be.
    #[test]
    fn rounds_and_branches_prove_no_more_than_there_is(model in any_model(Size { days: 4, people: 3, shifts: 1 })) {
        let Some((dearest, least)) = extremes(&model) else { return Ok(()) };
        let problem = Problem::new(&model);
        let shared = shared();
        let mut worker = worker(&problem, &shared).expect("everybody has a roster");
        let board = board(&problem, &dearest);
        shared.offer(&board, 0);
        let mut proof = Proof::default();
        while !worker.over() && !proof.is_stuck() {
            proof.go_on(&mut worker, &board);
            prop_assert!(shared.bound() <= least, "{} above {least}", shared.bound());
        }
        prop_assert!(!shared.is_refuted());
    }
}

#[test]
fn a_bound_above_a_rosters_cost_is_thrown_away_and_proves_nothing() {
    let mut model = Model {
        days: 1,
        first_weekday: 0,
        weekend: Vec::new(),
        week_start: 0,
        skills: Vec::new(),
        shifts: vec![crate::model::Shift::new("A", 540, 480)],
        people: vec![crate::model::Person::new("p")],
        cover: Vec::new(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    };
    model.cover.push(crate::model::Cover { day: 0, shift: 0, skill: None, required: 2, under: 5, over: 0 });
    let problem = Problem::new(&model);
    let shared = shared();
    let board = board(&problem, &Roster::of(&model));
    shared.offer(&board, 0);
    shared.raise(10);
    assert!(shared.is_proven() && shared.over(0), "two heads missing cost 10");
    shared.raise(11);
    assert!(!shared.is_proven() && shared.is_refuted());
    assert_eq!(shared.bound(), 0);
    assert!(!shared.over(0), "the search goes on to its limit");
}
