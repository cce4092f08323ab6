//! The use cases of quality reports.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use runtime::identity::Scope;
use runtime::ids::PersonId;

use crate::domain::quality::{AccountDay, FeedbackSheet, Group, Question, Row, monday, rows, sheet};
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;
use crate::store::Store;

/// Quality reports. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Qualities {
    store: Store,
}

impl Qualities {
    /// On a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The rows of a question.
    pub async fn get_quality(&self, scope: &Scope, question: &Question) -> Result<Vec<Row>, QaError> {
        let assessments = question.group == Group::Criterion;
        let (team, person) = (question.team.as_str(), question.person.as_str());
        let days = self.store.list_account_days(scope, question.days, team, person, assessments).await?;
        let cards = if assessments { self.cards(scope, &days).await? } else { BTreeMap::new() };
        Ok(rows(question, &days, &cards))
    }

    /// An agent's week.
    pub async fn get_feedback_sheet(
        &self,
        scope: &Scope,
        person: &PersonId,
        day: NaiveDate,
    ) -> Result<FeedbackSheet, QaError> {
        let week = monday(day);
        let (first, last) = (week - Days::new(7), week + Days::new(6));
        if !self.store.has_account_in_reach(scope, person, (week, last)).await? {
            return Err(QaError::PersonNotFound { person: person.to_string() });
        }
        let days = self.store.list_account_days(scope, (first, last), "", person.as_str(), true).await?;
        let cards = self.cards(scope, &days).await?;
        let (before, days): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| day.day < week);
        let appeals = self.store.count_open_appeals(&scope.merchant, person, (week, last)).await?;
        Ok(sheet(person, week, (&days, &before), &cards, appeals))
    }

    /// The cards that reviews were scored by.
    async fn cards(
        &self,
        scope: &Scope,
        days: &[AccountDay],
    ) -> Result<BTreeMap<(String, i32), Scorecard>, QaError> {
        let mut cards = BTreeMap::new();
        for chat in days.iter().flat_map(|day| &day.reviewed) {
            if !cards.contains_key(&chat.card) {
                let (id, version) = &chat.card;
                let card = self.store.find_scorecard(&scope.merchant, id, *version).await?;
                cards.insert(chat.card.clone(), card.ok_or(QaError::ScorecardNotFound)?);
            }
        }
        Ok(cards)
    }
}
