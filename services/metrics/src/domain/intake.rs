//! From a line with a conversation to all that is stored of it: checking, redacting, counting, packing. CPU time only:
//! it runs on a thread of its own while the batch before is being committed.

use calendar::MerchantCalendar;
use chrono::{DateTime, Utc};
use events::Encoded;
use pg::By;
use redaction::Redactor;
use status::Violation;

use crate::domain::batch::{Context, Ingested, Outcome, Prepared, Revised};
use crate::domain::conversation::{Conversation, ConversationKey, Draft, DraftMessage};
use crate::domain::facts::{AgentDay, Facts};
use crate::domain::part::Part;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::Store;

impl Context {
    /// The place of the newest definition: a conversation that was counted carries it.
    pub fn newest_seq(&self) -> i32 {
        self.definitions.last().map_or(0, |d| d.seq)
    }

    fn parts(&self, facts: &Facts) -> Vec<(i32, Part)> {
        self.definitions.iter().map(|d| (d.seq, Part::of(facts, &d.rules))).collect()
    }
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
    /// Its part under each definition.
    pub parts: Vec<(i32, Part)>,
    /// The redacted conversation for the outbox.
    pub event: Encoded,
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
        candidate.parts = context.parts(&facts);
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
    let content_hash = conversation.content_hash();
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
    Ok(Candidate {
        line,
        revision: conversation.revision,
        content_hash,
        started_at: conversation.started_at,
        agent_messages: conversation.agent_messages(),
        facts: facts.pack(),
        parts: context.parts(&facts),
        event: events::encode(&event).map_err(too_large)?,
        agent_day: AgentDay { day, shop: conversation.key.shop.clone(), account: conversation.account },
        key: conversation.key,
        customer: conversation.customer,
    })
}

/// Local time of the start as milliseconds after midnight. It runs on from the day's beginning, so on a day in which
/// the clocks change it is off by that change afterwards.
fn start_of_day_ms(conversation: &Conversation, calendar: &MerchantCalendar) -> i64 {
    let day = calendar.business_day(conversation.started_at);
    let into_day = conversation.started_at - calendar.day_start(day);
    (i64::from(calendar.cut_over_hour()) * 3_600_000 + into_day.num_milliseconds()).rem_euclid(86_400_000)
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
    }
}
