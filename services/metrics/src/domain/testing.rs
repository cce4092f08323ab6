//! Values for unit tests of the domain.

use chrono::NaiveDate;
use events::Encoded;

use crate::domain::conversation::{Conversation, ConversationKey, Message, Sender};
use crate::domain::facts::AgentDay;
use crate::domain::intake::Candidate;

/// A candidate of which only revision and content matter.
pub fn candidate(revision: i64, content: u8) -> Candidate {
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
        parts: Vec::new(),
        event: Encoded {
            event_id: uuid::Uuid::nil(),
            merchant_id: "m".to_owned(),
            subject: "metrics.conversation_closed",
            payload: Vec::new(),
        },
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
        }],
        satisfied: None,
        completed: None,
    }
}
