//! Where a figure comes from: each conversation's share in it, and why it has none.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::conversation::ConversationKey;
use crate::domain::definition::Rules;
use crate::domain::facts::{AgentDay, Facts};
use crate::domain::figure::{DayRange, Filter};
use crate::domain::part::{CustomerPart, Part};
use crate::domain::sums::{Sum, Sums};

/// A figure that can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

impl Measure {
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
        }
    }

    /// The figure's value out of sums.
    pub fn of(self, sums: &Sums) -> (i64, i64) {
        let (numerator, denominator) = self.sums();
        (sums[numerator], denominator.map_or(0, |sum| sums[sum]))
    }
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

/// Why a conversation is not, or not wholly, counted.
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
}

/// A stored conversation without text.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its name.
    pub key: ConversationKey,
    /// Which correction.
    pub revision: i64,
    /// Where it counts.
    pub agent_day: AgentDay,
    /// The buyer.
    pub customer: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What is counted.
    pub facts: Facts,
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
    rules: Rules,
    spoken_for: HashMap<(NaiveDate, String, String, String), CustomerPart>,
}

impl Explainer {
    /// For one measure under one definition's rules.
    pub fn new(measure: Measure, rules: Rules) -> Self {
        Self { measure, rules, spoken_for: HashMap::new() }
    }

    /// The next conversation's share.
    pub fn explain(&mut self, conversation: Recorded) -> Explained {
        let mut part = Part::of(&conversation.facts, &self.rules);
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
        let (numerator, denominator) = self.measure.of(&part.sums);
        Explained { reason: reason(self.measure, &part), conversation, numerator, denominator }
    }
}

fn reason(measure: Measure, part: &Part) -> Option<Reason> {
    let sums = &part.sums;
    let none = |sum: Sum, reason: Reason| (sums[sum] == 0).then_some(reason);
    let silent = none(Sum::CustomerMessages, Reason::NoCustomerMessage);
    let less = |sum: Sum, than: Sum, reason: Reason| (sums[sum] < sums[than]).then_some(reason);
    match measure {
        Measure::Conversations | Measure::Length => None,
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
