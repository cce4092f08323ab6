//! Costs that come to more than there is room for.

use super::problem::{PRICE_SUM_MAX, Problem};
use super::worker::FINE;
use crate::model::Model;
use crate::problem::clock;
use crate::validate::ModelError;

/// Largest sum of costs along one person's days that programmes can compute with.
const PRICES_MAX: i64 = PRICE_SUM_MAX / (2 * FINE as i64);

/// Whether the costs along everybody's days leave room enough.
///
/// # Errors
///
/// Whose come to too much, and which of them is the dearest.
pub(super) fn check_prices(problem: &Problem<'_>) -> Result<(), ModelError> {
    if problem.price_sum <= PRICES_MAX {
        return Ok(());
    }
    let sums = (0..problem.people).map(|person| problem.price_sum_of(person));
    let (sum, person) = sums.zip(0..).max().unwrap_or_default();
    let (cost, what) = dearest(problem.model, person);
    let reason = format!(
        "what the days of {:?} can cost one after another comes to {sum}, and there is room for {PRICES_MAX}; the dearest is \
         {what}, up to {cost} a step: smaller weights, all in proportion, give the same rosters",
        problem.model.people[person].id
    );
    Err(ModelError { field: format!("people[{person}]"), reason })
}

/// The dearest single thing that concerns a person: cost of its dearest step, and what it is.
fn dearest(model: &Model, person: usize) -> (i64, String) {
    let with = |skill: Option<usize>| skill.is_none_or(|skill| model.people[person].skills.contains(&skill));
    let wishes = model.people[person].requests.iter();
    let mut all: Vec<(i64, String)> =
        wishes.map(|wish| (wish.weight, format!("a wish for day {}", wish.day))).collect();
    let cover = model.cover.iter().filter(|row| with(row.skill) && model.may_work(person, row.shift));
    all.extend(cover.map(|row| {
        let shift = &model.shifts[row.shift].id;
        (row.under.max(row.over), format!("the cover of {shift:?} on day {}", row.day))
    }));
    all.extend(model.demand.iter().filter(|row| with(row.skill)).map(|row| {
        let interval = format!("{}–{}", clock(row.from), clock(row.to));
        (row.under.max(row.over), format!("the demand of {interval} on day {}", row.day))
    }));
    let days = i64::try_from(model.days).unwrap_or(i64::MAX);
    for term in &model.fairness {
        let share = term.shares.iter().find(|share| share.person == person);
        // The step to a count costs the weight as often as that count is away from the share.
        let far = share.map(|share| i64::from(share.low).max(days - i64::from(share.high)));
        all.extend(far.map(|far| (term.weight * far, format!("the fairness of {:?}", term.name))));
    }
    let pairings = model.pairings.iter().filter(|pair| pair.trainee == person || pair.mentor == person);
    all.extend(pairings.map(|pair| (pair.weight, format!("the pairing from day {} on", pair.from))));
    all.into_iter().max_by_key(|(cost, _)| *cost).unwrap_or_default()
}
