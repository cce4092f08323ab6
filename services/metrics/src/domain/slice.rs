//! What of sales falls to one product, one category or one hour of the clock.
//!
//! Money is shared among the lines of an order by their amounts, so that products, and categories, add up to the whole to
//! the smallest unit. Orders and buyers can't be cut: they count under each product that they have.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::fact::Order;
use crate::domain::split::{Share as Part, split};
use crate::domain::trade::TradeSum;

/// What sales are cut by. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Aspect {
    /// By product.
    Product = 1,
    /// By category.
    Category = 2,
    /// By hour of the local clock.
    Hour = 3,
}

/// One product, category or hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    /// Which of them.
    pub aspect: Aspect,
    /// The product's id, the category or the hour in two digits; empty for what has none.
    pub item: String,
}

impl Slice {
    /// An hour of the clock.
    pub fn hour(hour: u8) -> Self {
        Self { aspect: Aspect::Hour, item: format!("{hour:02}") }
    }
}

/// Some slices of one aspect; no items at all are all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slices {
    /// By what they are cut.
    pub aspect: Aspect,
    /// Which.
    pub items: Vec<String>,
}

impl Slices {
    /// Whether a slice is one of them.
    pub fn hold(&self, slice: &Slice) -> bool {
        slice.aspect == self.aspect && (self.items.is_empty() || self.items.contains(&slice.item))
    }
}

/// Sums of sales, which all aspects have. Hours have all there are.
const SALES: [TradeSum; 17] = [
    TradeSum::OrderingBuyers,
    TradeSum::Orders,
    TradeSum::OrderedAmount,
    TradeSum::PayingBuyers,
    TradeSum::PaidOrders,
    TradeSum::PaidAmount,
    TradeSum::RefundedAmount,
    TradeSum::RefundedOrders,
    TradeSum::ReturnedOrders,
    TradeSum::CompletedRefunds,
    TradeSum::CompletedRefundAmount,
    TradeSum::OrderedUnits,
    TradeSum::Carts,
    TradeSum::CartAmount,
    TradeSum::CartsBought,
    TradeSum::CartsLeft,
    TradeSum::CartLeftAmount,
];
/// What hours had besides when they had no more.
const INQUIRIES: [TradeSum; 6] = [
    TradeSum::ReceivedCustomers,
    TradeSum::Inquiries,
    TradeSum::OrderedNextDay,
    TradeSum::Ordered,
    TradeSum::PaidNextDay,
    TradeSum::Paid,
];

/// Whether slices had a sum in the second format of packed contributions, the first that had slices. Its column of
/// `trade_slices` is never NULL; those of all others are where there is nothing, so that they take no room.
pub fn is_sliced_since_the_first(sum: TradeSum) -> bool {
    SALES.contains(&sum) || INQUIRIES.contains(&sum)
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Product, Self::Category, Self::Hour];

    /// By the stored number.
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| *aspect as i16 == number)
    }

    /// Whether it has a sum.
    pub fn has(self, sum: TradeSum) -> bool {
        self == Self::Hour || SALES.contains(&sum)
    }

    /// Whether the sum's slices add up to the whole: what can't be cut counts in several products.
    pub fn adds_up(self, sum: TradeSum) -> bool {
        let cut = is_amount(sum)
            || matches!(
                sum,
                TradeSum::OrderedUnits | TradeSum::Carts | TradeSum::CartsBought | TradeSum::CartsLeft
            );
        self.has(sum) && (self == Self::Hour || cut)
    }
}

/// Whether it is money.
pub fn is_amount(sum: TradeSum) -> bool {
    matches!(
        sum,
        TradeSum::OrderedAmount
            | TradeSum::PaidAmount
            | TradeSum::RefundedAmount
            | TradeSum::CompletedRefundAmount
            | TradeSum::CartAmount
            | TradeSum::CartLeftAmount
            | TradeSum::CreditedAmount
    )
}

/// What was ordered or put into a cart, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods<'a>(Vec<Portion<'a>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Portion<'a> {
    product: &'a str,
    category: &'a str,
    amount: i64,
    units: i64,
}

impl<'a> Goods<'a> {
    /// Of an order; `None` is one that isn't known, whose goods have no product and no category.
    pub fn of_order(order: Option<&'a Order>) -> Self {
        let mut portions: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
        for line in order.map(|order| order.lines.as_slice()).unwrap_or_default() {
            let portion = portions.entry((&line.product, &line.category)).or_default();
            portion.0 += line.amount;
            portion.1 += i64::from(line.quantity);
        }
        let portion = |((product, category), (amount, units))| Portion { product, category, amount, units };
        let mut portions: Vec<Portion<'_>> = portions.into_iter().map(portion).collect();
        if portions.is_empty() {
            portions.push(Portion { product: "", category: "", amount: 0, units: 0 });
        }
        Self(portions)
    }

    /// Of one product, whose category isn't known.
    pub fn of_product(product: &'a str, units: i64) -> Self {
        Self(vec![Portion { product, category: "", amount: 0, units }])
    }

    /// The products, or categories, each once.
    pub fn items(&self, aspect: Aspect) -> BTreeSet<&'a str> {
        self.0.iter().map(|portion| portion.item(aspect)).collect()
    }

    /// Pieces of an item.
    pub fn units(&self, aspect: Aspect, item: &str) -> i64 {
        self.0.iter().filter(|portion| portion.item(aspect) == item).map(|portion| portion.units).sum()
    }

    /// Shares an amount, not below 0, among the items; the parts add up to it, and products to their category.
    pub fn parts(&self, amount: i64, aspect: Aspect) -> BTreeMap<&'a str, i64> {
        let by_amount = self.0.iter().any(|portion| portion.amount > 0);
        let weight = |portion: &Portion<'a>| match (by_amount, portion.units) {
            (true, _) => portion.amount,
            // Goods that nobody knows take all there is.
            (false, units) => units.max(1),
        };
        let shares: Vec<Part<usize>> = self
            .0
            .iter()
            .enumerate()
            .map(|(key, portion)| Part { key, weight: weight(portion), fixed: None })
            .collect();
        let parts = split(amount, &shares).expect("a portion weighs something and nothing is fixed");
        let mut items: BTreeMap<&str, i64> = BTreeMap::new();
        for (portion, part) in self.0.iter().zip(parts) {
            *items.entry(portion.item(aspect)).or_default() += part;
        }
        items
    }
}

impl<'a> Portion<'a> {
    fn item(&self, aspect: Aspect) -> &'a str {
        match aspect {
            Aspect::Product => self.product,
            Aspect::Category => self.category,
            // Goods have no hour.
            Aspect::Hour => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::fact::OrderLine;

    fn order(lines: &[(&str, &str, i32, i64)]) -> Order {
        let line = |(product, category, quantity, amount): &(&str, &str, i32, i64)| OrderLine {
            product: (*product).to_owned(),
            title: String::new(),
            category: (*category).to_owned(),
            quantity: *quantity,
            amount: *amount,
        };
        Order {
            lines: lines.iter().map(line).collect(),
            amount: 0,
            member_level: String::new(),
            excluded_reason: String::new(),
            campaign: String::new(),
        }
    }

    fn check(lines: &[(&str, &str, i32, i64)], amount: i64, aspect: Aspect, expected: &[(&str, i64)]) {
        let order = order(lines);
        let parts = Goods::of_order(Some(&order)).parts(amount, aspect);
        assert_eq!(parts.into_iter().collect::<Vec<_>>(), expected, "{lines:?}");
    }

    #[test]
    fn an_amount_goes_to_lines_by_what_they_cost() {
        let three = [("p", "knit", 1, 100), ("q", "knit", 2, 100), ("r", "coat", 1, 100)];
        check(&three, 100, Aspect::Product, &[("p", 34), ("q", 33), ("r", 33)]);
        check(&three, 100, Aspect::Category, &[("coat", 33), ("knit", 67)]);
        // A gift takes nothing of what was paid; lines that cost nothing share by pieces.
        check(&[("gift", "", 1, 0), ("p", "", 1, 500)], 499, Aspect::Product, &[("gift", 0), ("p", 499)]);
        check(&[("p", "", 1, 0), ("q", "", 3, 0)], 100, Aspect::Product, &[("p", 25), ("q", 75)]);
        check(&[], 77, Aspect::Product, &[("", 77)]);
    }

    #[test]
    fn a_product_on_two_lines_is_one_item() {
        let order = order(&[("p", "knit", 1, 100), ("p", "knit", 2, 50), ("q", "", 1, 10)]);
        let goods = Goods::of_order(Some(&order));
        assert_eq!(goods.items(Aspect::Product).into_iter().collect::<Vec<_>>(), ["p", "q"]);
        assert_eq!((goods.units(Aspect::Product, "p"), goods.units(Aspect::Category, "")), (3, 1));
        assert_eq!(Goods::of_order(None).items(Aspect::Category).into_iter().collect::<Vec<_>>(), [""]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_products_make_their_categories(
            lines in prop::collection::vec((0..4_u8, 1..5_i32, 0..10_000_i64), 0..8),
            amount in 0..10_000_000_i64,
        ) {
            let names = ["a", "b", "c", "d"];
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(at, units, amount)| {
                    let product = names[usize::from(at)];
                    (product, if at < 2 { "low" } else { "high" }, units, amount)
                })
                .collect();
            let order = order(&lines);
            let goods = Goods::of_order(Some(&order));
            let (products, categories) =
                (goods.parts(amount, Aspect::Product), goods.parts(amount, Aspect::Category));
            prop_assert_eq!(products.values().sum::<i64>(), amount);
            prop_assert!(products.values().all(|part| *part >= 0));
            let low: i64 = ["a", "b"].iter().filter_map(|item| products.get(item)).sum();
            prop_assert_eq!(low, categories.get("low").copied().unwrap_or_default());
        }
    }

    #[test]
    fn hours_have_every_sum_and_goods_those_of_sales() {
        let since_the_first = TradeSum::ALL.into_iter().filter(|sum| is_sliced_since_the_first(*sum));
        assert_eq!(since_the_first.count(), 23, "what is stored as never NULL stays so for ever");
        for aspect in Aspect::ALL {
            assert_eq!(Aspect::of(aspect as i16), Some(aspect));
            assert!(TradeSum::ALL.into_iter().all(|sum| !aspect.adds_up(sum) || aspect.has(sum)));
            let count = TradeSum::ALL.into_iter().filter(|sum| aspect.has(*sum)).count();
            assert_eq!(count, if aspect == Aspect::Hour { TradeSum::ALL.len() } else { SALES.len() });
        }
    }
}
