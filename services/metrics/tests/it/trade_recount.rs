//! Figures of facts counted a second time, plainly: each measure by itself, from the messages of the API, with loops
//! over everything. It shares nothing with the service but those messages and the calendar.

use std::collections::{BTreeMap, BTreeSet};

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use proto::common::v1::Sender;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use proto::metrics::v1::fact::Body;

use crate::fact_support::fen;
use crate::recount::millis;

/// Numerator and denominator by measure, account and day.
pub type Counted = BTreeMap<(M, String, NaiveDate), (i64, i64)>;

/// Takes what a fact makes: measure, account, day, numerator and denominator.
pub type Taker<'t> = dyn FnMut(M, &str, NaiveDate, (i64, i64)) + 't;

/// As in [`Reception::inquiry`].
pub const CONVERSIONS: [M; 4] =
    [M::OrderConversionNextDay, M::OrderConversion, M::PaymentConversionNextDay, M::PaymentConversion];

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

/// A customer received, and what became of it.
pub struct Reception {
    pub at: i64,
    pub day: NaiveDate,
    pub account: String,
    /// Of an inquiry: ordered next day, ordered, paid next day, paid.
    pub inquiry: Option<[bool; 4]>,
    /// All orders that followed are excluded, and there are some.
    assisted: bool,
}

/// Something that chats make: what, for whom, on which day, at which instant of it, numerator and denominator.
pub type Made = (M, String, NaiveDate, i64, (i64, i64));

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

    /// Each account's day on which it received the customer.
    pub fn receptions(&self) -> Vec<Reception> {
        let (orders, payments) = self.sales();
        let places: BTreeSet<(NaiveDate, &str)> = self
            .chats
            .iter()
            .filter(|chat| received(chat))
            .map(|chat| (self.day(first_ms(chat)), chat.account_id.as_str()))
            .collect();
        let mut receptions = Vec::new();
        for (day, account) in places {
            let here = self.chats.iter().filter(|c| received(c) && c.account_id == account);
            let first = here.map(|c| first_ms(c)).filter(|ms| self.day(*ms) == day).min().expect("a chat");
            receptions.push(Reception {
                at: first,
                day,
                account: account.to_owned(),
                inquiry: None,
                assisted: false,
            });
            let recent: i64 = self.world.rules.after_sale_days.unwrap_or(15).into();
            if orders.iter().any(|o| o.at < first && (day - o.day).num_days() <= recent) {
                continue;
            }
            let within =
                |sale: &&Sale<'_>, days: i64| sale.at >= first && (sale.day - day).num_days() <= days;
            let mut following = orders.iter().filter(|o| within(o, self.window())).peekable();
            if following.peek().is_some() && following.all(|o| o.excluded) {
                receptions.last_mut().expect("was put").assisted = true;
                continue;
            }
            let converts = |sales: &[Sale<'_>], days: i64| {
                let here = |sale: &Sale<'_>| sale.credit == account || sale.owner == account;
                sales.iter().any(|s| within(&s, days) && !s.excluded && here(s) && !s.credit.is_empty())
            };
            let inquiry = [
                converts(&orders, self.window().min(1)),
                converts(&orders, self.window()),
                converts(&payments, self.window().min(1)),
                converts(&payments, self.window()),
            ];
            receptions.last_mut().expect("was put").inquiry = Some(inquiry);
        }
        receptions
    }

    /// What chats make, receptions at their first message.
    pub fn of_chats(&self) -> Vec<Made> {
        let mut made = Vec::new();
        for Reception { at, day, account, inquiry, assisted } in self.receptions() {
            let mut make = |measure, parts| made.push((measure, account.clone(), day, at, parts));
            make(M::ComplaintRate, (0, 1));
            if assisted {
                make(M::AssistedCustomers, (1, 0));
            }
            let Some(inquiry) = inquiry else { continue };
            make(M::Inquiries, (1, 0));
            for (measure, converted) in CONVERSIONS.into_iter().zip(inquiry) {
                make(measure, (converted.into(), 1));
            }
        }
        for chat in self.chats.iter().filter(|chat| received(chat)) {
            let (account, at) = (chat.account_id.clone(), first_ms(chat));
            if let Some(parts) = self.contact(chat) {
                made.push((M::FirstContactResolution, account, self.day(at), at, parts));
            }
        }
        made.extend(self.written());
        made
    }

    /// Characters, and who wrote first, of every account that wrote.
    fn written(&self) -> Vec<Made> {
        let mut made = Vec::new();
        let mut messages = BTreeMap::new();
        for chat in &self.chats {
            let (at, day) = (first_ms(chat), self.day(first_ms(chat)));
            let who = |m: &pb::Message| {
                if m.account_id.is_empty() { chat.account_id.clone() } else { m.account_id.clone() }
            };
            let agents = || chat.messages.iter().filter(|m| m.sender() == Sender::Agent);
            let accounts: BTreeSet<String> = agents().map(who).chain([chat.account_id.clone()]).collect();
            for account in accounts {
                let mine = agents().filter(|m| who(m) == account);
                let characters: i64 = mine.map(|m| m.text.chars().count() as i64).sum();
                made.push((M::ReplyCharacters, account.clone(), day, at, (characters, 0)));
                for (place, message) in chat.messages.iter().enumerate() {
                    let theirs = message.sender() == Sender::Agent && who(message) == account;
                    if theirs || message.sender() == Sender::Customer {
                        let order = (millis(message.sent_at), at, chat.conversation_id.clone(), place);
                        messages.entry((account.clone(), day, order)).or_insert((theirs, at));
                    }
                }
            }
        }
        let mut days = BTreeSet::new();
        for ((account, day, _), (theirs, at)) in messages {
            if days.insert((account.clone(), day)) && theirs {
                made.push((M::InitiatedCustomers, account, day, at, (1, 0)));
            }
        }
        made.retain(|(.., parts)| *parts != (0, 0));
        made
    }

    fn contact(&self, chat: &pb::Conversation) -> Option<(i64, i64)> {
        let day = self.day(first_ms(chat));
        let near: i64 = self.world.rules.first_contact_days.unwrap_or(3).into();
        let order = |c: &pb::Conversation| (first_ms(c), c.conversation_id.clone());
        let others = || self.chats.iter().filter(|c| wrote(c, Sender::Customer) && order(c) != order(chat));
        let distance = |c: &pb::Conversation| (self.day(first_ms(c)) - day).num_days().abs() <= near;
        let first = !others().any(|c| order(c) < order(chat) && distance(c));
        let returned = others().any(|c| order(c) > order(chat) && distance(c));
        Some(match self.world.rules.first_contact() {
            pb::FirstContact::OneAnswer => {
                if chat.completed != Some(true) {
                    return None;
                }
                let senders: Vec<Sender> = chat.messages.iter().map(pb::Message::sender).collect();
                let asked = senders.iter().position(|s| *s == Sender::Customer).expect("asked");
                let answered = senders[asked..].iter().position(|s| *s == Sender::Agent);
                let resolved = answered.is_some_and(|a| !senders[asked + a..].contains(&Sender::Customer));
                (resolved.into(), 1)
            }
            pb::FirstContact::Survey => match chat.satisfied {
                Some(satisfied) if first => (satisfied.into(), 1),
                _ => return None,
            },
            _ if first => ((!returned).into(), 1),
            _ => return None,
        })
    }

    fn count_sales(&self, counted: &mut Counted) {
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

    /// Completed refunds of an order.
    pub fn refunds(&self, order: &str) -> Vec<&'a pb::Refund> {
        let refund = |fact: &&'a pb::Fact| match &fact.body {
            Some(Body::Refund(r)) if r.order_id == order && r.completed_at.is_some() => Some(r),
            _ => None,
        };
        self.facts.iter().filter_map(refund).collect()
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
