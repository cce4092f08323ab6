//! A fact as it comes in, and what makes one acceptable.

use calendar::MerchantCalendar;
use chrono::{DateTime, Utc};
use redaction::Redactor;
use sha2::{Digest, Sha256};
use status::Violation;

use crate::domain::conversation::{check_id, check_time, wrong};
use crate::domain::fact::{Body, ChatRef, Fact, FactKey, Order, Rating};

/// A fact as it comes in: its shape is right, its values are not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct FactDraft {
    /// The shop.
    pub shop: String,
    /// The platform's id.
    pub id: String,
    /// Grows with each correction.
    pub revision: i64,
    /// When it happened; `None` if that is missing or no instant at all.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The buyer.
    pub customer: String,
    /// Whom the platform names; may be empty.
    pub account: String,
    /// What happened.
    pub body: Body,
    /// The words of a review. They are not kept.
    pub words: ReviewWords,
}

/// What a buyer wrote, personal data included: it passes through to qa and stays nowhere here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewWords {
    /// The review.
    pub text: String,
    /// 1 to 5 where the platform counts them.
    pub stars: Option<i32>,
    /// The comment that was added later (追评); empty without one.
    pub append_text: String,
    /// When it was added.
    pub appended_at: Option<DateTime<Utc>>,
}

impl ReviewWords {
    fn check(&mut self, occurred_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Violation> {
        check_text("buyer_review.text", &self.text, 10_000)?;
        check_text("buyer_review.append_text", &self.append_text, 10_000)?;
        if let Some(stars) = self.stars {
            check_score("buyer_review.stars", stars)?;
        }
        if self.append_text.is_empty() != self.appended_at.is_none() {
            return Err(wrong("buyer_review.appended_at", "must be given with append_text and only with it"));
        }
        check_later("buyer_review.appended_at", &mut self.appended_at, occurred_at, now)
    }

    /// Adds what a review without stars and added comment does not have, so that its hash is the one it always had.
    fn hash_more(&self, hash: &mut Sha256) {
        if self.stars.is_none() && self.appended_at.is_none() {
            return;
        }
        hash.update(b"review/2");
        hash.update(self.stars.unwrap_or_default().to_be_bytes());
        hash.update(self.appended_at.map_or(i64::MIN, |at| at.timestamp_millis()).to_be_bytes());
        hash.update(self.append_text.as_bytes());
    }
}

impl FactDraft {
    /// The fact with its texts redacted, the hash of its raw content, and the raw words of a review; or the first thing
    /// that is wrong with it.
    pub fn accept(
        mut self,
        calendar: &MerchantCalendar,
        redactor: &Redactor,
        now: DateTime<Utc>,
    ) -> Result<(Fact, [u8; 32], ReviewWords), Violation> {
        check_id("shop_id", &self.shop, 64)?;
        check_id("fact_id", &self.id, 128)?;
        if self.revision < 0 {
            return Err(wrong("revision", "must not be negative"));
        }
        let occurred_at = check_time("occurred_at", self.occurred_at, now)?;
        check_id("customer_id", &self.customer, 128)?;
        check_text("account_id", &self.account, 128)?;
        self.words.check(occurred_at, now)?;
        let mut body = self.body;
        body.check(occurred_at, now)?;
        let content_hash = content_hash(&self.account, &self.customer, occurred_at, &body, &self.words)?;
        body.redact(redactor);
        body.work_out(calendar);
        let fact = Fact {
            key: FactKey { id: self.id, kind: body.kind(), shop: self.shop },
            revision: self.revision,
            day: calendar.business_day(occurred_at),
            occurred_at,
            customer: self.customer,
            account: self.account,
            body,
        };
        Ok((fact, content_hash, self.words))
    }
}

impl Body {
    fn redact(&mut self, redactor: &Redactor) {
        let text = match self {
            Self::Refund(refund) => &mut refund.reason,
            Self::Complaint(complaint) => &mut complaint.cause,
            Self::BotEvent(event) => &mut event.question,
            _ => return,
        };
        *text = redactor.redact(text).into_owned();
    }

    fn work_out(&mut self, calendar: &MerchantCalendar) {
        match self {
            Self::Refund(refund) => {
                refund.completed_day = refund.completed_at.map(|at| calendar.business_day(at));
            }
            Self::BuyerReview(review) => review.once_bad = review.rating == Rating::Bad,
            _ => {}
        }
    }

    /// Checks all values, and cuts instants to the millisecond.
    fn check(&mut self, occurred_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Violation> {
        match self {
            Self::Order(order) => check_order(order),
            Self::Payment { order, amount } => {
                check_id("payment.order_id", order, 128)?;
                check_amount("payment.amount", *amount)
            }
            Self::Refund(refund) => {
                check_id("refund.order_id", &refund.order, 128)?;
                check_amount("refund.amount", refund.amount)?;
                check_text("refund.reason", &refund.reason, 200)?;
                if refund.judged_against_shop.is_some() && refund.platform_help != Some(true) {
                    let why = "must only be given where platform_help is true";
                    return Err(wrong("refund.judged_against_shop", why));
                }
                check_later("refund.completed_at", &mut refund.completed_at, occurred_at, now)
            }
            Self::Cart { product, quantity, amount } => {
                check_id("cart.product_id", product, 128)?;
                check_quantity("cart.quantity", *quantity)?;
                check_amount("cart.amount", *amount)
            }
            Self::Complaint(complaint) => {
                check_text("complaint.order_id", &complaint.order, 128)?;
                check_chat("complaint.conversation", complaint.conversation.as_ref())?;
                check_text("complaint.cause", &complaint.cause, 200)?;
                check_later("complaint.closed_at", &mut complaint.closed_at, occurred_at, now)
            }
            Self::Satisfaction { conversation, score } => {
                check_chat("satisfaction.conversation", conversation.as_ref())?;
                check_score("satisfaction.score", *score)
            }
            Self::StoreRating { order, item_score, service_score, delivery_score } => {
                check_id("store_rating.order_id", order, 128)?;
                check_score("store_rating.item_score", *item_score)?;
                check_score("store_rating.service_score", *service_score)?;
                check_score("store_rating.delivery_score", *delivery_score)
            }
            Self::BuyerReview(review) => {
                check_id("buyer_review.order_id", &review.order, 128)?;
                check_text("buyer_review.product_id", &review.product, 128)
            }
            Self::BotEvent(event) => {
                check_text("bot_event.question", &event.question, 500)?;
                check_text("bot_event.product_id", &event.product, 128)?;
                check_text("bot_event.scene", &event.scene, 64)?;
                check_text("bot_event.campaign_id", &event.campaign, 64)?;
                check_chat("bot_event.conversation", event.conversation.as_ref())
            }
            Self::Handling(handling) => {
                check_id("handling.task_id", &handling.task, 128)?;
                let opened_at = check_time("handling.opened_at", handling.opened_at, now)?;
                if opened_at > occurred_at {
                    return Err(wrong("handling.opened_at", "must not be after occurred_at"));
                }
                handling.opened_at = Some(opened_at);
                Ok(())
            }
            Self::MemberSignup => Ok(()),
            Self::Recommendation { product, conversation, .. } => {
                check_id("recommendation.product_id", product, 128)?;
                check_chat("recommendation.conversation", conversation.as_ref())
            }
        }
    }
}

/// Products of one order at most.
const LINES_MAX: usize = 500;
/// A billion yuan in fen: more is a mistake of the source, and sums of it could leave 64 bits.
const AMOUNT_MAX: i64 = 100_000_000_000;
const QUANTITY_MAX: i32 = 1_000_000;

fn check_order(order: &Order) -> Result<(), Violation> {
    if order.lines.is_empty() || order.lines.len() > LINES_MAX {
        return Err(wrong("order.lines", format!("must have 1 to {LINES_MAX} lines")));
    }
    for (at, line) in order.lines.iter().enumerate() {
        let field = |name: &str| format!("order.lines[{at}].{name}");
        check_id(&field("product_id"), &line.product, 128)?;
        check_text(&field("title"), &line.title, 200)?;
        check_text(&field("category"), &line.category, 100)?;
        check_quantity(&field("quantity"), line.quantity)?;
        check_amount(&field("amount"), line.amount)?;
    }
    check_amount("order.amount", order.amount)?;
    check_text("order.member_level", &order.member_level, 64)?;
    check_text("order.excluded_reason", &order.excluded_reason, 200)?;
    check_text("order.campaign_id", &order.campaign, 64)
}

fn check_chat(field: &str, chat: Option<&ChatRef>) -> Result<(), Violation> {
    let Some(chat) = chat else { return Ok(()) };
    check_id(&format!("{field}.channel"), &chat.channel, 32)?;
    check_id(&format!("{field}.conversation_id"), &chat.id, 128)
}

fn check_later(
    field: &str,
    at: &mut Option<DateTime<Utc>>,
    occurred_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Violation> {
    if at.is_some() {
        let checked = check_time(field, *at, now)?;
        if checked < occurred_at {
            return Err(wrong(field, "must not be before occurred_at"));
        }
        *at = Some(checked);
    }
    Ok(())
}

fn check_text(field: &str, value: &str, max: usize) -> Result<(), Violation> {
    if value.chars().count() > max {
        return Err(wrong(field, format!("must not be longer than {max} characters")));
    }
    if value.contains('\0') {
        return Err(wrong(field, "must not contain the NUL character"));
    }
    Ok(())
}

fn check_amount(field: &str, amount: i64) -> Result<(), Violation> {
    match amount {
        0..=AMOUNT_MAX => Ok(()),
        ..0 => Err(wrong(field, "must not be negative")),
        _ => Err(wrong(field, "is too large to be an amount of one customer")),
    }
}

fn check_quantity(field: &str, quantity: i32) -> Result<(), Violation> {
    if (1..=QUANTITY_MAX).contains(&quantity) {
        return Ok(());
    }
    Err(wrong(field, format!("must be from 1 to {QUANTITY_MAX}")))
}

fn check_score(field: &str, score: i32) -> Result<(), Violation> {
    if (1..=5).contains(&score) { Ok(()) } else { Err(wrong(field, "must be from 1 to 5")) }
}

/// SHA-256 over everything but key and revision, each part length-prefixed. Taken from the raw texts, so that a later,
/// better redaction does not make known facts look changed.
fn content_hash(
    account: &str,
    customer: &str,
    occurred_at: DateTime<Utc>,
    body: &Body,
    words: &ReviewWords,
) -> Result<[u8; 32], Violation> {
    let body = serde_json::to_vec(body).map_err(|why| wrong("fact", format!("cannot be kept: {why}")))?;
    let mut hash = Sha256::new();
    hash.update(b"jinpai.fact/1");
    hash.update(occurred_at.timestamp_millis().to_be_bytes());
    for part in [account.as_bytes(), customer.as_bytes(), &body, words.text.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    words.hash_more(&mut hash);
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::{BuyerReview, Handling, OrderLine, Refund};

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().expect("an instant"))
    }

    fn draft(body: Body) -> FactDraft {
        FactDraft {
            shop: "s".to_owned(),
            id: "f-1".to_owned(),
            revision: 0,
            occurred_at: at("2020-05-13T16:30:00Z"),
            customer: "b-1".to_owned(),
            account: String::new(),
            body,
            words: ReviewWords::default(),
        }
    }

    fn order() -> Order {
        let line = OrderLine {
            product: "p".to_owned(),
            title: "毛衣".to_owned(),
            category: String::new(),
            quantity: 1,
            amount: 100,
        };
        Order {
            lines: vec![line],
            amount: 100,
            member_level: String::new(),
            excluded_reason: String::new(),
            campaign: String::new(),
        }
    }

    fn refund(completed_at: Option<DateTime<Utc>>) -> Refund {
        Refund {
            order: "o".to_owned(),
            amount: 5,
            goods_returned: false,
            reason: "电话13812345678".to_owned(),
            completed_at,
            completed_day: None,
            platform_help: None,
            judged_against_shop: None,
        }
    }

    fn accept(draft: FactDraft) -> Result<(Fact, [u8; 32]), String> {
        let now = at("2020-05-20T00:00:00Z").expect("an instant");
        draft
            .accept(&MerchantCalendar::default(), &Redactor::new(b"key"), now)
            .map(|(fact, hash, _)| (fact, hash))
            .map_err(|wrong| format!("{}: {}", wrong.field, wrong.description))
    }

    #[test]
    fn a_fact_gets_its_day_and_loses_personal_data() {
        let body = Body::Refund(refund(at("2020-05-14T16:00:00.123456Z")));
        let (fact, _) = accept(draft(body)).expect("accepted");
        assert_eq!(fact.day.to_string(), "2020-05-14", "in Shanghai it is past midnight");
        let Body::Refund(refund) = fact.body else { panic!("still a refund") };
        assert_eq!(refund.reason, "电话[phone]");
        assert_eq!(refund.completed_day.map(|day| day.to_string()).as_deref(), Some("2020-05-15"));
        assert_eq!(refund.completed_at, at("2020-05-14T16:00:00.123Z"));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let check = |draft: FactDraft, starts: &str| {
            let error = accept(draft).expect_err(starts);
            assert!(error.starts_with(starts), "{error} should start with {starts}");
        };
        let with_order = |change: fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            draft(Body::Order(order))
        };
        check(FactDraft { id: String::new(), ..draft(Body::MemberSignup) }, "fact_id: must not be empty");
        check(FactDraft { customer: String::new(), ..draft(Body::MemberSignup) }, "customer_id:");
        check(
            FactDraft { occurred_at: None, ..draft(Body::MemberSignup) },
            "occurred_at: must be an instant",
        );
        check(FactDraft { revision: -1, ..draft(Body::MemberSignup) }, "revision: must not be negative");
        check(FactDraft { account: "x".repeat(129), ..draft(Body::MemberSignup) }, "account_id:");
        check(with_order(|o| o.lines.clear()), "order.lines: must have 1 to 500 lines");
        check(with_order(|o| o.lines[0].quantity = 0), "order.lines[0].quantity: must be from 1");
        check(with_order(|o| o.amount = -1), "order.amount: must not be negative");
        check(with_order(|o| o.amount = i64::MAX), "order.amount: is too large");
        check(with_order(|o| o.campaign = "\0".to_owned()), "order.campaign_id: must not contain the NUL");
        check(
            draft(Body::Refund(refund(at("2020-05-13T16:00:00Z")))),
            "refund.completed_at: must not be before",
        );
        for platform_help in [None, Some(false)] {
            let judged = Refund { platform_help, judged_against_shop: Some(false), ..refund(None) };
            check(draft(Body::Refund(judged)), "refund.judged_against_shop: must only be given where");
        }
        let late = Handling {
            after_sale: true,
            task: "t".to_owned(),
            opened_at: at("2020-05-13T17:00:00Z"),
            accurate: None,
        };
        check(draft(Body::Handling(late)), "handling.opened_at: must not be after occurred_at");
        check(
            draft(Body::Satisfaction { conversation: None, score: 6 }),
            "satisfaction.score: must be from 1",
        );
        let chat = Some(ChatRef { channel: String::new(), id: "c".to_owned() });
        check(
            draft(Body::Satisfaction { conversation: chat, score: 5 }),
            "satisfaction.conversation.channel:",
        );
    }

    #[test]
    fn the_hash_tells_contents_apart_and_looks_at_nothing_else() {
        let review = |rating, text: &str| FactDraft {
            words: ReviewWords { text: text.to_owned(), ..ReviewWords::default() },
            ..draft(Body::BuyerReview(BuyerReview {
                order: "o".to_owned(),
                product: String::new(),
                rating,
                once_bad: false,
            }))
        };
        let hash = |draft| accept(draft).expect("accepted").1;
        let bad = hash(review(Rating::Bad, "太慢"));
        assert_ne!(bad, hash(review(Rating::Bad, "太慢了")));
        assert_ne!(bad, hash(review(Rating::Good, "太慢")));
        assert_eq!(bad, hash(FactDraft { revision: 7, ..review(Rating::Bad, "太慢") }));
        let body = |refund| serde_json::to_string(&Body::Refund(refund)).expect("is written");
        let (plain, told) = (refund(None), Refund { platform_help: Some(false), ..refund(None) });
        assert!(!body(plain.clone()).contains("platform") && !body(plain.clone()).contains("judged"));
        assert_ne!(hash(draft(Body::Refund(plain))), hash(draft(Body::Refund(told))));
        let appended = |text: &str, stars| {
            let mut draft = review(Rating::Bad, "太慢");
            let appended_at = at("2020-05-14T08:00:00Z");
            draft.words = ReviewWords { append_text: text.to_owned(), appended_at, stars, ..draft.words };
            hash(draft)
        };
        assert_ne!(bad, appended("客服联系后解决了", None));
        assert_ne!(appended("客服联系后解决了", None), appended("还是不行", None));
        assert_ne!(appended("客服联系后解决了", None), appended("客服联系后解决了", Some(5)));
    }

    #[test]
    fn an_added_comment_has_its_time_and_stars_their_range() {
        let check = |draft: FactDraft, starts: &str| {
            let error = accept(draft).expect_err(starts);
            assert!(error.starts_with(starts), "{error} should start with {starts}");
        };
        let with = |words: ReviewWords| FactDraft {
            words,
            ..draft(Body::BuyerReview(BuyerReview {
                order: "o".to_owned(),
                product: String::new(),
                rating: Rating::Bad,
                once_bad: false,
            }))
        };
        let append_text = "追评".to_owned();
        check(
            with(ReviewWords { append_text: append_text.clone(), ..ReviewWords::default() }),
            "buyer_review.appended_at: must be given with append_text",
        );
        let appended_at = at("2020-05-13T16:29:59Z");
        check(
            with(ReviewWords { append_text, appended_at, ..ReviewWords::default() }),
            "buyer_review.appended_at: must not be before occurred_at",
        );
        check(
            with(ReviewWords { stars: Some(6), ..ReviewWords::default() }),
            "buyer_review.stars: must be from 1",
        );
    }
}
