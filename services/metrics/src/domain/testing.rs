//! Values for unit tests of the domain.

use chrono::NaiveDate;
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
    let event = events::event("m", "conversation/c", 1, chrono::DateTime::UNIX_EPOCH, payload);
    let event = Bundled::new(&event).expect("is complete");
    Candidate {
        line: 1,
        key: ConversationKey { shop: "s".to_owned(), channel: "chat".to_owned(), id: "c".to_owned() },
        revision,
        content_hash: [content; 32],
        agent_day: AgentDay { day: NaiveDate::default(), shop: "s".to_owned(), account: "a".to_owned() },
        customer: "b".to_owned(),
        started_at: chrono::DateTime::UNIX_EPOCH,
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

/// A conversation that begins so many milliseconds after local midnight and is answered after two seconds.
pub fn recorded(account: &str, customer: &str, start_of_day_ms: i64) -> Recorded {
    let message = |offset_ms, sender| MessageFact {
        offset_ms,
        sender,
        quick_reply: false,
        assisted: false,
        length: 1,
        who: OWNER,
    };
    Recorded {
        key: ConversationKey { shop: "s".to_owned(), channel: "chat".to_owned(), id: "c".to_owned() },
        revision: 0,
        agent_day: AgentDay { day: NaiveDate::default(), shop: "s".to_owned(), account: account.to_owned() },
        owner: account.to_owned(),
        customer: customer.to_owned(),
        started_at: chrono::DateTime::UNIX_EPOCH,
        facts: Facts {
            start_of_day_ms,
            closed_ms: 2_000,
            satisfied: None,
            completed: None,
            transferred_in: false,
            transferred_out: false,
            others: Vec::new(),
            messages: vec![message(0, Sender::Customer), message(2_000, Sender::Agent)],
        },
    }
}

/// A row in which nothing happened.
pub fn figures() -> Figures {
    let day = NaiveDate::default();
    Figures::nothing(String::new(), String::new(), DayRange { from: day, to: day })
}
