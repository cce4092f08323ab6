//! Scorecards on the wire.

use proto::qa::v1 as pb;
use proto::time::timestamp;

use super::decode::text;
use crate::domain::scorecard::{
    Content, CreateScorecard, Criterion, CriticalError, Scorecard, ScorecardState,
};
use crate::error::QaError;

/// A draft to be made.
pub(super) fn create(wire: pb::CreateScorecardRequest) -> Result<CreateScorecard, QaError> {
    text("scorecard_id", &wire.scorecard_id)?;
    text("name", &wire.name)?;
    let criteria = wire.criteria.into_iter().enumerate().map(|(at, criterion)| {
        for (field, value) in [
            ("criterion_id", &criterion.criterion_id),
            ("name", &criterion.name),
            ("description", &criterion.description),
        ] {
            text(&format!("criteria[{at}].{field}"), value)?;
        }
        Ok(Criterion {
            id: criterion.criterion_id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
        })
    });
    let errors = wire.critical_errors.into_iter().enumerate().map(|(at, error)| {
        text(&format!("critical_errors[{at}].critical_error_id"), &error.critical_error_id)?;
        text(&format!("critical_errors[{at}].name"), &error.name)?;
        Ok(CriticalError { id: error.critical_error_id, name: error.name })
    });
    let content = Content {
        criteria: criteria.collect::<Result<_, QaError>>()?,
        critical_errors: errors.collect::<Result<_, QaError>>()?,
    };
    let id = (!wire.scorecard_id.is_empty()).then_some(wire.scorecard_id);
    Ok(CreateScorecard { id, name: wire.name, content })
}

impl From<Scorecard> for pb::Scorecard {
    fn from(card: Scorecard) -> Self {
        let state = match card.state {
            ScorecardState::Draft => pb::ScorecardState::Draft,
            ScorecardState::Published => pb::ScorecardState::Published,
            ScorecardState::Retired => pb::ScorecardState::Retired,
        };
        let etag = card.etag();
        Self {
            scorecard_id: card.id,
            version: card.version,
            name: card.name,
            state: state.into(),
            criteria: card.content.criteria.into_iter().map(Into::into).collect(),
            critical_errors: card.content.critical_errors.into_iter().map(Into::into).collect(),
            created_at: Some(timestamp(card.created_at)),
            published_at: card.published_at.map(timestamp),
            retired_at: card.retired_at.map(timestamp),
            etag,
        }
    }
}

impl From<Criterion> for pb::Criterion {
    fn from(criterion: Criterion) -> Self {
        Self {
            criterion_id: criterion.id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
        }
    }
}

impl From<CriticalError> for pb::CriticalError {
    fn from(error: CriticalError) -> Self {
        Self { critical_error_id: error.id, name: error.name }
    }
}
