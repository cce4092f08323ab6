//! What a few are given, beside every roster there is.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::roster::Roster;
use crate::solver::dual::tests::brute::legal_rows;
use crate::solver::dual::tests::models::{Size, any_model};
use crate::solver::dual::tests::{board, extremes, shared, worker};
use crate::solver::dual::{Guide, Multipliers};
use crate::solver::pool::Pool;
use crate::solver::problem::Problem;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Everybody moved together from the dearest roster has the cheapest.
    #[test]
    fn all_together_find_the_best_roster(model in any_model(Size { days: 4, people: 3, shifts: 2 })) {
        let Some((dearest, least)) = extremes(&model) else { return Ok(()) };
        let problem = Problem::new(&model);
        let shared = shared();
        let mut worker = worker(&problem, &shared).expect("everybody has a roster");
        let mut board = board(&problem, &dearest);
        let guide = Guide { multipliers: Multipliers::of(&problem, &board), pool: Pool::new(&problem) };
        let people: Vec<usize> = (0..problem.people).collect();
        worker.move_together(&mut board, &people, &guide);
        prop_assert_eq!(board.cost, least);
    }

    /// The rows listed are those that brute force finds, each once and with its price.
    #[test]
    fn rows_near_the_least_are_all_there_are(model in any_model(Size { days: 6, people: 1, shifts: 3 }), seed: u64) {
        let legal = legal_rows(&model, 0);
        prop_assume!(!legal.is_empty());
        let problem = Problem::new(&model);
        let shared = shared();
        let mut worker = worker(&problem, &shared).expect("there is a legal row");
        let first = {
            let mut roster = Roster::of(&model);
            legal[0].iter().enumerate().for_each(|(day, cell)| roster.set(0, day, *cell));
            roster
        };
        let mut multipliers = Multipliers::of(&problem, &board(&problem, &first));
        let random = &mut SmallRng::seed_from_u64(seed);
        multipliers.values.iter_mut().for_each(|value| *value = random.random_range(-3..=3) * multipliers.scale);
        let mut prices = Vec::new();
        multipliers.prices(&problem, 0, &mut prices);
        let price = |row: &[u16]| -> i64 {
            let of_day = prices.chunks_exact(problem.shifts + 1).zip(row);
            of_day.map(|(prices, cell)| i64::from(prices[usize::from(*cell)])).sum()
        };
        let cells = |row: &Vec<Option<usize>>| -> Vec<u16> {
            row.iter().map(|cell| cell.map_or(0, |shift| shift as u16 + 1)).collect()
        };
        let mut wanted: Vec<(i64, Vec<u16>)> =
            legal.iter().map(cells).map(|row| (price(&row), row)).collect();
        wanted.sort_unstable();
        let limit = wanted[random.random_range(0..wanted.len())].0;
        wanted.retain(|(price, _)| *price <= limit);
        let mut found = worker.rows_near(&multipliers, 0, limit, usize::MAX).expect("no limit to their number");
        found.sort_unstable();
        prop_assert_eq!(&found, &wanted);
        if wanted.len() > 1 {
            prop_assert_eq!(worker.rows_near(&multipliers, 0, limit, wanted.len() - 2), None);
        }
    }
}
