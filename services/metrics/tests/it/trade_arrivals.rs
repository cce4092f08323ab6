//! Small random worlds of customers: conversations and facts of all kinds that are about each other.

use std::collections::HashSet;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;

use crate::fact_support::{local, yuan};
use crate::support::{chat, timed};

/// What comes in.
#[derive(Debug, Clone)]
pub enum Arrival {
    Chat(pb::Conversation),
    Fact(pb::Fact),
}

/// A local time within eight days.
fn clock(minute: i64) -> String {
    let midnight =
        NaiveDate::from_ymd_opt(2020, 5, 10).and_then(|day| day.and_hms_opt(0, 0, 0)).expect("a time");
    (midnight + TimeDelta::minutes(minute)).format("%Y-%m-%dT%H:%M:%S").to_string()
}

const MINUTES: i64 = 8 * 1_440;

pub fn any_chat() -> impl Strategy<Value = Arrival> {
    let messages = prop::collection::vec(
        (0..4_000_u32, prop::sample::select(vec!["C", "A", "Q", "B", "S", "H", "I"])),
        1..6,
    );
    let answers = (any::<Option<bool>>(), any::<Option<bool>>());
    (0..8_u32, 0..3_i64, 0..2_u32, 0..2_u32, 0..MINUTES, messages, answers).prop_map(
        |(id, revision, account, customer, minute, messages, (satisfied, completed))| {
            let messages = timed(messages);
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            let (account, customer) = (format!("a-{account}"), format!("b-{customer}"));
            let mut chat = chat(&format!("c-{id}"), &account, &customer, &clock(minute), &messages);
            // Colleagues answer too: one who has chats of their own, and one who has none.
            for (message, text) in chat.messages.iter_mut().zip(&messages) {
                message.account_id = match text.chars().last() {
                    Some('H') => if account == "a-0" { "a-1" } else { "a-0" }.to_owned(),
                    Some('I') => "a-2".to_owned(),
                    _ => String::new(),
                };
            }
            Arrival::Chat(pb::Conversation { revision, satisfied, completed, ..chat })
        },
    )
}

pub fn any_fact() -> impl Strategy<Value = Arrival> {
    // Orders and payments are what everything hangs on: half of all facts.
    let kind = prop_oneof![Just(0_u32), Just(0), Just(1), Just(1), Just(2), 3..12_u32];
    let who = (0..2_u32, 0..6_u32);
    (kind, 0..5_u32, 0..3_i64, who, 0..MINUTES, 0..4_u32, 0..60_i32, any::<Option<bool>>()).prop_map(
        |(kind, id, revision, (customer, account), minute, order, variant, mark)| {
            let fact = pb::Fact {
                shop_id: "star".to_owned(),
                fact_id: format!("k-{id}"),
                revision,
                occurred_at: Some(local(&clock(minute))),
                customer_id: format!("b-{customer}"),
                // One in three names somebody.
                account_id: if account < 2 { format!("a-{account}") } else { String::new() },
                body: Some(body(kind, &format!("k-{order}"), minute, variant, mark)),
            };
            Arrival::Fact(fact)
        },
    )
}

fn body(kind: u32, order: &str, minute: i64, variant: i32, mark: Option<bool>) -> Body {
    let (order_id, amount) = (order.to_owned(), yuan(i64::from(variant) * 777));
    let product_id = format!("p-{}", variant % 3);
    let later = || Some(local(&clock(minute + i64::from(variant) * 90)));
    let conversation = (variant % 2 == 0).then(|| pb::FactConversation {
        channel: "chat".to_owned(),
        conversation_id: format!("c-{}", variant % 10),
    });
    match kind {
        0 => Body::Order(pb::Order {
            lines: lines(variant),
            amount,
            excluded_reason: if variant % 5 == 0 { "special".to_owned() } else { String::new() },
            ..Default::default()
        }),
        1 => Body::Payment(pb::Payment { order_id, amount }),
        2 => Body::Refund(pb::Refund {
            order_id,
            amount,
            kind: 1 + variant % 2,
            completed_at: if variant % 3 == 0 { None } else { later() },
            platform_help: mark,
            judged_against_shop: (mark == Some(true) && variant % 4 > 0).then_some(variant % 4 == 1),
            ..Default::default()
        }),
        3 => Body::Cart(pb::Cart { product_id, quantity: 1, amount }),
        4 => Body::Complaint(pb::Complaint {
            order_id,
            conversation,
            severity: 1 + variant % 4,
            upheld: mark,
            ..Default::default()
        }),
        5 => Body::Satisfaction(pb::Satisfaction { conversation, score: 1 + variant % 5 }),
        6 => Body::StoreRating(pb::StoreRating {
            order_id,
            item_score: 1 + variant % 5,
            service_score: 1 + variant % 4,
            delivery_score: 1 + variant % 3,
        }),
        7 => Body::BuyerReview(pb::BuyerReview { order_id, rating: 1 + variant % 3, ..Default::default() }),
        8 => Body::BotEvent(pb::BotEvent {
            outcome: 1 + variant % 4,
            question_class: 1 + variant % 3,
            conversation,
            ..Default::default()
        }),
        9 => Body::Handling(pb::Handling {
            kind: 1 + variant % 2,
            task_id: order_id,
            opened_at: Some(local(&clock(minute - i64::from(variant)))),
            accurate: mark,
        }),
        10 => Body::MemberSignup(pb::MemberSignup {}),
        _ => Body::Recommendation(pb::Recommendation { product_id, kind: 1 + variant % 2, conversation }),
    }
}

/// One to three lines that need not cost what is to be paid; a product twice, gifts, and none with a category.
fn lines(variant: i32) -> Vec<pb::OrderLine> {
    let line = |at: i32| {
        let product = (variant + at) % 4;
        pb::OrderLine {
            product_id: format!("p-{product}"),
            category: ["knit", "coat", ""][(product % 3) as usize].to_owned(),
            quantity: 1 + (variant + at) % 3,
            amount: yuan(i64::from((variant + at) % 5) * 333),
            ..Default::default()
        }
    };
    (0..=variant % 3).map(|at| line(at * (1 + variant % 2))).collect()
}

/// One content per name and revision: what a platform would send.
pub fn honest(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let mut seen = HashSet::new();
    let name = |arrival: &Arrival| match arrival {
        Arrival::Chat(chat) => (String::new(), chat.conversation_id.clone(), chat.revision),
        Arrival::Fact(fact) => {
            let kind = format!("{:?}", std::mem::discriminant(fact.body.as_ref().expect("a body")));
            (kind, fact.fact_id.clone(), fact.revision)
        }
    };
    arrivals.into_iter().filter(|arrival| seen.insert(name(arrival))).collect()
}
