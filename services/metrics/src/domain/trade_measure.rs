//! Figures made of facts and of conversations with them: what each is made of. Which pieces stand behind one tells
//! `trade_explainer`.

use crate::domain::maturity::Window;
use crate::domain::slice::Aspect;
use crate::domain::timeline::Topic;
use crate::domain::trade::{TradeSum, TradeSums};

/// A figure that can be explained by timelines; each is the field of the same name in `Figures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "figure.proto explains each under the same name")]
pub enum TradeMeasure {
    Inquiries,
    OrderingBuyers,
    PayingBuyers,
    Orders,
    PaidOrders,
    OrderedAmount,
    PaidAmount,
    RefundedAmount,
    NetAmount,
    AverageOrderValue,
    OrderConversionNextDay,
    OrderConversion,
    PaymentConversionNextDay,
    PaymentConversion,
    RefundRate,
    ReturnRate,
    CompletedRefunds,
    CompletedRefundAmount,
    Complaints,
    ComplaintRate,
    SatisfactionScore,
    ScoreSatisfaction,
    ItemScore,
    ServiceScore,
    DeliveryScore,
    Reviews,
    PositiveReviewRate,
    NegativeReviewRate,
    BadReviewRecoveredRate,
    FirstContactResolution,
    ReceivedPerHead,
    ConversationsPerHour,
    RecommendationSuccess,
    CrossSellSuccess,
    MemberSignups,
    OrderHandling,
    AfterSaleHandling,
    OrderHandlingAccuracy,
    AfterSaleHandlingAccuracy,
    BotQuestions,
    BotHandlingRate,
    BotTransferRate,
    BotUnansweredRate,
    BotAcceptanceRate,
    OrderedUnits,
    Carts,
    CartAmount,
    CartsLeft,
    CartLeftAmount,
    CartPurchaseRate,
    InitiatedCustomers,
    ReplyCharacters,
    AssistedCustomers,
    RefundOnlyCompletion,
    ReturnCompletion,
    PlatformHelpRate,
    PlatformJudgedRate,
    AgentsShareOfSales,
    /// Of slices by hour only, and so only explained; elsewhere it is a figure of conversations.
    ReceivedCustomers,
}

/// What stands below the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing: it is a count or an amount.
    Nothing,
    /// A sum.
    Sum(TradeSum),
    /// Account-days in which the account wrote to customers.
    ActiveDays,
    /// Clock hours in which it did.
    ActiveHours,
    /// What was paid in the shops in all, whoever got the credit.
    WholePaid,
}

/// How a figure is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formula {
    /// Above the line.
    pub plus: TradeSum,
    /// Taken off above the line.
    pub minus: Option<TradeSum>,
    /// Below the line.
    pub below: Below,
}

/// When accounts were at work: not additive over customers, but over account-days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Account-days.
    pub days: i64,
    /// Clock hours, summed over account-days.
    pub hours: i64,
}

/// What stands beside the sums of a row, and doesn't add up over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// When the row's accounts were at work.
    pub activity: Activity,
    /// What was paid in its shops and days in all, in the currency's smallest unit; 0 where the caller may not see that.
    pub whole_paid: i64,
}

impl TradeMeasure {
    /// All of them but [`TradeMeasure::ReceivedCustomers`], which is nobody's figure by itself.
    pub const ALL: [Self; 58] = [
        Self::Inquiries,
        Self::OrderingBuyers,
        Self::PayingBuyers,
        Self::Orders,
        Self::PaidOrders,
        Self::OrderedAmount,
        Self::PaidAmount,
        Self::RefundedAmount,
        Self::NetAmount,
        Self::AverageOrderValue,
        Self::OrderConversionNextDay,
        Self::OrderConversion,
        Self::PaymentConversionNextDay,
        Self::PaymentConversion,
        Self::RefundRate,
        Self::ReturnRate,
        Self::CompletedRefunds,
        Self::CompletedRefundAmount,
        Self::Complaints,
        Self::ComplaintRate,
        Self::SatisfactionScore,
        Self::ScoreSatisfaction,
        Self::ItemScore,
        Self::ServiceScore,
        Self::DeliveryScore,
        Self::Reviews,
        Self::PositiveReviewRate,
        Self::NegativeReviewRate,
        Self::BadReviewRecoveredRate,
        Self::FirstContactResolution,
        Self::ReceivedPerHead,
        Self::ConversationsPerHour,
        Self::RecommendationSuccess,
        Self::CrossSellSuccess,
        Self::MemberSignups,
        Self::OrderHandling,
        Self::AfterSaleHandling,
        Self::OrderHandlingAccuracy,
        Self::AfterSaleHandlingAccuracy,
        Self::BotQuestions,
        Self::BotHandlingRate,
        Self::BotTransferRate,
        Self::BotUnansweredRate,
        Self::BotAcceptanceRate,
        Self::OrderedUnits,
        Self::Carts,
        Self::CartAmount,
        Self::CartsLeft,
        Self::CartLeftAmount,
        Self::CartPurchaseRate,
        Self::InitiatedCustomers,
        Self::ReplyCharacters,
        Self::AssistedCustomers,
        Self::RefundOnlyCompletion,
        Self::ReturnCompletion,
        Self::PlatformHelpRate,
        Self::PlatformJudgedRate,
        Self::AgentsShareOfSales,
    ];

    /// Its name on the wire and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inquiries => "INQUIRIES",
            Self::OrderingBuyers => "ORDERING_BUYERS",
            Self::PayingBuyers => "PAYING_BUYERS",
            Self::Orders => "ORDERS",
            Self::PaidOrders => "PAID_ORDERS",
            Self::OrderedAmount => "ORDERED_AMOUNT",
            Self::PaidAmount => "PAID_AMOUNT",
            Self::RefundedAmount => "REFUNDED_AMOUNT",
            Self::NetAmount => "NET_AMOUNT",
            Self::AverageOrderValue => "AVERAGE_ORDER_VALUE",
            Self::OrderConversionNextDay => "ORDER_CONVERSION_NEXT_DAY",
            Self::OrderConversion => "ORDER_CONVERSION",
            Self::PaymentConversionNextDay => "PAYMENT_CONVERSION_NEXT_DAY",
            Self::PaymentConversion => "PAYMENT_CONVERSION",
            Self::RefundRate => "REFUND_RATE",
            Self::ReturnRate => "RETURN_RATE",
            Self::CompletedRefunds => "COMPLETED_REFUNDS",
            Self::CompletedRefundAmount => "COMPLETED_REFUND_AMOUNT",
            Self::Complaints => "COMPLAINTS",
            Self::ComplaintRate => "COMPLAINT_RATE",
            Self::SatisfactionScore => "SATISFACTION_SCORE",
            Self::ScoreSatisfaction => "SCORE_SATISFACTION",
            Self::ItemScore => "ITEM_SCORE",
            Self::ServiceScore => "SERVICE_SCORE",
            Self::DeliveryScore => "DELIVERY_SCORE",
            Self::Reviews => "REVIEWS",
            Self::PositiveReviewRate => "POSITIVE_REVIEW_RATE",
            Self::NegativeReviewRate => "NEGATIVE_REVIEW_RATE",
            Self::BadReviewRecoveredRate => "BAD_REVIEW_RECOVERED_RATE",
            Self::FirstContactResolution => "FIRST_CONTACT_RESOLUTION",
            Self::ReceivedPerHead => "RECEIVED_PER_HEAD",
            Self::ConversationsPerHour => "CONVERSATIONS_PER_HOUR",
            Self::RecommendationSuccess => "RECOMMENDATION_SUCCESS",
            Self::CrossSellSuccess => "CROSS_SELL_SUCCESS",
            Self::MemberSignups => "MEMBER_SIGNUPS",
            Self::OrderHandling => "ORDER_HANDLING",
            Self::AfterSaleHandling => "AFTER_SALE_HANDLING",
            Self::OrderHandlingAccuracy => "ORDER_HANDLING_ACCURACY",
            Self::AfterSaleHandlingAccuracy => "AFTER_SALE_HANDLING_ACCURACY",
            Self::BotQuestions => "BOT_QUESTIONS",
            Self::BotHandlingRate => "BOT_HANDLING_RATE",
            Self::BotTransferRate => "BOT_TRANSFER_RATE",
            Self::BotUnansweredRate => "BOT_UNANSWERED_RATE",
            Self::BotAcceptanceRate => "BOT_ACCEPTANCE_RATE",
            Self::OrderedUnits => "ORDERED_UNITS",
            Self::Carts => "CARTS",
            Self::CartAmount => "CART_AMOUNT",
            Self::CartsLeft => "CARTS_LEFT",
            Self::CartLeftAmount => "CART_LEFT_AMOUNT",
            Self::CartPurchaseRate => "CART_PURCHASE_RATE",
            Self::InitiatedCustomers => "INITIATED_CUSTOMERS",
            Self::ReplyCharacters => "REPLY_CHARACTERS",
            Self::AssistedCustomers => "ASSISTED_CUSTOMERS",
            Self::RefundOnlyCompletion => "REFUND_ONLY_COMPLETION",
            Self::ReturnCompletion => "RETURN_COMPLETION",
            Self::PlatformHelpRate => "PLATFORM_HELP_RATE",
            Self::PlatformJudgedRate => "PLATFORM_JUDGED_RATE",
            Self::AgentsShareOfSales => "AGENTS_SHARE_OF_SALES",
            Self::ReceivedCustomers => "RECEIVED_CUSTOMERS",
        }
    }

    /// How the figure is made.
    pub fn formula(self) -> Formula {
        use TradeSum as S;
        let count = |plus| Formula { plus, minus: None, below: Below::Nothing };
        let rate = |plus, below| Formula { plus, minus: None, below: Below::Sum(below) };
        match self {
            Self::Inquiries => count(S::Inquiries),
            Self::OrderingBuyers => count(S::OrderingBuyers),
            Self::PayingBuyers => count(S::PayingBuyers),
            Self::Orders => count(S::Orders),
            Self::PaidOrders => count(S::PaidOrders),
            Self::OrderedAmount => count(S::OrderedAmount),
            Self::PaidAmount => count(S::PaidAmount),
            Self::RefundedAmount => count(S::RefundedAmount),
            Self::NetAmount => Formula { minus: Some(S::RefundedAmount), ..count(S::PaidAmount) },
            Self::AverageOrderValue => rate(S::PaidAmount, S::PayingBuyers),
            Self::OrderConversionNextDay => rate(S::OrderedNextDay, S::Inquiries),
            Self::OrderConversion => rate(S::Ordered, S::Inquiries),
            Self::PaymentConversionNextDay => rate(S::PaidNextDay, S::Inquiries),
            Self::PaymentConversion => rate(S::Paid, S::Inquiries),
            Self::RefundRate => rate(S::RefundedOrders, S::PaidOrders),
            Self::ReturnRate => rate(S::ReturnedOrders, S::PaidOrders),
            Self::CompletedRefunds => count(S::CompletedRefunds),
            Self::CompletedRefundAmount => count(S::CompletedRefundAmount),
            Self::Complaints => count(S::Complaints),
            Self::ComplaintRate => rate(S::Complaints, S::ReceivedCustomers),
            Self::SatisfactionScore => rate(S::ScoreSum, S::Scores),
            Self::ScoreSatisfaction => rate(S::SatisfiedScores, S::Scores),
            Self::ItemScore => rate(S::ItemScoreSum, S::Ratings),
            Self::ServiceScore => rate(S::ServiceScoreSum, S::Ratings),
            Self::DeliveryScore => rate(S::DeliveryScoreSum, S::Ratings),
            Self::Reviews => count(S::Reviews),
            Self::PositiveReviewRate => rate(S::GoodReviews, S::Reviews),
            Self::NegativeReviewRate => rate(S::BadReviews, S::Reviews),
            Self::BadReviewRecoveredRate => rate(S::RecoveredReviews, S::OnceBadReviews),
            Self::FirstContactResolution => rate(S::FirstContactsResolved, S::FirstContacts),
            Self::ReceivedPerHead => Formula { below: Below::ActiveDays, ..count(S::ReceivedCustomers) },
            Self::ConversationsPerHour => Formula { below: Below::ActiveHours, ..count(S::Conversations) },
            Self::RecommendationSuccess => rate(S::RecommendationsBought, S::Recommendations),
            Self::CrossSellSuccess => rate(S::CrossSellsBought, S::CrossSells),
            Self::MemberSignups => count(S::MemberSignups),
            Self::OrderHandling => rate(S::OrderHandlingMs, S::OrderHandlings),
            Self::AfterSaleHandling => rate(S::AfterSaleHandlingMs, S::AfterSaleHandlings),
            Self::OrderHandlingAccuracy => rate(S::OrderHandlingsRight, S::OrderHandlingsChecked),
            Self::AfterSaleHandlingAccuracy => rate(S::AfterSaleHandlingsRight, S::AfterSaleHandlingsChecked),
            Self::BotQuestions => count(S::BotQuestions),
            Self::BotHandlingRate => rate(S::BotHandled, S::BotQuestions),
            Self::BotTransferRate => rate(S::BotTransferred, S::BotQuestions),
            Self::BotUnansweredRate => rate(S::BotUnanswered, S::BotQuestions),
            Self::BotAcceptanceRate => rate(S::BotAccepted, S::BotHandled),
            Self::OrderedUnits => count(S::OrderedUnits),
            Self::Carts => count(S::Carts),
            Self::CartAmount => count(S::CartAmount),
            Self::CartsLeft => count(S::CartsLeft),
            Self::CartLeftAmount => count(S::CartLeftAmount),
            Self::CartPurchaseRate => rate(S::CartsBought, S::Carts),
            Self::InitiatedCustomers => count(S::InitiatedCustomers),
            Self::ReplyCharacters => count(S::ReplyCharacters),
            Self::AssistedCustomers => count(S::AssistedCustomers),
            Self::RefundOnlyCompletion => rate(S::MoneyRefundMs, S::MoneyRefunds),
            Self::ReturnCompletion => rate(S::ReturnMs, S::Returns),
            Self::PlatformHelpRate => rate(S::RefundsHelped, S::RefundsTold),
            Self::PlatformJudgedRate => rate(S::RefundsJudged, S::RefundsTold),
            Self::AgentsShareOfSales => Formula { below: Below::WholePaid, ..count(S::CreditedAmount) },
            Self::ReceivedCustomers => count(S::ReceivedCustomers),
        }
    }

    /// The sums that it is made of; none if it is not made of sums alone.
    fn sums(self) -> Option<impl Iterator<Item = TradeSum>> {
        let Formula { plus, minus, below } = self.formula();
        let below = match below {
            Below::Nothing => None,
            Below::Sum(sum) => Some(sum),
            Below::ActiveDays | Below::ActiveHours | Below::WholePaid => return None,
        };
        Some([Some(plus), minus, below].into_iter().flatten())
    }

    /// Whether slices of an aspect have it.
    pub fn is_sliced_by(self, aspect: Aspect) -> bool {
        self.sums().is_some_and(|mut sums| sums.all(|sum| aspect.has(sum)))
    }

    /// Whether its slices of an aspect add up to the whole, above and below the line.
    pub fn adds_up_over(self, aspect: Aspect) -> bool {
        self.sums().is_some_and(|mut sums| sums.all(|sum| aspect.adds_up(sum)))
    }

    /// By which window it matures.
    pub fn window(self) -> Window {
        match self {
            Self::RefundedAmount | Self::NetAmount | Self::RefundRate | Self::ReturnRate => Window::Refunds,
            Self::OrderConversionNextDay
            | Self::OrderConversion
            | Self::PaymentConversionNextDay
            | Self::PaymentConversion
            | Self::CartsLeft
            | Self::CartLeftAmount
            | Self::CartPurchaseRate => Window::Conversions,
            _ => Window::Usual,
        }
    }

    /// The figure's value.
    pub fn of(self, sums: &TradeSums, beside: Beside) -> (i64, i64) {
        let Formula { plus, minus, below } = self.formula();
        let below = match below {
            Below::Nothing => 0,
            Below::Sum(sum) => sums[sum],
            Below::ActiveDays => beside.activity.days,
            Below::ActiveHours => beside.activity.hours,
            Below::WholePaid => beside.whole_paid,
        };
        (sums[plus] - minus.map_or(0, |sum| sums[sum]), below)
    }

    /// The topics whose shares stand behind it, as a set of bits.
    pub fn topics(self) -> u32 {
        let Formula { plus, minus, below } = self.formula();
        let below = match below {
            Below::Nothing => None,
            Below::Sum(sum) => Some(sum.topic()),
            Below::ActiveDays | Below::ActiveHours => Some(Topic::Reception),
            Below::WholePaid => Some(Topic::Payment),
        };
        let topics = [Some(plus.topic()), minus.map(TradeSum::topic), below];
        topics.into_iter().flatten().fold(0, |set, topic| set | topic.bit())
    }
}
