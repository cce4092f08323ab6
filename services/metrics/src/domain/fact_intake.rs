//! From a line with a fact to all that is stored of it.

use events::Bundled;
use pg::By;
use redaction::Redactor;
use status::Violation;

use crate::domain::batch::{Context, Ingested, Outcome, Prepared, Revised};
use crate::domain::fact::{Fact, FactKey};
use crate::domain::fact_draft::FactDraft;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::Store;

/// A fact ready to be stored, unless the database knows better.
#[derive(Debug)]
pub struct FactCandidate {
    /// The line it stood on.
    pub line: i64,
    /// What is kept of it.
    pub fact: Fact,
    /// Of the raw content.
    pub content_hash: [u8; 32],
    /// What others are told of it.
    pub event: Option<Bundled>,
}

impl Revised for FactCandidate {
    type Key = FactKey;

    fn line(&self) -> i64 {
        self.line
    }

    fn key(&self) -> &FactKey {
        &self.fact.key
    }

    fn revision(&self) -> i64 {
        self.fact.revision
    }

    fn content_hash(&self) -> &[u8; 32] {
        &self.content_hash
    }

    fn event(&mut self) -> Option<&mut Bundled> {
        self.event.as_mut()
    }
}

impl Ingested for FactDraft {
    type Candidate = FactCandidate;

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.words.text.len() + self.words.append_text.len()
    }

    fn work_out(self, line: i64, context: &Context, redactor: &Redactor) -> Result<FactCandidate, Violation> {
        let (fact, content_hash, words) = self.accept(&context.calendar, redactor, context.now)?;
        let event = outgoing::fact_received(&context.merchant, &fact, &words, redactor, context.now);
        let event = event.map(|event| Bundled::new(&event)).transpose().map_err(|error| Violation {
            field: "buyer_review.text".to_owned(),
            description: error.to_string(),
        })?;
        Ok(FactCandidate { line, fact, content_hash, event })
    }

    fn recount(_: &mut FactCandidate, _: &Context) -> Result<(), pg::Error> {
        // Facts are counted with their customer's timeline, under the definitions of that moment.
        Ok(())
    }

    async fn insert_batch(
        store: &Store,
        by: &By,
        context: &Context,
        prepared: &Prepared<FactCandidate>,
    ) -> Result<Outcome, MetricsError> {
        store.insert_facts(by, context, prepared).await
    }
}
