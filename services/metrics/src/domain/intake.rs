//! From a line of input to all that is stored of it: checking, redacting, counting, packing. CPU time only, no I/O:
//! it runs on a thread of its own while the batch before is being committed.

use std::sync::Arc;

use calendar::MerchantCalendar;
use chrono::{DateTime, Utc};
use events::Encoded;
use redaction::Redactor;
use runtime::ids::MerchantId;
use status::Violation;

use crate::domain::conversation::{Conversation, ConversationKey, Draft, DraftMessage};
use crate::domain::definition::Definition;
use crate::domain::facts::{AgentDay, Facts};
use crate::domain::part::Part;
use crate::outgoing;

/// A line of an ingest.
#[derive(Debug)]
pub struct Line {
    /// Its number; grows strictly.
    pub number: i64,
    /// What stood on it.
    pub draft: Option<Draft>,
}

impl Line {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let message = size_of::<DraftMessage>();
        self.draft.as_ref().map_or(0, |draft| draft.messages.iter().map(|m| m.text.len() + message).sum())
    }
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its number.
    pub line: i64,
    /// The field at fault, and what it must be.
    pub wrong: Violation,
}

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Stored.
    pub accepted: i64,
    /// Known with the same revision and content.
    pub unchanged: i64,
    /// Older than what is stored.
    pub stale: i64,
    /// Refused.
    pub rejected: i64,
}

/// What a batch is prepared with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Whose conversations.
    pub merchant: MerchantId,
    /// Where business days begin.
    pub calendar: Arc<MerchantCalendar>,
    /// All versions under which conversations count, by their place.
    pub definitions: Arc<[Definition]>,
    /// The time of the batch.
    pub now: DateTime<Utc>,
}

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

/// A batch of lines, worked out.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The last line looked at.
    pub through_line: i64,
    /// Sorted by key, then line.
    pub candidates: Vec<Candidate>,
    /// By line.
    pub rejects: Vec<Reject>,
}

impl Prepared {
    /// Works out a batch.
    pub fn of(lines: Vec<Line>, context: &Context, redactor: &Redactor) -> Self {
        let mut prepared = Self::default();
        for line in lines {
            prepared.through_line = line.number;
            match candidate(line.number, line.draft, context, redactor) {
                Ok(candidate) => prepared.candidates.push(candidate),
                Err(wrong) => prepared.rejects.push(Reject { line: line.number, wrong }),
            }
        }
        prepared.sort();
        prepared
    }

    /// Joins what was worked out in parallel. The parts come in the order of their lines.
    pub fn join(parts: Vec<Self>) -> Self {
        let mut joined = Self::default();
        for part in parts {
            joined.through_line = joined.through_line.max(part.through_line);
            joined.candidates.extend(part.candidates);
            joined.rejects.extend(part.rejects);
        }
        joined.sort();
        joined
    }

    /// Counts the batch again, under the definitions of `context`.
    pub fn recount(&mut self, context: &Context) -> Result<(), pg::Error> {
        for candidate in &mut self.candidates {
            let facts = Facts::unpack(&candidate.facts)
                .map_err(|why| pg::Error::unreadable("batch", &candidate.key.id, why))?;
            candidate.parts = context.parts(&facts);
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.candidates.sort_by(|a, b| (&a.key, a.line).cmp(&(&b.key, b.line)));
    }
}

fn candidate(
    line: i64,
    draft: Option<Draft>,
    context: &Context,
    redactor: &Redactor,
) -> Result<Candidate, Violation> {
    let missing = || Violation { field: "conversation".to_owned(), description: "must be given".to_owned() };
    let conversation = draft.ok_or_else(missing)?.accept(context.now)?;
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

/// What is stored under a key before a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which correction.
    pub revision: i64,
    /// Of its content.
    pub content_hash: Vec<u8>,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored, or was until a later line of the batch corrected it.
    Accepted,
    /// Nothing new.
    Unchanged,
    /// Corrected already.
    Stale,
    /// Another content under the same revision.
    Conflicting,
}

/// Judges the candidates of one key in the order of their lines, each against what the one before left. Also gives
/// the place of the last one accepted: the one to store.
pub fn judge(known: Option<Known>, candidates: &[Candidate]) -> (Vec<Verdict>, Option<usize>) {
    let mut known = known;
    let mut last = None;
    let mut verdicts = Vec::with_capacity(candidates.len());
    for (at, candidate) in candidates.iter().enumerate() {
        let verdict = match &known {
            Some(known) if candidate.revision < known.revision => Verdict::Stale,
            Some(known) if candidate.revision == known.revision => {
                if candidate.content_hash.as_slice() == known.content_hash {
                    Verdict::Unchanged
                } else {
                    Verdict::Conflicting
                }
            }
            _ => Verdict::Accepted,
        };
        if verdict == Verdict::Accepted {
            known =
                Some(Known { revision: candidate.revision, content_hash: candidate.content_hash.to_vec() });
            last = Some(at);
        }
        verdicts.push(verdict);
    }
    (verdicts, last)
}

/// The refusal of a [`Verdict::Conflicting`] candidate.
pub fn conflict(candidate: &Candidate) -> Reject {
    let description = format!("revision {} is stored already with other content", candidate.revision);
    Reject { line: candidate.line, wrong: Violation { field: "revision".to_owned(), description } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing;

    fn judged(known: Option<(i64, u8)>, lines: &[(i64, u8)]) -> (Vec<Verdict>, Option<usize>) {
        let candidates: Vec<Candidate> =
            lines.iter().map(|(r, content)| testing::candidate(*r, *content)).collect();
        let known = known.map(|(revision, content)| Known { revision, content_hash: vec![content; 32] });
        judge(known, &candidates)
    }

    #[test]
    fn each_line_is_judged_by_what_the_one_before_left() {
        use Verdict::{Accepted, Conflicting, Stale, Unchanged};
        let check = |known, lines: &[(i64, u8)], verdicts: &[Verdict], last| {
            assert_eq!(judged(known, lines), (verdicts.to_vec(), last), "{known:?} {lines:?}");
        };
        check(None, &[(0, 1)], &[Accepted], Some(0));
        check(Some((0, 1)), &[(0, 1)], &[Unchanged], None);
        check(Some((0, 1)), &[(0, 2)], &[Conflicting], None);
        check(Some((3, 1)), &[(2, 9)], &[Stale], None);
        check(
            Some((0, 1)),
            &[(1, 2), (0, 1), (1, 2), (1, 3), (4, 1)],
            &[Accepted, Stale, Unchanged, Conflicting, Accepted],
            Some(4),
        );
    }

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
