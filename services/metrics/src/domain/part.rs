//! One conversation's part in the figures under one definition.
//!
//! A round (domain-knowledge 4.1) lasts from the customer's first unanswered message to the first reply after it;
//! a round that is never answered counts as begun. The first round gives the first response.

use crate::domain::bucket::{self, Bucket};
use crate::domain::conversation::Sender;
use crate::domain::definition::Rules;
use crate::domain::facts::Facts;
use crate::domain::sums::{Sum, Sums};

/// A spread of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spread {
    /// Over all answered rounds.
    Response,
    /// Over first rounds.
    FirstResponse,
    /// From first to last message.
    Length,
}

impl Spread {
    /// All of them, by position.
    pub const ALL: [Self; 3] = [Self::Response, Self::FirstResponse, Self::Length];
}

/// What a conversation adds to its agent's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Everything that adds up by itself. The customer sums stay 0: customers are counted once a day, see `tally`.
    pub sums: Sums,
    /// One entry per duration.
    pub durations: Vec<(Spread, Bucket)>,
    /// What it says of its customer.
    pub customer: CustomerPart,
}

/// What a conversation says of its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CustomerPart {
    /// The customer wrote.
    pub asked: bool,
    /// The customer was answered.
    pub answered: bool,
    /// Both sides wrote.
    pub received: bool,
}

/// A response round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Milliseconds after the start at which the customer began to wait.
    pub asked_ms: i64,
    /// How long until the answer; `None` if none came.
    pub response_ms: Option<i64>,
}

/// The rounds of a conversation, in order.
pub fn rounds(facts: &Facts, rules: &Rules) -> Vec<Round> {
    let mut rounds = Vec::new();
    let mut waiting_since = None;
    for message in &facts.messages {
        if message.sender == Sender::Customer {
            waiting_since.get_or_insert(message.offset_ms);
        } else if rules.is_reply(message.sender, message.quick_reply)
            && let Some(asked_ms) = waiting_since.take()
        {
            rounds.push(Round { asked_ms, response_ms: Some(message.offset_ms - asked_ms) });
        }
    }
    rounds.extend(waiting_since.map(|asked_ms| Round { asked_ms, response_ms: None }));
    rounds
}

impl Part {
    /// The part of `facts` under `rules`.
    pub fn of(facts: &Facts, rules: &Rules) -> Self {
        let mut sums = count_messages(facts, rules);
        let mut durations = Vec::new();
        let rounds = rounds(facts, rules);
        let answered = rounds.iter().any(|round| round.response_ms.is_some());
        for (at, round) in rounds.iter().enumerate() {
            if !rules.is_served(facts.start_of_day_ms + round.asked_ms) {
                continue;
            }
            let in_time = round.response_ms.is_some_and(|ms| ms <= i64::from(rules.in_time_seconds) * 1_000);
            sums[Sum::Rounds] += 1;
            sums[Sum::RoundsInTime] += i64::from(in_time);
            if at == 0 {
                sums[Sum::FirstAsked] = 1;
                sums[Sum::FirstInTime] = i64::from(in_time);
            }
            if let Some(ms) = round.response_ms {
                sums[Sum::RoundsAnswered] += 1;
                sums[Sum::ResponseMs] += ms;
                durations.push((Spread::Response, bucket::of(ms)));
                if at == 0 {
                    sums[Sum::FirstAnswered] = 1;
                    sums[Sum::FirstResponseMs] = ms;
                    durations.push((Spread::FirstResponse, bucket::of(ms)));
                }
            }
        }
        durations.push((Spread::Length, bucket::of(sums[Sum::LengthMs])));
        let customer = CustomerPart {
            asked: sums[Sum::CustomerMessages] > 0,
            answered,
            received: sums[Sum::CustomerMessages] > 0 && sums[Sum::Replies] > 0,
        };
        Self { sums, durations, customer }
    }
}

fn count_messages(facts: &Facts, rules: &Rules) -> Sums {
    let mut sums = Sums::default();
    sums[Sum::Conversations] = 1;
    for message in &facts.messages {
        sums[Sum::CustomerMessages] += i64::from(message.sender == Sender::Customer);
        sums[Sum::QuickReplies] += i64::from(message.sender == Sender::Agent && message.quick_reply);
        sums[Sum::Replies] += i64::from(rules.is_reply(message.sender, message.quick_reply));
    }
    sums[Sum::LongChats] = i64::from(sums[Sum::Replies] > i64::from(rules.long_chat_threshold));
    sums[Sum::Rated] = i64::from(facts.satisfied.is_some());
    sums[Sum::Satisfied] = i64::from(facts.satisfied == Some(true));
    sums[Sum::Marked] = i64::from(facts.completed.is_some());
    sums[Sum::Completed] = i64::from(facts.completed == Some(true));
    let first_ms = facts.messages.first().map_or(0, |m| m.offset_ms);
    sums[Sum::LengthMs] = facts.messages.last().map_or(0, |m| m.offset_ms) - first_ms;
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::definition::ServiceHours;
    use crate::domain::facts::MessageFact;

    /// `"10:10:15 C"`: the customer writes; `A` the agent, `Q` a quick reply, `B` the bot, `S` the system.
    fn facts(lines: &[&str]) -> Facts {
        let seconds = |clock: &str| {
            let parts: Vec<i64> = clock.split(':').map(|n| n.parse().expect("a number")).collect();
            parts[0] * 3_600 + parts[1] * 60 + parts[2]
        };
        let start = lines.first().map_or(0, |line| seconds(&line[..8]));
        let messages = lines.iter().map(|line| MessageFact {
            offset_ms: (seconds(&line[..8]) - start) * 1_000,
            sender: match &line[9..] {
                "C" => Sender::Customer,
                "B" => Sender::Bot,
                "S" => Sender::System,
                _ => Sender::Agent,
            },
            quick_reply: &line[9..] == "Q",
            length: 1,
        });
        Facts {
            start_of_day_ms: start * 1_000,
            closed_ms: 86_400_000,
            satisfied: None,
            completed: None,
            messages: messages.collect(),
        }
    }

    fn in_time(lines: &[&str], rules: &Rules) -> (i64, i64) {
        let part = Part::of(&facts(lines), rules);
        (part.sums[Sum::RoundsInTime], part.sums[Sum::Rounds])
    }

    #[test]
    fn the_worked_examples_of_the_three_minute_rate() {
        let rules = Rules::default();
        let a = ["10:10:15 C", "10:15:20 C", "10:18:10 A"];
        assert_eq!(in_time(&a, &rules), (0, 1), "(a)");
        let b = ["10:10:15 C", "10:15:20 C", "10:18:10 A", "10:18:30 C", "10:19:00 A"];
        assert_eq!(in_time(&b, &rules), (1, 2), "(b)");
        let c: Vec<String> = (0..10).map(|n| format!("10:1{}:00 C", n / 4)).collect();
        let c: Vec<&str> = c.iter().map(String::as_str).collect();
        assert_eq!(in_time(&c, &rules), (0, 1), "(c)");
    }

    #[test]
    fn exactly_the_limit_is_in_time() {
        assert_eq!(in_time(&["10:00:00 C", "10:03:00 A"], &Rules::default()), (1, 1));
        assert_eq!(in_time(&["10:00:00 C", "10:03:01 A"], &Rules::default()), (0, 1));
    }

    #[test]
    fn only_the_first_round_gives_the_first_response() {
        let part = Part::of(
            &facts(&["10:00:00 A", "10:00:10 C", "10:00:30 Q", "10:01:00 C", "10:01:50 A"]),
            &Rules::default(),
        );
        let sums = part.sums;
        assert_eq!(
            (sums[Sum::FirstAsked], sums[Sum::FirstAnswered], sums[Sum::FirstResponseMs]),
            (1, 1, 20_000)
        );
        assert_eq!((sums[Sum::RoundsAnswered], sums[Sum::ResponseMs]), (2, 70_000));
        assert_eq!((sums[Sum::Replies], sums[Sum::QuickReplies], sums[Sum::CustomerMessages]), (3, 1, 2));
        assert_eq!(sums[Sum::LengthMs], 110_000);
        let bucket = |ms| bucket::of(ms);
        assert_eq!(
            part.durations,
            [
                (Spread::Response, bucket(20_000)),
                (Spread::FirstResponse, bucket(20_000)),
                (Spread::Response, bucket(50_000)),
                (Spread::Length, bucket(110_000)),
            ]
        );
    }

    #[test]
    fn bots_and_quick_replies_answer_only_where_the_definition_says_so() {
        let chat = ["10:00:00 C", "10:00:01 B", "10:00:02 S", "10:00:05 Q", "10:05:00 A"];
        let check = |quick_replies_count, bots_count, response_ms, replies| {
            let rules = Rules { quick_replies_count, bots_count, ..Rules::default() };
            let sums = Part::of(&facts(&chat), &rules).sums;
            assert_eq!((sums[Sum::ResponseMs], sums[Sum::Replies]), (response_ms, replies));
        };
        check(true, false, 5_000, 2);
        check(false, false, 300_000, 1);
        check(true, true, 1_000, 3);
        check(false, true, 1_000, 2);
    }

    #[test]
    fn rounds_outside_service_hours_are_left_out_but_the_customer_still_counts() {
        let hours = ServiceHours { from_minute: 480, to_minute: 1_380 };
        let rules = Rules { service_hours: Some(hours), ..Rules::default() };
        let part = Part::of(&facts(&["07:59:00 C", "08:00:30 A", "08:01:00 C", "08:01:10 A"]), &rules);
        assert_eq!(
            (part.sums[Sum::Rounds], part.sums[Sum::ResponseMs], part.sums[Sum::FirstAsked]),
            (1, 10_000, 0)
        );
        assert_eq!(part.customer, CustomerPart { asked: true, answered: true, received: true });
    }

    #[test]
    fn a_customer_is_received_when_both_sides_wrote_and_answered_when_a_reply_followed() {
        let check = |lines: &[&str], asked, answered, received| {
            let customer = Part::of(&facts(lines), &Rules::default()).customer;
            assert_eq!(customer, CustomerPart { asked, answered, received }, "{lines:?}");
        };
        check(&["10:00:00 C", "10:00:01 A"], true, true, true);
        check(&["10:00:00 A", "10:00:01 C"], true, false, true);
        check(&["10:00:00 C"], true, false, false);
        check(&["10:00:00 A"], false, false, false);
        check(&["10:00:00 C", "10:00:01 B"], true, false, false);
    }

    #[test]
    fn a_long_chat_has_more_replies_than_the_threshold() {
        let lines: Vec<String> = (10..21).map(|n| format!("10:00:{n} A")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(Part::of(&facts(&lines), &Rules::default()).sums[Sum::LongChats], 1);
        assert_eq!(Part::of(&facts(&lines[1..]), &Rules::default()).sums[Sum::LongChats], 0);
    }
}
