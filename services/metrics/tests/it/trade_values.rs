//! What a row says of each measure that facts make, and which of them add up over slices.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;

use crate::fact_support::fen;
use crate::trade_recount::Counted;

pub fn measures() -> impl Iterator<Item = M> {
    (20..).map_while(|number| M::try_from(number).ok())
}

/// Measures that orders, payments, refunds and carts make; hours have all but what is known of whole days only.
pub fn is_sliced(measure: M, group: pb::Group) -> bool {
    let sales = matches!(
        measure,
        M::OrderingBuyers
            | M::PayingBuyers
            | M::Orders
            | M::PaidOrders
            | M::RefundRate
            | M::ReturnRate
            | M::AverageOrderValue
            | M::CompletedRefunds
            | M::CartPurchaseRate
    );
    let whole_days = matches!(measure, M::ReceivedPerHead | M::ConversationsPerHour | M::AgentsShareOfSales);
    sales || adds_up_over_goods(measure) || (group == pb::Group::Hour && !whole_days)
}

fn adds_up_over_goods(measure: M) -> bool {
    let amount = matches!(
        measure,
        M::OrderedAmount
            | M::PaidAmount
            | M::RefundedAmount
            | M::NetAmount
            | M::CompletedRefundAmount
            | M::CartAmount
            | M::CartLeftAmount
    );
    amount || matches!(measure, M::OrderedUnits | M::Carts | M::CartsLeft)
}

pub fn adds_up(measure: M, group: pb::Group) -> bool {
    if group == pb::Group::Hour { is_sliced(measure, group) } else { adds_up_over_goods(measure) }
}

pub fn totals(counted: &Counted) -> BTreeMap<M, (i64, i64)> {
    let mut totals: BTreeMap<M, (i64, i64)> = BTreeMap::new();
    for ((measure, ..), parts) in counted {
        let total = totals.entry(*measure).or_default();
        *total = (total.0 + parts.0, total.1 + parts.1);
    }
    totals
}

/// An amount may be 0 yuan.
pub fn parts_may_be_nothing(measure: M) -> bool {
    format!("{measure:?}").ends_with("Amount") || measure == M::AgentsShareOfSales
}

pub fn day_of(date: Option<&proto::google::r#type::Date>) -> NaiveDate {
    let date = date.expect("a day");
    NaiveDate::from_ymd_opt(date.year, date.month as u32, date.day as u32).expect("a day")
}

pub fn value_of(measure: M, row: &pb::Figures) -> (i64, i64) {
    let rate = |rate: &Option<proto::common::v1::Rate>| {
        rate.as_ref().map_or((0, 0), |r| (r.numerator, r.denominator))
    };
    let amount = |money: &Option<proto::google::r#type::Money>| (fen(money.as_ref()), 0);
    let times = |times: &Option<pb::Times>| times.as_ref().map_or((0, 0), |t| (t.sum_ms, t.count));
    match measure {
        M::Inquiries => (row.inquiries, 0),
        M::OrderingBuyers => (row.ordering_buyers, 0),
        M::PayingBuyers => (row.paying_buyers, 0),
        M::Orders => (row.orders, 0),
        M::PaidOrders => (row.paid_orders, 0),
        M::OrderedAmount => amount(&row.ordered_amount),
        M::PaidAmount => amount(&row.paid_amount),
        M::RefundedAmount => amount(&row.refunded_amount),
        M::NetAmount => amount(&row.net_amount),
        M::AverageOrderValue => {
            row.average_order_value.as_ref().map_or((0, 0), |a| (fen(a.amount.as_ref()), a.count))
        }
        M::OrderConversionNextDay => rate(&row.order_conversion_next_day),
        M::OrderConversion => rate(&row.order_conversion),
        M::PaymentConversionNextDay => rate(&row.payment_conversion_next_day),
        M::PaymentConversion => rate(&row.payment_conversion),
        M::RefundRate => rate(&row.refund_rate),
        M::ReturnRate => rate(&row.return_rate),
        M::CompletedRefunds => (row.completed_refunds, 0),
        M::CompletedRefundAmount => amount(&row.completed_refund_amount),
        M::Complaints => (row.complaints, 0),
        M::ComplaintRate => rate(&row.complaint_rate),
        M::SatisfactionScore => rate(&row.satisfaction_score),
        M::ScoreSatisfaction => rate(&row.score_satisfaction),
        M::ItemScore => rate(&row.item_score),
        M::ServiceScore => rate(&row.service_score),
        M::DeliveryScore => rate(&row.delivery_score),
        M::Reviews => (row.reviews, 0),
        M::PositiveReviewRate => rate(&row.positive_review_rate),
        M::NegativeReviewRate => rate(&row.negative_review_rate),
        M::BadReviewRecoveredRate => rate(&row.bad_review_recovered_rate),
        M::FirstContactResolution => rate(&row.first_contact_resolution),
        M::ReceivedPerHead => rate(&row.received_per_head),
        M::ConversationsPerHour => rate(&row.conversations_per_hour),
        M::RecommendationSuccess => rate(&row.recommendation_success),
        M::CrossSellSuccess => rate(&row.cross_sell_success),
        M::MemberSignups => (row.member_signups, 0),
        M::OrderHandling => times(&row.order_handling),
        M::AfterSaleHandling => times(&row.after_sale_handling),
        M::OrderHandlingAccuracy => rate(&row.order_handling_accuracy),
        M::AfterSaleHandlingAccuracy => rate(&row.after_sale_handling_accuracy),
        M::BotQuestions => (row.bot_questions, 0),
        M::BotHandlingRate => rate(&row.bot_handling_rate),
        M::BotTransferRate => rate(&row.bot_transfer_rate),
        M::BotUnansweredRate => rate(&row.bot_unanswered_rate),
        M::BotAcceptanceRate => rate(&row.bot_acceptance_rate),
        M::OrderedUnits => (row.ordered_units, 0),
        M::Carts => (row.carts, 0),
        M::CartAmount => amount(&row.cart_amount),
        M::CartsLeft => (row.carts_left, 0),
        M::CartLeftAmount => amount(&row.cart_left_amount),
        M::CartPurchaseRate => rate(&row.cart_purchase_rate),
        M::InitiatedCustomers => (row.initiated_customers, 0),
        M::ReplyCharacters => (row.reply_characters, 0),
        M::AssistedCustomers => (row.assisted_customers, 0),
        M::RefundOnlyCompletion => times(&row.refund_only_completion),
        M::ReturnCompletion => times(&row.return_completion),
        M::PlatformHelpRate => rate(&row.platform_help_rate),
        M::PlatformJudgedRate => rate(&row.platform_judged_rate),
        M::AgentsShareOfSales => rate(&row.agents_share_of_sales),
        other => panic!("{other:?} is made of conversations alone"),
    }
}
