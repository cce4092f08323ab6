//! What a change is made of: exact splits whose parts add up to the change.

use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::{Measure, Unit};
use crate::domain::trade_measure::TradeMeasure;

/// Effects are counted in billionths of a measure's unit.
pub const BILLION: i64 = 1_000_000_000;

/// Sales of a period: persons received, of those buyers, and what they paid in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sales {
    /// Persons received.
    pub receptions: i64,
    /// Of those, who paid.
    pub buyers: i64,
    /// What they paid, in minor units.
    pub amount: i64,
}

/// How much of a change of sales comes from each factor of receptions × conversion × average order value, in minor
/// units; together exactly the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SalesEffects {
    /// From more or fewer persons received.
    pub receptions: i64,
    /// From a higher or lower share of buyers.
    pub conversion: i64,
    /// From what each of them spent.
    pub order_value: i64,
}

/// What sales are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SalesFactor {
    /// Persons received.
    Receptions,
    /// The share of them that paid.
    Conversion,
    /// What each of those paid.
    OrderValue,
}

impl SalesFactor {
    /// All of them, in the order in which they are multiplied.
    pub const ALL: [Self; 3] = [Self::Receptions, Self::Conversion, Self::OrderValue];

    /// The measure that the playbook knows it by.
    pub fn measure(self) -> AnyMeasure {
        match self {
            Self::Receptions => Measure::ReceivedCustomers.into(),
            Self::Conversion => TradeMeasure::PaymentConversion.into(),
            Self::OrderValue => TradeMeasure::AverageOrderValue.into(),
        }
    }

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receptions => "receptions",
            Self::Conversion => "conversion",
            Self::OrderValue => "order_value",
        }
    }
}

impl SalesEffects {
    /// What comes from a factor.
    pub fn of(&self, factor: SalesFactor) -> i64 {
        match factor {
            SalesFactor::Receptions => self.receptions,
            SalesFactor::Conversion => self.conversion,
            SalesFactor::OrderValue => self.order_value,
        }
    }

    /// The factors whose effect is a loss, the largest first.
    pub fn fallen(&self) -> Vec<SalesFactor> {
        let mut fallen: Vec<SalesFactor> =
            SalesFactor::ALL.into_iter().filter(|factor| self.of(*factor) < 0).collect();
        fallen.sort_by_key(|factor| self.of(*factor));
        fallen
    }
}

impl Sales {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            receptions: self.receptions + other.receptions,
            buyers: self.buyers + other.buyers,
            amount: self.amount + other.amount,
        }
    }
}

/// Splits a change of sales by Shapley's rule: each factor gets the mean of what its change adds, over all orders in
/// which the factors can change (Shapley 1953; for a product of three the closed form below). So no order is preferred,
/// and parts of a cent go by largest remainder.
///
/// A conversion of no receptions, or an order value of no buyers, does not exist; it is taken to be that of the other
/// period, so that the change goes to the factor that came from, or fell to, nothing.
pub fn split_sales(before: Sales, now: Sales) -> SalesEffects {
    let change = now.amount - before.amount;
    let [before, now] = [factors(before, now), factors(now, before)];
    let part = |a: (f64, f64), b: (f64, f64), c: (f64, f64)| {
        (a.1 - a.0) * (b.0 * c.0 / 3.0 + (b.0 * c.1 + b.1 * c.0) / 6.0 + b.1 * c.1 / 3.0)
    };
    let [receptions, conversion, value] = std::array::from_fn(|at| (before[at], now[at]));
    let parts = [
        part(receptions, conversion, value),
        part(conversion, receptions, value),
        part(value, receptions, conversion),
    ];
    let parts = apportion(change, &parts);
    SalesEffects { receptions: parts[0], conversion: parts[1], order_value: parts[2] }
}

/// Receptions, conversion, average order value.
fn factors(of: Sales, other: Sales) -> [f64; 3] {
    let ratio = |above: i64, below: i64| (below != 0).then(|| above as f64 / below as f64);
    let conversion = ratio(of.buyers, of.receptions).or_else(|| ratio(other.buyers, other.receptions));
    let value = ratio(of.amount, of.buyers).or_else(|| ratio(other.amount, other.buyers));
    [of.receptions as f64, conversion.unwrap_or(0.0), value.unwrap_or(0.0)]
}

/// What a measure is made of in a part, before and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides {
    /// Numerator and denominator before.
    pub before: (i64, i64),
    /// Numerator and denominator now.
    pub now: (i64, i64),
}

/// How much of the whole's change comes from a part, in billionths of the measure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// From its share of the work having changed.
    pub mix: i64,
    /// From its own figure having changed.
    pub rate: i64,
}

/// The whole's change in billionths, and each part's effects; they add up to it exactly. `None`: the whole has no value
/// on one side.
///
/// For quotients each part gets `(w1 - w0) × ((r0 + r1) / 2 - (R0 + R1) / 2)` for its share `w` of the denominators and
/// `(w0 + w1) / 2 × (r1 - r0)` for its own figure `r`; a figure that a part does not have on one side is taken to be that
/// of the other, so that coming and going is all mix. Counts are no quotients: each part's change is its effect.
pub fn split(unit: Unit, parts: &[Sides]) -> Option<(i64, Vec<Effects>)> {
    let sum = |side: fn(&Sides) -> (i64, i64)| {
        parts.iter().map(side).fold((0, 0), |sum, side| (sum.0 + side.0, sum.1 + side.1))
    };
    let (before, now) = (sum(|part| part.before), sum(|part| part.now));
    if unit == Unit::Count {
        let effect = |part: &Sides| Effects { mix: 0, rate: billions(part.now.0 - part.before.0) };
        return Some((billions(now.0 - before.0), parts.iter().map(effect).collect()));
    }
    let change = quotient(now)? - quotient(before)?;
    let whole = (now.0 as f64 / now.1 as f64 + before.0 as f64 / before.1 as f64) / 2.0;
    let mut effects = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        let own = |side: (i64, i64)| (side.1 != 0).then(|| side.0 as f64 / side.1 as f64);
        let (r0, r1) = match (own(part.before), own(part.now)) {
            (Some(r0), Some(r1)) => (r0, r1),
            (Some(r), None) | (None, Some(r)) => (r, r),
            (None, None) => (whole, whole),
        };
        let share = |side: (i64, i64), of: (i64, i64)| side.1 as f64 / of.1 as f64;
        let (w0, w1) = (share(part.before, before), share(part.now, now));
        effects.push((w1 - w0) * ((r0 + r1) / 2.0 - whole) * BILLION as f64);
        // What a part adds above the line without a share below it, for example a second payment of a buyer who counts
        // with another account, is all its own.
        let alone =
            |side: (i64, i64), of: (i64, i64)| if side.1 == 0 { side.0 as f64 / of.1 as f64 } else { 0.0 };
        let added = alone(part.now, now) - alone(part.before, before);
        effects.push(((w0 + w1) / 2.0 * (r1 - r0) + added) * BILLION as f64);
    }
    let effects = apportion(change, &effects);
    Some((change, effects.chunks_exact(2).map(|pair| Effects { mix: pair[0], rate: pair[1] }).collect()))
}

fn billions(count: i64) -> i64 {
    count.saturating_mul(BILLION)
}

/// A quotient in billionths, rounded to the nearest.
fn quotient((above, below): (i64, i64)) -> Option<i64> {
    let (above, below) = (i128::from(above) * i128::from(BILLION), i128::from(below));
    let rounded = (2 * above + below).checked_div_euclid(2 * below)?;
    i64::try_from(rounded).ok()
}

/// Whole numbers next to `parts` that add up to `total` exactly: each is rounded down, and what is missing goes one by one
/// to the largest remainders, to the first of equal ones. Floating sums may be off by more than one for each: then all get
/// as much of that first.
pub fn apportion(total: i64, parts: &[f64]) -> Vec<i64> {
    let mut whole: Vec<i64> = parts.iter().map(|part| part.floor() as i64).collect();
    let Ok(count) = i64::try_from(parts.len()) else { return whole };
    if count == 0 {
        return whole;
    }
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|a, b| (parts[*b] - parts[*b].floor()).total_cmp(&(parts[*a] - parts[*a].floor())));
    let missing = total - whole.iter().sum::<i64>();
    let (each, rest) = (missing / count, missing % count);
    whole.iter_mut().for_each(|part| *part += each);
    if rest < 0 {
        order.reverse();
    }
    for place in order.into_iter().take(usize::try_from(rest.unsigned_abs()).unwrap_or(usize::MAX)) {
        whole[place] += rest.signum();
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sales() -> impl Strategy<Value = Sales> {
        (0..100_000_i64, 0..100_000_i64, 1..10_000_000_i64).prop_map(|(receptions, buyers, value)| {
            let buyers = buyers.min(receptions);
            Sales { receptions, buyers, amount: buyers * value / 7 }
        })
    }

    /// The mean over all six orders, step by step.
    fn by_orders(before: Sales, now: Sales) -> [f64; 3] {
        let sides = [factors(before, now), factors(now, before)];
        let mut total = [0.0; 3];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut at = sides[0];
            for factor in order {
                let product: f64 = at.iter().product();
                at[factor] = sides[1][factor];
                total[factor] += (at.iter().product::<f64>() - product) / 6.0;
            }
        }
        total
    }

    proptest! {
        #[test]
        fn sales_effects_add_up_to_the_cent_and_prefer_no_order(before in sales(), now in sales()) {
            let effects = split_sales(before, now);
            let parts = [effects.receptions, effects.conversion, effects.order_value];
            prop_assert_eq!(parts.iter().sum::<i64>(), now.amount - before.amount);
            for (part, mean) in parts.iter().zip(by_orders(before, now)) {
                prop_assert!((*part as f64 - mean).abs() <= 1.0 + mean.abs() * 1e-9, "{} is not {}", part, mean);
            }
            let back = split_sales(now, before);
            for (part, back) in parts.iter().zip([back.receptions, back.conversion, back.order_value]) {
                prop_assert!((part + back).abs() <= 1, "{} and back {}", part, back);
            }
        }

        #[test]
        fn effects_add_up_to_the_change(
            sides in prop::collection::vec(((0..5_000_i64, 0..5_000_i64), (0..5_000_i64, 0..5_000_i64)), 1..30),
        ) {
            let parts: Vec<Sides> = sides
                .iter()
                .map(|(b, n)| Sides { before: (b.0.min(b.1), b.1), now: (n.0.min(n.1), n.1) })
                .collect();
            for unit in [Unit::Rate, Unit::Milliseconds, Unit::Count] {
                let Some((change, effects)) = split(unit, &parts) else { continue };
                prop_assert_eq!(effects.iter().map(|e| e.mix + e.rate).sum::<i64>(), change);
            }
        }

        #[test]
        fn what_stands_above_the_line_alone_is_the_parts_own(
            sides in prop::collection::vec(((0..3_000_000_i64, 0..3_i64), (0..3_000_000_i64, 0..3_i64)), 1..30),
        ) {
            let mut parts: Vec<Sides> =
                sides.iter().map(|(before, now)| Sides { before: *before, now: *now }).collect();
            // One in which nothing happened: whatever the others do is not its own.
            parts.push(Sides::default());
            if let Some((change, effects)) = split(Unit::Rate, &parts) {
                prop_assert_eq!(effects.iter().map(|e| e.mix + e.rate).sum::<i64>(), change);
                let quiet = effects.last().expect("one each");
                // No more than what floating sums are off by.
                prop_assert!((quiet.mix + quiet.rate).abs() < 1_000, "{:?}", quiet);
            }
        }

        #[test]
        fn what_is_apportioned_adds_up(
            parts in prop::collection::vec(-1e9..1e9_f64, 1..20),
            off in -1_000_000_000_000_i64..1_000_000_000_000,
        ) {
            let total = parts.iter().sum::<f64>().round() as i64 + off;
            let whole = apportion(total, &parts);
            prop_assert_eq!(whole.iter().sum::<i64>(), total);
        }
    }

    #[test]
    fn a_factor_that_did_not_change_has_no_effect() {
        let before = Sales { receptions: 100, buyers: 20, amount: 200_000 };
        let more = Sales { receptions: 150, buyers: 30, amount: 300_000 };
        assert_eq!(
            split_sales(before, more),
            SalesEffects { receptions: 100_000, ..SalesEffects::default() }
        );
        let dearer = Sales { amount: 250_000, ..before };
        assert_eq!(
            split_sales(before, dearer),
            SalesEffects { order_value: 50_000, ..SalesEffects::default() }
        );
        let all = split_sales(Sales::default(), before);
        assert_eq!(all, SalesEffects { receptions: 200_000, ..SalesEffects::default() }, "from nothing");
        let none = split_sales(before, Sales { receptions: 100, ..Sales::default() });
        assert_eq!(none, SalesEffects { conversion: -200_000, ..SalesEffects::default() }, "nobody bought");
    }

    #[test]
    fn the_factors_that_lost_come_by_what_they_lost() {
        let effects = SalesEffects { receptions: -1, conversion: -500, order_value: 3 };
        assert_eq!(effects.fallen(), [SalesFactor::Conversion, SalesFactor::Receptions]);
        assert_eq!(SalesEffects::default().fallen(), []);
    }

    #[test]
    fn more_work_for_the_better_part_is_mix_and_better_work_is_rate() {
        let check = |parts: &[Sides], expected: &[(i64, i64)]| {
            let (_, effects) = split(Unit::Rate, parts).expect("has a value");
            assert_eq!(effects.iter().map(|e| (e.mix, e.rate)).collect::<Vec<_>>(), expected);
        };
        // Both as good as before; the better one got half of the other's work: 70 % became 80 %.
        let moved =
            [Sides { before: (90, 100), now: (135, 150) }, Sides { before: (50, 100), now: (25, 50) }];
        check(&moved, &[(BILLION * 375 / 10_000, 0), (BILLION * 625 / 10_000, 0)]);
        // Same work; one became better.
        let better =
            [Sides { before: (50, 100), now: (70, 100) }, Sides { before: (50, 100), now: (50, 100) }];
        check(&better, &[(0, BILLION / 10), (0, 0)]);
        assert_eq!(split(Unit::Rate, &[Sides { before: (0, 0), now: (1, 2) }]), None);
    }

    #[test]
    fn counts_change_by_their_parts() {
        let parts = [Sides { before: (3, 0), now: (5, 0) }, Sides { before: (4, 0), now: (0, 0) }];
        let (change, effects) = split(Unit::Count, &parts).expect("has a value");
        assert_eq!((change, effects[0].rate, effects[1].rate), (-2 * BILLION, 2 * BILLION, -4 * BILLION));
    }
}
