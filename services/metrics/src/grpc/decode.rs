//! From the wire to the domain; whatever cannot be is INVALID_ARGUMENT with its field. Conversations come through as
//! drafts, whatever is in them: they are refused line by line later.

use chrono::NaiveDate;
use proto::common::v1 as common;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::time;
use status::Violation;

use crate::domain::batch::Line;
use crate::domain::conversation::{Draft, DraftMessage, Sender};
use crate::domain::definition::{Rules, STANDARD, ServiceHours};
use crate::domain::explanation::Measure;
use crate::domain::figure::{DayRange, DefinitionRef, Filter, Group, Step};
use crate::domain::trade_measure::TradeMeasure;
use crate::domain::trade_rules::{Attribution, FirstContact, TradeRules};
use crate::error::MetricsError;
use crate::store::FigureQuery;

/// Longest range of days of a list.
pub(super) const DAYS_MAX: i64 = 3_700;
/// Longest range of days of an explanation.
pub(super) const EXPLAINED_DAYS_MAX: i64 = 400;

type Result<T> = std::result::Result<T, MetricsError>;

fn invalid(field: impl Into<String>, description: impl Into<String>) -> MetricsError {
    MetricsError::Invalid(Violation { field: field.into(), description: description.into() })
}

pub(super) fn line(line: pb::ConversationLine) -> Line<Draft> {
    let missing = || Violation { field: "conversation".to_owned(), description: "must be given".to_owned() };
    Line { number: line.line, draft: line.conversation.map(draft).ok_or_else(missing) }
}

fn draft(conversation: pb::Conversation) -> Draft {
    Draft {
        shop: conversation.shop_id,
        channel: conversation.channel,
        id: conversation.conversation_id,
        revision: conversation.revision,
        account: conversation.account_id,
        customer: conversation.customer_id,
        started_at: conversation.started_at.as_ref().and_then(time::instant),
        closed_at: conversation.closed_at.as_ref().and_then(time::instant),
        messages: conversation.messages.into_iter().map(draft_message).collect(),
        satisfied: conversation.satisfied,
        completed: conversation.completed,
    }
}

fn draft_message(message: pb::Message) -> DraftMessage {
    DraftMessage {
        sent_at: message.sent_at.as_ref().and_then(time::instant),
        sender: match message.sender() {
            common::Sender::Unspecified => None,
            common::Sender::Customer => Some(Sender::Customer),
            common::Sender::Agent => Some(Sender::Agent),
            common::Sender::Bot => Some(Sender::Bot),
            common::Sender::System => Some(Sender::System),
        },
        text: message.text,
        quick_reply: message.quick_reply,
    }
}

pub(super) fn day(field: &str, date: Option<&Date>) -> Result<NaiveDate> {
    date.and_then(time::day).ok_or_else(|| invalid(field, time::A_DAY))
}

pub(super) fn range(field: &str, range: Option<&common::DayRange>, days_max: i64) -> Result<DayRange> {
    let at = |name: &str| format!("{field}.{name}");
    let from = day(&at("from"), range.and_then(|range| range.from.as_ref()))?;
    let to = day(&at("to"), range.and_then(|range| range.to.as_ref()))?;
    let range = DayRange { from, to };
    if to < from {
        return Err(invalid(at("to"), "must not be before from"));
    }
    if range.days() > days_max {
        return Err(invalid(at("to"), format!("must not be more than {days_max} days after from")));
    }
    Ok(range)
}

pub(super) fn filter(filter: Option<&pb::Filter>) -> Result<Filter> {
    let Some(filter) = filter else { return Ok(Filter::default()) };
    let filter = Filter {
        accounts: filter.account_ids.clone(),
        persons: filter.person_ids.clone(),
        teams: filter.team_ids.clone(),
        shops: filter.shop_ids.clone(),
    };
    check_texts(&filter)?;
    Ok(filter)
}

pub(super) fn definition_ref(definition: Option<&pb::DefinitionRef>) -> DefinitionRef {
    let id = definition.map(|d| d.definition_id.as_str()).filter(|id| !id.is_empty()).unwrap_or(STANDARD);
    let version = definition.map(|d| d.version).filter(|version| *version != 0);
    DefinitionRef { id: id.to_owned(), version }
}

pub(super) fn figure_query(message: &pb::GetFiguresRequest) -> Result<FigureQuery> {
    Ok(FigureQuery {
        range: range("days", message.days.as_ref(), DAYS_MAX)?,
        group: match message.group() {
            pb::Group::Unspecified => return Err(invalid("group", "must be given")),
            pb::Group::Account => Group::Account,
            pb::Group::Person => Group::Person,
            pb::Group::Team => Group::Team,
            pb::Group::Shop => Group::Shop,
            pb::Group::Merchant => Group::Merchant,
        },
        step: match message.step() {
            pb::Step::Unspecified | pb::Step::Whole => Step::Whole,
            pb::Step::Day => Step::Day,
            pb::Step::Week => Step::Week,
            pb::Step::Month => Step::Month,
            pb::Step::Quarter => Step::Quarter,
            pb::Step::Year => Step::Year,
        },
        filter: filter(message.filter.as_ref())?,
        // The use case puts in the one that was asked for.
        definition_seq: 0,
        distinct_customers: message.distinct_customers,
    })
}

/// NUL is in no id that is stored, and Postgres knows no text with it.
fn check_texts(filter: &Filter) -> Result<()> {
    let lists = [
        ("filter.account_ids", &filter.accounts),
        ("filter.person_ids", &filter.persons),
        ("filter.team_ids", &filter.teams),
        ("filter.shop_ids", &filter.shops),
    ];
    for (field, ids) in lists {
        if let Some(at) = ids.iter().position(|id| id.contains('\0')) {
            return Err(invalid(format!("{field}[{at}]"), "must not contain the NUL character"));
        }
    }
    Ok(())
}

/// A figure of conversations alone, or of customers' timelines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Explainable {
    Conversations(Measure),
    Timelines(TradeMeasure),
}

pub(super) fn measure(measure: pb::Measure) -> Result<Explainable> {
    use Explainable::{Conversations as C, Timelines as T};
    Ok(match measure {
        pb::Measure::Unspecified => return Err(invalid("measure", "must be given")),
        pb::Measure::Conversations => C(Measure::Conversations),
        pb::Measure::ReceivedCustomers => C(Measure::ReceivedCustomers),
        pb::Measure::Replies => C(Measure::Replies),
        pb::Measure::QuickReplies => C(Measure::QuickReplies),
        pb::Measure::CustomerMessages => C(Measure::CustomerMessages),
        pb::Measure::ReplyRatio => C(Measure::ReplyRatio),
        pb::Measure::ReplyRate => C(Measure::ReplyRate),
        pb::Measure::FirstResponse => C(Measure::FirstResponse),
        pb::Measure::Response => C(Measure::Response),
        pb::Measure::AnsweredRate => C(Measure::AnsweredRate),
        pb::Measure::InTimeRate => C(Measure::InTimeRate),
        pb::Measure::FirstInTimeRate => C(Measure::FirstInTimeRate),
        pb::Measure::LongChats => C(Measure::LongChats),
        pb::Measure::Satisfaction => C(Measure::Satisfaction),
        pb::Measure::Completion => C(Measure::Completion),
        pb::Measure::Length => C(Measure::Length),
        pb::Measure::Inquiries => T(TradeMeasure::Inquiries),
        pb::Measure::OrderingBuyers => T(TradeMeasure::OrderingBuyers),
        pb::Measure::PayingBuyers => T(TradeMeasure::PayingBuyers),
        pb::Measure::Orders => T(TradeMeasure::Orders),
        pb::Measure::PaidOrders => T(TradeMeasure::PaidOrders),
        pb::Measure::OrderedAmount => T(TradeMeasure::OrderedAmount),
        pb::Measure::PaidAmount => T(TradeMeasure::PaidAmount),
        pb::Measure::RefundedAmount => T(TradeMeasure::RefundedAmount),
        pb::Measure::NetAmount => T(TradeMeasure::NetAmount),
        pb::Measure::AverageOrderValue => T(TradeMeasure::AverageOrderValue),
        pb::Measure::OrderConversionNextDay => T(TradeMeasure::OrderConversionNextDay),
        pb::Measure::OrderConversion => T(TradeMeasure::OrderConversion),
        pb::Measure::PaymentConversionNextDay => T(TradeMeasure::PaymentConversionNextDay),
        pb::Measure::PaymentConversion => T(TradeMeasure::PaymentConversion),
        pb::Measure::RefundRate => T(TradeMeasure::RefundRate),
        pb::Measure::ReturnRate => T(TradeMeasure::ReturnRate),
        pb::Measure::CompletedRefunds => T(TradeMeasure::CompletedRefunds),
        pb::Measure::CompletedRefundAmount => T(TradeMeasure::CompletedRefundAmount),
        pb::Measure::Complaints => T(TradeMeasure::Complaints),
        pb::Measure::ComplaintRate => T(TradeMeasure::ComplaintRate),
        pb::Measure::SatisfactionScore => T(TradeMeasure::SatisfactionScore),
        pb::Measure::ScoreSatisfaction => T(TradeMeasure::ScoreSatisfaction),
        pb::Measure::ItemScore => T(TradeMeasure::ItemScore),
        pb::Measure::ServiceScore => T(TradeMeasure::ServiceScore),
        pb::Measure::DeliveryScore => T(TradeMeasure::DeliveryScore),
        pb::Measure::Reviews => T(TradeMeasure::Reviews),
        pb::Measure::PositiveReviewRate => T(TradeMeasure::PositiveReviewRate),
        pb::Measure::NegativeReviewRate => T(TradeMeasure::NegativeReviewRate),
        pb::Measure::BadReviewRecoveredRate => T(TradeMeasure::BadReviewRecoveredRate),
        pb::Measure::FirstContactResolution => T(TradeMeasure::FirstContactResolution),
        pb::Measure::ReceivedPerHead => T(TradeMeasure::ReceivedPerHead),
        pb::Measure::ConversationsPerHour => T(TradeMeasure::ConversationsPerHour),
        pb::Measure::RecommendationSuccess => T(TradeMeasure::RecommendationSuccess),
        pb::Measure::CrossSellSuccess => T(TradeMeasure::CrossSellSuccess),
        pb::Measure::MemberSignups => T(TradeMeasure::MemberSignups),
        pb::Measure::OrderHandling => T(TradeMeasure::OrderHandling),
        pb::Measure::AfterSaleHandling => T(TradeMeasure::AfterSaleHandling),
        pb::Measure::OrderHandlingAccuracy => T(TradeMeasure::OrderHandlingAccuracy),
        pb::Measure::AfterSaleHandlingAccuracy => T(TradeMeasure::AfterSaleHandlingAccuracy),
        pb::Measure::BotQuestions => T(TradeMeasure::BotQuestions),
        pb::Measure::BotHandlingRate => T(TradeMeasure::BotHandlingRate),
        pb::Measure::BotTransferRate => T(TradeMeasure::BotTransferRate),
        pb::Measure::BotUnansweredRate => T(TradeMeasure::BotUnansweredRate),
        pb::Measure::BotAcceptanceRate => T(TradeMeasure::BotAcceptanceRate),
    })
}

/// Id, name and rules of a definition to put.
pub(super) fn new_definition(definition: Option<&pb::Definition>) -> Result<(String, String, Rules)> {
    let definition = definition.ok_or_else(|| invalid("definition", "must be given"))?;
    for (field, text) in [("definition_id", &definition.definition_id), ("name", &definition.name)] {
        if text.chars().any(char::is_control) {
            return Err(invalid(format!("definition.{field}"), "must not contain control characters"));
        }
    }
    let rules = definition.rules.as_ref().ok_or_else(|| invalid("definition.rules", "must be given"))?;
    let hours = |hours: &pb::ServiceHours| ServiceHours {
        from_minute: hours.from_minute,
        to_minute: hours.to_minute,
    };
    let rules = Rules {
        quick_replies_count: rules.quick_replies_count,
        bots_count: rules.bots_count,
        in_time_seconds: rules.in_time_seconds,
        long_chat_threshold: rules.long_chat_threshold,
        service_hours: rules.service_hours.as_ref().map(hours),
        trade: trade_rules(rules.trade.as_ref()),
    };
    Ok((definition.definition_id.clone(), definition.name.clone(), rules))
}

/// What is left out takes its default.
fn trade_rules(rules: Option<&pb::TradeRules>) -> TradeRules {
    let default = TradeRules::default();
    let Some(rules) = rules else { return default };
    TradeRules {
        attribution: match rules.attribution() {
            pb::Attribution::Unspecified => default.attribution,
            pb::Attribution::Payment => Attribution::Payment,
            pb::Attribution::OrderFirst => Attribution::OrderFirst,
            pb::Attribution::Order => Attribution::Order,
            pb::Attribution::Platform => Attribution::Platform,
        },
        attribution_days: rules.attribution_days.unwrap_or(default.attribution_days),
        maturation_days: rules.maturation_days.unwrap_or(default.maturation_days),
        refund_maturation_days: rules.refund_maturation_days.unwrap_or(default.refund_maturation_days),
        after_sale_days: rules.after_sale_days.unwrap_or(default.after_sale_days),
        first_contact: match rules.first_contact() {
            pb::FirstContact::Unspecified => default.first_contact,
            pb::FirstContact::OneAnswer => FirstContact::OneAnswer,
            pb::FirstContact::NoReturn => FirstContact::NoReturn,
            pb::FirstContact::Survey => FirstContact::Survey,
        },
        first_contact_days: rules.first_contact_days.unwrap_or(default.first_contact_days),
        satisfied_from: rules.satisfied_from.unwrap_or(default.satisfied_from),
    }
}
