//! From a line with a conversation to all that is stored of it: checking, redacting, counting, packing. CPU time only:
//! it runs on a thread of its own while the batch before is being committed.

use calendar::MerchantCalendar;
use chrono::{DateTime, Utc};
use events::Bundled;
use pg::By;
use redaction::Redactor;
use status::Violation;

use crate::domain::batch::{Context, Ingested, Outcome, Prepared, Revised};
use crate::domain::conversation::{Conversation, ConversationKey, Draft, DraftMessage};
use crate::domain::definition::Definition;
use crate::domain::facts::{AgentDay, Facts};
use crate::domain::part::Part;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::Store;

/// An account's part of a conversation under a definition.
#[derive(Debug, Clone)]
pub struct GivenPart {
    /// Under which definition.
    pub definition_seq: i32,
    /// Whose part.
    pub agent_day: AgentDay,
    /// What it adds.
    pub part: Part,
}

impl Context {
    /// The place of the newest definition: a conversation that was counted carries it.
    pub fn newest_seq(&self) -> i32 {
        self.definitions.last().map_or(0, |d| d.seq)
    }

    fn parts(&self, facts: &Facts, at: &AgentDay) -> Vec<GivenPart> {
        given_parts(facts, at, self.definitions.iter())
    }
}

/// The parts of a conversation under some definitions: of its own account, at `at`, and of the others that answered.
pub fn given_parts<'a>(
    facts: &Facts,
    at: &AgentDay,
    definitions: impl Iterator<Item = &'a Definition>,
) -> Vec<GivenPart> {
    let mut given = Vec::new();
    for definition in definitions {
        for (who, part) in Part::all(facts, &definition.rules).into_iter().enumerate() {
            let account = facts.account(who, &at.account).to_owned();
            let agent_day = AgentDay { account, ..at.clone() };
            given.push(GivenPart { definition_seq: definition.seq, agent_day, part });
        }
    }
    given
}

/// A conversation ready to be stored, unless the database knows better.
#[derive(Debug)]
pub struct Candidate {
    /// The line it stood on.
    pub line: i64,
    /// Its name.
    pub key: ConversationKey,
    /// Which correction.
    pub revision: i64,
    /// Of the content.
    pub content_hash: [u8; 32],
    /// Where it counts.
    pub agent_day: AgentDay,
    /// The buyer.
    pub customer: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Human messages of the agent: what makes a long chat.
    pub agent_messages: i32,
    /// Packed facts.
    pub facts: Vec<u8>,
    /// Other accounts that sent messages in it.
    pub helpers: Vec<String>,
    /// Its parts under each definition.
    pub parts: Vec<GivenPart>,
    /// The redacted conversation for the outbox.
    pub event: Bundled,
}

impl Revised for Candidate {
    type Key = ConversationKey;

    fn line(&self) -> i64 {
        self.line
    }

    fn key(&self) -> &ConversationKey {
        &self.key
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn content_hash(&self) -> &[u8; 32] {
        &self.content_hash
    }

    fn event(&mut self) -> Option<&mut Bundled> {
        Some(&mut self.event)
    }
}

impl Ingested for Draft {
    type Candidate = Candidate;

    fn bytes(&self) -> usize {
        let message = size_of::<DraftMessage>();
        self.messages.iter().map(|m| m.text.len() + message).sum()
    }

    fn work_out(self, line: i64, context: &Context, redactor: &Redactor) -> Result<Candidate, Violation> {
        candidate(line, self, context, redactor)
    }

    fn recount(candidate: &mut Candidate, context: &Context) -> Result<(), pg::Error> {
        let facts = Facts::unpack(&candidate.facts)
            .map_err(|why| pg::Error::unreadable("batch", &candidate.key.id, why))?;
        candidate.parts = context.parts(&facts, &candidate.agent_day);
        Ok(())
    }

    async fn insert_batch(
        store: &Store,
        by: &By,
        context: &Context,
        prepared: &Prepared<Candidate>,
    ) -> Result<Outcome, MetricsError> {
        store.insert_batch(by, context, prepared).await
    }
}

fn candidate(
    line: i64,
    draft: Draft,
    context: &Context,
    redactor: &Redactor,
) -> Result<Candidate, Violation> {
    let conversation = draft.accept(context.now)?;
    let day = context.calendar.business_day(conversation.first_message_at());
    let facts = Facts::of(&conversation, start_of_day_ms(&conversation, &context.calendar));
    let (content_hash, agent_messages) = (conversation.content_hash(), conversation.agent_messages());
    let event = outgoing::conversation_closed(
        &context.merchant,
        &conversation,
        day,
        content_hash,
        redactor,
        context.now,
    );
    let too_large =
        |error: events::Error| Violation { field: "messages".to_owned(), description: error.to_string() };
    let agent_day = AgentDay { day, shop: conversation.key.shop.clone(), account: conversation.account };
    Ok(Candidate {
        line,
        revision: conversation.revision,
        content_hash,
        started_at: conversation.started_at,
        agent_messages,
        facts: facts.pack(),
        parts: context.parts(&facts, &agent_day),
        helpers: facts.others,
        event: Bundled::new(&event).map_err(too_large)?,
        agent_day,
        key: conversation.key,
        customer: conversation.customer,
    })
}

/// What the local clock shows at the start, as milliseconds after midnight. A change of the clocks within the
/// conversation is not followed.
fn start_of_day_ms(conversation: &Conversation, calendar: &MerchantCalendar) -> i64 {
    let at = conversation.started_at;
    calendar.local_seconds(at) * 1_000 + i64::from(at.timestamp_subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing;

    #[test]
    fn start_of_day_is_local_and_may_lie_before_the_cut_over() {
        let check = |zone: &str, hour: i64, at: &str, clock_ms: i64| {
            let calendar = MerchantCalendar::new(zone, hour).expect("a calendar");
            assert_eq!(
                start_of_day_ms(&testing::conversation_at(at), &calendar),
                clock_ms,
                "{zone} {hour} {at}"
            );
        };
        check("Asia/Shanghai", 0, "2020-05-13T00:00:00Z", 8 * 3_600_000);
        check("Asia/Shanghai", 6, "2020-05-13T21:00:00Z", 5 * 3_600_000);
        check("UTC", 6, "2020-05-13T06:30:00Z", 23_400_000);
        // The clock goes from 1:59 to 3:00, and in autumn from 2:59 back to 2:00.
        check("Europe/Berlin", 0, "2020-03-29T00:59:00Z", (3_600 + 59 * 60) * 1_000);
        check("Europe/Berlin", 0, "2020-03-29T01:00:00Z", 3 * 3_600_000);
        check("Europe/Berlin", 0, "2020-10-25T00:30:00Z", 2 * 3_600_000 + 1_800_000);
        check("Europe/Berlin", 0, "2020-10-25T01:30:00.250Z", 2 * 3_600_000 + 1_800_250);
    }
}
