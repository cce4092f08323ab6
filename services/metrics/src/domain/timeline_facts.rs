//! What a customer's facts add, and for whom.

use std::collections::HashSet;

use chrono::NaiveDate;

use crate::domain::bucket;
use crate::domain::credit::Ordered;
use crate::domain::explanation::Reason;
use crate::domain::fact::{
    Body, BotEvent, BotOutcome, BuyerReview, Complaint, Fact, Handling, Order, Rating, Refund,
};
use crate::domain::timeline::{Item, Share, Timeline, Topic, days_between};
use crate::domain::trade::{TradeSpread, TradeSum};

pub(super) fn shares(timeline: &Timeline<'_>) -> Vec<Share> {
    let mut teller = Teller {
        timeline,
        buyers: HashSet::new(),
        payers: HashSet::new(),
        refunds: FirstRefunds::of(timeline),
        shares: Vec::new(),
    };
    for (at, fact) in timeline.history.facts().iter().enumerate() {
        teller.tell(at, fact);
    }
    teller.shares
}

struct Teller<'a, 't> {
    timeline: &'t Timeline<'a>,
    /// Account-days with an order, and with a payment, so far.
    buyers: HashSet<(NaiveDate, &'a str)>,
    payers: HashSet<(NaiveDate, &'a str)>,
    refunds: FirstRefunds<'a>,
    shares: Vec<Share>,
}

impl<'a> Teller<'a, '_> {
    fn tell(&mut self, at: usize, fact: &'a Fact) {
        let directed = || self.directed(fact);
        match &fact.body {
            Body::Order(order) => self.order(at, fact, order),
            Body::Payment { order, amount } => self.payment(at, fact, order, *amount),
            Body::Refund(refund) => self.refund(at, fact, refund),
            Body::Cart { product, amount, .. } => self.cart(at, fact, product, *amount),
            Body::Complaint(complaint) => {
                let account = directed();
                self.complaint(at, fact, account, complaint);
            }
            Body::Satisfaction { score, .. } => {
                let account = directed();
                self.score(at, fact, account, *score);
            }
            Body::StoreRating { item_score, service_score, delivery_score, .. } => {
                let account = directed();
                let share = self.share(Topic::Rating, at, fact.day, account);
                share.add(TradeSum::Ratings, 1);
                share.add(TradeSum::ItemScoreSum, (*item_score).into());
                share.add(TradeSum::ServiceScoreSum, (*service_score).into());
                share.add(TradeSum::DeliveryScoreSum, (*delivery_score).into());
            }
            Body::BuyerReview(review) => {
                let account = directed();
                self.review(at, fact, account, review);
            }
            Body::BotEvent(event) => self.bot_event(at, fact, event),
            Body::Handling(handling) => self.handling(at, fact, handling),
            Body::MemberSignup => {
                let account = self.named_or_replied(fact);
                self.share(Topic::Signup, at, fact.day, account).add(TradeSum::MemberSignups, 1);
            }
            Body::Recommendation { product, cross_sell, .. } => {
                let account = directed();
                self.recommendation(at, fact, account, product, *cross_sell);
            }
        }
    }

    /// Whom a fact belongs to that is no order, payment or refund.
    fn directed(&self, fact: &'a Fact) -> &'a str {
        let body = &fact.body;
        named(&fact.account)
            .or_else(|| self.timeline.account_of(body.conversation()))
            .or_else(|| body.order().and_then(|order| self.timeline.credits.after_sale(order)))
            .unwrap_or_default()
    }

    /// Whom a fact belongs to that comes out of a chat.
    fn named_or_replied(&self, fact: &'a Fact) -> &'a str {
        let replied = || self.timeline.credits.replied_last(fact.occurred_at, fact.day);
        named(&fact.account).or_else(|| replied().map(|credit| credit.account)).unwrap_or_default()
    }

    fn share(&mut self, topic: Topic, at: usize, day: NaiveDate, account: &str) -> &mut Share {
        self.shares.push(Share::new(topic, Item::Fact(at), day, account));
        let last = self.shares.len() - 1;
        &mut self.shares[last]
    }

    fn order(&mut self, at: usize, fact: &'a Fact, order: &Order) {
        let credits = &self.timeline.credits;
        let account = credits.order(&fact.key.id).map(Ordered::account).unwrap_or_default();
        let excluded = !order.excluded_reason.is_empty();
        let new = !excluded && self.buyers.insert((fact.day, account));
        let share = self.share(Topic::Order, at, fact.day, account);
        if excluded {
            return share.lacks(
                &[
                    TradeSum::Orders,
                    TradeSum::OrderedAmount,
                    TradeSum::OrderedUnits,
                    TradeSum::OrderingBuyers,
                ],
                Reason::ExcludedOrder,
            );
        }
        share.add(TradeSum::Orders, 1);
        share.add(TradeSum::OrderedAmount, order.amount);
        share.add(TradeSum::OrderedUnits, order.lines.iter().map(|line| i64::from(line.quantity)).sum());
        share.add_or(TradeSum::OrderingBuyers, new, Reason::RepeatBuyer);
    }

    fn payment(&mut self, at: usize, fact: &'a Fact, order: &str, amount: i64) {
        let account = self.timeline.credits.of_payment(at);
        let ordered = self.timeline.credits.order(order).copied();
        let excluded = ordered.is_some_and(|ordered| ordered.excluded());
        let new = !excluded && self.payers.insert((fact.day, account));
        let (refunded, returned) =
            (self.refunds.seen.contains(order), self.refunds.seen_returns.contains(order));
        let share = self.share(Topic::Payment, at, fact.day, account);
        if excluded {
            return share.lacks(
                &[
                    TradeSum::PaidOrders,
                    TradeSum::PaidAmount,
                    TradeSum::CreditedAmount,
                    TradeSum::PayingBuyers,
                ],
                Reason::ExcludedOrder,
            );
        }
        share.add(TradeSum::PaidAmount, amount);
        if account.is_empty() {
            share.lacks(&[TradeSum::CreditedAmount], Reason::NotCredited);
        } else {
            share.add(TradeSum::CreditedAmount, amount);
        }
        share.add_or(TradeSum::PayingBuyers, new, Reason::RepeatBuyer);
        match ordered {
            Some(ordered) => {
                share.add_or(TradeSum::PaidOrders, ordered.first_payment == Some(at), Reason::AnotherPayment);
            }
            None => share.lacks(&[TradeSum::PaidOrders], Reason::OrderUnknown),
        }
        if !refunded {
            share.lacks(&[TradeSum::RefundedOrders], Reason::NotRefunded);
        }
        if !returned {
            share.lacks(&[TradeSum::ReturnedOrders], Reason::NotReturned);
        }
    }

    fn refund(&mut self, at: usize, fact: &'a Fact, refund: &'a Refund) {
        const AT_PAYMENT: [TradeSum; 3] =
            [TradeSum::RefundedAmount, TradeSum::RefundedOrders, TradeSum::ReturnedOrders];
        let credits = &self.timeline.credits;
        let ordered = credits.order(&refund.order).copied();
        let payment = ordered.and_then(|ordered| ordered.first_payment);
        let account = payment.map_or_else(
            || ordered.as_ref().map(Ordered::account).unwrap_or_default(),
            |payment| credits.of_payment(payment),
        );
        let paid_on = payment.map(|payment| self.timeline.history.facts()[payment].day);
        let (first, first_return) = (self.refunds.first(at), self.refunds.first_return(at));
        let excluded = ordered.is_some_and(|ordered| ordered.excluded());

        let share = self.share(Topic::Refund, at, paid_on.unwrap_or(fact.day), account);
        let left_out = if excluded {
            Some(Reason::ExcludedOrder)
        } else if refund.completed_day.is_none() {
            Some(Reason::NotComplete)
        } else {
            paid_on.is_none().then_some(Reason::OrderUnknown)
        };
        match left_out {
            Some(reason) => share.lacks(&AT_PAYMENT, reason),
            None => {
                share.add(TradeSum::RefundedAmount, refund.amount);
                share.add_or(TradeSum::RefundedOrders, first, Reason::AnotherRefund);
                let reason = if refund.goods_returned { Reason::AnotherRefund } else { Reason::NotReturned };
                share.add_or(TradeSum::ReturnedOrders, first_return, reason);
            }
        }

        let day = refund.completed_day.unwrap_or(fact.day);
        let share = self.share(Topic::CompletedRefund, at, day, account);
        match (excluded, refund.completed_at) {
            (true, _) => share.lacks(&WHEN_COMPLETED, Reason::ExcludedOrder),
            (false, None) => share.lacks(&WHEN_COMPLETED, Reason::NotComplete),
            (false, Some(completed_at)) => {
                let took_ms = (completed_at - fact.occurred_at).num_milliseconds();
                share.refund_completed(refund, took_ms);
            }
        }
    }

    fn cart(&mut self, at: usize, fact: &'a Fact, product: &str, amount: i64) {
        let account = self.named_or_replied(fact);
        let bought = self.timeline.credits.bought(product, fact, self.timeline.history.facts());
        let share = self.share(Topic::Cart, at, fact.day, account);
        share.add(TradeSum::Carts, 1);
        share.add(TradeSum::CartAmount, amount);
        share.add_or(TradeSum::CartsBought, bought, Reason::NotBought);
        if bought {
            share.lacks(&[TradeSum::CartsLeft, TradeSum::CartLeftAmount], Reason::Bought);
        } else {
            share.add(TradeSum::CartsLeft, 1);
            share.add(TradeSum::CartLeftAmount, amount);
        }
    }

    fn complaint(&mut self, at: usize, fact: &Fact, account: &str, complaint: &Complaint) {
        let share = self.share(Topic::Complaint, at, fact.day, account);
        share.add_or(TradeSum::Complaints, complaint.upheld != Some(false), Reason::NotUpheld);
    }

    fn score(&mut self, at: usize, fact: &Fact, account: &str, score: i32) {
        let satisfied = score >= self.timeline.rules.trade.satisfied_from;
        let share = self.share(Topic::Score, at, fact.day, account);
        share.add(TradeSum::Scores, 1);
        share.add(TradeSum::ScoreSum, score.into());
        share.add_or(TradeSum::SatisfiedScores, satisfied, Reason::NotSatisfied);
    }

    fn review(&mut self, at: usize, fact: &Fact, account: &str, review: &BuyerReview) {
        let share = self.share(Topic::Review, at, fact.day, account);
        let (good, once_bad) = (review.rating == Rating::Good, review.was_bad());
        share.add(TradeSum::Reviews, 1);
        share.add_or(TradeSum::GoodReviews, good, Reason::NotOfTheKind);
        share.add_or(TradeSum::BadReviews, review.rating == Rating::Bad, Reason::NotOfTheKind);
        share.add_or(TradeSum::OnceBadReviews, once_bad, Reason::NeverBad);
        let reason = if once_bad { Reason::NotRecovered } else { Reason::NeverBad };
        share.add_or(TradeSum::RecoveredReviews, once_bad && good, reason);
    }

    fn bot_event(&mut self, at: usize, fact: &Fact, event: &BotEvent) {
        let share = self.share(Topic::Bot, at, fact.day, &fact.account);
        share.add(TradeSum::BotQuestions, 1);
        let handled = matches!(event.outcome, BotOutcome::Answered | BotOutcome::Accepted);
        for (sum, holds) in [
            (TradeSum::BotHandled, handled),
            (TradeSum::BotAccepted, event.outcome == BotOutcome::Accepted),
            (TradeSum::BotTransferred, event.outcome == BotOutcome::Transferred),
            (TradeSum::BotUnanswered, event.outcome == BotOutcome::Unanswered),
        ] {
            share.add_or(sum, holds, Reason::NotOfTheKind);
        }
    }

    fn handling(&mut self, at: usize, fact: &Fact, handling: &Handling) {
        use TradeSum::{
            AfterSaleHandlingMs, AfterSaleHandlings, AfterSaleHandlingsChecked, AfterSaleHandlingsRight,
            OrderHandlingMs, OrderHandlings, OrderHandlingsChecked, OrderHandlingsRight,
        };
        let (topic, spread, sums) = if handling.after_sale {
            let sums =
                [AfterSaleHandlings, AfterSaleHandlingMs, AfterSaleHandlingsChecked, AfterSaleHandlingsRight];
            (Topic::AfterSaleHandling, TradeSpread::AfterSaleHandling, sums)
        } else {
            let sums = [OrderHandlings, OrderHandlingMs, OrderHandlingsChecked, OrderHandlingsRight];
            (Topic::OrderHandling, TradeSpread::OrderHandling, sums)
        };
        let took_ms = handling.opened_at.map_or(0, |opened| (fact.occurred_at - opened).num_milliseconds());
        let share = self.share(topic, at, fact.day, &fact.account);
        let [count, sum_ms, checked, right] = sums;
        share.add(count, 1);
        share.add(sum_ms, took_ms);
        share.buckets.push((spread, bucket::of(took_ms)));
        share.add_or(checked, handling.accurate.is_some(), Reason::NotChecked);
        let reason = if handling.accurate.is_some() { Reason::NotAccurate } else { Reason::NotChecked };
        share.add_or(right, handling.accurate == Some(true), reason);
    }

    fn recommendation(&mut self, at: usize, fact: &Fact, account: &str, product: &str, cross_sell: bool) {
        let window = 0..=i64::from(self.timeline.rules.trade.attribution_days);
        let bought = self.timeline.credits.orders().any(|ordered| {
            !ordered.excluded()
                && ordered.fact.occurred_at >= fact.occurred_at
                && window.contains(&days_between(fact.day, ordered.fact.day))
                && ordered.order.lines.iter().any(|line| line.product == product)
        });
        let (topic, all, some) = if cross_sell {
            (Topic::CrossSell, TradeSum::CrossSells, TradeSum::CrossSellsBought)
        } else {
            (Topic::Recommendation, TradeSum::Recommendations, TradeSum::RecommendationsBought)
        };
        let share = self.share(topic, at, fact.day, account);
        share.add(all, 1);
        share.add_or(some, bought, Reason::NotBought);
    }
}

/// What a refund adds on the day on which it was completed.
const WHEN_COMPLETED: [TradeSum; 7] = [
    TradeSum::CompletedRefunds,
    TradeSum::CompletedRefundAmount,
    TradeSum::MoneyRefunds,
    TradeSum::Returns,
    TradeSum::RefundsTold,
    TradeSum::RefundsHelped,
    TradeSum::RefundsJudged,
];

impl Share {
    fn refund_completed(&mut self, refund: &Refund, took_ms: i64) {
        self.add(TradeSum::CompletedRefunds, 1);
        self.add(TradeSum::CompletedRefundAmount, refund.amount);
        let money = (TradeSpread::MoneyRefund, TradeSum::MoneyRefunds, TradeSum::MoneyRefundMs);
        let goods = (TradeSpread::Return, TradeSum::Returns, TradeSum::ReturnMs);
        let ((spread, count, sum_ms), (_, other, _)) =
            if refund.goods_returned { (goods, money) } else { (money, goods) };
        self.add(count, 1);
        self.add(sum_ms, took_ms);
        self.buckets.push((spread, bucket::of(took_ms)));
        self.lacks(&[other], Reason::NotOfTheKind);
        let Some(helped) = refund.platform_help else {
            return self.lacks(
                &[TradeSum::RefundsTold, TradeSum::RefundsHelped, TradeSum::RefundsJudged],
                Reason::PlatformUnknown,
            );
        };
        self.add(TradeSum::RefundsTold, 1);
        self.add_or(TradeSum::RefundsHelped, helped, Reason::NoPlatform);
        let reason = if helped { Reason::NotJudged } else { Reason::NoPlatform };
        self.add_or(TradeSum::RefundsJudged, refund.judged_against_shop == Some(true), reason);
    }

    fn add(&mut self, sum: TradeSum, value: i64) {
        self.sums.push((sum, value));
    }

    fn add_or(&mut self, sum: TradeSum, holds: bool, reason: Reason) {
        if holds {
            self.add(sum, 1);
        } else {
            self.missing.push((sum, reason));
        }
    }

    fn lacks(&mut self, sums: &[TradeSum], reason: Reason) {
        self.missing.extend(sums.iter().map(|sum| (*sum, reason)));
    }
}

/// Which refund of each order is its first completed one, and which its first completed return.
#[derive(Default)]
struct FirstRefunds<'a> {
    seen: HashSet<&'a str>,
    seen_returns: HashSet<&'a str>,
    first: HashSet<usize>,
    first_returns: HashSet<usize>,
}

impl<'a> FirstRefunds<'a> {
    fn of(timeline: &Timeline<'a>) -> Self {
        let refunds = timeline.history.facts().iter().enumerate().filter_map(|(at, fact)| match &fact.body {
            Body::Refund(refund) => refund.completed_at.map(|completed| (completed, at, refund)),
            _ => None,
        });
        let mut refunds: Vec<_> = refunds.collect();
        refunds.sort_by_key(|(completed, at, _)| (*completed, *at));
        let mut found = Self::default();
        for (_, at, refund) in refunds {
            if found.seen.insert(&refund.order) {
                found.first.insert(at);
            }
            if refund.goods_returned && found.seen_returns.insert(&refund.order) {
                found.first_returns.insert(at);
            }
        }
        found
    }

    fn first(&self, at: usize) -> bool {
        self.first.contains(&at)
    }

    fn first_return(&self, at: usize) -> bool {
        self.first_returns.contains(&at)
    }
}

fn named(account: &str) -> Option<&str> {
    Some(account).filter(|account| !account.is_empty())
}
