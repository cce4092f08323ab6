//! From the wire to the domain; whatever cannot be is INVALID_ARGUMENT with its field. Conversations come through as
//! drafts, whatever is in them: they are refused line by line later.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use proto::common::v1 as common;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::time;
use serde::Serialize;
use status::Violation;

use crate::domain::PutDefinition;
use crate::domain::any_measure::AnyMeasure;
use crate::domain::asking::AskFigures;
use crate::domain::batch::Line;
use crate::domain::comparison::Against;
use crate::domain::conversation::{Draft, DraftMessage, Sender};
use crate::domain::definition::{BotOnly, CustomerUnit, Rules, STANDARD, ServiceHours};
use crate::domain::figure::{Cut, DayRange, DefinitionRef, Filter, Group, Step};
use crate::domain::trade_rules::{Attribution, CreditTo, FirstContact, TradeRules};
use crate::error::MetricsError;
use crate::grpc::slice;

/// Longest range of days of a list.
pub(super) const DAYS_MAX: i64 = 3_700;
/// Longest range of days of an explanation.
pub(super) const EXPLAINED_DAYS_MAX: i64 = 400;
/// Longest range of days that is counted by hour.
pub(super) const HOURLY_DAYS_MAX: i64 = 31;

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn invalid(field: impl Into<String>, description: impl Into<String>) -> MetricsError {
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
        transferred_from: conversation.transferred_from,
        transferred_to: conversation.transferred_to,
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
        assisted: message.assisted,
        account: message.account_id,
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
    if range.is_none() {
        return Err(invalid(field, "must be given"));
    }
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
        slices: slice::slices(filter)?,
    };
    check_texts(&filter)?;
    Ok(filter)
}

pub(super) fn definition_ref(definition: Option<&pb::DefinitionRef>) -> DefinitionRef {
    let id = definition.map(|d| d.definition_id.as_str()).filter(|id| !id.is_empty()).unwrap_or(STANDARD);
    let version = definition.map(|d| d.version).filter(|version| *version != 0);
    DefinitionRef { id: id.to_owned(), version }
}

pub(super) fn group(group: pb::Group) -> Result<Group> {
    Ok(match group {
        pb::Group::Unspecified => return Err(invalid("group", "must be given")),
        pb::Group::Account => Group::Account,
        pb::Group::Person => Group::Person,
        pb::Group::Team => Group::Team,
        pb::Group::Shop => Group::Shop,
        pb::Group::Merchant => Group::Merchant,
        pb::Group::Product => Group::Product,
        pb::Group::Category => Group::Category,
        pb::Group::Hour => Group::Hour,
    })
}

pub(super) fn against(kind: pb::ComparisonKind) -> Option<Against> {
    match kind {
        pb::ComparisonKind::PreviousPeriod => Some(Against::PreviousPeriod),
        pb::ComparisonKind::SamePeriodLastYear => Some(Against::SamePeriodLastYear),
        pb::ComparisonKind::Unspecified | pb::ComparisonKind::Definition => None,
    }
}

pub(super) fn ask_figures(message: &pb::GetFiguresRequest) -> Result<AskFigures> {
    let step = match message.step() {
        pb::Step::Unspecified | pb::Step::Whole => Some(Step::Whole),
        pb::Step::Day => Some(Step::Day),
        pb::Step::Week => Some(Step::Week),
        pb::Step::Month => Some(Step::Month),
        pb::Step::Quarter => Some(Step::Quarter),
        pb::Step::Year => Some(Step::Year),
        pb::Step::Hour => Some(Step::Hour),
        pb::Step::Window => None,
    };
    let (range, cut) = match step {
        Some(step) => {
            if !message.windows.is_empty() {
                return Err(invalid("windows", "must only be given with STEP_WINDOW"));
            }
            let days_max = if step == Step::Hour { HOURLY_DAYS_MAX } else { DAYS_MAX };
            (range("days", message.days.as_ref(), days_max)?, Cut::Step(step))
        }
        None => windows(&message.windows)?,
    };
    let known_on = message.known_on.as_ref().map(|date| day("known_on", Some(date))).transpose()?;
    let ask = AskFigures {
        group: group(message.group())?,
        range,
        cut,
        filter: filter(message.filter.as_ref())?,
        definition: definition_ref(message.definition.as_ref()),
        known_on,
        distinct_customers: message.distinct_customers,
        within_seconds: message.within_seconds.clone(),
        summarize: message.summarize,
        compare: message.compare().filter_map(against).collect(),
        compare_definition: message.compare_definition.as_ref().map(|d| definition_ref(Some(d))),
    };
    slice::check_figures(&ask)?;
    if known_on.is_some() && ask.distinct_customers {
        return Err(invalid("distinct_customers", "cannot be counted as known on a day"));
    }
    if step == Some(Step::Hour) {
        let others = [
            ("known_on", known_on.is_some()),
            ("distinct_customers", ask.distinct_customers),
            ("summarize", ask.summarize),
            ("compare", !ask.compare.is_empty()),
            ("compare_definition", ask.compare_definition.is_some()),
        ];
        if let Some((field, _)) = others.iter().find(|(_, given)| *given) {
            return Err(invalid(*field, "cannot be had with STEP_HOUR"));
        }
    }
    Ok(ask)
}

/// The windows of a request, and a range that holds them all.
fn windows(windows: &[pb::Window]) -> Result<(DayRange, Cut)> {
    let days = |(at, window): (usize, &pb::Window)| {
        range(&format!("windows[{at}].days"), window.days.as_ref(), DAYS_MAX)
    };
    let windows = windows.iter().enumerate().map(days).collect::<Result<Vec<DayRange>>>()?;
    let hull = windows.iter().copied().reduce(DayRange::hull);
    let hull = hull.ok_or_else(|| invalid("windows", "must be given with STEP_WINDOW"))?;
    Ok((hull, Cut::Windows(windows)))
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
    if filter.slices.iter().flat_map(|slices| &slices.items).any(|item| item.contains('\0')) {
        return Err(invalid("filter", "must not contain the NUL character"));
    }
    Ok(())
}

pub(super) fn measure(measure: pb::Measure) -> Result<AnyMeasure> {
    let name = measure.as_str_name().trim_start_matches("MEASURE_");
    AnyMeasure::by_name(name).ok_or_else(|| {
        let why = match measure {
            pb::Measure::Unspecified => "must be given",
            _ => "must be made of sums: this one can only be explained",
        };
        invalid("measure", why)
    })
}

/// A definition to put.
pub(super) fn new_definition(definition: Option<&pb::Definition>) -> Result<PutDefinition> {
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
    let defaults = Rules::default();
    let rules = Rules {
        customer_unit: match rules.customer_unit() {
            pb::CustomerUnit::Unspecified | pb::CustomerUnit::EveryRound => CustomerUnit::EveryRound,
            pb::CustomerUnit::FirstRound => CustomerUnit::FirstRound,
        },
        bot_only: match rules.bot_only() {
            pb::BotOnly::Unspecified | pb::BotOnly::Unanswered => BotOnly::Unanswered,
            pb::BotOnly::LeftOut => BotOnly::LeftOut,
        },
        customers_in_service_hours: rules.customers_in_service_hours,
        maturation_days: rules.maturation_days.unwrap_or(defaults.maturation_days),
        quick_replies_count: rules.quick_replies_count,
        bots_count: rules.bots_count,
        in_time_seconds: rules.in_time_seconds,
        long_chat_threshold: rules.long_chat_threshold,
        service_hours: rules.service_hours.as_ref().map(hours),
        trade: trade_rules(rules.trade.as_ref()),
    };
    let valid_from = definition.valid_from.as_ref();
    let valid_from = valid_from.map(|date| day("definition.valid_from", Some(date))).transpose()?;
    Ok(PutDefinition {
        id: definition.definition_id.clone(),
        name: definition.name.clone(),
        rules,
        valid_from,
    })
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
        credit_to: match rules.credit_to() {
            pb::CreditTo::Unspecified => default.credit_to,
            pb::CreditTo::Owner => CreditTo::Owner,
            pb::CreditTo::LastReply => CreditTo::LastReply,
            pb::CreditTo::FirstReply => CreditTo::FirstReply,
            pb::CreditTo::MostReplies => CreditTo::MostReplies,
        },
    }
}
