//! The use cases of the bot's figures and of what it cannot answer.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use status::Violation;

use crate::domain::bot::{
    BotCounts, BotError, BotFilter, BotRow, EVENTS_MAX, Facet, Question, QuestionMark, QuestionState,
    days_before, question_id, rank,
};
use crate::domain::fact::Fact;
use crate::domain::figure::DayRange;
use crate::domain::{Metrics, Result};
use crate::store::{BotCursor, BotEventCursor, BotQuery, QuestionCursor};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bots {
    metrics: Metrics,
}

impl Bots {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// A page of what became of questions, the most frequent group first, and all of them together.
    pub async fn get_bot_figures(
        &self,
        scope: &Scope,
        days: DayRange,
        facet: Facet,
        filter: BotFilter,
        page: &PageRequest<BotCursor>,
    ) -> Result<(Page<BotRow>, BotRow)> {
        let query = BotQuery { days, previous: days_before(days), filter };
        let mut rows = self.metrics.store.list_bot_counts(scope, &query, facet).await?;
        let whole = rows.iter().fold(BotRow::default(), |sum, row| BotRow {
            key: String::new(),
            now: sum.now.plus(&row.now),
            previous: sum.previous.plus(&row.previous),
        });
        rows.sort_by_key(BotCursor::after);
        rows.retain(|row| page.after.as_ref().is_none_or(|after| BotCursor::after(row) > *after));
        Ok((page.page(rows, BotCursor::after)?, whole))
    }

    /// What became of questions, and a page of the events that say so.
    pub async fn explain_bot_figures(
        &self,
        scope: &Scope,
        days: DayRange,
        filter: BotFilter,
        page: &PageRequest<BotEventCursor>,
    ) -> Result<(BotCounts, Page<Fact>)> {
        // The days before are not asked about.
        let query = BotQuery { days, previous: days, filter };
        self.metrics.store.list_bot_events(scope, &query, page).await
    }

    /// A page of the questions that the bot left open, the most frequent first, and how many events name none.
    pub async fn list_open_questions(
        &self,
        scope: &Scope,
        days: DayRange,
        filter: BotFilter,
        transferred: bool,
        states: &[QuestionState],
        page: &PageRequest<QuestionCursor>,
    ) -> Result<(Page<Question>, i64)> {
        let query = BotQuery { days, previous: days_before(days), filter };
        let events = self.metrics.store.list_open_events(scope, &query, transferred, EVENTS_MAX + 1).await?;
        if events.len() > EVENTS_MAX {
            return Err(BotError::TooManyQuestions { limit: EVENTS_MAX }.into());
        }
        let marks = self.metrics.store.list_question_marks(scope).await?;
        let mut ranking = rank(&events, days, &marks);
        let state =
            |question: &Question| question.mark.as_ref().map_or(QuestionState::Open, |mark| mark.state);
        ranking.questions.retain(|question| {
            (states.is_empty() || states.contains(&state(question)))
                && page.after.as_ref().is_none_or(|after| QuestionCursor::after(question) > *after)
        });
        Ok((page.page(ranking.questions, QuestionCursor::after)?, ranking.without_text))
    }

    /// Notes what is done about a question, or that nothing is. Gives the question's id.
    pub async fn mark_question(
        &self,
        by: &By,
        text: &str,
        state: QuestionState,
        note: &str,
    ) -> Result<(String, Option<QuestionMark>)> {
        let redactor = self.metrics.redactor(&by.caller.merchant);
        let id = question_id(&redactor.redact(text)).ok_or_else(|| Violation {
            field: "text".to_owned(),
            description: "must have a letter".to_owned(),
        })?;
        let mark = QuestionMark {
            state,
            note: redactor.redact(note).into_owned(),
            by: by.caller.subject.clone(),
            at: self.metrics.clock.now(),
        };
        self.metrics.store.put_question_mark(by, &id, &mark).await?;
        Ok((id, (state != QuestionState::Open).then_some(mark)))
    }
}
