//! Facts out of named values: one function a kind, for JSON objects and CSV rows alike.

use crate::error::Wrong;
use crate::fact::{
    Body, BotEvent, BotOutcome, BuyerReview, Cart, Complaint, Fact, Handling, HandlingKind, Order, OrderLine,
    Payment, QuestionClass, Rating, Recommendation, RecommendationKind, Refund, RefundKind, Satisfaction,
    Severity, StoreRating,
};
use crate::fields::{Fields, Words};
use crate::kind::Kind;

const REFUND_KINDS: &Words<RefundKind> = &[
    ("REFUND_ONLY", &["仅退款"], RefundKind::RefundOnly),
    ("RETURN", &["退货退款", "退货"], RefundKind::Return),
];
const SEVERITIES: &Words<Severity> = &[
    ("ORDINARY", &["一般"], Severity::Ordinary),
    ("PLATFORM", &["严重", "平台"], Severity::Platform),
    ("MASS", &["群体"], Severity::Mass),
    ("AUTHORITY", &["工商"], Severity::Authority),
];
const RATINGS: &Words<Rating> = &[
    ("GOOD", &["好评"], Rating::Good),
    ("NEUTRAL", &["中评"], Rating::Neutral),
    ("BAD", &["差评"], Rating::Bad),
];
const OUTCOMES: &Words<BotOutcome> = &[
    ("ANSWERED", &["已回答"], BotOutcome::Answered),
    ("ACCEPTED", &["已采纳"], BotOutcome::Accepted),
    ("TRANSFERRED", &["转人工"], BotOutcome::Transferred),
    ("UNANSWERED", &["未回答"], BotOutcome::Unanswered),
];
const CLASSES: &Words<QuestionClass> = &[
    ("INDUSTRY", &["行业"], QuestionClass::Industry),
    ("GENERAL", &["通用"], QuestionClass::General),
    ("OWN", &["自定义"], QuestionClass::Own),
];
const HANDLING_KINDS: &Words<HandlingKind> =
    &[("ORDER", &["订单"], HandlingKind::Order), ("AFTER_SALE", &["售后"], HandlingKind::AfterSale)];
const RECOMMENDATION_KINDS: &Words<RecommendationKind> = &[
    ("RECOMMEND", &["推荐"], RecommendationKind::Recommend),
    ("CROSS_SELL", &["搭配"], RecommendationKind::CrossSell),
];

/// Takes a fact's values. `kind` must not be [`Kind::Conversation`], which is no fact.
pub(crate) fn fact(kind: Kind, fields: &mut Fields<'_>) -> Result<Fact, Wrong> {
    // The body first: an order's lines are to be blamed before its neighbours.
    let body = body(kind, fields)?;
    let fact = Fact {
        shop: fields.id("shop")?,
        id: fields.required_id(kind.id_column())?,
        revision: fields.integer("revision")?.unwrap_or(0),
        occurred_at: fields.required_time("occurredAt")?,
        customer: fields.required_id("customerId")?,
        account: fields.id_or_empty("accountId")?,
        body,
    };
    fields.finish()?;
    Ok(fact)
}

fn body(kind: Kind, fields: &mut Fields<'_>) -> Result<Body, Wrong> {
    Ok(match kind {
        Kind::Conversation => return Err(Wrong::new("kind", "a conversation is no fact")),
        Kind::Order => Body::Order(order(fields)?),
        Kind::Payment => {
            Body::Payment(Payment { order: fields.required_id("orderId")?, amount: fields.money("amount")? })
        }
        Kind::Refund => Body::Refund(Refund {
            order: fields.required_id("orderId")?,
            amount: fields.money("amount")?,
            kind: fields.required_word("type", REFUND_KINDS)?,
            reason: fields.text("reason")?.unwrap_or_default(),
            completed_at: fields.time("completedAt")?,
            platform_help: fields.mark("platformHelp")?,
            judged_against_shop: fields.mark("judgedAgainstShop")?,
        }),
        Kind::Cart => Body::Cart(Cart {
            product: fields.required_id("productId")?,
            quantity: fields.required_integer("quantity")?,
            amount: fields.money("amount")?,
        }),
        Kind::Complaint => Body::Complaint(Complaint {
            order: fields.id_or_empty("orderId")?,
            chat: fields.chat()?,
            severity: fields.required_word("severity", SEVERITIES)?,
            cause: fields.text("cause")?.unwrap_or_default(),
            upheld: fields.mark("upheld")?,
            closed_at: fields.time("closedAt")?,
        }),
        Kind::Satisfaction => Body::Satisfaction(Satisfaction {
            chat: fields.chat()?,
            score: fields.required_integer("score")?,
        }),
        Kind::StoreRating => Body::StoreRating(StoreRating {
            order: fields.required_id("orderId")?,
            item: fields.required_integer("itemScore")?,
            service: fields.required_integer("serviceScore")?,
            delivery: fields.required_integer("deliveryScore")?,
        }),
        Kind::BuyerReview => Body::BuyerReview(BuyerReview {
            order: fields.required_id("orderId")?,
            product: fields.id_or_empty("productId")?,
            rating: fields.required_word("rating", RATINGS)?,
            text: fields.text("text")?.unwrap_or_default(),
            stars: fields.integer("stars")?,
            append_text: fields.text("appendText")?.unwrap_or_default(),
            appended_at: fields.time("appendedAt")?,
        }),
        Kind::BotEvent => Body::BotEvent(BotEvent {
            outcome: fields.required_word("outcome", OUTCOMES)?,
            class: fields.word("questionClass", CLASSES)?,
            question: fields.text("question")?.unwrap_or_default(),
            product: fields.id_or_empty("productId")?,
            scene: fields.id_or_empty("scene")?,
            campaign: fields.id_or_empty("campaignId")?,
            chat: fields.chat()?,
        }),
        Kind::Handling => Body::Handling(Handling {
            kind: fields.required_word("type", HANDLING_KINDS)?,
            task: fields.required_id("taskId")?,
            opened_at: fields.required_time("openedAt")?,
            accurate: fields.mark("accurate")?,
        }),
        Kind::MemberSignup => Body::MemberSignup,
        Kind::Recommendation => Body::Recommendation(Recommendation {
            product: fields.required_id("productId")?,
            kind: fields.required_word("type", RECOMMENDATION_KINDS)?,
            chat: fields.chat()?,
        }),
    })
}

fn order(fields: &mut Fields<'_>) -> Result<Order, Wrong> {
    let lines = fields.each("lines", |line| {
        Ok(OrderLine {
            product: line.required_id("productId")?,
            title: line.id_or_empty("title")?,
            category: line.id_or_empty("category")?,
            quantity: line.required_integer("quantity")?,
            amount: line.money("amount")?,
        })
    })?;
    Ok(Order {
        lines,
        amount: fields.money("amount")?,
        member_level: fields.id_or_empty("memberLevel")?,
        excluded_reason: fields.id_or_empty("excludedReason")?,
        campaign: fields.id_or_empty("campaignId")?,
    })
}
