//! Figures of facts counted a second time, plainly: each measure by itself, from the messages of the API, with loops
//! over everything. It shares nothing with the service but those messages and the calendar.

mod chats;
mod facts;

use std::collections::{BTreeMap, BTreeSet};

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use proto::common::v1::Sender;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use proto::metrics::v1::fact::Body;

use crate::recount::millis;
use chats::Reception;

/// Numerator and denominator by measure, account and day.
pub type Counted = BTreeMap<(M, String, NaiveDate), (i64, i64)>;

/// What is left of a world of one shop: the last revision of everything, and which reviews ever were bad.
pub struct World {
    pub chats: Vec<pb::Conversation>,
    pub facts: Vec<pb::Fact>,
    pub once_bad: BTreeSet<String>,
    pub calendar: MerchantCalendar,
    pub rules: pb::TradeRules,
}

fn last_revisions<T: Clone, K: Ord>(
    all: &[T],
    key: impl Fn(&T) -> K,
    revision: impl Fn(&T) -> i64,
) -> Vec<T> {
    let mut last: BTreeMap<K, &T> = BTreeMap::new();
    for one in all {
        let entry = last.entry(key(one)).or_insert(one);
        if revision(one) > revision(entry) {
            *entry = one;
        }
    }
    last.into_values().cloned().collect()
}

impl World {
    pub fn of(
        chats: &[pb::Conversation],
        facts: &[pb::Fact],
        calendar: MerchantCalendar,
        rules: pb::TradeRules,
    ) -> Self {
        let bad = |fact: &&pb::Fact| matches!(&fact.body, Some(Body::BuyerReview(r)) if r.rating() == pb::ReviewRating::Bad);
        Self {
            chats: last_revisions(chats, |c| c.conversation_id.clone(), |c| c.revision),
            once_bad: facts.iter().filter(bad).map(|fact| fact.fact_id.clone()).collect(),
            facts: last_revisions(facts, |f| (kind(f), f.fact_id.clone()), |f| f.revision),
            calendar,
            rules,
        }
    }

    pub fn count(&self) -> Counted {
        let mut counted = Counted::new();
        for one in self.customers() {
            one.count(&mut counted);
        }
        self.activity(&mut counted);
        counted.retain(|_, parts| *parts != (0, 0));
        counted
    }

    fn day(&self, ms: i64) -> NaiveDate {
        self.calendar.business_day(DateTime::<Utc>::from_timestamp_millis(ms).expect("an instant"))
    }

    /// Each customer with chats or facts.
    pub fn customers(&self) -> Vec<One<'_>> {
        let customers: BTreeSet<&str> = self
            .chats
            .iter()
            .map(|c| c.customer_id.as_str())
            .chain(self.facts.iter().map(|f| f.customer_id.as_str()))
            .collect();
        let one = |customer| One {
            world: self,
            chats: self.chats.iter().filter(|c| c.customer_id == customer).collect(),
            facts: self.facts.iter().filter(|f| f.customer_id == customer).collect(),
        };
        customers.into_iter().map(one).collect()
    }

    /// Days and hours in which accounts wrote.
    fn activity(&self, counted: &mut Counted) {
        let mut hours: BTreeMap<(String, NaiveDate), BTreeSet<i64>> = BTreeMap::new();
        for chat in &self.chats {
            let (first, day) = (first_ms(chat), self.day(first_ms(chat)));
            add(counted, M::ConversationsPerHour, &chat.account_id, day, (1, 0));
            // Shanghai has no summer time: hours of the day run on from its midnight.
            let midnight = self.calendar.day_start(self.day(first)).timestamp_millis();
            // What a colleague wrote is not the account's work.
            let own = |m: &&pb::Message| m.account_id.is_empty() || m.account_id == chat.account_id;
            for message in chat.messages.iter().filter(|m| m.sender() == Sender::Agent).filter(own) {
                let hour = (millis(message.sent_at) - midnight) / 3_600_000;
                hours.entry((chat.account_id.clone(), day)).or_default().insert(hour);
            }
        }
        for ((account, day), hours) in hours {
            add(counted, M::ReceivedPerHead, &account, day, (0, 1));
            add(counted, M::ConversationsPerHour, &account, day, (0, hours.len() as i64));
        }
    }
}

fn add(counted: &mut Counted, measure: M, account: &str, day: NaiveDate, parts: (i64, i64)) {
    let entry = counted.entry((measure, account.to_owned(), day)).or_default();
    *entry = (entry.0 + parts.0, entry.1 + parts.1);
}

fn kind(fact: &pb::Fact) -> usize {
    match fact.body.as_ref().expect("a body") {
        Body::Order(_) => 0,
        Body::Payment(_) => 1,
        Body::Refund(_) => 2,
        Body::Cart(_) => 3,
        Body::Complaint(_) => 4,
        Body::Satisfaction(_) => 5,
        Body::StoreRating(_) => 6,
        Body::BuyerReview(_) => 7,
        Body::BotEvent(_) => 8,
        Body::Handling(_) => 9,
        Body::MemberSignup(_) => 10,
        Body::Recommendation(_) => 11,
    }
}

fn first_ms(chat: &pb::Conversation) -> i64 {
    millis(chat.messages[0].sent_at)
}

fn wrote(chat: &pb::Conversation, who: Sender) -> bool {
    chat.messages.iter().any(|m| m.sender() == who)
}

fn received(chat: &pb::Conversation) -> bool {
    wrote(chat, Sender::Customer) && wrote(chat, Sender::Agent)
}

/// One customer of the world.
pub struct One<'a> {
    pub world: &'a World,
    chats: Vec<&'a pb::Conversation>,
    pub facts: Vec<&'a pb::Fact>,
}

/// An order or payment as conversions see it.
pub struct Sale<'a> {
    pub at: i64,
    pub day: NaiveDate,
    pub credit: String,
    /// Whose conversation earned the credit.
    owner: String,
    pub excluded: bool,
    pub fact: &'a pb::Fact,
}

impl<'a> One<'a> {
    pub fn day(&self, ms: i64) -> NaiveDate {
        self.world.day(ms)
    }

    pub fn at(&self, fact: &pb::Fact) -> (i64, NaiveDate) {
        let at = millis(fact.occurred_at);
        (at, self.day(at))
    }

    fn window(&self) -> i64 {
        self.world.rules.attribution_days.unwrap_or(4).into()
    }

    /// Who gets the credit of an instant, and whose conversation earns it: that of the last reply before.
    fn replied(&self, at: i64) -> (String, String) {
        let mut last = (i64::MIN, NaiveDate::MIN, String::new(), i64::MIN, String::new());
        let mut of_last: Vec<String> = Vec::new();
        for chat in self.chats.iter().filter(|chat| received(chat)) {
            let day = self.day(first_ms(chat));
            if (self.day(at) - day).num_days() > self.window() {
                continue;
            }
            let before = |m: &&pb::Message| m.sender() == Sender::Agent && millis(m.sent_at) <= at;
            let replies: Vec<&pb::Message> = chat.messages.iter().filter(before).collect();
            let Some(reply) = replies.last() else { continue };
            let owner = chat.account_id.clone();
            let place =
                (millis(reply.sent_at), day, owner.clone(), first_ms(chat), chat.conversation_id.clone());
            if place > last {
                let who = |m: &&pb::Message| {
                    if m.account_id.is_empty() { owner.clone() } else { m.account_id.clone() }
                };
                of_last = replies.iter().map(who).collect();
                last = place;
            }
        }
        let times = |who: &String| of_last.iter().filter(|other| *other == who).count();
        let credited = match self.world.rules.credit_to() {
            pb::CreditTo::LastReply => of_last.last().cloned(),
            pb::CreditTo::FirstReply => of_last.first().cloned(),
            // Of equal ones max_by_key takes the later.
            pb::CreditTo::MostReplies => of_last.iter().max_by_key(|who| times(who)).cloned(),
            _ => Some(last.2.clone()),
        };
        (credited.unwrap_or_default(), last.2)
    }

    pub fn order(&self, id: &str) -> Option<(&'a pb::Fact, &'a pb::Order)> {
        self.facts.iter().find_map(|fact| match &fact.body {
            Some(Body::Order(order)) if fact.fact_id == id => Some((*fact, order)),
            _ => None,
        })
    }

    pub fn excluded(&self, id: &str) -> bool {
        self.order(id).is_some_and(|(_, order)| !order.excluded_reason.is_empty())
    }

    /// The account, and whose conversation.
    fn order_credit(&self, fact: &pb::Fact) -> (String, String) {
        if self.world.rules.attribution() == pb::Attribution::Platform {
            return (fact.account_id.clone(), fact.account_id.clone());
        }
        self.replied(self.at(fact).0)
    }

    fn payment_credit(&self, fact: &pb::Fact, order: &str) -> (String, String) {
        let of_order = self.order(order).map(|(fact, _)| self.order_credit(fact));
        let replied = self.replied(self.at(fact).0);
        let either = |first: (String, String), second| if first.0.is_empty() { second } else { first };
        let named = (fact.account_id.clone(), fact.account_id.clone());
        match self.world.rules.attribution() {
            pb::Attribution::Payment => replied,
            pb::Attribution::Order => of_order.unwrap_or_default(),
            pb::Attribution::Platform => either(named, of_order.unwrap_or_default()),
            _ => of_order.map_or_else(Default::default, |of_order| either(of_order, replied)),
        }
    }

    /// The payments of an order, by time.
    pub fn payments(&self, order: &str) -> Vec<&'a pb::Fact> {
        let of_order =
            |fact: &&&pb::Fact| matches!(&fact.body, Some(Body::Payment(p)) if p.order_id == order);
        let mut payments: Vec<&pb::Fact> = self.facts.iter().filter(of_order).copied().collect();
        payments.sort_by_key(|fact| (millis(fact.occurred_at), fact.fact_id.clone()));
        payments
    }

    pub fn after_sale(&self, order: &str) -> String {
        match (self.payments(order).first(), self.order(order)) {
            (_, None) => String::new(),
            (Some(payment), _) => self.payment_credit(payment, order).0,
            (None, Some((fact, _))) => self.order_credit(fact).0,
        }
    }

    /// Who is named, else who gets the credit of the instant.
    pub fn named_or_replied(&self, fact: &pb::Fact) -> String {
        if fact.account_id.is_empty() { self.replied(self.at(fact).0).0 } else { fact.account_id.clone() }
    }

    /// Orders and payments, by time.
    pub fn sales(&self) -> (Vec<Sale<'a>>, Vec<Sale<'a>>) {
        let (mut orders, mut payments) = (Vec::new(), Vec::new());
        let mut facts = self.facts.clone();
        facts.sort_by_key(|fact| (millis(fact.occurred_at), fact.fact_id.clone()));
        for fact in facts {
            let (at, day) = self.at(fact);
            match &fact.body {
                Some(Body::Order(order)) => {
                    let excluded = !order.excluded_reason.is_empty();
                    let (credit, owner) = self.order_credit(fact);
                    orders.push(Sale { at, day, credit, owner, excluded, fact });
                }
                Some(Body::Payment(payment)) => {
                    let excluded = self.excluded(&payment.order_id);
                    let (credit, owner) = self.payment_credit(fact, &payment.order_id);
                    payments.push(Sale { at, day, credit, owner, excluded, fact });
                }
                _ => {}
            }
        }
        (orders, payments)
    }

    fn count(&self, counted: &mut Counted) {
        for (measure, account, day, _, parts) in self.of_chats() {
            add(counted, measure, &account, day, parts);
        }
        for Reception { day, account, .. } in self.receptions() {
            add(counted, M::ReceivedPerHead, &account, day, (1, 0));
        }
        self.count_sales(counted);
        for fact in &self.facts {
            self.count_fact(fact, &mut |measure, account, day, parts| {
                add(counted, measure, account, day, parts);
            });
        }
    }

    /// Completed refunds of an order.
    pub fn refunds(&self, order: &str) -> Vec<&'a pb::Refund> {
        let refund = |fact: &&'a pb::Fact| match &fact.body {
            Some(Body::Refund(r)) if r.order_id == order && r.completed_at.is_some() => Some(r),
            _ => None,
        };
        self.facts.iter().filter_map(refund).collect()
    }
}
