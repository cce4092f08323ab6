//! What a customer's conversations add: receptions, inquiries and their conversion, first contacts. What accounts wrote in
//! them is in `timeline_writing`.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::conversation::Sender;
use crate::domain::credit::{Credit, Ordered};
use crate::domain::explanation::{Reason, Recorded};
use crate::domain::fact::Body;
use crate::domain::timeline::{Item, Seen, Share, Timeline, Topic, days_between, first_message_at};
use crate::domain::trade::{TradeSpread, TradeSum};
use crate::domain::trade_rules::FirstContact;

/// The last day after the inquiry's on which an order or payment still is a next-day one.
const NEXT_DAY: i64 = 1;

pub(super) fn shares(timeline: &Timeline<'_>) -> Vec<Share> {
    let mut shares = Vec::new();
    let mut received: HashSet<(NaiveDate, &str)> = HashSet::new();
    let outcomes = Outcomes::of(timeline);
    for (at, (chat, seen)) in timeline.history.chats().iter().zip(&timeline.seen).enumerate() {
        let share = |topic| Share::new(topic, Item::Chat(at), chat.agent_day.day, &chat.agent_day.account);
        let first = seen.received && received.insert((chat.agent_day.day, &chat.agent_day.account));
        let silent = unreceived(seen).or((!first).then_some(Reason::RepeatCustomer));
        shares.push(reception(share(Topic::Reception), seen, silent));
        shares.push(inquiry(share(Topic::Inquiry), timeline, chat, silent, &outcomes));
        shares.push(first_contact(share(Topic::FirstContact), timeline, at));
    }
    shares
}

/// Why nobody was received in a conversation.
fn unreceived(seen: &Seen) -> Option<Reason> {
    match (seen.asked, seen.received) {
        (false, _) => Some(Reason::NoCustomerMessage),
        (true, false) => Some(Reason::NoReply),
        (true, true) => None,
    }
}

fn reception(mut share: Share, seen: &Seen, silent: Option<Reason>) -> Share {
    share.sums.push((TradeSum::Conversations, 1));
    share.buckets.extend(seen.hours.iter().map(|hour| (TradeSpread::ActiveHour, *hour)));
    match silent {
        None => share.sums.push((TradeSum::ReceivedCustomers, 1)),
        Some(reason) => share.missing.push((TradeSum::ReceivedCustomers, reason)),
    }
    share
}

/// Orders and payments as conversions look at them.
struct Outcomes<'a> {
    orders: Vec<Outcome<'a>>,
    payments: Vec<Outcome<'a>>,
}

struct Outcome<'a> {
    at: DateTime<Utc>,
    day: NaiveDate,
    credit: Option<Credit<'a>>,
    excluded: bool,
}

impl<'a> Outcomes<'a> {
    fn of(timeline: &Timeline<'a>) -> Self {
        let credits = &timeline.credits;
        let orders = credits.orders().map(|ordered| Outcome {
            at: ordered.fact.occurred_at,
            day: ordered.fact.day,
            credit: ordered.credit,
            excluded: ordered.excluded(),
        });
        let payments = timeline.history.facts().iter().enumerate().filter_map(|(at, fact)| {
            let Body::Payment { order, .. } = &fact.body else { return None };
            Some(Outcome {
                at: fact.occurred_at,
                day: fact.day,
                credit: credits.credit_of_payment(at),
                excluded: credits.order(order).is_some_and(Ordered::excluded),
            })
        });
        Self { orders: orders.collect(), payments: payments.collect() }
    }
}

fn inquiry(
    mut share: Share,
    timeline: &Timeline<'_>,
    chat: &Recorded,
    silent: Option<Reason>,
    outcomes: &Outcomes<'_>,
) -> Share {
    const CONVERSIONS: [TradeSum; 4] =
        [TradeSum::OrderedNextDay, TradeSum::Ordered, TradeSum::PaidNextDay, TradeSum::Paid];
    let trade = &timeline.rules.trade;
    let (asked_at, day) = (first_message_at(chat), share.day);
    let window = i64::from(trade.attribution_days);
    let ordered_before = || {
        let recent = 0..=i64::from(trade.after_sale_days);
        outcomes.orders.iter().any(|o| o.at < asked_at && recent.contains(&days_between(o.day, day)))
    };
    let only_excluded = || {
        let mut orders = outcomes.orders.iter().filter(|o| follows(o, asked_at, day, window)).peekable();
        orders.peek().is_some() && orders.all(|o| o.excluded)
    };
    let left_out = silent
        .or_else(|| ordered_before().then_some(Reason::OrderedBefore))
        .or_else(|| only_excluded().then_some(Reason::ExcludedOrder));
    match left_out {
        Some(Reason::ExcludedOrder) => share.sums.push((TradeSum::AssistedCustomers, 1)),
        reason => share.missing.push((TradeSum::AssistedCustomers, reason.unwrap_or(Reason::NotExcluded))),
    }
    if let Some(reason) = left_out {
        share.missing.push((TradeSum::Inquiries, reason));
        share.missing.extend(CONVERSIONS.map(|sum| (sum, reason)));
        return share;
    }
    share.sums.push((TradeSum::Inquiries, 1));
    let steps = [
        (TradeSum::OrderedNextDay, &outcomes.orders, NEXT_DAY.min(window), Reason::NotOrdered),
        (TradeSum::Ordered, &outcomes.orders, window, Reason::NotOrdered),
        (TradeSum::PaidNextDay, &outcomes.payments, NEXT_DAY.min(window), Reason::NotPaid),
        (TradeSum::Paid, &outcomes.payments, window, Reason::NotPaid),
    ];
    for (sum, outcomes, days, reason) in steps {
        let converts = |o: &&Outcome<'_>| {
            let credited = o.credit.is_some_and(|credit| credit.is_of(&share.account));
            !o.excluded && credited && follows(o, asked_at, day, days)
        };
        match outcomes.iter().find(converts) {
            Some(_) => share.sums.push((sum, 1)),
            None => share.missing.push((sum, reason)),
        }
    }
    share
}

/// Whether it came after the question and at most `days` business days later.
fn follows(outcome: &Outcome<'_>, asked_at: DateTime<Utc>, day: NaiveDate, days: i64) -> bool {
    outcome.at >= asked_at && (0..=days).contains(&days_between(day, outcome.day))
}

fn first_contact(mut share: Share, timeline: &Timeline<'_>, at: usize) -> Share {
    let trade = &timeline.rules.trade;
    let chat = &timeline.history.chats()[at];
    let judged = unreceived(&timeline.seen[at]).map_or_else(
        || match trade.first_contact {
            FirstContact::OneAnswer => one_answer(timeline, chat),
            FirstContact::NoReturn => no_return(timeline, at),
            FirstContact::Survey => survey(timeline, at),
        },
        Err,
    );
    match judged {
        Err(left_out) => {
            share.missing.push((TradeSum::FirstContacts, left_out));
            share.missing.push((TradeSum::FirstContactsResolved, left_out));
        }
        Ok(unresolved) => {
            share.sums.push((TradeSum::FirstContacts, 1));
            match unresolved {
                None => share.sums.push((TradeSum::FirstContactsResolved, 1)),
                Some(reason) => share.missing.push((TradeSum::FirstContactsResolved, reason)),
            }
        }
    }
    share
}

/// Why a contact doesn't count at all; else why it was not resolved, if so.
type Judged = Result<Option<Reason>, Reason>;

fn one_answer(timeline: &Timeline<'_>, chat: &Recorded) -> Judged {
    match chat.facts.completed {
        None => return Err(Reason::NoMark),
        Some(false) => return Err(Reason::NotCompleted),
        Some(true) => {}
    }
    let mut messages = chat.facts.messages.iter().skip_while(|m| m.sender != Sender::Customer);
    let answered = messages.any(|m| timeline.rules.is_reply(m.sender, m.quick_reply));
    let asked_again = messages.any(|m| m.sender == Sender::Customer);
    Ok(match (answered, asked_again) {
        (false, _) => Some(Reason::NotAnswered),
        (true, true) => Some(Reason::CameBack),
        (true, false) => None,
    })
}

fn no_return(timeline: &Timeline<'_>, at: usize) -> Judged {
    if contacts(timeline, at).before {
        return Err(Reason::NotFirstContact);
    }
    Ok(contacts(timeline, at).after.then_some(Reason::CameBack))
}

fn survey(timeline: &Timeline<'_>, at: usize) -> Judged {
    if contacts(timeline, at).before {
        return Err(Reason::NotFirstContact);
    }
    match timeline.history.chats()[at].facts.satisfied {
        None => Err(Reason::NotRated),
        Some(satisfied) => Ok((!satisfied).then_some(Reason::NotSatisfied)),
    }
}

/// Whether the customer wrote in another conversation shortly before or after one.
struct Contacts {
    before: bool,
    after: bool,
}

fn contacts(timeline: &Timeline<'_>, at: usize) -> Contacts {
    let chats = timeline.history.chats();
    let day = chats[at].agent_day.day;
    let near = 0..=i64::from(timeline.rules.trade.first_contact_days);
    let contact = |other: usize, distance: i64| timeline.seen[other].asked && near.contains(&distance);
    Contacts {
        before: (0..at).any(|other| contact(other, days_between(chats[other].agent_day.day, day))),
        after: (at + 1..chats.len())
            .any(|other| contact(other, days_between(day, chats[other].agent_day.day))),
    }
}
