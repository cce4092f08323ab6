//! Figures of orders, payments and all other facts on the wire.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::date;

use crate::domain::figure::TradeFigures;
use crate::domain::histogram::Histogram;
use crate::domain::money::{Currency, per_head};
use crate::domain::trade_explainer::{ExplainedTrade, Piece};
use crate::domain::trade_measure::TradeMeasure;
use crate::grpc::encode::{rate, reason, times};
use crate::grpc::fact::{encode_kind, encode_money};

/// The fields of `Figures` that come out of customers' timelines; all others keep their defaults.
pub(super) fn figures(figures: &TradeFigures, currency: &Currency) -> pb::Figures {
    use TradeMeasure as M;
    let of = |measure: M| measure.of(&figures.sums, figures.beside());
    let count = |measure: M| of(measure).0;
    let times = |histogram: &Histogram, measure: M| {
        Some(times(of(measure), (histogram.nearest_rank(5), histogram.nearest_rank(9))))
    };
    let amount = |measure: M| Some(encode_money(count(measure), currency));
    let share = |measure: M| {
        let (numerator, denominator) = of(measure);
        Some(rate(numerator, denominator))
    };
    let of_whole_days = |measure: M| if figures.is_cut { None } else { share(measure) };
    pb::Figures {
        inquiries: count(M::Inquiries),
        ordering_buyers: count(M::OrderingBuyers),
        paying_buyers: count(M::PayingBuyers),
        orders: count(M::Orders),
        paid_orders: count(M::PaidOrders),
        ordered_amount: amount(M::OrderedAmount),
        paid_amount: amount(M::PaidAmount),
        refunded_amount: amount(M::RefundedAmount),
        net_amount: amount(M::NetAmount),
        average_order_value: Some(average(of(M::AverageOrderValue), currency)),
        order_conversion_next_day: share(M::OrderConversionNextDay),
        order_conversion: share(M::OrderConversion),
        payment_conversion_next_day: share(M::PaymentConversionNextDay),
        payment_conversion: share(M::PaymentConversion),
        refund_rate: share(M::RefundRate),
        return_rate: share(M::ReturnRate),
        completed_refunds: count(M::CompletedRefunds),
        completed_refund_amount: amount(M::CompletedRefundAmount),
        complaints: count(M::Complaints),
        complaint_rate: share(M::ComplaintRate),
        satisfaction_score: share(M::SatisfactionScore),
        score_satisfaction: share(M::ScoreSatisfaction),
        item_score: share(M::ItemScore),
        service_score: share(M::ServiceScore),
        delivery_score: share(M::DeliveryScore),
        reviews: count(M::Reviews),
        positive_review_rate: share(M::PositiveReviewRate),
        negative_review_rate: share(M::NegativeReviewRate),
        bad_review_recovered_rate: share(M::BadReviewRecoveredRate),
        first_contact_resolution: share(M::FirstContactResolution),
        received_per_head: of_whole_days(M::ReceivedPerHead),
        conversations_per_hour: of_whole_days(M::ConversationsPerHour),
        recommendation_success: share(M::RecommendationSuccess),
        cross_sell_success: share(M::CrossSellSuccess),
        member_signups: count(M::MemberSignups),
        order_handling: times(&figures.order_handling, M::OrderHandling),
        after_sale_handling: times(&figures.after_sale_handling, M::AfterSaleHandling),
        order_handling_accuracy: share(M::OrderHandlingAccuracy),
        after_sale_handling_accuracy: share(M::AfterSaleHandlingAccuracy),
        bot_questions: count(M::BotQuestions),
        bot_handling_rate: share(M::BotHandlingRate),
        bot_transfer_rate: share(M::BotTransferRate),
        bot_unanswered_rate: share(M::BotUnansweredRate),
        bot_acceptance_rate: share(M::BotAcceptanceRate),
        ordered_units: count(M::OrderedUnits),
        carts: count(M::Carts),
        cart_amount: amount(M::CartAmount),
        carts_left: count(M::CartsLeft),
        cart_left_amount: amount(M::CartLeftAmount),
        cart_purchase_rate: share(M::CartPurchaseRate),
        initiated_customers: count(M::InitiatedCustomers),
        reply_characters: count(M::ReplyCharacters),
        assisted_customers: count(M::AssistedCustomers),
        refund_only_completion: times(&figures.money_refunds, M::RefundOnlyCompletion),
        return_completion: times(&figures.returns, M::ReturnCompletion),
        platform_help_rate: share(M::PlatformHelpRate),
        platform_judged_rate: share(M::PlatformJudgedRate),
        agents_share_of_sales: figures.whole_paid.and_then(|_| share(M::AgentsShareOfSales)),
        ..pb::Figures::default()
    }
}

fn average((minor_units, count): (i64, i64), currency: &Currency) -> pb::AmountPerHead {
    pb::AmountPerHead {
        amount: Some(encode_money(minor_units, currency)),
        count,
        average: per_head(minor_units, count).map(|average| encode_money(average, currency)),
    }
}

/// Conversations and facts, each list in the order they came in.
pub(super) fn explained(
    pieces: Vec<ExplainedTrade>,
) -> (Vec<pb::ExplainedConversation>, Vec<pb::ExplainedFact>) {
    let (mut conversations, mut facts) = (Vec::new(), Vec::new());
    for ExplainedTrade { piece, day, account, part, .. } in pieces {
        let counted = part.numerator != 0 || part.denominator != 0;
        let reason = part.reason.map_or(pb::ExplainReason::Unspecified, reason).into();
        let (business_day, numerator, denominator) = (Some(date(day)), part.numerator, part.denominator);
        match piece {
            Piece::Chat(chat) => conversations.push(pb::ExplainedConversation {
                conversation: Some(common::ConversationRef {
                    shop_id: chat.key.shop,
                    channel: chat.key.channel,
                    conversation_id: chat.key.id,
                }),
                revision: chat.revision,
                business_day,
                account_id: account,
                customer_id: chat.customer,
                counted,
                reason,
                numerator,
                denominator,
                durations_ms: Vec::new(),
            }),
            Piece::Fact(fact) => facts.push(pb::ExplainedFact {
                kind: encode_kind(fact.key.kind).into(),
                shop_id: fact.key.shop,
                fact_id: fact.key.id,
                revision: fact.revision,
                business_day,
                account_id: account,
                customer_id: fact.customer,
                counted,
                reason,
                numerator,
                denominator,
            }),
        }
    }
    (conversations, facts)
}
