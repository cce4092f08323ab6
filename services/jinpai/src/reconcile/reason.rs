//! What most likely makes a difference between a report's figure and the suite's.

use importers::sheet::{Figure, Measure};
use proto::metrics::v1::{Attribution, Definition, FigureState, Figures};

/// What most likely makes a difference, the surest first.
pub(super) fn likely(
    figure: &Figure,
    measure: Measure,
    own: Option<f64>,
    row: &Figures,
    definition: &Definition,
    title: &str,
) -> &'static str {
    if own.is_none_or(|own| own == 0.0) {
        return missing(measure);
    }
    let trade = definition.rules.as_ref().and_then(|rules| rules.trade).unwrap_or_default();
    if credited(measure) && said(title).is_some_and(|rule| rule != taken(trade.attribution())) {
        return "the report credits orders by another rule than the definition (判定方式)";
    }
    if row.provisional {
        return "a day isn't closed: our figure may still grow";
    }
    if measure == Measure::NetAmount && row.refund_state() == FigureState::Provisional {
        return "refunds of these days' sales may still come: ours takes them off the day of the sale";
    }
    match measure {
        Measure::ReceivedCustomers
        | Measure::AskingCustomers
        | Measure::Inquiries
        | Measure::InitiatedCustomers
        | Measure::SlowCustomers
        | Measure::AssistedCustomers
            if figure.from != figure.to =>
        {
            "over several days ours are person-days; the report may count a customer once"
        }
        Measure::RefundOnlyCompletion | Measure::ReturnCompletion => completion(figure, row),
        _ => differently(measure),
    }
}

/// Measures that hang on who is credited with an order or payment.
fn credited(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::OrderingBuyers
            | Measure::PayingBuyers
            | Measure::OrderedAmount
            | Measure::PaidAmount
            | Measure::NetAmount
            | Measure::AverageOrderValue
            | Measure::ConversionNextDay
            | Measure::ConversionFinal
            | Measure::AgentsShareOfSales
    )
}

/// Why the suite has nothing where the report has something.
fn missing(measure: Measure) -> &'static str {
    match measure {
        _ if credited(measure) => "no orders or payments are credited to the account: were they sent in?",
        Measure::RefundedAmount => "no completed refunds are credited to the account: were they sent in?",
        Measure::RefundOnlyCompletion | Measure::ReturnCompletion => {
            "no completed refunds of this kind are credited to the account: were they sent in?"
        }
        Measure::PlatformHelpRate | Measure::PlatformJudgedRate => {
            "no completed refunds tell what the platform did: does their export carry it?"
        }
        Measure::AssistedCustomers => "no orders are known as excluded: were they sent in, or decided about?",
        Measure::Satisfaction => "the chats have no answers of customers: does their export carry them?",
        _ => "the chats that the report counts are not here: were they sent in?",
    }
}

/// Why refunds took longer or shorter.
fn completion(figure: &Figure, row: &Figures) -> &'static str {
    // Of all completed refunds it is known that the platform helped with none.
    let unhelped = row
        .platform_help_rate
        .is_some_and(|rate| rate.numerator == 0 && rate.denominator == row.completed_refunds);
    if unhelped {
        "refunds are missing here or there, or the report counts from another moment than the request"
    } else if figure.column.contains("自主") {
        "ours are of all completed refunds; the report leaves out those with the platform's help (自主完结)"
    } else {
        "ours are of all completed refunds; the report may leave out those with the platform's help"
    }
}

/// What the report may count in another way.
fn differently(measure: Measure) -> &'static str {
    match measure {
        Measure::ReceivedCustomers | Measure::Inquiries => {
            "chats are missing here or there, or forwarded customers are counted differently"
        }
        Measure::AskingCustomers => {
            "chats are missing here or there, or customers outside of service hours or with the bot alone count differently"
        }
        Measure::InitiatedCustomers => {
            "whether bots' and automatic messages count as writing first is defined differently"
        }
        Measure::ReplyCharacters => {
            "whether blanks, bots' or automatic messages count is defined differently"
        }
        Measure::AssistedCustomers => {
            "which orders are excluded, or for how long they are waited for, differs"
        }
        Measure::AgentsShareOfSales => {
            "the report may leave silent sales or other accounts' out of the whole"
        }
        Measure::NetAmount => {
            "ours takes refunds off the day of their sale, the report off the day of their completion"
        }
        Measure::PlatformHelpRate | Measure::PlatformJudgedRate => {
            "ours are of refunds of which it is known whether the platform stepped in"
        }
        Measure::SlowCustomers | Measure::Response | Measure::FirstResponse => {
            "service hours, or whether the bot's and automatic answers count, are defined differently"
        }
        Measure::ReplyRate => "what counts as a reply, or service hours, are defined differently",
        Measure::ReplyRatio => {
            "whether quick replies count as replies is defined differently, or chats are missing"
        }
        Measure::Satisfaction => "which answers count as satisfied, or which customers were asked, differs",
        Measure::RefundedAmount => {
            "refunds counted by day of the request instead of completion, or some are missing"
        }
        Measure::ConversionNextDay | Measure::ConversionFinal => {
            "inquiries are defined differently, or late payments came in since the report was made"
        }
        _ => "orders are missing here or there, excluded ones are counted, or some changed since",
    }
}

fn said(title: &str) -> Option<Attribution> {
    [
        ("下单优先判定", Attribution::OrderFirst),
        ("付款判定", Attribution::Payment),
        ("下单判定", Attribution::Order),
    ]
    .into_iter()
    .find(|(words, _)| title.contains(words))
    .map(|(_, rule)| rule)
}

fn taken(rule: Attribution) -> Attribution {
    if rule == Attribution::Unspecified { Attribution::OrderFirst } else { rule }
}
