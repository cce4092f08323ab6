//! From the domain to the wire.

use chrono::NaiveDate;
use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::batch::{Outcome, Reject};
use crate::domain::bucket::{self, Bucket};
use crate::domain::comparison::{Against, Comparison, MeasureChange};
use crate::domain::day::{AccountCount, Day, DayState};
use crate::domain::definition::{BotOnly, CustomerUnit, Definition, LONG_CHAT_THRESHOLD, Rules, State};
use crate::domain::explainer::Explained;
use crate::domain::explanation::{Measure, Reason};
use crate::domain::figure::{DayRange, FigureState, Figures, Within};
use crate::domain::ingest::Ack;
use crate::domain::maturity::Window;
use crate::domain::money::Currency;
use crate::domain::part::Spread;
use crate::domain::ruling::{Ruled, Ruling};
use crate::domain::summary::{MeasureSummary, Summary};
use crate::domain::sums::Sum;
use crate::domain::trade_rules::{Attribution, CreditTo, FirstContact, TradeRules};
use crate::grpc::trade;

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
        valid_from: definition.valid_from.map(date),
    }
}

fn rules(rules: &Rules) -> pb::Rules {
    let customer_unit = match rules.customer_unit {
        CustomerUnit::EveryRound => pb::CustomerUnit::EveryRound,
        CustomerUnit::FirstRound => pb::CustomerUnit::FirstRound,
    };
    let bot_only = match rules.bot_only {
        BotOnly::Unanswered => pb::BotOnly::Unanswered,
        BotOnly::LeftOut => pb::BotOnly::LeftOut,
    };
    pb::Rules {
        customer_unit: customer_unit.into(),
        bot_only: bot_only.into(),
        customers_in_service_hours: rules.customers_in_service_hours,
        maturation_days: Some(rules.maturation_days),
        quick_replies_count: rules.quick_replies_count,
        bots_count: rules.bots_count,
        in_time_seconds: rules.in_time_seconds,
        long_chat_threshold: rules.long_chat_threshold,
        service_hours: rules
            .service_hours
            .map(|hours| pb::ServiceHours { from_minute: hours.from_minute, to_minute: hours.to_minute }),
        trade: Some(trade_rules(&rules.trade)),
    }
}

pub(super) fn day_range(days: DayRange) -> common::DayRange {
    common::DayRange { from: Some(date(days.from)), to: Some(date(days.to)) }
}

pub(super) fn ruled_days(ruling: &Ruling) -> Vec<pb::RuledDays> {
    let ruled = |ruled: &Ruled| pb::RuledDays {
        days: Some(day_range(ruled.days)),
        definition: Some(definition(ruled.definition.clone())),
    };
    ruling.spans().iter().map(ruled).collect()
}

pub(super) fn measure(measure: AnyMeasure) -> pb::Measure {
    pb::Measure::from_str_name(&format!("MEASURE_{}", measure.name())).unwrap_or(pb::Measure::Unspecified)
}

pub(super) fn comparison(comparison: &Comparison, row: &Figures, currency: &Currency) -> pb::Comparison {
    let kind = match comparison.against {
        Some(Against::PreviousPeriod) => pb::ComparisonKind::PreviousPeriod,
        Some(Against::SamePeriodLastYear) => pb::ComparisonKind::SamePeriodLastYear,
        None => pb::ComparisonKind::Definition,
    };
    let changes = AnyMeasure::all().filter_map(|measure| MeasureChange::of(measure, row, &comparison.other));
    pb::Comparison {
        row: i32::try_from(comparison.row).unwrap_or(i32::MAX),
        kind: kind.into(),
        changes: changes.map(measure_change).collect(),
        other: Some(figures(comparison.other.clone(), currency)),
    }
}

pub(super) fn summary(summary: Summary, label: String) -> pb::FiguresSummary {
    let of = |of: MeasureSummary| pb::MeasureSummary {
        measure: measure(of.measure).into(),
        members: of.members,
        numerator: of.total.0,
        denominator: of.total.1,
        mean: of.mean,
        median: of.median,
        p90: of.p90,
    };
    pb::FiguresSummary {
        from: Some(date(summary.days.from)),
        to: Some(date(summary.days.to)),
        label,
        members: summary.members,
        measures: summary.measures.into_iter().map(of).collect(),
    }
}

pub(super) fn measure_change(change: MeasureChange) -> pb::MeasureChange {
    pb::MeasureChange {
        measure: measure(change.measure).into(),
        value: change.value,
        other: change.other,
        difference: change.difference(),
        ratio: change.ratio(),
    }
}

fn trade_rules(rules: &TradeRules) -> pb::TradeRules {
    let attribution = match rules.attribution {
        Attribution::Payment => pb::Attribution::Payment,
        Attribution::OrderFirst => pb::Attribution::OrderFirst,
        Attribution::Order => pb::Attribution::Order,
        Attribution::Platform => pb::Attribution::Platform,
    };
    let first_contact = match rules.first_contact {
        FirstContact::OneAnswer => pb::FirstContact::OneAnswer,
        FirstContact::NoReturn => pb::FirstContact::NoReturn,
        FirstContact::Survey => pb::FirstContact::Survey,
    };
    let credit_to = match rules.credit_to {
        CreditTo::Owner => pb::CreditTo::Owner,
        CreditTo::LastReply => pb::CreditTo::LastReply,
        CreditTo::FirstReply => pb::CreditTo::FirstReply,
        CreditTo::MostReplies => pb::CreditTo::MostReplies,
    };
    pb::TradeRules {
        attribution: attribution.into(),
        attribution_days: Some(rules.attribution_days),
        maturation_days: Some(rules.maturation_days),
        refund_maturation_days: Some(rules.refund_maturation_days),
        after_sale_days: Some(rules.after_sale_days),
        first_contact: first_contact.into(),
        first_contact_days: Some(rules.first_contact_days),
        satisfied_from: Some(rules.satisfied_from),
        credit_to: credit_to.into(),
    }
}

pub(super) fn figures(figures: Figures, currency: &Currency) -> pb::Figures {
    let trade = trade::figures(&figures.trade, currency);
    let within = |within: &Within| pb::WithinShare {
        seconds: within.seconds,
        rounds: Some(self::rate(within.rounds.0, figures.sums[Sum::Rounds])),
        first_rounds: Some(self::rate(within.first_rounds.0, figures.sums[Sum::FirstAsked])),
        rounds_uncertain: within.rounds.1,
        first_rounds_uncertain: within.first_rounds.1,
    };
    let rate = |above: Sum, below: Sum| Some(rate(figures.sums[above], figures.sums[below]));
    let times = |spread, sum: Sum, count: Sum| Some(times_of(&figures, spread, sum, count));
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
        state: state(figures.state(Window::Usual)).into(),
        conversion_state: state(figures.state(Window::Conversions)).into(),
        refund_state: state(figures.state(Window::Refunds)).into(),
        restatements: figures.restatements,
        in_time_customers: rate(Sum::InTimeCustomers, Sum::DueCustomers),
        slow_customers: Measure::SlowCustomers.of(&figures.sums).0,
        transferred_in: figures.sums[Sum::TransferredIn],
        transferred_out: figures.sums[Sum::TransferredOut],
        assisted_reply_rate: rate(Sum::AssistedReplies, Sum::Replies),
        hour: figures.hour.map(i32::from),
        label: String::new(),
        within: figures.within.iter().map(within).collect(),
        // Put in by who knows what ruled the days.
        definition_versions: Vec::new(),
        pending: figures.pending,
        key: figures.key,
        name: figures.name,
        ..trade
    }
}

pub(super) fn state(state: FigureState) -> pb::FigureState {
    match state {
        FigureState::Provisional => pb::FigureState::Provisional,
        FigureState::Final => pb::FigureState::Final,
        FigureState::Restated => pb::FigureState::Restated,
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

fn times_of(figures: &Figures, spread: Spread, sum: Sum, count: Sum) -> pb::Times {
    let ranks = figures.spreads.iter().find(|ranks| ranks.spread == spread);
    let ranks = ranks.map(|ranks| (ranks.median, ranks.p90)).unzip();
    times((figures.sums[sum], figures.sums[count]), ranks)
}

/// Times by their sum and count, and the buckets of median and 90th percentile.
pub(super) fn times(
    (sum_ms, count): (i64, i64),
    (median, p90): (Option<Bucket>, Option<Bucket>),
) -> pb::Times {
    let seconds = |bucket| bucket::representative_ms(bucket) / 1_000.0;
    pb::Times {
        count,
        sum_ms,
        average_seconds: (count != 0).then(|| sum_ms as f64 / 1_000.0 / count as f64),
        median_seconds: median.map(seconds),
        p90_seconds: p90.map(seconds),
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
        durations_ms: explained.durations_ms,
    }
}

pub(super) fn reason(reason: Reason) -> pb::ExplainReason {
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
        Reason::NoTransfer => pb::ExplainReason::NoTransfer,
        Reason::AnotherAccount => pb::ExplainReason::AnotherAccount,
        Reason::RepeatAccount => pb::ExplainReason::RepeatAccount,
        Reason::BotOnly => pb::ExplainReason::BotOnly,
        Reason::InTime => pb::ExplainReason::InTime,
        Reason::CustomerWroteFirst => pb::ExplainReason::CustomerWroteFirst,
        Reason::NotExcluded => pb::ExplainReason::NotExcluded,
        Reason::NotCredited => pb::ExplainReason::NotCredited,
        Reason::PlatformUnknown => pb::ExplainReason::PlatformUnknown,
        Reason::NoPlatform => pb::ExplainReason::NoPlatform,
        Reason::NotJudged => pb::ExplainReason::NotJudged,
        Reason::OrderedBefore => pb::ExplainReason::OrderedBefore,
        Reason::ExcludedOrder => pb::ExplainReason::ExcludedOrder,
        Reason::RepeatBuyer => pb::ExplainReason::RepeatBuyer,
        Reason::NotOrdered => pb::ExplainReason::NotOrdered,
        Reason::NotPaid => pb::ExplainReason::NotPaid,
        Reason::OrderUnknown => pb::ExplainReason::OrderUnknown,
        Reason::AnotherPayment => pb::ExplainReason::AnotherPayment,
        Reason::AnotherRefund => pb::ExplainReason::AnotherRefund,
        Reason::NotComplete => pb::ExplainReason::NotComplete,
        Reason::NotReturned => pb::ExplainReason::NotReturned,
        Reason::NotUpheld => pb::ExplainReason::NotUpheld,
        Reason::NotOfTheKind => pb::ExplainReason::NotOfTheKind,
        Reason::NotChecked => pb::ExplainReason::NotChecked,
        Reason::NotAccurate => pb::ExplainReason::NotAccurate,
        Reason::NeverBad => pb::ExplainReason::NeverBad,
        Reason::NotRecovered => pb::ExplainReason::NotRecovered,
        Reason::NotFirstContact => pb::ExplainReason::NotFirstContact,
        Reason::CameBack => pb::ExplainReason::CameBack,
        Reason::NotBought => pb::ExplainReason::NotBought,
        Reason::NotRefunded => pb::ExplainReason::NotRefunded,
        Reason::Bought => pb::ExplainReason::Bought,
    }
}
