//! Facts between the wire and the domain. What has no shape is refused here, line by line; what has a shape but no
//! sense is refused by the domain.

use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body as Wire;
use proto::time;
use status::Violation;

use crate::domain::batch::Line;
use crate::domain::fact::{
    Body, BotEvent, BotOutcome, BuyerReview, ChatRef, Complaint, FactKind, Handling, Order, OrderLine,
    QuestionClass, Rating, Refund, Severity,
};
use crate::domain::fact_draft::{FactDraft, ReviewWords};
use crate::domain::money::Currency;

type Result<T> = std::result::Result<T, Violation>;

fn wrong(field: impl Into<String>, description: impl Into<String>) -> Violation {
    Violation { field: field.into(), description: description.into() }
}

pub(super) fn line(line: pb::FactLine, currency: &Currency) -> Line<FactDraft> {
    let missing = || wrong("fact", "must be given");
    Line { number: line.line, draft: line.fact.ok_or_else(missing).and_then(|fact| draft(fact, currency)) }
}

fn draft(fact: pb::Fact, currency: &Currency) -> Result<FactDraft> {
    let body = fact.body.ok_or_else(|| wrong("body", "must be one of the kinds of facts"))?;
    let mut words = ReviewWords::default();
    Ok(FactDraft {
        occurred_at: fact.occurred_at.as_ref().and_then(time::instant),
        body: self::body(body, currency, &mut words)?,
        shop: fact.shop_id,
        id: fact.fact_id,
        revision: fact.revision,
        customer: fact.customer_id,
        account: fact.account_id,
        words,
    })
}

fn body(body: Wire, currency: &Currency, words: &mut ReviewWords) -> Result<Body> {
    let amount = |field: &str, amount: Option<Money>| money(field, amount, currency);
    Ok(match body {
        Wire::Order(order) => Body::Order(self::order(order, currency)?),
        Wire::Payment(payment) => {
            Body::Payment { amount: amount("payment.amount", payment.amount)?, order: payment.order_id }
        }
        Wire::Refund(refund) => Body::Refund(Refund {
            goods_returned: match refund.kind() {
                pb::RefundKind::RefundOnly => false,
                pb::RefundKind::Return => true,
                pb::RefundKind::Unspecified => {
                    return Err(wrong("refund.kind", "must be REFUND_ONLY or RETURN"));
                }
            },
            completed_at: optional_instant("refund.completed_at", refund.completed_at.as_ref())?,
            amount: amount("refund.amount", refund.amount)?,
            order: refund.order_id,
            reason: refund.reason,
            completed_day: None,
            platform_help: refund.platform_help,
            judged_against_shop: refund.judged_against_shop,
        }),
        Wire::Cart(cart) => Body::Cart {
            amount: amount("cart.amount", cart.amount)?,
            product: cart.product_id,
            quantity: cart.quantity,
        },
        Wire::Complaint(complaint) => Body::Complaint(self::complaint(complaint)?),
        Wire::Satisfaction(satisfaction) => Body::Satisfaction {
            conversation: satisfaction.conversation.map(chat),
            score: satisfaction.score,
        },
        Wire::StoreRating(rating) => Body::StoreRating {
            order: rating.order_id,
            item_score: rating.item_score,
            service_score: rating.service_score,
            delivery_score: rating.delivery_score,
        },
        Wire::BuyerReview(review) => {
            let rating = match review.rating() {
                pb::ReviewRating::Good => Rating::Good,
                pb::ReviewRating::Neutral => Rating::Neutral,
                pb::ReviewRating::Bad => Rating::Bad,
                pb::ReviewRating::Unspecified => {
                    return Err(wrong("buyer_review.rating", "must be GOOD, NEUTRAL or BAD"));
                }
            };
            *words = ReviewWords {
                text: review.text,
                stars: review.stars,
                append_text: review.append_text,
                appended_at: match &review.appended_at {
                    Some(at) => Some(time::instant(at).ok_or_else(|| {
                        wrong("buyer_review.appended_at", "must be an instant of the years 1 to 9999")
                    })?),
                    None => None,
                },
            };
            let (order, product) = (review.order_id, review.product_id);
            Body::BuyerReview(BuyerReview { order, product, rating, once_bad: false })
        }
        Wire::BotEvent(event) => Body::BotEvent(bot_event(event)?),
        Wire::Handling(handling) => Body::Handling(Handling {
            after_sale: match handling.kind() {
                pb::HandlingKind::Order => false,
                pb::HandlingKind::AfterSale => true,
                pb::HandlingKind::Unspecified => {
                    return Err(wrong("handling.kind", "must be ORDER or AFTER_SALE"));
                }
            },
            opened_at: handling.opened_at.as_ref().and_then(time::instant),
            task: handling.task_id,
            accurate: handling.accurate,
        }),
        Wire::MemberSignup(pb::MemberSignup {}) => Body::MemberSignup,
        Wire::Recommendation(recommendation) => Body::Recommendation {
            cross_sell: match recommendation.kind() {
                pb::RecommendationKind::Recommend => false,
                pb::RecommendationKind::CrossSell => true,
                pb::RecommendationKind::Unspecified => {
                    return Err(wrong("recommendation.kind", "must be RECOMMEND or CROSS_SELL"));
                }
            },
            product: recommendation.product_id,
            conversation: recommendation.conversation.map(chat),
        },
    })
}

fn order(order: pb::Order, currency: &Currency) -> Result<Order> {
    let line = |(at, line): (usize, pb::OrderLine)| {
        Ok(OrderLine {
            amount: money(&format!("order.lines[{at}].amount"), line.amount, currency)?,
            product: line.product_id,
            title: line.title,
            category: line.category,
            quantity: line.quantity,
        })
    };
    Ok(Order {
        lines: order.lines.into_iter().enumerate().map(line).collect::<Result<_>>()?,
        amount: money("order.amount", order.amount, currency)?,
        member_level: order.member_level,
        excluded_reason: order.excluded_reason,
        campaign: order.campaign_id,
    })
}

fn complaint(complaint: pb::Complaint) -> Result<Complaint> {
    Ok(Complaint {
        severity: match complaint.severity() {
            pb::ComplaintSeverity::Ordinary => Severity::Ordinary,
            pb::ComplaintSeverity::Platform => Severity::Platform,
            pb::ComplaintSeverity::Mass => Severity::Mass,
            pb::ComplaintSeverity::Authority => Severity::Authority,
            pb::ComplaintSeverity::Unspecified => {
                return Err(wrong("complaint.severity", "must be ORDINARY, PLATFORM, MASS or AUTHORITY"));
            }
        },
        closed_at: optional_instant("complaint.closed_at", complaint.closed_at.as_ref())?,
        order: complaint.order_id,
        conversation: complaint.conversation.map(chat),
        cause: complaint.cause,
        upheld: complaint.upheld,
    })
}

fn bot_event(event: pb::BotEvent) -> Result<BotEvent> {
    Ok(BotEvent {
        outcome: match event.outcome() {
            pb::BotOutcome::Answered => BotOutcome::Answered,
            pb::BotOutcome::Accepted => BotOutcome::Accepted,
            pb::BotOutcome::Transferred => BotOutcome::Transferred,
            pb::BotOutcome::Unanswered => BotOutcome::Unanswered,
            pb::BotOutcome::Unspecified => {
                let outcomes = "must be ANSWERED, ACCEPTED, TRANSFERRED or UNANSWERED";
                return Err(wrong("bot_event.outcome", outcomes));
            }
        },
        question_class: match event.question_class() {
            pb::BotQuestionClass::Industry => QuestionClass::Industry,
            pb::BotQuestionClass::General => QuestionClass::General,
            pb::BotQuestionClass::Own => QuestionClass::Own,
            pb::BotQuestionClass::Unspecified => {
                return Err(wrong("bot_event.question_class", "must be INDUSTRY, GENERAL or OWN"));
            }
        },
        question: event.question,
        product: event.product_id,
        scene: event.scene,
        campaign: event.campaign_id,
        conversation: event.conversation.map(chat),
    })
}

fn chat(conversation: pb::FactConversation) -> ChatRef {
    ChatRef { channel: conversation.channel, id: conversation.conversation_id }
}

fn money(field: &str, amount: Option<Money>, currency: &Currency) -> Result<i64> {
    let amount = amount.ok_or_else(|| wrong(field, "must be given"))?;
    currency
        .minor_units(&amount.currency_code, amount.units, amount.nanos)
        .map_err(|description| wrong(field, description))
}

/// An instant that may be missing, but not be none.
fn optional_instant(
    field: &str,
    at: Option<&prost_types::Timestamp>,
) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
    at.map(|at| time::instant(at).ok_or_else(|| wrong(field, "must be an instant"))).transpose()
}

/// An amount in smallest units on the wire.
pub(super) fn encode_money(minor_units: i64, currency: &Currency) -> Money {
    let (units, nanos) = currency.parts(minor_units);
    Money { currency_code: currency.code.clone(), units, nanos }
}

/// A kind on the wire.
pub(super) fn encode_kind(kind: FactKind) -> pb::FactKind {
    match kind {
        FactKind::Order => pb::FactKind::Order,
        FactKind::Payment => pb::FactKind::Payment,
        FactKind::Refund => pb::FactKind::Refund,
        FactKind::Cart => pb::FactKind::Cart,
        FactKind::Complaint => pb::FactKind::Complaint,
        FactKind::Satisfaction => pb::FactKind::Satisfaction,
        FactKind::StoreRating => pb::FactKind::StoreRating,
        FactKind::BuyerReview => pb::FactKind::BuyerReview,
        FactKind::BotEvent => pb::FactKind::BotEvent,
        FactKind::Handling => pb::FactKind::Handling,
        FactKind::MemberSignup => pb::FactKind::MemberSignup,
        FactKind::Recommendation => pb::FactKind::Recommendation,
    }
}
