//! Transcripts as qa keeps them: redacted before they arrived.

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub sent_at: DateTime<Utc>,
    /// Who.
    pub sender: Sender,
    /// What, redacted.
    pub text: String,
    /// Whether it came from the quick replies.
    pub quick_reply: bool,
}

/// A chat as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Which.
    pub id: ConversationId,
    /// The platform's revision.
    pub revision: i64,
    /// The day of its first message.
    pub business_day: NaiveDate,
    /// Whose chat it is, as the platform says.
    pub account: AccountId,
    /// The account's person on that day, if anybody said.
    pub person: Option<PersonId>,
    /// The buyer.
    pub customer_id: String,
    /// First message.
    pub started_at: DateTime<Utc>,
    /// Closed by the platform.
    pub closed_at: DateTime<Utc>,
    /// In order.
    pub messages: Vec<Message>,
    /// The buyer's answer, if any.
    pub satisfied: Option<bool>,
    /// The mark that the matter was completed.
    pub completed: Option<bool>,
    /// Messages of the human agent.
    pub agent_messages: i32,
    /// Long by the plan of its day.
    pub long_chat: bool,
    /// When the customer was erased: there are no messages then.
    pub erased_at: Option<DateTime<Utc>>,
}

/// A chat as it arrives from metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The tenant.
    pub merchant: MerchantId,
    /// Which.
    pub id: ConversationId,
    /// A higher one replaces a lower one.
    pub revision: i64,
    /// The day of its first message, as metrics counted it.
    pub business_day: NaiveDate,
    /// Whose chat it is.
    pub account: AccountId,
    /// The buyer.
    pub customer_id: String,
    /// First message.
    pub started_at: DateTime<Utc>,
    /// Closed by the platform.
    pub closed_at: DateTime<Utc>,
    /// The buyer's answer, if any.
    pub satisfied: Option<bool>,
    /// The mark that the matter was completed.
    pub completed: Option<bool>,
    /// Messages of the human agent, as metrics counted them.
    pub agent_messages: i32,
    /// In order.
    pub messages: Vec<Message>,
}

impl Arrival {
    /// Messages of everybody.
    pub fn message_count(&self) -> i32 {
        i32::try_from(self.messages.len()).unwrap_or(i32::MAX)
    }
}

/// An entry of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRead {
    /// A UUIDv7.
    pub id: Uuid,
    /// The chat that was read.
    pub conversation: ConversationId,
    /// Its day.
    pub business_day: NaiveDate,
    /// Whose chat it is.
    pub account: AccountId,
    /// Who signed in.
    pub subject: String,
    /// The person, if the sign-in names one.
    pub person: Option<PersonId>,
    /// When.
    pub read_at: DateTime<Utc>,
    /// The request that all hops logged.
    pub request_id: String,
}
