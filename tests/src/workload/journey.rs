//! One customer, from the first question to the last review.

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::lines::{Lines, amount, stamp};
use super::truth::Truth;
use super::{minutes, shape};

/// Business days within which an order or payment is credited to a chat, by the default rules.
const WINDOW_DAYS: i64 = 4;
const PRODUCTS: [(&str, &str, i64); 6] = [
    ("lamp-01", "Desk lamp", 12_900),
    ("lamp-02", "Floor lamp", 39_900),
    ("bulb-01", "Warm bulb, two", 2_590),
    ("kettle-01", "Kettle", 18_800),
    ("cup-01", "Cup", 4_950),
    ("fan-01", "Table fan", 21_000),
];
const QUESTIONS: [&str; 6] = [
    "Is this in stock?",
    "When will it be sent?",
    "Can I have it in white?",
    "Is there a coupon?",
    "How long is the cable?",
    "Does it come with a bulb?",
];
const ANSWERS: [&str; 5] = [
    "Yes, it is.",
    "Orders before four go out today.",
    "Let me look that up for you.",
    "One moment please.",
    "It does.",
];

/// A chat in which somebody sold.
#[derive(Debug, Clone)]
pub(super) struct Seller {
    pub account: String,
    pub channel: String,
    pub chat: String,
    pub ended_at: DateTime<Utc>,
    /// The business day of the chat.
    pub day: NaiveDate,
}

/// What one customer does.
pub(super) struct Journey<'a> {
    pub rng: &'a mut StdRng,
    pub lines: &'a mut Lines,
    pub truth: &'a mut Truth,
    pub shop: &'a str,
    pub agents: usize,
    /// The bot's account; empty if nobody is to be credited.
    pub bot: &'a str,
    pub customer: String,
    pub campaign: bool,
    /// Records so far, for their ids.
    pub number: u32,
}

/// An order that was placed.
struct Placed {
    id: String,
    product: &'static str,
    cents: i64,
    at: DateTime<Utc>,
    /// Who is credited with it; empty if nobody is.
    account: String,
    excluded: bool,
}

impl Journey<'_> {
    /// From the first question on.
    pub fn whole(&mut self, at: DateTime<Utc>) {
        let first = self.chat(at, None);
        let mut sellers = vec![first];
        if self.agents > 1 && self.rng.random_bool(0.1) {
            let again = sellers[0].ended_at + minutes(self.rng, 20..60);
            let before = sellers[0].account.clone();
            let second = self.chat(again, Some(&before));
            // A second chat with the same account on the same day would be no second inquiry.
            if second.account != before {
                sellers.push(second);
            }
        }
        let excluded = self.after_chat(&sellers);
        for seller in &sellers {
            // Help with an order that doesn't count is no inquiry (协助服务).
            if excluded.is_none_or(|day| days_between(seller.day, day) > WINDOW_DAYS) {
                self.truth.of(seller.day, &seller.account).inquiries += 1;
            }
        }
    }

    /// From the end of the chats on. Gives the day of the order if it was excluded.
    pub fn after_chat(&mut self, sellers: &[Seller]) -> Option<NaiveDate> {
        let last = sellers.last()?;
        self.beside(last);
        if !self.rng.random_bool(if self.campaign { 0.6 } else { 0.45 }) {
            return None;
        }
        let placed = self.order(last);
        if placed.excluded {
            return Some(shape::business_day(placed.at));
        }
        let converts = |at| days_between(last.day, shape::business_day(at));
        if !placed.account.is_empty() {
            let achieved = self.truth.of(last.day, &last.account);
            achieved.ordering_inquiries += 1;
            achieved.ordering_inquiries_next_day += i64::from(converts(placed.at) <= 1);
        }
        let (paid_at, cents) = self.pay(&placed)?;
        if !placed.account.is_empty() {
            let achieved = self.truth.of(last.day, &last.account);
            achieved.paying_inquiries += i64::from(converts(paid_at) <= WINDOW_DAYS);
            achieved.paying_inquiries_next_day += i64::from(converts(paid_at) <= 1);
        }
        self.after_payment(&placed, paid_at, cents);
        None
    }

    fn chat(&mut self, at: DateTime<Utc>, not: Option<&str>) -> Seller {
        let account = shape::on_duty(self.rng, self.agents, at, not);
        let id = self.id("chat");
        let mut now = at;
        let mut messages = Vec::new();
        let mut say = |now: DateTime<Utc>, sender: &str, text: &str, quick: bool| {
            messages
                .push(json!({ "sentAt": stamp(now), "sender": sender, "text": text, "quickReply": quick }));
        };
        let rounds = self.rng.random_range(1..8);
        for round in 0..rounds {
            say(now, "CUSTOMER", QUESTIONS.choose(self.rng).expect("there are some"), false);
            if round == 0 && self.rng.random_bool(0.3) {
                now += Duration::seconds(1);
                say(now, "BOT", "Welcome, an agent will be with you.", false);
            }
            now += Duration::seconds(self.rng.random_range(4..90));
            let quick = self.rng.random_bool(0.2);
            say(now, "AGENT", ANSWERS.choose(self.rng).expect("there are some"), quick);
            now += Duration::seconds(self.rng.random_range(5..60));
        }
        let ended_at = now;
        let mut record = json!({
            "kind": "conversation", "conversationId": id, "shop": self.shop, "agentId": account,
            "customerId": self.customer, "channel": "chat", "startedAt": stamp(at), "closedAt": stamp(ended_at),
            "messages": messages,
        });
        if self.rng.random_bool(0.4) {
            record["satisfied"] = self.rng.random_bool(0.9).into();
        }
        if self.rng.random_bool(0.5) {
            record["completed"] = self.rng.random_bool(0.85).into();
        }
        self.lines.push(at, &record);
        let day = shape::business_day(at);
        let achieved = self.truth.of(day, &account);
        achieved.conversations += 1;
        achieved.received_customers += 1;
        achieved.replies += rounds;
        achieved.customer_messages += rounds;
        Seller { account, channel: "chat".to_owned(), chat: id, ended_at, day }
    }

    /// What happens around a chat whether or not anything is bought.
    fn beside(&mut self, seller: &Seller) {
        let chat = json!({ "channel": seller.channel, "conversationId": seller.chat });
        let at = seller.ended_at;
        if self.rng.random_bool(0.2) {
            let scored = at + minutes(self.rng, 1..9);
            let score = *[3, 4, 4, 5, 5, 5, 1].choose(self.rng).expect("there are some");
            self.record("satisfaction", "satisfactionId", scored, "", &[&chat, &json!({ "score": score })]);
            self.truth.of(shape::business_day(scored), &seller.account).satisfaction_scores += 1;
        }
        if self.rng.random_bool(0.3) {
            let outcome = *["ANSWERED", "ANSWERED", "ACCEPTED", "TRANSFERRED", "UNANSWERED"]
                .choose(self.rng)
                .expect("there are some");
            let class = *["INDUSTRY", "GENERAL", "OWN"].choose(self.rng).expect("there are some");
            let question = *QUESTIONS.choose(self.rng).expect("there are some");
            let own = json!({ "outcome": outcome, "questionClass": class, "question": question, "scene": "before the sale" });
            let asked = at - minutes(self.rng, 15..30);
            self.record("botEvent", "botEventId", asked, self.bot, &[&own]);
            let achieved = self.truth.of(shape::business_day(asked), self.bot);
            achieved.bot_questions += 1;
            achieved.bot_transferred += i64::from(outcome == "TRANSFERRED");
        }
        if self.rng.random_bool(0.2) {
            let (product, _, cents) = *PRODUCTS.choose(self.rng).expect("there are some");
            let own = json!({ "productId": product, "quantity": 1, "amount": amount(cents) });
            let put = at + minutes(self.rng, 1..5);
            self.record("cart", "cartId", put, "", &[&own]);
        }
        if self.rng.random_bool(0.02) {
            let complained = at + minutes(self.rng, 30..600);
            let own = json!({ "severity": "ORDINARY", "cause": "slow answer" });
            self.record("complaint", "complaintId", complained, &seller.account, &[&chat, &own]);
            self.truth.of(shape::business_day(complained), &seller.account).complaints += 1;
        }
        if self.rng.random_bool(0.03) {
            let joined = at + minutes(self.rng, 1..4);
            self.record("memberSignup", "signupId", joined, &seller.account, &[]);
            self.truth.of(shape::business_day(joined), &seller.account).member_signups += 1;
        }
        if self.rng.random_bool(0.15) {
            let (product, _, _) = *PRODUCTS.choose(self.rng).expect("there are some");
            let own = json!({ "productId": product, "type": if self.rng.random_bool(0.5) { "RECOMMEND" } else { "CROSS_SELL" } });
            let said = at - Duration::seconds(2);
            self.record("recommendation", "recommendationId", said, &seller.account, &[&chat, &own]);
            self.truth.of(shape::business_day(said), &seller.account).recommendations += 1;
        }
    }

    fn order(&mut self, seller: &Seller) -> Placed {
        let at = seller.ended_at
            + match self.rng.random_range(0..100) {
                0..60 => minutes(self.rng, 10..90),
                60..80 => Duration::days(1) + minutes(self.rng, 0..300),
                80..92 => Duration::days(self.rng.random_range(2..4)) + minutes(self.rng, 0..300),
                // Nobody is credited any more.
                _ => Duration::days(self.rng.random_range(6..10)) + minutes(self.rng, 0..300),
            };
        let (product, title, price) = *PRODUCTS.choose(self.rng).expect("there are some");
        let quantity = if self.rng.random_bool(0.2) { 2 } else { 1 };
        let cents = price * quantity;
        let excluded = self.rng.random_bool(0.03);
        let day = shape::business_day(at);
        let credited = days_between(seller.day, day) <= WINDOW_DAYS;
        let account = if credited { seller.account.clone() } else { String::new() };
        let line = json!({ "productId": product, "title": title, "category": "home", "quantity": quantity, "amount": amount(cents) });
        let mut own = json!({ "amount": amount(cents), "lines": [line], "memberLevel": "V1" });
        if excluded {
            own["excludedReason"] = "not a customer's".into();
        }
        if self.campaign {
            own["campaignId"] = "generated-campaign".into();
        }
        let id = self.record("order", "orderId", at, "", &[&own]);
        if !excluded {
            let achieved = self.truth.of(day, &account);
            achieved.orders += 1;
            achieved.ordering_buyers += 1;
            achieved.ordered_cents += cents;
        }
        Placed { id, product, cents, at, account, excluded }
    }

    /// When the order was paid for the first time, and how much in all.
    fn pay(&mut self, placed: &Placed) -> Option<(DateTime<Utc>, i64)> {
        let silent = placed.account.is_empty();
        let at = placed.at
            + match self.rng.random_range(0..100) {
                0..75 => minutes(self.rng, 1..30),
                75..90 if !silent => Duration::days(self.rng.random_range(1..3)) + minutes(self.rng, 0..120),
                75..90 => minutes(self.rng, 1..30),
                _ => return None,
            };
        let parts = if self.rng.random_bool(0.05) {
            vec![placed.cents / 2, placed.cents - placed.cents / 2]
        } else {
            vec![placed.cents]
        };
        let day = shape::business_day(at);
        for cents in parts {
            let own = json!({ "orderId": placed.id, "amount": amount(cents) });
            // Both parts in the same second: a buyer pays once a day.
            self.record("payment", "paymentId", at, "", &[&own]);
            self.truth.of(day, &placed.account).paid_cents += cents;
        }
        self.truth.of(day, &placed.account).paying_buyers += 1;
        Some((at, placed.cents))
    }

    fn after_payment(&mut self, placed: &Placed, paid_at: DateTime<Utc>, cents: i64) {
        let order = json!({ "orderId": placed.id });
        if self.rng.random_bool(0.08) {
            let asked = paid_at + Duration::days(self.rng.random_range(1..10)) + minutes(self.rng, 0..300);
            let done = asked + Duration::days(self.rng.random_range(1..4));
            let back = if self.rng.random_bool(0.7) { cents } else { cents / 4 };
            let kind = if self.rng.random_bool(0.4) { "RETURN" } else { "REFUND_ONLY" };
            let own = json!({ "amount": amount(back), "type": kind, "reason": "does not fit", "completedAt": stamp(done) });
            self.record("refund", "refundId", asked, "", &[&order, &own]);
            let achieved = self.truth.of(shape::business_day(done), &placed.account);
            achieved.completed_refunds += 1;
            achieved.completed_refund_cents += back;
        }
        if self.rng.random_bool(0.12) && self.agents > 1 {
            let day = shape::business_day(paid_at) + Days::new(self.rng.random_range(2..6));
            let at = shape::moment(self.rng, day);
            self.chat(at, None);
        }
        if self.rng.random_bool(0.3) {
            let at = paid_at + Duration::days(self.rng.random_range(5..12));
            let mut score = || *[5, 5, 5, 4, 4, 3].choose(self.rng).expect("there are some");
            let own = json!({ "itemScore": score(), "serviceScore": score(), "deliveryScore": score() });
            self.record("storeRating", "storeRatingId", at, "", &[&order, &own]);
            self.truth.of(shape::business_day(at), &placed.account).store_ratings += 1;
        }
        if self.rng.random_bool(0.25) {
            self.review(placed, paid_at);
        }
    }

    fn review(&mut self, placed: &Placed, paid_at: DateTime<Utc>) {
        let at = paid_at + Duration::days(self.rng.random_range(5..12));
        let (rating, text) = match self.rng.random_range(0..100) {
            0..78 => ("GOOD", "Just what I wanted."),
            78..88 => ("NEUTRAL", "It is all right."),
            _ => ("BAD", "It came late."),
        };
        let own =
            json!({ "orderId": placed.id, "productId": placed.product, "rating": rating, "text": text });
        let id = self.record("buyerReview", "reviewId", at, "", &[&own]);
        let recovered = rating == "BAD" && self.rng.random_bool(0.4);
        if recovered {
            let own = json!({ "orderId": placed.id, "productId": placed.product, "rating": "GOOD",
                "text": "They sent a new one.", "reviewId": id, "revision": 1 });
            self.record("buyerReview", "reviewId", at, "", &[&own]);
        }
        let achieved = self.truth.of(shape::business_day(at), &placed.account);
        achieved.reviews += 1;
        achieved.good_reviews += i64::from(rating == "GOOD" || recovered);
        achieved.bad_reviews += i64::from(rating == "BAD" && !recovered);
        achieved.once_bad_reviews += i64::from(rating == "BAD");
        achieved.recovered_reviews += i64::from(recovered);
    }

    /// Writes a fact; gives its id.
    fn record(
        &mut self,
        kind: &str,
        id_name: &str,
        at: DateTime<Utc>,
        account: &str,
        own: &[&Value],
    ) -> String {
        let mut id = self.id(kind);
        let mut record = json!({
            "kind": kind, "shop": self.shop, "occurredAt": stamp(at), "customerId": self.customer,
        });
        for fields in own {
            for (name, value) in fields.as_object().into_iter().flatten() {
                record[name] = value.clone();
            }
        }
        match record.get(id_name).and_then(Value::as_str) {
            Some(given) => given.clone_into(&mut id),
            None => record[id_name] = id.clone().into(),
        }
        if !account.is_empty() {
            record["accountId"] = account.into();
        }
        self.lines.push(at, &record);
        id
    }

    fn id(&mut self, kind: &str) -> String {
        self.number += 1;
        format!("{kind}-{}-{}", self.lines.next_id(), self.number)
    }
}

fn days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    (to - from).num_days()
}
