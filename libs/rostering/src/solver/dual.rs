//! Bounds by Lagrangian relaxation of everything that couples people.
//!
//! For multipliers `m`, one per row, in units of `1/scale`, no roster costs less than
//!
//! ```text
//! ( Σ_person min over legal rosters ( scale·wishes + Σ m·count )  +  Σ_row min over counts ( scale·cost(count) − m·count ) ) / scale
//! ```
//!
//! because for the best roster each bracket is at least its minimum, and the terms with `m` cancel. The first minimum is
//! the oracle's, the second a look at a table; all numbers are whole, so nothing is lost to rounding, and since costs are whole the
//! quotient is rounded up. Multipliers are found by a subgradient method with a smoothed direction; how good they are
//! matters for the size of the bound, never for its truth.

use super::problem::{FORBIDDEN, Problem};

/// Multipliers per row, in units of `1/scale`.
#[derive(Debug, Clone)]
pub(crate) struct Multipliers {
    pub scale: i32,
    pub values: Vec<i32>,
}

impl Multipliers {
    pub fn zero(problem: &Problem<'_>, scale: i32) -> Self {
        Self { scale, values: vec![0; problem.rows.len()] }
    }

    /// Prices per day and choice for a person.
    pub fn prices(&self, problem: &Problem<'_>, person: usize, prices: &mut Vec<i32>) {
        prices.clear();
        let own = problem.own(person);
        for day in 0..problem.days {
            let of_day = &own[day * (problem.shifts + 1)..][..problem.shifts + 1];
            prices.push(if of_day[0] >= FORBIDDEN { FORBIDDEN } else { of_day[0] * self.scale });
            for shift in 0..problem.shifts {
                let mut price = of_day[shift + 1];
                if price < FORBIDDEN {
                    price *= self.scale;
                    for entry in problem.entries(person, day, shift) {
                        price += self.values[entry.row as usize] * entry.factor;
                    }
                }
                prices.push(price);
            }
        }
    }

    /// The least of `scale·cost(count) − m·count` over the counts of a row, with the count.
    pub fn conjugate(&self, problem: &Problem<'_>, row: usize) -> (i64, i32) {
        let (costs, low) = (&problem.rows[row].costs, problem.rows[row].low);
        let value = |index: usize| {
            let count = i64::from(low) + index as i64;
            i64::from(self.scale) * costs[index] - i64::from(self.values[row]) * count
        };
        let best = (0..costs.len()).min_by_key(|index| value(*index)).unwrap_or(0);
        (value(best), low + best as i32)
    }

    /// Keeps a multiplier among the slopes of its row.
    pub fn clamp(&mut self, problem: &Problem<'_>, row: usize) {
        let (low, high) = problem.rows[row].slopes();
        let scale = i64::from(self.scale);
        let value = i64::from(self.values[row]).clamp(low * scale, high * scale);
        self.values[row] = value as i32;
    }
}

/// Rounds a bound in units of `1/scale` up to a whole cost.
pub(crate) fn whole(bound: i64, scale: i32) -> i64 {
    -(-bound).div_euclid(i64::from(scale))
}
