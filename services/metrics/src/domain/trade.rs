//! What figures of orders, payments and all other facts are made of: additive integers of an account's day.

use std::ops::{AddAssign, Index, IndexMut};

use crate::domain::timeline::Topic;

/// Declares the sums with their columns and the topic whose shares carry them.
macro_rules! trade_sums {
    ($($(#[$doc:meta])* $name:ident $column:literal $topic:ident,)*) => {
        /// One additive count or sum. The position is stored in packed contributions: new ones go to the end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum TradeSum {
            $($(#[$doc])* $name,)*
        }

        impl TradeSum {
            /// All of them, by position.
            pub const ALL: [Self; [$($column),*].len()] = [$(Self::$name),*];

            /// The column of `trade_days`.
            pub fn column(self) -> &'static str {
                match self { $(Self::$name => $column,)* }
            }

            /// What it is about.
            pub fn topic(self) -> Topic {
                match self { $(Self::$name => Topic::$topic,)* }
            }
        }
    };
}

trade_sums! {
    /// Conversations.
    Conversations "conversations" Reception,
    /// Customers received, each once per account and day.
    ReceivedCustomers "received_customers" Reception,
    /// 询单人数.
    Inquiries "inquiries" Inquiry,
    /// Of those, with an order on the same or the next day.
    OrderedNextDay "ordered_next_day" Inquiry,
    /// Of those, with an order within the window.
    Ordered "ordered" Inquiry,
    /// Of those, with a payment on the same or the next day.
    PaidNextDay "paid_next_day" Inquiry,
    /// Of those, with a payment within the window.
    Paid "paid" Inquiry,
    /// 下单人数.
    OrderingBuyers "ordering_buyers" Order,
    /// Orders.
    Orders "orders" Order,
    /// 下单金额.
    OrderedAmount "ordered_amount" Order,
    /// 付款人数.
    PayingBuyers "paying_buyers" Payment,
    /// Orders with a first payment.
    PaidOrders "paid_orders" Payment,
    /// 付款金额.
    PaidAmount "paid_amount" Payment,
    /// Completed refunds at the order's first payment.
    RefundedAmount "refunded_amount" Refund,
    /// Orders with a completed refund.
    RefundedOrders "refunded_orders" Refund,
    /// Orders with a completed return.
    ReturnedOrders "returned_orders" Refund,
    /// Refunds on the day they were completed.
    CompletedRefunds "completed_refunds" CompletedRefund,
    /// Their amount.
    CompletedRefundAmount "completed_refund_amount" CompletedRefund,
    /// Complaints that were not turned down.
    Complaints "complaints" Complaint,
    /// Satisfaction scores given.
    Scores "scores" Score,
    /// Their sum.
    ScoreSum "score_sum" Score,
    /// Of those, satisfied.
    SatisfiedScores "satisfied_scores" Score,
    /// Store ratings.
    Ratings "ratings" Rating,
    /// Sum of 商品描述.
    ItemScoreSum "item_score_sum" Rating,
    /// Sum of 服务态度.
    ServiceScoreSum "service_score_sum" Rating,
    /// Sum of 发货速度.
    DeliveryScoreSum "delivery_score_sum" Rating,
    /// Buyer reviews.
    Reviews "reviews" Review,
    /// Of those, good now.
    GoodReviews "good_reviews" Review,
    /// Of those, bad now.
    BadReviews "bad_reviews" Review,
    /// Of those, bad at any time.
    OnceBadReviews "once_bad_reviews" Review,
    /// Of those, good now.
    RecoveredReviews "recovered_reviews" Review,
    /// Contacts that could be resolved at once.
    FirstContacts "first_contacts" FirstContact,
    /// Of those, resolved.
    FirstContactsResolved "first_contacts_resolved" FirstContact,
    /// Recommendations.
    Recommendations "recommendations" Recommendation,
    /// Of those, bought.
    RecommendationsBought "recommendations_bought" Recommendation,
    /// Cross-sell proposals.
    CrossSells "cross_sells" CrossSell,
    /// Of those, bought.
    CrossSellsBought "cross_sells_bought" CrossSell,
    /// 会员注册.
    MemberSignups "member_signups" Signup,
    /// Orders handled.
    OrderHandlings "order_handlings" OrderHandling,
    /// Milliseconds that took.
    OrderHandlingMs "order_handling_ms" OrderHandling,
    /// Of those, checked.
    OrderHandlingsChecked "order_handlings_checked" OrderHandling,
    /// Of those, right.
    OrderHandlingsRight "order_handlings_right" OrderHandling,
    /// After-sale cases handled.
    AfterSaleHandlings "after_sale_handlings" AfterSaleHandling,
    /// Milliseconds that took.
    AfterSaleHandlingMs "after_sale_handling_ms" AfterSaleHandling,
    /// Of those, checked.
    AfterSaleHandlingsChecked "after_sale_handlings_checked" AfterSaleHandling,
    /// Of those, right.
    AfterSaleHandlingsRight "after_sale_handlings_right" AfterSaleHandling,
    /// Questions to the bot.
    BotQuestions "bot_questions" Bot,
    /// Of those, answered or accepted.
    BotHandled "bot_handled" Bot,
    /// Of those, accepted.
    BotAccepted "bot_accepted" Bot,
    /// Handed to a person.
    BotTransferred "bot_transferred" Bot,
    /// Without an answer.
    BotUnanswered "bot_unanswered" Bot,
    /// 下单件数.
    OrderedUnits "ordered_units" Order,
    /// 加购.
    Carts "carts" Cart,
    /// Their amount.
    CartAmount "cart_amount" Cart,
    /// Of those, bought in time.
    CartsBought "carts_bought" Cart,
    /// Of those, not bought in time.
    CartsLeft "carts_left" Cart,
    /// Their amount.
    CartLeftAmount "cart_left_amount" Cart,
    /// 主动接待: customers to whom the account wrote first.
    InitiatedCustomers "initiated_customers" Writing,
    /// 服务字数: characters that the account's agent wrote.
    ReplyCharacters "reply_characters" Writing,
    /// 协助服务: customers received whose only orders are excluded.
    AssistedCustomers "assisted_customers" Inquiry,
    /// 仅退款: completed refunds without the goods.
    MoneyRefunds "money_refunds" CompletedRefund,
    /// Milliseconds from when they were asked for.
    MoneyRefundMs "money_refund_ms" CompletedRefund,
    /// 退货退款: completed refunds with the goods.
    Returns "returns" CompletedRefund,
    /// Milliseconds from when they were asked for.
    ReturnMs "return_ms" CompletedRefund,
    /// Completed refunds of which it is known whether the platform stepped in.
    RefundsTold "refunds_told" CompletedRefund,
    /// Of those, with the platform's help.
    RefundsHelped "refunds_helped" CompletedRefund,
    /// Of those, judged against the shop.
    RefundsJudged "refunds_judged" CompletedRefund,
    /// 付款金额 that is credited to somebody.
    CreditedAmount "credited_amount" Payment,
}

impl TradeSum {
    /// How many of the sums the first format of packed contributions knew.
    pub const IN_FIRST_FORMAT: usize = 51;
    /// How many of them the second one knew.
    pub const IN_SECOND_FORMAT: usize = 57;
}

/// What is counted by bucket. The position is stored in packed contributions: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TradeSpread {
    /// How long orders took to handle, in the buckets of durations.
    OrderHandling,
    /// How long after-sale cases took, likewise.
    AfterSaleHandling,
    /// Clock hours in which the account wrote to customers; the bucket is the hour, from the business day's first
    /// midnight on. Counts conversations, so that an hour stays active until the last of them is taken back.
    ActiveHour,
    /// How long refunds without the goods took to complete, in the buckets of durations.
    MoneyRefund,
    /// How long returns took, likewise.
    Return,
}

impl TradeSpread {
    /// All of them, by position.
    pub const ALL: [Self; 5] =
        [Self::OrderHandling, Self::AfterSaleHandling, Self::ActiveHour, Self::MoneyRefund, Self::Return];
    /// How many of them the first two formats of packed contributions knew.
    pub const IN_SECOND_FORMAT: usize = 3;

    /// The column of `trade_days`.
    pub fn column(self) -> &'static str {
        match self {
            Self::OrderHandling => "order_handling_times",
            Self::AfterSaleHandling => "after_sale_handling_times",
            Self::ActiveHour => "active_hours",
            Self::MoneyRefund => "money_refund_times",
            Self::Return => "return_times",
        }
    }
}

/// A value for each [`TradeSum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeSums([i64; TradeSum::ALL.len()]);

impl Default for TradeSums {
    fn default() -> Self {
        Self([0; TradeSum::ALL.len()])
    }
}

impl TradeSums {
    /// Those that aren't 0.
    pub fn entries(&self) -> impl Iterator<Item = (TradeSum, i64)> + '_ {
        TradeSum::ALL.into_iter().map(|sum| (sum, self[sum])).filter(|(_, value)| *value != 0)
    }
}

impl Index<TradeSum> for TradeSums {
    type Output = i64;

    fn index(&self, sum: TradeSum) -> &i64 {
        &self.0[sum as usize]
    }
}

impl IndexMut<TradeSum> for TradeSums {
    fn index_mut(&mut self, sum: TradeSum) -> &mut i64 {
        &mut self.0[sum as usize]
    }
}

impl AddAssign<&TradeSums> for TradeSums {
    fn add_assign(&mut self, other: &TradeSums) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sum_stands_at_its_place() {
        for (at, sum) in TradeSum::ALL.into_iter().enumerate() {
            assert_eq!(sum as usize, at);
        }
        // Stored contributions are read by these: they stay for ever.
        for (sum, place) in [
            (TradeSum::Conversations, 0),
            (TradeSum::PaidAmount, 12),
            (TradeSum::FirstContacts, 31),
            (TradeSum::BotUnanswered, 50),
            (TradeSum::OrderedUnits, TradeSum::IN_FIRST_FORMAT as u8),
            (TradeSum::CartLeftAmount, 56),
            (TradeSum::InitiatedCustomers, TradeSum::IN_SECOND_FORMAT as u8),
            (TradeSum::CreditedAmount, 67),
        ] {
            assert_eq!(sum as u8, place, "{sum:?}");
        }
        assert!(TradeSpread::ALL.into_iter().enumerate().all(|(at, spread)| spread as usize == at));
    }
}
