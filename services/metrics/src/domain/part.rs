//! One conversation's parts in the figures under one definition: that of its account, and those of others who answered
//! in it.
//!
//! A round (domain-knowledge 4.1) lasts from the customer's first unanswered message to the first reply after it;
//! a round that is never answered counts as begun. The first round gives the first response.

use crate::domain::conversation::Sender;
use crate::domain::definition::{BotOnly, CustomerUnit, Rules};
use crate::domain::facts::{Facts, OWNER, Who};
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

/// What a conversation adds to an account's day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Everything that adds up by itself. The customer sums stay 0: customers are counted once a day, see `tally`.
    pub sums: Sums,
    /// One entry per duration, in milliseconds.
    pub durations: Vec<(Spread, i64)>,
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
    /// A round decides whether the customer was answered in time.
    pub due: bool,
    /// Such a round was not.
    pub late: bool,
}

/// A response round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Milliseconds after the start at which the customer began to wait.
    pub asked_ms: i64,
    /// How long until the answer; `None` if none came.
    pub response_ms: Option<i64>,
    /// Whose round it is: who answered, or whose conversation it is if nobody did.
    pub who: Who,
    /// Messages of the customer in it.
    pub messages: i64,
}

/// The rounds of a conversation, in order. Every message of the customer is in one.
pub fn rounds(facts: &Facts, rules: &Rules) -> Vec<Round> {
    let mut rounds = Vec::new();
    let mut open: Option<Round> = None;
    for message in &facts.messages {
        if message.sender == Sender::Customer {
            let asked = Round { asked_ms: message.offset_ms, response_ms: None, who: OWNER, messages: 0 };
            open.get_or_insert(asked).messages += 1;
        } else if rules.is_reply(message.sender, message.quick_reply)
            && let Some(round) = open.take()
        {
            let response_ms = Some(message.offset_ms - round.asked_ms);
            rounds.push(Round { response_ms, who: message.who, ..round });
        }
    }
    rounds.extend(open);
    rounds
}

/// Whether a conversation says nothing about answers under `rules`: the bot answered the customer, no agent wrote, and
/// nobody handed the customer over to the account, so that the customer never reached a person.
pub fn is_left_out(facts: &Facts, rules: &Rules) -> bool {
    if rules.bot_only == BotOnly::Unanswered || rules.bots_count || facts.transferred_in {
        return false;
    }
    let mut asked = facts.messages.iter().skip_while(|message| message.sender != Sender::Customer);
    asked.any(|message| message.sender == Sender::Bot)
        && !facts.messages.iter().any(|message| message.sender == Sender::Agent)
}

impl Part {
    /// The parts of a conversation under `rules`, by account: first its own account's, then those of the others that
    /// answered in it. A reply and the round it ends belong to who sent it; everything else to the conversation's account.
    pub fn all(facts: &Facts, rules: &Rules) -> Vec<Self> {
        let mut parts = vec![Self::default(); facts.others.len() + 1];
        let mut asked = false;
        for message in &facts.messages {
            let sums = &mut parts[message.who].sums;
            asked |= message.sender == Sender::Customer;
            sums[Sum::QuickReplies] += i64::from(message.sender == Sender::Agent && message.quick_reply);
            let is_reply = rules.is_reply(message.sender, message.quick_reply);
            sums[Sum::Replies] += i64::from(is_reply);
            sums[Sum::AssistedReplies] += i64::from(is_reply && message.assisted);
        }
        let replies: i64 = parts.iter().map(|part| part.sums[Sum::Replies]).sum();
        for part in &mut parts {
            part.customer.received = asked && part.sums[Sum::Replies] > 0;
        }
        let left_out = is_left_out(facts, rules);
        for (at, round) in rounds(facts, rules).iter().enumerate() {
            let part = &mut parts[round.who];
            part.sums[Sum::CustomerMessages] += round.messages;
            if !left_out {
                let is_served = rules.is_served(facts.start_of_day_ms + round.asked_ms);
                part.count_round(round, at == 0, is_served, rules);
            }
        }
        parts[OWNER].count_conversation(facts, replies > i64::from(rules.long_chat_threshold));
        parts
    }

    /// The durations of one kind, in milliseconds.
    pub fn durations_of(&self, spread: Spread) -> impl Iterator<Item = i64> {
        self.durations.iter().filter(move |(of, _)| *of == spread).map(|(_, ms)| *ms)
    }

    /// The part of a conversation in which nobody else answered.
    #[cfg(test)]
    pub fn of(facts: &Facts, rules: &Rules) -> Self {
        Self::all(facts, rules).remove(OWNER)
    }

    fn count_round(&mut self, round: &Round, first: bool, is_served: bool, rules: &Rules) {
        if is_served || !rules.customers_in_service_hours {
            self.customer.asked = true;
            self.customer.answered |= round.response_ms.is_some();
        }
        if !is_served {
            return;
        }
        let in_time = round.response_ms.is_some_and(|ms| ms <= i64::from(rules.in_time_seconds) * 1_000);
        if first || rules.customer_unit == CustomerUnit::EveryRound {
            self.customer.due = true;
            self.customer.late |= !in_time;
        }
        self.sums[Sum::Rounds] += 1;
        self.sums[Sum::RoundsInTime] += i64::from(in_time);
        if first {
            self.sums[Sum::FirstAsked] = 1;
            self.sums[Sum::FirstInTime] = i64::from(in_time);
        }
        if let Some(ms) = round.response_ms {
            self.sums[Sum::RoundsAnswered] += 1;
            self.sums[Sum::ResponseMs] += ms;
            self.durations.push((Spread::Response, ms));
            if first {
                self.sums[Sum::FirstAnswered] = 1;
                self.sums[Sum::FirstResponseMs] = ms;
                self.durations.push((Spread::FirstResponse, ms));
            }
        }
    }

    fn count_conversation(&mut self, facts: &Facts, long: bool) {
        let sums = &mut self.sums;
        sums[Sum::Conversations] = 1;
        sums[Sum::LongChats] = i64::from(long);
        sums[Sum::Rated] = i64::from(facts.satisfied.is_some());
        sums[Sum::Satisfied] = i64::from(facts.satisfied == Some(true));
        sums[Sum::Marked] = i64::from(facts.completed.is_some());
        sums[Sum::Completed] = i64::from(facts.completed == Some(true));
        sums[Sum::TransferredIn] = i64::from(facts.transferred_in);
        sums[Sum::TransferredOut] = i64::from(facts.transferred_out);
        let first_ms = facts.messages.first().map_or(0, |m| m.offset_ms);
        sums[Sum::LengthMs] = facts.messages.last().map_or(0, |m| m.offset_ms) - first_ms;
        self.durations.push((Spread::Length, sums[Sum::LengthMs]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::definition::ServiceHours;
    use crate::domain::facts::MessageFact;

    /// `"10:10:15 C"`: the customer writes; `A` the agent, `Q` a quick reply, `B` the bot, `S` the system, `1` and `2`
    /// other agents.
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
            assisted: &line[9..] == "P",
            length: 1,
            who: line[9..].parse().unwrap_or(OWNER),
        });
        Facts {
            start_of_day_ms: start * 1_000,
            closed_ms: 86_400_000,
            satisfied: None,
            completed: None,
            transferred_in: false,
            transferred_out: false,
            others: vec!["one".to_owned(), "two".to_owned()],
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

    /// Domain-knowledge 4.1: how platforms count in persons, and in which window.
    #[test]
    fn the_persons_rates_of_kuaishou_and_pinduoduo() {
        let hours = |from: i32, to: i32| Some(ServiceHours { from_minute: from * 60, to_minute: to * 60 });
        let pinduoduo = Rules {
            in_time_seconds: 3_600,
            service_hours: hours(8, 23),
            customer_unit: CustomerUnit::EveryRound,
            ..Rules::default()
        };
        let kuaishou = Rules {
            in_time_seconds: 180,
            customer_unit: CustomerUnit::FirstRound,
            bot_only: BotOnly::LeftOut,
            ..pinduoduo.clone()
        };
        let judge = |lines: &[&str], rules: &Rules| {
            let customer = Part::of(&facts(lines), rules).customer;
            (customer.due, customer.late)
        };
        let check = |lines: &[&str], by_first: (bool, bool), by_every: (bool, bool)| {
            assert_eq!(judge(lines, &kuaishou), by_first, "Kuaishou {lines:?}");
            assert_eq!(judge(lines, &pinduoduo), by_every, "Pinduoduo {lines:?}");
        };
        check(&["10:00:00 C", "10:02:00 A"], (true, false), (true, false));
        check(&["10:00:00 C", "10:04:00 A"], (true, true), (true, false));
        check(&["10:00:00 C", "10:02:00 A", "10:10:00 C", "11:20:00 A"], (true, false), (true, true));
        check(&["10:00:00 C", "10:02:00 A", "10:10:00 C"], (true, false), (true, true));
        // Whom the bot alone served didn't reach a human, and so is in no part of Kuaishou's rate; Pinduoduo counts
        // whoever consulted. What a bot says answers for neither.
        check(&["10:00:00 C", "10:00:01 B"], (false, false), (true, true));
        check(&["10:00:00 C", "10:00:01 B", "10:00:20 C"], (false, false), (true, true));
        check(&["10:00:00 C", "10:00:01 B", "10:02:00 A"], (true, false), (true, false));
        check(&["10:00:00 C", "10:00:01 B", "10:04:00 A"], (true, true), (true, false));
        // A bot that greets has served nobody: the customer waits for a person.
        check(&["09:59:59 B", "10:00:00 C"], (true, true), (true, true));
        check(&["10:00:00 C"], (true, true), (true, true));
        // Before eight nobody has to answer.
        check(&["07:00:00 C", "09:30:00 A"], (false, false), (false, false));
        // Handed over to a person who wrote nothing, they did reach one.
        let mut handed_over = facts(&["10:00:00 C", "10:00:01 B"]);
        handed_over.transferred_in = true;
        let customer = Part::of(&handed_over, &kuaishou).customer;
        assert_eq!((customer.due, customer.late), (true, true));
    }

    #[test]
    fn whom_the_bot_alone_served_lowers_no_rate_where_the_definition_leaves_them_out() {
        let chat = facts(&["10:00:00 C", "10:00:01 B", "10:00:05 C", "10:00:06 B"]);
        let rates = |rules: &Rules| {
            let Part { sums, customer, .. } = Part::of(&chat, rules);
            let of = |sum: Sum| sums[sum];
            let asked = (of(Sum::Rounds), of(Sum::FirstAsked), customer.asked, customer.due);
            (asked, of(Sum::CustomerMessages), of(Sum::Conversations), customer.answered)
        };
        let as_before = Rules::default();
        assert_eq!(rates(&as_before), ((1, 1, true, true), 2, 1, false));
        let left_out = Rules { bot_only: BotOnly::LeftOut, ..as_before };
        assert_eq!(rates(&left_out), ((0, 0, false, false), 2, 1, false), "what happened still counts");
        // Where bots answer there is nobody to leave out.
        let bots_count = Rules { bots_count: true, ..left_out };
        assert_eq!(rates(&bots_count), ((2, 1, true, true), 2, 1, true));
    }

    /// Domain-knowledge 4.1, second source, second rule: of the persons who consulted from 8 to 23 those whom 店小蜜 or a
    /// human answered.
    #[test]
    fn the_reply_rate_of_persons_honours_the_hours() {
        let rules = Rules {
            bots_count: true,
            service_hours: Some(ServiceHours { from_minute: 8 * 60, to_minute: 23 * 60 }),
            customers_in_service_hours: true,
            ..Rules::default()
        };
        let by_any_round = Rules { customers_in_service_hours: false, ..rules.clone() };
        let check = |lines: &[&str], in_hours: (bool, bool), all_day: (bool, bool)| {
            let judge = |rules: &Rules| {
                let customer = Part::of(&facts(lines), rules).customer;
                (customer.asked, customer.answered)
            };
            assert_eq!(judge(&rules), in_hours, "in hours {lines:?}");
            assert_eq!(judge(&by_any_round), all_day, "all day {lines:?}");
        };
        check(&["10:00:00 C", "10:00:01 B"], (true, true), (true, true));
        check(&["10:00:00 C", "12:00:00 A"], (true, true), (true, true));
        check(&["10:00:00 C"], (true, false), (true, false));
        check(&["07:59:59 C", "08:30:00 A"], (false, false), (true, true));
        check(&["22:59:59 C", "23:30:00 A"], (true, true), (true, true));
        check(&["23:00:00 C", "23:00:01 A"], (false, false), (true, true));
        check(&["07:00:00 C", "07:01:00 A", "09:00:00 C"], (true, false), (true, true));
    }

    /// Domain-knowledge 4.1, the table: who may answer in the rates by rounds.
    #[test]
    fn the_first_source_counts_bots_and_the_second_ones_first_rule_does_not() {
        let hours = |from: i32, to: i32| Some(ServiceHours { from_minute: from * 60, to_minute: to * 60 });
        let first = Rules { bots_count: true, service_hours: hours(8, 24), ..Rules::default() };
        let second = Rules { service_hours: hours(9, 23), ..Rules::default() };
        let chat = ["08:30:00 C", "08:30:01 B", "10:00:00 C", "10:00:01 B", "10:05:00 A", "23:30:00 C"];
        assert_eq!(in_time(&chat, &first), (2, 3));
        assert_eq!(
            in_time(&chat, &second),
            (0, 0),
            "the only round in which a human answers began before nine"
        );
        assert_eq!(in_time(&chat[2..], &second), (0, 1));
    }

    #[test]
    fn the_three_windows_of_the_sources_can_be_said() {
        let check = |from: i32, to: i32, rounds: (i64, i64)| {
            let service_hours = Some(ServiceHours { from_minute: from * 60, to_minute: to * 60 });
            let rules = Rules { service_hours, ..Rules::default() };
            let chat = ["08:30:00 C", "08:31:00 A", "12:00:00 C", "12:01:00 A", "23:30:00 C", "23:31:00 A"];
            assert_eq!(in_time(&chat, &rules), rounds, "{from}-{to}");
        };
        check(8, 24, (3, 3));
        check(8, 23, (2, 2));
        check(9, 23, (1, 1));
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
        assert_eq!(
            part.durations,
            [
                (Spread::Response, 20_000),
                (Spread::FirstResponse, 20_000),
                (Spread::Response, 50_000),
                (Spread::Length, 110_000),
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
    fn what_the_bot_proposed_is_the_agents_reply() {
        let chat = ["10:00:00 C", "10:00:04 B", "10:00:10 P", "10:01:00 C", "10:01:30 A"];
        let part = Part::of(&facts(&chat), &Rules::default());
        let sums = part.sums;
        assert_eq!((sums[Sum::Replies], sums[Sum::AssistedReplies], sums[Sum::ResponseMs]), (2, 1, 40_000));
        assert!(part.customer.received && part.customer.answered);
        // The bot's own words are nobody's, and no bot alone served whom an agent answered with its help.
        let left_out = Rules { bot_only: BotOnly::LeftOut, ..Rules::default() };
        let helped = Part::of(&facts(&["10:00:00 C", "10:00:04 B", "10:00:10 P"]), &left_out).sums;
        assert_eq!(
            (helped[Sum::Rounds], helped[Sum::RoundsAnswered], helped[Sum::AssistedReplies]),
            (1, 1, 1)
        );
        let counted = Rules { bots_count: true, ..Rules::default() };
        let sums = Part::of(&facts(&chat), &counted).sums;
        assert_eq!((sums[Sum::Replies], sums[Sum::AssistedReplies]), (3, 1));
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
        let customer = CustomerPart { asked: true, answered: true, received: true, due: true, late: false };
        assert_eq!(part.customer, customer);
    }

    #[test]
    fn a_customer_is_received_when_both_sides_wrote_and_answered_when_a_reply_followed() {
        let check = |lines: &[&str], asked, answered, received| {
            let found = Part::of(&facts(lines), &Rules::default()).customer;
            assert_eq!(
                (found.asked, found.answered, found.received),
                (asked, answered, received),
                "{lines:?}"
            );
        };
        check(&["10:00:00 C", "10:00:01 A"], true, true, true);
        check(&["10:00:00 A", "10:00:01 C"], true, false, true);
        check(&["10:00:00 C"], true, false, false);
        check(&["10:00:00 A"], false, false, false);
        check(&["10:00:00 C", "10:00:01 B"], true, false, false);
    }

    /// Who wrote in it: customer messages, replies, rounds, response milliseconds, conversations, received.
    fn shares(lines: &[&str]) -> Vec<(i64, i64, i64, i64, i64, bool)> {
        let share = |part: &Part| {
            let of = |sum| part.sums[sum];
            (
                of(Sum::CustomerMessages),
                of(Sum::Replies),
                of(Sum::Rounds),
                of(Sum::ResponseMs),
                of(Sum::Conversations),
                part.customer.received,
            )
        };
        Part::all(&facts(lines), &Rules::default()).iter().map(share).collect()
    }

    #[test]
    fn a_reply_and_its_round_belong_to_who_sent_it_and_the_conversation_to_its_account() {
        let lines = ["10:00:00 C", "10:00:10 1", "10:01:00 C", "10:01:05 C", "10:01:20 A", "10:02:00 C"];
        assert_eq!(
            shares(&lines),
            [(3, 1, 2, 20_000, 1, true), (1, 1, 1, 10_000, 0, true), (0, 0, 0, 0, 0, false)],
            "the unanswered round is that of the conversation's account"
        );
        let parts = Part::all(&facts(&lines), &Rules::default());
        assert_eq!((parts[0].sums[Sum::FirstAsked], parts[1].sums[Sum::FirstAnswered]), (0, 1));
        assert_eq!((parts[1].sums[Sum::LengthMs], parts[1].durations.len()), (0, 2), "no length of its own");
        assert_eq!(parts[2], Part::default());
        // Somebody else did all: the account's reply rate must not suffer from it.
        let parts = Part::all(&facts(&["10:00:00 C", "10:00:10 2"]), &Rules::default());
        assert_eq!(parts[0].customer, CustomerPart::default());
        assert!(parts[2].customer.asked && parts[2].customer.answered && parts[2].customer.received);
    }

    #[test]
    fn the_parts_of_all_accounts_add_up_to_that_of_one_account_alone() {
        let shared = ["10:00:00 C", "10:00:10 1", "10:01:00 C", "10:03:00 2", "10:04:00 A", "10:05:00 C"];
        let alone: Vec<String> = shared.iter().map(|l| l.replace(['1', '2'], "A")).collect();
        let alone: Vec<String> =
            alone.iter().zip(shared).map(|(a, l)| format!("{}{}", &l[..9], &a[9..])).collect();
        let alone: Vec<&str> = alone.iter().map(String::as_str).collect();
        let mut sum = Sums::default();
        Part::all(&facts(&shared), &Rules::default()).iter().for_each(|part| sum += &part.sums);
        assert_eq!(sum, Part::of(&facts(&alone), &Rules::default()).sums);
    }

    #[test]
    fn a_long_chat_has_more_replies_than_the_threshold() {
        let lines: Vec<String> = (10..21).map(|n| format!("10:00:{n} A")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(Part::of(&facts(&lines), &Rules::default()).sums[Sum::LongChats], 1);
        assert_eq!(Part::of(&facts(&lines[1..]), &Rules::default()).sums[Sum::LongChats], 0);
    }
}
