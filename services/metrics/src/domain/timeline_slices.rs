//! Cuts the shares of a timeline by product, category and hour.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;

use crate::domain::fact::{Body, Fact};
use crate::domain::slice::{Aspect, Goods, Slice, is_amount};
use crate::domain::timeline::{Item, Share, Timeline, Topic, first_message_at};
use crate::domain::trade::TradeSum;

/// Puts in what falls to which slice. The shares must come in the order of the pieces: the first order of a day with a
/// product makes its customer a buyer of it.
pub(super) fn cut(timeline: &Timeline<'_>, shares: &mut [Share]) {
    let mut buyers = Buyers::default();
    for share in shares {
        match share.item {
            Item::Chat(at) => {
                let first = first_message_at(&timeline.history.chats()[at]);
                put_hour(share, timeline.history.hour(first));
            }
            Item::Fact(at) => {
                let fact = &timeline.history.facts()[at];
                if let Some(goods) = goods(timeline, fact) {
                    put_goods(share, &goods, &mut buyers);
                }
                put_hour(share, hour(timeline, fact, share.topic));
            }
        }
    }
}

/// What a fact is about, if it is one of sales.
fn goods<'a>(timeline: &Timeline<'a>, fact: &'a Fact) -> Option<Goods<'a>> {
    let of_order = |order| Goods::of_order(timeline.credits.order(order).map(|ordered| ordered.order));
    match &fact.body {
        Body::Order(order) => Some(Goods::of_order(Some(order))),
        Body::Payment { order, .. } => Some(of_order(order)),
        Body::Refund(refund) => Some(of_order(&refund.order)),
        Body::Cart { product, quantity, .. } => Some(Goods::of_product(product, (*quantity).into())),
        _ => None,
    }
}

/// The hour in which a fact counts.
fn hour(timeline: &Timeline<'_>, fact: &Fact, topic: Topic) -> u8 {
    let at = match (&fact.body, topic) {
        (Body::Refund(refund), Topic::Refund) => {
            let ordered = timeline.credits.order(&refund.order);
            let payment = ordered.and_then(|ordered| ordered.first_payment);
            payment.map(|payment| timeline.history.facts()[payment].occurred_at)
        }
        (Body::Refund(refund), _) => refund.completed_at,
        _ => None,
    };
    timeline.history.hour(at.unwrap_or(fact.occurred_at))
}

/// Who bought an item on a day already: by account.
type Buyers = HashSet<(TradeSum, NaiveDate, String, Slice)>;

fn put_goods(share: &mut Share, goods: &Goods<'_>, buyers: &mut Buyers) {
    for aspect in [Aspect::Product, Aspect::Category] {
        let mut parts: BTreeMap<&str, Vec<(TradeSum, i64)>> =
            goods.items(aspect).into_iter().map(|item| (item, Vec::new())).collect();
        for (sum, value) in share.sums.iter().filter(|(sum, _)| aspect.has(*sum)) {
            match *sum {
                // Told below: a customer may be new to a product and not to the day.
                TradeSum::OrderingBuyers | TradeSum::PayingBuyers => {}
                amount if is_amount(amount) => {
                    for (item, part) in goods.parts(*value, aspect) {
                        parts.entry(item).or_default().push((amount, part));
                    }
                }
                TradeSum::OrderedUnits => parts
                    .iter_mut()
                    .for_each(|(item, sums)| sums.push((TradeSum::OrderedUnits, goods.units(aspect, item)))),
                count => parts.values_mut().for_each(|sums| sums.push((count, *value))),
            }
        }
        for (item, mut sums) in parts {
            let slice = Slice { aspect, item: item.to_owned() };
            if let Some(who) = buyers_of(share)
                && buyers.insert((who, share.day, share.account.clone(), slice.clone()))
            {
                sums.push((who, 1));
            }
            share.slices.push((slice, sums));
        }
    }
}

/// What a customer becomes by a share that counts.
fn buyers_of(share: &Share) -> Option<TradeSum> {
    let has = |wanted| share.sums.iter().any(|(sum, _)| *sum == wanted);
    match share.topic {
        Topic::Order if has(TradeSum::Orders) => Some(TradeSum::OrderingBuyers),
        Topic::Payment if has(TradeSum::PaidAmount) => Some(TradeSum::PayingBuyers),
        _ => None,
    }
}

fn put_hour(share: &mut Share, hour: u8) {
    share.slices.push((Slice::hour(hour), share.sums.clone()));
}
