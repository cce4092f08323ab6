//! Where a figure comes from: each conversation's share in it, and why it has none.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::conversation::{ConversationKey, Sender};
use crate::domain::definition::Rules;
use crate::domain::facts::{AgentDay, Facts, OWNER, Who};
use crate::domain::figure::{DayRange, Filter};
use crate::domain::part::{CustomerPart, Part, rounds};
use crate::domain::ruling::Ruling;
use crate::domain::sums::{Sum, Sums};

/// A figure that can be explained.
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
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 19] = [
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
            measure if measure.sums().1.is_some() => Unit::Rate,
            _ => Unit::Count,
        }
    }

    /// The sums that the figure is made of; a count has no denominator.
    pub fn sums(self) -> (Sum, Option<Sum>) {
        match self {
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
        }
    }

    /// The figure's value out of sums.
    pub fn of(self, sums: &Sums) -> (i64, i64) {
        let (numerator, denominator) = self.sums();
        (sums[numerator], denominator.map_or(0, |sum| sums[sum]))
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

/// Which figure is to be explained.
#[derive(Debug, Clone)]
pub struct ExplainQuery {
    /// Which.
    pub measure: Measure,
    /// Of these days.
    pub range: DayRange,
    /// Of these agents and shops.
    pub filter: Filter,
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
    fn who(&self) -> Who {
        let account = &self.agent_day.account;
        let other = self.facts.others.iter().position(|other| other == account);
        other.filter(|_| *account != self.owner).map_or(OWNER, |at| at + 1)
    }

    /// The account's part under `rules`.
    pub fn part(&self, rules: &Rules) -> Part {
        Part::all(&self.facts, rules).swap_remove(self.who())
    }
}

/// A conversation's part in a figure.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The conversation.
    pub conversation: Recorded,
    /// What it adds above the line.
    pub numerator: i64,
    /// What it adds below the line.
    pub denominator: i64,
    /// Why not more.
    pub reason: Option<Reason>,
}

impl Explained {
    /// Whether it changes the figure at all.
    pub fn counted(&self) -> bool {
        self.numerator != 0 || self.denominator != 0
    }
}

/// Explains conversations one after the other. They must come in the order of the list, each agent's day from its
/// first conversation on: who speaks for a customer is decided by that order.
#[derive(Debug)]
pub struct Explainer {
    measure: Measure,
    ruling: Ruling,
    spoken_for: HashMap<(NaiveDate, String, String, String), CustomerPart>,
}

impl Explainer {
    /// For one measure under the rules of each day.
    pub fn new(measure: Measure, ruling: Ruling) -> Self {
        Self { measure, ruling, spoken_for: HashMap::new() }
    }

    /// The next conversation's share.
    pub fn explain(&mut self, conversation: Recorded) -> Explained {
        let rules = &self.ruling.on(conversation.agent_day.day).rules;
        let mut part = conversation.part(rules);
        let day = &conversation.agent_day;
        let who = (day.day, day.shop.clone(), day.account.clone(), conversation.customer.clone());
        let spoken_for = self.spoken_for.entry(who).or_default();
        let news = |now: bool, before: &mut bool| {
            let new = now && !*before;
            *before |= now;
            i64::from(new)
        };
        part.sums[Sum::AskingCustomers] = news(part.customer.asked, &mut spoken_for.asked);
        part.sums[Sum::AnsweredCustomers] = news(part.customer.answered, &mut spoken_for.answered);
        part.sums[Sum::ReceivedCustomers] = news(part.customer.received, &mut spoken_for.received);
        let in_time = |spoken: &CustomerPart| i64::from(spoken.due && !spoken.late);
        let before = in_time(spoken_for);
        part.sums[Sum::DueCustomers] = news(part.customer.due, &mut spoken_for.due);
        spoken_for.late |= part.customer.late;
        // A late round takes back what an earlier conversation of the customer gave.
        part.sums[Sum::InTimeCustomers] = in_time(spoken_for) - before;
        let (numerator, denominator) = self.measure.of(&part.sums);
        let reason = reason(self.measure, &part).map(|reason| elsewhere(reason, &conversation, &part, rules));
        Explained { conversation, numerator, denominator, reason }
    }
}

/// What an account does not get although the conversation has it belongs to another account.
fn elsewhere(reason: Reason, conversation: &Recorded, part: &Part, rules: &Rules) -> Reason {
    if conversation.facts.others.is_empty() {
        return reason;
    }
    let who = conversation.who();
    let asked_another = part.sums[Sum::CustomerMessages] == 0
        && conversation.facts.messages.iter().any(|message| message.sender == Sender::Customer);
    let first_of_another =
        || rounds(&conversation.facts, rules).first().is_some_and(|round| round.who != who);
    match reason {
        Reason::NoCustomerMessage if asked_another => Reason::AnotherAccount,
        Reason::NotLong | Reason::NotRated | Reason::NoMark | Reason::NoTransfer if who != OWNER => {
            Reason::AnotherAccount
        }
        Reason::OutsideServiceHours if first_of_another() => Reason::AnotherAccount,
        reason => reason,
    }
}

fn reason(measure: Measure, part: &Part) -> Option<Reason> {
    let sums = &part.sums;
    let none = |sum: Sum, reason: Reason| (sums[sum] == 0).then_some(reason);
    let silent = none(Sum::CustomerMessages, Reason::NoCustomerMessage);
    let less = |sum: Sum, than: Sum, reason: Reason| (sums[sum] < sums[than]).then_some(reason);
    match measure {
        Measure::Conversations | Measure::Length => none(Sum::Conversations, Reason::AnotherAccount),
        Measure::TransferredIn => none(Sum::TransferredIn, Reason::NoTransfer),
        Measure::TransferredOut => none(Sum::TransferredOut, Reason::NoTransfer),
        Measure::InTimeCustomers => silent
            .or((!part.customer.due).then_some(Reason::OutsideServiceHours))
            .or(part.customer.late.then_some(Reason::TooLate))
            .or_else(|| (sums[Sum::DueCustomers] == 0).then_some(Reason::RepeatCustomer)),
        Measure::Replies => none(Sum::Replies, Reason::NoReply),
        Measure::QuickReplies => none(Sum::QuickReplies, Reason::NoneSent),
        Measure::CustomerMessages => silent,
        Measure::ReplyRatio => none(Sum::Replies, Reason::NoReply).or(silent),
        Measure::ReceivedCustomers => silent
            .or(none(Sum::Replies, Reason::NoReply))
            .or(none(Sum::ReceivedCustomers, Reason::RepeatCustomer)),
        Measure::ReplyRate => {
            silent.or((!part.customer.answered).then_some(Reason::NotAnswered)).or_else(|| {
                (sums[Sum::AskingCustomers] + sums[Sum::AnsweredCustomers] == 0)
                    .then_some(Reason::RepeatCustomer)
            })
        }
        Measure::FirstResponse => silent
            .or(none(Sum::FirstAsked, Reason::OutsideServiceHours))
            .or(none(Sum::FirstAnswered, Reason::NotAnswered)),
        Measure::FirstInTimeRate => silent
            .or(none(Sum::FirstAsked, Reason::OutsideServiceHours))
            .or(none(Sum::FirstAnswered, Reason::NotAnswered))
            .or(none(Sum::FirstInTime, Reason::TooLate)),
        Measure::Response | Measure::AnsweredRate => silent
            .or(none(Sum::Rounds, Reason::OutsideServiceHours))
            .or(less(Sum::RoundsAnswered, Sum::Rounds, Reason::NotAnswered)),
        Measure::InTimeRate => silent
            .or(none(Sum::Rounds, Reason::OutsideServiceHours))
            .or(less(Sum::RoundsAnswered, Sum::Rounds, Reason::NotAnswered))
            .or(less(Sum::RoundsInTime, Sum::Rounds, Reason::TooLate)),
        Measure::LongChats => none(Sum::LongChats, Reason::NotLong),
        Measure::Satisfaction => {
            none(Sum::Rated, Reason::NotRated).or(none(Sum::Satisfied, Reason::NotSatisfied))
        }
        Measure::Completion => {
            none(Sum::Marked, Reason::NoMark).or(none(Sum::Completed, Reason::NotCompleted))
        }
    }
}
