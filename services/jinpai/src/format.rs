//! Records of files as the ingest messages.

use importers::{Body, ChatRef, Fact, JsonLines, Kind, Options, Record, Row};
use proto::common::v1::Sender;
use proto::google::r#type::Money;
use proto::metrics::v1::fact::Body as PbBody;
use proto::metrics::v1::{self as pb, Conversation, Message, Reject};
use proto::time::timestamp;

/// Reads one line of JSON as a conversation. A line without a shop belongs to `shop`, if there is one.
///
/// # Errors
///
/// The reject to report, with the path of the field as it stands in the file.
pub fn parse(number: u64, line: &[u8], shop: Option<&str>) -> Result<Conversation, Reject> {
    // No file has 2^63 lines.
    let line_number = i64::try_from(number).unwrap_or(i64::MAX);
    let refused =
        |field: &str, reason: &str| Reject { line: line_number, field: field.into(), reason: reason.into() };
    match JsonLines::new(line, Some(Kind::Conversation), Options::default()).next() {
        Some(Ok(Row { record: Record::Conversation(read), .. })) => {
            conversation(read, shop).map_err(|Wrong { field, reason }| refused(field, reason))
        }
        Some(Err(importers::Error::Row(wrong))) => Err(refused(&wrong.field, &wrong.reason)),
        Some(Ok(_) | Err(_)) | None => Err(refused("line", "holds no conversation")),
    }
}

/// What a record lacks before it can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// The field, as it stands in the file.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

const NO_SHOP: Wrong =
    Wrong { field: "shop", reason: "the line names no shop, and none was given with --shop" };

/// A conversation as it is sent. One without a shop belongs to `shop`.
///
/// # Errors
///
/// Neither names a shop.
pub fn conversation(read: importers::Conversation, shop: Option<&str>) -> Result<Conversation, Wrong> {
    Ok(Conversation {
        shop_id: read.shop.or_else(|| shop.map(str::to_owned)).ok_or(NO_SHOP)?,
        channel: read.channel,
        conversation_id: read.id,
        revision: read.revision,
        account_id: read.account,
        customer_id: read.customer,
        started_at: Some(timestamp(read.started_at)),
        closed_at: Some(timestamp(read.closed_at)),
        messages: read.messages.into_iter().map(message).collect(),
        satisfied: read.satisfied,
        completed: read.completed,
        transferred_from: read.transferred_from.unwrap_or_default(),
        transferred_to: read.transferred_to.unwrap_or_default(),
    })
}

fn message(read: importers::Message) -> Message {
    let sender = match read.sender {
        importers::Sender::Customer => Sender::Customer,
        importers::Sender::Agent => Sender::Agent,
        importers::Sender::Bot => Sender::Bot,
        importers::Sender::System => Sender::System,
    };
    Message {
        sent_at: Some(timestamp(read.sent_at)),
        sender: sender.into(),
        text: read.text,
        quick_reply: read.quick_reply,
        assisted: read.assisted,
        account_id: read.account.unwrap_or_default(),
    }
}

/// A fact as it is sent. One without a shop belongs to `shop`.
///
/// # Errors
///
/// Neither names a shop.
pub fn fact(read: Fact, shop: Option<&str>) -> Result<pb::Fact, Wrong> {
    Ok(pb::Fact {
        shop_id: read.shop.or_else(|| shop.map(str::to_owned)).ok_or(NO_SHOP)?,
        fact_id: read.id,
        revision: read.revision,
        occurred_at: Some(timestamp(read.occurred_at)),
        customer_id: read.customer,
        account_id: read.account,
        body: Some(body(read.body)),
    })
}

fn body(read: Body) -> PbBody {
    match read {
        Body::Order(order) => PbBody::Order(pb::Order {
            lines: order.lines.into_iter().map(order_line).collect(),
            amount: Some(money(order.amount)),
            member_level: order.member_level,
            excluded_reason: order.excluded_reason,
            campaign_id: order.campaign,
        }),
        Body::Payment(payment) => {
            PbBody::Payment(pb::Payment { order_id: payment.order, amount: Some(money(payment.amount)) })
        }
        Body::Refund(refund) => PbBody::Refund(pb::Refund {
            order_id: refund.order,
            amount: Some(money(refund.amount)),
            kind: match refund.kind {
                importers::RefundKind::RefundOnly => pb::RefundKind::RefundOnly,
                importers::RefundKind::Return => pb::RefundKind::Return,
            }
            .into(),
            reason: refund.reason,
            completed_at: refund.completed_at.map(timestamp),
            platform_help: refund.platform_help,
            judged_against_shop: refund.judged_against_shop,
        }),
        Body::Cart(cart) => PbBody::Cart(pb::Cart {
            product_id: cart.product,
            quantity: count(cart.quantity),
            amount: Some(money(cart.amount)),
        }),
        Body::Complaint(complaint) => PbBody::Complaint(pb::Complaint {
            order_id: complaint.order,
            conversation: chat(complaint.chat),
            severity: match complaint.severity {
                importers::Severity::Ordinary => pb::ComplaintSeverity::Ordinary,
                importers::Severity::Platform => pb::ComplaintSeverity::Platform,
                importers::Severity::Mass => pb::ComplaintSeverity::Mass,
                importers::Severity::Authority => pb::ComplaintSeverity::Authority,
            }
            .into(),
            cause: complaint.cause,
            upheld: complaint.upheld,
            closed_at: complaint.closed_at.map(timestamp),
        }),
        Body::Satisfaction(satisfaction) => PbBody::Satisfaction(pb::Satisfaction {
            conversation: chat(satisfaction.chat),
            score: count(satisfaction.score),
        }),
        Body::StoreRating(rating) => PbBody::StoreRating(pb::StoreRating {
            order_id: rating.order,
            item_score: count(rating.item),
            service_score: count(rating.service),
            delivery_score: count(rating.delivery),
        }),
        Body::BuyerReview(review) => PbBody::BuyerReview(pb::BuyerReview {
            order_id: review.order,
            product_id: review.product,
            rating: match review.rating {
                importers::Rating::Good => pb::ReviewRating::Good,
                importers::Rating::Neutral => pb::ReviewRating::Neutral,
                importers::Rating::Bad => pb::ReviewRating::Bad,
            }
            .into(),
            text: review.text,
            stars: review.stars.map(count),
            append_text: review.append_text,
            appended_at: review.appended_at.map(timestamp),
        }),
        Body::BotEvent(event) => PbBody::BotEvent(bot_event(event)),
        Body::Handling(handling) => PbBody::Handling(pb::Handling {
            kind: match handling.kind {
                importers::HandlingKind::Order => pb::HandlingKind::Order,
                importers::HandlingKind::AfterSale => pb::HandlingKind::AfterSale,
            }
            .into(),
            task_id: handling.task,
            opened_at: Some(timestamp(handling.opened_at)),
            accurate: handling.accurate,
        }),
        Body::MemberSignup => PbBody::MemberSignup(pb::MemberSignup {}),
        Body::Recommendation(recommendation) => PbBody::Recommendation(pb::Recommendation {
            product_id: recommendation.product,
            kind: match recommendation.kind {
                importers::RecommendationKind::Recommend => pb::RecommendationKind::Recommend,
                importers::RecommendationKind::CrossSell => pb::RecommendationKind::CrossSell,
            }
            .into(),
            conversation: chat(recommendation.chat),
        }),
    }
}

fn bot_event(event: importers::BotEvent) -> pb::BotEvent {
    let class = event.class.map_or(pb::BotQuestionClass::Unspecified, |class| match class {
        importers::QuestionClass::Industry => pb::BotQuestionClass::Industry,
        importers::QuestionClass::General => pb::BotQuestionClass::General,
        importers::QuestionClass::Own => pb::BotQuestionClass::Own,
    });
    let outcome = match event.outcome {
        importers::BotOutcome::Answered => pb::BotOutcome::Answered,
        importers::BotOutcome::Accepted => pb::BotOutcome::Accepted,
        importers::BotOutcome::Transferred => pb::BotOutcome::Transferred,
        importers::BotOutcome::Unanswered => pb::BotOutcome::Unanswered,
    };
    pb::BotEvent {
        outcome: outcome.into(),
        question_class: class.into(),
        question: event.question,
        product_id: event.product,
        scene: event.scene,
        campaign_id: event.campaign,
        conversation: chat(event.chat),
    }
}

fn order_line(line: importers::OrderLine) -> pb::OrderLine {
    pb::OrderLine {
        product_id: line.product,
        title: line.title,
        category: line.category,
        quantity: count(line.quantity),
        amount: Some(money(line.amount)),
    }
}

/// Far more than any count: the service refuses it, naming the field.
fn count(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

fn money(read: importers::Money) -> Money {
    Money { currency_code: read.currency, units: read.units, nanos: read.nanos }
}

fn chat(read: ChatRef) -> Option<pb::FactConversation> {
    let ChatRef { channel, id: conversation_id } = read;
    (!conversation_id.is_empty()).then_some(pb::FactConversation { channel, conversation_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"conversationId":"c1","agentId":"a","customerId":"k","channel":"chat","#,
        r#""startedAt":"2020-05-13T13:14:57Z","closedAt":"2020-05-13T21:19:22+08:00","#,
        r#""messages":[{"sentAt":"2020-05-13T13:14:57.250Z","sender":"AGENT","text":"hello","quickReply":true,"assisted":true}],"#,
        r#""satisfied":false}"#,
    );

    #[test]
    fn a_line_becomes_a_conversation() {
        let read = parse(7, GOOD.as_bytes(), Some("star")).expect("a good line");
        assert_eq!((read.shop_id.as_str(), read.account_id.as_str(), read.revision), ("star", "a", 0));
        assert_eq!(read.closed_at.map(|t| t.seconds), read.started_at.map(|t| t.seconds + 265));
        assert_eq!((read.satisfied, read.completed), (Some(false), None));
        let message = &read.messages[0];
        assert_eq!(message.sent_at.map(|t| t.nanos), Some(250_000_000));
        assert_eq!((message.sender(), message.quick_reply, message.assisted), (Sender::Agent, true, true));
    }

    #[test]
    fn the_shop_of_the_line_goes_before_the_given_one() {
        let line = GOOD.replace(r#""channel""#, r#""shop":"own","channel""#);
        assert_eq!(parse(1, line.as_bytes(), Some("star")).expect("a good line").shop_id, "own");
        let missing = parse(1, GOOD.as_bytes(), None).expect_err("no shop");
        assert_eq!(missing.field, "shop");
    }

    #[test]
    fn a_bad_line_names_field_and_reason() {
        let check = |from: &str, to: &str, field: &str, reason: &str| {
            let reject = parse(3, GOOD.replace(from, to).as_bytes(), Some("s")).expect_err(to);
            assert_eq!((reject.line, reject.field.as_str()), (3, field), "{}", reject.reason);
            assert!(reject.reason.contains(reason), "{}", reject.reason);
            assert!(!reject.reason.contains("column"), "{}", reject.reason);
        };
        check("\"AGENT\"", "\"ROBOT\"", "messages[0].sender", "unknown variant `ROBOT`");
        check("13:14:57.250Z", "25:14:57Z", "messages[0].sentAt", "out of range");
        check("\"quickReply\"", "\"quickreply\"", "messages[0].quickreply", "unknown");
        check("\"agentId\":\"a\",", "", "line", "missing field `agentId`");
        check("false}", "false} x", "line", "trailing characters");
    }
}
