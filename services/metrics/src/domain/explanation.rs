//! Figures of conversations by name, what each is made of, and why a conversation has no share in one.

use chrono::{DateTime, Utc};

use crate::domain::conversation::ConversationKey;
use crate::domain::definition::Rules;
use crate::domain::facts::{AgentDay, Facts, OWNER, Who};
use crate::domain::part::{Part, Spread};
use crate::domain::sums::{Sum, Sums};

const HOUR_MS: i64 = 3_600_000;

/// A figure made of sums of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Conversations.
    Conversations,
    /// 接待人数.
    ReceivedCustomers,
    /// Replies.
    Replies,
    /// Quick replies.
    QuickReplies,
    /// Messages of customers.
    CustomerMessages,
    /// Replies ÷ customer messages.
    ReplyRatio,
    /// Answered customers ÷ asking customers.
    ReplyRate,
    /// Milliseconds to the first answer ÷ first answers.
    FirstResponse,
    /// Milliseconds to the answer ÷ answers.
    Response,
    /// Answered rounds ÷ rounds.
    AnsweredRate,
    /// Rounds answered in time ÷ rounds.
    InTimeRate,
    /// First rounds answered in time ÷ first rounds.
    FirstInTimeRate,
    /// Long chats.
    LongChats,
    /// Satisfied ÷ rated.
    Satisfaction,
    /// Completed ÷ marked.
    Completion,
    /// Milliseconds from first to last message ÷ conversations.
    Length,
    /// Customers answered in time ÷ customers who wrote in service hours.
    InTimeCustomers,
    /// Conversations handed over to the account.
    TransferredIn,
    /// Conversations handed over by the account.
    TransferredOut,
    /// 慢响应人数: customers who wrote in service hours and were not answered in time.
    SlowCustomers,
    /// Replies that the bot proposed ÷ replies.
    AssistedReplyRate,
}

/// How a figure is made of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formula {
    /// Above the line.
    pub plus: Sum,
    /// Taken off above the line.
    pub minus: Option<Sum>,
    /// Below the line; a count has none.
    pub below: Option<Sum>,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Conversations,
        Self::ReceivedCustomers,
        Self::Replies,
        Self::QuickReplies,
        Self::CustomerMessages,
        Self::ReplyRatio,
        Self::ReplyRate,
        Self::FirstResponse,
        Self::Response,
        Self::AnsweredRate,
        Self::InTimeRate,
        Self::FirstInTimeRate,
        Self::LongChats,
        Self::Satisfaction,
        Self::Completion,
        Self::Length,
        Self::InTimeCustomers,
        Self::TransferredIn,
        Self::TransferredOut,
        Self::SlowCustomers,
        Self::AssistedReplyRate,
    ];

    /// Its name on the wire and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversations => "CONVERSATIONS",
            Self::ReceivedCustomers => "RECEIVED_CUSTOMERS",
            Self::Replies => "REPLIES",
            Self::QuickReplies => "QUICK_REPLIES",
            Self::CustomerMessages => "CUSTOMER_MESSAGES",
            Self::ReplyRatio => "REPLY_RATIO",
            Self::ReplyRate => "REPLY_RATE",
            Self::FirstResponse => "FIRST_RESPONSE",
            Self::Response => "RESPONSE",
            Self::AnsweredRate => "ANSWERED_RATE",
            Self::InTimeRate => "IN_TIME_RATE",
            Self::FirstInTimeRate => "FIRST_IN_TIME_RATE",
            Self::LongChats => "LONG_CHATS",
            Self::Satisfaction => "SATISFACTION",
            Self::Completion => "COMPLETION",
            Self::Length => "LENGTH",
            Self::InTimeCustomers => "IN_TIME_CUSTOMERS",
            Self::TransferredIn => "TRANSFERRED_IN",
            Self::TransferredOut => "TRANSFERRED_OUT",
            Self::SlowCustomers => "SLOW_CUSTOMERS",
            Self::AssistedReplyRate => "ASSISTED_REPLY_RATE",
        }
    }

    /// The measure of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// What a value of it is.
    pub fn unit(self) -> Unit {
        match self {
            Self::FirstResponse | Self::Response | Self::Length => Unit::Milliseconds,
            measure if measure.formula().below.is_some() => Unit::Rate,
            _ => Unit::Count,
        }
    }

    /// How the figure is made.
    pub fn formula(self) -> Formula {
        let (plus, below) = match self {
            Self::Conversations => (Sum::Conversations, None),
            Self::ReceivedCustomers => (Sum::ReceivedCustomers, None),
            Self::Replies => (Sum::Replies, None),
            Self::QuickReplies => (Sum::QuickReplies, None),
            Self::CustomerMessages => (Sum::CustomerMessages, None),
            Self::ReplyRatio => (Sum::Replies, Some(Sum::CustomerMessages)),
            Self::ReplyRate => (Sum::AnsweredCustomers, Some(Sum::AskingCustomers)),
            Self::FirstResponse => (Sum::FirstResponseMs, Some(Sum::FirstAnswered)),
            Self::Response => (Sum::ResponseMs, Some(Sum::RoundsAnswered)),
            Self::AnsweredRate => (Sum::RoundsAnswered, Some(Sum::Rounds)),
            Self::InTimeRate => (Sum::RoundsInTime, Some(Sum::Rounds)),
            Self::FirstInTimeRate => (Sum::FirstInTime, Some(Sum::FirstAsked)),
            Self::LongChats => (Sum::LongChats, None),
            Self::Satisfaction => (Sum::Satisfied, Some(Sum::Rated)),
            Self::Completion => (Sum::Completed, Some(Sum::Marked)),
            Self::Length => (Sum::LengthMs, Some(Sum::Conversations)),
            Self::InTimeCustomers => (Sum::InTimeCustomers, Some(Sum::DueCustomers)),
            Self::TransferredIn => (Sum::TransferredIn, None),
            Self::TransferredOut => (Sum::TransferredOut, None),
            Self::SlowCustomers => (Sum::DueCustomers, None),
            Self::AssistedReplyRate => (Sum::AssistedReplies, Some(Sum::Replies)),
        };
        let minus = (self == Self::SlowCustomers).then_some(Sum::InTimeCustomers);
        Formula { plus, minus, below }
    }

    /// Whose durations it counts, of the kind [`Part::durations`] has.
    pub fn spread(self) -> Option<Spread> {
        match self {
            Self::FirstResponse | Self::FirstInTimeRate => Some(Spread::FirstResponse),
            Self::Response | Self::InTimeRate => Some(Spread::Response),
            Self::Length => Some(Spread::Length),
            _ => None,
        }
    }

    /// The figure's value out of sums.
    pub fn of(self, sums: &Sums) -> (i64, i64) {
        let Formula { plus, minus, below } = self.formula();
        let of = |sum: Option<Sum>| sum.map_or(0, |sum| sums[sum]);
        (sums[plus] - of(minus), of(below))
    }
}

/// What a value of a measure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// A quotient.
    Rate,
    /// A mean of durations.
    Milliseconds,
}

/// Why a conversation or fact is not, or not wholly, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The customer wrote nothing.
    NoCustomerMessage,
    /// Nothing counts as a reply.
    NoReply,
    /// A message of the customer was not answered.
    NotAnswered,
    /// An earlier conversation of the day speaks for the customer.
    RepeatCustomer,
    /// The customer wrote outside service hours.
    OutsideServiceHours,
    /// An answer came too late.
    TooLate,
    /// Not more replies than the threshold.
    NotLong,
    /// The customer did not answer the question.
    NotRated,
    /// The customer was not satisfied.
    NotSatisfied,
    /// Nobody marked it.
    NoMark,
    /// Marked as not completed.
    NotCompleted,
    /// Nothing of the kind was sent.
    NoneSent,
    /// The chat is about an order placed before it.
    OrderedBefore,
    /// The order is taken out of credit, or all of the customer's orders in the window are.
    ExcludedOrder,
    /// An earlier order or payment of the day speaks for the customer.
    RepeatBuyer,
    /// No order followed in time.
    NotOrdered,
    /// No payment followed in time.
    NotPaid,
    /// The order has not come in, or was not paid.
    OrderUnknown,
    /// An earlier payment speaks for the order.
    AnotherPayment,
    /// An earlier refund speaks for the order.
    AnotherRefund,
    /// The refund is not completed.
    NotComplete,
    /// The goods did not come back.
    NotReturned,
    /// The complaint was turned down.
    NotUpheld,
    /// Of another kind or outcome.
    NotOfTheKind,
    /// Nobody checked it.
    NotChecked,
    /// The check found it wrong.
    NotAccurate,
    /// The review was never bad.
    NeverBad,
    /// The review was bad and isn't good now.
    NotRecovered,
    /// The customer had written shortly before.
    NotFirstContact,
    /// The customer wrote again.
    CameBack,
    /// The product was not ordered in time.
    NotBought,
    /// Nothing of the order was refunded.
    NotRefunded,
    /// The cart was bought in time.
    Bought,
    /// Nobody handed the customer over.
    NoTransfer,
    /// It belongs to another account of the conversation.
    AnotherAccount,
    /// An earlier conversation speaks for the account.
    RepeatAccount,
    /// The bot alone served the customer, which the definition leaves out.
    BotOnly,
    /// All that counts was answered in time.
    InTime,
    /// The customer wrote before the account did.
    CustomerWroteFirst,
    /// Not all of the customer's orders in the window are excluded, or there are none.
    NotExcluded,
    /// It is credited to nobody.
    NotCredited,
    /// Nobody said whether the platform stepped in.
    PlatformUnknown,
    /// The platform did not step in.
    NoPlatform,
    /// The platform did not judge against the shop.
    NotJudged,
}

/// A stored conversation without text.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its name.
    pub key: ConversationKey,
    /// Which correction.
    pub revision: i64,
    /// Whose part of it, and where that counts.
    pub agent_day: AgentDay,
    /// The account that the conversation belongs to.
    pub owner: String,
    /// The buyer.
    pub customer: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What is counted.
    pub facts: Facts,
}

impl Recorded {
    /// Which of the conversation's accounts it is whose part this is.
    pub fn who(&self) -> Who {
        let account = &self.agent_day.account;
        let other = self.facts.others.iter().position(|other| other == account);
        other.filter(|_| *account != self.owner).map_or(OWNER, |at| at + 1)
    }

    /// The hour of the local clock in which its first message was sent: where it counts by hour.
    pub fn hour(&self) -> u8 {
        let first_ms =
            self.facts.start_of_day_ms + self.facts.messages.first().map_or(0, |message| message.offset_ms);
        u8::try_from(first_ms.div_euclid(HOUR_MS).rem_euclid(24)).unwrap_or(0)
    }

    /// The account's part under `rules`.
    pub fn part(&self, rules: &Rules) -> Part {
        Part::all(&self.facts, rules).swap_remove(self.who())
    }
}
