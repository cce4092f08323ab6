//! From the domain to the wire.

use chrono::NaiveDate;
use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::bucket;
use crate::domain::day::{AccountCount, Day, DayState};
use crate::domain::definition::{Definition, LONG_CHAT_THRESHOLD, Rules, State};
use crate::domain::explanation::{Explained, Measure, Reason};
use crate::domain::figure::Figures;
use crate::domain::ingest::Ack;
use crate::domain::intake::Reject;
use crate::domain::part::Spread;
use crate::domain::sums::Sum;
use crate::store::Outcome;

pub(super) fn ack(ack: Ack) -> pb::IngestConversationsResponse {
    let (counts, rejects) = outcome(ack.outcome);
    pb::IngestConversationsResponse { through_line: ack.through_line, counts: Some(counts), rejects }
}

pub(super) fn outcome(outcome: Outcome) -> (pb::IngestCounts, Vec<pb::Reject>) {
    let counts = pb::IngestCounts {
        accepted: outcome.counts.accepted,
        unchanged: outcome.counts.unchanged,
        stale: outcome.counts.stale,
        rejected: outcome.counts.rejected,
    };
    let reject = |reject: Reject| pb::Reject {
        line: reject.line,
        field: reject.wrong.field,
        reason: reject.wrong.description,
    };
    (counts, outcome.rejects.into_iter().map(reject).collect())
}

pub(super) fn day(day: &Day) -> pb::Day {
    let record = &day.record;
    let state = match record.state {
        DayState::Open => pb::DayState::Open,
        DayState::Closed => pb::DayState::Closed,
        DayState::Changed => pb::DayState::Changed,
    };
    pb::Day {
        business_day: Some(date(record.day)),
        state: state.into(),
        version: record.version,
        closed_at: record.closed_at.map(timestamp),
        conversations: record.conversations,
        long_chats: record.long_chats,
        long_chat_threshold: LONG_CHAT_THRESHOLD,
        begins_at: Some(timestamp(day.bounds.0)),
        ends_at: Some(timestamp(day.bounds.1)),
    }
}

pub(super) fn agent_day(count: AccountCount) -> pb::AgentDay {
    pb::AgentDay {
        account_id: count.account,
        conversations: count.conversations,
        long_chats: count.long_chats,
    }
}

pub(super) fn definition(definition: Definition) -> pb::Definition {
    let state = match definition.state {
        State::Building => pb::DefinitionState::Building,
        State::Ready => pb::DefinitionState::Ready,
    };
    pb::Definition {
        etag: definition.etag(),
        definition_id: definition.id,
        version: definition.version,
        name: definition.name,
        rules: Some(rules(&definition.rules)),
        state: state.into(),
        conversations_built: definition.built,
        created_by: definition.created_by,
        created_at: definition.created_at.map(timestamp),
    }
}

fn rules(rules: &Rules) -> pb::Rules {
    pb::Rules {
        quick_replies_count: rules.quick_replies_count,
        bots_count: rules.bots_count,
        in_time_seconds: rules.in_time_seconds,
        long_chat_threshold: rules.long_chat_threshold,
        service_hours: rules
            .service_hours
            .map(|hours| pb::ServiceHours { from_minute: hours.from_minute, to_minute: hours.to_minute }),
    }
}

pub(super) fn figures(figures: Figures) -> pb::Figures {
    let rate = |above: Sum, below: Sum| Some(rate(figures.sums[above], figures.sums[below]));
    let times = |spread, sum: Sum, count: Sum| Some(times(&figures, spread, sum, count));
    pb::Figures {
        from: Some(date(figures.days.from)),
        to: Some(date(figures.days.to)),
        provisional: figures.provisional,
        conversations: figures.sums[Sum::Conversations],
        received_customers: figures.sums[Sum::ReceivedCustomers],
        distinct_customers: figures.distinct_customers,
        replies: figures.sums[Sum::Replies],
        quick_replies: figures.sums[Sum::QuickReplies],
        customer_messages: figures.sums[Sum::CustomerMessages],
        reply_ratio: rate(Sum::Replies, Sum::CustomerMessages),
        reply_rate: rate(Sum::AnsweredCustomers, Sum::AskingCustomers),
        first_response: times(Spread::FirstResponse, Sum::FirstResponseMs, Sum::FirstAnswered),
        response: times(Spread::Response, Sum::ResponseMs, Sum::RoundsAnswered),
        answered_rate: rate(Sum::RoundsAnswered, Sum::Rounds),
        in_time_rate: rate(Sum::RoundsInTime, Sum::Rounds),
        first_in_time_rate: rate(Sum::FirstInTime, Sum::FirstAsked),
        long_chats: figures.sums[Sum::LongChats],
        satisfaction: rate(Sum::Satisfied, Sum::Rated),
        completion: rate(Sum::Completed, Sum::Marked),
        length: times(Spread::Length, Sum::LengthMs, Sum::Conversations),
        active_accounts: figures.active_accounts,
        key: figures.key,
        name: figures.name,
    }
}

/// A measure as messages name it.
pub(super) fn measure(measure: Measure) -> pb::Measure {
    match measure {
        Measure::Conversations => pb::Measure::Conversations,
        Measure::ReceivedCustomers => pb::Measure::ReceivedCustomers,
        Measure::Replies => pb::Measure::Replies,
        Measure::QuickReplies => pb::Measure::QuickReplies,
        Measure::CustomerMessages => pb::Measure::CustomerMessages,
        Measure::ReplyRatio => pb::Measure::ReplyRatio,
        Measure::ReplyRate => pb::Measure::ReplyRate,
        Measure::FirstResponse => pb::Measure::FirstResponse,
        Measure::Response => pb::Measure::Response,
        Measure::AnsweredRate => pb::Measure::AnsweredRate,
        Measure::InTimeRate => pb::Measure::InTimeRate,
        Measure::FirstInTimeRate => pb::Measure::FirstInTimeRate,
        Measure::LongChats => pb::Measure::LongChats,
        Measure::Satisfaction => pb::Measure::Satisfaction,
        Measure::Completion => pb::Measure::Completion,
        Measure::Length => pb::Measure::Length,
    }
}

/// A range of days as messages have it.
pub(super) fn days(from: NaiveDate, to: NaiveDate) -> common::DayRange {
    common::DayRange { from: Some(date(from)), to: Some(date(to)) }
}

pub(super) fn rate(numerator: i64, denominator: i64) -> common::Rate {
    // Exact up to 2^53, far above any count.
    let quotient = (denominator != 0).then(|| numerator as f64 / denominator as f64);
    common::Rate { numerator, denominator, quotient }
}

fn times(figures: &Figures, spread: Spread, sum: Sum, count: Sum) -> pb::Times {
    let (sum_ms, count) = (figures.sums[sum], figures.sums[count]);
    let ranks = figures.spreads.iter().find(|ranks| ranks.spread == spread);
    let seconds = |bucket| bucket::representative_ms(bucket) / 1_000.0;
    pb::Times {
        count,
        sum_ms,
        average_seconds: (count != 0).then(|| sum_ms as f64 / 1_000.0 / count as f64),
        median_seconds: ranks.map(|ranks| seconds(ranks.median)),
        p90_seconds: ranks.map(|ranks| seconds(ranks.p90)),
    }
}

pub(super) fn explained(explained: Explained) -> pb::ExplainedConversation {
    let counted = explained.counted();
    let conversation = explained.conversation;
    pb::ExplainedConversation {
        conversation: Some(common::ConversationRef {
            shop_id: conversation.key.shop,
            channel: conversation.key.channel,
            conversation_id: conversation.key.id,
        }),
        revision: conversation.revision,
        business_day: Some(date(conversation.agent_day.day)),
        account_id: conversation.agent_day.account,
        customer_id: conversation.customer,
        counted,
        reason: explained.reason.map_or(pb::ExplainReason::Unspecified, reason).into(),
        numerator: explained.numerator,
        denominator: explained.denominator,
    }
}

fn reason(reason: Reason) -> pb::ExplainReason {
    match reason {
        Reason::NoCustomerMessage => pb::ExplainReason::NoCustomerMessage,
        Reason::NoReply => pb::ExplainReason::NoReply,
        Reason::NotAnswered => pb::ExplainReason::NotAnswered,
        Reason::RepeatCustomer => pb::ExplainReason::RepeatCustomer,
        Reason::OutsideServiceHours => pb::ExplainReason::OutsideServiceHours,
        Reason::TooLate => pb::ExplainReason::TooLate,
        Reason::NotLong => pb::ExplainReason::NotLong,
        Reason::NotRated => pb::ExplainReason::NotRated,
        Reason::NotSatisfied => pb::ExplainReason::NotSatisfied,
        Reason::NoMark => pb::ExplainReason::NoMark,
        Reason::NotCompleted => pb::ExplainReason::NotCompleted,
        Reason::NoneSent => pb::ExplainReason::NoneSent,
    }
}
