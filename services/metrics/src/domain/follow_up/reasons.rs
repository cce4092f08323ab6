//! Why a customer is to be contacted, out of everything known of them: a pure function, so that it doesn't matter when and
//! how often it is asked.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::conversation::Sender;
use crate::domain::explanation::Recorded;
use crate::domain::fact::{Body, Fact, Rating};
use crate::domain::follow_up::{Draft, FollowUpKind, FollowUpState};
use crate::domain::timeline::{History, first_message_at, message_at};
use crate::domain::trade_rules::TradeRules;

/// How far back anything is a reason; who did nothing since is not looked at.
pub const LOOK_BACK: TimeDelta = TimeDelta::days(14);

/// When a reason is one, for how long, and how soon customers are contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Customers are contacted at least this often.
    pub interval: TimeDelta,
    /// An order that is not paid after this time.
    pub unpaid_after: TimeDelta,
    /// The platform closes it after this time.
    pub unpaid_within: TimeDelta,
    /// A cart that is not ordered after this time.
    pub cart_after: TimeDelta,
    /// A chat without an order after this time.
    pub inquiry_after: TimeDelta,
    /// Praise is answered after this time.
    pub praise_after: TimeDelta,
    /// All others end after this time.
    pub within: TimeDelta,
    /// After a follow-up about what somebody might buy they are left alone for this long.
    pub rest: TimeDelta,
    /// After a follow-up about what somebody liked.
    pub praise_rest: TimeDelta,
}

/// A follow-up of the customer that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Why.
    pub kind: FollowUpKind,
    /// What it comes from.
    pub source: String,
    /// Its order.
    pub order: Option<String>,
    /// When what it is about happened.
    pub source_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the customer was first contacted.
    pub first_contact_at: Option<DateTime<Utc>>,
    /// Whether it has not ended.
    pub open: bool,
}

/// How an open follow-up ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Which.
    pub id: String,
    /// How.
    pub state: FollowUpState,
    /// Payments that may count for it, with their amounts.
    pub payments: Vec<(String, i64)>,
}

/// What is to be done about a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Follow-ups to make.
    pub create: Vec<Draft>,
    /// Follow-ups that end.
    pub end: Vec<Ending>,
    /// When to look again if nothing comes in before.
    pub look_at: Option<DateTime<Utc>>,
}

/// A reason, and from when on it is one.
struct Reason {
    ready_at: DateTime<Utc>,
    draft: Draft,
}

/// Whether the customer did anything lately.
pub fn is_recent(history: &History, now: DateTime<Utc>) -> bool {
    let chat = history.chats().last().map(first_message_at);
    let fact = history.facts().last().map(|fact| fact.occurred_at);
    chat.into_iter().chain(fact).any(|at| at + LOOK_BACK > now)
}

/// What is to be done about a customer of a shop.
pub fn plan(
    (shop, customer): (&str, &str),
    history: &History,
    known: &[Known],
    timing: &Timing,
    now: DateTime<Utc>,
) -> Plan {
    let customer = Customer { shop, customer, history, timing };
    let mut plan = Plan::default();
    for reason in customer.reasons() {
        let draft = reason.draft;
        let rests = |known: &Known| match draft.kind {
            FollowUpKind::Cart | FollowUpKind::Inquiry => known.open || known.created_at + timing.rest > now,
            FollowUpKind::SatisfiedBuyer => known.open || known.created_at + timing.praise_rest > now,
            FollowUpKind::UnpaidOrder | FollowUpKind::NegativeReview => false,
        };
        let taken =
            |known: &Known| known.kind == draft.kind && (known.source == draft.source || rests(known));
        if draft.deadline <= now || known.iter().any(taken) {
            continue;
        }
        if reason.ready_at > now {
            plan.look_at = Some(plan.look_at.map_or(reason.ready_at, |at| at.min(reason.ready_at)));
        } else {
            plan.create.push(draft);
        }
    }
    plan.end = known.iter().filter(|known| known.open).filter_map(|known| customer.ending(known)).collect();
    plan
}

struct Customer<'a> {
    shop: &'a str,
    customer: &'a str,
    history: &'a History,
    timing: &'a Timing,
}

impl<'a> Customer<'a> {
    fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> =
            self.history.facts().iter().filter_map(|fact| self.of_fact(fact)).collect();
        reasons.extend(self.of_cart());
        reasons.extend(self.of_chats());
        // Of several words of praise the last is answered.
        let last = reasons.iter().rposition(|reason| reason.draft.kind == FollowUpKind::SatisfiedBuyer);
        let mut at = 0;
        reasons.retain(|reason| {
            at += 1;
            reason.draft.kind != FollowUpKind::SatisfiedBuyer || Some(at - 1) == last
        });
        reasons
    }

    fn reason(
        &self,
        kind: FollowUpKind,
        source: &str,
        at: DateTime<Utc>,
        (after, within): (TimeDelta, TimeDelta),
    ) -> Reason {
        let draft = Draft {
            kind,
            source: source.to_owned(),
            shop: self.shop.to_owned(),
            customer: self.customer.to_owned(),
            order: None,
            note: String::new(),
            amount: 0,
            source_at: at,
            deadline: at + within,
        };
        Reason { ready_at: at + after, draft }
    }

    fn of_fact(&self, fact: &Fact) -> Option<Reason> {
        let timing = self.timing;
        let (id, at) = (fact.key.id.as_str(), fact.occurred_at);
        match &fact.body {
            Body::Order(order) => {
                let paid = self.payments().any(|payment| payment.order == id);
                if paid || !order.excluded_reason.is_empty() || order.amount == 0 {
                    return None;
                }
                let times = (timing.unpaid_after, timing.unpaid_within);
                let mut reason = self.reason(FollowUpKind::UnpaidOrder, id, at, times);
                reason.draft.order = Some(id.to_owned());
                reason.draft.amount = order.amount;
                Some(reason)
            }
            Body::BuyerReview(review) if review.rating == Rating::Bad => {
                let times = (TimeDelta::zero(), timing.within);
                let mut reason = self.reason(FollowUpKind::NegativeReview, id, at, times);
                reason.draft.order = Some(review.order.clone());
                Some(reason)
            }
            _ if is_praise(&fact.body) && !self.complained_since(at - timing.praise_rest) => {
                let times = (timing.praise_after, timing.within);
                let mut reason = self.reason(FollowUpKind::SatisfiedBuyer, id, at, times);
                reason.draft.order = fact.body.order().map(str::to_owned);
                Some(reason)
            }
            _ => None,
        }
    }

    /// What is in the cart and was not ordered since it was put there.
    fn of_cart(&self) -> Option<Reason> {
        let mut reason: Option<Reason> = None;
        for fact in self.history.facts() {
            let Body::Cart { product, amount, .. } = &fact.body else { continue };
            let ordered = self.orders().any(|(order, lines)| {
                order.occurred_at >= fact.occurred_at
                    && lines.lines.iter().any(|line| line.product == *product)
            });
            if ordered {
                continue;
            }
            let before = reason.map_or(0, |reason| reason.draft.amount);
            let times = (self.timing.cart_after, self.timing.within);
            let mut newest = self.reason(FollowUpKind::Cart, &fact.key.id, fact.occurred_at, times);
            newest.draft.amount = before.saturating_add(*amount);
            reason = Some(newest);
        }
        reason
    }

    /// The last chat in which somebody asked, unless they ordered since or shortly before: then they asked about that.
    fn of_chats(&self) -> Option<Reason> {
        let chat = self.history.chats().iter().rfind(|chat| is_received(chat))?;
        let began = first_message_at(chat);
        let after_sale = TimeDelta::days(TradeRules::default().after_sale_days.into());
        if self.orders().any(|(order, _)| order.occurred_at + after_sale > began) {
            return None;
        }
        let last = chat.facts.messages.last().map_or(began, |message| message_at(chat, message.offset_ms));
        let source = format!("{}/{}", chat.key.channel, chat.key.id);
        Some(self.reason(
            FollowUpKind::Inquiry,
            &source,
            last,
            (self.timing.inquiry_after, self.timing.within),
        ))
    }

    fn orders(&self) -> impl Iterator<Item = (&'a Fact, &'a crate::domain::fact::Order)> {
        self.history.facts().iter().filter_map(|fact| match &fact.body {
            Body::Order(order) if order.excluded_reason.is_empty() => Some((fact, order)),
            _ => None,
        })
    }

    fn payments(&self) -> impl Iterator<Item = Payment<'a>> {
        self.history.facts().iter().filter_map(|fact| match &fact.body {
            Body::Payment { order, amount } => {
                Some(Payment { id: &fact.key.id, at: fact.occurred_at, order, amount: *amount })
            }
            _ => None,
        })
    }

    fn complained_since(&self, at: DateTime<Utc>) -> bool {
        let bad = |body: &Body| match body {
            Body::Complaint(complaint) => complaint.upheld != Some(false),
            Body::Satisfaction { score, .. } => *score < TradeRules::default().satisfied_from,
            Body::BuyerReview(review) => review.rating != Rating::Good,
            _ => false,
        };
        self.history.facts().iter().any(|fact| fact.occurred_at >= at && bad(&fact.body))
    }

    /// How an open follow-up ends by what is known, if it does.
    fn ending(&self, known: &Known) -> Option<Ending> {
        let end = |state, payments| Some(Ending { id: known.id.clone(), state, payments });
        let holds = |id: &str, is: fn(&Body) -> bool| {
            self.history.facts().iter().any(|fact| fact.key.id == id && is(&fact.body))
        };
        match known.kind {
            FollowUpKind::UnpaidOrder => {
                let order = known.order.as_deref().unwrap_or(&known.source);
                if holds(
                    order,
                    |body| matches!(body, Body::Order(order) if !order.excluded_reason.is_empty()),
                ) {
                    return end(FollowUpState::Dropped, Vec::new());
                }
                let (state, payments) =
                    brought(known, self.payments().filter(|payment| payment.order == order))?;
                end(state, payments)
            }
            FollowUpKind::Cart | FollowUpKind::Inquiry => {
                let since = |order: &str| {
                    let placed = |at: &Fact| at.key.id == order && at.occurred_at >= known.source_at;
                    self.orders().any(|(fact, _)| placed(fact))
                };
                let (state, payments) =
                    brought(known, self.payments().filter(|payment| since(payment.order)))?;
                end(state, payments)
            }
            FollowUpKind::NegativeReview => {
                let is_good =
                    |body: &Body| matches!(body, Body::BuyerReview(review) if review.rating == Rating::Good);
                let good = holds(&known.source, is_good);
                let state = if known.first_contact_at.is_some() {
                    FollowUpState::Won
                } else {
                    FollowUpState::Settled
                };
                good.then(|| end(state, Vec::new())).flatten()
            }
            FollowUpKind::SatisfiedBuyer => None,
        }
    }
}

struct Payment<'a> {
    id: &'a str,
    at: DateTime<Utc>,
    order: &'a str,
    amount: i64,
}

/// What payments make of a follow-up: those after the first contact were brought by it; without such it came about by
/// itself.
fn brought<'a>(
    known: &Known,
    payments: impl Iterator<Item = Payment<'a>>,
) -> Option<(FollowUpState, Vec<(String, i64)>)> {
    let payments: Vec<Payment<'_>> = payments.collect();
    if payments.is_empty() {
        return None;
    }
    let after = |payment: &&Payment<'_>| known.first_contact_at.is_some_and(|contact| payment.at >= contact);
    let brought: Vec<_> =
        payments.iter().filter(after).map(|payment| (payment.id.to_owned(), payment.amount)).collect();
    let state = if brought.is_empty() { FollowUpState::Settled } else { FollowUpState::Won };
    Some((state, brought))
}

fn is_praise(body: &Body) -> bool {
    match body {
        Body::Satisfaction { score, .. } => *score >= TradeRules::default().satisfied_from,
        Body::BuyerReview(review) => review.rating == Rating::Good && !review.was_bad(),
        _ => false,
    }
}

fn is_received(chat: &Recorded) -> bool {
    let wrote = |sender| chat.facts.messages.iter().any(|message| message.sender == sender);
    wrote(Sender::Customer) && wrote(Sender::Agent)
}

#[cfg(test)]
mod tests;
