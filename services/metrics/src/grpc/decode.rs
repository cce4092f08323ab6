//! From the wire to the domain; whatever cannot be is INVALID_ARGUMENT with its field. Conversations come through as
//! drafts, whatever is in them: they are refused line by line later.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use proto::common::v1 as common;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::time;
use serde::Serialize;
use status::Violation;

use crate::domain::conversation::{Draft, DraftMessage, Sender};
use crate::domain::definition::{Rules, STANDARD, ServiceHours};
use crate::domain::explanation::Measure;
use crate::domain::figure::{DayRange, DefinitionRef, Filter, Group, Step};
use crate::domain::intake::Line;
use crate::error::MetricsError;
use crate::store::FigureQuery;

/// Longest range of days of a list.
pub(super) const DAYS_MAX: i64 = 3_700;
/// Longest range of days of an explanation.
pub(super) const EXPLAINED_DAYS_MAX: i64 = 400;

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn invalid(field: impl Into<String>, description: impl Into<String>) -> MetricsError {
    MetricsError::Invalid(Violation { field: field.into(), description: description.into() })
}

pub(super) fn line(line: pb::ConversationLine) -> Line {
    Line { number: line.line, draft: line.conversation.map(draft) }
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

/// An instant to the microsecond, which is what rows hold.
pub(super) fn instant(field: &str, at: Option<&prost_types::Timestamp>) -> Result<DateTime<Utc>> {
    let at = at.and_then(time::instant).map(|at| at.trunc_subsecs(6));
    at.ok_or_else(|| invalid(field, "must be an instant that there is"))
}

/// An id of the caller's own; may be empty.
pub(super) fn id(field: &str, id: &str) -> Result<String> {
    if id.chars().any(char::is_control) {
        return Err(invalid(field, "must not contain control characters"));
    }
    Ok(id.to_owned())
}

/// The same, where empty means none.
pub(super) fn optional_id(field: &str, text: &str) -> Result<Option<String>> {
    Ok(Some(id(field, text)?).filter(|id| !id.is_empty()))
}

/// Refuses NUL anywhere in what is written: Postgres knows no text with it.
pub(super) fn check_no_nul(field: &str, written: &impl Serialize) -> Result<()> {
    fn holds(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => text.contains('\0'),
            serde_json::Value::Array(values) => values.iter().any(holds),
            serde_json::Value::Object(fields) => {
                fields.iter().any(|(key, value)| key.contains('\0') || holds(value))
            }
            _ => false,
        }
    }
    let value = serde_json::to_value(written).map_err(|why| pg::Error::Internal(why.into()))?;
    if holds(&value) {
        return Err(invalid(field, "must not contain the NUL character"));
    }
    Ok(())
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

pub(super) fn measure(measure: pb::Measure) -> Result<Measure> {
    Ok(match measure {
        pb::Measure::Unspecified => return Err(invalid("measure", "must be given")),
        pb::Measure::Conversations => Measure::Conversations,
        pb::Measure::ReceivedCustomers => Measure::ReceivedCustomers,
        pb::Measure::Replies => Measure::Replies,
        pb::Measure::QuickReplies => Measure::QuickReplies,
        pb::Measure::CustomerMessages => Measure::CustomerMessages,
        pb::Measure::ReplyRatio => Measure::ReplyRatio,
        pb::Measure::ReplyRate => Measure::ReplyRate,
        pb::Measure::FirstResponse => Measure::FirstResponse,
        pb::Measure::Response => Measure::Response,
        pb::Measure::AnsweredRate => Measure::AnsweredRate,
        pb::Measure::InTimeRate => Measure::InTimeRate,
        pb::Measure::FirstInTimeRate => Measure::FirstInTimeRate,
        pb::Measure::LongChats => Measure::LongChats,
        pb::Measure::Satisfaction => Measure::Satisfaction,
        pb::Measure::Completion => Measure::Completion,
        pb::Measure::Length => Measure::Length,
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
    };
    Ok((definition.definition_id.clone(), definition.name.clone(), rules))
}
