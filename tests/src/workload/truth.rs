//! What was planted.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// What each account achieved on each business day. What is credited to nobody stands under the empty account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// By business day and account.
    pub days: BTreeMap<(NaiveDate, String), Achieved>,
}

/// What an account achieved on a business day, by the default rules. Money is in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of jinpai.metrics.v1.Figures, which explains them")]
pub struct Achieved {
    pub conversations: i64,
    pub received_customers: i64,
    pub replies: i64,
    pub customer_messages: i64,
    pub inquiries: i64,
    /// Inquiries followed by a credited order on the same or next day.
    pub ordering_inquiries_next_day: i64,
    /// The same within the attribution window.
    pub ordering_inquiries: i64,
    /// Inquiries followed by a credited payment on the same or next day.
    pub paying_inquiries_next_day: i64,
    /// The same within the attribution window.
    pub paying_inquiries: i64,
    pub ordering_buyers: i64,
    pub paying_buyers: i64,
    pub orders: i64,
    pub ordered_cents: i64,
    pub paid_cents: i64,
    pub completed_refunds: i64,
    pub completed_refund_cents: i64,
    pub complaints: i64,
    pub satisfaction_scores: i64,
    pub store_ratings: i64,
    pub reviews: i64,
    pub good_reviews: i64,
    pub bad_reviews: i64,
    pub once_bad_reviews: i64,
    pub recovered_reviews: i64,
    pub bot_questions: i64,
    pub bot_transferred: i64,
    pub order_handlings: i64,
    pub after_sale_handlings: i64,
    pub member_signups: i64,
    pub recommendations: i64,
}

impl Truth {
    /// The place of an account on a day.
    pub(super) fn of(&mut self, day: NaiveDate, account: &str) -> &mut Achieved {
        self.days.entry((day, account.to_owned())).or_default()
    }

    /// Everything together. Customers and buyers add up as person-days.
    pub fn total(&self) -> Achieved {
        self.days.values().fold(Achieved::default(), Achieved::and)
    }
}

impl Achieved {
    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        macro_rules! sums {
            ($($field:ident),*) => { Self { $($field: self.$field + other.$field),* } };
        }
        sums!(
            conversations,
            received_customers,
            replies,
            customer_messages,
            inquiries,
            ordering_inquiries_next_day,
            ordering_inquiries,
            paying_inquiries_next_day,
            paying_inquiries,
            ordering_buyers,
            paying_buyers,
            orders,
            ordered_cents,
            paid_cents,
            completed_refunds,
            completed_refund_cents,
            complaints,
            satisfaction_scores,
            store_ratings,
            reviews,
            good_reviews,
            bad_reviews,
            once_bad_reviews,
            recovered_reviews,
            bot_questions,
            bot_transferred,
            order_handlings,
            after_sale_handlings,
            member_signups,
            recommendations
        )
    }
}
