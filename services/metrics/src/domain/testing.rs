//! Values for unit tests of the domain.

use chrono::{DateTime, NaiveDate, Timelike, Utc};
use events::{Bundled, Payload};
use proto::events::v1::ConversationClosed;

use crate::domain::conversation::{Conversation, ConversationKey, Message, Sender};
use crate::domain::explanation::Recorded;
use crate::domain::facts::{AgentDay, Facts, MessageFact, OWNER};
use crate::domain::figure::{DayRange, Figures};
use crate::domain::intake::Candidate;

/// A candidate of which only revision and content matter.
pub fn candidate(revision: i64, content: u8) -> Candidate {
    let payload = Payload::ConversationClosed(ConversationClosed::default());
    let event = events::event("m", "conversation/c", 1, DateTime::UNIX_EPOCH, payload);
    let event = Bundled::new(&event).expect("is complete");
    Candidate {
        line: 1,
        key: ConversationKey { shop: "s".to_owned(), channel: "chat".to_owned(), id: "c".to_owned() },
        revision,
        content_hash: [content; 32],
        agent_day: AgentDay { day: NaiveDate::default(), shop: "s".to_owned(), account: "a".to_owned() },
        customer: "b".to_owned(),
        started_at: DateTime::UNIX_EPOCH,
        agent_messages: 0,
        facts: Vec::new(),
        helpers: Vec::new(),
        parts: Vec::new(),
        event,
    }
}

/// A conversation that starts at an instant.
pub fn conversation_at(instant: &str) -> Conversation {
    Conversation {
        key: ConversationKey { shop: "s".to_owned(), channel: "chat".to_owned(), id: "c".to_owned() },
        revision: 0,
        account: "a".to_owned(),
        customer: "b".to_owned(),
        started_at: instant.parse().expect("an instant"),
        closed_ms: 0,
        messages: vec![Message {
            offset_ms: 0,
            sender: Sender::Customer,
            text: String::new(),
            quick_reply: false,
            assisted: false,
            account: None,
        }],
        satisfied: None,
        completed: None,
        transferred_from: None,
        transferred_to: None,
    }
}

/// A chat of shop `s` with local times in UTC: the customer writes, the account answers so many milliseconds later.
pub fn recorded(
    id: &str,
    account: &str,
    customer: &str,
    started_at: DateTime<Utc>,
    answer_ms: i64,
) -> Recorded {
    let message = |offset_ms, sender| MessageFact {
        offset_ms,
        sender,
        quick_reply: false,
        assisted: false,
        length: 1,
        who: OWNER,
    };
    let day = started_at.date_naive();
    Recorded {
        key: ConversationKey { shop: "s".to_owned(), channel: "chat".to_owned(), id: id.to_owned() },
        revision: 0,
        agent_day: AgentDay { day, shop: "s".to_owned(), account: account.to_owned() },
        owner: account.to_owned(),
        customer: customer.to_owned(),
        started_at,
        facts: Facts {
            start_of_day_ms: i64::from(started_at.num_seconds_from_midnight()) * 1_000,
            closed_ms: answer_ms,
            satisfied: None,
            completed: None,
            transferred_in: false,
            transferred_out: false,
            others: Vec::new(),
            messages: vec![message(0, Sender::Customer), message(answer_ms, Sender::Agent)],
        },
    }
}

/// A row in which nothing happened.
pub fn figures() -> Figures {
    let day = NaiveDate::default();
    Figures::nothing(String::new(), String::new(), DayRange { from: day, to: day })
}
