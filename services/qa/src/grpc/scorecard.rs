//! Scorecards on the wire.

use proto::qa::v1 as pb;
use proto::time::timestamp;

use super::decode::text;
use crate::domain::scorecard::{
    Category, Content, CreateScorecard, Criterion, CriticalError, Formula, Reason, Scale, Scorecard,
    ScorecardState,
};
use crate::error::QaError;

/// A draft to be made.
pub(super) fn create(wire: pb::CreateScorecardRequest) -> Result<CreateScorecard, QaError> {
    text("scorecard_id", &wire.scorecard_id)?;
    text("name", &wire.name)?;
    let formula = match wire.formula() {
        pb::ScoreFormula::Unspecified | pb::ScoreFormula::Shares => Formula::Shares,
        pb::ScoreFormula::Points => Formula::Points,
    };
    let categories = wire.categories.into_iter().enumerate().map(|(at, category)| {
        text(&format!("categories[{at}].category_id"), &category.category_id)?;
        text(&format!("categories[{at}].name"), &category.name)?;
        Ok(Category { id: category.category_id, name: category.name, weight: category.weight })
    });
    let criteria = wire.criteria.into_iter().enumerate().map(|(at, criterion)| {
        for (field, value) in [
            ("criterion_id", &criterion.criterion_id),
            ("name", &criterion.name),
            ("description", &criterion.description),
            ("category_id", &criterion.category_id),
        ] {
            text(&format!("criteria[{at}].{field}"), value)?;
        }
        let reasons = criterion.reasons.iter().enumerate().map(|(place, reason)| {
            let field = format!("criteria[{at}].reasons[{place}]");
            text(&format!("{field}.reason_id"), &reason.reason_id)?;
            text(&format!("{field}.name"), &reason.name)?;
            Ok(Reason { id: reason.reason_id.clone(), name: reason.name.clone() })
        });
        Ok(Criterion {
            reasons: reasons.collect::<Result<_, QaError>>()?,
            scale: criterion.scale().into(),
            id: criterion.criterion_id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
            category: criterion.category_id,
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
        categories: categories.collect::<Result<_, QaError>>()?,
        formula,
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
        let formula = match card.content.formula {
            Formula::Shares => pb::ScoreFormula::Shares,
            Formula::Points => pb::ScoreFormula::Points,
        };
        let categories = card.content.categories.into_iter().map(|category| pb::Category {
            category_id: category.id,
            name: category.name,
            weight: category.weight,
        });
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
            categories: categories.collect(),
            formula: formula.into(),
        }
    }
}

impl From<pb::CriterionScale> for Scale {
    fn from(wire: pb::CriterionScale) -> Self {
        match wire {
            pb::CriterionScale::Unspecified | pb::CriterionScale::Points => Self::Points,
            pb::CriterionScale::TwoPoint => Self::TwoPoint,
            pb::CriterionScale::ThreePoint => Self::ThreePoint,
            pb::CriterionScale::FourPoint => Self::FourPoint,
            pb::CriterionScale::FivePoint => Self::FivePoint,
        }
    }
}

impl From<Scale> for pb::CriterionScale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Points => Self::Points,
            Scale::TwoPoint => Self::TwoPoint,
            Scale::ThreePoint => Self::ThreePoint,
            Scale::FourPoint => Self::FourPoint,
            Scale::FivePoint => Self::FivePoint,
        }
    }
}

impl From<Criterion> for pb::Criterion {
    fn from(criterion: Criterion) -> Self {
        let reasons = criterion.reasons.into_iter();
        let reasons = reasons.map(|reason| pb::Reason { reason_id: reason.id, name: reason.name });
        Self {
            criterion_id: criterion.id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
            scale: pb::CriterionScale::from(criterion.scale).into(),
            category_id: criterion.category,
            reasons: reasons.collect(),
        }
    }
}

impl From<CriticalError> for pb::CriticalError {
    fn from(error: CriticalError) -> Self {
        Self { critical_error_id: error.id, name: error.name }
    }
}
