//! A conversation as a file tells it.

use chrono::{DateTime, Utc};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The buyer.
    Customer,
    /// A human agent.
    Agent,
    /// The shop's bot.
    Bot,
    /// The platform itself: transfers, notices, recalls.
    System,
}

/// One customer with one agent, from the first message until it closes. What a format doesn't tell is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The shop that the file names.
    pub shop: Option<String>,
    /// The platform's channel.
    pub channel: String,
    /// The platform's id, or one made from customer and time where the format has none.
    pub id: String,
    /// Grows when the source corrects or continues the conversation.
    pub revision: i64,
    /// The agent's platform account (子账号).
    pub account: String,
    /// The buyer.
    pub customer: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was closed, or its last message where the format doesn't tell.
    pub closed_at: DateTime<Utc>,
    /// In the order they were sent.
    pub messages: Vec<Message>,
    /// The customer's answer to "were you satisfied".
    pub satisfied: Option<bool>,
    /// The mark that the matter was completed.
    pub completed: Option<bool>,
    /// Account that handed the customer over to this conversation's.
    pub transferred_from: Option<String>,
    /// Account that took the customer over from this conversation's.
    pub transferred_to: Option<String>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// Who wrote it.
    pub sender: Sender,
    /// What was written, as it stands there. Personal data included.
    pub text: String,
    /// Sent from a prepared answer; `false` where the format doesn't tell.
    pub quick_reply: bool,
    /// Proposed by the bot and sent by the agent; `false` where the format doesn't tell.
    pub assisted: bool,
    /// The account that sent it, if it isn't the conversation's own.
    pub account: Option<String>,
}
