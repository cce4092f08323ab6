//! What an ingest of conversations and one of facts have in common: lines are worked out into candidates, each judged
//! by what is stored under its name, and the batch comes to an outcome.

use std::sync::Arc;

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use events::Bundled;
use pg::By;
use redaction::Redactor;
use runtime::ids::MerchantId;
use status::Violation;

use crate::domain::definition::Definition;
use crate::error::MetricsError;
use crate::store::Store;

/// A line of an ingest.
#[derive(Debug)]
pub struct Line<D> {
    /// Its number; grows strictly.
    pub number: i64,
    /// What stood on it, or why nothing can be made of it.
    pub draft: Result<D, Violation>,
}

/// What comes in by lines: conversations, facts.
pub trait Ingested: Send + Sync + Sized + 'static {
    /// What one becomes when nothing is wrong with it.
    type Candidate: Revised + Send + Sync + 'static;

    /// About how much memory it takes.
    fn bytes(&self) -> usize;

    /// Checks, redacts and counts it.
    fn work_out(
        self,
        line: i64,
        context: &Context,
        redactor: &Redactor,
    ) -> Result<Self::Candidate, Violation>;

    /// Counts it again, under the definitions of `context`.
    fn recount(candidate: &mut Self::Candidate, context: &Context) -> Result<(), pg::Error>;

    /// Stores what is new of a batch. [`MetricsError::DefinitionsMoved`] asks to count the batch again.
    fn insert_batch(
        store: &Store,
        by: &By,
        context: &Context,
        prepared: &Prepared<Self::Candidate>,
    ) -> impl Future<Output = Result<Outcome, MetricsError>> + Send;
}

/// What has a name, and comes again corrected.
pub trait Revised {
    /// Its name, ordered as its rows are locked.
    type Key: Ord;

    /// The line it stood on.
    fn line(&self) -> i64;

    /// Its name.
    fn key(&self) -> &Self::Key;

    /// Which correction.
    fn revision(&self) -> i64;

    /// Of the content.
    fn content_hash(&self) -> &[u8; 32];

    /// What others are told of it.
    fn event(&mut self) -> Option<&mut Bundled>;
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Of the lines.
    pub counts: Counts,
    /// By line.
    pub rejects: Vec<Reject>,
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
    /// Whose lines.
    pub merchant: MerchantId,
    /// Where business days begin.
    pub calendar: Arc<MerchantCalendar>,
    /// All versions under which conversations count, by their place.
    pub definitions: Arc<[Definition]>,
    /// The time of the batch.
    pub now: DateTime<Utc>,
    /// The business day on which the batch is committed.
    pub known_day: NaiveDate,
}

/// A batch of lines, worked out.
#[derive(Debug)]
pub struct Prepared<C> {
    /// The last line looked at.
    pub through_line: i64,
    /// Sorted by key, then line.
    pub candidates: Vec<C>,
    /// By line.
    pub rejects: Vec<Reject>,
}

impl<C> Default for Prepared<C> {
    fn default() -> Self {
        Self { through_line: 0, candidates: Vec::new(), rejects: Vec::new() }
    }
}

impl<C: Revised> Prepared<C> {
    /// Works out a batch.
    pub fn of<D: Ingested<Candidate = C>>(
        lines: Vec<Line<D>>,
        context: &Context,
        redactor: &Redactor,
    ) -> Result<Self, MetricsError> {
        let mut prepared = Self::default();
        for line in lines {
            prepared.through_line = line.number;
            match line.draft.and_then(|draft| draft.work_out(line.number, context, redactor)) {
                Ok(candidate) => prepared.candidates.push(candidate),
                Err(wrong) => prepared.rejects.push(Reject { line: line.number, wrong }),
            }
        }
        prepared.sort();
        events::bundle(&mut prepared.candidates.iter_mut().filter_map(C::event).collect::<Vec<_>>())?;
        Ok(prepared)
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

    fn sort(&mut self) {
        self.candidates.sort_by(|a, b| (a.key(), a.line()).cmp(&(b.key(), b.line())));
    }
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
pub fn judge<C: Revised>(known: Option<Known>, candidates: &[C]) -> (Vec<Verdict>, Option<usize>) {
    let mut known = known;
    let mut last = None;
    let mut verdicts = Vec::with_capacity(candidates.len());
    for (at, candidate) in candidates.iter().enumerate() {
        let verdict = match &known {
            Some(known) if candidate.revision() < known.revision => Verdict::Stale,
            Some(known) if candidate.revision() == known.revision => {
                if candidate.content_hash().as_slice() == known.content_hash {
                    Verdict::Unchanged
                } else {
                    Verdict::Conflicting
                }
            }
            _ => Verdict::Accepted,
        };
        if verdict == Verdict::Accepted {
            let content_hash = candidate.content_hash().to_vec();
            known = Some(Known { revision: candidate.revision(), content_hash });
            last = Some(at);
        }
        verdicts.push(verdict);
    }
    (verdicts, last)
}

/// The refusal of a [`Verdict::Conflicting`] candidate.
pub fn conflict(candidate: &impl Revised) -> Reject {
    let description = format!("revision {} is stored already with other content", candidate.revision());
    Reject { line: candidate.line(), wrong: Violation { field: "revision".to_owned(), description } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::intake::Candidate;
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
}
