//! Figures counted a second time, plainly, from the conversations themselves: no facts, no buckets, no SQL. It shares
//! nothing with the service but the messages of its API.

use std::collections::{BTreeMap, HashMap};

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use proto::common::v1::Sender;
use proto::metrics::v1 as pb;

/// What the standard definition says of some conversations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recount {
    pub conversations: i64,
    pub received: i64,
    pub asking: i64,
    pub answered_customers: i64,
    pub replies: i64,
    pub quick_replies: i64,
    pub assisted_replies: i64,
    pub customer_messages: i64,
    pub rounds: i64,
    pub rounds_in_time: i64,
    /// Milliseconds of each answered round, and of each first one.
    pub responses: Vec<i64>,
    pub first_responses: Vec<i64>,
    pub first_in_time: i64,
    pub lengths: Vec<i64>,
    pub long_chats: i64,
    pub satisfied: (i64, i64),
    pub completed: (i64, i64),
}

pub type AgentDay = (String, NaiveDate);

/// Recounts conversations of one shop, each agent's day by itself.
pub fn by_agent_day(
    conversations: &[pb::Conversation],
    calendar: &MerchantCalendar,
) -> BTreeMap<AgentDay, Recount> {
    let mut days: BTreeMap<AgentDay, Vec<&pb::Conversation>> = BTreeMap::new();
    for conversation in conversations {
        let first = millis(conversation.messages[0].sent_at);
        let day = calendar.business_day(DateTime::<Utc>::from_timestamp_millis(first).expect("an instant"));
        days.entry((conversation.account_id.clone(), day)).or_default().push(conversation);
    }
    days.into_iter().map(|(key, conversations)| (key, recount(&conversations))).collect()
}

/// Adds up recounts.
pub fn total<'a>(parts: impl IntoIterator<Item = &'a Recount>) -> Recount {
    let mut all = Recount::default();
    for part in parts {
        all.conversations += part.conversations;
        all.received += part.received;
        all.asking += part.asking;
        all.answered_customers += part.answered_customers;
        all.replies += part.replies;
        all.quick_replies += part.quick_replies;
        all.assisted_replies += part.assisted_replies;
        all.customer_messages += part.customer_messages;
        all.rounds += part.rounds;
        all.rounds_in_time += part.rounds_in_time;
        all.responses.extend(&part.responses);
        all.first_responses.extend(&part.first_responses);
        all.first_in_time += part.first_in_time;
        all.lengths.extend(&part.lengths);
        all.long_chats += part.long_chats;
        all.satisfied = (all.satisfied.0 + part.satisfied.0, all.satisfied.1 + part.satisfied.1);
        all.completed = (all.completed.0 + part.completed.0, all.completed.1 + part.completed.1);
    }
    all
}

fn recount(conversations: &[&pb::Conversation]) -> Recount {
    let mut count = Recount { conversations: conversations.len() as i64, ..Recount::default() };
    // Per customer: wrote, was answered, was received.
    let mut customers: HashMap<&str, (bool, bool, bool)> = HashMap::new();
    for conversation in conversations {
        let customer = customers.entry(&conversation.customer_id).or_default();
        let agent = conversation.messages.iter().filter(|m| m.sender() == Sender::Agent);
        let assisted = agent.clone().filter(|m| m.assisted).count() as i64;
        let (replies, quick) = (agent.clone().count() as i64, agent.filter(|m| m.quick_reply).count() as i64);
        let asked = conversation.messages.iter().filter(|m| m.sender() == Sender::Customer).count() as i64;
        count.replies += replies;
        count.quick_replies += quick;
        count.assisted_replies += assisted;
        count.customer_messages += asked;
        count.long_chats += i64::from(replies > 10);
        let rounds = rounds(conversation);
        for (at, (begun, answered)) in rounds.iter().enumerate() {
            count.rounds += 1;
            let Some(answered) = answered else { continue };
            let took = answered - begun;
            count.responses.push(took);
            count.rounds_in_time += i64::from(took <= 180_000);
            if at == 0 {
                count.first_responses.push(took);
                count.first_in_time += i64::from(took <= 180_000);
            }
        }
        customer.0 |= asked > 0;
        customer.1 |= rounds.iter().any(|(_, answered)| answered.is_some());
        customer.2 |= asked > 0 && replies > 0;
        let (first, last) =
            (&conversation.messages[0], &conversation.messages[conversation.messages.len() - 1]);
        count.lengths.push(millis(last.sent_at) - millis(first.sent_at));
        if let Some(satisfied) = conversation.satisfied {
            count.satisfied = (count.satisfied.0 + i64::from(satisfied), count.satisfied.1 + 1);
        }
        if let Some(completed) = conversation.completed {
            count.completed = (count.completed.0 + i64::from(completed), count.completed.1 + 1);
        }
    }
    count.asking = customers.values().filter(|c| c.0).count() as i64;
    count.answered_customers = customers.values().filter(|c| c.1).count() as i64;
    count.received = customers.values().filter(|c| c.2).count() as i64;
    count
}

/// When each round began and was answered.
fn rounds(conversation: &pb::Conversation) -> Vec<(i64, Option<i64>)> {
    let mut rounds: Vec<(i64, Option<i64>)> = Vec::new();
    for message in &conversation.messages {
        let at = millis(message.sent_at);
        match message.sender() {
            Sender::Customer if rounds.last().is_none_or(|round| round.1.is_some()) => {
                rounds.push((at, None));
            }
            Sender::Agent => match rounds.last_mut() {
                Some(round) if round.1.is_none() => round.1 = Some(at),
                _ => {}
            },
            _ => {}
        }
    }
    rounds
}

pub fn millis(at: Option<prost_types::Timestamp>) -> i64 {
    let at = at.expect("a time");
    at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000
}

/// Holds figures against a recount: counts exactly, medians and percentiles to 1 %.
pub fn assert_same(figures: &pb::Figures, recount: &Recount) {
    let rate = |rate: &Option<proto::common::v1::Rate>| rate.as_ref().map(|r| (r.numerator, r.denominator));
    assert_eq!(figures.conversations, recount.conversations, "conversations of {}", figures.key);
    assert_eq!(figures.received_customers, recount.received, "received customers of {}", figures.key);
    assert_eq!(rate(&figures.reply_rate), Some((recount.answered_customers, recount.asking)), "reply rate");
    assert_eq!(figures.replies, recount.replies);
    assert_eq!(figures.quick_replies, recount.quick_replies);
    assert_eq!(rate(&figures.assisted_reply_rate), Some((recount.assisted_replies, recount.replies)));
    assert_eq!(figures.customer_messages, recount.customer_messages);
    assert_eq!(rate(&figures.answered_rate), Some((recount.responses.len() as i64, recount.rounds)));
    assert_eq!(rate(&figures.in_time_rate), Some((recount.rounds_in_time, recount.rounds)));
    let asked = figures.first_in_time_rate.as_ref().map(|r| r.numerator);
    assert_eq!(asked, Some(recount.first_in_time));
    assert_eq!(figures.long_chats, recount.long_chats);
    assert_eq!(rate(&figures.satisfaction), Some(recount.satisfied));
    assert_eq!(rate(&figures.completion), Some(recount.completed));
    assert_spread(figures.response.as_ref(), &recount.responses);
    assert_spread(figures.first_response.as_ref(), &recount.first_responses);
    assert_spread(figures.length.as_ref(), &recount.lengths);
}

fn assert_spread(times: Option<&pb::Times>, durations: &[i64]) {
    let times = times.expect("a spread");
    let sum: i64 = durations.iter().sum();
    assert_eq!((times.count, times.sum_ms), (durations.len() as i64, sum));
    if durations.is_empty() {
        assert_eq!((times.average_seconds, times.median_seconds, times.p90_seconds), (None, None, None));
        return;
    }
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let nearest_rank = |tenths: usize| sorted[(sorted.len() * tenths).div_ceil(10) - 1] as f64 / 1_000.0;
    let close = |found: Option<f64>, exact: f64| {
        let found = found.expect("a value");
        assert!((found - exact).abs() <= exact * 0.01 + 1e-9, "{found} s is more than 1 % from {exact} s");
    };
    close(times.median_seconds, nearest_rank(5));
    close(times.p90_seconds, nearest_rank(9));
    close(times.average_seconds, sum as f64 / 1_000.0 / durations.len() as f64);
}
