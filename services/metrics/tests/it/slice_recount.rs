//! Slices of sales counted a second time, plainly, like everything in `trade_recount`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::{Group, Measure as M};

use crate::fact_support::fen;
use crate::recount::millis;
use crate::trade_recount::{One, World};

/// Numerator and denominator by group, measure, item, account and day.
pub type Sliced = BTreeMap<(Group, M, String, String, NaiveDate), (i64, i64)>;

/// Product, category, share of what was paid and pieces of each.
type Lines = BTreeMap<(String, String), (i64, i64)>;

impl World {
    pub fn count_slices(&self) -> Sliced {
        let mut sliced = Sliced::new();
        for one in self.customers() {
            let mut counter = Counter { one: &one, sliced: &mut sliced, buyers: BTreeSet::new() };
            counter.count();
        }
        sliced.retain(|_, parts| *parts != (0, 0));
        sliced
    }
}

/// What an order's lines get of an amount: as much as they cost, the missing cents one by one where most was cut off.
fn share_out(amount: i64, lines: &Lines) -> Vec<i64> {
    let costs: i64 = lines.values().map(|line| line.0).sum();
    let weights: Vec<i64> =
        lines.values().map(|line| if costs == 0 { line.1.max(1) } else { line.0 }).collect();
    let all: i64 = weights.iter().sum();
    let mut parts: Vec<i64> = weights.iter().map(|weight| amount * weight / all).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (-(amount * weights[*at] % all), *at));
    let missing = amount - parts.iter().sum::<i64>();
    order.into_iter().take(missing as usize).for_each(|at| parts[at] += 1);
    parts
}

struct Counter<'a, 'w> {
    one: &'a One<'w>,
    sliced: &'a mut Sliced,
    /// Who counts as a buyer already: by measure, group, item, account and day.
    buyers: BTreeSet<(M, Group, String, String, NaiveDate)>,
}

/// Where something counts.
#[derive(Clone, Copy)]
struct At<'a> {
    ms: i64,
    day: NaiveDate,
    account: &'a str,
}

impl Counter<'_, '_> {
    fn add(&mut self, group: Group, measure: M, item: &str, at: At<'_>, parts: (i64, i64)) {
        let key = (group, measure, item.to_owned(), at.account.to_owned(), at.day);
        let entry = self.sliced.entry(key).or_default();
        *entry = (entry.0 + parts.0, entry.1 + parts.1);
    }

    fn hour(&self, ms: i64) -> String {
        let at = DateTime::<Utc>::from_timestamp_millis(ms).expect("an instant");
        format!("{:02}", self.one.world.calendar.local_hour(at))
    }

    /// Each item of each group that some goods have; hours have one.
    fn items(&self, lines: &Lines, ms: i64) -> BTreeSet<(Group, String)> {
        let goods = lines.keys().flat_map(|(product, category)| {
            [(Group::Product, product.clone()), (Group::Category, category.clone())]
        });
        goods.chain([(Group::Hour, self.hour(ms))]).collect()
    }

    /// Something that counts once under each item.
    fn once(&mut self, lines: &Lines, measure: M, at: At<'_>, parts: (i64, i64)) {
        for (group, item) in self.items(lines, at.ms) {
            self.add(group, measure, &item, at, parts);
        }
    }

    /// An amount that is shared out, `sign` times.
    fn amount(&mut self, lines: &Lines, measures: &[M], at: At<'_>, amount: i64, sign: i64) {
        let parts = share_out(amount, lines);
        let hour = self.hour(at.ms);
        for measure in measures {
            for ((product, category), part) in lines.keys().zip(&parts) {
                self.add(Group::Product, *measure, product, at, (sign * part, 0));
                self.add(Group::Category, *measure, category, at, (sign * part, 0));
            }
            self.add(Group::Hour, *measure, &hour, at, (sign * amount, 0));
        }
    }

    /// The customer becomes a buyer of each item, and once of the day.
    fn buys(&mut self, lines: &Lines, who: M, also: Option<M>, at: At<'_>) {
        for (group, item) in self.items(lines, at.ms) {
            let once_of = if group == Group::Hour { String::new() } else { item.clone() };
            if self.buyers.insert((who, group, once_of, at.account.to_owned(), at.day)) {
                self.add(group, who, &item, at, (1, 0));
                if let Some(below) = also {
                    self.add(group, below, &item, at, (0, 1));
                }
            }
        }
    }

    fn lines(&self, order: &str) -> Lines {
        let nothing = || Lines::from([((String::new(), String::new()), (0, 0))]);
        self.one.order(order).map_or_else(nothing, |(_, order)| lines_of(order))
    }

    fn count(&mut self) {
        let (orders, payments) = self.one.sales();
        for sale in orders.iter().filter(|sale| !sale.excluded) {
            let Some(Body::Order(order)) = &sale.fact.body else { continue };
            let (lines, at) = (lines_of(order), At { ms: sale.at, day: sale.day, account: &sale.credit });
            self.once(&lines, M::Orders, at, (1, 0));
            self.amount(&lines, &[M::OrderedAmount], at, fen(order.amount.as_ref()), 1);
            let mut pieces = 0;
            for ((product, category), (_, units)) in &lines {
                self.add(Group::Product, M::OrderedUnits, product, at, (*units, 0));
                self.add(Group::Category, M::OrderedUnits, category, at, (*units, 0));
                pieces += units;
            }
            let hour = self.hour(at.ms);
            self.add(Group::Hour, M::OrderedUnits, &hour, at, (pieces, 0));
            self.buys(&lines, M::OrderingBuyers, None, at);
        }
        for sale in payments.iter().filter(|sale| !sale.excluded) {
            let Some(Body::Payment(payment)) = &sale.fact.body else { continue };
            let lines = self.lines(&payment.order_id);
            let at = At { ms: sale.at, day: sale.day, account: &sale.credit };
            let paid = [M::PaidAmount, M::NetAmount, M::AverageOrderValue];
            self.amount(&lines, &paid, at, fen(payment.amount.as_ref()), 1);
            self.buys(&lines, M::PayingBuyers, Some(M::AverageOrderValue), at);
            let of_order = self.one.payments(&payment.order_id);
            if self.one.order(&payment.order_id).is_none() || of_order[0].fact_id != sale.fact.fact_id {
                continue;
            }
            let refunds = self.one.refunds(&payment.order_id);
            let returned = refunds.iter().any(|refund| refund.kind() == pb::RefundKind::Return);
            self.once(&lines, M::PaidOrders, at, (1, 0));
            self.once(&lines, M::RefundRate, at, ((!refunds.is_empty()).into(), 1));
            self.once(&lines, M::ReturnRate, at, (returned.into(), 1));
            for refund in refunds {
                let back = fen(refund.amount.as_ref());
                self.amount(&lines, &[M::RefundedAmount], at, back, 1);
                self.amount(&lines, &[M::NetAmount], at, back, -1);
            }
        }
        self.count_others();
    }

    fn count_others(&mut self) {
        for fact in &self.one.facts {
            let (ms, day) = self.one.at(fact);
            match fact.body.as_ref().expect("a body") {
                Body::Refund(refund) => {
                    let Some(done) = refund.completed_at.filter(|_| !self.one.excluded(&refund.order_id))
                    else {
                        continue;
                    };
                    let (lines, account) =
                        (self.lines(&refund.order_id), self.one.after_sale(&refund.order_id));
                    let ms = millis(Some(done));
                    let at = At { ms, day: self.one.day(ms), account: &account };
                    self.once(&lines, M::CompletedRefunds, at, (1, 0));
                    self.amount(&lines, &[M::CompletedRefundAmount], at, fen(refund.amount.as_ref()), 1);
                    self.count_hour(fact, ms);
                }
                Body::Cart(cart) => {
                    let key = (cart.product_id.clone(), String::new());
                    let lines = Lines::from([(key, (0, cart.quantity.into()))]);
                    let (account, bought) = (self.one.named_or_replied(fact), self.one.bought(fact, cart));
                    let at = At { ms, day, account: &account };
                    let amount = fen(cart.amount.as_ref());
                    self.once(&lines, M::Carts, at, (1, 0));
                    self.once(&lines, M::CartPurchaseRate, at, (bought.into(), 1));
                    self.once(&lines, M::CartsLeft, at, ((!bought).into(), 0));
                    self.amount(&lines, &[M::CartAmount], at, amount, 1);
                    self.amount(&lines, &[M::CartLeftAmount], at, if bought { 0 } else { amount }, 1);
                }
                _ => self.count_hour(fact, ms),
            }
        }
        for (measure, account, day, ms, parts) in self.one.of_chats() {
            let hour = self.hour(ms);
            self.add(Group::Hour, measure, &hour, At { ms, day, account: &account }, parts);
        }
    }

    /// What a fact makes that goods don't have.
    fn count_hour(&mut self, fact: &pb::Fact, ms: i64) {
        let (one, hour, mut made) = (self.one, self.hour(ms), Vec::new());
        one.count_fact(fact, &mut |measure, account, day, parts| {
            made.push((measure, account.to_owned(), day, parts));
        });
        made.retain(|(measure, ..)| !matches!(measure, M::CompletedRefunds | M::CompletedRefundAmount));
        for (measure, account, day, parts) in made {
            self.add(Group::Hour, measure, &hour, At { ms, day, account: &account }, parts);
        }
    }
}

fn lines_of(order: &pb::Order) -> Lines {
    let mut lines = Lines::new();
    for line in &order.lines {
        let entry = lines.entry((line.product_id.clone(), line.category.clone())).or_default();
        *entry = (entry.0 + fen(line.amount.as_ref()), entry.1 + i64::from(line.quantity));
    }
    lines
}
