//! A chat as the checks see it.

use serde::{Deserialize, Serialize};

use crate::StockReplies;

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The buyer.
    Customer,
    /// A human agent.
    Agent,
    /// The shop's robot.
    Bot,
    /// The platform.
    System,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'t> {
    /// Who.
    pub speaker: Speaker,
    /// When, in milliseconds; only differences matter. Nothing if it isn't known: checks of time then pass it over.
    pub sent_at_ms: Option<i64>,
    /// What.
    pub text: &'t str,
    /// Whether the platform says that it came from the quick replies.
    pub quick_reply: bool,
}

/// A chat, its messages in order.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'t> {
    /// In order.
    pub messages: &'t [Message<'t>],
    /// When the platform closed it, on the messages' clock.
    pub closed_at_ms: Option<i64>,
    /// The agent's stock replies, if any are known.
    pub stock: Option<&'t StockReplies>,
}

impl<'t> Conversation<'t> {
    /// A chat of which only the messages are known.
    pub fn of(messages: &'t [Message<'t>]) -> Self {
        Self { messages, closed_at_ms: None, stock: None }
    }

    /// The places of a speaker's messages.
    pub(crate) fn by(&self, speaker: Speaker) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..self.messages.len()).filter(move |&message| self.messages[message].speaker == speaker)
    }
}
