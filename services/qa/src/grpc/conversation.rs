//! Transcripts and their access log on the wire.

use proto::common::v1::Sender as WireSender;
use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;

use super::decode::conversation_ref;
use crate::domain::conversation::{Conversation, ConversationRead, Message, Sender};

fn message((index, message): (usize, Message)) -> pb::Message {
    let sender = match message.sender {
        Sender::Customer => WireSender::Customer,
        Sender::Agent => WireSender::Agent,
        Sender::Bot => WireSender::Bot,
        Sender::System => WireSender::System,
    };
    pb::Message {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        sent_at: Some(timestamp(message.sent_at)),
        sender: sender.into(),
        text: message.text,
        quick_reply: message.quick_reply,
    }
}

impl From<Conversation> for pb::Conversation {
    fn from(conversation: Conversation) -> Self {
        Self {
            conversation: Some(conversation_ref(conversation.id)),
            revision: conversation.revision,
            business_day: Some(date(conversation.business_day)),
            account_id: conversation.account.into_string(),
            person_id: conversation.person.map(PersonId::into_string).unwrap_or_default(),
            customer_id: conversation.customer_id,
            started_at: Some(timestamp(conversation.started_at)),
            closed_at: Some(timestamp(conversation.closed_at)),
            messages: conversation.messages.into_iter().enumerate().map(message).collect(),
            satisfied: conversation.satisfied,
            completed: conversation.completed,
            agent_messages: conversation.agent_messages,
            long_chat: conversation.long_chat,
            erased_at: conversation.erased_at.map(timestamp),
        }
    }
}

impl From<ConversationRead> for pb::ConversationRead {
    fn from(read: ConversationRead) -> Self {
        Self {
            read_id: read.id.to_string(),
            conversation: Some(conversation_ref(read.conversation)),
            business_day: Some(date(read.business_day)),
            account_id: read.account.into_string(),
            subject: read.subject,
            person_id: read.person.map(PersonId::into_string).unwrap_or_default(),
            read_at: Some(timestamp(read.read_at)),
            request_id: read.request_id,
        }
    }
}
