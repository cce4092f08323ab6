//! What a customer's facts make, each by itself.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use proto::metrics::v1::fact::Body;

use super::{Counted, One, add};
use crate::fact_support::fen;
use crate::recount::millis;

/// Takes what a fact makes: measure, account, day, numerator and denominator.
pub type Taker<'t> = dyn FnMut(M, &str, NaiveDate, (i64, i64)) + 't;

impl One<'_> {
    pub(super) fn count_sales(&self, counted: &mut Counted) {
        let (orders, payments) = self.sales();
        let mut buyers = BTreeSet::new();
        for sale in orders.iter().filter(|sale| !sale.excluded) {
            let Some(Body::Order(order)) = &sale.fact.body else { continue };
            buyers.insert((sale.credit.as_str(), sale.day));
            add(counted, M::Orders, &sale.credit, sale.day, (1, 0));
            add(counted, M::OrderedAmount, &sale.credit, sale.day, (fen(order.amount.as_ref()), 0));
            let units = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
            add(counted, M::OrderedUnits, &sale.credit, sale.day, (units, 0));
        }
        buyers.iter().for_each(|(account, day)| add(counted, M::OrderingBuyers, account, *day, (1, 0)));
        let mut payers = BTreeSet::new();
        for sale in payments.iter().filter(|sale| !sale.excluded) {
            let Some(Body::Payment(payment)) = &sale.fact.body else { continue };
            let paid = fen(payment.amount.as_ref());
            payers.insert((sale.credit.as_str(), sale.day));
            for measure in [M::PaidAmount, M::NetAmount, M::AverageOrderValue] {
                add(counted, measure, &sale.credit, sale.day, (paid, 0));
            }
            let credited = if sale.credit.is_empty() { 0 } else { paid };
            add(counted, M::AgentsShareOfSales, &sale.credit, sale.day, (credited, paid));
            let of_order = self.payments(&payment.order_id);
            let known = self.order(&payment.order_id).is_some();
            if known && of_order[0].fact_id == sale.fact.fact_id {
                add(counted, M::PaidOrders, &sale.credit, sale.day, (1, 0));
                let of_kind = |kind: Option<pb::RefundKind>| {
                    self.refunds(&payment.order_id).iter().any(|r| kind.is_none_or(|kind| r.kind() == kind))
                };
                add(counted, M::RefundRate, &sale.credit, sale.day, (of_kind(None).into(), 1));
                let returned = of_kind(Some(pb::RefundKind::Return));
                add(counted, M::ReturnRate, &sale.credit, sale.day, (returned.into(), 1));
                let back: i64 = self.refunds(&payment.order_id).iter().map(|r| fen(r.amount.as_ref())).sum();
                add(counted, M::RefundedAmount, &sale.credit, sale.day, (back, 0));
                add(counted, M::NetAmount, &sale.credit, sale.day, (-back, 0));
            }
        }
        for (account, day) in payers {
            add(counted, M::PayingBuyers, account, day, (1, 0));
            add(counted, M::AverageOrderValue, account, day, (0, 1));
        }
    }

    /// Whether what was put into a cart was ordered after it and paid for, in time.
    pub fn bought(&self, fact: &pb::Fact, cart: &pb::Cart) -> bool {
        let (at, day) = self.at(fact);
        let in_time = |other: &pb::Fact| {
            let (then, on) = self.at(other);
            then >= at && (on - day).num_days() <= self.window()
        };
        self.facts.iter().any(|other| match &other.body {
            Some(Body::Order(order)) => {
                order.excluded_reason.is_empty()
                    && in_time(other)
                    && order.lines.iter().any(|line| line.product_id == cart.product_id)
                    && self.payments(&other.fact_id).first().is_some_and(|payment| in_time(payment))
            }
            _ => false,
        })
    }

    fn directed(&self, fact: &pb::Fact, chat: Option<&pb::FactConversation>, order: &str) -> String {
        if !fact.account_id.is_empty() {
            return fact.account_id.clone();
        }
        let named = chat.and_then(|chat| {
            self.chats.iter().find(|c| c.channel == chat.channel && c.conversation_id == chat.conversation_id)
        });
        named.map_or_else(|| self.after_sale(order), |chat| chat.account_id.clone())
    }

    /// What a fact makes that is no order or payment; a refund what it makes when it is completed.
    pub fn count_fact(&self, fact: &pb::Fact, add: &mut Taker<'_>) {
        let (at, day) = self.at(fact);
        let of = |holds: bool| (i64::from(holds), 1);
        match fact.body.as_ref().expect("a body") {
            Body::Order(_) | Body::Payment(_) => {}
            Body::Cart(cart) => {
                let (account, amount) = (self.named_or_replied(fact), fen(cart.amount.as_ref()));
                let bought = self.bought(fact, cart);
                add(M::Carts, &account, day, (1, 0));
                add(M::CartAmount, &account, day, (amount, 0));
                add(M::CartPurchaseRate, &account, day, of(bought));
                if !bought {
                    add(M::CartsLeft, &account, day, (1, 0));
                    add(M::CartLeftAmount, &account, day, (amount, 0));
                }
            }
            Body::Refund(refund) => {
                let Some(done) = refund.completed_at else { return };
                if self.excluded(&refund.order_id) {
                    return;
                }
                let (account, day) = (self.after_sale(&refund.order_id), self.day(millis(Some(done))));
                add(M::CompletedRefunds, &account, day, (1, 0));
                add(M::CompletedRefundAmount, &account, day, (fen(refund.amount.as_ref()), 0));
                let took = match refund.kind() {
                    pb::RefundKind::Return => M::ReturnCompletion,
                    _ => M::RefundOnlyCompletion,
                };
                add(took, &account, day, (millis(Some(done)) - at, 1));
                if let Some(helped) = refund.platform_help {
                    add(M::PlatformHelpRate, &account, day, of(helped));
                    add(M::PlatformJudgedRate, &account, day, of(refund.judged_against_shop == Some(true)));
                }
            }
            Body::Complaint(complaint) => {
                if complaint.upheld != Some(false) {
                    let account = self.directed(fact, complaint.conversation.as_ref(), &complaint.order_id);
                    add(M::Complaints, &account, day, (1, 0));
                    add(M::ComplaintRate, &account, day, (1, 0));
                }
            }
            Body::Satisfaction(given) => {
                let account = self.directed(fact, given.conversation.as_ref(), "");
                add(M::SatisfactionScore, &account, day, (given.score.into(), 1));
                let from = self.world.rules.satisfied_from.unwrap_or(4);
                add(M::ScoreSatisfaction, &account, day, of(given.score >= from));
            }
            Body::StoreRating(rating) => {
                let account = self.directed(fact, None, &rating.order_id);
                add(M::ItemScore, &account, day, (rating.item_score.into(), 1));
                add(M::ServiceScore, &account, day, (rating.service_score.into(), 1));
                add(M::DeliveryScore, &account, day, (rating.delivery_score.into(), 1));
            }
            Body::BuyerReview(review) => {
                let account = self.directed(fact, None, &review.order_id);
                add(M::Reviews, &account, day, (1, 0));
                let good = review.rating() == pb::ReviewRating::Good;
                add(M::PositiveReviewRate, &account, day, of(good));
                add(M::NegativeReviewRate, &account, day, of(review.rating() == pb::ReviewRating::Bad));
                if self.world.once_bad.contains(&fact.fact_id) {
                    add(M::BadReviewRecoveredRate, &account, day, of(good));
                }
            }
            Body::BotEvent(event) => {
                let account = &fact.account_id;
                let accepted = event.outcome() == pb::BotOutcome::Accepted;
                let handled = accepted || event.outcome() == pb::BotOutcome::Answered;
                add(M::BotQuestions, account, day, (1, 0));
                add(M::BotHandlingRate, account, day, of(handled));
                add(M::BotTransferRate, account, day, of(event.outcome() == pb::BotOutcome::Transferred));
                add(M::BotUnansweredRate, account, day, of(event.outcome() == pb::BotOutcome::Unanswered));
                if handled {
                    add(M::BotAcceptanceRate, account, day, of(accepted));
                }
            }
            Body::Handling(handling) => {
                let took = at - millis(handling.opened_at);
                let (times, accuracy) = match handling.kind() {
                    pb::HandlingKind::Order => (M::OrderHandling, M::OrderHandlingAccuracy),
                    _ => (M::AfterSaleHandling, M::AfterSaleHandlingAccuracy),
                };
                add(times, &fact.account_id, day, (took, 1));
                if let Some(accurate) = handling.accurate {
                    add(accuracy, &fact.account_id, day, of(accurate));
                }
            }
            Body::MemberSignup(_) => {
                add(M::MemberSignups, &self.named_or_replied(fact), day, (1, 0));
            }
            Body::Recommendation(recommendation) => {
                let account = self.directed(fact, recommendation.conversation.as_ref(), "");
                let bought = self.facts.iter().any(|other| {
                    let Some(Body::Order(order)) = &other.body else { return false };
                    let (ordered_at, ordered_on) = self.at(other);
                    order.excluded_reason.is_empty()
                        && ordered_at >= at
                        && (ordered_on - day).num_days() <= self.window()
                        && order.lines.iter().any(|line| line.product_id == recommendation.product_id)
                });
                let measure = match recommendation.kind() {
                    pb::RecommendationKind::Recommend => M::RecommendationSuccess,
                    _ => M::CrossSellSuccess,
                };
                add(measure, &account, day, of(bought));
            }
        }
    }
}
