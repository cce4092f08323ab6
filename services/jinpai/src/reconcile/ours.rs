//! The suite's figure for what a report's column measures.

use importers::sheet::Measure;
use proto::common::v1::Rate;
use proto::google::r#type::Money;
use proto::metrics::v1::{Figures, Times};

/// The figure in the measure's unit; `None` if nothing is known of it.
pub(super) fn value(row: &Figures, measure: Measure) -> Option<f64> {
    match measure {
        Measure::ReceivedCustomers => Some(count(row.received_customers)),
        // Whom the reply rate is of.
        Measure::AskingCustomers => row.reply_rate.map(|rate| count(rate.denominator)),
        Measure::Inquiries => Some(count(row.inquiries)),
        Measure::OrderingBuyers => Some(count(row.ordering_buyers)),
        Measure::PayingBuyers => Some(count(row.paying_buyers)),
        Measure::OrderedAmount => money(row.ordered_amount.as_ref()),
        Measure::PaidAmount => money(row.paid_amount.as_ref()),
        Measure::RefundedAmount => money(row.completed_refund_amount.as_ref()),
        Measure::AverageOrderValue => money(row.paid_amount.as_ref())
            .filter(|_| row.paying_buyers > 0)
            .map(|paid| paid / count(row.paying_buyers)),
        Measure::ReplyRate => rate(row.reply_rate),
        Measure::FirstResponse => times(row.first_response),
        Measure::Response => times(row.response),
        Measure::ReplyRatio => rate(row.reply_ratio),
        Measure::Satisfaction => rate(row.satisfaction),
        Measure::ConversionNextDay => rate(row.payment_conversion_next_day),
        Measure::ConversionFinal => rate(row.payment_conversion),
        Measure::InitiatedCustomers => Some(count(row.initiated_customers)),
        Measure::ReplyCharacters => Some(count(row.reply_characters)),
        Measure::SlowCustomers => Some(count(row.slow_customers)),
        Measure::AssistedCustomers => Some(count(row.assisted_customers)),
        Measure::AgentsShareOfSales => rate(row.agents_share_of_sales),
        Measure::PlatformHelpRate => rate(row.platform_help_rate),
        Measure::PlatformJudgedRate => rate(row.platform_judged_rate),
        Measure::NetAmount => money(row.net_amount.as_ref()),
        Measure::RefundOnlyCompletion => hours(row.refund_only_completion),
        Measure::ReturnCompletion => hours(row.return_completion),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(value: i64) -> f64 {
    value as f64
}

fn money(value: Option<&Money>) -> Option<f64> {
    value.map(|money| count(money.units) + f64::from(money.nanos) / 1e9)
}

fn rate(value: Option<Rate>) -> Option<f64> {
    value.and_then(|rate| rate.quotient)
}

fn times(value: Option<Times>) -> Option<f64> {
    value.and_then(|times| times.average_seconds)
}

fn hours(value: Option<Times>) -> Option<f64> {
    times(value).map(|seconds| seconds / 3_600.0)
}
