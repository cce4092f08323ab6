//! Where a figure of conversations comes from: each conversation's share in it, and why it has none.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;

use crate::domain::bucket;
use crate::domain::conversation::Sender;
use crate::domain::definition::Rules;
use crate::domain::explanation::{Measure, Reason, Recorded};
use crate::domain::facts::OWNER;
use crate::domain::figure::{DayRange, Figures, Filter, Within};
use crate::domain::part::{CustomerPart, Part, Spread, is_left_out, rounds};
use crate::domain::ruling::Ruling;
use crate::domain::sums::{Sum, Sums};

/// A figure whose conversations can be listed: those made of sums, and those that are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explainable {
    /// Made of sums.
    Sums(Measure),
    /// Accounts with a conversation or reply.
    ActiveAccounts,
    /// Different customers received.
    DistinctCustomers,
    /// Answers of any round that took at most so many seconds.
    Within(i32),
    /// First answers likewise.
    FirstWithin(i32),
}

impl Explainable {
    /// The figure's value out of a row that holds it.
    pub fn of(self, figures: &Figures) -> (i64, i64) {
        let within = figures.within.as_slice().first().copied().unwrap_or_default();
        match self {
            Self::Sums(measure) => measure.of(&figures.sums),
            Self::ActiveAccounts => (figures.active_accounts, 0),
            Self::DistinctCustomers => (figures.distinct_customers.unwrap_or(0), 0),
            Self::Within(_) => (within.rounds.0, figures.sums[Sum::Rounds]),
            Self::FirstWithin(_) => (within.first_rounds.0, figures.sums[Sum::FirstAsked]),
        }
    }

    /// The seconds that a row must tell answers within, to hold it.
    pub fn within_seconds(self) -> Option<i32> {
        match self {
            Self::Within(seconds) | Self::FirstWithin(seconds) => Some(seconds),
            Self::Sums(_) | Self::ActiveAccounts | Self::DistinctCustomers => None,
        }
    }

    /// Whose durations stand behind it.
    fn spread(self) -> Option<Spread> {
        match self {
            Self::Sums(measure) => measure.spread(),
            Self::Within(_) => Some(Spread::Response),
            Self::FirstWithin(_) => Some(Spread::FirstResponse),
            Self::ActiveAccounts | Self::DistinctCustomers => None,
        }
    }
}

/// Which figure is to be explained.
#[derive(Debug, Clone)]
pub struct ExplainQuery {
    /// Which.
    pub subject: Explainable,
    /// Of these days; with an hour one day.
    pub range: DayRange,
    /// Of conversations begun in this hour of the local clock.
    pub hour: Option<u8>,
    /// Of these agents and shops.
    pub filter: Filter,
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
    /// The durations that the figure counts, in milliseconds.
    pub durations_ms: Vec<i64>,
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
    subject: Explainable,
    ruling: Ruling,
    spoken_for: HashMap<(NaiveDate, String, String, String), CustomerPart>,
    /// Accounts, or different customers, that an earlier conversation speaks for.
    seen: HashSet<String>,
}

impl Explainer {
    /// For one figure under the rules of each day. `seen` are the accounts, or customers, that conversations before the
    /// first one speak for; only figures of different ones look at them.
    pub fn new(subject: Explainable, ruling: Ruling, seen: HashSet<String>) -> Self {
        Self { subject, ruling, spoken_for: HashMap::new(), seen }
    }

    /// The next conversation's share.
    pub fn explain(&mut self, conversation: Recorded) -> Explained {
        let rules = &self.ruling.on(conversation.agent_day.day).rules;
        let mut part = conversation.part(rules);
        let is_active = part.sums != Sums::default();
        let day = &conversation.agent_day;
        let who = (day.day, day.shop.clone(), day.account.clone(), conversation.customer.clone());
        count_customer(self.spoken_for.entry(who).or_default(), &mut part);
        let new = |seen: &mut HashSet<String>, id: &str| i64::from(seen.insert(id.to_owned()));
        let (numerator, denominator, reason) = match self.subject {
            Explainable::Sums(measure) => {
                let (numerator, denominator) = measure.of(&part.sums);
                (numerator, denominator, reason(measure, &part))
            }
            Explainable::ActiveAccounts if !is_active => (0, 0, Some(Reason::NoReply)),
            Explainable::ActiveAccounts => {
                let new = new(&mut self.seen, &conversation.agent_day.account);
                (new, 0, (new == 0).then_some(Reason::RepeatAccount))
            }
            Explainable::DistinctCustomers if !part.customer.received => {
                let silent = part.sums[Sum::CustomerMessages] == 0;
                let reason = if silent { Reason::NoCustomerMessage } else { Reason::NoReply };
                (0, 0, Some(reason))
            }
            Explainable::DistinctCustomers => {
                let new = new(&mut self.seen, &conversation.customer);
                (new, 0, (new == 0).then_some(Reason::RepeatCustomer))
            }
            Explainable::Within(seconds) => within(&part, seconds, Spread::Response, Sum::Rounds),
            Explainable::FirstWithin(seconds) => {
                within(&part, seconds, Spread::FirstResponse, Sum::FirstAsked)
            }
        };
        let reason = reason.map(|reason| elsewhere(reason, &conversation, &part, rules));
        let durations_ms = match self.subject.spread() {
            Some(spread) => part.durations_of(spread).collect(),
            None => Vec::new(),
        };
        Explained { conversation, numerator, denominator, reason, durations_ms }
    }
}

/// Counts the customer unless an earlier conversation of the account's day in the shop speaks for them.
fn count_customer(spoken_for: &mut CustomerPart, part: &mut Part) {
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
}

/// What counts as answered within some seconds is decided by the duration's bucket, as in the figure, so that the parts
/// add up to it.
fn within(part: &Part, seconds: i32, spread: Spread, asked: Sum) -> (i64, i64, Option<Reason>) {
    let within =
        part.durations_of(spread).filter(|ms| Within::holds(seconds, bucket::of(*ms))).count() as i64;
    let (asked, answered) = (part.sums[asked], part.durations_of(spread).count() as i64);
    let reason = if part.sums[Sum::CustomerMessages] == 0 {
        Some(Reason::NoCustomerMessage)
    } else if asked == 0 {
        Some(Reason::OutsideServiceHours)
    } else if answered < asked {
        Some(Reason::NotAnswered)
    } else {
        (within < asked).then_some(Reason::TooLate)
    };
    (within, asked, reason)
}

/// What an account does not get although the conversation has it belongs to another account; what the bot did alone is
/// left out for that reason, whatever the hour.
fn elsewhere(reason: Reason, conversation: &Recorded, part: &Part, rules: &Rules) -> Reason {
    if matches!(reason, Reason::OutsideServiceHours | Reason::NotAnswered)
        && is_left_out(&conversation.facts, rules)
    {
        return Reason::BotOnly;
    }
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
        Measure::SlowCustomers => silent
            .or((!part.customer.due).then_some(Reason::OutsideServiceHours))
            .or((!part.customer.late).then_some(Reason::InTime))
            .or_else(|| {
                (sums[Sum::DueCustomers] == sums[Sum::InTimeCustomers]).then_some(Reason::RepeatCustomer)
            }),
        Measure::Replies => none(Sum::Replies, Reason::NoReply),
        Measure::QuickReplies => none(Sum::QuickReplies, Reason::NoneSent),
        Measure::AssistedReplyRate => {
            none(Sum::Replies, Reason::NoReply).or(none(Sum::AssistedReplies, Reason::NoneSent))
        }
        Measure::CustomerMessages => silent,
        Measure::ReplyRatio => none(Sum::Replies, Reason::NoReply).or(silent),
        Measure::ReceivedCustomers => silent
            .or(none(Sum::Replies, Reason::NoReply))
            .or(none(Sum::ReceivedCustomers, Reason::RepeatCustomer)),
        Measure::ReplyRate => {
            let unserved = (!part.customer.asked).then_some(Reason::OutsideServiceHours);
            silent.or(unserved).or((!part.customer.answered).then_some(Reason::NotAnswered)).or_else(|| {
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
